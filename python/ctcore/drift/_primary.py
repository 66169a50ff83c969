"""One column's primary statistic against its tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from ctcore import _core
from ctcore.drift._profile import Bounds
from ctcore.drift._tolerances import TITLES
from ctcore.verdict import Check, Verdict

_EXPECTED = 5  # rows of the smaller side in a cell that is looked at alone, where both sides say what is expected
_FROZEN = 10  # the same where the reference alone does
_HIDDEN = 0.2  # the share of rows in pooled cells above which nothing passes
_CONSTANT = 200  # rows that show, 19 times in 20, another category that moves Jensen-Shannon by its tolerance


@dataclass(frozen=True, slots=True)
class Against:
    """A statistic held against a tolerance."""

    statistic: float
    lower: float
    upper: float
    """The two-sided 90% interval of the populations' value."""
    p_above: float
    """The p-value of the hypothesis that the populations' value is at most the tolerance."""
    units_to_pass: float
    """Rows (or days) a side with which nine of ten columns pass where nothing moved."""
    smallest_found: float
    """The smallest value that this many find above the tolerance nine times in ten."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """Cells that are looked at together."""

    groups: tuple[tuple[int, ...], ...]
    share: float
    """The share of the rows whose cells are too rare to be looked at one by one."""
    rows_to_see: float
    """Rows a side with which enough of the cells are not."""

    def of(self, counts: Any) -> list[int]:
        """Give the counts of the groups."""
        return [sum(counts[cell] for cell in group) for group in self.groups]


def pooling(reference: list[int], current: list[int], *, frozen: bool) -> Pooling:
    """Pool the cells in which the smaller side expects fewer than five rows (ten on frozen cells).

    What is expected comes from both sides, or from the reference alone where its cells are frozen on itself: choosing
    cells by counts that then speak would be evidence made by the choice. They become one cell, or join the smallest
    other where they are too rare even together. Where all frozen cells are rare they are left as they are.
    """
    n, m = sum(reference), sum(current)
    fewest = _FROZEN if frozen else _EXPECTED

    def expected(first: int, second: int) -> float:
        return min(n, m) * (first / n if frozen else (first + second) / (n + m))

    filled = [cell for cell in range(len(reference)) if reference[cell] or current[cell]]
    rare = [cell for cell in filled if expected(reference[cell], current[cell]) < fewest]
    kept = sorted(set(filled) - set(rare), key=lambda cell: (-reference[cell] - current[cell], cell))
    if frozen and not kept:
        kept, rare = filled, []
    groups = [[cell] for cell in kept]
    together = sum(reference[cell] for cell in rare), sum(current[cell] for cell in rare)
    if rare and (expected(*together) >= fewest or len(groups) < 2):
        groups.append(rare)
    elif rare:
        groups[-1] += rare
    share = sum(reference[cell] + current[cell] for cell in rare) / (n + m)
    rows = n if frozen else n + m
    shares = sorted((reference[cell] + (0 if frozen else current[cell])) / rows for cell in filled)
    seen = next((each for each, below in zip(shares, accumulate(shares), strict=True) if below > _HIDDEN), 1.0)
    return Pooling(tuple(tuple(group) for group in groups), share, fewest / seen if seen else math.inf)


def cells_against(
    statistic: str, reference: list[int], current: list[int], tolerance: float, *, frozen: bool
) -> tuple[Against, str | None]:
    """Hold a statistic of counted cells against a tolerance; say why the cells could not show that nothing moved."""
    pooled = pooling(reference, current, frozen=frozen)
    sides = pooled.of(reference), pooled.of(current)
    return Against(*_core.cells_against(statistic, *sides, tolerance)), hidden(pooled, sum(sides[0]), sum(sides[1]))


def cells_between(
    statistic: str,
    reference: list[int],
    current: list[int],
    bounds: tuple[list[int], list[int]],
    tolerance: float,
    *,
    frozen: bool,
) -> tuple[Against, str | None, Bounds]:
    """Do the same where each of the reference's counts is known between bounds; give those of the statistic too."""
    pooled = pooling(reference, current, frozen=frozen)
    held = {cell for group in pooled.groups for cell in group}
    empty = tuple(cell for cell in range(len(reference)) if cell not in held)  # as far as is known
    pooled = replace(pooled, groups=(*pooled.groups[:-1], pooled.groups[-1] + empty))
    sides = pooled.of(reference), pooled.of(current)
    least, most = (pooled.of(side) for side in bounds)
    n = sum(reference)
    # What the others leave.
    rooms = n - sum(most), n - sum(least)
    least, most = (
        [max(low, rooms[0] + high) for low, high in zip(least, most, strict=True)],
        [min(high, rooms[1] + low) for low, high in zip(least, most, strict=True)],
    )
    found, between = _core.cells_between(statistic, sides[0], least, most, sides[1], tolerance)
    return Against(*found), hidden(pooled, n, sum(sides[1])), Bounds(*between)


