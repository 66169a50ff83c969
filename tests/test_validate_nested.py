"""What lies inside of columns: fields of structs, items of lists, keys and values of maps."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcore import data, drift, validate
from ctcore.errors import ConfigError
from ctcore.validate._nested import values
from ctcore.verdict import Verdict

HEAD = "kind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def contract(properties, quality="", more="", api="v3.1.0"):
    """A contract of one table, from the inside of its lists in YAML's short form."""
    text = f"apiVersion: {api}\n{HEAD}    properties: [{properties}]\n"
    return validate.contract(validate.parse(text + (f"    quality: [{quality}]\n" if quality else "") + more))


def inside(table, properties, **options):
    """The checks of a contract by id, and the report's counts."""
    report = validate.check(table, contract(properties), now=NOW, **options)
    return {check.id: check for check in report.checks}, report.broken


def custom(id_, implementation):
    return f"{{id: {id_}, type: custom, engine: ctcore, implementation: {{{implementation}}}}}"


def metrics(names):
    return ", ".join(custom(each, f"check: metric, metric: {each}, mustBeGreaterOrEqualTo: -1e9") for each in names)


# ------------------------------------------------------------ structs


def test_properties_of_objects_are_columns_of_their_own():
    rows = [
        {"city": "Bern", "at": {"lat": 47.0}},
        {"city": None, "at": {"lat": 99.0}},
        None,
        {"city": "Bern", "at": None},
        {"city": "x", "at": {"lat": float("nan")}},
    ]
    table = pa.table({"address": pa.array(rows), "n": range(5)})
    rules = (
        "{name: n}, {name: address, logicalType: object, required: true, properties: ["
        "{name: town, physicalName: city, logicalType: string, required: true, unique: true, "
        "logicalTypeOptions: {minLength: 2}}, "
        "{name: at, logicalType: object, properties: [{name: lat, logicalType: number, required: true, "
        "logicalTypeOptions: {maximum: 90}, quality: [{id: far, metric: nullValues, mustBe: 3}]}]}, "
        "{name: zip, logicalType: string, required: true}]}"
    )
    found, broken = inside(table, rules)
    counts = {id_: (each.count, each.asked) for id_, each in broken.items()}
    assert counts == {
        "address.nulls": (1, 5),
        "address.city.nulls": (1, 4),  # of the rows that have an address
        "address.city.unique": (1, 3),
        "address.city.length": (1, 5),
        "address.at.lat.nulls": (0, 3),
        "address.at.lat.finite": (1, 5),
        "address.at.lat.range": (1, 5),
        "address.at.lat.far": (2, 5),
        "n.finite": (0, 5),
    }
    assert broken["address.at.lat.range"].examples == ((1, "99.0"),)
    assert found["address.zip.present"].verdict is Verdict.FAIL
    assert {found[f"address.{each}.type"].verdict for each in ("city", "at", "at.lat")} == {Verdict.PASS}
    assert found["address.zip.type"].verdict is Verdict.NOT_RUN


def test_an_object_that_may_be_missing_may_miss_its_properties():
    rules = (
        "{name: n}, {name: a, logicalType: object, customProperties: [{property: ctOptional, value: true}], "
        "properties: [{name: b, logicalType: integer, required: true}]}"
    )
    found, _ = inside(pa.table({"n": [1]}), rules)
    assert found["a.b.present"].verdict is Verdict.PASS
    assert (found["a.b.nulls"].verdict, found["a.b.nulls"].required) == (Verdict.NOT_RUN, False)
    planned = rules.replace("ctOptional, value: true", "ctLifecycle, value: planned")
    found, _ = inside(pa.table({"n": [1]}), planned)
    assert (found["a.b.nulls"].verdict, found["a.b.nulls"].required) == (Verdict.NOT_RUN, False)
    with pytest.raises(ConfigError, match="two properties are one column"):
        contract(rules + ", {name: a.b}")


