"""Rows of files: opened with care, read batch by batch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.arrow import importable
from ctcore.data._files import find, fingerprint, format_of, open_
from ctcore.data._row_groups import statistics
from ctcore.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

Span = tuple[str, Any, Any]

_BATCH_ROWS = 500_000
"""The most rows of a batch: decoders make room in powers of two, and this is below one."""
_BATCH_BYTES = 1 << 27
"""What a batch may decode to, by what a Parquet file says of its columns."""
_GROUP_ROWS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Source:
    """Rows in files, read when they are asked for. Whatever takes an Arrow stream takes a source.

    Memory holds a few batches at a time, however long the files are. Strings of Parquet files come as dictionaries:
    a text that is stored once is held once.
    """

    name: str
    """What was asked for."""
    files: tuple[str, ...]
    """The files, sorted: paths, or URLs of an object store."""
    schema: pa.Schema
    """The columns of all files together. A column that a file lacks is null in its rows."""
    _format: str = field(repr=False)
    _batch_rows: int = field(repr=False)

    @property
    def columnar(self) -> bool:
        """Whether a column is read without the others: of all formats but CSV."""
        return self._format != "csv"

    def batches(
        self,
        columns: list[str] | None = None,
        *,
        span: Span | None = None,
        needed: Sequence[Collection[str]] | None = None,
    ) -> pa.RecordBatchReader:
        """Stream the rows, in the order of the files; each batch is validated before anything computes on it.

        ``span`` is a column with a start and an end of its type: rows in [start, end) alone. ``needed`` says for each
        row group of :meth:`statistics` which columns to decode: in its rows the others are null, and a group that needs
        none is left out.
        """
        import pyarrow as pa  # noqa: PLC0415 - heavy

        schema = self._schema(columns)
        return pa.RecordBatchReader.from_batches(schema, self._read(schema, span, needed))

    def statistics(self, columns: list[str]) -> pa.RecordBatch | None:
        """Give what the files say of some columns, a row for each row group; ``None`` where their format says nothing.

        The first column, ``rows``, counts a group's rows. Each other one is a struct: ``minimum`` and ``maximum`` in
        the column's type, and ``nulls``, a number. Null is what a file does not say, or says of values without an
        order that all writers share. Writers may be wrong: nothing here was read from the rows.
        """
        if self._format != "parquet":
            return None
        import pyarrow as pa  # noqa: PLC0415 - heavy

        try:
            return statistics([_metadata(file) for file in self.files], self._schema(columns))
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.name} cannot be read: {' '.join(str(error).split())}") from error

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows to whoever reads an Arrow stream."""
        return self.batches().__arrow_c_stream__(requested_schema)

    def select(self, columns: list[str]) -> Source:
        """Give the source of these columns alone."""
        return replace(self, schema=self._schema(columns))

    def table(self, columns: list[str] | None = None, *, span: Span | None = None) -> pa.Table:
        """Read the rows into memory, strings spelled out. More than the machine's memory is an error before that."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        schema, memory = self._schema(columns), _memory()
        held, size = [], 0
        for batch in self._read(schema, span):
            held.append(batch)
            size += sum(_decoded(column) for column in batch.columns)
            if size > memory:
                raise DataError(
                    f"{self.name}: the first {sum(each.num_rows for each in held):,} rows alone decode to more than "
                    f"this machine's memory, {memory / 2**30:.0f} GiB; name fewer columns or rows"
                )
        plain = pa.schema([each.with_type(_plain(each.type)) for each in schema])
        return pa.Table.from_batches(held, schema).cast(plain)

    def record(self, root: Path) -> list[dict[str, Any]]:
        """Give each file with its size and sha256. Paths below ``root`` are given from there."""
        return [fingerprint(file, root) for file in self.files]

    def _schema(self, columns: list[str] | None) -> pa.Schema:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        if columns is None:
            return self.schema
        known = set(self.schema.names)
        for name in columns:
            if name not in known:
                raise ArgumentError(f"columns: {self.name} has no column {name!r}; it has {self.schema.names}")
        return pa.schema([self.schema.field(name) for name in columns])

    def _read(
        self, schema: pa.Schema, span: Span | None, needed: Sequence[Collection[str]] | None = None
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa  # noqa: PLC0415 - heavy
        import pyarrow.compute as pc  # noqa: PLC0415

        wanted = schema
        if span is not None and span[0] not in schema.names:
            wanted = schema.append(self.schema.field(span[0]))
        within = None if span is None else (pc.field(span[0]) >= span[1]) & (pc.field(span[0]) < span[2])
        groups = None if needed is None else iter(needed)
        for file in self.files:
            try:
                for batch in _batches(file, self._format, wanted, within, self._batch_rows, groups):
                    _validate(batch)
                    yield importable((batch if within is None else batch.filter(within)).select(schema.names))
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise _unreadable(file, self._format, error) from error


def _batches(
    file: str,
    format_: str,
    schema: pa.Schema,
    within: Any,
    rows: int,
    needed: Iterator[Collection[str]] | None,
) -> Iterator[pa.RecordBatch]:
    """Decode a file piece by piece: a dataset would decode a whole row group at once."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415

    if format_ != "parquet":
        yield from _dataset(file, format_, schema).to_batches(batch_size=rows, batch_readahead=4)
        return
    store, path = open_(file)
    fragment = next(_dataset(file, format_, schema).get_fragments())
    there = set(fragment.physical_schema.names)
    names = [name for name in schema.names if name in there]
    texts = [name for name in names if pa.types.is_dictionary(schema.field(name).type)]
    wanted = [group.id for group in (fragment if within is None else fragment.subset(within, schema)).row_groups]
    with store.open_input_file(path) as opened:
        parquet: pq.ParquetFile = pq.ParquetFile(opened, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 18)
        everything = frozenset(schema.names)
        asked = [everything if needed is None else next(needed, ()) for _ in range(parquet.num_row_groups)]
        for columns, groups in groupby((group for group in wanted if asked[group]), key=asked.__getitem__):
            decoded, run = [name for name in names if name in columns], list(groups)
            missing = sum(parquet.metadata.row_group(group).num_rows for group in run)
            for batch in parquet.iter_batches(rows, row_groups=run, columns=decoded):
                missing -= len(batch)
                yield _conformed(batch, schema)
            if decoded and missing:  # Arrow takes some torn pages for the end of a column
                raise pa.ArrowInvalid(f"{missing:,} rows of the row groups {run[0]} to {run[-1]} are not there")