def ranks_against(statistic: str, reference: Any, current: Any, tolerance: float) -> Against:
    """Hold a statistic of the values themselves against a tolerance."""
    return Against(*_core.ranks_against(statistic, reference, current, tolerance))


def profiles_against(
    statistic: str, reference: dict[str, Any], current: dict[str, Any], tolerance: float
) -> tuple[Against, Bounds]:
    """Hold a statistic of values against a tolerance, as far as two profiles tell, and give the bounds of it.

    The interval is that of :func:`ranks_against`, wider by what the cells leave open.
    """
    found, bounds = _core.profiles_against(statistic, reference, current, tolerance)
    return Against(*found), Bounds(*bounds)


def hidden(pooled: Pooling, n: int, m: int) -> str | None:
    """Say why pooled counts cannot show that nothing moved, if so."""
    if pooled.share > _HIDDEN:
        words = f"{pooled.share:.0%} of the rows lie in cells that are too rare to look at one by one"
        if math.isfinite(pooled.rows_to_see):
            words += f"; to see them takes at least {rounded(pooled.rows_to_see):,} rows a side"
        return words
    if len(pooled.groups) == 1 and min(n, m) < _CONSTANT:
        return f"all rows lie in one cell, which takes {_CONSTANT} rows a side to be believed"
    return None


def decide(
    name: str,
    statistic: str,
    against: Against,
    tolerance: float,
    sizes: tuple[int, int],
    *,
    unit: str = "rows",
    hidden: str | None = None,
    between: Bounds | None = None,
    needs: str = "both sides",
) -> Check:
    """Decide on the interval: proven above, proven below, at the tolerance, or too little to tell.

    ``sizes`` are the rows (or days) of both sides; ``hidden`` says why a pass cannot be believed. Where the statistic
    is known to lie ``between`` bounds only, rows of what it ``needs`` may tell more: nothing is at the tolerance.
    """
    lower, upper = against.lower, against.upper
    shown = f"[{lower:.3g}, {upper:.3g}]" if math.isfinite(upper) else f"[{lower:.3g}, ...]"
    found = f"{name}: {TITLES[statistic]} {against.statistic:.3g} {shown}"
    if lower > tolerance:
        verdict, message = Verdict.FAIL, f"{found} is above the tolerance {tolerance:g}"
    elif upper < tolerance and hidden:
        verdict = Verdict.INSUFFICIENT
        message = f"{found} is below the tolerance {tolerance:g}, but {hidden}"
    elif upper < tolerance:
        verdict, message = Verdict.PASS, f"{found} is below the tolerance {tolerance:g}"
    elif between and between.low < between.high:
        verdict = Verdict.INSUFFICIENT
        message = (
            f"{found} cannot be told from the tolerance {tolerance:g} by profiles, which leave it between "
            f"{between.low:.3g} and {between.high:.3g}; give the data of {needs}"
        )
        if min(sizes) < against.units_to_pass < math.inf:
            message += f"; if nothing moved, about {rounded(against.units_to_pass):,} {unit} a side would show it"
    elif upper - lower < tolerance:
        verdict, message = Verdict.WARN, f"{found} is at the tolerance {tolerance:g}; more {unit} would not help"
    else:
        verdict = Verdict.INSUFFICIENT
        n, m = sizes
        message = (
            f"{found} cannot be told from the tolerance {tolerance:g} with {n:,} and {m:,} {unit}, which find "
            f"{against.smallest_found:.2g} nine times in ten"
        )
        if math.isfinite(against.units_to_pass):
            message += f"; if nothing moved, about {rounded(against.units_to_pass):,} {unit} a side would show it"
    return Check(
        id=f"drift.{name}.{statistic}",
        verdict=verdict,
        message=message,
        value=against.statistic,
        lower=lower,
        upper=upper,
        threshold=tolerance,
        n=min(sizes),
    )


def rounded(count: float) -> int:
    """Round a count up to two digits: more would claim too much.

    >>> rounded(1234), rounded(7)
    (1300, 7)
    """
    step: int = 10 ** max(math.floor(math.log10(max(count, 1))) - 1, 0)
    return math.ceil(count / step) * step
