"""Drift over time: every span of the data against the reference, and against the span before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ctcore.drift import _history
from ctcore.drift._compare import compare, is_time, windows_of
from ctcore.drift._profile import Profile, profile
from ctcore.drift._report import Span, Timeline
from ctcore.drift._sides import Side
from ctcore.drift._spans import DAY, apart, cut, days_of
from ctcore.drift._tolerances import RANKS, Tolerances
from ctcore.duration import duration
from ctcore.errors import ArgumentError
from ctcore.verdict import Check, Verdict


def timeline(
    reference: Any,
    data: Any,
    time_column: str,
    *,
    every: str | timedelta = "1d",
    tolerances: Tolerances | None = None,
    columns: list[str] | None = None,
    spans: Mapping[str, str | timedelta] | None = None,
) -> Timeline:
    """Compare every span of the data with the reference, and with the span before it.

    A single day is one draw of what days do, so its rows cannot tell how days differ. Where the reference has rows, not
    only a profile, and five such spans of its own at least, they can: each is compared with the others, and a column
    whose spans differ by more than its tolerance is given their 95% prediction bound (Student's t) as tolerance. That
    is learned for statistics of counted cells; KS, Wasserstein and AUC keep their tolerances.

    Parameters
    ----------
    reference : pyarrow.Table or Profile
        Such as the data that the model was trained on.
    data : pyarrow.Table
        What came since: no row of it lies in a span of the reference.
    time_column : str
        Dates or time stamps.
    every : str or timedelta
        The length of a span, such as "1d", "12h" or "1w". Spans begin at midnight of the data's first day.
    columns : list of str, optional
        These columns alone; without it, all of the reference but times, which move on by themselves.
    spans : dict of str to str or timedelta, optional
        Columns that are rolling sums, each with the length of its window, as in :func:`compare`. Each span is compared
        on days alone whose rows lie a window from those of every other one, within it and across; what the reference
        teaches comes from such days too. Where a window is longer than ``every`` all neighbouring spans share days, and
        where the reference is a profile it has lost them: then the column is ``not_run``, with the reason.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from datetime import date, timedelta
    >>> from ctcore import drift
    >>> rng = np.random.default_rng(0)
    >>> def days(first, number, mean):
    ...     when = [date(2024, 1, first) + timedelta(days=i) for i in range(number) for _ in range(2000)]
    ...     return pa.table({"day": when, "x": rng.normal(mean, size=len(when))})
    >>> later = pa.concat_tables([days(11, 2, 0.0), days(13, 2, 1.0)])
    >>> found = drift.timeline(days(1, 10, 0.0), later, "day")
    >>> [str(span.from_reference["x"].verdict) for span in found.spans]
    ['pass', 'pass', 'fail', 'fail']
    >>> [str(span.since_last["x"].verdict) for span in found.spans[1:]]
    ['pass', 'fail', 'pass']
    """
    every = duration(every) if isinstance(every, str) else every
    tolerances = tolerances or Tolerances()
    frozen = Side.of(reference).profile
    chunks = cut(data, time_column, every, start=_midnight(data, time_column))
    if not chunks:
        raise ArgumentError("data: there is no row")
    names = columns or [name for name in frozen.columns if name != time_column and not is_time(data, name)]
    windows = windows_of(spans or {}, list(frozen.columns))
    # What is missing on a side has no days to keep, and is said to be missing.
    windows = {name: window for name, window in windows.items() if name in names and name in data.column_names}
    learned: dict[str, float] = {}
    if not isinstance(reference, Profile):
        own = cut(reference, time_column, every, start=next(iter(chunks)))
        shared = sorted(own.keys() & chunks.keys())
        if shared:
            raise ArgumentError(
                f"data: the reference has rows from {shared[0]} on too; what is compared must not overlap. Cut one"
            )
        plain = _taught(own, frozen, tolerances)
        learned = {name: bound for name, bound in plain.items() if name in names and name not in windows}
        for name, window in windows.items():
            if window <= every:
                held = reference.select([name, time_column])
                kept = apart(held.slice(0, 0), held, time_column, window)[1]
                own = cut(kept, time_column, every, start=next(iter(chunks)))
                learned |= _taught(own, profile(kept, columns=[name]), tolerances)
    tolerances = _history.widened(tolerances, learned)
    judged = [name for name in names if name not in windows]
    by_rows = any(
        tolerances.statistic(name, frozen.columns[name]["kind"]) in RANKS for name in judged if name in frozen.columns
    )
    rolling = [_Rolling(name, window, time_column, every, tolerances) for name, window in windows.items()]
    found: list[Span] = []
    last: Any = None
    before: Any = None
    for start, rows in chunks.items():
        here = rows if by_rows else profile(rows, like=frozen)
        decisions = _decisions(reference if by_rows else frozen, rows, judged, tolerances)
        since = {} if last is None else _decisions(last, rows, judged, tolerances)
        for column in rolling:
            decisions[column.name] = column.decision(reference, rows)
            if before is not None:
                since[column.name] = column.decision(before, rows)
        found.append(Span(start, rows.num_rows, decisions, since))
        last, before = here, rows
    return Timeline(time_column, every, tuple(found), learned)


@dataclass(frozen=True, slots=True)
class _Rolling:
    """A column of rolling sums, which is compared on days whose windows do not overlap."""

    name: str
    window: timedelta
    time_column: str
    every: timedelta
    tolerances: Tolerances

    def decision(self, before: Any, after: Any) -> Check:
        """Decide on days apart; where there can be none, say why."""
        length = f"{self.window / DAY:g} days"
        if self.window > self.every:
            reason = f"its windows of {length} reach beyond spans of {self.every / DAY:g}, so neighbours share days"
            return self._undecided(Verdict.NOT_RUN, f"{reason}; make spans of {length} or more")
        if isinstance(before, Profile):
            return self._undecided(Verdict.NOT_RUN, "a profile has lost its days; give the rows of the reference")
        held = [self.name, self.time_column]
        rows = apart(before.select(held), after.select(held), self.time_column, self.window)
        if not rows[0].num_rows:
            reason = f"no day of what it is compared with lies {length} from those of this span, whose windows reach it"
            return self._undecided(Verdict.INSUFFICIENT, reason)
        check = _decisions(*rows, [self.name], self.tolerances)[self.name]
        n, m = (len(days_of(side, self.time_column)) for side in rows)
        return replace(check, message=f"{check.message} (on {n} and {m} days {length} apart)")

    def _undecided(self, verdict: Verdict, reason: str) -> Check:
        message = f"{self.name} could not be compared: {reason}"
        return Check(id=f"drift.{self.name}", verdict=verdict, message=message)


def _taught(own: dict[datetime, Any], frozen: Profile, tolerances: Tolerances) -> dict[str, float]:
    """Give the tolerances that the reference's own spans teach."""
    parts = [profile(rows, like=frozen) for rows in own.values()]
    return _history.learned(frozen, parts, tolerances, inside=True)


def _midnight(data: Any, time_column: str) -> datetime:
    first = next(iter(cut(data, time_column, timedelta(days=1))), None)
    if first is None:
        raise ArgumentError("data: there is no row")
    return first


def _decisions(reference: Any, rows: Any, names: list[str], tolerances: Tolerances) -> dict[str, Check]:
    if not names:
        return {}
    report = compare(reference, rows, columns=names, tolerances=tolerances)
    return {column.name: column.decision or column.checks[-1] for column in report.columns}
