"""Scans of parts merge to the scan of the whole, in memory and through files, and say what they cannot tell."""

import itertools
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ctcore
from ctcore import data, validate
from ctcore.errors import ArgumentError, DataError, DataNotFoundError
from ctcore.verdict import Verdict

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - name: fare
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 3}
        quality:
          - {id: mean, ours: {check: metric, metric: mean, mustBeBetween: [0, 1]}}
          - {id: spread, ours: {check: metric, metric: standardDeviation, mustBeLessThan: 1}}
          - {id: zeros, ours: {check: metric, metric: zeroCount, mustBeLessThan: 9}}
      - name: kind
        logicalType: string
        logicalTypeOptions: {maxLength: 2}
        quality:
          - {id: known, metric: invalidValues, arguments: {validValues: [a, bb]}, mustBeLessThan: 20, unit: percent}
          - {id: variety, ours: {check: metric, metric: entropy, mustBeLessThan: 0.5}}
          - {id: values, ours: {check: metric, metric: distinctCount, mustBeLessThan: 3}}
          - {id: longest, ours: {check: metric, metric: maxLength, mustBeLessThan: 3}}
      - name: at
        logicalType: timestamp
        quality:
          - {id: order, ours: {check: monotonic}}
          - {id: late, ours: {check: notInFuture}}
      - name: tags
        logicalType: array
        items:
          name: tag
          logicalType: string
          quality:
            - {id: tags, ours: {check: metric, metric: distinctness, mustBeGreaterThan: 0.5}}
    quality:
      - {id: rows, metric: rowCount, mustBeGreaterOrEqualTo: 3}
      - {id: pair, metric: duplicateValues, arguments: {properties: [fare, kind]}, mustBe: 0}
""".replace("ours:", "type: custom, engine: ctcore, implementation:")
NOW = datetime(2024, 1, 1, tzinfo=UTC)
"""An instant in the midst of the rows."""
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("fare", pa.float64()),
        ("kind", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("tags", pa.list_(pa.string())),
    ]
)


def read(text=CONTRACT):
    return validate.contract(validate.parse(text))


def rows(count, seed):
    """Rows that break each rule now and then, with nulls, NaN and infinities."""
    rng = np.random.default_rng(seed)
    some = lambda values, odds=0.1: [None if rng.random() < odds else each for each in values]  # noqa: E731
    fares = rng.choice([0.0, 1.5, -1.0, 7.0, np.nan, np.inf], count, p=[0.3, 0.5, 0.05, 0.05, 0.05, 0.05])
    at = NOW.timestamp() + np.cumsum(rng.choice([1, 1, 1, -1], count)) - count / 4
    return pa.table(
        {
            "id": some(rng.integers(0, max(3 * count, 1), count).tolist()),
            "fare": some(fares.tolist()),
            "kind": some(rng.choice(["a", "bb", "ccc"], count, p=[0.6, 0.3, 0.1]).tolist()),
            "at": pa.array(some((at * 1e6).astype(np.int64).tolist()), pa.timestamp("us", "UTC")),
            "tags": [list(rng.choice(["x", "y"], 2)) for _ in range(count)],
        },
        SCHEMA,
    )


def cut(table, places):
    ends = [*sorted(places), table.num_rows]
    return [table.slice(start, end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def same(found, wanted):
    """Equal, numbers to twelve digits."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            same(found[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for pair in zip(found, wanted, strict=True):
            same(*pair)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True)
    else:
        assert found == wanted


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 300), cuts=st.lists(st.floats(0, 1), max_size=4))
def test_scans_of_parts_merge_to_that_of_the_whole(tmp_path_factory, seed, count, cuts):
    """Any cut, also empty parts, through files and without: the report is that of all rows together."""
    table, contract = rows(count, seed), read()
    parts = [validate.scan(each, contract, now=NOW) for each in cut(table, [int(each * count) for each in cuts])]
    merged = parts[0].merge(*parts[1:])
    whole = validate.check(table, contract, now=NOW, history=()).to_dict()
    same(validate.check(merged, contract, now=NOW, history=()).to_dict(), whole)

    folder = tmp_path_factory.mktemp("scans")
    for place, each in enumerate(parts):
        data.write_scan(each, folder / f"{place}.scan")
    again = data.read_scans(folder / "*.scan")
    same(validate.check(again, contract, now=NOW, history=()).to_dict(), whole)
    data.write_scan(again, folder / "all.scan")
    same(validate.check(data.read_scan(folder / "all.scan"), contract, now=NOW, history=()).to_dict(), whole)


