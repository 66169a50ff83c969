"""The rules under ``quality``: the standard's metrics, and ctcore's own checks (``engine: ctcore``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from ctcore.errors import ConfigError, did_you_mean
from ctcore.validate._history import METHODS, RISK
from ctcore.validate._metrics import METRICS, MOMENT_METRICS, PAIR_METRICS, RANK_METRICS, TABLE_METRICS
from ctcore.validate._parts import (
    BOUNDS,
    COMPARISONS,
    OPERATORS,
    SNAKE,
    UNITS,
    allowed,
    boolean,
    bound,
    listed,
    matches,
    only,
    outside,
    severity_of,
    sized,
    vocabulary,
)
from ctcore.validate._rule import Allowed, Rule, Unjudged, of_items

_STATISTICS = ("jensenShannon", "lInfinity", "normalizedAbsoluteDifference", "psi")
_KINDS = ("boolean", "date", "integer", "number", "timestamp")
_ELSEWHERE = {"targetLeakage": "leakage is judged over windows of training data, not by the scan of a batch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where a rule stands, and what it asks."""

    column: str | None
    """The column that it belongs to; ``None`` for the table."""
    types: Mapping[str, str | None]
    """The columns' logical types."""
    named: Callable[[Any, str], str]
    """The column that a property names."""
    place: str
    """For errors."""
    id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def own(self) -> str:
        """Give the column that the options name, or else the one that the rule belongs to."""
        if "column" not in self.options and self.column is not None:
            return self.column
        return self.named(self.options.get("column"), self.place)

    def one_of(self, key: str, known: tuple[str, ...]) -> str:
        """Give an option that takes one of some names."""
        value = self.options.get(key)
        if value not in known:
            raise ConfigError(f"{self.place}: no {key} {value!r}; {did_you_mean(str(value), known)}")
        return str(value)

    def only(self, *known: str) -> None:
        """Refuse options that nothing asks for."""
        only(self.options, known, self.place)


def compile_quality(given: dict[str, Any], asked: Asked) -> Iterator[Rule | Unjudged]:
    """Compile one entry under ``quality``: what ctcore does not judge is given back with the reason."""
    kind = given.get("type", "library")
    prefix = f"{asked.column}." if asked.column else ""
    if kind == "library":
        yield _library(given, prefix, asked)
        return
    label = prefix + str(given.get("id") or given.get("name") or kind)
    implementation = given.get("implementation")
    if kind == "custom" and given["engine"] == "ctcore":
        if not isinstance(implementation, dict):
            raise ConfigError(f"{asked.place}: implementation must be a mapping with a check, found {implementation!r}")
        check = str(implementation.get("check"))
        id_ = prefix + str(given.get("id") or check)
        if check in _ELSEWHERE:
            yield Unjudged(id=id_, reason=_ELSEWHERE[check], required=False)
            return
        if check not in _CHECKS:
            raise ConfigError(f"{asked.place}: no check {check!r}; {did_you_mean(check, [*_CHECKS, *_ELSEWHERE])}")
        severity = severity_of(given, asked.place)
        bounds = {key: implementation[key] for key in (*OPERATORS, "unit") if key in implementation}
        if check not in _TOLERANT:
            bounds = {}
        options = {key: value for key, value in implementation.items() if key != "check" and key not in bounds}
        for rule in _CHECKS[check](replace(asked, id=id_, options=options)):
            tolerated = allowed(bounds, asked.place) if bounds else rule.allowed
            yield replace(rule, severity=severity, allowed=tolerated)
        return
    reason = {
        "text": "is a text for people",
        "sql": "is SQL; ctcore runs no database. Say it as a library or ctcore rule",
        "custom": f"is for the engine {given.get('engine')!r}",
    }[kind]
    yield Unjudged(id=label, reason=f"the rule {reason}", required=kind != "text")


# ------------------------------------------------------------ the standard's library


def _library(given: dict[str, Any], prefix: str, asked: Asked) -> Rule:
    metric = str(given.get("metric") or given.get("rule"))
    arguments = given.get("arguments") or {}
    if "arguments" in given and not arguments:
        raise ConfigError(f"{asked.place}: arguments is empty: mind the indentation")
    asked = replace(asked, id=prefix + str(given.get("id") or metric), options=arguments)
    if metric not in _LIBRARY:
        raise ConfigError(f"{asked.place}: no metric {metric!r}; {did_you_mean(metric, _LIBRARY)}")
    admitted = allowed(given, asked.place)
    if metric == "rowCount" and admitted.percent:
        raise ConfigError(f"{asked.place}: rowCount is a count; leave unit out")
    if asked.column is None and metric not in ("rowCount", "duplicateValues"):
        raise ConfigError(f"{asked.place}: {metric} belongs to a property; a table has rowCount and duplicateValues")
    return replace(_LIBRARY[metric](asked), allowed=admitted, severity=severity_of(given, asked.place))


