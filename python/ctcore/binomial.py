"""The interval of a share: exact, whatever the number of rows."""

from __future__ import annotations

from ctcore import _core

Z_90 = 1.6448536269514727
"""The normal quantile of a two-sided 90% interval, each side of which is wrong 5% of the time."""


def exact_interval(hits: int, rows: int) -> tuple[float, float]:
    """Give the exact two-sided 90% interval of a share of the rows (Clopper and Pearson, Biometrika 26, 1934).

    Each end is wrong at most 5% of the time. Of no rows, everything is possible.

    >>> [round(end, 4) for end in exact_interval(0, 100)]  # 1 - 0.05 ** (1 / 100)
    [0.0, 0.0295]
    """
    low = _core.beta_quantile(0.05, hits, rows - hits + 1) if hits else 0.0
    high = _core.beta_quantile(0.95, hits + 1, rows - hits) if hits < rows else 1.0
    return low, high
