"""Statistics of two arrays.

All functions take the reference first and the current data second: numpy, Arrow or plain sequences. Missing values
and infinities are left out; their shares are drift of their own, which :func:`ctcore.drift.compare` judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Literal, cast

import numpy as np

from ctcore import _core
from ctcore.drift import _definitions
from ctcore.errors import ArgumentError

_ALL_CATEGORIES = 2**62

Smoothing = Literal["jeffreys", "none"]
Method = Literal["auto", "exact", "asymptotic"]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far two samples lie apart."""

    statistic: float
    definition: dict[str, Any]
    """What the number is: base, bins, smoothing, scale, direction; whose definition it follows."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A statistic on counted cells, with the two-sided 90% interval of its population value."""

    statistic: float
    lower: float
    upper: float
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LInfinity:
    """The largest change of a share."""

    statistic: float
    location: Any
    """The category, or the pair of borders of the cell of numbers, that changed most."""
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Significance:
    """A statistic and the probability of one at least as extreme when nothing moved."""

    statistic: float
    p_value: float
    method: str
    """How the p-value was computed: ``"exact"`` or ``"asymptotic"``, or as a named definition does it."""
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ks:
    """The two-sample Kolmogorov-Smirnov statistic."""

    statistic: float
    p_value: float
    method: str
    """How the p-value was computed: ``"exact"`` or ``"asymptotic"``."""
    location: float
    """The smallest value at which the two distribution functions differ most."""
    sign: int
    """1 where current values are larger there (the reference's function lies above), -1 where they are smaller."""


@dataclass(frozen=True, slots=True)
class MannWhitney:
    """The Mann-Whitney U statistic."""

    statistic: float
    """The pairs in which the value of the reference is larger, ties counting half."""
    p_value: float
    method: str
    auc: float
    """The probability that a current value is larger than one of the reference, ties counting half."""


@dataclass(frozen=True, slots=True)
class RankStatistics:
    """Every rank statistic of two samples; each is what its own function gives, to the bit."""

    ks: Ks
    kuiper: Significance
    cramer_von_mises: Significance
    anderson_darling: Significance | None
    """None where it has no value: fewer than four values, or a single distinct one."""
    wasserstein: Distance
    energy: Distance
    mann_whitney: MannWhitney


@dataclass(frozen=True, slots=True)
class CellStatistics:
    """Every statistic of cells of two samples; each is what its own function gives, to the bit."""

    psi: Effect
    jensen_shannon: Effect
    kullback_leibler: Distance
    hellinger: Distance
    total_variation: Distance


def psi(
    reference: Any, current: Any, *, cells: int = 10, smoothing: Smoothing = "jeffreys", definition: str = "ctcore"
) -> Effect | Distance:
    r"""Population stability index.

    .. math:: PSI = \sum_i (q_i - p_i) \ln (q_i / p_i)

    in nats, with ``p`` the reference's shares and ``q`` the current ones. Cells are frozen on the reference: of equal
    mass for numbers, one each for strings and booleans, with one more for what the reference does not know.

    Parameters
    ----------
    reference, current : arrays
        Numbers, or strings or booleans; numpy, Arrow or plain sequences. The reference may be a column of a stored
        profile, ``profile.columns[name]``, whose cells are then used; so may the current data, of a profile made
        ``like=`` the reference.
    cells : int
        Cells for numbers, at least 2. Ties in the reference can make them fewer.
    smoothing : "jeffreys" or "none"
        ``(count + 1/2) / (n + cells/2)``, or plain shares: then a cell that is empty on one side makes PSI infinite.
    definition : "ctcore", "evidently" or "deepchecks"
        Another library's number, defects included: see :doc:`drift`. It takes no ``cells`` or ``smoothing`` and has no
        interval.

    Examples
    --------
    >>> import numpy as np
    >>> from ctcore import drift
    >>> result = drift.psi(np.arange(1000.0), np.arange(1000.0) + 100)
    >>> round(result.statistic, 3), result.definition["cells"]
    (0.596, 10)
    """
    if definition != "ctcore":
        return Distance(*_definitions.of("psi", definition, reference, current))
    reference_counts, current_counts, names = _cells(reference, current, cells)
    found = _core.psi(reference_counts, current_counts, smoothing)
    return Effect(*found, _counted("psi", len(names), log="e", smoothing=smoothing))


