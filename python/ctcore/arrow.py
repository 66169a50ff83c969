"""What the core's import of Arrow data does not take as it comes."""

from __future__ import annotations

from typing import Any


def importable(data: Any) -> Any:
    """Give a table, batch or stream whose structs in structs begin where their buffers do; of other data the data.

    A slice of a struct is an offset into its fields. arrow-rs 59 applies that of the outer struct to the fields of the
    inner one twice, and panics (apache/arrow-rs#7595, mended in 60). Values are not copied.

    >>> import pyarrow as pa
    >>> rows = pa.record_batch({"a": [{"b": {"c": 1}}, {"b": {"c": 2}}]}).slice(1)
    >>> rows["a"].offset, importable(rows)["a"].offset, importable(rows).equals(rows)
    (1, 0, True)
    """
    types = getattr(getattr(data, "schema", None), "types", ())
    if not any(_deep(type_) for type_ in types):
        return data
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if isinstance(data, pa.RecordBatch):
        return pa.RecordBatch.from_arrays([_whole(column) for column in data.columns], schema=data.schema)
    return pa.RecordBatchReader.from_batches(data.schema, map(importable, pa.RecordBatchReader.from_stream(data)))


def _deep(type_: Any) -> bool:
    """Whether a type is a struct that holds a struct."""
    return _is_struct(type_) and any(_is_struct(field.type) for field in type_)


def _is_struct(type_: Any) -> bool:
    return hasattr(type_, "get_all_field_indices")  # no other Arrow type has it


def _whole(column: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if not _deep(column.type):
        return column
    parts = [_whole(column.field(place)) for place in range(column.type.num_fields)]
    return pa.StructArray.from_arrays(
        parts, fields=list(column.type), mask=column.is_null() if column.null_count else None
    )