COUNTED = ("completeness", "distinctCount", "entropy", "maximum", "mean", "minimum", "standardDeviation", "sum")
EVERY_RULE = (
    "{{name: n, logicalType: integer}}, {objects}"
    "{{name: {k}, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, logicalTypeOptions: {{maximum: 1}}, "
    "quality: [{{id: some, metric: nullValues, unit: percent, mustBeLessThan: 40}}, {counted}, {checks}]}}, "
    "{{name: {at}, logicalType: timestamp, quality: [{times}]}}, "
    "{{name: {s}, logicalType: string, unique: true, relationships: [{{to: other.s}}], "
    "quality: [{{id: known, metric: invalidValues, mustBe: 0, arguments: {{validValues: [x, y]}}}}]}}{end}"
)


def every_rule(prefix):
    """Every rule on the fields of a struct, or on columns of the same names."""
    checks = (
        custom("order", "check: monotonic, strict: true"),
        custom("drift", "check: drift, statistic: psi, reference: before, max: 0.1"),
        custom("history", "check: anomaly, metric: mean, method: rateOfChange, min: 0.9, max: 1.1"),
    )
    times = custom("future", "check: notInFuture") + ", " + custom("window", "check: withinWindow")
    names = {"k": f"{prefix}k", "at": f"{prefix}at", "s": f"{prefix}s"}
    outside = {"objects": "", "end": ""}
    within = {"objects": "{name: a, logicalType: object, properties: [", "end": "]}"}
    properties = EVERY_RULE.format(
        **names, counted=metrics(COUNTED), checks=", ".join(checks), times=times, **(outside if prefix else within)
    )
    quality = (
        custom("less", "check: compare, columns: [a.k, n], operator: '<='")
        + ", "
        + custom("when", "check: conditional, if: {column: a.s, equals: x}, then: {column: a.k, minimum: 0}")
    )
    fresh = "slaProperties: [{property: latency, value: 1, unit: h, element: t.a.at}]\n"
    return contract(properties, quality, fresh)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_field_of_a_struct_is_a_column_to_every_rule(drawn):
    def tables():
        field = {
            "k": st.none() | st.integers(-2, 2),
            "at": st.none() | st.integers(0, 90).map(lambda hour: datetime(2023, 12, 31) + timedelta(hours=hour)),
            "s": st.none() | st.sampled_from("xyz"),
        }
        rows = drawn.draw(st.lists(st.none() | st.fixed_dictionaries(field), min_size=1, max_size=12))
        type_ = pa.struct([("k", pa.int32()), ("at", pa.timestamp("us")), ("s", pa.string())])
        numbers = pa.array(range(len(rows)))
        flat = {f"a.{name}": [row and row[name] for row in rows] for name in field}
        columns = [pa.array(flat[f"a.{part.name}"], part.type) for part in type_]
        return pa.table({"n": numbers, "a": pa.array(rows, type_)}), pa.table([numbers, *columns], ["n", *flat])

    before, now = tables(), tables()
    reports = [
        validate.check(
            table,
            every_rule(prefix),
            now=NOW,
            window=(datetime(2024, 1, 1, tzinfo=UTC), NOW),
            references={"before": reference, "other": pa.table({"s": ["x"]})},
            history=[validate.Batch(time=datetime(2023, 12, 31, tzinfo=UTC), metrics={"rowCount": 3, "a.k.mean": 1.0})],
        )
        for prefix, table, reference in zip(("", "a."), now, before, strict=True)
    ]
    nested, flat = ({check.id: check for check in report.checks} for report in reports)
    assert {id_ for id_ in nested if id_ not in flat} == {"a.present", "a.type"}
    assert {id_: nested[id_] for id_ in flat} == flat
    assert {"a.k.drift", "a.k.order", "a.k.history", "a.at.window", "less", "when", "primary_key", "freshness"} <= set(
        flat
    )
    assert reports[0].broken == reports[1].broken
    assert {name: value for name, value in reports[0].metrics.items() if name != "a.completeness"} == reports[1].metrics


