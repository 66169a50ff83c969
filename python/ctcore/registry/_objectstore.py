"""The store on S3, GCS, Azure and what is compatible with them, through obstore, and the proof that a store is one.

All that is asked of a store is that a conditional create refuses a name that is taken. Some stores take the condition
and ignore it; such a store would lose entries, so it is refused before the first write.
"""

from __future__ import annotations

import contextlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ctcore.errors import ArgumentError, StoreError
from ctcore.verdict import Check, Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctcore.registry._store import Store

_RACERS = 8


class ObjectStore:
    """Objects below a URL such as ``s3://bucket/folder``, ``gs://...``, ``az://...``.

    Credentials and endpoint come from the environment, as the cloud's own tools read them.
    """

    def __init__(self, url: str) -> None:
        try:
            import obstore  # noqa: PLC0415 - an extra
            from obstore import exceptions  # noqa: PLC0415
            from obstore.store import from_url  # noqa: PLC0415
        except ImportError as error:
            raise ArgumentError(f"root: {url} needs an extra: pip install 'ctcore[objectstore]'") from error
        self.url, self._obstore, self._exceptions = url, obstore, exceptions
        with self._errors("open", ""):
            self._store: Any = from_url(url)
        self._proven = False

    def prove(self) -> None:
        """Refuse a store that overwrites where it was asked to create."""
        if not self._proven:
            key = f"check/{uuid.uuid4().hex}"
            first, second = self.create(key, b"first"), self.create(key, b"second")
            found = self.read(key)
            self.delete(key)
            if not first or second or found != b"first":
                raise StoreError(
                    f"{self.url} overwrites an object that it was asked only to create, and would lose models; nothing "
                    f"was written. `ctcore registry check-store {self.url}` tells more"
                )
            self._proven = True

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; ``False`` where the name is taken by something else."""
        try:
            self._obstore.put(self._store, _checked(key), data, mode="create", use_multipart=False)
        except self._exceptions.AlreadyExistsError:
            return self.read(key) == data  # what was sent again after a lost answer finds itself
        except (self._exceptions.BaseError, OSError) as error:
            # A time-out or a conflict: only what is there now tells what became of it.
            found = self.read(key)
            if found is None:
                raise self._error("write", key, error) from error
            return found == data
        return True

    def read(self, key: str) -> bytes | None:
        """Give the bytes of an object, ``None`` where there is none."""
        with self._errors("read", key):
            try:
                return bytes(self._obstore.get(self._store, _checked(key)).bytes())
            except (self._exceptions.NotFoundError, FileNotFoundError):
                return None

    def list(self, folder: str, *, after: str = "") -> list[str]:
        """Give the names in a folder that sort after a name, sorted."""
        with self._errors("list", folder):
            if after:
                pages = self._obstore.list(self._store, folder, offset=f"{_checked(folder)}/{after}")
                return sorted(str(each["path"]).rpartition("/")[2] for page in pages for each in page)
            found = self._obstore.list_with_delimiter(self._store, _checked(folder))
            paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
            return sorted(str(path).rpartition("/")[2] for path in paths)

    def sync(self, folder: str) -> None:
        """Do nothing: what can be read is durable."""

    def replace(self, key: str, data: bytes) -> None:
        """Write a hint over what was there."""
        with self._errors("write", key):
            self._obstore.put(self._store, _checked(key), data, use_multipart=False)

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        with self._errors("delete", key), contextlib.suppress(self._exceptions.NotFoundError, FileNotFoundError):
            self._obstore.delete(self._store, _checked(key))

    @contextlib.contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except (self._exceptions.BaseError, OSError, ValueError) as error:
            if isinstance(error, StoreError | ArgumentError):
                raise
            raise self._error(verb, key, error) from error

    def _error(self, verb: str, key: str, error: Exception) -> StoreError:
        said = " ".join(str(error).split())[:300]
        return StoreError(f"cannot {verb} {self.url}/{key}: {said}. Nothing acknowledged is lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport(Report):
    """Whether a store keeps the protocol."""

    kind: ClassVar[str] = "check_store"


def check_store(store: Store) -> StoreReport:
    """Try on a store what the registry rests on, below ``check/``, and clean up."""
    folder = f"check/{uuid.uuid4().hex}"
    checks = []
    for name, words, trial in _TRIALS:
        try:
            good = trial(store, f"{folder}/{name}")
            message = words if good else f"{words}: it did not. A registry there would lose entries; use another store"
        except StoreError as error:
            good, message = False, f"{words}: {error}"
        checks.append(Check(id=f"store.{name}", verdict=Verdict.PASS if good else Verdict.FAIL, message=message))
    for name, _, _ in _TRIALS:
        with contextlib.suppress(StoreError):
            for object_ in store.list(f"{folder}/{name}"):
                store.delete(f"{folder}/{name}/{object_}")
    return StoreReport(checks=tuple(checks))


def _refuses(store: Store, folder: str) -> bool:
    created, again = store.create(f"{folder}/1", b"first"), store.create(f"{folder}/1", b"second")
    return created and not again and store.read(f"{folder}/1") == b"first"


def _one_wins(store: Store, folder: str) -> bool:
    """Let several writers create one name at once, a few times over."""
    with ThreadPoolExecutor(_RACERS) as pool:
        for turn in range(5):
            key = f"{folder}/{turn}"
            won = list(pool.map(lambda racer, key=key: store.create(key, b"%d" % racer), range(_RACERS)))
            if sum(won) != 1 or store.read(key) != b"%d" % won.index(True):
                return False
    return True


def _lists(store: Store, folder: str) -> bool:
    for number in range(3):
        store.create(f"{folder}/{number}", b"")
        if store.list(folder)[-1:] != [str(number)]:
            return False
    return store.list(folder, after="0") == ["1", "2"] and store.list(f"{folder}/nothing") == []


def _replaces(store: Store, folder: str) -> bool:
    store.replace(f"{folder}/1", b"old")
    store.replace(f"{folder}/1", b"new")
    replaced = store.read(f"{folder}/1") == b"new"
    store.delete(f"{folder}/1")
    store.delete(f"{folder}/1")
    return replaced and store.read(f"{folder}/1") is None


_TRIALS = (
    ("create", "a name that is taken is refused, and keeps what it holds", _refuses),
    ("race", "of eight writers that create one name at once, one wins", _one_wins),
    ("list", "a list shows what was created before it", _lists),
    ("replace", "what is replaced or deleted reads as such at once", _replaces),
)


def _checked(key: str) -> str:
    if not key or any(part in ("", ".", "..") for part in key.split("/")) or "\0" in key:
        raise ArgumentError(f"key: {key!r} is no name of an object")
    return key
