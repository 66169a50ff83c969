"""What is counted of the rows, column by column: all that leakage is judged on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ctcore.errors import ColumnTypeError
from ctcore.validate._rows import Rows, codes, instants, numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

SPANS = 3  # before the newest: what differs from fewer may differ from everything
FEW = 50  # rows of a day or span that are too few to be unlike others
_DECILES = np.arange(1, 10) / 10


class Scale(NamedTuple):
    """How large a feature's numbers are."""

    old: NDArray[np.float64]
    """The deciles before the newest span."""
    new: NDArray[np.float64]
    """Those of the newest span."""
    medians: NDArray[np.float64]
    """The medians of the spans with rows enough, the newest last."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows, and what one visit of each column tells."""

    rows: Rows
    powers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each feature says about the label."""
    scales: dict[str, Scale] = field(default_factory=dict)
    """Of features that are numbers and have spans enough."""
    stamps: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """The instants of columns that say when."""
    decided: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What an earlier decision says about the label."""
    shared: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    """For each key the rows of the holdout whose value the data have."""

    @classmethod
    def of(
        cls,
        rows: Rows,
        sizes: Mapping[str, int],
        *,
        features: Collection[str],
        stamps: Collection[str],
        decision: str | None,
        keys: Collection[str],
    ) -> Facts:
        """Read each column once, and hold what follows from it."""
        found, types = cls(rows), rows.columns.types
        keys = keys if rows.held_out.any() else ()
        asked = dict.fromkeys([*features, *stamps, *keys, *([] if decision is None else [decision])])
        for name, column in rows.columns.each(asked, sizes, rows.count):
            if name in features:
                found.powers[name] = rows.power(name, column)
                scale = _scale(rows, name, column)
                if scale is not None:
                    found.scales[name] = scale
            if name in stamps:
                found.stamps[name] = instants(column, name, types[name])
            if name == decision:
                found.decided[name] = rows.judge(name, column)["whole"]
            if name in keys:
                found.shared[name] = _shared(rows, codes(column, name, types[name]))
        return found


def _scale(rows: Rows, name: str, column: Any) -> Scale | None:
    """Measure numbers, if they are such, before and since the newest span began."""
    if rows.time is None or rows.spans <= SPANS or name in rows.categorical:
        return None
    try:
        values = numbers(column, name, rows.columns.types[name])
    except ColumnTypeError:
        return None
    spans = [values[np.isfinite(values) & (rows.span == span)] for span in range(rows.spans)]
    spans = [each for each in spans if len(each) >= FEW] if len(spans[-1]) >= FEW else []
    if len(spans) <= SPANS:
        return None
    old, new = np.quantile(np.concatenate(spans[:-1]), _DECILES), np.quantile(spans[-1], _DECILES)
    return Scale(old, new, np.array([np.median(each) for each in spans]))


def _shared(rows: Rows, values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each row of the holdout whether the data have its value."""
    ours = values[rows.held_out]
    shared: NDArray[np.bool_] = np.isin(ours, values[~rows.held_out]) & (ours >= 0)
    return shared
