"""Every anomaly type of TensorFlow Data Validation, each planted alone: one rule finds it, and nothing else does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from conftest import ROOT
from ctcore import validate
from ctcore.errors import ConfigError
from ctcore.verdict import Verdict

HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\n"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def read(properties, quality="", more=""):
    text = HEAD + f"schema:\n  - name: t\n    properties: [{properties}]\n"
    return validate.contract(validate.parse(text + (f"    quality: [{quality}]\n" if quality else "") + more))


# ------------------------------------------------------------ Arrow's types, by what they hold

SIGNED = [pa.int8(), pa.int16(), pa.int32(), pa.int64()]
WHOLE = [*SIGNED, pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
DECIMALS = [pa.decimal128(25, 2), pa.decimal256(40, 2)]
TEXTS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.string()),
]
BYTES = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())]
STAMPS = [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC")]
DATES = [pa.date32(), pa.date64()]
CLOCKS = [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
LISTS = [pa.list_(pa.int64()), pa.large_list(pa.int64())]
TUPLES = [pa.list_(pa.int64(), 2)]
STRUCTS = [pa.struct([("a", pa.int64())])]
MAPS = [pa.map_(pa.string(), pa.int64())]
OTHERS = [pa.binary(2), pa.duration("us"), pa.month_day_nano_interval()]
HELD = {
    "integer": WHOLE,
    "number": [*WHOLE, *FLOATS, *DECIMALS],
    "string": TEXTS,
    "boolean": [pa.bool_()],
    "timestamp": STAMPS,
    "date": DATES,
    "time": CLOCKS,
    "array": [*LISTS, *TUPLES],
    "object": STRUCTS,
    "map": MAPS,
}
"""What each logical type of the standard admits; nothing else, but for a column of nulls."""
EVERY = [*dict.fromkeys(each for types in HELD.values() for each in types), *BYTES, *OTHERS]


@pytest.mark.parametrize("logical", HELD)
def test_a_logical_type_admits_its_arrow_types_alone(logical):
    inside = ", map: {key: {logicalType: string}, value: {logicalType: integer}}" if logical == "map" else ""
    rules = read(f"{{name: x, logicalType: {logical}{inside}}}")
    for type_ in [*EVERY, pa.null()]:
        (found,) = [
            check for check in validate.check(pa.table({"x": pa.nulls(1, type_)}), rules).checks if check.id == "x.type"
        ]
        good = type_ in HELD[logical] or type_ == pa.null()
        assert found.verdict is (Verdict.PASS if good else Verdict.FAIL), f"{logical} of {type_}"


# ------------------------------------------------------------ the plants


@dataclass(frozen=True, kw_only=True)
class Plant:
    """Rows that break one rule, and rows that do not."""

    good: Any
    bad: Any
    """Values of the column x, or a table."""
    properties: str
    """What is asked of x, or all properties where there are several."""
    rule: str = "x.q"
    """The rule that must find it, and no other."""
    count: float | None = 1
    """What it counts; of rules that count nothing None."""
    types: Iterable[pa.DataType | None] = (None,)
    """The Arrow types that it is planted in."""
    good_types: Iterable[pa.DataType | None] | None = None
    """Those that the good rows have, where the type itself is the anomaly; else the same."""
    quality: str = ""
    more: str = ""
    references: Any = None
    verdict: Verdict = Verdict.FAIL


def wrong_type(logical, types, bad=None):
    """Columns of other types than the contract's."""
    good = {"integer": 1, "number": 1.5, "string": "a", "array": [1]}[logical]
    return Plant(
        good=[good, None],
        bad=[bad, None],
        properties=f"logicalType: {logical}",
        rule="x.type",
        count=None,
        types=types,
        good_types=HELD[logical][:1],
    )


def rule(library, id_="q"):
    return f"{{id: {id_}, {library}}}"


def asked(library):
    return f"quality: [{rule(library)}]"


def custom(implementation):
    return asked("type: custom, engine: ctcore, implementation: {" + implementation + "}")


def drifted(statistic, most):
    before = pa.table({"x": ["a"] * 80 + ["b"] * 20})
    return Plant(
        good=["a"] * 79 + ["b"] * 21,
        bad=["a"] * 50 + ["b"] * 30 + ["new"] * 20,
        count=None,
        properties=custom(f"check: drift, reference: before, statistic: {statistic}, max: {most}"),
        types=TEXTS,
        references={"before": before},
    )


