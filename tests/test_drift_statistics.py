"""Every drift statistic against scipy, on smooth, tied, skewed and inflated samples of all sizes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from ctcore import drift
from ctcore.errors import ArgumentError, ColumnTypeError

KINDS = {
    "normal": lambda x: x,
    "ties": lambda x: np.floor(3 * x),
    "lognormal": lambda x: np.exp(3 * x),
    "zero-inflated": lambda x: np.maximum(x, 0),
    "far": lambda x: 1e9 + x,
}
SIZES = [(5, 7), (20, 18), (8, 400), (300, 200), (3000, 2000)]


def samples(kind, n, m, shift=0.2):
    rng = np.random.default_rng([n, m])
    return KINDS[kind](rng.normal(size=n)), KINDS[kind](rng.normal(shift, 1.1, size=m))


def near(found, expected, rel=1e-12):
    return found == pytest.approx(expected, rel=rel, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_rank_statistics_equal_scipy(kind, n, m):
    a, b = samples(kind, n, m)
    found = drift.rank_statistics(a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anderson = stats.anderson_ksamp([a, b])
    ks, von_mises, u = stats.ks_2samp(a, b), stats.cramervonmises_2samp(a, b), stats.mannwhitneyu(a, b)
    assert near(found.ks.statistic, ks.statistic)
    assert near(found.cramer_von_mises.statistic, von_mises.statistic)
    assert near(found.anderson_darling.statistic, anderson.statistic, rel=1e-11)  # scipy's sums lose a digit
    assert near(found.wasserstein.statistic, stats.wasserstein_distance(a, b))
    # The root of a difference of functions: compared before the root, whose slope is infinite at 0.
    assert near(found.energy.statistic**2, stats.energy_distance(a, b) ** 2)
    assert found.mann_whitney.statistic == u.statistic
    assert near(found.mann_whitney.p_value, u.pvalue, rel=1e-11)
    assert near(found.mann_whitney.auc, 1 - u.statistic / (n * m))
    # scipy cuts its series at 1e-7 and subtracts it from 1.
    assert found.cramer_von_mises.p_value == pytest.approx(von_mises.pvalue, abs=1e-6)
    if 0.001 < anderson.pvalue < 0.25:
        assert found.anderson_darling.p_value == pytest.approx(anderson.pvalue, rel=0.05)  # scipy interpolates


def test_methods_are_named_and_exact_where_scipy_is():
    a, b = samples("normal", 20, 18)
    assert drift.cramer_von_mises(a, b).method == "exact"
    assert drift.cramer_von_mises(*samples("normal", 21, 18)).method == "asymptotic"
    assert drift.mann_whitney(*samples("normal", 8, 400)).method == "exact"
    assert drift.mann_whitney(*samples("ties", 8, 400)).method == "asymptotic"
    assert drift.mann_whitney(*samples("normal", 9, 400)).method == "asymptotic"
    exact = stats.mannwhitneyu(a, b, method="exact")
    assert drift.mann_whitney(a, b, method="exact").p_value == pytest.approx(exact.pvalue, rel=1e-12)
    exact = stats.cramervonmises_2samp(*samples("normal", 30, 12), method="exact")
    assert drift.cramer_von_mises(*samples("normal", 30, 12), method="exact").p_value == pytest.approx(exact.pvalue)
    with pytest.raises(ArgumentError, match="at most 50 values, found 700"):
        drift.cramer_von_mises(*samples("normal", 300, 400), method="exact")


def test_tails_are_tails():
    """Where scipy's p-values are 0 or clamped, ours go on falling with the distance."""
    a = np.random.default_rng(0).normal(size=2000)
    for statistic in (drift.ks, drift.kuiper, drift.cramer_von_mises, drift.anderson_darling, drift.mann_whitney):
        values = [statistic(a, a + shift).p_value for shift in (0.0, 0.2, 0.4, 0.6)]
        assert values == sorted(values, reverse=True)
        assert values[0] > 0.9
        assert 0 < values[-1] < 1e-30, statistic


def test_kuiper_is_its_definition():
    a, b = samples("ties", 300, 200)
    grid = np.unique(np.concatenate([a, b]))
    apart = np.searchsorted(np.sort(a), grid, "right") / 300 - np.searchsorted(np.sort(b), grid, "right") / 200
    assert near(drift.kuiper(a, b).statistic, max(apart.max(), 0) - min(apart.min(), 0))


@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_spread_equal_scipy(kind):
    for n, m in SIZES:
        a, b = samples(kind, n, m)
        t, theirs = drift.welch_t(a, b), stats.ttest_ind(a, b, equal_var=False)
        rel = 1e-6 if kind == "far" else 1e-11  # at 1e9 the mean itself has seven digits after the point
        assert near(t.statistic, theirs.statistic, rel)
        assert t.p_value == pytest.approx(theirs.pvalue, rel=1e-5 if kind == "far" else 1e-10)
        assert near(t.definition["df"], theirs.df, rel)
        spread, theirs = drift.levene(a, b), stats.levene(a, b)
        assert spread.statistic == pytest.approx(theirs.statistic, rel=1e-6 if kind == "far" else 1e-11, abs=1e-12)
        assert spread.p_value == pytest.approx(theirs.pvalue, rel=1e-5 if kind == "far" else 1e-10)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=8))
