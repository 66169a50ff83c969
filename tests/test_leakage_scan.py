"""What leakage is judged on adds up: the parts of rows give the report of the rows."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ctcore
from ctcore import data, validate
from ctcore.errors import ArgumentError, ColumnTypeError, DataError
from test_leakage import alarms, check, day_of, parts, put, rows
from test_leakage_files import TIMED, varied

DAYS = 91
PLAIN = {"label": "label", "time": "time"}
RANKING = PLAIN | {"query": "query"}
IN_UTC = PLAIN | TIMED | {"zone": "UTC"}  # the days are cut there
ASKED = [PLAIN, IN_UTC, RANKING, PLAIN | {"categorical": ["small", "whole"]}]


@cache
def table():
    """All kinds of columns, in the order of time, each query within one day: more numbers than are told apart."""
    whole = varied(9_000).sort_by("time")
    return put(whole, "query", day_of(whole) * 100 + np.arange(whole.num_rows) % 20)


def scanned(part, **asked):
    return validate.leakage_scan(part, **asked)


def cut(whole, days):
    """Cut rows into parts of whole days."""
    ends = [0, *sorted(days), DAYS]
    day = day_of(whole)
    found = [whole.filter(pa.array((day >= start) & (day < end))) for start, end in pairwise(ends)]
    return [part for part in found if part.num_rows]


def merged(parts, **asked):
    first, *later = (scanned(part, **asked) for part in parts)
    return first.merge(*later)


@cache
def wholes():
    return [validate.leakage(table(), **asked).to_dict() for asked in ASKED]


def test_there_is_enough_in_the_rows_to_be_put_together():
    found = scanned(table(), **PLAIN).counts["noise"]
    assert found["dropped"][0].as_py() > 0
    assert 2_048 < len(found["values"][0]) <= 4_097


@settings(max_examples=12, deadline=None)
@given(days=st.sets(st.integers(1, DAYS - 1), max_size=4), which=st.integers(0, len(ASKED) - 1), on_disk=st.booleans())
def test_parts_of_whole_days_give_the_report_of_the_whole(tmp_path_factory, days, which, on_disk):
    asked, folder = ASKED[which], tmp_path_factory.mktemp("parts")
    scans = [scanned(part, **asked) for part in cut(table(), days)]
    assert len(scans) == len(days) + 1
    if on_disk:
        for place, each in enumerate(scans):
            data.write_scan(each, folder / f"{place}.scan")
        whole = data.read_leakage_scans(folder / "*.scan")
        data.write_scan(whole, folder / "all.scan")
        whole = data.read_leakage_scans(folder / "all.scan")
    else:
        whole = scans[0].merge(*scans[1:])
    assert whole.report().to_dict() == wholes()[which]


def test_merging_in_steps_is_merging_at_once_and_a_holdout_is_one_more_part():
    early, middle, late = cut(table(), [30, 60])
    scans = [scanned(part, **IN_UTC) for part in (early, middle, late)]
    in_steps = scans[0].merge(scans[1].merge(scans[2])).report().to_dict()
    assert in_steps == scans[0].merge(scans[1]).merge(scans[2]).report().to_dict() == wholes()[1]
    for options in (IN_UTC, RANKING):
        window, holdout = parts(table())
        expected = validate.leakage(window, holdout=holdout, previous=wholes()[0], **options)
        scan = merged(cut(window, [20, 50]), **options)
        found = scan.report(holdout=scanned(holdout, **options), previous=wholes()[0])
        assert found.to_dict() == expected.to_dict()
        assert check(found, "leakage.overlap").n == holdout.num_rows


def test_parts_that_cut_a_day_or_have_no_time_differ_by_the_halves_alone():
    whole = put(rows(), "outcome", rows()["label"])
    halves = [whole.slice(0, 5_000), whole.slice(5_000)]
    for asked in (PLAIN, {"label": "label", "features": ["good", "noise", "outcome"]}):
        expected, found = validate.leakage(whole, **asked), merged(halves, **asked).report()
        assert alarms(found) == alarms(expected) == {"leakage.predictive.outcome"}
        for ours, theirs in zip(found.features, expected.features, strict=True):
            assert ours.name == theirs.name
            assert ours.auc == pytest.approx(theirs.auc, abs=0.01)
            assert ours.eta_squared == pytest.approx(theirs.eta_squared, abs=1e-12)


def test_a_leak_of_the_newest_week_is_found_in_days_that_were_scanned_alone():
    """A feature that was empty for weeks and sees the label since Monday: no day before could have set its cells."""
    whole = rows()
    new = day_of(whole) >= 84
    label = whole["label"].to_numpy()
    noise = np.random.default_rng(1).normal(size=len(label))
    late = put(whole, "late", pa.array(label + noise / 9, mask=~new))
    found = merged(cut(late, range(1, DAYS)), **PLAIN).report()
    assert "leakage.jump.late" in alarms(found)
    assert found.to_dict() == validate.leakage(late, **PLAIN).to_dict()


def test_a_unit_is_told_from_counts_in_rankings_too():
    whole = table()
    size = np.exp(np.random.default_rng(0).normal(size=whole.num_rows)) + 5
    miles = put(whole, "size", np.where(day_of(whole) >= 84, 1.609, 1.0) * size)
    for asked in (PLAIN, RANKING):
        found = merged(cut(miles, [40, 84]), **asked).report()
        assert check(found, "leakage.unit.size").value == pytest.approx(1.609, rel=0.03)


def test_what_cannot_be_merged_is_named():
    early, late = cut(table(), [40])
    scan = scanned(early, **PLAIN)
    for change, words in [
        ({"features": ["good"]}, "the scans differ in features: .* in one alone"),
        ({"label": "good", "features": scan.asked.features[1:]}, "the scans differ in label: 'label' and 'good'"),
        ({"zone": "Europe/Berlin"}, "the scans differ in zone: 'UTC' and 'Europe/Berlin'"),
        ({"now": datetime(2024, 4, 1, tzinfo=UTC)}, "some scans were told the present"),
        ({"label_window": timedelta(days=1)}, "the scans differ in label_window"),
    ]:
        with pytest.raises(ArgumentError, match=f"later: {words}"):
            scan.merge(scanned(late, **PLAIN | change))
    with pytest.raises(ColumnTypeError, match="noise: some parts hold numbers, others categories"):
        scan.merge(scanned(put(late, "noise", late["text"]), **PLAIN))
    with pytest.raises(ArgumentError, match=r"rows of a scan are of queries \(query\) that an earlier one has rows of"):
        scanned(early, **RANKING).merge(scanned(table().slice(early.num_rows - 3), **RANKING))
    with pytest.raises(ArgumentError, match="span: must be whole days, at least one, found 12:00:00"):
        scan.report(span=timedelta(hours=12))


def test_a_part_in_which_a_column_is_empty_goes_with_any():
    early, late = cut(table(), [40])
    whole = put(table(), "text", pa.chunked_array([pa.nulls(early.num_rows, pa.string()), late["text"]]))
    expected = validate.leakage(whole, **PLAIN).to_dict()
    scans = [scanned(part, **PLAIN) for part in (put(early, "text", pa.nulls(early.num_rows)), late)]
    assert scans[0].merge(scans[1]).report().to_dict() == expected


def test_files_of_another_kind_are_refused(tmp_path):
    data.write_scan(scanned(rows(300), **PLAIN), tmp_path / "a.scan")
    with pytest.raises(DataError, match="expected kind \"scan\" of format 1, found kind 'leakage_scan'"):
        data.read_scan(tmp_path / "a.scan")
    contract = validate.Contract(id="t", version="1", table="t", columns=(), rules=())
    data.write_scan(validate.scan(rows(300), contract), tmp_path / "b.scan")
    with pytest.raises(DataError, match="expected kind \"leakage_scan\" of format 1, found kind 'scan'"):
        data.read_leakage_scans(tmp_path / "b.scan")


def test_a_scan_does_not_grow_with_the_rows_but_for_what_knows_them_again(tmp_path):
    sizes = {}
    for n in (50_000, 200_000):
        scan = scanned(rows(n, days=1), **PLAIN)
        data.write_scan(scan, tmp_path / f"{n}.scan")
        sizes[n] = (tmp_path / f"{n}.scan").stat().st_size - scan.rows.nbytes, scan.rows.nbytes / n
    assert sizes[200_000][0] < sizes[50_000][0] * 1.3
    assert sizes[200_000][1] == 64


def test_the_command_judges_days_that_were_scanned(tmp_path):
    whole = put(rows(6_000), "outcome", rows(6_000)["label"])
    window, holdout = parts(whole)
    ask = ["--label", "label", "--time", "time", "--as-of", "2024-04-01"]
    (tmp_path / "days").mkdir()
    for place, part in enumerate(cut(window, [20, 50])):
        pq.write_table(part, tmp_path / f"{place}.parquet")
        scan = tmp_path / "days" / f"{place}.scan"
        made = ctcore("check-leakage", tmp_path / f"{place}.parquet", *ask, "--scan", scan)
        assert made.returncode in (0, 1), made.stderr
        assert made.stderr == f"the scan is {scan}\n"
    pq.write_table(window, tmp_path / "window.parquet")
    pq.write_table(holdout, tmp_path / "holdout.parquet")
    held_out = tmp_path / "holdout.scan"
    ctcore("check-leakage", tmp_path / "holdout.parquet", *ask, "--scan", held_out)
    end = ["--format", "json"]
    both = ["--scan", tmp_path / "both.scan"]
    assert ctcore("check-leakage", tmp_path / "days" / "*.scan", *both).returncode == 1
    found = ctcore("check-leakage", tmp_path / "both.scan", "--holdout", held_out, *end)
    wanted = ctcore("check-leakage", tmp_path / "window.parquet", *ask, "--holdout", tmp_path / "holdout.parquet", *end)
    assert (found.returncode, found.stderr) == (1, wanted.stderr)
    assert json.loads(found.stdout) == json.loads(wanted.stdout)
    for arguments, words in [
        ([tmp_path / "days" / "*.scan", "--label", "label"], "--label: what is asked was set when DATA was scanned"),
        ([tmp_path / "days" / "*.scan", "--holdout", tmp_path / "holdout.parquet"], "holdout: must be a scan"),
        ([tmp_path / "window.parquet"], "--label: name the column that the model is to predict"),
        ([tmp_path / "window.parquet", *ask, "--holdout", held_out], "holdout: is a scan"),
        ([tmp_path / "window.parquet", *ask, "--holdout", tmp_path / "0.parquet", "--scan", held_out], "--scan"),
    ]:
        refused = ctcore("check-leakage", *arguments)
        assert refused.returncode == 2, (arguments, refused.stdout)
        assert words in refused.stderr


def test_replacing_what_was_asked_is_seen():
    """The guard of the guards: a scan that is made to ask something else is another scan."""
    scan = scanned(rows(300), **PLAIN)
    with pytest.raises(ArgumentError, match="the scans differ in decision"):
        scan.merge(replace(scan, asked=replace(scan.asked, decision="noise")))
