"""History again, through the same code: what each policy would have given, week after week."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ctcore import _core, cycle, data, gate, metrics, train
from ctcore.errors import ArgumentError
from ctcore.gate import Proof
from ctcore.metrics import Definition, Margin
from ctcore.registry import Registry
from ctcore.verdict import FORMAT, Verdict, plain, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from pathlib import Path as FilePath

    import pyarrow as pa

    from ctcore.config import Project
    from ctcore.cycle import RunReport

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
class Promotion:
    """A gate that opened over a production model, and what the days that followed say of it."""

    as_of: str
    candidate: int
    production: int
    """The version that it replaced."""
    gain: float
    """The gain that was measured on the holdout."""
    proven: float | None
    """Its lower bound; without a proof ``None``."""
    confirmed: float | None
    """The gain over the replaced model on the days that followed, with its bounds."""
    confirmed_lower: float | None
    confirmed_upper: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What one kind of proof would have let serve, everything else being the same."""

    proof: Proof
    following: tuple[float | None, ...]
    """The metric of what served, on the span that followed each run."""
    promotions: tuple[Promotion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay: its weeks and their means."""

    model: str
    metric: dict[str, Any]
    every_days: int
    margin: str | float
    proof: Proof
    """The proof that the project asks for."""
    threshold: float
    """The gain that this proof is about."""
    weeks: tuple[Week, ...]
    paths: tuple[Path, ...]
    """Each kind of proof, side by side."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger metric is a better model."""
        return Definition.of(self.metric["metric"]).higher_is_better

    @property
    def unit(self) -> Margin:
        """The margin, which knows how to write a gain."""
        return Margin.of(self.margin)

    @property
    def proofs(self) -> dict[Proof, str]:
        """Each kind of proof and what it asks for."""
        return {
            "margin": f"proven at least {self.unit} better",
            "better": "proven better",
            "not_worse": f"proven not {self.unit} worse, and better as measured",
            "point": f"{self.unit} better as measured, without proof",
        }

    @property
    def policies(self) -> dict[str, str]:
        """Each policy and what it is."""
        return POLICIES

    @property
    def means(self) -> dict[str, float]:
        """The mean of the metric for each policy and each proof, over the spans in which all of them have one."""
        lines = {policy: [week.following[policy] for week in self.weeks] for policy in self.policies}
        lines |= {path.proof: list(path.following) for path in self.paths}
        known = {name: line for name, line in lines.items() if any(value is not None for value in line)}
        spans = [span for span in zip(*known.values(), strict=True) if None not in span]
        if not spans:
            return {}
        return {
            name: _core.mean(np.array(values, dtype=float))
            for name, values in zip(known, zip(*spans, strict=True), strict=True)
        }

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
            "proof": self.proof,
            "threshold": self.threshold,
            "means": self.means,
            "promotions": self.promotions,
            "weeks": [plain(asdict(week)) for week in self.weeks],
            "paths": [plain(asdict(path)) for path in self.paths],
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
        moment = _later(moment, every)
    return found


def replay(
    project: Project,
    moments: list[datetime],
    *,
    every: timedelta,
    registry: FilePath,
    say: Callable[[int, str], None] = lambda *_: None,
) -> Replay:
    """Run the cycle at each instant, in a registry of its own, and measure every policy on the span that follows.

    Models are compared on the same rows: the candidate of a week is the one that the weekly policy serves, and the one
    that each gate judges. A model that was tested is the one that serves; nothing is trained again. Each kind of proof
    has a production model of its own; its decisions are made from evidence that is measured as the cycle measures it.

    A replay that died goes on in the same registry: what is done is not done again.
    """
    store = Registry(registry, actor="replay")
    name = project.settings.model.name
    start = partial(cycle.Run, project, cause={"type": "replay"}, registry=store)
    resumed = bool(store.state(name).versions)
    watch = _Watch(project, store)
    # A span is measured, from what the next run read, while the run after that trains: neither needs the other.
    with ThreadPoolExecutor(max_workers=1) as aside:
        weeks = []
        previous: tuple[cycle.Run, RunReport] | None = None
        for index, as_of in enumerate(moments):
            current = start(as_of, say=partial(_say, say, index, as_of))
            report = current.done()
            if report is None and resumed and previous is None:
                message = f"holds versions of {name} that this replay did not make; a replay starts from nothing"
                raise ArgumentError(f"registry: {registry} {message}: name another one")
            report = report or current.go()
            if previous is not None:
                weeks.append(aside.submit(watch.week, *previous, current, upcoming=report.candidate))
            previous = current, report
        say(len(moments), "measuring the days that follow")
        if previous is not None:
            weeks.append(aside.submit(watch.week, *previous, start(_later(moments[-1], every)), upcoming=None))
        measured = tuple(week.result() for week in weeks)
    policy = project.settings.gate[0]
    return Replay(
        model=name,
        metric=policy.definition.to_dict(),
        every_days=every.days,
        margin=policy.margin,
        proof=policy.proof,
        threshold=policy.threshold,
        weeks=measured,
        paths=tuple(watch.path(proof) for proof in get_args(Proof)),
    )


def _say(say: Callable[[int, str], None], done: int, as_of: datetime, text: str) -> None:
    say(done, f"{as_of:%Y-%m-%d} {text}")


def _later(moment: datetime, every: timedelta) -> datetime:
    """Give the same time of day so many days later, on the wall clock."""
    return (moment.replace(tzinfo=None) + every).replace(tzinfo=moment.tzinfo)


class _Span:
    """Rows of some days, and the scores of models on them."""

    def __init__(self, project: Project, store: Registry, rows: pa.Table, days: tuple[datetime, datetime]) -> None:
        self.project, self.store, self.rows, self.days = project, store, rows, days
        self.scored: dict[int, Any] = {}

    def scores(self, numbers: Iterable[int]) -> dict[int, Any]:
        """Give the scores of versions, of all that are not known yet in one child."""
        new = sorted(set(numbers) - self.scored.keys())
        if new and self.rows.num_rows:
            state = self.store.state(self.project.settings.model.name)
            models = [cycle.model_files(self.store, state.version(number)) for number in new]
            limits = self.project.settings.train.limits
            found = train.predict(models, self.rows, project=self.project.folder, limits=limits)
            self.scored |= dict(zip(new, found, strict=True))
        return self.scored


@dataclass(slots=True)
class _Served:
    """What one kind of proof has let serve so far."""

    production: int | None = None
    known_until: datetime | None = None
    """Rows before this favour it."""
    following: list[float | None] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)


