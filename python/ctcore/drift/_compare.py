"""The judgement of two tables, column by column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ctcore import _core
from ctcore.drift._profile import Profile, profile
from ctcore.drift._statistics import Ks, cell_counts
from ctcore.errors import ArgumentError
from ctcore.verdict import Check, Report, Verdict, plain

_Z_90 = 1.6448536269514727  # each side of a two-sided 90% interval is wrong 5% of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much drift is too much: the effect of a shift of a normal by 0.2 standard deviations."""

    psi: float = 0.04
    jensen_shannon: float = 0.085
    missing_share: float = 0.01
    unseen_share: float = 0.01
    column_share: float = 0.2
    """The dataset has drifted when at least this share of its columns has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """What was found in one column."""

    name: str
    kind: str
    checks: tuple[Check, ...]
    statistics: dict[str, float | None]
    """Statistics that are shown beside the decision: Jensen-Shannon, KS with its location."""
    words: str
    """What changed, as a person would say it."""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the column's checks."""
        return Report(checks=self.checks).verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport(Report):
    """The columns, and what follows for the whole."""

    kind: ClassVar[str] = "drift"
    columns: tuple[ColumnDrift, ...] = field(default=())
    reference_rows: int = 0
    current_rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        columns = [
            {
                "name": column.name,
                "kind": column.kind,
                "verdict": column.verdict.value,
                "words": column.words,
                "statistics": plain(column.statistics),
                "checks": [check.to_dict() for check in column.checks],
            }
            for column in self.columns
        ]
        # Spelled out: a dataclass with slots is made anew, so plain super() would look in the old class.
        base = super(DriftReport, self).to_dict()
        return base | {"reference_rows": self.reference_rows, "current_rows": self.current_rows, "columns": columns}


def compare(
    reference: Any, current: Any, *, tolerances: Tolerances | None = None, columns: list[str] | None = None
) -> DriftReport:
    """Judge how far a table has moved from a reference.

    Each column is decided on the effect: ``fail`` where the interval of its primary statistic (PSI for numbers,
    Jensen-Shannon for categories) lies above the tolerance, ``pass`` where it lies below, ``warn`` where it straddles
    the tolerance but is narrower than it, else ``insufficient``. Missing values and categories that the reference does
    not know are drift of their own. The dataset fails when at least a fifth of the columns do.

    Parameters
    ----------
    reference : pyarrow.Table or Profile
        What current data is compared with. A profile gives everything but the Kolmogorov-Smirnov statistic.
    current : pyarrow.Table
        The data to judge.
    columns : list of str, optional
        These columns alone. Without it, all columns of the reference; one that current lacks is ``not_run``.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from ctcore import drift
    >>> rng = np.random.default_rng(0)
    >>> before, after = rng.normal(size=5000), rng.normal(1.0, size=5000)
    >>> report = drift.compare(pa.table({"x": before}), pa.table({"x": after}))
    >>> report.verdict, report.columns[0].verdict
    (<Verdict.FAIL: 'fail'>, <Verdict.FAIL: 'fail'>)
    """
    tolerances = tolerances or Tolerances()
    frozen = reference if isinstance(reference, Profile) else profile(reference)
    known = [*frozen.columns, *frozen.skipped]
    if columns is not None:
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise ArgumentError(f"columns: the reference has no column {unknown[0]!r}; it has {known}")
    names = known if columns is None else columns
    if not any(name in current.column_names for name in names):
        raise ArgumentError(
            f"current: no column in common: the reference has {known}, current has {current.column_names}"
        )
    counted = profile(current, like=frozen)
    judged = []
    for name in names:
        if name in frozen.skipped:
            judged.append(_undone(name, frozen.skipped[name], Verdict.NOT_RUN))
            continue
        if name in counted.skipped:  # the reference could be read: that current cannot is a change
            judged.append(_undone(name, counted.skipped[name], Verdict.FAIL))
            continue
        found = None
        if not isinstance(reference, Profile) and frozen.columns[name]["kind"] == "number":
            found = _ks(reference[name], current[name], frozen.columns[name], counted.columns[name])
        judged.append(_column(name, frozen.columns[name], counted.columns[name], found, tolerances))
    judged += [_new(name) for name in current.column_names if columns is None and name not in known]
    return DriftReport(
        checks=(_dataset(judged, tolerances),),
        columns=tuple(judged),
        reference_rows=max((column["rows"] for column in frozen.columns.values()), default=0),
        current_rows=current.num_rows,
    )


def _ks(reference: Any, current: Any, before: dict[str, Any], after: dict[str, Any]) -> Ks | None:
    if not (before["finite"] and after["finite"]):
        return None
    return Ks(*_core.ks(reference, current, "asymptotic"))