def _row_count(asked: Asked) -> Rule:
    asked.only()
    return Rule(id="rows", test="rows")


def _duplicate_values(asked: Asked) -> Rule:
    asked.only("properties")
    properties = asked.options.get("properties")
    if (asked.column is None) != isinstance(properties, list):
        raise ConfigError(f"{asked.place}: duplicateValues of a table takes arguments.properties, of a column none")
    columns = (asked.column,) if asked.column else tuple(asked.named(each, asked.place) for each in properties or [])
    return Rule(id=asked.id, test="keys", columns=columns, says="repeat an earlier row")


def _null_values(asked: Asked) -> Rule:
    asked.only()
    return Rule(id=asked.id, test="not_null", columns=(asked.own(),), says="are null")


def _missing_values(asked: Asked) -> Rule:
    asked.only("missingValues")
    values = asked.options.get("missingValues")
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{asked.place}: arguments.missingValues must list the values that stand for missing")
    present = [each for each in values if each is not None]
    options: dict[str, Any] = {"values": [], "nulls": None in values}
    if present:
        options |= vocabulary(asked.id, asked.own(), present, asked.types[asked.own()], asked.place).options
    return Rule(id=asked.id, test="without", columns=(asked.own(),), options=options, says="are missing")


def _invalid_values(asked: Asked) -> Rule:
    asked.only("validValues", "pattern")
    if len(asked.options) != 1:
        raise ConfigError(f"{asked.place}: invalidValues takes arguments.validValues or arguments.pattern; one a rule")
    column = asked.own()
    if "pattern" in asked.options:
        return matches(asked.id, column, asked.options["pattern"])
    return vocabulary(asked.id, column, asked.options["validValues"], asked.types[column], asked.place)


_LIBRARY = {
    "duplicateValues": _duplicate_values,
    "invalidValues": _invalid_values,
    "missingValues": _missing_values,
    "nullValues": _null_values,
    "rowCount": _row_count,
}


# ------------------------------------------------------------ ctcore's checks


def _compare(asked: Asked) -> list[Rule]:
    asked.only("columns", "operator")
    return [_comparison(asked, *_pair(asked))]


def _comparison(asked: Asked, left: str, right: str) -> Rule:
    operator = asked.options.get("operator")
    if operator not in COMPARISONS:
        raise ConfigError(f"{asked.place}: operator must be an operator of {list(COMPARISONS)}, found {operator!r}")
    says = f"break {left} {operator} {right}"
    mirrored = {">": "<", ">=": "<="}
    columns = (right, left) if operator in mirrored else (left, right)
    options = {"operator": mirrored.get(operator, operator)}
    return Rule(id=asked.id, test="compare", columns=columns, options=options, says=says)


def _conditional(asked: Asked) -> list[Rule]:
    asked.only("if", "then")
    conditions, then = listed(asked.options.get("if")), listed(asked.options.get("then"))
    if not conditions or not then:
        raise ConfigError(f"{asked.place}: conditional takes if and then: mappings of a column and a test, or lists")
    when = tuple(MappingProxyType(_condition(asked, each).scanned()) for each in conditions)
    rules = []
    for number, each in enumerate(then):
        rule = _condition(asked, each)
        rules.append(replace(rule, id=asked.id if number == 0 else f"{asked.id}.{number + 1}", when=when))
    return rules


def _condition(asked: Asked, given: Any) -> Rule:
    """Compile one test of one column."""
    if not isinstance(given, dict):
        raise ConfigError(f"{asked.place}: a condition is a mapping of a column and a test, found {given!r}")
    only(given, ("column", *_TESTS), asked.place)
    asked = replace(asked, options=given)
    found = {_TESTS[key] for key in given if key != "column"}
    if len(found) != 1:
        raise ConfigError(f"{asked.place}: a condition has one test, found {given!r}; list several instead")
    return found.pop()(asked)


def _value_test(asked: Asked) -> Rule:
    (key,) = (key for key in asked.options if key != "column")
    values = asked.options[key]
    column = asked.own()
    values = [values] if key == "equals" else values
    rule = vocabulary(asked.id, column, values, asked.types[column], asked.place)
    return rule if key != "notIn" else replace(rule, test="without", says="hold a barred value")


def _null_test(asked: Asked) -> Rule:
    (key,) = (key for key in asked.options if key != "column")
    if asked.options[key] is not True:
        raise ConfigError(f"{asked.place}: {key} is true or left out, found {asked.options[key]!r}")
    return Rule(
        id=asked.id, test=SNAKE[key], columns=(asked.own(),), says="are null" if key == "notNull" else "are not"
    )


