"""The lease of a model: one run at a time. It saves work; the log alone keeps the truth."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ctcore.errors import ConflictError
from ctcore.registry._store import canonical

if TYPE_CHECKING:
    from ctcore.registry._store import LocalStore


@dataclass(frozen=True, slots=True)
class Lease:
    """A numbered lease. The number (epoch) only grows: a later holder is told from an earlier one."""

    store: LocalStore
    folder: str
    epoch: int

    @classmethod
    def take(cls, store: LocalStore, model: str, *, now: datetime, lasts: timedelta) -> Self:
        """Take the lease of a model, or say who holds it.

        A lease ends when it is released, or when its process is gone; where that cannot be seen, from another
        machine, when its time is over.
        """
        folder = f"models/{model}/lease"
        epochs = [name for name in store.list(folder) if name.endswith(".json")]
        epoch = int(epochs[-1].removesuffix(".json")) if epochs else 0
        if epochs:
            holder = json.loads(store.read(f"{folder}/{epochs[-1]}") or b"{}")
            if not _over(store, folder, epoch, holder, now):
                raise ConflictError(
                    f"another run of {model} is under way: process {holder['process']} on {holder['host']} holds the "
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
        if not store.create(f"{folder}/{epoch + 1:010d}.json", canonical(mine)):
            raise ConflictError(f"another run of {model} took the lease at the same moment; this run changed nothing")
        return cls(store, folder, epoch + 1)

    def release(self) -> None:
        """Give the lease back."""
        self.store.create(f"{self.folder}/{self.epoch:010d}.released", b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _over(store: LocalStore, folder: str, epoch: int, holder: dict[str, Any], now: datetime) -> bool:
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
