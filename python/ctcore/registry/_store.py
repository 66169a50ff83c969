"""The store: create-only objects on a local disk, and the protocol that every store keeps."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ctcore.errors import ArgumentError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


_DIGEST = re.compile(r"[0-9a-f]{64}")


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


def seal(value: dict[str, Any]) -> bytes:
    """Give the canonical JSON of a record together with the sha256 of the rest, so that it proves itself.

    >>> seal({"a": 1})
    b'{"a":1,"sha256":"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"}'
    """
    return canonical(value | {"sha256": sha256(canonical(value))})


def unseal(data: bytes) -> dict[str, Any]:
    """Give the record that ``seal`` was given; ``ValueError`` where a bit of it has changed.

    >>> unseal(seal({"a": 1}))
    {'a': 1}
    """
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the content is wrong, not an argument
    digest = value.pop("sha256", None)
    if seal(value) != data:
        raise ValueError(f"its content does not match its digest {digest}")
    return value


def checked_digest(what: str, digest: str) -> str:
    """Give a digest that is one; keys are built from nothing else that comes from outside."""
    if not _DIGEST.fullmatch(digest):
        raise ArgumentError(f"{what}: must be 64 hexadecimal digits, found {digest!r}")
    return digest


def blob_key(digest: str) -> str:
    """Give the place of a blob."""
    return f"blobs/sha256/{checked_digest('digest', digest)[:2]}/{digest}"


def aside_key(digest: str) -> str:
    """Give the place of a blob that a collection has set aside."""
    return f"gc/aside/{checked_digest('digest', digest)}"


class Store(Protocol):
    """Objects with names, in folders. All that the registry asks is that ``create`` refuses a name that is taken."""

    def prove(self) -> None:
        """Refuse to be written to, by :class:`StoreError`, where ``create`` does not keep its word."""

    def create(self, key: str, data: bytes) -> bool:
        """Create an object, whole and durable; ``False``, and nothing changed, where the name is taken."""

    def read(self, key: str) -> bytes | None:
        """Give the bytes of an object, ``None`` where there is none."""

    def list(self, folder: str, *, after: str = "") -> list[str]:
        """Give the names in a folder that sort after a name, sorted; of objects and of folders."""

    def sync(self, folder: str) -> None:
        """Make durable what is to be seen in a folder: whoever made it may have died before it was."""

    def replace(self, key: str, data: bytes) -> None:
        """Write an object whether or not it exists. For hints alone: the last writer wins."""

    def delete(self, key: str) -> None:
        """Delete an object, if it is there. For collection and repair alone."""


class LocalStore:
    """Objects in a folder. An object is created once, whole, and never changed.

    ``create`` writes a temporary file beside the target, syncs it, links it to its name and syncs the folder: ``link``
    fails where the name is taken, so of two writers exactly one wins, and a reader sees the whole object or none.
    ``rename`` would do neither.

    Folders are opened one below the other without following links, so no key leads out of the root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._synced: set[str] = set()

    def prove(self) -> None:
        """Do nothing: a file system without links fails at the first create."""

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; ``False`` where the name is taken. On return it is on disk."""
        with self._errors("write", key):
            folder, name = _split(key)
            with self._opened(folder, make=True) as descriptor:
                created = _link(descriptor, name, data)
                # Where it was there: whoever made it may have died before this; what is built on it must not.
                os.fsync(descriptor)
        return created

    def read(self, key: str) -> bytes | None:
        """Give the bytes of an object, ``None`` where there is none."""
        with self._errors("read", key):
            folder, name = _split(key)
            try:
                with self._opened(folder) as descriptor:
                    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                with os.fdopen(file, "rb") as opened:
                    return opened.read()
            except FileNotFoundError:
                return None

    def list(self, folder: str, *, after: str = "") -> list[str]:
        """Give the names in a folder, sorted, without what is being written; empty where there is no folder."""
        with self._errors("list", folder):
            try:
                with self._opened(folder) as descriptor:
                    names = os.listdir(descriptor)  # noqa: PTH208 - of a folder that is open
                    return sorted(name for name in names if name > after and name[0] != ".")
            except FileNotFoundError:
                return []

    def sync(self, folder: str) -> None:
        """Make durable what is to be seen in a folder."""
        with self._errors("sync", folder), self._opened(folder) as descriptor:
            os.fsync(descriptor)

    def replace(self, key: str, data: bytes) -> None:
        """Write a hint whole, over what was there."""
        with self._errors("write", key):
            folder, name = _split(key)
            with self._opened(folder, make=True) as descriptor, _temporary(descriptor, data) as temporary:
                os.rename(temporary, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)

    def delete(self, key: str) -> None:
        """Delete an object, if it is there, and make that durable."""
        with self._errors("delete", key):
            folder, name = _split(key)
            with self._opened(folder) as descriptor:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=descriptor)
                os.fsync(descriptor)

    def leftovers(self, before: float) -> Iterator[Path]:
        """Give the temporary files, older than a time, that killed writers left."""
        for path in self.root.rglob(".*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < before:
                    yield path

    @contextlib.contextmanager
    def _opened(self, folder: str, *, make: bool = False) -> Iterator[int]:
        """Open a folder, from the root down; make what is missing and sync it in, once for each process."""
        if make and "" not in self._synced:
            _make_root(self.root)
            self._synced.add("")
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            walked = ""
            for part in folder.split("/") if folder else ():
                if part in ("", ".", ".."):
                    raise OSError(errno.EINVAL, f"{folder!r} is no folder of a store")
                walked += "/" + part
                if make and walked not in self._synced:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, mode=0o700, dir_fd=descriptor)
                    os.fsync(descriptor)  # another writer may have made it and died before this
                    self._synced.add(walked)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                inner = os.open(part, flags, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _store_error(verb, self.root / key, error) from error


def _link(folder: int, name: str, data: bytes) -> bool:
    with _temporary(folder, data) as temporary:
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except OSError:
            # Over a network the answer can be lost, and what was sent again finds its own link.
            if os.stat(temporary, dir_fd=folder).st_nlink == 2:
                return True
            if _exists(name, folder):
                return False
            raise
    return True


@contextlib.contextmanager
def _temporary(folder: int, data: bytes) -> Iterator[str]:
    """Give the name of a file that holds the data, synced, and goes at the end."""
    name = f".{uuid.uuid4().hex}.tmp"
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400, dir_fd=folder)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        finally:
            os.close(file)
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _make_root(root: Path) -> None:
    """Make the root and the folders above it, and sync each into its own."""
    missing = [each for each in (root, *root.parents) if not each.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    for folder in {root.parent, *(each.parent for each in missing)}:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _split(key: str) -> tuple[str, str]:
    folder, _, name = key.rpartition("/")
    if not name or name[0] == "." or "\0" in key:
        raise OSError(errno.EINVAL, f"{key!r} is no name of an object")
    return folder, name


def _store_error(verb: str, path: Path, error: OSError) -> StoreError:
    advice = {
        errno.ENOSPC: "the disk is full; free some space and run the command again",
        errno.EDQUOT: "the disk quota is used up; free some space and run the command again",
        errno.EACCES: "permission denied; the registry's folder must be writable",
        errno.EROFS: "the file system is read-only",
        errno.ELOOP: "a link stands where the registry's own folder or file must; it is not followed",
        errno.EOPNOTSUPP: "the file system has no hard links, which creating once rests on; use another one",
        errno.EPERM: "the file system refuses hard links, which creating once rests on; use another one",
    }.get(error.errno or 0, str(error))
    return StoreError(error.errno or 0, f"cannot {verb} {path}: {advice}. Nothing acknowledged is lost")
