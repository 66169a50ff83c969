"""Drift: how far current data has moved from a reference.

One function a statistic takes two arrays (``psi``, ``ks``, ``chi2``, ...); ``cell_statistics`` gives those of cells
from one count, ``rank_statistics`` all rank-based ones from one sort. ``profile`` summarises a table or a stream in one
pass and bounded memory, so that later data can be compared with it without its rows. ``compare`` judges two tables,
streams or profiles column by column: the decision is on the effect and its interval, never on a p-value.
"""

from ctcore.drift._classifier import DomainClassifier, domain_classifier
from ctcore.drift._compare import compare
from ctcore.drift._profile import Bounds, Profile, auc_bounds, ks_bounds, profile, wasserstein_bounds
from ctcore.drift._report import Cell, ColumnDrift, DriftReport, Span, Timeline
from ctcore.drift._spans import same_season
from ctcore.drift._statistics import (
    CellStatistics,
    Distance,
    Effect,
    Ks,
    LInfinity,
    MannWhitney,
    RankStatistics,
    Significance,
    anderson_darling,
    cell_statistics,
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
    "Bounds",
    "Cell",
    "CellStatistics",
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
    "auc_bounds",
    "cell_statistics",
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
    "ks_bounds",
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
    "wasserstein_bounds",
    "welch_t",
]
