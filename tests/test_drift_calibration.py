"""A part of the calibration (`make calibration` runs the whole): every kind of column at sizes where it decides."""

from __future__ import annotations

import pytest
from scipy import stats

import drift_calibration as calibration

REPETITIONS = 300
CELLS = [
    ("normal", 1_000, 1_000),
    ("normal", 5_000, 500),
    ("ties 0-9", 5_000, 5_000),
    ("zero-inflated", 1_000, 1_000),
    ("2 categories", 5_000, 500),
    ("10 categories", 5_000, 5_000),
    ("200 Zipf", 5_000, 5_000),
]


def at_most(hits, share):
    """Whether a rate can be at most a share: by a binomial test, at .05 over the number of comparisons."""
    return stats.binomtest(round(hits * REPETITIONS), REPETITIONS, share, "greater").pvalue > 0.05 / (2 * len(CELLS))


@pytest.mark.parametrize(("kind", "n", "m"), CELLS)
def test_a_decision_is_wrong_at_most_one_time_in_twenty(kind, n, m):
    found = calibration.rates(kind, n, m, REPETITIONS, seed=1)
    assert at_most(found.wrong_fail, 0.05), found
    assert at_most(found.wrong_pass, 0.05), found
    assert found.null_fail < 0.02, found
    if min(n, m) >= 5_000:
        assert found.null_pass > 0.9, found
        assert found.found > 0.9, found
    assert found.wrong_fail + found.wrong_pass > 0, "a decision that is never wrong at the tolerance is never made"


@pytest.mark.parametrize("m", [3, 30])
def test_too_few_rows_never_pass_and_hardly_fail(m):
    found = calibration.rates("normal", 30, m, REPETITIONS, seed=1)
    assert (found.wrong_pass, found.null_pass) == (0, 0)
    assert at_most(found.wrong_fail, 0.05)
    assert found.null_fail < 0.05