def test_the_rows_break_what_is_asked():
    """The test above would prove little of rows that break nothing."""
    report = validate.check(rows(300, 1), read(), now=NOW)
    broken = {id_ for id_, each in report.broken.items() if each.count}
    failed = {check.id for check in report.checks if check.verdict is Verdict.FAIL}
    assert len(broken) >= 8, broken
    assert {"kind.variety", "kind.values", "fare.spread", "at.order"} <= failed


def test_merging_is_associative():
    contract = read()
    one, two, three = (validate.scan(rows(50, seed), contract, now=NOW) for seed in range(3))
    ways = [one.merge(two, three), one.merge(two).merge(three), one.merge(two.merge(three))]
    reports = [validate.check(each, contract, now=NOW).to_dict() for each in ways]
    same(reports[1], reports[0])
    same(reports[2], reports[0])


def test_the_order_of_parts_is_that_of_their_rows():
    contract = read()
    early, late = (validate.scan(each, contract, now=NOW) for each in cut(rows(40, 5), [20]))
    forth, back = (validate.check(each, contract, now=NOW) for each in (early.merge(late), late.merge(early)))
    assert forth.broken["at.order"] != back.broken["at.order"]


def test_files_are_scanned_as_tables_are(tmp_path):
    """Row groups that statistics answer are counted as well."""
    contract, parts = read(), cut(rows(400, 9), [150])
    for place, part in enumerate(parts):
        pq.write_table(part, tmp_path / f"{place}.parquet", row_group_size=40)
    found = [validate.scan(data.source(tmp_path / f"{place}.parquet"), contract, now=NOW) for place in range(2)]
    merged = validate.check(found[0].merge(found[1]), contract, now=NOW)
    whole = validate.check(data.source(tmp_path), contract, now=NOW, history=())
    same(merged.to_dict(), whole.to_dict())
    assert merged.column_chunks


def test_one_scan_serves_its_rows():
    """Rows that were scanned are not counted again, and can be parted as ever."""
    contract, table = read(), rows(60, 3)
    scan = validate.scan(table, contract, now=NOW)
    found = validate.check(table, contract, now=NOW, scan=scan)
    assert found.to_dict() == validate.check(table, contract, now=NOW, history=()).to_dict()
    assert found.rejecting.keys() == validate.check(table, contract, now=NOW).rejecting.keys() != set()
    assert not validate.check(scan, contract, now=NOW).rejecting
    nothing = validate.scan(table.slice(0, 0), contract, now=NOW)
    assert validate.check(table, contract, now=NOW, scan=nothing).rows == 0


FOREIGN = """
apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: t
    properties:
      - name: zone
        logicalType: integer
        relationships: [{type: foreignKey, to: zones.id}]
  - name: zones
    properties: [{name: id, logicalType: integer}]
"""


def test_what_one_part_was_not_asked_the_whole_was_not():
    contract = validate.contract(validate.parse(FOREIGN), table="t")
    zones = {"zones": pa.table({"id": [1, 2]})}
    asked = validate.scan(pa.table({"zone": [1, 9]}), contract, references=zones)
    unasked = validate.scan(pa.table({"zone": [1, 9]}), contract)
    both = validate.check(asked.merge(asked), contract)
    assert [each.count for each in both.broken.values()] == [2]
    for mixed in (asked.merge(unasked), unasked.merge(asked)):
        (check,) = (check for check in validate.check(mixed, contract).checks if "could not be judged" in check.message)
        assert "the data of zones was not given" in check.message


