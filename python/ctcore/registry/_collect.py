"""Collection: the files of versions that are of no more use go, in two phases with a grace between them.

The first phase commits a plan and sets the planned blobs aside, where readers still find them and give them back; a
writer who needs one finds its place empty and writes it again. The second phase deletes what is still aside and still
unused. So no lock is needed, and a kill at any moment loses nothing: what is referenced is in its place or aside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ctcore.errors import NotFoundError, StoreError
from ctcore.registry._fold import State
from ctcore.registry._lease import Lease
from ctcore.registry._store import LocalStore, aside_key, blob_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctcore.registry._fold import Version
    from ctcore.registry._registry import Registry

ORPHANS = "gc"
"""The log of plans for blobs that no model names."""
_DIGESTS = re.compile(rb'"([0-9a-f]{64})"')
_LASTS = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What a collection did."""

    planned: dict[str, list[int]]
    """The versions of each model whose files were set aside."""
    deleted: dict[str, list[int]]
    """The versions of each model whose files were deleted."""
    orphans: int
    """Blobs without any owner that were set aside."""
    bytes_deleted: int


def collect(registry: Registry, *, grace: timedelta, served: timedelta, newest: int) -> Collection:
    """Finish the plans whose grace is over, then plan anew."""
    now = registry.clock()
    with Lease.take(registry.store, ORPHANS, what="collection", now=now, lasts=_LASTS):
        return _Collecting(registry, now, grace, now - served, newest).go()


