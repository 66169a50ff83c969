"""Ranking metrics and comparisons against their peers, their definition and nonsense."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, ndcg_score

from ctcore import _core, metrics
from ctcore.errors import ArgumentError, FindingWarning

# Small random queries have equal scores now and then, which a number alone would not say.
SMALL = pytest.mark.filterwarnings("ignore:in .* all scores are equal:ctcore.errors.FindingWarning")


def ranking(rng, queries, *, documents=20, levels=5, tied=True):
    """Grades, scores (with many ties) and sizes."""
    sizes = rng.integers(2, documents, queries)
    rows = sizes.sum()
    scores = rng.integers(0, 8, rows).astype(float) if tied else rng.permutation(rows).astype(float)
    return rng.integers(0, levels, rows), scores, sizes


@pytest.mark.parametrize("k", [1, 3, 10, None])
@pytest.mark.parametrize("gain", ["linear", "exp2"])
def test_ndcg_equals_scikit_learn(k, gain):
    rng = np.random.default_rng(1)
    grades, scores, sizes = ranking(rng, 300)
    ours = metrics.evaluate(grades, scores, metric=metrics.Definition("ndcg", k, gain), group=sizes).per_query
    starts = np.concatenate([[0], np.cumsum(sizes)])
    tied = 0
    for query, value in enumerate(ours):
        rows = slice(starts[query], starts[query + 1])
        gains = grades[rows] if gain == "linear" else 2.0 ** grades[rows] - 1
        equal = np.unique(scores[rows], return_counts=True)[1]
        tied += equal[equal > 1].sum()
        assert value == pytest.approx(ndcg_score([gains], [scores[rows]], k=k), abs=1e-12)
    assert tied > 0.3 * len(scores)


def test_ndcg_equals_trec_eval_where_nothing_is_tied():
    rng = np.random.default_rng(2)
    grades, scores, sizes = ranking(rng, 200, tied=False)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    qrels, run = {}, {}
    for query in range(len(sizes)):
        rows = range(starts[query], starts[query + 1])
        qrels[str(query)] = {f"d{row}": int(grades[row]) for row in rows}
        run[str(query)] = {f"d{row}": float(scores[row]) for row in rows}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(run)
    ours = metrics.evaluate(grades, scores, metric="ndcg@10", group=sizes).per_query
    assert len(theirs) == len(ours)
    for query, value in enumerate(ours):
        assert value == pytest.approx(theirs[str(query)]["ndcg_cut_10"], abs=1e-12)


def test_every_input_type_gives_the_same_number():
    grades, scores, sizes = ranking(np.random.default_rng(3), 50)
    expected = metrics.ndcg(grades, scores, group=sizes, k=5)
    query = np.repeat(np.arange(len(sizes)), sizes)
    shuffled = np.random.default_rng(4).permutation(len(grades))
    for relevance, score in [
        (grades.astype(np.uint8), scores.astype(np.float32)),
        (grades.astype(np.float64), scores),
        (pa.array(grades), pa.chunked_array([scores[:7], scores[7:]])),
        (pl.Series(grades), pl.Series(scores)),
        (grades.tolist(), scores.tolist()),
        (grades[::-1][::-1], np.repeat(scores, 2)[::2]),
    ]:
        assert metrics.ndcg(relevance, score, group=sizes, k=5) == expected
        assert metrics.ndcg(relevance, score, query=query, k=5) == expected
    # rows in any order: the queries come in another order, each has the same value
    value = metrics.ndcg(grades[shuffled], scores[shuffled], query=query[shuffled].astype(str), k=5)
    assert value == pytest.approx(expected, abs=1e-14)


@SMALL
def test_the_same_bits_for_any_number_of_threads():
    grades, scores, sizes = ranking(np.random.default_rng(5), 100_000)
    found = set()
    for threads in (1, 2, 7):
        _core.set_threads(threads)
        found.add(metrics.ndcg(grades, scores, group=sizes, k=10))
    _core.set_threads(None)
    assert len(sizes) * 10 > 10 * 65_536
    assert len(found) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 0], [1.0, np.nan]), "NaN in row 1"),
        (([1, -1], [1.0, 2.0]), "found -1 in row 1"),
        (([1, np.inf], [1.0, 2.0]), "found inf in row 1"),
        (([1], [1.0, 2.0]), "found 1, 2 and 2"),
    ],
)
def test_nonsense_is_an_error_with_the_row(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        metrics.ndcg(*arguments)


def test_gains_that_overflow_are_an_error():
    with pytest.raises(ArgumentError, match="too large to add up"):
        metrics.ndcg([1100.5, 1100.5, 0.0], [0.1, 0.2, 0.9], gain="exp2")


def test_groups_that_do_not_add_up_are_an_error():
    with pytest.raises(ValueError, match="add up to 3, but there are 2 rows"):
        metrics.ndcg([1, 0], [1.0, 2.0], group=[3])
    with pytest.raises(ArgumentError, match="not both"):
        metrics.ndcg([1, 0], [1.0, 2.0], group=[2], query=[0, 0])
    with pytest.raises(ArgumentError, match="row 1 is null"):
        metrics.ndcg(pa.array([1, None]), [1.0, 2.0])
    with pytest.raises(ArgumentError, match='did you mean "ndcg"'):
        metrics.evaluate([1], [1.0], metric="ndgc@10")


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=3), st.floats(0.01, 100))
def test_scaling_weights_changes_nothing_and_ndcg_stays_in_range(weights, factor):
    grades, scores, sizes = [0, 0, 1, 0, 3, 1], [1.0, 2.0, 1.0, 2.0, 1.0, 2.0], [2, 2, 2]
    value = metrics.ndcg(grades, scores, group=sizes, weight=weights)
    assert 0 <= value <= 1
    scaled = metrics.ndcg(grades, scores, group=sizes, weight=[weight * factor for weight in weights])
    assert scaled == pytest.approx(value, rel=1e-12)


WEIGHTS = st.integers(0, 1_000).map(lambda weight: weight / 100)  # what is scaled must not lose its last digits


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), WEIGHTS), min_size=6, max_size=6),
    st.floats(0.01, 100),
)
def test_item_weights_scale_away_query_by_query_and_ndcg_stays_in_range(rows, factor):
    grades, scores, items = (list(column) for column in zip(*rows, strict=True))
    scaled = [weight * (factor if row < 2 else 1) for row, weight in enumerate(items)]  # one query alone
    for metric in ("ndcg@2", "dcg", "ndcg"):
        one, other = (
            metrics.evaluate(grades, scores, metric=metric, group=[2, 4], item_weight=weight)
            for weight in (items, scaled)
        )
        assert one.per_query == pytest.approx(other.per_query, rel=1e-12)
        assert metric == "dcg" or (one.per_query <= 1).all()


@SMALL
def test_ndcg_with_item_weights_is_scikit_learns_of_weighed_gains():
    rng = np.random.default_rng(13)
    grades, scores, sizes = ranking(rng, 200)
    items, ends = rng.uniform(0, 3, len(grades)), np.cumsum(sizes)
    expected = [
        ndcg_score([(grades * items)[end - size : end]], [scores[end - size : end]], k=5)
        for size, end in zip(sizes, ends, strict=True)
    ]
    found = metrics.evaluate(grades, scores, metric="ndcg@5", group=sizes, item_weight=items)
    assert found.per_query == pytest.approx(expected, abs=1e-12)
    shuffled, query = rng.permutation(len(grades)), np.repeat(np.arange(200), sizes)
    rows = {"query": query[shuffled], "item_weight": items[shuffled]}
    assert metrics.ndcg(grades[shuffled], scores[shuffled], k=5, **rows) == pytest.approx(found.value, abs=1e-12)
    for bad, words in [
        ({"item_weight": items[1:]}, "item_weight: must have one value for each of the"),
        ({"item_weight": -items - 1}, "item_weight: must be finite and at least 0, found -"),
        ({"item_weight": items, "metric": "map@5"}, "items weigh in DCG and NDCG"),
        ({"item_weight": items, "metric": "mae"}, "item_weight: mae is a metric of rows"),
    ]:
        groups = {} if bad.get("metric") == "mae" else {"group": sizes}
        with pytest.raises(ArgumentError, match=words):
            metrics.evaluate(grades, scores, **{"metric": "ndcg"} | bad, **groups)
    with pytest.raises(ArgumentError, match="relevance: must have one value for each of the 3 rows, found 2"):
        metrics.ndcg([1, 0], [1.0, 2.0, 3.0], query=[1, 2, 1])


def test_losses_equal_scikit_learn():
    rng = np.random.default_rng(6)
    target, prediction = rng.normal(size=(2, 100_000))
    assert metrics.mae(target, prediction) == pytest.approx(mean_absolute_error(target, prediction), rel=1e-13)
    assert metrics.mse(target, prediction) == pytest.approx(mean_squared_error(target, prediction), rel=1e-13)


def test_kendall_equals_scipy_query_by_query():
    rng = np.random.default_rng(11)
    sizes = rng.integers(1, 30, 300)
    first, second = rng.integers(0, 8, (2, sizes.sum())).astype(float)
    query, ends = np.repeat(np.arange(300), sizes), np.cumsum(sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of queries without a value
        expected = np.array(
            [stats.kendalltau(first[end - size : end], second[end - size : end]).statistic
             for size, end in zip(sizes, ends, strict=True)]
        )  # fmt: skip
    undefined = np.isnan(expected)
    assert 0 < undefined.sum() < 100
    assert _core.kendall(first, second, sizes) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert metrics.kendall(first, second, group=sizes) == pytest.approx(np.nanmean(expected), abs=1e-12)
    weight, shuffled = rng.uniform(0.1, 2, 300), rng.permutation(len(first))
    found = metrics.kendall(first, second, group=sizes, weight=weight)
    assert found == pytest.approx(np.average(expected[~undefined], weights=weight[~undefined]), abs=1e-12)
    rows = {"query": query[shuffled], "weight": np.repeat(weight, sizes)[shuffled] * 7}
    assert metrics.kendall(first[shuffled], second[shuffled], **rows) == pytest.approx(found, abs=1e-12)
    with pytest.raises(ArgumentError, match="second: NaN in row 1"):
        metrics.kendall([1.0, 2.0], [1.0, np.nan])
    with pytest.raises(ArgumentError, match="second: must have one score for each of the 2 rows, found 3"):
        metrics.kendall([1.0, 2.0], [1.0, 2.0, 3.0])


# ---------------------------------------------------------------- compare


def pair(rng, *, days=7, queries=40, lift=0.0):
    """Two rankers on the same queries; the candidate's scores are closer to the grades by ``lift``."""
    count = days * queries * 10
    grades = rng.integers(0, 4, count)
    production = grades + rng.normal(0, 2, count)
    candidate = grades * (1 + lift) + rng.normal(0, 2, count)
    query = np.repeat(np.arange(days * queries), 10)
    return grades, candidate, production, query, query // queries


