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
        with pytest.raises(ColumnTypeError, match="relevance: must hold numbers, found"):
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
