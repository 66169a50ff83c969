"""Rows that break a contract, parted from those that do not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from ctcore.data._source import Source
    from ctcore.validate import ValidationReport

RULES, ROW = "ct_rules", "ct_row"
"""The columns of the rejected rows that say which rules each breaks, and where it stood."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Where the rows went."""

    clean: Path
    rejected: Path
    clean_rows: int
    rejected_rows: int


def quarantine(rows: Source, report: ValidationReport, folder: str | Path) -> Quarantine:
    """Part all rows into ``clean.parquet`` and ``rejected.parquet`` in a new folder, streaming.

    Rejected is a row that breaks a rule about rows which failed, and after that every row whose key another clean row
    shares, where a rule about keys failed: keys are judged again without the rows that are gone, and of rows that share
    a key none is known to be the right one. Rows that a rule tolerates, or that it only warns of, are clean. The
    rejected rows carry all of their rules in ``ct_rules`` and their number, from 0, in ``ct_row``.

    Raises
    ------
    ArgumentError
        The folder holds something already.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArgumentError(f"quarantine: {folder} must be a new or empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    parting = _Parting(rows, report)
    files = {True: folder / "clean.parquet", False: folder / "rejected.parquet"}
    counts = {True: 0, False: 0}
    with (
        pq.ParquetWriter(files[True], rows.schema) as clean,
        pq.ParquetWriter(files[False], _rejected_schema(rows.schema)) as rejected,
    ):
        for kept, broken in parting.parted():
            clean.write_batch(kept)
            rejected.write_batch(broken)
            counts[True] += len(kept)
            counts[False] += len(broken)
    return Quarantine(files[True], files[False], counts[True], counts[False])


class _Parting:
    def __init__(self, rows: Source, report: ValidationReport) -> None:
        self.rows = rows
        failed = {id_: dict(rule) for id_, rule in report.rejecting.items()}
        self.alone = {id_: rule for id_, rule in failed.items() if rule["test"] != "keys"}
        self.keyed = {id_: rule for id_, rule in failed.items() if rule["test"] == "keys"}
        self.repeated = self._repeated() if self.keyed else []

    def _repeated(self) -> list[_core.Keys]:
        """Give the keys that still occur more than once among the rows that break no rule by themselves."""
        import pyarrow as pa  # noqa: PLC0415 - heavy

        def survivors() -> Iterator[pa.RecordBatch]:
            for batch in self.rows.batches():
                yield batch.filter(pa.array(~_any(self._broken(batch, self.alone, []), len(batch))))

        with tempfile.TemporaryDirectory(prefix="ctcore-keys-") as spill:
            reader = pa.RecordBatchReader.from_batches(self.rows.schema, survivors())
            found = _core.scan(reader, {}, list(self.keyed.values()), spill=spill)
        return [each["repeated"] for each in found["rules"]]

    @staticmethod
    def _broken(batch: pa.RecordBatch, rules: dict[str, Any], keys: list[_core.Keys]) -> list[NDArray[np.bool_]]:
        return _core.broken_rows(batch, list(rules.values()), keys or [None] * len(rules)) if rules else []

    def parted(self) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        names = np.array([*self.alone, *self.keyed], dtype=object)
        start = 0
        for batch in self.rows.batches():
            alone = self._broken(batch, self.alone, [])
            shared = self._broken(batch, self.keyed, self.repeated)
            bad = _any([*alone, *shared], len(batch))
            places = np.flatnonzero(bad)
            matrix = np.array([*alone, *shared], dtype=bool).reshape(len(names), len(batch))[:, places]
            rejected = batch.filter(pa.array(bad))
            reasons = pa.array([names[column].tolist() for column in matrix.T], pa.list_(pa.string()))
            columns = [*rejected.columns, reasons, pa.array(start + places, pa.int64())]
            yield (
                batch.filter(pa.array(~bad)),
                pa.RecordBatch.from_arrays(columns, schema=_rejected_schema(batch.schema)),
            )
            start += len(batch)


def _any(masks: list[NDArray[np.bool_]], rows: int) -> NDArray[np.bool_]:
    return np.logical_or.reduce(masks) if masks else np.zeros(rows, dtype=bool)


def _rejected_schema(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return schema.append(pa.field(RULES, pa.list_(pa.string()))).append(pa.field(ROW, pa.int64()))
