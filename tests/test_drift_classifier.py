"""The domain classifier: what no single column shows, its p-value, which columns and rows carry it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from ctcore import drift
from ctcore.errors import ArgumentError, ColumnTypeError
from ctcore.verdict import Verdict


def pair(correlation, n=800, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n))
    return pa.table({"x": x, "y": correlation * x + np.sqrt(1 - correlation**2) * y, "noise": rng.normal(size=n)})


def test_what_goes_together_no_longer_is_found():
    before, after = pair(0.95), pair(0.0, seed=1)
    assert drift.compare(before, after).verdict is not Verdict.FAIL  # no column shows it
    found = drift.domain_classifier(before, after, permutations=19, folds=2)
    assert found.auc > 0.75
    assert found.p_value == 0.05
    assert list(found.importance)[-1] == "noise"
    assert sum(found.importance.values()) == pytest.approx(1)


def test_nothing_moved_is_nothing_found():
    p_values = [
        drift.domain_classifier(pair(0.5, 150, seed), pair(0.5, 150, 100 + seed), permutations=9, folds=2).p_value
        for seed in range(12)
    ]
    assert 0.3 < np.mean(p_values) < 0.75
    assert sum(p <= 0.1 for p in p_values) <= 4


def test_the_rows_that_are_unlike_the_reference():
    rng = np.random.default_rng(0)
    before = pa.table({"x": rng.normal(size=1000)})
    after = pa.table({"x": np.concatenate([rng.normal(size=900), rng.normal(6, size=100)])})
    found = drift.domain_classifier(before, after, permutations=0)
    assert len(found.likelihood) == 1000
    assert set(found.most_unlike(80)) <= set(range(900, 1000))
    assert np.isnan(found.p_value)
    again = drift.domain_classifier(before, after, permutations=0, threads=2)
    assert found.auc == again.auc


def test_embeddings_and_every_kind_of_column():
    rng = np.random.default_rng(0)

    def side(shift):
        vectors = rng.normal(size=(300, 8))
        vectors[:, 3] += shift
        return pa.table(
            {
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), 8),
                "list": pa.array([None, *vectors[1:].tolist()]),
                "word": pa.array(rng.choice(["a", "b", None], 300)).dictionary_encode(),
                "flag": pa.array(rng.random(300) < 0.5),
                "when": pa.array([datetime(2024, 1, 1)] * 300),
            }
        )

    found = drift.domain_classifier(side(0.0), side(2.0), permutations=0)
    assert found.auc > 0.85
    assert found.importance["vector"] + found.importance["list"] > 0.9


def test_what_cannot_be_is_said():
    table = pair(0.0, 100)
    with pytest.raises(ArgumentError, match="5 folds need 25 rows a side at least, found 100 and 10"):
        drift.domain_classifier(table, table.slice(0, 10))
    with pytest.raises(ArgumentError, match="'z' is not on both sides"):
        drift.domain_classifier(table, table, columns=["z"])
    uneven = pa.table({"v": [[1.0], [1.0, 2.0]] * 50})
    with pytest.raises(ColumnTypeError, match=r"lists must be of one length, found \[1, 2\]"):
        drift.domain_classifier(uneven, uneven)
    with pytest.raises(ColumnTypeError, match="nothing that trees split on"):
        drift.domain_classifier(pa.table({"s": [{"a": 1}] * 50}), pa.table({"s": [{"a": 1}] * 50}))