def _undone(name: str, reason: str, verdict: Verdict) -> ColumnDrift:
    check = Check(id=f"drift.{name}", verdict=verdict, message=f"{name} could not be compared: {reason}")
    return ColumnDrift(name=name, kind="unknown", checks=(check,), statistics={}, words=reason)


def _new(name: str) -> ColumnDrift:
    words = "a column that the reference does not have"
    check = Check(
        id=f"drift.{name}", verdict=Verdict.WARN, message=f"{name} is {words}; nothing to compare with", required=False
    )
    return ColumnDrift(name=name, kind="new", checks=(check,), statistics={}, words=words)


def _column(
    name: str, before: dict[str, Any], after: dict[str, Any], ks: Ks | None, tolerances: Tolerances
) -> ColumnDrift:
    checks = [_missing(name, before, after, tolerances)]
    statistics: dict[str, float | None] = {}
    counts = cell_counts(before, after)
    n, m = sum(counts[0]), sum(counts[1])
    number = before["kind"] == "number"
    if n == 0 or m == 0:
        side = "reference" if n == 0 else "current data"
        message = f"{name}: the {side} has no value to compare; every row is missing or infinite"
        if n == m == 0:
            message = f"{name}: neither side has a value to compare"
        verdict = Verdict.INSUFFICIENT
        checks.append(Check(id=f"drift.{name}.distribution", verdict=verdict, message=message, n=min(n, m)))
        words = message.partition(": ")[2]
    else:
        js = _core.jensen_shannon(counts[0], counts[1])
        statistics["jensen_shannon"] = js[0]
        if number:
            psi = _core.psi(counts[0], counts[1], "jeffreys")
            statistics["psi"] = psi[0]
            checks.append(_decide(name, "psi", psi, tolerances.psi, n, m, len(counts[0])))
        else:
            checks.append(_decide(name, "jensen_shannon", js, tolerances.jensen_shannon, n, m, len(counts[0])))
            checks.append(_unseen(name, before, after, tolerances))
        if ks:
            statistics |= {"ks": ks.statistic, "ks_location": ks.location, "ks_sign": ks.sign, "ks_p": ks.p_value}
        words = _numbers_in_words(before, after) if number else _categories_in_words(counts)
    return ColumnDrift(name=name, kind=before["kind"], checks=tuple(checks), statistics=statistics, words=words)


def _decide(
    name: str, statistic: str, effect: tuple[float, float, float], tolerance: float, n: int, m: int, cells: int
) -> Check:
    value, lower, upper = effect
    title = {"psi": "PSI", "jensen_shannon": "Jensen-Shannon distance"}[statistic]
    found = f"{name}: {title} {value:.3g} [{lower:.3g}, {upper:.3g}]"
    if lower > tolerance:
        verdict, message = Verdict.FAIL, f"{found} is above the tolerance {tolerance:g}"
    elif upper < tolerance:
        verdict, message = Verdict.PASS, f"{found} is below the tolerance {tolerance:g}"
    elif upper - lower < tolerance:
        verdict, message = Verdict.WARN, f"{found} is at the tolerance {tolerance:g}; more rows would not help"
    else:
        rows = _rows_to_pass(statistic, tolerance, cells)
        verdict = Verdict.INSUFFICIENT
        message = (
            f"{found} cannot be told from the tolerance {tolerance:g} with {n:,} and {m:,} rows; if nothing moved, "
            f"about {rows:,} rows a side would show it"
        )
    return Check(
        id=f"drift.{name}.{statistic}",
        verdict=verdict,
        message=message,
        value=value,
        lower=lower,
        upper=upper,
        threshold=tolerance,
        n=min(n, m),
    )


def _rows_to_pass(statistic: str, tolerance: float, cells: int) -> int:
    """Give the rows a side at which 9 of 10 unmoved columns pass.

    Without drift the debiased PSI has standard deviation ``2 sqrt(2 (cells - 1)) / n``; the estimate of 9 of 10 lies
    below 1.28 of them and the interval reaches 1.64 further. The Jensen-Shannon divergence is an eighth of PSI.
    """
    psi = tolerance if statistic == "psi" else 8 * math.log(2) * tolerance**2
    return math.ceil((1.2816 + _Z_90) * 2 * math.sqrt(2 * max(cells - 1, 1)) / psi / 10) * 10


def _missing(name: str, before: dict[str, Any], after: dict[str, Any], tolerances: Tolerances) -> Check:
    """Judge the change of the share of rows without a usable number: null, NaN and infinite."""
    missing = ("nulls", "nans", "positive_infinities", "negative_infinities")
    hits = [sum(side[key] for key in missing) for side in (before, after)]
    return _share(name, "missing", hits, [before["rows"], after["rows"]], tolerances.missing_share)


