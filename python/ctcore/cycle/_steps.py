"""The steps of a run, each a function of what the run reads, the registry, and the records of the steps before."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import data, drift, gate, train, validate
from ctcore.cycle._days import judge_days
from ctcore.cycle._inputs import since
from ctcore.cycle._measure import measure
from ctcore.cycle._references import referred
from ctcore.cycle._versions import known_until, model_files, promoted_by, won
from ctcore.errors import DataError
from ctcore.registry import canonical
from ctcore.verdict import Check, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pyarrow as pa

    from ctcore.cycle._inputs import Inputs
    from ctcore.registry import Registry, Version

STEPS = {
    "validate": "checking the data",
    "drift": "measuring drift",
    "leakage": "looking for leaks",
    "feedback": "looking for feedback loops",
    "train": "training",
    "register": "registering",
    "contamination": "looking for rows that production knows",
    "evaluate": "evaluating on the holdout",
    "gate": "deciding",
    "promote": "promoting",
}
"""The names of the steps, in their order, and what is said while one is under way."""
_SHAPE = ("window.rows", "holdout.rows", "window.days", "window.label", "holdout.label")
"""The checks of the rows' shape, in their order."""


def stops(name: str, record: dict[str, Any]) -> bool:
    """Tell whether the run stops at a step.

    Drift is evidence and stops nothing. Leakage, feedback loops and contamination stop it where they are proven: rows
    too few to tell, and a log that lacks a column, are no guilt.
    """
    found = worst(Verdict(check["verdict"]) for check in record.get("checks", []) if check["required"])
    if name in ("leakage", "feedback", "contamination"):
        return found is Verdict.FAIL
    return name in ("validate", "gate") and found not in (Verdict.PASS, Verdict.WARN)


