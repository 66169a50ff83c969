"""Leakage in files: the report is that of the table, however the files are cut, and the table is never held."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcore import data, validate
from ctcore.errors import ArgumentError, ColumnTypeError, CtcoreError, DataError
from ctcore.validate import _columns
from test_leakage import ODD, parts, put, rows


def varied(n=3_000, seed=0):
    """Rows with every kind of column that is told apart: text, holes, dictionaries, times, lists."""
    rng = np.random.default_rng(seed)
    table = rows(n, seed=seed)
    words = rng.choice(["a", "B", "long  word", ""], n)
    holes = rng.random(n) < 0.2
    time = table["time"].cast("int64").to_numpy()
    for name, values in {
        "holes": pa.array(rng.normal(size=n), mask=holes),
        "text": pa.array(words, mask=holes),
        "large": pa.array(words).cast(pa.large_string()),
        "coded": pa.array(words, mask=holes).dictionary_encode(),
        "truth": pa.array(rng.integers(0, 2, n).astype(bool), mask=holes),
        "whole": pa.array(rng.integers(0, 2**60, n)),
        "small": pa.array(rng.integers(0, 9, n).astype("int8")),
        "nothing": pa.nulls(n),
        "query": np.arange(n) // 9,
        "patient": pa.array([f"p{number}" for number in rng.integers(0, n, n)]),
        "known": pa.array(time + rng.integers(-9, 2, n), pa.timestamp("us", "UTC")),
        "read_off": pa.array(time + 2 * 86_400_000_000, pa.timestamp("us", "UTC"), mask=holes),
    }.items():
        table = put(table, name, values)
    return pa.concat_tables([table, table.slice(0, n // 50)])  # and rows that are there twice


def files(table, folder, *, suffix="parquet", cuts=(1_000, 1_700), group=137):
    """Write a table as several files of small row groups or batches, and open them."""
    folder.mkdir(parents=True)
    ends = [0, *cuts, table.num_rows]
    for place, (start, end) in enumerate(pairwise(ends)):
        part, path = table.slice(start, end - start), folder / f"{place}.{suffix}"
        if suffix == "parquet":
            pq.write_table(part, path, row_group_size=group)
        elif suffix == "csv":
            pc.write_csv(part, path)
        else:
            with pa.ipc.new_file(path, part.schema, options=pa.ipc.IpcWriteOptions(unify_dictionaries=True)) as file:
                file.write_table(part, max_chunksize=group)
    return data.source(folder)


def report(rows_, **options):
    found = validate.leakage(rows_, **({"label": "label", "time": "time"} | options)).to_dict()
    json.dumps(found, allow_nan=False)
    return found


TIMED = {
    "now": datetime(2024, 3, 31, tzinfo=UTC),
    "label_time": "read_off",
    "label_window": timedelta(days=2),
    "feature_times": ["known"],
    "decision": "noise",
    "keys": ["patient", "small"],
    "zone": "Europe/Berlin",
}
ASKED = [{}, TIMED, {"query": "query"}, {"query": "word"}, {"categorical": ["small", "whole"]}, {"time": None}]
ASKED += [TIMED | {"features": ["nothing", "noise", "small", "known", "patient", "good", "label"]}]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_the_report_of_files_is_that_of_their_table(tmp_path, suffix, monkeypatch):
    """With groups of a few columns, so that what is read together is seen to make no difference."""
    monkeypatch.setattr(_columns, "_HELD", 60_000)
    monkeypatch.setattr(_columns, "_PARSED", 40)
    window, holdout = parts(varied().filter(pa.array(varied()["text"].is_valid())))
    source = files(window, tmp_path / "window", suffix=suffix)
    held_out = files(holdout, tmp_path / "holdout", suffix=suffix, cuts=(100,), group=31)
    for options in ASKED:
        expected = report(source.table(), holdout=held_out.table(), **options)
        assert len(expected["features"]) > 6
        assert report(source, holdout=held_out, **options) == expected
        assert report(source, holdout=held_out.table(), **options) == expected  # one of each
        assert report(source.table(), holdout=held_out, **options) == expected
        assert report(source, **options) == report(source.table(), **options)
    checks = {check["id"]: check for check in report(source, holdout=held_out, **TIMED)["checks"]}
    asked = {"leakage.keys.patient", "leakage.maturity", "leakage.point_in_time.known", "leakage.decision"}
    assert asked <= set(checks)
    assert checks["leakage.duplicates"]["value"] + checks["leakage.overlap"]["value"] > 0


def test_a_null_among_the_words_of_a_dictionary_is_a_null():
    table = varied().drop_columns("coded")
    codes = np.arange(table.num_rows) % 7 % 3
    plain = pa.array(np.array(["a", "-", "b"])[codes], mask=codes == 1)
    coded = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(["a", None, "b"]))
    half = len(coded) // 2
    coded = pa.chunked_array([coded[:half], coded[half:]])
    assert report(put(table, "coded", coded)) == report(put(table, "coded", plain))


def test_a_column_may_be_several_things_at_once():
    window, holdout = parts(varied())
    roles = {"features": ["good", "known"], "decision": "known", "feature_times": ["known"], "keys": ["known"]}
    found = report(window, holdout=holdout, **TIMED | roles)
    assert {each["name"] for each in found["features"]} == {"good", "known"}
    asked = {"decision", "point_in_time.known", "future.known", "keys.known"}
    assert {f"leakage.{each}" for each in asked} <= {check["id"] for check in found["checks"]}


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=4), group=st.integers(1, 400), held=st.integers(1, 40_000))
def test_no_cut_into_files_and_row_groups_changes_the_report(tmp_path_factory, cuts, group, held):
    table = varied(400)
    folder = tmp_path_factory.mktemp("cut")
    source = files(table, folder / "rows", cuts=sorted(cuts), group=group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_columns, "_HELD", held)
        assert report(source, query="query", features=FEATURES) == EXPECTED


FEATURES = ["good", "holes", "text", "large", "coded", "truth", "whole", "patient"]
EXPECTED = report(
    put(varied(400), "coded", varied(400)["coded"].cast(pa.string())), query="query", features=FEATURES
)  # files give the same text, however it is stored


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_whatever_the_columns_hold_files_answer_as_their_table_does(tmp_path, suffix):
    """Each odd column as a feature, label, time, query, key and time stamp; errors are the same to the word."""

    def answer(rows_, **options):
        try:
            return report(rows_, **options)
        except CtcoreError as error:
            return f"{type(error).__name__}: {error}"

    errors = 0
    for seed, odd in enumerate(ODD):
        table = put(rows(500, seed=seed), "odd", odd(np.random.default_rng(seed), 500))
        try:
            source = files(table, tmp_path / str(seed), suffix=suffix, cuts=(200,), group=77)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            continue  # what this format cannot hold
        plain = source.table()
        roles = [{}, {"label": "odd"}, {"time": "odd"}, {"query": "odd"}, {"decision": "odd"}]
        roles += [
            {"keys": ["odd"], "holdout": plain},
            {"feature_times": ["odd"], "now": datetime(2025, 1, 1, tzinfo=UTC)},
        ]
        if pa.types.is_timestamp(table["odd"].type):
            del roles[2]  # days of three centuries take ten seconds
        for role in roles:
            expected = answer(plain, **role)
            assert answer(source, **role) == expected, (seed, role)
            errors += isinstance(expected, str)
    assert errors > 20


def test_dictionaries_that_differ_from_batch_to_batch_are_one_column(tmp_path):
    """Codes of one batch mean other words in the next; a value may be null or there twice."""
    n = 1_000
    table = rows(2 * n)
    words = [pa.array(["x", "y", None, "x"]), pa.array(["y", "z", "x"])]
    codes = [np.arange(n) % 4, np.arange(n) % 3]
    (tmp_path / "rows").mkdir()
    plain = []
    for place in range(2):
        coded = pa.DictionaryArray.from_arrays(pa.array(codes[place].astype("int32")), words[place])
        part = put(table.slice(place * n, n), "coded", coded)
        with pa.ipc.new_file(tmp_path / "rows" / f"{place}.arrow", part.schema) as file:
            file.write_table(part)
        plain.append(put(part, "coded", coded.cast(pa.string())))
    source, spelled = data.source(tmp_path / "rows"), pa.concat_tables(plain)
    for options in ({}, {"keys": ["coded"], "holdout": spelled}):
        assert report(source, **options) == report(spelled, **options)
    with pytest.raises(ArgumentError, match="coded: 250 rows are null; every row needs one"):
        report(source, query="coded")
    assert validate.row_hashes(source, ["coded", "time"]) == validate.row_hashes(spelled, ["coded", "time"])


def test_hashes_of_files_merge_and_follow_the_time(tmp_path):
    table = varied()
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    names = ["good", "text", "coded", "whole", "time"]
    source = files(shuffled, tmp_path / "rows")
    assert validate.row_hashes(source, names) == validate.row_hashes(shuffled, names)
    cut = [validate.row_hashes(shuffled.slice(*part), names) for part in ((0, 999), (999, 5_000))]
    assert validate.row_hashes(source, names) == b"".join(cut)
    ordered = shuffled.take(pa.array(np.argsort(shuffled["time"].cast("int64").to_numpy(), kind="stable")))
    assert validate.row_hashes(source, names, time="time") == validate.row_hashes(ordered, names)
    assert validate.row_hashes(source, names, time="time") != validate.row_hashes(source, names)


# ---------------------------------------------------------------- what cannot be


def test_types_that_do_not_go_together_are_the_same_error(tmp_path):
    window, holdout = parts(rows(2_000))
    for name, values, words in (
        ("size", ["a"] * holdout.num_rows, "Field size has incompatible types"),
        ("word", np.arange(holdout.num_rows), "Field word has incompatible types"),
        ("time", np.arange(holdout.num_rows), "Field time has incompatible types"),
    ):
        other = put(holdout, name, values)
        said = []
        in_files = [files(each, tmp_path / name / str(place), cuts=(50,)) for place, each in enumerate((window, other))]
        for one, two in ((window, other), (in_files[0], other), tuple(in_files)):
            with pytest.raises(ColumnTypeError, match=f"holdout: its columns are of other types.*{words}") as error:
                report(one, holdout=two)
            said.append(str(error.value))
        assert len(set(said)) == 1


def test_whole_numbers_that_fractions_cannot_hold_name_their_column(tmp_path):
    window, holdout = parts(rows(2_000))
    window = put(window, "size", np.full(window.num_rows, 2**60 + 1))
    for one in (window, files(window, tmp_path / "rows", cuts=(50,))):
        with pytest.raises(ColumnTypeError, match="other types than the data's: size: Integer value"):
            report(one, holdout=holdout)
    near = put(window, "size", np.arange(window.num_rows))  # these go into doubles
    assert report(files(near, tmp_path / "near", cuts=(50,)), holdout=holdout) == report(near, holdout=holdout)


def test_what_files_lack_is_named(tmp_path):
    table = rows(300)
    source = files(table, tmp_path / "rows", cuts=(50,))
    for options, error, words in (
        ({"label": "lable"}, ArgumentError, "data: there is no column 'lable'; did you mean \"label\""),
        ({"features": ["goood"]}, ArgumentError, "data: there is no column 'goood'; did you mean \"good\""),
        ({"holdout": source.select(["label", "time"])}, ArgumentError, "holdout: there is no column 'good'"),
        ({"label": "word"}, ColumnTypeError, "label: must hold numbers|word: must hold numbers, found string"),
        ({"time": "word"}, ColumnTypeError, "word: must hold time stamps, found string"),
    ):
        with pytest.raises(error, match=words):
            report(source, **options)
    empty = files(table.slice(0, 0), tmp_path / "empty", cuts=())
    with pytest.raises(ArgumentError, match="data: there is no row"):
        report(empty)
    holes = files(put(table, "label", [None, *[1] * 299]), tmp_path / "holes", cuts=(50,))
    with pytest.raises(ArgumentError, match="label: 1 of 300 rows have no label"):
        report(holes)


def test_files_that_change_while_they_are_read_are_refused(tmp_path, monkeypatch):
    source = files(rows(300), tmp_path / "rows", cuts=())
    read = type(source).batches

    def changing(self, columns=None, **options):
        if columns == ["good"]:
            pq.write_table(rows(299), tmp_path / "rows" / "0.parquet")
        return read(self, columns, **options)

    monkeypatch.setattr(_columns, "_HELD", 1)
    monkeypatch.setattr(type(source), "batches", changing)
    with pytest.raises(DataError, match="300 rows at first, 299 now; the files were changed"):
        report(source)


# ---------------------------------------------------------------- memory

MEMORY = r"""
import re, sys
import pyarrow as pa
import pyarrow.dataset, pyarrow.parquet
from ctcore import data, validate
from ctcore.data import _source
from ctcore.validate import _columns
_source._BATCH_ROWS, _columns._HELD = 4_096, 1 << 22  # what is held besides, however large the data is
def memory(name):
    return 1024 * int(re.search(name + r":\s*(\d+)", open("/proc/self/status").read())[1])
source, before = data.source(sys.argv[1]), memory("VmRSS")
report = validate.leakage(source, label="label", time="time")
peak = memory("VmHWM") - before
held = source.table()
print(peak, memory("VmHWM") - before, len(report.features))
"""


def test_the_columns_of_files_are_never_held_together(tmp_path):
    table, rng = rows(200_000).select(["time", "label"]), np.random.default_rng(0)
    for place in range(80):
        table = table.append_column(f"f{place}", pa.array(rng.integers(0, 1_000, 200_000).astype(float)))
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=20_000)
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "rows.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, with_table, features = map(int, done.stdout.split())
    print(f"\n{table.nbytes / 1e6:.0f} MB of columns: {peak / 1e6:.0f} MB, {with_table / 1e6:.0f} MB with the table")
    assert features == 80
    assert peak < table.nbytes * 0.75 < with_table  # the table would be seen
