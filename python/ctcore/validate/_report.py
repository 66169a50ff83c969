"""What a validation answers: a check for every rule, and what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from ctcore.validate._history import Batch
from ctcore.verdict import Report, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """How a rule was broken."""

    count: int
    """Rows that break it; of a key those that repeat an earlier row."""
    asked: int
    """Rows that it was asked of."""
    examples: tuple[tuple[int, str], ...] = ()
    """The first rows that break it, counted from 0, with what stands there."""
    exact: bool = True
    """Always: the scan counts all rows and samples none."""

    @property
    def share(self) -> float:
        """The share of the rows that break the rule; of no rows, 0."""
        return self.count / self.asked if self.asked else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "count": self.count,
            "asked": self.asked,
            "share": self.share,
            "exact": self.exact,
            "examples": [{"row": row, "value": value} for row, value in self.examples],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport(Report):
    """One check for every rule of the contract."""

    kind: ClassVar[str] = "validation"
    contract: str = ""
    """The contract's id and version."""
    rows: int = 0
    column_chunks: int = 0
    """Parts of the files that rules were asked of: a column in a row group of Parquet; of other data 0."""
    answered_by_statistics: int = 0
    """Those of them that were not decoded, since the file's statistics say that no row breaks a rule."""
    broken: Mapping[str, Broken] = field(default_factory=dict)
    """For each rule that counts rows, by the check's id: how many break it, and which first."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was measured: ``rowCount``, ``COLUMN.completeness`` and so on."""
    refused: bool = False
    """Whether a rule failed other than those on the history."""
    rejecting: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """The rules about rows and keys that failed, as the core takes them: what a quarantine parts the rows by."""

    def batch(self, time: datetime) -> Batch:
        """Give what a history keeps of these rows, which are of a time."""
        return Batch(time=time, metrics=self.metrics, refused=self.refused)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        base = super(ValidationReport, self).to_dict()
        broken = {id_: each.to_dict() for id_, each in self.broken.items()}
        return base | {
            "contract": self.contract,
            "rows": self.rows,
            "column_chunks": self.column_chunks,
            "answered_by_statistics": self.answered_by_statistics,
            "broken": broken,
            "metrics": plain(dict(self.metrics)),
            "refused": self.refused,
        }