def _range_test(asked: Asked) -> Rule:
    column = asked.own()
    bounds = {
        SNAKE[key]: bound(asked.options, key, asked.types[column], asked.place)
        for key in BOUNDS
        if key in asked.options
    }
    return Rule(id=asked.id, test="range", columns=(column,), options=bounds, says=outside(asked.options))


def _length_test(asked: Asked) -> Rule:
    least, most = asked.options.get("minLength"), asked.options.get("maxLength")
    if not all(each is None or (type(each) is int and each >= 0) for each in (least, most)):
        raise ConfigError(f"{asked.place}: a length is a whole number, found {dict(asked.options)}")
    return sized(asked.id, asked.own(), least, most)


def _pattern_test(asked: Asked) -> Rule:
    return matches(asked.id, asked.own(), asked.options["pattern"])


def _other_test(asked: Asked) -> Rule:
    return _comparison(asked, asked.own(), asked.named(asked.options.get("other"), asked.place))


_TESTS: dict[str, Callable[[Asked], Rule]] = {
    **dict.fromkeys(("equals", "in", "notIn"), _value_test),
    **dict.fromkeys(("isNull", "notNull"), _null_test),
    **dict.fromkeys(BOUNDS, _range_test),
    **dict.fromkeys(("minLength", "maxLength"), _length_test),
    **dict.fromkeys(("operator", "other"), _other_test),
    "pattern": _pattern_test,
}


def _monotonic(asked: Asked) -> list[Rule]:
    asked.only("column", "direction", "strict")
    direction = asked.options.get("direction", "increasing")
    if direction not in ("increasing", "decreasing"):
        raise ConfigError(f"{asked.place}: direction must be increasing or decreasing, found {direction!r}")
    strict = boolean(asked.options.get("strict", False), f"{asked.place}: strict")
    options = {"descending": direction == "decreasing", "strict": strict}
    says = f"break the {direction} order"
    return [Rule(id=asked.id, test="order", columns=(asked.own(),), options=options, says=says)]


def _not_in_future(asked: Asked) -> list[Rule]:
    asked.only("column", "tolerance", "unit")
    tolerance, unit = asked.options.get("tolerance", 0), asked.options.get("unit", "s")
    if unit not in UNITS or not _is_number(tolerance):
        raise ConfigError(
            f"{asked.place}: tolerance must be a number and unit one of {sorted(UNITS)}, found {dict(asked.options)}"
        )
    options = {"after_now": tolerance * UNITS[unit]}
    return [Rule(id=asked.id, test="range", columns=(asked.own(),), options=options, says="lie in the future")]


def _within_window(asked: Asked) -> list[Rule]:
    asked.only("column")
    says = "lie outside of the window"
    return [Rule(id=asked.id, test="range", columns=(asked.own(),), options={"window": True}, says=says)]


def _reads_as(asked: Asked) -> list[Rule]:
    asked.only("column", "type")
    literal = asked.one_of("type", _KINDS)
    says = f"do not read as {literal}"
    return [Rule(id=asked.id, test="reads", columns=(asked.own(),), options={"literal": literal}, says=says)]


def _utf8(asked: Asked) -> list[Rule]:
    asked.only("column")
    return [Rule(id=asked.id, test="utf8", columns=(asked.own(),), says="are no UTF-8")]


def _metric(asked: Asked) -> list[Rule]:
    """Compile a metric: of the scan, or where it needs passes of its own ``measured``."""
    asked.only("column", "columns", "metric", "share", "where", *OPERATORS)
    metric = asked.one_of("metric", (*METRICS, *RANK_METRICS, *MOMENT_METRICS, *PAIR_METRICS, *TABLE_METRICS))
    options: dict[str, Any] = {"metric": metric}
    when = tuple(MappingProxyType(_condition(asked, each).scanned()) for each in listed(asked.options.get("where")))
    bounds = allowed(asked.options, asked.place)
    if ("columns" in asked.options) != (metric in PAIR_METRICS):
        raise ConfigError(f"{asked.place}: {', '.join(PAIR_METRICS)} take two columns, other metrics none or one")
    columns = () if metric in TABLE_METRICS else _pair(asked) if metric in PAIR_METRICS else (asked.own(),)
    if (metric == "quantile") != ("share" in asked.options):
        raise ConfigError(f"{asked.place}: quantile takes a share, 0.5 for the median, and no other metric does")
    if metric == "quantile":
        share = options["share"] = asked.options["share"]
        if not _is_number(share) or not 0 <= share <= 1:
            raise ConfigError(f"{asked.place}: share must lie in 0 to 1, found {share!r}")
    if metric == "columnCount" and when:
        raise ConfigError(f"{asked.place}: columns do not depend on rows; leave where out")
    if metric in METRICS and not when:
        return [Rule(id=asked.id, test="metric", columns=columns, options=options, allowed=bounds)]
    name = f"{options['share']:g} quantile" if metric == "quantile" else metric
    says = f"the {name}" + (f" of {' and '.join(columns)}" if columns else "") + (" where asked" if when else "")
    return [Rule(id=asked.id, test="measured", columns=columns, options=options, when=when, allowed=bounds, says=says)]


