"""The judgement of data by a contract: one scan, one answer for every rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from ctcore import _core
from ctcore.validate._contract import ColumnRule, Contract
from ctcore.verdict import Check, Report, Verdict

# The Arrow types that a logical type admits, by the beginning of their names.
_ADMITS = {
    "string": ("Utf8", "LargeUtf8", "Utf8View", "Dictionary(", "Null"),
    "integer": ("Int", "UInt", "Null"),
    "number": ("Int", "UInt", "Float", "Decimal", "Null"),
    "boolean": ("Boolean", "Null"),
    "timestamp": ("Timestamp", "Null"),
    "date": ("Date", "Null"),
}


_ORDERED = ("Int", "UInt", "Float", "Decimal", "Timestamp", "Date", "Time", "Duration", "Null")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport(Report):
    """One check for every rule of the contract."""

    kind: ClassVar[str] = "validation"


def check(data: Any, contract: Contract, *, now: datetime | None = None) -> ValidationReport:
    """Judge data by a contract, in one pass.

    Parameters
    ----------
    data : a table, record batch or stream of them with the Arrow interface
        The rows.
    contract : Contract
        The rules.
    now : datetime, optional
        The instant that freshness is judged at; without it a freshness rule is ``not_run``.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> rule = validate.ColumnRule(name="x", type="number", required=True, maximum=10)
    >>> contract = validate.Contract(id="t", version="1", columns=(rule,))
    >>> report = validate.check(pa.table({"x": [1.0, 99.0]}), contract)
    >>> report.verdict, [check.id for check in report.checks if check.verdict == "fail"]
    (<Verdict.FAIL: 'fail'>, ['x.range'])
    """
    bounds = {rule.name: (rule.minimum, rule.maximum) for rule in contract.columns}
    scanned = _core.scan(data, bounds)
    rows = max((column["rows"] for column in scanned.values()), default=0)
    checks = [_rows(rows, contract)]
    for rule in contract.columns:
        checks.extend(_column(rule, scanned.get(rule.name)))
    if contract.freshness is not None:
        checks.append(_freshness(contract, scanned, now))
    return ValidationReport(checks=tuple(check for check in checks if check is not None))


def _rows(rows: int, contract: Contract) -> Check | None:
    if contract.min_rows is None and contract.max_rows is None:
        return None
    low, high = contract.min_rows or 0, contract.max_rows
    good = rows >= low and (high is None or rows <= high)
    allowed = f"at least {low:,}" if high is None else f"{low:,} to {high:,}"
    return Check(
        id="rows",
        verdict=_verdict(good, severe=contract.rows_are_errors),
        message=f"{rows:,} rows, {allowed} allowed",
        value=rows,
        lower=low,
        upper=high,
        n=rows,
    )


def _column(rule: ColumnRule, found: dict[str, Any] | None) -> Iterator[Check]:
    name = rule.name
    if found is None:
        yield Check(id=f"{name}.present", verdict=Verdict.FAIL, message=f"the column {name} is missing")
        for asked in _asked(rule):
            message = f"{name} could not be judged: the column is missing"
            yield Check(id=f"{name}.{asked}", verdict=Verdict.NOT_RUN, message=message)
        return
    yield Check(id=f"{name}.present", verdict=Verdict.PASS, message=f"the column {name} is there")
    rows = found["rows"]
    fits = rule.type is None or found["type"].startswith(_ADMITS[rule.type])
    if rule.type is not None:
        message = f"{name} is of Arrow type {found['type']}, {rule.type} {'as' if fits else 'was'} asked for"
        yield Check(id=f"{name}.type", verdict=_verdict(fits), message=message)
    if rule.required or rule.max_null_share is not None:
        allowed = 0.0 if rule.required else rule.max_null_share or 0.0
        share = found["nulls"] / rows if rows else 0.0
        yield Check(
            id=f"{name}.nulls",
            verdict=_verdict(share <= allowed, severe=rule.required or rule.nulls_are_errors),
            message=f"{name} is null in {found['nulls']:,} of {rows:,} rows ({share:.2%}), {allowed:.2%} allowed",
            value=share,
            threshold=allowed,
            n=rows,
        )
    if found["type"].startswith("Float") or (rule.type in ("number", "integer") and fits):
        bad = found["nans"] + found["positive_infinities"] + found["negative_infinities"]
        message = f"{name} is NaN in {found['nans']:,} and infinite in {bad - found['nans']:,} of {rows:,} rows"
        yield Check(id=f"{name}.finite", verdict=_verdict(bad == 0), message=message, value=bad, threshold=0, n=rows)
    if rule.minimum is not None or rule.maximum is not None:
        yield (
            _range(rule, found)
            if fits and found["type"].startswith(_ORDERED)
            else Check(
                id=f"{name}.range",
                verdict=Verdict.NOT_RUN,
                message=f"{name} has no range to judge: it is of Arrow type {found['type']}",
            )
        )


def _asked(rule: ColumnRule) -> Iterator[str]:
    """Name the rules of a column that need the column."""
    if rule.type is not None:
        yield "type"
    if rule.required or rule.max_null_share is not None:
        yield "nulls"
    if rule.type in ("number", "integer"):
        yield "finite"
    if rule.minimum is not None or rule.maximum is not None:
        yield "range"


def _range(rule: ColumnRule, found: dict[str, Any]) -> Check:
    outside = found["below"] + found["above"]
    low = "-inf" if rule.minimum is None else f"{rule.minimum:g}"
    high = "inf" if rule.maximum is None else f"{rule.maximum:g}"
    message = f"{rule.name}: {outside:,} of {found['rows']:,} rows outside {low} to {high}"
    if outside:
        message += "; " + ", ".join(f"row {row}: {value:g}" for row, value in found["examples"])
    return Check(
        id=f"{rule.name}.range",
        verdict=_verdict(outside == 0),
        message=message,
        value=outside,
        lower=found["minimum"],
        upper=found["maximum"],
        threshold=0,
        n=found["rows"],
    )


def _freshness(contract: Contract, scanned: dict[str, dict[str, Any]], now: datetime | None) -> Check:
    column = contract.freshness_column or ""
    newest = scanned.get(column, {}).get("maximum")
    if newest is None or now is None:
        why = "no time to judge at was given" if now is None else f"{column} holds no time"
        return Check(id="freshness", verdict=Verdict.NOT_RUN, message=f"freshness could not be judged: {why}")
    allowed = contract.freshness
    assert allowed is not None  # noqa: S101 - the caller looked
    # A column without a zone holds the wall clock of the zone that `now` is in.
    zoned = "," in scanned[column]["type"]
    age = (now if zoned else now.replace(tzinfo=UTC)).timestamp() - newest
    stamp = datetime.fromtimestamp(newest, UTC).replace(tzinfo=UTC if zoned else None).isoformat(sep=" ")
    return Check(
        id="freshness",
        verdict=_verdict(age <= allowed.total_seconds()),
        message=f"the newest {column} is {stamp}, {age / 3600:.1f} hours old; {allowed} allowed",
        value=age,
        threshold=allowed.total_seconds(),
    )


def _verdict(good: bool, *, severe: bool = True) -> Verdict:
    if good:
        return Verdict.PASS
    return Verdict.FAIL if severe else Verdict.WARN
