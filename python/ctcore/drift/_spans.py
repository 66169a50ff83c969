"""Tables cut along time, by the wall clock of the time column's own zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ctcore.errors import ArgumentError, ColumnTypeError, DataError

DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
_MICROSECOND = timedelta(microseconds=1)


def cut(table: Any, time_column: str, every: timedelta, *, start: datetime = _EPOCH) -> dict[datetime, Any]:
    """Cut a table into spans of equal length that begin at ``start`` plus whole spans; empty ones are left out.

    Gives the rows of each span by its beginning, in order.
    """
    if every < timedelta(seconds=1):
        raise ArgumentError(f"every: a span is at least a second long, found {every}")
    moments = wall_clock(table, time_column)
    number = (moments - (start - _EPOCH) // _MICROSECOND) // (every // _MICROSECOND)
    order = np.argsort(number, kind="stable")
    if not np.array_equal(order, np.arange(len(order))):
        table, number = table.take(order), number[order]
    borders = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)] if len(number) else []
    return {start + int(number[first]) * every: table.slice(first, last - first) for first, last in pairwise(borders)}


def days_of(table: Any, time_column: str) -> dict[date, Any]:
    """Cut a table into its days."""
    return {start.date(): rows for start, rows in cut(table, time_column, DAY).items()}


def apart(reference: Any, current: Any, time_column: str, span: timedelta) -> tuple[Any, Any]:
    """Keep of both sides the days whose rows lie at least a span from those of every other kept day.

    Windows of that length that end at rows of different kept days share nothing. Days of current data are kept first,
    from the first one on, since they are the fewer as a rule; then those of the reference that keep the distance.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    kept: list[tuple[int, int]] = []
    rows = []
    for side in (current, reference):
        days = [side.slice(0, 0)]
        for day in days_of(side, time_column).values():
            moments = wall_clock(day, time_column)
            first, last = int(moments.min()), int(moments.max())
            if all(first - end >= span // _MICROSECOND or start - last >= span // _MICROSECOND for start, end in kept):
                kept.append((first, last))
                days.append(day)
        rows.append(pa.concat_tables(days))
    return rows[1], rows[0]


def same_season(reference: Any, current: Any, time_column: str, *, by: Literal["weekday", "month"] = "weekday") -> Any:
    """Give the reference's rows of the season that current data is of: its weekdays, or its months.

    A Sunday is compared with Sundays, a December with Decembers.

    >>> import pyarrow as pa
    >>> from datetime import date, timedelta
    >>> days = pa.table({"day": [date(2024, 1, 1) + timedelta(days=i) for i in range(14)]})
    >>> sunday = pa.table({"day": [date(2024, 1, 21)]})
    >>> same_season(days, sunday, "day")["day"].to_pylist()
    [datetime.date(2024, 1, 7), datetime.date(2024, 1, 14)]
    """
    if by not in ("weekday", "month"):
        raise ArgumentError(f'by: must be "weekday" or "month", found {by!r}')
    seasons = [_season(wall_clock(side, time_column), by) for side in (reference, current)]
    kept = np.flatnonzero(np.isin(seasons[0], np.unique(seasons[1])))
    if not len(kept):
        raise ArgumentError(f"reference: it has no row of the {by}s of current data; take a longer one")
    return reference.take(kept)


def _season(moments: Any, by: str) -> Any:
    if by == "month":
        return moments.astype("datetime64[us]").astype("datetime64[M]").astype(int) % 12
    return moments // (DAY // _MICROSECOND) % 7


def wall_clock(table: Any, time_column: str) -> Any:
    """Give the microseconds of the wall clock since 1970, one a row."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if time_column not in table.column_names:
        raise ArgumentError(f"time_column: there is no column {time_column!r}; there are {table.column_names}")
    column = table[time_column]
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise ColumnTypeError(f"time_column: {time_column} must hold dates or time stamps, found {column.type}")
    if column.null_count:
        raise DataError(f"time_column: {column.null_count:,} rows of {time_column} have no time, so they have no day")
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = pc.local_timestamp(column)
    return pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64()).to_numpy()
