"""The answer to every rule of a contract, from what the scan counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ctcore.errors import ArgumentError, CtcoreError
from ctcore.validate import _again
from ctcore.validate._compare import distance
from ctcore.validate._history import Batch, anomaly
from ctcore.validate._metrics import KEY_METRICS, measured, scanned
from ctcore.validate._plan import by_wall_clock, left_out, timed
from ctcore.validate._report import Broken, ValidationReport
from ctcore.validate._rule import ROW_TESTS, SCANNED, Column, Contract, Rule, of_items, whole
from ctcore.validate._scan import Scan
from ctcore.verdict import Check, Verdict, worst

_WHOLE = ("Int8", "Int16", "Int32", "Int64", "UInt")  # not "Int": an Interval is no number
# The Arrow types that a logical type admits, by the beginning of their names.
_ADMITS = {
    "string": ("Utf8", "LargeUtf8", "Utf8View", "Null"),
    "integer": (*_WHOLE, "Null"),
    "number": (*_WHOLE, "Float", "Decimal", "Null"),
    "boolean": ("Boolean", "Null"),
    "timestamp": ("Timestamp", "Null"),
    "date": ("Date", "Null"),
    "time": ("Time32", "Time64", "Null"),
    "array": ("List", "LargeList", "FixedSizeList", "Null"),
    "vector": ("List", "LargeList", "FixedSizeList", "Null"),
    "object": ("Struct", "Null"),
    "map": ("Map", "Null"),
}
_SHOWN = 3
"""Example rows in a message."""


@dataclass(slots=True, kw_only=True)
class Judge:
    """Answers one contract of one scan."""

    contract: Contract
    scan: Scan
    asked: Mapping[str, Mapping[str, Any]]
    """The rules as the core took them, where the rows are still there to be parted by them."""
    data: Any
    """The rows, for what reads them once more; ``None`` where there is only the scan."""
    now: datetime | None
    time: datetime | None
    references: Mapping[str, Any]
    history: tuple[Batch, ...]
    broken: dict[str, Broken] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    rejecting: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def report(self) -> ValidationReport:
        """Give the answers."""
        self.types = dict(self.scan.nested) | dict(self.scan.schema)
        self.metrics["rowCount"] = self.scan.rows
        checks = [*self._table(), *(self._present(column) for column in self.contract.columns)]
        columns = {column.name: column for column in self.contract.columns}
        numbers = {column.name for column in self.contract.columns if column.type in ("integer", "number")}
        self._measure(numbers)
        refused = worst(check.verdict for check in checks if check.required) is Verdict.FAIL
        for rule in self.contract.rules:
            check = self._rule(rule, [columns[name] for name in rule.columns])
            checks.append(check)
            refused |= check.required and check.verdict is Verdict.FAIL and rule.test != "anomaly"
        for each in self.contract.unjudged:
            message = f"{each.id} is not judged: {each.reason}"
            checks.append(Check(id=each.id, verdict=Verdict.NOT_RUN, message=message, required=each.required))
        return ValidationReport(
            checks=tuple(checks),
            contract=f"{self.contract.id} {self.contract.version}",
            rows=self.scan.rows,
            column_chunks=self.scan.column_chunks,
            answered_by_statistics=self.scan.answered_by_statistics,
            broken=self.broken,
            metrics=self.metrics,
            refused=refused,
            rejecting=self.rejecting,
        )

    def _measure(self, numbers: Collection[str]) -> None:
        """Keep what the scan knows of each column that it looked at."""
        for name, facts in self.scan.columns.items():
            if of_items(name):  # counted among items, not among rows
                continue
            for metric in ("completeness", *(("mean", "standardDeviation") if name in numbers else ())):
                value = scanned(metric, facts, None)
                if value is not None:
                    self.metrics[f"{name}.{metric}"] = value

    # ------------------------------------------------------------ the table and its columns

    def _table(self) -> Iterable[Check]:
        names = [name for name, _ in self.scan.schema]
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice:
            message = f"the column name {twice[0]!r} occurs more than once; only its first column was judged"
            yield Check(id="columns.duplicate", verdict=Verdict.FAIL, message=message, value=len(twice))
        if not self.scan.rows and not any(rule.test == "rows" for rule in self.contract.rules):
            message = "there are no rows: every rule holds of nothing"
            yield Check(id="rows", verdict=Verdict.INSUFFICIENT, message=message, value=0, n=0)
        if self.contract.new_columns != "ignore":
            known = {column.name for column in self.contract.columns}
            new = [name for name in dict.fromkeys(names) if name not in known]
            message = f"the contract does not know {', '.join(new[:5])}" if new else "the contract knows every column"
            yield self._answer("columns.new", not new, self.contract.new_columns, message, value=len(new), threshold=0)

    def _present(self, column: Column) -> Check:
        name, there = column.name, column.name in self.types
        if not column.judged:
            message = f"{name} is {column.lifecycle}: it is not held to its rules"
            return Check(id=f"{name}.lifecycle", verdict=Verdict.NOT_RUN, message=message, required=False)
        if left_out(column, self.scan.environment):
            if there:
                message = f"{name} belongs to {', '.join(column.environments)} and is there in {self.scan.environment}"
                return Check(id=f"{name}.present", verdict=Verdict.WARN, message=message)
            return Check(
                id=f"{name}.present", verdict=Verdict.PASS, message=f"{name} is absent in {self.scan.environment}"
            )
        if there or column.optional:
            message = f"the column {name} is there" if there else f"the column {name} is missing, and optional"
            return Check(id=f"{name}.present", verdict=Verdict.PASS, message=message)
        return Check(id=f"{name}.present", verdict=Verdict.FAIL, message=f"the column {name} is missing")

    # ------------------------------------------------------------ rules

    def _rule(self, rule: Rule, columns: list[Column]) -> Check:
        for column in columns:
            if not column.judged:
                return self._unasked(rule, f"{column.name} is {column.lifecycle}")
            if left_out(column, self.scan.environment):
                return self._unasked(rule, f"{column.name} is not of the environment {self.scan.environment}")
            if column.name not in self.types:
                message = f"{rule.id} could not be judged: the column {column.name} is missing"
                required = rule.severity == "error" and not column.optional
                return Check(id=rule.id, verdict=Verdict.NOT_RUN, message=message, required=required)
        if rule.id in self.scan.reasons:
            return self._not_run(rule, self.scan.reasons[rule.id])
        if rule.test in SCANNED:
            return self._counted(rule)
        judge = {
            "rows": self._rows,
            "type": self._type,
            "latency": self._latency,
            "metric": self._metric,
            "measured": self._measured,
            "drift": self._drift,
            "rows_ratio": self._rows_ratio,
            "anomaly": self._anomaly,
        }[rule.test]
        return judge(rule)

    def _counted(self, rule: Rule) -> Check:
        wall = timed(rule) and "," not in self.types[rule.columns[0]]
        id_ = by_wall_clock(rule.id) if wall else rule.id
        found = self.scan.rules[id_]
        if "reason" in found:
            return self._not_run(rule, found["reason"])
        asked = found["asked"] if rule.test in ROW_TESTS else found.get("keyed", self.scan.rows)
        broken = Broken(count=found["count"], asked=asked, examples=tuple(found["examples"]))
        self.broken[rule.id] = broken
        if rule.test == "not_null" and not rule.when and "items" not in rule.options:
            self.metrics[f"{rule.columns[0]}.completeness"] = 1 - broken.share
        value = 100 * broken.share if rule.allowed.percent else broken.count
        message = (
            f"{', '.join(rule.columns)}: {broken.count:,} of {asked:,} rows ({broken.share:.2%}) {rule.says}, "
            f"{rule.allowed} allowed"
        )
        if broken.count:
            message += "; " + ", ".join(f"row {row}: {value}" for row, value in broken.examples[:_SHOWN])
        good = rule.allowed.admits(value)
        if not good and rule.severity == "error" and rule.test != "order" and id_ in self.asked:
            self.rejecting[rule.id] = self.asked[id_]
        facts = self.scan.columns.get(rule.columns[0], {}) if rule.test == "range" else {}
        return self._answer(
            rule.id,
            good,
            rule.severity,
            message,
            value=broken.share if rule.allowed.percent else broken.count,
            lower=facts.get("minimum"),
            upper=facts.get("maximum"),
            threshold=_threshold(rule),
            n=asked,
        )

    def _rows(self, rule: Rule) -> Check:
        rows = self.scan.rows
        message = f"{rows:,} rows, {rule.allowed} allowed"
        good = rule.allowed.admits(rows)
        low, high = rule.allowed.minimum, rule.allowed.maximum
        return self._answer(rule.id, good, rule.severity, message, value=rows, lower=low, upper=high, n=rows)

    def _type(self, rule: Rule) -> Check:
        name, wanted = rule.columns[0], rule.options["type"]
        found = self.types[name]
        inner = found.partition(", ")[2] if found.startswith("Dictionary(") else found
        fits = inner.startswith(_ADMITS[wanted])
        zoned = rule.options["zoned"]
        asked = wanted if zoned is None else f"{wanted} {'with' if zoned else 'without'} a time zone"
        if fits and zoned is not None and wanted == "timestamp" and not inner.startswith("Null"):
            fits = ("," in inner) == zoned
        message = f"{name} is of Arrow type {found}, {asked} {'as' if fits else 'was'} asked for"
        return self._answer(rule.id, fits, rule.severity, message)

    def _latency(self, rule: Rule) -> Check:
        column = rule.columns[0]
        newest = self.scan.columns[column]["maximum"]
        if newest is None or self.now is None:
            return self._not_run(
                rule, "no time to judge at was given" if self.now is None else f"{column} holds no time"
            )
        allowed = timedelta(seconds=rule.allowed.maximum or 0)
        # A column without a zone holds the wall clock of the zone that `now` is in.
        zoned = "," in self.types[column]
        age = (self.now if zoned else self.now.replace(tzinfo=UTC)).timestamp() - newest
        stamp = _stamp(newest, zoned=zoned)
        message = f"the newest {column} is {stamp}, {age / 3600:.1f} hours old; {allowed} allowed"
        good = rule.allowed.admits(age)
        return self._answer(rule.id, good, rule.severity, message, value=age, threshold=rule.allowed.maximum)

    def _metric(self, rule: Rule) -> Check:
        name, metric = rule.columns[0], rule.options["metric"]
        value = self._value(rule)
        if value is None:
            return self._not_run(rule, f"{name} has no {metric}: it holds no values of that kind")
        message = f"the {metric} of {name} is {value:,g}, {rule.allowed} allowed"
        good = rule.allowed.admits(value)
        low, high = rule.allowed.minimum, rule.allowed.maximum
        n = self.scan.columns[name]["rows"]
        return self._answer(rule.id, good, rule.severity, message, value=value, lower=low, upper=high, n=n)

    def _measured(self, rule: Rule) -> Check:
        """Judge a metric that reads its columns once more."""
        metric = rule.options["metric"]
        conditions = [column for each in rule.when for column in each["columns"]]
        missing = [name for name in conditions if name not in self.types]
        if missing:
            return self._not_run(rule, f"the column {missing[0]} is missing")
        value: float | None
        if whole(rule):
            value, n = float(self.scan.rows if metric == "rowCount" else len(self.scan.schema)), self.scan.rows
        elif (kept := self.scan.measures.get(rule.id)) is not None:
            value, n = kept.value(rule), kept.rows
        else:
            read = _again.again(self.data, [*rule.columns, *conditions])
            if read is None:
                return self._not_run(rule, f"{metric} reads the rows once more; give a table or files, not a stream")
            try:
                value, n = measured(rule, read)
            except ArgumentError as error:
                return self._not_run(rule, str(error))
        if value is None:
            return self._not_run(rule, f"{rule.says} has no value: of these rows, or of columns of this type")
        message = f"{rule.says} is {value:,g}, {rule.allowed} allowed"
        low, high = rule.allowed.minimum, rule.allowed.maximum
        good = rule.allowed.admits(value)
        return self._answer(rule.id, good, rule.severity, message, value=value, lower=low, upper=high, n=n)

    def _value(self, rule: Rule) -> float | None:
        """The metric that a rule asks for, which the history keeps as well."""
        metric = rule.options["metric"]
        if metric == "rowCount":
            return float(self.scan.rows)
        name = rule.columns[0]
        keys = self.scan.rules[rule.id] if metric in KEY_METRICS else None
        value = scanned(metric, self.scan.columns[name], keys)
        if value is not None:
            self.metrics[f"{name}.{metric}"] = value
        return value

    def _drift(self, rule: Rule) -> Check:
        name, statistic, reference = rule.columns[0], rule.options["statistic"], rule.options["reference"]
        if reference not in self.references:
            return self._not_run(rule, f"the data of {reference} was not given: name it as a reference")
        try:
            kept = self.scan.measures.get(rule.id)
            columns = [
                _again.column(self.references[reference], name),
                _again.column(self.data, name) if kept is None else kept.column(),
            ]
            if columns[0] is None or columns[1] is None:
                side = f"the reference {reference}" if columns[0] is None else "the data"
                return self._not_run(rule, f"{side} cannot be read by column, or has no {name}; give a table")
            value, where = distance(name, columns[0], columns[1], statistic)
        except CtcoreError as error:
            return self._not_run(rule, str(error))
        message = f"{name} moved by {value:.4f} ({statistic}) from {reference}{where}, {rule.allowed} allowed"
        good = rule.allowed.admits(value)
        n = self.scan.rows
        return self._answer(rule.id, good, rule.severity, message, value=value, threshold=rule.allowed.maximum, n=n)

    def _rows_ratio(self, rule: Rule) -> Check:
        reference = rule.options["reference"]
        if reference not in self.references:
            return self._not_run(rule, f"the data of {reference} was not given: name it as a reference")
        before = _again.length(self.references[reference])
        if not before:
            return self._not_run(rule, f"the reference {reference} has no rows, or cannot tell how many")
        rows = self.scan.rows
        value = rows / before
        message = f"{rows:,} rows are {value:.2f} times the {before:,} of {reference}, {rule.allowed} allowed"
        return self._answer(rule.id, rule.allowed.admits(value), rule.severity, message, value=value, n=rows)

    def _anomaly(self, rule: Rule) -> Check:
        options = rule.options
        metric = options["metric"]
        if self.time is None:
            return self._not_run(rule, "no time to judge at was given")
        if self._value(rule) is None:
            message = (
                f"{rule.id} could not be judged: {rule.columns[0]} has no {metric}: it holds no values of that kind"
            )
            required = rule.severity == "error" and not options["proposed"]
            return Check(id=rule.id, verdict=Verdict.NOT_RUN, message=message, required=required)
        told = anomaly(
            ".".join((*rule.columns, metric)),
            Batch(time=self.time, metrics=self.metrics),
            self.history,
            **{name: options[name] for name in ("method", "minimum", "maximum", "since", "risk")},
        )
        if told.verdict is Verdict.FAIL and rule.severity != "error":
            told = replace(told, verdict=Verdict.WARN)
        required = rule.severity != "info" and told.verdict is not Verdict.INSUFFICIENT
        return replace(told, id=rule.id, required=required)

    # ------------------------------------------------------------ answers

    @staticmethod
    def _answer(id_: str, good: bool, severity: str, message: str, **numbers: Any) -> Check:
        bad = Verdict.FAIL if severity == "error" else Verdict.WARN
        verdict = Verdict.PASS if good else bad
        return Check(id=id_, verdict=verdict, message=message, required=severity != "info", **numbers)

    @staticmethod
    def _not_run(rule: Rule, reason: str) -> Check:
        message = f"{rule.id} could not be judged: {reason}"
        return Check(id=rule.id, verdict=Verdict.NOT_RUN, message=message, required=rule.severity == "error")

    @staticmethod
    def _unasked(rule: Rule, reason: str) -> Check:
        message = f"{rule.id} is not asked: {reason}"
        return Check(id=rule.id, verdict=Verdict.NOT_RUN, message=message, required=False)


def _threshold(rule: Rule) -> float | None:
    bound = rule.allowed.maximum if rule.allowed.maximum is not None else rule.allowed.minimum
    return bound / 100 if bound is not None and rule.allowed.percent else bound


def _stamp(seconds: float, *, zoned: bool) -> str:
    """Write an instant; one that no calendar of ours reaches as its seconds."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:g} s after 1970"
    return moment.replace(tzinfo=UTC if zoned else None).isoformat(sep=" ")
