"""A part of the calibration (`make calibration` runs the whole): every kind of column at sizes where it decides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import drift_calibration as calibration
from ctcore.drift._primary import cells_against

REPETITIONS = 300
CELLS = [
    ("psi", "normal", 1_000, 1_000),
    ("psi", "normal", 5_000, 500),
    ("psi", "ties 0-9", 5_000, 5_000),
    ("psi", "zero-inflated", 1_000, 1_000),
    ("jensen_shannon", "2 categories", 5_000, 500),
    ("jensen_shannon", "10 categories", 5_000, 5_000),
    ("jensen_shannon", "200 Zipf", 5_000, 5_000),
    ("missing", "missing 0%", 1_000, 1_000),
    ("missing", "missing 5%", 5_000, 5_000),
    ("out_of_range", "numbers", 1_000, 1_000),
    ("out_of_range", "numbers", 300, 5_000),
    ("out_of_range", "numbers", 5_000, 5_000),
    ("ks", "normal", 1_000, 1_000),
    ("ks", "ties 0-9", 5_000, 5_000),
    ("auc", "lognormal(3)", 300, 300),
    ("auc", "zero-inflated", 5_000, 500),
    ("wasserstein", "normal", 1_000, 1_000),
    ("wasserstein", "ties 0-9", 5_000, 5_000),
    ("total_variation", "normal", 1_000, 1_000),
    ("total_variation", "2 categories", 1_000, 1_000),
    ("total_variation", "ties 0-9", 300, 300),
    ("total_variation", "200 Zipf", 5_000, 5_000),
    ("hellinger", "normal", 5_000, 500),
    ("cramers_v", "10 categories", 5_000, 5_000),
]
DECIDED = {"missing"}
"""What ten thousand rows do not find at twice the tolerance nine times in ten, and need not."""


def at_most(hits, share):
    """Whether a rate can be at most a share: by a binomial test, at .05 over the number of comparisons."""
    return stats.binomtest(round(hits * REPETITIONS), REPETITIONS, share, "greater").pvalue > 0.05 / (2 * len(CELLS))


@pytest.mark.parametrize(("statistic", "kind", "n", "m"), CELLS)
def test_a_decision_is_wrong_at_most_one_time_in_twenty(statistic, kind, n, m):
    found = calibration.rates(statistic, kind, n, m, REPETITIONS, seed=1)
    assert at_most(found.wrong_fail, 0.05), found
    assert at_most(found.wrong_pass, 0.05), found
    assert found.null_fail < 0.02, found
    if min(n, m) >= 5_000 and statistic not in DECIDED:
        assert found.null_pass > 0.9, found
        assert found.found > 0.9, found
    # The bounds of Wasserstein hold for any two distributions, so they are rarely reached.
    exact = statistic not in ("ks", "wasserstein")
    assert found.wrong_fail + found.wrong_pass > 0 or not exact, (
        "a decision that is never wrong at the tolerance is never made"
    )


SPREADS = {"evenly": [0.016] * 5 + [-0.016] * 5, "in one cell": [0.08] + [-0.08 / 9] * 9}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize(("n", "m"), [(1_000, 1_000), (5_000, 500)])
def test_total_variation_holds_its_level_however_it_is_spread(spread, n, m):
    """A path through the observed differences is wrong one time in ten where the distance is spread evenly."""
    rng = np.random.default_rng(3)
    p = np.full(10, 0.1)
    q = p + SPREADS[spread]
    wrong = {"pass": 0, "fail": 0}
    for _ in range(1_000):
        counts = rng.multinomial(n, p).tolist(), rng.multinomial(m, q).tolist()
        against, _ = cells_against("total_variation", *counts, 0.08, frozen=False)
        wrong["fail"] += against.lower > 0.08
        wrong["pass"] += against.upper < 0.08
    for hits in wrong.values():
        assert stats.binomtest(hits, 1_000, 0.05, "greater").pvalue > 0.01, wrong
    assert max(wrong.values()) > 10, wrong


@pytest.mark.parametrize("m", [3, 30])
def test_too_few_rows_never_pass_and_hardly_fail(m):
    found = calibration.rates("psi", "normal", 30, m, REPETITIONS, seed=1)
    assert (found.wrong_pass, found.null_pass) == (0, 0)
    assert at_most(found.wrong_fail, 0.05)
    assert found.null_fail < 0.05


def test_days_hold_their_level_where_rows_do_not():
    """Days with shifts of their own: what takes rows for independent is wrong many times as often."""
    by_days, by_rows = calibration.rates_of_days(14, 14, 60, seed=1)
    assert stats.binomtest(round(by_days.wrong_fail * 60), 60, 0.05, "greater").pvalue > 0.01, by_days
    assert stats.binomtest(round(by_days.wrong_pass * 60), 60, 0.05, "greater").pvalue > 0.01, by_days
    assert by_rows.wrong_fail + by_rows.wrong_pass > 0.25, by_rows


def test_a_moved_column_is_found_among_twenty():
    assert calibration.found_among(20, 5_000, 40, seed=1) >= 0.95
