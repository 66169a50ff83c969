"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ctcore.verdict import Check, Report, Verdict, plain


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a column: its name and the share of each side's values."""

    name: str
    reference: float
    current: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """What was found in one column."""

    name: str
    kind: str
    checks: tuple[Check, ...]
    statistics: dict[str, float | None]
    """Statistics that are shown beside the decision: Jensen-Shannon, KS with its location."""
    words: str
    """What changed, as a person would say it."""
    distribution: tuple[Cell, ...] = ()
    """Both distributions, for the eye: at most twenty cells."""
    p_value: float | None = None
    """Of the hypothesis that the primary statistic is at most its tolerance."""
    primary: str | None = None
    """The statistic that decided."""
    if_rows_were_independent: Check | None = None
    """The decision that rows would give where days gave it: shown, never counted."""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the column's checks."""
        return Report(checks=self.checks).verdict

    @property
    def decision(self) -> Check | None:
        """The check on the primary statistic, if there was anything to compare."""
        return next((check for check in self.checks if check.id == f"drift.{self.name}.{self.primary}"), None)

    def to_dict(self) -> dict[str, Any]:
        """Give the column as plain JSON values."""
        alone = self.if_rows_were_independent
        return {
            "name": self.name,
            "kind": self.kind,
            "verdict": self.verdict.value,
            "primary": self.primary,
            "words": self.words,
            "statistics": plain(self.statistics),
            "checks": [check.to_dict() for check in self.checks],
            "if_rows_were_independent": alone.to_dict() if alone else None,
            "distribution": [
                {"cell": cell.name, "reference": cell.reference, "current": cell.current} for cell in self.distribution
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport(Report):
    """The columns, and what follows for the whole."""

    kind: ClassVar[str] = "drift"
    columns: tuple[ColumnDrift, ...] = field(default=())
    reference_rows: int = 0
    current_rows: int = 0
    reference_days: int | None = None
    """Days with rows, where a time column made days the unit."""
    current_days: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        # Spelled out: a dataclass with slots is made anew, so plain super() would look in the old class.
        base = super(DriftReport, self).to_dict()
        return base | {
            "reference_rows": self.reference_rows,
            "current_rows": self.current_rows,
            "reference_days": self.reference_days,
            "current_days": self.current_days,
            "columns": [column.to_dict() for column in self.columns],
        }
