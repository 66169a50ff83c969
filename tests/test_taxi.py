"""New York's taxi trips: a contract inferred from half a year raises what is known of the months that follow."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import ROOT
from ctcore import validate
from ctcore.verdict import Verdict

FILE = ROOT.parent / "shared" / "data" / "taxi" / "yellow_2018_2019.parquet"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"the trips are not part of the repository: {FILE}")
TOGETHER = ("vendor_id", "passenger_count", "payment_type", "rate_code_id")
NOW = datetime(2020, 1, 1)


@pytest.fixture(scope="module")
def trips():
    return pq.read_table(FILE)


@pytest.fixture(scope="module")
def months(trips):
    names = sorted(set(trips["batch_month"].to_pylist()))
    assert len(names) == 24
    return {name: trips.filter(pc.equal(trips["batch_month"], name)).drop_columns(["batch_month"]) for name in names}


@pytest.fixture(scope="module")
def alarms(months):
    """For each month the rules of the inferred contract that it breaks, with their counts."""
    sample = pa.concat_tables([table for name, table in months.items() if name <= "2018-06"])
    contract = validate.contract(validate.infer(sample, name="trips", batch_rows=10_000))
    found = {}
    for name, table in months.items():
        report = validate.check(table, contract)
        broken = {each.id for each in report.checks if each.verdict is not Verdict.PASS}
        found[name] = {id_: report.broken[id_].count for id_ in broken}
    return found


def test_the_sample_itself_raises_nothing(alarms):
    assert [len(alarms[f"2018-0{month}"]) for month in range(1, 7)] == [0] * 6


def test_the_congestion_surcharge_begins(alarms):
    nulls = {name: each.get("congestion_surcharge.nulls") for name, each in alarms.items()}
    assert all(nulls[name] is None for name in nulls if name < "2019")
    assert nulls["2019-01"] == 6327
    assert [nulls[f"2019-{month:02}"] for month in range(2, 13)] == [0] * 11


def test_a_fare_of_a_million_dimes(alarms, months):
    assert alarms["2018-08"]["fare_amount.range"] == 1
    assert 429_490.2 in months["2018-08"]["fare_amount"].to_pylist()


def test_vendor_4_comes_and_goes(alarms, trips):
    seen = sorted(set(trips.filter(pc.equal(trips["vendor_id"], 4))["batch_month"].to_pylist()))
    assert (seen[0], seen[-1]) == ("2018-07", "2019-08")
    raised = [name for name, each in alarms.items() if "vendor_id.vocabulary" in each]
    assert (raised[0], raised[-1]) == ("2018-07", "2019-07")
    # In 2019-08 one trip of vendor 4 is left: no more than a batch may hold of what the sample never saw.
    assert raised == [name for name in seen if name != "2019-08"]


def test_four_columns_are_null_in_the_same_rows(alarms, months):
    expected = dict(zip([f"2019-{month:02}" for month in range(7, 13)], [59, 70, 49, 63, 62, 69], strict=True))
    for name, table in months.items():
        counts = {alarms[name].get(f"{column}.nulls") for column in TOGETHER}
        assert counts == {expected.get(name)}
        together = (
            "{id: together, type: custom, engine: ctcore, implementation: {check: conditional, "
            "if: {column: vendor_id, isNull: true}, then: ["
            + ", ".join(f"{{column: {column}, isNull: true}}" for column in TOGETHER[1:])
            + "]}}"
        )
        apart = validate.check(table, contract(TOGETHER, together))
        for id_ in ("together", "together.2", "together.3"):
            assert (apart.broken[id_].count, apart.broken[id_].asked) == (0, expected.get(name, 0))


def test_strays_out_of_their_month(months):
    rule = "{id: month, type: custom, engine: ctcore, implementation: {check: withinWindow, column: pickup_datetime}}"
    asked = contract(["pickup_datetime"], rule)
    strays = {}
    for name, table in months.items():
        year, month = int(name[:4]), int(name[5:])
        window = datetime(year, month, 1), datetime(year + month // 12, month % 12 + 1, 1)
        report = validate.check(table, asked, window=window)
        strays[name] = report.broken["month"].count
    assert {name: count for name, count in strays.items() if count} == {
        "2018-11": 3,
        "2018-12": 2,
        "2019-03": 1,
        "2019-05": 1,
        "2019-08": 1,
    }
    assert validate.check(table, asked).verdict is Verdict.NOT_RUN


def test_the_oldest_pickup_is_raised(alarms, trips):
    assert pc.min(trips["pickup_datetime"]).as_py().date().isoformat() == "2008-12-31"
    assert alarms["2019-08"]["pickup_datetime.range"] == 1


def test_there_are_no_exact_duplicates(trips):
    names = [name for name in trips.column_names if trips[name].null_count == 0]
    names = [name for name in names if name != "batch_month"]
    rule = "{id: twice, metric: duplicateValues, mustBe: 0, arguments: {properties: [" + ", ".join(names) + "]}}"
    report = validate.check(trips, contract(names, rule))
    assert (report.broken["twice"].count, report.broken["twice"].asked) == (0, 240_000)


def test_little_else_is_raised(alarms):
    """Of 18 months by 63 rules: what is known, what the city or its vendors changed, and the false alarms."""
    known = {
        *(f"{column}.nulls" for column in (*TOGETHER, "store_and_fwd_flag", "congestion_surcharge")),
        *("vendor_id.vocabulary", "pickup_datetime.range", "dropoff_datetime.range"),
    }
    changed = {
        "extra.range": "2019-02",  # the congestion surcharge enters the extras
        "trip_distance.range": "2019-11",  # negative distances
    }
    others = Counter()
    for name, each in alarms.items():
        of_one_row = {"fare_amount.range", "total_amount.range"} if name in ("2018-08", "2019-01") else set()
        for id_ in each.keys() - known - of_one_row:
            if not (id_ in changed and name >= changed[id_]):
                others[id_] += 1
    assert dict(others) == {
        "fare_amount.range": 4,  # refunds beyond -60
        "total_amount.range": 2,
        "mta_tax.range": 3,
        "tip_amount.range": 1,
        "tolls_amount.range": 1,
    }


def contract(columns, rule):
    head = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n"
    listed = ", ".join(f"{{name: {column}}}" for column in dict.fromkeys(["vendor_id", *columns]))
    return validate.contract(validate.parse(f"{head}    properties: [{listed}]\n    quality: [{rule}]\n"))
