"""Profiles as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ctcore.report._text import _render, _table

if TYPE_CHECKING:
    from ctcore.drift import Profile

_SHOWN = (0.01, 0.5, 0.99)
_CATEGORIES = 3


def profile_text(profile: Profile, *, colour: bool, most: int = 40) -> str:
    """Give a profile: one line a column."""
    table = _table("column", "missing", "different", "values", right=("missing", "different"))
    for name in list(profile.columns)[:most]:
        column = profile.columns[name]
        missing = sum(column[key] for key in ("nulls", "nans", "positive_infinities", "negative_infinities"))
        share = f"{missing / column['rows']:.2%}" if missing else "-"
        values = _numbers(profile, name) if column["kind"] == "number" else _categories(column)
        about = "" if "hashes" in column else "~"
        table.add_row(escape(name), share, f"{about}{column['distinct']:,}", escape(values))
    errors = [column["quantiles"]["rank_error"] for column in profile.columns.values() if column["kind"] == "number"]
    parts: list[Any] = [f"[bold]profile[/]: {profile.num_rows:,} rows, {len(profile.columns)} columns", table]
    if len(profile.columns) > most:
        parts.append(f"and {len(profile.columns) - most} more columns; --format json has them all")
    if errors:
        parts.append(f"quantiles are known to {max(errors):.2%} of a column's values or better")
    parts += [f"{escape(name)}: no profile: {escape(reason)}" for name, reason in profile.skipped.items()]
    return _render(*parts, colour=colour)


def _numbers(profile: Profile, name: str) -> str:
    column = profile.columns[name]
    if not column["finite"]:
        return "no finite value"
    between = [profile.quantile(name, share) for share in _SHOWN]
    marks = [f"{share:.0%} {bounds.high:.4g}" for share, bounds in zip(_SHOWN, between, strict=True) if bounds]
    return f"{column['minimum']:.4g} to {column['maximum']:.4g}, mean {column['mean']:.4g}; {', '.join(marks)}"


def _categories(column: dict[str, Any]) -> str:
    held = column["rows"] - column["nulls"]
    first = sorted(column["counts"].items(), key=lambda each: (-each[1], each[0]))[:_CATEGORIES]
    shown = [f"{label!r} {rows / held:.1%}" for label, rows in first if rows]
    rest = held - sum(rows for _, rows in first)
    return ", ".join([*shown, *([f"others {rest / held:.1%}"] if rest else [])]) or "no value"
