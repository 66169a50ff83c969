"""The lease of a model: one run at a time. It saves work; the log alone keeps the truth."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ctcore.errors import ConflictError, StoreError
from ctcore.registry._store import seal, unseal

if TYPE_CHECKING:
    from ctcore.registry._store import Store


@dataclass(frozen=True, slots=True)
class Lease:
    """A numbered lease. The number (epoch) only grows: a later holder is told from an earlier one."""

    store: Store
    folder: str
    epoch: int

    @classmethod
    def take(cls, store: Store, folder: str, *, what: str, now: datetime, lasts: timedelta) -> Self:
        """Take the lease of a folder for what is done there, or say who holds it.

        A lease ends when it is released, or when its process is gone; where that cannot be seen, from another
        machine, when its time is over.
        """
        folder = f"{folder}/lease"
        epoch = _newest(store, folder)
        if epoch:
            holder = _holder(store, f"{folder}/{epoch:010d}.json")
            if not _over(store, folder, epoch, holder, now):
                raise ConflictError(
                    f"another {what} is under way: process {holder['process']} on {holder['host']} holds the "
                    f"lease since {holder['since']}, until {holder['until']} at the latest. Wait for it; this run "
                    f"changed nothing"
                )
        mine = {
            "holder": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "started": _started(os.getpid()),
            "since": now.isoformat(),
            "until": (now + lasts).isoformat(),
        }
        if not store.create(f"{folder}/{epoch + 1:010d}.json", seal(mine)):
            raise ConflictError(f"another {what} took the lease at the same moment; this run changed nothing")
        return cls(store, folder, epoch + 1)

    def newest(self) -> int:
        """Tell the number of the newest lease: another one than this was taken over."""
        return _newest(self.store, self.folder)

    def release(self) -> None:
        """Give the lease back."""
        self.store.create(f"{self.folder}/{self.epoch:010d}.released", b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _newest(store: Store, folder: str) -> int:
    epochs = [int(name.removesuffix(".json")) for name in store.list(folder) if name.endswith(".json")]
    return max(epochs, default=0)


def _holder(store: Store, key: str) -> dict[str, Any]:
    try:
        return unseal(store.read(key) or b"")
    except ValueError as error:
        raise StoreError(f"{key} is damaged: {error}. When no run is under way, delete it") from error


def _over(store: Store, folder: str, epoch: int, holder: dict[str, Any], now: datetime) -> bool:
    if store.read(f"{folder}/{epoch:010d}.released") is not None:
        return True
    if holder["host"] == socket.gethostname():
        return bool(_started(holder["process"]) != holder["started"])
    return now >= datetime.fromisoformat(holder["until"])


def _started(process: int) -> str | None:
    """Tell when a process of this machine started, in clock ticks since boot; ``None`` where it is gone.

    A process number is used again; together with the start it is not.
    """
    try:
        after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else after_name[19]