def _pair(asked: Asked) -> tuple[str, str]:
    columns = asked.options.get("columns")
    if not isinstance(columns, list) or len(columns) != 2:
        raise ConfigError(f"{asked.place}: columns must name two, found {columns!r}")
    return asked.named(columns[0], asked.place), asked.named(columns[1], asked.place)


def _drift(asked: Asked) -> list[Rule]:
    asked.only("column", "statistic", "reference", "max")
    most = asked.options.get("max")
    options = {"statistic": asked.one_of("statistic", _STATISTICS), "reference": _reference(asked)}
    if not _is_number(most):
        raise ConfigError(f"{asked.place}: max must be a number, found {most!r}")
    bounds = Allowed(maximum=most)
    return [Rule(id=asked.id, test="drift", columns=(asked.own(),), options=options, allowed=bounds)]


def _row_count_change(asked: Asked) -> list[Rule]:
    asked.only("reference", *OPERATORS)
    options, bounds = {"reference": _reference(asked)}, allowed(asked.options, asked.place)
    return [Rule(id=asked.id, test="rows_ratio", options=options, allowed=bounds)]


def _anomaly(asked: Asked) -> list[Rule]:
    """Compile a rule on the history of a metric; without one, of what every batch has: rows, completeness, means."""
    asked.only("column", "metric", "method", "min", "max", "since")
    options: dict[str, Any] = {"method": asked.one_of("method", METHODS) if "method" in asked.options else METHODS[0]}
    for key, word in (("min", "minimum"), ("max", "maximum")):
        options[word] = asked.options.get(key)
        if key in asked.options and not _is_number(asked.options[key]):
            raise ConfigError(f"{asked.place}: {key} must be a number, found {asked.options[key]!r}")
    options["since"] = None if "since" not in asked.options else _day(asked)
    if "metric" in asked.options:
        metric = asked.one_of("metric", ("rowCount", *METRICS))
        columns = () if metric == "rowCount" else (asked.own(),)
        options |= {"metric": metric, "risk": RISK, "proposed": False}
        return [Rule(id=asked.id, test="anomaly", columns=columns, options=options)]
    if asked.column or "column" in asked.options:
        metrics = _usual_metrics(asked.own(), asked.types)
    else:
        every = [pair for column in asked.types if not of_items(column) for pair in _usual_metrics(column, asked.types)]
        metrics = [(None, "rowCount"), *every]
    options |= {"risk": RISK / len(metrics), "proposed": True}
    return [
        Rule(
            id=".".join(part for part in (asked.id, column if column != asked.column else None, metric) if part),
            test="anomaly",
            columns=(column,) if column else (),
            options=options | {"metric": metric},
        )
        for column, metric in metrics
    ]


def _usual_metrics(column: str, types: Mapping[str, str | None]) -> list[tuple[str | None, str]]:
    numbers = types[column] in ("integer", "number")
    return [(column, "completeness"), *([(column, "mean")] if numbers else [])]


def _day(asked: Asked) -> date:
    try:
        return date.fromisoformat(str(asked.options["since"]))
    except ValueError:
        given = asked.options["since"]
        raise ConfigError(f'{asked.place}: since must be a day such as "2024-03-10", found {given!r}') from None


def _reference(asked: Asked) -> str:
    name = asked.options.get("reference")
    if not isinstance(name, str):
        raise ConfigError(f"{asked.place}: reference must be the name of other data, found {name!r}")
    return name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: dict[str, Callable[[Asked], list[Rule]]] = {
    "anomaly": _anomaly,
    "compare": _compare,
    "conditional": _conditional,
    "drift": _drift,
    "metric": _metric,
    "monotonic": _monotonic,
    "notInFuture": _not_in_future,
    "readsAs": _reads_as,
    "rowCountChange": _row_count_change,
    "utf8": _utf8,
    "withinWindow": _within_window,
}
_TOLERANT = ("compare", "conditional", "monotonic", "readsAs", "utf8", "withinWindow")
"""Checks that count rows and may let some break them, by an operator and a unit of their own."""
