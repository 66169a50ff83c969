"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    refined: bool = False
    """Whether its rows were read, since profiles could not decide."""

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
            "refined": self.refined,
            "distribution": [
                {"cell": cell.name, "reference": cell.reference, "current": cell.current} for cell in self.distribution
            ],
        }


@dataclass(frozen=True, slots=True)
class Span:
    """One span of the data."""

    start: datetime
    rows: int
    from_reference: dict[str, Check]
    """Each column's primary decision against the reference: has it moved from training?"""
    since_last: dict[str, Check]
    """The same against the span before; empty for the first."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Drift over time."""

    time_column: str
    every: timedelta
    spans: tuple[Span, ...]
    learned: dict[str, float]
    """Tolerances that the reference's own spans teach, where they are above the ones that were set."""

    def not_run(self, name: str) -> str | None:
        """Say why a column was compared in no span at all; nothing where it was."""
        checks = [span.from_reference[name] for span in self.spans if name in span.from_reference]
        not_run = bool(checks) and all(check.verdict is Verdict.NOT_RUN for check in checks)
        return checks[0].message if not_run else None

    def to_dict(self) -> dict[str, Any]:
        """Give the timeline as plain JSON values."""
        return {
            "time_column": self.time_column,
            "every_seconds": self.every.total_seconds(),
            "learned": plain(self.learned),
            "spans": [
                {
                    "start": span.start.isoformat(),
                    "rows": span.rows,
                    "from_reference": {name: _short(check) for name, check in span.from_reference.items()},
                    "since_last": {name: _short(check) for name, check in span.since_last.items()},
                }
                for span in self.spans
            ],
        }


def _short(check: Check) -> dict[str, Any]:
    found = check.to_dict()
    return {key: found[key] for key in ("verdict", "value", "lower", "upper", "threshold", "message")}


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
    timeline: Timeline | None = None
    """Spans of the current data, where that was asked for."""

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
            "timeline": self.timeline.to_dict() if self.timeline else None,
        }
