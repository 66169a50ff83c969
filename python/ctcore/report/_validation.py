"""A validation for a screen, a browser, a build server and a pull request: the worst first."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from importlib import resources
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ctcore.report._drift import WORST_FIRST
from ctcore.report._text import _render, _table, _verdict
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from ctcore.validate import ValidationReport
    from ctcore.verdict import Report

_MOST = 30
"""Lines that fit a screen."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters in the data's values that XML does not admit, and that move a terminal's cursor."""


def _sorted(report: Report) -> list[Check]:
    return sorted(report.checks, key=lambda check: (WORST_FIRST.index(check.verdict), not check.required))


def _summary(report: ValidationReport) -> str:
    counts = {verdict: sum(check.verdict is verdict for check in report.checks) for verdict in WORST_FIRST}
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    judged = len(report.checks) - counts[Verdict.NOT_RUN]
    return f"{report.rows:,} rows by {report.contract}; {judged} of {len(report.checks)} rules judged, exactly: {told}"


def validation_text(report: ValidationReport, *, colour: bool) -> str:
    """Give one screen: the whole, then what is not good."""
    table = _table("verdict", "rule", "what was found")
    bad = [check for check in _sorted(report) if check.verdict is not Verdict.PASS]
    for check in bad[:_MOST]:
        table.add_row(_verdict(check.verdict), escape(_printable(check.id)), escape(_printable(check.message)))
    parts: list[Any] = [f"[bold]data[/]: {_verdict(report.verdict)} - {escape(_summary(report))}"]
    parts += [table] if bad else []
    if len(bad) > _MOST:
        parts.append(f"and {len(bad) - _MOST} more; --format json has them all")
    return _render(*parts, colour=colour)


def validation_markdown(report: ValidationReport) -> str:
    """Give a table for a pull request."""
    lines = [f"**data: {report.verdict.value}** - {_markdown(_summary(report))}", ""]
    bad = [check for check in _sorted(report) if check.verdict is not Verdict.PASS]
    if bad:
        lines += ["| verdict | rule | what was found |", "|---|---|---|"]
        lines += [f"| {each.verdict.value} | {_markdown(each.id)} | {_markdown(each.message)} |" for each in bad]
    return "\n".join(lines) + "\n"


def _markdown(text: str) -> str:
    """Escape what Markdown or HTML would read as more than text."""
    return re.sub(r"([\\`*_{}\[\]<>|~#&])", r"\\\1", " ".join(_printable(text).split()))


def validation_junit(report: ValidationReport) -> str:
    """Give JUnit's XML: a rule is a test case; one that could not be judged is an error."""
    bad = {Verdict.FAIL: "failures", Verdict.NOT_RUN: "errors", Verdict.INSUFFICIENT: "errors"}
    counts = {"failures": 0, "errors": 0, "skipped": 0}
    cases = []
    for check in report.checks:
        case = ET.Element("testcase", name=_printable(check.id), classname=_printable(report.contract))
        kind = bad.get(check.verdict) if check.required else None
        if check.verdict is Verdict.NOT_RUN and not check.required:
            kind = "skipped"
        if kind is not None:
            counts[kind] += 1
            tag = {"failures": "failure", "errors": "error", "skipped": "skipped"}[kind]
            ET.SubElement(case, tag, message=_printable(check.message))
        elif check.verdict is not Verdict.PASS:
            ET.SubElement(case, "system-out").text = _printable(f"{check.verdict.value}: {check.message}")
        cases.append(case)
    suite = ET.Element("testsuite", name=_printable(report.contract), tests=str(len(cases)))
    for name, count in counts.items():
        suite.set(name, str(count))
    suite.extend(cases)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def validation_html(report: ValidationReport) -> str:
    """Give a page that needs nothing else: what is wrong with its rows, then everything that was asked."""
    import jinja2  # noqa: PLC0415 - needed here alone

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = resources.files("ctcore.report").joinpath("validation.html.jinja").read_text(encoding="utf-8")
    bad = [check for check in _sorted(report) if check.verdict is not Verdict.PASS]
    good = [check for check in report.checks if check.verdict is Verdict.PASS]
    page = environment.from_string(text)
    return page.render(report=report, summary=_summary(report), bad=bad, good=good, broken=report.broken)
