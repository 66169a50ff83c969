"""What a comparison says of real data, beside what a person would."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import ROOT
from ctcore import drift
from ctcore.verdict import Verdict

DATA = ROOT.parent / "shared" / "data"
TAXI = DATA / "taxi" / "yellow_2018_2019.parquet"
ELEC2 = DATA / "elec2" / "elec2.parquet"


def months(*names):
    if not TAXI.exists():
        pytest.skip(f"{TAXI} is not here: its rows may not lie in the repository")
    table = pq.read_table(TAXI)
    kept = pc.is_in(table["batch_month"], value_set=pa.array(names, table["batch_month"].type))
    return table.filter(kept).drop_columns(["batch_month"])


def test_the_last_quarter_of_2019_is_quiet():
    report = drift.compare(months("2019-07", "2019-08", "2019-09"), months("2019-10", "2019-11", "2019-12"))
    assert report.verdict is Verdict.PASS
    assert {column.verdict for column in report.columns} == {Verdict.PASS}
    assert len(report.columns) == 18


def test_a_surcharge_that_began_in_february_2019():
    report = drift.compare(months("2019-01"), months("2019-02"))
    found = {column.name: column for column in report.columns}
    surcharge = found["congestion_surcharge"]
    assert surcharge.verdict is Verdict.FAIL
    assert surcharge.words.startswith("mean 0 -> 2.1")
    assert found["total_amount"].verdict is Verdict.FAIL  # it holds the surcharge
    assert found["trip_distance"].verdict is Verdict.PASS  # people rode as far as before


def test_one_fare_of_429490_is_said_and_is_no_drift():
    report = drift.compare(months("2018-05", "2018-06", "2018-07"), months("2018-08"))
    fare = next(column for column in report.columns if column.name == "fare_amount")
    assert fare.verdict is Verdict.PASS
    assert "maximum 429,500 (reference 660)" in fare.words


def test_victoria_joins_the_market_on_the_fifth_of_may_1997():
    if not ELEC2.exists():
        pytest.skip(f"{ELEC2} is not here: its licence is not stated")
    table, joined = pq.read_table(ELEC2), datetime(1997, 5, 5)

    def between(first, last):
        start, end = (pa.scalar(joined + timedelta(days=days), table["ts"].type) for days in (first, last))
        return table.filter(pc.and_(pc.greater_equal(table["ts"], start), pc.less(table["ts"], end)))

    report = drift.compare(between(-90, -28), between(0, 28), time_column="ts")
    failed = {column.name for column in report.columns if column.verdict is Verdict.FAIL}
    assert failed == {"vicprice", "vicdemand", "transfer"}
    found = drift.timeline(between(-90, -28), between(-7, 7), "ts")
    first = next(span.start for span in found.spans if span.from_reference["vicprice"].verdict is Verdict.FAIL)
    assert first == joined
