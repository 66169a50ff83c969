"""Reports as text that fits a screen, the worst first."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ctcore.metrics import Margin
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ctcore.cycle import RunReport
    from ctcore.drift import ColumnDrift, DriftReport
    from ctcore.replay import Replay

_COLOUR = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.INSUFFICIENT: "magenta",
    Verdict.NOT_RUN: "magenta",
    Verdict.FAIL: "red",
}
_WORST_FIRST = (Verdict.FAIL, Verdict.NOT_RUN, Verdict.INSUFFICIENT, Verdict.WARN, Verdict.PASS)
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


def _verdict(verdict: Verdict) -> str:
    return f"[{_COLOUR[verdict]}]{verdict.value}[/]"


def _number(value: float | None, form: str = ".4g") -> str:
    return "-" if value is None else format(value, form)


def drift_text(report: DriftReport, *, colour: bool, most: int = 40) -> str:
    """Give a drift report: one line a column, the worst first, then the whole."""
    table = _table("column", "verdict", "effect [interval] / tolerance", "what changed")
    columns = sorted(report.columns, key=lambda column: (_WORST_FIRST.index(column.verdict), column.name))
    for column in columns[:most]:
        check = _deciding(column)
        kind = check.id.rpartition(".")[2]
        effect = "-"
        if check.value is not None:
            interval = f"[{_number(check.lower, '.2g')}, {_number(check.upper, '.2g')}]"
            effect = f"{_LABELS.get(kind, kind)} {check.value:.3g} {interval} / {_number(check.threshold, 'g')}"
        decided = kind in _DISTRIBUTION and check.verdict is not Verdict.INSUFFICIENT
        words = column.words if decided or kind == "present" else check.message.partition(": ")[2] or column.words
        table.add_row(escape(column.name), _verdict(column.verdict), escape(effect), escape(words))
    rows = f"reference {report.reference_rows:,} rows, current {report.current_rows:,} rows"
    parts: list[Any] = [f"[bold]drift[/]: {_verdict(report.verdict)} - {escape(report.checks[0].message)}", rows, table]
    if len(columns) > most:
        parts.append(f"and {len(columns) - most} more columns; --format json has them all")
    return _render(*parts, colour=colour)


def _deciding(column: ColumnDrift) -> Check:
    """Give the check that made the column's verdict; of several, the one on its distribution."""
    worst = [check for check in column.checks if check.verdict is column.verdict] or list(column.checks)
    return next((check for check in worst if check.id.rpartition(".")[2] in _DISTRIBUTION), worst[0])


_DISTRIBUTION = ("psi", "jensen_shannon")
_LABELS = {"psi": "PSI", "jensen_shannon": "JS", "missing": "missing", "unseen": "unseen"}


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
    shown.sort(key=lambda check: _WORST_FIRST.index(check.verdict))
    for check in shown:
        table.add_row(escape(check.id), _verdict(check.verdict), escape(check.message))
    passed = len(report.checks) - len(shown)
    footer = f"{passed} more checks passed. Run {report.run[:16]}, as of {report.as_of}"
    return _render(headline, table, footer, colour=colour)


def checks_text(checks: Iterable[Check], *, colour: bool) -> str:
    """Give checks, the worst first."""
    table = _table("check", "verdict", "what was found")
    for check in sorted(checks, key=lambda check: _WORST_FIRST.index(check.verdict)):
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
    """Give the weekly table of a replay, and what it adds up to."""
    name = replay.metric["metric"] + (f"@{replay.metric['k']}" if replay.metric.get("k") else "")
    table = _table("as of", "gain on the holdout", "gate", "frozen", "weekly", "gated", "baseline", "queries",
                   "production", right=("frozen", "weekly", "gated", "baseline", "queries", "production"))  # fmt: skip
    for week in replay.weeks:
        gain = _gain(replay.unit, week.gain, week.lower, week.upper)
        table.add_row(
            week.as_of[:10],
            escape(gain),
            "[green]promoted[/]" if week.outcome == "promoted" else f"stopped: {week.outcome}",
            *(_number(week.following.get(policy), ".4f") for policy in ("frozen", "weekly", "gated", "baseline")),
            f"{week.n_queries} (-{week.n_constant})",
            f"v{week.production}" if week.production else "-",
        )
    means = replay.means
    table.add_section()
    table.add_row(
        "mean", "", f"{replay.promotions} of {len(replay.weeks) - 1}",
        *(_number(means.get(policy), ".4f") for policy in ("frozen", "weekly", "gated", "baseline")), "", "",
    )  # fmt: skip
    lines = [f"[bold]{replay.model}[/]: {name} on the {replay.every_days} days after each run", table]
    if {"weekly", "gated"} <= means.keys():
        cost = (means["weekly"] - means["gated"]) * (1 if replay.higher_is_better else -1)
        lines.append(
            f"The gate ({replay.proofs[replay.proof]}) opened {replay.promotions} times in {len(replay.weeks) - 1} and "
            f"{'cost' if cost > 0 else 'gained'} {abs(cost):.4f} against promoting every time."
        )
    lines.append("queries: (-n) were left out, all their labels being equal.")
    lines += _proofs(replay)
    return _render(*lines, colour=colour, width=118)


def _proofs(replay: Replay) -> list[Any]:
    """Give each kind of proof side by side, and each promotion of the one that was asked for."""
    means, sign = replay.means, 1 if replay.higher_is_better else -1
    table = _table("proof", "what it asks", "opened", "mean", "against weekly", "against frozen",
                   right=("opened", "mean", "against weekly", "against frozen"))  # fmt: skip
    for path in replay.paths:
        if path.proof not in means:
            continue
        against = [
            f"{sign * (means[path.proof] - means[policy]):+.4f}" if policy in means else "-"
            for policy in ("weekly", "frozen")
        ]
        name = f"[bold]{path.proof}[/]" if path.proof == replay.proof else path.proof
        asks = replay.proofs[path.proof]
        table.add_row(name, asks, str(len(path.promotions)), _number(means[path.proof], ".4f"), *against)
    unit = replay.unit
    found: list[Any] = ["[bold]What each proof costs[/], each with a production model of its own:", table]
    for path in replay.paths:
        if path.proof != replay.proof or not path.promotions:
            continue
        promoted = _table("promoted", "over", "measured on the holdout", "proven", "the days that followed")
        for each in path.promotions:
            promoted.add_row(
                f"{each.as_of[:10]} v{each.candidate}",
                f"v{each.production}",
                unit.show(each.gain),
                "-" if each.proven is None else f"more than {unit.show(each.proven)}",
                escape(_gain(unit, each.confirmed, each.confirmed_lower, each.confirmed_upper)),
            )
        found += ["[bold]What was proven, and what the days that followed say[/]:", promoted]
    return found


def _gain(unit: Margin, gain: float | None, lower: float | None, upper: float | None) -> str:
    if gain is None:
        return "-"
    return unit.show(gain) + (
        f" [{unit.show(lower)}, {unit.show(upper)}]" if lower is not None and upper is not None else ""
    )
