"""Files of rows."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.errors import DataError, DataNotFoundError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".arrow": "ipc", ".feather": "ipc", ".ipc": "ipc"}
_MAGIC = {"parquet": b"PAR1", "ipc": b"ARROW1"}


def find(pattern: str | Path, root: Path = Path()) -> list[Path]:
    """Give the files that a path, a folder or a pattern names, sorted. What is relative lies below ``root``."""
    path = root / pattern
    if path.is_dir():
        files = [each for each in path.rglob("*") if each.suffix.lower() in _FORMATS]
    elif path.exists():
        files = [path]
    elif Path(pattern).is_absolute():
        files = [Path(each) for each in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207 - a whole path
    else:
        files = list(root.glob(str(pattern)))
    files = sorted(each for each in files if each.is_file())
    if not files:
        raise DataNotFoundError(f"{pattern}: no such file, and no Parquet, CSV or Arrow file matches it")
    return files


def dataset(files: list[Path]) -> ds.Dataset:
    """Open files of one format as a dataset; the first bytes must be what the name says."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.csv  # noqa: PLC0415
    import pyarrow.dataset as ds  # noqa: PLC0415

    formats = {_format(path) for path in files}
    if len(formats) > 1:
        raise DataError(f"{files[0].parent}: files of one kind are needed, found {sorted(formats)}")
    try:
        format_: Any = formats.pop()
        if format_ == "csv":  # an empty cell of a text column is a missing value
            format_ = ds.CsvFileFormat(convert_options=pa.csv.ConvertOptions(strings_can_be_null=True))
        parts = [ds.dataset(str(path), format=format_) for path in files]
        schema = pa.unify_schemas([part.schema for part in parts], promote_options="permissive")
        return ds.dataset([str(path) for path in files], format=format_, schema=schema)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(files, error) from error


def read_table(pattern: str | Path, *, filter_: Any = None, columns: list[str] | None = None) -> pa.Table:
    """Read the rows of a file, a folder or a pattern: Parquet, CSV or Arrow IPC.

    >>> read_table("nowhere.parquet")
    Traceback (most recent call last):
    ctcore.errors.DataNotFoundError: nowhere.parquet: no such file, and no Parquet, CSV or Arrow file matches it
    """
    files = find(pattern)
    return read_dataset(dataset(files), files, filter_=filter_, columns=columns)


def read_dataset(
    opened: ds.Dataset, files: list[Path], *, filter_: Any = None, columns: list[str] | None = None
) -> pa.Table:
    """Read rows of an open dataset. What came from a file is validated before anything computes on it."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    try:
        table = opened.to_table(filter=filter_, columns=columns)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(files, error) from error
    duplicates = {name for name in table.column_names if table.column_names.count(name) > 1}
    if duplicates:
        raise DataError(f"{files[0]}: the column name {min(duplicates)!r} occurs more than once")
    return table


def _format(path: Path) -> str:
    known = _FORMATS.get(path.suffix.lower())
    if known is None:
        raise DataError(f"{path}: the name must end in one of {', '.join(_FORMATS)}")
    with path.open("rb") as file:
        head = file.read(6)
    if not head:
        raise DataError(f"{path}: the file is empty")
    magic = _MAGIC.get(known, b"")
    if not head.startswith(magic):
        raise DataError(f"{path}: this is not {known}, whatever its name says: it begins with {head!r}")
    if known == "csv" and head.startswith(tuple(_MAGIC.values())):
        raise DataError(f"{path}: this is not CSV but Parquet or Arrow: it begins with {head!r}; rename it")
    return known


def _unreadable(files: list[Path], error: Exception) -> DataError:
    names = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    return DataError(f"{names} cannot be read: {' '.join(str(error).split())}")