def vocabulary(values, more=""):
    return asked(f"metric: invalidValues, arguments: {{validValues: [{values}]}}, " + (more or "mustBe: 0"))


ROWS_AGAINST = rule(
    "type: custom, engine: ctcore, implementation: {check: rowCountChange, reference: before, mustBeBetween: [0.5, 2]}"
)
TEN = {"before": pa.table({"x": range(10)})}
INTEGER, NUMBER, STRING = ("logicalType: " + each for each in ("integer", "number", "string"))
UNIT = "logicalTypeOptions: {minimum: 0, maximum: 1}"
ITEMS = "logicalType: array, logicalTypeOptions: "
NUMBERS = [*WHOLE, *FLOATS]

PLANTS: dict[str, list[Plant]] = {
    "BOOL_TYPE_BIG_INT": [
        Plant(good=[0, 1, None], bad=[0, 2, None], types=WHOLE, properties=f"{INTEGER}, {UNIT}", rule="x.range")
    ],
    "BOOL_TYPE_SMALL_INT": [
        Plant(good=[0, 1, None], bad=[0, -1, None], types=SIGNED, properties=f"{INTEGER}, {UNIT}", rule="x.range")
    ],
    "BOOL_TYPE_UNEXPECTED_STRING": [
        Plant(
            good=["true", "False", None],
            bad=["true", "yes", None],
            types=TEXTS,
            properties=f"{STRING}, {custom('check: readsAs, type: boolean')}",
        )
    ],
    "BOOL_TYPE_UNEXPECTED_FLOAT": [
        Plant(good=[0.0, 1.0, None], bad=[0.0, 0.5, None], types=FLOATS, properties=f"{NUMBER}, {vocabulary('0, 1')}"),
        Plant(
            good=[0.0, 1.0, None],
            bad=[0.0, float("nan"), None],
            types=FLOATS,
            rule="x.finite",
            properties=NUMBER,
        ),
    ],
    "BOOL_TYPE_BYTES_NOT_INT": [wrong_type("integer", BYTES, b"1")],
    "BOOL_TYPE_BYTES_NOT_STRING": [wrong_type("string", BYTES, b"true")],
    "BOOL_TYPE_FLOAT_NOT_INT": [wrong_type("integer", FLOATS, 1.0)],
    "BOOL_TYPE_FLOAT_NOT_STRING": [wrong_type("string", FLOATS, 1.0)],
    "BOOL_TYPE_INT_NOT_STRING": [wrong_type("string", WHOLE, 1)],
    "BOOL_TYPE_STRING_NOT_INT": [wrong_type("integer", TEXTS, "1")],
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": [
        Plant(good=["a", "b", None], bad=["a", "c", None], types=TEXTS, properties=f"{STRING}, {vocabulary('a, b')}"),
        Plant(  # of 5,000 words one, seen once: past the thousand that TFDV keeps
            good=[f"w{number}" for number in range(5000)],
            bad=[*(f"w{number}" for number in range(4999)), "w5000"],
            types=[pa.string(), pa.dictionary(pa.int32(), pa.string())],
            properties=f"{STRING}, {vocabulary(', '.join(f'w{number}' for number in range(5000)))}",
        ),
        Plant(  # min_domain_mass: 0.5
            good=["a", "c"],
            bad=["a", "c", "d"],
            types=TEXTS,
            count=2 / 3,
            properties=f"{STRING}, {vocabulary('a', 'mustBeLessOrEqualTo: 50, unit: percent')}",
        ),
    ],
    "ENUM_TYPE_INVALID_UTF8": [
        Plant(
            good=[b"\xc3\xa9", None],
            bad=[b"\xc3\xa9", b"\xff", None],
            types=BYTES,
            properties=custom("check: utf8"),
        ),
        Plant(
            good=[b"\xc3\xa9", None],
            bad=[b"\xc3\xa9", b"a\xff", None],
            types=[pa.binary(2)],
            properties=custom("check: utf8"),
        ),
    ],
    "ENUM_TYPE_BYTES_NOT_STRING": [wrong_type("string", BYTES, b"a")],
    "ENUM_TYPE_FLOAT_NOT_STRING": [wrong_type("string", FLOATS, 1.5)],
    "ENUM_TYPE_INT_NOT_STRING": [wrong_type("string", WHOLE, 1)],
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": [
        Plant(
            good=[value, None],
            bad=[value, None, None],
            types=types,
            count=2 / 3,
            properties=asked("metric: nullValues, unit: percent, mustBeLessOrEqualTo: 50"),
        )
        for value, types in ((1, NUMBERS), ("a", TEXTS), (True, [pa.bool_()]), (0, STAMPS), ([1], LISTS))
    ],
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": [
        Plant(
            good=[value, value, None],
            bad=[value, None, None, None],
            types=types,
            properties=custom("check: metric, metric: valueCount, mustBeGreaterOrEqualTo: 2"),
        )
        for value, types in ((1, NUMBERS), ("a", TEXTS), (True, [pa.bool_()]), (0, STAMPS), ([1], LISTS))
    ],
    "FEATURE_TYPE_NOT_PRESENT": [
        Plant(
            good=[value, None, None, None],
            bad=[None] * 4,
            types=types,
            count=0,
            properties=custom("check: metric, metric: valueCount, mustBeGreaterThan: 0"),
        )
        for value, types in (
            (1, NUMBERS),
            ("a", TEXTS),
            (b"a", BYTES[:3]),
            (True, [pa.bool_()]),
            (0, [*STAMPS, *DATES, *CLOCKS]),
            ([1], LISTS),
            ([1, 2], TUPLES),
            ({"a": 1}, STRUCTS),
        )
    ]
    + [
        Plant(
            good=[1, None],
            bad=[None, None],
            types=[pa.null()],
            good_types=[pa.int64()],
            count=0,
            properties=custom("check: metric, metric: valueCount, mustBeGreaterThan: 0"),
        ),
        Plant(
            good=[1, None],
            bad=[None, None],
            types=NUMBERS,
            count=1.0,
            properties=asked("metric: nullValues, unit: percent, mustBeLessThan: 100"),
        ),
    ],
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": [
        Plant(
            good=[[1, 2], None],
            bad=[[1, 2, 3], None],
            types=LISTS,
            properties=f"{ITEMS}{{maxItems: 2}}",
            rule="x.length",
        )
    ],
    "FEATURE_TYPE_LOW_NUMBER_VALUES": [
        Plant(good=[[1, 2], None], bad=[[1], None], types=LISTS, properties=f"{ITEMS}{{minItems: 2}}", rule="x.length")
    ],
    "FEATURE_TYPE_NO_VALUES": [
        Plant(good=[[1], None], bad=[[], None], types=LISTS, properties=f"{ITEMS}{{minItems: 1}}", rule="x.length")
    ],
    "FEATURE_TYPE_UNEXPECTED_REPEATED": [
        wrong_type("integer", LISTS, [1]),
        wrong_type("integer", TUPLES, [1, 2]),
        wrong_type("string", [pa.list_(pa.string())], ["a"]),
    ],
    "FEATURE_TYPE_HIGH_UNIQUE": [
        Plant(
            good=[value, value, None],
            bad=[value, other, None],
            types=types,
            count=2,
            properties=custom("check: metric, metric: distinctCount, mustBeLessOrEqualTo: 1"),
        )
        for value, other, types in ((1, 2, NUMBERS), ("a", "b", TEXTS), (True, False, [pa.bool_()]), (1, 2, STAMPS[:2]))
    ],
    "FEATURE_TYPE_LOW_UNIQUE": [
        Plant(
            good=[value, other, None],
            bad=[value, value, None],
            types=types,
            properties=custom("check: metric, metric: distinctCount, mustBeGreaterOrEqualTo: 2"),
        )
        for value, other, types in ((1, 2, NUMBERS), ("a", "b", TEXTS), (True, False, [pa.bool_()]), (1, 2, STAMPS[:2]))
    ],
    "FEATURE_TYPE_NO_UNIQUE": [
        Plant(
            good=[1, 2],
            bad=[[1], [2]],
            types=LISTS,
            good_types=[pa.int64()],
            count=None,
            verdict=Verdict.NOT_RUN,
            properties=custom("check: metric, metric: distinctCount, mustBe: 2"),
        )
    ],
    "FLOAT_TYPE_BIG_FLOAT": [
        Plant(good=[1.0, None], bad=[1.5, None], types=FLOATS, properties=f"{NUMBER}, {UNIT}", rule="x.range"),
        Plant(
            good=[1.0],
            bad=[float("inf")],
            types=FLOATS,
            rule="x.range",
            properties=f"{NUMBER}, {UNIT}, customProperties: [{{property: ctNonFinite, value: allowed}}]",
        ),
    ],
    "FLOAT_TYPE_SMALL_FLOAT": [
        Plant(good=[0.0, None], bad=[-0.5, None], types=FLOATS, properties=f"{NUMBER}, {UNIT}", rule="x.range"),
    ],
    "FLOAT_TYPE_HAS_NAN": [
        Plant(good=[0.5, None], bad=[float("nan"), None], types=FLOATS, properties=f"{NUMBER}, {UNIT}", rule="x.finite")
    ],
    "FLOAT_TYPE_HAS_INF": [
        Plant(good=[0.5, None], bad=[sign * float("inf"), None], types=FLOATS, properties=NUMBER, rule="x.finite")
        for sign in (1, -1)
    ],
    "FLOAT_TYPE_STRING_NOT_FLOAT": [
        Plant(
            good=["1.5", "-2e3", None],
            bad=["1.5", "1,5", None],
            types=TEXTS,
            properties=f"{STRING}, {custom('check: readsAs, type: number')}",
        )
    ],
    "FLOAT_TYPE_NOT_FLOAT": [wrong_type("number", [pa.bool_()], True), wrong_type("number", TEXTS, "1.5")],
    "FLOAT_TYPE_NON_STRING": [wrong_type("string", [*FLOATS, *DECIMALS], 1)],
    "FLOAT_TYPE_UNKNOWN_TYPE_NUMBER": [wrong_type("number", [*BYTES, *STAMPS, *LISTS, *STRUCTS, *MAPS, *OTHERS])],
    "INT_TYPE_BIG_INT": [
        Plant(
            good=[0, 100, None],
            bad=[0, 101, None],
            types=WHOLE,
            rule="x.range",
            properties=f"{INTEGER}, logicalTypeOptions: {{minimum: 0, maximum: 100}}",
        ),
        Plant(
            good=[2**63 - 1],
            bad=[2**63],
            types=[pa.uint64()],
            rule="x.format",
            properties=f"{INTEGER}, logicalTypeOptions: {{format: i64}}",
        ),
    ],
    "INT_TYPE_SMALL_INT": [
        Plant(
            good=[5, None],
            bad=[4, None],
            types=WHOLE,
            rule="x.range",
            properties=f"{INTEGER}, logicalTypeOptions: {{minimum: 5}}",
        )
    ],
    "INT_TYPE_NOT_INT_STRING": [
        Plant(
            good=["1", "-5", None],
            bad=["1", "1.5", None],
            types=TEXTS,
            properties=f"{STRING}, {custom('check: readsAs, type: integer')}",
        )
    ],
    "INT_TYPE_INT_EXPECTED": [wrong_type("integer", [*FLOATS, *DECIMALS], 1)],
    "INT_TYPE_NOT_STRING": [wrong_type("string", WHOLE, 1)],
    "INT_TYPE_STRING_EXPECTED": [wrong_type("string", WHOLE, 1)],
    "INT_TYPE_UNKNOWN_TYPE_NUMBER": [
        wrong_type("integer", [pa.bool_(), *BYTES, *STAMPS, *LISTS, *STRUCTS, *MAPS, *OTHERS])
    ],
    "STRING_TYPE_NOW_FLOAT": [wrong_type("string", FLOATS, 1.5)],
    "STRING_TYPE_NOW_INT": [wrong_type("string", WHOLE, 1)],
    "SCHEMA_MISSING_COLUMN": [
        Plant(
            good=pa.table({"x": [1], "y": [1]}),
            bad=pa.table({"y": [1]}),
            properties="{name: x}, {name: y}",
            rule="x.present",
            count=None,
        )
    ],
    "SCHEMA_NEW_COLUMN": [
        Plant(
            good=pa.table({"x": [1]}),
            bad=pa.table({"x": [1], "y": [1]}),
            properties="{name: x}",
            more="    customProperties: [{property: ctNewColumns, value: error}]\n",
            rule="columns.new",
        )
    ],
    "SCHEMA_TRAINING_SERVING_SKEW": [
        Plant(good=[1], bad=["1"], properties=INTEGER, rule="x.type", count=None),
        Plant(
            good=pa.table({"x": [1], "y": [1]}),
            bad=pa.table({"x": [1]}),
            properties="{name: x}, {name: y}",
            rule="y.present",
            count=None,
        ),
    ],
    "COMPARATOR_CONTROL_DATA_MISSING": [
        replace(drifted("psi", 1), bad=["a"], references={}, verdict=Verdict.NOT_RUN, good=None),
        replace(drifted("psi", 1), references={"before": pa.table({"y": [1]})}, verdict=Verdict.NOT_RUN, good=None),
    ],
    "COMPARATOR_TREATMENT_DATA_MISSING": [
        Plant(
            good=pa.table({"x": ["a"]}),
            bad=pa.table({"y": ["a"]}),
            rule="x.present",
            count=None,
            properties="{name: x, " + custom("check: drift, reference: before, statistic: psi, max: 1") + "}",
            references={"before": pa.table({"x": ["a"]})},
        )
    ],
    "COMPARATOR_L_INFTY_HIGH": [replace(drifted("lInfinity", 0.2), count=0.3)],
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH": [drifted("jensenShannon", 0.2)],
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH": [
        replace(drifted("normalizedAbsoluteDifference", 0.1), count=0.15)
    ],
    "COMPARATOR_LOW_NUM_EXAMPLES": [
        Plant(
            good=pa.table({"x": range(5)}),
            bad=pa.table({"x": range(4)}),
            properties="{name: x}",
            rule="q",
            count=0.4,
            quality=ROWS_AGAINST,
            references=TEN,
        )
    ],
    "COMPARATOR_HIGH_NUM_EXAMPLES": [
        Plant(
            good=pa.table({"x": range(20)}),
            bad=pa.table({"x": range(21)}),
            properties="{name: x}",
            rule="q",
            count=2.1,
            quality=ROWS_AGAINST,
            references=TEN,
        )
    ],
    "DATASET_LOW_NUM_EXAMPLES": [
        Plant(
            good=pa.table({"x": range(3)}),
            bad=pa.table({"x": range(2)}),
            properties="{name: x}",
            rule="rows",
            count=2,
            quality="{metric: rowCount, mustBeGreaterOrEqualTo: 3}",
        )
    ],
    "DATASET_HIGH_NUM_EXAMPLES": [
        Plant(
            good=pa.table({"x": range(3)}),
            bad=pa.table({"x": range(4)}),
            properties="{name: x}",
            rule="rows",
            count=4,
            quality="{metric: rowCount, mustBeLessOrEqualTo: 3}",
        )
    ],
    "NO_DATA_IN_SPAN": [
        Plant(good=[1], bad=[], types=WHOLE, properties=INTEGER, rule="rows", count=0, verdict=Verdict.INSUFFICIENT),
    ],
    "VALUE_NESTEDNESS_MISMATCH": [
        Plant(
            good=[[1], None],
            bad=[[[1]], None],
            types=[pa.list_(pa.list_(pa.int64()))],
            good_types=LISTS,
            properties=f"logicalType: array, items: {{{INTEGER}}}",
            rule="x[].type",
            count=None,
        ),
        Plant(
            good=[{"a": 1}],
            bad=[{"a": {"b": 1}}],
            types=[pa.struct([("a", pa.struct([("b", pa.int64())]))])],
            good_types=STRUCTS,
            properties=f"logicalType: object, properties: [{{name: a, {INTEGER}}}]",
            rule="x.a.type",
            count=None,
        ),
        Plant(
            good=[[{"a": 1}]],
            bad=[[{"a": [1]}]],
            types=[pa.list_(pa.struct([("a", pa.list_(pa.int64()))]))],
            good_types=[pa.list_(pa.struct([("a", pa.int64())]))],
            rule="x[].a.type",
            count=None,
            properties=f"logicalType: array, items: {{logicalType: object, properties: [{{name: a, {INTEGER}}}]}}",
        ),
        wrong_type("array", [pa.int64()], 1),
    ],
    "INVALID_FEATURE_SHAPE": [
        Plant(
            good=[[1, 2], None],
            bad=[[1, 2], [1], [1, 2, 3]],
            types=LISTS,
            count=2,
            rule="x.length",
            properties=f"{ITEMS}{{minItems: 2, maxItems: 2}}",
        )
    ],
    "EMBEDDING_SHAPE_INVALID": [
        Plant(
            good=[[1.0, 2.0, 3.0]],
            bad=[[1.0, 2.0]],
            rule="x.length",
            types=[pa.list_(each) for each in FLOATS],
            properties="logicalType: vector, logicalTypeOptions: {dimensions: 3}",
        ),
        Plant(
            good=[[1.0, 2.0, 3.0]],
            bad=[[1.0, 2.0]],
            types=[pa.list_(pa.float32(), 2)],
            good_types=[pa.list_(pa.float32(), 3)],
            rule="x.length",
            properties="logicalType: vector, logicalTypeOptions: {dimensions: 3}",
        ),
    ],
    "STATS_NOT_AVAILABLE": [
        Plant(
            good=[1.0],
            bad=["a"],
            types=TEXTS,
            good_types=FLOATS,
            count=None,
            verdict=Verdict.NOT_RUN,
            properties=custom("check: metric, metric: mean, mustBe: 1"),
        ),
        Plant(
            good=["a"],
            bad=[1],
            types=WHOLE,
            good_types=TEXTS,
            count=None,
            verdict=Verdict.NOT_RUN,
            properties=custom("check: metric, metric: minLength, mustBe: 1"),
        ),
    ],
    "CUSTOM_VALIDATION": [
        Plant(
            good=pa.table({"x": [1, None], "y": [1, 1]}),
            bad=pa.table({"x": [2, None], "y": [1, 1]}),
            rule="q",
            properties="{name: x}, {name: y}",
            quality=rule(
                "type: custom, engine: ctcore, implementation: {check: compare, columns: [x, y], operator: '<='}"
            ),
        ),
        Plant(
            good=pa.table({"x": ["a", "b"], "y": [1, None]}),
            bad=pa.table({"x": ["a", "b"], "y": [None, None]}),
            rule="q",
            properties="{name: x, logicalType: string}, {name: y}",
            quality=rule(
                "type: custom, engine: ctcore, implementation: {check: conditional, if: {column: x, equals: a}, "
                "then: {column: y, notNull: true}}"
            ),
        ),
    ],
}


