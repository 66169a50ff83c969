"""The registry of models."""

from __future__ import annotations

import getpass
import json
import random
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.errors import ArgumentError, ConflictError, NotFoundError, StoreError
from ctcore.registry._lease import Lease
from ctcore.registry._log import FORMAT, Entry, State, digest_of, entry_name
from ctcore.registry._store import LocalStore, canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctcore.registry._log import Version

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TRIES = 15
_MARKER = "ctcore-registry.json"


class Registry:
    """Models in a folder.

    Parameters
    ----------
    root : path
        The folder; it is made at the first write.
    actor : str, optional
        Who writes, for the log; the user's name without it.
    clock : callable, optional
        Gives the present as a datetime with a time zone. It stamps entries and decides nothing else.

    Examples
    --------
    >>> import tempfile
    >>> from ctcore.registry import Registry
    >>> registry = Registry(tempfile.mkdtemp())
    >>> version = registry.register("ranker", {"model.txt": b"tree"}, run="r1", kind="example")
    >>> gate = {"kind": "gate", "verdict": "pass", "against": None, "record": {"ndcg@10": 0.8}}
    >>> _ = registry.add_evidence("ranker", version.number, **gate)
    >>> registry.promote("ranker", version.number, expect=None)
    >>> registry.state("ranker").production
    1
    """

    def __init__(
        self, root: str | Path, *, actor: str | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.root = Path(root)
        self.store = LocalStore(self.root)
        self.actor = actor or _user()
        self.clock = clock or (lambda: datetime.now(UTC))
        marker = self.store.read(_MARKER)
        if marker is not None and json.loads(marker).get("format") != FORMAT:
            raise StoreError(f"{self.root / _MARKER}: this registry is of another format than {FORMAT}; update ctcore")

    # ---------------------------------------------------------------- reading

    def models(self) -> list[str]:
        """Give the names of all models."""
        return self.store.list("models")

    def state(self, model: str) -> State:
        """Fold the model's log."""
        state = State()
        folder = f"models/{_checked(model)}/log"
        for name in self.store.list(folder):
            if name != entry_name(state.entries):
                raise StoreError(f"{self.root / folder}: entry {state.entries} is missing, {name} comes next")
            data = self.store.read(f"{folder}/{name}") or b""
            entry = Entry.from_bytes(data, str(self.root / folder / name))
            state = state.apply(entry, sha256(data))
        return state

    def version(self, model: str, number: int) -> Version:
        """Give a version of a model."""
        state = self.state(model)
        if not 1 <= number <= len(state.versions):
            raise NotFoundError(f"{model} has no version {number}; it has {len(state.versions)} versions")
        return state.version(number)

    def blob(self, digest: str) -> bytes:
        """Give a blob, whose bytes are proven to be the ones that its name says."""
        if not _DIGEST.fullmatch(digest):
            raise ArgumentError(f"digest: must be 64 hexadecimal digits, found {digest!r}")
        data = self.store.read(_blob_key(digest))
        if data is None:
            raise NotFoundError(f"the registry {self.root} has no blob {digest}")
        if sha256(data) != digest:
            raise StoreError(f"{self.root / _blob_key(digest)} is damaged: its content does not match its name")
        return data

    def record(self, digest: str) -> Any:
        """Give a blob that is JSON."""
        return json.loads(self.blob(digest))

    def files(self, version: Version) -> dict[str, bytes]:
        """Give the files of a version, each proven by its digest."""
        manifest = self.record(version.digest)
        return {file["path"]: self.blob(file["sha256"]) for file in manifest["files"]}

    # ---------------------------------------------------------------- writing

    def put(self, data: bytes) -> str:
        """Store a blob and give its digest. A blob that is there already is proven, not trusted."""
        self._mark()
        digest = sha256(data)
        if not self.store.create(_blob_key(digest), data):
            self.blob(digest)
        return digest

    def register(
        self, model: str, files: Mapping[str, bytes], *, run: str, kind: str, about: Mapping[str, Any] | None = None
    ) -> Version:
        """Register a model's files as the next version; files that are a version already are that version.

        ``kind`` says what reads the files (``"lightgbm"``, ``"command"``); ``about`` is stored with them in the
        manifest and so enters the model's identity.
        """
        for path in files:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", path):
                raise ArgumentError(f"files: names are letters, digits, dots, dashes and underscores; found {path!r}")
        listed = [{"path": path, "size": len(data), "sha256": self.put(data)} for path, data in sorted(files.items())]
        manifest = {"format": FORMAT, "kind": kind, "files": listed, "about": dict(about or {})}
        digest = self.put(canonical(manifest))

        def actions(state: State) -> list[dict[str, Any]]:
            if any(version.digest == digest for version in state.versions):
                return []
            number = len(state.versions) + 1
            return [{"action": "register", "version": number, "manifest": digest, "run": run}]

        state = self._commit(model, actions)
        return next(version for version in state.versions if version.digest == digest)

    def add_evidence(
        self, model: str, number: int, *, kind: str, verdict: str, against: str | None, record: Any
    ) -> str:
        """Append evidence to a version and give its digest. Evidence that is there already is not added again.

        ``against`` is the digest of the production model that was compared with, which a promotion is bound to.
        """
        digest = self.put(canonical(record))
        added = {"kind": kind, "digest": digest, "verdict": verdict, "against": against}

        def actions(state: State) -> list[dict[str, Any]]:
            if not 1 <= number <= len(state.versions):
                raise NotFoundError(f"{model} has no version {number}; it has {len(state.versions)} versions")
            if added in state.version(number).evidence:
                return []
            return [{"action": "evidence", "version": number, **added}]

        self._commit(model, actions)
        return digest

    def promote(self, model: str, number: int, *, expect: int | None) -> None:
        """Make a version production, provided that production is still version ``expect`` (``None``: there is none).

        Only evidence moves production: the version needs a gate that passed against exactly that production model.
        Promoting what is production already changes nothing.
        """

        def actions(state: State) -> list[dict[str, Any]]:
            if not 1 <= number <= len(state.versions):
                raise NotFoundError(f"{model} has no version {number}; it has {len(state.versions)} versions")
            if state.production == number:
                return []
            if state.production != expect:
                raise ConflictError(
                    f"production of {model} moved from {_name(expect)} to {_name(state.production)} since the evidence "
                    f"for {_name(number)} was taken; nothing was changed. Run the gate again"
                )
            against = None if expect is None else state.version(expect).digest
            gates = [each for each in state.version(number).evidence if each["kind"] == "gate"]
            if not any(each["against"] == against and each["verdict"] in ("pass", "warn") for each in gates):
                raise ConflictError(
                    f"{_name(number)} of {model} has no evidence of a gate that passed against {_name(expect)}; "
                    f"nothing was changed. Run the gate first"
                )
            return [{"action": "set_ref", "ref": "production", "to": number, "expect": expect}]

        self._commit(model, actions)

    def lease(self, model: str, *, lasts: timedelta) -> Lease:
        """Take the lease of a model: one run at a time."""
        self._mark()
        return Lease.take(self.store, _checked(model), now=self.clock(), lasts=lasts)

    # ---------------------------------------------------------------- the commit

    def _commit(self, model: str, actions: Callable[[State], list[dict[str, Any]]]) -> State:
        """Append one entry, or none where the state needs none.

        The actions are made from the state that they will follow, so their preconditions are judged on exactly that
        state: if another writer takes the slot first, they are made anew from the state after it.
        """
        self._mark()
        transaction = uuid.uuid4().hex
        for attempt in range(_TRIES):
            state = self.state(model)
            planned = actions(state)
            if not planned:
                return state
            entry = Entry(
                number=state.entries,
                previous=state.head,
                time=self.clock().isoformat(),
                actor=self.actor,
                transaction=transaction,
                actions=tuple(planned),
            )
            if self.store.create(f"models/{_checked(model)}/log/{entry_name(entry.number)}", entry.to_bytes()):
                return state.apply(entry, digest_of(entry))
            time.sleep(random.uniform(0, 0.002 * 2 ** min(attempt, 6)))  # noqa: S311 - spreads writers, keeps no secret
        raise ConflictError(f"other writers took {_TRIES} slots of the log of {model} in turn; try again")

    def _mark(self) -> None:
        if self.store.read(_MARKER) is None:
            self.store.create(_MARKER, canonical({"format": FORMAT, "hash": "sha256"}))


def _checked(model: str) -> str:
    if not _NAME.fullmatch(model) or ".." in model:
        raise ArgumentError(
            f"model: a name is 1 to 64 lower-case letters, digits, dots, dashes and underscores, and begins with a "
            f"letter or digit; found {model!r}"
        )
    return model


def _blob_key(digest: str) -> str:
    return f"blobs/sha256/{digest[:2]}/{digest}"


def _name(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
