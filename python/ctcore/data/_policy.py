"""What rows a run sees."""

from __future__ import annotations

from dataclasses import dataclass, field

from ctcore.duration import duration
from ctcore.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPolicy:
    """Where rows come from and which of them are used."""

    time_column: str
    """The column that says when a row happened."""
    source: str | None = None
    """A file, a folder or a pattern: Parquet, CSV or Arrow IPC, relative to the project's folder."""
    callable: str | None = None
    """Instead of ``source``: ``"source.py:load"``, a function of (start, end) that gives a pyarrow.Table."""
    window: str = "90d"
    """How far back the candidate learns, from the holdout (or the present, where the holdout is a file)."""
    lookback: str = "0d"
    """How much earlier rows are read for the features' sake."""
    label_maturity: str = "0d"
    """How long a label takes until it is final: younger rows are read, but neither learned from nor judged on."""
    contract: str | None = None
    """An ODCS 3.1 file that the rows are judged by."""
    environment: str | None = None
    """Where the rows are used, such as ``"training"``: columns of other environments may be absent."""
    references: dict[str, str] = field(default_factory=dict)
    """Other data that the contract's rules name: a file, a folder, a pattern or a URL for each name. ``previousSpan``
    is, unless it is named here, what the last run read whose data were accepted."""

    def __post_init__(self) -> None:
        if (self.source is None) == (self.callable is None):
            raise ConfigError("data: give either source or callable")
        duration(self.window)
        duration(self.lookback)
        duration(self.label_maturity)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutPolicy:
    """What a candidate is judged on."""

    newest: str | None = None
    """The newest days, such as ``"7d"``; the candidate never learns from them."""
    file: str | None = None
    """Instead of ``newest``: a fixed file of rows; the same rows are taken out of the window."""

    def __post_init__(self) -> None:
        if (self.newest is None) == (self.file is None):
            raise ConfigError("holdout: give either newest or file")
        if self.newest is not None and not duration(self.newest):
            raise ConfigError("holdout: newest must be longer than nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesPolicy:
    """How rows become what a model reads."""

    function: str
    """``"features.py:features"``, a function of (table, as_of) that gives a pyarrow.Table with a column ``time``."""
    columns: tuple[str, ...]
    """The features, in the order that the model reads them."""
    categorical: tuple[str, ...] = ()
    """Features whose whole numbers are names, not amounts."""
    label: str
    query: str | None = None
    """For ranking: the column that tells queries apart."""
    time: str = "time"
    """The column of the result that says when its row happened."""
    feature_times: tuple[str, ...] = ()
    """Columns of the result that say when a feature was known: never after its row."""
    label_time: str | None = None
    """The column that says when each label was read off: never less than ``data.label_maturity`` after its row."""
    decision: str | None = None
    """The column with what an earlier model had decided or predicted for the row: never the label by another name."""
    keys: tuple[str, ...] = ()
    """Columns of which the holdout may share no value with the window, such as a patient's id."""

    @property
    def audited(self) -> tuple[str, ...]:
        """The columns that are there for the leakage step alone."""
        return tuple(name for name in (*self.feature_times, self.label_time, self.decision, *self.keys) if name)
