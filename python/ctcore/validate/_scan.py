"""What one pass over rows found: counted, of bounded size, and to be added to what other passes found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ctcore import _core
from ctcore.arrow import importable
from ctcore.errors import ArgumentError, CtcoreError, DataError
from ctcore.validate._again import again, in_files
from ctcore.validate._held import held
from ctcore.validate._metrics import Measure
from ctcore.validate._plan import Plan, digest
from ctcore.validate._rule import Contract, whole

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a contract's rules counted over some rows.

    Scans of a batch's parts (days, shards, machines) merge to the scan of the whole, without its rows: every count and
    extreme exactly, means and variances to rounding. ``validate.check`` judges a scan as it judges rows. What is kept
    is of one size whatever the number of rows, but for the keys of ``unique`` rules and of metrics such as
    ``distinctCount``, and the values of quantiles and of rules on drift: up to 40 bytes for every different one, in
    temporary files that go when the scan does.

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
    ...       - {name: x, logicalType: integer, unique: true}
    ... '''))
    >>> monday, tuesday = (validate.scan(pa.table({"x": rows}), contract) for rows in ([1, 2, 3], [4, 2]))
    >>> report = validate.check(monday.merge(tuesday), contract)
    >>> [check.message for check in report.checks if check.verdict == "fail"]
    ['x: 1 of 5 rows (20.00%) repeat an earlier row, none allowed; row 4: repeats row 1']
    """

    contract: str | None
    """The digest of the contract whose rules were counted, where the scan is kept."""
    environment: str | None
    rows: int
    schema: tuple[tuple[str, str], ...]
    """The columns of the data, with their Arrow types."""
    nested: tuple[tuple[str, str], ...]
    """What lies inside of them."""
    columns: Mapping[str, Mapping[str, Any]]
    """The facts of each column that was looked at."""
    rules: Mapping[str, Mapping[str, Any]]
    """What was counted for each rule, by its id."""
    reasons: Mapping[str, str]
    """Why rules could not be asked, by their ids."""
    keys: Mapping[str, pa.Table] = field(default_factory=dict, repr=False, compare=False)
    """How often each key occurs, in ascending order, for each rule about keys; none where they were not kept."""
    measures: Mapping[str, Measure] = field(default_factory=dict, repr=False, compare=False)
    """What rules need that read the rows once more, by id; none where the scan was not to be kept."""
    column_chunks: int = 0
    answered_by_statistics: int = 0

    def merge(self, *later: Scan) -> Scan:
        """Give the scan of these rows and of those of other scans, which follow in this order.

        Raises
        ------
        ArgumentError
            The scans are of different contracts, environments, columns or types.
        """
        scans = (self, *later)
        for each in later:
            _alike("contract", self.contract, each.contract)
            _alike("environment", self.environment, each.environment)
            if self.schema != each.schema:
                differ = sorted({name for name, _ in set(self.schema) ^ set(each.schema)})
                raise ArgumentError(f"later: the scans are of different columns, or their types differ: {differ}")
        before = _before(each.rows for each in scans)
        reasons = {id_: reason for each in reversed(scans) for id_, reason in each.reasons.items()}
        keys: dict[str, pa.Table] = {}
        rules: dict[str, Mapping[str, Any]] = {}
        for id_ in self.rules:
            if any(id_ not in each.rules for each in scans):
                continue  # the reasons say why
            parts = [each.rules[id_] for each in scans]
            unasked = next((part for part in parts if "reason" in part), None)
            if unasked is not None:
                rules[id_] = unasked
            elif id_ in self.keys:
                items = _before(part["keyed"] + part["nulls"] for part in parts)
                after = items if parts[0]["items"] else before
                keys[id_] = held(_core.merge_keys([each.keys[id_] for each in scans], after))
                rules[id_] = _counted(keys[id_], sum(part["nulls"] for part in parts), items=parts[0]["items"])
            else:
                rules[id_] = _outcome(parts, before)
        return Scan(
            contract=self.contract,
            environment=self.environment,
            rows=sum(each.rows for each in scans),
            schema=self.schema,
            nested=self.nested,
            columns={name: _facts([each.columns[name] for each in scans]) for name in self.columns},
            rules=rules,
            reasons=reasons,
            keys=keys,
            measures={
                id_: first.merge(*(each.measures[id_] for each in later))
                for id_, first in self.measures.items()
                if all(id_ in each.measures for each in later)  # the reasons say why
            },
            column_chunks=sum(each.column_chunks for each in scans),
            answered_by_statistics=sum(each.answered_by_statistics for each in scans),
        )

    def refuse_others(self, contract: Contract, environment: str | None) -> None:
        """Refuse a contract, or an environment, that this scan was not made for."""
        if digest(contract) != self.contract:
            raise ArgumentError(
                f"data: this scan was made for another contract than {contract.id} {contract.version}, or for an "
                f"earlier text of it: scan the rows again"
            )
        if environment != self.environment:
            raise ArgumentError(f"environment: this scan was made for {self.environment!r}, found {environment!r}")

    def tables(self) -> dict[str, pa.Table]:
        """Give keys and measures as tables."""
        keys = {f"keys {id_}": table for id_, table in self.keys.items()}
        measures = {
            f"{name} {id_}": table for id_, each in self.measures.items() for name, table in each.tables.items()
        }
        return keys | measures

    def to_dict(self) -> dict[str, Any]:
        """Give the rest as plain values."""
        values = {name: getattr(self, name) for name in _STORED}
        rules = {id_: {key: each[key] for key in each if key != "repeated"} for id_, each in self.rules.items()}
        measures = {id_: each.to_dict() for id_, each in self.measures.items()}
        return {"kind": "scan", "format": FORMAT, **values, "rules": rules, "measures": measures}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> Scan:
        """Read what ``to_dict`` and ``tables`` gave."""
        if stored.get("kind") != "scan" or stored.get("format") != FORMAT:
            raise DataError(
                f'scan: expected kind "scan" of format {FORMAT}, found kind {stored.get("kind")!r} of format '
                f"{stored.get('format')!r}; it was made by another version of ctcore, or is something else"
            )
        values = {name: stored[name] for name in _STORED}
        pairs = {name: tuple(map(tuple, stored[name])) for name in ("schema", "nested")}
        rules = {id_: _paired(each) for id_, each in stored["rules"].items()}
        keys: dict[str, pa.Table] = {}
        measured: dict[str, dict[str, pa.Table]] = {id_: {} for id_ in stored["measures"]}
        for name, table in tables.items():
            what, _, id_ = name.partition(" ")
            (keys if what == "keys" else measured[id_])[id_ if what == "keys" else what] = table
        measures = {id_: Measure.from_dict(each, measured[id_]) for id_, each in stored["measures"].items()}
        return cls(**values | pairs, rules=rules, keys=keys, measures=measures)


