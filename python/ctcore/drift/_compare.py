"""The judgement of two tables, column by column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ctcore import _core
from ctcore.drift._profile import Profile, profile
from ctcore.drift._statistics import Ks, cell_counts
from ctcore.errors import ArgumentError
from ctcore.verdict import Check, Report, Verdict, plain

_Z_90 = 1.6448536269514727  # each side of a two-sided 90% interval is wrong 5% of the time
_Z_80 = 1.2815515655446004  # nine of ten lie on this side
_EXPECTED = 5  # rows of the smaller side in a cell that is looked at alone
_HIDDEN = 0.2  # the share of rows in pooled cells above which nothing passes
_CONSTANT = 200  # rows that show, 19 times in 20, another category that moves Jensen-Shannon by its tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much drift is too much: the effect of a shift of a normal by 0.2 standard deviations."""

    psi: float = 0.04
    jensen_shannon: float = 0.085
    missing_share: float = 0.01
    unseen_share: float = 0.01
    column_share: float = 0.2
    """The dataset has drifted when columns with at least this share of the importance have."""
    false_discovery_rate: float = 0.05
    """The share of wrong ones among the columns that are said to have failed."""
    columns: dict[str, float] = field(default_factory=dict)
    """Tolerances of single columns, of their primary statistic."""


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
    p_value: float | None = None
    """Of the hypothesis that the primary statistic is at most its tolerance."""

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
    reference: Any,
    current: Any,
    *,
    tolerances: Tolerances | None = None,
    columns: list[str] | None = None,
    importance: dict[str, float] | None = None,
) -> DriftReport:
    """Judge how far a table has moved from a reference.

    Each column is decided on the effect: ``fail`` where the interval of its primary statistic (PSI for numbers,
    Jensen-Shannon for categories) lies above the tolerance, ``pass`` where it lies below, ``warn`` where it straddles
    the tolerance but is narrower than it, else ``insufficient``. Each side of the interval is wrong at most 5% of the
    time, whatever the sizes of the two sides; categories that are too rare for that are pooled first, and the statistic
    is that of the pooled ones. A fail that does not survive the false discovery rate over all columns is ``warn``.
    Missing values and categories that the reference does not know are drift of their own. The dataset fails when the
    columns that do carry at least a fifth of the importance.

    Parameters
    ----------
    reference : pyarrow.Table or Profile
        What current data is compared with. A profile gives everything but the Kolmogorov-Smirnov statistic.
    current : pyarrow.Table
        The data to judge.
    columns : list of str, optional
        These columns alone. Without it, all columns of the reference; one that current lacks has failed.
    importance : dict of str to float, optional
        What each column is worth, such as a model's feature importance: drift in what the model does not use is no
        drift of the dataset. A column that is not named is worth nothing. Without it all are worth the same.

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
    judged = _discovered(judged, tolerances.false_discovery_rate)
    judged += [_new(name) for name in current.column_names if columns is None and name not in known]
    return DriftReport(
        checks=(_dataset(judged, tolerances, importance),),
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
    p_value = None
    if n == 0 or m == 0:
        side = "reference" if n == 0 else "current data"
        message = f"{name}: the {side} has no value to compare; every row is missing or infinite"
        if n == m == 0:
            message = f"{name}: neither side has a value to compare"
        verdict = Verdict.INSUFFICIENT
        checks.append(Check(id=f"drift.{name}.distribution", verdict=verdict, message=message, n=min(n, m)))
        words = message.partition(": ")[2]
    else:
        settled = _settled(counts[0], counts[1], frozen=number)
        sides = settled.reference, settled.current
        js = _core.jensen_shannon(*sides)
        statistics["jensen_shannon"] = js[0]
        if number:
            tolerance = tolerances.columns.get(name, tolerances.psi)
            psi = _core.psi(*sides, "jeffreys")
            statistics["psi"] = psi[0]
            checks.append(_decide(name, "psi", psi, tolerance, settled))
            p_value = _core.psi_above(*sides, tolerance)
        else:
            tolerance = tolerances.columns.get(name, tolerances.jensen_shannon)
            checks.append(_decide(name, "jensen_shannon", js, tolerance, settled))
            checks.append(_unseen(name, before, after, tolerances))
            p_value = _core.jensen_shannon_above(*sides, tolerance)
        if ks:
            statistics |= {"ks": ks.statistic, "ks_location": ks.location, "ks_sign": ks.sign, "ks_p": ks.p_value}
        words = _numbers_in_words(before, after) if number else _categories_in_words(counts)
    kind = before["kind"]
    return ColumnDrift(name=name, kind=kind, checks=tuple(checks), statistics=statistics, words=words, p_value=p_value)


@dataclass(frozen=True, slots=True)
class _Settled:
    """Counts that an interval can be built on."""

    reference: list[int]
    current: list[int]
    pooled: float
    """The share of the rows whose cells were too rare to be looked at one by one."""

    @property
    def hidden(self) -> str | None:
        """Why these counts cannot say that nothing moved, if so."""
        if self.pooled > _HIDDEN:
            return f"{self.pooled:.0%} of the rows lie in cells that are too rare to look at one by one"
        if len(self.reference) == 1 and min(self.reference[0], self.current[0]) < _CONSTANT:
            return f"all rows lie in one cell, which takes {_CONSTANT} rows a side to be believed"
        return None


def _settled(reference: list[int], current: list[int], *, frozen: bool) -> _Settled:
    """Pool the cells in which the smaller side expects fewer than five rows.

    What is expected comes from both sides, or from the reference alone where its cells are frozen on itself: choosing
    cells by counts that then speak would be evidence made by the choice. They become one cell, or join the smallest
    other where they are too rare even together. Where all frozen cells are rare they are left as they are.
    """
    n, m = sum(reference), sum(current)

    def expected(sides: list[tuple[int, int]]) -> float:
        first, second = (sum(side[i] for side in sides) for i in (0, 1))
        return min(n, m) * (first / n if frozen else (first + second) / (n + m))

    sides = [side for side in zip(reference, current, strict=True) if any(side)]
    rare = [side for side in sides if expected([side]) < _EXPECTED]
    kept = sorted((side for side in sides if expected([side]) >= _EXPECTED), key=sum, reverse=True)
    if frozen and not kept:
        kept, rare = sides, []
    rest = (sum(p for p, _ in rare), sum(q for _, q in rare))
    if rare and (expected(rare) >= _EXPECTED or len(kept) < 2):
        kept.append(rest)
    elif rare:
        kept[-1] = (kept[-1][0] + rest[0], kept[-1][1] + rest[1])
    return _Settled([p for p, _ in kept], [q for _, q in kept], sum(rest) / (n + m))


def _discovered(columns: list[ColumnDrift], rate: float) -> list[ColumnDrift]:
    """Turn fails that do not survive the false discovery rate over all columns into warnings.

    Benjamini and Hochberg (Journal of the Royal Statistical Society B 57, 1995): one primary decision a column.
    """
    decided = sorted((column.p_value, column.name) for column in columns if column.p_value is not None)
    adjusted, least = {}, 1.0
    for rank, (p_value, name) in reversed(list(enumerate(decided, 1))):
        least = min(least, p_value * len(decided) / rank)
        adjusted[name] = least
    return [_adjusted(column, adjusted.get(column.name), rate, len(decided)) for column in columns]


def _adjusted(column: ColumnDrift, adjusted: float | None, rate: float, columns: int) -> ColumnDrift:
    if adjusted is None or adjusted <= rate:
        return column
    checks = list(column.checks)
    for index, check in enumerate(checks):
        if check.verdict is Verdict.FAIL and check.id.endswith((".psi", ".jensen_shannon")):
            message = (
                f"{check.message}, but of {columns} columns one may be so by chance: p {column.p_value:.2g}, "
                f"{adjusted:.2g} after the false discovery rate"
            )
            checks[index] = replace(check, verdict=Verdict.WARN, message=message)
    return replace(column, checks=tuple(checks))


def _decide(
    name: str, statistic: str, effect: tuple[float, float, float], tolerance: float, settled: _Settled
) -> Check:
    value, lower, upper = effect
    n, m, cells = sum(settled.reference), sum(settled.current), len(settled.reference)
    title = {"psi": "PSI", "jensen_shannon": "Jensen-Shannon distance"}[statistic]
    found = f"{name}: {title} {value:.3g} [{lower:.3g}, {upper:.3g}]"
    if lower > tolerance:
        verdict, message = Verdict.FAIL, f"{found} is above the tolerance {tolerance:g}"
    elif upper < tolerance and settled.hidden:
        verdict = Verdict.INSUFFICIENT
        message = f"{found} is below the tolerance {tolerance:g}, but {settled.hidden}"
    elif upper < tolerance:
        verdict, message = Verdict.PASS, f"{found} is below the tolerance {tolerance:g}"
    elif upper - lower < tolerance:
        verdict, message = Verdict.WARN, f"{found} is at the tolerance {tolerance:g}; more rows would not help"
    else:
        verdict = Verdict.INSUFFICIENT
        message = (
            f"{found} cannot be told from the tolerance {tolerance:g} with {n:,} and {m:,} rows, which find "
            f"{_found(statistic, tolerance, n, m, cells):.2g} nine times in ten; if nothing moved, about "
            f"{_rows_to_pass(statistic, tolerance, cells):,} rows a side would show it"
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


def _spread(psi: float, rows: float, cells: int) -> float:
    """Give the standard deviation of PSI at some value: of a noncentral chi-square over ``rows = n m / (n + m)``."""
    return math.sqrt(2 * max(cells - 1, 1) + 4 * rows * psi) / rows


def _as_psi(statistic: str, value: float) -> float:
    """Near 0 the Jensen-Shannon divergence is an eighth of PSI."""
    return value if statistic == "psi" else 8 * math.log(2) * value**2


def _rows_to_pass(statistic: str, tolerance: float, cells: int) -> int:
    """Give the rows a side at which nine of ten unmoved columns pass."""
    psi, rows = _as_psi(statistic, tolerance), 1.0
    while _Z_90 * _spread(psi, rows, cells) + _Z_80 * _spread(0, rows, cells) > psi:
        rows *= 1.02
    return math.ceil(2 * rows / 10) * 10


def _found(statistic: str, tolerance: float, n: int, m: int, cells: int) -> float:
    """Give the smallest value that fails nine times in ten with these rows."""
    psi, rows = _as_psi(statistic, tolerance), n * m / (n + m)
    reach, found = psi + _Z_90 * _spread(psi, rows, cells), psi
    while found - _Z_80 * _spread(found, rows, cells) < reach:
        found *= 1.02
    return found if statistic == "psi" else min(math.sqrt(found / (8 * math.log(2))), 1.0)


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


def _dataset(columns: list[ColumnDrift], tolerances: Tolerances, importance: dict[str, float] | None) -> Check:
    """Give the verdict of the whole: what undecided columns could not change is decided."""
    judged = [column for column in columns if column.kind != "new"]
    weights = {column.name: 1.0 if importance is None else importance.get(column.name, 0.0) for column in judged}
    total = sum(weights.values())
    if not total > 0 or min(weights.values()) < 0:
        raise ArgumentError(f"importance: must be at least 0 everywhere and above 0 somewhere, found {importance}")
    failed = [column.name for column in judged if column.verdict is Verdict.FAIL]
    open_ = [column.name for column in judged if column.verdict in (Verdict.INSUFFICIENT, Verdict.NOT_RUN)]
    share, most = (sum(weights[name] for name in names) / total for names in (failed, failed + open_))
    found = f"{len(failed)} of {len(judged)} columns drifted"
    if importance is not None:
        found += f", which carry {share:.0%} of the importance"
    if share >= tolerances.column_share:
        verdict, message = Verdict.FAIL, f"{found}: {', '.join(failed)}"
    elif most >= tolerances.column_share:
        verdict = Verdict.NOT_RUN if any(c.verdict is Verdict.NOT_RUN for c in judged) else Verdict.INSUFFICIENT
        message = f"{found}, and {len(open_)} could not be decided: {', '.join(open_)}"
    elif failed or open_ or any(column.verdict is Verdict.WARN for column in judged):
        verdict, message = Verdict.WARN, f"{found}, less than {tolerances.column_share:.0%}"
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
