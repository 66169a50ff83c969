"""Drift over time: spans, what the past teaches, seasons."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ctcore import drift
from ctcore.drift import Tolerances
from ctcore.errors import ArgumentError
from ctcore.verdict import Verdict


def days(first, number, *, mean=0.0, spread=0.0, rows=1_000, seed=0):
    rng = np.random.default_rng([seed, first])
    values = mean + rng.normal(size=(number, rows)) + rng.normal(0, spread, (number, 1))
    when = np.repeat([date(2024, 1, 1) + timedelta(days=first + day) for day in range(number)], rows)
    return pa.table({"when": pa.array(when), "x": values.ravel(), "c": rng.choice(["a", "b"], number * rows)})


def test_what_moved_from_training_and_what_moved_since_last_time():
    data = pa.concat_tables([days(20, 3, rows=2_000), days(23, 3, mean=1.0, rows=2_000)])
    found = drift.timeline(days(0, 20), data, "when")
    assert [span.start for span in found.spans] == [datetime(2024, 1, 21 + day) for day in range(6)]
    assert [span.rows for span in found.spans] == [2_000] * 6
    moved = [span.from_reference["x"].verdict is Verdict.FAIL for span in found.spans]
    assert moved == [False] * 3 + [True] * 3
    since = [span.since_last["x"].verdict is Verdict.FAIL for span in found.spans[1:]]
    assert since == [False, False, True, False, False]
    assert found.spans[0].since_last == {}
    assert all(span.from_reference["c"].verdict is Verdict.PASS for span in found.spans)


def test_the_days_of_the_reference_teach_what_days_do():
    found = drift.timeline(days(0, 40, spread=0.4), days(40, 40, spread=0.4), "when")
    assert found.learned.keys() == {"x"}
    assert found.learned["x"] > 0.1
    alarms = sum(span.from_reference["x"].verdict is Verdict.FAIL for span in found.spans)
    plain = drift.profile(days(0, 40, spread=0.4))
    rows = drift.timeline(plain, days(40, 40, spread=0.4), "when")
    assert rows.learned == {}
    assert alarms <= 4
    assert sum(span.from_reference["x"].verdict is Verdict.FAIL for span in rows.spans) > 15


def test_windows_of_the_past_widen_a_tolerance():
    reference = days(0, 30, spread=0.3)
    windows = [days(30 + 7 * week, 7, mean=0.5 * np.sin(week)) for week in range(12)]
    now = days(120, 7, mean=0.4)
    assert drift.compare(reference, now, columns=["x"]).columns[0].decision.verdict is Verdict.FAIL
    learned = drift.compare(reference, now, columns=["x"], history=windows).columns[0].decision
    assert learned.verdict is Verdict.PASS
    assert learned.threshold > 0.1
    four = drift.compare(reference, now, columns=["x"], history=windows[:4]).columns[0].decision
    assert four.threshold == Tolerances().psi


@pytest.mark.parametrize(("every", "spans"), [("1d", 4), ("12h", 8), ("2d", 2), ("1w", 1)])
def test_spans_have_the_length_that_is_asked_for(every, spans):
    when = [datetime(2024, 3, 1, 0, 30) + timedelta(hours=hour) for hour in range(96)]
    data = pa.table({"when": when[::-1], "x": np.arange(96.0)})
    found = drift.timeline(drift.profile(data), data, "when", every=every)
    assert len(found.spans) == spans
    assert found.spans[0].start == datetime(2024, 3, 1)
    assert sum(span.rows for span in found.spans) == 96
    assert found.to_dict()["spans"][0]["start"] == "2024-03-01T00:00:00"


def test_statistics_of_values_take_part():
    data = pa.concat_tables([days(20, 1), days(21, 1, mean=1.0)])
    found = drift.timeline(days(0, 20), data, "when", tolerances=Tolerances(numbers="ks"))
    assert [span.from_reference["x"].verdict for span in found.spans] == [Verdict.PASS, Verdict.FAIL]


def test_an_overlap_is_refused():
    with pytest.raises(ArgumentError, match="the reference has rows from 2024-01-06"):
        drift.timeline(days(0, 10), days(5, 10), "when")


def test_the_same_season():
    year = pa.table({"when": [date(2023, 1, 1) + timedelta(days=day) for day in range(365)]})
    july = pa.table({"when": [date(2024, 7, day) for day in (1, 2)]})
    months = drift.same_season(year, july, "when", by="month")["when"].to_pylist()
    assert {day.month for day in months} == {7}
    assert len(months) == 31
    weekdays = drift.same_season(year, july, "when")["when"].to_pylist()
    assert {day.weekday() for day in weekdays} == {0, 1}
    with pytest.raises(ArgumentError, match="no row of the months"):
        drift.same_season(july, pa.table({"when": [date(2024, 1, 1)]}), "when", by="month")
