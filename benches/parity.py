"""The matrix of docs/metrics.md: the largest difference from each peer over random inputs. Opt in: it takes minutes.

``python benches/parity.py [INPUTS]``. Inputs hold ties (at least 30% of the rows), queries without relevant documents,
queries of one document and, where the peer keeps its own promises with them, weights. Needs pytrec_eval-terrier,
scikit-learn, lightgbm and, where installed, xgboost and ranx.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytrec_eval
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from ctcore import metrics

warnings.filterwarnings("ignore")
TREC = {
    "ndcg": "ndcg",
    "ndcg_cut_5": "ndcg@5",
    "map": "map",
    "map_cut_5": "map@5",
    "recip_rank": "mrr",
    "P_5": "precision@5",
    "recall_5": "recall@5",
    "success_5": "success@5",
    "Rprec": "r_precision",
    "bpref": "bpref",
}


def random_input(rng, *, tied=True):
    """Grades, scores, sizes and query weights; every seventh query holds nothing relevant."""
    sizes = rng.integers(1, 13, rng.integers(2, 9))
    rows = sizes.sum()
    query = np.repeat(np.arange(len(sizes)), sizes)
    grades = np.where(query % 7 == 3, 0, rng.integers(0, 4, rows))
    scores = rng.integers(0, 6, rows).astype(float) if tied else rng.permutation(rows).astype(float)
    return grades, scores, sizes, query, rng.uniform(0.1, 3, len(sizes))


def tied_rows(scores, query):
    pairs = np.stack([query, scores])
    _, inverse, counts = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    return np.count_nonzero(counts[inverse.ravel()] > 1)


def trec(grades, scores, query, found):
    documents = np.array([f"d{row:03d}" for row in range(len(grades))])
    qrels, run = defaultdict(dict), defaultdict(dict)
    for q, document, grade, score in zip(query, documents, grades, scores, strict=True):
        qrels[str(q)][document], run[str(q)][document] = int(grade), float(score)
    theirs = pytrec_eval.RelevanceEvaluator(qrels, SUPPORTED)
    theirs = theirs.evaluate(run)
    ours = metrics.evaluate(grades, scores, metrics=list(TREC.values()), query=query, document=documents, preset="trec")
    for name, mine in TREC.items():
        expected = np.array([theirs[str(q)][name] for q in np.unique(query)])
        found["trec", mine.split("@")[0]].append(np.abs(expected - ours[mine].per_query).max())


SUPPORTED = {"ndcg", "ndcg_cut", "map", "map_cut", "recip_rank", "P", "recall", "success", "Rprec", "bpref"}


def scikit_learn(grades, scores, sizes, weight, found):
    ours = metrics.evaluate(grades, scores, metrics=["ndcg@5", "gauc"], group=sizes, weight=weight, preset="sklearn")
    ends = np.cumsum(sizes)
    values = np.full(len(sizes), np.nan)
    for q, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        if end - start > 1:  # scikit-learn refuses a single document
            values[q] = ndcg_score([grades[start:end]], [scores[start:end]], k=5)
            classes = grades[start:end] > 0
            if 0 < classes.sum() < len(classes):
                expected = roc_auc_score(classes, scores[start:end])
                found["sklearn", "gauc"].append(abs(expected - ours["gauc"].per_query[q]))
    several = ~np.isnan(values)
    found["sklearn", "ndcg"].append(np.abs(values - ours["ndcg@5"].per_query)[several].max(initial=0))
    classes, rows = grades > 0, np.repeat(weight, sizes)
    if 0 < classes.sum() < len(classes):
        for mine, theirs in ((metrics.roc_auc, roc_auc_score), (metrics.pr_auc, average_precision_score)):
            expected = theirs(classes, scores, sample_weight=rows)
            found["sklearn", mine.__name__].append(abs(expected - mine(classes, scores, weight=rows)))


def lightgbm_values(grades, scores, sizes):
    import lightgbm as lgb  # noqa: PLC0415 - optional

    data = lgb.Dataset(
        np.arange(len(grades), dtype=float)[:, None],
        grades,
        group=sizes,
        init_score=scores,
        params={"verbose": -1, "min_data_in_bin": 1, "min_data_in_leaf": 1},
    )
    parameters = {"objective": "lambdarank", "metric": ["ndcg", "map"], "eval_at": [5], "verbose": -1}
    booster = lgb.Booster({**parameters, "num_leaves": 2, "num_threads": 1}, data)
    return {name: value for _, name, value, _ in booster.eval_train()}


def lightgbm(grades, scores, sizes, found):
    theirs = lightgbm_values(grades, scores, sizes)
    ours = metrics.evaluate(grades, scores, metrics=["ndcg@5", "map@5"], group=sizes, preset="lightgbm")
    for name, evaluation in ours.items():
        found["lightgbm", name.split("@")[0]].append(abs(theirs[name] - evaluation.value))


def xgboost(grades, scores, sizes, weight, found):
    import xgboost as xgb  # noqa: PLC0415 - optional

    binary = (grades > 0).astype(int)
    for labels, names in ((grades, {"ndcg@5": "ndcg@5"}), (binary, {"map@5": "map@5", "pre@5": "precision@5"})):
        for weights in (None, weight):
            theirs_name = {name: name + "-" if weights is not None and name != "pre@5" else name for name in names}
            data = xgb.DMatrix(np.zeros((len(labels), 1)), labels, base_margin=scores, weight=weights)
            data.set_group(sizes)
            parameters = {"objective": "rank:ndcg", "eval_metric": list(theirs_name.values()), "nthread": 1}
            text = xgb.Booster(parameters, [data]).eval_set([(data, "x")])
            theirs = {part.split(":")[0][2:]: float(part.split(":")[1]) for part in text.split()[1:]}
            for name, mine in names.items():
                empty = {"empty": "zero"} if theirs_name[name].endswith("-") else {}
                ours = metrics.evaluate(
                    labels, scores, metric=mine, group=sizes, weight=weights, preset="xgboost", **empty
                )
                found["xgboost", mine.split("@")[0]].append(abs(theirs[theirs_name[name]] - ours.value))


def ranx(grades, scores, query, found):
    from ranx import Qrels, Run, evaluate  # noqa: PLC0415 - optional

    names = {
        "ndcg@5": "ndcg@5",
        "map@5": "map@5",
        "mrr": "mrr",
        "precision@5": "precision@5",
        "recall@5": "recall@5",
        "f1@5": "f1@5",
        "hit_rate@5": "hit_rate@5",
        "r-precision": "r_precision",
    }
    qrels, run = defaultdict(dict), defaultdict(dict)
    for row, (q, grade, score) in enumerate(zip(query, grades, scores, strict=True)):
        qrels[str(q)][f"d{row}"], run[str(q)][f"d{row}"] = int(grade), float(score)
    theirs = evaluate(Qrels(dict(qrels)), Run(dict(run)), list(names))
    ours = metrics.evaluate(grades, scores, metrics=list(names.values()), query=query, preset="ranx")
    for name, mine in names.items():
        found["ranx", mine.split("@")[0]].append(abs(theirs[name] - ours[mine].value))


def main(inputs):
    found, tied, rows = defaultdict(list), 0, 0
    available = {}
    for name, package in [
        ("trec", "pytrec-eval-terrier"),
        ("sklearn", "scikit-learn"),
        ("lightgbm", "lightgbm"),
        ("xgboost", "xgboost-cpu"),
        ("ranx", "ranx"),
    ]:
        try:
            available[name] = version(package)
        except PackageNotFoundError:
            print(f"{package} is not installed: not compared", file=sys.stderr)
    rng = np.random.default_rng(0)
    for _ in range(inputs):
        grades, scores, sizes, query, weight = random_input(rng)
        tied, rows = tied + tied_rows(scores, query), rows + len(grades)
        trec(grades, scores, query, found)
        scikit_learn(grades, scores, sizes, weight, found)
        if "lightgbm" in available:
            lightgbm(grades, scores, sizes, found)
        if "xgboost" in available:
            xgboost(grades, scores, sizes, weight, found)
        if "ranx" in available:
            grades, scores, _, query, _ = random_input(rng, tied=False)
            ranx(grades, scores, query, found)
    assert tied > 0.3 * rows, (tied, rows)
    print(f"{inputs:,} inputs, {rows:,} rows, {tied / rows:.0%} of them tied in their query\n")
    names = list(dict.fromkeys(name for _, name in found))
    print("| metric | " + " | ".join(f"{name} {number}" for name, number in available.items()) + " |")
    print("|---" * (len(available) + 1) + "|")
    for name in names:
        cells = [f"{max(found[preset, name]):.0e}" if found[preset, name] else "" for preset in available]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
