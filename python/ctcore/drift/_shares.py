"""Shares of rows that hold no usable value, or one that the reference does not know: drift of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctcore import _core
from ctcore.binomial import Z_90, exact_interval
from ctcore.drift._primary import rounded
from ctcore.verdict import Check, Verdict

_Z_80 = 1.2815515655446004  # nine of ten lie on this side
_NONE_SEEN = 4.8  # rows times tolerance with which no hit a side, nearly, proves a share below it
_FEW_NEW = 10.5  # the same for the five values that lie outside of another sample's range, nine times in ten at most


def missing(column: dict[str, Any]) -> int:
    """Count the rows of a profile's column without a usable value: null, NaN and infinite."""
    return sum(column[key] for key in ("nulls", "nans", "positive_infinities", "negative_infinities"))


def nan(column: dict[str, Any]) -> int:
    """Count the rows that are NaN."""
    rows: int = column["nans"]
    return rows


def infinite(column: dict[str, Any]) -> int:
    """Count the rows that are infinite."""
    rows: int = column["positive_infinities"] + column["negative_infinities"]
    return rows


def unseen(column: dict[str, Any]) -> int:
    """Count the rows in categories that the reference's dictionary does not know."""
    rest: int = column["rest"]
    return rest


def out_of_range(column: dict[str, Any]) -> int:
    """Count the values outside of the range of the data that a profile's cells were frozen on.

    Of that data's own profile these are none: the first cell ends below its smallest value, the last begins above its
    largest.
    """
    counts: list[int] = column["quantiles"]["counts"]
    return counts[0] + counts[-1] if len(counts) > 2 else 0


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a column that is judged."""

    title: str
    count: Callable[[dict[str, Any]], int]
    of: str
    """What it is a share of: rows, or finite values."""
    tolerance: str


SHARES = {
    "missing": Share("missing", missing, "rows", "missing_share"),
    "nan": Share("NaN", nan, "rows", "missing_share"),
    "infinite": Share("infinite", infinite, "rows", "missing_share"),
    "unseen": Share("unseen", unseen, "rows", "unseen_share"),
    "out_of_range": Share("out-of-range", out_of_range, "finite", "out_of_range_share"),
}


def judge_share(
    name: str,
    what: str,
    hits: tuple[int, int],
    rows: tuple[int, int],
    tolerance: float,
    *,
    by_days: tuple[float, float] | None = None,
    least: int | None = None,
) -> Check:
    """Judge the change of a share of the rows against a tolerance either way.

    The interval joins the exact binomial intervals of both sides (Clopper and Pearson, 1934) as Newcombe's method 10
    does (Statistics in Medicine 17, 1998). Where days are the unit it is as wide as theirs, ``by_days``, at least.
    Where the reference is a profile that is sure of ``least`` hits only, its upper end is that of so many.

    Nothing lies ``out_of_range`` of the sample that the range is of, but of what it was drawn from something does: of
    ``n`` values at most a Beta(2, n - 1) distributed share, whatever their distribution (Wilks, Annals of Mathematical
    Statistics 12, 1941). The end of the reference's interval is then that distribution's quantile, which is long beside
    the share itself, so that the whole of both ends is taken off; and the share cannot fall.
    """
    id_, title = f"drift.{name}.{what}", SHARES[what].title
    if 0 in rows:
        message = f"{name}: no rows to compare the {title} share of"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=0)
    p, q = (each / of for each, of in zip(hits, rows, strict=True))
    (_, p_high), (q_low, q_high) = (exact_interval(*side) for side in zip(hits, rows, strict=True))
    sure = hits[0] if least is None else least
    p_least, p_low = sure / rows[0], exact_interval(sure, rows[0])[0]
    own_range = what == "out_of_range" and not hits[0]
    if own_range:
        p_high = _core.beta_quantile(0.95, 2, rows[0] - 1) if rows[0] > 1 else 1.0
    change = q - p
    lower = change - math.hypot(q - q_low, p_high - p)
    upper = q - p_least + math.hypot(q_high - q, p_least - p_low)
    if by_days:
        lower, upper = min(lower, by_days[0]), max(upper, by_days[1])
    if own_range:
        lower = max(min(lower, q_low - p_high), 0.0)
    found = f"{name}: the {title} share went from {p:.2%} to {q:.2%}"
    if lower > tolerance or upper < -tolerance:
        verdict, message = Verdict.FAIL, f"{found}, more than {tolerance:.2%}"
    elif -tolerance < lower and upper < tolerance:
        verdict, message = Verdict.PASS, f"{found}, within {tolerance:.2%}"
    elif upper - lower < tolerance and sure == hits[0]:
        verdict, message = Verdict.WARN, f"{found}, at the tolerance {tolerance:.2%}; more rows would not help"
    else:
        if sure < hits[0]:
            why = f"its profile leaves between {sure:,} and {hits[0]:,} rows of the reference open; give its data"
        elif by_days:
            why = f"days differ by more than {tolerance:.2%}: more of them are needed to tell"
        else:
            why = _too_few(sum(hits) / sum(rows), rows, tolerance, _FEW_NEW if own_range else _NONE_SEEN)
        verdict, message = Verdict.INSUFFICIENT, f"{found}; {why}"
    return Check(
        id=id_,
        verdict=verdict,
        message=message,
        value=change,
        lower=lower,
        upper=upper,
        threshold=tolerance,
        n=min(rows),
    )


def _too_few(share: float, rows: tuple[int, int], tolerance: float, fewest: float) -> str:
    noise = share * (1 - share)
    needed = max(2 * noise * (2 * Z_90 / tolerance) ** 2, fewest / tolerance)
    n, m = rows
    found = tolerance + (Z_90 + _Z_80) * math.sqrt(noise * (1 / n + 1 / m)) + _NONE_SEEN / min(rows)
    return (
        f"{n:,} and {m:,} rows cannot tell that from {tolerance:.2%} and find a change of {min(found, 1):.1%} nine "
        f"times in ten; if nothing moved, about {rounded(needed):,} rows a side would show it"
    )
