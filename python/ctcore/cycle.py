"""One pass of the loop: snapshot, validate, drift, leakage, train, register, contamination, evaluate, gate, promote.

Each step leaves a record that is created once. A run that died goes on at the step that has none; a step that is done
is not done again. Whatever stops leaves production untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ctcore import data, drift, gate, lineage, metrics, train, validate
from ctcore._core import group_ids
from ctcore.errors import ArgumentError, ConflictError, DataError
from ctcore.project import load_function
from ctcore.registry import Registry, canonical
from ctcore.train import ModelFiles
from ctcore.verdict import Check, Report, Verdict, plain, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from ctcore.config import Project
    from ctcore.registry import Version

_LEASE_MARGIN = timedelta(hours=1)
_SHAPE = ("window.rows", "holdout.rows", "window.days", "window.label", "holdout.label")
"""The checks of the rows' shape, in their order."""


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
        as_of = as_of.astimezone(project.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        self.project, self.registry, self.as_of, self.cause, self.say = project, registry, as_of, cause, say
        self.started, self.spent = registry.clock(), lineage.cpu_seconds()
        self.settings = project.settings
        self.model = self.settings.model.name
        newest = self.settings.holdout.newest
        self.spans = data.spans(
            as_of,
            window=data.duration(self.settings.data.window),
            holdout=data.duration(newest) if newest else None,
            lookback=data.duration(self.settings.data.lookback),
            label_maturity=data.duration(self.settings.data.label_maturity),
        )

    # ------------------------------------------------------------ the run and its records

    def go(self) -> RunReport:
        """Do the steps that have no record yet."""
        limit = timedelta(seconds=self.settings.train.limits.seconds())
        with self.registry.lease(self.model, lasts=limit + _LEASE_MARGIN) as lease:
            self.registry = self.registry.under(lease)
            self.attempt = self._attempt()
            return self._finished() or self._go()

    def done(self) -> RunReport | None:
        """Give the answer of the newest attempt if it has one, whatever serves by now."""
        self.attempt = self._newest()
        return self._finished()

    @cached_property
    def given(self) -> dict[str, Any]:
        """Everything that decides what the run does."""
        self.say("reading the data")
        return lineage.inputs(self.project, self.as_of, self.spans, self.snapshots)

    @cached_property
    def key(self) -> str:
        """The name of the run: the same inputs are the same run."""
        return lineage.run_key(self.given)

    def _finished(self) -> RunReport | None:
        finished = self._record("finished")
        return None if finished is None else self._report(self.registry.record(finished["record"]), again=True)

    def _go(self) -> RunReport:
        given = self.given
        steps: dict[str, Any] = {}
        outcome = "promoted"
        try:
            for name, saying in _SAYINGS.items():
                self.say(saying)
                steps[name] = self._step(name, steps)
                stopped = self._judge(name, steps[name])
                if stopped:
                    outcome = name
                    break
        except ConflictError:
            self._finish(given, steps, "conflict")
            raise
        return self._report(self._finish(given, steps, outcome))

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

    def _step(self, name: str, steps: dict[str, Any]) -> dict[str, Any]:
        """Give the record of a step: the one there is, or a new one made of the records of the steps before."""
        record: dict[str, Any] | None = self._record(name)
        if record is None:
            record = dict(plain(getattr(self, f"_{name}")(steps)))
            self.registry.add_step(self.key, self.attempt, name, record)
        return record

    def _finish(self, given: dict[str, Any], steps: dict[str, Any], outcome: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "format": 1,
            "run": self.key,
            "cause": self.cause,
            "inputs": given,
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
                "code": lineage.code(self.project.folder),
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

    @staticmethod
    def _judge(name: str, record: dict[str, Any]) -> bool:
        """Tell whether the run stops at a step.

        Drift is evidence and stops nothing. Leakage and contamination stop it where they are proven: rows too few to
        tell are no guilt.
        """
        found = worst(Verdict(check["verdict"]) for check in record.get("checks", []) if check["required"])
        if name in ("leakage", "contamination"):
            return found is Verdict.FAIL
        return name in ("validate", "gate") and found not in (Verdict.PASS, Verdict.WARN)

    # ------------------------------------------------------------ what the steps read

    @cached_property
    def snapshot(self) -> data.Snapshot:
        """The rows up to the present."""
        column = self.settings.data.time_column
        return data.snapshot(load_source(self.project), self.spans, time_column=column, root=self.project.folder)

    @cached_property
    def fixed_holdout(self) -> data.Snapshot | None:
        """The holdout that is a file of its own."""
        path = self.settings.holdout.file
        return data.holdout_file(path, self.project.folder) if path else None

    @property
    def snapshots(self) -> dict[str, Any]:
        """The records of what was read."""
        fixed = {"holdout": self.fixed_holdout.record} if self.fixed_holdout else {}
        return {"rows": self.snapshot.record, **fixed}

    @cached_property
    def features(self) -> pa.Table:
        """The features of all rows that were read."""
        table = self.snapshot.table
        if self.fixed_holdout:
            table = data.without(table, self.fixed_holdout.table)
        return featured(self.project, table, self.as_of)

    @cached_property
    def window(self) -> pa.Table:
        """What the candidate learns from."""
        return data.between(self.features, self.settings.features.time, *self.spans.window)

    @cached_property
    def holdout(self) -> pa.Table:
        """What it is judged on."""
        if self.fixed_holdout:
            return featured(self.project, self.fixed_holdout.table, self.as_of)
        return data.between(self.features, self.settings.features.time, *(self.spans.holdout or self.spans.window))

    # ------------------------------------------------------------ the steps

    def _validate(self, _: dict[str, Any]) -> dict[str, Any]:
        checks = self._contract_checks()
        # What breaks its contract may break the project's feature code too, which would hide the reason.
        broken = worst(check.verdict for check in checks) is Verdict.FAIL
        checks += _unjudged(_SHAPE, "the data broke its contract") if broken else self._shape_checks()
        return {"checks": [check.to_dict() for check in checks]}

    def _contract_checks(self) -> list[Check]:
        """Judge every row that was read, those before the window too: features look back at them."""
        contract = self.project.contract()
        if contract is None:
            message = "no contract was given: the rows' types, nulls and ranges are not judged"
            return [Check(id="contract", verdict=Verdict.WARN, message=message)]
        checks = list(validate.check(self.snapshot.table, contract, now=self.as_of).checks)
        if self.fixed_holdout:
            # A chosen file is as old and as long as it was chosen to be.
            found = validate.check(self.fixed_holdout.table, contract.timeless()).checks
            checks += [replace(check, id=f"holdout.{check.id}") for check in found]
        return checks

    def _shape_checks(self) -> list[Check]:
        window, holdout = self.window, self.holdout
        start, end = self.spans.window
        checks = [
            _filled("window", window, f"[{start:%Y-%m-%d}, {end:%Y-%m-%d})"),
            _filled("holdout", holdout, self.settings.holdout.file or f"the newest {self.settings.holdout.newest}"),
        ]
        if window.num_rows:
            days = np.unique(data.local_days(window, self.settings.features.time, str(self.project.zone))).size
            asked = data.duration(self.settings.data.window).days
            message = f"the window holds rows of {days} of {asked} days"
            verdict = Verdict.PASS if days >= asked else Verdict.WARN
            checks.append(Check(id="window.days", verdict=verdict, message=message, value=days, threshold=asked))
        for name, table in (("window", window), ("holdout", holdout)):
            if table.num_rows:
                checks.append(_label(name, table, self.settings.features.label))
        done = {check.id for check in checks}
        return checks + _unjudged([id_ for id_ in _SHAPE if id_ not in done], "there is no row")

    def _drift(self, _: dict[str, Any]) -> dict[str, Any]:
        columns = list(self.settings.features.columns)
        state = self.registry.state(self.model)
        profiles = []
        if state.production is not None:
            evidence = state.version(state.production).evidence
            profiles = [each["digest"] for each in evidence if each["kind"] == "training_profile"]
        if not profiles:
            message = "there is no production model whose training data the window could have moved from"
            check = Check(id="drift.dataset", verdict=Verdict.NOT_RUN, message=message, required=False)
            return {"checks": [check.to_dict()], "report": None}
        reference = drift.Profile.from_dict(self.registry.record(profiles[0]))
        report = drift.compare(reference, self.window.select(columns), tolerances=self.settings.drift)
        found = report.checks[0]
        check = Check(id=found.id, verdict=found.verdict, message=found.message, value=found.value, required=False)
        return {"checks": [check.to_dict()], "report": report.to_dict()}

    def _leakage(self, _: dict[str, Any]) -> dict[str, Any]:
        """Judge the rows before anything is learned from them, and by what production learned from."""
        state, policy = self.registry.state(self.model), self.settings.features
        production = state.version(state.production) if state.production is not None else None
        earlier = self._promoted(production) if production else None
        found = validate.leakage(
            self.window,
            label=policy.label,
            features=policy.columns,
            categorical=policy.categorical,
            time=policy.time,
            query=policy.query,
            holdout=self.holdout,
            previous=earlier["steps"].get("leakage") if earlier else None,
            now=(self.spans.holdout or self.spans.window)[1],
            zone=str(self.project.zone),
            policy=self.settings.leakage,
        )
        # A fixed holdout is as old as it was chosen to be.
        checks = [check for check in found.checks if not (self.fixed_holdout and check.id == "leakage.time_order")]
        baseline = production.number if production else None
        return replace(found, checks=(*checks, self._future())).to_dict() | {"baseline": baseline}

    def _future(self) -> Check:
        """Count rows that the features put after the present: no span holds them, so they would vanish in silence."""
        late = int(np.count_nonzero(_since(self.features, self.settings.features.time, self.as_of)))
        message = (
            f"{late:,} of {self.features.num_rows:,} rows are at or after the present, {self.as_of:%Y-%m-%d %H:%M}"
        )
        verdict = Verdict.FAIL if late else Verdict.PASS
        return Check(id="leakage.future", verdict=verdict, message=message, value=late, threshold=0)

    def _train(self, _: dict[str, Any]) -> dict[str, Any]:
        done = train.train(self.settings.train, self.window, self.project.columns, project=self.project.folder)
        profile = drift.profile(self.window.select(list(self.settings.features.columns)))
        return {
            "files": {path: self.registry.put(content) for path, content in done.model.files.items()},
            "kind": done.model.kind,
            "about": done.model.about,
            "profile": self.registry.put(canonical(profile.to_dict())),
            "log": self.registry.put(done.log.encode()),
            "seconds": done.seconds,
            "rows": self.window.num_rows,
            "row_hashes": {
                "columns": list(self.settings.features.columns),
                "window": self.registry.put(self._hashes(self.window)),
                "holdout": None if self.fixed_holdout else self.registry.put(self._hashes(self.holdout)),
            },
        }

    def _register(self, steps: dict[str, Any]) -> dict[str, Any]:
        made = steps["train"]
        files = {path: self.registry.blob(digest) for path, digest in made["files"].items()}
        version = self.registry.register(self.model, files, run=self.key, kind=made["kind"], about=made["about"])
        profile = self.registry.record(made["profile"])
        self.registry.add_evidence(
            self.model, version.number, kind="training_profile", verdict="pass", against=None, record=profile
        )
        return {"version": version.number, "digest": version.digest}

    def _contamination(self, steps: dict[str, Any]) -> dict[str, Any]:
        """Judge whether production has seen rows of the holdout, under whatever time: it would have an advantage."""
        state, number = self.registry.state(self.model), steps["leakage"]["baseline"]
        production = state.version(number) if number is not None else None
        earlier = self._promoted(production) if production else None
        hashes = earlier["steps"]["train"].get("row_hashes") if earlier else None
        if production is None or earlier is None or hashes is None:
            return _not_looked("nothing serves" if production is None else "its run recorded no rows")
        if hashes["columns"] != list(self.settings.features.columns):
            return _not_looked("it read other features, so the same rows have other hashes")
        known = self.registry.blob(hashes["window"])
        if hashes["holdout"] and _won(earlier):
            known += self.registry.blob(hashes["holdout"])
        fresh = self.holdout.filter(_since(self.holdout, self.settings.features.time, self._known_to(production)))
        found = validate.overlap(known, self._hashes(fresh), max_overlap=self.settings.leakage.max_overlap)
        message = f"what production knows: {found.message}"
        return {"checks": [replace(found, id="contamination.production", message=message).to_dict()]}

    def _hashes(self, rows: pa.Table) -> bytes:
        return validate.row_hashes(rows, self.settings.features.columns, time=self.settings.features.time)

    def _evaluate(self, steps: dict[str, Any]) -> dict[str, Any]:
        state = self.registry.state(self.model)
        candidate = state.version(steps["register"]["version"])
        production = state.version(state.production) if state.production is not None else None
        models = [model_files(self.registry, version) for version in (candidate, production) if version]
        gone = [name for name in models[-1].about["columns"]["features"] if name not in self.holdout.column_names]
        problem = None
        if gone:
            problem = (
                f"production reads the feature {gone[0]!r}, which {self.settings.features.function} no longer gives. "
                f"Keep giving it until a model without it serves, or go on under another model.name"
            )
            models = models[:1]
        limits = self.settings.train.limits
        scores = train.predict(models, self.holdout, project=self.project.folder, limits=limits)
        evidence = [
            measure(
                self.project,
                policy,
                self.holdout,
                scores,
                against=production.digest if production else None,
                problem=problem,
                known_to_production=self._known_to(production) if production else None,
                window=self.window,
            )
            for policy in self.settings.gate
        ]
        return {
            "baseline": production.number if production else None,
            "against": production.digest if production else None,
            "evidence": [each.to_dict() for each in evidence],
        }

    def _known_to(self, production: Version) -> datetime | None:
        """Give the instant before which the holdout's rows favour production: it learned from them, or won on them."""
        record = self._promoted(production)
        if record is None or self.fixed_holdout:
            return None
        inputs = record["inputs"]
        return known_until(inputs["window"], inputs["holdout"], won=_won(record))

    def _promoted(self, version: Version) -> dict[str, Any] | None:
        """Give the record of the run that promoted a version."""
        runs = (self.registry.record(each["digest"]) for each in reversed(version.evidence) if each["kind"] == "run")
        return next((each for each in runs if each["outcome"] == "promoted"), None)

    def _gate(self, steps: dict[str, Any]) -> dict[str, Any]:
        evaluated = steps["evaluate"]
        evidence = zip(self.settings.gate, evaluated["evidence"], strict=True)
        decided = [gate.decide(policy, gate.Evidence.from_dict(each, policy.definition)) for policy, each in evidence]
        checks = [check.to_dict() for report in decided for check in report.checks]
        self.registry.add_evidence(
            self.model,
            steps["register"]["version"],
            kind="gate",
            verdict=worst(report.verdict for report in decided),
            against=evaluated["against"],
            record={"evidence": evaluated["evidence"], "checks": checks},
        )
        return {"checks": checks, "against": evaluated["against"]}

    def _promote(self, steps: dict[str, Any]) -> dict[str, Any]:
        version, baseline = steps["register"]["version"], steps["evaluate"]["baseline"]
        if self.project.public_key:
            self.registry.verify_signature(self.model, version, key=self.project.public_key)
        self.registry.promote(self.model, version, expect=baseline)
        return {"from": baseline, "to": version}


_SAYINGS = {
    "validate": "checking the data",
    "drift": "measuring drift",
    "leakage": "looking for leaks",
    "train": "training",
    "register": "registering",
    "contamination": "looking for rows that production knows",
    "evaluate": "evaluating on the holdout",
    "gate": "deciding",
    "promote": "promoting",
}


def remake(project: Project, *, as_of: datetime, registry: Registry) -> tuple[dict[str, Any], Callable[[], Version]]:
    """Give what a run at an instant reads now, and what trains on it into a registry of its own."""
    under_way = Run(project, as_of, cause={"type": "reproduction"}, registry=registry)

    def train_again() -> Version:
        made = under_way._train({})  # noqa: SLF001 - the same file
        files = {path: registry.blob(digest) for path, digest in made["files"].items()}
        model = project.settings.model.name
        return registry.register(model, files, run="again", kind=made["kind"], about=made["about"])

    return under_way.given, train_again


# ---------------------------------------------------------------- shared with the replay


def load_source(project: Project) -> Any:
    """Give the project's source of rows: a pattern, or a function."""
    policy = project.settings.data
    return load_function(policy.callable, project.folder) if policy.callable else policy.source


def featured(project: Project, table: pa.Table, as_of: datetime) -> pa.Table:
    """Give the features of rows, those of each query together."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    policy = project.settings.features
    made = load_function(policy.function, project.folder)(table, as_of)
    if not isinstance(made, pa.Table):
        raise DataError(f"{policy.function}: must give a pyarrow.Table, found {type(made).__name__}")
    gates = [name for each in project.settings.gate for name in (each.cluster, each.weight, *each.slices) if name]
    needed = [policy.time, policy.label, *policy.columns, *([policy.query] if policy.query else []), *gates]
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


def listing(registry: Registry) -> list[dict[str, Any]]:
    """Give a line for each version of each model, the newest first, with what its run recorded."""
    found = []
    for model in registry.models():
        state = registry.state(model)
        for version in reversed(state.versions):
            # The first run that made these files, not a later one that made them again.
            run_ = next((each for each in version.evidence if each["kind"] == "run"), None)
            record = registry.record(run_["digest"]) if run_ else {}
            evidence = (record.get("steps", {}).get("evaluate") or {}).get("evidence") or [{}]
            comparison = evidence[0].get("comparison") or {}
            span = record.get("inputs", {}).get("window")
            found.append(
                {
                    "model": model,
                    "version": version.number,
                    "digest": version.digest,
                    "production": version.number == state.production,
                    "registered": version.time,
                    "metric": evidence[0].get("candidate", {}).get("value"),
                    "gain": comparison.get("gain"),
                    "lower": comparison.get("lower"),
                    "upper": comparison.get("upper"),
                    "relative": comparison.get("relative", True),
                    "cause": record.get("cause", {}).get("type"),
                    "window": [day[:10] for day in span] if span else None,
                    "outcome": record.get("outcome"),
                    "run": version.run,
                }
            )
    return found


def _not_looked(why: str) -> dict[str, Any]:
    message = f"rows that production knows were not looked for: {why}"
    check = Check(id="contamination.production", verdict=Verdict.NOT_RUN, message=message, required=False)
    return {"checks": [check.to_dict()]}


def _won(record: dict[str, Any]) -> bool:
    """Tell whether a run's candidate won a comparison on its holdout, which was chosen with it then."""
    return any(each["comparison"] for each in record["steps"]["evaluate"]["evidence"])


def model_files(registry: Registry, version: Any) -> ModelFiles:
    """Give a registered version as the trainer's room takes it, its files proven by their digests."""
    manifest = registry.record(version.digest)
    return ModelFiles(registry.files(version), manifest["kind"], manifest["about"])


def known_until(window: list[str], holdout: list[str] | None, *, won: bool) -> datetime | None:
    """Give the instant before which rows favour a model of this window, which won a comparison on this holdout or not.

    >>> days = ["2013-06-02T00:00:00-04:00", "2013-06-09T00:00:00-04:00"]
    >>> known_until(["2013-03-04T00:00:00-05:00", days[0]], days, won=True).day
    9
    """
    return datetime.fromisoformat(holdout[1] if holdout and won else window[1])


def measure(
    project: Project,
    policy: gate.GatePolicy,
    rows: pa.Table,
    scores: list[Any],
    *,
    against: str | None,
    problem: str | None = None,
    known_to_production: datetime | None = None,
    window: pa.Table | None = None,
) -> gate.Evidence:
    """Measure one gate's evidence: the candidate's scores first, then production's where there is one.

    Rows before ``known_to_production`` favour production and are left out of the comparison. The slices of ``window``
    are those that are expected.
    """
    features = project.settings.features
    definition = policy.definition
    label = rows[features.label].to_numpy()
    query = codes(rows, features.query) if features.query else None
    weight = weights(rows, policy.weight)
    evidence = gate.Evidence(
        candidate=metrics.evaluate(label, scores[0], metric=definition, query=query, weight=weight).to_dict(),
        comparison=None,
        against=against,
        problem=problem,
        distinct_scores=len(np.unique(scores[0])),
        calibration_error=None
        if policy.max_calibration_error is None
        else metrics.ece(label, scores[0], weight=weight),
    )
    if len(scores) == 1:
        return evidence
    fresh = _since(rows, features.time, known_to_production)
    left_out = int(np.count_nonzero(~fresh))
    if not fresh.any():
        problem = "it learned from every row of the holdout, or won its own gate on it; wait for newer days"
        return replace(evidence, problem=problem, left_out=left_out)
    columns = {name: np.asarray(rows[name].to_pylist(), dtype=str)[fresh] for name in policy.slices}
    try:
        comparison = metrics.compare(
            label[fresh],
            scores[0][fresh],
            scores[1][fresh],
            metric=definition,
            query=None if query is None else query[fresh],
            cluster=codes(rows, policy.cluster)[fresh] if policy.cluster else None,
            slices=columns,
            weight=None if weight is None else weight[fresh],
            margin=policy.unit,
            confidence=policy.confidence,
        )
    except ArgumentError as error:
        return replace(evidence, problem=str(error), left_out=left_out)
    expected = {
        f"{name}={each}" for name in policy.slices if window is not None for each in window[name].unique().to_pylist()
    }
    return replace(
        evidence,
        comparison=comparison,
        left_out=left_out,
        missing=tuple(sorted(expected - comparison.slices.keys())),
        score_psi=drift.psi(scores[1], scores[0]).statistic if policy.max_score_psi is not None else None,
    )


def _since(rows: pa.Table, time_column: str, moment: datetime | None) -> NDArray[np.bool_]:
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


def _unjudged(ids: Iterable[str], why: str) -> list[Check]:
    return [Check(id=id_, verdict=Verdict.NOT_RUN, message=f"{id_} was not judged: {why}") for id_ in ids]


def _filled(name: str, table: pa.Table, span: str) -> Check:
    verdict = Verdict.PASS if table.num_rows else Verdict.FAIL
    message = f"the {name} {span} holds {table.num_rows:,} rows"
    if not table.num_rows:
        message += "; nothing can be learned or judged. Look at as_of, the source and the features"
    return Check(id=f"{name}.rows", verdict=verdict, message=message, value=table.num_rows)


def _label(name: str, table: pa.Table, label: str) -> Check:
    column = table[label].cast("float64")
    missing = int(np.count_nonzero(np.isnan(column.to_numpy())))  # a null becomes NaN here
    distinct = len(column.unique().drop_null())
    good = missing == 0 and distinct > 1
    message = f"the labels of the {name} have {distinct:,} distinct values and {missing:,} missing ones"
    if not good:
        message += "; labels must be there and must differ"
    return Check(id=f"{name}.label", verdict=Verdict.PASS if good else Verdict.FAIL, message=message, value=distinct)
