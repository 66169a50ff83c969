"""The flight example: its features know nothing of the day they are for, and its data is what the README says."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import ROOT
from ctcore import config
from ctcore.project import load_function

FOLDER = ROOT / "examples" / "flight-search"
ZONE = ZoneInfo("America/New_York")
END = datetime(2013, 4, 1, tzinfo=ZONE)


@pytest.fixture(scope="module")
def flights():
    table = pq.read_table(FOLDER / "data" / "flights.parquet")
    return before(table, "time_hour", END)


@pytest.fixture(scope="module")
def features():
    return load_function("features.py:features", FOLDER)


def before(table, column, moment):
    return table.filter(pc.less(table[column], pa.scalar(moment, table[column].type)))


def test_the_data_is_the_whole_year():
    metadata = pq.read_metadata(FOLDER / "data" / "flights.parquet")
    assert (metadata.num_rows, metadata.num_columns) == (336_776, 19)


def test_features_do_not_change_when_the_future_is_cut_off(flights, features):
    whole = features(flights, END)
    for day in (2, 15, 33, 60, 89):
        moment = datetime.combine(
            datetime(2013, 1, 1) + day * (datetime(2013, 1, 2) - datetime(2013, 1, 1)), END.time(), ZONE
        )
        part = features(before(flights, "time_hour", moment), moment)
        expected = before(whole, "time", moment)
        assert part.num_rows > 100
        assert all(
            np.array_equal(
                part[name].to_numpy(), expected[name].to_numpy(), equal_nan=pa.types.is_floating(part[name].type)
            )
            for name in part.column_names
        )


def test_what_happens_on_a_day_changes_no_feature_of_it(flights, features):
    moment = datetime(2013, 3, 20, tzinfo=ZONE)
    late = pc.greater_equal(flights["time_hour"], pa.scalar(moment, flights["time_hour"].type))
    changed = flights
    for name in ("arr_delay", "dep_delay", "air_time", "dep_time", "arr_time"):
        index = changed.column_names.index(name)
        worse = pc.if_else(late, pa.scalar(None, changed[name].type), changed[name])
        changed = changed.set_column(index, name, worse)
    project = config.load(FOLDER)
    one, other = features(flights, END), features(changed, END)
    day = pc.equal(one["day"], pa.scalar(moment.date()))
    assert pc.sum(day).as_py() > 500
    for name in project.columns.features:
        a, b = one[name].filter(day).to_numpy(), other[name].filter(day).to_numpy()
        assert np.array_equal(a, b, equal_nan=True), name
    assert not one["grade"].filter(day).equals(other["grade"].filter(day))  # the grades did change


def test_no_outcome_is_a_feature(features, flights):
    columns = config.load(FOLDER).columns.features
    assert not {"dep_delay", "arr_delay", "dep_time", "arr_time", "air_time", "grade"} & set(columns)
    assert set(columns) <= set(features(flights, END).column_names)
    assert len(columns) == 26
