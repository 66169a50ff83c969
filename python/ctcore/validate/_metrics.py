"""Numbers about columns, as Deequ's analyzers: those that the scan counts, and those that read the rows once more."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.arrow import importable
from ctcore.errors import ArgumentError
from ctcore.validate._held import held
from ctcore.validate._nested import values

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from ctcore.validate._rule import Rule

KEY_METRICS = ("distinctCount", "distinctness", "entropy", "uniqueValueRatio", "uniqueness")
"""Metrics of how often each value occurs."""
METRICS = (
    *KEY_METRICS,
    "completeness",
    "infinityCount",
    "maxLength",
    "maximum",
    "mean",
    "minLength",
    "minimum",
    "nanCount",
    "range",
    "standardDeviation",
    "sum",
    "valueCount",
    "variance",
    "zeroCount",
)
"""Metrics of a column that the scan counts."""
TABLE_METRICS = ("columnCount", "rowCount")
PAIR_METRICS = ("correlation", "mutualInformation", "ratioOfSums")
"""Metrics of two columns."""
RANK_METRICS = ("interquartileRange", "quantile")
MOMENT_METRICS = ("kurtosis", "skewness")
_CELLS = 10
_TOGETHER = 16  # counts of batches that are added up at once
_EPSILON = float(np.finfo(np.float64).eps)


def scanned(metric: str, facts: Mapping[str, Any], keys: Mapping[str, Any] | None) -> float | None:
    """Compute one of :data:`METRICS` from what the scan counted; ``None`` where it has no value."""
    rows, finite = facts["rows"], facts["finite"]
    if keys is not None:
        if "reason" in keys:
            return None
        keyed, distinct, once = keys.get("keyed", 0), keys.get("distinct", 0), keys.get("once", 0)
        return {
            "distinctCount": float(distinct),
            "distinctness": distinct / keyed if keyed else None,
            "uniqueness": once / keyed if keyed else None,
            "uniqueValueRatio": once / distinct if distinct else None,
            "entropy": keys.get("entropy") if keyed else None,
        }[metric]
    if metric in ("minimum", "maximum"):
        found: float | None = facts[metric]
        return found
    if metric in ("minLength", "maxLength"):
        length: int | None = facts[metric.replace("Length", "_length")]
        return length
    if metric == "range":
        return None if facts["minimum"] is None else facts["maximum"] - facts["minimum"]
    variance = facts["variance"]
    known: dict[str, float | None] = {
        "completeness": (rows - facts["nulls"]) / rows if rows else None,
        "valueCount": float(rows - facts["nulls"]),
        "nanCount": float(facts["nans"]),
        "infinityCount": float(facts["positive_infinities"] + facts["negative_infinities"]),
        "zeroCount": float(facts["zeros"]) if finite else None,
        "mean": facts["mean"] if finite else None,
        "sum": facts["mean"] * finite if finite else None,
        "variance": variance,
        "standardDeviation": None if variance is None else variance**0.5,
    }
    return known[metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a metric that reads rows once more, or a rule on drift, needs of them: measures of parts merge."""

    rows: int
    """The rows that met the rule's conditions."""
    facts: Mapping[str, Any] | None = None
    """The facts of the column."""
    keys: tuple[Mapping[str, Any], ...] = ()
    """How often keys occur, in numbers."""
    moments: _Moments | None = None
    sums: tuple[float | None, ...] | None = None
    """Of each column; ``None`` of one without numbers."""
    tables: Mapping[str, pa.Table] = field(default_factory=dict, repr=False)
    """``values``: the different values and their rows; ``keys.0`` and so on: the tables of ``keys``, where kept."""

    @classmethod
    def of(cls, rule: Rule, read: Callable[[], pa.RecordBatchReader], *, keep: bool = False) -> Measure:
        """Take passes over the rows that meet the rule's conditions.

        Numbers are taken in double precision; null, NaN and infinite ones are left out, and of two columns the rows
        where either is. ``read`` gives the columns that the rule names, from their first row. What is to be merged is
        kept with its tables.

        Raises
        ------
        ArgumentError
            A condition cannot be asked of its column.
        """
        metric, names = rule.options.get("metric"), rule.columns
        both = ({"test": "not_null", "columns": [name]} for name in names if metric == "mutualInformation")
        rows = _Rows(read, [*rule.when, *both])
        if metric == "correlation" or metric in MOMENT_METRICS:
            moments = _moments(rows, names)
            return cls(rows=rows.count, moments=moments)
        if metric == "ratioOfSums":
            sums = tuple(_sum(rows, name) for name in names)
            return cls(rows=rows.count, sums=sums)
        if metric in RANK_METRICS:
            values = _frequencies(np.empty(0), (each for (each,) in rows.numbers(names)))
            return cls(rows=rows.count, tables={"values": values})
        if metric is None:
            nothing = _values(read().schema.empty_table(), names[0])
            values = _frequencies(nothing, (_values(batch, names[0]) for batch in rows.batches()))
            return cls(rows=rows.count, tables={"values": values})
        if metric == "rowCount":
            return cls(rows=sum(len(batch) for batch in rows.batches()))
        sides = [[names[0]], [names[1]], list(names)] if metric == "mutualInformation" else [list(names)]
        asked = [{"test": "keys", "columns": side} for side in sides if metric in (*KEY_METRICS, "mutualInformation")]
        facts = {} if metric == "mutualInformation" else {names[0]: (True, True)}
        with tempfile.TemporaryDirectory(prefix="ctcore-keys-") as spill:
            found = _core.scan(rows.reader(), facts, asked, spill=spill, keep=keep)
            tables = {f"keys.{i}": held(each["table"]) for i, each in enumerate(found["rules"]) if "table" in each}
            keys = found["rules"]
            for name, table in tables.items():
                place = int(name.removeprefix("keys."))
                keys[place] = _of_keys(table, keys[place]["nulls"])
        return cls(rows=rows.count, facts=found["columns"].get(names[0]), keys=tuple(keys), tables=tables)

    def merge(self, *later: Measure) -> Measure:
        """Give the measure of these rows and of those of other measures of the same rule."""
        parts = (self, *later)
        whole = self
        for each in later:
            whole = replace(
                whole,
                facts=_core.merge_facts(whole.facts, each.facts) if whole.facts and each.facts else None,
                moments=None if whole.moments is None or each.moments is None else whole.moments.merge(each.moments),
                sums=None if whole.sums is None else tuple(map(_added, whole.sums, each.sums or ())),
            )
        tables, keys = {}, list(self.keys)
        before = [0, *accumulate(part.rows for part in parts)][:-1]
        for name in self.tables:
            tables_of = [part.tables[name] for part in parts]
            if name == "values":
                tables[name] = _counted_together(tables_of)
                continue
            tables[name] = held(_core.merge_keys(tables_of, before))
            place = int(name.removeprefix("keys."))
            keys[place] = _of_keys(tables[name], sum(part.keys[place]["nulls"] for part in parts))
        return replace(whole, rows=sum(part.rows for part in parts), keys=tuple(keys), tables=tables)

    def value(self, rule: Rule) -> float | None:
        """Give the metric, ``None`` where it has no value."""
        metric = rule.options["metric"]
        if self.moments is not None:
            found: float | None = getattr(self.moments, metric)
            return found
        if self.sums is not None:
            above, below = self.sums
            return above / below if above is not None and below else None
        if metric == "quantile":
            return self._at_rank(rule.options["share"])
        if metric == "interquartileRange":
            low, high = self._at_rank(0.25), self._at_rank(0.75)
            return None if low is None or high is None else high - low
        if metric == "mutualInformation":
            return self._mutual_information()
        if metric == "rowCount":
            return float(self.rows)
        return scanned(metric, self.facts or {}, self.keys[0] if self.keys else None)

    def column(self) -> pa.ChunkedArray:
        """Give the values that were counted, as often as they were there, in any order."""
        values = self.tables["values"]
        places = np.repeat(np.arange(len(values)), values["rows"].to_numpy())
        return values["value"].take(places)

    def _at_rank(self, share: float) -> float | None:
        """Give the value at rank ``ceil(share n)``."""
        values = self.tables["values"].sort_by("value")
        reached = np.cumsum(values["rows"].to_numpy())
        if not len(reached):
            return None
        place = int(np.searchsorted(reached, max(1, math.ceil(share * reached[-1]))))
        return float(values["value"][min(place, len(reached) - 1)].as_py())

    def _mutual_information(self) -> float | None:
        """Give H(a) + H(b) - H(a, b) in nats, of rows where both have a value."""
        if any("reason" in each for each in self.keys) or not self.rows:
            return None
        first, second, both = (float(each["entropy"]) for each in self.keys)
        return max(0.0, first + second - both)

    # ------------------------------------------------------------ files

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values, but for the tables."""
        moments = None if self.moments is None else asdict(self.moments)
        keys = [dict(each) for each in self.keys]
        return {"rows": self.rows, "facts": self.facts, "keys": keys, "moments": moments, "sums": self.sums}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> Measure:
        """Read what ``to_dict`` gave, with its tables."""
        moments, sums = stored["moments"], stored["sums"]
        return cls(
            rows=stored["rows"],
            facts=stored["facts"],
            keys=tuple(stored["keys"]),
            moments=None if moments is None else _Moments(**moments),
            sums=None if sums is None else tuple(sums),
            tables=tables,
        )


def measured(rule: Rule, read: Callable[[], pa.RecordBatchReader]) -> tuple[float | None, int]:
    """Compute a metric that takes passes of its own over rows that are there, and count those that it is of.

    As :class:`Measure` does, but for ranks: they are found in constant memory, by a profile and a second pass.
    """
    metric = rule.options["metric"]
    if metric not in RANK_METRICS:
        found = Measure.of(rule, read)
        return found.value(rule), found.rows
    rows = _Rows(read, rule.when)
    shares = [rule.options["share"]] if metric == "quantile" else [0.25, 0.75]
    ranked = _quantiles(rows, rule.columns[0], shares)
    value = None if not ranked else ranked[0] if metric == "quantile" else ranked[1] - ranked[0]
    return value, rows.count


class _Rows:
    """Rows that are read anew by each pass, those alone that meet some conditions."""

    def __init__(self, read: Callable[[], pa.RecordBatchReader], when: Sequence[Any]) -> None:
        self.read, self.when, self.count = read, [dict(each) for each in when], 0
        """``count`` is of the rows of the newest pass."""
        reason = self._unfiltered() if when else None
        if reason is not None:
            raise ArgumentError(reason)

    def batches(self) -> Iterator[pa.RecordBatch]:
        self.count = 0
        for batch in self.read():
            kept = importable(batch)
            if self.when:
                import pyarrow as pa  # noqa: PLC0415 - heavy

                kept = kept.filter(pa.array(self._met(kept)))
            self.count += len(kept)
            yield kept

    def _unfiltered(self) -> str | None:
        """Say why the rows cannot be parted by the conditions, where they cannot."""
        import pyarrow.types as pt  # noqa: PLC0415 - heavy

        schema = self.read().schema
        for each in schema:
            if pt.is_run_end_encoded(each.type) or pt.is_union(each.type):
                return f"rows with a column of type {each.type} cannot be parted"
        told = _core.scan(schema.empty_table(), {}, self._tests())["rules"]
        return next((each["reason"] for each in told if "reason" in each), None)

    def _met(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        """Tell which rows meet the conditions."""
        value, null = _core.broken_rows(batch, self._tests(), [None, None])
        return value | null

    def _tests(self) -> list[dict[str, Any]]:
        """Give two rules that all rows break which meet the conditions: a value the one, and a null the other."""
        column = self.when[0]["columns"]
        return [{"test": test, "columns": column, "when": self.when} for test in ("null", "not_null")]

    def reader(self) -> pa.RecordBatchReader:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        return pa.RecordBatchReader.from_batches(self.read().schema, self.batches())

    def numbers(self, names: Sequence[str]) -> Iterator[list[NDArray[np.float64]]]:
        """Give some columns of numbers, where all of them are finite; nothing where one is no number."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        for batch in self.batches():
            table = pa.Table.from_batches([batch])
            columns = [each for name in names if (each := _doubles(values(table, name))) is not None]
            if len(columns) < len(names):
                return
            finite = np.logical_and.reduce([np.isfinite(each) for each in columns])
            yield [each[finite] for each in columns]