def jensen_shannon(reference: Any, current: Any, *, cells: int = 10, definition: str = "ctcore") -> Effect | Distance:
    r"""Jensen-Shannon distance, base 2.

    .. math:: JS = \sqrt{\tfrac12 \sum_i p_i \log_2 \frac{2 p_i}{p_i + q_i}
              + \tfrac12 \sum_i q_i \log_2 \frac{2 q_i}{p_i + q_i}}

    in [0, 1]: a metric (Endres and Schindelin, 2003), equal to ``scipy.spatial.distance.jensenshannon(p, q, base=2)``
    of the shares. Cells as in :func:`psi`. ``definition`` may be "evidently", "nannyml", "tfdv" or "scipy" (base e).

    >>> from ctcore import drift
    >>> drift.jensen_shannon(["a", "a"], ["b", "b"]).statistic
    1.0
    """
    if definition not in ("ctcore", "scipy"):
        return Distance(*_definitions.of("jensen_shannon", definition, reference, current))
    reference_counts, current_counts, names = _cells(reference, current, cells)
    found = _core.jensen_shannon(reference_counts, current_counts)
    if definition == "scipy":
        said = _counted("jensen_shannon", len(names), log="e", form="distance", definition="scipy")
        return Distance(float(found[0] * np.sqrt(np.log(2))), said)
    return Effect(*found, _counted("jensen_shannon", len(names), log="2", form="distance"))


def kullback_leibler(
    reference: Any, current: Any, *, cells: int = 10, smoothing: Smoothing = "jeffreys", definition: str = "ctcore"
) -> Distance:
    r"""Kullback-Leibler divergence of the current data from the reference, in nats.

    .. math:: KL(p \| q) = \sum_i p_i \ln (p_i / q_i)

    with ``p`` the reference's shares and ``q`` the current ones; it changes when the sides are swapped. Cells and
    smoothing as in :func:`psi`. ``definition`` may be "evidently" or "scipy" (``scipy.stats.entropy(p, q)``: no
    smoothing).

    >>> from ctcore import drift
    >>> drift.kullback_leibler(["a"], ["a", "b"], smoothing="none").statistic
    0.6931471805599453
    """
    if definition not in ("ctcore", "scipy"):
        return Distance(*_definitions.of("kullback_leibler", definition, reference, current))
    if definition == "scipy":
        smoothing = "none"
    reference_counts, current_counts, names = _cells(reference, current, cells)
    found = _core.kullback_leibler(reference_counts, current_counts, smoothing)
    said = _counted(
        "kullback_leibler",
        len(names),
        log="e",
        direction="reference || current",
        smoothing=smoothing,
        definition=definition,
    )
    return Distance(found, said)


def hellinger(reference: Any, current: Any, *, cells: int = 10, definition: str = "ctcore") -> Distance:
    r"""Hellinger distance.

    .. math:: H = \sqrt{\tfrac12 \sum_i (\sqrt{p_i} - \sqrt{q_i})^2}

    in [0, 1]. Cells as in :func:`psi`. ``definition`` may be "evidently" or "nannyml".

    >>> from ctcore import drift
    >>> drift.hellinger(["a", "a"], ["b", "b"]).statistic
    1.0
    """
    if definition != "ctcore":
        return Distance(*_definitions.of("hellinger", definition, reference, current))
    reference_counts, current_counts, names = _cells(reference, current, cells)
    return Distance(_core.hellinger(reference_counts, current_counts), _counted("hellinger", len(names)))


