"""Files: found by a path, a folder, a pattern or a URL, opened where they are, known by their first bytes."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ctcore.errors import DataError, DataNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".arrow": "ipc", ".feather": "ipc", ".ipc": "ipc"}
_MAGIC = {"parquet": b"PAR1", "ipc": b"ARROW1"}


def find(pattern: str | Path, root: Path) -> list[str]:
    """Give the files that a path, a folder, a pattern or a URL names, sorted."""
    if "://" in str(pattern):
        files = _find_stored(str(pattern))
    else:
        path = root / pattern
        if path.is_dir():
            found: Iterable[Path] = (each for each in path.rglob("*") if each.suffix.lower() in _FORMATS)
        elif path.exists():
            found = [path]
        elif Path(pattern).is_absolute():
            found = (Path(each) for each in glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - a whole path
        else:
            found = root.glob(str(pattern))
        files = [str(each) for each in found if each.is_file()]
    if not files:
        raise DataNotFoundError(f"{pattern}: no such file, and no Parquet, CSV or Arrow file matches it")
    return sorted(files)


def _find_stored(url: str) -> list[str]:
    """Give the URLs of the objects that a URL with or without a pattern names."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    from pyarrow import fs  # noqa: PLC0415

    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    address = f"{parts.netloc}{parts.path}"
    fixed = address.partition("*")[0]
    fixed = address if fixed == address else fixed.rpartition("/")[0]
    try:
        store, base = fs.FileSystem.from_uri(f"{parts.scheme}://{fixed}{query}")
        info = store.get_file_info(base)
        if info.type == fs.FileType.File:
            return [url]
        if info.type == fs.FileType.NotFound:
            return []
        found = store.get_file_info(fs.FileSelector(base, recursive=True))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{url} cannot be listed: {' '.join(str(error).split())}") from error
    paths = [each.path for each in found if each.type == fs.FileType.File]
    wanted = address if fixed != address else None
    return [
        f"{parts.scheme}://{path}{query}"
        for path in paths
        if PurePosixPath(path).suffix.lower() in _FORMATS and (wanted is None or _matches(path, wanted))
    ]


def _matches(path: str, pattern: str) -> bool:
    """Tell whether a path matches; only ``**`` crosses a slash."""
    if "**" in pattern:
        return fnmatch.fnmatchcase(path, pattern.replace("**/", "*"))
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def open_(file: str) -> tuple[Any, str]:
    """Give the file system that a file is in, and its path there."""
    from pyarrow import fs  # noqa: PLC0415 - heavy

    if "://" in file:
        store, path = fs.FileSystem.from_uri(file)
        return store, path
    return fs.LocalFileSystem(), file


def format_of(file: str) -> str:
    """Give the format of a file; its first bytes must be what its name says."""
    known = _FORMATS.get(PurePosixPath(urlsplit(file).path if "://" in file else file).suffix.lower())
    if known is None:
        raise DataError(f"{file}: the name must end in one of {', '.join(_FORMATS)}")
    store, path = open_(file)
    with store.open_input_stream(path, compression=None) as stream:
        head = stream.read(6)
    if not head:
        raise DataError(f"{file}: the file is empty")
    magic = _MAGIC.get(known, b"")
    if not head.startswith(magic):
        raise DataError(f"{file}: this is not {known}, whatever its name says: it begins with {head!r}")
    if known == "csv":
        if head.startswith(tuple(_MAGIC.values())):
            raise DataError(f"{file}: this is not CSV but Parquet or Arrow: it begins with {head!r}; rename it")
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError(f"{file}: this is UTF-16; write it again as UTF-8")
    return known


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a name beside a file to write to, which then takes its place; nothing is left of a writing that failed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def fingerprint(file: str, root: Path) -> dict[str, Any]:
    """Give a file's path from ``root`` where it lies below, else whole, with its size and sha256."""
    store, path = open_(file)
    digest, size = hashlib.sha256(), 0
    with store.open_input_stream(path, compression=None) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    below = "://" not in file and Path(file).is_relative_to(root)
    return {"path": str(Path(file).relative_to(root)) if below else file, "size": size, "sha256": digest.hexdigest()}