def _doubles(column: Any) -> NDArray[np.float64] | None:
    """Give the values of a column of numbers, null as NaN; ``None`` of another column."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.types as pt  # noqa: PLC0415

    if column is None:
        return None
    if pt.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pt.is_integer(column.type) or pt.is_floating(column.type) or pt.is_decimal(column.type)):
        return None
    found: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def _values(batch: pa.RecordBatch | pa.Table, name: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    column = values(pa.table(batch), name)
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


# ------------------------------------------------------------ moments


@dataclass(slots=True)
class _Moments:
    """Sums of powers about the mean, of one column or of two, that merge (Pébay, SAND2008-6212)."""

    n: int = 0
    mean: float = 0.0
    second: float = 0.0
    third: float = 0.0
    fourth: float = 0.0
    other_mean: float = 0.0
    other_second: float = 0.0
    product: float = 0.0

    @classmethod
    def of(cls, values: NDArray[np.float64], others: NDArray[np.float64]) -> _Moments:
        if not len(values):
            return cls()
        mean, other_mean = values.mean(), others.mean()
        apart, others_apart = values - mean, others - other_mean
        square = apart * apart
        return cls(
            n=len(values),
            mean=float(mean),
            second=float(square.sum()),
            third=float((square * apart).sum()),
            fourth=float((square * square).sum()),
            other_mean=float(other_mean),
            other_second=float(others_apart @ others_apart),
            product=float(apart @ others_apart),
        )

    def merge(self, other: _Moments) -> _Moments:
        if not self.n or not other.n:
            return self if self.n else other
        a, b = self.n, other.n
        n = a + b
        d, e = other.mean - self.mean, other.other_mean - self.other_mean
        return _Moments(
            n=n,
            mean=self.mean + d * b / n,
            second=self.second + other.second + d * d * a * b / n,
            third=self.third
            + other.third
            + d**3 * a * b * (a - b) / n**2
            + 3 * d * (a * other.second - b * self.second) / n,
            fourth=self.fourth
            + other.fourth
            + d**4 * a * b * (a * a - a * b + b * b) / n**3
            + 6 * d * d * (a * a * other.second + b * b * self.second) / n**2
            + 4 * d * (a * other.third - b * self.third) / n,
            other_mean=self.other_mean + e * b / n,
            other_second=self.other_second + other.other_second + e * e * a * b / n,
            product=self.product + other.product + d * e * a * b / n,
        )

    @property
    def varies(self) -> bool:
        """Whether values differ by more than the rounding of their mean."""
        return self.second > self.n * (_EPSILON * self.mean) ** 2

    @property
    def other_varies(self) -> bool:
        return self.other_second > self.n * (_EPSILON * self.other_mean) ** 2

    @property
    def skewness(self) -> float | None:
        """Of the population: m3 / m2^1.5."""
        return math.sqrt(self.n) * self.third / self.second**1.5 if self.varies else None

    @property
    def kurtosis(self) -> float | None:
        """Of the population, 0 of a normal one: m4 / m2^2 - 3."""
        return self.n * self.fourth / self.second**2 - 3 if self.varies else None

    @property
    def correlation(self) -> float | None:
        """Pearson's."""
        if not (self.varies and self.other_varies):
            return None
        return max(-1.0, min(1.0, self.product / math.sqrt(self.second) / math.sqrt(self.other_second)))


