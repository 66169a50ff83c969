"""What a run reads: the rows of its spans, their features, and the record that names the run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import data, lineage
from ctcore._core import group_ids
from ctcore.errors import DataError
from ctcore.project import load_function

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from ctcore.config import Project


class Inputs:
    """The inputs of a run at an instant; each is read once, when it is first needed."""

    def __init__(self, project: Project, as_of: datetime) -> None:
        self.project, self.settings = project, project.settings
        self.as_of = as_of.astimezone(project.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        newest = self.settings.holdout.newest
        self.spans = data.spans(
            self.as_of,
            window=data.duration(self.settings.data.window),
            holdout=data.duration(newest) if newest else None,
            lookback=data.duration(self.settings.data.lookback),
            label_maturity=data.duration(self.settings.data.label_maturity),
        )

    @cached_property
    def record(self) -> dict[str, Any]:
        """Everything that decides what the run does."""
        fixed = {"holdout": self.fixed_holdout.record} if self.fixed_holdout else {}
        others = {name: {"source": {"files": each.record(self.project.folder)}} for name, each in self._others.items()}
        return lineage.inputs(self.project, self.as_of, self.spans, {"rows": self.snapshot.record, **fixed, **others})

    @cached_property
    def key(self) -> str:
        """The name of the run: the same inputs are the same run."""
        return lineage.run_key(self.record)

    @cached_property
    def snapshot(self) -> data.Snapshot:
        """The rows up to the present."""
        return self.read(self.spans.read_from, self.spans.as_of)

    def read(self, start: datetime, end: datetime) -> data.Snapshot:
        """Read the source's rows of [start, end)."""
        column, spans = self.settings.data.time_column, replace(self.spans, read_from=start, as_of=end)
        return data.snapshot(_source(self.project), spans, time_column=column, root=self.project.folder)

    @cached_property
    def references(self) -> dict[str, data.Source]:
        """The other data that the contract's rules name."""
        return {name: self._others[f"references.{name}"] for name in self.settings.data.references}

    def items(self, setting: str) -> Any:
        """Give the items of a file that ``[feedback]`` names, ``None`` where it names none."""
        found = self._others.get(f"feedback.{setting}")
        return None if found is None else np.asarray(found.table(["item"])["item"].to_pylist())

    @cached_property
    def _others(self) -> dict[str, data.Source]:
        """The data beside the rows, by the setting that names it."""
        named = {f"references.{name}": each for name, each in self.settings.data.references.items()}
        feedback = self.settings.feedback
        if feedback:
            named |= {"feedback.catalogue": feedback.catalogue}
            named |= {"feedback.organic": feedback.organic} if feedback.organic else {}
        return {name: data.source(each, self.project.folder) for name, each in named.items()}

    @cached_property
    def fixed_holdout(self) -> data.Snapshot | None:
        """The holdout that is a file of its own."""
        path = self.settings.holdout.file
        return data.holdout_file(path, self.project.folder) if path else None

    @cached_property
    def features(self) -> pa.Table:
        """The features of all rows that were read."""
        table = self.snapshot.table
        if self.fixed_holdout:
            table = data.without(table, self.fixed_holdout.table)
        return _featured(self.project, table, self.as_of)

    @cached_property
    def window(self) -> pa.Table:
        """What the candidate learns from."""
        return data.between(self.features, self.settings.features.time, *self.spans.window)

    @cached_property
    def holdout(self) -> pa.Table:
        """What it is judged on."""
        if self.fixed_holdout:
            return _featured(self.project, self.fixed_holdout.table, self.as_of)
        return data.between(self.features, self.settings.features.time, *(self.spans.holdout or self.spans.window))


def _source(project: Project) -> Any:
    """Give the project's source of rows: a pattern, or a function."""
    policy = project.settings.data
    return load_function(policy.callable, project.folder) if policy.callable else policy.source


def _featured(project: Project, table: pa.Table, as_of: datetime) -> pa.Table:
    """Give the features of rows, those of each query together."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    policy = project.settings.features
    made = load_function(policy.function, project.folder)(table, as_of)
    if not isinstance(made, pa.Table):
        raise DataError(f"{policy.function}: must give a pyarrow.Table, found {type(made).__name__}")
    gates = [name for each in project.settings.gate for name in (each.cluster, each.weight, *each.slices) if name]
    query = [policy.query] if policy.query else []
    needed = [policy.time, policy.label, *policy.columns, *query, *policy.audited, *gates]
    missing = [name for name in needed if name not in made.column_names]
    if missing:
        raise DataError(f"{policy.function}: gave no column {missing[0]!r}; it gave {', '.join(made.column_names)}")
    time, label = made.schema.field(policy.time).type, made.schema.field(policy.label).type
    if not pa.types.is_timestamp(time):
        raise DataError(f"{policy.function}: the column {policy.time!r} must hold timestamps, found {time}")
    if not (pa.types.is_integer(label) or pa.types.is_floating(label) or pa.types.is_boolean(label)):
        raise DataError(f"{policy.function}: the label {policy.label!r} must hold numbers, found {label}")
    if policy.query and made.num_rows:
        order = group_ids(codes(made, policy.query))[1]
        made = made if order is None else made.take(pa.array(order))
    return made


def since(rows: pa.Table, time_column: str, moment: datetime | None) -> NDArray[np.bool_]:
    """Tell which rows are not before an instant."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if moment is None:
        return np.ones(rows.num_rows, dtype=bool)
    times = rows[time_column]
    start = pa.scalar(moment if times.type.tz else moment.replace(tzinfo=None), times.type)
    return np.asarray(pc.greater_equal(times, start))


def weights(table: pa.Table, name: str | None) -> NDArray[np.float64] | None:
    """Give the weight of each row, where a column holds it."""
    if name is None:
        return None
    nulls = table[name].null_count
    if nulls:
        raise DataError(f"{name}: {nulls:,} rows are null; every row needs a weight")
    return np.asarray(table[name], dtype=np.float64)


def codes(table: pa.Table, name: str) -> Any:
    """Give whole numbers that tell a column's values apart."""
    nulls = table[name].null_count
    if nulls:
        raise DataError(f"{name}: {nulls:,} rows are null; every row must belong to a query and a cluster")
    return table[name].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
