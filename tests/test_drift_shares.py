"""Missing, NaN, infinite and out-of-range shares: drift of their own."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ctcore import drift
from ctcore.verdict import Verdict


def judged(reference, current, **options):
    """The checks of one column of numbers, by what they are of."""
    column = drift.compare(pa.table({"x": reference}), pa.table({"x": current}), **options).columns[0]
    return {check.id.removeprefix("drift.x."): check for check in column.checks}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_null_nan_and_infinite_are_three_things(rng):
    """A twentieth of the rows becomes NaN where it was null: as many are missing, and something moved."""
    values = rng.normal(size=10_000)
    before = pa.array(values, mask=np.arange(10_000) % 20 == 0)
    after = np.where(np.arange(10_000) % 20 == 0, np.nan, rng.normal(size=10_000))
    found = judged(before, after)
    assert (found["missing"].verdict, found["nan"].verdict) == (Verdict.PASS, Verdict.FAIL)
    assert found["nan"].message == "x: the NaN share went from 0.00% to 5.00%, more than 1.00%"
    assert "infinite" not in found  # neither side has any: nothing to be said
    after = np.where(np.isnan(after), -np.inf, after)
    assert judged(before, after)["infinite"].verdict is Verdict.FAIL
    assert judged(np.full(9, np.inf), np.full(9, np.nan)).keys() == {"missing", "nan", "infinite", "distribution"}


def test_numbers_outside_of_the_range_are_drift(rng):
    reference = rng.uniform(size=5_000)
    current = rng.uniform(size=5_000)
    current[:100] = 1.1
    found = judged(reference, current)["out_of_range"]
    assert (found.verdict, found.value, found.threshold) == (Verdict.FAIL, pytest.approx(0.02, abs=2e-3), 0.01)
    assert found.message.startswith("x: the out-of-range share went from 0.00% to 2.")
    below = judged(reference, current - 0.15)["out_of_range"]
    assert below.value == pytest.approx(0.147, abs=0.01)
    wide = judged(reference, current, tolerances=drift.Tolerances(out_of_range_share=0.1))["out_of_range"]
    assert wide.verdict is Verdict.PASS
    one = np.append(rng.uniform(size=4_999), 1e9)  # one absurd value is no share
    assert judged(reference, one)["out_of_range"].verdict is Verdict.PASS


def test_another_sample_lies_beyond_the_range_by_nature(rng):
    """Two in ``n + 1`` values do, whatever the distribution: that is no drift, and few rows cannot tell."""
    verdicts = {size: [] for size in (100, 400, 2_000)}
    for size, found in verdicts.items():
        for _ in range(100):
            sides = np.exp(3 * rng.normal(size=(2, size)))
            found.append(judged(*sides)["out_of_range"].verdict)
    assert [found.count(Verdict.FAIL) for found in verdicts.values()] == [0, 0, 0]
    assert verdicts[100].count(Verdict.PASS) == 0
    assert verdicts[2_000].count(Verdict.PASS) >= 99
    few = judged(rng.normal(size=100), rng.normal(size=100))["out_of_range"]
    assert few.verdict is Verdict.INSUFFICIENT
    assert "if nothing moved, about 1,100 rows a side would show it" in few.message


def test_what_would_show_it_does(rng):
    passed = sum(judged(*rng.normal(size=(2, 1_100)))["out_of_range"].verdict is Verdict.PASS for _ in range(200))
    assert 170 <= passed <= 196  # nine in ten


def test_the_range_is_that_of_the_cells(rng):
    """Days counted like a reference lie outside of its range, not of their own."""
    reference = drift.profile({"x": rng.uniform(size=5_000)})
    january = drift.profile({"x": rng.uniform(0.0, 1.25, size=5_000)}, like=reference)
    february = drift.profile({"x": rng.uniform(0.0, 1.25, size=5_000)}, like=reference)
    moved = drift.compare(reference, february).columns[0]
    still = drift.compare(january, february).columns[0]
    shares = [check for column in (moved, still) for check in column.checks if check.id == "drift.x.out_of_range"]
    assert [check.verdict for check in shares] == [Verdict.FAIL, Verdict.INSUFFICIENT]
    assert shares[0].value == pytest.approx(0.2, abs=0.02)
    assert shares[1].value == pytest.approx(0.0, abs=0.02)


def test_a_day_of_storm_is_one_day(rng):
    """By rows a tenth of the values lies outside; by days it is one day of ten, and others may come."""

    def dated(first, days, storms=()):
        when = np.repeat([date(2024, 1, 1) + timedelta(days=first + day) for day in range(days)], 200)
        values = rng.uniform(size=len(when))
        for day in storms:
            values[200 * day : 200 * (day + 1)] += 2
        return pa.table({"when": pa.array(when), "x": values})

    def verdict(reference, current, **options):
        checks = drift.compare(reference, current, columns=["x"], **options).columns[0].checks
        return next(check.verdict for check in checks if check.id == "drift.x.out_of_range")

    before, after = dated(0, 20), dated(20, 10, storms=[4])
    assert verdict(before, after) is Verdict.FAIL
    assert verdict(before, after, time_column="when") is Verdict.INSUFFICIENT
    assert verdict(before, dated(20, 10), time_column="when") is Verdict.PASS
    assert verdict(before, dated(20, 10, storms=range(10)), time_column="when") is Verdict.FAIL
    # Where a day of the reference stormed, another storm lies within its range, but not within that of its other days.
    days = drift._days.Days.of(dated(0, 20, storms=[3]), after, "when", drift.profile(before))
    assert days.out_of_range("x")[3] == 200
    assert days.out_of_range("x").sum() <= 202
    # So two rows in a hundred, every day, are new to a calm reference, and may not be to one that has stormed once.
    steady = dated(20, 10)
    steady = steady.set_column(1, "x", pa.array(steady["x"].to_numpy() + 5.0 * (np.arange(2_000) % 50 == 0)))
    assert verdict(before, steady, time_column="when") is Verdict.FAIL
    assert verdict(dated(0, 20, storms=[3]), steady, time_column="when") is Verdict.INSUFFICIENT


def test_a_clock_lies_outside_by_nature():
    def hours(first):
        moments = np.datetime64("2024-01-01", "s") + np.arange(first, first + 2_000) * np.timedelta64(3600, "s")
        return pa.array(moments)

    column = drift.compare(pa.table({"x": hours(0), "y": [0] * 2_000}), pa.table({"x": hours(2_000), "y": [0] * 2_000}))
    assert [check.id for check in column.columns[0].checks] == ["drift.x.missing", "drift.x.psi"]
    named = drift.compare(pa.table({"x": hours(0)}), pa.table({"x": hours(2_000)}), columns=["x"]).columns[0]
    assert [check.verdict for check in named.checks[1:]] == [Verdict.FAIL, Verdict.FAIL]