def _moments(rows: _Rows, names: Sequence[str]) -> _Moments:
    total = _Moments()
    for columns in rows.numbers(names):
        total = total.merge(_Moments.of(columns[0], columns[-1]))
    return total


def _sum(rows: _Rows, name: str) -> float | None:
    sums = [float(column.sum()) for (column,) in rows.numbers([name]) if len(column)]
    return math.fsum(sums) if sums else None


def _added(earlier: float | None, later: float | None) -> float | None:
    return later if earlier is None else earlier if later is None else earlier + later


def _of_keys(table: pa.Table, nulls: int) -> dict[str, Any]:
    return {name: value for name, value in _core.key_facts(table, nulls).items() if name != "repeated"}


# ------------------------------------------------------------ ranks and frequencies


def _quantiles(rows: _Rows, name: str, shares: Sequence[float]) -> list[float]:
    """Give the values at ranks ``ceil(share n)``, exactly; none where there is no value.

    One profile bounds them all, and a pass for each sorts what lies within its bounds.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    schema = pa.schema([("value", pa.float64())])
    stream = (pa.record_batch(columns, schema=schema) for columns in rows.numbers([name]))
    reader = pa.RecordBatchReader.from_batches(schema, stream)
    profiled, _, _ = _core.profile_stream(reader, columns=None, like=None, cells=_CELLS, categories=1)
    if "value" not in profiled:
        return []
    bounds = [(share, _core.quantile(profiled["value"], share)) for share in shares]
    return [_at_rank(rows, name, share, *bound) for share, bound in bounds if bound]


def _at_rank(rows: _Rows, name: str, share: float, low: float, high: float) -> float:
    """Give the value at rank ``ceil(share n)``, which lies between two bounds."""
    n = below = 0
    found: list[tuple[Any, Any]] = []
    for (column,) in rows.numbers([name]):
        n += len(column)
        below += int((column < low).sum())
        found.append(np.unique(column[(column >= low) & (column <= high)], return_counts=True))
    within, counts = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(within, kind="stable")
    reached = below + np.cumsum(counts[order])
    place = int(np.searchsorted(reached, max(1, math.ceil(share * n))))
    return float(within[order][min(place, len(order) - 1)])


def _frequencies(nothing: Any, columns: Iterable[Any]) -> pa.Table:
    """Count how often each value of a column occurs, batch by batch; ``nothing`` is such a column without rows."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    def counted(column: Any) -> pa.Table:
        return pa.table({"value": column, "rows": np.ones(len(column), np.int64)})

    tables = [counted(nothing)]
    for column in columns:
        tables.append(counted(column))
        if len(tables) == _TOGETHER:
            tables = [_counted_together(tables)]
    return _counted_together(tables)


def _counted_together(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    whole = pa.concat_tables(tables)
    try:
        # One thread: in the order of their first rows.
        counted = whole.group_by("value", use_threads=False).aggregate([("rows", "sum")])
    except pa.ArrowNotImplementedError as error:
        raise ArgumentError(f"values of type {whole['value'].type} cannot be counted one by one") from error
    return held(counted.select(["value", "rows_sum"]).rename_columns(["value", "rows"]).to_reader())
