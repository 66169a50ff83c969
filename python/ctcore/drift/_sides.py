"""Both sides of a comparison, and how their columns are judged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from ctcore import _core
from ctcore.drift import _days
from ctcore.drift._days import Days
from ctcore.drift._primary import (
    Against,
    Pooling,
    cells_against,
    cells_between,
    decide,
    pooling,
    profiles_against,
    ranks_against,
)
from ctcore.drift._profile import Profile, ks_bounds, profile
from ctcore.drift._report import Cell, ColumnDrift
from ctcore.drift._shares import SHARES, judge_share
from ctcore.drift._spans import DAY, apart
from ctcore.drift._statistics import Ks, cell_bounds, cell_counts
from ctcore.drift._tolerances import RANKS, TITLES, Tolerances
from ctcore.drift._words import Cells, cell_name, in_words, moment, short
from ctcore.errors import CtcoreError
from ctcore.verdict import Check, Verdict

_SHOWN = 20  # cells of a distribution that is drawn
_MOVED_ON = 0.9  # the share of current times in the reference's last tenth and after it, that a clock's have


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: its profile, and its rows as far as they can be had."""

    profile: Profile
    rows: Any = None
    """A table, or files that can be read again; nothing where the profile is all there is."""

    @classmethod
    def of(cls, data: Any, *, like: Profile | None = None) -> Side:
        """Profile a side; a stream can be read only once, so its rows are gone.

        Where the cells of a profile followed the data so late that a count is known between bounds only, the column's
        rows are counted once more, on the cells that are now known.
        """
        found, rows = profile(data, like=like), data if is_table(data) or is_source(data) else None
        open_ = [name for name, column in found.columns.items() if cell_bounds(column)]
        if open_ and rows is not None:
            found = replace(found, columns=found.columns | profile(rows, columns=open_, like=found).columns)
        return cls(found, rows)

    def values(self, name: str) -> Any:
        """Give the values of a column; of files they are read now, and this column alone."""
        return self.rows[name] if is_table(self.rows) else self.rows.table([name])[name]


def is_table(data: Any) -> bool:
    """Tell whether data holds its rows in memory."""
    return hasattr(data, "column_names") and hasattr(data, "__getitem__")


def is_source(data: Any) -> bool:
    """Tell whether data are files that can be read again, column by column: ``ctcore.data.Source``."""
    return hasattr(data, "batches") and hasattr(data, "table")


