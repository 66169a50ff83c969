"""The report of a comparison: one page that needs nothing else, and the checks as JUnit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from ctcore.report._junit import Case, junit
from ctcore.report._page import page
from ctcore.verdict import WORST_FIRST, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctcore.drift import Cell, ColumnDrift, DriftReport, Timeline
    from ctcore.verdict import Check

TITLES = {
    "psi": "PSI",
    "ks": "KS",
    "total_variation": "TV",
    "wasserstein": "W1/sd",
    "jensen_shannon": "JS",
    "hellinger": "Hellinger",
    "auc": "|AUC-.5|",
    "cramers_v": "V",
    "missing": "missing",
    "nan": "NaN",
    "infinite": "infinite",
    "unseen": "unseen",
    "out_of_range": "out of range",
}
_PLOT = (300, 90)
_STRIP = (300, 26)
_LINE = (620, 70)
_MOST_POINTS = 200


def worst_first(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """Give columns with the worst verdict first, and of those the ones that moved most."""
    return sorted(columns, key=lambda column: (WORST_FIRST.index(column.verdict), -_excess(column), column.name))


def deciding(column: ColumnDrift) -> Check:
    """Give the check that made the column's verdict; of several, the one on its distribution."""
    worst = [check for check in column.checks if check.verdict is column.verdict] or list(column.checks)
    decision = column.decision
    return decision if decision in worst and decision is not None else worst[0]


def _excess(column: ColumnDrift) -> float:
    check = deciding(column)
    return abs(check.value) / check.threshold if check.value is not None and check.threshold else 0.0


def drift_html(report: DriftReport) -> str:
    """Give the page of a comparison: every column with both distributions, its effect and its timeline."""
    columns = [
        {
            "column": column,
            "title": TITLES.get(column.primary or "", column.primary),
            "decision": column.decision,
            "plot": _distributions(column.distribution),
            "strip": _strip(column.decision),
            "line": _line(report.timeline, column.name),
            "no_line": report.timeline and report.timeline.not_run(column.name),
        }
        for column in worst_first(report.columns)
    ]
    counts = {verdict.value: sum(column.verdict is verdict for column in report.columns) for verdict in WORST_FIRST}
    return page("drift.html.jinja", report=report, columns=columns, counts=counts, timeline=report.timeline)


def drift_junit(report: DriftReport) -> str:
    """Give a comparison as JUnit XML: a suite of one case for the dataset and one for each column.

    What failed is a failure, what could not be decided is skipped, as CI systems know no third answer; the message of
    either is the whole sentence.
    """
    dataset = [check for check in report.checks if check.required]
    cases = [_case("dataset", report.verdict, dataset)]
    cases += [_case(column.name, column.verdict, column.checks) for column in worst_first(report.columns)]
    return junit("ctcore check-drift", cases)


def _case(name: str, verdict: Verdict, checks: Sequence[Check]) -> Case:
    said = "; ".join(check.message for check in checks if check.verdict is verdict)
    if verdict is Verdict.FAIL:
        return Case("drift", name, "failure", said)
    if verdict in (Verdict.INSUFFICIENT, Verdict.NOT_RUN):
        return Case("drift", name, "skipped", f"{verdict.value}: {said}")
    return Case("drift", name, message=f"warning: {said}" if verdict is Verdict.WARN else "")


# ------------------------------------------------------------------------------- charts: small, many of them


def _svg(size: tuple[int, int], body: str, title: str) -> Markup:
    width, height = size
    # Every text in it is a number or one of ours.
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}">{body}</svg>')  # noqa: S704


def _distributions(cells: Sequence[Cell]) -> Markup | None:
    """Draw both distributions: the reference as area, current data as line."""
    if not cells:
        return None
    width, height = _PLOT
    highest = max(max(cell.reference, cell.current) for cell in cells) or 1.0
    step = width / len(cells)

    def bars(shares: Sequence[float], left: float, wide: float) -> str:
        path = []
        for index, share in enumerate(shares):
            tall = round(share / highest * (height - 4), 1)
            path.append(f"M{index * step + left:.1f} {height}v{-tall:g}h{wide:.1f}v{tall:g}z")
        return "".join(path)

    bar = step * 0.42
    body = f'<path class="ref" d="{bars([cell.reference for cell in cells], step * 0.06, bar)}"/>'
    body += f'<path class="cur" d="{bars([cell.current for cell in cells], step * 0.52, bar)}"/>'
    return _svg(_PLOT, body, "both distributions")


def _strip(check: Check | None) -> Markup | None:
    """Draw the effect with its interval against the tolerance."""
    if check is None or check.value is None or check.threshold is None or check.lower is None:
        return None
    width, height = _STRIP
    finite = check.upper is not None and math.isfinite(check.upper)
    upper = check.upper if finite and check.upper is not None else max(check.value, check.threshold) * 2
    most = max(upper, check.value, 2 * check.threshold) * 1.05

    def x(value: float) -> float:
        return round(value / most * (width - 8) + 4, 1)

    middle = height / 2
    body = (
        f'<path class="grid" d="M4 {middle}H{width - 4}"/>'
        f'<path class="tol" d="M{x(check.threshold)} 2V{height - 2}"/>'
        f'<path class="{check.verdict.value}" d="M{x(check.lower)} {middle}H{x(upper)}"/>'
        f'<circle class="{check.verdict.value}" cx="{x(check.value)}" cy="{middle}" r="4"/>'
    )
    return _svg(_STRIP, body, "effect and interval")


def _line(timeline: Timeline | None, name: str) -> Markup | None:
    """Draw a column's effect over time, from the reference and since the span before."""
    if timeline is None:
        return None
    spans = [span for span in timeline.spans if name in span.from_reference]
    every = math.ceil(len(spans) / _MOST_POINTS) or 1
    groups = [spans[index : index + every] for index in range(0, len(spans), every)]
    moved = [_largest([span.from_reference[name] for span in group]) for group in groups]
    since = [_largest([span.since_last[name] for span in group if name in span.since_last]) for group in groups]
    tolerances = [check.threshold for span in spans if (check := span.from_reference[name]).threshold is not None]
    if not tolerances:
        return None
    width, height = _LINE
    most = max([value for value in (*moved, *since) if value is not None] + [2 * tolerances[0]])

    def path(values: Sequence[float | None]) -> str:
        points = [
            f"{index / max(len(values) - 1, 1) * (width - 8) + 4:.0f} {(1 - value / most) * (height - 8) + 4:.0f}"
            for index, value in enumerate(values)
            if value is not None
        ]
        return "M" + "L".join(points) if points else ""

    tolerance = (1 - tolerances[0] / most) * (height - 8) + 4
    body = (
        f'<path class="tol" d="M4 {tolerance:.0f}H{width - 4}"/><path class="since" d="{path(since)}"/>'
        f'<path class="moved" d="{path(moved)}"/>'
    )
    return _svg(_LINE, body, "timeline")


def _largest(checks: Sequence[Check]) -> float | None:
    return max((check.value for check in checks if check.value is not None), default=None)