def total_variation(reference: Any, current: Any, *, cells: int = 10) -> Distance:
    r"""Total variation distance, :math:`\tfrac12 \sum_i |p_i - q_i|`.

    The share of the rows that would have to change their cell, in [0, 1]. Cells as in :func:`psi`.

    >>> from ctcore import drift
    >>> drift.total_variation(["a", "b"], ["a", "a", "a", "b"]).statistic
    0.25
    """
    reference_counts, current_counts, names = _cells(reference, current, cells)
    return Distance(_core.total_variation(reference_counts, current_counts), _counted("total_variation", len(names)))


def l_infinity(reference: Any, current: Any, *, cells: int = 10, definition: str = "ctcore") -> LInfinity:
    r"""The largest change of a share, :math:`\max_i |p_i - q_i|`, and where it is.

    Numbers are counted in cells as in :func:`psi`; categories one by one, new ones too. ``definition`` may be
    "nannyml" or "tfdv", which count the distinct values of both sides.

    >>> from ctcore import drift
    >>> found = drift.l_infinity(["a", "a", "b", "b"], ["a", "a", "b", "c"])
    >>> found.statistic, found.location
    (0.25, 'b')
    """
    if definition != "ctcore":
        (statistic, location), said = _definitions.of("l_infinity", definition, reference, current)
        return LInfinity(statistic, location, said)
    reference_counts, current_counts, names = _table(reference, current, cells)
    statistic, cell = _core.l_infinity(reference_counts, current_counts)
    return LInfinity(statistic, names[cell], _counted("l_infinity", len(names)))


def cell_statistics(reference: Any, current: Any, *, cells: int = 10) -> CellStatistics:
    """All statistics of cells from one count of each side. Cells as in :func:`psi`.

    >>> from ctcore import drift
    >>> found = drift.cell_statistics([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0], cells=2)
    >>> found.total_variation.statistic, found.psi == drift.psi([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0], cells=2)
    (0.5, True)
    """
    frozen, counted = _frozen(reference, current, cells)
    return CellStatistics(
        psi=cast("Effect", psi(frozen, counted)),
        jensen_shannon=cast("Effect", jensen_shannon(frozen, counted)),
        kullback_leibler=kullback_leibler(frozen, counted),
        hellinger=hellinger(frozen, counted),
        total_variation=total_variation(frozen, counted),
    )


def ks(reference: Any, current: Any, *, method: Method = "auto", definition: str = "ctcore") -> Ks | Distance:
    r"""Two-sample Kolmogorov-Smirnov statistic, exact.

    .. math:: D = \sup_x |F(x) - G(x)|

    over the finite values. The p-value is exact (counted lattice paths) while the product of the sizes is at most 10
    million, else by the limit law; with ties it is conservative. ``definition`` may be "scipy" (the same statistic, and
    exact while no side has more than 10,000 values), "deepchecks" (the same statistic) or "nannyml" (binned from
    10,000 rows of the reference on).

    >>> from ctcore import drift
    >>> drift.ks([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0])
    Ks(statistic=0.5, p_value=0.771428571428571..., method='exact', location=2.0, sign=1)
    """
    if definition not in ("ctcore", "scipy"):
        return Distance(*_definitions.of("ks", definition, reference, current))
    reference, current = as_column(reference), as_column(current)
    if definition == "scipy" and method == "auto":
        method = "exact" if max(len(reference), len(current)) <= _definitions.SCIPY_EXACT_KS else "asymptotic"
    return Ks(*_core.ks(reference, current, method))


def kuiper(reference: Any, current: Any) -> Significance:
    r"""Two-sample Kuiper statistic.

    .. math:: V = \sup_x (F(x) - G(x)) + \sup_x (G(x) - F(x))

    As sensitive in the tails as at the median, and the same wherever a circle (hours, weekdays) is cut. The p-value is
    by the limit law.

    >>> from ctcore import drift
    >>> drift.kuiper([2.0, 3.0], [1.0, 4.0]).statistic
    1.0
    """
    return Significance(*_core.kuiper(as_column(reference), as_column(current)), {"statistic": "kuiper"})


