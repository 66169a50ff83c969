"""Regression: metrics of numbers that were predicted."""

from __future__ import annotations

import math
from typing import Any

from ctcore import _core
from ctcore.metrics._arrays import numbers


def mean_loss(target: Any, prediction: Any, loss: str, weight: Any, level: float = 0.5) -> float:
    """Give the mean of a loss of rows, which are read a chunk at a time."""
    weight = None if weight is None else numbers("weight", weight)
    return _core.mean_loss(numbers("target", target), numbers("prediction", prediction), loss, level, weight)


def mae(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean absolute error, in the target's unit. ``weight`` has one value a row, for all functions here.

    Values that are not finite and lengths that differ are errors; without rows the result is NaN.

    >>> from ctcore import metrics
    >>> metrics.mae([1.0, 2.0], [1.5, 0.5])
    1.0
    """
    return mean_loss(target, prediction, "absolute", weight)


def mse(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean squared error, in the square of the target's unit.

    >>> from ctcore import metrics
    >>> metrics.mse([1.0, 2.0], [1.5, 0.5])
    1.25
    """
    return mean_loss(target, prediction, "squared", weight)


def rmse(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Root of the mean squared error, in the target's unit.

    >>> from ctcore import metrics
    >>> metrics.rmse([1.0, 2.0], [4.0, 6.0], weight=[1, 0])
    3.0
    """
    return math.sqrt(mse(target, prediction, weight=weight))


def mape(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean absolute percentage error, as a share: ``mean(|target - prediction| / |target|)``.

    A target of 0 is an error: it has no percentage.

    >>> from ctcore import metrics
    >>> metrics.mape([2.0, 4.0], [1.0, 5.0])
    0.375
    """
    return mean_loss(target, prediction, "absolute_percentage", weight)


def quantile_loss(target: Any, prediction: Any, *, quantile: float = 0.5, weight: Any = None) -> float:
    """Pinball loss: the mean of ``q (t - p)`` where the target is higher and ``(1 - q) (p - t)`` where it is lower.

    >>> from ctcore import metrics
    >>> metrics.quantile_loss([1.0, 2.0], [2.0, 1.0], quantile=0.75)
    0.5
    """
    return mean_loss(target, prediction, "quantile", weight, quantile)


def r2(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Coefficient of determination: 1 minus the squared error over that of the target's own mean; at most 1.

    NaN where all targets are equal: there is no variance to explain.

    >>> from ctcore import metrics
    >>> metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    weight = None if weight is None else numbers("weight", weight)
    return _core.r2(numbers("target", target), numbers("prediction", prediction), weight)
