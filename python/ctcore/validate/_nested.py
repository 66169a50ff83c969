"""What lies inside of columns, by the names that contracts use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def values(table: pa.Table, name: str) -> Any:
    """Give a column, or what lies inside of one: of lists and maps all items, one after the other; ``None`` of neither.

    A field is null where its struct is. A column's own name goes before the way into another, as in the core.

    >>> import pyarrow as pa
    >>> table = pa.table({"a": [{"b": [1, 2]}, None, {"b": [3]}]})
    >>> values(table, "a.b").to_pylist(), values(table, "a.b[]").to_pylist(), values(table, "a.c")
    ([[1, 2], None, [3]], [1, 2, 3], None)
    """
    if name in table.column_names:
        return table.column(table.column_names.index(name))
    found = (
        _inside(table.column(place), name.removeprefix(outer))
        for place, outer in enumerate(table.column_names)
        if name.startswith(outer)
    )
    return next((each for each in found if each is not None), None)


def _inside(column: Any, rest: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    type_ = column.type
    if not rest:
        return column
    if rest.startswith("[]") and isinstance(type_, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return _inside(pc.list_flatten(column), rest.removeprefix("[]"))
    if rest.startswith("{}") and pa.types.is_map(type_):
        entry = pa.struct([pa.field("key", type_.key_type, nullable=False), ("value", type_.item_type)])
        return _inside(pc.list_flatten(column.cast(pa.list_(entry))), rest.removeprefix("{}"))
    if not rest.startswith(".") or not pa.types.is_struct(type_):
        return None
    found = (
        _inside(pc.struct_field(column, [place]), rest[1:].removeprefix(field.name))
        for place, field in enumerate(type_)
        if rest[1:].startswith(field.name)
    )
    return next((each for each in found if each is not None), None)
