"""Proof of a registry: every digest, every chain, every hint, without trusting or changing any."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ctcore.errors import CtcoreError, StoreError
from ctcore.registry._collect import ORPHANS
from ctcore.registry._fold import State, fold
from ctcore.registry._log import entry_name
from ctcore.registry._store import aside_key, blob_key, sha256, unseal
from ctcore.verdict import Check, Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctcore.registry._log import Entry, Log
    from ctcore.registry._registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport(Report):
    """What a proof found."""

    kind: ClassVar[str] = "verify"


def verify(registry: Registry) -> VerifyReport:
    """Read everything and compare it with what names it."""
    checks: list[Check] = []
    named: dict[str, str] = {}
    for model, log in [
        *((model, registry.log(model)) for model in registry.models()),
        (ORPHANS, registry.log_in(ORPHANS)),
    ]:
        states: list[State] = []
        checks.append(_check(f"log.{model}", _log(log, states)))
        checks.append(_check(f"hints.{model}", _hints(log, states)))
        for version in states[-1].versions if states else ():
            named |= _named(registry, model, version.digest, collected=version.collected)
            named |= {each["digest"]: f"evidence of {model} {version.number}" for each in version.evidence}
    checks.append(_check("runs", _runs(registry, named)))
    checks.append(_check("history", _histories(registry)))
    checks.append(_check("blobs", _blobs(registry, named)))
    return VerifyReport(checks=tuple(checks))


def _check(name: str, findings: Iterator[str | int]) -> Check:
    """Give one check: texts are findings, the number is how many things were looked at."""
    problems, looked = [], 0
    try:
        for each in findings:
            if isinstance(each, int):
                looked += each
            else:
                problems.append(each)
    except CtcoreError as error:
        problems.append(str(error))
    message = "; ".join(problems) or f"{looked:,} are what they must be"
    return Check(id=name, verdict=Verdict.FAIL if problems else Verdict.PASS, message=message, n=looked)


def _log(log: Log, states: list[State]) -> Iterator[str | int]:
    """Fold every entry from the first; leaves a state for each length of the log that a checkpoint claims, and all."""
    fault = log.state().fault
    if fault:
        yield fault
    wanted = {number for number, _ in log.checkpoint_names()}
    state = State()
    entries: list[tuple[Entry, str]] = []
    names = log.store.list(log.entries)
    for number, name in enumerate(names):
        if name != entry_name(number):
            yield f"{log.entries}: entry {number} is missing, or {name} is no entry"
            break
        if number in wanted:
            state, entries = fold(state, entries), []
            states.append(state)
        try:
            entries.append(log.entry(number))
        except StoreError:
            if not fault:
                raise
            break
        yield 1
    states.append(fold(state, entries))


def _hints(log: Log, states: list[State]) -> Iterator[str | int]:
    by_length = {state.entries: state for state in states}
    for number, name in log.checkpoint_names():
        state = log.checkpoint(name)
        if state is None:
            yield f"the checkpoint {log.checkpoints}/{name} is damaged; it is a hint: delete it"
        elif state != by_length.get(number):
            yield f"the checkpoint {log.checkpoints}/{name} is not what the log folds to; it is a hint: delete it"
        yield 1
    for key in (log.head, *(f"{log.folder}/lease/{name}" for name in log.store.list(f"{log.folder}/lease"))):
        data = log.store.read(key)
        if data:
            yield from _sealed(key, data)


def _sealed(key: str, data: bytes) -> Iterator[str | int]:
    try:
        unseal(data)
    except ValueError as error:
        yield f"{key} is damaged: {error}"
    yield 1


def _named(registry: Registry, model: str, manifest: str, *, collected: bool) -> dict[str, str]:
    """Give the blobs that a version rests on, with what each is."""
    named = {manifest: f"the manifest of {model}"}
    data = registry.store.read(blob_key(manifest))
    if data is not None and sha256(data) == manifest and not collected:
        named |= {each["sha256"]: f"{each['path']} of {model}" for each in json.loads(data)["files"]}
    return named


def _runs(registry: Registry, named: dict[str, str]) -> Iterator[str | int]:
    store = registry.store
    for run in store.list("runs"):
        for attempt in store.list(f"runs/{run}"):
            for name in store.list(f"runs/{run}/{attempt}"):
                key = f"runs/{run}/{attempt}/{name}"
                data = store.read(key) or b""
                yield from _sealed(key, data)
                if name == "finished.json":
                    record: Any = json.loads(data).get("record")
                    named[str(record)] = f"the record of run {run}"


def _histories(registry: Registry) -> Iterator[str | int]:
    store = registry.store
    for dataset in store.list("history"):
        for name in store.list(f"history/{dataset}"):
            key = f"history/{dataset}/{name}"
            yield from _sealed(key, store.read(key) or b"")


def _blobs(registry: Registry, named: dict[str, str]) -> Iterator[str | int]:
    store = registry.store
    found = set()
    for folder in store.list("blobs/sha256"):
        for digest in store.list(f"blobs/sha256/{folder}"):
            found.add(digest)
            yield from _blob(registry, f"blobs/sha256/{folder}/{digest}", digest)
    for digest in store.list("gc/aside"):
        found.add(digest)
        yield from _blob(registry, aside_key(digest), digest)
    for digest in sorted(named.keys() - found):
        yield f"the blob {digest}, {named[digest]}, is missing"


def _blob(registry: Registry, key: str, digest: str) -> Iterator[str | int]:
    if sha256(registry.store.read(key) or b"") != digest:
        yield f"{key} is damaged: its content does not match its name"
    yield 1
