"""The registry of models."""

from __future__ import annotations

import copy
import getpass
import json
import random
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from ctcore.errors import ArgumentError, ConflictError, NotFoundError, RefusedError, StoreError
from ctcore.registry._collect import Collection, collect
from ctcore.registry._history import add_to_history, read_history
from ctcore.registry._lease import Lease
from ctcore.registry._log import FORMAT, Entry, Log
from ctcore.registry._sign import sign, verify_signature
from ctcore.registry._store import (
    LocalStore,
    Store,
    aside_key,
    blob_key,
    canonical,
    checked_digest,
    seal,
    sha256,
    unseal,
)
from ctcore.registry._verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ctcore.registry._fold import State, Version
    from ctcore.verdict import Report

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TRIES = 15
_MARKER = "ctcore-registry.json"
_EVENTS = ("step", "hold", "resume", "abort", "promote")


class Registry:
    """Models in a folder.

    Parameters
    ----------
    root : path
        The folder, made at the first write; or the URL of an object store, such as ``s3://bucket/folder`` (extra
        ``objectstore``), which is proven to create only once before the first write.
    actor : str, optional
        Who writes, for the log; the user's name without it.
    clock : callable, optional
        Gives the present as a datetime with a time zone. It stamps entries, and ends approvals; it orders nothing.

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
        self.root: Path | str = root if is_url(root) else Path(root)
        self.store = open_store(root)
        self.actor = actor or _user()
        self.clock = clock or (lambda: datetime.now(UTC))
        self._logs: dict[str, Log] = {}
        self._lease: Lease | None = None
        self._marked = self._is_marked()

    # ---------------------------------------------------------------- reading

    def models(self) -> list[str]:
        """Give the names of all models."""
        return [name for name in self.store.list("models") if _NAME.fullmatch(name)]

    def log(self, model: str) -> Log:
        """Give the log of a model."""
        return self.log_in(_folder(model))

    def state(self, model: str) -> State:
        """Fold the model's log. Where its end is torn or missing, ``fault`` of the state says so."""
        return self.log(model).state()

    def version(self, model: str, number: int) -> Version:
        """Give a version of a model."""
        return _version(model, self.state(model), number)

    def blob(self, digest: str) -> bytes:
        """Give a blob, whose bytes are proven to be the ones that its name says."""
        data = self.store.read(blob_key(digest))
        aside = None if data is not None else self.store.read(aside_key(digest))
        if data is None and aside is None:
            raise NotFoundError(f"the registry {self.root} has no blob {digest}")
        found = data if data is not None else aside or b""
        if sha256(found) != digest:
            key = blob_key(digest) if data is not None else aside_key(digest)
            raise StoreError(f"{self.root}/{key} is damaged: its content does not match its name")
        if data is None:  # what is read is in use: a collection gives it back
            self.store.create(blob_key(digest), found)
        return found

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
        if not self.store.create(blob_key(digest), data):
            self.blob(digest)
        return digest

    def register(
        self,
        model: str,
        files: Mapping[str, bytes],
        *,
        run: str,
        kind: str,
        about: Mapping[str, Any] | None = None,
        parents: Sequence[str] = (),
    ) -> Version:
        """Register a model's files as the next version; files that are a version already are that version.

        ``kind`` says what reads the files (``"lightgbm"``, ``"command"``); ``about`` is stored with them in the
        manifest and so enters the model's identity. ``parents`` are digests of models that this one was made from.
        """
        _folder(model)
        for path in files:
            if not _FILE.fullmatch(path):
                raise ArgumentError(f"files: names are letters, digits, dots, dashes and underscores; found {path!r}")
        listed = [{"path": path, "size": len(data), "sha256": self.put(data)} for path, data in sorted(files.items())]
        manifest = {"format": FORMAT, "kind": kind, "files": listed, "about": dict(about or {})}
        digest = self.put(canonical(manifest))

        def actions(state: State) -> list[dict[str, Any]]:
            for version in state.versions:
                if version.digest == digest:
                    return [{"action": "restore", "version": version.number}] if version.collected else []
            return [
                {
                    "action": "register",
                    "version": len(state.versions) + 1,
                    "manifest": digest,
                    "oms_digest": oms_digest(listed),
                    "run": run,
                    "parents": list(parents),
                }
            ]

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
            if added in _version(model, state, number).evidence:
                return []
            return [{"action": "evidence", "version": number, **added}]

        self._commit(model, actions)
        return digest

    def approve(
        self, model: str, number: int, *, lasts: timedelta, by: str | None = None, scope: str = "production"
    ) -> None:
        """Approve a version for a scope until a time has passed. ``by`` is the actor without it."""
        if lasts <= timedelta(0):
            raise ArgumentError(f"lasts: an approval lasts for some time, found {lasts}")

        def actions(state: State) -> list[dict[str, Any]]:
            version = _version(model, state, number)
            expires = (self.clock() + lasts).isoformat()
            named = {"version": number, "digest": version.digest, "by": by or self.actor, "scope": scope}
            return [{"action": "approve", **named, "expires": expires}]

        self._commit(model, actions)

    def revoke(self, model: str, number: int, *, by: str | None = None) -> None:
        """Take back the approvals of a version: those of one approver, or all."""

        def actions(state: State) -> list[dict[str, Any]]:
            givers = sorted({each["by"] for each in _version(model, state, number).approvals})
            revoked = [each for each in givers if by in (None, each)]
            if not revoked:
                raise NotFoundError(f"{_name(number)} of {model} has no approval{f' by {by}' if by else ''} to revoke")
            return [{"action": "revoke", "version": number, "by": each} for each in revoked]

        self._commit(model, actions)

    def promote(self, model: str, number: int, *, expect: int | None, approvals: int = 0) -> None:
        """Make a version production, provided that production is still version ``expect`` (``None``: there is none).

        Only evidence moves production: the version needs a gate that passed against exactly that production model, and
        the ``approvals`` of so many people, none of them expired. Promoting what is production already changes
        nothing.
        """

        def actions(state: State) -> list[dict[str, Any]]:
            _version(model, state, number)
            if state.production == number:
                return []
            self._may_serve(model, state, number, expect, approvals)
            return [{"action": "set_ref", "ref": "production", "to": number, "expect": expect}]

        self._commit(model, actions)

    def sign(self, model: str, number: int, *, key: bytes) -> str:
        """Sign a version's files with a private key (PEM, elliptic curve) and give the signature's digest.

        The signature is a sigstore bundle in the OpenSSF model-signing format, kept as evidence of the version.
        """
        version = self.version(model, number)
        bundle = sign(self.files(version), name=f"{model}-{number}", key=key)
        return self.add_evidence(
            model, number, kind="signature", verdict="pass", against=None, record=json.loads(bundle)
        )

    def verify_signature(self, model: str, number: int, *, key: bytes) -> None:
        """Prove that a version was signed with the private key of a public one (PEM)."""
        version = self.version(model, number)
        bundles = [self.blob(each["digest"]) for each in version.evidence if each["kind"] == "signature"]
        if not bundles:
            raise RefusedError(
                f"{_name(number)} of {model} is not signed; `ctcore models sign {number} --key FILE` signs it. "
                f"Nothing was changed"
            )
        files, wrong = self.files(version), []
        for bundle in bundles:
            try:
                verify_signature(files, bundle, key=key)
            except RefusedError as error:
                wrong.append(str(error))
            else:
                return
        raise RefusedError(f"{_name(number)} of {model} has no signature of this key: {wrong[-1]}")

    def rollback(self, model: str, *, cause: str, expect: int | None = None) -> int:
        """Make production what served before it, and give that version. What is rolled back is quarantined.

        The target is read from the log, and its files are proven before it serves. It needs no gate and no approval.
        A rollout under way is aborted. With ``expect``, production must still be that version.
        """

        def actions(state: State) -> list[dict[str, Any]]:
            serving, target = state.production, state.previous
            if expect is not None and serving != expect:
                raise ConflictError(
                    f"production of {model} is {_name(serving)} and no more {_name(expect)}; nothing was changed"
                )
            if serving is None or target is None:
                raise NotFoundError(f"{model} has no version to roll back to: nothing that may serve has served before")
            self.files(state.version(target))
            ended = []
            if state.rollout:
                ended = [{"action": "rollout_event", "id": state.rollout.id, "event": "abort", "cause": cause}]
            moved = {"action": "rollback", "ref": "production", "from": serving, "to": target, "cause": cause}
            return [*ended, moved, _quarantine(state.version(serving), cause)]

        return self._commit(model, actions).production or 0

    def quarantine(self, model: str, number: int, *, cause: str) -> None:
        """Bar a version from serving, whatever evidence it has. What serves is rolled back instead."""

        def actions(state: State) -> list[dict[str, Any]]:
            version = _version(model, state, number)
            if state.production == number:
                raise ConflictError(f"{_name(number)} of {model} serves; roll it back, which quarantines it")
            return [] if version.digest in state.quarantined else [_quarantine(version, cause)]

        self._commit(model, actions)

    def pin(self, model: str, number: int, *, pinned: bool = True) -> None:
        """Keep a version's files for good, or no longer.

        Raises :class:`RefusedError` where they were collected already: there is nothing left to keep.
        """

        def actions(state: State) -> list[dict[str, Any]]:
            version = _version(model, state, number)
            if (number in state.pins) == pinned:
                return []
            if pinned:
                _kept(model, version)
            return [{"action": "pin", "version": number, "pinned": pinned}]

        self._commit(model, actions)

    def start_rollout(
        self, model: str, number: int, *, plan: Mapping[str, Any], expect: int | None, approvals: int = 0
    ) -> str:
        """Start to move production's traffic to a version by a plan, and give the rollout's id.

        It asks of the version what :meth:`promote` asks. The id salts the split of the traffic.
        """
        rollout = uuid.uuid4().hex

        def actions(state: State) -> list[dict[str, Any]]:
            _version(model, state, number)
            if state.production == number:
                raise ConflictError(f"{_name(number)} of {model} serves already; nothing was changed")
            self._may_serve(model, state, number, expect, approvals)
            parts = {"plan": dict(plan), "candidate": number, "baseline": expect, "salt": rollout}
            return [{"action": "rollout", "id": rollout, **parts}]

        self._commit(model, actions)
        return rollout

    def add_rollout_event(self, model: str, rollout: str, event: str, *, cause: str) -> None:
        """Append an event to the rollout under way: step, hold, resume, abort or promote.

        ``abort`` ends it and quarantines the candidate; ``promote`` ends it and makes the candidate production.
        """
        if event not in _EVENTS:
            raise ArgumentError(f"event: must be one of {', '.join(_EVENTS)}, found {event!r}")

        def actions(state: State) -> list[dict[str, Any]]:
            live = state.rollout
            if live is None or live.id != rollout:
                raise ConflictError(f"the rollout {rollout} of {model} is not under way; nothing was changed")
            ended: list[dict[str, Any]] = []
            if event == "abort":
                ended = [_quarantine(state.version(live.candidate), cause)]
            if event == "promote":
                self._unmoved(model, state, live.candidate, live.baseline)
                ended = [{"action": "set_ref", "ref": "production", "to": live.candidate, "expect": live.baseline}]
            return [{"action": "rollout_event", "id": rollout, "event": event, "cause": cause}, *ended]

        self._commit(model, actions)

    def repair(self, model: str) -> dict[str, str]:
        """Take a torn end off a log, keeping copies, and go on after the last valid entry.

        Gives the names and digests of what was taken off. A log without a fault is left alone.
        """
        with self.lease(model, lasts=timedelta(hours=1)):
            fault = self.state(model).fault
            if fault is None:
                return {}
            taken = self.log(model).clear_end()
            self._commit(model, lambda _: [{"action": "repair", "fault": fault, "taken": taken}])
            return taken

    def lease(self, model: str, *, lasts: timedelta) -> Lease:
        """Take the lease of a model: one run at a time."""
        folder = _folder(model)
        self._mark()
        return Lease.take(self.store, folder, what=f"run of {model}", now=self.clock(), lasts=lasts)

    def under(self, lease: Lease) -> Self:
        """Give this registry for the holder of a lease: once another holder has taken over, its commits are refused."""
        fenced = copy.copy(self)
        fenced._lease = lease  # noqa: SLF001 - the same class
        return fenced

    # ---------------------------------------------------------------- care

    def verify(self) -> Report:
        """Prove every digest, every chain and every hint, reading nothing but the registry."""
        return verify(self)

    def gc(
        self, *, grace: timedelta = timedelta(days=7), served: timedelta = timedelta(days=90), newest: int = 10
    ) -> Collection:
        """Collect the files of versions that are of no more use, in two phases.

        The first writes a plan into the log and sets the files aside, where every reader still finds them. The second,
        a later call after the ``grace``, deletes what nobody has asked for since. Kept are the files of versions that
        served in the time ``served`` before now, of the version that a rollback goes back to, of both sides of a
        rollout, of pins, and of the ``newest`` ones; manifests, evidence, records and the log are kept for good.
        """
        if grace < timedelta(0) or served < timedelta(0) or newest < 0:
            raise ArgumentError(f"gc: grace, served and newest are not negative, found {grace}, {served}, {newest}")
        return collect(self, grace=grace, served=served, newest=newest)

    # ---------------------------------------------------------------- records of runs

    def attempts(self, run: str) -> list[int]:
        """Give the numbers of a run's attempts."""
        return sorted(int(name) for name in self.store.list(f"runs/{checked_digest('run', run)}"))

    def step(self, run: str, attempt: int, name: str) -> Any:
        """Give the record of a step of a run, ``None`` where it was not done."""
        key = _step_key(run, attempt, name)
        data = self.store.read(key)
        try:
            return None if data is None else unseal(data)
        except ValueError as error:
            raise StoreError(f"{self.root}/{key} is damaged: {error}") from error

    def add_step(self, run: str, attempt: int, name: str, record: dict[str, Any]) -> None:
        """Write the record of a step, once."""
        self._mark()
        self.store.create(_step_key(run, attempt, name), seal(record))

    # ---------------------------------------------------------------- histories of data

    def history(self, dataset: str, *, newest: int = 84) -> list[dict[str, Any]]:
        """Give what was recorded of the newest batches of a dataset, oldest first; of one without any, nothing.

        Twelve weeks of days hold the eight that a batch is compared with, and some that were left out.

        >>> import tempfile
        >>> registry = Registry(tempfile.mkdtemp())
        >>> registry.add_batch("trips", datetime(2024, 3, 10, tzinfo=UTC), {"metrics": {"rowCount": 480}})
        True
        >>> registry.history("trips")
        [{'dataset': 'trips', 'metrics': {'rowCount': 480}}]
        """
        return read_history(self.store, dataset, newest)

    def add_batch(self, dataset: str, time: datetime, record: dict[str, Any]) -> bool:
        """Record what the batch of a time was like; ``False`` where exactly that is there.

        A record that differs from the one there, since the batch was repaired, counts in its place; both are kept.
        """
        self._mark()
        return add_to_history(self.store, dataset, time, record)

    # ---------------------------------------------------------------- the commit

    def _may_serve(self, model: str, state: State, number: int, expect: int | None, approvals: int) -> None:
        """Judge what moves production on the state that the move will follow."""
        if state.rollout:
            raise ConflictError(
                f"a rollout of {_name(state.rollout.candidate)} of {model} is under way; abort it or let it end first"
            )
        self._unmoved(model, state, number, expect)
        version = state.version(number)
        _kept(model, version)
        against = None if expect is None else state.version(expect).digest
        gates = [each for each in version.evidence if each["kind"] == "gate"]
        if not any(each["against"] == against and each["verdict"] in ("pass", "warn") for each in gates):
            raise RefusedError(
                f"{_name(number)} of {model} has no evidence of a gate that passed against {_name(expect)}; "
                f"nothing was changed. Run the gate first"
            )
        now = self.clock()
        valid = {
            each["by"]
            for each in version.approvals
            if each["scope"] == "production" and datetime.fromisoformat(each["expires"]) > now
        }
        if len(valid) < approvals:
            raise RefusedError(
                f"{_name(number)} of {model} has the approvals of {len(valid)} people that are valid, and needs those "
                f"of {approvals}; nothing was changed"
            )
        self.files(version)

    @staticmethod
    def _unmoved(model: str, state: State, number: int, expect: int | None) -> None:
        if state.production != expect:
            raise ConflictError(
                f"production of {model} moved from {_name(expect)} to {_name(state.production)} since the evidence "
                f"for {_name(number)} was taken; nothing was changed. Run the gate again"
            )
        if state.version(number).digest in state.quarantined:
            raise RefusedError(f"{_name(number)} of {model} is quarantined and may not serve; nothing was changed")

    def _commit(self, model: str, actions: Callable[[State], list[dict[str, Any]]]) -> State:
        return self.append(_folder(model), actions)

    def append(self, folder: str, actions: Callable[[State], list[dict[str, Any]]]) -> State:
        """Append one entry to a log, or none where the state needs none.

        The actions are made from the state that they will follow, so their preconditions are judged on exactly that
        state: if another writer takes the slot first, they are made anew from the state after it.
        """
        self._mark()
        log = self.log_in(folder)
        transaction = uuid.uuid4().hex
        for attempt in range(_TRIES):
            state = log.state()
            if state.fault:
                name = folder.removeprefix("models/")
                raise StoreError(
                    f"{state.fault}. Nothing was written; look at it, then run `ctcore models repair {name}`"
                )
            fence = self._fence(folder, state)
            planned = actions(state)
            if not planned:
                log.sync()  # the answer rests on entries whose writers may have died
                return state
            entry = Entry(
                number=state.entries,
                previous=state.head,
                time=self.clock().isoformat(),
                actor=self.actor,
                transaction=transaction,
                fence=fence,
                actions=tuple(planned),
            )
            after = log.append(state, entry)
            if after:
                return after
            time.sleep(random.uniform(0, 0.002 * 2 ** min(attempt, 6)))  # noqa: S311 - spreads writers, keeps no secret
        raise ConflictError(f"other writers took {_TRIES} slots of {folder}/log in turn; try again")

    def _fence(self, folder: str, state: State) -> int | None:
        """Give the number of the lease that this registry writes under, and refuse one that was taken over."""
        lease = self._lease
        if lease is None or lease.folder != f"{folder}/lease":
            return None
        newest = max(lease.newest(), state.fence)
        if newest > lease.epoch:
            raise ConflictError(
                f"the lease {lease.epoch} of {folder} was taken over by lease {newest}; this run may write no more"
            )
        return lease.epoch

    def log_in(self, folder: str) -> Log:
        """Give the log in a folder: of a model, or the one of collections that belong to no model."""
        return self._logs.setdefault(folder, Log(self.store, folder))

    def _is_marked(self) -> bool:
        data = self.store.read(_MARKER)
        if data is None:
            return False
        try:
            marker = unseal(data)
        except ValueError as error:
            raise StoreError(f"{self.root}/{_MARKER} is damaged: {error}") from error
        if marker["min_reader"] > FORMAT:
            raise StoreError(
                f"{self.root}/{_MARKER}: this registry is of format {marker['format']}, which readers of format "
                f"{marker['min_reader']} or later understand; this ctcore reads up to {FORMAT}: update ctcore"
            )
        return True

    def _mark(self) -> None:
        self.store.prove()
        if not self._marked:
            self.store.create(_MARKER, seal({"format": FORMAT, "min_reader": FORMAT, "hash": "sha256"}))
            self._marked = self._is_marked()


