"""The rows that leakage is looked for in: one table, its label in classes, its time in spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.duration import time_zone
from ctcore.errors import ArgumentError, ColumnTypeError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PARTS = 13  # weeks of a quarter
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Rows:
    """The data, and the holdout after it."""

    table: Any
    held_out: NDArray[np.bool_]
    label_name: str
    features: tuple[str, ...]
    categorical: frozenset[str]
    time_name: str | None
    query_name: str | None
    now: datetime | None
    zone: str
    span_length: timedelta | None
    label_window: timedelta | None

    @classmethod
    def of(
        cls,
        data: Any,
        holdout: Any,
        *,
        label: str,
        features: tuple[str, ...],
        categorical: frozenset[str],
        time: str | None,
        query: str | None,
        others: tuple[str, ...],
        now: datetime | None,
        zone: str,
        span: timedelta | None,
        label_window: timedelta | None,
    ) -> Rows:
        """Put data and holdout together; every column that is named must be there."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        time_zone(zone)  # refuses what is none
        names = list(dict.fromkeys(name for name in (label, time, query, *others, *features) if name is not None))
        tables = [data] if holdout is None else [data, holdout]
        for which, table in zip(("data", "holdout"), tables, strict=False):
            missing = [name for name in names if name not in table.column_names]
            if missing:
                hint = did_you_mean(missing[0], table.column_names)
                raise ArgumentError(f"{which}: there is no column {missing[0]!r}; {hint}")
        try:
            together = pa.concat_tables([table.select(names) for table in tables], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ColumnTypeError(f"holdout: its columns are of other types than the data's: {error}") from None
        if not together.num_rows:
            raise ArgumentError("data: there is no row")
        for name in (time, query):
            if name is not None and together[name].null_count:
                raise ArgumentError(f"{name}: {together[name].null_count:,} rows are null; every row needs one")
        held_out = np.arange(together.num_rows) >= data.num_rows
        return cls(together, held_out, label, features, categorical, time, query, now, zone, span, label_window)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.held_out)

    # ------------------------------------------------------------ the label

    @cached_property
    def label(self) -> NDArray[np.float64]:
        """The label of each row."""
        return numbers(self.table, self.label_name, missing=False)

    @cached_property
    def _query(self) -> NDArray[np.int64] | None:
        return None if self.query_name is None else codes(self.table, self.query_name)

    @cached_property
    def _class(self) -> NDArray[np.uint8]:
        return _core.label_classes(self._centred(self.label))

    def _centred(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take off the mean of the row's query: what a ranking can use. NaN counts for nothing."""
        if self._query is None:
            return values
        there = np.isfinite(values)
        rows = np.bincount(self._query, there)
        means = np.bincount(self._query, np.where(there, values, 0.0)) / np.maximum(rows, 1)
        # Equal values must stay equal: a mean of three thirds is not always one.
        return np.round(values - means[self._query], 9)

    def enough(self, most: float) -> bool:
        """Whether the standard error of an area under the curve is at most that."""
        return bool(self.judge("", np.zeros(self.count))["whole"]["null_error"] <= most)

    # ------------------------------------------------------------ time

    @cached_property
    def time(self) -> NDArray[np.int64] | None:
        """The instant of each row, in microseconds since 1970."""
        return None if self.time_name is None else instants(self.table, self.time_name)

    @property
    def mature(self) -> datetime | None:
        """The instant before which labels are final: days are counted on the wall clock, as those of a cycle are."""
        if self.now is None or self.label_window is None:
            return self.now
        return (self.now.replace(tzinfo=None) - self.label_window).replace(tzinfo=self.now.tzinfo)

    @cached_property
    def local(self) -> NDArray[np.int64]:
        """The wall clock of each row, in microseconds since 1970."""
        assert self.time_name is not None  # noqa: S101 - asked where there is time
        return wall_clock(self.table[self.time_name], self.zone)

    @cached_property
    def _spans(self) -> tuple[NDArray[np.int64], int, int, int]:
        """The span of each row, counted from the oldest, their number, and the newest one's beginning and end."""
        if self.time is None:
            return np.zeros(self.count, dtype=np.int64), 1, 0, 0
        zoned = self.table.schema.field(self.time_name).type.tz is not None
        newest, oldest = int(self.time.max()), int(self.time.min())
        ahead = int(self.local[self.time.argmax()]) - newest
        end = ((newest + ahead) // DAY + 1) * DAY - ahead  # the midnight after the newest row
        if self.mature is not None:
            end = max(microseconds(self.mature, zoned=zoned), newest + 1)
        if self.span_length is not None:
            length = int(self.span_length / timedelta(microseconds=1))
        else:
            length = max(-(-(end - oldest) // (_PARTS * DAY)), 1) * DAY
        back = np.minimum((end - 1 - self.time) // length, _PARTS - 1)
        count = int(back.max()) + 1
        return count - 1 - back, count, end - length, end

    @property
    def span(self) -> NDArray[np.int64]:
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
        import pyarrow as pa  # noqa: PLC0415 - heavy

        assert self.time_name is not None  # noqa: S101 - asked where there is time
        zone = self.table.schema.field(self.time_name).type.tz
        return int(wall_clock(pa.chunked_array([pa.array([moment], pa.timestamp("us", zone))]), self.zone)[0] // DAY)

    @property
    def newest(self) -> NDArray[np.bool_]:
        """Whether a row is of the newest span."""
        newest: NDArray[np.bool_] = self.span == self.spans - 1
        return newest

    # ------------------------------------------------------------ features

    def power(self, name: str) -> dict[str, Any]:
        """Say how well a feature predicts the label, in the whole and in each span."""
        if name not in self._powers:
            self._powers[name] = self.judge(name, self._seen(name))
        return self._powers[name]

    @cached_property
    def _powers(self) -> dict[str, dict[str, Any]]:
        return {}

    def _seen(self, name: str) -> Any:
        """Give a feature as a model can use it: in a ranking, numbers less their query's mean."""
        column = self.table[name]
        if self._query is None or name in self.categorical:
            return column
        try:
            return self._centred(numbers(self.table, name))
        except ColumnTypeError:
            return column

    def judge(self, name: str, column: Any) -> dict[str, Any]:
        """Say how well any column of as many rows predicts the label."""
        return dict(_core.predictiveness(name, column, self._class, self.span, self.spans))


def numbers(table: Any, name: str, *, missing: bool = True) -> NDArray[np.float64]:
    """Give a column as numbers, null as NaN."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    type_ = table.schema.field(name).type
    try:
        if not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)):
            raise pa.ArrowInvalid
        values: NDArray[np.float64] = table[name].cast(pa.float64(), safe=False).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ColumnTypeError(f"{name}: must hold numbers, found {type_}") from None
    absent = int(np.count_nonzero(np.isnan(values)))
    if absent and not missing:
        raise ArgumentError(f"{name}: {absent:,} of {len(values):,} rows have no label; leave them out, and say so")
    return values


def codes(table: Any, name: str) -> NDArray[np.int64]:
    """Give whole numbers that tell a column's values apart, -1 for null."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        encoded = table[name].combine_chunks()
        encoded = encoded if pa.types.is_dictionary(encoded.type) else pc.dictionary_encode(encoded)
    except pa.ArrowNotImplementedError:
        raise ColumnTypeError(f"{name}: values of type {table.schema.field(name).type} cannot be told apart") from None
    indices: NDArray[np.int64] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return indices


def instants(table: Any, name: str) -> NDArray[np.int64]:
    """Give a column of time stamps in microseconds since 1970; null as the least number."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    type_ = table.schema.field(name).type
    if not pa.types.is_timestamp(type_):
        raise ColumnTypeError(f"{name}: must hold time stamps, found {type_}")
    ticks = table[name].cast(pa.timestamp("us", type_.tz), safe=False).cast(pa.int64())
    values: NDArray[np.int64] = pc.fill_null(ticks, np.iinfo(np.int64).min).to_numpy()
    return values


def wall_clock(column: Any, zone: str) -> NDArray[np.int64]:
    """Give time stamps as the clocks of a zone show them; those without a zone are such already."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if column.type.tz is not None:
        column = pc.local_timestamp(column.cast(pa.timestamp("us", zone), safe=False))
    values: NDArray[np.int64] = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy()
    return values


def microseconds(moment: datetime, *, zoned: bool) -> int:
    """Give an instant as a column has it: a column without a zone holds the wall clock of the instant's own zone."""
    if not zoned:
        moment = moment.replace(tzinfo=UTC)
    elif moment.tzinfo is None:
        raise ArgumentError(f"now: must have a time zone, as the time column has, found {moment.isoformat()}")
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
