"""A run: its lease, its steps, its record, its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ctcore import lineage
from ctcore.cycle._inputs import Inputs
from ctcore.cycle._steps import STEPS, Steps, stops
from ctcore.errors import ConflictError
from ctcore.registry import Registry, canonical
from ctcore.verdict import Check, Report, Verdict, plain, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctcore.config import Project
    from ctcore.registry import Version

_LEASE_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport(Report):
    """What became of a run."""

    kind: ClassVar[str] = "run"
    run: str
    as_of: str
    outcome: str
    """``"promoted"``, or the step at which it stopped."""
    candidate: int | None
    production: int | None
    """The version that serves after the run."""
    record: dict[str, Any] = field(repr=False)
    """The whole record: inputs, steps, surroundings."""
    again: bool = False
    """Whether the run had been done before, and this is its answer."""

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        base = super(RunReport, self).to_dict()
        names = ("run", "as_of", "outcome", "candidate", "production", "again")
        return base | {name: getattr(self, name) for name in names} | {"record": plain(self.record)}


def run(
    project: Project,
    *,
    as_of: datetime,
    cause: dict[str, Any],
    registry: Registry | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> RunReport:
    """Run one cycle at an instant: it sees the days of the project's time zone that are over by then.

    Raises :class:`ConflictError` where another run holds the lease or production moved, and the errors of the steps.
    """
    return Run(project, as_of, cause=cause, registry=registry or Registry(project.registry), say=say).go()


class Run:
    """A run: what it has read, and the records of its steps."""

    def __init__(
        self,
        project: Project,
        as_of: datetime,
        *,
        cause: dict[str, Any],
        registry: Registry,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.inputs = Inputs(project, as_of)
        self.registry, self.cause, self.say = registry, cause, say
        self.started, self.spent = registry.clock(), lineage.cpu_seconds()
        self.model = project.settings.model.name

    def go(self) -> RunReport:
        """Do the steps that have no record yet."""
        limit = timedelta(seconds=self.inputs.settings.train.limits.seconds())
        with self.registry.lease(self.model, lasts=limit + _LEASE_MARGIN) as lease:
            self.registry = self.registry.under(lease)
            self.attempt = self._attempt()
            return self._finished() or self._go()

    def done(self) -> RunReport | None:
        """Give the answer of the newest attempt if it has one, whatever serves by now."""
        self.attempt = self._newest()
        return self._finished()

    @cached_property
    def key(self) -> str:
        """The name of the run."""
        self.say("reading the data")
        return self.inputs.key

    def _finished(self) -> RunReport | None:
        finished = self._record("finished")
        return None if finished is None else self._report(self.registry.record(finished["record"]), again=True)

    def _go(self) -> RunReport:
        steps = Steps(self.inputs, self.registry)
        records: dict[str, Any] = {}
        outcome = "promoted"
        try:
            for name, saying in STEPS.items():
                self.say(saying)
                records[name] = self._step(steps, name, records)
                if stops(name, records[name]):
                    outcome = name
                    break
        except ConflictError:
            self._finish(records, "conflict")
            raise
        return self._report(self._finish(records, outcome))

    def _attempt(self) -> int:
        """Give the number of this attempt.

        A finished one stands where it stopped at the data, or while what it compared with, or made, still serves.
        """
        last = self._newest()
        record = self.registry.step(self.key, last, "finished")
        if record is not None:
            serving = self.registry.state(self.model).production
            stands = record["outcome"] == "validate" or serving in (record["candidate"], record["baseline"])
            if record["outcome"] == "conflict" or not stands:
                return last + 1
        return last

    def _newest(self) -> int:
        return max(self.registry.attempts(self.key), default=1)

    def _record(self, name: str) -> Any:
        return self.registry.step(self.key, self.attempt, name)

    def _step(self, steps: Steps, name: str, records: dict[str, Any]) -> dict[str, Any]:
        """Give the record of a step: the one there is, or a new one made of the records of the steps before."""
        record: dict[str, Any] | None = self._record(name)
        if record is None:
            record = dict(plain(getattr(steps, name)(records)))
            self.registry.add_step(self.key, self.attempt, name, record)
        return record

    def _finish(self, steps: dict[str, Any], outcome: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "format": 1,
            "run": self.key,
            "cause": self.cause,
            "inputs": self.inputs.record,
            **self._closing(),
            "steps": steps,
            "outcome": outcome,
            "candidate": steps.get("register", {}).get("version"),
            "baseline": steps.get("evaluate", steps.get("leakage", {})).get("baseline"),
        }
        # The evidence comes first: a run is finished when nothing is left to be done for it.
        if record["candidate"] is not None:
            found = [Verdict(each["verdict"]) for each in steps.get("gate", {}).get("checks", [])]
            verdict = worst(found) if outcome != "conflict" else Verdict.NOT_RUN
            self.registry.add_evidence(
                self.model, record["candidate"], kind="run", verdict=verdict, against=None, record=record
            )
        digest = self.registry.put(canonical(record))
        short = {key: record[key] for key in ("outcome", "candidate", "baseline")}
        self.registry.add_step(self.key, self.attempt, "finished", short | {"record": digest})
        return record

    def _closing(self) -> dict[str, Any]:
        """Give what is known at the end of a run, as it was when the end was first reached."""
        closing: dict[str, Any] | None = self._record("closing")
        if closing is None:
            closing = {
                "started": self.started.isoformat(),
                "ended": self.registry.clock().isoformat(),
                "cost": {"cpu_seconds": round(lineage.cpu_seconds() - self.spent, 3)},
                "code": lineage.code(self.inputs.project.folder),
                "surroundings": lineage.surroundings(),
            }
            self.registry.add_step(self.key, self.attempt, "closing", closing)
        return closing

    def _report(self, record: dict[str, Any], *, again: bool = False) -> RunReport:
        checks = [
            Check(**{key: value for key, value in check.items() if key != "verdict"}, verdict=Verdict(check["verdict"]))
            for step in record["steps"].values()
            for check in step.get("checks", [])
        ]
        return RunReport(
            checks=tuple(checks),
            run=record["run"],
            as_of=record["inputs"]["as_of"],
            outcome=record["outcome"],
            candidate=record["candidate"],
            production=self.registry.state(self.model).production,
            record=record,
            again=again,
        )


def remake(project: Project, *, as_of: datetime, registry: Registry) -> tuple[dict[str, Any], Callable[[], Version]]:
    """Give what a run at an instant reads now, and what trains on it into a registry of its own."""
    inputs = Inputs(project, as_of)

    def train_again() -> Version:
        made = Steps(inputs, registry).train({})
        files = {path: registry.blob(digest) for path, digest in made["files"].items()}
        model = project.settings.model.name
        return registry.register(model, files, run="again", kind=made["kind"], about=made["about"])

    return inputs.record, train_again
