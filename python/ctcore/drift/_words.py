"""What changed in a column, as a person would say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORTH_SAYING = 0.02  # the growth of a cell's share that is put in words
_ALONE = 1e-12
_TINY = 1e-300

Cells = tuple[list[int], list[int], list[Any]]
"""Counts of the reference, of current data, and the cells' names."""


def in_words(before: dict[str, Any], after: dict[str, Any], cells: Cells, *, time: bool = False) -> str:
    """Say what changed between two profiles of a column; ``time`` if its numbers are seconds of the epoch."""
    if before["kind"] == "category":
        return _categories(cells)
    show = moment if time else short
    words = f"mean {show(before['mean'])} -> {show(after['mean'])}"
    n, m = sum(cells[0]), sum(cells[1])
    p, q, cell = max(zip(*cells, strict=True), key=lambda each: each[1] / m - each[0] / n)
    if q / m - p / n >= _WORTH_SAYING:
        words += f", {cell_name(cell, show=show)} {percent(p / n)} -> {percent(q / m)}"
    if after["minimum"] < before["minimum"]:
        words += f", minimum {show(after['minimum'])} (reference {show(before['minimum'])})"
    if after["maximum"] > before["maximum"]:
        words += f", maximum {show(after['maximum'])} (reference {show(before['maximum'])})"
    return words


def _categories(cells: Cells) -> str:
    n, m = sum(cells[0]), sum(cells[1])
    shares = [(cell_name(name), p / n, q / m) for p, q, name in zip(*cells, strict=True)]
    # Of two that moved alike, the rarer one moved more.
    moved = sorted(shares, key=lambda share: (-round(abs(share[2] - share[1]), 9), share[1] + share[2]))[:2]
    return ", ".join(f"{name} {percent(p)} -> {percent(q)}" for name, p, q in moved)


def short(value: float) -> str:
    """Write a number with four digits.

    >>> short(429490.123), short(0.1)
    ('429,500', '0.1')
    """
    return f"{float(f'{value:.4g}'):,g}" if 1e3 <= abs(value) < 1e6 else f"{value:.4g}"


def moment(seconds: float) -> str:
    """Write seconds of the epoch as a date, with the hour and minute where it is not midnight.

    >>> moment(86400.0), moment(3600.0)
    ('1970-01-02', '1970-01-01 01:00')
    """
    try:
        at = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return short(seconds)
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"


def cell_name(cell: Any, *, show: Callable[[float], str] = short) -> str:
    """Name a cell: a category in quotes, a range of numbers by its ends.

    >>> cell_name((None, -5e-324)), cell_name((None, 0.9999999999999999))  # just below a value with a cell of its own
    ('below 0', 'below 1')
    >>> cell_name("cash"), cell_name((None, 2.0)), cell_name((2.0, 7.5)), cell_name((7.5, None)), cell_name(None)
    ("'cash'", 'up to 2', '2 to 7.5', 'above 7.5', 'other categories')
    """
    if cell is None:
        return "other categories"
    if not isinstance(cell, tuple):
        return repr(cell)
    low, high = cell
    if low is None and high is None:
        return "all values"
    if low is None:
        border = float(f"{high:.12g}") if abs(high) > _TINY else 0.0
        return f"below {show(border)}" if high < border else f"up to {show(high)}"
    if high is None:
        return f"above {show(low)}"
    # A value that fills a cell alone has edges on both sides, the first just below it.
    return show(high) if abs(high - low) <= _ALONE * max(abs(high), _ALONE) else f"{show(low)} to {show(high)}"


def percent(share: float) -> str:
    """Write a share as a person would: with more digits near 0 and 1.

    >>> percent(0.314), percent(0.0042), percent(0.0), percent(0.9996)
    ('31%', '0.4%', '0%', '99.96%')
    """
    if share in (0.0, 1.0) or 0.0095 <= share <= 0.99:
        return f"{share:.0%}"
    return f"{share:.1%}" if share < 0.5 else f"{share:.2%}"
