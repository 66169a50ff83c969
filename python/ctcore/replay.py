"""History again, through the same code: what each policy would have given, week after week."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core, cycle, data, metrics, train
from ctcore.data import Spans
from ctcore.errors import ArgumentError
from ctcore.metrics import Definition
from ctcore.registry import Registry
from ctcore.verdict import FORMAT, Verdict, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

    import pyarrow as pa

    from ctcore.config import Project
    from ctcore.cycle import RunReport
    from ctcore.registry import State

POLICIES = {
    "frozen": "trained once, never again",
    "weekly": "retrained and promoted every time",
    "gated": "retrained every time, promoted when the gate opens",
    "baseline": "no model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One cycle of a replay, and what followed."""

    as_of: str
    outcome: str
    """``"promoted"``, or the step at which the run stopped."""
    why: str
    """The sentence of the check that decided."""
    candidate: int | None
    production: int | None
    """The version that served in the span that followed."""
    gain: float | None
    """The candidate's measured gain over production on the holdout, with its bounds."""
    lower: float | None
    upper: float | None
    drifted: dict[str, float | None]
    """PSI of each feature against production's training data."""
    following: dict[str, float | None]
    """The metric of each policy on the span that followed."""
    n_queries: int
    """Queries that the following span was measured on."""
    n_constant: int
    """Queries of it that cannot tell rankings apart."""
    record: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay: its weeks and their means."""

    model: str
    metric: dict[str, Any]
    every_days: int
    margin: str
    weeks: tuple[Week, ...]

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger metric is a better model."""
        return Definition.of(self.metric["metric"]).higher_is_better

    @property
    def policies(self) -> dict[str, str]:
        """Each policy and what it is."""
        return POLICIES

    @property
    def means(self) -> dict[str, float]:
        """The mean of the metric for each policy, over the spans in which all of them have one."""
        policies = [each for each in self.policies if any(week.following[each] is not None for week in self.weeks)]
        spans = [week.following for week in self.weeks if all(week.following[each] is not None for each in policies)]
        if not spans:
            return {}
        return {each: _core.mean(np.array([span[each] for span in spans], dtype=float)) for each in policies}

    @property
    def promotions(self) -> int:
        """How often the gate opened for a candidate that had a production model to beat."""
        return sum(each.outcome == "promoted" and each.gain is not None for each in self.weeks)

    def to_dict(self) -> dict[str, Any]:
        """Give the replay as plain JSON values, without NaN."""
        return {
            "format": FORMAT,
            "kind": "replay",
            "model": self.model,
            "metric": plain(self.metric),
            "every_days": self.every_days,
            "margin": self.margin,
            "means": self.means,
            "promotions": self.promotions,
            "weeks": [plain(asdict(week)) for week in self.weeks],
        }


def dates(first: datetime, last: datetime, every: timedelta) -> list[datetime]:
    """Give the instants of a replay, on the wall clock.

    >>> from datetime import datetime, timedelta, UTC
    >>> [d.day for d in dates(datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 16, tzinfo=UTC), timedelta(days=7))]
    [1, 8, 15]
    """
    if every.days < 1 or every.seconds:
        raise ArgumentError(f"every: must be whole days, at least one, found {every}")
    if last < first:
        raise ArgumentError(f"to: {last:%Y-%m-%d} lies before from, {first:%Y-%m-%d}")
    found, moment = [], first
    while moment <= last:
        found.append(moment)
        moment = (moment.replace(tzinfo=None) + every).replace(tzinfo=moment.tzinfo)
    return found


def replay(
    project: Project,
    moments: list[datetime],
    *,
    every: timedelta,
    registry: Path,
    say: Callable[[int, str], None] = lambda *_: None,
) -> Replay:
    """Run the cycle at each instant, in a registry of its own, and measure every policy on the span that follows.

    Models are compared on the same rows: the candidate of a week is the one that the weekly policy serves, and the one
    that the gate judges. A model that was tested is the one that serves; nothing is trained again.
    """
    store = Registry(registry, actor="replay")
    name = project.settings.model.name
    if store.state(name).versions:
        raise ArgumentError(
            f"registry: {registry} holds versions of {name} already; a replay starts from nothing: name another one"
        )
    # The days after a run are measured while the next run trains: neither needs the other.
    with ThreadPoolExecutor(max_workers=1) as aside:
        weeks = []
        for index, as_of in enumerate(moments):
            report = cycle.run(
                project,
                as_of=as_of,
                cause={"type": "replay"},
                registry=store,
                say=partial(_say, say, index, as_of),
            )
            weeks.append(aside.submit(_week, project, store, report, store.state(name), every))
        say(len(moments), "measuring the days that follow")
        measured = tuple(week.result() for week in weeks)
    policy = project.settings.gate[0]
    return Replay(
        model=name,
        metric=Definition.of(policy.metric, gain=policy.gain).to_dict(),
        every_days=every.days,
        margin=policy.margin,
        weeks=measured,
    )