def cramer_von_mises(
    reference: Any, current: Any, *, method: Method = "auto", definition: str = "ctcore"
) -> Significance:
    """Two-sample Cramer-von Mises statistic T (Anderson, 1962), by mean ranks where values tie.

    Equal to ``scipy.stats.cramervonmises_2samp``. The p-value is exact while no side has more than 20 values
    (``"exact"`` goes to 50 values together), else by the limit law with the exact mean and variance; where scipy says
    ``1 - cdf``, this is the tail itself. ``definition`` may be "scipy": the same number.

    >>> from ctcore import drift
    >>> found = drift.cramer_von_mises([1.0, 2.0], [3.0, 4.0])
    >>> found.statistic, found.p_value, found.method
    (0.375, 0.333333333333333..., 'exact')
    """
    _definitions.same("cramer_von_mises", definition, ("scipy",))
    found = _core.cramer_von_mises(as_column(reference), as_column(current), method)
    return Significance(*found, {"statistic": "cramer_von_mises", "definition": definition})


def anderson_darling(reference: Any, current: Any, *, definition: str = "ctcore") -> Significance:
    """Two-sample Anderson-Darling statistic, standardised, by mean ranks (Scholz and Stephens, 1987, equation 7).

    Equal to ``scipy.stats.anderson_ksamp``. The p-value is by the limit law; ``definition="scipy"`` or "evidently"
    gives theirs, interpolated and clamped to [0.001, 0.25].

    >>> from ctcore import drift
    >>> drift.anderson_darling([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).p_value < 0.05
    True
    """
    _definitions.same("anderson_darling", definition, ("scipy", "evidently"))
    statistic, p_value, method = _core.anderson_darling(as_column(reference), as_column(current))
    if definition != "ctcore":
        p_value, method = _definitions.anderson_darling_p(statistic), "interpolated"
    return Significance(statistic, p_value, method, {"statistic": "anderson_darling", "definition": definition})


def wasserstein(
    reference: Any, current: Any, *, scale: Literal["none", "std"] = "none", definition: str = "ctcore"
) -> Distance:
    r"""Wasserstein distance of order 1, :math:`\int |F(x) - G(x)| dx`: how far the average value has to move.

    In the unit of the values, equal to ``scipy.stats.wasserstein_distance``; with ``scale="std"`` in standard
    deviations of the reference (of ``n - 1``). ``definition`` may be "scipy", "evidently" (over the standard deviation
    of ``n``, floored at 0.001), "nannyml" (binned from 10,000 rows on) or "deepchecks" (tails cut, over the pooled
    range).

    >>> from ctcore import drift
    >>> drift.wasserstein([0.0, 1.0], [5.0, 6.0]).statistic
    5.0
    """
    if definition not in ("ctcore", "scipy"):
        return Distance(*_definitions.of("wasserstein", definition, reference, current))
    if scale not in ("none", "std"):
        raise ArgumentError(f'scale: must be "none" or "std", found {scale!r}')
    reference, current = as_column(reference), as_column(current)
    statistic = _core.wasserstein(reference, current)
    if scale == "std":
        column = _core.profile_column("reference", reference, cells=2, limit=1)
        if column["squares"] == 0.0:
            raise ArgumentError('scale: the reference does not vary, so it has no scale; use "none"')
        statistic /= float(np.sqrt(column["squares"] / (column["finite"] - 1)))
    return Distance(statistic, {"statistic": "wasserstein", "order": 1, "scale": scale, "definition": definition})


def energy(reference: Any, current: Any, *, definition: str = "ctcore") -> Distance:
    r"""Energy distance, :math:`\sqrt{2 \int (F(x) - G(x))^2 dx}` (Szekely and Rizzo, 2013).

    In the root of the unit of the values. Equal to ``scipy.stats.energy_distance``, which is also Evidently's "ed".

    >>> from ctcore import drift
    >>> drift.energy([0.0], [2.0]).statistic
    2.0
    """
    _definitions.same("energy", definition, ("scipy", "evidently"))
    found = _core.energy(as_column(reference), as_column(current))
    return Distance(found, {"statistic": "energy", "definition": definition})