class Steps:
    """The steps by their names."""

    def __init__(self, inputs: Inputs, registry: Registry) -> None:
        self.inputs, self.registry = inputs, registry
        self.settings = inputs.settings
        self.model = self.settings.model.name

    def validate(self, _: dict[str, Any]) -> dict[str, Any]:
        checks, batches = self._contract_checks()
        # What breaks its contract may break the project's feature code too, which would hide the reason.
        broken = worst(check.verdict for check in checks) is Verdict.FAIL
        checks += _unjudged(_SHAPE, "the data broke its contract") if broken else self._shape_checks()
        return {"checks": [check.to_dict() for check in checks], "batches": batches}

    def _contract_checks(self) -> tuple[list[Check], list[dict[str, Any]]]:
        """Judge every row that was read, those before the window too: features look back at them. Then the new days."""
        contract = self.inputs.project.contract()
        if contract is None:
            message = "no contract was given: the rows' types, nulls and ranges are not judged"
            return [Check(id="contract", verdict=Verdict.WARN, message=message)], []
        spans, environment = self.inputs.spans, self.settings.data.environment
        rules, references = referred(self.inputs, contract.without("anomaly"), self.registry)
        checks = list(
            validate.check(
                self.inputs.snapshot.table,
                rules,
                now=self.inputs.as_of,
                window=(spans.read_from, spans.as_of),
                environment=environment,
                references=references,
            ).checks
        )
        if self.inputs.fixed_holdout:
            # A chosen file is as old and as long as it was chosen to be, and was not the last run's.
            found = validate.check(
                self.inputs.fixed_holdout.table,
                contract.timeless(),
                now=self.inputs.as_of,
                environment=environment,
                references=self.inputs.references,
            ).checks
            checks += [replace(check, id=f"holdout.{check.id}") for check in found]
        days, batches = judge_days(self.inputs, contract, self.registry)
        return checks + days, batches

    def _shape_checks(self) -> list[Check]:
        window, holdout = self.inputs.window, self.inputs.holdout
        start, end = self.inputs.spans.window
        checks = [
            _filled("window", window, f"[{start:%Y-%m-%d}, {end:%Y-%m-%d})"),
            _filled("holdout", holdout, self.settings.holdout.file or f"the newest {self.settings.holdout.newest}"),
        ]
        if window.num_rows:
            days = np.unique(data.local_days(window, self.settings.features.time, str(self.inputs.project.zone))).size
            asked = data.duration(self.settings.data.window).days
            message = f"the window holds rows of {days} of {asked} days"
            verdict = Verdict.PASS if days >= asked else Verdict.WARN
            checks.append(Check(id="window.days", verdict=verdict, message=message, value=days, threshold=asked))
        for name, table in (("window", window), ("holdout", holdout)):
            if table.num_rows:
                checks.append(_label(name, table, self.settings.features.label))
        done = {check.id for check in checks}
        return checks + _unjudged([id_ for id_ in _SHAPE if id_ not in done], "there is no row")

    def drift(self, _: dict[str, Any]) -> dict[str, Any]:
        columns = list(self.settings.features.columns)
        state = self.registry.state(self.model)
        profiles = []
        if state.production is not None:
            evidence = state.version(state.production).evidence
            profiles = [each["digest"] for each in evidence if each["kind"] == "training_profile"]
        if not profiles:
            return _no_drift("there is no production model whose training data the window could have moved from")
        try:
            reference = drift.Profile.from_dict(self.registry.record(profiles[0]))
        except DataError as error:
            return _no_drift(f"the profile of production's training data cannot be compared with: {error}")
        report = drift.compare(reference, self.inputs.window.select(columns), tolerances=self.settings.drift)
        found = report.checks[0]
        check = Check(id=found.id, verdict=found.verdict, message=found.message, value=found.value, required=False)
        return {"checks": [check.to_dict()], "report": report.to_dict()}

    def leakage(self, _: dict[str, Any]) -> dict[str, Any]:
        """Judge the rows before anything is learned from them, and by what production learned from."""
        state, policy = self.registry.state(self.model), self.settings.features
        production = state.version(state.production) if state.production is not None else None
        earlier = promoted_by(self.registry, production) if production else None
        found = validate.leakage(
            self.inputs.window,
            label=policy.label,
            features=policy.columns,
            categorical=policy.categorical,
            time=policy.time,
            query=policy.query,
            holdout=self.inputs.holdout,
            previous=earlier["steps"].get("leakage") if earlier else None,
            now=self.inputs.as_of,
            zone=str(self.inputs.project.zone),
            label_time=policy.label_time,
            label_window=data.duration(self.settings.data.label_maturity) or None,
            feature_times=policy.feature_times,
            decision=policy.decision,
            keys=policy.keys,
            policy=self.settings.leakage,
        )
        # A fixed holdout is as old as it was chosen to be.
        checks = [
            check for check in found.checks if not (self.inputs.fixed_holdout and check.id == "leakage.time_order")
        ]
        baseline = production.number if production else None
        return replace(found, checks=(*checks, self._future())).to_dict() | {"baseline": baseline}

    def feedback(self, _: dict[str, Any]) -> dict[str, Any]:
        """Judge what was shown, as far as the rows that were read say it, before anything is learned from it."""
        policy, rows = self.settings.feedback, self.inputs.snapshot.table
        if policy is None:
            message = "feedback loops were not looked for: no [feedback] says where the rows tell what was shown"
            check = Check(id="feedback", verdict=Verdict.NOT_RUN, message=message, required=False)
            return {"checks": [check.to_dict()]}
        return validate.feedback(
            rows,
            catalogue=self.inputs.items("catalogue"),
            organic=self.inputs.items("organic"),
            columns=asdict(policy.columns),
            policy=policy,
        ).to_dict()

    def _future(self) -> Check:
        """Count rows that the features put after the present: no span holds them, so they would vanish in silence."""
        rows, present = self.inputs.features, self.inputs.as_of
        late = int(np.count_nonzero(since(rows, self.settings.features.time, present)))
        message = f"{late:,} of {rows.num_rows:,} rows are at or after the present, {present:%Y-%m-%d %H:%M}"
        verdict = Verdict.FAIL if late else Verdict.PASS
        return Check(id="leakage.future", verdict=verdict, message=message, value=late, threshold=0)

    def train(self, _: dict[str, Any]) -> dict[str, Any]:
        project, window = self.inputs.project, self.inputs.window
        done = train.train(self.settings.train, window, project.columns, project=project.folder)
        profile = drift.profile(window.select(list(self.settings.features.columns)))
        return {
            "files": {path: self.registry.put(content) for path, content in done.model.files.items()},
            "kind": done.model.kind,
            "about": done.model.about,
            "profile": self.registry.put(canonical(profile.to_dict())),
            "log": self.registry.put(done.log.encode()),
            "seconds": done.seconds,
            "rows": window.num_rows,
            "row_hashes": {
                "columns": list(self.settings.features.columns),
                **self._kept_hashes(near=False),
                "near": self._kept_hashes(near=True),
            },
        }

    def register(self, steps: dict[str, Any]) -> dict[str, Any]:
        made = steps["train"]
        files = {path: self.registry.blob(digest) for path, digest in made["files"].items()}
        version = self.registry.register(self.model, files, run=self.inputs.key, kind=made["kind"], about=made["about"])
        profile = self.registry.record(made["profile"])
        self.registry.add_evidence(
            self.model, version.number, kind="training_profile", verdict="pass", against=None, record=profile
        )
        return {"version": version.number, "digest": version.digest}

    def contamination(self, steps: dict[str, Any]) -> dict[str, Any]:
        """Judge whether production has seen rows of the holdout, under whatever time: it would have an advantage."""
        state, number = self.registry.state(self.model), steps["leakage"]["baseline"]
        production = state.version(number) if number is not None else None
        earlier = promoted_by(self.registry, production) if production else None
        hashes = earlier["steps"]["train"].get("row_hashes") if earlier else None
        if production is None or earlier is None or hashes is None:
            return _not_looked("nothing serves" if production is None else "its run recorded no rows")
        if hashes["columns"] != list(self.settings.features.columns):
            return _not_looked("it read other features, so the same rows have other hashes")
        holdout, most = self.inputs.holdout, self.settings.leakage.max_overlap
        fresh = holdout.filter(since(holdout, self.settings.features.time, self._known_to(production)))
        checks = []
        for id_, kept, near in (("production", hashes, False), ("near_duplicates", hashes.get("near"), True)):
            if kept is None:
                continue  # it was trained before they were kept
            known = self.registry.blob(kept["window"])
            if kept["holdout"] and won(earlier):
                known += self.registry.blob(kept["holdout"])
            found = validate.overlap(known, self._hashes(fresh, near=near), max_overlap=most, near=near)
            message = f"what production knows: {found.message}"
            checks.append(replace(found, id=f"contamination.{id_}", message=message).to_dict())
        return {"checks": checks}

    def _kept_hashes(self, *, near: bool) -> dict[str, str | None]:
        """Keep by what rows are known again that this model learns from, or is judged on."""
        window, holdout = self.inputs.window, self.inputs.holdout
        fixed = self.inputs.fixed_holdout
        return {
            "window": self.registry.put(self._hashes(window, near=near)),
            "holdout": None if fixed else self.registry.put(self._hashes(holdout, near=near)),
        }

    def _hashes(self, rows: pa.Table, *, near: bool) -> bytes:
        features = self.settings.features
        return validate.row_hashes(rows, features.columns, time=features.time, near=near)

    def evaluate(self, steps: dict[str, Any]) -> dict[str, Any]:
        state = self.registry.state(self.model)
        candidate = state.version(steps["register"]["version"])
        production = state.version(state.production) if state.production is not None else None
        models = [model_files(self.registry, version) for version in (candidate, production) if version]
        gone = [
            name for name in models[-1].about["columns"]["features"] if name not in self.inputs.holdout.column_names
        ]
        problem = None
        if gone:
            problem = (
                f"production reads the feature {gone[0]!r}, which {self.settings.features.function} no longer gives. "
                f"Keep giving it until a model without it serves, or go on under another model.name"
            )
            models = models[:1]
        limits = self.settings.train.limits
        scores = train.predict(models, self.inputs.holdout, project=self.inputs.project.folder, limits=limits)
        evidence = [
            measure(
                self.inputs.project,
                policy,
                self.inputs.holdout,
                scores,
                against=production.digest if production else None,
                problem=problem,
                known_to_production=self._known_to(production) if production else None,
                window=self.inputs.window,
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
        record = promoted_by(self.registry, production)
        if record is None or self.inputs.fixed_holdout:
            return None
        inputs = record["inputs"]
        return known_until(inputs["window"], inputs["holdout"], won=won(record))

    def gate(self, steps: dict[str, Any]) -> dict[str, Any]:
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

    def promote(self, steps: dict[str, Any]) -> dict[str, Any]:
        version, baseline = steps["register"]["version"], steps["evaluate"]["baseline"]
        if self.inputs.project.public_key:
            self.registry.verify_signature(self.model, version, key=self.inputs.project.public_key)
        self.registry.promote(self.model, version, expect=baseline)
        return {"from": baseline, "to": version}


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


def _no_drift(why: str) -> dict[str, Any]:
    check = Check(id="drift.dataset", verdict=Verdict.NOT_RUN, message=why, required=False)
    return {"checks": [check.to_dict()], "report": None}


def _not_looked(why: str) -> dict[str, Any]:
    message = f"rows that production knows were not looked for: {why}"
    check = Check(id="contamination.production", verdict=Verdict.NOT_RUN, message=message, required=False)
    return {"checks": [check.to_dict()]}
