"""Profiles: what a later comparison needs of a table, and nothing of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ctcore import _core
from ctcore.errors import ArgumentError, ColumnTypeError, DataError

FORMAT = 1
CELLS = 10
CATEGORIES = 1_000


@dataclass(frozen=True, slots=True)
class Profile:
    """Summaries of the columns of a table on frozen cells. Profiles on the same cells merge exactly."""

    columns: dict[str, dict[str, Any]]
    skipped: dict[str, str]
    """Columns that have no profile, each with the reason."""

    def merge(self, other: Profile) -> Profile:
        """Give the profile of both sides' rows together."""
        if self.columns.keys() != other.columns.keys():
            differ = sorted(self.columns.keys() ^ other.columns.keys())
            raise ArgumentError(f"other: both profiles must have the same columns; these are in one only: {differ}")
        merged = {name: _core.merge_profiles(column, other.columns[name]) for name, column in self.columns.items()}
        return Profile(merged, self.skipped | other.skipped)

    def to_dict(self) -> dict[str, Any]:
        """Give the profile as plain JSON values."""
        return {"format": FORMAT, "kind": "profile", "columns": self.columns, "skipped": self.skipped}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Profile:
        """Read what ``to_dict`` gave."""
        if stored.get("kind") != "profile" or stored.get("format") != FORMAT:
            raise DataError(
                f'profile: expected kind "profile" of format {FORMAT}, found kind {stored.get("kind")!r} of format '
                f"{stored.get('format')!r}; it was made by another version of ctcore, or is something else"
            )
        return cls(stored["columns"], stored["skipped"])


def profile(table: Any, *, like: Profile | None = None, cells: int = CELLS, categories: int = CATEGORIES) -> Profile:
    """Summarise a table (pyarrow, or anything with ``column_names`` and ``[]`` giving Arrow columns).

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    like : Profile, optional
        Count on the cells of this profile, and of its columns alone; a column that the table lacks, or that has
        become of another kind, is in ``skipped``. Without it cells are frozen on this table.
    cells : int
        Cells of equal mass for a column of numbers.
    categories : int
        Categories that are kept one by one for the other columns, the most frequent; the rest is one number.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ctcore import drift
    >>> reference = drift.profile(pa.table({"x": [1.0, 2.0, None], "c": ["a", "b", "a"]}))
    >>> reference.columns["x"]["nulls"], reference.columns["c"]["counts"]
    (1, {'a': 2, 'b': 1})
    """
    columns, skipped = {}, {}
    for name in table.column_names if like is None else like.columns:
        try:
            if like is None:
                columns[name] = _core.profile_column(name, table[name], cells=cells, limit=categories)
            elif name in table.column_names:
                columns[name] = _core.profile_column_like(name, table[name], like.columns[name])
            else:
                skipped[name] = "the column is missing"
        except ColumnTypeError as error:
            skipped[name] = str(error)
    return Profile(columns, skipped)
