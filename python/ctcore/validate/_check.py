"""The judgement of data by a contract: one scan, one answer for every rule."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from ctcore import _core
from ctcore.arrow import importable
from ctcore.errors import ArgumentError, CtcoreError
from ctcore.validate._compare import distance
from ctcore.validate._history import Batch, anomaly
from ctcore.validate._metrics import KEY_METRICS, measured, scanned
from ctcore.validate._nested import values
from ctcore.validate._rule import ROW_TESTS, SCANNED, Column, Contract, Rule, of_items
from ctcore.verdict import Check, Report, Verdict, plain, worst

if TYPE_CHECKING:
    import pyarrow as pa

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
_BYTES_UNREAD = ("BinaryView", "FixedSizeBinary")
"""Bytes that the core does not hold against UTF-8."""
_BATCH_ROWS = 131_072
_SHOWN = 3
"""Example rows in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """How a rule was broken."""

    count: int
    """Rows that break it; of a key those that repeat an earlier row."""
    asked: int
    """Rows that it was asked of."""
    examples: tuple[tuple[int, str], ...] = ()
    """The first rows that break it, counted from 0, with what stands there."""
    exact: bool = True
    """Always: the scan counts all rows and samples none."""

    @property
    def share(self) -> float:
        """The share of the rows that break the rule; of no rows, 0."""
        return self.count / self.asked if self.asked else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "count": self.count,
            "asked": self.asked,
            "share": self.share,
            "exact": self.exact,
            "examples": [{"row": row, "value": value} for row, value in self.examples],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport(Report):
    """One check for every rule of the contract."""

    kind: ClassVar[str] = "validation"
    contract: str = ""
    """The contract's id and version."""
    rows: int = 0
    column_chunks: int = 0
    """Parts of the files that rules were asked of: a column in a row group of Parquet; of other data 0."""
    answered_by_statistics: int = 0
    """Those of them that were not decoded, since the file's statistics say that no row breaks a rule."""
    broken: Mapping[str, Broken] = field(default_factory=dict)
    """For each rule that counts rows, by the check's id: how many break it, and which first."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was measured: ``rowCount``, ``COLUMN.completeness`` and so on."""
    refused: bool = False
    """Whether a rule failed other than those on the history."""
    rejecting: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """The rules about rows and keys that failed, as the core takes them: what a quarantine parts the rows by."""

    def batch(self, time: datetime) -> Batch:
        """Give what a history keeps of these rows, which are of a time."""
        return Batch(time=time, metrics=self.metrics, refused=self.refused)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        base = super(ValidationReport, self).to_dict()
        broken = {id_: each.to_dict() for id_, each in self.broken.items()}
        return base | {
            "contract": self.contract,
            "rows": self.rows,
            "column_chunks": self.column_chunks,
            "answered_by_statistics": self.answered_by_statistics,
            "broken": broken,
            "metrics": plain(dict(self.metrics)),
            "refused": self.refused,
        }