def test_a_part_without_an_instant_leaves_what_is_timed_unjudged():
    contract = read()
    timed, timeless = (validate.scan(rows(30, 1), contract, now=now) for now in (NOW, None))
    for both in (timed.merge(timeless), timeless.merge(timed)):
        (check,) = (each for each in validate.check(both, contract, now=NOW).checks if each.id == "at.late")
        assert check.message == "at.late could not be judged: no time to judge at was given"
        assert both.rows == 60


def test_scans_that_do_not_belong_together_are_refused():
    contract, other = read(), read(CONTRACT.replace("maximum: 3", "maximum: 4"))
    scan = validate.scan(rows(9, 1), contract, now=NOW)
    with pytest.raises(ArgumentError, match="of different contracts"):
        scan.merge(validate.scan(rows(9, 1), other, now=NOW))
    with pytest.raises(ArgumentError, match="made for another contract"):
        validate.check(scan, other)
    with pytest.raises(ArgumentError, match="of different environments, None and 'serving'"):
        scan.merge(validate.scan(rows(9, 1), contract, now=NOW, environment="serving"))
    with pytest.raises(ArgumentError, match="made for None, found 'serving'"):
        validate.check(scan, contract, environment="serving")
    with pytest.raises(ArgumentError, match=r"their types differ: \['fare'\]"):
        cast = rows(9, 1).set_column(1, "fare", rows(9, 1)["fare"].cast(pa.float32()))
        scan.merge(validate.scan(cast, contract, now=NOW))


def test_damaged_files_are_refused(tmp_path):
    contract = read()
    path = tmp_path / "a.scan"
    data.write_scan(validate.scan(rows(40, 1), contract, now=NOW), path)
    good = path.read_bytes()
    looked = 0
    for place in itertools.chain(range(0, 130, 7), range(130, len(good), 97)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        if 78 <= place < 128:
            continue  # blanks
        with pytest.raises(DataError, match=r"a\.scan: (it was changed|this is no scan)"):
            data.read_scan(path)
        path.write_bytes(good[:place])
        with pytest.raises(DataError, match=r"a\.scan: (it was changed|this is no scan)"):
            data.read_scan(path)
        looked += 1
    assert looked > 30
    path.write_bytes(good)
    assert data.read_scan(path).rows == 40
    with pytest.raises(DataNotFoundError, match="no such file"):
        data.read_scan(tmp_path / "b.scan")
    with pytest.raises(DataError, match=r"must end in \.scan"):
        data.write_scan(data.read_scan(path), tmp_path / "a.json")
    assert [each.name for each in tmp_path.iterdir()] == ["a.scan"]


def test_the_command(tmp_path):
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "days").mkdir()
    parts = cut(rows(300, 4), [100, 180])
    ask = ["--contract", tmp_path / "contract.yaml", "--as-of", NOW.isoformat(), "--format", "json"]
    for place, part in enumerate(parts):
        pq.write_table(part, tmp_path / f"{place}.parquet")
        ctcore("check-data", tmp_path / f"{place}.parquet", *ask, "--scan", tmp_path / "days" / f"{place}.scan")
    merged = ctcore("check-data", tmp_path / "days" / "*.scan", *ask)
    whole = ctcore("check-data", tmp_path / "*.parquet", *ask)
    assert merged.returncode == whole.returncode == 1
    told, wanted = json.loads(merged.stdout), json.loads(whole.stdout)
    for name in ("checks", "broken", "rows"):
        same(told[name], wanted[name])
    again = ctcore("check-data", tmp_path / "days" / "*.scan", *ask, "--scan", tmp_path / "all.scan")
    assert "all.scan" in again.stderr
    same(json.loads(ctcore("check-data", tmp_path / "all.scan", *ask).stdout)["checks"], told["checks"])
    refused = ctcore("check-data", tmp_path / "all.scan", *ask, "--quarantine", tmp_path / "parted")
    assert refused.returncode == 2
    assert "holds no rows to part" in refused.stderr
    page = ctcore("check-data", tmp_path / "all.scan", *ask[:-1], "html")
    assert page.returncode == 1
    assert "<html" in page.stdout


