"""The judgement of two tables, column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ctcore import _core
from ctcore.drift import _days
from ctcore.drift._days import Days
from ctcore.drift._history import learned, widened
from ctcore.drift._primary import Against, Pooling, cells_against, decide, ks_between, pooling, ranks_against
from ctcore.drift._profile import Profile, held, ks_bounds, profile
from ctcore.drift._report import Cell, ColumnDrift, DriftReport
from ctcore.drift._shares import judge_share, missing, unseen
from ctcore.drift._statistics import Ks, cell_counts
from ctcore.drift._tolerances import RANKS, TITLES, Tolerances
from ctcore.drift._words import cell_name, in_words, moment, short
from ctcore.errors import ArgumentError, CtcoreError
from ctcore.verdict import Check, Verdict

_SHOWN = 20  # cells of a distribution that is drawn
_MOVED_ON = 0.9  # the share of current times in the reference's last tenth and after it, that a clock's have


def compare(
    reference: Any,
    current: Any,
    *,
    tolerances: Tolerances | None = None,
    columns: list[str] | None = None,
    importance: dict[str, float] | None = None,
    time_column: str | None = None,
    history: Sequence[Any] = (),
) -> DriftReport:
    """Judge how far a table has moved from a reference.

    Each column is decided on the effect: ``fail`` where the interval of its primary statistic (PSI for numbers,
    Jensen-Shannon for categories, unless ``tolerances`` says otherwise) lies above the tolerance, ``pass`` where it
    lies below, ``warn`` where it straddles the tolerance but is narrower than it, else ``insufficient``. Each side of
    the interval is wrong at most 5% of the time, whatever the sizes of the two sides; categories that are too rare for
    that are pooled first, and the statistic is that of the pooled ones. A fail that does not survive the false
    discovery rate over all columns is ``warn``. Missing values and categories that the reference does not know are
    drift of their own. The dataset fails when the columns that do carry at least a fifth of the importance.

    Parameters
    ----------
    reference : pyarrow.Table, Profile or Arrow stream
        What current data is compared with. A stream (anything with ``__arrow_c_stream__``) is read once, in memory that
        does not grow with its rows. Profiles and streams serve every statistic of counted cells, and KS to within
        bounds that the interval takes in; Wasserstein and AUC need the rows.
    current : pyarrow.Table, Profile or Arrow stream
        The data to judge, none of whose rows are in the reference. A profile must have been made ``like=`` the
        reference.
    tolerances : Tolerances, optional
        Statistics and tolerances, of all columns or of single ones.
    columns : list of str, optional
        These columns alone. Without it, all columns of the reference; one that current lacks has failed, and times that
        lie behind those of the reference are shown and not judged: a clock moves on by itself.
    importance : dict of str to float, optional
        What each column is worth, such as a model's feature importance: drift in what the model does not use is no
        drift of the dataset. A column that is not named is worth nothing. Without it all are worth the same.
    time_column : str, optional
        Dates or time stamps. Days are then the unit of chance, since rows of one day are not independent: intervals
        are as wide as days differ, and what rows would say stands beside them. The two sides must not share a day. The
        number of rows a day is compared too, which without it means nothing. The column itself is not compared.
    history : sequence of pyarrow.Table or Profile, optional
        Windows of the past that were fine, as long as the current one, at least five; profiles must be ``like`` the
        reference. Where they lie further from the reference than a column's tolerance, the tolerance becomes what
        19 of 20 such windows stay below: a season is no drift. Of statistics of counted cells only.

    Raises
    ------
    ArgumentError
        Where nothing can be compared: no common column, unknown names, days on both sides.

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
    reference, current = held(reference, current)
    for side, rows in (("reference", reference), ("current", current)):
        if time_column is not None and isinstance(rows, Profile):
            raise ArgumentError(f"{side}: a profile or stream has lost its days; give a table, or no time_column")
    frozen = profile(reference)
    known = [name for name in (*frozen.columns, *frozen.skipped) if name != time_column]
    names = _named(known, columns, current.column_names)
    for name in frozen.columns:
        tolerances.statistic(name, frozen.columns[name]["kind"])
    if history:
        windows = [each if isinstance(each, Profile) else profile(each, like=frozen) for each in history]
        tolerances = widened(tolerances, learned(frozen, windows, tolerances))
    counted = profile(current, like=frozen)
    days = None if time_column is None else Days.of(reference, current, time_column, frozen)
    sides = _Sides(reference, current, frozen, counted, days, tolerances, columns or [])
    judged = _discovered([sides.judge(name) for name in names], tolerances.false_discovery_rate)
    if columns is None:
        judged += [_new(name) for name in current.column_names if name not in (*known, time_column)]
    checks = [_dataset(judged, tolerances, importance)]
    if days:
        checks.append(_rows_a_day(days))
    return DriftReport(
        checks=tuple(checks),
        columns=tuple(judged),
        reference_rows=frozen.num_rows,
        current_rows=current.num_rows,
        reference_days=days.sizes[0] if days else None,
        current_days=days.sizes[1] if days else None,
    )


