"""How much drift is too much, and by which statistic a column is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from ctcore.errors import ArgumentError, did_you_mean

NumberStatistic = Literal["psi", "ks", "total_variation", "wasserstein", "jensen_shannon", "hellinger", "auc"]
CategoryStatistic = Literal["jensen_shannon", "total_variation", "psi", "hellinger", "cramers_v"]

NUMBERS: tuple[str, ...] = get_args(NumberStatistic)
CATEGORIES: tuple[str, ...] = get_args(CategoryStatistic)
STATISTICS = {"numbers": NUMBERS, "categories": CATEGORIES}
"""What can judge a column, by what it holds."""
RANKS = ("ks", "wasserstein", "auc")
"""Statistics of the values themselves; the others are of counted cells."""
TITLES = {
    "psi": "PSI",
    "ks": "KS",
    "total_variation": "total variation",
    "wasserstein": "Wasserstein / sd",
    "jensen_shannon": "Jensen-Shannon distance",
    "hellinger": "Hellinger distance",
    "auc": "|AUC - 1/2|",
    "cramers_v": "Cramer's V",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much drift is too much: the effect of a shift of a normal by 0.2 standard deviations.

    The defaults are one family: whichever statistic judges a column, the same shift is at its tolerance.
    """

    numbers: NumberStatistic = "psi"
    """The primary statistic of columns of numbers and times."""
    categories: CategoryStatistic = "jensen_shannon"
    """The primary statistic of strings and booleans."""
    psi: float = 0.04
    """Ten cells of equal mass on the reference."""
    ks: float = 0.08
    total_variation: float = 0.08
    wasserstein: float = 0.20
    """In standard deviations of the reference."""
    jensen_shannon: float = 0.085
    """The distance, base 2."""
    hellinger: float = 0.07
    auc: float = 0.056
    """The distance of the area under the ROC curve from 1/2."""
    cramers_v: float = 0.10
    """With both sides of equal weight, so that it does not depend on how many rows there are."""
    missing_share: float = 0.01
    """Of rows without a usable value; also of those that are NaN and of those that are infinite."""
    unseen_share: float = 0.01
    out_of_range_share: float = 0.01
    """Of the numbers below the smallest and above the largest value of the reference."""
    column_share: float = 0.2
    """The dataset has drifted when columns with at least this share of the importance have."""
    false_discovery_rate: float = 0.05
    """The share of wrong ones among the columns that are said to have failed."""
    columns: dict[str, float] = field(default_factory=dict)
    """Tolerances of single columns, of their primary statistic."""
    statistics: dict[str, str] = field(default_factory=dict)
    """Primary statistics of single columns."""

    def __post_init__(self) -> None:
        for name, known in (("numbers", NUMBERS), ("categories", CATEGORIES)):
            if getattr(self, name) not in known:
                raise ArgumentError(f"{name}: there is no statistic {getattr(self, name)!r}; {_one_of(known)}")
        for column, statistic in self.statistics.items():
            if statistic not in TITLES:
                raise ArgumentError(
                    f"statistics: {column}: there is no statistic {statistic!r}; {did_you_mean(statistic, TITLES)}"
                )
        named = {name: getattr(self, name) for name in (*TITLES, "missing_share", "unseen_share", "out_of_range_share")}
        for name, tolerance in (named | self.columns).items():
            if not 0 < tolerance < float("inf"):
                raise ArgumentError(f"{name}: a tolerance is a number above 0, found {tolerance}")

    def statistic(self, column: str, kind: str) -> str:
        """Give the primary statistic of a column of some kind, ``"number"`` or ``"category"``."""
        chosen = self.statistics.get(column, self.numbers if kind == "number" else self.categories)
        known = NUMBERS if kind == "number" else CATEGORIES
        if chosen not in known:
            plural = "numbers" if kind == "number" else "categories"
            raise ArgumentError(f"statistics: {column} holds {plural}, which {chosen} does not judge; {_one_of(known)}")
        return chosen

    def of(self, column: str, statistic: str) -> float:
        """Give the tolerance of a column's primary statistic."""
        tolerance: float = self.columns.get(column, getattr(self, statistic))
        return tolerance


def _one_of(known: tuple[str, ...]) -> str:
    return f"choose one of {', '.join(known)}"