class _Watch:
    """Follows every policy through the weeks, in order."""

    def __init__(self, project: Project, store: Registry) -> None:
        self.project, self.store = project, store
        self.policy = project.settings.gate[0]
        self.served: dict[Proof, _Served] = {proof: _Served() for proof in get_args(Proof)}
        self.frozen: int | None = None
        self.newest: int | None = None
        self.gated: int | None = None
        self.span: _Span | None = None

    def path(self, proof: Proof) -> Path:
        """Give what came of a kind of proof."""
        served = self.served[proof]
        return Path(proof=proof, following=tuple(served.following), promotions=tuple(served.promotions))

    def week(self, run: cycle.Run, report: RunReport, later: cycle.Run, *, upcoming: int | None) -> Week:
        """Measure the days after a run, from the rows that the later run read; ``upcoming`` is what that one made."""
        opened = self._decide(run, report) if report.candidate is not None else {}
        if report.outcome == "promoted":
            self.gated = report.candidate
            self.frozen = self.frozen or report.candidate
        # A week that stopped at the data made no candidate: the newest one before it goes on serving.
        self.newest = report.candidate or self.newest
        serving = {"frozen": self.frozen, "weekly": self.newest, "gated": self.gated}
        time = self.project.settings.features.time
        days = (run.inputs.as_of, later.inputs.as_of)
        span = self.span = _Span(self.project, self.store, data.between(later.inputs.features, time, *days), days)
        paths = [served.production for served in self.served.values()]
        replaced = [promotion.production for promotion in opened.values()]
        judged_here = upcoming if later.inputs.spans.holdout == days else None  # its gate needs scores of the same rows
        asked = (*serving.values(), *paths, *replaced, judged_here)
        numbers = {number for number in asked if number is not None}
        scores = span.scores(numbers)
        following: dict[str, float | None] = dict.fromkeys(POLICIES)
        n_queries = n_constant = 0
        if span.rows.num_rows:
            by_policy = {policy: scores[number] for policy, number in serving.items() if number is not None}
            baseline = self.project.settings.replay.baseline
            if baseline is not None:
                column = span.rows[baseline.removeprefix("-")].to_numpy().astype(float)
                by_policy["baseline"] = -column if baseline.startswith("-") else column
            for policy, values in by_policy.items():
                following[policy], n_queries, n_constant = self._metric(span, values)
        for proof, served in self.served.items():
            if proof in opened:
                served.promotions.append(self._confirmed(span, opened[proof]))
            values = scores.get(served.production) if served.production is not None else None
            served.following.append(None if values is None else self._metric(span, values)[0])
        gain = next((check for check in report.checks if check.id.endswith(".gain")), None)
        drift = report.record["steps"].get("drift", {}).get("report") or {"columns": []}
        return Week(
            as_of=report.as_of,
            outcome=report.outcome,
            why=_why(report),
            candidate=report.candidate,
            production=self.gated,
            gain=gain.value if gain else None,
            lower=gain.lower if gain else None,
            upper=gain.upper if gain else None,
            drifted={column["name"]: column["statistics"].get("psi") for column in drift["columns"]},
            following=following,
            n_queries=n_queries,
            n_constant=n_constant,
            record=replace(report, production=self.gated, again=False).to_dict(),
        )

    def _decide(self, run: cycle.Run, report: RunReport) -> dict[Proof, Promotion]:
        """Let each kind of proof decide on the candidate against its own production model."""
        candidate = report.candidate
        if candidate is None:
            return {}
        days = run.inputs.spans.holdout
        span = self.span if self.span is not None and days is not None and self.span.days == days else None
        span = span or _Span(self.project, self.store, run.inputs.holdout, days or run.inputs.spans.window)
        scores = span.scores({candidate, *(each.production for each in self.served.values() if each.production)})
        measured: dict[tuple[int | None, datetime | None], list[gate.Evidence]] = {}
        opened: dict[Proof, Promotion] = {}
        for proof, served in self.served.items():
            key = (served.production, served.known_until)
            if key not in measured:
                numbers = [candidate, *([served.production] if served.production else [])]
                measured[key] = [
                    cycle.measure(
                        self.project,
                        policy,
                        span.rows,
                        [scores[number] for number in numbers],
                        against=None,
                        known_to_production=served.known_until,
                        window=run.inputs.window if policy.slices else None,
                    )
                    for policy in self.project.settings.gate
                ]
            policies = [replace(self.policy, proof=proof), *self.project.settings.gate[1:]]
            decided = [gate.decide(*each).verdict for each in zip(policies, measured[key], strict=True)]
            if worst(decided) not in (Verdict.PASS, Verdict.WARN):
                continue
            comparison = measured[key][0].comparison
            if comparison is not None and served.production is not None:
                opened[proof] = Promotion(
                    as_of=report.as_of,
                    candidate=candidate,
                    production=served.production,
                    gain=comparison.gain,
                    proven=None if proof == "point" else comparison.lower,
                    confirmed=None,
                    confirmed_lower=None,
                    confirmed_upper=None,
                )
            served.production = candidate
            inputs = report.record["inputs"]
            if run.inputs.fixed_holdout is None:
                won = comparison is not None
                served.known_until = cycle.known_until(inputs["window"], inputs["holdout"], won=won)
        return opened

    def _confirmed(self, span: _Span, promotion: Promotion) -> Promotion:
        """Measure a promotion again, on the days that followed."""
        if not span.rows.num_rows:
            return promotion
        scores = [span.scored[promotion.candidate], span.scored[promotion.production]]
        found = cycle.measure(self.project, self.policy, span.rows, scores, against=None).comparison
        if found is None:
            return promotion
        bounds = (bound if math.isfinite(bound) else None for bound in (found.lower, found.upper))
        lower, upper = bounds
        return replace(promotion, confirmed=found.gain, confirmed_lower=lower, confirmed_upper=upper)

    def _metric(self, span: _Span, scores: Any) -> tuple[float | None, int, int]:
        """Give the metric over the queries that can tell models apart."""
        features = self.project.settings.features
        found = metrics.evaluate(
            span.rows[features.label].to_numpy(),
            scores,
            metric=self.policy.definition,
            query=cycle.codes(span.rows, features.query) if features.query else None,
            weight=cycle.weights(span.rows, self.policy.weight),
        )
        value, count = found.value, found.n_queries
        if found.definition.ranks:
            informative = metrics.informative(found)
            weight = None if found.weight is None else found.weight[informative]
            value, count = _core.mean(found.per_query[informative], weight), int(np.count_nonzero(informative))
        return (None if math.isnan(value) else value), count, found.n_constant


def _why(report: RunReport) -> str:
    """Give the sentence of the check that decided: of the gain, or the first of the step that stopped the run."""
    if report.outcome == "promoted":
        return next(check for check in report.checks if check.id.endswith(".gain")).message
    good = (Verdict.PASS, Verdict.WARN)
    checks = report.record["steps"][report.outcome]["checks"]
    return str(next(each["message"] for each in checks if each["required"] and Verdict(each["verdict"]) not in good))