def _validate(batch: pa.RecordBatch) -> None:
    """Refuse what no writer may give: what computes on a batch trusts its offsets, codes and text."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    batch.validate()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not pa.types.is_dictionary(column.type):
            column.validate(full=True)
            continue
        column.dictionary.validate(full=True)
        codes = pc.min_max(column.indices).as_py()  # a tenth of what a full validation of the codes takes
        if codes["min"] is not None and not 0 <= codes["min"] <= codes["max"] < len(column.dictionary):
            raise pa.ArrowInvalid(
                f"the column {name} has codes from {codes['min']} to {codes['max']} for a dictionary of "
                f"{len(column.dictionary)} values"
            )


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the columns and types of all files together."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if batch.schema.equals(schema):
        return batch
    there = set(batch.schema.names)
    columns = [
        batch.column(each.name).cast(each.type) if each.name in there else pa.nulls(len(batch), each.type)
        for each in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def source(pattern: str | Path, root: Path = Path()) -> Source:
    """Open the Parquet, CSV or Arrow IPC files that a path, a folder, a pattern or a URL names.

    Parameters
    ----------
    pattern : str or Path
        A file; a folder, with all below it; a pattern such as ``rides/2019-*.parquet``; or any of these in an object
        store: ``s3://``, ``gs://``, ``abfs://``. Credentials come from the store's usual environment variables.
    root : Path
        Where a relative path begins.

    Raises
    ------
    DataNotFoundError
        Nothing has that name.
    DataError
        The files are of several kinds, are not what their names say, have a column name twice, columns whose types
        differ from file to file, text that is not UTF-8, or sizes that no writer gives them.

    Examples
    --------
    >>> source("nowhere.parquet")
    Traceback (most recent call last):
    ctcore.errors.DataNotFoundError: nowhere.parquet: no such file, and no Parquet, CSV or Arrow file matches it
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    files = find(pattern, root)
    formats = {format_of(file) for file in files}
    if len(formats) > 1:
        raise DataError(f"{pattern}: files of one kind are needed, found {sorted(formats)}")
    format_ = formats.pop()
    schemas, rows, longest = [], _BATCH_ROWS, 0
    for file in files:
        try:
            if format_ == "parquet":
                room, group = _extent(file)
                rows, longest = min(rows, room), max(longest, group)
            schemas.append(_dataset(file, format_).schema)
            _named_once(file, schemas[-1])
            if format_ == "csv":
                _is_text(file, schemas[-1])
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _unreadable(file, format_, error) from error
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive").remove_metadata()
    except pa.ArrowException as error:
        raise DataError(f"{pattern}: {_differ(files, schemas) or error}") from error
    if format_ == "parquet":
        schema = pa.schema([each.with_type(_encoded(each.type)) for each in schema])
        rows = _even(longest, rows)
    return Source(str(pattern), tuple(files), schema, format_, rows)


