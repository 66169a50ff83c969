"""What the rules of a contract compare a run's rows with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ctcore.cycle._versions import accepted_before
from ctcore.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from ctcore.cycle._inputs import Inputs
    from ctcore.registry import Registry
    from ctcore.validate import Contract

PREVIOUS = "previousSpan"
"""The name of what the last run read whose data were accepted; a project's own reference goes before it."""


def referred(inputs: Inputs, contract: Contract, registry: Registry) -> tuple[Contract, dict[str, Any]]:
    """Give the data that rules name, and the contract without what has nothing to compare with yet."""
    given: dict[str, Any] = dict(inputs.references)
    if PREVIOUS in given or all(rule.options.get("reference") != PREVIOUS for rule in contract.rules):
        return contract, given
    record = accepted_before(registry, inputs.settings.model.name, inputs.as_of)
    if record is None:
        return contract.excused(PREVIOUS, "no earlier run's data were accepted"), given
    return contract, given | {PREVIOUS: _Accepted(inputs, record["inputs"])}


@dataclass(frozen=True)
class _Accepted:
    """The rows that an earlier run read: as many as its record says, read again where a rule asks what is in them."""

    inputs: Inputs
    earlier: dict[str, Any]

    @property
    def num_rows(self) -> int:
        return int(self.earlier["data"]["rows"]["rows"])

    @cached_property
    def table(self) -> pa.Table:
        start, end = map(datetime.fromisoformat, self.earlier["data"]["rows"]["read"])
        found = self.inputs.read(start, end).table
        if found.num_rows < self.num_rows:
            raise DataError(
                f"{PREVIOUS}: the source has {found.num_rows:,} of the {self.num_rows:,} rows that the run of "
                f"{self.earlier['as_of'][:10]} read; keep them, or name other data {PREVIOUS} in data.references"
            )
        return found

    @property
    def column_names(self) -> list[str]:
        return list(self.table.column_names)

    def __getitem__(self, name: str) -> Any:
        return self.table[name]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)
