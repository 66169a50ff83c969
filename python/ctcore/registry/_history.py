"""Histories: what the batches of a dataset were like, one sealed object each, created once.

A batch is named by its time, so that whatever is checked twice counts once; a batch that was repaired and measured anew
takes the next number, and the highest one counts. Nothing is overwritten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ctcore.errors import StoreError
from ctcore.registry._store import seal, sha256, unseal

if TYPE_CHECKING:
    from ctcore.registry._store import Store


def read_history(store: Store, dataset: str, newest: int) -> list[dict[str, Any]]:
    """Give the records of the newest batches of a dataset, oldest first."""
    folder = _folder(dataset)
    counting = {name.partition(".")[0]: name for name in store.list(folder)}  # sorted: the highest number comes last
    return [_record(store, f"{folder}/{name}") for name in list(counting.values())[-newest:]]


def add_to_history(store: Store, dataset: str, time: datetime, record: dict[str, Any]) -> bool:
    """Write the record of a batch; ``False``, and nothing written, where it says what is there already."""
    folder, stamp = _folder(dataset), f"{time.astimezone(UTC):%Y%m%dT%H%M%S%f}Z"
    sealed = seal({"dataset": dataset, **record})
    while True:
        names = [name for name in store.list(folder) if name.startswith(stamp)]
        if names and store.read(f"{folder}/{names[-1]}") == sealed:
            store.sync(folder)  # whoever wrote it may have died before it was on disk
            return False
        number = int(names[-1].split(".")[1]) + 1 if names else 1
        if store.create(f"{folder}/{stamp}.{number:04}.json", sealed):
            return True


def _folder(dataset: str) -> str:
    return f"history/{sha256(dataset.encode())}"


def _record(store: Store, key: str) -> dict[str, Any]:
    try:
        return unseal(store.read(key) or b"")
    except ValueError as error:
        raise StoreError(f"{key} is damaged: {error}. Delete it, and the batch is not looked back at") from error