def test_a_real_gain_is_proven_and_none_is_not():
    rng = np.random.default_rng(7)
    grades, better, production, query, day = pair(rng, lift=1.0)
    found = metrics.compare(grades, better, production, metric="ndcg@5", query=query, cluster=day, margin="1%")
    assert found.lower > 0.01
    assert found.p_value == 1 / 128
    assert found.lower < found.gain < found.upper
    same = metrics.compare(grades, production, production, metric="ndcg@5", query=query, cluster=day)
    assert same.gain == same.lower == same.upper == 0


def test_the_gain_is_the_ratio_of_the_means():
    grades, candidate, production, query, day = pair(np.random.default_rng(8), lift=0.1)
    found = metrics.compare(grades, candidate, production, metric="ndcg@5", query=query, cluster=day)
    assert found.gain == pytest.approx(found.candidate / found.production - 1, abs=1e-12)
    losses = metrics.compare(grades, candidate, production, metric="mse", cluster=day)
    assert losses.gain == pytest.approx(1 - losses.candidate / losses.production, abs=1e-12)


def test_constant_queries_are_left_out_and_counted():
    found = metrics.compare(
        [1, 1, 1, 0], [1.0, 2.0, 2.0, 1.0], [1.0, 2.0, 2.0, 1.0], metric="ndcg@2", group=[2, 2], cluster=[0, 0, 1, 1]
    )
    assert (found.n_queries, found.n_constant, found.n_clusters) == (1, 1, 1)
    with pytest.raises(ArgumentError, match="none of the 2 queries can tell"):
        metrics.compare([1, 1, 0, 0], [1.0] * 4, [1.0] * 4, metric="ndcg@2", group=[2, 2])


