"""Parity with the libraries that presets are named after: every number of the golden files of what they said.

``benches/parity.py`` runs the libraries themselves.
"""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pyarrow.csv
import pytest

from conftest import ROOT
from ctcore import metrics
from ctcore.errors import ArgumentError
from test_metrics_trec import NOT_OURS, ROUNDING, ours

GOLDEN = ROOT / "tests" / "golden"
LAMBDARANK = json.loads((GOLDEN / "lambdarank_test_golden.json").read_text())
TINY = json.loads((GOLDEN / "tiny_conventions.json").read_text())["cases"]
SIX = 1e-6  # the decimals that were kept
SINGLE = 1e-7  # what XGBoost ranks and adds up in

READ = {"lambdarank_test.csv", "lambdarank_test_golden.json", "tiny_conventions.json", "trec_eval"}
NOT_OF_METRICS = {"README.md", "make_drift.py", "make_special.py", "special.json"} | {
    f"drift_{library}.json" for library in ("deepchecks", "evidently", "nannyml", "scipy")
}
"""Files that tests of other rooms read, and the scripts that made them."""
NOT_COMPARED = {
    "ties": "ranx and scikit-learn's ignore_ties sort equal scores in no order that they promise",
    "binary": "XGBoost computes MAP and precision of grades 0 and 1 alone; ours take the grade from which on",
    "trec": "a measure that is not ours",
}
"""Why a number is not compared; the tests count how many there are of each."""


def test_every_golden_file_of_metrics_is_read():
    assert {path.name for path in GOLDEN.iterdir()} == READ | NOT_OF_METRICS
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("test_metrics*.py"))
    assert [name for name in READ if f'/ "{name}"' not in tests] == []


# ---------------------------------------------------------------- LightGBM's example: means of six libraries

ROWS = pyarrow.csv.read_csv(GOLDEN / "lambdarank_test.csv")
RELEVANCE, QUERY, DOCUMENT = (ROWS[name].to_numpy() for name in ("relevance", "query", "document"))
SCORES = {"scores": ROWS["score"].to_numpy(), "scores_tied": ROWS["score_tied"].to_numpy()}
SIZES = np.unique(QUERY, return_counts=True)[1]


def judge(name, scores, preset=None, *, binary=False, **switches):
    relevance = (RELEVANCE > 0).astype(np.int64) if binary else RELEVANCE
    document = DOCUMENT if preset == "trec" else None
    return metrics.evaluate(
        relevance, SCORES[scores], metric=name, query=QUERY, document=document, preset=preset, **switches
    )


def of_xgboost(name, scores):
    if name == "ndcg":
        return judge("ndcg@32", scores, "xgboost").value  # what its bare name means
    empty = {"empty": "zero"} if name.endswith("-") else {}
    return judge(name.removesuffix("-"), scores, "xgboost", **empty).value


def of_trec(name, scores):
    return "trec" if NOT_OURS.fullmatch(name) else judge(ours(name), scores, "trec").value


def of_ranx(name, scores):
    if scores == "scores_tied":
        return "ties"
    if name == "rbp.80":  # which multiplies by the grade: as many times relevant
        return sum(judge("rbp", scores, "ranx", relevant_from=grade).value for grade in (1, 2, 3, 4))
    gain = {"gain": "exp2"} if "burges" in name else {}
    return judge(name.replace("_burges", "").replace("r-p", "r_p"), scores, "ranx", **gain).value


def of_pooled(name, scores):
    area = {"roc_auc": metrics.roc_auc, "average_precision": metrics.pr_auc}[name]
    return area(RELEVANCE > 0, SCORES[scores])


LIBRARIES = {
    "lightgbm": (lambda name, scores: judge(name, scores, "lightgbm").value, 1e-12),
    "xgboost_graded": (of_xgboost, SINGLE),
    "xgboost_binary_label_ge1": (
        lambda name, scores: judge(name.replace("pre", "precision"), scores, "xgboost", binary=True).value,
        SINGLE,
    ),
    "pytrec_eval_mean": (of_trec, 1e-12),
    "trec_eval_10_4digits": (of_trec, ROUNDING),
    "ranx": (of_ranx, 1e-12),
    "sklearn_binary_label_ge1_pooled": (of_pooled, 1e-12),
    "gauc_weighted_by_group_size": (lambda name, scores: judge(name, scores, weight=SIZES).value, 1e-12),
}
"""Our number of each of a library's, or why there is none; and how near they are."""


