"""Metrics of single rows: losses and errors."""

from __future__ import annotations

from typing import Any

from ctcore.metrics._definition import Definition
from ctcore.metrics._evaluate import evaluate


def mae(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean absolute error, in the target's unit.

    >>> from ctcore import metrics
    >>> metrics.mae([1.0, 2.0], [1.5, 0.5])
    1.0
    """
    return evaluate(target, prediction, metric=Definition("mae"), weight=weight).value


def mse(target: Any, prediction: Any, *, weight: Any = None) -> float:
    """Mean squared error, in the square of the target's unit.

    >>> from ctcore import metrics
    >>> metrics.mse([1.0, 2.0], [1.5, 0.5])
    1.25
    """
    return evaluate(target, prediction, metric=Definition("mse"), weight=weight).value
