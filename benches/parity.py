"""The matrix of docs/metrics.md: the largest difference from each peer over random inputs.

``make parity-metrics``, or ``OMP_NUM_THREADS=1 python benches/parity.py [INPUTS]`` with the dependency groups ``test``
and ``parity``; a few inputs are a test, without XGBoost and ranx.
Inputs hold ties (at least 30% of all rows that are compared), queries without relevant documents, queries of one
document and, where the peer keeps its own promises with them, weights. What no peer has is compared with its
definition, written out here in NumPy (column ``numpy``).
"""

from __future__ import annotations

import math
import sys
import warnings
from collections import defaultdict
from functools import cache
from importlib.metadata import version
from itertools import permutations, product

import lightgbm as lgb
import numpy as np
import pytrec_eval
from scipy.special import expit
from scipy.stats import kendalltau
from sklearn import metrics as sk

from ctcore import _core, metrics

PEERS = {
    "trec": "pytrec-eval-terrier",
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost-cpu",
    "ranx": "ranx",
    "scipy": "scipy",
    "numpy": "numpy",
}
APART = 1e-6
"""More than single precision explains."""
ORDERS = 120
"""Equal scores of a query are compared by all orders that they allow where there are at most so many."""
BATCH = 100
"""ranx makes its tables of so many inputs at once."""
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
            found["sklearn", "gauc, weighted"].append(
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
                found["sklearn", name + ", weighted"].append(abs(mine - theirs))
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
            found["sklearn", mine.__name__ + ", weighted"].append(abs(expected - value) / max(1, abs(expected)))


def scipy(grades, scores, sizes, found):
    ours, ends = _core.kendall(grades.astype(float), scores, sizes), np.cumsum(sizes)
    for q, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        expected = kendalltau(grades[start:end], scores[start:end]).statistic
        assert np.isnan(expected) == np.isnan(ours[q])
        if not np.isnan(expected):
            found["scipy", "kendall"].append(abs(expected - ours[q]))


def two_classes(grades, scores):
    """Classes and the margins of a logistic model, none of them at the threshold."""
    return (grades > 1).astype(int), scores - 2.5


def lightgbm_values(objective, names, labels, scores, *, sizes=None, weight=None):
    data = lgb.Dataset(
        np.arange(len(labels), dtype=float)[:, None],
        labels,
        group=sizes,
        weight=weight,
        init_score=scores,
        params={"verbose": -1, "min_data_in_bin": 1, "min_data_in_leaf": 1, "num_threads": 1},
    )
    parameters = {"objective": objective, "metric": list(names), "eval_at": [5], "alpha": 0.5, "verbose": -1}
    booster = lgb.Booster({**parameters, "num_leaves": 2, "num_threads": 1}, data)
    return {name: value for _, name, value, _ in booster.eval_train()}


def lightgbm(grades, scores, sizes, weight, found):
    classes, margin = two_classes(grades, scores)
    for weights in (None, weight.astype(np.float32).astype(float)):  # it keeps weights in single precision
        of_rows = None if weights is None else np.repeat(weights, sizes)
        case = "" if weights is None else ", weighted"

        def differ(mine, theirs, expected, case=case):
            found["lightgbm", mine + case].append(abs(theirs - expected) / max(1, abs(theirs)))

        theirs = lightgbm_values("none", ["ndcg", "map"], grades, scores, sizes=sizes, weight=of_rows)
        ours = metrics.evaluate(
            grades, scores, metrics=["ndcg@5", "map@5"], group=sizes, weight=weights, preset="lightgbm"
        )
        for name, evaluation in ours.items():
            if weights is not None and evaluation.n_empty and name == "ndcg@5":
                continue  # there LightGBM leaves [0, 1]
            differ(name.split("@")[0], theirs[name], evaluation.value)
        if 0 < classes.sum() < len(classes):
            names = ["auc", "average_precision", "binary_logloss", "binary_error"]
            theirs = lightgbm_values("binary", names, classes, margin, weight=of_rows)
            differ("roc_auc", theirs["auc"], metrics.roc_auc(classes, margin, weight=of_rows))
            differ("pr_auc", theirs["average_precision"], metrics.pr_auc(classes, margin, weight=of_rows))
            differ("log_loss", theirs["binary_logloss"], metrics.log_loss(classes, expit(margin), weight=of_rows))
            confusion = metrics.confusion(classes, margin, threshold=0, weight=of_rows)
            differ("accuracy", 1 - theirs["binary_error"], confusion.accuracy)
        losses = {"l1": metrics.mae, "l2": metrics.mse, "rmse": metrics.rmse, "quantile": metrics.quantile_loss}
        theirs = lightgbm_values("none", losses, grades + 0.5, scores, weight=of_rows)
        for name, loss in losses.items():
            differ(loss.__name__, theirs[name], loss(grades + 0.5, scores, weight=of_rows))


@cache
def booster(objective, names):
    """A model without trees: it predicts the margins that it is given."""
    import xgboost as xgb  # noqa: PLC0415 - of the group parity

    one = xgb.DMatrix(np.zeros((1, 1)), [0])
    one.set_group([1])
    made = xgb.Booster({"objective": objective, "eval_metric": list(names), "nthread": 1}, [one])
    made.eval_set([(one, "x")])  # tells it the number of columns
    return made


def xgboost_values(objective, names, labels, scores, *, sizes=None, weight=None):
    import xgboost as xgb  # noqa: PLC0415 - of the group parity

    data = xgb.DMatrix(np.zeros((len(labels), 1)), labels, base_margin=scores, weight=weight, nthread=1)
    if sizes is not None:
        data.set_group(sizes)
    text = booster(objective, tuple(names)).eval_set([(data, "x")])
    return {part.split(":")[0][2:]: float(part.split(":")[1]) for part in text.split()[1:]}


def xgboost(grades, scores, sizes, weight, found):
    binary, (classes, margin) = (grades > 0).astype(int), two_classes(grades, scores)
    for weights in (None, weight):
        of_rows = None if weights is None else np.repeat(weights, sizes)
        case = "" if weights is None else ", weighted"

        def differ(mine, theirs, expected, case=case):
            found["xgboost", mine + case].append(abs(theirs - expected) / max(1, abs(theirs)))

        for labels, names in ((grades, {"ndcg@5": "ndcg@5"}), (binary, {"map@5": "map@5", "pre@5": "precision@5"})):
            called = {name: name + "-" if weights is not None and name != "pre@5" else name for name in names}
            theirs = xgboost_values("rank:ndcg", called.values(), labels, scores, sizes=sizes, weight=weights)
            for name, mine in names.items():
                empty = {"empty": "zero"} if called[name].endswith("-") else {}
                ours = metrics.evaluate(
                    labels, scores, metric=mine, group=sizes, weight=weights, preset="xgboost", **empty
                )
                differ(mine.split("@")[0], theirs[called[name]], ours.value)
        if 0 < classes.sum() < len(classes):
            theirs = xgboost_values("binary:logistic", ["auc", "logloss", "error"], classes, margin, weight=of_rows)
            differ("roc_auc", theirs["auc"], metrics.roc_auc(classes, margin, weight=of_rows))
            differ("log_loss", theirs["logloss"], metrics.log_loss(classes, expit(margin), weight=of_rows))
            confusion = metrics.confusion(classes, margin, threshold=0, weight=of_rows)
            differ("accuracy", 1 - theirs["error"], confusion.accuracy)
        losses = {"mae": metrics.mae, "rmse": metrics.rmse, "mape": metrics.mape}
        theirs = xgboost_values("reg:squarederror", losses, grades + 0.5, scores, weight=of_rows)
        for name, loss in losses.items():
            differ(name, theirs[name], loss(grades + 0.5, scores, weight=of_rows))


RANX = {
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


def ranx(inputs, found):
    """The queries of several inputs; for RBP, which ranx multiplies by the grade, with grades of 0 and 1.

    Gives the number of rows: ranx sorts unstably, so it is compared where no scores are equal."""
    from ranx import Qrels, Run, evaluate  # noqa: PLC0415 - of the group parity

    grades, scores, sizes = (np.concatenate([each[i] for each in inputs]) for i in range(3))
    query = np.char.zfill(np.repeat(np.arange(len(sizes)), sizes).astype(str), 6)  # ranx sorts by id
    for names, labels in ((RANX, grades), ({"rbp.80": "rbp"}, (grades > 0).astype(int))):
        qrels, run = defaultdict(dict), defaultdict(dict)
        for row, (q, label, score) in enumerate(zip(query.tolist(), labels, scores, strict=True)):
            qrels[q][f"d{row}"], run[q][f"d{row}"] = int(label), float(score)
        theirs = evaluate(Qrels(dict(qrels)), Run(dict(run)), list(names), return_mean=False)
        theirs = theirs if isinstance(theirs, dict) else dict.fromkeys(names, theirs)
        ours = metrics.evaluate(labels, scores, metrics=list(names.values()), group=sizes, preset="ranx")
        for name, mine in names.items():
            found["ranx", mine.split("@")[0]].append(np.abs(theirs[name] - ours[mine].per_query).max())
    return len(grades)


def written_out(grades):
    """RBP and ERR of lists in their order, one list a row: Moffat and Zobel 2008; Chapelle and others 2009."""
    place = np.arange(1, grades.shape[1] + 1)
    rbp = (1 - 0.8) * ((grades >= 1) * 0.8 ** (place - 1)).sum(axis=1)
    satisfied = (2.0**grades - 1) / 2**4
    reached = np.cumprod(1 - satisfied, axis=1) / (1 - satisfied)
    return {"rbp": rbp, "err": (satisfied * reached / place).sum(axis=1)}


def numpy(grades, scores, sizes, found):
    """The order of the rows for every query; the mean over all orders where equal scores allow few of them."""
    given, mean = (
        metrics.evaluate(grades, scores, metrics=["rbp", "err"], group=sizes, ties=ties)
        for ties in ("input", "average")
    )
    for q, end in enumerate(np.cumsum(sizes)):
        of, score = grades[end - sizes[q] : end], scores[end - sizes[q] : end]
        by_score = written_out(of[np.argsort(-score, kind="stable")][None])
        blocks = [np.flatnonzero(score == value) for value in np.unique(score)[::-1]]
        averaged = {}
        if math.prod(math.factorial(len(block)) for block in blocks) <= ORDERS:
            orders = product(*(permutations(block) for block in blocks))
            averaged = written_out(of[[[row for block in order for row in block] for order in orders]])
        for name in by_score:
            found["numpy", name].append(abs(by_score[name][0] - given[name].per_query[q]))
            if averaged:
                found["numpy", name + ", mean of orders"].append(abs(averaged[name].mean() - mean[name].per_query[q]))


def table(found):
    names = dict.fromkeys(name for _, name in found)
    largest = {key: np.max(differences) for key, differences in found.items()}
    bare = [name.split(",")[0] for name in names]
    yield "| metric | " + " | ".join(f"{peer} {version(package)}" for peer, package in PEERS.items()) + " |"
    yield "|---" * (len(PEERS) + 1) + "|"
    for name in sorted(names, key=lambda name: (bare.index(name.split(",")[0]), name)):
        cells = (largest.get((peer, name), "") for peer in PEERS)
        cells = (f"{each:.0e}".replace("0e+00", "0") if each != "" else "" for each in cells)
        yield f"| {name} | " + " | ".join(cells) + " |"


def main(inputs):
    warnings.filterwarnings("ignore")
    found, compared = defaultdict(list), {peer: np.zeros(2, dtype=int) for peer in PEERS}
    rng, untied, done = np.random.default_rng(0), [], 0
    try:
        while done < inputs:
            grades, scores, sizes, query, weight = random_input(rng)
            trec(grades, scores, query, found)
            scikit_learn(grades, scores, sizes, weight, found)
            scipy(grades, scores, sizes, found)
            lightgbm(grades, scores, sizes, weight, found)
            xgboost(grades, scores, sizes, weight, found)
            numpy(grades, scores, sizes, found)
            for peer in PEERS.keys() - {"ranx"}:
                compared[peer] += len(grades), tied_rows(scores, query)
            untied.append(random_input(rng, tied=False))
            done += 1
            if len(untied) == BATCH or done == inputs:
                compared["ranx"] += ranx(untied, found), 0
                untied = []
    except KeyboardInterrupt:
        print(f"stopped after {done:,} inputs", file=sys.stderr)
    rows, tied = sum(compared.values())
    assert tied > 0.3 * rows, compared
    print(f"{done:,} inputs; {rows:,} rows compared with all peers, {tied / rows:.0%} of them tied in their query\n")
    print("\n".join(table(found)))
    apart = {key: np.max(each) for key, each in found.items() if not np.max(each) < APART}
    assert not apart, apart


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
