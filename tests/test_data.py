"""Files of rows: what is read, and what is refused with the reason."""

import contextlib
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.feather
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcore import data
from ctcore.errors import ArgumentError, DataError, DataNotFoundError


@pytest.fixture
def rows():
    return pa.table({"n": range(10), "word": ["a", "b", None, "d", "a"] * 2, "x": np.linspace(0, 1, 10)})


def write(table, path):
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=4)
    elif path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    else:
        pa.feather.write_feather(table, path, compression="uncompressed")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".arrow"])
def test_every_format_gives_the_same_rows(rows, tmp_path, suffix):
    write(rows.slice(0, 4), tmp_path / f"1{suffix}")
    write(rows.slice(4), tmp_path / f"2{suffix}")
    for pattern in (tmp_path, f"{tmp_path}/*{suffix}", f"{tmp_path}/**/*{suffix}"):
        source = data.source(pattern)
        assert source.table().to_pydict() == rows.to_pydict()
        assert [file[-len(suffix) - 1 :] for file in source.files] == [f"1{suffix}", f"2{suffix}"]
        streamed = pa.table(source)
        assert streamed.cast(rows.schema).to_pydict() == rows.to_pydict()
        assert source.table(["x", "n"]).column_names == ["x", "n"]
        assert source.table(["word"], span=("n", pa.scalar(3), pa.scalar(5))).to_pydict() == {"word": ["d", "a"]}
    assert [file["path"] for file in data.source(tmp_path).record(tmp_path)] == [f"1{suffix}", f"2{suffix}"]


def test_files_of_one_dataset_may_lack_columns_and_differ_in_width(tmp_path):
    pq.write_table(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": pa.array([2], pa.int64()), "b": pa.nulls(1)}), tmp_path / "2.parquet")
    pq.write_table(pa.table({"a": pa.array([3], pa.int64())}), tmp_path / "3.parquet")
    assert data.read_table(tmp_path).to_pydict() == {"a": [1, 2, 3], "b": ["x", None, None]}
    pq.write_table(pa.table({"a": ["no"]}), tmp_path / "4.parquet")
    with pytest.raises(DataError, match=r"'a' is int32 in .*1.parquet and string in .*4.parquet"):
        data.source(tmp_path)


TYPES = {
    "int8": pa.array([-128, None, 127, 3], pa.int8()),
    "uint8": pa.array([255, None, 0, 3], pa.uint8()),
    "uint32": pa.array([2**32 - 1, None, 0, 3], pa.uint32()),
    "int64": pa.array([-(2**63), None, 2**63 - 1, 3]),
    "uint64": pa.array([2**64 - 1, None, 0, 3], pa.uint64()),
    "float": pa.array([1.5, float("nan"), None, -0.5], pa.float32()),
    "double": pa.array([1.5, float("nan"), None, -0.5]),
    "date": pa.array([-(2**31), None, 2**31 - 1, 3], pa.int32()).cast(pa.date32()),
    "date64": pa.array([0, None, 86_400_000, -86_400_000], pa.date64()),
    "time32 s": pa.array([0, None, 86_399, 3], pa.time32("s")),
    "time64 ns": pa.array([0, None, 1, 3], pa.time64("ns")),
    **{
        f"{unit} {zone}": pa.array([-(10**9) - 1, None, 10**9, 3], pa.timestamp(unit, zone))
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "America/New_York")
    },
}


@pytest.mark.parametrize("name", TYPES)
def test_statistics_are_what_the_rows_hold(name, tmp_path):
    column = TYPES[name]
    pq.write_table(pa.table({"x": column}), tmp_path / "a.parquet", row_group_size=2)
    pq.write_table(pa.table({"x": pa.nulls(3, column.type), "y": [1, 2, 3]}), tmp_path / "b.parquet")
    source = data.source(tmp_path)
    told = source.statistics(["y", "x"])
    assert told.schema.names == ["rows", "y", "x"]
    assert told["rows"].to_pylist() == [2, 2, 3]
    assert told["y"].field("nulls").to_pylist() == [2, 2, 0]
    column = column.cast(source.schema.field("x").type)  # Parquet has no times of seconds
    groups = [column[:2], column[2:], pa.nulls(3, column.type)]
    assert told["x"].field("nulls").to_pylist() == [each.null_count for each in groups]
    if pa.types.is_floating(column.type):
        groups = [each.filter(pa.compute.invert(pa.compute.is_nan(each))) for each in groups]
    expected = [pa.compute.min_max(each) for each in groups]
    for bound, side in (("minimum", "min"), ("maximum", "max")):
        assert told["x"].field(bound).type == source.schema.field("x").type
        assert [each.as_py() if unit_free(each) else each.value for each in told["x"].field(bound)] == [
            each[side].as_py() if unit_free(each[side]) else each[side].value for each in expected
        ]


