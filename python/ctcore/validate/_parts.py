"""The parts that rules are made of: bounds, vocabularies, patterns, operators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ctcore.errors import ConfigError, did_you_mean
from ctcore.validate._pattern import translate
from ctcore.validate._rule import Allowed, Rule

OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
UNITS = {
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("s", "second", "seconds"), 1),
}
"""Seconds in a unit of time."""
_SEVERITIES = {"error": "error", "warning": "warning", "warn": "warning", "info": "info"}
_TYPES: dict[str | None, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
SNAKE = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "isNull": "null",
    "notNull": "not_null",
}


def matches(id_: str, column: str, pattern: Any, *, says: str | None = None) -> Rule:
    """Ask for a pattern, found anywhere in the text, as JSON Schema has it."""
    if not isinstance(pattern, str):
        raise ConfigError(f"{column}: a pattern is text, found {pattern!r}")
    options = {"pattern": translate(pattern)}
    return Rule(id=id_, test="pattern", columns=(column,), options=options, says=says or f"do not match {pattern!r}")


def sized(name: str, column: str, least: int | None, most: int | None) -> Rule:
    """Ask for a length, both ends inclusive."""
    if least is not None and most is not None and least > most:
        raise ConfigError(f"{name}: at least {least} and at most {most} is no length")
    says = f"are not {Allowed(minimum=least, maximum=most)} long"
    return Rule(id=name, test="length", columns=(column,), options={"minimum": least, "maximum": most}, says=says)


def vocabulary(name: str, column: str, values: Any, type_: str | None, place: str) -> Rule:
    """Ask for one of some values, each of the column's type."""
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{place}: a vocabulary is a list of values, found {values!r}")
    wanted = _TYPES.get(type_, (str, bool, int, float))
    for value in values:
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise ConfigError(
                f"{place}: {value!r} is no {type_ or 'value'}: write text in quotes (YAML reads yes, no, dates and "
                f"numbers as something else)"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(
                f"{place}: {value!r} is no value of a vocabulary; NaN and infinity have rules of their own"
            )
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ConfigError(f"{place}: {value!r} does not fit 64 bits")
    listed = ", ".join(str(each) for each in values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
    return Rule(
        id=name, test="within", columns=(column,), options={"values": list(values)}, says=f"are none of {listed}"
    )


def outside(options: Mapping[str, Any]) -> str:
    """Say what breaks bounds."""
    words = []
    for key, text in zip(BOUNDS, ("below {}", "above {}", "at or below {}", "at or above {}"), strict=True):
        if key in options:
            words.append(text.format(options[key]))
    return "lie " + " or ".join(words)


def bound(options: Mapping[str, Any], key: str, type_: str | None, where: str) -> Any:
    """Read a bound: a number, or microseconds for a time."""
    value = options[key]
    if type_ in ("date", "timestamp", "time"):
        return ("micros", _micros(value, type_, options.get("defaultTimezone", "Etc/UTC"), f"{where}: {key}"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where}: {key} must be a number, found {value!r}")
    return value


def _micros(value: Any, type_: str, zone: str, where: str) -> int:
    """Microseconds of the epoch (of the day, for a time). Without an offset an instant is in ``zone``."""
    try:
        if type_ == "time":
            clock = time.fromisoformat(str(value))
            return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, date):
            moment = datetime.combine(value, time())
        else:
            moment = datetime.fromisoformat(str(value))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // _MICRO)
    except (ValueError, OverflowError, ZoneInfoNotFoundError) as error:
        raise ConfigError(f"{where} must be a {type_} such as {_SUCH[type_]}, found {value!r}") from error


_MICRO = datetime.resolution
_SUCH = {"date": '"2024-01-31"', "timestamp": '"2024-01-31T12:00:00Z"', "time": '"12:30:00"'}


def allowed(given: Mapping[str, Any], place: str) -> Allowed:
    """Read the operator of a rule and its unit."""
    used = [key for key in OPERATORS if key in given]
    if len(used) != 1:
        raise ConfigError(f"{place}: a rule has one of the operators {', '.join(OPERATORS)}; found {used}")
    unit = given.get("unit", "rows")
    if unit not in ("rows", "percent"):
        raise ConfigError(f"{place}: unit must be rows or percent, found {unit!r}")
    operator, value = used[0], given[used[0]]
    percent = unit == "percent"
    low, high = value if operator.endswith("Between") else (value, value)
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
            raise ConfigError(f"{place}: {operator} takes numbers, found {value!r}")
        if percent and not 0 <= bound <= 100:
            raise ConfigError(f"{place}: {operator} in percent lies in 0 to 100, found {value!r}")
    if low > high:
        raise ConfigError(f"{place}: {operator} goes from the smaller to the larger, found {value!r}")
    return Allowed(
        minimum=None if "Less" in operator else low,
        maximum=None if "Greater" in operator else high,
        exclusive_minimum=operator == "mustBeGreaterThan",
        exclusive_maximum=operator == "mustBeLessThan",
        inverted="Not" in operator,
        percent=percent,
    )


def severity_of(given: dict[str, Any], place: str) -> str:
    """Read how bad it is when a rule is broken."""
    severity = given.get("severity", "error")
    if severity not in _SEVERITIES:
        raise ConfigError(f"{place}: severity must be one of {list(_SEVERITIES)}, found {severity!r}")
    return _SEVERITIES[severity]


def boolean(value: Any, where: str) -> bool:
    """Read a truth value."""
    if not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false, found {value!r}")
    return value


def listed(value: Any) -> list[Any]:
    """Give a list: nothing, the one, or the list as it is."""
    return [] if value is None else value if isinstance(value, list) else [value]


def only(found: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse arguments that nothing asks for."""
    for key in found:
        if key not in known:
            hint = did_you_mean(str(key), known) if known else "it takes none"
            raise ConfigError(f"{where}: unknown argument {key!r}; {hint}")
