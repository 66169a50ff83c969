"""The record of a run: what it was made of. The same for a manual run and an automatic one, but for its cause."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ctcore.registry import canonical, sha256
from ctcore.verdict import plain

if TYPE_CHECKING:
    from datetime import datetime

    from ctcore.config import Project
    from ctcore.data import Spans

_LIBRARIES = ("ctcore", "lightgbm", "numpy", "pyarrow")


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
