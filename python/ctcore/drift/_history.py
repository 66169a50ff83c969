"""Natural variation: how far windows of the past differ, and what tolerance follows from that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ctcore import _core
from ctcore.drift._days import FEWEST
from ctcore.drift._primary import pooling
from ctcore.drift._profile import Profile
from ctcore.drift._statistics import cell_counts
from ctcore.drift._tolerances import RANKS, Tolerances


def learned(
    reference: Profile, windows: Sequence[Profile], tolerances: Tolerances, *, inside: bool = False
) -> dict[str, float]:
    """Give the columns whose windows of the past lie further from the reference than the tolerance, and how far.

    How far the next one would lie 19 times in 20: the prediction bound of Student's t over the windows' statistics.
    Windows that are ``inside`` the reference are compared with the rest of it. At least five windows are needed;
    statistics of values (KS, Wasserstein, AUC) learn nothing, since profiles have no values.
    """
    found = {}
    for name, column in reference.columns.items():
        statistic = tolerances.statistic(name, column["kind"])
        if statistic in RANKS:
            continue
        tolerance = tolerances.of(name, statistic)
        values = []
        for window in windows:
            if name not in window.columns:
                continue
            before, after, _ = cell_counts(column, window.columns[name])
            if inside:
                before = [every - own for every, own in zip(before, after, strict=True)]
            if sum(before) and sum(after):
                pooled = pooling(before, after, frozen=column["kind"] == "number")
                values.append(_core.cells_against(statistic, pooled.of(before), pooled.of(after), tolerance)[0])
        bound = _prediction_bound(values)
        if bound > tolerance:
            found[name] = bound
    return found


def widened(tolerances: Tolerances, learned: dict[str, float]) -> Tolerances:
    """Give the tolerances with those that were learned."""
    return replace(tolerances, columns=tolerances.columns | learned)


def _prediction_bound(values: list[float]) -> float:
    n = len(values)
    if n < FEWEST:
        return 0.0
    mean = sum(values) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return mean + _core.t_quantile(0.95, n - 1) * deviation * math.sqrt(1 + 1 / n)
