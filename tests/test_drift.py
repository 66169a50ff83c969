"""Drift statistics against scipy and their definition; reports on awkward columns."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from ctcore import _core, drift
from ctcore.errors import ArgumentError, DataError
from ctcore.verdict import Verdict


def golden():
    """Quantiles of normals, without chance: the reference and a current sample moved and stretched."""
    reference = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    return reference, 0.25 + 1.2 * stats.norm.ppf((np.arange(1500) + 0.5) / 1500)


def test_ks_golden_vector():
    found = drift.ks(*golden())
    assert found.statistic == pytest.approx(0.11233333333333333, abs=1e-15)
    # The difference is attained at more than one value; the smallest is given.
    at = [np.mean(sample <= found.location) for sample in golden()]
    assert at[0] - at[1] == pytest.approx(found.statistic, abs=1e-15)
    assert found.location == pytest.approx(0.6768517817557146, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 9), (60, 61), (400, 300), (3000, 2900)])
def test_ks_equals_scipy(n, m):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=n), rng.normal(0.2, size=m)
    ours, theirs = drift.ks(a, b, method="exact"), stats.ks_2samp(a, b, method="exact")
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-15)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.location == theirs.statistic_location
    assert ours.sign == theirs.statistic_sign
    limit = drift.ks(a, b, method="asymptotic")
    expected = stats.kstwobign.sf(theirs.statistic * np.sqrt(n * m / (n + m)))
    assert limit.p_value == pytest.approx(expected, rel=1e-11)


def test_ks_with_ties_equals_scipy():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 10, 500), rng.integers(0, 9, 700)
    assert drift.ks(a, b).statistic == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-15)


@pytest.mark.parametrize("common", [1.0, 0.95])
@pytest.mark.parametrize("moved", [0.0, 0.5, 3.0, 1000.0])
def test_a_move_off_a_value_that_most_rows_hold_fails(common, moved):
    reference = pa.table({"flag": np.where(np.arange(1000) < 1000 * common, 1.0, 0.0)})
    report = drift.compare(reference, pa.table({"flag": np.full(1000, moved)}))
    assert report.verdict is Verdict.FAIL
    assert drift.compare(reference, reference).verdict is Verdict.PASS


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12))
def test_jensen_shannon_equals_scipy(counts):
    p, q = (list(side) for side in zip(*counts, strict=True))
    if not (sum(p) and sum(q)):
        return
    ours = _core.jensen_shannon(p, q)[0]
    # The root of a rounding error is no error of the divergence, so the squares are compared.
    assert ours**2 == pytest.approx(np.nan_to_num(distance.jensenshannon(p, q, base=2)) ** 2, abs=1e-12)


def test_psi_is_its_formula_on_frozen_cells():
    reference, current = golden()
    found = drift.psi(reference, current, smoothing="none")
    edges = [-np.inf, *np.sort(reference)[np.arange(1, 10) * 200 - 1], np.inf]
    p = np.histogram(reference, np.nextafter(edges, np.inf))[0] / 2000  # numpy's cells are closed on the left
    q = np.histogram(current, np.nextafter(edges, np.inf))[0] / 1500
    assert found.statistic == pytest.approx(np.sum((q - p) * np.log(q / p)), abs=1e-12)
    assert found.lower < found.statistic < found.upper


def test_profiles_of_days_merge_to_the_profile_of_all():
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.normal(size=900), "c": rng.choice(["a", "b", "c"], 900)})
    whole = drift.profile(table)
    days = [drift.profile(table.slice(start, 300), like=whole) for start in (0, 300, 600)]
    merged = days[0].merge(days[1]).merge(days[2])
    for name, exact in (("x", ["counts", "edges", "rows", "minimum"]), ("c", ["counts", "rest", "rows"])):
        for key in exact:
            assert merged.columns[name][key] == whole.columns[name][key]
    assert merged.columns["x"]["mean"] == pytest.approx(whole.columns["x"]["mean"], abs=1e-13)
    assert drift.Profile.from_dict(whole.to_dict()) == whole
    with pytest.raises(ArgumentError, match="same edges"):
        whole.merge(drift.profile(table.slice(0, 100)))
    with pytest.raises(DataError, match="format"):
        drift.Profile.from_dict({"kind": "profile", "format": 99})


def test_a_profile_decides_as_its_table_does():
    rng = np.random.default_rng(1)
    reference, current = pa.table({"x": rng.normal(size=5000)}), pa.table({"x": rng.normal(0.5, size=5000)})
    by_table = drift.compare(reference, current).columns[0]
    by_profile = drift.compare(drift.profile(reference), current).columns[0]
    assert by_table.checks == by_profile.checks
    assert by_table.statistics["ks"] > 0.15


def verdicts(reference, current, **options):
    return {column.name: column.verdict for column in drift.compare(reference, current, **options).columns}


def test_the_verdict_is_on_the_effect():
    rng = np.random.default_rng(2)
    base = rng.normal(size=20_000)
    table = pa.table({"x": base})
    assert verdicts(table, pa.table({"x": rng.normal(size=20_000)}))["x"] is Verdict.PASS
    assert verdicts(table, pa.table({"x": rng.normal(0.5, size=20_000)}))["x"] is Verdict.FAIL
    assert verdicts(table, pa.table({"x": rng.normal(size=30)}))["x"] is Verdict.INSUFFICIENT


def test_missing_values_are_drift_of_their_own():
    rng = np.random.default_rng(3)
    values = rng.normal(size=10_000)
    reference = pa.table({"x": values})
    holes = np.where(np.arange(10_000) % 10 < 6, np.nan, rng.normal(size=10_000))
    report = drift.compare(reference, pa.table({"x": holes}))
    missing = next(check for check in report.columns[0].checks if check.id == "drift.x.missing")
    assert missing.verdict is Verdict.FAIL
    assert missing.value == pytest.approx(0.6)


def test_a_new_category_is_named():
    reference = pa.table({"c": ["a"] * 500 + ["b"] * 500})
    report = drift.compare(reference, pa.table({"c": ["a"] * 500 + ["new"] * 500}))
    column = report.columns[0]
    assert column.verdict is Verdict.FAIL
    assert "'b' 50% -> 0%" in column.words
    unseen = next(check for check in column.checks if check.id == "drift.c.unseen")
    assert unseen.value == pytest.approx(0.5)


AWKWARD = {
    "all null": pa.nulls(50, pa.float64()),
    "constant": pa.array([7.0] * 50),
    "infinite only": pa.array([np.inf] * 50),
    "nan only": pa.array([np.nan] * 50),
    "time": pa.array([datetime(2024, 1, 1)] * 25 + [datetime(2024, 1, 2)] * 25),
    "date": pa.array([date(2024, 1, 1)] * 50),
    "boolean": pa.array([True, False] * 25),
    "decimal": pa.array([Decimal("1.50")] * 50),
    "dictionary": pa.array(["a", "b"] * 25).dictionary_encode(),
    "large string": pa.array(["a", None] * 25, pa.large_string()),
    "string view": pa.array(["a", None] * 25, pa.string_view()),
    "list": pa.array([[1.0, 2.0]] * 50),
    "struct": pa.array([{"a": 1}] * 50),
    "binary": pa.array([b"x"] * 50),
    "half": pa.array(np.arange(50, dtype=np.float16)),
    "unsigned": pa.array(np.arange(50, dtype=np.uint64)),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("other", ["itself", "plain numbers", "one row", "no row"])
def test_one_awkward_column_never_ends_a_report(name, other):
    column = AWKWARD[name]
    current = {
        "itself": column,
        "plain numbers": pa.array(np.arange(50.0)),
        "one row": column.slice(0, 1),
        "no row": column.slice(0, 0),
    }[other]
    good = pa.array(np.random.default_rng(0).normal(size=len(column)))
    report = drift.compare(
        pa.table({"good": good, name: column}), pa.table({"good": good.slice(0, len(current)), name: current})
    )
    assert [each.name for each in report.columns] == ["good", name]
    assert all(check.message for each in report.columns for check in each.checks)
    text = str(report.to_dict())
    assert "nan" not in text.replace("nan only", "").replace("drift..nan", "").replace("NaN", "")


def test_missing_and_new_columns_are_said():
    report = drift.compare(pa.table({"a": [1.0], "gone": [1.0]}), pa.table({"a": [1.0], "new": [1.0]}))
    found = {column.name: column for column in report.columns}
    assert found["gone"].verdict is Verdict.FAIL
    assert found["new"].checks[0].verdict is Verdict.WARN
    with pytest.raises(ArgumentError, match="no column in common"):
        drift.compare(pa.table({"a": [1.0]}), pa.table({"b": [1.0]}))
    with pytest.raises(ArgumentError, match="the reference has no column 'x'"):
        drift.compare(pa.table({"a": [1.0]}), pa.table({"a": [1.0]}), columns=["x"])


def test_strings_with_a_million_values_are_bounded():
    names = pa.array([f"n{index}" for index in range(100_000)])
    profile = drift.profile(pa.table({"c": names}))
    column = profile.columns["c"]
    assert len(column["counts"]) <= 1_000  # none of them is frequent
    assert sum(column["counts"].values()) + column["rest"] == 100_000
