"""Training / serving skew, row by row: what serving logged against what training computed for the same key."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ctcore import _core
from ctcore.binomial import Z_90, exact_interval
from ctcore.errors import ArgumentError, ColumnTypeError, DataError, did_you_mean
from ctcore.validate._again import in_files
from ctcore.verdict import Check, Report, Verdict, plain

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_SHOWN = 3
"""Examples, and pairs of values, that are kept of a column."""
_PIECE = 1 << 20
"""Keys that are hashed at once."""
_PART_BITS = 6
"""Keys are matched in 64 parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row whose value differs."""

    key: tuple[Any, ...]
    training: Any
    serving: Any

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; what JSON has no word for becomes text."""
        return {"key": [_said(each) for each in self.key]} | _said_both(self.training, self.serving)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSkew:
    """How a column differs."""

    name: str
    differing: int
    """Rows that differ, among those whose key is on both sides."""
    only_in_training: int = 0
    """Of these, rows that are null at serving alone."""
    only_in_serving: int = 0
    """Of these, rows that are null in training alone."""
    examples: tuple[Difference, ...] = ()
    """Of fractions the rows that differ most for their size, else the first ones."""
    pairs: tuple[tuple[Any, Any, int], ...] = ()
    """Of all but fractions the values that most often stand against each other: training, serving, rows."""

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "name": self.name,
            "differing": self.differing,
            "only_in_training": self.only_in_training,
            "only_in_serving": self.only_in_serving,
            "examples": [each.to_dict() for each in self.examples],
            "pairs": [_said_both(*pair[:2]) | {"rows": pair[2]} for pair in self.pairs],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewReport(Report):
    """What became of each column."""

    kind: ClassVar[str] = "skew"
    matched: int
    """Keys on both sides: the rows that were compared."""
    only_in_training: int
    only_in_serving: int
    columns: tuple[ColumnSkew, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        base = super(SkewReport, self).to_dict()
        names = ("matched", "only_in_training", "only_in_serving")
        columns = [each.to_dict() for each in self.columns]
        return base | {name: getattr(self, name) for name in names} | {"columns": columns}


def skew(
    training: Any,
    serving: Any,
    *,
    key: Sequence[str],
    columns: Sequence[str] | None = None,
    tolerance: float = 0.01,
    relative: float = 1e-6,
    absolute: float = 1e-9,
) -> SkewReport:
    """Compare, row by row, what serving logged with what training computed for the same key.

    Both sides are joined on the key. Of each column, the rows that differ are counted, and their share is judged by its
    exact two-sided 90% interval (Clopper and Pearson): ``fail`` where it lies above ``tolerance``, ``pass`` where it
    lies below, ``warn`` where it is no wider than the tolerance and still holds it, ``insufficient`` where more rows
    are needed, which the message says. So a column that keeps the tolerance fails at most once in twenty times. A
    ``tolerance`` of 0 is exact: one row that differs fails.

    - **Fractions** (and whole numbers against fractions) differ where ``|a - b| > max(relative * max(|a|, |b|),
      absolute)``. NaN equals NaN, an infinity itself.
    - **Everything else** differs where it is not equal: whole numbers, text, truth values, times. Times are compared as
      instants, whatever their units.
    - **Null** equals null alone; NaN is no null.

    A column of another kind on the other side (text for numbers, a time without a zone) fails as a whole. Lists,
    structs and maps are ``not_run``. Rows without a key (a null in it) are counted, and not joined. Whether the sides
    are alike as a whole, also of rows that no key joins, is what ``ctcore.drift`` tells.

    Parameters
    ----------
    training, serving : a ``ctcore.data.Source``, a pyarrow.Table, or anything with the Arrow interface
        The rows. Of Parquet and Arrow files the keys are held in memory, and one column at a time; of other data all.
    key : list of str
        The columns that name a row, such as a request's id, or an item and a time. Not fractions.
    columns : list of str, optional
        The columns to compare; those that both sides have, without it.
    tolerance : float
        The share of rows that may differ, in [0, 1).
    relative, absolute : float
        How far fractions may lie apart: by default what single precision and another order of summing make of a number.

    Raises
    ------
    ArgumentError
        A column that is not there, or a tolerance out of its range.
    ColumnTypeError
        The key is of another kind on each side, or cannot be one.
    DataError
        A key occurs more than once on a side.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> training = pa.table({"id": range(1000), "km": [float(each) for each in range(1000)]})
    >>> serving = pa.table({"id": range(1000), "km": [each / 1.609 for each in range(1000)]})
    >>> report = validate.skew(training, serving, key=["id"])
    >>> report.checks[-1].message.partition(";")[0]
    'km: 999 of 1,000 rows (99.90%) differ, 1.00% may'
    >>> report.columns[0].differing, report.matched
    (999, 1000)
    """
    for name, value, most in (
        ("tolerance", tolerance, 1.0),
        ("relative", relative, 1.0),
        ("absolute", absolute, math.inf),
    ):
        if not 0 <= value < most:
            raise ArgumentError(f"{name}: must be at least 0 and below {most:g}, found {value!r}")
    sides = {"training": _Side.of("training", training), "serving": _Side.of("serving", serving)}
    if not key:
        raise ArgumentError("key: name the columns that tell rows apart")
    for asked, names in (("key", key), ("columns", columns or ())):
        for side, rows in sides.items():
            for name in names:
                if name not in rows.names:
                    raise ArgumentError(f"{asked}: {side} has no column {name!r}; {did_you_mean(name, rows.names)}")
    return _Joined(sides, list(key), columns, tolerance, relative, absolute).report()


@dataclass(frozen=True, slots=True)
class _Side:
    """The rows of a side, read by column where they can be."""

    names: list[str]
    column: Callable[[str], Any]

    @classmethod
    def of(cls, side: str, data: Any) -> _Side:
        if in_files(data) and data.columnar:
            return cls(data.schema.names, lambda name: data.table([name])[name])
        table = _table(side, data)
        return cls(table.column_names, table.column)


class _Joined:
    """Both sides, their rows in the order of training's."""

    def __init__(
        self,
        sides: dict[str, _Side],
        key: list[str],
        columns: Sequence[str] | None,
        tolerance: float,
        relative: float,
        absolute: float,
    ) -> None:
        self.key, self.tolerance, self.relative, self.absolute = key, tolerance, relative, absolute
        self.training, self.serving = sides["training"], sides["serving"]
        names = [name for name in self.training.names if name not in key]
        self.columns = list(columns) if columns else [name for name in names if name in self.serving.names]
        self.alone = {} if columns else {
            side: [name for name in rows.names if name not in other.names]
            for side, rows, other in (
                ("training", self.training, self.serving),
                ("serving", self.serving, self.training),
            )
        }  # fmt: skip
        self.keys: list[Any] = []
        self.rows = self._join()

    def report(self) -> SkewReport:
        checks, columns = [*self._keys()], []
        for name in self.columns:
            check, found = self._column(name)
            checks.append(check)
            columns.append(found)
        matched = len(self.rows[0])
        return SkewReport(
            checks=tuple(checks),
            matched=matched,
            only_in_training=self.keyed[0] - matched,
            only_in_serving=self.keyed[1] - matched,
            columns=tuple(columns),
        )

    # ------------------------------------------------------------ keys

    def _join(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the rows of both sides that have a key in common."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        keys: tuple[list[Any], list[Any]] = ([], [])
        for name in self.key:
            given = [side.column(name) for side in (self.training, self.serving)]
            pair = _alike(*given)
            if isinstance(pair, str) or pa.types.is_floating(pair[0].type):
                what = f"key: {name} is {given[0].type} in training and {given[1].type} in serving"
                raise ColumnTypeError(f"{what}; a key is whole numbers, text or times, and of one kind")
            self.keys.append(given[0])
            for parts, column in zip(keys, pair, strict=True):
                parts.append(column)
        self.counts = [len(parts[0]) for parts in keys]
        there = [_complete(parts) for parts in keys]
        self.keyed = [len(rows) for rows in there]
        found = _matches(*(_key_hashes(parts, rows) for parts, rows in zip(keys, there, strict=True)))
        if isinstance(found, str):
            side = ("training", "serving").index(found)
            names = [f"key{place}" for place in range(len(self.key))]
            raise _repeated(found, pa.table(keys[side], names=names).take(pa.array(there[side])), self.key)
        return there[0][found[0]], there[1][found[1]]

    def _keys(self) -> Iterator[Check]:
        matched = len(self.rows[0])
        sides = [
            f"{keyed - matched:,} in {side} alone" + (f" and {rows - keyed:,} rows without one" if rows > keyed else "")
            for side, keyed, rows in (
                ("training", self.keyed[0], self.counts[0]),
                ("serving", self.keyed[1], self.counts[1]),
            )
        ]
        message = f"{matched:,} keys ({', '.join(self.key)}) are on both sides; {', '.join(sides)}"
        if not matched:
            message += ". Nothing can be compared: give rows of the same time, and a key that both sides write alike"
        verdict = Verdict.PASS if matched else Verdict.INSUFFICIENT
        yield Check(id="skew.keys", verdict=verdict, message=message, value=matched, n=matched)
        for side, names in self.alone.items():
            if names:
                message = f"{', '.join(names)}: in {side} alone, and not compared"
                yield Check(id=f"skew.only_in_{side}", verdict=Verdict.WARN, message=message, required=False)

    # ------------------------------------------------------------ columns

    def _column(self, name: str) -> tuple[Check, ColumnSkew]:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        id_, rows = f"skew.{name}", len(self.rows[0])
        given = [side.column(name) for side in (self.training, self.serving)]
        pair = _alike(*given)
        if isinstance(pair, str):
            types = f"{given[0].type} in training and {given[1].type} in serving"
            verdict = Verdict.FAIL if pair == "kind" else Verdict.NOT_RUN
            message = f"{name} is {types}" + ("" if pair == "kind" else f", which cannot be compared: {pair}")
            return Check(id=id_, verdict=verdict, message=message), ColumnSkew(name=name, differing=0)
        training, serving = (column.take(pa.array(side)) for column, side in zip(pair, self.rows, strict=True))
        del given, pair  # the rows in the order of the keys are all that is needed now
        differs, size = self._differing(training, serving)
        nulls = [np.asarray(side.is_null()) for side in (training, serving)]
        found = ColumnSkew(
            name=name,
            differing=int(np.count_nonzero(differs)),
            only_in_training=int(np.count_nonzero(nulls[1] & ~nulls[0])),
            only_in_serving=int(np.count_nonzero(nulls[0] & ~nulls[1])),
            examples=self._examples(training, serving, differs, size),
            pairs=() if size is not None else _pairs(training, serving, differs),
        )
        return self._judge(id_, found, rows), found

    def _differing(self, training: Any, serving: Any) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None]:
        """Tell which rows differ; of fractions also how much those do for their size."""
        import pyarrow as pa  # noqa: PLC0415 - heavy
        import pyarrow.compute as pc  # noqa: PLC0415

        nulls = [np.asarray(side.is_null()) for side in (training, serving)]
        one_null = nulls[0] != nulls[1]
        if not pa.types.is_floating(training.type):
            return np.asarray(pc.fill_null(pc.not_equal(training, serving), False)) | one_null, None
        a, b = (side.fill_null(0.0).to_numpy() for side in (training, serving))
        differs = (a != b) & ~(np.isnan(a) & np.isnan(b)) | one_null
        places = np.flatnonzero(differs)
        a, b = a[places], b[places]
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(a) & np.isfinite(b) & ~one_null[places]
            apart, largest = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
            near = finite & (apart <= np.maximum(self.relative * largest, self.absolute))
            size = np.where(finite, apart / np.where(largest > 0, largest, 1.0), np.inf)
        differs[places[near]] = False
        return differs, size[~near]

    def _examples(
        self, training: Any, serving: Any, differs: NDArray[np.bool_], size: NDArray[np.float64] | None
    ) -> tuple[Difference, ...]:
        places = np.flatnonzero(differs)
        if size is not None:
            places = places[np.argsort(-size, kind="stable")]
        return tuple(
            Difference(
                key=tuple(_value(column[int(self.rows[0][place])]) for column in self.keys),
                training=_value(training[int(place)]),
                serving=_value(serving[int(place)]),
            )
            for place in places[:_SHOWN]
        )

    def _judge(self, id_: str, found: ColumnSkew, rows: int) -> Check:
        share, (lower, upper) = found.differing / max(rows, 1), exact_interval(found.differing, rows)
        message = f"{found.name}: {found.differing:,} of {rows:,} rows ({share:.2%}) differ, {self.tolerance:.2%} may"
        tolerance = self.tolerance
        if lower > tolerance:
            verdict = Verdict.FAIL
        elif upper < tolerance or (tolerance == 0 and rows):
            verdict = Verdict.PASS
        elif upper - lower < tolerance:
            verdict, message = Verdict.WARN, f"{message}: more rows would not tell"
        else:
            verdict, message = Verdict.INSUFFICIENT, f"{message}; {_needed(share, tolerance)}"
        for each in found.examples:
            named = ", ".join(f"{name}={_text(part)}" for name, part in zip(self.key, each.key, strict=True))
            message += f"; {named}: {_text(each.training)} in training, {_text(each.serving)} in serving"
        return Check(
            id=id_, verdict=verdict, message=message, value=share, lower=lower, upper=upper, threshold=tolerance, n=rows
        )


def _needed(share: float, tolerance: float) -> str:
    """Say how many rows would decide, if the share stayed as it is."""
    if share == tolerance:
        return "more rows of another share are needed to tell"
    rows = share * (1 - share) * (Z_90 / (share - tolerance)) ** 2
    if share < tolerance:
        rows = max(rows, math.log(0.05) / math.log1p(-tolerance))  # where none differs
    return f"about {float(f'{rows:.1e}'):,.0f} rows would tell"


# ------------------------------------------------------------ Arrow


def _table(side: str, data: Any) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if isinstance(data, pa.Table):
        table = data
    elif hasattr(data, "__arrow_c_stream__"):
        table = pa.table(data)
    else:
        raise ArgumentError(f"{side}: give a table with the Arrow interface, found {type(data).__name__}")
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise DataError(f"{side}: the column name {twice[0]!r} occurs more than once")
    return table


# ------------------------------------------------------------ keys


def _complete(key: Sequence[Any]) -> NDArray[np.int64]:
    """Give the rows that have a key: no part of it is null."""
    there = np.ones(len(key[0]), dtype=bool)
    for column in key:
        there &= np.asarray(column.is_valid())
    return np.flatnonzero(there)


def _key_hashes(key: Sequence[Any], rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash the keys of some rows to 128 bits, as two numbers. Two of a billion are wrongly alike once in 1e20 times."""
    columns = [(str(place), _hashable(column)) for place, column in enumerate(key)]
    hashes = np.empty((len(key[0]), 2), dtype=np.uint64)
    for start in range(0, len(hashes), _PIECE):
        pieces = [(name, column.slice(start, _PIECE)) for name, column in columns]
        found = np.frombuffer(_core.row_hashes(pieces, near=False), dtype=np.uint64)
        hashes[start : start + _PIECE] = found.reshape(-1, 2)
    return hashes if len(rows) == len(hashes) else hashes[rows]


def _hashable(column: Any) -> Any:
    """Give a column as what is hashed exactly: times as their ticks, large whole numbers as text."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    type_ = column.type
    if pa.types.is_decimal(type_):
        return column.cast(pa.string())
    if pa.types.is_timestamp(type_) or pa.types.is_time64(type_) or pa.types.is_duration(type_):
        return column.cast(pa.int64())
    return column


def _matches(
    training: NDArray[np.uint64], serving: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | str:
    """Give the rows of both sides whose keys are alike, in the order of training's, or the side that has a key twice.

    Keys are sorted in parts, by their first bits, so that little is held beside them.
    """
    parts = [(side[:, 1] >> np.uint64(64 - _PART_BITS)).astype(np.uint8) for side in (training, serving)]
    found = np.full(len(training), -1)
    for part in range(2**_PART_BITS):
        rows = [np.flatnonzero(each == part) for each in parts]
        keys = np.concatenate([side[each] for side, each in zip((training, serving), rows, strict=True)])
        order = np.lexsort(keys.T)  # stable: of equal keys training's comes first
        low, high = keys[order].T
        alike = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
        first, second, border = order[:-1][alike], order[1:][alike], len(rows[0])
        if (second < border).any():
            return "training"
        if (first >= border).any():
            return "serving"
        found[rows[0][first]] = rows[1][second - border]
    left = np.flatnonzero(found >= 0)
    return left, found[left]


def _repeated(side: str, table: pa.Table, key: list[str]) -> DataError:
    """Say which keys occur more than once."""
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    names = table.column_names
    counts = table.group_by(names).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1)).sort_by([(name, "ascending") for name in names])
    first = ", ".join(f"{name}={_text(_value(repeated[each][0]))}" for name, each in zip(key, names, strict=True))
    return DataError(
        f"{side}: {repeated.num_rows:,} keys occur more than once, such as {first}; name more columns in the key "
        f"(a time), or keep one row of each"
    )


def _pairs(training: Any, serving: Any, differs: NDArray[np.bool_]) -> tuple[tuple[Any, Any, int], ...]:
    """Count which values stand against which, the most frequent first."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if not differs.any():
        return ()
    mask = pa.array(differs)
    both = pa.table({"training": training.filter(mask), "serving": serving.filter(mask)})
    counted = both.group_by(["training", "serving"]).aggregate([([], "count_all")])
    order = [("count_all", "descending"), ("training", "ascending"), ("serving", "ascending")]
    first = counted.sort_by(order).slice(0, _SHOWN)
    names = ("training", "serving", "count_all")
    return tuple(tuple(_value(first[name][row]) for name in names) for row in range(first.num_rows))


def _alike(training: Any, serving: Any) -> tuple[Any, Any] | str:
    """Give both columns as one type, ``"kind"`` where they are of different kinds, or why they cannot be compared."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    sides = [_plain(column) for column in (training, serving)]
    kinds = [_kind(side.type) for side in sides]
    if None in kinds:
        return "compare lists and structs as columns of their own"
    kind = _common(kinds)
    if kind is None:
        return "kind"
    type_: pa.DataType
    if kind == "whole":
        large = any(pa.types.is_uint64(side.type) for side in sides)
        type_ = pa.decimal128(20, 0) if large else pa.int64()
    elif kind in _FIXED:
        type_ = _FIXED[kind]()
    else:  # times: the finer unit
        units = [getattr(side.type, "unit", "s") for side in sides if not pa.types.is_null(side.type)]
        unit = max(units, key=("s", "ms", "us", "ns").index)
        type_ = {
            "instant": lambda: pa.timestamp(unit, "UTC"),
            "wall clock": lambda: pa.timestamp(unit),
            "time of day": lambda: pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit),
            "duration": lambda: pa.duration(unit),
        }[kind]()
    try:
        return sides[0].cast(type_), sides[1].cast(type_)
    except pa.ArrowException as error:
        return " ".join(str(error).split())


