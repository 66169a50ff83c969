"""Click logs with propensities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ctcore import _core
from ctcore.metrics._arrays import numbers


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """Estimates of the mean reward that a policy would earn."""

    ips: float
    """Inverse propensity score: unbiased, of high variance where weights are uneven."""
    snips: float
    """Self-normalised: always within the range of the rewards. NaN where the policy does nothing that was logged."""
    clipped: float
    """IPS with weights of at most ``clip``."""
    effective_sample_size: float
    """Kish: the rows that count, once weights are uneven. Far below the rows, no estimate here deserves trust."""
    n_clipped: int
    """Rows whose weight was clipped."""


def off_policy(reward: Any, propensity: Any, *, target: Any = None, clip: float = math.inf) -> OffPolicy:
    r"""Estimate what a policy would earn from a log of another one, with weights :math:`w = target / propensity`.

    .. math:: IPS = \frac{1}{n} \sum w r, \quad SNIPS = \frac{\sum w r}{\sum w}, \quad
        clipped = \frac{1}{n} \sum \min(w, clip) \, r, \quad ESS = \frac{(\sum w)^2}{\sum w^2}

    Parameters
    ----------
    reward : array of shape (rows,)
        What each logged action earned, such as 1 for a click.
    propensity : array of shape (rows,)
        The probability with which the logging policy chose it (or with which its position was looked at), in (0, 1].
    target : array of shape (rows,), optional
        The probability with which the policy in question would choose it, in [0, 1]; without it, 1 for every row.
    clip : float
        The highest weight of the clipped estimate.

    Horvitz and Thompson (1952); Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning",
    NeurIPS 2015.

    Examples
    --------
    >>> from ctcore import metrics
    >>> found = metrics.off_policy([1, 0], [0.25, 0.5], target=[0.5, 0.5], clip=1.5)
    >>> found.ips, found.clipped, round(found.effective_sample_size, 6)
    (1.0, 0.75, 1.8)
    """
    reward = numbers("reward", reward)
    target = np.ones(len(reward)) if target is None else numbers("target", target)
    return OffPolicy(*_core.off_policy(reward, numbers("propensity", propensity), target, clip))
