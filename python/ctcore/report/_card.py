"""Model cards, differences of versions and proofs of a registry, as text."""

from __future__ import annotations

import json
from typing import Any

from rich.markup import escape

from ctcore.report._text import _number, _render, _table, _verdict
from ctcore.verdict import Verdict


def card_text(card: dict[str, Any], *, colour: bool) -> str:
    """Give a model card in one screen."""
    facts = _table("", "")
    facts.show_header = False
    facts.box = None
    for name, value in _facts(card):
        facts.add_row(f"[bold]{name}[/]", escape(value))
    parts: list[Any] = [f"[bold]{card['model']} {card['version']}[/]: {card['status']}", facts]
    if card["metrics"]:
        metrics = _table("metric", "value", "gain over production", "queries", right=("value", "queries"))
        for each in card["metrics"]:
            gain = "-" if each["gain"] is None else f"{each['gain']:+.2%}"
            if each["lower"] is not None and each["upper"] is not None:
                gain += f" [{each['lower']:+.2%}, {each['upper']:+.2%}]"
            metrics.add_row(each["name"], _number(each["value"], ".4f"), escape(gain), str(each["n_queries"] or "-"))
        parts.append(metrics)
    checks = [*card["drift"], *card["gates"]]
    checks += [check for check in card["checks"] if check["verdict"] != "pass"]
    if checks:
        found = _table("check", "verdict", "what was found")
        for check in checks:
            found.add_row(escape(check["id"]), _verdict(Verdict(check["verdict"])), escape(check["message"]))
        parts.append(found)
    return _render(*parts, colour=colour)


def _facts(card: dict[str, Any]) -> list[tuple[str, str]]:
    rows = (card["data"] or {}).get("rows", {})
    files = rows.get("source", {}).get("files", [])
    data = f"{rows.get('rows', 0):,} rows of {len(files)} files" if rows else "-"
    contract = card["contract"] or {}
    code = card["code"] or {}
    approvals = [f"{each['by']} until {each['expires'][:16]}" for each in card["approvals"]]
    served = [f"{each['from'][:16]} to {(each['to'] or 'now')[:16]}" for each in card["served"]]
    commit = f"{code['commit'][:12]}{', with changes' if code.get('dirty') else ''}" if code.get("commit") else "-"
    return [
        ("digest", card["digest"]),
        ("registered", f"{card['registered'][:19]} by run {card['run'][:16]}"),
        ("cause", (card["cause"] or {}).get("type", "-")),
        ("window", " to ".join(each[:10] for each in card["window"] or ["-"])),
        ("data", data),
        ("contract", f"{contract['file']} {str(contract['sha256'])[:12]}" if contract else "-"),
        ("code", commit),
        ("features", ", ".join(card["features"] or ["-"])),
        ("parameters", json.dumps(card["parameters"]) if card["parameters"] else "-"),
        ("approved", "; ".join(approvals) or "-"),
        ("served", "; ".join(served) or "never"),
    ]


def diff_text(diff: dict[str, Any], *, colour: bool) -> str:
    """Give what tells two versions apart, a line each."""
    old, new = diff["versions"]
    table = _table("", "what", f"version {old}", f"version {new}")
    for part in ("parameters", "data", "features", "metrics", "trees", "code"):
        for name, values in diff[part].items():
            table.add_row(part, escape(name), *(escape(_short(each)) for each in values))
    same = "the same files" if diff["same_files"] else "other files"
    head = f"[bold]{diff['model']}[/]: version {new} against version {old}, {same}"
    return _render(head, table if table.rows else "nothing else differs", colour=colour)


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return " to ".join(str(each)[:10] for each in value)
    return str(value) if len(str(value)) < 40 else f"{str(value)[:12]}..."


def collection_text(found: dict[str, Any], *, grace: str) -> str:
    """Give what a collection did."""
    lines = [
        f"{model}: {what} {', '.join(map(str, versions))}"
        for what, models in (("deleted the files of", found["deleted"]), (f"set aside for {grace}", found["planned"]))
        for model, versions in models.items()
    ]
    if found["orphans"]:
        lines.append(f"set aside for {grace}: {found['orphans']} blobs that nothing leads to")
    if found["bytes_deleted"]:
        lines.append(f"freed {found['bytes_deleted']:,} bytes")
    return "\n".join(lines or ["nothing to collect"]) + "\n"
