"""The model card of a version, and what tells two versions apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ctcore.errors import NotFoundError
from ctcore.lineage._record import record_of

if TYPE_CHECKING:
    from ctcore.registry import Registry, State, Version


def card(registry: Registry, model: str, number: int) -> dict[str, Any]:
    """Give all that is known of a version: what it was made of, how good it is, who approved it, when it served."""
    state = registry.state(model)
    version = registry.version(model, number)
    manifest = registry.record(version.digest)
    record = record_of(registry, version) or {}
    given, steps = record.get("inputs", {}), record.get("steps", {})
    return {
        "format": 1,
        "kind": "model_card",
        "model": model,
        "version": number,
        "digest": version.digest,
        "status": _status(state, version),
        "registered": version.time,
        "run": version.run,
        "cause": record.get("cause"),
        "trainer": manifest["kind"],
        "files": manifest["files"],
        "parameters": given.get("settings", {}).get("train", {}).get("parameters"),
        "features": (manifest["about"].get("columns") or {}).get("features"),
        "window": given.get("window"),
        "holdout": given.get("holdout"),
        "data": given.get("data"),
        "contract": _contract(given),
        "code": record.get("code"),
        "surroundings": record.get("surroundings"),
        "metrics": _metrics(steps),
        "drift": steps.get("drift", {}).get("checks", []),
        "checks": [
            check for name in ("validate", "leakage", "feedback") for check in steps.get(name, {}).get("checks", [])
        ],
        "gates": steps.get("gate", {}).get("checks", []),
        "evidence": list(version.evidence),
        "approvals": list(version.approvals),
        "served": _served(state, number),
        "events": _events(registry, model, version),
        "started": record.get("started"),
        "ended": record.get("ended"),
        "cost": record.get("cost"),
    }


def diff(registry: Registry, model: str, old: int, new: int) -> dict[str, Any]:
    """Give what differs from one version to another: parameters, data, features, metrics, trees.

    Each part maps a name to ``[old, new]``; what is equal is left out.
    """
    cards = [card(registry, model, number) for number in (old, new)]
    before, after = cards
    return {
        "format": 1,
        "kind": "model_diff",
        "model": model,
        "versions": [old, new],
        "same_files": before["files"] == after["files"],
        "parameters": _differing(*(each["parameters"] or {} for each in cards)),
        "data": _differing(*(_data(each) for each in cards)),
        "features": _differing(*(dict.fromkeys(each["features"] or [], True) for each in cards)),
        "metrics": _differing(*({each["name"]: each["value"] for each in one["metrics"]} for one in cards)),
        "trees": _differing(*(_trees(registry, registry.version(model, number)) for number in (old, new))),
        "code": _differing(*((each["code"] or {}) | (each["surroundings"] or {}) for each in cards)),
    }


def _status(state: State, version: Version) -> str:
    if state.production == version.number:
        return "production"
    if state.rollout and state.rollout.candidate == version.number:
        return "rollout"
    if version.digest in state.quarantined:
        return "quarantined"
    if version.collected:
        return "collected"
    return "previous" if state.previous == version.number else "registered"


def _contract(given: dict[str, Any]) -> dict[str, Any] | None:
    name = given.get("settings", {}).get("data", {}).get("contract")
    return {"file": name, "sha256": given.get("files", {}).get(name)} if name else None


def _metrics(steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each metric of the candidate, with its gain over production and the gain's interval where there was one."""
    found = []
    for each in steps.get("evaluate", {}).get("evidence", []):
        candidate, comparison = each.get("candidate") or {}, each.get("comparison") or {}
        definition = candidate.get("definition", {})
        depth = f"@{definition['k']}" if definition.get("k") else ""
        found.append(
            {
                "name": f"{definition.get('metric', '?')}{depth}",
                "definition": definition,
                "value": candidate.get("value"),
                "n_queries": candidate.get("n_queries"),
                "against": each.get("against"),
                "production": comparison.get("production"),
                "gain": comparison.get("gain"),
                "lower": comparison.get("lower"),
                "upper": comparison.get("upper"),
                "confidence": comparison.get("confidence"),
            }
        )
    return found


def _served(state: State, number: int) -> list[dict[str, Any]]:
    """Give the spans of time in which a version was production."""
    ends = [time for _, time in state.served[1:]]
    spans = zip(state.served, [*ends, None], strict=False)
    return [{"from": start, "to": end} for (served, start), end in spans if served == number]


def _events(registry: Registry, model: str, version: Version) -> list[dict[str, Any]]:
    """Give all that the log says of a version: approvals given and revoked, rollouts, promotions, rollbacks."""
    found, rollout = [], None
    for entry in registry.log(model).history():
        for action in entry.actions:
            if action["action"] == "rollout" and action["candidate"] == version.number:
                rollout = action["id"]
            named = [action.get(key) for key in ("version", "to", "from", "candidate")]
            if (
                version.number in named
                or action.get("digest") == version.digest
                or (rollout and action.get("id") == rollout)
            ):
                found.append({"entry": entry.number, "time": entry.time, "actor": entry.actor, **action})
    return found


def _data(card_: dict[str, Any]) -> dict[str, Any]:
    rows = (card_["data"] or {}).get("rows", {})
    source = rows.get("source", {})
    files = {file["path"]: file["sha256"] for file in source.get("files", [])}
    digest = {"source": source["sha256"]} if "sha256" in source else {}
    spans = {"window": card_["window"], "holdout": card_["holdout"], "rows": rows.get("rows")}
    contract = {"contract": (card_["contract"] or {}).get("sha256")}
    return {name: value for name, value in (spans | files | digest | contract).items() if value is not None}


def _trees(registry: Registry, version: Version) -> dict[str, Any]:
    """Give the shape of a LightGBM model, read from its text."""
    text = _model_text(registry, version)
    leaves = [int(each) for each in re.findall(rb"^num_leaves=(\d+)$", text, re.MULTILINE)]
    if not leaves:
        return {}
    importance = text.partition(b"\nfeature_importances:\n")[2].partition(b"\n\n")[0].decode(errors="replace")
    split = dict(line.split("=", 1) for line in importance.splitlines() if "=" in line)
    counts = {f"splits on {name}": int(count) for name, count in split.items() if count.isdecimal()}
    return {"trees": len(leaves), "leaves": sum(leaves), "bytes": len(text), **counts}


def importance(registry: Registry, version: Version) -> dict[str, float]:
    """Give what each feature of a LightGBM model is worth: the gain of its splits, summed; empty for other models."""
    text = _model_text(registry, version)
    names = re.search(rb"^feature_names=(.*)$", text, re.MULTILINE)
    if names is None:
        return {}
    found = dict.fromkeys(names[1].decode(errors="replace").split(), 0.0)
    features, gains = (
        [each for line in re.findall(rb"^%s=(.*)$" % key, text, re.MULTILINE) for each in line.split()]
        for key in (b"split_feature", b"split_gain")
    )
    by_index = list(found)
    for feature, gain in zip(features, gains, strict=True):
        found[by_index[int(feature)]] += max(float(gain), 0.0)
    return found


def _model_text(registry: Registry, version: Version) -> bytes:
    try:
        return registry.files(version).get("model.txt", b"")
    except NotFoundError:
        return b""


def _differing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    names = [*old, *(name for name in new if name not in old)]
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}