class _Collecting:
    def __init__(self, registry: Registry, now: datetime, grace: timedelta, since: datetime, newest: int) -> None:
        self.registry, self.store = registry, registry.store
        self.now, self.grace, self.since, self.newest = now, grace, since, newest
        self.freed = 0
        self._manifests: dict[str, set[str]] = {}

    def go(self) -> Collection:
        models = self.registry.models()
        if isinstance(self.store, LocalStore):
            for path in self.store.leftovers((self.now - self.grace).timestamp()):
                path.unlink(missing_ok=True)
        deleted = {model: done for model in models if (done := self._finish(f"models/{model}"))}
        self._finish(ORPHANS)
        self._tidy()
        planned = {model: plan for model in models if (plan := self._plan(model))}
        orphans = self._plan_orphans()
        return Collection(planned=planned, deleted=deleted, orphans=orphans, bytes_deleted=self.freed)

    # ---------------------------------------------------------------- what is in use

    def _used(self, folder: str, state: State, left: set[int]) -> set[str]:
        """Give the files of every version but those of a log that are left, and all that unfinished runs name."""
        used = {file for each in state.versions if not each.collected and each.number not in left
                for file in self._files(each)}  # fmt: skip
        for model in self.registry.models():
            if f"models/{model}" != folder:
                others = self._state(f"models/{model}").versions
                used |= {file for each in others if not each.collected for file in self._files(each)}
        for run in self.store.list("runs"):
            for attempt in self.store.list(f"runs/{run}"):
                names = self.store.list(f"runs/{run}/{attempt}")
                if "finished.json" not in names:
                    used |= _digests(self.store.read(f"runs/{run}/{attempt}/{name}") for name in names)
        return used | self._traced() if folder == ORPHANS else used

    def _kept(self, state: State) -> set[int]:
        """Give the versions whose files stay."""
        kept = {number for number in (state.production, state.previous) if number} | set(state.pins)
        kept |= set(range(max(1, len(state.versions) - self.newest + 1), len(state.versions) + 1))
        if state.rollout:
            kept |= {number for number in (state.rollout.candidate, state.rollout.baseline) if number}
        ends = [*(time for _, time in state.served[1:]), self.now.isoformat()]
        kept |= {
            number
            for (number, _), end in zip(state.served, ends, strict=False)
            if datetime.fromisoformat(end) >= self.since
        }
        return kept

    def _files(self, version: Version) -> set[str]:
        if version.digest not in self._manifests:
            manifest = self.registry.record(version.digest)
            self._manifests[version.digest] = {file["sha256"] for file in manifest["files"]}
        return self._manifests[version.digest]

    def _traced(self) -> set[str]:
        """Give every manifest, evidence and record that a log or a run leads to."""
        found: set[str] = set()
        files = self._all_files()
        for model in self.registry.models():
            state = self._state(f"models/{model}")
            for version in state.versions:
                found |= {version.digest, *(each["digest"] for each in version.evidence)}
        for run in self.store.list("runs"):
            for attempt in self.store.list(f"runs/{run}"):
                names = self.store.list(f"runs/{run}/{attempt}")
                found |= _digests(self.store.read(f"runs/{run}/{attempt}/{name}") for name in names)
        todo = list(found - files)
        while todo:
            inner = _digests([self.store.read(blob_key(todo.pop()))]) - found
            found |= inner
            todo += inner - files
        return found - files

    def _all_files(self) -> set[str]:
        """Give the files of every version there ever was."""
        states = [self._state(f"models/{model}") for model in self.registry.models()]
        return {file for state in states for version in state.versions for file in self._files(version)}

    def _state(self, folder: str) -> State:
        state = self.registry.log_in(folder).state()
        if state.fault:
            raise StoreError(f"{state.fault}. Nothing is collected from a registry that is damaged")
        return state

    # ---------------------------------------------------------------- the first phase

    def _plan(self, model: str) -> list[int]:
        """Plan a model's versions that are of no more use, and set their files aside."""
        folder = f"models/{model}"

        def actions(state: State) -> list[dict[str, Any]]:
            if state.plan:
                return []
            left = {each.number for each in state.versions if not each.collected} - self._kept(state)
            used = self._used(folder, state, left) if left else set()
            own = {number: self._files(state.version(number)) - used for number in sorted(left)}
            gone = [number for number, files in own.items() if files]
            return [{"action": "gc_plan", "versions": gone, "digests": _union(own.values())}] if gone else []

        return list(self._carry_out(folder, actions)["versions"])

    def _plan_orphans(self) -> int:
        """Plan the blobs that nothing leads to, such as those of a writer that was killed, and set them aside."""
        folders = self.store.list("blobs/sha256")
        blobs = {each for folder in folders for each in self.store.list(f"blobs/sha256/{folder}")}
        orphans = sorted(blobs - self._traced() - self._all_files())

        def actions(state: State) -> list[dict[str, Any]]:
            return [{"action": "gc_plan", "versions": [], "digests": orphans}] if orphans and not state.plan else []

        return len(self._carry_out(ORPHANS, actions)["digests"])

    def _carry_out(self, folder: str, actions: Callable[[State], list[dict[str, Any]]]) -> dict[str, Any]:
        """Commit a plan, where there is none, and set aside what it names; give the plan, empty where it is old."""
        nothing: dict[str, Any] = {"versions": [], "digests": []}
        state = self._state(folder)
        old = state.plan
        plan = old if old or not actions(state) else self.registry.append(folder, actions).plan
        if plan:
            used = self._used(folder, state, set(plan["versions"]))
            for digest in plan["digests"]:
                data = None if digest in used else self.store.read(blob_key(digest))
                if data is not None:
                    self.store.create(aside_key(digest), data)
                    self.store.delete(blob_key(digest))
        return nothing if old or not plan else plan

    # ---------------------------------------------------------------- the second phase

    def _finish(self, folder: str) -> list[int]:
        """Delete what a plan set aside and nobody has used since; give back the rest, and tell which versions went."""
        plan = self._state(folder).plan
        if plan is None or datetime.fromisoformat(plan["time"]) + self.grace > self.now:
            return []
        back = {digest for digest in plan["digests"] if self.store.read(blob_key(digest)) is not None}

        def actions(state: State) -> list[dict[str, Any]]:
            if state.plan != plan:
                return []
            left = set(plan["versions"]) - self._kept(state)
            gone = set(plan["digests"]) - back - self._used(folder, state, left)
            versions = [number for number in sorted(left) if self._files(state.version(number)) & gone]
            return [{"action": "gc_done", "versions": versions, "digests": sorted(gone)}]

        entry = self.registry.append(folder, actions)
        collected = [number for number in plan["versions"] if entry.version(number).collected]
        used = self._used(folder, entry, set(collected))
        for digest in plan["digests"]:
            self._end(digest, delete=digest not in used | back)
        return [number for number in collected if not self._registered_again(folder, entry.version(number))]

    def _tidy(self) -> None:
        """End what a collection that was killed left aside after its plan was done."""
        folders = [*(f"models/{model}" for model in self.registry.models()), ORPHANS]
        plans = [plan for folder in folders if (plan := self._state(folder).plan)]
        left = set(self.store.list("gc/aside")).difference(*(plan["digests"] for plan in plans))
        used = self._used(ORPHANS, State(), set()) if left else set()
        for digest in sorted(left):
            self._end(digest, delete=digest not in used)

    def _end(self, digest: str, *, delete: bool) -> None:
        data = self.store.read(aside_key(digest))
        if data is None:
            return
        if delete:
            self.freed += len(data)
        else:
            self.store.create(blob_key(digest), data)
        self.store.delete(aside_key(digest))

    def _registered_again(self, folder: str, version: Version) -> bool:
        """Take back the collection of a version whose files were written again while it was collected."""
        try:
            self.registry.files(version)
        except NotFoundError:
            return False
        self.registry.append(folder, lambda _: [{"action": "restore", "version": version.number}])
        return True


def _union(sets: Iterable[set[str]]) -> list[str]:
    return sorted(set[str]().union(*sets))


def _digests(texts: Iterable[bytes | None]) -> set[str]:
    """Give everything in some JSON texts that may name a blob."""
    return {found.decode() for text in texts if text for found in _DIGESTS.findall(text)}
