"""Which flight to take? Features for ranking a day's flights to one destination by punctuality.

A query is a destination on a local day with at least four flights; its rows are those flights.
The grade says how punctual a flight was on arrival, 4 the best. Everything else is known before
the day begins: the schedule of the day, and how often similar flights were late on days before.

Categories are small integers that never depend on the data at hand: `origin` is the position in
ORIGINS and `carrier` the position in CARRIERS, or the length of the list for any other value.
"""

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NEW_YORK = "America/New_York"
ORIGINS = ["EWR", "JFK", "LGA"]
CARRIERS = "9E AA AQ AS B6 CO DH DL EV F9 FL G4 HA HP MQ NK NW OH OO RU TZ UA US VX WN XE YV YX"
CARRIERS = CARRIERS.split()  # US airlines of the last decades by IATA code, alphabetical
ORDER = ["day", "dest", "sched_dep_time", "carrier", "flight", "origin"]  # of the rows; unique
USED = {"time_hour": pa.timestamp("us", NEW_YORK), "arr_delay": pa.float64()}
USED |= dict.fromkeys(["carrier", "origin", "dest"], pa.string())
USED |= dict.fromkeys(["sched_dep_time", "sched_arr_time", "hour", "flight", "distance"], pa.int64())
MIN_FLIGHTS = 4  # with fewer there is hardly a choice
GRADE_LIMITS = [0, 15, 45, 120]  # minutes late on arrival that still earn grade 4, 3, 2, 1
LATE = 15  # minutes above which a flight is late in the late-rates
SPANS = (7, 14, 28)  # days before the flight's own day that a late-rate covers
LATE_RATES = {"carrier": ["carrier"], "origin_carrier": ["origin", "carrier"], "hour": ["hour"]}
LATE_RATES |= {"origin_dest": ["origin", "dest"], "flight": ["carrier", "flight"]}
CATEGORICAL = ["origin", "carrier"]
SCHEDULE = CATEGORICAL + ["weekday", "sched_dep", "sched_arr", "block", "padding", "distance"]
SCHEDULE += ["flights", "earlier", "departures"]
HISTORY = [f"late_{name}_{span}d" for name in LATE_RATES for span in SPANS]


def features(table: pa.Table, as_of: datetime.datetime) -> pa.Table:
    """One row per flight in a query, sorted by ORDER, from the raw flights before as_of.

    Only local days that are over at as_of count: part of a day's flights are not yet a query.
    Give 28 days more than the rows you need, or the late-rates rest on the days there are.
    """
    flights = complete_days(table, as_of)
    columns = identity(flights) | schedule(flights) | late_rates(flights)
    return pa.table(columns).filter(pa.array(columns["flights"] >= MIN_FLIGHTS))


def complete_days(table: pa.Table, as_of: datetime.datetime) -> pa.Table:
    """The used columns and the local `day`, sorted, for days over at as_of (naive: UTC)."""
    as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=datetime.UTC)
    today = as_of.astimezone(ZoneInfo(NEW_YORK)).date()
    table = table.select(list(USED)).cast(pa.schema(USED))
    day = pc.local_timestamp(table["time_hour"]).cast(pa.date32(), safe=False)
    table = table.append_column("day", day).filter(pc.less(day, today))
    return table.sort_by([(name, "ascending") for name in ORDER])


def identity(flights: pa.Table) -> dict:
    """When, which query, and the grade: cancelled and diverted flights earn 0."""
    query = pc.binary_join_element_wise(flights["day"].cast("string"), flights["dest"], " ")
    grade = len(GRADE_LIMITS) - np.searchsorted(GRADE_LIMITS, minutes_late(flights))
    time = flights["time_hour"].cast(pa.timestamp("us", "UTC"))
    return {"time": time, "day": flights["day"], "query": query, "grade": grade.astype(np.int8)}


