"""The matrix of docs/metrics.md: the largest difference from each peer over random inputs. Opt in: half an hour.

``python benches/parity.py [INPUTS]``. Inputs hold ties (at least 30% of the rows), queries without relevant documents,
queries of one document and, where the peer keeps its own promises with them, weights. Needs pytrec_eval-terrier,
scikit-learn, scipy, lightgbm and, where installed, xgboost-cpu and ranx.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import defaultdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the peers' threads would wait for each other

import numpy as np
import pytrec_eval
from scipy.stats import kendalltau
from sklearn import metrics as sk

from ctcore import _core, metrics

warnings.filterwarnings("ignore")
TREC = {
    "ndcg": "ndcg",
    "ndcg_cut_5": "ndcg@5",
    "map": "map",
    "map_cut_5": "map@5",
    "recip_rank": "mrr",
    "P_5": "precision@5",
    "recall_5": "recall@5",
    "set_F": "f1",
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


SUPPORTED = {"ndcg", "ndcg_cut", "map", "map_cut", "recip_rank", "P", "recall", "set_F", "success", "Rprec", "bpref"}


def scikit_learn(grades, scores, sizes, weight, found):
    names = ["ndcg@5", "dcg@5", "gauc"]
    ours = metrics.evaluate(grades, scores, metrics=names, group=sizes, weight=weight, preset="sklearn")
    several = sizes > 1  # scikit-learn refuses a single document
    ends, both = np.cumsum(sizes), np.zeros(len(sizes), dtype=bool)
    values = {name: np.full(len(sizes), np.nan) for name in names}
    for q in np.flatnonzero(several):
        rows = slice(ends[q] - sizes[q], ends[q])
        values["ndcg@5"][q] = sk.ndcg_score([grades[rows]], [scores[rows]], k=5)
        values["dcg@5"][q] = sk.dcg_score([grades[rows]], [scores[rows]], k=5)
        both[q] = 0 < np.count_nonzero(grades[rows]) < sizes[q]
        if both[q]:
            values["gauc"][q] = sk.roc_auc_score(grades[rows] > 0, scores[rows])
    for name in names:
        known = ~np.isnan(values[name])
        found["sklearn", name.split("@")[0]].append(np.abs(values[name] - ours[name].per_query)[known].max(initial=0))
        if name == "gauc" and known.any():  # the weighted mean, over the queries that have a value
            found["sklearn", "gauc"].append(
                abs(np.average(values[name][known], weights=weight[known]) - ours[name].value)
            )
    of_rows(grades, scores, np.repeat(weight, sizes), found)


def of_rows(grades, scores, weight, found):
    """Classification and regression, with weights."""
    classes, probability = (grades > 0).astype(int), (scores + 0.5) / 7
    rows = {"sample_weight": weight}
    if 0 < classes.sum() < len(classes):
        confusion = metrics.confusion(classes, probability, threshold=0.5, weight=weight)
        predicted = probability >= 0.5
        pairs = {
            "roc_auc": (metrics.roc_auc(classes, scores, weight=weight), sk.roc_auc_score(classes, scores, **rows)),
            "pr_auc": (
                metrics.pr_auc(classes, scores, weight=weight),
                sk.average_precision_score(classes, scores, **rows),
            ),
            "log_loss": (
                metrics.log_loss(classes, probability, weight=weight),
                sk.log_loss(classes, probability, **rows),
            ),
            "brier": (
                metrics.brier(classes, probability, weight=weight),
                sk.brier_score_loss(classes, probability, **rows),
            ),
            "accuracy": (confusion.accuracy, sk.accuracy_score(classes, predicted, **rows)),
            "balanced_accuracy": (confusion.balanced_accuracy, sk.balanced_accuracy_score(classes, predicted, **rows)),
            "mcc": (confusion.mcc, sk.matthews_corrcoef(classes, predicted, **rows)),
        }
        for name, (mine, theirs) in pairs.items():
            if not np.isnan(mine):
                found["sklearn", name].append(abs(mine - theirs))
    target = grades + 0.5
    for mine, theirs in (
        (metrics.mae, sk.mean_absolute_error),
        (metrics.mse, sk.mean_squared_error),
        (metrics.rmse, sk.root_mean_squared_error),
        (metrics.mape, sk.mean_absolute_percentage_error),
        (metrics.r2, sk.r2_score),
        (metrics.quantile_loss, sk.mean_pinball_loss),
    ):
        expected, value = theirs(target, scores, **rows), mine(target, scores, weight=weight)
        if not np.isnan(value):  # R2 of equal targets
            found["sklearn", mine.__name__].append(abs(expected - value) / max(1, abs(expected)))


def scipy(grades, scores, sizes, found):
    ours, ends = _core.kendall(grades.astype(float), scores, sizes), np.cumsum(sizes)
    for q, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        expected = kendalltau(grades[start:end], scores[start:end]).statistic
        assert np.isnan(expected) == np.isnan(ours[q])
        if not np.isnan(expected):
            found["scipy", "kendall"].append(abs(expected - ours[q]))


def lightgbm_values(grades, scores, sizes, weight):
    import lightgbm as lgb  # noqa: PLC0415 - optional

    data = lgb.Dataset(
        np.arange(len(grades), dtype=float)[:, None],
        grades,
        group=sizes,
        weight=None if weight is None else np.repeat(weight, sizes),
        init_score=scores,
        params={"verbose": -1, "min_data_in_bin": 1, "min_data_in_leaf": 1, "num_threads": 1},
    )
    parameters = {"objective": "lambdarank", "metric": ["ndcg", "map"], "eval_at": [5], "verbose": -1}
    booster = lgb.Booster({**parameters, "num_leaves": 2, "num_threads": 1}, data)
    return {name: value for _, name, value, _ in booster.eval_train()}


def lightgbm(grades, scores, sizes, weight, found):
    for weights in (None, weight.astype(np.float32).astype(float)):  # it keeps weights in single precision
        theirs = lightgbm_values(grades, scores, sizes, weights)
        ours = metrics.evaluate(
            grades, scores, metrics=["ndcg@5", "map@5"], group=sizes, weight=weights, preset="lightgbm"
        )
        for name, evaluation in ours.items():
            if weights is not None and evaluation.n_empty and name == "ndcg@5":
                continue  # there LightGBM leaves [0, 1]
            single = " f32 weights" if weights is not None else ""
            found["lightgbm", name.split("@")[0] + single].append(abs(theirs[name] - evaluation.value))


@cache
def booster(names):
    """A model without trees: it predicts the margins that it is given."""
    import xgboost as xgb  # noqa: PLC0415 - optional

    one = xgb.DMatrix(np.zeros((1, 1)), [0])
    one.set_group([1])
    made = xgb.Booster({"objective": "rank:ndcg", "eval_metric": list(names), "nthread": 1}, [one])
    made.eval_set([(one, "x")])  # tells it the number of columns
    return made


def xgboost(grades, scores, sizes, weight, found):
    import xgboost as xgb  # noqa: PLC0415 - optional

    binary = (grades > 0).astype(int)
    for labels, names in ((grades, {"ndcg@5": "ndcg@5"}), (binary, {"map@5": "map@5", "pre@5": "precision@5"})):
        for weights in (None, weight):
            theirs_name = {name: name + "-" if weights is not None and name != "pre@5" else name for name in names}
            data = xgb.DMatrix(np.zeros((len(labels), 1)), labels, base_margin=scores, weight=weights, nthread=1)
            data.set_group(sizes)
            text = booster(tuple(theirs_name.values())).eval_set([(data, "x")])
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
        "dcg@5": "dcg@5",
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
        ("scipy", "scipy"),
    ]:
        try:
            available[name] = version(package)
        except PackageNotFoundError:
            print(f"{package} is not installed: not compared", file=sys.stderr)
    rng = np.random.default_rng(0)
    done = 0
    try:
        while done < inputs:
            grades, scores, sizes, query, weight = random_input(rng)
            tied, rows = tied + tied_rows(scores, query), rows + len(grades)
            trec(grades, scores, query, found)
            scikit_learn(grades, scores, sizes, weight, found)
            scipy(grades, scores, sizes, found)
            if "lightgbm" in available:
                lightgbm(grades, scores, sizes, weight, found)
            if "xgboost" in available:
                xgboost(grades, scores, sizes, weight, found)
            if "ranx" in available:
                grades, scores, _, query, _ = random_input(rng, tied=False)
                ranx(grades, scores, query, found)
            done += 1
    except KeyboardInterrupt:
        print(f"stopped after {done:,} inputs", file=sys.stderr)
    assert tied > 0.3 * rows, (tied, rows)
    print(f"{done:,} inputs, {rows:,} rows, {tied / rows:.0%} of them tied in their query\n")
    names = list(dict.fromkeys(name for _, name in found))
    print("| metric | " + " | ".join(f"{name} {number}" for name, number in available.items()) + " |")
    print("|---" * (len(available) + 1) + "|")
    for name in names:
        cells = [f"{max(found[preset, name]):.0e}" if found[preset, name] else "" for preset in available]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