def test_no_rows_are_no_queries():
    found = metrics.evaluate([], [], metrics=["ndcg@10", "map"], query=[])
    assert [found[name].n_queries for name in found] == [0, 0]
    assert np.isnan(found["map"].value)
    assert found.table().num_rows == 0
    assert np.isnan(metrics.ndcg([], [], query=[]))


@pytest.mark.parametrize("kind", [list, np.array, pa.array, pl.Series])
def test_fractional_grades_are_a_finding(kind):
    found = metrics.evaluate(kind([1.0, 0.5, 0.25]), kind([3.0, 2.0, 1.0]), metrics=["ndcg"])
    assert found.findings == ("2 grades are fractional (row 1 holds 0.5)",)
    assert not metrics.evaluate([1.0, 0.0], [2.0, 1.0], metrics=["ndcg"]).findings


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "10"])
def test_a_cutoff_is_a_whole_number(k):
    with pytest.raises(ArgumentError, match=r"k: must be a whole number of at least 1 and below 2\^32, or None, found"):
        metrics.ndcg([1, 0], [2.0, 1.0], k=k)


def test_scores_that_meet_in_float32_are_a_finding():
    given = {"relevance": [0, 1, 1], "score": [1.0 + 1e-9, 1.0, 2.0], "metrics": ["ndcg"]}
    found = metrics.evaluate(**given, preset="xgboost")
    assert len(found.findings) == 1
    assert found.findings[0].startswith("1 pairs of neighbouring scores differ, but are equal in float32")
    assert not metrics.evaluate(**given).findings


