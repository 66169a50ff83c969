"""Columns of a pandas frame, of any of its kinds of types, are the numbers and ids that they hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ctcore import metrics
from ctcore.errors import ArgumentError

ROWS = 240


def frame():
    """Forty queries whose rows lie apart, with many equal scores."""
    rng = np.random.default_rng(0)
    query = rng.permutation(np.repeat(np.arange(40), ROWS // 40))
    grade = rng.integers(0, 4, ROWS)
    return pd.DataFrame(
        {
            "grade": grade,
            "score": np.round(grade + rng.normal(0, 2, ROWS)),
            "production": np.round(grade + rng.normal(0, 3, ROWS)),
            "query": query,
            "day": query % 8,
            "weight": rng.uniform(0.5, 2, ROWS),
            "document": [f"d{row:03d}" for row in rng.permutation(ROWS)],
        }
    )


def names(values):
    """Ids that order as the numbers do."""
    return [f"q{value:02d}" for value in values]


KINDS = {
    "numpy": lambda each: each,
    "another index": lambda each: each.set_axis(np.arange(ROWS)[::-1]),
    "float32": lambda each: each.astype({"score": "float32", "production": "float32", "grade": "int8"}),
    "nullable": lambda each: each.convert_dtypes(),
    "nullable, small": lambda each: each.astype({"score": "Float32", "production": "Float32", "grade": "UInt8"}),
    "nullable float grades": lambda each: each.astype({"grade": "Float64", "query": "Int32", "weight": "Float64"}),
    "Arrow": lambda each: each.convert_dtypes(dtype_backend="pyarrow"),
    "strings": lambda each: each.assign(query=names(each["query"])),
    "strings of Arrow": lambda each: each.assign(query=pd.array(names(each["query"]), dtype="string[pyarrow]")),
    "strings of objects": lambda each: each.assign(query=pd.Series(names(each["query"]), dtype=object)),
    "categories": lambda each: each.assign(query=pd.Categorical(names(each["query"]))),
    "times": lambda each: each.assign(query=pd.Timestamp("2024-01-01") + pd.to_timedelta(each["query"], unit="D")),
}


def judged(rows):
    """Everything that takes rows of queries, and of two classes and numbers."""
    grade, score, query = rows["grade"], rows["score"], rows["query"]
    weights = {"weight": rows["weight"], "item_weight": rows["weight"]}
    several = metrics.evaluate(grade, score, query=query, metrics=["ndcg@3", "map", "mrr", "err", "gauc"])
    slices = {"late": rows["day"] > 3}
    compared = metrics.compare(
        grade, score, rows["production"], metric="ndcg@3", query=query, cluster=rows["day"], slices=slices
    )
    return {
        "ndcg": metrics.ndcg(grade, score, query=query),
        "weights": metrics.ndcg(grade, score, query=query, k=3, **weights),
        "group": metrics.ndcg(grade, score, group=pd.Series([ROWS // 40] * 40)),
        "documents": metrics.evaluate(
            grade, score, query=query, document=rows["document"], preset="trec", metric="map"
        ).value,
        "float32": metrics.evaluate(grade, score, query=query, preset="xgboost", metric="ndcg@3").value,
        "several": {name: each.value for name, each in several.items()},
        "table": several.table()["ndcg@3"].to_pylist(),
        "kendall": metrics.kendall(score, rows["production"], query=query),
        "compare": (compared.gain, compared.lower, compared.upper, compared.n_clusters),
        "slices": [each.gain for each in compared.slices.values()],
        "roc_auc": metrics.roc_auc(grade > 1, score, weight=rows["weight"]),
        "confusion": metrics.confusion(grade > 1, score, threshold=1, weight=rows["weight"]).mcc,
        "mae": metrics.mae(grade, score, weight=rows["weight"]),
        "r2": metrics.r2(grade, score),
        "off_policy": metrics.off_policy(grade, rows["weight"] / 2).snips,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_every_kind_are_the_numbers_that_they_hold(kind):
    whole = frame()
    arrays = {name: whole[name].to_numpy() for name in whole}
    assert judged(KINDS[kind](whole)) == judged(arrays)


@pytest.mark.parametrize("kind", ["numpy", "nullable", "Arrow"])
@pytest.mark.parametrize(("column", "argument"), [("grade", "relevance"), ("score", "score"), ("weight", "weight")])
def test_what_is_missing_is_an_error_that_names_the_argument(kind, column, argument):
    rows = KINDS[kind](frame())
    rows[column] = rows[column].astype("float64" if kind == "numpy" else rows[column].dtype)
    rows.loc[7, column] = None
    for groups in ({"query": rows["query"]}, {"group": [ROWS // 40] * 40}):
        with pytest.raises(ArgumentError, match=f"{argument}: "):
            metrics.ndcg(rows["grade"], rows["score"], weight=rows["weight"], **groups)


@pytest.mark.parametrize("kind", ["numpy", "nullable", "Arrow", "strings", "strings of objects", "categories", "times"])
def test_a_query_without_an_id_is_an_error(kind):
    rows = KINDS[kind](frame())
    rows["query"] = rows["query"].astype("float64" if kind == "numpy" else rows["query"].dtype)
    rows.loc[7, "query"] = None
    with pytest.raises(ArgumentError, match=r"query: .*row 7"):
        metrics.ndcg(rows["grade"], rows["score"], query=rows["query"])


@pytest.mark.parametrize("type_", ["bool", "boolean", "bool[pyarrow]"])
def test_booleans_are_grades(type_):
    rows = frame()
    relevant = (rows["grade"] > 1).astype(type_)
    expected = metrics.ndcg((rows["grade"] > 1).to_numpy().astype(int), rows["score"].to_numpy(), query=rows["query"])
    assert metrics.ndcg(relevant, rows["score"], query=rows["query"]) == expected


def test_the_table_has_the_ids_of_the_frame():
    rows = KINDS["strings"](frame())
    found = metrics.evaluate(rows["grade"], rows["score"], query=rows["query"], metrics=["ndcg"]).table()
    assert found["query"].to_pylist() == rows["query"].drop_duplicates().tolist()
