"""What a log says: the state that its entries fold to. Pure.

An entry was judged when it was written; the fold repeats what happened and judges nothing but the order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ctcore.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctcore.registry._log import Entry

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A registered model."""

    number: int
    digest: str
    """The sha256 of its manifest, which names its files: the identity of the model."""
    run: str
    """The run that made it."""
    time: str
    evidence: tuple[dict[str, Any], ...] = ()
    """``{"kind", "digest", "verdict", "against"}``, oldest first."""
    approvals: tuple[dict[str, Any], ...] = ()
    """``{"by", "scope", "expires", "time"}`` that were not revoked, oldest first."""
    collected: bool = False
    """Whether its files were deleted; its manifest and evidence stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A rollout under way: production's traffic moves to a candidate, step by step."""

    id: str
    plan: dict[str, Any]
    candidate: int
    baseline: int | None
    """The version that serves the rest."""
    salt: str
    time: str
    events: tuple[dict[str, Any], ...] = ()
    """``{"event", "cause", "time"}``, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the log says so far."""

    entries: int = 0
    head: str = GENESIS
    versions: tuple[Version, ...] = ()
    serving: tuple[int, ...] = ()
    """The versions that a rollback goes back through, the last one being production."""
    served: tuple[tuple[int, str], ...] = ()
    """Each version that became production, with the time, oldest first."""
    quarantined: tuple[str, ...] = ()
    """Digests of models that may not serve."""
    pins: tuple[int, ...] = ()
    """Versions whose files are kept for good."""
    rollout: Rollout | None = None
    plan: dict[str, Any] | None = None
    """The collection under way: ``{"time", "digests", "versions"}``."""
    fence: int = 0
    """The newest lease that wrote."""
    fault: str | None = None
    """What is wrong with the end of the log, where this is the state of an entry before it."""

    @property
    def production(self) -> int | None:
        """The version that serves."""
        return self.serving[-1] if self.serving else None

    @property
    def previous(self) -> int | None:
        """The version that a rollback goes back to: what served before, without what may not or cannot serve."""
        for number in reversed(self.serving[:-1]):
            version = self.version(number)
            if version.digest not in self.quarantined and not version.collected and number != self.production:
                return number
        return None

    @property
    def candidate(self) -> int | None:
        """The version under rollout, or else the newest one, where it is newer than production."""
        if self.rollout:
            return self.rollout.candidate
        newest = len(self.versions)
        return newest if newest > (self.production or 0) else None

    def version(self, number: int) -> Version:
        """Give a version by its number; versions count from 1."""
        return self.versions[number - 1]

    def to_dict(self) -> dict[str, Any]:
        """Give the state as plain JSON values, the versions as rows; ``from_dict`` reads it."""
        rows = [
            [
                each.digest,
                each.run,
                each.time,
                [list(e.values()) for e in each.evidence],
                each.approvals,
                each.collected,
            ]
            for each in self.versions
        ]
        return {
            "entries": self.entries,
            "head": self.head,
            "versions": rows,
            "serving": self.serving,
            "served": self.served,
            "quarantined": self.quarantined,
            "pins": self.pins,
            "rollout": asdict(self.rollout) if self.rollout else None,
            "plan": self.plan,
            "fence": self.fence,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> State:
        """Read what ``to_dict`` gave."""
        versions = tuple(
            Version(
                number=number,
                digest=digest,
                run=run,
                time=time,
                evidence=tuple(dict(zip(_EVIDENCE, each, strict=True)) for each in evidence),
                approvals=tuple(approvals),
                collected=collected,
            )
            for number, (digest, run, time, evidence, approvals, collected) in enumerate(stored["versions"], 1)
        )
        rollout = stored["rollout"]
        return cls(
            entries=stored["entries"],
            head=stored["head"],
            versions=versions,
            serving=tuple(stored["serving"]),
            served=tuple((number, time) for number, time in stored["served"]),
            quarantined=tuple(stored["quarantined"]),
            pins=tuple(stored["pins"]),
            rollout=Rollout(**rollout | {"events": tuple(rollout["events"])}) if rollout else None,
            plan=stored["plan"],
            fence=stored["fence"],
        )


_EVIDENCE = ("kind", "digest", "verdict", "against")


def fold(state: State, entries: Iterable[tuple[Entry, str]]) -> State:
    """Give the state after some entries, each with the digest of its bytes.

    >>> from ctcore.registry._log import Entry
    >>> action = {"action": "register", "version": 1, "manifest": "ab", "run": "r", "parents": [], "oms_digest": "cd"}
    >>> entry = Entry(number=0, previous=GENESIS, time="t", actor="a", transaction="x", fence=None, actions=(action,))
    >>> fold(State(), [(entry, "ef")]).versions[0].digest
    'ab'
    """
    draft = _Draft(state)
    for entry, digest in entries:
        draft.append(entry, digest)
    return draft.state()


class _Draft:
    """A state that entries change in place, so that a fold is linear in their number."""

    def __init__(self, state: State) -> None:
        self.entries, self.head, self.fence = state.entries, state.head, state.fence
        self.versions, self.serving, self.served = list(state.versions), list(state.serving), list(state.served)
        self.quarantined, self.pins = list(state.quarantined), list(state.pins)
        self.rollout, self.plan = state.rollout, state.plan

    def state(self) -> State:
        return State(
            entries=self.entries,
            head=self.head,
            versions=tuple(self.versions),
            serving=tuple(self.serving),
            served=tuple(self.served),
            quarantined=tuple(self.quarantined),
            pins=tuple(self.pins),
            rollout=self.rollout,
            plan=self.plan,
            fence=self.fence,
        )

    def append(self, entry: Entry, digest: str) -> None:
        if entry.number != self.entries or entry.previous != self.head:
            raise StoreError(
                f"log entry {entry.number} does not follow entry {self.entries - 1}: the hash chain is broken"
            )
        for action in entry.actions:
            kind = action.get("action", "")
            apply = _ACTIONS.get(kind)
            if apply is None and not action.get("ignorable"):
                raise StoreError(
                    f"log entry {entry.number} has the action {kind!r}, which this version of ctcore does not know; "
                    f"update ctcore"
                )
            try:
                if apply:
                    apply(self, action, entry.time)
            except (KeyError, IndexError, TypeError) as error:
                raise StoreError(f"log entry {entry.number} has an action that cannot be: {action}") from error
        self.entries, self.head = entry.number + 1, digest
        self.fence = max(self.fence, entry.fence or 0)

    def change(self, number: int, **fields: Any) -> None:
        if number < 1:
            raise IndexError(number)
        self.versions[number - 1] = replace(self.versions[number - 1], **fields)

    def register(self, action: dict[str, Any], time: str) -> None:
        if action["version"] != len(self.versions) + 1:
            raise IndexError(action["version"])
        version = Version(number=action["version"], digest=action["manifest"], run=action["run"], time=time)
        self.versions.append(version)

    def evidence(self, action: dict[str, Any], _: str) -> None:
        added = {key: action[key] for key in _EVIDENCE}
        self.change(action["version"], evidence=(*self.versions[action["version"] - 1].evidence, added))

    def approve(self, action: dict[str, Any], time: str) -> None:
        added = {key: action[key] for key in ("by", "scope", "expires")} | {"time": time}
        self.change(action["version"], approvals=(*self.versions[action["version"] - 1].approvals, added))

    def revoke(self, action: dict[str, Any], _: str) -> None:
        kept = [each for each in self.versions[action["version"] - 1].approvals if each["by"] != action["by"]]
        self.change(action["version"], approvals=tuple(kept))

    def set_ref(self, action: dict[str, Any], time: str) -> None:
        if action["ref"] != "production":
            raise KeyError(action["ref"])
        self.serving.append(self.versions[action["to"] - 1].number)
        self.served.append((action["to"], time))

    def roll_back(self, action: dict[str, Any], time: str) -> None:
        while self.serving[-1] != action["to"]:
            self.serving.pop()
        self.served.append((action["to"], time))

    def start_rollout(self, action: dict[str, Any], time: str) -> None:
        fields = ("id", "plan", "candidate", "baseline", "salt")
        self.rollout = Rollout(**{name: action[name] for name in fields}, time=time)

    def rollout_event(self, action: dict[str, Any], time: str) -> None:
        if self.rollout is None or self.rollout.id != action["id"]:
            raise KeyError(action["id"])
        added = {"event": action["event"], "cause": action["cause"], "time": time}
        self.rollout = replace(self.rollout, events=(*self.rollout.events, added))
        if action["event"] in ("abort", "promote"):
            self.rollout = None

    def quarantine(self, action: dict[str, Any], _: str) -> None:
        if action["digest"] not in self.quarantined:
            self.quarantined.append(action["digest"])

    def pin(self, action: dict[str, Any], _: str) -> None:
        self.pins = sorted({*self.pins, action["version"]} if action["pinned"] else {*self.pins} - {action["version"]})

    def gc_plan(self, action: dict[str, Any], time: str) -> None:
        self.plan = {"time": time, "digests": action["digests"], "versions": action["versions"]}

    def gc_done(self, action: dict[str, Any], _: str) -> None:
        self.plan = None
        for number in action["versions"]:
            self.change(number, collected=True)

    def restore(self, action: dict[str, Any], _: str) -> None:
        self.change(action["version"], collected=False)

    def repair(self, action: dict[str, Any], _: str) -> None:
        """Say what was taken off the end of the log; nothing else changes."""


_ACTIONS = {
    "register": _Draft.register,
    "restore": _Draft.restore,
    "evidence": _Draft.evidence,
    "approve": _Draft.approve,
    "revoke": _Draft.revoke,
    "set_ref": _Draft.set_ref,
    "rollback": _Draft.roll_back,
    "rollout": _Draft.start_rollout,
    "rollout_event": _Draft.rollout_event,
    "quarantine": _Draft.quarantine,
    "pin": _Draft.pin,
    "gc_plan": _Draft.gc_plan,
    "gc_done": _Draft.gc_done,
    "repair": _Draft.repair,
}