def check(
    data: Any,
    contract: Contract,
    *,
    now: datetime | None = None,
    window: tuple[datetime, datetime] | None = None,
    environment: str | None = None,
    references: Mapping[str, Any] | None = None,
    history: Iterable[Batch] | None = None,
    distrust_statistics: bool = False,
) -> ValidationReport:
    """Judge data by a contract, in one pass over its batches.

    Every rule has an answer: ``pass``, ``warn``, ``fail``, or ``not_run`` with the reason. A rule counts all rows; none
    is sampled. Nulls break nothing but ``required`` and the rules on nulls; NaN is no null, breaks no bound, and is
    forbidden in numbers unless ``ctNonFinite: allowed`` says otherwise; an infinity breaks the bound it lies beyond.

    Parameters
    ----------
    data : a ``ctcore.data.Source``, or a table, record batch or stream of them with the Arrow interface
        The rows. A stream is read once; rules on drift need data that can be read by column. Of files only the columns
        that rules ask of are read, and of Parquet only the row groups whose statistics leave a rule open.
    contract : Contract
        The rules.
    now : datetime, optional
        The instant that freshness and the future are judged at; without it such rules are ``not_run``. A column
        without a zone holds the wall clock of the zone that it is in; an instant without a zone is in UTC.
    window : (datetime, datetime), optional
        The half-open span of time that the batch should lie in, for ``withinWindow``; read as ``now`` is.
    environment : str, optional
        Where the data is used, such as ``"serving"``: columns of other environments (``ctEnvironments``) may be absent.
    references : dict, optional
        Other data by name: the tables that foreign keys point to, and what drift is measured from.
    history : iterable of Batch, optional
        What ``report.batch(time)`` gave of earlier batches, for the rules on them (:func:`anomaly`). The time of these
        rows is the start of the window, or else ``now``. With a history, also an empty one, the rows, the completeness
        of every column, and the mean and the standard deviation of every number are measured whether or not a rule
        asks, so that the history is there when a rule comes.
    distrust_statistics : bool
        Decode what Parquet statistics would answer. They are the writer's word: a wrong one hides what it denies. The
        answers are the same where they are true.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> contract = validate.contract(validate.parse('''
    ... apiVersion: v3.1.0
    ... kind: DataContract
    ... id: t
    ... version: 1.0.0
    ... status: active
    ... schema:
    ...   - name: t
    ...     properties:
    ...       - {name: x, logicalType: number, required: true, logicalTypeOptions: {maximum: 10}}
    ... '''))
    >>> report = validate.check(pa.table({"x": [1.0, 99.0]}), contract)
    >>> report.verdict, [check.message for check in report.checks if check.verdict == "fail"]
    (<Verdict.FAIL: 'fail'>, ['x: 1 of 2 rows (50.00%) lie above 10, none allowed; row 1: 99.0'])
    """
    references = references or {}
    now = None if now is None else _zoned(now)
    window = None if window is None else (_zoned(window[0]), _zoned(window[1]))
    plan = _Plan(contract, now, window, references, environment)
    if history is not None:
        asked = (each for each in contract.columns if each.judged and not _left_out(each, environment))
        plan.measure(each for each in asked if not of_items(each.name))
    keyed = any(each["test"] == "keys" for each in plan.scanned)
    with tempfile.TemporaryDirectory(prefix="ctcore-keys-") if keyed else nullcontext() as spill:
        found = plan.scan(data, spill, distrust_statistics=distrust_statistics)
    time = window[0] if window else now
    return _Judge(contract, plan, found, data, now, time, environment, references, tuple(history or ())).report()


class _Plan:
    """What the scan is asked for."""

    def __init__(
        self,
        contract: Contract,
        now: datetime | None,
        window: tuple[datetime, datetime] | None,
        references: Mapping[str, Any],
        environment: str | None,
    ) -> None:
        self.facts: dict[str, tuple[bool, bool]] = {}
        self.scanned: list[dict[str, Any]] = []
        self.places: dict[str, int] = {}
        self.reasons: dict[str, str] = {}
        left_out = {column.name for column in contract.columns if _left_out(column, environment)}
        known: dict[tuple[Any, ...], Any] = {}
        for rule in contract.rules:
            if left_out & set(rule.columns):
                continue
            self._facts(rule)
            metric = str(rule.options.get("metric"))
            if rule.test in ("metric", "anomaly") and metric in KEY_METRICS:
                items = {"items": rule.options["items"]} if "items" in rule.options else {}
                self._add(rule.id, {"test": "keys", "columns": list(rule.columns), **items})
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
                self._add(rule.id, rule.scanned({"keys": known[table, targets]}))
            elif _timed(rule):
                self._timed(rule, now, window)
            else:
                self._add(rule.id, rule.scanned())

    def measure(self, columns: Iterable[Column]) -> None:
        """Ask for what a history keeps of columns."""
        for column in columns:
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
        self._add(f"{rule.id} by the wall clock", rule.scanned(wall))
        self._add(rule.id, rule.scanned({key: ("micros", _micros(moment)) for key, moment in bounds.items()}))

    def scan(self, data: Any, spill: str | None, *, distrust_statistics: bool) -> dict[str, Any]:
        """Read as little of the data as answers the plan."""
        if not in_files(data):
            return _core.scan(importable(data), self.facts, self.scanned, spill=spill)
        (asked,) = _core.needed_columns(data.schema, self.facts, self.scanned)
        told = data.statistics(asked)
        chunks = 0 if told is None else told.num_rows * len(asked)
        statistics, read, needed = None, asked, None
        if told is not None and not distrust_statistics:
            statistics = told
            groups = _core.needed_columns(data.schema, self.facts, self.scanned, statistics)
            read, needed = sorted({name for each in groups for name in each}), list(map(frozenset, groups))
        # A stream without columns would have no rows to count.
        rows = data.batches(read or data.schema.names[:1], needed=needed)
        found = _core.scan(rows, self.facts, self.scanned, schema=data.schema, statistics=statistics, spill=spill)
        answered = 0 if needed is None else chunks - sum(map(len, needed))
        return found | {"column_chunks": chunks, "answered_by_statistics": answered}

    def _add(self, id_: str, scanned: dict[str, Any]) -> None:
        self.places[id_] = len(self.scanned)
        self.scanned.append(scanned)

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


