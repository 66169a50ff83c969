"""The record of a run: what it was made of. The same for a manual run and an automatic one, but for its cause."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import subprocess
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcore.registry import canonical, sha256
from ctcore.verdict import plain

if TYPE_CHECKING:
    from datetime import datetime

    from ctcore.config import Project
    from ctcore.data import Spans
    from ctcore.registry import Registry, Version

_LIBRARIES = ("ctcore", "lightgbm", "numpy", "pyarrow")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "requirements.txt", "conda-lock.yml")


def inputs(project: Project, as_of: datetime, spans: Spans, snapshots: dict[str, Any]) -> dict[str, Any]:
    """Give everything that decides what a run does: the same inputs are the same run."""
    return {
        "model": project.settings.model.name,
        "as_of": as_of.isoformat(),
        "window": [moment.isoformat() for moment in spans.window],
        "holdout": [moment.isoformat() for moment in spans.holdout] if spans.holdout else None,
        "settings": plain(asdict(project.settings)),
        "files": project.digests(),
        "data": snapshots,
    }


def run_key(given: dict[str, Any]) -> str:
    """Give the name of the run with these inputs."""
    return sha256(canonical(given))


def surroundings() -> dict[str, str]:
    """Give the versions that a run was made with."""
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    return versions | {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}


def code(folder: Path) -> dict[str, Any]:
    """Give the version of the project's code: its git commit, the digest of what differs from it, its lock file.

    Outside of git the commit is ``None``; the run's inputs name every file of the project by its sha256 all the same.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    found: dict[str, Any] = {"commit": commit.decode().strip() if commit else None, "dirty": None, "lock": None}
    if commit:
        changed = _git(folder, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--", ".") or b""
        found["dirty"] = sha256(changed) if changed else None
    for place in (folder, *folder.parents):
        lock = next((place / name for name in _LOCKS if (place / name).is_file()), None)
        if lock:
            found["lock"] = {"file": lock.name, "sha256": hashlib.sha256(lock.read_bytes()).hexdigest()}
        if lock or (place / ".git").exists():
            break
    return found


def _git(folder: Path, *arguments: str) -> bytes | None:
    quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, env=quiet, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def cpu_seconds() -> float:
    """Give the processor time that this process and its children that ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def record_of(registry: Registry, version: Version) -> dict[str, Any] | None:
    """Give the record of the run that first made a version's files, ``None`` where no run made them."""
    found = next((each for each in version.evidence if each["kind"] == "run"), None)
    return None if found is None else dict(registry.record(found["digest"]))
