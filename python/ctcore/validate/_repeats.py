"""Rows that occur more than once: known by what they hold, in the data and in the holdout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.validate._columns import Columns
from ctcore.validate._contamination import none
from ctcore.validate._facts import Bad
from ctcore.validate._rows import instants
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from ctcore.validate._facts import Facts
    from ctcore.validate._rows import Asked, Rows

_REPEATED = 0.05


@dataclass(frozen=True, slots=True)
class Hashes:
    """What each row holds, 16 bytes each."""

    whole: bytes
    """Of every column."""
    features: bytes
    near: bytes
    """Of features, where what differs by less than is meant is the same; empty where nothing was held out."""

    @classmethod
    def of(cls, columns: Columns, asked: Asked, *, near: bool) -> tuple[Hashes, dict[str, int]]:
        """Hash the rows piece by piece, and weigh every column on the way."""
        kinds = {"whole": ((*asked.features, *asked.known), False), "features": (asked.features, False)}
        if near:
            kinds["near"] = (asked.features, True)
        parts: dict[str, list[bytes]] = {kind: [] for kind in ("whole", "features", "near")}
        sizes = dict.fromkeys(columns.types, 0)
        for _, piece in columns.pieces(columns.types):
            for name, column in piece.items():
                sizes[name] += column.nbytes
            for kind, (names, alike) in kinds.items():
                parts[kind].append(_core.row_hashes([(name, piece[name]) for name in names], near=alike))
        return cls(**{kind: b"".join(parts.pop(kind)) for kind in list(parts)}), sizes


def duplicates(rows: Rows, hashes: Hashes, *, max_overlap: float) -> Iterator[Check]:
    """Judge rows that occur again, in the data or in the holdout."""
    data = ~rows.held_out
    again = _core.repeated_rows(hashes.whole)[data]
    yield _share("leakage.duplicates", again, "repeat an earlier row in every column", warn=_REPEATED)
    against = _core.conflicting_rows(hashes.features, rows.label) & data
    conflicts = "have the features of another row and not its label; no model can tell them apart"
    yield _share("leakage.conflicts", against[data], conflicts, warn=_REPEATED, required=False)
    if not rows.held_out.any():
        return
    yield _overlap("leakage.overlap", hashes.features, rows.held_out, rows.time, max_overlap)
    yield _overlap("leakage.near_duplicates", hashes.near, rows.held_out, rows.time, max_overlap, near=True)
    if rows.time is not None:
        late = Bad.of(rows.time[rows.held_out] <= rows.time[data].max(initial=np.iinfo(np.int64).min))
        words = "of the holdout are not after every row of the data: the model learns from their future"
        yield none("leakage.time_order", late, words)


def keys(facts: Facts) -> Iterator[Check]:
    """Judge values that the holdout shares with the data."""
    if not facts.rows.held_out.any():
        return
    for key, shared in facts.shared.items():
        yield none(f"leakage.keys.{key}", shared, f"of the holdout have a {key} of the data")


def _share(id_: str, bad: NDArray[np.bool_], words: str, *, warn: float, required: bool = True) -> Check:
    share = float(np.mean(bad)) if len(bad) else 0.0
    verdict = Verdict.WARN if share > warn else Verdict.PASS
    message = f"{np.count_nonzero(bad):,} of {len(bad):,} rows ({share:.2%}) {words}"
    return Check(id=id_, verdict=verdict, message=message, value=share, threshold=warn, n=len(bad), required=required)


def row_hashes(data: Any, columns: Collection[str], *, time: str | None = None, near: bool = False) -> bytes:
    """Hash rows by what some columns hold: 16 bytes a row, in the order of a time column where one is given.

    ``near`` rows have one hash: numbers count to three significant digits, text without case and white space.

    ``data`` is a table, or a ``ctcore.data.Source``, which is read batch by batch. Hashes of parts, one after the
    other, are those of the whole.

    SipHash 1-3 of 128 bits over the values: numbers that are equal have one hash whatever their type, every NaN is one
    value, null another; times count to the microsecond.

    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> one = validate.row_hashes(pa.table({"x": [1, 2]}), ["x"])
    >>> one[16:] == validate.row_hashes(pa.table({"x": [2.0]}), ["x"])
    True
    """
    read = Columns.of(data, None, [*columns, *([] if time is None else [time])])
    hashes = b"".join(
        _core.row_hashes([(name, piece[name]) for name in columns], near=near) for _, piece in read.pieces(columns)
    )
    if time is None:
        return hashes
    order = np.argsort(instants(read.read([time])[0][time], time, read.types[time]), kind="stable")
    return np.frombuffer(hashes, dtype="V16")[order].tobytes()


def overlap(data: bytes, holdout: bytes, *, max_overlap: float = 0.01, near: bool = False) -> Check:
    """Judge the share of the holdout's rows that are rows of the data, both as hashed by :func:`row_hashes`.

    Rows of few different values repeat by themselves: what the newest rows of the data, as many as the holdout has,
    repeat of the rest of the data is taken off. Fails where what is left is above ``max_overlap``, warns above a tenth
    of it, both beyond five standard errors. Hashes of ``near`` rows only warn.

    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> data, holdout = pa.table({"x": range(100)}), pa.table({"x": range(90, 110)})
    >>> found = validate.overlap(*(validate.row_hashes(table, ["x"]) for table in (data, holdout)))
    >>> found.verdict, found.value
    (<Verdict.FAIL: 'fail'>, 0.5)
    """
    held_out = np.arange((len(data) + len(holdout)) // 16) >= len(data) // 16
    return _overlap("overlap", data + holdout, held_out, None, max_overlap, near=near)


def _overlap(
    id_: str,
    hashes: bytes,
    held_out: NDArray[np.bool_],
    time: NDArray[np.int64] | None,
    most: float,
    *,
    near: bool = False,
) -> Check:
    data, judged = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if not (len(data) and len(judged)):
        which = "data" if len(judged) else "holdout"
        return Check(id=id_, verdict=Verdict.NOT_RUN, message=f"the {which} has no row", required=False)
    words = np.frombuffer(hashes, dtype="V16")
    among = _core.known_rows(words[judged].tobytes(), words[data].tobytes())
    share = float(np.mean(among))
    order = data if time is None else data[np.argsort(time[data], kind="stable")]
    newest = min(len(judged), len(data) // 2)
    older, newer = order[: len(order) - newest], order[len(order) - newest :]
    repeats = int(np.count_nonzero(_core.known_rows(words[newer].tobytes(), words[older].tobytes())))
    usual = repeats / max(newest, 1)
    excess, likely = share - usual, (repeats + 1) / (newest + 2)  # Laplace's: none so far is not never
    sure = excess > 5 * math.sqrt(likely * (1 - likely) * (1 / len(judged) + 1 / max(newest, 1)))
    verdict = Verdict.WARN if sure and excess > most / 10 else Verdict.PASS
    if sure and excess > most and not near:
        verdict = Verdict.FAIL
    message = (
        f"{np.count_nonzero(among):,} of {len(among):,} rows of the holdout ({share:.2%}) have the features of a row "
        f"of the data{' to three digits' if near else ''}; {usual:.2%} of its newest rows repeat older ones"
    )
    return Check(id=id_, verdict=verdict, message=message, value=excess, threshold=most, n=len(among))