@pytest.mark.parametrize("scores", SCORES)
def test_every_library_on_lightgbms_example(scores):
    golden = dict(LAMBDARANK["expected"][scores])
    assert LAMBDARANK[scores] == SCORES[scores].tolist()
    for query, expected in golden.pop("pytrec_eval_per_query").items():
        assert set(expected) == {"ndcg_cut_10", "map", "recip_rank"}
        for measure, value in expected.items():
            found = judge(ours(measure), scores, "trec").per_query[int(query[1:])]
            assert found == pytest.approx(value, abs=1e-12), (query, measure)
    value, queries = golden.pop("sklearn_ndcg10_tie_averaged_mean_over_groups_gt1")
    found = judge("ndcg@10", scores, "sklearn")
    assert (found.value, found.n_queries) == (pytest.approx(value, abs=1e-12), queries)
    value, queries = golden.pop("gauc_mean_over_groups_with_both_classes")
    found = judge("gauc", scores)
    assert (found.value, found.n_queries - found.n_skipped) == (pytest.approx(value, abs=1e-12), queries)
    assert found.n_skipped > 0
    golden["gauc_weighted_by_group_size"] = {"gauc": golden["gauc_weighted_by_group_size"]}
    compared, not_compared = 0, Counter()
    for library, values in golden.items():
        for name, value in values.items():
            number, tolerance = LIBRARIES[library]
            found = number(name, scores)
            if isinstance(found, str):
                not_compared[found] += 1
                continue
            assert found == pytest.approx(float(value), abs=tolerance), (library, name)
            compared += 1
    assert not_compared.keys() <= NOT_COMPARED.keys()
    of_ranx_compared = 11 if scores == "scores" else 0
    assert (compared, not_compared["trec"]) == (55 + of_ranx_compared, 18)
    assert not_compared["ties"] == 11 - of_ranx_compared


@pytest.mark.parametrize("scores", SCORES)
def test_every_rule_of_ties_as_written_out_in_numpy(scores):
    golden = dict(LAMBDARANK["policy_matrix_reference_numpy"][scores])
    compared = 0
    for gain in ("linear", "exp"):
        switches = {"gain": gain.replace("exp", "exp2")}
        ends = golden.pop(f"ndcg@10/{gain}/random_50_seeds_min_max", None)
        if ends:  # what 50 random orders gave
            found = judge("ndcg@10", scores, **switches)
            assert found.pessimistic - 1e-12 <= ends[0] <= found.value <= ends[1] <= found.optimistic + 1e-12
    for key, value in golden.items():
        name, gain, rule = key.split("/")
        order = slice(None, None, -1 if rule == "reverse_input_order" else 1)
        found = metrics.evaluate(
            RELEVANCE[order],
            SCORES[scores][order],
            metric=name,
            query=QUERY[order],
            gain=gain.replace("exp", "exp2"),
            ties=rule.removeprefix("reverse_").removesuffix("_order"),
        )
        assert found.value == pytest.approx(value, abs=1e-12), key
        compared += 1
    assert compared == 10
    if scores == "scores":
        found = judge("ndcg@10", scores, gain="exp2", ties="input").per_query
        assert found.tolist() == pytest.approx(LAMBDARANK["per_query_ndcg10_exp_input_order"], abs=1e-12)


def test_the_example_holds_what_is_said_of_it():
    found = judge("ndcg@10", "scores_tied")
    assert found.n_queries == LAMBDARANK["n_queries"] == 50
    assert found.n_empty == LAMBDARANK["queries_without_relevant"]
    assert found.n_single == LAMBDARANK["single_doc_queries"]
    assert found.n_tied > 0.3 * found.n_queries
    tied = {}
    for name, score in SCORES.items():
        pairs = Counter(zip(QUERY, score, strict=True))
        tied[name] = sum(count for count in pairs.values() if count > 1)
    assert tied["scores"] == 8  # which ranx leaves in their order
    assert tied["scores_tied"] > 0.5 * len(QUERY)
    assert set(LAMBDARANK) == {
        *("versions", "note", "expected", "policy_matrix_reference_numpy", "per_query_ndcg10_exp_input_order"),
        *(*SCORES, "n_queries", "queries_without_relevant", "single_doc_queries"),
    }


# ---------------------------------------------------------------- tiny inputs


def tiny(case):
    queries = TINY[case]["queries"]
    name = [name for name, each in queries.items() for _ in each["scores"]]
    rows = {
        key: np.array([x for each in queries.values() for x in each[key]], dtype=float) for key in ("scores", "labels")
    }
    document = [f"d{i + 1}" for each in queries.values() for i in range(len(each["scores"]))]
    return rows["labels"], rows["scores"], name, document


def tiny_value(case, library, theirs, **switches):
    """Our evaluation of a library's number."""
    labels, scores, query, document = tiny(case)
    name, _, cutoff = theirs.removesuffix("-").partition("@")
    if library in ("trec_eval", "pytrec_eval"):
        name, cutoff, switches["document"] = ours(theirs), "", document
    elif library == "xgboost":
        name, cutoff = name.replace("pre", "precision"), cutoff or "32"
        switches |= {"empty": "zero"} if theirs.endswith("-") else {}
    elif library == "sklearn":
        cutoff = TINY[case]["k"]
    elif "burges" in name:
        name, switches["gain"] = name.removesuffix("_burges"), "exp2"
    return metrics.evaluate(
        labels,
        scores,
        metric=f"{name}@{cutoff}" if cutoff else name,
        query=query,
        preset=library.replace("py", "").removesuffix("_eval"),
        **switches,
    )


