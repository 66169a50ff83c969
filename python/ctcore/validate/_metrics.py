"""Numbers about columns, as Deequ's analyzers: those that the scan counts, and those that read the rows once more."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.arrow import importable
from ctcore.errors import ArgumentError
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


def measured(rule: Rule, read: Callable[[], pa.RecordBatchReader]) -> tuple[float | None, int]:
    """Compute a metric that takes passes of its own over the rows that meet the rule's conditions.

    Numbers are taken in double precision; null, NaN and infinite ones are left out, and of two columns the rows where
    either is. ``read`` gives the columns that the rule names, from their first row.

    Returns
    -------
    value, rows : float or None, int
        The metric, ``None`` where it has no value, and the rows that met the conditions.

    Raises
    ------
    ArgumentError
        A condition cannot be asked of its column.
    """
    metric, names = rule.options["metric"], rule.columns
    both = ({"test": "not_null", "columns": [name]} for name in names if metric == "mutualInformation")
    rows = _Rows(read, [*rule.when, *both])
    value: float | None
    if metric == "correlation":
        value = _moments(rows, names).correlation
    elif metric in MOMENT_METRICS:
        value = getattr(_moments(rows, names), metric)
    elif metric == "ratioOfSums":
        above, below = (_sum(rows, name) for name in names)
        value = above / below if above is not None and below else None
    elif metric == "quantile":
        found = _quantiles(rows, names[0], [rule.options["share"]])
        value = found[0] if found else None
    elif metric == "interquartileRange":
        found = _quantiles(rows, names[0], [0.25, 0.75])
        value = found[1] - found[0] if found else None
    elif metric == "mutualInformation":
        value = _mutual_information(rows, names)
    elif metric == "rowCount":
        value = float(sum(len(batch) for batch in rows.batches()))
    else:
        keys = [{"test": "keys", "columns": list(names)}] if metric in KEY_METRICS else []
        counted = _scan(rows, {names[0]: (True, True)}, keys)
        value = scanned(metric, counted["columns"][names[0]], counted["rules"][0] if keys else None)
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


def _scan(rows: _Rows, facts: dict[str, tuple[bool, bool]], rules: list[dict[str, Any]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ctcore-keys-") as spill:
        return _core.scan(rows.reader(), facts, rules, spill=spill)


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


def _mutual_information(rows: _Rows, names: Sequence[str]) -> float | None:
    """Give H(a) + H(b) - H(a, b) in nats, of rows where both have a value."""
    sides = [[names[0]], [names[1]], list(names)]
    found = _scan(rows, {}, [{"test": "keys", "columns": side} for side in sides])["rules"]
    if any("reason" in each for each in found) or not rows.count:
        return None
    first, second, both = (float(each["entropy"]) for each in found)
    return max(0.0, first + second - both)