@dataclass(slots=True)
class _Judge:
    contract: Contract
    plan: _Plan
    found: dict[str, Any]
    data: Any
    now: datetime | None
    time: datetime | None
    environment: str | None
    references: Mapping[str, Any]
    history: tuple[Batch, ...]
    broken: dict[str, Broken] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    rejecting: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def report(self) -> ValidationReport:
        self.types = dict(self.found["nested"]) | dict(self.found["schema"])
        self.metrics["rowCount"] = self.found["rows"]
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
            rows=self.found["rows"],
            column_chunks=self.found.get("column_chunks", 0),
            answered_by_statistics=self.found.get("answered_by_statistics", 0),
            broken=self.broken,
            metrics=self.metrics,
            refused=refused,
            rejecting=self.rejecting,
        )

    def _measure(self, numbers: Collection[str]) -> None:
        """Keep what the scan knows of each column that it looked at."""
        for name, facts in self.found["columns"].items():
            if of_items(name):  # counted among items, not among rows
                continue
            for metric in ("completeness", *(("mean", "standardDeviation") if name in numbers else ())):
                value = scanned(metric, facts, None)
                if value is not None:
                    self.metrics[f"{name}.{metric}"] = value

    # ------------------------------------------------------------ the table and its columns

    def _table(self) -> Iterable[Check]:
        names = [name for name, _ in self.found["schema"]]
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice:
            message = f"the column name {twice[0]!r} occurs more than once; only its first column was judged"
            yield Check(id="columns.duplicate", verdict=Verdict.FAIL, message=message, value=len(twice))
        if not self.found["rows"] and not any(rule.test == "rows" for rule in self.contract.rules):
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
        if _left_out(column, self.environment):
            if there:
                message = f"{name} belongs to {', '.join(column.environments)} and is there in {self.environment}"
                return Check(id=f"{name}.present", verdict=Verdict.WARN, message=message)
            return Check(id=f"{name}.present", verdict=Verdict.PASS, message=f"{name} is absent in {self.environment}")
        if there or column.optional:
            message = f"the column {name} is there" if there else f"the column {name} is missing, and optional"
            return Check(id=f"{name}.present", verdict=Verdict.PASS, message=message)
        return Check(id=f"{name}.present", verdict=Verdict.FAIL, message=f"the column {name} is missing")

    # ------------------------------------------------------------ rules

    def _rule(self, rule: Rule, columns: list[Column]) -> Check:
        for column in columns:
            if not column.judged:
                return self._unasked(rule, f"{column.name} is {column.lifecycle}")
            if _left_out(column, self.environment):
                return self._unasked(rule, f"{column.name} is not of the environment {self.environment}")
            if column.name not in self.types:
                message = f"{rule.id} could not be judged: the column {column.name} is missing"
                required = rule.severity == "error" and not column.optional
                return Check(id=rule.id, verdict=Verdict.NOT_RUN, message=message, required=required)
        if rule.id in self.plan.reasons:
            return self._not_run(rule, self.plan.reasons[rule.id])
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
        id_ = rule.id
        if _timed(rule) and "," not in self.types[rule.columns[0]]:
            id_ += " by the wall clock"
        found = self.found["rules"][self.plan.places[id_]]
        if "reason" in found:
            return self._not_run(rule, found["reason"])
        type_ = self.types[rule.columns[0]] if rule.columns else ""
        if rule.test == "utf8" and type_.startswith(_BYTES_UNREAD):
            return self._not_run(rule, f"the bytes of a {type_} are not read as text; cast {rule.columns[0]} to binary")
        asked = found["asked"] if rule.test in ROW_TESTS else found.get("keyed", self.found["rows"])
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
        if not good and rule.severity == "error" and rule.test != "order":
            self.rejecting[rule.id] = self.plan.scanned[self.plan.places[id_]]
        facts = self.found["columns"].get(rule.columns[0], {}) if rule.test == "range" else {}
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
        rows = self.found["rows"]
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
        newest = self.found["columns"][column]["maximum"]
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
        n = self.found["columns"][name]["rows"]
        return self._answer(rule.id, good, rule.severity, message, value=value, lower=low, upper=high, n=n)

    def _measured(self, rule: Rule) -> Check:
        """Judge a metric that reads its columns once more."""
        metric = rule.options["metric"]
        conditions = [column for each in rule.when for column in each["columns"]]
        missing = [name for name in conditions if name not in self.types]
        if missing:
            return self._not_run(rule, f"the column {missing[0]} is missing")
        value: float | None
        if metric == "columnCount":
            value, n = float(len(self.found["schema"])), self.found["rows"]
        elif metric == "rowCount" and not rule.when:
            value, n = float(self.found["rows"]), self.found["rows"]
        else:
            read = _again(self.data, [*rule.columns, *conditions])
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
            return float(self.found["rows"])
        name = rule.columns[0]
        keys = self.found["rules"][self.plan.places[rule.id]] if metric in KEY_METRICS else None
        value = scanned(metric, self.found["columns"][name], keys)
        if value is not None:
            self.metrics[f"{name}.{metric}"] = value
        return value

    def _drift(self, rule: Rule) -> Check:
        name, statistic, reference = rule.columns[0], rule.options["statistic"], rule.options["reference"]
        if reference not in self.references:
            return self._not_run(rule, f"the data of {reference} was not given: name it as a reference")
        try:
            columns = [_column(each, name) for each in (self.references[reference], self.data)]
            if columns[0] is None or columns[1] is None:
                side = f"the reference {reference}" if columns[0] is None else "the data"
                return self._not_run(rule, f"{side} cannot be read by column, or has no {name}; give a table")
            value, where = distance(name, columns[0], columns[1], statistic)
        except CtcoreError as error:
            return self._not_run(rule, str(error))
        message = f"{name} moved by {value:.4f} ({statistic}) from {reference}{where}, {rule.allowed} allowed"
        good = rule.allowed.admits(value)
        n = self.found["rows"]
        return self._answer(rule.id, good, rule.severity, message, value=value, threshold=rule.allowed.maximum, n=n)

    def _rows_ratio(self, rule: Rule) -> Check:
        reference = rule.options["reference"]
        if reference not in self.references:
            return self._not_run(rule, f"the data of {reference} was not given: name it as a reference")
        before = _length(self.references[reference])
        if not before:
            return self._not_run(rule, f"the reference {reference} has no rows, or cannot tell how many")
        rows = self.found["rows"]
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


