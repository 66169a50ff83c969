"""Drills: bad batches of real flights, each stopped before anything is learned from it."""

from __future__ import annotations

import importlib.util
import shutil
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import ROOT
from ctcore import config, cycle, data, validate
from ctcore.verdict import Verdict

FOLDER = ROOT / "examples" / "flight-search"
ZONE = ZoneInfo("America/New_York")
AS_OF = datetime(2013, 4, 15, tzinfo=ZONE)
NEWEST = datetime(2013, 4, 8, tzinfo=ZONE)


@pytest.fixture(scope="module")
def project():
    return config.load(FOLDER)


@pytest.fixture(scope="module")
def flights():
    """The features of the flights up to AS_OF, and beside them `dep_delay`, which is known after the day alone."""
    table = pq.read_table(FOLDER / "data" / "flights.parquet")
    table = table.filter(pc.less(table["time_hour"], pa.scalar(AS_OF, table["time_hour"].type)))
    spec = importlib.util.spec_from_file_location("flight_features", FOLDER / "features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.features(table, AS_OF)
    module.USED["dep_delay"] = pa.float64()  # kept beside the columns that the project reads, in the order of its rows
    rows = module.complete_days(table, AS_OF)
    counts = module.schedule(rows)["flights"]
    return found.append_column("dep_delay", rows["dep_delay"].filter(pa.array(counts >= module.MIN_FLIGHTS)))


@pytest.fixture(scope="module")
def clean(project, flights):
    return judged(project, flights)


def judged(project, table, *, extra=(), previous=None):
    """What the cycle's step judges: the window, the holdout, and what production learned from."""
    policy, spans = project.settings.features, data.spans
    cut = spans(AS_OF, window=data.duration("90d"), holdout=data.duration("7d"), lookback=data.duration("0d"))
    return validate.leakage(
        data.between(table, "time", *cut.window),
        label=policy.label,
        features=(*policy.columns, *extra),
        categorical=policy.categorical,
        time=policy.time,
        query=policy.query,
        holdout=data.between(table, "time", *cut.holdout),
        previous=previous,
        now=AS_OF,
        zone="America/New_York",
    )


def alarms(report):
    return {check.id for check in report.checks if check.verdict is Verdict.FAIL}


def newest(table):
    return pc.greater_equal(table["time"], pa.scalar(NEWEST, table["time"].type)).to_numpy()


def put(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def test_clean_flights_raise_no_alarm(clean):
    assert clean.verdict is Verdict.PASS
    assert len(clean.features) == 26
    assert 0.55 < clean.features[0].auc < 0.62  # nothing that is known before the day tells much


def hidden(table, kind):
    delay = table["dep_delay"].to_numpy()
    if kind == "with noise":
        return delay + np.random.default_rng(0).normal(0, 15, len(delay))
    if kind == "in a product":
        return delay * table["distance"].to_numpy()
    return delay


@pytest.mark.parametrize("kind", ["itself", "with noise", "in a product"])
def test_the_delay_at_departure_is_stopped_under_any_name(project, flights, clean, kind):
    table = flights.append_column("taxi_score", pa.array(hidden(flights, kind)))
    report = judged(project, table, extra=["taxi_score"], previous=clean.to_dict())
    assert alarms(report) == {"leakage.since.taxi_score"}
    first = judged(project, table, extra=["taxi_score"])  # without a model to compare with it is worth a look
    assert not alarms(first)
    warned = {check.id for check in first.checks if check.verdict is Verdict.WARN}
    assert "leakage.predictive.taxi_score" in warned


def test_a_feature_that_becomes_the_delay_in_the_newest_week_is_stopped(project, flights, clean):
    values = np.where(newest(flights), flights["dep_delay"].to_numpy(), flights["padding"].to_numpy())
    report = judged(project, put(flights, "padding", values), previous=clean)
    assert "leakage.jump.padding" in alarms(report)
    whole = next(power for power in report.features if power.name == "padding").auc
    assert whole < 0.6  # the window hides it


def test_labels_inverted_in_one_week_are_stopped(project, flights, clean):
    grade = flights["grade"].to_numpy()
    table = put(flights, "grade", np.where(newest(flights), 4 - grade, grade).astype(np.int8))
    assert alarms(judged(project, table, previous=clean)) == {"leakage.relation"}


def test_times_shifted_by_five_hours_are_stopped(project, flights, clean):
    shift = np.where(newest(flights), 5 * 3_600_000_000, 0)
    times = flights["time"].cast(pa.int64()).to_numpy() + shift
    table = put(flights, "time", pa.array(times, pa.timestamp("us", "UTC")))
    table = table.filter(pc.less(table["time"], pa.scalar(AS_OF, table["time"].type)))  # as the snapshot does
    report = judged(project, table, previous=clean)
    assert "leakage.hours" in alarms(report)
    assert "+5 hours" in next(check.message for check in report.checks if check.id == "leakage.hours")


def test_constant_labels_are_stopped(project, flights, clean):
    late = pc.greater_equal(flights["time"], pa.scalar(datetime(2013, 4, 13, tzinfo=ZONE), flights["time"].type))
    grade = np.where(late.to_numpy(), 0, flights["grade"].to_numpy())  # the arrivals of two days were not recorded
    report = judged(project, put(flights, "grade", grade.astype(np.int8)), previous=clean)
    assert alarms(report) == {"leakage.label"}
    assert "2013-04-13" in next(check.message for check in report.checks if check.id == "leakage.label")


def test_kilometres_for_miles_are_stopped(project, flights, clean):
    distance = flights["distance"].to_numpy()
    table = put(flights, "distance", np.where(newest(flights), distance * 1.609344, distance))
    report = judged(project, table, previous=clean)
    assert alarms(report) == {"leakage.unit.distance"}
    found = next(check for check in report.checks if check.id == "leakage.unit.distance")
    assert found.value == pytest.approx(1.609, abs=0.05)


def test_an_outage_of_the_log_is_stopped(project, flights, clean):
    day = flights["day"].cast(pa.int32()).to_numpy() - np.datetime64("2013-04-10", "D").astype(int)
    rng = np.random.default_rng(0)
    lost = (day == 0) & (rng.random(len(day)) < 0.9)  # nine of ten rows of a Wednesday
    assert alarms(judged(project, flights.filter(pa.array(~lost)), previous=clean)) == {"leakage.rows"}
    end = judged(project, flights.filter(pa.array(day < 3)), previous=clean)  # the last two days are not there at all
    assert alarms(end) == {"leakage.rows"}
    name = "late_flight_28d"
    gone = np.where(day >= 0, np.nan, flights[name].to_numpy())
    assert alarms(judged(project, put(flights, name, gone), previous=clean)) == {f"leakage.outage.{name}"}


def test_rows_of_the_window_in_the_holdout_are_stopped(project, flights, clean):
    week = newest(flights)
    old = pc.and_(
        pc.greater_equal(flights["time"], pa.scalar(datetime(2013, 4, 1, tzinfo=ZONE), flights["time"].type)),
        pc.less(flights["time"], pa.scalar(NEWEST, flights["time"].type)),
    )
    again = flights.filter(old)
    times = pc.add(again["time"], pa.scalar(7 * 86_400_000_000, pa.duration("us")))
    queries = pc.binary_join_element_wise(again["query"], "again", "-")
    again = put(put(again, "time", times), "query", queries)
    report = judged(project, pa.concat_tables([flights.filter(pa.array(~week)), again]), previous=clean)
    assert "leakage.overlap" in alarms(report)


# ---------------------------------------------------------------- the same through whole runs


DAY = 86_400_000_000
LATE = "\n\ndef with_delay(table, as_of):\n    found = features(table, as_of)\n    USED['dep_delay'] = pa.float64()\n"
LATE += "    rows = complete_days(table, as_of)\n    kept = pa.array(schedule(rows)['flights'] >= MIN_FLIGHTS)\n"
LATE += "    return found.append_column('taxi_score', rows['dep_delay'].filter(kept))\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The flight example, its trees few, with a model of the week before that serves."""
    folder = tmp_path_factory.mktemp("flights")
    for name in ("contract.yaml", "features.py"):
        shutil.copy(FOLDER / name, folder / name)
    text = (FOLDER / "ctcore.toml").read_text().replace("num_iterations = 120", "num_iterations = 5")
    (folder / "ctcore.toml").write_text(text.replace("data/*.parquet", "flights.parquet"))
    raw = pq.read_table(FOLDER / "data" / "flights.parquet")
    raw = raw.filter(pc.less(raw["time_hour"], pa.scalar(AS_OF, raw["time_hour"].type)))
    pq.write_table(raw, folder / "flights.parquet")
    assert run(folder, NEWEST).outcome == "promoted"
    return folder


def run(folder, as_of=AS_OF):
    return cycle.run(config.load(folder), as_of=as_of, cause={"type": "manual"})


def last_days(raw, number):
    moment = pa.scalar(datetime(2013, 4, 15 - number, tzinfo=ZONE), raw["time_hour"].type)
    return pc.greater_equal(raw["time_hour"], moment).to_numpy()


def never_arrived(raw):
    """The arrivals of two days are those of flights five hours late."""
    late = np.where(last_days(raw, 2), 300.0, raw["arr_delay"].to_numpy())
    return raw.set_column(raw.column_names.index("arr_delay"), "arr_delay", pa.array(late, from_pandas=True))


def lost(raw):
    """Nine of ten rows of a Wednesday."""
    wednesday = last_days(raw, 5) & ~last_days(raw, 4)
    return raw.filter(pa.array(~(wednesday & (np.random.default_rng(0).random(raw.num_rows) < 0.9))))


def last_two_days_lost(raw):
    return raw.filter(pa.array(~last_days(raw, 2)))


def kilometres(raw):
    miles = raw["distance"].to_numpy()
    return put(raw, "distance", np.where(last_days(raw, 7), np.round(miles * 1.609344).astype(np.int64), miles))


def later(raw):
    ticks = raw["time_hour"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    moved = pa.array(ticks + np.where(last_days(raw, 7), 5 * DAY // 24, 0), pa.timestamp("us", "UTC"))
    return put(raw, "time_hour", moved.cast(raw["time_hour"].type))


@pytest.mark.parametrize(
    ("change", "stops_at", "check", "words"),
    [
        (None, "leakage", "leakage.since.taxi_score", "is new: the best of the last model's features"),
        (later, "leakage", "leakage.hours", "as if the clock were +5 hours off"),
        (never_arrived, "leakage", "leakage.label", "labels of 2013-04-13 are 0"),
        (lost, "leakage", "leakage.rows", "2013-04-10 has "),
        # What the contract knows stops before anything looks for leaks.
        (last_two_days_lost, "validate", "freshness", "hours old; 2 days, 0:00:00 allowed"),
        (kilometres, "validate", "distance.range", "lie below 1 or above 6000, none allowed"),
    ],
    ids=["the delay renamed", "five hours", "constant labels", "lost rows", "lost days", "kilometres"],
)
def test_a_bad_batch_of_flights_ends_the_run_and_leaves_production(served, tmp_path, change, stops_at, check, words):
    folder = shutil.copytree(served, tmp_path / "project")
    if change is None:
        (folder / "features.py").write_text((folder / "features.py").read_text() + LATE)
        text = (folder / "ctcore.toml").read_text().replace("features.py:features", "features.py:with_delay")
        (folder / "ctcore.toml").write_text(text.replace('"late_flight_28d",', '"late_flight_28d", "taxi_score",'))
    else:
        raw = change(pq.read_table(folder / "flights.parquet"))
        pq.write_table(raw, folder / "flights.parquet")
    report = run(folder)
    found = [each for each in report.checks if each.id == check]
    assert [each.verdict for each in found] == [Verdict.FAIL]
    assert words in found[0].message
    assert (report.outcome, report.production) == (stops_at, 1)
    assert "train" not in report.record["steps"]
