"""Profiles: what a later comparison needs of a table, and nothing of its rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ctcore import _core
from ctcore.arrow import importable
from ctcore.drift._statistics import frozen_on
from ctcore.errors import ArgumentError, DataError, did_you_mean

FORMAT = 3
CELLS = 10
CATEGORIES = 1_000
_MOST_CELLS = 1_000
_MISSING = "the column is missing"


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval that contains a number for certain: no confidence, no chance."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Profile:
    """Summaries of the columns of a table, of bounded size whatever the number of rows.

    A column of numbers has its exact moments, smallest and largest value, counts in about a thousand cells that follow
    the data, and the number of different values; a column of categories its frequent categories, what is left, and the
    same number. Rows that are null, NaN or infinite are counted apart. What is not exact says by how much:

    - ``quantiles["rank_error"]``: the largest share of the values between two neighbouring borders, so that every
      quantile is known at least that well (:meth:`quantile`). About .002 unless the data is contrived.
    - ``short``: a category's count may be short by so many rows, at most one in 8,193 of all; they are in ``rest``. A
      category that was there from its first row on is counted exactly.
    - ``distinct``: exact up to 1,024 different values, then with a standard error of 1.6%.

    On the cells of another profile (``like=``) all counts are exact, and profiles of days, shards and machines merge to
    the profile of the whole.
    """

    columns: dict[str, dict[str, Any]]
    skipped: dict[str, str]
    """Columns that have no profile, each with the reason."""
    num_rows: int

    @property
    def column_names(self) -> list[str]:
        """The names of the data's columns, profiled or not."""
        return [*self.columns, *(name for name, reason in self.skipped.items() if reason != _MISSING)]

    def quantile(self, name: str, share: float) -> Bounds | None:
        """Give bounds of the value at rank ``ceil(share n)`` of a column's finite values; ``None`` without any.

        >>> import numpy as np
        >>> from ctcore import drift
        >>> found = drift.profile({"x": np.arange(1e5)}).quantile("x", 0.5)
        >>> 49_999 in found, found.high - found.low < 200
        (True, True)
        """
        if name not in self.columns:
            raise ArgumentError(f'name: there is no column "{name}"; {did_you_mean(name, list(self.columns))}')
        if not 0 <= share <= 1:
            raise ArgumentError(f"share: must lie in [0, 1], found {share}")
        found = _core.quantile(self.columns[name], share)
        return Bounds(*found) if found else None

    def merge(self, other: Profile) -> Profile:
        """Give the profile of both sides' rows together."""
        if self.columns.keys() != other.columns.keys():
            differ = sorted(self.columns.keys() ^ other.columns.keys())
            raise ArgumentError(f"other: both profiles must have the same columns; these are in one only: {differ}")
        merged = {
            name: _core.merge_profiles(column, other.columns[name]) | {"type": column["type"]}
            for name, column in self.columns.items()
        }
        return Profile(merged, self.skipped | other.skipped, self.num_rows + other.num_rows)

    def on_cells_of(self, reference: Profile) -> bool:
        """Whether each column that both have is counted on the same cells."""
        return all(
            _cells(column) == _cells(reference.columns[name])
            for name, column in self.columns.items()
            if name in reference.columns
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the profile as plain JSON values."""
        stored = {"columns": self.columns, "skipped": self.skipped, "rows": self.num_rows}
        return {"format": FORMAT, "kind": "profile", **stored}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Profile:
        """Read what ``to_dict`` gave."""
        if stored.get("kind") != "profile" or stored.get("format") != FORMAT:
            raise DataError(
                f'profile: expected kind "profile" of format {FORMAT}, found kind {stored.get("kind")!r} of format '
                f"{stored.get('format')!r}; it was made by another version of ctcore, or is something else"
            )
        try:
            columns, skipped, rows = stored["columns"], stored["skipped"], int(stored["rows"])
            for column in columns.values():
                _core.check_profile(column)
                if not isinstance(column["type"], str):
                    raise TypeError(f"type must be a name, found {column['type']!r}")
        except (ArgumentError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"profile: it is damaged: {type(error).__name__}: {error}") from error
        return cls(columns, skipped, rows)

    def to_json(self) -> str:
        """Give the profile as the text of a file: canonical JSON that carries the sha256 of the rest of it."""
        content = self.to_dict()
        return _canonical({"sha256": _digest(content), **content}) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Profile:
        """Read what ``to_json`` gave.

        >>> from ctcore import drift
        >>> profile = drift.profile({"x": [1.0, 2.0]})
        >>> drift.Profile.from_json(profile.to_json()) == profile
        True
        >>> drift.Profile.from_json(profile.to_json().replace("1.5", "1.6"))
        Traceback (most recent call last):
        ctcore.errors.DataError: profile: it was changed after it was made: its sha256 is not that of its content
        """
        try:
            stored = json.loads(text)
        except ValueError as error:
            raise DataError(f"profile: it is no JSON: {error}") from error
        if not isinstance(stored, dict):
            raise DataError(f"profile: expected a JSON object, found {type(stored).__name__}")
        said = stored.pop("sha256", None)
        profile = cls.from_dict(stored)
        if said != _digest(stored):
            raise DataError("profile: it was changed after it was made: its sha256 is not that of its content")
        return profile


def profile(
    data: Any,
    *,
    columns: list[str] | None = None,
    like: Profile | None = None,
    cells: int = CELLS,
    categories: int = CATEGORIES,
) -> Profile:
    """Summarise a table or a stream in one pass, in memory that does not grow with its rows.

    The result depends on the rows and their order alone: not on threads, and not on how the stream is cut into batches.

    Parameters
    ----------
    data : Arrow stream or dict of arrays
        Anything with ``__arrow_c_stream__``: a table or reader of pyarrow, a frame of polars or pandas, a relation of
        duckdb; or columns by name.
    columns : list of str, optional
        These columns alone.
    like : Profile, optional
        Count on the cells of this profile, and of its columns alone; a column that the data lacks, or that has
        become of another kind, is in ``skipped``, and so is one that the profile does not have. Without it cells are
        frozen on this data. A profile as ``data`` is given back if it is on these cells.
    cells : int
        Cells of about equal mass for a column of numbers, 2 to 1,000: what PSI and its like look at. Up to 65,536
        rows their borders are the exact order statistics.
    categories : int
        Categories that are kept one by one for the other columns, the most frequent; the rest is one number.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ctcore import drift
    >>> reference = drift.profile(pa.table({"x": [1.0, 2.0, None], "c": ["a", "b", "a"]}))
    >>> reference.columns["x"]["nulls"], reference.columns["c"]["counts"]
    (1, {'a': 2, 'b': 1})
    >>> monday = drift.profile({"x": [1.0], "c": ["a"]}, like=reference)
    >>> tuesday = drift.profile({"x": [5.0], "c": ["new"]}, like=reference)
    >>> monday.merge(tuesday).columns["c"]["rest"]
    1
    """
    if isinstance(data, Profile):
        return _given(data, columns, like)
    if not 2 <= cells <= _MOST_CELLS:
        raise ArgumentError(f"cells: must lie in 2 to {_MOST_CELLS:,}, found {cells}")
    if categories < 1:
        raise ArgumentError(f"categories: must be at least 1, found {categories}")
    if not hasattr(data, "__arrow_c_stream__") and not hasattr(data, "__arrow_c_array__"):
        import pyarrow as pa  # noqa: PLC0415 - heavy, and needed for plain columns alone

        data = pa.table(data)
    known = None if like is None else like.columns
    profiled, skipped, rows = _core.profile_stream(
        importable(data), columns=columns, like=known, cells=cells, categories=categories
    )
    return Profile(profiled, {name: reason or _MISSING for name, reason in skipped.items()}, rows)


def ks_bounds(reference: dict[str, Any], current: dict[str, Any]) -> Bounds:
    """Bound the Kolmogorov-Smirnov statistic (:func:`ks`) of two profiled columns on the same cells.

    The distribution functions are known at the borders of the cells and only rise between them, so the exact statistic
    lies inside, whatever the values were. Where each value has a cell of its own both ends are the statistic.

    >>> import numpy as np
    >>> from ctcore import drift
    >>> a, b = np.arange(10_000.0), np.arange(10_000.0) + 1_000
    >>> before = drift.profile({"x": a})
    >>> after = drift.profile({"x": b}, like=before)
    >>> found = drift.ks_bounds(before.columns["x"], after.columns["x"])
    >>> drift.ks(a, b).statistic in found, found.high - found.low < 0.003
    (True, True)
    """
    return Bounds(*_core.rank_bounds("ks", reference, current))


def wasserstein_bounds(reference: dict[str, Any], current: dict[str, Any]) -> Bounds:
    """Bound the Wasserstein distance (:func:`wasserstein`) of two profiled columns on the same cells.

    >>> import numpy as np
    >>> from ctcore import drift
    >>> a, b = np.arange(10_000.0), np.arange(10_000.0) + 1_000
    >>> before = drift.profile({"x": a})
    >>> after = drift.profile({"x": b}, like=before)
    >>> found = drift.wasserstein_bounds(before.columns["x"], after.columns["x"])
    >>> 1_000.0 in found, found.high < 1_100
    (True, True)
    """
    return Bounds(*_core.rank_bounds("wasserstein", reference, current))


def auc_bounds(reference: dict[str, Any], current: dict[str, Any]) -> Bounds:
    """Bound the AUC (``mann_whitney(...).auc``) of two profiled columns on the same cells.

    Values of different cells have an order; what values of one cell have among themselves is open.

    >>> import numpy as np
    >>> from ctcore import drift
    >>> a, b = np.arange(10_000.0), np.arange(10_000.0) + 1_000
    >>> before = drift.profile({"x": a})
    >>> after = drift.profile({"x": b}, like=before)
    >>> found = drift.auc_bounds(before.columns["x"], after.columns["x"])
    >>> drift.mann_whitney(a, b).auc in found, found.high - found.low < 0.001
    (True, True)
    """
    return Bounds(*_core.rank_bounds("auc", reference, current))


def _given(data: Profile, columns: list[str] | None, like: Profile | None) -> Profile:
    if like is not None and not data.on_cells_of(like):
        raise ArgumentError(
            "current: this profile is not on the cells of the reference, so the two cannot be compared. Make it with "
            "like= the reference (ctcore profile --like)"
        )
    if columns is None:
        return data
    kept = {name: column for name, column in data.columns.items() if name in columns}
    lacking = {name: _MISSING for name in columns if name not in data.column_names}
    skipped = {name: reason for name, reason in data.skipped.items() if name in columns}
    return Profile(kept, skipped | lacking, data.num_rows)


def _cells(column: dict[str, Any]) -> Any:
    fine = column["quantiles"]["edges"] if column["kind"] == "number" else None
    return frozen_on(column), fine


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(content).encode()).hexdigest()
