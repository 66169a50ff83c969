"""Data that is read once more: what no one pass tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ctcore.validate._nested import values

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 131_072


def in_files(data: Any) -> bool:
    """Whether the data is a ``ctcore.data.Source``: read by column, and telling of itself before it is read."""
    return all(callable(getattr(data, name, None)) for name in ("batches", "statistics", "table"))


def length(data: Any) -> int | None:
    """Count the rows of data that can be read more than once; of Parquet files by what they say."""
    rows: int | None
    if not in_files(data):
        rows = getattr(data, "num_rows", None)
    elif (told := data.statistics([])) is not None:
        rows = sum(told["rows"].to_pylist())
    else:
        rows = sum(batch.num_rows for batch in data.batches(data.schema.names[:1]))
    return rows


def again(data: Any, columns: Sequence[str]) -> Callable[[], pa.RecordBatchReader] | None:
    """Give what reads some columns from the first row on, with what lies inside of them; ``None`` of a stream."""
    if in_files(data):
        return lambda: data.batches(_outer(data.schema.names, columns))
    names = getattr(data, "column_names", None)
    names = getattr(data, "columns", None) if names is None else names
    if names is None or not hasattr(data, "__getitem__"):
        return None
    import pyarrow as pa  # noqa: PLC0415 - heavy

    table = pa.table(data)
    outer = set(_outer(table.column_names, columns))
    picked = table.select([place for place, name in enumerate(table.column_names) if name in outer])
    # Arrow's kernels filter no views.
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    picked = picked.cast(pa.schema([each.with_type(plain.get(each.type, each.type)) for each in picked.schema]))
    return lambda: picked.to_reader(_BATCH_ROWS)


def _outer(names: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns of the data that hold some columns of the contract."""
    return [name for name in names if any(column.startswith(name) for column in columns)]


def column(data: Any, name: str) -> Any:
    """A column of data that can be read more than once, or what lies inside of one."""
    if in_files(data):
        names = data.schema.names
        return values(data.table([name] if name in names else [each for each in names if name.startswith(each)]), name)
    names = getattr(data, "column_names", None) or getattr(data, "columns", None)
    if names is None or not hasattr(data, "__getitem__"):
        return None
    if name in list(names):
        return data[name]
    if not hasattr(data, "__arrow_c_stream__"):
        return None
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return values(pa.table(data), name)