def test_tests_of_categories_equal_scipy(counts):
    counts = [(p, q) for p, q in counts if p + q]
    p, q = ([side[i] for side in counts] for i in (0, 1))
    if len(counts) < 2 or not (sum(p) and sum(q)):
        return
    names = np.array([f"c{i}" for i in range(len(counts))])
    a, b = np.repeat(names, p), np.repeat(names, q)
    for correction in (False, True):
        theirs = stats.chi2_contingency([p, q], correction=correction)
        found = drift.chi2(a, b, correction=correction)
        assert near(found.statistic, theirs.statistic)
        assert near(found.p_value, theirs.pvalue)
        theirs = stats.chi2_contingency([p, q], correction=correction, lambda_="log-likelihood")
        assert near(drift.g_test(a, b, correction=correction).statistic, theirs.statistic)
    if len(counts) == 2:
        theirs = stats.fisher_exact([p, q])
        found = drift.fisher_exact(a, b)
        assert near(found.p_value, theirs.pvalue, rel=1e-9)
        assert found.statistic == pytest.approx(theirs.statistic, nan_ok=True)


def test_distances_of_categories_are_their_formulas():
    a, b = ["a"] * 5 + ["b"] * 3 + ["c"] * 2, ["a"] * 4 + ["b"] * 4 + ["c"] * 2
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    assert near(drift.total_variation(a, b).statistic, 0.1)
    found = drift.l_infinity(a, b)
    assert near(found.statistic, 0.1)
    assert found.location in ("a", "b")
    assert near(drift.hellinger(a, b).statistic, np.sqrt(1 - np.sum(np.sqrt(p * q))))
    assert near(drift.kullback_leibler(a, b, smoothing="none").statistic, stats.entropy(p, q))
    assert near(drift.jensen_shannon(a, b, definition="scipy").statistic, distance.jensenshannon(p, q))


def test_a_new_category_is_a_cell_of_its_own():
    found = drift.l_infinity(["a"] * 8 + ["b"] * 2, ["a"] * 5 + ["b"] * 2 + ["new"] * 3)
    assert (found.statistic, found.location) == (pytest.approx(0.3), "a")
    assert drift.chi2(["a"] * 5, ["b"] * 5).definition["cells"] == 2
    assert drift.kullback_leibler(["a", "b"], ["a"], smoothing="none").statistic == np.inf


def test_wasserstein_in_the_references_scale():
    a, b = samples("normal", 300, 200)
    raw = drift.wasserstein(a, b).statistic
    assert near(drift.wasserstein(a, b, scale="std").statistic, raw / np.std(a, ddof=1))
    with pytest.raises(ArgumentError, match="does not vary"):
        drift.wasserstein([1.0, 1.0], [2.0], scale="std")


def test_the_order_of_the_rows_and_a_monotone_scale_change_nothing():
    a, b = samples("normal", 300, 200)
    found = drift.rank_statistics(a, b)
    assert drift.rank_statistics(np.sort(a), b[::-1]) == found
    scaled = drift.rank_statistics(np.exp(a), np.exp(b))
    assert (scaled.ks.statistic, scaled.mann_whitney) == (found.ks.statistic, found.mann_whitney)
    assert scaled.anderson_darling == found.anderson_darling


@pytest.mark.parametrize("statistic", ["ks", "kuiper", "wasserstein", "energy", "mann_whitney", "rank_statistics"])
def test_nothing_to_compare_is_an_error(statistic):
    function = getattr(drift, statistic)
    with pytest.raises(ArgumentError, match="reference: there is no finite value"):
        function([np.nan, np.inf], [1.0])
    with pytest.raises(ArgumentError, match="current: there is no finite value"):
        function([1.0], [np.nan])
    with pytest.raises(ColumnTypeError):
        function(["a"], ["b"])
    assert function([1.0, np.nan, 3.0], [2.0, np.inf]) == function([1.0, 3.0], [2.0])


def test_constants():
    same = drift.rank_statistics([1.0] * 5, [1.0] * 7)
    assert (same.ks.statistic, same.wasserstein.statistic, same.mann_whitney.auc) == (0, 0, 0.5)
    assert same.anderson_darling is None
    with pytest.raises(ArgumentError, match="two differ"):
        drift.anderson_darling([1.0] * 5, [1.0] * 7)
    apart = drift.welch_t([1.0, 1.0], [2.0, 2.0])
    assert (apart.statistic, apart.p_value) == (-np.inf, 0)


def test_fisher_takes_two_categories():
    with pytest.raises(ArgumentError, match="two categories together, found"):
        drift.fisher_exact(["a", "b"], ["c"])