@pytest.mark.parametrize("form", ["table", "polars", "files"])
def test_drift_is_found_inside_of_columns(form, tmp_path):
    def rows(shift):
        numbers = np.arange(400) % 7
        return pa.table(
            {
                "a": [{"k": int(number) + shift} if number else None for number in numbers],
                "l": [[int(number), int(number) + shift] for number in numbers],
                "m": pa.array([[("k", int(number) + shift)] for number in numbers], pa.map_(pa.string(), pa.int64())),
            }
        )

    def given(name, table):
        if form == "files":
            pq.write_table(table, tmp_path / f"{name}.parquet")
            return data.source(tmp_path / f"{name}.parquet")
        return pl.from_arrow(table.drop_columns("m")) if form == "polars" else table

    drift = "quality: [" + custom("drift", "check: drift, statistic: jensenShannon, reference: before, max: 0.1") + "]"
    rules = contract(
        f"{{name: a, logicalType: object, properties: [{{name: k, {drift}}}]}}, "
        f"{{name: l, logicalType: array, items: {{logicalType: integer, {drift}}}}}"
        + (
            f", {{name: m, logicalType: map, map: {{key: {{{drift}}}, value: {{{drift}}}}}}}"
            if form != "polars"
            else ""
        ),
        api="v3.2.0",
    )
    before = given("before", rows(0))
    for shift, verdict in ((0, Verdict.PASS), (3, Verdict.FAIL)):
        found = validate.check(given("now", rows(shift)), rules, references={"before": before})
        drifts = {check.id: check.verdict for check in found.checks if check.id.endswith("drift")}
        same = {"m{}.key.drift": Verdict.PASS} if form != "polars" else {}
        moved = ["a.k.drift", "l[].drift"] + (["m{}.value.drift"] if form != "polars" else [])
        assert drifts == dict.fromkeys(moved, verdict) | same


def test_a_slice_of_a_struct_in_a_struct_is_read_from_where_it_begins():
    rows = [{"in": {"n": number}} for number in range(6)]
    type_ = pa.struct([("in", pa.struct([("n", pa.int64())]))])
    table = pa.Table.from_batches(pa.table({"a": pa.array(rows, type_)}).to_batches(max_chunksize=2))
    assert [chunk.offset for chunk in table["a"].chunks] == [0, 2, 4]
    number = "{name: n, logicalType: integer, logicalTypeOptions: {maximum: 3}}"
    rules = f"{{name: a, logicalType: object, properties: [{{name: in, logicalType: object, properties: [{number}]}}]}}"
    for given_ in (table, table.to_reader(), table.slice(1), table.to_batches()[2]):
        _, broken = inside(given_, rules)
        assert broken["a.in.n.range"].count == 2, type(given_)
    assert drift.profile(table).num_rows == 6


# ------------------------------------------------------------ lists


@pytest.mark.parametrize("type_", [pa.list_, pa.large_list, lambda items: pa.list_(items, 2)])
def test_items_of_lists_are_judged_one_by_one(type_):
    lists = [[1, 2], None, [7, 2], [None, 3], [8, 9]]
    rule = (
        "{name: x, logicalType: array, items: {logicalType: integer, required: true, logicalTypeOptions: {maximum: 5}, "
        "quality: [{id: known, metric: invalidValues, mustBe: 0, arguments: {validValues: [1, 2, 3, 7]}}]}}"
    )
    found, broken = inside(pa.table({"x": pa.array(lists, type_(pa.int64()))}), rule)
    assert {id_: (each.count, each.asked) for id_, each in broken.items()} == {
        "x[].nulls": (1, 5), "x[].range": (2, 5), "x[].known": (1, 5),
    }  # fmt: skip
    assert (found["x[].present"].verdict, found["x[].type"].verdict) == (Verdict.PASS, Verdict.PASS)
    assert found["x[].range"].message == (
        "x[]: 2 of 5 rows (40.00%) have items that lie above 5, none allowed; row 2: item 0: 7, row 4: item 0: 8"
    )
    wrong, _ = inside(pa.table({"x": [1]}), rule)
    assert (wrong["x.type"].verdict, wrong["x[].present"].verdict) == (Verdict.FAIL, Verdict.FAIL)