def unit_free(scalar):
    """Whether a value has a Python value of its own: not every time has."""
    return not pa.types.is_temporal(scalar.type)


@pytest.mark.parametrize("array", [pa.array(["a", None]), pa.array([True, None]), pa.array([[1], None])])
def test_statistics_of_other_types_are_counts_of_nulls(array, tmp_path):
    pq.write_table(pa.table({"x": array, "s": pa.array([{"x": 1}, None]), "s.x": [1, 2]}), tmp_path / "a.parquet")
    told = data.source(tmp_path).statistics(["x", "s", "s.x"])
    assert [told[name].field("minimum").null_count for name in ("x", "s", "s.x")] == [1, 1, 1]
    assert told["x"].field("nulls").to_pylist() == [None if pa.types.is_list(array.type) else 1]
    assert told["s.x"].field("nulls").to_pylist() == [None]  # the field of s has the same path


def test_files_without_statistics_say_nothing(tmp_path):
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "a.parquet", write_statistics=False)
    told = data.source(tmp_path).statistics(["x"])
    assert told.to_pylist() == [{"rows": 2, "x": {"minimum": None, "maximum": None, "nulls": None}}]
    (tmp_path / "b.csv").write_text("x\n1\n")
    assert data.source(tmp_path / "b.csv").statistics(["x"]) is None


def test_only_what_is_needed_of_a_row_group_is_read(tmp_path):
    table = pa.table({"x": range(6), "w": list("abcdef")})
    pq.write_table(table.slice(0, 4), tmp_path / "1.parquet", row_group_size=2)
    pq.write_table(table.slice(4), tmp_path / "2.parquet", row_group_size=2)
    rows = data.source(tmp_path).batches(["w", "x"], needed=[{"x"}, set(), {"x", "w"}]).read_all()
    assert rows.to_pydict() == {"w": [None, None, "e", "f"], "x": [0, 1, 4, 5]}


def test_a_text_of_a_megabyte_in_every_row_is_held_once(tmp_path):
    text, rows = "x" * (1 << 20), 300_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    pq.write_table(pa.table({"bomb": column}), tmp_path / "bomb.parquet")
    source = data.source(tmp_path / "bomb.parquet")
    assert sum(batch.num_rows for batch in source.batches()) == rows
    with pytest.raises(DataError, match="decode to more than this machine's memory"):
        source.table()


