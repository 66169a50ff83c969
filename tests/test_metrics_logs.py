"""Measures over logs of what was shown and clicked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctcore import metrics
from ctcore.errors import ArgumentError


def test_exposure_counts_what_was_never_shown():
    even = metrics.exposure(np.repeat(np.arange(100), 7), catalogue=np.arange(100))
    assert even.coverage == 1
    assert even.gini == pytest.approx(0, abs=1e-12)
    assert even.entropy == pytest.approx(math.log(100))
    assert even.popularity_lift is None
    half = metrics.exposure(np.repeat(np.arange(50), 7), catalogue=np.arange(100))
    assert (half.coverage, half.gini) == (0.5, pytest.approx(0.5))
    one = metrics.exposure([3] * 9, catalogue=np.arange(100), history=[3, 4])
    assert (one.gini, one.entropy) == (pytest.approx(0.99), 0)
    assert one.popularity_lift == pytest.approx(0)  # what is shown is as popular as what is chosen, on average


def test_an_item_outside_the_catalogue_is_an_error():
    with pytest.raises(ArgumentError, match=r"shown: .*7.* is not in the catalogue of 3 items"):
        metrics.exposure([1, 7], catalogue=[1, 2, 3])
    with pytest.raises(ArgumentError, match=r"history: .*'c'.* is not in the catalogue"):
        metrics.exposure(["a"], catalogue=["a", "b"], history=["c"])
    with pytest.raises(ArgumentError, match="nothing of the catalogue"):
        metrics.exposure(np.array([], dtype=int), catalogue=[1])


def test_off_policy_equals_its_formulas():
    rng = np.random.default_rng(1)
    reward, propensity, target = rng.integers(0, 2, 999), rng.uniform(0.01, 1, 999), rng.uniform(0, 1, 999)
    weight = target / propensity
    found = metrics.off_policy(reward, propensity, target=target, clip=3)
    assert found.ips == pytest.approx(np.mean(weight * reward), rel=1e-12)
    assert found.snips == pytest.approx(np.sum(weight * reward) / np.sum(weight), rel=1e-12)
    assert found.clipped == pytest.approx(np.mean(np.minimum(weight, 3) * reward), rel=1e-12)
    assert found.effective_sample_size == pytest.approx(np.sum(weight) ** 2 / np.sum(weight**2), rel=1e-12)
    assert found.n_clipped == np.count_nonzero(weight > 3)
    assert metrics.off_policy(reward, np.ones(999)).ips == pytest.approx(reward.mean(), rel=1e-12)
    with pytest.raises(ArgumentError, match="propensity: must be above 0 and at most 1, found 0 in row 1"):
        metrics.off_policy([1, 1], [0.5, 0.0])
