"""The rows that leakage is looked for in: their label in classes, their time in spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.duration import time_zone
from ctcore.errors import ArgumentError, ColumnTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ctcore.validate._columns import Columns

_PARTS = 13  # weeks of a quarter
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Rows:
    """The data, and the holdout after it: what is known of each row, and the columns to read."""

    columns: Columns
    held_out: NDArray[np.bool_]
    label: NDArray[np.float64]
    query: NDArray[np.int64] | None
    time: NDArray[np.int64] | None
    """The instant of each row, in microseconds since 1970."""
    tz: str | None
    """The time zone of the time column, where it has one."""
    categorical: frozenset[str]
    time_name: str | None
    now: datetime | None
    zone: str
    span_length: timedelta | None
    label_window: timedelta | None

    @classmethod
    def of(
        cls,
        columns: Columns,
        *,
        label: str,
        categorical: frozenset[str],
        time: str | None,
        query: str | None,
        now: datetime | None,
        zone: str,
        span: timedelta | None,
        label_window: timedelta | None,
    ) -> Rows:
        """Read label, query and time."""
        import pyarrow.compute as pc  # noqa: PLC0415 - heavy

        time_zone(zone)  # refuses what is none
        names = dict.fromkeys(name for name in (label, time, query) if name is not None)
        read, counts = columns.read(names)
        if not sum(counts):
            raise ArgumentError("data: there is no row")
        for name in (time, query):
            nulls = 0 if name is None else pc.sum(read[name].is_null()).as_py()
            if nulls:
                raise ArgumentError(f"{name}: {nulls:,} rows are null; every row needs one")
        types = columns.types
        return cls(
            columns=columns,
            held_out=np.arange(sum(counts)) >= counts[0],
            label=numbers(read[label], label, types[label], missing=False),
            query=None if query is None else codes(read[query], query, types[query]),
            time=None if time is None else instants(read[time], time, types[time]),
            tz=None if time is None else types[time].tz,
            categorical=categorical,
            time_name=time,
            now=now,
            zone=zone,
            span_length=span,
            label_window=label_window,
        )

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.held_out)

    # ------------------------------------------------------------ the label

    @cached_property
    def _class(self) -> NDArray[np.uint8]:
        return _core.label_classes(self._centred(self.label))

    def _centred(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take off the mean of the row's query: what a ranking can use. NaN counts for nothing."""
        if self.query is None:
            return values
        there = np.isfinite(values)
        rows = np.bincount(self.query, there)
        means = np.bincount(self.query, np.where(there, values, 0.0)) / np.maximum(rows, 1)
        # Equal values must stay equal: a mean of three thirds is not always one.
        return np.round(values - means[self.query], 9)

    def enough(self, most: float) -> bool:
        """Whether the standard error of an area under the curve is at most that."""
        return bool(self.judge("", np.zeros(self.count))["whole"]["null_error"] <= most)

    # ------------------------------------------------------------ time

    @property
    def mature(self) -> datetime | None:
        """The instant before which labels are final: days are counted on the wall clock, as those of a cycle are."""
        if self.now is None or self.label_window is None:
            return self.now
        return (self.now.replace(tzinfo=None) - self.label_window).replace(tzinfo=self.now.tzinfo)

    @cached_property
    def local(self) -> NDArray[np.int64]:
        """The wall clock of each row, in microseconds since 1970."""
        assert self.time is not None  # noqa: S101 - asked where there is time
        return wall_clock(self.time, self.tz, self.zone)

    @cached_property
    def _spans(self) -> tuple[NDArray[np.uint8], int, int, int]:
        """The span of each row, counted from the oldest, their number, and the newest one's beginning and end."""
        if self.time is None:
            return np.zeros(self.count, dtype=np.uint8), 1, 0, 0
        newest, oldest = int(self.time.max()), int(self.time.min())
        ahead = int(self.local[self.time.argmax()]) - newest
        end = ((newest + ahead) // DAY + 1) * DAY - ahead  # the midnight after the newest row
        if self.mature is not None:
            end = max(microseconds(self.mature, zoned=self.tz is not None), newest + 1)
        if self.span_length is not None:
            length = int(self.span_length / timedelta(microseconds=1))
        else:
            length = max(-(-(end - oldest) // (_PARTS * DAY)), 1) * DAY
        back = np.minimum((end - 1 - self.time) // length, _PARTS - 1)
        count = int(back.max()) + 1
        return (count - 1 - back).astype(np.uint8), count, end - length, end

    @property
    def span(self) -> NDArray[np.uint8]:
        """The span of each row, the newest last."""
        return self._spans[0]

    @property
    def spans(self) -> int:
        """The number of spans."""
        return self._spans[1]

    @cached_property
    def newest_day(self) -> int:
        """The day on which the newest span begins, in days since 1970."""
        return self._local_day(self._spans[2])

    @property
    def newest_begins(self) -> str:
        """The day on which the newest span begins."""
        return str(np.datetime64(self.newest_day, "D"))

    @property
    def last_day(self) -> int:
        """The day on which the newest span ends, whether it has rows or not."""
        return self._local_day(self._spans[3] - 1)

    def _local_day(self, moment: int) -> int:
        return int(wall_clock(np.array([moment]), self.tz, self.zone)[0] // DAY)

    @property
    def newest(self) -> NDArray[np.bool_]:
        """Whether a row is of the newest span."""
        newest: NDArray[np.bool_] = self.span == self.spans - 1
        return newest

    # ------------------------------------------------------------ features

    def power(self, name: str, column: Any) -> dict[str, Any]:
        """Say how well a feature predicts the label, in the whole and in each span."""
        return self.judge(name, self._seen(name, column))

    def _seen(self, name: str, column: Any) -> Any:
        """Give a feature as a model can use it: in a ranking, numbers less their query's mean."""
        if self.query is None or name in self.categorical:
            return column
        try:
            return self._centred(numbers(column, name, self.columns.types[name]))
        except ColumnTypeError:
            return column

    def judge(self, name: str, column: Any) -> dict[str, Any]:
        """Say how well any column of as many rows predicts the label."""
        return dict(_core.predictiveness(name, column, self._class, self.span, self.spans))


def numbers(column: Any, name: str, type_: Any, *, missing: bool = True) -> NDArray[np.float64]:
    """Give a column of a type as numbers, null as NaN."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    try:
        if not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)):
            raise pa.ArrowInvalid
        values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ColumnTypeError(f"{name}: must hold numbers, found {type_}") from None
    absent = int(np.count_nonzero(np.isnan(values)))
    if absent and not missing:
        raise ArgumentError(f"{name}: {absent:,} of {len(values):,} rows have no label; leave them out, and say so")
    return values


def codes(column: Any, name: str, type_: Any) -> NDArray[np.int64]:
    """Give whole numbers that tell the values of a column of a type apart, -1 for null."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        # Dictionaries of files may differ from batch to batch, and say a value twice.
        plain = column if column.type == type_ else column.cast(type_)
        encoded = plain.combine_chunks() if pa.types.is_dictionary(type_) else pc.dictionary_encode(plain)
    except pa.ArrowNotImplementedError:
        raise ColumnTypeError(f"{name}: values of type {type_} cannot be told apart") from None
    parts = [each.indices.fill_null(-1).to_numpy() for each in getattr(encoded, "chunks", [encoded])]
    return np.concatenate(parts, dtype=np.int64) if parts else np.empty(0, np.int64)


def instants(column: Any, name: str, type_: Any) -> NDArray[np.int64]:
    """Give a column of time stamps in microseconds since 1970; null as the least number."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if not pa.types.is_timestamp(type_):
        raise ColumnTypeError(f"{name}: must hold time stamps, found {type_}")
    ticks = column.cast(pa.timestamp("us", type_.tz), safe=False).cast(pa.int64())
    values: NDArray[np.int64] = pc.fill_null(ticks, np.iinfo(np.int64).min).to_numpy()
    return values


def wall_clock(moments: NDArray[np.int64], tz: str | None, zone: str) -> NDArray[np.int64]:
    """Give instants as the clocks of a zone show them; those of a column without a zone are such already."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if tz is None:
        return moments
    local = pc.local_timestamp(pa.array(moments).view(pa.timestamp("us", zone)))
    values: NDArray[np.int64] = local.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return values


def microseconds(moment: datetime, *, zoned: bool) -> int:
    """Give an instant as a column has it: a column without a zone holds the wall clock of the instant's own zone."""
    if not zoned:
        moment = moment.replace(tzinfo=UTC)
    elif moment.tzinfo is None:
        raise ArgumentError(f"now: must have a time zone, as the time column has, found {moment.isoformat()}")
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
