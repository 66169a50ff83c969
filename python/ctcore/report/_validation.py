"""A validation for a screen, a browser, a build server and a pull request: the worst first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ctcore.report._chart import histogram, sparkline
from ctcore.report._junit import Case, junit, printable
from ctcore.report._page import page
from ctcore.report._text import _render, _table, _verdict
from ctcore.verdict import WORST_FIRST, Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from ctcore.drift import Profile
    from ctcore.validate import Batch, ValidationReport
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


def validation_html(report: ValidationReport, *, profile: Profile | None = None, history: Sequence[Batch] = ()) -> str:
    """Give a page that needs nothing else: what is wrong with its rows, what is in its columns, and what was asked.

    ``profile`` is of the same rows: its columns are drawn, numbers as histograms, text by its most frequent values.
    ``history`` holds the batches before: the metrics that both have are drawn over time.
    """
    bad = [check for check in _sorted(report) if check.verdict is not Verdict.PASS]
    good = [check for check in report.checks if check.verdict is Verdict.PASS]
    past = sorted(history, key=lambda batch: batch.time)
    names = list(profile.columns) if profile else []
    names += [name for name in _measured(report) if past and name not in names]
    columns = [
        {
            "name": name,
            **(_distribution(name, profile.columns[name]) if profile and name in profile.columns else {}),
            "histories": [
                (f"{metric} {report.metrics[f'{name}.{metric}']:.4g}", line)
                for metric in ("completeness", "mean")
                if (line := _history(f"{name}.{metric}", report, past)) is not None
            ],
        }
        for name in names[:_MOST_COLUMNS]
    ]
    return page(
        "validation.html.jinja",
        report=report,
        summary=_summary(report),
        bad=bad,
        good=good,
        broken=report.broken,
        columns=columns,
        more_columns=max(0, len(names) - _MOST_COLUMNS),
        rows_history=_history("rowCount", report, past),
    )


_MOST_COLUMNS = 200
_BARS = 30
_NUMBERS = ("Int", "UInt", "Float", "Decimal")


def _measured(report: ValidationReport) -> list[str]:
    """The columns that have metrics of their own."""
    return list(dict.fromkeys(key.rpartition(".")[0] for key in report.metrics if "." in key))


def _history(metric: str, report: ValidationReport, past: Sequence[Batch]) -> Markup | None:
    """Draw a metric over the batches that have it, and these rows as the newest."""
    points = [(f"{each.time:%Y-%m-%d %H:%M}", each.metrics[metric]) for each in past if metric in each.metrics]
    if not points or metric not in report.metrics:
        return None
    points.append(("these rows", report.metrics[metric]))
    hints = [f"{label}: {value:,.6g}" for label, value in points]
    return sparkline([value for _, value in points], hints, f"{metric}, {len(points)} batches")


def _distribution(name: str, column: Mapping[str, Any]) -> dict[str, Any]:
    """Give a column's drawing, and what it shows in words."""
    held = column["rows"] - column["nulls"]
    if column["kind"] == "category" and held:
        label, count = max(column["counts"].items(), key=lambda each: each[1], default=("", 0))
        words = f"{column['distinct']:,} values, {printable(str(label))!r} {count / held:.0%}"
        return {"distribution": _categories(name, column), "words": words}
    if not column["type"].startswith(_NUMBERS) or not column["finite"]:
        return {}
    words = f"{column['minimum']:.4g} to {column['maximum']:.4g}, mean {column['mean']:.4g}"
    return {"distribution": _numbers(name, column), "words": words}


def _numbers(name: str, column: Mapping[str, Any]) -> Markup:
    """Draw cells of equal width from the first to the 99th percentile; what lies beyond is in the outermost.

    The profile's cells are far narrower than a bar and end where values stand, so each counts where it ends.
    """
    edges, counts = column["quantiles"]["edges"], column["quantiles"]["counts"]
    ends = [*edges, column["maximum"]]
    total = sum(counts)
    reached, low, high = 0, ends[0], ends[-1]
    for end, count in zip(ends, counts, strict=True):
        low = end if reached < 0.01 * total else low
        high = end if reached < 0.99 * total else high
        reached += count
    width = (high - low) / _BARS
    heights = [0] * _BARS
    for end, count in zip(ends, counts, strict=True):
        place = int((end - low) / width) if width else 0
        heights[min(max(place, 0), _BARS - 1)] += count
    hints = [
        f"{low + place * width:.4g} to {low + (place + 1) * width:.4g}: {height / total:.2%}"
        for place, height in enumerate(heights)
    ]
    return histogram(heights, hints, f"{name}, {column['minimum']:.4g} to {column['maximum']:.4g}")


def _categories(name: str, column: Mapping[str, Any]) -> Markup:
    held = column["rows"] - column["nulls"]
    first = sorted(column["counts"].items(), key=lambda each: (-each[1], each[0]))[: _BARS // 3]
    others = held - sum(count for _, count in first)
    shown = [*first, *([("others", others)] if others else [])]
    hints = [f"{printable(str(label))}: {count / held:.2%}" for label, count in shown]
    return histogram([count for _, count in shown], hints, f"{name}, {column['distinct']:,} values")