MEASURED = [
    *({"metric": "quantile", "column": "fare", "share": share} for share in (0, 0.3, 0.5, 1)),
    {"metric": "interquartileRange", "column": "fare", "where": [{"column": "kind", "in": ["a", "bb"]}]},
    {"metric": "skewness", "column": "fare"},
    {"metric": "kurtosis", "column": "id"},
    {"metric": "correlation", "columns": ["fare", "id"]},
    {"metric": "ratioOfSums", "columns": ["fare", "id"]},
    {"metric": "mutualInformation", "columns": ["fare", "kind"]},
    {"metric": "mean", "column": "fare", "where": [{"column": "kind", "in": ["a", "bb"]}]},
    {"metric": "standardDeviation", "column": "id", "where": [{"column": "fare", "minimum": 0.2}]},
    {"metric": "entropy", "column": "kind", "where": [{"column": "fare", "maximum": 0.4}]},
    {"metric": "distinctCount", "column": "id", "where": [{"column": "fare", "minimum": 0.2}]},
    {"metric": "maxLength", "column": "kind", "where": [{"column": "fare", "minimum": 0.2}]},
    {"metric": "rowCount", "where": [{"column": "fare", "minimum": 0.2}, {"column": "kind", "notNull": True}]},
    {"metric": "columnCount"},
    {"metric": "rowCount"},
]
DRIFT = [
    {"check": "drift", "column": column, "statistic": statistic, "reference": "before", "max": 0.1}
    for column in ("fare", "kind", "at")
    for statistic in ("psi", "jensenShannon", "lInfinity", "normalizedAbsoluteDifference")
]


def measuring():
    """A contract of all that reads the rows once more."""
    document = validate.parse(CONTRACT)
    asked = [{"check": "metric", "mustBeLessThan": 1} | each for each in MEASURED] + DRIFT
    document["schema"][0]["quality"] = [
        {"id": f"m{place}", "type": "custom", "engine": "ctcore", "implementation": each}
        for place, each in enumerate(asked)
    ]
    return validate.contract(document)


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(0, 80),
    seed=st.integers(0, 9),
    cuts=st.lists(st.integers(0, 80), max_size=3),
    on_disk=st.booleans(),
)
def test_what_reads_the_rows_once_more_is_kept_and_merges(tmp_path_factory, count, seed, cuts, on_disk):
    contract, table, before = measuring(), rows(count, seed), {"before": rows(60, 99)}
    whole = validate.check(table, contract, now=NOW, references=before).to_dict()["checks"]
    scans = [validate.scan(part, contract, now=NOW) for part in cut(table, sorted(min(each, count) for each in cuts))]
    scan = scans[0].merge(*scans[1:])
    if on_disk:
        folder = tmp_path_factory.mktemp("scans")
        data.write_scan(scan, folder / "all.scan")
        scan = data.read_scan(folder / "all.scan")
    found = validate.check(scan, contract, now=NOW, references=before).to_dict()["checks"]
    same(found, whole)
    judged = [check for check in found if check["id"].startswith("m") and check["verdict"] != "not_run"]
    assert count < 40 or len(judged) == len(MEASURED) + len(DRIFT)


def test_what_cannot_be_kept_says_why():
    contract, table = measuring(), rows(50, 2)
    streamed = validate.check(validate.scan(table.to_reader(), contract, now=NOW), contract, now=NOW)
    (check,) = (check for check in streamed.checks if check.id == "m0")
    assert check.message.endswith("it reads the rows once more; give a table or files, not a stream")
    lists = validate.parse(CONTRACT)
    lists["schema"][0]["properties"][-1]["quality"] = [
        {"id": "moved", "type": "custom", "engine": "ctcore", "implementation": DRIFT[0] | {"column": "tags"}}
    ]
    contract = validate.contract(lists)
    merged = validate.scan(table, contract, now=NOW)
    found = validate.check(merged.merge(merged), contract, now=NOW, references={"before": table})
    (check,) = (check for check in found.checks if check.id == "tags.moved")
    assert check.verdict is Verdict.NOT_RUN
    assert "cannot be counted one by one" in check.message
