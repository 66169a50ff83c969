"""Rolling sums: judged on days whose windows do not overlap."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import ctcore
from ctcore import drift
from ctcore.drift._spans import apart
from ctcore.errors import ArgumentError
from ctcore.verdict import Verdict

WEEK = timedelta(days=7)
START = date(2024, 1, 1)


def dated(first, days, *, rows=100, shift=0.0, seed=0):
    """Days with shocks of their own; ``trips_7d`` is moved by those of seven days, ``trips`` by that of its own."""
    rng = np.random.default_rng([seed, first])
    shocks = rng.normal(size=days + 6)
    week = np.convolve(shocks, np.ones(7), "valid") / np.sqrt(7)
    when = np.repeat([START + timedelta(days=first + day) for day in range(days)], rows)
    level = np.repeat(week, rows), np.repeat(shocks[6:], rows)
    sums, trips = (shift + each + rng.normal(size=days * rows) for each in level)
    return pa.table({"day": pa.array(when), "trips_7d": sums, "trips": trips})


def days_kept(table):
    return sorted((day - START).days for day in set(table["day"].to_pylist()))


def test_kept_days_are_a_span_apart_on_both_sides():
    before, after = apart(dated(0, 40), dated(40, 36), "day", WEEK)
    assert days_kept(after) == [40, 47, 54, 61, 68, 75]
    assert days_kept(before) == [0, 7, 14, 21, 28]  # 35 is five days before the first current one
    assert (before.num_rows, after.num_rows) == (500, 600)
    none, kept = apart(dated(35, 5), dated(40, 1), "day", WEEK)
    assert (none.num_rows, kept.num_rows) == (0, 100)
    # The reference may also lie on both sides of current data.
    around = pa.concat_tables([dated(0, 10), dated(20, 10)])
    before, after = apart(around, dated(10, 10), "day", WEEK)
    assert (days_kept(before), days_kept(after)) == ([0, 24], [10, 17])


def test_moments_of_a_day_reach_as_far_as_they_do():
    """Where rows lie at all hours, the first of a day must be a week after the last of the day kept before."""
    hours = [datetime(2024, 1, 1) + timedelta(hours=6 * step) for step in range(4 * 30)]
    table = pa.table({"day": hours, "x": np.arange(120.0)})
    current, reference = table.slice(60), table.slice(0, 60)
    _, kept = apart(reference, current, "day", WEEK)
    assert sorted({moment.day for moment in kept["day"].to_pylist()}) == [16, 24]


def test_rolling_sums_are_judged_on_days_apart():
    reference, current = dated(0, 60), dated(60, 40, shift=6.0)
    report = drift.compare(reference, current, time_column="day", spans={"trips_7d": "7d"})
    columns = {column.name: column for column in report.columns}
    sums, trips = columns["trips_7d"], columns["trips"]
    assert sums.verdict is Verdict.FAIL
    assert (sums.decision.n, trips.decision.n) == (6, 40)
    used = "(on 8 and 6 days 7 days apart, 800 and 600 rows: windows of nearer days overlap)"
    assert all(check.message.endswith(used) for check in sums.checks)
    assert sums.words.endswith("; on 8 and 6 days 7 days apart")
    assert "apart" not in trips.decision.message
    assert (report.reference_days, report.current_days) == (60, 40)


def test_few_days_apart_are_no_evidence():
    sums = drift.compare(
        dated(0, 60), dated(60, 28, shift=6.0), time_column="day", columns=["trips_7d"], spans={"trips_7d": WEEK}
    ).columns[0]
    assert sums.decision.verdict is Verdict.INSUFFICIENT
    assert "4 say too little of others; 5 days a side are needed at least (on" in sums.decision.message
    near = drift.compare(dated(0, 6), dated(6, 28), time_column="day", spans={"trips_7d": WEEK}).columns[0]
    assert near.verdict is Verdict.INSUFFICIENT
    assert "no day of the reference lies 7 days from those of current data" in near.words


def test_overlapping_windows_alarm_where_nothing_moved():
    """Days that share six of seven shocks are not seven times the evidence."""
    failed = {"overlapping": 0, "apart": 0}
    for seed in range(15):
        sides = dated(0, 42, seed=seed), dated(42, 42, seed=seed)
        for name, spans in (("overlapping", {}), ("apart", {"trips_7d": "7d"})):
            found = drift.compare(*sides, time_column="day", columns=["trips_7d"], spans=spans).columns[0]
            failed[name] += found.decision.verdict is Verdict.FAIL
    assert failed["apart"] <= 1
    assert failed["overlapping"] >= 4


def test_a_column_that_is_not_there_or_no_time_is_said():
    both = dated(0, 10), dated(10, 10)
    with pytest.raises(ArgumentError, match="spans: what lies apart is told by the time"):
        drift.compare(*both, spans={"trips_7d": "7d"})
    with pytest.raises(ArgumentError, match="no column 'trips_7'; did you mean \"trips_7d\""):
        drift.compare(*both, time_column="day", spans={"trips_7": "7d"})
    with pytest.raises(ArgumentError, match="longer than nothing, found '0d'"):
        drift.compare(*both, time_column="day", spans={"trips_7d": "0d"})
    gone = drift.compare(both[0], both[1].drop_columns(["trips_7d"]), time_column="day", spans={"trips_7d": "7d"})
    assert gone.columns[0].verdict is Verdict.FAIL


# ---------------------------------------------------------------------------------------- over time


def test_spans_of_a_timeline_are_compared_on_days_apart():
    moved = pa.concat_tables([dated(60, 14, shift=0.0, rows=400), dated(74, 14, shift=6.0, rows=400)])
    found = drift.timeline(dated(0, 60, rows=400), moved, "day", every="14d", spans={"trips_7d": "7d"})
    first, second = (span.from_reference["trips_7d"] for span in found.spans)
    # 60 days of the reference keep the days 0, 7, ... 49; of a span its first day and the eighth.
    assert first.message.endswith("(on 8 and 2 days 7 days apart)")
    assert (first.n, second.n) == (800, 800)
    assert second.verdict is Verdict.FAIL
    assert found.spans[0].since_last == {}
    since = found.spans[1].since_last["trips_7d"]
    assert since.message.endswith("(on 2 and 2 days 7 days apart)")
    assert since.verdict is Verdict.FAIL
    assert "apart" not in found.spans[1].from_reference["trips"].message


def test_the_reference_teaches_by_days_apart():
    """What overlapping windows teach is too little: neighbours share their shocks."""
    reference, data = dated(0, 140, rows=400), dated(140, 42, rows=400)
    apart_, overlapping = (
        drift.timeline(reference, data, "day", every="7d", columns=["trips_7d"], spans=spans).learned["trips_7d"]
        for spans in ({"trips_7d": "7d"}, None)
    )
    kept = reference.filter(pc.is_in(reference["day"], pa.array([START + 7 * timedelta(days=i) for i in range(20)])))
    by_hand = drift.timeline(kept, data, "day", every="7d", columns=["trips_7d"]).learned["trips_7d"]
    assert apart_ == by_hand
    assert apart_ > overlapping


@pytest.mark.parametrize(
    ("reference", "every", "says"),
    [
        (
            dated(0, 60),
            "1d",
            "its windows of 7 days reach beyond spans of 1, so neighbours share days; make spans of 7",
        ),
        (drift.profile(dated(0, 60)), "7d", "a profile has lost its days; give the rows of the reference"),
    ],
)
def test_what_has_no_days_apart_is_not_run(reference, every, says):
    found = drift.timeline(reference, dated(60, 14), "day", every=every, spans={"trips_7d": "7d"})
    assert len(found.spans) > 1
    for span in found.spans:
        assert span.from_reference["trips_7d"].verdict is Verdict.NOT_RUN
        assert says in span.from_reference["trips_7d"].message
        assert span.from_reference["trips"].verdict is not Verdict.NOT_RUN
    assert says in found.not_run("trips_7d")
    assert found.not_run("trips") is None
    assert says in found.to_dict()["spans"][0]["from_reference"]["trips_7d"]["message"]
    assert "trips_7d" not in found.learned
    since = found.spans[1].since_last["trips_7d"]
    assert (since.verdict is Verdict.NOT_RUN) == (every == "1d")


def test_days_that_touch_leave_nothing_to_compare():
    """Rows at all hours: a week begins less than seven days after the last row of any day of the week before."""
    hours = [datetime(2024, 1, 1) + timedelta(hours=6 * step) for step in range(4 * 84)]
    table = pa.table({"day": hours, "x": np.arange(4.0 * 84)})
    found = drift.timeline(table.slice(0, 4 * 63), table.slice(4 * 63), "day", every="7d", spans={"x": "7d"})
    since = found.spans[1].since_last["x"]
    assert since.verdict is Verdict.INSUFFICIENT
    assert "no day of what it is compared with lies 7 days from those of this span" in since.message
    assert found.spans[1].from_reference["x"].value is not None
    longer = drift.timeline(table.slice(0, 4 * 63), table.slice(4 * 63), "day", every="8d", spans={"x": "7d"})
    assert longer.spans[1].since_last["x"].value is not None


def test_a_missing_column_of_a_timeline_is_said():
    found = drift.timeline(
        dated(0, 60), dated(60, 14).drop_columns(["trips_7d"]), "day", every="7d", spans={"trips_7d": "7d"}
    )
    assert found.spans[0].from_reference["trips_7d"].verdict is Verdict.FAIL
    with pytest.raises(ArgumentError, match="no column 'trips_7'; did you mean \"trips_7d\""):
        drift.timeline(dated(0, 60), dated(60, 14), "day", spans={"trips_7": "7d"})


def test_the_command_takes_spans(tmp_path):
    pq.write_table(dated(0, 60), tmp_path / "before.parquet")
    pq.write_table(dated(60, 40, shift=6.0), tmp_path / "after.parquet")

    files = ("check-drift", "before.parquet", "after.parquet")
    found = ctcore(*files, "--time-column", "day", "--span", "trips_7d=7d", "--columns", "trips_7d", cwd=tmp_path)
    assert found.returncode == 1, found.stderr
    assert "8 and 6 days" in re.sub(r"\s+", " ", found.stdout)
    spans = (*files, "--time-column", "day", "--span", "trips_7d=7d")
    over_time = ctcore(*spans, "--every", "1d", cwd=tmp_path)
    words = re.sub(r"\s+", " ", over_time.stdout)
    assert "reach beyond spans of 1, so neighbours share days" in words, over_time.stdout
    page = ctcore(*spans, "--every", "1d", "--format", "html", cwd=tmp_path).stdout
    assert "no timeline: trips_7d could not be compared: its windows of 7 days" in page
    weekly = ctcore(*spans, "--every", "7d", "--format", "json", cwd=tmp_path).stdout
    weeks = json.loads(weekly)["timeline"]["spans"]
    assert [week["from_reference"]["trips_7d"]["verdict"] for week in weeks[:5]] == ["fail"] * 5
    for arguments, said in (
        (["--span", "trips_7d=7d"], "--time-column"),
        (["--time-column", "day", "--span", "trips_7d"], "must be COLUMN=DURATION"),
        (["--time-column", "day", "--span", "trips_7d=weekly"], "a duration is a whole number and a unit"),
    ):
        found = ctcore(*files, *arguments, cwd=tmp_path)
        assert (found.returncode, found.stdout) == (2, "")
        assert said in found.stderr
