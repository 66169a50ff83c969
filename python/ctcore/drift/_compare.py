"""The judgement of two tables, column by column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from ctcore import _core
from ctcore.drift import _days
from ctcore.drift._days import Days
from ctcore.drift._history import learned, widened
from ctcore.drift._profile import Profile, profile
from ctcore.drift._report import ColumnDrift, DriftReport
from ctcore.drift._sides import Side, Sides, is_source, is_table
from ctcore.drift._tolerances import Tolerances
from ctcore.duration import duration
from ctcore.errors import ArgumentError, did_you_mean
from ctcore.verdict import Check, Verdict


def compare(
    reference: Any,
    current: Any,
    *,
    tolerances: Tolerances | None = None,
    columns: list[str] | None = None,
    importance: dict[str, float] | None = None,
    time_column: str | None = None,
    spans: Mapping[str, str | timedelta] | None = None,
    history: Sequence[Any] = (),
) -> DriftReport:
    """Judge how far a table has moved from a reference.

    Each column is decided on the effect: ``fail`` where the interval of its primary statistic (PSI for numbers,
    Jensen-Shannon for categories, unless ``tolerances`` says otherwise) lies above the tolerance, ``pass`` where it
    lies below, ``warn`` where it straddles the tolerance but is narrower than it, else ``insufficient``. Each side of
    the interval is wrong at most 5% of the time, whatever the sizes of the two sides; categories that are too rare for
    that are pooled first, and the statistic is that of the pooled ones. A fail that does not survive the false
    discovery rate over all columns is ``warn``. Drift of their own are the shares of missing values, of NaN and of
    infinities where there are any, of numbers outside of the reference's range and of categories that it does not know.
    The dataset fails when the columns that do carry at least a fifth of the importance.

    Parameters
    ----------
    reference : pyarrow.Table, ctcore.data.Source, Profile or Arrow stream
        What current data is compared with. A stream (anything with ``__arrow_c_stream__``) is read once, in memory that
        does not grow with its rows. Profiles and streams serve every statistic of counted cells, and KS, AUC and
        Wasserstein to within bounds that the interval takes in. Files (``data.source``) are profiled likewise; where
        that leaves one of the three undecided and both sides have rows, those of that column are read, and it is judged
        by them (``ColumnDrift.refined``). Profiles that leave it undecided without rows are ``insufficient``.
    current : pyarrow.Table, ctcore.data.Source, Profile or Arrow stream
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
    spans : dict of str to str or timedelta, optional
        Columns that are rolling sums (or means, counts), each with the length of its window: ``{"trips_7d": "7d"}``.
        Sums of two days less than a week apart share days, so the second says little that the first did not. Such a
        column is judged on days alone whose rows lie at least that far from those of every other one, on both sides;
        its checks say how many days and rows that were. Needs a ``time_column``.
    history : sequence of pyarrow.Table or Profile, optional
        Windows of the past that were fine, as long as the current one, at least five; profiles must be ``like`` the
        reference. Where they lie further from the reference than a column's tolerance, the tolerance becomes what
        19 of 20 such windows stay below: a season is no drift. Of statistics of counted cells only.

    Raises
    ------
    ArgumentError
        Where nothing can be compared: no common column, unknown names, days on both sides, spans without a time column.

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
    if spans and time_column is None:
        raise ArgumentError("spans: what lies apart is told by the time; name its column as time_column")
    if time_column is not None:
        reference, current = _with_days("reference", reference), _with_days("current", current)
    before = Side.of(reference)
    after = Side.of(current, like=before.profile)
    frozen = before.profile
    known = [name for name in (*frozen.columns, *frozen.skipped) if name != time_column]
    names = _named(known, columns, after.profile.column_names)
    for name in frozen.columns:
        tolerances.statistic(name, frozen.columns[name]["kind"])
    if history:
        past = [each if isinstance(each, Profile) else profile(each, like=frozen) for each in history]
        tolerances = widened(tolerances, learned(frozen, past, tolerances))
    days = None if time_column is None else Days.of(reference, current, time_column, frozen)
    sides = Sides(before, after, tolerances, columns or [], days)
    windows = windows_of(spans or {}, known)
    found = [
        sides.apart(name, time_column, windows[name]) if time_column and name in windows else sides.judge(name)
        for name in names
    ]
    judged = _discovered(found, tolerances.false_discovery_rate)
    if columns is None:
        judged += [_new(name) for name in after.profile.column_names if name not in (*known, time_column)]
    checks = [_dataset(judged, tolerances, importance)]
    if days:
        checks.append(_rows_a_day(days))
    return DriftReport(
        checks=tuple(checks),
        columns=tuple(judged),
        reference_rows=frozen.num_rows,
        current_rows=after.profile.num_rows,
        reference_days=days.sizes[0] if days else None,
        current_days=days.sizes[1] if days else None,
    )


def _with_days(side: str, data: Any) -> Any:
    """Give the rows of a side, which alone know their days."""
    if is_table(data):
        return data
    if is_source(data):
        return data.table()
    raise ArgumentError(f"{side}: a profile or stream has lost its days; give a table, or no time_column")


def _named(known: list[str], columns: list[str] | None, current: list[str]) -> list[str]:
    if columns is not None:
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise ArgumentError(f"columns: the reference has no column {unknown[0]!r}; it has {known}")
    names = known if columns is None else columns
    if not any(name in current for name in names):
        raise ArgumentError(f"current: no column in common: the reference has {known}, current has {current}")
    return names


def windows_of(spans: Mapping[str, str | timedelta], known: list[str]) -> dict[str, timedelta]:
    """Give the length of the window of each column of rolling sums."""
    found = {name: duration(span) if isinstance(span, str) else span for name, span in spans.items()}
    for name, span in found.items():
        if name not in known:
            raise ArgumentError(f"spans: the reference has no column {name!r}; {did_you_mean(name, known)}")
        if span <= timedelta():
            raise ArgumentError(f"spans: {name}: a window is longer than nothing, found {spans[name]!r}")
    return found


def is_time(table: Any, name: str) -> bool:
    """Tell whether a column of a table holds dates or time stamps."""
    return name in table.column_names and str(table.schema.field(name).type).startswith(("timestamp", "date"))


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
