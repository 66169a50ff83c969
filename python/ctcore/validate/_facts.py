"""What is counted of the rows, column by column: all that leakage is judged on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ctcore import _core
from ctcore.errors import ColumnTypeError
from ctcore.validate._rows import Queries, Rows, instants, microseconds, numbers, wall_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from ctcore.validate._columns import Columns

SPANS = 3  # before the newest: what differs from fewer may differ from everything
FEW = 50  # rows of a day or span that are too few to be unlike others
_NEVER = np.iinfo(np.int64).min


class Scale(NamedTuple):
    """How large a feature's numbers are."""

    old: NDArray[np.float64]
    """The deciles before the newest span."""
    new: NDArray[np.float64]
    """Those of the newest span."""
    medians: NDArray[np.float64]
    """The medians of the spans with rows enough, the newest last."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Rows of which none may be so."""

    count: int
    first: int | None
    rows: int

    @classmethod
    def of(cls, bad: NDArray[np.bool_]) -> Bad:
        """Count them."""
        count = int(np.count_nonzero(bad))
        return cls(count, int(np.argmax(bad)) if count else None, len(bad))

    def __add__(self, later: Bad) -> Bad:
        """Count those of rows that follow, too."""
        after = None if later.first is None else self.rows + later.first
        return Bad(self.count + later.count, after if self.first is None else self.first, self.rows + later.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What is kept of a column that was visited."""

    counts: _core.Joint | None = None
    """How often its values meet the label, of a feature or a decision."""
    numbers: _core.Joint | None = None
    """The same of its numbers as they are, where their unit can be told."""
    bad: Mapping[str, Bad] = field(default_factory=dict)
    """Rows whose time stamp cannot be, by check."""
    key: Any = None
    """Hashes of the values of a key; null where it is."""


def visits(
    columns: Columns, rows: Rows, queries: Queries | None, sizes: Mapping[str, int]
) -> Iterator[tuple[str, Visit]]:
    """Read each column once, and keep what is counted of it."""
    asked, types = rows.asked, columns.types
    plain = rows.labelled if queries is None else _core.Labelled(np.zeros(rows.count), rows.day)
    for name, column in columns.each(dict.fromkeys([*asked.features, *asked.judged]), sizes, rows.count):
        counts = scaled = key = None
        bad: dict[str, Bad] = {}
        if name in asked.features or name == asked.decision:
            values = None if name in asked.categorical else _numbers(name, column, types[name])
            seen = column if queries is None or values is None else queries.centred(values)
            counts = rows.labelled.count(name, seen)
            if values is not None and rows.time is not None:
                scaled = counts if queries is None else plain.count(name, values)
        if name in asked.stamps:
            bad = _stamped(rows, name, instants(column, name, types[name]), types[name].tz)
        if name in asked.keys:
            key = _key(name, column)
        yield name, Visit(counts=counts, numbers=scaled, bad=bad, key=key)


def _numbers(name: str, column: Any, type_: Any) -> NDArray[np.float64] | None:
    try:
        return numbers(column, name, type_)
    except ColumnTypeError:
        return None


def _key(name: str, column: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    hashes = _core.row_hashes([(name, column)], near=False)
    there = np.concatenate([np.empty(0, bool), *(each.is_valid().to_numpy(False) for each in _chunks(column))])
    valid = pa.py_buffer(np.packbits(there, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.binary(16), len(there), [valid, pa.py_buffer(hashes)])


def _chunks(column: Any) -> Any:
    return getattr(column, "chunks", [column])


def timely(rows: Rows) -> dict[str, Bad]:
    """Find rows that are younger than the present, or than a label takes."""
    asked = rows.asked
    if rows.time is None or rows.now is None:
        return {}
    zoned = rows.tz is not None
    bad = {f"future.{asked.time}": Bad.of(rows.time >= microseconds(rows.now, zoned=zoned))}
    if asked.label_window is not None and asked.label_time is None and rows.mature is not None:
        bad["maturity"] = Bad.of(rows.time > microseconds(rows.mature, zoned=zoned))
    return bad


def _stamped(rows: Rows, name: str, times: NDArray[np.int64], tz: str | None) -> dict[str, Bad]:
    """Judge a column that says when, row by row."""
    asked = rows.asked
    assert rows.time is not None  # noqa: S101 - the caller looked
    bad = {}
    if rows.now is not None:
        bad[f"future.{name}"] = Bad.of(times >= microseconds(rows.now, zoned=rows.tz is not None))
    if name in asked.feature_times:
        bad[f"point_in_time.{name}"] = Bad.of(times > rows.time)
    if name == asked.label_time and asked.label_window is not None:
        never = times == _NEVER
        waited = wall_clock(np.where(never, 0, times), tz, asked.zone) - rows.local
        bad["maturity"] = Bad.of(never | (waited < int(asked.label_window / timedelta(microseconds=1))))
    return bad


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows, and what the columns tell of them."""

    rows: Rows
    powers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each feature says about the label."""
    scales: dict[str, Scale] = field(default_factory=dict)
    """Of features that are numbers and have spans enough."""
    bad: dict[str, Bad] = field(default_factory=dict)
    """Rows whose time stamps cannot be, by check."""
    decided: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What an earlier decision says about the label."""
    shared: dict[str, Bad] = field(default_factory=dict)
    """For each key the rows of the holdout whose value the data have."""

    @classmethod
    def of(cls, rows: Rows, bad: Mapping[str, Bad], visited: Iterable[tuple[str, Visit]]) -> Facts:
        """Take what follows from each visit, and forget the rest of it."""
        found, asked = cls(rows, bad=dict(bad)), rows.asked
        for name, visit in visited:
            power = None if visit.counts is None else rows.power(visit.counts)
            if power is not None and name in asked.features:
                found.powers[name] = power
                scale = _scale(rows, visit.numbers)
                if scale is not None:
                    found.scales[name] = scale
            if power is not None and name == asked.decision:
                found.decided[name] = power["whole"]
            found.bad.update(visit.bad)
            if name in asked.keys and rows.held_out.any():
                found.shared[name] = _shared(rows, visit.key)
        return found


def _scale(rows: Rows, counts: Any) -> Scale | None:
    """Measure numbers before and since the newest span began."""
    if counts is None or rows.spans <= SPANS:
        return None
    found = _core.scale(counts, *rows.calendar, FEW)
    return Scale(*found) if found is not None and len(found[2]) > SPANS else None


def _shared(rows: Rows, key: Any) -> Bad:
    """Count the rows of the holdout whose value the data have."""
    there = key.is_valid().to_numpy(zero_copy_only=False)
    hashes = np.frombuffer(hash_bytes(key), dtype="V16")
    known = _core.known_rows(hashes[rows.held_out].tobytes(), hashes[there & ~rows.held_out].tobytes())
    return Bad.of(known & there[rows.held_out])


def hash_bytes(hashes: Any) -> bytes:
    """Give a column of hashes as they lie in memory, 16 bytes each."""
    whole = hashes.combine_chunks() if hasattr(hashes, "combine_chunks") else hashes
    first = whole.offset * 16
    return whole.buffers()[1][first : first + len(whole) * 16].to_pybytes() if len(whole) else b""