def array(values, type_):
    """An array of a type that pyarrow may not build from values itself."""
    if type_ is None:
        return pa.array(values)
    if type_ == pa.float16():
        return pa.array(values, pa.float32()).cast(type_)
    if pa.types.is_fixed_size_binary(type_) and all(isinstance(each, bytes | None) for each in values):
        return pa.array(values, type_)
    if type_ == pa.month_day_nano_interval() or pa.types.is_fixed_size_binary(type_):
        return pa.nulls(len(values), type_)
    if pa.types.is_dictionary(type_):
        return pa.array(values, type_.value_type).dictionary_encode().cast(type_)
    if pa.types.is_list(type_) and type_.value_type == pa.float16():
        return pa.array(values, pa.list_(pa.float32())).cast(type_)
    if pa.types.is_temporal(type_):
        wide = {32: pa.int32(), 64: pa.int64()}[type_.bit_width]
        return (
            pa.array([None if each is None else each * 86_400_000 for each in values], pa.int64())
            .cast(wide, safe=False)
            .cast(type_)
        )
    return pa.array(values, type_)


def tables(values, types):
    if isinstance(values, pa.Table):
        yield "", values
    elif values is not None:
        for type_ in types:
            yield str(type_), pa.table({"x": array(values, type_)})


def bad_rules(table, rules, references):
    """The rules that do not hold; what cannot be judged since another rule failed is no second finding."""
    found = {check.id: check for check in validate.check(table, rules, now=NOW, references=references).checks}
    bad = {id_: check for id_, check in found.items() if check.verdict is not Verdict.PASS}
    worse = {id_: check for id_, check in bad.items() if check.verdict is not Verdict.NOT_RUN}
    return worse or bad


