"""OpenLineage events of a run, derived from its record: https://openlineage.io/spec/2-0-2/OpenLineage.json."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ctcore.errors import ArgumentError, StoreError

_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_PRODUCER = "urn:ctcore"


def events(record: dict[str, Any], *, namespace: str = "ctcore") -> list[dict[str, Any]]:
    """Give the START and the closing event of a run.

    Inputs are the files of its snapshots, the output is the version that it registered; what each check found is the
    output's test facet. A run that stopped at a check has COMPLETEd: it has its answer.
    """
    run = str(uuid.uuid5(uuid.NAMESPACE_URL, f"ctcore:{record['run']}"))
    job = {"namespace": namespace, "name": record["inputs"]["model"], "facets": {}}
    inputs = [
        _dataset(namespace, file["path"], {"version": _facet("DatasetVersion", datasetVersion=file["sha256"])})
        for snapshot in record["inputs"]["data"].values()
        for file in snapshot["source"].get("files", [])
    ]
    facets = {
        "nominalTime": _facet("NominalTime", nominalStartTime=record["inputs"]["as_of"]),
        "processing_engine": _facet("ProcessingEngine", name="ctcore", version=record["surroundings"]["ctcore"]),
        "ctcore_cause": _facet("Cause", cause=record["cause"]),
    }
    shared = {"producer": _PRODUCER, "schemaURL": _EVENT, "job": job, "run": {"runId": run, "facets": facets}}
    start = {"eventType": "START", "eventTime": record["started"], "inputs": inputs, "outputs": [], **shared}
    end = {
        "eventType": "COMPLETE",
        "eventTime": record["ended"],
        "inputs": inputs,
        "outputs": _outputs(record, namespace),
        **shared,
    }
    return [start, end]


def _outputs(record: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    registered = record["steps"].get("register")
    if registered is None:
        return []
    checks = [check for step in record["steps"].values() for check in step.get("checks", [])]
    assertions = [
        {"assertion": check["id"], "success": check["verdict"] in ("pass", "warn"), "message": check["message"]}
        for check in checks
    ]
    facets = {
        "version": _facet("DatasetVersion", datasetVersion=registered["digest"]),
        "datasetType": _facet("DatasetType", datasetType="MODEL"),
        "dataQualityAssertions": _facet("DataQualityAssertions", assertions=assertions),
    }
    return [_dataset(namespace, f"models/{record['inputs']['model']}", facets)]


def _dataset(namespace: str, name: str, facets: dict[str, Any]) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": facets}


def _facet(kind: str, /, **content: Any) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/facets/1-0-1/{kind}Facet.json", **content}


def send(found: list[dict[str, Any]], to: str, *, timeout: float = 5.0) -> None:
    """Append events to a file, one JSON text a line, or post each to an HTTP address.

    The address comes from the configuration alone. Redirects are not followed.
    """
    if not to.startswith(("http://", "https://")):
        if "://" in to:
            raise ArgumentError(f"to: events go to a file or to an http(s) address, found {to!r}")
        with Path(to).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(each, sort_keys=True, allow_nan=False) + "\n" for each in found)
        return
    opener = build_opener(_NoRedirect)
    for each in found:
        body = json.dumps(each, allow_nan=False).encode()
        request = Request(to, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - checked above
        try:
            with opener.open(request, timeout=timeout) as answer:
                answer.read()
        except OSError as error:
            raise StoreError(f"the lineage events could not be sent to {urlsplit(to).hostname}: {error}") from error


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