def read_table(pattern: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read the rows of a file, a folder, a pattern or a URL into memory: :func:`source`, then all of it."""
    return source(pattern).table(columns)


def _dataset(file: str, format_: str, schema: pa.Schema | None = None) -> Any:
    """Open one file; ``schema`` is that of all files, with the columns that this one may lack."""
    import pyarrow.csv  # noqa: PLC0415 - heavy, as is the rest
    import pyarrow.dataset as ds  # noqa: PLC0415

    store, path = open_(file)
    options: Any = ds.IpcFileFormat()
    if format_ == "parquet":
        options = ds.ParquetFileFormat()
    elif format_ == "csv":  # an empty cell of a text column is a missing value
        options = ds.CsvFileFormat(
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
        )
    return ds.dataset(path, filesystem=store, format=options, schema=schema)


def _metadata(file: str) -> pq.FileMetaData:
    """Read what a file says of itself."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    store, path = open_(file)
    with store.open_input_file(path) as opened:
        return pq.read_metadata(opened)


def _extent(file: str) -> tuple[int, int]:
    """Give the rows of a batch that decode to a bounded size, by what the file says, and those of its largest group."""
    metadata = _metadata(file)
    _named_once(file, metadata.schema.to_arrow_schema())
    widths = [max(8, metadata.schema.column(place).length or 0) for place in range(metadata.num_columns)]
    memory = _memory()
    rows, longest = _BATCH_ROWS, 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(place) for place in range(group.num_columns)]
        stated = sum(chunk.total_uncompressed_size for chunk in chunks)
        if not 0 <= group.num_rows <= _GROUP_ROWS or not 0 <= stated <= memory:
            raise DataError(
                f"{file}: row group {number} says that it has {group.num_rows:,} rows of {stated:,} bytes; nothing was "
                f"read. Write it again in smaller row groups"
            )
        if group.num_rows:
            sizes = (chunk.num_values * width for chunk, width in zip(chunks, widths, strict=True))
            texts = (chunk.total_uncompressed_size for chunk in chunks)
            decoded: int = sum(map(max, sizes, texts))
            rows = min(rows, _BATCH_BYTES * group.num_rows // max(decoded, 1))
        longest = max(longest, group.num_rows)
    return max(rows, 1), longest


def _even(longest: int, rows: int) -> int:
    """Give the size of batches that hold whole row groups, or share one evenly: what lies in two is copied."""
    if longest <= rows:
        return rows - rows % max(longest, 1)
    pieces = -(-longest // rows)
    return -(-longest // pieces)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _encoded(type_: pa.DataType) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    text = pa.types.is_string(type_) or pa.types.is_binary(type_)
    return pa.dictionary(pa.int32(), type_) if text else type_


def _plain(type_: pa.DataType) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _decoded(column: pa.Array) -> int:
    """Give the bytes of a column once its dictionary is spelled out."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if not (isinstance(column, pa.DictionaryArray) and pa.types.is_string(column.dictionary.type)):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return 4 * len(column) + (pc.sum(lengths.take(column.indices).cast(pa.int64())).as_py() or 0)


def _named_once(file: str, schema: pa.Schema) -> None:
    seen = set()
    for name in schema.names:
        if name in seen:
            raise DataError(f"{file}: the column name {name!r} occurs more than once")
        seen.add(name)


def _is_text(file: str, schema: pa.Schema) -> None:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    for each in schema:
        if pa.types.is_binary(each.type):
            raise DataError(f"{file}: the column {each.name!r} is not UTF-8; write the file again as UTF-8")


def _differ(files: list[str], schemas: list[pa.Schema]) -> str | None:
    """Say which column has types that do not go together, and where."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    first: dict[str, tuple[str, pa.Field]] = {}
    for file, schema in zip(files, schemas, strict=True):
        for each in schema:
            where, before = first.setdefault(each.name, (file, each))
            try:
                pa.unify_schemas([pa.schema([before]), pa.schema([each])], promote_options="permissive")
            except pa.ArrowException:
                return f"the column {each.name!r} is {before.type} in {where} and {each.type} in {file}"
    return None


def _unreadable(file: str, format_: str, error: Exception) -> DataError:
    where = file
    if format_ == "parquet":
        where = _damaged(file) or file
    return DataError(f"{where} cannot be read: {' '.join(str(error).split())}")


def _damaged(file: str) -> str | None:
    """Name the row group and the column that cannot be decoded, or nothing where the whole file cannot be opened."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        store, path = open_(file)
        with store.open_input_file(path) as opened:
            parquet: pq.ParquetFile = pq.ParquetFile(opened)
            for group in range(parquet.num_row_groups):
                for name in parquet.schema_arrow.names:
                    try:
                        for batch in parquet.iter_batches(1024, row_groups=[group], columns=[name]):
                            batch.validate(full=True)
                    except (pa.ArrowException, OSError, UnicodeDecodeError):
                        return f"{file}, row group {group}, column {name!r}"
    except (pa.ArrowException, OSError):
        pass
    return None
