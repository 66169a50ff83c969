"""What Parquet statistics answer is what decoding answers, as long as they are true."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from conftest import ctcore
from ctcore import _core, data, report, validate
from ctcore.errors import ArgumentError, DataError
from ctcore.verdict import Verdict

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def contract(properties, quality="", more=""):
    text = HEAD + f"    properties: [{properties}]\n" + (f"    quality: [{quality}]\n" if quality else "") + more
    return validate.contract(validate.parse(text))


def told(found):
    """Everything that a report says, but for how it was found out."""
    return {key: value for key, value in found.to_dict().items() if key != "answered_by_statistics"}


def both(source, asked, **options):
    """The report with statistics; the one without says the same."""
    with_, without = (
        validate.check(source, asked, now=NOW, distrust_statistics=distrust, **options) for distrust in (False, True)
    )
    assert told(with_) == told(without)
    assert without.answered_by_statistics == 0
    return with_


def metric(name, operator="mustBeGreaterOrEqualTo: 0"):
    implementation = f"{{check: metric, metric: {name}, {operator}}}"
    return f"{{id: {name}_metric, type: custom, engine: ctcore, implementation: {implementation}}}"


ALL = ", ".join(
    [
        "{name: i, logicalType: integer, required: true, logicalTypeOptions: {minimum: -3, maximum: 3}, quality: ["
        + ", ".join(metric(each) for each in ("minimum", "maximum", "range", "completeness"))
        + "]}",
        "{name: u, logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 0, exclusiveMaximum: 200}}",
        "{name: f, logicalType: number, logicalTypeOptions: {minimum: -3, maximum: 3}}",
        (
            "{name: g, logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0}, "
            "customProperties: [{property: ctNonFinite, value: allowed}]}"
        ),
        (
            '{name: t, logicalType: timestamp, required: true, logicalTypeOptions: {minimum: "2024-01-01T00:00:00.5Z"}'
            ", quality: [{id: future, type: custom, engine: ctcore, implementation: {check: notInFuture}}]}"
        ),
        '{name: d, logicalType: date, logicalTypeOptions: {maximum: "2024-01-01"}}',
        "{name: s, logicalType: string, required: true, logicalTypeOptions: {maxLength: 2, pattern: a}}",
        "{name: b, logicalType: boolean, required: true, quality: [{id: none, metric: nullValues, mustBe: 3}]}",
        "{name: k, logicalType: integer, unique: true, quality: [" + metric("mean") + ", " + metric("minimum") + "]}",
        "{name: gone, logicalType: integer, required: true, customProperties: [{property: ctOptional, value: true}]}",
        (
            "{name: o, logicalType: object, required: true, properties: ["
            "{name: i, logicalType: integer, required: true, logicalTypeOptions: {minimum: -2, maximum: 2}, quality: ["
            + ", ".join(metric(each) for each in ("minimum", "maximum", "completeness"))
            + "]}, {name: in, logicalType: object, properties: [{name: f, logicalType: number, required: true, "
            "logicalTypeOptions: {minimum: 0}}]}, {name: l, logicalType: array, items: {required: true}}]}"
        ),
    ]
)
QUALITY = (
    "{id: rows, metric: rowCount, mustBeGreaterOrEqualTo: 1}, "
    "{id: ordered, type: custom, engine: ctcore, implementation: {check: compare, columns: [i, f], operator: '<='}}, "
    "{id: when, type: custom, engine: ctcore, implementation: "
    "{check: conditional, if: {column: s, notNull: true}, then: {column: i, minimum: 0}}}"
)
FRESH = "slaProperties: [{property: latency, value: 1, unit: d, element: t.t}]\n"
SECONDS = 1_704_067_200  # the first second of 2024


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 24))

    def column(values, type_, absent=0.5):
        nulls = st.none() if draw(st.floats(0, 1)) < absent else st.nothing()
        return pa.array(draw(st.lists(values | nulls, min_size=rows, max_size=rows)), type_)

    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ticks = st.integers(SECONDS * per_second - 2, SECONDS * per_second + 2 * per_second)

    def nulls():
        return pa.array(
            draw(st.lists(st.booleans(), min_size=rows, max_size=rows) | st.just([False] * rows)), pa.bool_()
        )

    within = pa.StructArray.from_arrays([column(st.sampled_from([-1.0, 0.0, 2.0]), pa.float64())], ["f"], mask=nulls())
    numbers = st.sampled_from([-0.0, 0.0, 1.0, 2.5, 3.0, 3.5, -4.0, float("nan"), float("inf"), -float("inf")])
    return pa.table(
        {
            "i": column(st.integers(-4, 4), draw(st.sampled_from([pa.int8(), pa.int32(), pa.int64()]))),
            "u": column(st.integers(0, 255), draw(st.sampled_from([pa.uint8(), pa.uint32(), pa.uint64()]))),
            "f": column(numbers, draw(st.sampled_from([pa.float16(), pa.float32(), pa.float64()]))),
            "g": column(numbers, draw(st.sampled_from([pa.float16(), pa.float32(), pa.float64()]))),
            "t": column(ticks, pa.timestamp(unit, draw(st.sampled_from(["UTC", None])))),
            "d": column(st.integers(19_722, 19_724), pa.int32()).cast(pa.date32()),
            "s": column(st.sampled_from(["", "a", "ba", "caa"]), pa.string()),
            "b": column(st.booleans(), pa.bool_()),
            "k": column(st.integers(0, 50), pa.int64()),
            "o": pa.StructArray.from_arrays(
                [
                    column(st.integers(-3, 3), pa.int16()),
                    within,
                    column(st.lists(st.integers(0, 1)), pa.list_(pa.int8())),
                ],
                ["i", "in", "l"],
                mask=nulls(),
            ),
        }
    )


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_statistics_answer_what_decoding_answers(tmp_path_factory, drawn):
    table = drawn.draw(tables())
    folder = tmp_path_factory.mktemp("rows")
    cut = drawn.draw(st.integers(0, len(table)))
    size = drawn.draw(st.integers(1, 9))
    for name, part in (("1", table.slice(0, cut)), ("2", table.slice(cut))):
        kept = part.drop_columns(drawn.draw(st.lists(st.sampled_from("gsb"), unique=True, max_size=1)))
        pq.write_table(kept, folder / f"{name}.parquet", row_group_size=size)
    source = data.source(folder)
    found = both(source, asked := contract(ALL, QUALITY, FRESH))
    event(f"answered: {found.answered_by_statistics > 0}")
    # The rows in memory have no statistics at all.
    plain = told(validate.check(pa.table(source), asked, now=NOW))
    assert told(found) | {"column_chunks": 0} == plain


def test_a_column_chunk_that_statistics_answer_is_not_decoded(tmp_path):
    """Three row groups: the pages of what is answered are torn, and nobody notices who trusts statistics."""
    table = pa.table({"x": np.arange(3000), "y": np.arange(3000) % 10, "z": np.linspace(0, 1, 3000)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=1000, compression="none", use_dictionary=False)
    asked = contract(
        "{name: x, logicalType: integer, required: true, logicalTypeOptions: {maximum: 2000}}, "
        "{name: y, logicalType: integer, logicalTypeOptions: {minimum: 0}}, {name: z}"
    )
    found = both(data.source(path), asked)
    # x is open in the last group; y and its finite whole numbers nowhere; z may hide NaN everywhere.
    assert (found.column_chunks, found.answered_by_statistics) == (9, 5)
    assert found.broken["x.range"] == validate.Broken(
        count=999, asked=3000, examples=((2001, "2001"), (2002, "2002"), (2003, "2003"))
    )
    torn, metadata = bytearray(path.read_bytes()), pq.ParquetFile(path).metadata
    for group, place in ((0, 0), (1, 1)):
        start = metadata.row_group(group).column(place).data_page_offset
        torn[start : start + 40] = bytes(40)
    path.write_bytes(torn)
    source = data.source(path)
    assert told(validate.check(source, asked, now=NOW)) == told(found)
    with pytest.raises(DataError, match="row group 0, column 'x' cannot be read"):
        validate.check(source, asked, now=NOW, distrust_statistics=True)


def test_only_the_columns_that_rules_ask_of_are_read(tmp_path):
    """Whatever the format says of itself: a table of thousands of columns costs what its contract asks."""
    table = pa.table({"x": np.arange(10.0), "other": np.arange(10.0)})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    path = tmp_path / "a.parquet"
    torn, chunk = bytearray(path.read_bytes()), pq.ParquetFile(path).metadata.row_group(0).column(1)
    torn[chunk.data_page_offset : chunk.data_page_offset + 20] = bytes(20)
    path.write_bytes(torn)
    assert both(data.source(path), contract("{name: x, logicalType: number}")).verdict is Verdict.PASS
    (tmp_path / "b.csv").write_text("x,other\n1,2\n3,4\n")
    found = both(data.source(tmp_path / "b.csv"), contract("{name: x, logicalType: integer, required: true}"))
    assert (found.rows, found.column_chunks, found.broken["x.nulls"].asked) == (2, 0, 2)


def test_rows_are_counted_where_no_rule_needs_any(tmp_path):
    pq.write_table(pa.table({"x": range(10)}), tmp_path / "a.parquet", row_group_size=4)
    source = data.source(tmp_path)
    found = both(source, contract("{name: x}", "{metric: rowCount, mustBe: 10}"))
    assert (found.rows, found.verdict) == (10, Verdict.PASS)
    found = both(source, contract("{name: x, logicalType: integer, required: true}"))
    assert (found.rows, found.column_chunks, found.answered_by_statistics) == (10, 3, 3)
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    assert both(data.source(tmp_path), contract("{name: x, required: true}")).verdict is Verdict.INSUFFICIENT


def test_nan_hides_from_statistics_and_not_from_its_rule(tmp_path):
    values = [1.0, float("nan"), 2.0, 3.0]
    pq.write_table(pa.table({"x": values}), tmp_path / "a.parquet", row_group_size=2)
    statistics = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0).statistics
    assert (statistics.min, statistics.max) == (1.0, 1.0)
    source, bounds = data.source(tmp_path), "logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 9}"
    strict = both(source, contract(f"{{name: x, {bounds}}}"))
    assert (strict.broken["x.finite"].count, strict.answered_by_statistics) == (1, 0)
    lax = both(
        source, contract(f"{{name: x, {bounds}, customProperties: [{{property: ctNonFinite, value: allowed}}]}}")
    )
    assert (lax.broken["x.range"].count, lax.answered_by_statistics) == (0, 2)
    counted = both(source, contract("{name: x, quality: [" + metric("nanCount", "mustBe: 1") + "]}"))
    assert counted.verdict is Verdict.FAIL  # of its rule that every number is finite
    assert next(check.value for check in counted.checks if check.id == "x.nanCount_metric") == 1


def test_text_that_statistics_cut_short_is_decoded(tmp_path):
    words = ["a" * 100, "a" * 99 + "b"]
    pq.write_table(pa.table({"x": words}), tmp_path / "a.parquet")
    rules = "{name: x, logicalType: string, required: true, logicalTypeOptions: {minLength: 100, pattern: '^a+$'}}"
    found = both(data.source(tmp_path), contract(rules))
    assert (found.broken["x.pattern"].count, found.answered_by_statistics) == (1, 0)
    found = both(data.source(tmp_path), contract("{name: x, logicalType: string, required: true}"))
    assert found.answered_by_statistics == 1


def test_the_newest_row_is_known_from_statistics(tmp_path):
    newest = pa.array([NOW.replace(tzinfo=None)] * 4, pa.timestamp("ns"))
    pq.write_table(pa.table({"t": newest}), tmp_path / "a.parquet", row_group_size=2)
    found = both(data.source(tmp_path), contract("{name: t}", more=FRESH))
    age = next(check for check in found.checks if check.id == "freshness")
    assert (age.value, age.verdict) == (0, Verdict.PASS)


def test_a_stream_that_is_not_what_was_needed_is_refused(tmp_path):
    table = pa.table({"x": [1.0, 2.0, 3.0], "y": [1, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    told = data.source(tmp_path).statistics(["x"])
    rules = [{"test": "finite", "columns": ["x"]}]
    assert _core.needed_columns(table.schema, {}, rules, told) == [["x"], ["x"]]
    known = {"schema": table.schema, "statistics": told}
    assert _core.scan(table, {}, rules, **known)["rows"] == 3
    with pytest.raises(ArgumentError, match="they tell of 3 rows to read, there are 2"):
        _core.scan(table.slice(1), {}, rules, **known)
    with pytest.raises(ArgumentError, match="the column x is needed and not in the stream"):
        _core.scan(table.select(["y"]), {}, rules, **known)
    with pytest.raises(ArgumentError, match="statistics: rows is missing or of another type"):
        _core.scan(table, {}, rules, statistics=table)


def lying(path):
    """A file whose footer says that the largest value is 5, and holds a larger one."""
    large = 1_234_567_890_123
    pq.write_table(pa.table({"x": [1, 2, large, 3]}), path, use_dictionary=False)
    content = path.read_bytes()
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    true, false = (struct.pack("<q", value) for value in (large, 5))
    assert true in content[footer:]
    path.write_bytes(content[:footer] + content[footer:].replace(true, false))
    return path


def test_wrong_statistics_are_believed_until_they_are_distrusted(tmp_path):
    source = data.source(lying(tmp_path / "a.parquet"))
    asked = contract("{name: x, logicalType: integer, logicalTypeOptions: {maximum: 10}}")
    believed, decoded = (validate.check(source, asked, distrust_statistics=distrust) for distrust in (False, True))
    assert (believed.verdict, believed.broken["x.range"].count) == (Verdict.PASS, 0)
    assert (decoded.verdict, decoded.broken["x.range"].count) == (Verdict.FAIL, 1)


def test_the_command_says_what_statistics_answered(tmp_path):
    lying(tmp_path / "a.parquet")
    text = HEAD + "    properties: [{name: x, logicalType: integer, logicalTypeOptions: {maximum: 10}}]\n"
    (tmp_path / "contract.yaml").write_text(text)

    def done(*more):
        return ctcore("check-data", "a.parquet", "--contract", "contract.yaml", *more, cwd=tmp_path)

    believed, decoded = done(), done("--distrust-statistics")
    assert (believed.returncode, decoded.returncode) == (0, 1)
    assert "statistics answered 1 of 1 column chunks" in " ".join(believed.stdout.split())
    assert "statistics answered" not in decoded.stdout
    shown = json.loads(done("--format", "json").stdout)
    assert (shown["column_chunks"], shown["answered_by_statistics"]) == (1, 1)


def test_pages_say_what_statistics_answered(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    found = validate.check(data.source(tmp_path), contract("{name: x, required: true, logicalType: integer}"))
    for render in (report.validation_html, report.validation_markdown):
        assert "statistics answered 1 of 1 column chunks" in render(found)
