"""Arrays as the core reads them: numbers, ids as codes, rows brought together by query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def numbers(values: Any) -> Any:
    """Leave arrays that the core can read as they are; turn sequences into numpy arrays."""
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return values
    array = np.ascontiguousarray(values)
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def groups(rows: int, *, group: Any, query: Any) -> tuple[Any, NDArray[np.uintp] | None]:
    """Give the size of each query and the permutation that brings its rows together (``None``: they are)."""
    if group is not None and query is not None:
        raise ArgumentError("group: give the sizes of the queries (group) or an id for each row (query), not both")
    if group is not None:
        return numbers(group), None
    if query is None:
        return np.array([rows]), None
    return _core.group_ids(codes("query", query, rows))


def codes(name: str, ids: Any, rows: int) -> Any:
    """Give whole numbers that tell the ids of the rows apart, and order as the ids do."""
    ids = np.asarray(ids)
    if ids.shape != (rows,):
        raise ArgumentError(f"{name}: must have one id for each of the {rows} rows, found shape {ids.shape}")
    if np.issubdtype(ids.dtype, np.integer):
        return ids
    return np.unique(ids, return_inverse=True)[1]


def by_document(sizes: Any, order: NDArray[np.uintp] | None, document: Any, rows: int) -> NDArray[np.uintp]:
    """Give the permutation that brings the rows of each query into descending order of document id."""
    sizes = np.asarray(sizes)
    if sizes.sum() != rows:
        raise ArgumentError(f"group: the sizes add up to {sizes.sum()}, but there are {rows} rows")
    order = np.arange(rows, dtype=np.uintp) if order is None else order
    id_ = codes("document", document, rows)[order]
    return order[np.lexsort((np.negative(id_.astype(np.int64)), np.repeat(np.arange(len(sizes)), sizes)))]


def gather(name: str, values: Any, order: NDArray[np.uintp] | None) -> Any:
    """Bring the rows of each query together."""
    if order is None:
        return values
    if len(values) != len(order):
        raise ArgumentError(f"{name}: must have one value for each of the {len(order)} rows, found {len(values)}")
    return np.asarray(values)[order]


def query_weights(weight: Any, sizes: Any, order: NDArray[np.uintp] | None, rows: int) -> Any:
    """Give one weight a query, of weights of the queries or of their rows."""
    if weight is None:
        return None
    weight, sizes = np.asarray(weight, dtype=np.float64), np.asarray(sizes)
    if len(weight) == len(sizes) or len(weight) != rows:
        return weight
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ArgumentError(f"weight: must be finite and at least 0, found {weight[row]} in row {row}")
    weight = weight if order is None else weight[order]
    total = np.bincount(np.repeat(np.arange(len(sizes)), sizes), weights=weight, minlength=len(sizes))
    return total / np.maximum(sizes, 1)
