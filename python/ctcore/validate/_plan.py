"""What the scan is asked for: facts of columns, and the rules as the core takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ctcore import _core
from ctcore.arrow import importable
from ctcore.errors import CtcoreError
from ctcore.validate._metrics import KEY_METRICS
from ctcore.validate._rule import SCANNED, Column, Contract, Rule, of_items


class Plan:
    """What the scan is asked for."""

    def __init__(
        self,
        contract: Contract,
        *,
        now: datetime | None = None,
        window: tuple[datetime, datetime] | None = None,
        references: Mapping[str, Any] | None = None,
        environment: str | None = None,
    ) -> None:
        references = references or {}
        now = None if now is None else zoned(now)
        window = None if window is None else (zoned(window[0]), zoned(window[1]))
        self.contract, self.environment = contract, environment
        self.facts: dict[str, tuple[bool, bool]] = {}
        """For each column that is looked at whether its moments and its lengths are asked for."""
        self.asked: dict[str, dict[str, Any]] = {}
        """The rules as the core takes them, by their ids; a timed one twice."""
        self.reasons: dict[str, str] = {}
        """Why rules cannot be asked, by their ids."""
        absent = {column.name for column in contract.columns if left_out(column, environment)}
        known: dict[tuple[Any, ...], Any] = {}
        for rule in contract.rules:
            if absent & set(rule.columns):
                continue
            self._facts(rule)
            metric = str(rule.options.get("metric"))
            if rule.test in ("metric", "anomaly") and metric in KEY_METRICS:
                items = {"items": rule.options["items"]} if "items" in rule.options else {}
                self.asked[rule.id] = {"test": "keys", "columns": list(rule.columns), **items}
            if rule.test not in SCANNED:
                continue
            if rule.test == "known":
                table, targets = rule.options["table"], rule.options["targets"]
                if table not in references:
                    self.reasons[rule.id] = f"the data of {table} was not given: name it as a reference"
                    continue
                try:
                    if (table, targets) not in known:
                        known[table, targets] = _core.keys(importable(references[table]), list(targets))
                except CtcoreError as error:
                    self.reasons[rule.id] = f"{table}: {error}"
                    continue
                self.asked[rule.id] = rule.scanned({"keys": known[table, targets]})
            elif timed(rule):
                self._timed(rule, now, window)
            else:
                self.asked[rule.id] = rule.scanned()

    def measure(self) -> None:
        """Ask for what a history keeps of every column."""
        for column in self.contract.columns:
            if column.judged and not left_out(column, self.environment) and not of_items(column.name):
                self.facts[column.name] = (True, self.facts.get(column.name, (False, False))[1])

    def _timed(self, rule: Rule, now: datetime | None, window: tuple[datetime, datetime] | None) -> None:
        """Add a rule whose bounds are given with the data: by the instant, and by the wall clock of its zone."""
        bounds: dict[str, datetime] = {}
        if "window" in rule.options:
            if window is None:
                self.reasons[rule.id] = "no window was given"
                return
            bounds = {"minimum": window[0], "exclusive_maximum": window[1]}
        elif now is None:
            self.reasons[rule.id] = "no time to judge at was given"
            return
        else:
            bounds = {"maximum": now + timedelta(seconds=rule.options["after_now"])}
        wall = {key: ("micros", _micros(moment.replace(tzinfo=UTC))) for key, moment in bounds.items()}
        self.asked[by_wall_clock(rule.id)] = rule.scanned(wall)
        self.asked[rule.id] = rule.scanned({key: ("micros", _micros(moment)) for key, moment in bounds.items()})

    def _facts(self, rule: Rule) -> None:
        if rule.test not in ("range", "latency", "metric", "anomaly"):
            return
        metric = rule.options.get("metric")
        moments, lengths = metric in _EACH_VALUE, metric in ("minLength", "maxLength")
        for column in rule.columns:
            was = self.facts.get(column, (False, False))
            self.facts[column] = (was[0] or moments, was[1] or lengths)


_EACH_VALUE = ("infinityCount", "mean", "nanCount", "standardDeviation", "sum", "variance", "zeroCount")
"""Metrics that no minimum, maximum and count of nulls tell."""


def timed(rule: Rule) -> bool:
    """Whether a rule's bounds are given with the data."""
    return "after_now" in rule.options or "window" in rule.options


def digest(contract: Contract) -> str:
    """Give what tells contracts apart: equal of equal ones."""
    return hashlib.sha256(repr(contract).encode()).hexdigest()


def by_wall_clock(id_: str) -> str:
    """Name what a timed rule is asked of columns without a zone."""
    return f"{id_} by the wall clock"


def left_out(column: Column, environment: str | None) -> bool:
    """Whether a column does not exist in an environment."""
    return bool(environment is not None and column.environments and environment not in column.environments)


def zoned(moment: datetime) -> datetime:
    """Give an instant with its zone: UTC without one."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _micros(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution)