@pytest.mark.parametrize("anomaly", PLANTS)
def test_planted(anomaly):
    """One rule finds it, with its count; good rows pass; and without the rule nobody would know."""
    for plant in PLANTS[anomaly]:
        whole = isinstance(plant.bad, pa.Table)
        properties = plant.properties if whole else f"{{name: x, {plant.properties}}}"
        rules = read(properties, plant.quality, plant.more)
        for type_, table in tables(plant.good, plant.good_types or plant.types):
            assert not bad_rules(table, rules, plant.references), type_
        looked = 0
        for type_, table in tables(plant.bad, plant.types):
            found = bad_rules(table, rules, plant.references)
            assert list(found) == [plant.rule], type_
            check = found[plant.rule]
            assert check.verdict is plant.verdict, type_
            if plant.count is not None:
                assert check.value == pytest.approx(plant.count, rel=1e-12), type_
            without = replace(rules, rules=tuple(each for each in rules.rules if each.id != plant.rule))
            if without != rules:
                assert not bad_rules(table, without, plant.references), type_
            looked += 1
        assert looked


REFUSED = {
    "BOOL_TYPE_INVALID_CONFIG": [
        ("{name: x, logicalType: boolean, logicalTypeOptions: {minimum: 0}}", "says nothing about a boolean"),
        ("{name: x, logicalType: boolean, " + vocabulary("yes") + "}", "is no boolean"),
    ],
    "DOMAIN_INVALID_FOR_TYPE": [
        ("{name: x, logicalType: string, logicalTypeOptions: {maximum: 5}}", "unknown key 'maximum'"),
        ("{name: x, logicalType: integer, logicalTypeOptions: {pattern: a}}", "unknown key 'pattern'"),
        ("{name: x, logicalType: integer, " + vocabulary("a") + "}", "is no integer"),
        ("{name: x, logicalType: array, logicalTypeOptions: {minimum: 1}}", "unknown key 'minimum'"),
    ],
    "FEATURE_MISSING_NAME": [("{logicalType: integer}", '"name" is a required property')],
    "INVALID_SCHEMA_SPECIFICATION": [
        ("{name: x, nam: y}", "unknown key 'nam'"),
        ("{name: x, logicalType: float}", '"float" is not one of'),
        ("{name: x}, {name: x}", "two properties are one column"),
    ],
    "INVALID_DOMAIN_SPECIFICATION": [
        ("{name: x, logicalType: string, logicalTypeOptions: {minLength: 3, maxLength: 1}}", "is no length"),
        ("{name: x, logicalType: string, " + vocabulary("") + "}", "a vocabulary is a list|mind the indentation"),
        ("{name: x, logicalType: date, logicalTypeOptions: {minimum: soon}}", "must be a date"),
        ("{name: x, logicalType: string, logicalTypeOptions: {pattern: '('}}", "is no pattern"),
    ],
}