def mann_whitney(
    reference: Any, current: Any, *, method: Method = "auto", definition: str = "ctcore"
) -> MannWhitney | Significance:
    """Mann-Whitney U of the reference, two-sided, with the AUC as its effect.

    Equal to ``scipy.stats.mannwhitneyu(reference, current)``. The p-value is exact where one side has at most 8 values,
    nothing ties and the other has at most about a thousand; else normal, with corrections for ties and continuity.
    ``definition`` may be "scipy", or "evidently", which looks one way only: current values that are larger.

    >>> from ctcore import drift
    >>> drift.mann_whitney([1.0, 2.0], [2.0, 3.0]).auc
    0.875
    """
    if definition == "evidently":
        return Significance(*_definitions.mann_whitney_less(reference, current))
    _definitions.same("mann_whitney", definition, ("scipy",))
    return MannWhitney(*_core.mann_whitney(as_column(reference), as_column(current), method))


def rank_statistics(reference: Any, current: Any, *, method: Method = "auto") -> RankStatistics:
    """All rank statistics from one sort of each side and one walk through both.

    >>> from ctcore import drift
    >>> found = drift.rank_statistics([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    >>> found.wasserstein.statistic, found.ks == drift.ks([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    (1.0, True)
    """
    found = _core.rank_statistics(as_column(reference), as_column(current), method)
    anderson = found["anderson_darling"]
    same = {"definition": "ctcore"}
    return RankStatistics(
        ks=Ks(*found["ks"]),
        kuiper=Significance(*found["kuiper"], {"statistic": "kuiper"}),
        cramer_von_mises=Significance(*found["cramer_von_mises"], {"statistic": "cramer_von_mises"} | same),
        anderson_darling=None
        if anderson is None
        else Significance(*anderson, {"statistic": "anderson_darling"} | same),
        wasserstein=Distance(found["wasserstein"], {"statistic": "wasserstein", "order": 1, "scale": "none"} | same),
        energy=Distance(found["energy"], {"statistic": "energy"} | same),
        mann_whitney=MannWhitney(*found["mann_whitney"]),
    )


def welch_t(reference: Any, current: Any, *, definition: str = "ctcore") -> Significance:
    r"""Welch's t-test of equal means without equal variances.

    .. math:: t = (\bar x - \bar y) / \sqrt{s_x^2 / n + s_y^2 / m}

    positive where the reference's mean is larger; equal to ``scipy.stats.ttest_ind(..., equal_var=False)``.
    ``definition`` may be "scipy", or "evidently" (Student's test, which takes the variances for equal).

    >>> from ctcore import drift
    >>> drift.welch_t([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]).statistic
    -1.224744871391589
    """
    if definition == "evidently":
        return Significance(*_definitions.student_t(reference, current))
    _definitions.same("welch_t", definition, ("scipy",))
    statistic, p_value, df = _core.welch_t(as_column(reference), as_column(current))
    return Significance(statistic, p_value, "asymptotic", {"statistic": "welch_t", "df": df, "definition": definition})


def levene(reference: Any, current: Any) -> Significance:
    """Levene's test of equal spread with medians (Brown and Forsythe, 1974); ``scipy.stats.levene``.

    >>> from ctcore import drift
    >>> round(drift.levene([1.0, 2.0, 3.0], [0.0, 2.0, 4.0]).statistic, 12)
    0.8
    """
    statistic, p_value = _core.levene(as_column(reference), as_column(current))
    return Significance(statistic, p_value, "asymptotic", {"statistic": "levene", "center": "median"})