def several(case):
    """Which queries have more than one document: scikit-learn refuses the others."""
    return [len(each["scores"]) > 1 for each in TINY[case]["queries"].values()]


def average_precision(case):
    """scikit-learn's, of each query's labels; without a relevant document it is 0 there."""
    queries = TINY[case]["queries"].values()
    areas = [metrics.pr_auc(np.array(each["labels"]) > 0, each["scores"]) for each in queries]
    return np.nan_to_num(areas).mean()


def tiny_numbers():
    for case, golden in TINY.items():
        for library, values in golden.get("observed", {}).items() if "queries" in golden else ():
            for theirs, value in values.items() if isinstance(values, dict) else [("ndcg", values)]:
                yield case, library, theirs, value


def why_not(case, theirs, value):
    """Why a number of a tiny input is not compared."""
    if "is_binary" in str(value):
        return "binary"
    return "ties" if theirs == "ndcg_ignore_ties" and case.startswith("B_") else None


@pytest.mark.filterwarnings("ignore:all scores are equal:ctcore.errors.FindingWarning")
def test_every_library_on_tiny_inputs():
    """Also with ties for ranx: on lists as short as these its sort keeps the order of the rows."""
    compared, refused, not_compared = 0, 0, Counter()
    for case, library, theirs, value in tiny_numbers():
        where = (case, library, theirs)
        if reason := why_not(case, theirs, value):
            not_compared[reason] += 1
        elif case.startswith("F_"):  # a NaN score is a number to most of them, to us an error
            with pytest.raises(ArgumentError, match="NaN in row"):
                tiny_value(case, library, "ndcg")
            refused += 1
        elif isinstance(value, str):
            if "more than 1 document" in value:
                continue  # scikit-learn
            with pytest.raises(ArgumentError, match="at least 0"):  # what the library refuses, so do we
                tiny_value(case, library, "ndcg" if theirs == "err" else theirs)
            refused += 1
        elif library == "pytrec_eval":
            for measure, of_query in value.items():
                found = tiny_value(case, library, measure).per_query[list(TINY[case]["queries"]).index(theirs)]
                assert found == pytest.approx(of_query, abs=1e-12), (*where, measure)
                compared += 1
        elif theirs == "ap":
            assert average_precision(case) == pytest.approx(value, abs=SIX), where
            compared += 1
        else:
            ties = {"ties": "input"} if theirs == "ndcg_ignore_ties" else {}
            found = tiny_value(case, library, theirs.removesuffix("_ignore_ties"), **ties)
            found = found.value if library != "sklearn" else found.per_query[several(case)].mean()
            assert found == pytest.approx(value, abs=ROUNDING if library == "trec_eval" else SIX), where
            compared += 1
    assert not_compared.keys() <= NOT_COMPARED.keys()
    assert (compared, refused, not_compared["binary"], not_compared["ties"]) == (238, 25, 14, 2)


def test_lightgbms_gains_are_those_of_the_last_model():
    golden = TINY["K_lightgbm_label_gain_is_process_global"]
    alone, after, other = golden["observed"].values()
    for gain, value in (([0, 1, 3], alone), ([0, 1, 100], other)):
        found = metrics.ndcg(golden["labels"], golden["scores"], k=golden["k"], gain=gain, ties="input")
        assert found == pytest.approx(value, abs=1e-12)
    assert after > 1  # of the model whose gains are [0, 1, 3]: not ours to repeat


@pytest.mark.parametrize("weights", [[1, 1], [0.5, 0.5], [2, 2], [2, 0.1]])
def test_weights_keep_what_lightgbm_and_xgboost_break(weights):
    """A query without relevant documents counts with its weight: NDCG stays in [0, 1], the rest equals theirs."""
    case, one = "I_query_weights_k3", 0.6934264036  # NDCG of the first query; the second has no gain
    golden = TINY[case]["observed_by_weights"][str([float(w) for w in weights])]
    compared = 0
    for library, values in golden.items():
        for theirs, value in values.items():
            found = tiny_value(case, library, theirs, weight=weights).value
            if theirs == "ndcg@3":
                assert found == pytest.approx((weights[0] * one + weights[1]) / sum(weights), abs=1e-9)
                if not isinstance(value, str):  # theirs: the second query unweighted
                    assert value == pytest.approx((weights[0] * one + 1) / sum(weights), abs=SIX)
            else:
                assert found == pytest.approx(value, abs=SIX), (library, theirs)
                compared += 1
    assert compared == 4
    of_rows = tiny_value(case, "lightgbm", "ndcg@3", weight=np.repeat(weights, 3))
    assert of_rows.value == tiny_value(case, "lightgbm", "ndcg@3", weight=weights).value