@pytest.mark.parametrize("anomaly", REFUSED)
def test_refused(anomaly):
    """A contract that says what cannot be meant is not read, in the words that say why."""
    for properties, words in REFUSED[anomaly]:
        with pytest.raises(ConfigError, match=words):
            read(properties)


# ------------------------------------------------------------ the table in the docs


def table_of_anomalies():
    text = (ROOT / "docs" / "validation.md").read_text()
    rows = [line.strip("| \n").split(" | ") for line in text.partition("| anomaly |")[2].splitlines()[2:]]
    return [row for row in rows if len(row) == 3]


def test_the_table_of_anomalies_cites_tests_that_there_are():
    rows = table_of_anomalies()
    assert len(rows) == len({name for name, _, _ in rows}) > 85
    cited = {name: re.findall(r"test_\w+(?:\[\w+\])?", test) for name, here, test in rows if here != "-"}
    assert all(cited.values())
    assert len(cited) >= 45
    assert all(reason and "test_" not in reason for _, here, reason in rows if here == "-")
    assert {each for each in cited if f"test_planted[{each}]" in cited[each]} == set(PLANTS)
    assert {each for each in cited if f"test_refused[{each}]" in cited[each]} == set(REFUSED)
    files = [ROOT / "tests" / f"test_{name}.py" for name in ("history", "skew", "validate_anomalies")]
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--no-header", *map(str, files)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    there = {line.partition("::")[2] for line in listed.splitlines() if "::" in line}
    there |= {each.partition("[")[0] for each in there}
    assert len(there) > 100
    missing = {each for tests in cited.values() for each in tests} - there
    assert not missing