def test_findings_reach_whoever_gets_one_number():
    with pytest.warns(FindingWarning, match="2 grades are fractional"):
        assert metrics.ndcg([1.0, 0.5, 0.25], [3.0, 2.0, 1.0]) == 1
    with pytest.warns(FindingWarning, match="in 1 of 2 queries all scores are equal"):
        metrics.mean_average_precision([1, 0, 1, 0], [0.5, 0.5, 0.2, 0.1], group=[2, 2])
    found = metrics.evaluate([1, 0, 1, 0], [0.5, 0.5, 0.2, 0.1], metric="map", group=[2, 2])
    assert found.findings == ("in 1 of 2 queries all scores are equal: nothing ranks",)
    compared = metrics.compare([1, 0, 1, 0], [0.5, 0.5, 0.2, 0.1], [4.0, 3, 2, 1], metric="map", group=[2, 2])
    assert compared.findings == ("candidate: in 1 of 2 queries all scores are equal: nothing ranks",)
    with pytest.raises(ArgumentError, match="production: NaN in row 3"):
        metrics.compare([1, 0, 1, 0], [4.0, 3, 2, 1], [1, 2, 3, np.nan], metric="map", group=[2, 2])


def test_an_area_under_constant_scores_is_said_to_rank_nothing():
    target, constant = [1, 0, 1, 0], [0.5] * 4
    for area, value in ((metrics.roc_auc, 0.5), (metrics.pr_auc, 0.5)):
        with pytest.warns(FindingWarning, match="all scores are equal: nothing ranks"):
            assert area(target, constant) == value
    found = metrics.evaluate(target, constant, metrics=["roc_auc", "brier"])
    assert found["roc_auc"].findings == found.findings == ("all scores are equal: nothing ranks",)
    assert found["brier"].findings == ()
    compared = metrics.compare(target * 8, [4.0, 3, 2, 1] * 8, constant * 8, metric="roc_auc", margin=0.01)
    assert compared.findings == ("production: all scores are equal: nothing ranks",)


def test_two_models_are_measured_as_each_alone():
    rng = np.random.default_rng(12)
    grades, candidate, sizes = ranking(rng, 300)
    production = rng.integers(0, 9, len(grades)).astype(np.float32)  # another precision
    found = metrics.compare(grades, candidate, production, metric="ndcg@5", group=sizes)
    one, other = (metrics.evaluate(grades, each, metric="ndcg@5", group=sizes) for each in (candidate, production))
    used = metrics.informative(one)
    assert found.n_queries == np.count_nonzero(used)
    assert found.candidate == pytest.approx(one.per_query[used].mean(), abs=1e-12)
    assert found.production == pytest.approx(other.per_query[used].mean(), abs=1e-12)
    weight = rng.uniform(0.5, 2, len(sizes))
    of_rows = metrics.compare(
        grades, candidate, production, metric="ndcg@5", group=sizes, weight=np.repeat(weight, sizes)
    )
    of_queries = metrics.compare(grades, candidate, production, metric="ndcg@5", group=sizes, weight=weight)
    assert of_rows.gain == pytest.approx(of_queries.gain, rel=1e-12)


@SMALL
def test_one_function_gives_what_evaluate_gives():
    rng = np.random.default_rng(5)
    for documents in (3, 20, 60, 300):
        grades, scores, sizes = ranking(rng, 200, documents=documents)
        whole = metrics.evaluate(grades, scores, metric="ndcg@10", group=sizes)
        assert metrics.ndcg(grades, scores, group=sizes, k=10) == whole.value
        assert whole.n_tied > 0


def test_a_cluster_must_be_constant_within_a_query():
    with pytest.raises(ArgumentError, match="constant within a query; row 1"):
        metrics.compare([1, 0], [1.0, 2.0], [2.0, 1.0], metric="ndcg", group=[2], cluster=[0, 1])


@pytest.mark.slow
def test_the_margin_is_proven_at_most_5_percent_of_the_time_when_it_is_the_truth():
    """True gain = margin, days that differ: the gate may open in at most 5% of the weeks, and must in most at +3%."""
    rng = np.random.default_rng(9)
    opened = {0.01: 0, 0.04: 0}
    weeks = 1_000
    for truth in opened:
        for _ in range(weeks):
            production = rng.uniform(0.4, 1.0, 350)
            day = np.repeat(np.arange(7), 50)
            effect = rng.normal(truth, 0.01, 7)[day] + rng.normal(0, 0.06, 350)
            found = _core.paired(
                production * effect,
                production,
                day,
                method="sign_flip",
                margin=0.01,
                confidence=0.95,
                resamples=0,
                seed=0,
            )
            opened[truth] += found["lower"] > 0.01
    assert opened[0.01] / weeks < 0.064  # 5% and two standard errors
    assert opened[0.01] / weeks > 0.02
    assert opened[0.04] / weeks > 0.95