def _say(say: Callable[[int, str], None], done: int, as_of: datetime, text: str) -> None:
    say(done, f"{as_of:%Y-%m-%d} {text}")


def _week(project: Project, store: Registry, report: RunReport, state: State, every: timedelta) -> Week:
    """Measure the days after a run, from the state that the run left."""
    as_of = datetime.fromisoformat(report.as_of).astimezone(project.zone)
    end = (as_of.replace(tzinfo=None) + every).replace(tzinfo=as_of.tzinfo)
    rows = _following(project, as_of, end)
    # A week that stopped at the data made no candidate: the newest one before it goes on serving.
    newest = report.candidate or (len(state.versions) or None)
    serving = {"frozen": state.served[0][0] if state.served else None, "weekly": newest}
    serving["gated"] = report.production
    numbers = sorted({number for number in serving.values() if number is not None})
    following: dict[str, float | None] = dict.fromkeys(POLICIES)
    n_queries = n_constant = 0
    if rows.num_rows:
        models = [cycle.model_files(store, state.version(number)) for number in numbers]
        limits = project.settings.train.limits
        scored = train.predict(models, rows, project=project.folder, limits=limits) if models else []
        by_number = dict(zip(numbers, scored, strict=True))
        scores = {policy: by_number[number] for policy, number in serving.items() if number is not None}
        baseline = project.settings.replay.baseline
        if baseline is not None:
            column = rows[baseline.removeprefix("-")].to_numpy().astype(float)
            scores["baseline"] = -column if baseline.startswith("-") else column
        for policy, values in scores.items():
            following[policy], n_queries, n_constant = _mean(project, rows, values)
    gain = next((check for check in report.checks if check.id.endswith(".gain")), None)
    drift = report.record["steps"].get("drift", {}).get("report") or {"columns": []}
    return Week(
        as_of=report.as_of,
        outcome=report.outcome,
        why=_why(report),
        candidate=report.candidate,
        production=report.production,
        gain=gain.value if gain else None,
        lower=gain.lower if gain else None,
        upper=gain.upper if gain else None,
        drifted={column["name"]: column["statistics"].get("psi") for column in drift["columns"]},
        following=following,
        n_queries=n_queries,
        n_constant=n_constant,
        record=report.to_dict(),
    )


def _following(project: Project, start: datetime, end: datetime) -> pa.Table:
    """Give the features of the rows of [start, end), as they are served: nothing later than each day is known."""
    policy = project.settings.data
    lookback = data.duration(policy.lookback)
    read_from = (start.replace(tzinfo=None) - lookback).replace(tzinfo=start.tzinfo)
    spans = Spans(read_from, (start, end), None, end)
    source = cycle.load_source(project)
    found = data.snapshot(source, spans, time_column=policy.time_column, root=project.folder)
    made = cycle.featured(project, found.table, end)
    return data.between(made, project.settings.features.time, start, end)


def _mean(project: Project, rows: pa.Table, scores: Any) -> tuple[float | None, int, int]:
    """Give the metric over the queries that can tell rankings apart."""
    policy, features = project.settings.gate[0], project.settings.features
    definition = Definition.of(policy.metric, gain=policy.gain)
    found = metrics.evaluate(
        rows[features.label].to_numpy(),
        scores,
        metric=definition,
        query=cycle.codes(rows, features.query) if features.query else None,
    )
    values = found.per_query
    if found.constant is not None:
        values = values[~found.constant]
    value = _core.mean(values)
    return (None if math.isnan(value) else value), len(values), found.n_constant


def _why(report: RunReport) -> str:
    if report.outcome == "promoted":
        check = next(check for check in report.checks if check.id.endswith(".gain"))
        return check.message
    bad = [check for check in report.checks if check.required and check.verdict not in (Verdict.PASS, Verdict.WARN)]
    return bad[0].message if bad else report.outcome
