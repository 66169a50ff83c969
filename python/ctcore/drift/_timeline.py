"""Drift over time: every span of the data against the reference, and against the span before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ctcore.drift import _history
from ctcore.drift._compare import compare, is_time
from ctcore.drift._profile import Profile, profile
from ctcore.drift._report import Span, Timeline
from ctcore.drift._spans import cut
from ctcore.drift._tolerances import RANKS, Tolerances
from ctcore.duration import duration
from ctcore.errors import ArgumentError
from ctcore.verdict import Check


def timeline(
    reference: Any,
    data: Any,
    time_column: str,
    *,
    every: str | timedelta = "1d",
    tolerances: Tolerances | None = None,
    columns: list[str] | None = None,
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
    frozen = reference if isinstance(reference, Profile) else profile(reference)
    spans = cut(data, time_column, every, start=_midnight(data, time_column))
    if not spans:
        raise ArgumentError("data: there is no row")
    learned: dict[str, float] = {}
    if not isinstance(reference, Profile):
        own = cut(reference, time_column, every, start=next(iter(spans)))
        shared = sorted(own.keys() & spans.keys())
        if shared:
            raise ArgumentError(
                f"data: the reference has rows from {shared[0]} on too; what is compared must not overlap. Cut one"
            )
        parts = [profile(rows, like=frozen) for rows in own.values()]
        learned = _history.learned(frozen, parts, tolerances, inside=True)
    names = columns or [name for name in frozen.columns if name != time_column and not is_time(data, name)]
    learned = {name: bound for name, bound in learned.items() if name in names}
    tolerances = _history.widened(tolerances, learned)
    by_rows = any(
        tolerances.statistic(name, frozen.columns[name]["kind"]) in RANKS for name in names if name in frozen.columns
    )
    found: list[Span] = []
    last: Any = None
    for start, rows in spans.items():
        here = rows if by_rows else profile(rows, like=frozen)
        decisions = _decisions(reference if by_rows else frozen, rows, names, tolerances)
        since = {} if last is None else _decisions(last, rows, names, tolerances)
        found.append(Span(start, rows.num_rows, decisions, since))
        last = here
    return Timeline(time_column, every, tuple(found), learned)


def _midnight(data: Any, time_column: str) -> datetime:
    first = next(iter(cut(data, time_column, timedelta(days=1))), None)
    if first is None:
        raise ArgumentError("data: there is no row")
    return first


def _decisions(reference: Any, rows: Any, names: list[str], tolerances: Tolerances) -> dict[str, Check]:
    report = compare(reference, rows, columns=names, tolerances=tolerances)
    return {column.name: column.decision or column.checks[-1] for column in report.columns}