def _named(known: list[str], columns: list[str] | None, current: list[str]) -> list[str]:
    if columns is not None:
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise ArgumentError(f"columns: the reference has no column {unknown[0]!r}; it has {known}")
    names = known if columns is None else columns
    if not any(name in current for name in names):
        raise ArgumentError(f"current: no column in common: the reference has {known}, current has {current}")
    return names


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides of a comparison, and how they are judged."""

    reference: Any
    current: Any
    frozen: Profile
    counted: Profile
    days: Days | None
    tolerances: Tolerances
    named: list[str]

    def judge(self, name: str) -> ColumnDrift:
        """Judge a column; what goes wrong with it ends nothing but itself."""
        if name in self.frozen.skipped:
            return _undone(name, self.frozen.skipped[name], Verdict.NOT_RUN)
        if name in self.counted.skipped:  # the reference could be read: that current cannot is a change
            return _undone(name, self.counted.skipped[name], Verdict.FAIL)
        try:
            return self._judge(name)
        except CtcoreError as error:
            return _undone(name, str(error), Verdict.NOT_RUN)

    def _judge(self, name: str) -> ColumnDrift:
        before, after = self.frozen.columns[name], self.counted.columns[name]
        kind = before["kind"]
        checks = [self._share(name, "missing")]
        cells = cell_counts(before, after)
        n, m = sum(cells[0]), sum(cells[1])
        if n == 0 or m == 0:
            side = "reference" if n == 0 else "current data"
            words = f"the {side} has no value to compare; every row is missing or infinite"
            if n == m == 0:
                words = "neither side has a value to compare"
            message = f"{name}: {words}"
            id_ = f"drift.{name}.distribution"
            checks.append(Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=min(n, m)))
            return ColumnDrift(name=name, kind=kind, checks=tuple(checks), statistics={}, words=words)
        statistic = self.tolerances.statistic(name, kind)
        tolerance = self.tolerances.of(name, statistic)
        against, alone, check = self._decision(name, statistic, tolerance, cells)
        if self._is_clock(name, cells):
            against = None
            words = "moved on, as time does; it is judged where it is named in columns"
            check = replace(check, verdict=Verdict.NOT_RUN, message=f"{name}: {words}", required=False)
        checks.append(check)
        if kind == "category":
            checks.append(self._share(name, "unseen"))
        return ColumnDrift(
            name=name,
            kind=kind,
            checks=tuple(checks),
            statistics=self._beside(name, cells),
            words=in_words(before, after, cells, time=self._is_time(name)),
            distribution=_distribution(cells, time=self._is_time(name)),
            p_value=against.p_above if against else None,
            primary=statistic,
            if_rows_were_independent=alone,
        )

    def _decision(
        self, name: str, statistic: str, tolerance: float, cells: tuple[list[int], list[int], list[Any]]
    ) -> tuple[Against | None, Check | None, Check]:
        """Decide by rows; where days are the unit, by days, with what rows say beside it."""
        frozen = self.frozen.columns[name]["kind"] == "number"
        sizes = sum(cells[0]), sum(cells[1])
        if statistic in RANKS:
            if not self._has_rows and statistic == "ks":
                bounds = ks_bounds(self.frozen.columns[name], self.counted.columns[name])
                against = ks_between(bounds, *sizes, tolerance)
                return against, None, decide(name, statistic, against, tolerance, sizes)
            if not self._has_rows:
                message = (
                    f"{name}: {TITLES[statistic]} needs the rows of both sides, and a profile has its cells only; "
                    f"give tables, or judge by psi or ks"
                )
                id_ = f"drift.{name}.{statistic}"
                return None, None, Check(id=id_, verdict=Verdict.NOT_RUN, message=message)
            against, why = ranks_against(statistic, self.reference[name], self.current[name], tolerance), None
        else:
            against, why = cells_against(statistic, cells[0], cells[1], tolerance, frozen=frozen)
        by_rows = decide(name, statistic, against, tolerance, sizes, hidden=why)
        if self.days is None:
            return against, None, by_rows
        fewest = min(self.days.sizes)
        if fewest < _days.FEWEST:
            message = (
                f"{name}: {TITLES[statistic]} {against.statistic:.3g}, but chance draws days, and {fewest} say too "
                f"little of others; {_days.FEWEST} days a side are needed at least"
            )
            check = replace(by_rows, verdict=Verdict.INSUFFICIENT, message=message, lower=None, upper=None, n=fewest)
            return None, by_rows, check
        found = self._by_days(name, statistic, tolerance, against.statistic, pooling(cells[0], cells[1], frozen=frozen))
        check = decide(name, statistic, found, tolerance, self.days.sizes, unit="days", hidden=why)
        return found, by_rows, check

    def _by_days(self, name: str, statistic: str, tolerance: float, shown: float, pooled: Pooling) -> Against:
        days = self.days
        assert days is not None  # noqa: S101 - for the type checker: the caller has days
        before = self.frozen.columns[name]
        if statistic not in RANKS:
            cells = len(cell_counts(before, self.counted.columns[name])[0])
            counts = days.counts(lambda day: pooled.of(_all_cells(day.columns[name], cells)))
            return _days.cells_against(statistic, counts, tolerance, shown)
        fine = _core.profile_column(name, self.reference[name], cells=_days.RANK_CELLS, limit=1)
        after = self.counted.columns[name]
        ends = min(fine["minimum"], after["minimum"]), max(fine["maximum"], after["maximum"])
        borders = np.array([ends[0], *fine["edges"], ends[1]])
        scale = math.sqrt(fine["squares"] / fine["finite"]) or 1.0
        values = days.values(name, fine["edges"])
        return _days.ranks_against(statistic, values, borders, shown, scale, tolerance)

    def _share(self, name: str, what: str) -> Check:
        count = missing if what == "missing" else unseen
        tolerance = self.tolerances.missing_share if what == "missing" else self.tolerances.unseen_share
        before, after = self.frozen.columns[name], self.counted.columns[name]
        by_days = None
        if self.days and min(self.days.sizes) >= _days.FEWEST:
            hits = self.days.counts(lambda day: [count(day.columns[name])])
            rows = self.days.counts(lambda day: [day.columns[name]["rows"]])
            by_days = _days.change_of_share((hits[0][:, 0], hits[1][:, 0]), (rows[0][:, 0], rows[1][:, 0]))
        sides = (count(before), count(after)), (before["rows"], after["rows"])
        return judge_share(name, what, *sides, tolerance, by_days=by_days)

    def _beside(self, name: str, cells: tuple[list[int], list[int], list[Any]]) -> dict[str, float | None]:
        """Give statistics that are shown and decide nothing."""
        number = self.frozen.columns[name]["kind"] == "number"
        pooled = pooling(cells[0], cells[1], frozen=number)
        sides = pooled.of(cells[0]), pooled.of(cells[1])
        shown: dict[str, float | None] = {"jensen_shannon": _core.jensen_shannon(*sides)[0]}
        if number:
            shown["psi"] = _core.psi(*sides, "jeffreys")[0]
            if not self._has_rows:
                bounds = ks_bounds(self.frozen.columns[name], self.counted.columns[name])
                shown |= {"ks_low": bounds.low, "ks_high": bounds.high}
            else:
                ks = Ks(*_core.ks(self.reference[name], self.current[name], "asymptotic"))
                shown |= {"ks": ks.statistic, "ks_location": ks.location, "ks_sign": ks.sign, "ks_p": ks.p_value}
        return shown

    def _is_clock(self, name: str, cells: tuple[list[int], list[int], list[Any]]) -> bool:
        """Tell whether a column says when its row came: then it moves on by itself."""
        return self._is_time(name) and name not in self.named and cells[1][-1] > _MOVED_ON * sum(cells[1])

    @property
    def _has_rows(self) -> bool:
        return not (isinstance(self.reference, Profile) or isinstance(self.current, Profile))

    def _is_time(self, name: str) -> bool:
        return str(self.counted.columns[name]["type"]).startswith(("Timestamp", "Date"))


def is_time(table: Any, name: str) -> bool:
    """Tell whether a column of a table holds dates or time stamps."""
    return name in table.column_names and str(table.schema.field(name).type).startswith(("timestamp", "date"))


def _all_cells(column: dict[str, Any], cells: int) -> list[int]:
    """Give the counts of every cell of the comparison: of categories, the rest is among them or not."""
    if column["kind"] == "number":
        return list(column["counts"])
    return [*column["counts"].values(), column["rest"]][:cells]


def _distribution(cells: tuple[list[int], list[int], list[Any]], *, time: bool) -> tuple[Cell, ...]:
    """Give both distributions: every cell of numbers; of categories the most frequent, the rest as one."""
    n, m = sum(cells[0]), sum(cells[1])
    found = [(name, p / n, q / m) for p, q, name in zip(*cells, strict=True)]
    if found and not isinstance(found[0][0], tuple):
        found.sort(key=lambda cell: (cell[0] is None, -max(cell[1], cell[2])))
        rest = found[_SHOWN - 1 :] if len(found) > _SHOWN else []
        if rest:
            found = [*found[: _SHOWN - 1], (None, sum(cell[1] for cell in rest), sum(cell[2] for cell in rest))]
    show = moment if time else short
    return tuple(Cell(cell_name(name, show=show), p, q) for name, p, q in found)


def _undone(name: str, reason: str, verdict: Verdict) -> ColumnDrift:
    check = Check(id=f"drift.{name}", verdict=verdict, message=f"{name} could not be compared: {reason}")
    return ColumnDrift(name=name, kind="unknown", checks=(check,), statistics={}, words=reason)


def _new(name: str) -> ColumnDrift:
    words = "a column that the reference does not have"
    check = Check(
        id=f"drift.{name}", verdict=Verdict.WARN, message=f"{name} is {words}; nothing to compare with", required=False
    )
    return ColumnDrift(name=name, kind="new", checks=(check,), statistics={}, words=words)


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
    decision = column.decision
    if adjusted is None or adjusted <= rate or decision is None or decision.verdict is not Verdict.FAIL:
        return column
    message = (
        f"{decision.message}, but of {columns} columns one may be so by chance: p {column.p_value:.2g}, "
        f"{adjusted:.2g} after the false discovery rate"
    )
    softened = replace(decision, verdict=Verdict.WARN, message=message)
    return replace(column, checks=tuple(softened if check is decision else check for check in column.checks))


def _dataset(columns: list[ColumnDrift], tolerances: Tolerances, importance: dict[str, float] | None) -> Check:
    """Give the verdict of the whole: what undecided columns could not change is decided."""
    judged = [column for column in columns if column.kind != "new"]
    weights = {column.name: 1.0 if importance is None else importance.get(column.name, 0.0) for column in judged}
    total = sum(weights.values())
    if not total > 0 or min(weights.values()) < 0:
        raise ArgumentError(f"importance: must be at least 0 everywhere and above 0 somewhere, found {importance}")
    failed = [column.name for column in judged if column.verdict is Verdict.FAIL]
    undecided = [column for column in judged if column.verdict in (Verdict.INSUFFICIENT, Verdict.NOT_RUN)]
    open_ = [column.name for column in undecided if weights[column.name] > 0]
    share, most = (sum(weights[name] for name in names) / total for names in (failed, failed + open_))
    found = f"{len(failed)} of {len(judged)} columns drifted"
    if importance is not None:
        found += f", which carry {share:.0%} of the importance"
    if share >= tolerances.column_share:
        verdict, message = Verdict.FAIL, f"{found}: {_some(failed)}"
    elif most >= tolerances.column_share:
        not_run = any(column.verdict is Verdict.NOT_RUN for column in undecided if column.name in open_)
        verdict = Verdict.NOT_RUN if not_run else Verdict.INSUFFICIENT
        message = f"{found}, and {len(open_)} could not be decided: {_some(open_)}"
    elif failed or open_ or any(column.verdict is Verdict.WARN for column in judged):
        verdict, message = Verdict.WARN, f"{found}, less than {tolerances.column_share:.0%}"
        message += f": {_some(failed)}" if failed else ""
        message += f"; {_some(open_)} could not be decided" if open_ else ""
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


def _some(names: list[str], most: int = 8) -> str:
    """Name some columns, and say how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _rows_a_day(days: Days) -> Check:
    """Say how the number of rows a day changed, by Welch's interval of the difference of its mean over days."""
    before, after = (np.array([day.num_rows for day in side], dtype=float) for side in days.rows)
    change = after.mean() / before.mean() - 1
    message = f"{before.mean():,.0f} rows a day in the reference, {after.mean():,.0f} now ({change:+.0%})"
    lower = upper = None
    verdict = Verdict.PASS
    if min(days.sizes) >= _days.FEWEST:
        noise = [side.var(ddof=1) / len(side) for side in (before, after)]
        df = min(days.sizes) - 1
        reach = _core.t_quantile(0.95, df) * math.sqrt(sum(noise)) / before.mean()
        lower, upper = change - reach, change + reach
        if lower > _ROWS_A_DAY or upper < -_ROWS_A_DAY:
            verdict = Verdict.WARN
            message += f": more than {_ROWS_A_DAY:.0%} apart"
    return Check(
        id="drift.rows",
        verdict=verdict,
        message=message,
        value=float(change),
        lower=lower,
        upper=upper,
        threshold=_ROWS_A_DAY,
        n=min(days.sizes),
        required=False,
    )


_ROWS_A_DAY = 0.2
"""The change of the number of rows a day that is worth a look."""
