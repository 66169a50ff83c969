"""A log: numbered, create-only, hash-chained entries in a folder, and the state that they fold to."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ctcore.errors import StoreError
from ctcore.registry._fold import State, fold
from ctcore.registry._store import canonical, seal, sha256, unseal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctcore.registry._store import Store

FORMAT = 1
CHECKPOINT_EVERY = 256
_ENTRY = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(\d{20})-([0-9a-f]{64})\.json")


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
    fence: int | None
    """The number of the lease that the writer held."""
    actions: tuple[dict[str, Any], ...]

    def to_bytes(self) -> bytes:
        """Give the sealed JSON that is stored."""
        return seal(asdict(self) | {"format": FORMAT})

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Entry:
        """Read what ``to_bytes`` gave; :class:`DamageError` where a bit of it has changed."""
        try:
            stored = unseal(data)
        except ValueError as error:
            raise DamageError(f"{name} is damaged: {error if data else 'it is empty'}") from error
        written = stored.pop("format", None)
        if not isinstance(written, int) or written > FORMAT:
            raise StoreError(f"{name} is of format {written}, this ctcore reads up to {FORMAT}; update ctcore")
        try:
            return cls(**stored | {"actions": tuple(stored["actions"])})
        except (KeyError, TypeError) as error:
            raise StoreError(f"{name} is no log entry: {error!r}") from error


class DamageError(StoreError):
    """An entry that is there cannot be what was written."""


class Log:
    """The log of a model, in the folder ``models/<name>``.

    ``log/`` is the truth. ``checkpoints/`` and ``head.json`` are hints: folds that save reading, and how long the log
    was; each may be missing or old, and proves itself.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self.store, self.folder = store, folder
        self._proven = State()

    # ---------------------------------------------------------------- reading

    def state(self) -> State:
        """Fold the log: what this process has proven before, or the newest checkpoint, and the entries after it.

        Where the end of the log is torn or missing this is the state of the last valid entry, and ``fault`` says so.
        Damage that valid entries follow is no torn end: it raises :class:`StoreError`.
        """
        longest = self._longest()  # before the list: others may append meanwhile
        known = self._proven if self._proven.entries else self._checkpointed()
        if known.entries and not self._holds(known):
            known = State()
        names = self.store.list(self.entries, after=entry_name(known.entries - 1) if known.entries else "")
        entries, fault = self._read(known.entries, names)
        self._proven = state = fold(known, entries)
        if fault is None and state.entries < longest:
            fault = f"{self.entries}: entries {state.entries} to {longest - 1} were there and are missing"
        return replace(state, fault=fault) if fault else state

    @property
    def entries(self) -> str:
        """The folder of the entries."""
        return f"{self.folder}/log"

    @property
    def checkpoints(self) -> str:
        """The folder of the checkpoints."""
        return f"{self.folder}/checkpoints"

    @property
    def head(self) -> str:
        """The name of the hint that says how long the log is, and what serves."""
        return f"{self.folder}/head.json"

    def _read(self, start: int, names: list[str]) -> tuple[list[tuple[Entry, str]], str | None]:
        """Give the entries up to the first that is missing or damaged, and what is wrong with that one.

        The list only tells how far to read: one that is made while others append may hold an entry and not the one
        before it.
        """
        found: list[tuple[Entry, str]] = []
        end = max((int(name[:20]) for name in names if _ENTRY.fullmatch(name)), default=start - 1) + 1
        for number in range(start, end):
            try:
                found.append(self.entry(number))
            except DamageError as error:
                after = next((each for each in range(number + 1, end) if self._valid(each)), None)
                if after:
                    raise StoreError(
                        f"{error}. The valid entry {after} follows, so this is no torn end: bring the entry back from "
                        f"a copy of the registry"
                    ) from error
                return found, str(error)
        return found, None

    def entry(self, number: int) -> tuple[Entry, str]:
        """Give an entry and its digest; :class:`DamageError` where it is missing or is not what was written."""
        key = f"{self.entries}/{entry_name(number)}"
        data = self.store.read(key)
        if data is None:
            raise DamageError(f"{self.entries}: entry {number} is missing")
        return Entry.from_bytes(data, key), sha256(data)

    def history(self) -> Iterator[Entry]:
        """Give every entry, the oldest first."""
        for number in range(self.state().entries):
            yield self.entry(number)[0]

    def _valid(self, number: int) -> bool:
        try:
            self.entry(number)
        except DamageError:
            return False
        return True

    def _holds(self, state: State) -> bool:
        last = self.store.read(f"{self.entries}/{entry_name(state.entries - 1)}")
        return last is not None and sha256(last) == state.head

    def _longest(self) -> int:
        """Tell how many entries the log once had, as far as the hints know."""
        numbers = [
            int(found[1]) for name in self.store.list(self.checkpoints) if (found := _CHECKPOINT.fullmatch(name))
        ]
        with contextlib.suppress(ValueError, KeyError):
            numbers.append(int(unseal(self.store.read(self.head) or b"")["entries"]))
        return max(numbers, default=0)

    def _checkpointed(self) -> State:
        for _, name in reversed(self.checkpoint_names()):
            state = self.checkpoint(name)
            if state:
                return state
        return State()

    def checkpoint_names(self) -> list[tuple[int, str]]:
        """Give how many entries each checkpoint stands for, with its name."""
        names = self.store.list(self.checkpoints)
        return [(int(found[1]), name) for name in names if (found := _CHECKPOINT.fullmatch(name))]

    def checkpoint(self, name: str) -> State | None:
        """Give a checkpoint's state, ``None`` where it is not what was written."""
        named = _CHECKPOINT.fullmatch(name)
        data = self.store.read(f"{self.checkpoints}/{name}")
        if not named or data is None or sha256(data) != named[2]:
            return None
        stored = json.loads(data)
        return State.from_dict(stored["state"]) if stored["format"] == FORMAT else None

    # ---------------------------------------------------------------- writing

    def append(self, state: State, entry: Entry) -> State | None:
        """Create an entry after a state and give the state after it; ``None`` where another writer was first."""
        data = entry.to_bytes()
        after = fold(state, [(entry, sha256(data))])  # first: what cannot be folded is not written
        if not self.store.create(f"{self.entries}/{entry_name(entry.number)}", data):
            return None
        self._proven = after
        with contextlib.suppress(StoreError):  # hints: the entry stands without them
            self._hint(after, entry.time)
        return after

    def sync(self) -> None:
        """Make the entries durable that are to be seen: their writers may have died before they were."""
        self.store.sync(self.entries)

    def _hint(self, state: State, time: str) -> None:
        if self._longest() <= state.entries:
            self.store.replace(self.head, seal(_head(state, time)))
        if state.entries % CHECKPOINT_EVERY == 0:
            data = canonical({"format": FORMAT, "state": state.to_dict()})
            self.store.create(f"{self.checkpoints}/{state.entries:020d}-{sha256(data)}.json", data)
            for name in self.store.list(self.checkpoints)[:-2]:
                self.store.delete(f"{self.checkpoints}/{name}")

    def clear_end(self) -> dict[str, str]:
        """Take a torn end off the log: keep copies in ``damaged/``, forget hints of what is missing.

        Gives the digest of each entry that was taken off. One process at a time may do this.
        """
        state = self.state()
        taken = {}
        for name in self.store.list(self.entries, after=entry_name(state.entries - 1) if state.entries else ""):
            data = self.store.read(f"{self.entries}/{name}") or b""
            taken[name] = sha256(data)
            self.store.create(f"{self.folder}/damaged/{name.removesuffix('.json')}-{taken[name]}.json", data)
            self.store.delete(f"{self.entries}/{name}")
        for number, name in self.checkpoint_names():
            if number > state.entries:
                self.store.delete(f"{self.checkpoints}/{name}")
        self.store.delete(self.head)
        return taken


def _head(state: State, time: str) -> dict[str, Any]:
    """Say what a server must know without folding the log."""
    production = state.production
    return {
        "format": FORMAT,
        "entries": state.entries,
        "head": state.head,
        "time": time,
        "production": {"version": production, "digest": state.version(production).digest} if production else None,
        "rollout": asdict(state.rollout) if state.rollout else None,
    }


def entry_name(number: int) -> str:
    """Give the file name of an entry, which sorts by number.

    >>> entry_name(42)
    '00000000000000000042.json'
    """
    return f"{number:020d}.json"
