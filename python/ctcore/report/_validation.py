"""A validation for a screen, a browser, a build server and a pull request: the worst first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ctcore.report._junit import Case, junit, printable
from ctcore.report._page import page
from ctcore.report._text import _render, _table, _verdict
from ctcore.verdict import WORST_FIRST, Check, Verdict

if TYPE_CHECKING:
    from ctcore.validate import ValidationReport
    from ctcore.verdict import Report

_MOST = 30
"""Lines that fit a screen."""
_ENDS = {Verdict.FAIL: "failure", Verdict.NOT_RUN: "error", Verdict.INSUFFICIENT: "error"}


def _sorted(report: Report) -> list[Check]:
    return sorted(report.checks, key=lambda check: (WORST_FIRST.index(check.verdict), not check.required))


def _summary(report: ValidationReport) -> str:
    counts = {verdict: sum(check.verdict is verdict for check in report.checks) for verdict in WORST_FIRST}
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    judged = len(report.checks) - counts[Verdict.NOT_RUN]
    summary = (
        f"{report.rows:,} rows by {report.contract}; {judged} of {len(report.checks)} rules judged, exactly: {told}"
    )
    if report.answered_by_statistics:
        summary += f"; statistics answered {report.answered_by_statistics:,} of {report.column_chunks:,} column chunks"
    return summary


def validation_text(report: ValidationReport, *, colour: bool) -> str:
    """Give one screen: the whole, then what is not good."""
    table = _table("verdict", "rule", "what was found")
    bad = [check for check in _sorted(report) if check.verdict is not Verdict.PASS]
    for check in bad[:_MOST]:
        table.add_row(_verdict(check.verdict), escape(printable(check.id)), escape(printable(check.message)))
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
    return re.sub(r"([\\`*_{}\[\]<>|~#&])", r"\\\1", " ".join(printable(text).split()))


def validation_junit(report: ValidationReport) -> str:
    """Give JUnit's XML: a rule is a test case; one that could not be judged is an error."""
    return junit(report.contract, [_case(report.contract, check) for check in report.checks])


def _case(contract: str, check: Check) -> Case:
    if check.verdict is Verdict.PASS:
        return Case(contract, check.id)
    end = _ENDS.get(check.verdict) if check.required else None
    if check.verdict is Verdict.NOT_RUN and not check.required:
        end = "skipped"
    return Case(contract, check.id, end, check.message if end else f"{check.verdict.value}: {check.message}")


def validation_html(report: ValidationReport) -> str:
    """Give a page that needs nothing else: what is wrong with its rows, then everything that was asked."""
    bad = [check for check in _sorted(report) if check.verdict is not Verdict.PASS]
    good = [check for check in report.checks if check.verdict is Verdict.PASS]
    return page(
        "validation.html.jinja", report=report, summary=_summary(report), bad=bad, good=good, broken=report.broken
    )
