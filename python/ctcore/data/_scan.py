"""Files that hold what was counted of rows instead of the rows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.data._files import find, written_whole
from ctcore.errors import DataError, DataNotFoundError
from ctcore.validate import LeakageScan, Scan

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIX = ".scan"
_MARK = b"ctcore scan 1 "
_HEAD = 128  # bytes before the tables: the mark, the sha256 of what follows, blanks
_NAME, _COUNTS = b"name", b"counts"


def is_scan(pattern: str | Path) -> bool:
    """Tell whether a name is that of scans instead of rows.

    >>> is_scan("2024-01.scan"), is_scan("2024-*.parquet")
    (True, False)
    """
    return Path(pattern).suffix.lower() == _SUFFIX


def write_scan(scan: Scan | LeakageScan, path: str | Path) -> None:
    """Write a scan to a file, whole or not at all.

    A line with the sha256 of the rest, then Arrow IPC streams one after the other: the counts as JSON in the metadata
    of one without rows, then each table. Of the rows a contract's scan holds extremes, what stood in the first that
    break each rule, and keys: whole numbers and times as they are, of all else hashes. A scan of leakage holds labels,
    times, counts of values and hashes.

    >>> import tempfile
    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> contract = validate.Contract(id="t", version="1", table="t", columns=(), rules=())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for day, rows in enumerate((2, 3)):
    ...         found = validate.scan(pa.table({"x": range(rows)}), contract)
    ...         write_scan(found, f"{folder}/{day}.scan")
    ...     read_scans(f"{folder}/*.scan").rows
    5
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    path = Path(path)
    if not is_scan(path):
        raise DataError(f"{path}: the name of a scan's file must end in {_SUFFIX}, to be told from rows")
    with written_whole(path) as partial, partial.open("w+b") as file:
        file.write(b" " * _HEAD)
        nothing = pa.schema([]).empty_table()
        counts = nothing.replace_schema_metadata({_COUNTS: json.dumps(scan.to_dict())})
        for name, table in {"": counts, **scan.tables()}.items():
            named = table.replace_schema_metadata({**(table.schema.metadata or {}), _NAME: name})
            with pa.ipc.new_stream(file, named.schema) as writer:
                writer.write_table(named)
        file.seek(_HEAD)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write((_MARK + digest.encode()).ljust(_HEAD - 1) + b"\n")


def read_scan(path: str | Path) -> Scan:
    """Read the scan of a contract that :func:`write_scan` wrote; a file that was changed or damaged is refused.

    Keys stay on disk.
    """
    return Scan.from_dict(*_read(path))


def read_scans(pattern: str | Path) -> Scan:
    """Read the scan of a file, or merge those of all files that match a pattern, in the order of their names."""
    first, *later = (read_scan(file) for file in find(pattern, Path()))
    return first.merge(*later) if later else first


def read_leakage_scans(pattern: str | Path) -> LeakageScan:
    """Read what leakage is judged on as :func:`read_scans` reads what a contract is. What is kept stays on disk."""
    first, *later = (LeakageScan.from_dict(*_read(file)) for file in find(pattern, Path()))
    return first.merge(*later) if later else first


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
            if not head.startswith(_MARK):
                raise DataError(
                    f"{path}: this is no scan, or one of another version of ctcore: it begins {head[:14]!r}"
                )
            if head[len(_MARK) :].strip().decode(errors="replace") != hashlib.file_digest(file, "sha256").hexdigest():
                raise DataError(f"{path}: it was changed after it was made: its sha256 is not that of its content")
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path}: no such file") from error
    tables: dict[str, pa.Table] = {}
    with pa.memory_map(str(path)) as mapped:
        mapped.seek(_HEAD)
        while mapped.tell() < mapped.size():
            with pa.ipc.open_stream(mapped) as reader:
                table = reader.read_all()
            said = dict(table.schema.metadata)
            name = said.pop(_NAME).decode()
            tables[name] = table.replace_schema_metadata(said or None)
    return json.loads(tables.pop("").schema.metadata[_COUNTS]), tables
