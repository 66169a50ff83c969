"""The verdict: selectable statistics, what undecided answers say, days as the unit, what changed in words."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from ctcore import _core, drift
from ctcore.drift import Tolerances
from ctcore.drift._tolerances import CATEGORIES, NUMBERS
from ctcore.errors import ArgumentError, ColumnTypeError, DataError
from ctcore.verdict import Verdict

ROWS = 10_000


def numbers(shift=0.0, seed=0):
    return pa.table({"x": np.random.default_rng(seed).normal(shift, size=ROWS)})


def categories(moved=0.0, seed=0):
    shares = np.full(10, 0.1) * np.exp(moved * np.linspace(-1, 1, 10))
    return pa.table({"c": np.random.default_rng(seed).choice(list("abcdefghij"), ROWS, p=shares / shares.sum())})


@pytest.mark.parametrize("statistic", NUMBERS)
def test_every_statistic_of_numbers_decides(statistic):
    tolerances = Tolerances(numbers=statistic)
    for shift, verdict in ((0.0, Verdict.PASS), (0.5, Verdict.FAIL)):
        column = drift.compare(numbers(), numbers(shift, seed=1), tolerances=tolerances).columns[0]
        assert (column.primary, column.decision.verdict) == (statistic, verdict), column.decision.message
        assert column.decision.threshold == getattr(tolerances, statistic)
    few = drift.compare(numbers().slice(0, 40), numbers(seed=1).slice(0, 40), tolerances=tolerances).columns[0]
    assert few.decision.verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize("statistic", CATEGORIES)
def test_every_statistic_of_categories_decides(statistic):
    tolerances = Tolerances(categories=statistic)
    for moved, verdict in ((0.0, Verdict.PASS), (1.0, Verdict.FAIL)):
        column = drift.compare(categories(), categories(moved, seed=1), tolerances=tolerances).columns[0]
        assert (column.primary, column.decision.verdict) == (statistic, verdict), column.decision.message


@pytest.mark.parametrize("statistic", NUMBERS)
def test_default_tolerances_are_one_shift(statistic):
    """A shift of a normal by 0.2 standard deviations has the default tolerance in every statistic."""
    n = 400_000
    before = stats.norm.ppf((np.arange(n) + 0.5) / n)
    tolerances = Tolerances(numbers=statistic)
    found = drift.compare(pa.table({"x": before}), pa.table({"x": before + 0.2}), tolerances=tolerances).columns[0]
    assert found.decision.value == pytest.approx(getattr(tolerances, statistic), rel=0.06)


def test_a_column_has_its_own_statistic_and_tolerance():
    both = pa.table({"x": numbers()["x"], "y": numbers()["x"]})
    moved = pa.table({"x": numbers(0.3, seed=1)["x"], "y": numbers(0.3, seed=1)["x"]})
    own = Tolerances(statistics={"y": "ks"}, columns={"y": 0.3})
    x, y = drift.compare(both, moved, tolerances=own).columns
    assert (x.primary, x.decision.verdict) == ("psi", Verdict.FAIL)
    assert (y.primary, y.decision.threshold, y.decision.verdict) == ("ks", 0.3, Verdict.PASS)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"numbers": "chi2"}, "no statistic 'chi2'; choose one of psi, ks"),
        ({"statistics": {"x": "kss"}}, 'did you mean "ks"'),
        ({"columns": {"x": 0.0}}, "x: a tolerance is a number above 0, found 0.0"),
        ({"psi": float("nan")}, "psi: a tolerance"),
    ],
)
def test_wrong_tolerances_are_said(options, says):
    with pytest.raises(ArgumentError, match=says):
        Tolerances(**options)


def test_a_statistic_of_the_other_kind_is_said():
    with pytest.raises(ArgumentError, match="c holds categories, which ks does not judge"):
        drift.compare(categories(), categories(), tolerances=Tolerances(statistics={"c": "ks"}))


@pytest.mark.parametrize("statistic", NUMBERS)
def test_what_would_be_enough_is_enough(statistic):
    """The rows that an undecided answer asks for do pass nine times in ten, and not many fewer would do."""
    tolerances = Tolerances(numbers=statistic)
    rng = np.random.default_rng(0)
    tolerance = getattr(tolerances, statistic)
    if statistic in ("ks", "auc", "wasserstein"):
        needed = _core.ranks_against(statistic, rng.normal(size=500), rng.normal(size=500), tolerance)[4]
    else:
        needed = _core.cells_against(statistic, [50] * 10, [50] * 10, tolerance)[4]

    def passes(rows):
        hits = 0
        for _ in range(60):
            sides = (pa.table({"x": rng.normal(size=round(rows))}) for _ in range(2))
            hits += drift.compare(*sides, tolerances=tolerances).columns[0].decision.verdict is Verdict.PASS
        return hits / 60

    assert passes(needed) > 0.8
    assert passes(needed / 3) < 0.8


def test_an_undecided_answer_says_what_would_decide():
    column = drift.compare(numbers().slice(0, 60), numbers(seed=1).slice(0, 60)).columns[0]
    assert column.decision.verdict is Verdict.INSUFFICIENT
    assert "nine times in ten; if nothing moved, about" in column.decision.message
    assert "rows a side would show it" in column.decision.message
    missing = column.checks[0]
    assert missing.verdict is Verdict.INSUFFICIENT
    assert "about 480 rows a side would show it" in missing.message


def test_the_false_discovery_rate_softens_a_fail_and_says_both_p():
    rng = np.random.default_rng(0)
    n = 3_000
    reference = pa.table({f"x{i}": rng.normal(size=n) for i in range(40)})
    current = pa.table({f"x{i}": rng.normal(0.2 if i == 0 else 0.0, size=n) for i in range(40)})
    alone = drift.compare(reference, current, columns=["x0"]).columns[0]
    among = drift.compare(reference, current).columns[0]
    assert (alone.verdict, among.verdict) == (Verdict.FAIL, Verdict.WARN)
    assert f"p {alone.p_value:.2g}, {alone.p_value * 40:.2g} after the false discovery rate" in among.decision.message


def test_what_a_model_does_not_use_leaves_nothing_open():
    reference = pa.table({"x": numbers()["x"], "s": pa.array([{"a": 1}] * ROWS)})
    current = pa.table({"x": numbers(seed=1)["x"], "s": reference["s"]})
    assert drift.compare(reference, current).verdict is Verdict.NOT_RUN
    used = drift.compare(reference, current, importance={"x": 1.0})
    assert used.verdict is Verdict.PASS


def test_words_say_what_changed():
    before = pa.table({"pay": ["cash"] * 31 + ["card"] * 69, "x": [1.0, 2.0] * 50})
    after = pa.table({"pay": ["cash"] * 12 + ["card"] * 88, "x": [1.0, 9.0] * 50})
    pay, x = drift.compare(before, after).columns
    assert pay.words == "'cash' 31% -> 12%, 'card' 69% -> 88%"
    assert x.words.startswith("mean 1.5 -> 5")
    assert x.words.endswith("maximum 9 (reference 2)")
    assert [(cell.name, cell.reference) for cell in pay.distribution] == [("'card'", 0.69), ("'cash'", 0.31)]
    times = pa.table({"t": [datetime(2024, 1, 1), datetime(2024, 1, 3)] * 50})
    assert "mean 2024-01-02 ->" in drift.compare(times, times.slice(0, 50)).columns[0].words


# ---------------------------------------------------------------------------------------------- days


def dated(first, days, *, shift=0.0, spread=0.0, rows=200, seed=0):
    """A table of days, each with a shift of its own."""
    rng = np.random.default_rng(seed)
    start = date(2024, 1, 1) + timedelta(days=first)
    values = shift + rng.normal(size=(days, rows)) + rng.normal(0, spread, (days, 1))
    when = np.repeat([start + timedelta(days=day) for day in range(days)], rows)
    kinds = rng.choice(["a", "b", "c"], days * rows)
    return pa.table({"when": pa.array(when), "x": values.ravel(), "c": kinds})


def test_days_are_the_unit_and_rows_stand_beside():
    reference, current = dated(0, 20, spread=0.4), dated(20, 20, spread=0.4, seed=5)
    x = drift.compare(reference, current, time_column="when").columns[0]
    alone = x.if_rows_were_independent
    assert x.decision.upper - x.decision.lower > 2 * (alone.upper - alone.lower)
    assert x.decision.n == 20
    assert alone.n == 4_000
    assert "days" in x.decision.message or x.decision.verdict is Verdict.PASS


@pytest.mark.parametrize("statistic", NUMBERS)
def test_every_statistic_decides_by_days(statistic):
    tolerances = Tolerances(numbers=statistic)
    for shift, verdict in ((0.0, Verdict.PASS), (1.0, Verdict.FAIL)):
        report = drift.compare(
            dated(0, 30), dated(30, 30, shift=shift, seed=1), time_column="when", tolerances=tolerances
        )
        assert [column.name for column in report.columns] == ["x", "c"]
        assert report.columns[0].decision.verdict is verdict, report.columns[0].decision.message
        assert report.columns[1].decision.verdict is Verdict.PASS
        assert (report.reference_days, report.current_days) == (30, 30)


def test_a_shared_day_is_refused():
    with pytest.raises(ArgumentError, match=r"2024-01-10 and 4 more days are in the reference too"):
        drift.compare(dated(0, 14), dated(9, 14), time_column="when")


def test_few_days_say_so():
    column = drift.compare(dated(0, 20), dated(20, 3, shift=2.0), time_column="when").columns[0]
    assert column.decision.verdict is Verdict.INSUFFICIENT
    assert "5 days a side are needed" in column.decision.message
    assert column.if_rows_were_independent.verdict is Verdict.FAIL


def test_rows_a_day_are_judged_with_a_time_column_only():
    report = drift.compare(dated(0, 10), dated(10, 10, rows=500, seed=1), time_column="when")
    rows = next(check for check in report.checks if check.id == "drift.rows")
    assert (rows.verdict, rows.required, rows.value) == (Verdict.WARN, False, pytest.approx(1.5))
    assert "drift.rows" not in {check.id for check in drift.compare(dated(0, 10), dated(10, 10)).checks}


def test_a_time_column_that_tells_no_day_is_said():
    table = dated(0, 6)
    with pytest.raises(ColumnTypeError, match="must hold dates or time stamps"):
        drift.compare(table, table, time_column="x")
    with pytest.raises(ArgumentError, match="no column 'day'"):
        drift.compare(table, table, time_column="day")
    with pytest.raises(ArgumentError, match="reference: a profile or stream has lost its days"):
        drift.compare(drift.profile(table), table, time_column="when")
    holes = pa.table({"when": pa.array([None, *table["when"].to_pylist()[1:]]), "x": table["x"]})
    with pytest.raises(DataError, match="1 rows of when have no time"):
        drift.compare(table, holes, time_column="when")


def test_a_day_is_that_of_the_wall_clock():
    moments = pa.array([datetime(2024, 1, 1, 2)] * 3, pa.timestamp("us", "UTC"))
    local = pa.chunked_array([moments.cast(pa.timestamp("us", "America/New_York"))])
    found = drift._days.days_of(pa.table({"t": local}), "t")
    assert list(found) == [date(2023, 12, 31)]