@dataclass(frozen=True, slots=True)
class _Decision:
    """What was decided on a column's primary statistic."""

    check: Check
    against: Against | None
    alone: Check | None = None
    """What rows would say where days decide."""
    refined: bool = False


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a comparison, and how their columns are judged."""

    reference: Side
    current: Side
    tolerances: Tolerances
    named: list[str]
    """Columns that were asked for by name."""
    days: Days | None

    def judge(self, name: str) -> ColumnDrift:
        """Judge a column; what goes wrong with it ends nothing but itself."""
        if name in self.reference.profile.skipped:
            return _undone(name, self.reference.profile.skipped[name], Verdict.NOT_RUN)
        if name in self.current.profile.skipped:  # the reference could be read: that current cannot is a change
            return _undone(name, self.current.profile.skipped[name], Verdict.FAIL)
        try:
            return self._judge(name)
        except CtcoreError as error:
            return _undone(name, str(error), Verdict.NOT_RUN)

    def apart(self, name: str, time_column: str, span: timedelta) -> ColumnDrift:
        """Judge a column of rolling sums on days whose windows do not overlap."""
        if name in self.reference.profile.skipped or name in self.current.profile.skipped:
            return self.judge(name)
        held = [name, time_column]
        rows = apart(self.reference.rows.select(held), self.current.rows.select(held), time_column, span)
        length = f"{span / DAY:g} days"
        if not rows[0].num_rows:
            reason = f"no day of the reference lies {length} from those of current data, whose windows reach into it"
            return _undone(name, reason, Verdict.INSUFFICIENT)
        before = Side.of(rows[0])
        after = Side.of(rows[1], like=before.profile)
        days = Days.of(*rows, time_column, before.profile)
        column = replace(self, reference=before, current=after, days=days).judge(name)
        n, m = days.sizes
        used = f"on {n} and {m} days {length} apart"
        note = f"{used}, {rows[0].num_rows:,} and {rows[1].num_rows:,} rows: windows of nearer days overlap"
        checks = tuple(replace(check, message=f"{check.message} ({note})") for check in column.checks)
        return replace(column, checks=checks, words=f"{column.words}; {used}")

    def _judge(self, name: str) -> ColumnDrift:
        before, after = self._columns(name)
        kind = before["kind"]
        checks = [self._share(name, "missing")]
        checks += [
            self._share(name, what) for what in ("nan", "infinite") if any(map(SHARES[what].count, (before, after)))
        ]
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
        decision = self._decision(name, statistic, self.tolerances.of(name, statistic), cells)
        is_clock = self._is_clock(name, cells)
        if is_clock:
            words = "moved on, as time does; it is judged where it is named in columns"
            message = f"{name}: {words}"
            check = replace(decision.check, verdict=Verdict.NOT_RUN, message=message, required=False)
            decision = replace(decision, check=check, against=None)
        checks.append(decision.check)
        if not is_clock:
            checks.append(self._share(name, "unseen" if kind == "category" else "out_of_range"))
        return ColumnDrift(
            name=name,
            kind=kind,
            checks=tuple(checks),
            statistics=self._beside(name, cells),
            words=in_words(before, after, cells, time=self._is_time(name)),
            distribution=_distribution(cells, time=self._is_time(name)),
            p_value=decision.against.p_above if decision.against else None,
            primary=statistic,
            if_rows_were_independent=decision.alone,
            refined=decision.refined,
        )

    def _decision(self, name: str, statistic: str, tolerance: float, cells: Cells) -> _Decision:
        """Decide by rows; where days are the unit, by days, with what rows say beside it."""
        frozen = self.reference.profile.columns[name]["kind"] == "number"
        sizes = sum(cells[0]), sum(cells[1])
        between = None
        if statistic not in RANKS:
            bounds = cell_bounds(self.reference.profile.columns[name])
            if bounds is None:
                against, why = cells_against(statistic, cells[0], cells[1], tolerance, frozen=frozen)
            else:
                against, why, between = cells_between(statistic, cells[0], cells[1], bounds, tolerance, frozen=frozen)
        elif self._in_memory:
            values = self.reference.values(name), self.current.values(name)
            against, why = ranks_against(statistic, *values, tolerance), None
        else:
            return self._by_profiles(name, statistic, tolerance, sizes)
        needs = "the reference"
        by_rows = decide(name, statistic, against, tolerance, sizes, hidden=why, between=between, needs=needs)
        if self.days is None:
            return _Decision(by_rows, against)
        fewest = min(self.days.sizes)
        if fewest < _days.FEWEST:
            message = (
                f"{name}: {TITLES[statistic]} {against.statistic:.3g}, but chance draws days, and {fewest} say too "
                f"little of others; {_days.FEWEST} days a side are needed at least"
            )
            check = replace(by_rows, verdict=Verdict.INSUFFICIENT, message=message, lower=None, upper=None, n=fewest)
            return _Decision(check, None, by_rows)
        found = self._by_days(name, statistic, tolerance, against.statistic, pooling(cells[0], cells[1], frozen=frozen))
        check = decide(name, statistic, found, tolerance, self.days.sizes, unit="days", hidden=why)
        return _Decision(check, found, by_rows)

    def _by_profiles(self, name: str, statistic: str, tolerance: float, sizes: tuple[int, int]) -> _Decision:
        """Decide by what profiles are sure of; where they cannot, by the rows, if both sides have them.

        Rows of one side would not help: it is at the borders of the other side's cells that the two can be compared.
        """
        against, bounds = profiles_against(statistic, *self._columns(name), tolerance)
        undecided = against.lower <= tolerance <= against.upper
        if not undecided or self.reference.rows is None or self.current.rows is None:
            return _Decision(decide(name, statistic, against, tolerance, sizes, between=bounds), against)
        against = ranks_against(statistic, self.reference.values(name), self.current.values(name), tolerance)
        check = decide(name, statistic, against, tolerance, sizes)
        message = f"{check.message} (by its rows: profiles leave it between {bounds.low:.3g} and {bounds.high:.3g})"
        return _Decision(replace(check, message=message), against, refined=True)

    def _by_days(self, name: str, statistic: str, tolerance: float, shown: float, pooled: Pooling) -> Against:
        days = self.days
        assert days is not None  # noqa: S101 - for the type checker: the caller has days
        before, after = self._columns(name)
        if statistic not in RANKS:
            cells = len(cell_counts(before, after)[0])
            counts = days.counts(lambda day: pooled.of(_all_cells(day.columns[name], cells)))
            return _days.cells_against(statistic, counts, tolerance, shown)
        fine = _core.profile_column(name, self.reference.values(name), cells=_days.RANK_CELLS, limit=1)
        ends = min(fine["minimum"], after["minimum"]), max(fine["maximum"], after["maximum"])
        borders = np.array([ends[0], *fine["edges"], ends[1]])
        scale = math.sqrt(fine["squares"] / fine["finite"]) or 1.0
        values = days.values(name, fine["edges"])
        return _days.ranks_against(statistic, values, borders, shown, scale, tolerance)

    def _share(self, name: str, what: str) -> Check:
        share = SHARES[what]
        before, after = self._columns(name)
        by_days = None
        if self.days and min(self.days.sizes) >= _days.FEWEST:
            hits = self.days.counts(lambda day: [share.count(day.columns[name])])
            rows = self.days.counts(lambda day: [day.columns[name][share.of]])
            first = hits[0][:, 0]
            if what == "out_of_range" and not share.count(before):
                first = self.days.out_of_range(name)
            by_days = _days.change_of_share((first, hits[1][:, 0]), (rows[0][:, 0], rows[1][:, 0]))
        sides = (share.count(before), share.count(after)), (before[share.of], after[share.of])
        bounds = cell_bounds(before) if what == "unseen" else None
        least = bounds[0][-1] if bounds else None
        tolerance = getattr(self.tolerances, share.tolerance)
        return judge_share(name, what, *sides, tolerance, by_days=by_days, least=least)

    def _beside(self, name: str, cells: Cells) -> dict[str, float | None]:
        """Give statistics that are shown and decide nothing."""
        before, after = self._columns(name)
        number = before["kind"] == "number"
        pooled = pooling(cells[0], cells[1], frozen=number)
        sides = pooled.of(cells[0]), pooled.of(cells[1])
        shown: dict[str, float | None] = {"jensen_shannon": _core.jensen_shannon(*sides)[0]}
        if number:
            shown["psi"] = _core.psi(*sides, "jeffreys")[0]
            if not self._in_memory:
                bounds = ks_bounds(before, after)
                shown |= {"ks_low": bounds.low, "ks_high": bounds.high}
            else:
                ks = Ks(*_core.ks(self.reference.values(name), self.current.values(name), "asymptotic"))
                shown |= {"ks": ks.statistic, "ks_location": ks.location, "ks_sign": ks.sign, "ks_p": ks.p_value}
        return shown

    def _is_clock(self, name: str, cells: Cells) -> bool:
        """Tell whether a column says when its row came: then it moves on by itself."""
        return self._is_time(name) and name not in self.named and cells[1][-1] > _MOVED_ON * sum(cells[1])

    @property
    def _in_memory(self) -> bool:
        return is_table(self.reference.rows) and is_table(self.current.rows)

    def _columns(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.reference.profile.columns[name], self.current.profile.columns[name]

    def _is_time(self, name: str) -> bool:
        return str(self.current.profile.columns[name]["type"]).startswith(("Timestamp", "Date"))


def _all_cells(column: dict[str, Any], cells: int) -> list[int]:
    """Give the counts of every cell of the comparison: of categories, the rest is among them or not."""
    if column["kind"] == "number":
        return list(column["counts"])
    return [*column["counts"].values(), column["rest"]][:cells]


def _distribution(cells: Cells, *, time: bool) -> tuple[Cell, ...]:
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