def chi2(
    reference: Any, current: Any, *, cells: int = 10, correction: bool = False, definition: str = "ctcore"
) -> Significance:
    """Pearson's chi-square of homogeneity: whether both sides draw from one distribution.

    Never a test of fit, which would take the reference for exact. Numbers are counted in cells as in :func:`psi`,
    categories one by one. ``correction`` is Yates', for one degree of freedom. Equal to
    ``scipy.stats.chi2_contingency``. ``definition`` may be "scipy" or "nannyml" (with Yates' correction), or
    "evidently" (a test of fit).

    >>> from ctcore import drift
    >>> found = drift.chi2(["a"] * 10 + ["b"] * 20, ["a"] * 20 + ["b"] * 10)
    >>> round(found.statistic, 6), round(found.p_value, 6)
    (6.666667, 0.009823)
    """
    if definition == "evidently":
        return Significance(*_definitions.goodness_of_fit(reference, current))
    return _homogeneity("chi2", reference, current, cells, correction, definition)


def g_test(
    reference: Any, current: Any, *, cells: int = 10, correction: bool = False, definition: str = "ctcore"
) -> Significance:
    """Likelihood-ratio (G) test of homogeneity; cells and correction as in :func:`chi2`.

    Equal to ``scipy.stats.chi2_contingency(..., lambda_="log-likelihood")``.

    >>> from ctcore import drift
    >>> round(drift.g_test(["a"] * 10 + ["b"] * 20, ["a"] * 20 + ["b"] * 10).statistic, 6)
    6.795961
    """
    return _homogeneity("g_test", reference, current, cells, correction, definition)


def cramers_v(reference: Any, current: Any, *, cells: int = 10, definition: str = "ctcore") -> Distance:
    """Cramer's V of the two sides over categories, bias-corrected (Bergsma, 2013), in [0, 1].

    Cells as in :func:`chi2`. ``definition="deepchecks"`` first scales the larger side down and pools rare categories.

    >>> from ctcore import drift
    >>> drift.cramers_v(["a"] * 50, ["b"] * 50).statistic
    1.0
    """
    if definition != "ctcore":
        return Distance(*_definitions.of("cramers_v", definition, reference, current))
    reference_counts, current_counts, names = _table(reference, current, cells)
    found = _core.cramers_v(reference_counts, current_counts)
    return Distance(found, _counted("cramers_v", len(names), bias="corrected"))


def fisher_exact(reference: Any, current: Any) -> Significance:
    """Fisher's exact test of two categories, two-sided; ``.statistic`` is the odds ratio. ``scipy.stats.fisher_exact``.

    >>> from ctcore import drift
    >>> drift.fisher_exact(["a", "a", "a", "b"], ["a", "b", "b", "b"])
    Significance(statistic=9.0, p_value=0.485714285714285..., method='exact', definition={'statistic': 'fisher_exact'})
    """
    reference_counts, current_counts, names = _table(reference, current, 2)
    if len(names) > 2:
        raise ArgumentError(f"reference and current: must hold two categories together, found {names}; use chi2")
    sides = [counts + [0] * (2 - len(names)) for counts in (reference_counts, current_counts)]
    return Significance(*_core.fisher_exact(*sides), "exact", {"statistic": "fisher_exact"})


def _homogeneity(
    name: str, reference: Any, current: Any, cells: int, correction: bool, definition: str
) -> Significance:
    _definitions.same(name, definition, ("scipy", "nannyml") if name == "chi2" else ("scipy",))
    correction = correction or definition != "ctcore"
    reference_counts, current_counts, names = _table(reference, current, cells)
    statistic, df, p_value = getattr(_core, name)(reference_counts, current_counts, correction)
    said = _counted(name, len(names), df=df, correction=correction, definition=definition)
    return Significance(statistic, p_value, "asymptotic", said)


def _counted(statistic: str, cells: int, *, definition: str = "ctcore", **more: Any) -> dict[str, Any]:
    return {"statistic": statistic, "cells": cells, "definition": definition, **more}


def _cells(reference: Any, current: Any, cells: int) -> tuple[list[int], list[int], list[Any]]:
    """Count both sides on cells frozen on the reference, and name the cells."""
    return cell_counts(*_frozen(reference, current, cells))


