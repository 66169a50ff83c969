"""The store: create-only objects on a local disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

from ctcore.errors import StoreError


def sha256(data: bytes) -> str:
    """Give the hexadecimal digest that names a blob."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """Give the one JSON text of a value: sorted keys, no spaces, no NaN.

    >>> canonical({"b": 1, "a": [1.5, None]})
    b'{"a":[1.5,null],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


class LocalStore:
    """Objects in a folder. An object is created once, whole, and never changed.

    ``create`` writes a temporary file beside the target, syncs it, links it to its name and syncs the folder: ``link``
    fails where the name is taken, so of two writers exactly one wins, and a reader sees the whole object or none.
    ``rename`` would do neither.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._synced: set[Path] = set()

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; ``False`` where the name is taken. On return it is on disk."""
        target = self.root / key
        temporary = target.parent / f".{uuid.uuid4().hex}.tmp"
        try:
            self._folder(target.parent)
            try:
                with temporary.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(temporary, target)
            except FileExistsError:
                # Whoever made it may have died before the folder was synced; what is built on it must not.
                _sync_folder(target.parent)
                return False
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
            _sync_folder(target.parent)
        except OSError as error:
            raise _store_error("write", target, error) from error
        return True

    def read(self, key: str) -> bytes | None:
        """Give the bytes of an object, ``None`` where there is none."""
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _store_error("read", self.root / key, error) from error

    def list(self, folder: str) -> list[str]:
        """Give the names in a folder, sorted, without what is being written; empty where there is no folder."""
        try:
            names = os.listdir(self.root / folder)  # noqa: PTH208 - names, not paths
            return sorted(name for name in names if not name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _store_error("list", self.root / folder, error) from error

    def _folder(self, folder: Path) -> None:
        """Make a folder and sync its parents, once: another writer may have made it and died before the sync."""
        if folder in self._synced:
            return
        if folder == self.root:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            self._folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)
        self._synced.add(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _store_error(verb: str, path: Path, error: OSError) -> StoreError:
    advice = {
        errno.ENOSPC: "the disk is full; free some space and run the command again",
        errno.EDQUOT: "the disk quota is used up; free some space and run the command again",
        errno.EACCES: "permission denied; the registry's folder must be writable",
        errno.EROFS: "the file system is read-only",
    }.get(error.errno or 0, str(error))
    return StoreError(error.errno or 0, f"cannot {verb} {path}: {advice}. Nothing acknowledged is lost")
