"""What is unwise in a contract, and what changes when it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ctcore.errors import ConfigError
from ctcore.validate._contract import contract
from ctcore.validate._rule import Allowed, Column, Contract, Rule
from ctcore.verdict import Check, Report, Verdict

_ODD = re.compile(r"^(?:y|n|yes|no|on|off|true|false|null|~)$", re.IGNORECASE)


def lint(document: dict[str, Any], *, table: str | None = None) -> Report:
    """Say what in a contract will surprise somebody: one ``warn`` each, ``fail`` where it cannot be read.

    - ``mustBeBetween`` is inclusive here and in the standard's examples, exclusive in its text;
    - a vocabulary with words that YAML 1.1 reads as truth values (``NO``, ``yes``): quote them for other tools;
    - a rule that nothing can break, or everything must;
    - a pattern without an anchor: it is searched for, as JSON Schema has it;
    - a required number that may be NaN: NaN is a value, so ``required`` does not ask for it;
    - numbers that no rule looks at, a table without a row count or freshness, a rule without an id.
    """
    try:
        compiled = contract(document, table=table)
    except ConfigError as error:
        return Report(checks=(Check(id="contract", verdict=Verdict.FAIL, message=str(error)),))
    found = [*_findings(document, compiled)]
    if not found:
        return Report(checks=(Check(id="contract", verdict=Verdict.PASS, message="nothing to remark"),))
    return Report(checks=tuple(Check(id=id_, verdict=Verdict.WARN, message=message) for id_, message in found))


def _findings(document: dict[str, Any], compiled: Contract) -> Iterator[tuple[str, str]]:
    for each in compiled.unjudged:
        yield each.id, f"{each.id} will be not_run: {each.reason}"
    for place, given in _rules(document):
        if "mustBeBetween" in given:
            low, high = given["mustBeBetween"]
            message = (
                f"{place}: mustBeBetween: both {low} and {high} are allowed here; other tools may read it otherwise"
            )
            yield "between", message
        if given.get("type", "library") == "library" and "id" not in given and given.get("metric") != "rowCount":
            yield "id", f"{place}: without an id its answer is named by its metric, and a second one has no name"
    for rule in compiled.rules:
        yield from _rule_findings(rule)
    for column in compiled.columns:
        if column.judged:
            tests = {rule.test for rule in compiled.rules if column.name in rule.columns}
            yield from _column_findings(column, tests)
    tests = {rule.test for rule in compiled.rules}
    counted = any(rule.test == "anomaly" and rule.options["metric"] == "rowCount" for rule in compiled.rules)
    if "rows" not in tests and not counted:
        yield "rows", "no rule bounds the row count: an empty or halved batch passes"
    if "latency" not in tests and any(column.type == "timestamp" for column in compiled.columns):
        yield "freshness", "no service level bounds the age of the newest row (slaProperties: latency)"


def _column_findings(column: Column, tests: set[str]) -> Iterator[tuple[str, str]]:
    name = column.name
    if column.type in ("integer", "number") and tests <= {"type", "not_null", "finite"}:
        yield "bounds", f"{name}: no rule looks at its numbers: in another unit they pass"
    if column.type == "number" and "not_null" in tests and "finite" not in tests:
        yield f"{name}.nulls", f"{name}: required asks for no null; NaN is a value, and allowed here"


def _rule_findings(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.test in ("within", "without"):
        odd = [each for each in rule.options["values"] if isinstance(each, str) and _ODD.match(each)]
        if odd:
            yield rule.id, f"{rule.id}: {odd} are truth values in YAML 1.1: quote them for other tools"
    if rule.test == "pattern" and not rule.options["pattern"].startswith("^"):
        yield rule.id, f"{rule.id}: the pattern is searched for anywhere in the text; anchor it with ^ and $"
    low, high = rule.options.get("minimum"), rule.options.get("maximum")
    if rule.test == "range" and low is not None and high is not None and low > high:
        yield rule.id, f"{rule.id}: nothing lies within {low} to {high}"
    if rule.allowed.percent and rule.allowed.admits(0) and rule.allowed.admits(100):
        yield rule.id, f"{rule.id}: {rule.allowed} allowed: nothing can break it"


def _rules(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for table in document["schema"]:
        for given in table.get("quality") or []:
            yield table["name"], given
        for declared in table.get("properties") or []:
            yield from _property_rules(f"{table['name']}.{declared['name']}", declared)


def _property_rules(place: str, declared: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for given in declared.get("quality") or []:
        yield place, given
    for child in declared.get("properties") or []:
        yield from _property_rules(f"{place}.{child['name']}", child)
    if declared.get("items"):
        yield from _property_rules(f"{place}[]", declared["items"])


def diff(old: Contract, new: Contract) -> Report:
    """Compare two contracts for those who read the data: ``fail`` breaks them, ``warn`` may, ``pass`` does not.

    A reader relies on what the old contract promises. It breaks when a promise goes or weakens: a column goes, changes
    its type or becomes optional, a rule goes, tolerates more or no longer fails. A promise that is added or
    strengthened is compatible for readers; producers of the data must keep it, so it warns.

    >>> from ctcore.validate import Contract, Column
    >>> old = Contract(id="a", version="1", table="t", columns=(Column(name="x"),), rules=())
    >>> new = Contract(id="a", version="2", table="t", columns=(), rules=())
    >>> [check.message for check in diff(old, new).checks]
    ['the column x is gone']
    """
    checks = [*_column_changes(old, new), *_rule_changes(old, new)]
    if not checks:
        checks = [Check(id="contract", verdict=Verdict.PASS, message="they promise the same")]
    return Report(checks=tuple(checks))


def _column_changes(old: Contract, new: Contract) -> Iterator[Check]:
    before, after = ({column.name: column for column in each.columns} for each in (old, new))
    for name, column in before.items():
        now = after.get(name)
        if now is None:
            yield Check(id=f"{name}.present", verdict=Verdict.FAIL, message=f"the column {name} is gone")
        elif now.type != column.type:
            message = f"{name} was of type {column.type}, now {now.type}"
            yield Check(id=f"{name}.type", verdict=Verdict.FAIL, message=message)
        elif now.optional and not column.optional:
            yield Check(id=f"{name}.present", verdict=Verdict.FAIL, message=f"the column {name} has become optional")
    for name in after.keys() - before.keys():
        yield Check(id=f"{name}.present", verdict=Verdict.PASS, message=f"the column {name} is new")


def _rule_changes(old: Contract, new: Contract) -> Iterator[Check]:
    before, after = ({rule.id: rule for rule in each.rules} for each in (old, new))
    kept = {column.name for column in new.columns}
    for id_, rule in before.items():
        now = after.get(id_)
        if not set(rule.columns) <= kept or rule.test == "type":
            continue  # said of the column
        if now is None:
            yield Check(id=id_, verdict=Verdict.FAIL, message=f"the rule {id_} is gone")
        elif now != rule:
            weaker = _weaker(rule, now)
            words = "promises less" if weaker else "promises more" if weaker is False else "has changed"
            verdict = Verdict.WARN if weaker is False else Verdict.FAIL
            yield Check(id=id_, verdict=verdict, message=f"the rule {id_} {words}: {_told(rule)}, now {_told(now)}")
    for id_ in after.keys() - before.keys():
        if after[id_].test != "type":
            yield Check(id=id_, verdict=Verdict.WARN, message=f"the rule {id_} is new: {_told(after[id_])}")


_RANKS = {"info": 0, "warning": 1, "error": 2}


def _weaker(old: Rule, new: Rule) -> bool | None:
    """Tell whether the new rule lets more through (``True``), less (``False``), or cannot be compared."""
    if (old.test, old.columns, old.when) != (new.test, new.columns, new.when):
        return None
    steps = [_RANKS[new.severity] - _RANKS[old.severity], _tighter(old.allowed, new.allowed)]
    steps.append(_narrower(old, new))
    if None in steps:
        return None
    signs = {(step > 0) - (step < 0) for step in steps if step is not None} - {0}
    return None if len(signs) > 1 else signs == {-1}


def _tighter(old: Allowed, new: Allowed) -> int | None:
    if (old.percent, old.inverted) != (new.percent, new.inverted) or old.inverted:
        return 0 if old == new else None
    return _inside(
        (_low(old.minimum, exclusive=old.exclusive_minimum), _high(old.maximum, exclusive=old.exclusive_maximum)),
        (_low(new.minimum, exclusive=new.exclusive_minimum), _high(new.maximum, exclusive=new.exclusive_maximum)),
    )


def _narrower(old: Rule, new: Rule) -> int | None:
    if old.options == new.options:
        return 0
    if old.test in ("range", "length") and old.options.keys() | new.options.keys() <= _SIDES:
        return _inside(_sides(old), _sides(new))
    if old.test == "within":
        before, after = set(map(repr, old.options["values"])), set(map(repr, new.options["values"]))
        return 1 if after < before else -1 if before < after else None
    return None


_SIDES = {"minimum", "maximum", "exclusive_minimum", "exclusive_maximum"}


def _sides(rule: Rule) -> tuple[tuple[float, bool], tuple[float, bool]]:
    def value(key: str) -> float | None:
        found = rule.options.get(key)
        return found[1] if isinstance(found, tuple) else found

    low, high = value("exclusive_minimum"), value("exclusive_maximum")
    return (
        _low(value("minimum") if low is None else low, exclusive=low is not None),
        _high(value("maximum") if high is None else high, exclusive=high is not None),
    )


def _low(bound: float | None, *, exclusive: bool) -> tuple[float, bool]:
    return (float("-inf") if bound is None else bound, exclusive)


def _high(bound: float | None, *, exclusive: bool) -> tuple[float, bool]:
    return (float("inf") if bound is None else bound, not exclusive)


def _inside(old: tuple[tuple[float, bool], ...], new: tuple[tuple[float, bool], ...]) -> int | None:
    """1 where the new interval lies in the old one, -1 where it holds it, None where neither does."""
    if old == new:
        return 0
    if new[0] >= old[0] and new[1] <= old[1]:
        return 1
    return -1 if new[0] <= old[0] and new[1] >= old[1] else None


def _told(rule: Rule) -> str:
    if rule.test == "measured":
        return f"{rule.says} is {rule.allowed} ({rule.severity})"
    return f"{rule.allowed} of the rows may {rule.says} ({rule.severity})"
