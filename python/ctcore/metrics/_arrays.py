"""Arrays as the core reads them: numbers, ids as codes, rows brought together by query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, ColumnTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDEST = 8
"""Bytes of the widest number that the core reads."""


def numbers(name: str, values: Any) -> Any:
    """Leave arrays that the core can read as they are; turn sequences into numpy arrays of numbers."""
    if _is_arrow(values):
        return values
    values = _unmasked(name, values)
    try:
        array = np.asarray(values)
    except ValueError:
        raise ArgumentError(f"{name}: must have one dimension, found rows of different lengths") from None
    if array.ndim != 1:
        raise ArgumentError(f"{name}: must have one dimension, found shape {array.shape}")
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > _WIDEST:
        row = next((row for row, value in enumerate(array) if _is_missing(value)), None)
        where = f", and nothing in row {row}" if row is not None else ""
        raise ColumnTypeError(f"{name}: must hold numbers of at most 64 bits, found {array.dtype}{where}")
    return array


def doubles(name: str, values: Any) -> NDArray[np.float64]:
    """Give numbers as a numpy array of doubles; whole numbers that they cannot tell apart are an error."""
    array = np.asarray(numbers(name, values))
    found = array.astype(np.float64)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and (np.abs(found) >= 2.0**53).any():
        row = int(np.argmax(np.abs(found)))
        raise ArgumentError(f"{name}: row {row} holds {array[row]}, beyond 2^53, where doubles are not exact")
    return found


def length(name: str, values: Any) -> int:
    """Give the number of rows."""
    try:
        return len(values)
    except TypeError:
        found = type(values).__name__
        raise ColumnTypeError(f"{name}: must be an array or a sequence, found {found}") from None


def sizes_of(group: Any, rows: int) -> NDArray[np.int64]:
    """Give the sizes of queries, which add up to the rows."""
    found = np.asarray(numbers("group", group))
    is_bool = found.dtype == np.uint8 and np.asarray(group).dtype == np.bool_  # numbers gives bytes of them
    if found.size and (found.dtype.kind not in "iu" or is_bool):
        raise ArgumentError(f"group: must hold whole numbers, found {'bool' if is_bool else found.dtype}")
    if (found < 0).any():
        at = int(np.argmax(found < 0))
        raise ArgumentError(f"group: size {found[at]} of group {at} is negative")
    if (found > rows).any() or found.sum() != rows:
        raise ArgumentError(f"group: the sizes add up to {sum(map(int, found))}, but there are {rows} rows")
    return found.astype(np.int64)


def groups(rows: int, *, group: Any, query: Any) -> tuple[NDArray[np.int64], NDArray[np.uint32] | None]:
    """Give the size of each query and the permutation that brings its rows together (``None``: they are)."""
    if group is not None and query is not None:
        raise ArgumentError("group: give the sizes of the queries (group) or an id for each row (query), not both")
    if group is not None:
        return sizes_of(group, rows), None
    if query is None:
        return np.array([rows]), None
    return _core.group_ids(codes("query", query, rows))


def codes(name: str, ids: Any, rows: int) -> Any:
    """Give whole numbers that tell the ids of the rows apart, and order as the ids do. A missing id is an error."""
    ids = _told_apart(name, ids)
    if ids.shape != (rows,):
        raise ArgumentError(f"{name}: must have one id for each of the {rows} rows, found shape {ids.shape}")
    if ids.dtype.kind == "u" and ids.dtype.itemsize == _WIDEST:  # hashes: shifted to signed numbers, their order kept
        return (ids ^ np.uint64(1 << 63)).view(np.int64)
    if ids.dtype.kind in "iu":
        return np.ascontiguousarray(ids, dtype=ids.dtype.newbyteorder("="))
    if ids.dtype.kind == "O":
        return _codes_of_objects(name, ids)
    missing = np.isnat(ids) if ids.dtype.kind in "mM" else np.isnan(ids) if ids.dtype.kind in "fc" else None
    if missing is not None and missing.any():
        raise _no_id(name, int(np.argmax(missing)))
    return np.unique(ids, return_inverse=True)[1]


def distinct(name: str, ids: Any) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Give the distinct ids, ascending, and how often each occurs."""
    ids = np.asarray(_unmasked(name, ids))
    _, first, counts = np.unique(codes(name, ids, len(ids)), return_index=True, return_counts=True)
    return ids[first], counts


def _told_apart(name: str, ids: Any) -> NDArray[Any]:
    """Give ids as an array in which different ones are different: a list of text and numbers has no type of NumPy."""
    ids = _unmasked(name, ids)
    if not isinstance(ids, (list, tuple)):
        return np.asarray(ids)
    kinds = {type(each) for each in ids}
    whole = kinds == {int} and all(-(1 << 63) <= each < 1 << 63 for each in ids)
    return np.asarray(ids) if len(kinds) == 1 and (whole or kinds != {int}) else np.asarray(ids, dtype=object)


def _codes_of_objects(name: str, ids: NDArray[Any]) -> NDArray[np.intp]:
    try:
        distinct = set(ids.tolist())
        if any(_is_missing(each) for each in distinct):
            raise _no_id(name, next(row for row, each in enumerate(ids) if _is_missing(each)))
        places = {each: place for place, each in enumerate(sorted(distinct))}
    except TypeError as error:
        raise ArgumentError(f"{name}: ids must be of one type that can be ordered: {error}") from None
    return np.fromiter((places[each] for each in ids.tolist()), dtype=np.intp, count=len(ids))


def _is_missing(value: Any) -> bool:
    """Whether a value says that there is none: ``None``, NaN, NaT, and pandas' NA, which is equal to nothing."""
    same = value == value  # noqa: PLR0124 - what is not equal to itself
    return value is None or not (isinstance(same, (bool, np.bool_)) and same)


def _no_id(name: str, row: int) -> ArgumentError:
    return ArgumentError(f"{name}: row {row} has no id; drop such rows, or give them an id")


def _is_arrow(values: Any) -> bool:
    return hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__")


def _unmasked(name: str, values: Any) -> Any:
    """Refuse what NumPy and Arrow mark as missing beside the values, where a conversion would drop the mark."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        masked = np.ma.getmaskarray(values)
        row, count = int(np.argmax(masked)), int(np.count_nonzero(masked))
        raise ArgumentError(f"{name}: row {row} is masked; drop or fill the {count} masked rows")
    return values


def by_document(
    sizes: NDArray[np.int64], order: NDArray[np.uint32] | None, document: Any, rows: int
) -> NDArray[np.uint32]:
    """Give the permutation that brings the rows of each query into descending order of document id."""
    order = np.arange(rows, dtype=np.uint32) if order is None else order
    descending = ~codes("document", document, rows).astype(np.int64)[order]
    found: NDArray[np.uint32] = order[np.lexsort((descending, np.repeat(np.arange(len(sizes)), sizes)))]
    return found


def query_weights(weight: Any, sizes: NDArray[np.int64], order: NDArray[np.uint32] | None, rows: int) -> Any:
    """Give one weight a query, of weights of the queries or of their rows."""
    if weight is None:
        return None
    weight = np.asarray(numbers("weight", weight), dtype=np.float64)
    if len(weight) == len(sizes) or len(weight) != rows:
        return weight
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ArgumentError(f"weight: must be finite and at least 0, found {weight[row]} in row {row}")
    weight = weight if order is None else weight[order]
    total = np.bincount(np.repeat(np.arange(len(sizes)), sizes), weights=weight, minlength=len(sizes))
    return total / np.maximum(sizes, 1)
