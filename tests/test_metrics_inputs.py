"""What metrics make of their input: how much memory they take beside it, and what they refuse."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from ctcore import metrics
from ctcore.errors import ArgumentError, ColumnTypeError

MEMORY = r"""
import ctypes, re, sys
import numpy as np
from ctcore import metrics
rng, rows = np.random.default_rng(0), 10_000_000
def grades(dtype="u1", levels=5):
    return rng.integers(0, levels, rows, dtype="u1").astype(dtype)
def scores(dtype="f4"):
    return rng.random(rows, dtype=dtype)
def queries():
    return rng.permutation(np.repeat(np.arange(rows // 100), 100))
sizes = np.full(rows // 100, 100)
NAMES = ["ndcg@10", "map@10", "mrr", "precision@5", "recall@10", "err@10", "rbp", "hit_rate@10", "bpref"]
def memory(name):
    return 1024 * int(re.search(name + r":\s*(\d+)", open("/proc/self/status").read())[1])
for line in sys.stdin.read().splitlines():
    given, call = line.split(";")
    held = eval(given)
    ctypes.CDLL(None).malloc_trim(0)  # what was freed would be used again without being seen
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is that from here on
    before = memory("VmRSS")
    eval(call)
    print(sum(each.nbytes for each in held), memory("VmHWM") - before, call, flush=True)
"""
CALLS = {
    "metrics.ndcg(*held[:2], group=sizes, k=10)": ["grades(), scores(), sizes", "grades('f8'), scores('f8'), sizes"],
    "metrics.ndcg(*held[:2], query=held[2], k=10)": ["grades(), scores(), queries()"],
    "metrics.evaluate(*held[:2], group=sizes, metrics=NAMES)": ["grades(), scores(), sizes"],
    "metrics.compare(*held[:3], group=sizes, metric='ndcg@10')": ["grades(), scores(), scores(), sizes"],
    "metrics.roc_auc(*held)": ["grades('u1', 2), scores()", "grades('f8', 2), scores('f8')"],
    "metrics.roc_auc(*held[:2], weight=held[2])": ["grades('i8', 2), scores('f8'), scores('f8')"],
    "metrics.pr_auc(*held)": ["grades('i8', 2), scores('f8')"],
    "metrics.ece(*held)": ["grades('u1', 2), scores()"],
    "metrics.log_loss(*held)": ["grades('u1', 2), scores()"],
    "metrics.brier(*held)": ["grades('u1', 2), scores()"],
    "metrics.confusion(*held)": ["grades('u1', 2), scores()"],
    "metrics.mae(*held)": ["scores(), scores()"],
    "metrics.mse(*held[:2], weight=held[2])": ["scores('f8'), scores('f8'), scores('f8')"],
    "metrics.r2(*held)": ["scores(), scores()"],
}


def test_peak_memory_stays_below_twice_the_input():
    lines = "\n".join(f"{given};{call}" for call, inputs in CALLS.items() for given in inputs)
    done = subprocess.run([sys.executable, "-c", MEMORY], input=lines, capture_output=True, text=True, check=True)
    print()
    for line in done.stdout.splitlines():
        held, more, call = line.split(" ", 2)
        print(f"{call}: {int(more) / 1e6:.0f} MB beside an input of {int(held) / 1e6:.0f} MB")
        assert int(held) >= 50_000_000
        assert 0 <= int(more) < int(held), call
    assert any(int(line.split()[1]) > 50_000_000 for line in done.stdout.splitlines())  # it is seen at all
    assert len(done.stdout.splitlines()) == len(lines.splitlines()) >= len(CALLS)


def nothing(values, row):
    """A column of each library in which a row has no value, by what the library calls it."""
    masked = np.ma.masked_array(values, mask=np.arange(len(values)) == row)
    gone = [None if at == row else value for at, value in enumerate(values)]
    return [masked, pa.array(gone), pl.Series(gone), np.array(gone, dtype=object)]


@pytest.mark.parametrize(
    "query", [*nothing([7, 7, 8, 8], 2), *nothing(["a", "a", "b", "b"], 2), [1.0, 1.0, np.nan, 2.0]]
)
def test_a_row_without_a_query_is_an_error(query):
    with pytest.raises(ArgumentError, match=r"query: row 2 (has no id|is masked)"):
        metrics.ndcg([1, 0, 1, 0], [0.1, 0.2, 0.3, 0.4], query=query)


@pytest.mark.parametrize("column", nothing([1.0, 0.0, 1.0, 0.0], 1))
def test_a_row_without_a_grade_or_a_score_is_an_error(column):
    plain = np.array([1.0, 0.0, 1.0, 0.0])
    words = "row 1 (is null|is masked)|found object, and nothing in row 1"
    calls = [
        ("relevance", lambda: metrics.ndcg(column, plain)),
        ("score", lambda: metrics.ndcg(plain, column)),
        ("score", lambda: metrics.ndcg(plain, column, query=[1, 2, 1, 2])),
        ("weight", lambda: metrics.mae(plain, plain, weight=column)),
        ("target", lambda: metrics.roc_auc(column, plain)),
        ("second", lambda: metrics.kendall(plain, column)),
    ]
    for name, call in calls:
        with pytest.raises((ArgumentError, ColumnTypeError), match=f"{name}: .*({words})"):
            call()


def test_text_is_no_number_and_says_so():
    for relevance in (["a", "b"], np.array(["a", "b"], dtype=object), pa.array(["a", "b"])):
        with pytest.raises(ColumnTypeError, match="relevance: must hold numbers"):
            metrics.ndcg(relevance, [0.1, 0.2])
    with pytest.raises(ArgumentError, match=r"score: must have one dimension, found shape \(2, 1\)"):
        metrics.ndcg([1, 0], [[0.1], [0.2]])
    with pytest.raises(ArgumentError, match="query: ids must be of one type"):
        metrics.ndcg([1, 0], [0.1, 0.2], query=np.array([1, "a"], dtype=object))
    with pytest.raises(ArgumentError, match="catalogue: row 1 has no id"):
        metrics.exposure(["a"], catalogue=["a", None])


def test_scores_that_doubles_cannot_tell_apart_are_refused():
    near = np.array([2**53 - 1, 2**53 + 1])
    for call in (
        lambda: metrics.ndcg([1, 0], near),
        lambda: metrics.roc_auc([1, 0], near.astype(np.uint64)),
        lambda: metrics.kendall([1.0, 2.0], near),
        lambda: metrics.compare([1, 0], near, [0.1, 0.2], metric="roc_auc"),
    ):
        with pytest.raises(ArgumentError, match=r"row 1 holds .* beyond 2\^53"):
            call()
    assert metrics.ndcg([1, 0], near - 2) == metrics.ndcg([1, 0], [0.0, 1.0])


def test_ids_are_told_apart_whatever_they_are():
    """Hashes beyond 2^63 and ids that differ in the last bit; and the order of documents."""
    grades, scores = [1, 0, 0, 1], [0.1, 0.2, 0.3, 0.4]
    expected = metrics.ndcg(grades, scores, query=[0, 1, 0, 1])
    for one, other in [(2**64 - 1, 2**63), (2**53, 2**53 + 1), (-5, 3), ("x", "y"), (True, False), (1.5, 2.5)]:
        query = np.array([one, other, one, other])
        assert metrics.ndcg(grades, scores, query=query) == expected, (one, other)
        assert metrics.ndcg(grades, scores, query=pa.array(query)) == expected, (one, other)
    for low, high in [(0, 2**64 - 1), (2**63, 2**63 + 1), (-(2**63), 1), ("a", "b")]:
        found = metrics.evaluate([1, 0], [0.5, 0.5], metric="ndcg@1", preset="trec", document=[high, low])
        assert found.value == 1.0, (low, high)  # of equal scores the higher id comes first


def test_errors_name_the_row_of_the_input():
    """Rows of a query are brought together before they are ranked; people look for the row that they gave."""
    query = ["b", "a", "b", "a"]
    with pytest.raises(ArgumentError, match="NaN in row 1 "):
        metrics.ndcg([1, 0, 1, 0], [0.1, np.nan, 0.3, 0.4], query=query)
    with pytest.raises(ArgumentError, match=r"found -2\.5 in row 1"):
        metrics.ndcg([1, -2.5, 1, 0], [0.1, 0.2, 0.3, 0.4], query=query)
    with pytest.raises(ArgumentError, match="found -1 in row 2"):
        metrics.ndcg([1, 0, 1, 0], [0.1, 0.2, 0.3, 0.4], query=query, item_weight=[1, 1, -1, 1])
    with pytest.raises(ArgumentError, match="NaN in row 1 "):
        metrics.kendall([1, 2, 3, 4], [0.1, np.nan, 0.3, 0.4], query=query)


def test_models_that_are_compared_have_the_same_rows():
    for metric in ("roc_auc", "ndcg", "mae"):
        with pytest.raises(ArgumentError, match="production: must have a value for each of the candidate's 3 rows"):
            metrics.compare([1, 0, 1], [0.1, 0.2, 0.3], [0.1, 0.2], metric=metric)
        with pytest.raises(ArgumentError, match="cluster: row 1 has no id"):
            metrics.compare([1, 0, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.4], metric=metric, cluster=["a", None, "a"])
    with pytest.raises(ArgumentError, match="compare roc_auc, log_loss or brier"):
        metrics.compare([1, 0, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.4], metric="ece")


@pytest.mark.parametrize(
    ("metric", "function"),
    [
        ("mape", metrics.mape),
        ("quantile_loss@0.9", lambda target, score: metrics.quantile_loss(target, score, quantile=0.9)),
        ("accuracy@0.3", lambda target, score: metrics.confusion(target, score, threshold=0.3).accuracy),
    ],
)
def test_metrics_that_are_means_over_rows_are_compared_and_evaluated(metric, function):
    rng = np.random.default_rng(6)
    target = rng.integers(0, 2, 400) if metric.startswith("accuracy") else rng.uniform(1, 2, 400)
    candidate, production = (target + rng.normal(0, noise, 400) for noise in (0.3, 0.5))
    found = metrics.compare(target, candidate, production, metric=metric)
    assert found.definition.name == metric
    assert found.candidate == pytest.approx(function(target, candidate), rel=1e-12)
    assert found.lower > 0  # less noise is better, of each
    assert metrics.evaluate(target, candidate, metric=metric).value == pytest.approx(found.candidate, rel=1e-12)


def test_areas_and_calibration_are_evaluated_together():
    rng = np.random.default_rng(7)
    target, score = rng.integers(0, 2, 100), rng.random(100)
    several = metrics.evaluate(target, score, metrics=["pr_auc", "ece", "roc_auc", "accuracy"])
    expected = {"pr_auc": metrics.pr_auc(target, score), "ece": metrics.ece(target, score)}
    assert {name: several[name].value for name in expected} == expected
    assert not several["ece"].definition.higher_is_better


def test_models_are_compared_under_the_conventions_of_trec():
    """Equal scores: the higher document id comes first, so production has its relevant document first, as one."""
    grades, query = [1, 0] * 6, np.repeat(np.arange(6), 2)
    found = metrics.compare(
        grades,
        [1.0] * 12,
        [0.0, 1.0] * 6,
        metric="ndcg@1",
        query=query,
        preset="trec",
        document=["b", "a"] * 6,
        margin=0.01,
    )
    assert (found.candidate, found.production) == (1.0, 0.0)
    weighed = metrics.compare(
        [1, 1] * 6, [0.9, 0.1] * 6, [0.1, 0.9] * 6, metric="dcg@1", query=query, item_weight=[1, 4] * 6, margin=0.01
    )
    assert weighed.n_queries == 6
    assert weighed.candidate < weighed.production


def test_numbers_of_any_byte_order_and_width_are_read():
    for dtype in (">f8", ">i4", "<f2", ">f2", "?"):
        target = np.array([1, 0, 1, 1]).astype(dtype)
        assert metrics.mae(target, [1.0, 0.5, 1.0, 0.0]) == 0.375, dtype
        assert metrics.ndcg([1, 0, 2, 0], target) == metrics.ndcg([1, 0, 2, 0], [1.0, 0.0, 1.0, 1.0]), dtype
    with pytest.raises(ColumnTypeError, match="score: must hold numbers of at most 64 bits, found"):
        metrics.ndcg([1, 0], np.array([1, 2], dtype=np.longdouble))
    with pytest.raises(ArgumentError, match="relevance: must have one dimension, found rows of different lengths"):
        metrics.ndcg([[1], [1, 2]], [0.1, 0.2])
    query = np.repeat(np.arange(3), 4)[::2]  # strided
    assert metrics.ndcg([1, 0] * 3, [0.1, 0.2] * 3, query=query) == metrics.ndcg(
        [1, 0] * 3, [0.1, 0.2] * 3, group=[2] * 3
    )


def test_nulls_without_a_bitmap_are_nulls():
    six = [1, 0, 2, 0, 0, 1]
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0, 0, 0]), pa.array([0.9, None, 0.1]))
    with pytest.raises(ArgumentError, match="prediction: row 0 is null"):
        metrics.mae(six, pa.nulls(6))
    with pytest.raises(ArgumentError, match="score: row 1 is null"):
        metrics.ndcg(six, coded)
    with pytest.raises(ArgumentError, match="production: row 0 is null"):
        metrics.compare(six, six, pa.nulls(6), metric="ndcg", group=[3, 3])


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ([2**62] * 4 + [6], "add up to 18446744073709551622, but there are 6 rows"),
        ([7, -1], "size -1 of group 1 is negative"),
        ([3.0, 3.0], "must hold whole numbers, found float64"),
        ([True] * 6, "must hold whole numbers, found bool"),
        ([3, 4], "add up to 7, but there are 6 rows"),
        (pa.array([3, None]), "must hold whole numbers, found float64"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"weight": [1, 2, 3, 4, 5, 6]}, {"preset": "trec"}, {"preset": "xgboost"}])
def test_sizes_that_are_none_are_refused_whatever_reads_them_first(group, words, more):
    more = more | ({"document": list("abcdef")} if more.get("preset") == "trec" else {})
    with pytest.raises(ArgumentError, match=words):
        metrics.evaluate([1, 0, 2, 0, 0, 1], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], metric="ndcg", group=group, **more)


def test_what_was_asked_is_answered_or_refused():
    rows = [1, 0, 1], [0.1, 0.2, 0.3]
    definition = metrics.Definition.of("ndcg@2")
    cases = [
        (lambda: metrics.evaluate(*rows, metric=definition, preset="xgboost"), "preset: the metric is a Definition"),
        (lambda: metrics.compare(*rows, rows[1], metric=definition, ties="input"), "ties: the metric is a Definition"),
        (lambda: metrics.evaluate(*rows, metric="ndcg", tise="input"), 'tise: no such argument; did you mean "ties"'),
        (lambda: metrics.evaluate(*rows, metric="mae", ties="input"), "ties: mae is a metric of rows"),
        (lambda: metrics.evaluate(*rows, metric="roc_auc", group=[3]), "group: roc_auc is a metric of rows"),
        (lambda: metrics.evaluate(*rows, metric="ndcg", metrics=["mrr"]), "metric: give one metric or several"),
        (lambda: metrics.evaluate(*rows, metric=5), "metric: must be a name"),
        (lambda: metrics.evaluate(*rows, metric="ndcg@99999999999999999999"), r"below 2\^32"),
        (lambda: metrics.evaluate(*rows, metric="gauc@5"), "k: gauc has no cutoff"),
        (lambda: metrics.evaluate(*rows, metric="quantile_loss@5"), "quantile: must be above 0 and below 1"),
        (lambda: metrics.ndcg(*rows, gain=None), "gain: must be"),
        (lambda: metrics.recall(*rows, relevant_from="a"), "relevant_from: must be a number"),
        (lambda: metrics.compare(*rows, rows[1], metric="ndcg", resamples=1.5), "resamples: must be a whole number"),
        (lambda: metrics.compare(*rows, rows[1], metric="ndcg", seed=-1), "seed: must be a whole number"),
        (lambda: metrics.compare(*rows, rows[1], metric="ndcg", confidence="95%"), "confidence: must be a number"),
        (lambda: metrics.compare(*rows, rows[1], metric="mae", margin="1%", weight=[0, 0, 0]), "weight"),
        (lambda: metrics.compare([1, 2, 3], [1, np.nan, 2], [1, 2, 3], metric="mae"), "candidate: must be finite"),
        (lambda: metrics.compare([1, 2, 3], [1, 2, 3], [1, np.nan, 2], metric="mae"), "production: must be finite"),
        (lambda: metrics.compare([1, 2, 3], [1, 2, 3], [1, 2, 3], metric="roc_auc"), "relevance: must be 0 or 1"),
    ]
    for call, words in cases:
        with pytest.raises(ArgumentError, match=words):
            call()
    with pytest.raises(ArgumentError, match="query: ids must be of one type"):
        metrics.evaluate([1, 0], [0.1, 0.2], metric="ndcg", query=[1, "1"])
    assert metrics.evaluate([1, 0, 0], [0.1, 0.2, 0.3], metric="ndcg", query=[2**63 + 1, 2**63, -1]).n_queries == 3


def test_a_table_holds_what_has_a_value_of_each_row():
    several = metrics.evaluate([1, 0], [0.1, 0.2], metrics=["mae", "roc_auc", "rmse"])
    assert several.table().column_names == ["query", "mae"]
    with pytest.raises(ArgumentError, match="none of roc_auc, r2 has a value of each query or row"):
        metrics.evaluate([1, 0], [0.1, 0.2], metrics=["roc_auc", "r2"]).table()
    wide = np.array([2**70, 2**71], dtype=object)
    assert metrics.evaluate([1, 0], [0.1, 0.2], metrics=["ndcg"], query=wide).table()["query"].to_pylist() == [
        str(2**70),
        str(2**71),
    ]


def test_numbers_too_large_to_add_up_are_an_error():
    with pytest.raises(ArgumentError, match="too large to add up"):
        metrics.ndcg([1, 0, 0, 1], [0.1, 0.2, 0.3, 0.4], group=[2, 2], weight=[1e308, 1e308])
    with pytest.raises(ArgumentError, match="too large to add up"):
        metrics.mse([1e200], [-1e200])
    with pytest.raises(ArgumentError, match="highest_grade: must be at most 255"):
        metrics.err([5, 0], [0.1, 0.2], highest_grade=1_100)
    with pytest.raises(ArgumentError, match="0 everywhere"):
        metrics.confusion([1, 0], [0.1, 0.2], weight=[0, 0])
    heavy = metrics.ndcg([1, 0], [0.1, 0.2], item_weight=[1e308, 1e308])
    assert heavy == metrics.ndcg([1, 0], [0.1, 0.2], item_weight=[1, 1])


def test_a_gain_table_gives_nothing_to_what_nobody_judged():
    definition = metrics.Definition("dcg", 3, gain=(0.0, 1.0, 5.0), negative="unjudged")
    assert metrics.evaluate([2, -1, 1], [0.9, 0.8, 0.7], metric=definition).value == 5 + 1 / 2
    with pytest.raises(
        ArgumentError, match=r"a gain table of 3 entries holds whole grades below that, found 1\.5 in row 1"
    ):
        metrics.evaluate([2, 1.5, -1], [0.9, 0.8, 0.7], metric=definition)


def test_without_any_spread_nothing_is_proven():
    """One cluster, clusters that are all alike, placements that all differ by the same: no spread is not certainty."""
    target, better, worse = [1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0]
    one = metrics.compare(target, better, worse, metric="mae", cluster=[0, 0, 0], method="bootstrap")
    alike = metrics.compare([1.0, 1.0], [1.0, 1.0], [2.0, 2.0], metric="mae", method="cluster_t", margin=0.1)
    few = metrics.compare([1, 1, 0, 0], [3, 4, 1, 2], [1, 1, 1, 1], metric="roc_auc", margin=0.005)
    asked = metrics.compare([1, 1, 0, 0], [3, 4, 1, 2], [1, 1, 1, 1], metric="roc_auc", margin=0.005, method="delong")
    for found in (one, alike, few, asked):
        assert found.lower == -np.inf
        assert found.p_value > 0.05
    label = np.arange(200) % 2
    many = metrics.compare(label, label, np.ones(200), metric="roc_auc", margin=0.005)
    assert many.lower > 0.005  # a perfect model against a constant one, on 200 rows
    assert many.method.startswith("sign flips")


@pytest.mark.parametrize(("positives", "negatives"), [(3, 17), (8, 12), (40, 360)])
def test_delong_keeps_its_level_with_a_handful_of_positives(positives, negatives):
    """The lower bound of two equally good models lies above 0 in at most 5% of samples (binomial error of 3,000)."""
    rng = np.random.default_rng(8)
    label = np.repeat([1, 0], [positives, negatives])
    wrong = 0
    for _ in range(3_000):
        shared = rng.normal(label, 1)
        a, b = (shared + rng.normal(0, 0.7, len(label)) for _ in range(2))
        wrong += metrics.compare(label, a, b, metric="roc_auc").lower > 0
    assert 0.02 < wrong / 3_000 < 0.05 + 3 * (0.05 * 0.95 / 3_000) ** 0.5