def _frozen(reference: Any, current: Any, cells: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Freeze cells on the reference and count the current data on them, where that was not done before."""
    if cells < 2:
        raise ArgumentError(f"cells: must be at least 2, found {cells}")
    if not isinstance(reference, dict):
        reference = _core.profile_column("reference", as_column(reference), cells=cells, limit=_ALL_CATEGORIES)
    if not isinstance(current, dict):
        if reference["kind"] != "number":
            return reference, _core.profile_column_like("current", as_column(current), reference)
        counts = _core.count_cells("current", as_column(current), reference["edges"])
        return reference, {"kind": "number", "edges": reference["edges"], "counts": counts}
    if frozen_on(current) != frozen_on(reference):
        raise ArgumentError("current: its cells are not those of the reference; profile it with like= the reference")
    return reference, current


def frozen_on(column: dict[str, Any]) -> Any:
    """Give what the cells of a profiled column are made of."""
    return column["edges"] if column["kind"] == "number" else column["counts"].keys()


def _table(reference: Any, current: Any, cells: int) -> tuple[list[int], list[int], list[Any]]:
    """Count both sides on cells frozen on the reference for numbers, on the categories of both otherwise."""
    if cells < 2:
        raise ArgumentError(f"cells: must be at least 2, found {cells}")
    frozen = _core.profile_column("reference", as_column(reference), cells=cells, limit=_ALL_CATEGORIES)
    if frozen["kind"] == "number":
        return cell_counts(frozen, _core.profile_column_like("current", as_column(current), frozen))
    counted = _core.profile_column("current", as_column(current), cells=cells, limit=_ALL_CATEGORIES)
    if counted["kind"] != "category":
        raise ArgumentError("current: the reference holds categories, current holds numbers")
    names = sorted(frozen["counts"].keys() | counted["counts"].keys())
    return [frozen["counts"].get(name, 0) for name in names], [counted["counts"].get(name, 0) for name in names], names


def cell_counts(reference: dict[str, Any], current: dict[str, Any]) -> tuple[list[int], list[int], list[Any]]:
    """Give the counts of two profiles of one column on their common cells, and the cells' names."""
    if reference["kind"] == "number":
        edges = [None, *reference["edges"], None]
        return reference["counts"], current["counts"], list(pairwise(edges))
    names: list[Any] = list(reference["counts"])
    sides = [[*profile["counts"].values(), profile["rest"]] for profile in (reference, current)]
    if reference["rest"] == current["rest"] == 0:
        return sides[0][:-1], sides[1][:-1], names
    return sides[0], sides[1], [*names, None]


def cell_bounds(column: dict[str, Any]) -> tuple[list[int], list[int]] | None:
    """Give the least and the most that the counts of a profile's cells may truly be; nothing where they are exact.

    The cells are those of :func:`cell_counts`, the rest of the categories included.
    """
    if column["kind"] == "category":
        counts, rest = column["counts"].values(), column["rest"]
        short = min(column["short"], rest)
        if not short:
            return None
        return [*counts, max(rest - short * len(counts), 0)], [*(count + short for count in counts), rest]
    fine = column["quantiles"]
    slack = {edge: (under, over) for edge, under, over in fine["slack"]}
    if {fine["edges"][edge] for edge in slack}.isdisjoint(column["edges"]):
        return None
    ranks = {}
    for edge, (value, rank) in enumerate(zip(fine["edges"], accumulate(fine["counts"]), strict=False)):
        under, over = slack.get(edge, (0, 0))
        ranks[value] = rank - under, rank + over
    whole = sum(fine["counts"])
    ends = [(0, 0), *(ranks[edge] for edge in column["edges"]), (whole, whole)]
    cells = list(pairwise(ends))
    return [max(end[0] - start[1], 0) for start, end in cells], [end[1] - start[0] for start, end in cells]


def as_column(values: Any) -> Any:
    """Leave what the core reads as it is; strings, booleans and sequences go through Arrow or numpy."""
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return values
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return np.ascontiguousarray(array)
    import pyarrow as pa  # noqa: PLC0415 - heavy, and needed for strings alone

    return pa.array(values)
