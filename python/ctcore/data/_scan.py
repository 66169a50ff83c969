"""Files that hold what was counted of rows instead of the rows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.data._files import find, written_whole
from ctcore.errors import DataError, DataNotFoundError
from ctcore.validate import Scan

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIX = ".scan"
_MARK = b"ctcore scan 1 "
_HEAD = 128  # bytes before the tables: the mark, the sha256 of what follows, blanks
_META = b"ctcore"


def is_scan(pattern: str | Path) -> bool:
    """Tell whether a name is that of scans instead of rows.

    >>> is_scan("2024-01.scan"), is_scan("2024-*.parquet")
    (True, False)
    """
    return Path(pattern).suffix.lower() == _SUFFIX


def write_scan(scan: Scan, path: str | Path) -> None:
    """Write a scan to a file, whole or not at all.

    A line with the sha256 of the rest, then an Arrow IPC stream: the counts as JSON in its schema's metadata, the keys
    as batches that name their rule. Of the rows it holds extremes, what stood in the first that break each rule, and
    keys: whole numbers and times as they are, of all else hashes.

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
    schema = next(iter(scan.keys.values())).schema if scan.keys else pa.schema([])
    with written_whole(path) as partial, partial.open("w+b") as file:
        file.write(b" " * _HEAD)
        with pa.ipc.new_stream(file, schema.with_metadata({_META: json.dumps(scan.to_dict())})) as writer:
            for rule, table in scan.keys.items():
                for batch in table.to_batches():
                    writer.write_batch(batch, custom_metadata={"rule": rule})
        file.seek(_HEAD)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write((_MARK + digest.encode()).ljust(_HEAD - 1) + b"\n")


def read_scan(path: str | Path) -> Scan:
    """Read what :func:`write_scan` wrote; a file that was changed or damaged is refused. Keys stay on disk."""
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
    with pa.memory_map(str(path)) as mapped:
        mapped.seek(_HEAD)
        with pa.ipc.open_stream(mapped) as reader:
            stored = json.loads(reader.schema.metadata[_META])
            schema = reader.schema.remove_metadata()
            batches: dict[str, list[Any]] = {rule: [] for rule, each in stored["rules"].items() if "items" in each}
            for batch, said in _with_metadata(reader):
                batches[said[b"rule"].decode()].append(batch)
    keys = {rule: pa.Table.from_batches(each, schema) for rule, each in batches.items()}
    return Scan.from_dict(stored, keys)


def read_scans(pattern: str | Path) -> Scan:
    """Read the scan of a file, or merge those of all files that match a pattern, in the order of their names."""
    first, *later = (read_scan(file) for file in find(pattern, Path()))
    return first.merge(*later) if later else first


def _with_metadata(reader: pa.RecordBatchStreamReader) -> Any:
    while True:
        try:
            yield reader.read_next_batch_with_custom_metadata()
        except StopIteration:
            return