def test_items_may_be_texts_or_objects():
    rows = [{"tags": ["ab", "abc"], "orders": [{"price": 1.0}, {"price": None}]},
            {"tags": ["xb"], "orders": []},
            {"tags": [], "orders": [{"price": -1.0}, None]}]  # fmt: skip
    rules = (
        "{name: tags, logicalType: array, items: {logicalType: string, logicalTypeOptions: "
        "{pattern: '^a', maxLength: 2}}}, "
        "{name: orders, logicalType: array, items: {logicalType: object, properties: ["
        "{name: price, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}]}}"
    )
    found, broken = inside(pa.Table.from_pylist(rows), rules)
    assert {id_: each.count for id_, each in broken.items()} == {
        "tags[].length": 1, "tags[].pattern": 1,
        "orders[].price.nulls": 2, "orders[].price.finite": 0, "orders[].price.range": 1,
    }  # fmt: skip
    assert found["orders[].price.type"].verdict is Verdict.PASS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.lists(st.none() | st.integers(-3, 3), max_size=4), max_size=20), st.integers(0, 20))
def test_items_are_counted_as_in_python(lists, cut):
    chunks = [pa.array(each, pa.list_(pa.int8())) for each in (lists[:cut], lists[cut:])]
    whole = pa.concat_arrays(chunks)
    rule = "{name: x, items: {logicalType: integer, required: true, logicalTypeOptions: {minimum: 0}}}"
    for column_ in (pa.chunked_array(chunks), whole, pa.concat_arrays([whole, whole]).slice(len(whole))):
        _, broken = inside(pa.table({"x": column_}), rule)
        there = [each for each in lists if each is not None]
        assert broken["x[].range"].count == sum(any(i is not None and i < 0 for i in each) for each in there)
        assert broken["x[].nulls"].count == sum(None in each for each in there)


LISTS = st.lists(
    st.none() | st.lists(st.none() | st.sampled_from([-1.5, 0.0, 2.0, 7.0, math.nan]), max_size=4), max_size=20
)


@settings(max_examples=60, deadline=None)
@given(LISTS, st.integers(0, 20))
def test_metrics_of_items_are_those_of_all_items_together(lists, cut):
    chunks = pa.chunked_array([pa.array(each, pa.list_(pa.float64())) for each in (lists[:cut], lists[cut:])])
    names = (*COUNTED, "nanCount", "zeroCount", "distinctness", "uniqueness", "uniqueValueRatio", "range")
    rule = f"{{name: x, logicalType: array, items: {{logicalType: number, quality: [{metrics(names)}]}}}}"
    found, _ = inside(pa.table({"x": chunks}), rule)
    # The same items in a column of their own.
    column = pa.array([item for each in lists for item in each or []], pa.float64())
    plain, _ = inside(pa.table({"x": column}), f"{{name: x, logicalType: number, quality: [{metrics(names)}]}}")
    for name in names:
        of_items, of_rows = found[f"x[].{name}"], plain[f"x.{name}"]
        assert (of_items.verdict, of_items.value, of_items.n) == (of_rows.verdict, of_rows.value, of_rows.n), name
    items = [item for each in lists for item in each or []]
    there = Counter(repr(item) for item in items if item is not None)
    if there:
        assert found["x[].distinctCount"].value == len(there)
        assert found["x[].completeness"].value == there.total() / len(items)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.lists(st.none() | st.integers(0, 3), max_size=4), max_size=12), st.booleans())
