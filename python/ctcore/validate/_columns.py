"""The columns of the data, and of the holdout after it, read when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ctcore.errors import ArgumentError, ColumnTypeError, DataError, did_you_mean
from ctcore.validate._again import in_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_HELD = 1 << 26  # bytes of columns that are read together
_PARSED = 128  # bytes a row of columns that are read together of CSV, which is parsed whole for each reading


@dataclass(frozen=True, slots=True)
class Columns:
    """Tables, or files of which no more is held than was asked for."""

    sides: tuple[Any, ...]
    """The data, and the holdout where there is one: each a table or a ``ctcore.data.Source``."""
    types: dict[str, Any]
    """The type of each column on both sides together; text of files is text, however they store it."""

    @classmethod
    def of(cls, data: Any, holdout: Any, names: Collection[str]) -> Columns:
        """Put data and holdout together; every column that is named must be there, of types that go together."""
        sides = (data,) if holdout is None else (data, holdout)
        given = [column_types(side) for side in sides]
        for which, types in zip(("data", "holdout"), given, strict=False):
            missing = [name for name in names if name not in types]
            if missing:
                hint = did_you_mean(missing[0], list(types))
                raise ArgumentError(f"{which}: there is no column {missing[0]!r}; {hint}")
        return cls(sides, {name: _together(name, [types[name] for types in given]) for name in names})

    def pieces(self, names: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Read some columns of all rows in their order: a table at once, files batch by batch.

        Each piece comes with its side's place.
        """
        held = {name: self._held(name) for name in names}
        for place, side in enumerate(self.sides):
            for piece in side.batches(list(names)) if in_files(side) else [side.select(list(names))]:
                yield place, {name: _cast(name, piece[name], type_) for name, type_ in held.items()}

    def read(self, names: Collection[str]) -> tuple[dict[str, Any], tuple[int, ...]]:
        """Read some columns whole, and count the rows of each side."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        chunks: dict[str, list[Any]] = {name: [] for name in names}
        rows = [0] * len(self.sides)
        for place, piece in self.pieces(names):
            rows[place] += len(next(iter(piece.values())))
            for name, column in piece.items():
                chunks[name] += getattr(column, "chunks", [column])
        return {name: pa.chunked_array(each, self._held(name)) for name, each in chunks.items()}, tuple(rows)

    def each(self, names: Iterable[str], sizes: Mapping[str, int], rows: int) -> Iterator[tuple[str, Any]]:
        """Read columns of known sizes whole, one after the other; small ones are read together."""
        columnar = all(side.columnar for side in self.sides if in_files(side))
        for group in _groups(names, sizes, _HELD if columnar else max(_HELD, rows * _PARSED)):
            columns, counts = self.read(group)
            unchanged(rows, sum(counts))
            for name in group:
                yield name, columns.pop(name)

    def _held(self, name: str) -> Any:
        """Give the type in which a column is held: a text of files that is stored once is held once."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        type_ = self.types[name]
        text = pa.types.is_string(type_) or pa.types.is_large_string(type_)
        return pa.dictionary(pa.int32(), type_) if text and any(map(in_files, self.sides)) else type_


def column_types(data: Any) -> dict[str, Any]:
    """Give the types of a table's or a source's columns; a source's dictionaries are a matter of storage."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    types = dict(zip(data.schema.names, data.schema.types, strict=True))
    if not in_files(data):
        return types
    return {name: type_.value_type if pa.types.is_dictionary(type_) else type_ for name, type_ in types.items()}


def _together(name: str, types: list[Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if all(type_ == types[0] for type_ in types):
        return types[0]
    try:
        schemas = [pa.schema([(name, type_)]) for type_ in types]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ColumnTypeError(f"holdout: its columns are of other types than the data's: {error}") from None


def _cast(name: str, column: Any, type_: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    words = getattr(column, "dictionary", None)
    if words is not None and words.null_count:  # the core takes such a null for a word
        column = column.cast(words.type)
    if column.type == type_:
        return column
    try:
        return column.cast(type_)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ColumnTypeError(f"holdout: its columns are of other types than the data's: {name}: {error}") from None


def unchanged(before: int, now: int) -> None:
    """Refuse files that hold more or fewer rows than when they were read first."""
    if before != now:
        raise DataError(f"data: {before:,} rows at first, {now:,} now; the files were changed while they were read")


def _groups(names: Iterable[str], sizes: Mapping[str, int], most: int) -> list[list[str]]:
    """Put columns together up to a size."""
    groups: list[list[str]] = []
    held = 0
    for name in names:
        if not groups or held + sizes[name] > most:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += sizes[name]
    return groups
