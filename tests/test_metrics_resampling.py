"""p = (1 + b) / (1 + B) of drawn resamples, counted again in NumPy from the same streams, and against all there are.

The stream of a draw is ``numpy.random.Philox(key=[seed, draw])``, whose first words have the counter 1.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctcore import metrics

FLIPS = 9_999  # subsets drawn where there are too many clusters to take all
COUNTS = np.searchsorted([95, 187, 236, 251, 255], np.arange(256), side="right")  # of a byte, for the bootstrap


def days(clusters, *, seed=0, lift=0.0):
    """Losses of a candidate and of production, three rows a cluster, and what each cluster adds up to."""
    rng = np.random.default_rng([clusters, seed])
    cluster = np.repeat(np.arange(clusters), 3)
    production = rng.uniform(0.5, 1.0, len(cluster))
    candidate = production * (1 - lift - 0.1 * rng.normal(size=clusters)[cluster])
    return (
        candidate,
        production,
        cluster,
        np.bincount(cluster, production - candidate),
        np.bincount(cluster, production),
    )


def compare(candidate, production, cluster, **options):
    rows = {"metric": "mae", "cluster": cluster}
    return metrics.compare(np.zeros(len(candidate)), candidate, production, **rows, **options)


def words(seed, draw, counters):
    """The words of a stream at the counters from 0, 256 bits each."""
    key = np.array([seed, draw], dtype=np.uint64)
    before_the_first = np.array([2**64 - 1] * 4, dtype=np.uint64)  # NumPy adds one before it draws
    return np.random.Philox(key=key, counter=before_the_first).random_raw(4 * counters)


def flipped(advantage, against, seed):
    """The gain of each drawn subset: bit ``i`` of the stream takes cluster ``i``; an empty subset is drawn anew."""
    clusters, gains = len(advantage), np.empty(FLIPS)
    counters = -(-clusters // 256)
    for draw in range(FLIPS):
        taken, first = np.zeros(clusters, dtype=bool), 0
        while not taken.any():
            of_draw = words(seed, draw, first + counters)[4 * first :]
            taken = np.unpackbits(of_draw.view(np.uint8), bitorder="little")[:clusters].astype(bool)
            first += counters
        gains[draw] = advantage[taken].sum() / against[taken].sum()
    return gains


def weighted(advantage, against, resamples, seed):
    """The gain of each weighted resample: a byte of the stream says how often a cluster is taken."""
    counters = -(-len(advantage) // 32)
    times = [COUNTS[words(seed, draw, counters).view(np.uint8)[: len(advantage)]] for draw in range(resamples)]
    return (np.array(times) @ advantage) / (np.array(times) @ against)


def assert_counted(found, gains, margin):
    """Each p-value is one more than a whole number of resamples, over one more than all of them."""
    of = len(gains) + 1
    for p_value, wrong in (
        (found.p_value, gains <= margin),
        (found.p_not_better, gains <= 0),
        (found.p_not_worse, gains >= 0),
    ):
        assert p_value == (1 + np.count_nonzero(wrong)) / of
        assert p_value >= 1 / of
        assert p_value * of == pytest.approx(round(p_value * of), abs=1e-9)


# of 15 clusters with seed 0 one draw is empty at first
@pytest.mark.parametrize(("clusters", "seed", "lift"), [(15, 0, 0.02), (20, 7, 0.0), (300, 3, 0.012), (16, 1, 0.5)])
def test_the_p_value_of_drawn_sign_flips_is_the_count_of_its_draws(clusters, seed, lift):
    candidate, production, cluster, advantage, against = days(clusters, lift=lift)
    found = compare(candidate, production, cluster, margin="1%", seed=seed)
    assert found.method.endswith(f"random {FLIPS:,} resamples")
    assert_counted(found, flipped(advantage, against, seed), 0.01)
    if lift == 0.5:  # no draw is on the wrong side: the smallest p there is, not 0
        assert found.p_value == found.p_not_better == 1 / 10_000


@pytest.mark.parametrize("clusters", [15, 17])
def test_drawn_sign_flips_agree_with_all_of_them(clusters):
    """Within four binomial errors of the share among all subsets, for margins below, at and above the gain."""
    candidate, production, cluster, advantage, against = days(clusters, lift=0.02)
    taken = np.unpackbits(
        np.arange(1, 2**clusters, dtype="<u4").view(np.uint8).reshape(-1, 4), axis=1, bitorder="little"
    )
    gains = (taken[:, :clusters] @ advantage) / (taken[:, :clusters] @ against)
    assert len(gains) == 2**clusters - 1
    for level in (0.005, 0.05, 0.3, 0.7, 0.95, 0.995):
        margin = float(np.quantile(gains, level))
        found = compare(candidate, production, cluster, margin=metrics.Margin(margin, relative=True), seed=5)
        share = np.mean(gains <= margin)
        assert share == pytest.approx(level, abs=1e-3)
        assert abs(found.p_value - share) < 4 * math.sqrt(share * (1 - share) / FLIPS) + 1 / FLIPS, level


def test_at_fourteen_clusters_all_sign_flips_are_taken():
    candidate, production, cluster, advantage, against = days(14, lift=0.02)
    found = compare(candidate, production, cluster, margin="1%")
    assert found.method.endswith("all 16,383 resamples")
    taken = np.array([[subset >> i & 1 for i in range(14)] for subset in range(1, 2**14)])
    assert_counted(found, (taken @ advantage) / (taken @ against), 0.01)


@pytest.mark.parametrize(("clusters", "resamples", "seed"), [(40, 499, 0), (33, 2_000, 11)])
def test_the_p_value_of_a_bootstrap_is_the_count_of_its_resamples(clusters, resamples, seed):
    candidate, production, cluster, advantage, against = days(clusters, lift=0.02)
    found = compare(candidate, production, cluster, margin="1%", method="bootstrap", resamples=resamples, seed=seed)
    assert found.method.endswith(f"random {resamples:,} resamples")
    assert_counted(found, weighted(advantage, against, resamples, seed), 0.01)
    # other draws, of NumPy's own: the same within the errors of both
    times = np.random.default_rng(seed).choice(6, p=np.array([95, 92, 49, 15, 4, 1]) / 256, size=(50_000, clusters))
    share = np.mean((times @ advantage) / (times @ against) <= 0.01)
    assert 0.01 < share < 0.99
    assert abs(found.p_value - share) < 4.5 * math.sqrt(share * (1 - share) / resamples)


def test_the_p_value_of_a_bootstrapped_auc_is_of_its_resamples():
    rng = np.random.default_rng(2)
    label = (rng.random(600) < 0.4).astype(float)
    candidate, production = label + rng.normal(0, 1.0, 600), label + rng.normal(0, 1.1, 600)
    options = {"metric": "roc_auc", "cluster": np.arange(600) // 15, "margin": 0.01}
    for resamples in (199, 2_000):
        found = metrics.compare(label, candidate, production, **options, resamples=resamples)
        assert found.method.endswith(f"random {resamples:,} resamples")
        for p_value in (found.p_value, found.p_not_better, found.p_not_worse):
            assert 1 <= round(p_value * (resamples + 1)) <= resamples + 1
            assert p_value * (resamples + 1) == pytest.approx(round(p_value * (resamples + 1)), abs=1e-9)
        assert 1 / (resamples + 1) < found.p_value < 0.9
