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
_DATA = ("validate", "leakage", "feedback")  # the steps that judge the inputs
_FACETS = {
    "DataQualityAssertionsDatasetFacet": "1-0-1",
    "DatasetTypeDatasetFacet": "1-0-1",
    "DatasetVersionDatasetFacet": "1-0-1",
    "NominalTimeRunFacet": "1-0-1",
    "ProcessingEngineRunFacet": "1-1-1",
    "TestRunFacet": "1-0-1",
}


def events(record: dict[str, Any], *, namespace: str = "ctcore") -> list[dict[str, Any]]:
    """Give the START and the closing event of a run.

    Inputs are the files of its snapshots with what the contract found in them, the output is the version that it
    registered; what each other check found is the run's test facet. A run that stopped at a check has COMPLETEd: it has
    its answer.
    """
    run = str(uuid.uuid5(uuid.NAMESPACE_URL, f"ctcore:{record['run']}"))
    job = {"namespace": namespace, "name": record["inputs"]["model"], "facets": {}}
    steps = record["steps"]
    data_checks = [_assertion(check) for name in _DATA for check in steps.get(name, {}).get("checks", [])]
    inputs = [
        {
            "namespace": namespace,
            "name": file["path"],
            "facets": {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=file["sha256"])},
            "inputFacets": {
                "dataQualityAssertions": _facet("DataQualityAssertionsDatasetFacet", assertions=data_checks)
            }
            if name in ("rows", "holdout")  # what the rows were compared with was not judged
            else {},
        }
        for name, snapshot in record["inputs"]["data"].items()
        for file in snapshot["source"].get("files", [])
    ]
    begun = {
        "nominalTime": _facet("NominalTimeRunFacet", nominalStartTime=record["inputs"]["as_of"]),
        "processing_engine": _facet(
            "ProcessingEngineRunFacet", name="ctcore", version=record["surroundings"]["ctcore"]
        ),
        "ctcore_cause": _facet("ctcore_cause", cause=record["cause"]),
    }
    gates = [_test(check) for name, step in steps.items() if name not in _DATA for check in step.get("checks", [])]
    found = begun | {"test": _facet("TestRunFacet", tests=gates)}
    shared = {"producer": _PRODUCER, "schemaURL": _EVENT, "job": job, "inputs": inputs}
    return [
        {**shared, "eventType": "START", "eventTime": record["started"], "outputs": [],
         "run": {"runId": run, "facets": begun}},
        {**shared, "eventType": "COMPLETE", "eventTime": record["ended"], "outputs": _outputs(record, namespace),
         "run": {"runId": run, "facets": found}},
    ]  # fmt: skip


def _outputs(record: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    registered = record["steps"].get("register")
    if registered is None:
        return []
    facets = {
        "version": _facet("DatasetVersionDatasetFacet", datasetVersion=registered["digest"]),
        "datasetType": _facet("DatasetTypeDatasetFacet", datasetType="MODEL"),
    }
    return [{"namespace": namespace, "name": f"models/{record['inputs']['model']}", "facets": facets}]


def _assertion(check: dict[str, Any]) -> dict[str, Any]:
    return {"assertion": check["id"], "success": check["verdict"] in ("pass", "warn")}


def _test(check: dict[str, Any]) -> dict[str, Any]:
    status = {"pass": "pass", "warn": "pass", "fail": "fail"}.get(check["verdict"], "skip")
    severity = "error" if check["required"] else "warn"
    test = {"name": check["id"], "status": status, "severity": severity, "description": check["message"]}
    values = {"expected": check["threshold"], "actual": check["value"]}
    return test | {name: str(value) for name, value in values.items() if value is not None}


def _facet(kind: str, /, **content: Any) -> dict[str, Any]:
    version = _FACETS.get(kind)
    schema = f"{_SPEC}/facets/{version}/{kind}.json#/$defs/{kind}" if version else f"{_PRODUCER}:{kind}"
    return {"_producer": _PRODUCER, "_schemaURL": schema, **content}


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