def _value(scalar: Any) -> Any:
    """Give a value as Python's; a time to the nanosecond, which Python has none of, as text."""
    try:
        return scalar.as_py()
    except ValueError:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        return scalar.cast(pa.string()).as_py()


def _plain(column: Any) -> Any:
    """Give a column without its dictionary."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


_FIXED = {
    "fraction": lambda: _arrow().float64(),
    "text": lambda: _arrow().large_string(),
    "bytes": lambda: _arrow().large_binary(),
    "truth value": lambda: _arrow().bool_(),
    "date": lambda: _arrow().date32(),
    "nothing": lambda: _arrow().int64(),
}


def _arrow() -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return pa


def _common(kinds: Sequence[str | None]) -> str | None:
    """Give the kind that both are compared as; a column of nulls alone is of any kind."""
    found = {kind for kind in kinds if kind != "nothing"}
    if found == {"whole", "fraction"}:
        return "fraction"
    return None if len(found) > 1 else next(iter(found), "nothing")


def _kind(type_: pa.DataType) -> str | None:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    t = pa.types
    kinds = {
        "nothing": t.is_null(type_),
        "truth value": t.is_boolean(type_),
        "whole": t.is_integer(type_),
        "fraction": t.is_floating(type_) or t.is_decimal(type_),
        "text": t.is_string(type_) or t.is_large_string(type_) or t.is_string_view(type_),
        "bytes": t.is_binary(type_) or t.is_large_binary(type_) or t.is_fixed_size_binary(type_),
        "date": t.is_date(type_),
        "instant": t.is_timestamp(type_) and type_.tz is not None,
        "wall clock": t.is_timestamp(type_) and type_.tz is None,
        "time of day": t.is_time(type_),
        "duration": t.is_duration(type_),
    }
    return next((kind for kind, is_it in kinds.items() if is_it), None)


# ------------------------------------------------------------ words


def _said(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _said_both(training: Any, serving: Any) -> dict[str, Any]:
    """Give two values for JSON; NaN and infinity, which it has no word for, as text."""
    both = {"training": _said(training), "serving": _said(serving)}
    return {side: str(value) if value is not None and plain(value) is None else value for side, value in both.items()}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