def _timed(rule: Rule) -> bool:
    return "after_now" in rule.options or "window" in rule.options


def _left_out(column: Column, environment: str | None) -> bool:
    return bool(environment is not None and column.environments and environment not in column.environments)


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


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _micros(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution)


def in_files(data: Any) -> bool:
    """Whether the data is a ``ctcore.data.Source``: read by column, and telling of itself before it is read."""
    return all(callable(getattr(data, name, None)) for name in ("batches", "statistics", "table"))


def _length(data: Any) -> int | None:
    """Count the rows of data that can be read more than once; of Parquet files by what they say."""
    rows: int | None
    if not in_files(data):
        rows = getattr(data, "num_rows", None)
    elif (told := data.statistics([])) is not None:
        rows = sum(told["rows"].to_pylist())
    else:
        rows = sum(batch.num_rows for batch in data.batches(data.schema.names[:1]))
    return rows


def _again(data: Any, columns: Sequence[str]) -> Callable[[], pa.RecordBatchReader] | None:
    """Give what reads some columns from the first row on, with what lies inside of them; ``None`` of a stream."""
    if in_files(data):
        return lambda: data.batches(_outer(data.schema.names, columns))
    names = getattr(data, "column_names", None)
    names = getattr(data, "columns", None) if names is None else names
    if names is None or not hasattr(data, "__getitem__"):
        return None
    import pyarrow as pa  # noqa: PLC0415 - heavy

    table = pa.table(data)
    outer = set(_outer(table.column_names, columns))
    picked = table.select([place for place, name in enumerate(table.column_names) if name in outer])
    # Arrow's kernels filter no views.
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    picked = picked.cast(pa.schema([each.with_type(plain.get(each.type, each.type)) for each in picked.schema]))
    return lambda: picked.to_reader(_BATCH_ROWS)


def _outer(names: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns of the data that hold some columns of the contract."""
    return [name for name in names if any(column.startswith(name) for column in columns)]


def _column(data: Any, name: str) -> Any:
    """A column of data that can be read more than once, or what lies inside of one."""
    if in_files(data):
        names = data.schema.names
        return values(data.table([name] if name in names else [each for each in names if name.startswith(each)]), name)
    names = getattr(data, "column_names", None) or getattr(data, "columns", None)
    if names is None or not hasattr(data, "__getitem__"):
        return None
    if name in list(names):
        return data[name]
    if not hasattr(data, "__arrow_c_stream__"):
        return None
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return values(pa.table(data), name)
