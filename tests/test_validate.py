"""Contracts and checks: every rule asked for has an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from conftest import CONTRACT
from ctcore import validate
from ctcore.errors import ConfigError
from ctcore.verdict import Verdict


def document():
    return YAML(typ="safe", pure=True).load(CONTRACT)


def answers(table, *rules, **options):
    contract = validate.Contract(id="t", version="1", columns=rules, **options)
    return {
        check.id: check.verdict
        for check in validate.check(table, contract, now=datetime(2024, 1, 2, tzinfo=UTC)).checks
    }


def rule(**options):
    return validate.ColumnRule(name="x", **options)


def test_a_contract_is_read():
    contract = validate.contract(document())
    assert contract.min_rows == 50
    assert contract.freshness == timedelta(days=2)
    a = next(column for column in contract.columns if column.name == "a")
    assert (a.type, a.required, a.minimum, a.maximum) == ("number", True, -10.0, 10.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["schema"][0]["properties"][0].update(pattern="x"), "'pattern' is not judged"),
        (lambda d: d["schema"][0]["properties"][0].update(logicalType="integr"), 'did you mean "integer"'),
        (
            lambda d: d["schema"][0]["properties"][0].update(logicalTypeOptions={"maxLength": 3}),
            "'maxLength' is not judged",
        ),
        (lambda d: d["schema"][0]["properties"][0].pop("name"), "every property needs a name"),
        (lambda d: d["schema"][0].pop("name"), "the table needs a name"),
        (lambda d: d.update(kind="Other"), "kind must be"),
        (lambda d: d.update(apiVersion="v2.0.0"), "apiVersion must be"),
        (lambda d: d["schema"][0]["quality"][0].update(mustBeGreaterOrEqualTo="many"), "whole numbers"),
        (lambda d: d["schema"][0]["quality"][0].pop("mustBeGreaterOrEqualTo"), "whole numbers"),
        (lambda d: d["schema"][0]["quality"][0].update(severity="fatal"), "severity must be one of"),
        (lambda d: d["slaProperties"][0].update(element="rows.nothing"), "element must be"),
        (lambda d: d["schema"][0]["properties"][2]["logicalTypeOptions"].update(minimum=True), "must be a number"),
        (
            lambda d: d["schema"][0]["properties"][0].update(logicalType="string", logicalTypeOptions={"minimum": 1}),
            "no minimum or maximum",
        ),
    ],
)
def test_what_is_not_judged_is_refused(change, words):
    changed = document()
    change(changed)
    with pytest.raises(ConfigError, match=words):
        validate.contract(changed)


def test_every_rule_has_an_answer():
    table = pa.table({"x": pa.array([1.0, None, float("nan"), float("inf"), 99.0])})
    found = answers(table, rule(type="number", required=True, maximum=10.0), min_rows=10)
    assert found == {
        "rows": Verdict.FAIL,
        "x.present": Verdict.PASS,
        "x.type": Verdict.PASS,
        "x.nulls": Verdict.FAIL,
        "x.finite": Verdict.FAIL,
        "x.range": Verdict.FAIL,
    }
    gone = answers(pa.table({"y": [1]}), rule(type="number", required=True, maximum=10.0))
    assert gone["x.present"] is Verdict.FAIL
    assert {gone[f"x.{each}"] for each in ("type", "nulls", "finite", "range")} == {Verdict.NOT_RUN}


def test_bounds_are_inclusive_and_strings_have_none():
    assert answers(pa.table({"x": [0, 10]}), rule(minimum=0.0, maximum=10.0))["x.range"] is Verdict.PASS
    assert answers(pa.table({"x": ["a"]}), rule(minimum=0.0))["x.range"] is Verdict.NOT_RUN
    assert answers(pa.table({"x": [np.nan]}), rule())["x.finite"] is Verdict.FAIL


@pytest.mark.parametrize(
    ("column", "logical"),
    [
        (pa.array([1], pa.int8()), "integer"),
        (pa.array([1.5], pa.float32()), "number"),
        (pa.array(["a"], pa.large_string()), "string"),
        (pa.array(["a"], pa.string_view()), "string"),
        (pa.array(["a"]).dictionary_encode(), "string"),
        (pa.array([True]), "boolean"),
        (pa.array([0], pa.timestamp("ns", "UTC")), "timestamp"),
        (pa.array([0], pa.date32()), "date"),
    ],
)
def test_types(column, logical):
    table = pa.table({"x": column})
    assert answers(table, rule(type=logical))["x.type"] is Verdict.PASS
    other = "boolean" if logical != "boolean" else "date"
    assert answers(table, rule(type=other))["x.type"] is Verdict.FAIL


def test_freshness_of_a_wall_clock_is_in_the_zone_of_the_present():
    newest = pa.array([datetime(2024, 6, 1, 23, 30)], pa.timestamp("us"))
    contract = validate.Contract(
        id="t", version="1", columns=(rule(),), freshness=timedelta(hours=1), freshness_column="x"
    )
    now = datetime(2024, 6, 2, tzinfo=ZoneInfo("America/New_York"))

    def age(column, **options):
        report = validate.check(pa.table({"x": column}), contract, **options)
        return next(check for check in report.checks if check.id == "freshness")

    assert age(newest, now=now).value == 1800
    zoned = pa.array([datetime(2024, 6, 2, 3, 30)], pa.timestamp("us", "UTC"))
    assert age(zoned, now=now).value == 1800
    assert age(newest).verdict is Verdict.NOT_RUN
