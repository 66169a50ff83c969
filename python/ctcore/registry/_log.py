"""The log of one model: entries, and the state that they fold to. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ctcore.errors import StoreError
from ctcore.registry._store import canonical, sha256

FORMAT = 1
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One numbered entry of the log: a transaction and what it does."""

    number: int
    previous: str
    """The sha256 of the entry before; of zeros for entry 0."""
    time: str
    actor: str
    transaction: str
    """Chosen by the writer: after a lost acknowledgement it tells whose entry this is."""
    actions: tuple[dict[str, Any], ...]

    def to_bytes(self) -> bytes:
        """Give the canonical JSON that is stored."""
        return canonical(
            {
                "format": FORMAT,
                "number": self.number,
                "previous": self.previous,
                "time": self.time,
                "actor": self.actor,
                "transaction": self.transaction,
                "actions": list(self.actions),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Entry:
        """Read what ``to_bytes`` gave."""
        try:
            stored = json.loads(data)
            if stored["format"] > FORMAT:
                raise StoreError(
                    f"{name} is of format {stored['format']}, this ctcore reads up to {FORMAT}; update ctcore"
                )
            return cls(
                number=stored["number"],
                previous=stored["previous"],
                time=stored["time"],
                actor=stored["actor"],
                transaction=stored["transaction"],
                actions=tuple(stored["actions"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{name} is damaged: {error!r}") from error


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


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the log says so far."""

    entries: int = 0
    head: str = GENESIS
    versions: tuple[Version, ...] = ()
    production: int | None = None
    """The version that serves."""
    served: tuple[tuple[int, str], ...] = field(default=())
    """Each version that became production, with the time, oldest first."""

    def version(self, number: int) -> Version:
        """Give a version by its number; versions count from 1."""
        return self.versions[number - 1]

    def apply(self, entry: Entry, digest: str) -> State:
        """Give the state after an entry, whose bytes have the digest."""
        if entry.number != self.entries or entry.previous != self.head:
            raise StoreError(
                f"log entry {entry.number} does not follow entry {self.entries - 1}: the hash chain is broken"
            )
        versions, production, served = list(self.versions), self.production, self.served
        for action in entry.actions:
            kind = action.get("action")
            if kind == "register":
                if action["version"] != len(versions) + 1:
                    raise StoreError(f"log entry {entry.number} registers version {action['version']} out of turn")
                versions.append(
                    Version(number=action["version"], digest=action["manifest"], run=action["run"], time=entry.time)
                )
            elif kind == "evidence":
                old = versions[action["version"] - 1]
                added = {key: action[key] for key in ("kind", "digest", "verdict", "against")}
                versions[old.number - 1] = Version(
                    number=old.number, digest=old.digest, run=old.run, time=old.time, evidence=(*old.evidence, added)
                )
            elif kind == "set_ref" and action["ref"] == "production":
                production = action["to"]
                served = (*served, (action["to"], entry.time))
            else:
                raise StoreError(
                    f"log entry {entry.number} has the action {kind!r}, which this version of ctcore does not know"
                )
        return State(
            entries=self.entries + 1, head=digest, versions=tuple(versions), production=production, served=served
        )


def entry_name(number: int) -> str:
    """Give the file name of an entry, which sorts by number.

    >>> entry_name(42)
    '00000000000000000042.json'
    """
    return f"{number:020d}.json"


def digest_of(entry: Entry) -> str:
    """Give the digest that the next entry names."""
    return sha256(entry.to_bytes())
