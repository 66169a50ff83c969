"""Regression: metrics of numbers that were predicted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ctcore import _core
from ctcore.metrics._arrays import numbers


def _mean(target: Any, prediction: Any, loss: str, weight: Any, quantile: float = 0.5) -> float:
    values = _core.losses(numbers(target), numbers(prediction), loss, quantile)
    return _core.mean(values, None if weight is None else numbers(weight))


def mae(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean absolute error, in the target's unit. ``weight`` has one value a row, for all functions here.

    Values that are not finite and lengths that differ are errors; without rows the result is NaN.

    >>> from ctcore import metrics
    >>> metrics.mae([1.0, 2.0], [1.5, 0.5])
    1.0
    """
    return _mean(target, prediction, "absolute", weight)


def mse(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean squared error, in the square of the target's unit.

    >>> from ctcore import metrics
    >>> metrics.mse([1.0, 2.0], [1.5, 0.5])
    1.25
    """
    return _mean(target, prediction, "squared", weight)


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
    return _mean(target, prediction, "absolute_percentage", weight)


def quantile_loss(target: Any, prediction: Any, *, quantile: float = 0.5, weight: Any = None) -> float:
    """Pinball loss: the mean of ``q (t - p)`` where the target is higher and ``(1 - q) (p - t)`` where it is lower.

    >>> from ctcore import metrics
    >>> metrics.quantile_loss([1.0, 2.0], [2.0, 1.0], quantile=0.75)
    0.5
    """
    return _mean(target, prediction, "quantile", weight, quantile)


def r2(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Coefficient of determination: 1 minus the squared error over that of the target's own mean; at most 1.

    NaN where all targets are equal: there is no variance to explain.

    >>> from ctcore import metrics
    >>> metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    target = numbers(target)
    mean = _core.mean(target, None if weight is None else numbers(weight))
    own = mse(target, np.full(len(target), mean), weight=weight)
    return 1 - mse(target, prediction, weight=weight) / own if own > 0 else math.nan
