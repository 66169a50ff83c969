"""Provenance of a version as an in-toto statement with the SLSA provenance predicate, derived from its record.

https://slsa.dev/spec/v1.1/provenance and https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctcore.errors import NotFoundError
from ctcore.lineage._record import record_of

if TYPE_CHECKING:
    from ctcore.registry import Registry


def provenance(registry: Registry, model: str, number: int) -> dict[str, Any]:
    """Give the statement: the version's files as subjects, its data and code as what it was resolved from."""
    version = registry.version(model, number)
    record = record_of(registry, version)
    if record is None:
        raise NotFoundError(f"version {number} of {model} was made by no run; nothing is known of its origin")
    given, manifest = record["inputs"], registry.record(version.digest)
    commit = (record.get("code") or {}).get("commit")
    git = [{"uri": "git+.", "digest": {"gitCommit": commit}}] if commit else []
    files = [{"uri": f"project:{name}", "digest": {"sha256": digest}} for name, digest in given["files"].items()]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file["path"], "digest": {"sha256": file["sha256"]}} for file in manifest["files"]],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:ctcore:run:v1",
                "externalParameters": {
                    "model": given["model"],
                    "as_of": given["as_of"],
                    "window": given["window"],
                    "holdout": given["holdout"],
                    "settings": given["settings"],
                    "cause": record["cause"],
                },
                "internalParameters": {"surroundings": record["surroundings"]},
                "resolvedDependencies": [*git, *files, *_datasets(given)],
            },
            "runDetails": {
                "builder": {"id": "urn:ctcore:cycle", "version": {"ctcore": record["surroundings"]["ctcore"]}},
                "metadata": {"invocationId": record["run"], "finishedOn": version.time},
                "byproducts": _byproducts(record),
            },
        },
    }


def _datasets(given: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, snapshot in given["data"].items():
        source = snapshot["source"]
        for file in source.get("files", []):
            digest = {"sha256": file["sha256"]}
            found.append({"uri": f"data:{file['path']}", "digest": digest, "annotations": {"snapshot": name}})
        if "callable" in source:
            found.append({"uri": f"callable:{source['callable']}", "digest": {"sha256": source["sha256"]}})
    return found


def _byproducts(record: dict[str, Any]) -> list[dict[str, Any]]:
    trained = record["steps"].get("train", {})
    return [{"name": name, "digest": {"sha256": trained[name]}} for name in ("log", "profile") if trained.get(name)]
