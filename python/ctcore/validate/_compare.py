"""Distances between the distributions of a column in two sets of rows: drift and skew comparators."""

from __future__ import annotations

from typing import Any

from ctcore import _core

_CELLS, _DICTIONARY = 10, 1000


def distance(name: str, reference: Any, current: Any, statistic: str) -> tuple[float, str]:
    """Measure how far a column moved, on the cells of the reference.

    Numbers fall into 10 cells of equal mass of the reference, nulls aside; text keeps its 1,000 most frequent values,
    and every value that the reference does not keep is one more cell: nothing is left out.

    ================================  ==============================================================================
    ``jensenShannon``                 the distance in base 2, as ``drift.jensen_shannon``; TFDV bounds its square
    ``lInfinity``                     the largest difference of two shares, 0 to 1
    ``normalizedAbsoluteDifference``  the largest difference of two counts over the sum of all, as TFDV has it, 0 to 1
    ``psi``                           the population stability index, smoothed as ``ctcore.drift`` does
    ================================  ==============================================================================

    Returns
    -------
    value, where : float, str
        The statistic, and where it is largest, as the end of a sentence.
    """
    before = _core.profile_column(name, reference, cells=_CELLS, limit=_DICTIONARY)
    after = _core.profile_column_like(name, current, before)
    labels, x = _counts(before)
    _, y = _counts(after)
    if not sum(x) or not sum(y):
        return 0.0, " (one of them holds no values)"
    if statistic == "jensenShannon":
        return _core.jensen_shannon(x, y)[0], ""
    if statistic == "psi":
        return _core.psi(x, y, "jeffreys")[0], ""
    if statistic == "lInfinity":
        value, cell = _core.l_infinity(x, y)
    else:
        apart = [abs(a - b) for a, b in zip(x, y, strict=True)]
        cell = apart.index(max(apart))
        value = apart[cell] / (sum(x) + sum(y))
    return value, f", most at {labels[cell]}"


def _counts(profile: dict[str, Any]) -> tuple[list[str], list[int]]:
    if profile["kind"] == "category":
        names = sorted(profile["counts"])
        return [*map(repr, names), "values without a cell"], [
            *(profile["counts"][each] for each in names),
            profile["rest"],
        ]
    edges = profile["edges"]
    labels = [f"up to {edge:g}" for edge in edges] + ([f"above {edges[-1]:g}"] if edges else ["any value"])
    return labels, list(profile["counts"])