def schedule(flights: pa.Table) -> dict[str, np.ndarray]:
    """What the timetable says about each flight and about the flights it competes with."""
    clocks = (flights[name].to_numpy() for name in ("sched_dep_time", "sched_arr_time"))
    dep, arr = (hhmm // 100 * 60 + hhmm % 100 for hhmm in clocks)  # minutes after midnight
    block = (arr - dep) % 1440  # by two local clocks, but their difference is the whole query's
    query = groups(flights, ["day", "dest"])
    shortest = np.full(flights.num_rows, 1440)
    np.minimum.at(shortest, query, block)
    bank = groups(flights, ["day", "origin", "hour"])
    columns = {
        "origin": code(flights["origin"], ORIGINS),
        "carrier": code(flights["carrier"], CARRIERS),
        "weekday": (day_number(flights) + 3) % 7,  # Monday is 0; 1970-01-01 was a Thursday
        "sched_dep": dep,  # ascending, it is the baseline ranking
        "sched_arr": arr,
        "block": block,
        "padding": block - shortest[query],
        "distance": flights["distance"].to_numpy(),
        "flights": np.bincount(query)[query],
        "earlier": first_of_run(query * 1440 + dep) - first_of_run(query),  # sorted by departure
        "departures": np.bincount(bank)[bank],  # how busy the airport is in that hour
    }
    return {name: columns[name].astype(np.int32) for name in SCHEDULE}


def late_rates(flights: pa.Table) -> dict[str, np.ndarray]:
    """Share of similar flights that were late, cancelled or diverted on the days before.

    Row d of a running total counts the flights on all days before day d, so any span of days is
    the difference of two rows. A group without a flight in the span has no rate: NaN.
    """
    day = day_number(flights)
    day -= next(iter(day), 0)  # the first is the least
    late = (minutes_late(flights) > LATE).astype(float)
    rates = {}
    for name, keys in LATE_RATES.items():
        group = groups(flights, keys)
        flown, flown_late = running_total(day, group), running_total(day, group, late)
        for span in SPANS:
            start = np.maximum(day - span, 0)
            count = (flown[day, group] - flown[start, group]).astype(float)
            count[count == 0] = np.nan
            rate = (flown_late[day, group] - flown_late[start, group]) / count
            rates[f"late_{name}_{span}d"] = rate.astype(np.float32)
    return rates


def running_total(day: np.ndarray, group: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Days by groups: the weight, or else the number, of the group's rows on all days before."""
    days, size = day.max(initial=0) + 2, group.max(initial=0) + 1
    cells = np.bincount((day + 1) * size + group, weights, minlength=days * size)
    return cells.reshape(days, size).cumsum(axis=0)


def day_number(flights: pa.Table) -> np.ndarray:
    """Days since 1970-01-01."""
    return flights["day"].cast(pa.int32()).to_numpy().astype(np.int64)


def minutes_late(flights: pa.Table) -> np.ndarray:
    """Delay on arrival; infinite for flights that did not arrive."""
    return pc.fill_null(flights["arr_delay"], np.inf).to_numpy()


def code(column: pa.ChunkedArray, known: list[str]) -> np.ndarray:
    """Position of each value in the list, or the length of the list."""
    return pc.fill_null(pc.index_in(column, pa.array(known)), len(known)).to_numpy()


def groups(flights: pa.Table, keys: list[str]) -> np.ndarray:
    """Number the distinct combinations of the keys 0, 1, 2, ... in order of appearance."""
    ids = np.zeros(flights.num_rows, np.int64)
    for key in keys:
        values = flights[key].combine_chunks().dictionary_encode()
        pairs = pa.array(ids * len(values.dictionary) + values.indices.to_numpy())
        ids = pairs.dictionary_encode().indices.to_numpy().astype(np.int64)
    return ids


def first_of_run(ids: np.ndarray) -> np.ndarray:
    """For each row, the first row of its run of equal ids."""
    new = np.diff(ids, prepend=-1) != 0
    return np.maximum.accumulate(np.where(new, np.arange(len(ids)), 0))
