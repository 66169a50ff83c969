"""The days of a cycle: each is judged once by the days before it, and kept in the history of the data.

A window holds most of what the last one held, so windows tell nothing of each other; days do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ctcore import data, validate
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from ctcore.cycle._inputs import Inputs
    from ctcore.registry import Registry
    from ctcore.validate import Contract


def judge_days(inputs: Inputs, contract: Contract, registry: Registry) -> tuple[list[Check], list[dict[str, Any]]]:
    """Judge the days that no run of an earlier instant has seen, and add what they were like to the history.

    The first run takes the days that it has read for the history, and judges the newest. Gives the answer of each rule
    on the history, and the new batches. Done twice it changes nothing: a day is named by its midnight.
    """
    histories = {rule.id for rule in contract.rules if rule.test == "anomaly"}
    if not histories:
        return [], []
    dataset, as_of = f"{inputs.settings.model.name}/{contract.id}/{contract.table}", inputs.as_of.isoformat()
    past = [validate.Batch.from_dict(each) for each in registry.history(dataset) if each["as_of"] < as_of]
    seen = past[-1].time if past else None
    asked = contract.without("rows", "rows_ratio", "latency", "drift")  # these are about all that a run reads
    keyed = {rule.options["table"] for rule in asked.rules if rule.test == "known"}
    keys = {name: each.table() for name, each in inputs.references.items() if name in keyed}  # once, not each day
    found: list[list[Check]] = []
    batches: list[dict[str, Any]] = []
    table, time = inputs.snapshot.table, inputs.settings.data.time_column
    for day, end, rows in data.days(table, time, inputs.project.zone, after=seen, end=inputs.as_of):
        judged = seen is not None or end == inputs.as_of
        report = validate.check(
            rows,
            asked,
            now=inputs.as_of,
            window=(day, end),
            environment=inputs.settings.data.environment,
            references=keys,
            history=past if judged else (),
        )
        past.append(report.batch(day))
        batches.append(past[-1].to_dict() | {"as_of": as_of})
        if judged:
            checks = (check for check in report.checks if check.id in histories)
            found.append([replace(check, message=f"{day:%Y-%m-%d}: {check.message}") for check in checks])
    for each in batches:
        registry.add_batch(dataset, datetime.fromisoformat(each["time"]), each)
    return [_over_days(checks) for checks in zip(*found, strict=True)], batches


def _over_days(checks: tuple[Check, ...]) -> Check:
    """Give one answer of a rule for several days: the newest that is unusual, or else the newest that was judged."""
    unusual = [check for check in checks if check.verdict in (Verdict.FAIL, Verdict.WARN)]
    if not unusual:
        return next((check for check in reversed(checks) if check.verdict is Verdict.PASS), checks[-1])
    more = f" ({len(unusual)} of the {len(checks)} new days are unusual)" if len(unusual) > 1 else ""
    return replace(unusual[-1], message=unusual[-1].message + more)