_STORED = (
    *("contract", "environment", "rows", "schema", "nested", "columns", "reasons"),
    *("column_chunks", "answered_by_statistics"),
)


def _paired(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Give what was counted with its pairs, which JSON has as lists."""
    paired = dict(outcome)
    if "examples" in paired:
        paired["examples"] = list(map(tuple, paired["examples"]))
    if paired.get("first"):
        paired["first"] = tuple(paired["first"])
    return paired


def scan(
    data: Any,
    contract: Contract,
    *,
    now: datetime | None = None,
    window: tuple[datetime, datetime] | None = None,
    environment: str | None = None,
    references: Mapping[str, Any] | None = None,
    distrust_statistics: bool = False,
) -> Scan:
    """Count what a contract asks of rows, to be judged later and together with others: :class:`Scan`.

    Parameters are those of :func:`check`. Also what a history keeps is counted: the rows, the completeness of every
    column, mean and standard deviation of every number.
    """
    plan = Plan(contract, now=now, window=window, references=references, environment=environment)
    plan.measure()
    found = run(data, plan, keep=True, distrust_statistics=distrust_statistics)
    return _measured(found, data, contract)


def _measured(scan: Scan, data: Any, contract: Contract) -> Scan:
    """Add what rules need that read the rows once more, or the reason why they cannot."""
    types, measures, reasons = dict(scan.nested) | dict(scan.schema), {}, dict(scan.reasons)
    for rule in contract.rules:
        named = [*rule.columns, *(column for each in rule.when for column in each["columns"])]
        if rule.test not in ("measured", "drift") or not set(named) <= set(types) or whole(rule):
            continue
        read = again(data, named)
        try:
            if read is None:
                raise ArgumentError("it reads the rows once more; give a table or files, not a stream")
            measures[rule.id] = Measure.of(rule, read, keep=True)
        except CtcoreError as error:
            reasons[rule.id] = str(error)
    return replace(scan, measures=measures, reasons=reasons)


def run(data: Any, plan: Plan, *, keep: bool = False, distrust_statistics: bool = False) -> Scan:
    """Read as little of the data as answers a plan; keep the keys where the scan is to be merged."""
    keyed = any(each["test"] == "keys" for each in plan.asked.values())
    with tempfile.TemporaryDirectory(prefix="ctcore-keys-") if keyed else nullcontext() as spill:
        found = _read(data, plan, spill=spill, keep=keep, distrust_statistics=distrust_statistics)
        rules = dict(zip(plan.asked, found["rules"], strict=True))
        keys = {id_: held(each["table"]) for id_, each in rules.items() if "table" in each}
    for id_, table in keys.items():
        rules[id_] = _counted(table, rules[id_]["nulls"], items="items" in plan.asked[id_])
    return Scan(
        contract=digest(plan.contract) if keep else None,  # a wide contract is long
        environment=plan.environment,
        rows=found["rows"],
        schema=tuple(found["schema"]),
        nested=tuple(found["nested"]),
        columns=found["columns"],
        rules=rules,
        reasons=plan.reasons,
        keys=keys,
        column_chunks=found.get("column_chunks", 0),
        answered_by_statistics=found.get("answered_by_statistics", 0),
    )


def _read(data: Any, plan: Plan, *, distrust_statistics: bool, **kept: Any) -> dict[str, Any]:
    facts, rules = plan.facts, list(plan.asked.values())
    if not in_files(data):
        return _core.scan(importable(data), facts, rules, **kept)
    (asked,) = _core.needed_columns(data.schema, facts, rules)
    told = data.statistics(asked)
    chunks = 0 if told is None else told.num_rows * len(asked)
    statistics, read, needed = None, asked, None
    if told is not None and not distrust_statistics:
        statistics = told
        groups = _core.needed_columns(data.schema, facts, rules, statistics)
        read, needed = sorted({name for each in groups for name in each}), list(map(frozenset, groups))
    # A stream without columns would have no rows to count.
    rows = data.batches(read or data.schema.names[:1], needed=needed)
    found = _core.scan(rows, facts, rules, schema=data.schema, statistics=statistics, **kept)
    answered = 0 if needed is None else chunks - sum(map(len, needed))
    return found | {"column_chunks": chunks, "answered_by_statistics": answered}


def _counted(table: pa.Table, nulls: int, *, items: bool) -> dict[str, Any]:
    """Say what a table of keys tells; what lies inside of lists stands in no row that an example could name."""
    found = _core.key_facts(table, nulls) | {"items": items}
    return found | {"examples": []} if items else found


def _before(counts: Iterable[int]) -> list[int]:
    """Give how many precede each part."""
    return [0, *accumulate(counts)][:-1]


def _outcome(parts: Sequence[Mapping[str, Any]], before: Sequence[int]) -> Mapping[str, Any]:
    whole = parts[0]
    for part, rows in zip(parts[1:], before[1:], strict=True):
        whole = _core.merge_outcomes(whole, part, rows)
    return whole


def _facts(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    whole = parts[0]
    for part in parts[1:]:
        whole = _core.merge_facts(whole, part)
    return whole


def _alike(name: str, earlier: str | None, later: str | None) -> None:
    if earlier != later:
        raise ArgumentError(f"later: the scans are of different {name}s, {earlier!r} and {later!r}")
