"""Shares of rows that hold no usable value, or one that the reference does not know: drift of their own."""

from __future__ import annotations

import math
from typing import Any

from ctcore.binomial import exact_interval
from ctcore.drift._primary import rounded
from ctcore.verdict import Check, Verdict

_Z_90 = 1.6448536269514727  # each side of a two-sided 90% interval is wrong 5% of the time
_Z_80 = 1.2815515655446004  # nine of ten lie on this side
_NONE_SEEN = 4.8  # rows times tolerance with which no hit a side, nearly, proves a share below it


def missing(column: dict[str, Any]) -> int:
    """Count the rows of a profile's column without a usable value: null, NaN and infinite."""
    return sum(column[key] for key in ("nulls", "nans", "positive_infinities", "negative_infinities"))


def unseen(column: dict[str, Any]) -> int:
    """Count the rows in categories that the reference's dictionary does not know."""
    rest: int = column["rest"]
    return rest


def judge_share(
    name: str,
    what: str,
    hits: tuple[int, int],
    rows: tuple[int, int],
    tolerance: float,
    *,
    by_days: tuple[float, float] | None = None,
) -> Check:
    """Judge the change of a share of the rows against a tolerance either way.

    The interval joins the exact binomial intervals of both sides (Clopper and Pearson, 1934) as Newcombe's method 10
    does (Statistics in Medicine 17, 1998). Where days are the unit it is as wide as theirs, ``by_days``, at least.
    """
    id_ = f"drift.{name}.{what}"
    if 0 in rows:
        message = f"{name}: no rows to compare the {what} share of"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=0)
    p, q = (each / of for each, of in zip(hits, rows, strict=True))
    (p_low, p_high), (q_low, q_high) = (exact_interval(*side) for side in zip(hits, rows, strict=True))
    change = q - p
    lower = change - math.hypot(q - q_low, p_high - p)
    upper = change + math.hypot(q_high - q, p - p_low)
    if by_days:
        lower, upper = min(lower, by_days[0]), max(upper, by_days[1])
    found = f"{name}: the {what} share went from {p:.2%} to {q:.2%}"
    if lower > tolerance or upper < -tolerance:
        verdict, message = Verdict.FAIL, f"{found}, more than {tolerance:.2%}"
    elif -tolerance < lower and upper < tolerance:
        verdict, message = Verdict.PASS, f"{found}, within {tolerance:.2%}"
    elif upper - lower < tolerance:
        verdict, message = Verdict.WARN, f"{found}, at the tolerance {tolerance:.2%}; more rows would not help"
    else:
        why = f"days differ by more than {tolerance:.2%}: more of them are needed to tell"
        if not by_days:
            why = _too_few(sum(hits) / sum(rows), rows, tolerance)
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


def _too_few(share: float, rows: tuple[int, int], tolerance: float) -> str:
    noise = share * (1 - share)
    needed = max(2 * noise * (2 * _Z_90 / tolerance) ** 2, _NONE_SEEN / tolerance)
    n, m = rows
    found = tolerance + (_Z_90 + _Z_80) * math.sqrt(noise * (1 / n + 1 / m)) + _NONE_SEEN / min(rows)
    return (
        f"{n:,} and {m:,} rows cannot tell that from {tolerance:.2%} and find a change of {min(found, 1):.1%} nine "
        f"times in ten; if nothing moved, about {rounded(needed):,} rows a side would show it"
    )