def _unseen(name: str, before: dict[str, Any], after: dict[str, Any], tolerances: Tolerances) -> Check:
    """Judge the share of rows in categories that the reference's dictionary does not know."""
    hits, rows = [before["rest"], after["rest"]], [before["rows"], after["rows"]]
    return _share(name, "unseen", hits, rows, tolerances.unseen_share)


def _share(name: str, what: str, hits: list[int], rows: list[int], tolerance: float) -> Check:
    """Judge the change of a share, by Newcombe's hybrid interval (method 10; Statistics in Medicine 17, 1998)."""
    if 0 in rows:
        message = f"{name}: no rows to compare the {what} share of"
        return Check(id=f"drift.{name}.{what}", verdict=Verdict.INSUFFICIENT, message=message, n=0)
    (p, p_low, p_high), (q, q_low, q_high) = (_wilson(*side) for side in zip(hits, rows, strict=True))
    change = q - p
    lower = change - math.hypot(q - q_low, p_high - p)
    upper = change + math.hypot(q_high - q, p - p_low)
    found = f"{name}: the {what} share went from {p:.2%} to {q:.2%}"
    if lower > tolerance or upper < -tolerance:
        verdict, message = Verdict.FAIL, f"{found}, more than {tolerance:.2%}"
    elif -tolerance < lower and upper < tolerance:
        verdict, message = Verdict.PASS, f"{found}, within {tolerance:.2%}"
    elif upper - lower < tolerance:
        verdict, message = Verdict.WARN, f"{found}, at the tolerance {tolerance:.2%}"
    else:
        verdict, message = Verdict.INSUFFICIENT, f"{found}; too few rows to tell that from {tolerance:.2%}"
    return Check(
        id=f"drift.{name}.{what}",
        verdict=verdict,
        message=message,
        value=change,
        lower=lower,
        upper=upper,
        threshold=tolerance,
        n=min(rows),
    )


def _wilson(hits: int, rows: int) -> tuple[float, float, float]:
    share = hits / rows
    spread = _Z_90**2 / rows
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return share, max(centre - half, 0.0), min(centre + half, 1.0)


def _dataset(columns: list[ColumnDrift], tolerances: Tolerances) -> Check:
    """Give the verdict of the whole: what undecided columns could not change is decided."""
    judged = [column for column in columns if column.kind != "new"]
    failed = [column.name for column in judged if column.verdict is Verdict.FAIL]
    open_ = [column.name for column in judged if column.verdict in (Verdict.INSUFFICIENT, Verdict.NOT_RUN)]
    share, most = len(failed) / len(judged), (len(failed) + len(open_)) / len(judged)
    found = f"{len(failed)} of {len(judged)} columns drifted"
    if share >= tolerances.column_share:
        verdict, message = Verdict.FAIL, f"{found}: {', '.join(failed)}"
    elif most >= tolerances.column_share:
        verdict = Verdict.NOT_RUN if any(c.verdict is Verdict.NOT_RUN for c in judged) else Verdict.INSUFFICIENT
        message = f"{found}, and {len(open_)} could not be decided: {', '.join(open_)}"
    elif failed or open_ or any(column.verdict is Verdict.WARN for column in judged):
        verdict, message = Verdict.WARN, f"{found}, fewer than {tolerances.column_share:.0%} of them"
        message += f": {', '.join(failed)}" if failed else ""
        message += f"; {', '.join(open_)} could not be decided" if open_ else ""
    else:
        verdict, message = Verdict.PASS, found
    return Check(
        id="drift.dataset",
        verdict=verdict,
        message=message,
        value=share,
        upper=most,
        threshold=tolerances.column_share,
        n=len(judged),
    )


def _numbers_in_words(before: dict[str, Any], after: dict[str, Any]) -> str:
    words = f"mean {_short(before['mean'])} -> {_short(after['mean'])}"
    outside = [
        f"{side} {_short(after[side])} (reference {_short(before[side])})"
        for side, beyond in (
            ("minimum", after["minimum"] < before["minimum"]),
            ("maximum", after["maximum"] > before["maximum"]),
        )
        if beyond
    ]
    return ", ".join([words, *outside])


def _categories_in_words(counts: tuple[list[int], list[int], list[Any]]) -> str:
    n, m = sum(counts[0]), sum(counts[1])
    shares = [
        ("other categories" if label is None else repr(label), p / n, q / m)
        for p, q, label in zip(*counts, strict=True)
    ]
    moved = sorted(shares, key=lambda share: -abs(share[2] - share[1]))[:2]
    return ", ".join(f"{label} {p:.0%} -> {q:.0%}" for label, p, q in moved)


def _short(value: float) -> str:
    return f"{value:.4g}"
