"""The snapshot: the rows that a run sees, and the record of where they came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.data import _source
from ctcore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    import pyarrow as pa

    from ctcore.data._span import Spans

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows, and their record."""

    table: pa.Table = field(repr=False)
    record: dict[str, Any]
    """Files with size and sha256 (or the digest of what a callable gave), rows and time range."""


def snapshot(
    source: str | Path | Callable[[datetime, datetime], pa.Table], spans: Spans, *, time_column: str, root: Path
) -> Snapshot:
    """Read the rows of [read_from, as_of) and record exactly what was read.

    ``source`` is a path, a folder or a pattern below ``root``, or a function of (start, end) that gives a table.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    start, end = spans.read_from, spans.as_of
    if callable(source):
        table = source(start, end)
        if not isinstance(table, pa.Table):
            raise DataError(f"source: the callable must give a pyarrow.Table, found {type(table).__name__}")
        origin: dict[str, Any] = {"callable": f"{source.__module__}:{source.__qualname__}"}
        names = table.column_names
    else:
        opened = _source.source(source, root)
        origin = {"files": opened.record(root)}
        names = opened.schema.names
    if time_column not in names:
        raise DataError(f"data: there is no time column {time_column!r}; the columns are {', '.join(names)}")
    time_type = (table if callable(source) else opened).schema.field(time_column).type
    if not pa.types.is_timestamp(time_type):
        raise DataError(f"data: the time column {time_column!r} must hold timestamps, found {time_type}")
    if callable(source):
        table = between(table, time_column, start, end)
    else:
        table = opened.table(span=(time_column, _scalar(start, time_type), _scalar(end, time_type)))
    if callable(source):
        origin["sha256"] = _digest(table)
    times = pc.min_max(table[time_column])
    moment = pa.timestamp("us", time_type.tz)  # what Python's own times hold
    first, last = (_text(times[end].cast(moment, safe=False).as_py()) for end in ("min", "max"))
    record = {
        "source": origin,
        "time_column": time_column,
        "read": [start.isoformat(), end.isoformat()],
        "rows": table.num_rows,
        "first": first,
        "last": last,
    }
    return Snapshot(table, record)


def holdout_file(path: str | Path, root: Path) -> Snapshot:
    """Read a holdout that is a file of its own."""
    opened = _source.source(path, root)
    table = opened.table()
    return Snapshot(table, {"source": {"files": opened.record(root)}, "rows": table.num_rows})


def without(table: pa.Table, other: pa.Table) -> pa.Table:
    """Give the rows of a table that are not rows of the other one."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    unknown = [name for name in other.column_names if name not in table.column_names]
    if unknown:
        raise DataError(f"holdout: the file has the column {unknown[0]!r}, which the rows to learn from do not have")
    both = pa.concat_tables([table.select(other.column_names), other], promote_options="permissive")
    codes = np.zeros(both.num_rows, dtype=np.int64)
    for column in both.columns:
        values = column.combine_chunks().dictionary_encode()
        values = values.indices.fill_null(len(values.dictionary)).to_numpy(zero_copy_only=False)
        codes = np.unique(codes * (int(values.max(initial=0)) + 1) + values, return_inverse=True)[1]
    return table.filter(pa.array(~np.isin(codes[: table.num_rows], codes[table.num_rows :])))


def local_days(table: pa.Table, time_column: str, zone: str) -> Any:
    """Give the local day of each row as days since 1970-01-01."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    times = table[time_column]
    if times.type.tz is not None:
        times = pc.local_timestamp(times.cast(pa.timestamp(times.type.unit, zone)))
    return times.cast(pa.date32(), safe=False).cast(pa.int32()).to_numpy()


def days(
    table: pa.Table, time_column: str, zone: ZoneInfo, *, after: datetime | None, end: datetime
) -> Iterator[tuple[datetime, datetime, pa.Table]]:
    """Give the rows of each day of a zone that begins after an instant and before ``end``; some days have none.

    Without ``after``, from the first day that has rows. A day is given by its midnight and the next one.
    """
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    def midnight(number: int) -> datetime:
        return datetime.combine(date.fromordinal(number), time(), zone)

    if after is None and not table.num_rows:
        return
    if after is not None:
        first = after.astimezone(zone).toordinal() + 1
        table = between(table, time_column, midnight(first), end)
    numbers = local_days(table, time_column, str(zone)) + _EPOCH
    order = np.argsort(numbers, kind="stable")
    span = range(int(numbers[order[0]]) if after is None else first, end.toordinal() + 1)
    borders = np.searchsorted(numbers[order], span)
    for number, start, stop in zip(span, borders, borders[1:], strict=False):
        yield midnight(number), midnight(number + 1), table.take(pa.array(order[start:stop]))


def between(table: pa.Table, time_column: str, start: datetime, end: datetime) -> pa.Table:
    """Give the rows of [start, end)."""
    import pyarrow.compute as pc  # noqa: PLC0415

    times = table[time_column]
    low, high = _scalar(start, times.type), _scalar(end, times.type)
    return table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))


def _scalar(moment: datetime, type_: Any) -> Any:
    """Give an instant in a column's type; a column without a zone is read as the wall clock of the project's zone."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.scalar(moment if type_.tz else moment.replace(tzinfo=None), type_)


def _digest(table: pa.Table) -> str:
    """Give the digest of a table's content, whatever its chunks."""
    import pyarrow as pa  # noqa: PLC0415

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
