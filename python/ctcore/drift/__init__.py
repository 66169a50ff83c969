"""Drift: how far current data has moved from a reference.

One function a statistic takes two arrays (``psi``, ``ks``, ``chi2``, ...); ``rank_statistics`` gives all rank-based
ones from one sort. ``profile`` summarises a table on frozen cells, so that later data can be compared with it without
its rows. ``compare`` judges two tables (or a profile and a table) column by column: the decision is on the effect and
its interval, never on a p-value.
"""

from ctcore.drift._classifier import DomainClassifier, domain_classifier
from ctcore.drift._compare import compare
from ctcore.drift._profile import Profile, profile
from ctcore.drift._report import Cell, ColumnDrift, DriftReport, Span, Timeline
from ctcore.drift._spans import same_season
from ctcore.drift._statistics import (
    Distance,
    Effect,
    Ks,
    LInfinity,
    MannWhitney,
    RankStatistics,
    Significance,
    anderson_darling,
    chi2,
    cramer_von_mises,
    cramers_v,
    energy,
    fisher_exact,
    g_test,
    hellinger,
    jensen_shannon,
    ks,
    kuiper,
    kullback_leibler,
    l_infinity,
    levene,
    mann_whitney,
    psi,
    rank_statistics,
    total_variation,
    wasserstein,
    welch_t,
)
from ctcore.drift._timeline import timeline
from ctcore.drift._tolerances import STATISTICS, Tolerances

__all__ = [
    "STATISTICS",
    "Cell",
    "ColumnDrift",
    "Distance",
    "DomainClassifier",
    "DriftReport",
    "Effect",
    "Ks",
    "LInfinity",
    "MannWhitney",
    "Profile",
    "RankStatistics",
    "Significance",
    "Span",
    "Timeline",
    "Tolerances",
    "anderson_darling",
    "chi2",
    "compare",
    "cramer_von_mises",
    "cramers_v",
    "domain_classifier",
    "energy",
    "fisher_exact",
    "g_test",
    "hellinger",
    "jensen_shannon",
    "ks",
    "kuiper",
    "kullback_leibler",
    "l_infinity",
    "levene",
    "mann_whitney",
    "profile",
    "psi",
    "rank_statistics",
    "same_season",
    "timeline",
    "total_variation",
    "wasserstein",
    "welch_t",
]
