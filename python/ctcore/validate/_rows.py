"""The rows that leakage is looked for in: their label, their time in spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ctcore import _core
from ctcore.duration import time_zone
from ctcore.errors import ArgumentError, ColumnTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ctcore.validate._columns import Columns

_PARTS = 13  # weeks of a quarter
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked for, and in which columns."""

    label: str
    features: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    time: str | None = None
    query: str | None = None
    zone: str = "UTC"
    label_time: str | None = None
    label_window: timedelta | None = None
    feature_times: tuple[str, ...] = ()
    decision: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """The columns that every question needs."""
        return tuple(name for name in (self.label, self.time, self.query) if name is not None)

    @property
    def stamps(self) -> tuple[str, ...]:
        """The columns that say when, beside the row's own time."""
        return tuple(name for name in (self.label_time, *self.feature_times) if name is not None)

    @property
    def judged(self) -> tuple[str, ...]:
        """The columns that are looked at and are no features by themselves."""
        return (*self.stamps, *([] if self.decision is None else [self.decision]), *self.keys)


class Calendar(NamedTuple):
    """The spans: each of so many days, counted back from a last day."""

    last_day: int
    days: int
    spans: int


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is known of each row of the data, and of the holdout after it."""

    asked: Asked
    held_out: NDArray[np.bool_]
    label: NDArray[np.float64]
    seen: NDArray[np.float64]
    """The label as it can be learned: in a ranking less its query's mean."""
    time: NDArray[np.int64] | None
    """The instant of each row, in microseconds since 1970."""
    tz: str | None
    """The time zone of the time column, where it has one."""
    now: datetime | None = None
    span_length: timedelta | None = None

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.held_out)

    @cached_property
    def labelled(self) -> _core.Labelled:
        """The rows as features are counted by them."""
        return _core.Labelled(self.seen, self.day)

    def power(self, counts: _core.Joint) -> dict[str, Any]:
        """Say how well counted values predict the label, in the whole and in each span."""
        return dict(_core.predictiveness(counts, *self.calendar))

    def enough(self, most: float) -> bool:
        """Whether the standard error of an area under the curve is at most that."""
        counts = self.labelled.count("", np.zeros(self.count))
        return bool(self.power(counts)["whole"]["null_error"] <= most)

    # ------------------------------------------------------------ time

    @property
    def mature(self) -> datetime | None:
        """The instant before which labels are final: days are counted on the wall clock, as those of a cycle are."""
        if self.now is None or self.asked.label_window is None:
            return self.now
        return (self.now.replace(tzinfo=None) - self.asked.label_window).replace(tzinfo=self.now.tzinfo)

    @cached_property
    def local(self) -> NDArray[np.int64]:
        """The wall clock of each row, in microseconds since 1970."""
        assert self.time is not None  # noqa: S101 - asked where there is time
        return wall_clock(self.time, self.tz, self.asked.zone)

    @cached_property
    def day(self) -> NDArray[np.int64]:
        """The day of each row, in days since 1970; one for all where no time was named."""
        return np.zeros(self.count, np.int64) if self.time is None else self.local // DAY

    @cached_property
    def calendar(self) -> Calendar:
        """The spans: they end with the newest row's day, or with the last on which labels are final."""
        if self.time is None:
            return Calendar(0, 1, 1)
        oldest, last = int(self.day.min()), int(self.day.max())
        if self.mature is not None:
            end = max(microseconds(self.mature, zoned=self.tz is not None), int(self.time.max()) + 1)
            last = int(wall_clock(np.array([end - 1]), self.tz, self.asked.zone)[0] // DAY)
        days = -(-(last + 1 - oldest) // _PARTS)
        if self.span_length is not None:
            days, rest = divmod(self.span_length, timedelta(days=1))
            if rest or days < 1:
                raise ArgumentError(f"span: must be whole days, at least one, found {self.span_length}")
        return Calendar(last, days, min((last - oldest) // days, _PARTS - 1) + 1)

    @property
    def spans(self) -> int:
        """The number of spans."""
        return self.calendar.spans

    @property
    def newest_day(self) -> int:
        """The day on which the newest span begins, in days since 1970."""
        return self.calendar.last_day - self.calendar.days + 1

    @property
    def newest_begins(self) -> str:
        """The day on which the newest span begins."""
        return str(np.datetime64(self.newest_day, "D"))

    @property
    def newest(self) -> NDArray[np.bool_]:
        """Whether a row is of the newest span."""
        newest: NDArray[np.bool_] = self.day >= self.newest_day
        return newest


@dataclass(frozen=True, slots=True)
class Queries:
    """Which rows are of one query."""

    codes: NDArray[np.int64]

    def centred(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take off the mean of the row's query: what a ranking can use. NaN counts for nothing."""
        there = np.isfinite(values)
        rows = np.bincount(self.codes, there)
        means = np.bincount(self.codes, np.where(there, values, 0.0)) / np.maximum(rows, 1)
        # Equal values must stay equal: a mean of three thirds is not always one.
        return np.round(values - means[self.codes], 9)


def read(
    columns: Columns, asked: Asked, *, now: datetime | None, span: timedelta | None = None
) -> tuple[Rows, Queries | None]:
    """Read label, query and time."""
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    time_zone(asked.zone)  # refuses what is none
    found, counts = columns.read(dict.fromkeys(asked.known))
    if not sum(counts):
        raise ArgumentError("data: there is no row")
    for name in (asked.time, asked.query):
        nulls = 0 if name is None else pc.sum(found[name].is_null()).as_py()
        if nulls:
            raise ArgumentError(f"{name}: {nulls:,} rows are null; every row needs one")
    types = columns.types
    label = numbers(found[asked.label], asked.label, types[asked.label], missing=False)
    queries = None if asked.query is None else Queries(codes(found[asked.query], asked.query, types[asked.query]))
    rows = Rows(
        asked=asked,
        held_out=np.arange(sum(counts)) >= counts[0],
        label=label,
        seen=label if queries is None else queries.centred(label),
        time=None if asked.time is None else instants(found[asked.time], asked.time, types[asked.time]),
        tz=None if asked.time is None else types[asked.time].tz,
        now=now,
        span_length=span,
    )
    return rows, queries


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
