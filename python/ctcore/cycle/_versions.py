"""Registered versions, with what their runs recorded of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ctcore.train import ModelFiles

if TYPE_CHECKING:
    from ctcore.registry import Registry, Version


def model_files(registry: Registry, version: Any) -> ModelFiles:
    """Give a registered version as the trainer's room takes it, its files proven by their digests."""
    manifest = registry.record(version.digest)
    return ModelFiles(registry.files(version), manifest["kind"], manifest["about"])


def promoted_by(registry: Registry, version: Version) -> dict[str, Any] | None:
    """Give the record of the run that promoted a version."""
    runs = (registry.record(each["digest"]) for each in reversed(version.evidence) if each["kind"] == "run")
    return next((each for each in runs if each["outcome"] == "promoted"), None)


def accepted_before(registry: Registry, model: str, as_of: datetime) -> dict[str, Any] | None:
    """Give the record of the last run of an earlier instant whose data were accepted: it trained, whoever serves."""
    for version in reversed(registry.state(model).versions):
        for each in reversed(version.evidence):
            record: dict[str, Any] = registry.record(each["digest"]) if each["kind"] == "run" else {}
            accepted = record.get("outcome") not in (None, "contamination")
            if accepted and datetime.fromisoformat(record["inputs"]["as_of"]) < as_of:
                return record
    return None


def won(record: dict[str, Any]) -> bool:
    """Tell whether a run's candidate won a comparison on its holdout, which was chosen with it then."""
    return any(each["comparison"] for each in record["steps"]["evaluate"]["evidence"])


def known_until(window: list[str], holdout: list[str] | None, *, won: bool) -> datetime | None:
    """Give the instant before which rows favour a model of this window, which won a comparison on this holdout or not.

    >>> days = ["2013-06-02T00:00:00-04:00", "2013-06-09T00:00:00-04:00"]
    >>> known_until(["2013-03-04T00:00:00-05:00", days[0]], days, won=True).day
    9
    """
    return datetime.fromisoformat(holdout[1] if holdout and won else window[1])


def listing(registry: Registry) -> list[dict[str, Any]]:
    """Give a line for each version of each model, the newest first, with what its run recorded."""
    found = []
    for model in registry.models():
        state = registry.state(model)
        for version in reversed(state.versions):
            # The first run that made these files, not a later one that made them again.
            run_ = next((each for each in version.evidence if each["kind"] == "run"), None)
            record = registry.record(run_["digest"]) if run_ else {}
            evidence = (record.get("steps", {}).get("evaluate") or {}).get("evidence") or [{}]
            comparison = evidence[0].get("comparison") or {}
            span = record.get("inputs", {}).get("window")
            found.append(
                {
                    "model": model,
                    "version": version.number,
                    "digest": version.digest,
                    "production": version.number == state.production,
                    "registered": version.time,
                    "metric": evidence[0].get("candidate", {}).get("value"),
                    "gain": comparison.get("gain"),
                    "lower": comparison.get("lower"),
                    "upper": comparison.get("upper"),
                    "relative": comparison.get("relative", True),
                    "cause": record.get("cause", {}).get("type"),
                    "window": [day[:10] for day in span] if span else None,
                    "outcome": record.get("outcome"),
                    "run": version.run,
                }
            )
    return found