def oms_digest(files: list[dict[str, Any]]) -> str:
    """Give the OpenSSF model-signing digest of a manifest's files: of their digests, in the order of their paths."""
    ordered = sorted(files, key=lambda file: str(file["path"]))
    return sha256(b"".join(bytes.fromhex(file["sha256"]) for file in ordered))


def is_url(root: str | Path) -> TypeGuard[str]:
    """Tell whether a registry's root is the URL of an object store."""
    return isinstance(root, str) and "://" in root


def open_store(root: str | Path) -> Store:
    """Open the store of a registry's root."""
    if is_url(root):
        from ctcore.registry._objectstore import ObjectStore  # noqa: PLC0415 - an extra

        return ObjectStore(root)
    return LocalStore(Path(root))


def _folder(model: str) -> str:
    if not _NAME.fullmatch(model) or ".." in model:
        raise ArgumentError(
            f"model: a name is 1 to 64 lower-case letters, digits, dots, dashes and underscores, and begins with a "
            f"letter or digit; found {model!r}"
        )
    return f"models/{model}"


def _step_key(run: str, attempt: int, name: str) -> str:
    if not re.fullmatch(r"[a-z_]{1,40}", name):
        raise ArgumentError(f"name: a step is named with 1 to 40 lower-case letters, found {name!r}")
    return f"runs/{checked_digest('run', run)}/{attempt:d}/{name}.json"


def _version(model: str, state: State, number: int) -> Version:
    if not 1 <= number <= len(state.versions):
        raise NotFoundError(f"{model} has no version {number}; it has {len(state.versions)} versions")
    return state.version(number)


def _kept(model: str, version: Version) -> None:
    if version.collected:
        message = f"the files of {_name(version.number)} of {model} were collected; register them again first"
        raise RefusedError(message)


def _quarantine(version: Version, cause: str) -> dict[str, Any]:
    return {"action": "quarantine", "digest": version.digest, "version": version.number, "cause": cause}


def _name(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
