"""Contracts and checks: every rule asked for has an answer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import CONTRACT
from ctcore import data, validate
from ctcore.errors import ConfigError, CtcoreError
from ctcore.validate._metrics import METRICS, MOMENT_METRICS, PAIR_METRICS
from ctcore.validate._pattern import translate
from ctcore.verdict import Verdict

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\n"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


def read(text, **options):
    return validate.contract(validate.parse(text), **options)


def contract(properties="", quality="", more="", api="v3.1.0"):
    """A contract of one table, from the inside of its lists in YAML's short form."""
    text = HEAD.replace("v3.1.0", api) + "schema:\n  - name: t\n    properties: [" + properties + "]\n"
    return read(text + (f"    quality: [{quality}]\n" if quality else "") + more)


def judged(table, properties="", quality="", more="", **options):
    report = validate.check(table, contract(properties, quality, more), now=NOW, **options)
    return {check.id: check for check in report.checks}


def column(values, options="", **given):
    """The checks of a contract about one column ``x``, without its name before them."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    found = judged(pa.table({"x": array}), "{name: x" + (", " + options if options else "") + "}", **given)
    return {id_.removeprefix("x."): check for id_, check in found.items()}


def quality(rule):
    return "quality: [{id: q, " + rule + "}]"


def custom(implementation):
    return quality("type: custom, engine: ctcore, implementation: {" + implementation + "}")


def refusal(work):
    """What an error says; None where there is none. Any other exception is a bug."""
    try:
        work()
    except CtcoreError as error:
        return str(error)
    return None


# ------------------------------------------------------------ the document


def test_a_contract_becomes_a_flat_list_of_rules():
    found = read(CONTRACT)
    assert [rule.id for rule in found.rules if rule.id[0] in "arf"] == [
        "rows", "a.type", "a.nulls", "a.finite", "a.range", "freshness",
    ]  # fmt: skip
    rules = {rule.id: rule for rule in found.rules}
    assert rules["a.range"].options == {"minimum": -10, "maximum": 10}
    assert rules["rows"].allowed == validate.Allowed(minimum=50)
    assert rules["freshness"].allowed.maximum == 2 * 86400
    assert {"rows", "freshness"} == set(rules) - {rule.id for rule in found.timeless().rules}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: b,", "nam: b,", "unknown key 'nam'; did you mean \"name\""),
        ("{name: b, logicalType: number}", "{logicalType: number}", '"name" is a required property'),
        ("logicalType: number}", "logicalType: numbr}", '"numbr" is not one of'),
        ("minimum: -10", "minimun: -10", "did you mean"),
        ("minimum: -10", "minimum: ten", '"ten" is not of type "number"'),
        ("logicalType: number, required: true, l", "logicalType: boolean, required: true, l", "says nothing about a boolean"),  # noqa: E501
        ("kind: DataContract", "kind: Other", "kind must be"),
        ("v3.1.0", "v2.2.0", "apiVersion must be"),
        ("GreaterOrEqualTo: 50", "GreaterOrEqualTo: many", "a rule has one operator"),
        (", mustBeGreaterOrEqualTo: 50", "", "a rule has one operator"),
        ("rows.time", "rows.nothing", "element must be"),
        ("unit: d", "unit: fortnight", "a number and a unit of"),
        ("  - name: rows", "  - name: rows\n    nam: x", "unknown key 'nam'"),
        ("{metric: rowCount, mustBeGreaterOrEqualTo: 50}", "{metric: rowCount, mustBe: 5, unit: percent}", "leave unit out"),  # noqa: E501
        ("rowCount, mustBeGreaterOrEqualTo: 50", "rowCount, severity: fatal, mustBe: 5", "severity must be one of"),
        ("{metric: rowCount", "{metric: rowCount, unit: pct", "unit must be rows or percent"),
        ("{metric: rowCount, mustBeGreaterOrEqualTo: 50}", "{metric: rowCount, mustBeBetween: [9, 5]}", "from the smaller"),  # noqa: E501
        ("{metric: rowCount, mustBeGreaterOrEqualTo: 50}", "{metric: nullValues, mustBe: 0}", "belongs to a property"),
        (
            "{metric: rowCount, mustBeGreaterOrEqualTo: 50}",
            "{metric: duplicateValues, mustBe: 0, arguments: {properties: [tim]}}",
            'no property \'tim\'; did you mean "time"',
        ),
        ("name: b, logicalType: number", "name: a, logicalType: number", "two properties are one column"),
        ("name: b,", "name: b, customProperties: [{property: ctRol, value: x}],", 'did you mean "ctRole"'),
        ("name: b,", "name: b, customProperties: [{property: ctLifecycle, value: old}],", "ctLifecycle"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(old, new, words):
    assert old in CONTRACT
    with pytest.raises(ConfigError, match=words):
        read(CONTRACT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("metric: invalidValues, mustBe: 0", "one a rule"),
        ("metric: invalidValues, mustBe: 0, arguments: {}", "mind the indentation"),
        ("metric: invalidValues, mustBe: 0, arguments: {validValues: [NO, false]}", "False is no string: write text in quotes"),  # noqa: E501
        ("metric: invalidValues, mustBe: 0, arguments: {validValue: [a]}", 'did you mean "validValues"'),
        ("metric: invalidValues, mustBe: 0, arguments: {pattern: '(?<!a)b'}", "look-around"),
        ("metric: missingValues, mustBe: 0", "must list the values"),
        ("metric: nullValues, mustBe: 0, mustNotBe: 1", "a rule has one operator"),
        ("metric: nullValues, mustBeLessThan: 500, unit: percent", "lies in 0 to 100"),
        ("type: custom, engine: ctcore, implementation: {check: compar}", 'did you mean "compare"'),
        ("type: custom, engine: ctcore, implementation: text", "must be a mapping"),
        ("type: custom, engine: ctcore, implementation: {check: compare, columns: [x, x], operator: '~'}", "an operator of"),  # noqa: E501
        ("type: custom, engine: ctcore, implementation: {check: metric, metric: men, mustBe: 1}", "no metric"),
        ("type: custom, engine: ctcore, implementation: {check: metric, metric: mean}", "one of the operators"),
        ("type: custom, engine: ctcore, implementation: {check: conditional, if: {equals: a}}", "takes if and then"),
        ("type: custom, engine: ctcore, implementation: {check: conditional, if: {equals: a}, then: {}}", "one test"),
        ("type: custom, engine: ctcore, implementation: {check: monotonic, direction: up}", "increasing or decreasing"),
        ("type: custom, engine: ctcore, implementation: {check: drift, statistic: kl}", "no statistic"),
        ("type: custom, engine: ctcore, implementation: {check: anomaly, metric: rowCount, method: x}", "no method"),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_understood_is_refused(rule, words):
    with pytest.raises(ConfigError, match=words):
        contract("{name: x, logicalType: string, quality: [{id: q, " + rule + "}]}")


def test_text_of_a_contract_is_read_safely():
    assert validate.parse("a: NO\nb: 012\nc: 12:30:00\nd: 1e3") == {"a": "NO", "b": 12, "c": "12:30:00", "d": 1000.0}
    bomb = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]"
    for text, words in [
        (bomb, "aliases are not read.*line 2"),
        ("a: 1\na: 2", "duplicate key.*line 2"),
        ("a: !!python/object:os.system x", "could not determine a constructor|cannot construct"),
        ("a: [", "line"),
        ("[1, 2]", "a contract is a mapping"),
        ("", "a contract is a mapping"),
        ("1: 2", "keys are text"),
        ("a: " + "[" * 20_000, "nested too deeply|line"),
        ("a: " + "x" * (5 << 20), "at most 4 MiB"),
        ("a: \ud800", "YAML|contract"),
    ]:
        with pytest.raises(ConfigError, match=words):
            validate.parse(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_contract_is_read_or_refused(data):
    """Whatever a file holds, the answer is a contract or an error that says what is wrong."""
    start = data.draw(st.integers(0, len(CONTRACT)))
    end = data.draw(st.integers(start, min(len(CONTRACT), start + 30)))
    text = CONTRACT[:start] + data.draw(st.text(max_size=20)) + CONTRACT[end:]
    assert refusal(lambda: read(text)) != ""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["options", "quality", "implementation", "custom", "sla", "relationships"]), _JSON)
def test_any_value_in_the_place_of_a_rule_is_compiled_or_refused(place, value):
    document = validate.parse(CONTRACT)
    table = document["schema"][0]
    if place == "options":
        table["properties"][2]["logicalTypeOptions"] = value
    elif place == "quality":
        table["properties"][2]["quality"] = value
    elif place == "implementation":
        rule = {"id": "q", "type": "custom", "engine": "ctcore", "implementation": value}
        table["properties"][2]["quality"] = [rule]
    elif place == "custom":
        table["properties"][2]["customProperties"] = [{"property": "ctRole", "value": value}]
    elif place == "sla":
        document["slaProperties"] = [{"property": "latency", "value": value, "unit": "d", "element": "rows.time"}]
    else:
        table["relationships"] = [{"from": value, "to": value}]
    assert refusal(lambda: validate.contract(document)) != ""


def test_one_table_of_several_is_named():
    two = HEAD + "schema:\n  - {name: a, properties: [{name: x}]}\n  - {name: b, properties: [{name: y}]}\n"
    assert read(two, table="b").columns[0].name == "y"
    with pytest.raises(ConfigError, match="name one of"):
        read(two)
    with pytest.raises(ConfigError, match="no table 'c'"):
        read(two, table="c")


def test_the_newer_standard_is_read():
    rules = contract("{name: x, logicalType: string, enum: [{value: a}, {value: b}]}", api="v3.2.0").rules
    assert rules[-1].options == {"values": ["a", "b"]}
    vector = contract("{name: x, logicalType: vector, logicalTypeOptions: {dimensions: 3}}", api="v3.2.0")
    found = validate.check(pa.table({"x": [[1.0, 2.0, 3.0], [1.0]]}), vector)
    assert found.broken["x.length"].count == 1
    with pytest.raises(ConfigError, match="unknown key 'enum'"):
        contract("{name: x, logicalType: string, enum: [{value: a}]}")


def test_what_another_engine_judges_is_said():
    sql = quality("type: sql, query: 'select 1', mustBe: 1").replace("q,", "sql,")
    other = "{id: soda, type: custom, engine: soda, implementation: x}, {id: words, type: text, description: good}"
    found = judged(pa.table({"x": [1]}), "{name: x, " + sql + "}", other)
    assert {id_: (found[id_].verdict, found[id_].required) for id_ in ("x.sql", "soda", "words")} == {
        "x.sql": (Verdict.NOT_RUN, True),
        "soda": (Verdict.NOT_RUN, True),
        "words": (Verdict.NOT_RUN, False),
    }


# ------------------------------------------------------------ patterns


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\d+$", ["12"], ["\u0661", "a"]),
        (r"^\w+$", ["a_1"], ["\u00e9", "a-b"]),
        (r"^\D\W$", ["a-", "\u0661\u00e9"], ["1-", "ab"]),
        (r"\bcat\b", ["a cat", "\u00e9cat"], ["concat"]),
        (r"^\S+@\S+$", ["a@b"], ["a @b", "a\ufeff@b"]),
        (r"^a.b$", ["axb", "a\x85b"], ["a\nb", "a\u2028b"]),
        (r"^[\d_]+$", ["1_2"], ["\u0661"]),
        (r"^[[&&]+$", ["[&"], ["a"]),
        (r"^[^\W\d]$", ["a"], ["1", "-"]),
        (r"^a[]b$", [], ["ab", "axb"]),
        (r"^a[^]b$", ["a\nb"], ["ab"]),
        (r"^\u0041\x42\/$", ["AB/"], ["ab/"]),
        (r"b", ["abc"], ["aac"]),
        (r"^[\b]$", ["\x08"], ["b"]),
    ],
)
def test_patterns_mean_what_ecma_says(pattern, good, bad):
    text = json.dumps(pattern)
    found = column([*good, *bad, None], f"logicalType: string, logicalTypeOptions: {{pattern: {text}}}")
    assert found["pattern"].value == len(bad)
    assert (found["pattern"].verdict is Verdict.PASS) == (not bad)


@pytest.mark.parametrize("pattern", [r"(?=a)", r"(?<!a)b", r"(a)\1", r"\k<n>", r"\Aa", "(", "a{9999999}", "\\"])
def test_patterns_that_cannot_be_judged_are_refused(pattern):
    with pytest.raises(ConfigError, match="pattern"):
        translate(pattern)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=r"ab01\[]^$.*+?(){}|-&~dwsbuxp<>=!,", max_size=12))
def test_any_pattern_is_translated_or_refused(pattern):
    assert "pattern" in (refusal(lambda: translate(pattern)) or "pattern")


# ------------------------------------------------------------ types and columns


def test_every_rule_has_an_answer():
    table = pa.table({"x": pa.array([1.0, None, float("nan"), float("inf"), 99.0])})
    rules = "{name: x, logicalType: number, required: true, logicalTypeOptions: {maximum: 10}}"
    rows = "{metric: rowCount, mustBeGreaterOrEqualTo: 10}"
    found = {id_: check.verdict for id_, check in judged(table, rules, rows).items()}
    assert found == {
        "rows": Verdict.FAIL,
        "x.present": Verdict.PASS,
        "x.type": Verdict.PASS,
        "x.nulls": Verdict.FAIL,
        "x.finite": Verdict.FAIL,
        "x.range": Verdict.FAIL,
    }
    gone = judged(pa.table({"y": [1]}), rules)
    assert gone["x.present"].verdict is Verdict.FAIL
    assert {gone[f"x.{each}"].verdict for each in ("type", "nulls", "finite", "range")} == {Verdict.NOT_RUN}


def test_a_time_zone_is_part_of_the_type():
    zoned, wall = pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us"))
    for asked, good, bad in (("true", zoned, wall), ("false", wall, zoned)):
        options = f"logicalType: timestamp, logicalTypeOptions: {{timezone: {asked}}}"
        assert column(good, options)["type"].verdict is Verdict.PASS
        assert column(bad, options)["type"].verdict is Verdict.FAIL


def test_columns_may_be_optional_or_new():
    optional = "{name: y, logicalType: string, required: true, customProperties: [{property: ctOptional, value: true}]}"
    found = judged(pa.table({"x": [1]}), "{name: x}, " + optional)
    assert found["y.present"].verdict is Verdict.PASS
    assert (found["y.nulls"].verdict, found["y.nulls"].required) == (Verdict.NOT_RUN, False)
    for strict, verdict in (("warning", Verdict.WARN), ("error", Verdict.FAIL)):
        more = f"    customProperties: [{{property: ctNewColumns, value: {strict}}}]\n"
        assert judged(pa.table({"x": [1], "z": [1]}), "{name: x}", more=more)["columns.new"].verdict is verdict
        assert judged(pa.table({"x": [1]}), "{name: x}", more=more)["columns.new"].verdict is Verdict.PASS


def test_a_label_is_absent_at_serving():
    rules = (
        "{name: x}, {name: label, required: true, customProperties: [{property: ctEnvironments, value: [training]}]}"
    )
    both, served = pa.table({"x": [1], "label": [None]}), pa.table({"x": [1]})
    assert judged(both, rules, environment="training")["label.nulls"].verdict is Verdict.FAIL
    assert judged(served, rules)["label.present"].verdict is Verdict.FAIL
    found = judged(served, rules, environment="serving")
    assert (found["label.present"].verdict, found["label.nulls"].required) == (Verdict.PASS, False)
    assert judged(both, rules, environment="serving")["label.present"].verdict is Verdict.WARN


def test_a_planned_column_is_not_held_to_its_rules():
    for stage, judged_ in (("planned", False), ("deprecated", False), ("beta", True), ("production", True)):
        options = f"required: true, customProperties: [{{property: ctLifecycle, value: {stage}}}]"
        found = column([None], options)
        assert ("lifecycle" in found) != judged_
        assert (found["nulls"].verdict is Verdict.FAIL) == judged_
        assert found["nulls"].required == judged_


def test_two_columns_of_one_name_are_found():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    assert judged(table, "{name: x}")["columns.duplicate"].verdict is Verdict.FAIL


def test_no_rows_are_not_enough():
    assert judged(pa.table({"x": pa.array([], pa.int64())}), "{name: x}")["rows"].verdict is Verdict.INSUFFICIENT


# ------------------------------------------------------------ bounds


@pytest.mark.parametrize(
    ("values", "options", "broken"),
    [
        ([0, 10, -1, None, 11], "minimum: 0, maximum: 10", [2, 4]),
        ([0, 1, 9, 10], "exclusiveMinimum: 0, exclusiveMaximum: 10", [0, 3]),
        ([0, 1, 2], "minimum: 0.5, maximum: 1.5", [0, 2]),
        ([1, 2], "exclusiveMinimum: 1.5, exclusiveMaximum: 2.5", [0]),
        (pa.array([0, 255], pa.uint8()), "minimum: -5, maximum: 300", []),
        (pa.array([0, 255], pa.uint8()), "minimum: 300", [0, 1]),
        (pa.array([2**63, 1], pa.uint64()), "maximum: 9223372036854775807", [0]),
        (pa.array([2**53 + 1, 2**53]), "maximum: 9007199254740992", [0]),
        (pa.array([0.1, 0.2], pa.float32()), "maximum: 0.1", [1]),
        (pa.array([0.5, 1.5], pa.float16()), "maximum: 1", [1]),
    ],
)
def test_bounds_are_inclusive_and_exact(values, options, broken):
    type_ = "number" if isinstance(values, pa.Array) and pa.types.is_floating(values.type) else "integer"
    rule = f"logicalType: {type_}, logicalTypeOptions: {{{options}}}"
    array = values if isinstance(values, pa.Array) else pa.array(values)
    report = validate.check(pa.table({"x": array}), contract("{name: x, " + rule + "}"))
    assert [row for row, _ in report.broken["x.range"].examples] == broken
    assert report.broken["x.range"].count == len(broken)


def test_null_nan_and_infinity_are_three_things():
    values = [None, float("nan"), float("inf"), -float("inf"), 5.0]
    bounded = "logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 10}"
    found = column(values, bounded)
    assert (found["range"].value, found["finite"].value) == (2, 3)
    assert "nulls" not in found
    allowed = column(values, bounded + ", customProperties: [{property: ctNonFinite, value: allowed}]")
    assert "finite" not in allowed
    assert column(["a"], "logicalType: number, logicalTypeOptions: {minimum: 0}")["range"].verdict is Verdict.NOT_RUN


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_bounds_on_time(unit):
    bound = datetime(2020, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    moments = [bound + timedelta(seconds=each) for each in (-1, -0.5, 0.5, 1)]
    array = pa.array(moments, pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"), safe=False)
    options = 'logicalType: timestamp, logicalTypeOptions: {minimum: "2020-01-01T00:00:00.5Z"}'
    assert column(array, options)["range"].value == 2
    naive = array.cast(pa.timestamp(unit))
    zone = (
        'logicalType: timestamp, logicalTypeOptions: {minimum: "2020-01-01T01:00:00.5", defaultTimezone: Europe/Berlin}'
    )
    assert column(naive, zone)["range"].value == 2


def test_bounds_on_dates_and_clocks():
    days = pa.array([date(2019, 12, 31), date(2020, 1, 1), date(2020, 1, 2)])
    assert column(days, 'logicalType: date, logicalTypeOptions: {minimum: "2020-01-01"}')["range"].value == 1
    assert column(days, 'logicalType: date, logicalTypeOptions: {exclusiveMinimum: "2020-01-01"}')["range"].value == 2
    clocks = pa.array([0, 43_200_000_000], pa.time64("us"))
    assert column(clocks, 'logicalType: time, logicalTypeOptions: {minimum: "06:00:00"}')["range"].value == 1
    with pytest.raises(ConfigError, match="must be a date such as"):
        contract('{name: x, logicalType: date, logicalTypeOptions: {minimum: "first of May"}}')


def test_a_whole_number_fits_its_format():
    assert column([127, 128], "logicalType: integer, logicalTypeOptions: {format: i8}")["format"].value == 1
    assert column([-1, 5], "logicalType: integer, logicalTypeOptions: {format: u32}")["format"].value == 1
    assert column([5, 10, 12], "logicalType: integer, logicalTypeOptions: {multipleOf: 5}")["multiple"].value == 1
    money = column([0.1, 0.25, 0.3], "logicalType: number, logicalTypeOptions: {multipleOf: 0.05}")
    assert money["multiple"].value == 0


# ------------------------------------------------------------ text, lists, vocabularies


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_text_of_every_layout(type_):
    array = pa.array(["abc", "\u00e9\u00e9", None, "abcd", "abc"]).cast(type_)
    options = "logicalType: string, logicalTypeOptions: {minLength: 3, maxLength: 3, pattern: '^a'}"
    found = column(array, options + ", " + quality("metric: invalidValues, mustBe: 0, arguments: {validValues: [abc]}"))
    assert [found[each].value for each in ("length", "pattern", "q")] == [2, 1, 2]


def test_a_long_dictionary_is_judged_by_its_rows():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 900, None]), pa.array([f"v{i}" for i in range(1000)]))
    options = quality("metric: invalidValues, mustBe: 0, arguments: {validValues: [v0]}")
    assert column(array, "logicalType: string, " + options)["q"].value == 1
    null_in_dictionary = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    found = column(null_in_dictionary, "logicalType: string, required: true, logicalTypeOptions: {pattern: b}")
    assert (found["nulls"].value, found["pattern"].value) == (1, 1)


@pytest.mark.parametrize(
    ("array", "values", "bad"),
    [
        (pa.array([1, 2, 9]), "[1, 2]", 1),
        (pa.array([1, 2, 9, 11, 12, 13, 14, 15, 16, 17]), "[1, 2, 11, 12, 13, 14, 15, 16, 17]", 1),
        (pa.array([1.5, 2.0, float("nan")]), "[1.5]", 1),
        (pa.array([0.1, 0.2], pa.float32()), "[0.1]", 1),
        (pa.array([True, False, None]), "[true]", 1),
        (pa.array([200], pa.uint8()), "[-1, 300]", 1),
        (pa.array([-0.0]), "[0]", 0),
    ],
)
def test_vocabularies(array, values, bad):
    found = column(array, quality(f"metric: invalidValues, mustBe: 0, arguments: {{validValues: {values}}}"))
    assert found["q"].value == bad


def test_missing_values():
    rule = "metric: missingValues, mustBe: 0, arguments: {missingValues: [%s'', 'N/A']}"
    assert column([None, "", "N/A", "x"], quality(rule % "null, "))["q"].value == 3
    assert column([None, "", "N/A", "x"], quality(rule % ""))["q"].value == 2
    rare = pa.array([None, "", "x"]).dictionary_encode()
    assert column(rare, quality(rule % "null, "))["q"].value == 2


def test_lists_have_lengths():
    for type_ in (pa.list_(pa.int64()), pa.large_list(pa.int64())):
        array = pa.array([[1], [], [1, 2, 3], None], type_)
        found = column(array, "logicalType: array, logicalTypeOptions: {minItems: 1, maxItems: 2}")
        assert (found["type"].verdict, found["length"].value) == (Verdict.PASS, 2)


def test_text_that_reads_as_something():
    for kind, good, bad in [
        ("integer", ["1", "-5", " 7 "], ["1.5", "x"]),
        ("number", ["1.5", "1e3"], ["nan", "inf", "x"]),
        ("boolean", ["true", "False"], ["yes", "1"]),
        ("date", ["2024-02-29"], ["2023-02-29"]),
        ("timestamp", ["2024-01-01T00:00:00Z", "2024-01-01 10:00:00"], ["noon"]),
    ]:
        found = column([*good, *bad, None], "logicalType: string, " + custom(f"check: readsAs, type: {kind}"))
        assert found["q"].value == len(bad), kind


def test_bytes_are_utf8():
    array = pa.array([b"ok", b"\xff", None])
    assert column(array, custom("check: utf8"))["q"].value == 1
    assert column(array, "logicalType: string")["type"].verdict is Verdict.FAIL


def test_known_formats():
    for format_, good, bad in [
        ("email", "a@b.org", "a@b"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        ("ipv4", "127.0.0.1", "256.0.0.1"),
        ("uri", "https://x.org/a", "x.org"),
    ]:
        found = column([good, bad], f"logicalType: string, logicalTypeOptions: {{format: {format_}}}")
        assert found["format"].value == 1, format_
    unknown = column(["x"], "logicalType: string, logicalTypeOptions: {format: password}")["format"]
    assert (unknown.verdict, unknown.required) == (Verdict.NOT_RUN, False)


# ------------------------------------------------------------ thresholds


@pytest.mark.parametrize(
    ("operator", "good", "bad"),
    [
        ("mustBe: 2", [2], [1, 3]),
        ("mustNotBe: 2", [1, 3], [2]),
        ("mustBeGreaterThan: 2", [3], [2]),
        ("mustBeGreaterOrEqualTo: 2", [2], [1]),
        ("mustBeLessThan: 2", [1], [2]),
        ("mustBeLessOrEqualTo: 2", [2], [3]),
        ("mustBeBetween: [1, 3]", [1, 2, 3], [0, 4]),
        ("mustNotBeBetween: [1, 3]", [0, 4], [1, 2, 3]),
    ],
)
def test_operators(operator, good, bad):
    for counts, verdict in ((good, Verdict.PASS), (bad, Verdict.FAIL)):
        for count in counts:
            values = [None] * count + [1] * (10 - count)
            assert column(values, quality(f"metric: nullValues, {operator}"))["q"].verdict is verdict
            rows = judged(pa.table({"x": [1] * count}), "{name: x}", f"{{metric: rowCount, {operator}}}")
            assert rows["rows"].verdict is verdict


def test_percent_and_severity():
    for severity, verdict in (("error", Verdict.FAIL), ("warning", Verdict.WARN), ("info", Verdict.WARN)):
        rule = quality(f"metric: nullValues, unit: percent, mustBeLessThan: 50, severity: {severity}")
        check = column([None, 1], rule)["q"]
        assert (check.verdict, check.value, check.threshold) == (verdict, 0.5, 0.5)
        assert check.required == (severity != "info")


# ------------------------------------------------------------ keys


def test_keys_are_unique():
    found = judged(
        pa.table({"a": [1, 1, 2, None, None], "b": ["x", "x", "x", "y", "y"]}),
        "{name: a, unique: true, primaryKey: true, primaryKeyPosition: 1}, {name: b, primaryKey: true, unique: true}",
    )
    assert found["primary_key"].value == 1
    assert "row 1: repeats row 0" in found["primary_key"].message
    assert (found["a.nulls"].value, found["b.nulls"].value) == (2, 0)
    one = column([1.0, -0.0, 0.0, None], "unique: true")["unique"]
    assert (one.value, one.n) == (1, 3)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, 2, 1], pa.uint64()),
        pa.array([True, False, True]),
        pa.array([b"a", b"b", b"a"]),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array(["a", "b", "a"], pa.string_view()),
        pa.array([1, 2, 1]).cast(pa.decimal128(25, 2)),
        pa.array([1.5, 2, 1.5], pa.float32()),
        pa.array([1, 2, 1], pa.date32()),
    ],
)
def test_keys_of_every_type(array):
    assert column(array, "unique: true")["unique"].value == 1
    assert column([[1]], "unique: true")["unique"].verdict is Verdict.NOT_RUN
    counted = custom("check: metric, metric: distinctCount, mustBe: 0")
    assert column([[1]], counted)["q"].verdict is Verdict.NOT_RUN


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(0, 4), st.sampled_from("abc")), max_size=40))
def test_duplicates_are_counted_as_in_python(rows):
    table = pa.table(
        {"a": pa.array([a for a, _ in rows], pa.int64()), "b": pa.array([b for _, b in rows], pa.string())}
    )
    rule = "{id: d, metric: duplicateValues, mustBe: 0, arguments: {properties: [a, b]}}"
    keyed = [row for row in rows if row[0] is not None]
    found = judged(table, "{name: a}, {name: b}", rule)["d"]
    assert (found.value, found.n) == (len(keyed) - len(set(keyed)), len(keyed))


def test_foreign_keys():
    rules = "{name: a, relationships: [{to: carriers.code}]}, {name: b}"
    more = "    relationships: [{from: [t.a, t.b], to: [pairs.x, pairs.y]}]\n"
    table = pa.table({"a": pa.array([1, 2, None, 3], pa.int32()), "b": ["p", "q", "q", "r"]})
    references = {"carriers": pa.table({"code": [1, 2]}), "pairs": pa.table({"x": [1, 2], "y": ["p", "p"]})}
    found = judged(table, rules, more=more, references=references)
    assert (found["a.foreign_key"].value, found["a_b.foreign_key"].value) == (1, 2)
    assert judged(table, rules, more=more)["a.foreign_key"].verdict is Verdict.NOT_RUN
    with pytest.raises(ConfigError, match='"code" is not valid'):
        contract("{name: a, relationships: [{to: code}]}")


# ------------------------------------------------------------ several columns, order, time


def test_columns_compare():
    table = pa.table({"a": [1, 5, None, 3], "b": [2, 4, 1, 3], "s": ["x", "y", "z", None]})
    rule = "{id: q, type: custom, engine: ctcore, implementation: {check: compare, columns: [a, b], operator: '%s'}}"
    for operator, bad in (("<", 2), ("<=", 1), ("==", 2), ("!=", 1), (">", 2), (">=", 1)):
        assert judged(table, "{name: a}, {name: b}", rule % operator)["q"].value == bad, operator
    mixed = rule.replace("[a, b]", "[a, s]") % "<"
    assert judged(table, "{name: a}, {name: s}", mixed)["q"].verdict is Verdict.NOT_RUN
    times = pa.table({"a": pa.array([1, 2], pa.timestamp("s")), "b": pa.array([1500, 1500], pa.timestamp("ms"))})
    assert judged(times, "{name: a}, {name: b}", rule % "<=")["q"].value == 1


def test_a_time_that_no_finer_unit_holds_is_compared_and_measured():
    far = pa.array([2**60, None], pa.timestamp("s"))
    table = pa.table({"a": far, "b": pa.array([0, 0], pa.timestamp("ms"))})
    rule = "{id: q, type: custom, engine: ctcore, implementation: {check: compare, columns: [a, b], operator: '<='}}"
    assert judged(table, "{name: a}, {name: b}", rule)["q"].value == 1
    most = column(far, custom("check: metric, metric: maximum, mustBe: 0"))["q"]
    assert (most.value, most.verdict) == (float(2**60), Verdict.FAIL)


def test_conditional_rules():
    table = pa.table({"a": ["x", "x", "y", None], "b": [1, None, None, None], "c": [5, 20, 50, 99]})
    when = "{id: q, type: custom, engine: ctcore, implementation: {check: conditional, if: %s, then: %s}}"
    names = "{name: a, logicalType: string}, {name: b}, {name: c}"

    def bad(if_, then):
        check = judged(table, names, when % (if_, then))["q"]
        return check.value, check.n

    assert bad("{column: a, equals: x}", "{column: b, notNull: true}") == (1, 2)
    assert bad("{column: a, in: [x, y]}", "{column: b, notNull: true}") == (2, 3)
    assert bad("{column: a, isNull: true}", "{column: c, maximum: 10}") == (1, 1)
    assert bad("[{column: a, equals: x}, {column: b, isNull: true}]", "{column: c, maximum: 10}") == (1, 1)
    assert bad("{column: b, notNull: true}", "{column: b, operator: '<', other: c}") == (0, 1)
    assert bad("{column: a, pattern: '^x'}", "{column: a, notIn: [x]}") == (2, 2)
    assert bad("{column: c, exclusiveMinimum: 5}", "{column: a, minLength: 2}") == (2, 3)


def test_order():
    for values, options, bad in [
        ([1, 2, 2, None, 3, 1], "", 1),
        ([1, 2, 2, 3], ", strict: true", 1),
        ([3.0, 2.0, float("nan"), 2.5], ", direction: decreasing", 1),
    ]:
        assert column(values, custom(f"check: monotonic{options}"))["q"].value == bad
    long = np.arange(200_000)
    long[131_072] = 0  # the first row of a chunk
    found = column(long, custom("check: monotonic"))["q"]
    assert (found.value, "row 131072" in found.message) == (1, True)


def test_nothing_lies_in_the_future():
    rule = custom("check: notInFuture, tolerance: 1, unit: h")
    zone = ZoneInfo("America/New_York")
    moment = datetime(2024, 6, 1, 12, tzinfo=zone)
    wall = pa.array([datetime(2024, 6, 1, 12, 59), datetime(2024, 6, 1, 13, 1)])
    zoned = pa.array([datetime(2024, 6, 1, 16, 59, tzinfo=UTC), datetime(2024, 6, 1, 17, 1, tzinfo=UTC)])
    for array in (wall, zoned):
        report = validate.check(pa.table({"x": array}), contract("{name: x, " + rule + "}"), now=moment)
        assert report.broken["x.q"].count == 1
    untimed = validate.check(pa.table({"x": wall}), contract("{name: x, " + rule + "}"))
    assert untimed.verdict is Verdict.NOT_RUN


def test_freshness_of_a_wall_clock_is_in_the_zone_of_the_present():
    newest = pa.array([datetime(2024, 6, 1, 23, 30)], pa.timestamp("us"))
    sla = "slaProperties: [{property: latency, value: 1, unit: h, element: t.x}]\n"
    now = datetime(2024, 6, 2, tzinfo=ZoneInfo("America/New_York"))

    def age(array, **options):
        report = validate.check(pa.table({"x": array}), contract("{name: x}", more=sla), **options)
        return next(check for check in report.checks if check.id == "freshness")

    assert age(newest, now=now).value == 1800
    zoned = pa.array([datetime(2024, 6, 2, 3, 30)], pa.timestamp("us", "UTC"))
    assert age(zoned, now=now).value == 1800
    assert age(newest).verdict is Verdict.NOT_RUN
    assert age(newest, now=now + timedelta(hours=2)).verdict is Verdict.FAIL


# ------------------------------------------------------------ metrics, drift, history


def test_metrics_are_what_numpy_says():
    values = np.array([1.0, 2.0, 2.0, 0.0, 7.0])
    array = pa.array([*values, None])
    expected = {
        "completeness": 5 / 6, "mean": values.mean(), "sum": values.sum(), "variance": values.var(ddof=1),
        "standardDeviation": values.std(ddof=1), "minimum": 0, "maximum": 7, "range": 7, "zeroCount": 1,
        "distinctCount": 4, "distinctness": 4 / 5, "uniqueness": 3 / 5, "uniqueValueRatio": 3 / 4,
        "entropy": -(3 * 0.2 * np.log(0.2) + 0.4 * np.log(0.4)), "nanCount": 0, "infinityCount": 0, "valueCount": 5,
    }  # fmt: skip
    for metric, value in expected.items():
        found = column(array, custom(f"check: metric, metric: {metric}, mustBeGreaterOrEqualTo: 0"))["q"]
        assert found.value == pytest.approx(value, rel=1e-12), metric
    text = pa.array(["a", "\u00e9\u00e9\u00e9", None])
    for metric, value in (("minLength", 1), ("maxLength", 3)):
        assert column(text, custom(f"check: metric, metric: {metric}, mustBe: {value}"))["q"].verdict is Verdict.PASS
    assert column(text, custom("check: metric, metric: mean, mustBe: 0"))["q"].verdict is Verdict.NOT_RUN


def test_drift_from_a_reference():
    before = pa.table({"x": ["a"] * 80 + ["b"] * 20})
    after = pa.table({"x": ["a"] * 50 + ["b"] * 30 + ["new"] * 20})
    rule = custom("check: drift, reference: previousSpan, statistic: %s, max: %s")
    for statistic, value in (("lInfinity", 0.3), ("normalizedAbsoluteDifference", 0.15)):
        found = column(after["x"], rule % (statistic, value + 1e-9), references={"previousSpan": before})["q"]
        assert (found.value, found.verdict) == (pytest.approx(value), Verdict.PASS)
        assert (
            column(after["x"], rule % (statistic, value / 2), references={"previousSpan": before})["q"].verdict
            is Verdict.FAIL
        )
    p, q = np.array([0.8, 0.2, 0]), np.array([0.5, 0.3, 0.2])
    middle = (p + q) / 2
    expected = sum(0.5 * np.sum(each[each > 0] * np.log2(each[each > 0] / middle[each > 0])) for each in (p, q))
    found = column(after["x"], rule % ("jensenShannon", 1), references={"previousSpan": before})["q"]
    assert found.value == pytest.approx(np.sqrt(expected))
    numbers = pa.table({"x": np.arange(1000.0)})
    moved = column(pa.array(np.arange(1000.0) + 500), rule % ("psi", 0.25), references={"previousSpan": numbers})["q"]
    assert moved.verdict is Verdict.FAIL
    assert column(after["x"], rule % ("psi", 1))["q"].verdict is Verdict.NOT_RUN
    gone = "{name: y, " + rule % ("psi", 1) + "}"
    assert judged(after, gone, references={"previousSpan": before})["y.q"].verdict is Verdict.NOT_RUN


def test_rows_compared_with_another_span():
    check = "check: rowCountChange, reference: before, mustBeBetween: [0.5, 2]"
    rule = "{id: q, type: custom, engine: ctcore, implementation: {" + check + "}}"
    for rows, verdict in ((50, Verdict.PASS), (49, Verdict.FAIL), (200, Verdict.PASS), (201, Verdict.FAIL)):
        table = pa.table({"x": range(rows)})
        found = judged(table, "{name: x}", rule, references={"before": pa.table({"x": range(100)})})["q"]
        assert found.verdict is verdict
    assert judged(table, "{name: x}", rule)["q"].verdict is Verdict.NOT_RUN


# ------------------------------------------------------------ the scan


def test_the_answer_does_not_depend_on_batches_or_threads():
    rng = np.random.default_rng(1)
    rows = 11 * 65_536 + 17
    table = pa.table(
        {
            "x": rng.normal(size=rows),
            "k": rng.integers(0, rows, rows),
            "s": pa.array(np.array(["a", "b", "c"])[rng.integers(0, 3, rows)]).dictionary_encode(),
        }
    )
    rules = (
        "{name: x, logicalType: number, logicalTypeOptions: {maximum: 2}, "
        + custom("check: metric, metric: mean, mustBeLessThan: 1")
        + "}, "
        "{name: k, unique: true, " + custom("check: metric, metric: entropy, mustBeLessThan: 99") + "}, "
        "{name: s, " + custom("check: monotonic") + ", logicalType: string, logicalTypeOptions: {pattern: 'a|b'}}"
    )
    from ctcore import _core  # noqa: PLC0415

    asked = contract(rules)
    answers = []
    for threads, batch in ((1, rows), (2, 10_007), (7, 65_536)):
        _core.set_threads(threads)
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=batch))
        answers.append(validate.check(reader, asked).to_dict())
    _core.set_threads(None)
    assert answers[0] == answers[1] == answers[2]
    broken = answers[0]["broken"]
    assert broken["x.range"]["count"] == int((table["x"].to_numpy() > 2).sum())
    assert broken["k.unique"]["count"] == rows - len(np.unique(table["k"].to_numpy()))


def test_rows_are_counted_where_no_rule_looks_at_them():
    batches = [pa.record_batch({"x": np.ones(rows, np.int64)}) for rows in (5, 0, 70_000)]
    found = judged(
        pa.Table.from_batches(batches), "{name: x, logicalType: integer}", "{metric: rowCount, mustBe: 70005}"
    )
    assert found["rows"].verdict is Verdict.PASS


@pytest.mark.slow
def test_keys_beyond_memory_spill():
    """Above 4,194,304 rows keys go to disk; the count stays exact."""
    rows = 5_000_000
    keys = np.arange(rows)
    keys[-3:] = [0, 1, 1]
    found = column(keys, "unique: true")["unique"]
    assert (found.value, found.n) == (3, rows)
    assert f"row {rows - 3}: repeats row 0" in found.message


def test_a_wide_table(tmp_path):
    names = [f"c{i}" for i in range(2000)]
    table = pa.table({name: [1.0, 2.0] for name in names})
    asked = contract(
        ", ".join(f"{{name: {name}, logicalType: number, logicalTypeOptions: {{maximum: 1}}}}" for name in names)
    )
    path = tmp_path / "wide.parquet"
    pq.write_table(table, path)
    for rows in (table, data.source(path)):
        found = validate.check(rows, asked)
        assert len(found.broken) == 4000
        assert sum(each.count for each in found.broken.values()) == 2000


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_counts_are_what_python_counts(data):
    values = data.draw(st.lists(st.none() | st.floats(width=32) | st.integers(-5, 5).map(float), max_size=30))
    low, high = sorted(data.draw(st.tuples(st.integers(-5, 5), st.integers(-5, 5))))
    found = column(
        pa.array(values, pa.float64()),
        f"logicalType: number, required: true, logicalTypeOptions: {{minimum: {low}, maximum: {high}}}",
    )
    there = [value for value in values if value is not None]
    assert found["nulls"].value == len(values) - len(there)
    assert found["finite"].value == sum(not np.isfinite(value) for value in there)
    assert found["range"].value == sum(value < low or value > high for value in there)


ARRAYS = {
    "null": pa.nulls(3),
    "bool": pa.array([True, None, False]),
    "int8": pa.array([1, None, -1], pa.int8()),
    "uint64": pa.array([2**64 - 1, None, 0], pa.uint64()),
    "half": pa.array([1.0, None, float("nan")], pa.float16()),
    "double": pa.array([float("inf"), None, -0.0]),
    "decimal": pa.array([1, None, 3]).cast(pa.decimal128(25, 2)),
    "decimal256": pa.array([1, None, 3]).cast(pa.decimal256(40, 2)),
    "text": pa.array(["a", None, ""]),
    "view": pa.array(["a", None, ""], pa.string_view()),
    "bytes": pa.array([b"\xff", None, b""]),
    "byte view": pa.array([b"\xff", None, b""], pa.binary_view()),
    "fixed bytes": pa.array([b"ab", None, b"cd"], pa.binary(2)),
    "date": pa.array([0, None, 2**31 - 1], pa.date32()),
    "date64": pa.array([0, None, 86_400_000], pa.date64()),
    "time": pa.array([0, None, 5], pa.time64("ns")),
    "seconds": pa.array([0, None, 5], pa.time32("s")),
    "instant": pa.array([-(2**63) + 1, None, 2**63 - 1], pa.timestamp("ns", "UTC")),
    "wall": pa.array([-(2**63) + 1, None, 2**63 - 1], pa.timestamp("s")),
    "duration": pa.array([1, None, 2], pa.duration("us")),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "empty dictionary": pa.DictionaryArray.from_arrays(pa.array([None] * 3, pa.int32()), pa.array([], pa.string())),
    "dictionary of numbers": pa.array([1, None, 2]).dictionary_encode(),
    "list": pa.array([[1], None, []]),
    "fixed list": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
    "struct": pa.array([{"a": 1}, None, {"a": 2}]),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([1, None])),
    "union": pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    ),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_any_type_is_judged_or_said_not_to_be(name):
    """Every rule on every type: a count, or the reason why there is none."""
    array = ARRAYS[name]
    rules = ", ".join(
        f"{{id: q{number}, {rule}}}"
        for number, rule in enumerate(
            [
                "metric: missingValues, mustBe: 0, arguments: {missingValues: [null, a, 1, true]}",
                "metric: invalidValues, mustBe: 0, arguments: {validValues: [a, 1, 1.5, true]}",
                "metric: invalidValues, mustBe: 0, arguments: {pattern: a}",
                *(
                    "type: custom, engine: ctcore, implementation: {" + check + "}"
                    for check in (
                        "check: monotonic",
                        "check: utf8",
                        "check: notInFuture",
                        "check: withinWindow",
                        "check: readsAs, type: number",
                        "check: readsAs, type: timestamp",
                        "check: compare, columns: [x, x], operator: '<='",
                        "check: conditional, if: {notNull: true}, then: {minimum: 0.5, maximum: 1e300}",
                        "check: conditional, if: {isNull: true}, then: {minLength: 1}",
                        "check: anomaly, metric: mean, method: rateOfChange",
                        "check: drift, statistic: psi, reference: self, max: 0",
                        *(f"check: metric, metric: {metric}, mustBe: 0" for metric in METRICS),
                        *(f"check: metric, metric: {metric}, mustBe: 0" for metric in MOMENT_METRICS),
                        *(f"check: metric, metric: {metric}, mustBe: 0, columns: [x, x]" for metric in PAIR_METRICS),
                        "check: metric, metric: quantile, share: 0.5, mustBe: 0",
                        "check: metric, metric: distinctness, where: {notNull: true}, mustBe: 0",
                    )
                ),
            ]
        )
    )
    table = pa.table({"x": array})
    relation = "relationships: [{to: self.x}]"
    found = column(
        array,
        f"required: true, unique: true, {relation}, quality: [{rules}]",
        more="slaProperties: [{property: latency, value: 1, unit: h, element: t.x}]\n",
        references={"self": table},
        window=(NOW, NOW),
    )
    assert len(found) == 1 + 5 + 14 + len(METRICS) + 7
    assert all(check.message for check in found.values())
    assert found["nulls"].value == {"null": 3, "empty dictionary": 3, "union": 0}.get(name, 1)
    assert validate.contract(validate.infer(table)).columns


def test_a_null_among_the_words_of_a_dictionary_is_a_null():
    codes = pa.array([0, 1, 2, 0, None, 2, 3], pa.int32())
    words = pa.DictionaryArray.from_arrays(codes, pa.array(["a", None, "b", "bb"]))
    rules = "required: true, unique: true, logicalTypeOptions: {maxLength: 1, pattern: '^b'}, "
    rules += quality("metric: invalidValues, mustBe: 0, arguments: {validValues: [a]}")
    coded, plain = (column(values, "logicalType: string, " + rules) for values in (words, words.cast("string")))
    assert coded.pop("type").message != plain.pop("type").message
    assert coded == plain
    assert plain["nulls"].message.endswith("row 1: null, row 4: null")