def test_lists_of_thousands_come_in_small_batches(tmp_path):
    lists = pa.array([np.zeros(1_000_000)] * 40)
    pq.write_table(pa.table({"x": lists}), tmp_path / "lists.parquet")
    batches = [batch.num_rows for batch in data.source(tmp_path).batches()]
    assert sum(batches) == 40
    assert max(batches) <= 16


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", r"Row #3: Expected 2 columns, got 1"),
        ("a.csv", b"a,b\n" + b"1,2\n" * 400_000 + b"one,2\n", r"column #0.*'one'"),
        ("a.csv", "a,b\n\u00e9,2\n".encode("latin-1"), r"column 'a' is not UTF-8"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), r"UTF-16"),
        ("a.csv", b"a,a\n1,2\n", r"multiple columns named a"),
        ("a.csv", b"", r"empty"),
        ("a.csv", b"PAR1....", r"not CSV but Parquet"),
        ("a.parquet", b"a,b\n1,2\n", r"not parquet"),
        ("a.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", r"cannot be read"),
        ("a.arrow", b"ARROW1\0\0" + b"\xff" * 64, r"cannot be read"),
        ("a.txt", b"a", r"must end in one of"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_the_file(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        data.read_table(tmp_path / name)
    assert name in str(caught.value)


def test_newlines_may_be_mixed_and_stand_in_values(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfa,b\r\n"x\ny",2\n"z",4\r\n,6')
    assert data.read_table(tmp_path / "a.csv").to_pydict() == {"a": ["x\ny", "z", None], "b": [2, 4, 6]}


def test_names_are_needed_once(tmp_path):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="'a' occurs more than once"):
        data.source(tmp_path / "a.parquet")


def test_what_is_not_there_is_named(tmp_path, rows):
    with pytest.raises(DataNotFoundError, match="nothing"):
        data.source("nothing", tmp_path)
    pq.write_table(rows, tmp_path / "a.parquet")
    with pytest.raises(ArgumentError, match="no column 'y'"):
        data.source(tmp_path).batches(["y"])


def test_a_torn_file_names_its_row_group_and_column(tmp_path):
    rng = np.random.default_rng(0)
    table = pa.table({name: rng.normal(size=3000) for name in "abc"})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=1000, compression="zstd", use_dictionary=False)
    torn = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(2)
    torn[chunk.data_page_offset + 20 : chunk.data_page_offset + 4000] = bytes(3980)
    path.write_bytes(torn)
    with pytest.raises(DataError, match=r"a.parquet, row group 1, column 'c' cannot be read"):
        data.read_table(path)


@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_beyond_its_dictionary_is_refused(tmp_path, code):
    words = pa.DictionaryArray.from_arrays(pa.array([0, None, code], pa.int32()), pa.array(["a", "b"]), safe=False)
    with pa.ipc.new_file(tmp_path / "a.arrow", pa.schema([("word", words.type)])) as writer:
        writer.write_table(pa.table({"word": words}))
    with pytest.raises(DataError, match=f"word has codes from .*{code}.* for a dictionary of 2"):
        data.read_table(tmp_path / "a.arrow")


@pytest.mark.parametrize(
    ("group", "most", "sizes"),
    [(1000, 600, {500}), (1000, 2500, {2000, 1000}), (7, 20, {14, 13}), (3000, 3000, {3000})],
)
def test_batches_hold_whole_row_groups_or_share_one(tmp_path, monkeypatch, group, most, sizes):
    monkeypatch.setattr("ctcore.data._source._BATCH_ROWS", most)
    pq.write_table(pa.table({"n": range(3000 if group > 7 else 27)}), tmp_path / "a.parquet", row_group_size=group)
    assert {len(batch) for batch in data.source(tmp_path).batches()} == sizes


def test_long_texts_make_batches_shorter(tmp_path):
    texts = pa.table({"text": [f"{i:01000}" for i in range(50_000)]})
    pq.write_table(texts, tmp_path / "a.parquet", row_group_size=10_000, use_dictionary=False, compression="none")
    assert data.source(tmp_path)._batch_rows == 130_000  # 128 MiB


def test_sizes_that_no_writer_gives_are_refused_before_reading(tmp_path, monkeypatch):
    pq.write_table(pa.table({"a": np.arange(1_000_000)}), tmp_path / "a.parquet")
    monkeypatch.setattr(os, "sysconf", lambda _: 1000)  # a machine with a megabyte
    with pytest.raises(DataError, match="row group 0 says that it has 1,000,000 rows"):
        data.source(tmp_path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_are_an_error_and_never_the_end(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("damaged")
    kind = drawn.draw(st.sampled_from(["parquet", "arrow", "csv"]))
    table = pa.table({"n": range(50), "word": ["a", "b", None, "d", "a"] * 10, "l": [[1.0, 2.0], []] * 25})
    path = folder / f"a.{kind}"
    write(table if kind != "csv" else table.drop_columns("l"), path)
    content = bytearray(path.read_bytes())
    for _ in range(drawn.draw(st.integers(1, 4))):
        content[drawn.draw(st.integers(6, len(content) - 1))] = drawn.draw(st.integers(0, 255))
    path.write_bytes(content[: drawn.draw(st.integers(7, len(content)))])
    with contextlib.suppress(DataError):
        source = data.source(path)
        told = source.statistics(source.schema.names)
        assert told is None or told.num_rows == pq.ParquetFile(path).num_row_groups
        list(source.batches())


def test_object_stores_are_read_by_url(rows, tmp_path, monkeypatch):
    pytest.importorskip("moto.server", reason="moto is not installed")
    from objectstore import serve  # noqa: PLC0415

    server, bucket = serve(monkeypatch)
    try:
        pq.write_table(rows, tmp_path / "a.parquet")
        query = f"?endpoint_override={server.url.removeprefix('http://')}&scheme=http"
        store, path = pa.fs.FileSystem.from_uri(f"s3://{bucket}/rides{query}")
        for key in ("2019/a.parquet", "2020/b.parquet"):
            with store.open_output_stream(f"{path}/{key}") as stream:
                stream.write((tmp_path / "a.parquet").read_bytes())
        wanted = {"rides": 2, "rides/*/*.parquet": 2, "rides/2019/*.parquet": 1, "rides/2020/b.parquet": 1}
        for pattern, files in wanted.items():
            source = data.source(f"s3://{bucket}/{pattern}{query}")
            assert len(source.files) == files
            assert source.table().num_rows == 10 * files
        assert source.record(tmp_path)[0]["size"] == (tmp_path / "a.parquet").stat().st_size
        with pytest.raises(DataNotFoundError):
            data.source(f"s3://{bucket}/none/*.parquet{query}")
    finally:
        server.stop()
