"""Classification: metrics of scores and probabilities of two classes."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

from ctcore import _core
from ctcore.errors import FindingWarning
from ctcore.metrics._arrays import numbers
from ctcore.metrics._pointwise import mean_loss

CONSTANT_SCORES = "all scores are equal: nothing ranks"


def _weight(weight: Any) -> Any:
    return None if weight is None else numbers("weight", weight)


def roc_auc(target: Any, score: Any, *, weight: Any = None) -> float:
    """Area under the ROC curve: how probably a positive has a higher score than a negative.

    ``target`` is 0 or 1, ``weight`` has one value a row. Equal scores count half. NaN where a class is missing.
    Per query, see :func:`gauc`. Scores that are all equal rank nothing: 0.5 and a :class:`FindingWarning`.

    >>> from ctcore import metrics
    >>> metrics.roc_auc([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
    0.875
    """
    return _area("roc", target, score, weight)


def pr_auc(target: Any, score: Any, *, weight: Any = None) -> float:
    r"""Area under the precision-recall curve by steps (average precision): :math:`\sum_n (R_n - R_{n-1}) P_n`.

    Over the distinct scores: equal scores are one step, so row order means nothing. NaN without positives. Scores that
    are all equal rank nothing: the share of positives and a :class:`FindingWarning`.

    >>> from ctcore import metrics
    >>> round(metrics.pr_auc([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1]), 6)
    0.833333
    """
    return _area("pr", target, score, weight)


def area(curve: str, target: Any, score: Any, weight: Any) -> tuple[float, tuple[str, ...]]:
    """Give the area under a curve, and what should be known before it is believed."""
    found, ranks = _core.auc(numbers("target", target), numbers("score", score), curve, _weight(weight))
    return found, () if ranks else (CONSTANT_SCORES,)


def _area(curve: str, target: Any, score: Any, weight: Any) -> float:
    found, findings = area(curve, target, score, weight)
    for finding in findings:
        warnings.warn(finding, FindingWarning, stacklevel=3)
    return found


def log_loss(target: Any, probability: Any, *, weight: Any = None) -> float:
    """Mean of ``-ln`` of the probability that the class got, in nats.

    Probabilities are kept ``2**-52`` away from 0 and 1, so that a certain mistake costs 36, not infinity.

    >>> from ctcore import metrics
    >>> round(metrics.log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    """
    return mean_loss(target, probability, "log", weight)


def brier(target: Any, probability: Any, *, weight: Any = None) -> float:
    """Mean squared distance between probability and class, in [0, 1].

    >>> from ctcore import metrics
    >>> metrics.brier([1, 0], [0.5, 0.0])
    0.125
    """
    return mean_loss(target, probability, "brier", weight)


def ece(target: Any, probability: Any, *, bins: int = 10, weight: Any = None) -> float:
    """Expected calibration error: how far probabilities are from shares, over bins of equal mass.

    Rows are cut into ``bins`` by ascending probability; equal probabilities stay in the bin of their first. The
    distances between each bin's mean probability and its share of positives are averaged by mass. In [0, 1].

    >>> from ctcore import metrics
    >>> round(metrics.ece([0, 1, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2), 6)
    0.325
    """
    target, probability = numbers("target", target), numbers("probability", probability)
    return _core.calibration_error(target, probability, bins, _weight(weight))


@dataclass(frozen=True, slots=True)
class Confusion:
    """Weights of rows by class and prediction; a share of nothing is NaN."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float

    @property
    def accuracy(self) -> float:
        """The share of right predictions."""
        right = self.true_positive + self.true_negative
        return _share(right, right + self.false_positive + self.false_negative)

    @property
    def precision(self) -> float:
        """The share of positives among the rows predicted positive."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """The share of the positives that were found (sensitivity)."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """The share of the negatives that were left alone."""
        return _share(self.true_negative, self.true_negative + self.false_positive)

    @property
    def balanced_accuracy(self) -> float:
        """The mean of recall and specificity."""
        return (self.recall + self.specificity) / 2

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        twice = 2 * self.true_positive
        return _share(twice, twice + self.false_positive + self.false_negative)

    @property
    def mcc(self) -> float:
        """The Matthews correlation coefficient, in [-1, 1]."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        return _share(
            tp * tn - fp * fn, math.sqrt(tp + fp) * math.sqrt(tp + fn) * math.sqrt(tn + fp) * math.sqrt(tn + fn)
        )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def confusion(target: Any, score: Any, *, threshold: float = 0.5, weight: Any = None) -> Confusion:
    """Count the rows by class and by the prediction "positive from ``threshold`` on".

    >>> from ctcore import metrics
    >>> found = metrics.confusion([1, 0, 1, 0], [0.9, 0.5, 0.4, 0.1])
    >>> found.precision, found.recall, found.accuracy
    (0.5, 0.5, 0.5)
    """
    target, score = numbers("target", target), numbers("score", score)
    return Confusion(*_core.confusion(target, score, threshold, _weight(weight)))
