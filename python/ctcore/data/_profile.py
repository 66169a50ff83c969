"""Files that hold a profile instead of rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ctcore.data._files import written_whole
from ctcore.data._source import source
from ctcore.drift import Profile
from ctcore.errors import DataError, DataNotFoundError

if TYPE_CHECKING:
    import pyarrow as pa

    from ctcore.data._source import Source

_SUFFIX = ".json"


def load(pattern: str | Path, columns: list[str] | None = None) -> Profile | Source | pa.RecordBatchReader:
    """Open what stands for data: a profile where the name ends in ``.json``, else the rows of :func:`source`.

    Either can be a side of ``drift.compare`` or the ``data`` of ``drift.profile``. ``columns`` are read alone; one that
    the data lacks is theirs to miss.

    >>> load("nowhere.json")
    Traceback (most recent call last):
    ctcore.errors.DataNotFoundError: nowhere.json: no such file
    """
    if Path(pattern).suffix.lower() == _SUFFIX:
        return read_profile(pattern)
    opened = source(pattern)
    return opened if columns is None else opened.batches([name for name in columns if name in opened.schema.names])


def read_profile(path: str | Path) -> Profile:
    """Read what :func:`write_profile` wrote; a file that was changed or damaged is refused."""
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path}: no such file") from error
    try:
        return Profile.from_json(text)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def write_profile(profile: Profile, path: str | Path) -> None:
    """Write a profile to a file, whole or not at all.

    >>> import tempfile
    >>> from ctcore import drift
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_profile(drift.profile({"x": [1.0, 2.0]}), f"{folder}/reference.json")
    ...     read_profile(f"{folder}/reference.json").num_rows
    2
    """
    path = Path(path)
    if path.suffix.lower() != _SUFFIX:
        raise DataError(f"{path}: the name of a profile's file must end in {_SUFFIX}, to be told from rows")
    with written_whole(path) as partial:
        partial.write_text(profile.to_json(), encoding="utf-8")
