"""Statistics of two arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError

_ALL_CATEGORIES = 2**62


@dataclass(frozen=True, slots=True)
class Effect:
    """A statistic on counted cells, with the two-sided 90% interval of its population value."""

    statistic: float
    lower: float
    upper: float
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ks:
    """The two-sample Kolmogorov-Smirnov statistic."""

    statistic: float
    location: float
    """The smallest value at which the two distribution functions differ most."""
    sign: int
    """1 where current values are larger there (the reference's function lies above), -1 where they are smaller."""
    p_value: float
    method: str
    """How the p-value was computed: ``"exact"`` or ``"asymptotic"``."""


def psi(
    reference: Any, current: Any, *, cells: int = 10, smoothing: Literal["jeffreys", "none"] = "jeffreys"
) -> Effect:
    r"""Population stability index.

    .. math:: PSI = \sum_i (q_i - p_i) \ln (q_i / p_i)

    in nats, with ``p`` the reference's shares and ``q`` the current ones. Cells are frozen on the reference: of equal
    mass for numbers, one each for strings and booleans, with one more for what the reference does not know. Missing
    and infinite values are left out; compare their shares apart.

    Parameters
    ----------
    reference, current : arrays
        Numbers, or strings or booleans; numpy, Arrow or plain sequences.
    cells : int
        Cells for numbers, at least 2. Ties in the reference can make them fewer.
    smoothing : "jeffreys" or "none"
        ``(count + 1/2) / (n + cells/2)``, or plain shares: then a cell that is empty on one side makes PSI infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from ctcore import drift
    >>> result = drift.psi(np.arange(1000.0), np.arange(1000.0) + 100)
    >>> round(result.statistic, 3), result.definition["cells"]
    (0.596, 10)
    """
    if cells < 2:
        raise ArgumentError(f"cells: must be at least 2, found {cells}")
    reference_counts, current_counts, names = _cells(reference, current, cells)
    found = _core.psi(reference_counts, current_counts, smoothing)
    return Effect(*found, {"statistic": "psi", "log": "e", "smoothing": smoothing, "cells": len(names)})


def jensen_shannon(reference: Any, current: Any, *, cells: int = 10) -> Effect:
    r"""Jensen-Shannon distance, base 2.

    .. math:: JS = \sqrt{\tfrac12 \sum_i p_i \log_2 \frac{2 p_i}{p_i + q_i}
              + \tfrac12 \sum_i q_i \log_2 \frac{2 q_i}{p_i + q_i}}

    in [0, 1]: a metric (Endres and Schindelin, 2003), equal to ``scipy.spatial.distance.jensenshannon(p, q, base=2)``
    of the shares. Cells as in :func:`psi`.

    >>> from ctcore import drift
    >>> drift.jensen_shannon(["a", "a"], ["b", "b"]).statistic
    1.0
    """
    if cells < 2:
        raise ArgumentError(f"cells: must be at least 2, found {cells}")
    reference_counts, current_counts, names = _cells(reference, current, cells)
    found = _core.jensen_shannon(reference_counts, current_counts)
    return Effect(*found, {"statistic": "jensen_shannon", "log": "2", "form": "distance", "cells": len(names)})


def ks(reference: Any, current: Any, *, method: Literal["auto", "exact", "asymptotic"] = "auto") -> Ks:
    r"""Two-sample Kolmogorov-Smirnov statistic, exact.

    .. math:: D = \sup_x |F(x) - G(x)|

    over the finite values. The p-value is exact (counted lattice paths) while the product of the sizes is at most 10
    million, else by the limit law; with ties it is conservative.

    >>> from ctcore import drift
    >>> drift.ks([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0])
    Ks(statistic=0.5, location=2.0, sign=1, p_value=0.771428571428571..., method='exact')
    """
    return Ks(*_core.ks(_array(reference), _array(current), method))


def _cells(reference: Any, current: Any, cells: int) -> tuple[list[int], list[int], list[Any]]:
    """Count both sides on cells frozen on the reference."""
    frozen = _core.profile_column("reference", _array(reference), cells=cells, limit=_ALL_CATEGORIES)
    counted = _core.profile_column_like("current", _array(current), frozen)
    return cell_counts(frozen, counted)


def cell_counts(reference: dict[str, Any], current: dict[str, Any]) -> tuple[list[int], list[int], list[Any]]:
    """Give the counts of two profiles of one column on their common cells, and the cells' names."""
    if reference["kind"] == "number":
        edges = [None, *reference["edges"], None]
        return reference["counts"], current["counts"], list(pairwise(edges))
    names: list[Any] = list(reference["counts"])
    sides = [[*profile["counts"].values(), profile["rest"]] for profile in (reference, current)]
    if reference["rest"] == current["rest"] == 0:
        return sides[0][:-1], sides[1][:-1], names
    return sides[0], sides[1], [*names, None]


def _array(values: Any) -> Any:
    """Leave what the core reads as it is; strings, booleans and sequences go through Arrow or numpy."""
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return values
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return np.ascontiguousarray(array)
    import pyarrow as pa  # noqa: PLC0415 - heavy, and needed for strings alone

    return pa.array(values)