def test_items_may_have_to_differ_and_to_come_in_order(lists, strict):
    order = custom("order", f"check: monotonic, direction: decreasing, strict: {str(strict).lower()}")
    rule = (
        "{name: x, logicalType: array, logicalTypeOptions: {uniqueItems: true}, "
        f"items: {{logicalType: integer, quality: [{order}]}}}}"
    )
    found, broken = inside(pa.table({"x": pa.array(lists, pa.list_(pa.int64()))}), rule)

    def unordered(items):
        present = [item for item in items if item is not None]
        return any(a < b or (strict and a == b) for a, b in pairwise(present))

    assert broken["x.uniqueItems"].count == sum(len(set(each)) < len(each) for each in lists if each)
    assert broken["x[].order"].count == sum(unordered(each) for each in lists if each)
    assert "repeat an item" in found["x.uniqueItems"].message


def test_items_have_times_and_refer_to_other_tables():
    at = [[datetime(2024, 1, 1, 23), datetime(2024, 1, 3)], None, [datetime(2024, 1, 1)]]
    table = pa.table({"at": at, "ids": [[1, 2], [3], []]})
    times = custom("future", "check: notInFuture") + ", " + custom("window", "check: withinWindow")
    rules = contract(
        f"{{name: at, logicalType: array, items: {{logicalType: timestamp, quality: [{times}]}}}}, "
        "{name: ids, logicalType: array, items: {logicalType: integer, relationships: [{to: other.id}]}}",
        more="slaProperties: [{property: latency, value: 1, unit: h, element: 't.at[]'}]\n",
    )
    day = (datetime(2024, 1, 1, 12, tzinfo=UTC), NOW)
    found = validate.check(table, rules, now=NOW, window=day, references={"other": pa.table({"id": [1, 3]})})
    counts = {id_: [row for row, _ in each.examples] for id_, each in found.broken.items()}
    assert counts == {"at[].future": [0], "at[].window": [0, 2], "ids[].foreign_key": [0]}
    assert next(check for check in found.checks if check.id == "freshness").value == -24 * 3600


def test_a_condition_on_the_row_may_bound_its_items():
    table = pa.table({"kind": ["a", "a", "b", None], "x": [[9], [1, 9], [9], [9]]})
    rules = contract(
        "{name: kind, logicalType: string}, {name: x, logicalType: array, items: {logicalType: integer}}",
        custom("small", "check: conditional, if: {column: kind, equals: a}, then: {column: 'x[]', maximum: 5}"),
    )
    broken = validate.check(table, rules).broken["small"]
    assert (broken.count, broken.asked, broken.examples) == (2, 2, ((0, "item 0: a, 9"), (1, "item 1: a, 9")))


