"""What a contract asks: columns, rules about them, and how much of a rule may be broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


LIFECYCLES = ("alpha", "beta", "debug", "deprecated", "disabled", "planned", "production")
JUDGED_LIFECYCLES = ("beta", "production")
"""As in TensorFlow Data Validation: a column in any other stage is not held to its rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The values that a number may take: ODCS's operators. Bounds are inclusive unless said otherwise."""

    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    inverted: bool = False
    """Whether the number must lie outside instead (``mustNotBe``, ``mustNotBeBetween``)."""
    percent: bool = False
    """Whether the number is a percentage of the rows, 0 to 100, instead of their count."""

    def admits(self, value: float) -> bool:
        """Tell whether a value is allowed.

        >>> Allowed(minimum=0, maximum=5).admits(5), Allowed(minimum=5, maximum=5, inverted=True).admits(5)
        (True, False)
        """
        low, high = self.minimum, self.maximum
        below = low is not None and (value < low or (self.exclusive_minimum and value == low))
        above = high is not None and (value > high or (self.exclusive_maximum and value == high))
        return (below or above) if self.inverted else not (below or above)

    def __str__(self) -> str:
        sign = "%" if self.percent else ""
        low, high = (None if each is None else f"{shown(each)}{sign}" for each in (self.minimum, self.maximum))
        if low is None and self.maximum == 0 and not self.exclusive_maximum:
            words = "none"
        elif low is not None and low == high:
            words = low
        elif low is None:
            words = f"{'less than' if self.exclusive_maximum else 'at most'} {high}"
        elif high is None:
            words = f"{'more than' if self.exclusive_minimum else 'at least'} {low}"
        else:
            words = f"{low} to {high}"
        return f"not {words}" if self.inverted else words


def shown(number: float) -> str:
    """Write a number for people: whole ones in full, others to six digits.

    >>> shown(1234567.0), shown(0.1234567)
    ('1,234,567', '0.123457')
    """
    return f"{int(number):,}" if float(number).is_integer() else f"{number:,g}"


NONE = Allowed(maximum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that the contract describes."""

    name: str
    type: str | None = None
    """ODCS's ``logicalType``."""
    optional: bool = False
    """Whether the data may do without it."""
    environments: tuple[str, ...] = ()
    """Where the column exists, such as ``("training",)`` for a label; everywhere when empty."""
    lifecycle: str = "production"
    role: str | None = None
    """What ctcore uses it for: ``label``, ``eventTime`` and so on."""

    @property
    def judged(self) -> bool:
        """Whether the column is in a stage of its life that is held to rules."""
        return self.lifecycle in JUDGED_LIFECYCLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One question about the data, and which answers are good."""

    id: str
    test: str
    """What the scan counts (``range``, ``keys``, ...), or what is judged beside it (``rows``, ``type``, ...)."""
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    when: tuple[Mapping[str, Any], ...] = ()
    """Tests that a row must pass for the rule to be asked of it."""
    allowed: Allowed = NONE
    """Rows that may break it."""
    severity: str = "error"
    """``"error"`` fails, ``"warning"`` warns, ``"info"`` warns and does not count for the verdict."""
    says: str = "break the rule"
    """What the rows that break it do."""

    @property
    def about_rows(self) -> bool:
        """Whether each row by itself passes or breaks the rule."""
        return self.test in ROW_TESTS

    def scanned(self, given: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
        """Give the rule as the core takes it."""
        when = [dict(each) for each in self.when]
        return {"test": self.test, "columns": list(self.columns), "when": when, **self.options, **given}


ROW_TESTS = frozenset(
    (
        *("compare", "finite", "known", "length", "multiple_of", "not_null", "null", "ordered_items", "pattern"),
        *("range", "reads", "unique_items", "utf8", "within", "without"),
    )
)
SCANNED = ROW_TESTS | {"keys", "order"}
"""Tests that the core does."""


def of_items(column: str) -> bool:
    """Tell whether a row holds many values by this name: what lies inside of a list or a map."""
    return "[]" in column or "{}" in column


def whole(rule: Rule) -> bool:
    """Whether a rule asks for a number of all rows that no column tells."""
    metric = rule.options.get("metric")
    return rule.test == "measured" and (metric == "columnCount" or (metric == "rowCount" and not rule.when))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """Something that the contract asks and ctcore does not judge: said, never skipped."""

    id: str
    reason: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a table must be."""

    id: str
    version: str
    table: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    unjudged: tuple[Unjudged, ...] = ()
    new_columns: str = "ignore"
    """What a column that the contract does not know is: ``"ignore"``, ``"warning"`` or ``"error"``."""

    def without(self, *tests: str) -> Contract:
        """Give the contract without the rules of some tests."""
        return replace(self, rules=tuple(rule for rule in self.rules if rule.test not in tests))

    def timeless(self) -> Contract:
        """Give the contract without the rules on age, length, span and change: for rows that were chosen and stay."""
        kept = self.without("rows", "rows_ratio", "latency", "drift", "anomaly")
        return replace(kept, rules=tuple(rule for rule in kept.rules if "window" not in rule.options))

    def excused(self, reference: str, reason: str) -> Contract:
        """Give the contract with the rules that compare with a reference unjudged, by no fault of the data."""
        asked = [rule for rule in self.rules if rule.options.get("reference") == reference]
        unjudged = tuple(Unjudged(id=rule.id, reason=reason, required=False) for rule in asked)
        kept = tuple(rule for rule in self.rules if rule not in asked)
        return replace(self, rules=kept, unjudged=(*self.unjudged, *unjudged))
