"""Drift: how far current data has moved from a reference.

``psi``, ``ks`` and ``jensen_shannon`` give one statistic of two arrays. ``profile`` summarises a table on frozen cells,
so that later data can be compared with it without its rows. ``compare`` judges two tables (or a profile and a table)
column by column: the decision is on the effect and its interval, never on a p-value.
"""

from ctcore.drift._compare import ColumnDrift, DriftReport, Tolerances, compare
from ctcore.drift._profile import Profile, profile
from ctcore.drift._statistics import Effect, Ks, jensen_shannon, ks, psi

__all__ = [
    "ColumnDrift",
    "DriftReport",
    "Effect",
    "Ks",
    "Profile",
    "Tolerances",
    "compare",
    "jensen_shannon",
    "ks",
    "profile",
    "psi",
]
