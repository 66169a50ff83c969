"""What Parquet files say of their row groups."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

_UNITS = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}


def statistics(files: Sequence[pq.FileMetaData], schema: pa.Schema) -> pa.RecordBatch:
    """Give a row for each row group of some files: ``rows``, then for each column a struct of what is said of it.

    ``minimum`` and ``maximum`` are in the column's type, ``nulls`` is the number of nulls. Null is what a file does not
    say. Bounds are given of whole numbers, floats, dates and times alone: those of text may be cut short. The fields of
    a struct are columns as well, ``struct.field``, unless one of the schema's own has that name.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    told = [_File(each) for each in files]
    rows = pa.array([rows for file in told for rows in file.rows], pa.uint64())
    names, columns = ["rows"], [rows]
    taken = set(schema.names)
    for root in schema:
        for field in _fields(root, taken):
            minima, maxima, nulls = zip(*(file.column(root.name, field) for file in told), strict=True)
            counts = pa.array([count for each in nulls for count in each], pa.uint64())
            parts = [pa.concat_arrays(minima), pa.concat_arrays(maxima), counts]
            names.append(field.name)
            columns.append(pa.StructArray.from_arrays(parts, ["minimum", "maximum", "nulls"]))
    return pa.RecordBatch.from_arrays(columns, names)


def _fields(outer: pa.Field, taken: set[str]) -> Iterator[pa.Field]:
    """Give a column and the fields that lie inside of it, by their whole names."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    yield outer
    if pa.types.is_struct(outer.type):
        for inner in outer.type:
            name = f"{outer.name}.{inner.name}"
            if name not in taken:
                yield from _fields(inner.with_name(name), taken)


class _File:
    def __init__(self, metadata: pq.FileMetaData) -> None:
        self.groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self.rows = [group.num_rows for group in self.groups]
        self.schema = metadata.schema
        self.names = set(metadata.schema.to_arrow_schema().names)
        columns = [metadata.schema.column(place) for place in range(metadata.num_columns)]
        times = Counter(column.path for column in columns)  # "a.b" may be a column, or a field of the column "a"
        self.places = {
            column.path: place
            for place, column in enumerate(columns)
            if times[column.path] == 1 and column.max_repetition_level == 0
        }
        self.within: dict[str, list[int]] = defaultdict(list)
        for path, place in self.places.items():
            parts = path.split(".")
            for end in range(1, len(parts)):
                self.within[".".join(parts[:end])].append(place)

    def column(self, root: str, field: pa.Field) -> tuple[pa.Array, pa.Array, list[int | None]]:
        """Give the minimum, maximum and number of nulls in each row group of a column, or of a field inside of one."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        unknown = pa.nulls(len(self.groups), field.type)
        if root not in self.names:  # null in all rows of this file
            return unknown, unknown, [*self.rows]
        if pa.types.is_struct(field.type):
            return unknown, unknown, self._struct_nulls(field)
        if field.name not in self.places:
            return unknown, unknown, [None] * len(self.groups)
        place = self.places[field.name]
        column = self.schema.column(place)
        chunks = [group.column(place).statistics for group in self.groups]
        nulls = self._nulls(place)
        types = _types(column, field.type)
        if types is None:
            return unknown, unknown, nulls
        raw, stored = types
        told = [each if each is not None and each.has_min_max else None for each in chunks]
        try:
            minimum, maximum = (
                pa.array([None if each is None else getattr(each, side) for each in told], raw)
                .view(stored)
                .cast(field.type)
                for side in ("min_raw", "max_raw")
            )
        except pa.ArrowException:  # values that the column's type does not hold: reading them will say so
            return unknown, unknown, nulls
        return minimum, maximum, nulls

    def _nulls(self, place: int) -> list[int | None]:
        if self.schema.column(place).max_definition_level == 0:  # the file has no room for a null
            return [0] * len(self.groups)
        chunks = [group.column(place).statistics for group in self.groups]
        counts = [None if each is None or not each.has_null_count else each.null_count for each in chunks]
        return [
            count if count is not None and 0 <= count <= rows else None
            for count, rows in zip(counts, self.rows, strict=True)
        ]

    def _struct_nulls(self, struct: pa.Field) -> list[int | None]:
        """No struct is null of which a field never is: its nulls count among the field's. Else nothing is known."""
        within = self.within.get(struct.name, [])
        counts = zip(*map(self._nulls, within), strict=True) if within else [()] * len(self.groups)
        return [0 if 0 in each else None for each in counts]


def _types(column: pq.ColumnSchema, type_: pa.DataType) -> tuple[pa.DataType, pa.DataType] | None:
    """Give the type of a column's raw bounds and the one that their bits stand for; ``None`` where they are no use."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    raw = {"INT32": pa.int32(), "INT64": pa.int64(), "FLOAT": pa.float32(), "DOUBLE": pa.float64()}.get(
        column.physical_type
    )
    if raw is None:
        return None
    logical = json.loads(column.logical_type.to_json())
    unit = _UNITS.get(logical.get("timeUnit"))
    match logical["Type"]:
        case "Date":
            return raw, pa.date32()
        case "Time":
            return raw, pa.time32("ms") if unit == "ms" else pa.time64(unit)
        case "Timestamp" if pa.types.is_timestamp(type_):
            return raw, pa.timestamp(unit, type_.tz)
        case "Int" if not logical["isSigned"]:
            return raw, pa.uint32() if raw == pa.int32() else pa.uint64()
        case "Int" | "None" if pa.types.is_integer(type_) or pa.types.is_floating(type_):
            return raw, raw
    return None
