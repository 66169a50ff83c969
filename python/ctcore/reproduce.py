"""A run again, from its record: the same model, or the input that has changed since."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ctcore import cycle, lineage
from ctcore.errors import ArgumentError, DataError, DataNotFoundError, NotFoundError
from ctcore.registry import Registry
from ctcore.verdict import Check, Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctcore.config import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceReport(Report):
    """Whether a run gives the same model again."""

    kind: ClassVar[str] = "reproduce"
    run: str
    recorded: str | None
    """The digest of the model that the run made."""
    found: str | None
    """The digest of the model that it makes now; ``None`` where an input has changed."""

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values."""
        base = super(ReproduceReport, self).to_dict()
        return base | {name: getattr(self, name) for name in ("run", "recorded", "found")}


def reproduce(project: Project, registry: Registry, run: str) -> ReproduceReport:
    """Train again from the record of a run, and compare the digests of the models.

    ``run`` is its key, or the beginning of it. Only the record is read from the registry, no model; what is trained
    goes to a folder that is thrown away. Where a file, the data or a setting is not what the record says, nothing is
    trained, and each is named.
    """
    key, record = _record(registry, run)
    registered = record["steps"].get("register")
    if registered is None:
        raise NotFoundError(f"the run {key[:16]} stopped at {record['outcome']} and made no model")
    given = record["inputs"]
    with tempfile.TemporaryDirectory(prefix="ctcore-reproduce-") as scratch:
        try:
            as_of = datetime.fromisoformat(given["as_of"])
            now, train_again = cycle.remake(project, as_of=as_of, registry=Registry(Path(scratch) / "registry"))
        except (DataNotFoundError, DataError) as error:
            changed = [Check(id="inputs.data", verdict=Verdict.FAIL, message=f"the data cannot be read again: {error}")]
        else:
            changed = [
                Check(id=f"inputs.{path}", verdict=Verdict.FAIL, message=f"{path} was {old} and is {new}")
                for path, old, new in _changes(given, now)
            ]
        others = [
            Check(id=f"surroundings.{name}", verdict=Verdict.WARN, message=f"{name} was {old} and is {new}")
            for name, old, new in _changes(record["surroundings"], lineage.surroundings())
        ]
        found = None
        if changed:
            message = "not trained again, since what it would learn from has changed"
            model = Check(id="model", verdict=Verdict.NOT_RUN, message=message)
        else:
            found = train_again().digest
            same = found == registered["digest"]
            message = f"the same model, {found}" if same else f"another model: was {registered['digest']}, is {found}"
            model = Check(id="model", verdict=Verdict.PASS if same else Verdict.FAIL, message=message)
    return ReproduceReport(checks=(*changed, *others, model), run=key, recorded=registered["digest"], found=found)


def _record(registry: Registry, run: str) -> tuple[str, dict[str, Any]]:
    """Find the record of the newest attempt of a run that is finished."""
    if not re.fullmatch(r"[0-9a-f]{4,64}", run):
        raise ArgumentError(f"run: must be the key of a run or the beginning of one, at least 4 digits, found {run!r}")
    keys = [key for key in registry.store.list("runs") if key.startswith(run)]
    if len(keys) != 1:
        raise NotFoundError(f"{len(keys)} runs begin with {run}; `ctcore models show` names a version's run")
    for attempt in reversed(registry.attempts(keys[0])):
        finished = registry.step(keys[0], attempt, "finished")
        if finished:
            return keys[0], dict(registry.record(finished["record"]))
    raise NotFoundError(f"the run {keys[0][:16]} is not finished; run it again first")


def _changes(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Give the path of each value that differs, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            named = one.get("path", index) if isinstance(one, dict) else index
            yield from _changes(one, other, f"{path}.{named}")
    elif old != new:
        yield path, old, new
