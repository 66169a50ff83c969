"""Reports as text that fits a screen, the worst first."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ctcore.metrics import Margin
from ctcore.report._drift import TITLES, deciding, worst_first
from ctcore.verdict import WORST_FIRST, Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ctcore.cycle import RunReport
    from ctcore.drift import ColumnDrift, DriftReport, Timeline
    from ctcore.replay import Replay

_COLOUR = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.INSUFFICIENT: "magenta",
    Verdict.NOT_RUN: "magenta",
    Verdict.FAIL: "red",
}
_WIDTH = 110


def _render(*parts: Any, colour: bool, width: int | None = None) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=colour, no_color=not colour, width=width or _WIDTH, highlight=False)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _table(*columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    return table


def _narrow(*columns: str, right: Iterable[str] = ()) -> Table:
    """Give a table of many short columns."""
    table = _table(*columns, right=right)
    table.padding = (0, 1, 0, 0)
    table.show_edge = False
    return table


def _verdict(verdict: Verdict) -> str:
    return f"[{_COLOUR[verdict]}]{verdict.value}[/]"


def _number(value: float | None, form: str = ".4g") -> str:
    return "-" if value is None else format(value, form)


def drift_text(report: DriftReport, *, colour: bool, most: int = 20) -> str:
    """Give a comparison: one line a column, the worst first, what changed over time, then the rest as a number."""
    table = _table("column", "verdict", r"effect \[interval] / tolerance", "what changed")
    columns = worst_first(report.columns)
    for column in columns[:most]:
        check = deciding(column)
        kind = check.id.rpartition(".")[2]
        effect = "-"
        if check.value is not None and check.threshold is not None:
            interval = f"[{_number(check.lower, '.2g')}, {_number(check.upper, '.2g')}]"
            effect = f"{TITLES.get(kind, kind)} {check.value:.3g} {interval} / {check.threshold:.2g}"
        table.add_row(escape(column.name), _verdict(column.verdict), escape(effect), escape(_what(column, check)))
    head = f"[bold]drift[/]: {_verdict(report.verdict)} - {escape(report.checks[0].message)}"
    parts: list[Any] = [head, escape(_sizes(report)), table]
    if len(columns) > most:
        rest = columns[most:]
        counts = [
            f"{sum(c.verdict is v for c in rest)} {v.value}" for v in WORST_FIRST if any(c.verdict is v for c in rest)
        ]
        parts.append(f"and {len(rest)} more columns ({', '.join(counts)}); --format json and html have them all")
    if report.timeline:
        parts += _over_time(report.timeline, [column.name for column in columns])
    return _render(*parts, colour=colour)


def _what(column: ColumnDrift, check: Check) -> str:
    """Say what changed; of what could not be decided, what would decide it."""
    if column.verdict is Verdict.PASS or (check is column.decision and check.verdict in (Verdict.FAIL, Verdict.WARN)):
        return column.words
    message = check.message.removeprefix(f"{column.name}: ")
    return message.rpartition("; ")[2] if check.verdict is Verdict.INSUFFICIENT else message


def _sizes(report: DriftReport) -> str:
    sides = []
    for side, rows, days in (
        ("reference", report.reference_rows, report.reference_days),
        ("current", report.current_rows, report.current_days),
    ):
        sides.append(f"{side} {rows:,} rows" + (f" on {days:,} days" if days else ""))
    return "; ".join([", ".join(sides), *(check.message for check in report.checks[1:])])


_LEVELS = " ▁▂▃▄▅▆▇█"
_MOST_LINES = 8
_MOST_MARKS = 60


def _over_time(timeline: Timeline, names: list[str]) -> list[Any]:
    """Give each column's effect over time as a line of blocks: a full one is three times the tolerance and more."""
    table = _table("over time", f"{timeline.spans[0].start:%Y-%m-%d} to {timeline.spans[-1].start:%Y-%m-%d}", "moved")
    for name in names[:_MOST_LINES]:
        checks = [(span.start, span.from_reference[name]) for span in timeline.spans if name in span.from_reference]
        if reason := timeline.not_run(name):
            table.add_row(escape(name), "", escape(reason.removeprefix(f"{name} ")))
            continue
        ratios = [abs(c.value) / c.threshold if c.value is not None and c.threshold else 0.0 for _, c in checks]
        every = -(-len(ratios) // _MOST_MARKS) or 1
        marks = "".join(
            _LEVELS[min(round(max(ratios[index : index + every]) * 8 / 3), 8)] for index in range(0, len(ratios), every)
        )
        failed = [start for start, check in checks if check.verdict is Verdict.FAIL]
        words = f"{len(failed)} of {len(checks)}, first {failed[0]:%Y-%m-%d}" if failed else f"none of {len(checks)}"
        table.add_row(escape(name), marks, words)
    learned = [f"{name} {bound:.2g}" for name, bound in timeline.learned.items()]
    note = f"tolerances learned from the reference's own spans: {', '.join(learned)}" if learned else ""
    return [table, escape(note)] if note else [table]


def run_text(report: RunReport, *, colour: bool) -> str:
    """Give a run in one screen: what became of it, and every check that is not simply good."""
    candidate = "no candidate" if report.candidate is None else f"candidate is version {report.candidate}"
    production = "nothing serves" if report.production is None else f"version {report.production} serves"
    if report.outcome == "promoted":
        headline = f"[green]promoted[/]: {production}"
    else:
        headline = f"[red]stopped at {report.outcome}[/]: {candidate}, {production} as before"
    if report.again:
        headline += " (this run was done before; nothing was done again)"
    table = _table("check", "verdict", "what was found")
    shown = [check for check in report.checks if check.verdict is not Verdict.PASS or check.id.startswith("gate.")]
    shown.sort(key=lambda check: WORST_FIRST.index(check.verdict))
    for check in shown:
        table.add_row(escape(check.id), _verdict(check.verdict), escape(check.message))
    passed = len(report.checks) - len(shown)
    footer = f"{passed} more checks passed. Run {report.run[:16]}, as of {report.as_of}"
    return _render(headline, table, footer, colour=colour)


def checks_text(checks: Iterable[Check], *, colour: bool) -> str:
    """Give checks, the worst first."""
    table = _table("check", "verdict", "what was found")
    for check in sorted(checks, key=lambda check: WORST_FIRST.index(check.verdict)):
        table.add_row(escape(check.id), _verdict(check.verdict), escape(check.message))
    return _render(table, colour=colour)


def models_text(models: list[dict[str, Any]], *, root: Path | str, colour: bool) -> str:
    """Give the versions of every model, the newest first."""
    if not models:
        return f"the registry {root} holds no model yet; `ctcore run` makes the first\n"
    table = _table("model", "version", "serves", "metric", "gain over production", "cause", "window", "outcome",
                   right=("version", "metric"))  # fmt: skip
    for row in models:
        table.add_row(
            row["model"],
            str(row["version"]),
            "[green]production[/]" if row["production"] else "",
            _number(row["metric"], ".4f"),
            escape(_gain(Margin(0.0, relative=row["relative"]), row["gain"], row["lower"], row["upper"])),
            row["cause"] or "-",
            " to ".join(row["window"] or ["-"]),
            row["outcome"] or "-",
        )
    return _render(table, colour=colour)


def replay_text(replay: Replay, *, colour: bool) -> str:
    """Give the weekly table of a replay, and what it adds up to, in 100 columns."""
    name = replay.metric["metric"] + (f"@{replay.metric['k']}" if replay.metric.get("k") else "")
    policies = [
        policy for policy in replay.policies if any(week.following[policy] is not None for week in replay.weeks)
    ]
    numbers = (*policies, "queries", "serves")
    table = _narrow("as of", "gain on the holdout", "outcome", *numbers, right=numbers)
    for week in replay.weeks:
        table.add_row(
            week.as_of[:10],
            escape(_gain(replay.unit, week.gain, week.lower, week.upper)),
            "[green]promoted[/]" if week.outcome == "promoted" else week.outcome,
            *(_number(week.following[policy], ".4f") for policy in policies),
            f"{week.n_queries} (-{week.n_constant})",
            f"v{week.production}" if week.production else "-",
        )
    means, runs = replay.means, len(replay.weeks) - 1
    table.add_section()
    table.add_row(
        "mean",
        "",
        f"{replay.promotions} of {runs}",
        *(_number(means.get(policy), ".4f") for policy in policies),
        "",
        "",
    )
    lines = [f"[bold]{replay.model}[/]: {name} on the {replay.every_days} days after each run", table]
    if {"weekly", "gated"} <= means.keys():
        cost = (means["weekly"] - means["gated"]) * (1 if replay.higher_is_better else -1)
        lines.append(
            f"The gate ({replay.proofs[replay.proof]}) opened {replay.promotions} of {runs} times and "
            f"{'cost' if cost > 0 else 'gained'} {abs(cost):.4f} against weekly."
        )
    lines += [
        "outcome: promoted, or the step at which the run stopped.",
        "queries: (-n) were left out, all their labels being equal.",
        *_proofs(replay),
    ]
    return _render(*lines, colour=colour, width=100)


def _proofs(replay: Replay) -> list[Any]:
    """Give each kind of proof side by side, and what each of its promotions had proven and then gave."""
    means, sign = replay.means, 1 if replay.higher_is_better else -1
    numbers = ("opened", "mean", "vs weekly", "vs frozen")
    table = _narrow("proof", "what it asks", *numbers, right=numbers)
    for path in replay.paths:
        against = [
            f"{sign * (means[path.proof] - means[policy]):+.4f}" if {path.proof, policy} <= means.keys() else "-"
            for policy in ("weekly", "frozen")
        ]
        opened = str(len(path.promotions))
        table.add_row(
            _named(replay, path.proof),
            replay.proofs[path.proof],
            opened,
            _number(means.get(path.proof), ".4f"),
            *against,
        )
    unit = replay.unit
    followed = f"the {replay.every_days} days that followed"
    promoted = _narrow("proof", "promoted", "over", "measured", "proven", followed, right=("measured", "proven"))
    for path in replay.paths:
        for each in path.promotions:
            promoted.add_row(
                _named(replay, path.proof),
                f"{each.as_of[:10]} v{each.candidate}",
                f"v{each.production}",
                unit.show(each.gain),
                "-" if each.proven is None else f"> {unit.show(each.proven)}",
                escape(_gain(unit, each.confirmed, each.confirmed_lower, each.confirmed_upper)),
            )
        promoted.add_section()
    found: list[Any] = ["", "[bold]What each proof costs[/], each with a production model of its own:", table]
    if any(path.promotions for path in replay.paths):
        found += ["", "[bold]The gain that each promotion measured and had proven, and what followed[/]:", promoted]
    return found


def _named(replay: Replay, proof: str) -> str:
    """Give the name of a proof, the one that was asked for in bold."""
    return f"[bold]{proof}[/]" if proof == replay.proof else proof


def _gain(unit: Margin, gain: float | None, lower: float | None, upper: float | None) -> str:
    if gain is None:
        return "-"
    return unit.show(gain) + (
        f" [{unit.show(lower)}, {unit.show(upper)}]" if lower is not None and upper is not None else ""
    )