ORDERS = st.lists(
    st.none()
    | st.lists(
        st.none()
        | st.fixed_dictionaries(
            {
                "price": st.none() | st.integers(0, 3),
                "paid": st.none() | st.integers(0, 3),
                "kind": st.none() | st.sampled_from("ab"),
            }
        ),
        max_size=3,
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.integers(0, 9), st.data())
def test_items_are_compared_with_their_neighbours_and_their_row(orders, cut, drawn):
    most = drawn.draw(st.lists(st.none() | st.integers(0, 3), min_size=len(orders), max_size=len(orders)))
    item = pa.struct([("price", pa.int8()), ("paid", pa.int8()), ("kind", pa.string())])
    table = pa.table({"most": pa.array(most, pa.int64()), "orders": pa.array(orders, pa.list_(item))})
    fields = (
        "{name: price, logicalType: integer}, {name: paid, logicalType: integer}, {name: kind, logicalType: string}"
    )
    rules = contract(
        "{name: most, logicalType: integer}, "
        f"{{name: orders, logicalType: array, items: {{logicalType: object, properties: [{fields}]}}}}",
        custom("paid", "check: compare, columns: ['orders[].paid', 'orders[].price'], operator: '<='")
        + ", "
        + custom("most", "check: compare, columns: ['orders[].price', most], operator: '<'")
        + ", "
        + custom(
            "kind",
            "check: conditional, if: {column: 'orders[].kind', equals: a}, then: {column: 'orders[].paid', minimum: 1}",
        ),
    )
    cut = min(cut, len(table))
    report = validate.check(pa.concat_tables([table.slice(0, cut), table.slice(cut)]), rules)

    def rows(breaks):
        there = [(row, [each or {} for each in items or []]) for row, items in enumerate(orders)]
        return sum(any(breaks(each, most[row]) for each in items) for row, items in there)

    def above(left, right, *, or_equal=False):
        return left is not None and right is not None and (left > right or (or_equal and left == right))

    found = {id_: (each.count, each.asked) for id_, each in report.broken.items() if "." not in id_}
    assert found == {
        "paid": (rows(lambda each, _: above(each.get("paid"), each.get("price"))), len(orders)),
        "most": (rows(lambda each, most: above(each.get("price"), most, or_equal=True)), len(orders)),
        "kind": (
            rows(lambda each, _: each.get("kind") == "a" and above(1, each.get("paid"))),
            rows(lambda each, _: each.get("kind") == "a"),
        ),
    }


def test_what_is_inside_and_not_judged_is_said():
    rules = (
        "{name: n, logicalType: array, items: {logicalType: integer}}, "
        "{name: m, logicalType: array, items: {logicalType: array, unique: true, items: {logicalType: integer}, "
        "quality: [" + custom("history", "check: anomaly, metric: mean") + ", " + metrics(["mean"]) + "]}}"
    )
    quality = custom("less", "check: compare, columns: ['m[]', 'n[]'], operator: '<='") + ", "
    quality += custom(
        "when", "check: conditional, if: {column: 'm[]', notNull: true}, then: {column: 'n[]', minimum: 0}"
    )
    found = validate.check(pa.table({"n": [[1]], "m": [[[1]]]}), contract(rules, quality), now=NOW)
    said = {check.id: check.message for check in found.checks if check.verdict is Verdict.NOT_RUN}
    assert set(said) == {"m[].items", "m[].unique", "m[].mean", "m[].history", "less", "when"}
    assert "what lists or maps hold in lists is not judged" in said["m[].items"]
    assert "uniqueItems asks each list by itself" in said["m[].unique"]
    assert "it holds no values of that kind" in said["m[].mean"]
    assert "a history is of rows" in said["m[].history"]
    assert "which item of one list stands against which" in said["less"]
    assert "which item of one list stands against which" in said["when"]


# ------------------------------------------------------------ maps


def test_the_keys_and_values_of_a_map_are_judged():
    maps = pa.array(
        [[("a", 1), ("b", 2)], None, [("c", 9)], [], [("a", None), ("b", 7)]], pa.map_(pa.string(), pa.int64())
    )
    known = "quality: [{id: known, metric: invalidValues, mustBe: 0, arguments: {validValues: [a, b]}}]"
    rule = (
        f"{{name: x, logicalType: map, required: true, map: {{key: {{logicalType: string, {known}}}, value: "
        "{logicalType: integer, required: true, logicalTypeOptions: {maximum: 5}, quality: ["
        + metrics(["mean", "distinctCount", "completeness"])
        + "]}}}"
    )
    report = validate.check(pa.table({"x": maps}), asked := contract(rule, api="v3.2.0"))
    assert {id_: (each.count, each.asked) for id_, each in report.broken.items()} == {
        "x.nulls": (1, 5), "x{}.key.known": (1, 5), "x{}.value.nulls": (1, 5), "x{}.value.range": (2, 5),
    }  # fmt: skip
    found = {check.id: check for check in report.checks}
    assert {found[f"x{way}.type"].verdict for way in ("", "{}.key", "{}.value")} == {Verdict.PASS}
    assert found["x{}.value.range"].message.endswith("row 2: item 0: 9, row 4: item 1: 7")
    values_ = {name: found[f"x{{}}.value.{name}"].value for name in ("mean", "distinctCount", "completeness")}
    assert values_ == {"mean": 19 / 4, "distinctCount": 4, "completeness": 4 / 5}
    assert "x{}.value.completeness" not in report.batch(NOW).metrics or report.metrics["x{}.value.mean"] == 19 / 4
    wrong = {check.id: check for check in validate.check(pa.table({"x": [1]}), asked).checks}
    assert (wrong["x.type"].verdict, wrong["x{}.key.present"].verdict) == (Verdict.FAIL, Verdict.FAIL)


def test_what_a_map_holds_may_be_objects():
    maps = pa.array(
        [[("a", {"n": 1})], [("b", {"n": -1}), ("c", None)]], pa.map_(pa.string(), pa.struct([("n", pa.int8())]))
    )
    rule = (
        "{name: x, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: object, properties: "
        "[{name: n, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0}}, "
        "{name: more, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: string}}}]}}}"
    )
    report = validate.check(pa.table({"x": maps}), contract(rule, api="v3.2.0"))
    assert {id_: each.count for id_, each in report.broken.items()} == {"x{}.value.n.nulls": 1, "x{}.value.n.range": 1}
    found = {check.id: check for check in report.checks}
    assert found["x{}.value.more.map"].verdict is Verdict.NOT_RUN
    with pytest.raises(ConfigError, match="map"):
        contract(rule)  # the standard has maps from 3.2 on


# ------------------------------------------------------------ Parquet statistics


def test_statistics_answer_for_the_fields_of_structs(tmp_path):
    """Of three row groups the first is proven and not decoded; one holds values too large, one a null besides."""
    rows = [{"n": n, "in": {"f": float(n)}} for n in range(30)]
    rows[25]["in"] = None
    path = tmp_path / "a.parquet"
    table = pa.table({"a": rows})
    pq.write_table(table, path, row_group_size=10)
    rules = contract(
        "{name: a, logicalType: object, required: true, properties: ["
        "{name: n, logicalType: integer, required: true, logicalTypeOptions: {maximum: 14}}, "
        "{name: in, logicalType: object, properties: [{name: f, logicalType: number, required: true, "
        "logicalTypeOptions: {minimum: 0}, customProperties: [{property: ctNonFinite, value: allowed}]}]}]}"
    )
    found, plain = (validate.check(each, rules) for each in (data.source(path), table))
    assert found.checks == plain.checks
    assert found.broken == plain.broken
    counts = {id_: (each.count, each.asked) for id_, each in found.broken.items()}
    assert counts["a.n.range"] == (15, 30)
    assert counts["a.in.f.nulls"] == (0, 29)  # asked of the rows that have one
    assert (found.column_chunks, found.answered_by_statistics) == (3, 1)


# ------------------------------------------------------------ what is inferred


def nested_rows(seed, rows=2000):
    rng = np.random.default_rng(seed)
    cities, tags = ["Bern", "Oslo", "Rome"], ["a", "b", "c", "d"]
    return [
        {
            "address": None if rng.random() < 0.1 else {
                "city": str(rng.choice(cities)),
                "at": {"lat": float(rng.normal(47, 3)), "seen": datetime(2024, 1, 1) + timedelta(hours=int(hour))},
            },
            "tags": [str(each) for each in rng.choice(tags, rng.integers(0, 4))],
            "orders": None if rng.random() < 0.05 else [
                {"price": float(rng.lognormal()), "count": int(rng.integers(1, 400))} for _ in range(rng.integers(0, 5))
            ],
        }
        for hour in range(rows)
    ]  # fmt: skip


def test_what_is_inferred_describes_what_lies_inside():
    table = pa.Table.from_pylist(nested_rows(1))
    properties = {each["name"]: each for each in validate.infer(table)["schema"][0]["properties"]}
    address, tags, orders = properties["address"], properties["tags"], properties["orders"]
    city, at = address["properties"]
    lat, seen = at["properties"]
    assert [each["logicalType"] for each in (address, at, tags, orders)] == ["object", "object", "array", "array"]
    assert (city["logicalType"], lat["logicalType"], seen["logicalType"]) == ("string", "number", "timestamp")
    assert city["quality"][1]["arguments"] == {"validValues": ["Bern", "Oslo", "Rome"]}
    assert tags["items"]["quality"][1]["arguments"] == {"validValues": ["a", "b", "c", "d"]}
    price, count = orders["items"]["properties"]
    assert price["logicalTypeOptions"]["minimum"] == 0 < price["logicalTypeOptions"]["maximum"]
    assert count["logicalType"] == "integer"
    found = validate.check(table, validate.contract(validate.infer(table)))
    assert found.verdict is Verdict.PASS, [check.message for check in found.checks if check.verdict is not Verdict.PASS]
    assert len(found.broken) == 19


@pytest.mark.parametrize(
    ("way", "change"),
    [
        ("address.city.vocabulary", lambda row: (row["address"] or {}).update(city="Atlantis")),
        ("address.at.lat.range", lambda row: row["address"] and row["address"]["at"].update(lat=4700.0)),
        ("address.at.nulls", lambda row: row["address"] and row["address"].update(at=None)),
        ("tags[].vocabulary", lambda row: row["tags"].append("zzz")),
        ("tags[].nulls", lambda row: row["tags"].append(None)),
        ("orders[].price.range", lambda row: [each.update(price=-1.0) for each in row["orders"] or []]),
        ("orders[].count.range", lambda row: [each.update(count=10**6) for each in row["orders"] or []]),
    ],
)
def test_what_is_inferred_finds_a_broken_leaf(way, change):
    good, batch, bad = (pa.Table.from_pylist(nested_rows(seed)) for seed in (1, 2, 2))
    rules = validate.contract(validate.infer(good))
    assert validate.check(batch, rules).verdict is Verdict.PASS
    rows = bad.to_pylist()
    for row in rows[:100]:
        change(row)
    found = validate.check(pa.Table.from_pylist(rows, schema=bad.schema), rules)
    assert way in {check.id for check in found.checks if check.verdict is Verdict.FAIL}


def test_what_a_batch_of_lists_may_hold_is_inferred_of_its_rows_and_items():
    """Half of the rows hold a null, one item in ten is one; extremes are those of 400 items a row."""
    rng = np.random.default_rng(3)

    def rows():
        items = rng.pareto(2.5, size=(200, 400))
        nulls = rng.random((200, 7)) < 0.1
        tags = [[None if gone else "a" for gone in row] for row in nulls]
        return pa.table({"x": items.tolist(), "tags": tags})

    broken, beyond, tried = 0, 0, 20
    for _ in range(tried):
        sample, batch = rows(), rows()
        found = validate.check(batch, validate.contract(validate.infer(sample)))
        broken += found.verdict is not Verdict.PASS
        largest = [max(map(max, each["x"].to_pylist())) for each in (sample, batch)]
        beyond += largest[1] > largest[0]
    assert beyond > tried / 4
    assert broken <= 1


def test_a_name_of_its_own_goes_before_a_way():
    table = pa.table({"a": [{"b": 1}], "a.b": ["x"], "l": [[1]], "l[]": ["y"]})
    assert values(table, "a.b").to_pylist() == ["x"]
    assert values(table, "l[]").to_pylist() == ["y"]
    found = validate.check(table, validate.contract(validate.infer(table)))
    assert found.verdict is Verdict.PASS
    assert {check.id for check in found.checks if check.id.startswith("l[]")} == {
        "l[].present", "l[].type", "l[].nulls", "l[].vocabulary",
    }  # fmt: skip
