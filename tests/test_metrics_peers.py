"""Parity with the libraries that presets are named after: golden files of what they said, and live where installed."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.csv
import pytest

from conftest import ROOT
from ctcore import metrics
from ctcore.errors import ArgumentError

GOLDEN = ROOT / "tests" / "golden"
LAMBDARANK = json.loads((GOLDEN / "lambdarank_test_golden.json").read_text())
TINY = json.loads((GOLDEN / "tiny_conventions.json").read_text())["cases"]


def example(scores):
    table = pyarrow.csv.read_csv(GOLDEN / "lambdarank_test.csv")
    rows = {name: table[name].to_numpy() for name in ("query", "document", "relevance")}
    return rows["relevance"], table["score" if scores == "scores" else "score_tied"].to_numpy(), rows


def judge(names, preset, scores, *, binary=False, **switches):
    relevance, score, rows = example(scores)
    relevance = (relevance > 0).astype(np.int64) if binary else relevance
    document = rows["document"] if preset == "trec" else None
    return metrics.evaluate(
        relevance, score, metrics=names, query=rows["query"], document=document, preset=preset, **switches
    )


TREC = {
    "P_10": "precision@10",
    "Rprec": "r_precision",
    "bpref": "bpref",
    "map": "map",
    "map_cut_10": "map@10",
    "ndcg": "ndcg",
    "ndcg_cut_1": "ndcg@1",
    "ndcg_cut_3": "ndcg@3",
    "ndcg_cut_5": "ndcg@5",
    "ndcg_cut_10": "ndcg@10",
    "recall_10": "recall@10",
    "recip_rank": "mrr",
    "success_1": "success@1",
    "success_10": "success@10",
}


def assert_equal(found, expected, *, tolerance=1e-12):
    assert len(expected) > 0
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=tolerance), name


@pytest.mark.parametrize("scores", ["scores", "scores_tied"])
def test_lightgbm_and_xgboost_on_lightgbms_example(scores):
    golden = LAMBDARANK["expected"][scores]
    lightgbm = golden["lightgbm"]
    assert_equal(judge(list(lightgbm), "lightgbm", scores), lightgbm)
    graded = {name: value for name, value in golden["xgboost_graded"].items() if not name.endswith("-")}
    graded["ndcg@32"] = graded.pop("ndcg")  # what xgboost's bare name means
    assert_equal(judge(list(graded), "xgboost", scores), graded, tolerance=1e-7)
    binary = {name.replace("pre", "precision"): x for name, x in golden["xgboost_binary_label_ge1"].items()}
    assert_equal(judge(list(binary), "xgboost", scores, binary=True), binary, tolerance=1e-7)


@pytest.mark.parametrize("scores", ["scores", "scores_tied"])
def test_pytrec_eval_on_lightgbms_example(scores):
    golden = LAMBDARANK["expected"][scores]
    expected = {ours: golden["pytrec_eval_mean"][theirs] for theirs, ours in TREC.items()}
    found = judge(list(expected), "trec", scores)
    assert_equal(found, expected)
    for theirs in ("ndcg_cut_10", "map", "recip_rank"):
        per_query = [each[theirs] for each in golden["pytrec_eval_per_query"].values()]
        assert found[TREC[theirs]].per_query == pytest.approx(per_query, abs=1e-12)
    if scores == "scores_tied":
        relevance, score, rows = example(scores)
        tied = sum(
            np.count_nonzero(np.unique(score[rows["query"] == query], return_counts=True)[1] > 1)
            for query in np.unique(rows["query"])
        )
        assert found["ndcg@10"].n_tied > 0.3 * found["ndcg@10"].n_queries
        assert tied > 0
        assert len(relevance) == 768


def test_ranx_without_ties():
    """Only two rows of these 768 are tied in their query, in one that the metrics below do not see."""
    golden = LAMBDARANK["expected"]["scores"]["ranx"]
    names = {
        "map": "map",
        "map@10": "map@10",
        "mrr": "mrr",
        "precision@10": "precision@10",
        "recall@10": "recall@10",
        "hit_rate@10": "hit_rate@10",
        "r-precision": "r_precision",
        "f1@10": "f1@10",
    }
    assert_equal(
        judge(list(names.values()), "ranx", "scores"), {o: golden[t] for t, o in names.items()}, tolerance=1e-6
    )
    burges = judge(["ndcg@10"], "ranx", "scores", gain="exp2")
    assert_equal(burges, {"ndcg@10": golden["ndcg_burges@10"]}, tolerance=1e-6)


@pytest.mark.parametrize("scores", ["scores", "scores_tied"])
def test_scikit_learn_and_gauc_on_lightgbms_example(scores):
    golden = LAMBDARANK["expected"][scores]
    found = judge(["ndcg@10"], "sklearn", scores)
    assert_equal(found, {"ndcg@10": golden["sklearn_ndcg10_tie_averaged_mean_over_groups_gt1"][0]})
    gauc = judge(["gauc"], None, scores)["gauc"]
    value, queries = golden["gauc_mean_over_groups_with_both_classes"]
    assert gauc.value == pytest.approx(value, abs=1e-12)
    assert gauc.n_queries - gauc.n_skipped == queries
    assert gauc.n_skipped > 0


def tiny(case):
    queries = TINY[case]["queries"]
    name = [name for name, each in queries.items() for _ in each["scores"]]
    rows = {key: [x for each in queries.values() for x in each[key]] for key in ("scores", "labels")}
    document = [f"d{i + 1}" for each in queries.values() for i in range(len(each["scores"]))]
    return rows["labels"], rows["scores"], name, document


TINY_NAMES = {
    "trec_eval": {"map": "map", "Rprec": "r_precision", "bpref": "bpref", "recip_rank": "mrr"},
    "sklearn": {"ndcg": "ndcg@K"},
    "ranx": {"ndcg@K": "ndcg@K", "map": "map", "map@K": "map@K", "mrr": "mrr", "precision@K": "precision@K"},
    "lightgbm": {"ndcg@K": "ndcg@K", "map@K": "map@K"},
    "xgboost": {"ndcg@K": "ndcg@K", "map@K": "map@K", "pre@K": "precision@K"},
}
TINY_NAMES["trec_eval"] |= {
    f"{theirs}_K": f"{ours}@K"
    for theirs, ours in [("P", "precision"), ("recall", "recall"), ("ndcg_cut", "ndcg"), ("success", "success")]
}


@pytest.mark.parametrize("library", TINY_NAMES)
def test_tiny_inputs(library):
    """Also with ties for ranx: on lists as short as these its sort keeps the order of the rows."""
    compared = 0
    for case, golden in TINY.items():
        if "k" not in golden or "queries" not in golden or case.startswith("F_"):
            continue
        observed = golden.get("observed", {}).get(library)
        labels, scores, query, document = tiny(case)
        preset = "trec" if library == "trec_eval" else library
        if library == "sklearn" and case.startswith("G_"):
            continue  # it refuses queries of one document
        if isinstance(observed, str):
            with pytest.raises(ArgumentError, match="at least 0"):  # what the library refuses, so do we
                metrics.evaluate(labels, scores, metric="ndcg", query=query, preset=preset)
            continue
        if observed is None or "err" in observed:
            continue
        for theirs, ours in TINY_NAMES[library].items():
            value = observed.get(theirs.replace("K", str(golden["k"])))
            if value is None or isinstance(value, str):
                continue
            found = metrics.evaluate(
                labels,
                scores,
                metric=ours.replace("K", str(golden["k"])),
                query=query,
                document=document,
                preset=preset,
            )
            assert found.value == pytest.approx(value, abs=5.1e-5 if library == "trec_eval" else 1e-6), (case, theirs)
            compared += 1
    assert compared >= 7


def test_a_nan_score_is_an_error_under_every_preset():
    for preset in metrics.PRESETS:
        with pytest.raises(ArgumentError, match="NaN in row 1"):
            metrics.evaluate([0, 2, 1], [3.0, np.nan, 1.0], metric="ndcg@3", preset=preset, document=["a", "b", "c"])


@pytest.mark.parametrize("weights", [[1, 1], [0.5, 0.5], [2, 2], [2, 0.1]])
def test_weights_keep_what_lightgbm_and_xgboost_break(weights):
    """A query without relevant documents counts with its weight: NDCG stays in [0, 1], MAP equals theirs."""
    labels, scores, query, _ = tiny("I_query_weights_k3")
    golden = TINY["I_query_weights_k3"]["observed_by_weights"][str([float(w) for w in weights])]
    found = metrics.evaluate(
        labels, scores, metrics=["ndcg@3", "map@3"], query=query, weight=weights, preset="lightgbm"
    )
    assert found["map@3"].value == pytest.approx(golden["lightgbm"]["map@3"], abs=1e-6)
    assert found["ndcg@3"].value == pytest.approx((weights[0] * 0.6934264036 + weights[1]) / sum(weights), abs=1e-9)
    zero = metrics.evaluate(
        labels, scores, metric="ndcg@3", query=query, weight=weights, preset="xgboost", empty="zero"
    )
    assert zero.value == pytest.approx(golden["xgboost"]["ndcg@3-"], abs=1e-6)
    of_rows = np.repeat(weights, 3)
    again = metrics.evaluate(labels, scores, metric="ndcg@3", query=query, weight=of_rows, preset="lightgbm")
    assert again.value == found["ndcg@3"].value
