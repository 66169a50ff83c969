"""The decision."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, ClassVar

from ctcore.errors import ArgumentError
from ctcore.metrics import Comparison, Definition
from ctcore.verdict import Check, Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctcore.gate._policy import GatePolicy

_LEAST_QUERIES = 30  # of a slice: with fewer, one query decides
_NO_NUMBER = "it is not a number"
_POWER = 0.8
_UNREALISTIC = 1_000  # times the queries there are: as good as never


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured for one gate."""

    candidate: dict[str, Any]
    """The candidate on the whole holdout: its metric's ``value`` and counts."""
    comparison: Comparison | None
    """The candidate against production on the same queries; ``None`` where there is none."""
    against: str | None
    """The digest of the production model that the candidate was compared with."""
    problem: str | None = None
    """Why there is no comparison although there is a production model."""
    missing: tuple[str, ...] = ()
    """Slices that the training data holds and the compared queries do not."""
    left_out: int = 0
    """Rows left out of the comparison: production had learned from them, or had won its own gate on them."""
    distinct_scores: int | None = None
    """Distinct scores of the candidate."""
    score_psi: float | None = None
    """PSI of the candidate's scores against production's."""
    calibration_error: float | None = None
    """The expected calibration error of the candidate's probabilities."""

    def to_dict(self) -> dict[str, Any]:
        """Give the evidence as plain values."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        return parts | {"comparison": self.comparison.to_dict() if self.comparison else None}

    @classmethod
    def from_dict(cls, record: dict[str, Any], definition: Definition) -> Evidence:
        """Read the evidence of a record again.

        >>> record = Evidence(candidate={"value": 0.8}, comparison=None, against=None).to_dict()
        >>> Evidence.from_dict(record, Definition.of("ndcg")).candidate
        {'value': 0.8}
        """
        comparison = record["comparison"]
        read = Comparison.from_dict(comparison, definition) if comparison else None
        return cls(**record | {"comparison": read, "missing": tuple(record["missing"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport(Report):
    """Whether the candidate may serve."""

    kind: ClassVar[str] = "gate"


def decide(policy: GatePolicy, evidence: Evidence) -> GateReport:
    """Decide one gate.

    ``pass``: what the policy asks for is proven. ``fail``: the contrary is proven. ``insufficient``: the queries cannot
    tell; that is no fault of the model, and the message says how many would. Neither is an incident. Without a
    production model the floor alone decides, and the report says so. Evidence of another metric, unit or confidence
    than the policy asks for is an :class:`ArgumentError`.
    """
    _check_evidence(policy, evidence)
    where = f"{evidence.candidate['n_queries']:,} {_units(policy)}"
    checks = [floor(policy, evidence.candidate["value"], where), _gain(policy, evidence), *_guards(policy, evidence)]
    if evidence.comparison is not None:
        checks += budget(policy, evidence.comparison.p_not_better, evidence.comparison.n_queries)
        checks += _slices(policy, evidence)
    elif policy.slices and evidence.problem is None:
        message = "there is no production model that a slice could lose against"
        checks.append(check(policy, "slices", Verdict.NOT_RUN, message, required=False))
    return GateReport(checks=tuple(checks))


def _check_evidence(policy: GatePolicy, evidence: Evidence) -> None:
    missing = {"value", "n_queries"} - evidence.candidate.keys()
    if missing:
        raise ArgumentError(f"evidence: candidate has no {min(missing)!r}; take metrics.evaluate(...).to_dict()")
    comparison = evidence.comparison
    if comparison is None:
        return
    found = comparison.definition.to_dict()
    if not is_about(policy, found):
        raise ArgumentError(f"evidence: is of {found}, but the policy is about {policy.definition.to_dict()}")
    if comparison.relative != policy.unit.relative:
        kinds = ["an amount", "a share of production's metric"]
        raise ArgumentError(
            f"evidence: the gain is {kinds[comparison.relative]}, but the policy's margin is {policy.unit}"
        )
    if not math.isclose(comparison.confidence, policy.confidence):
        raise ArgumentError(
            f"evidence: the bounds are at {comparison.confidence:g}, but the policy asks for {policy.confidence:g}"
        )


def is_about(policy: GatePolicy, found: dict[str, Any]) -> bool:
    """Whether a definition, as plain values, agrees with all that the policy states of its metric."""
    wanted = policy.definition.to_dict()
    return all(wanted.get(name) == found.get(name) for name in ("metric", "k", "quantile", "threshold", "gain"))


def smallest_provable(comparison: Comparison, threshold: float) -> float:
    """Give the gain that would have been proven to exceed a threshold, had it been measured with the same spread.

    Infinite where nothing can be proven at all.
    """
    return threshold + comparison.gain - comparison.lower


def queries_to_decide(comparison: Comparison, threshold: float) -> float:
    """Give the number of queries that would tell the gain from a threshold, if the gain measured is the true one.

    The interval narrows with the square root of the queries; so many decide in four cases of five. Infinite where the
    gain lies on the threshold, or so near that a thousand times the queries would not do.
    """
    bounds = (comparison.lower, comparison.upper)
    return _to_decide(comparison.gain, bounds, threshold, comparison.confidence, comparison.n_queries)


def _to_decide(gain: float, bounds: tuple[float, float], threshold: float, confidence: float, n: int) -> float:
    apart = gain - threshold
    width = gain - bounds[0] if apart > 0 else bounds[1] - gain
    z = NormalDist().inv_cdf(confidence)
    width *= 1 + NormalDist().inv_cdf(_POWER) / z if z > 0 else 1.0
    if width > math.sqrt(_UNREALISTIC) * abs(apart):
        return math.inf
    return n * (width / apart) ** 2 if apart else math.inf


# ---------------------------------------------------------------- the gain over production


def _gain(policy: GatePolicy, evidence: Evidence) -> Check:
    if evidence.problem is not None:
        message = f"cannot be compared with production: {evidence.problem}"
        return check(policy, "gain", Verdict.INSUFFICIENT, message)
    comparison = evidence.comparison
    if comparison is None:
        message = "there is no production model to beat: the first model passes on the absolute floor alone"
        return check(policy, "gain", Verdict.PASS, message)
    if math.isnan(comparison.gain):
        message = f"the gain over production cannot be measured: {comparison.problem or _NO_NUMBER}"
        return check(policy, "gain", Verdict.INSUFFICIENT, message, threshold=policy.threshold)
    verdict, words = proven(policy, comparison.gain, comparison.lower, comparison.upper)
    message = f"{words}: gain over production {_interval(policy, comparison)} on {_where(policy, comparison)}"
    if evidence.left_out:
        message += f"; {evidence.left_out:,} rows that favour production were left out"
    message += f"; {asked(policy)}"
    if verdict is Verdict.INSUFFICIENT:
        bounds = (comparison.lower, comparison.upper)
        message += f"; {what_would_do(policy, comparison.gain, bounds, comparison.n_queries, _units(policy))}"
    return check(policy, "gain", verdict, message, comparison=comparison, threshold=policy.threshold)


_ASKED = {
    "margin": "{margin} to prove at {confidence:.0%}",
    "better": "to prove better at {confidence:.0%}",
    "not_worse": "to prove not {margin} worse at {confidence:.0%}, and to be better as measured",
    "point": "{margin} asked for as measured, without proof: a model that is just short of it passes half of the time",
}


def asked(policy: GatePolicy) -> str:
    """Say what the gain has to show."""
    return _ASKED[policy.proof].format(margin=policy.unit, confidence=policy.confidence)


def proven(policy: GatePolicy, gain: float, lower: float, upper: float) -> tuple[Verdict, str]:
    """Tell what a gain and its bounds show of what was asked."""
    threshold = policy.threshold
    if policy.proof == "point":
        return (Verdict.PASS, "measured") if gain >= threshold else (Verdict.FAIL, "measured less")
    if upper < (0 if policy.proof == "not_worse" else threshold):
        return Verdict.FAIL, "proven to be less"
    if lower > threshold:
        if policy.proof != "not_worse" or gain > 0:
            return Verdict.PASS, "proven"
        return Verdict.INSUFFICIENT, "proven not worse, but no better as measured"
    return Verdict.INSUFFICIENT, "cannot be told"


def what_would_do(policy: GatePolicy, gain: float, bounds: tuple[float, float], n: int, units: str) -> str:
    """Say what a proof would have needed."""
    if math.isinf(bounds[0]) or math.isinf(bounds[1]):
        least = math.ceil(math.log2(1 / (1 - policy.confidence)))
        return f"at least {least} clusters are needed to prove anything"
    threshold, show = policy.threshold, policy.unit.show
    if bounds[0] > threshold:  # not worse, and no better as measured
        threshold = 0.0
    needed = _to_decide(gain, bounds, threshold, policy.confidence, n)
    smallest = show(threshold + gain - bounds[0])
    if math.isinf(needed):
        return (
            f"here a gain of {smallest} could have been proven; no number of {units} would decide: the gain lies too "
            f"near {show(threshold)}"
        )
    return f"here a gain of {smallest} could have been proven, and some {needed:,.0f} {units} would decide this one"


def budget(policy: GatePolicy, p_not_better: float, n: int) -> Iterator[Check]:
    """Hold a year of gates to its budget of promotions that are no better."""
    if policy.level is None:
        return
    message = (
        f"a candidate that is no better would look like this with p = {p_not_better:.4f}; "
        f"{policy.level:.4f} a gate is the share of {policy.yearly_errors:g} a year in {policy.gates_per_year} gates"
    )
    verdict = Verdict.PASS if p_not_better <= policy.level else Verdict.INSUFFICIENT
    yield check(policy, "budget", verdict, message, value=p_not_better, threshold=policy.level, n=n)


# ---------------------------------------------------------------- slices


def _slices(policy: GatePolicy, evidence: Evidence) -> Iterator[Check]:
    if not policy.slices or evidence.comparison is None:
        return
    found = evidence.comparison.slices
    told = {name: each for name, each in found.items() if _why_not(each) is None}
    yield _harm(policy, evidence, told)
    if policy.max_slice_loss is None:
        return
    # The intersection of the proofs is proven where each is, at its own level (Berger, Technometrics 24, 1982).
    for name, each in found.items():
        yield _not_worse(policy, name, each)
    for name in _uncompared(policy, evidence):
        message = f"no value of {name} was compared: nothing is known of it"
        yield check(policy, f"slice.{name}", Verdict.INSUFFICIENT, message)
    for name in evidence.missing:
        message = f"{name} is in the training data and in no compared query: nothing is known of it"
        yield check(policy, f"slice.{name}", Verdict.INSUFFICIENT, message)


def _uncompared(policy: GatePolicy, evidence: Evidence) -> list[str]:
    """Give the columns of the policy of which the evidence holds no value at all."""
    held = [*evidence.missing, *(evidence.comparison.slices if evidence.comparison else ())]
    return [name for name in policy.slices if not any(each.startswith(f"{name}=") for each in held)]


def _harm(policy: GatePolicy, evidence: Evidence, told: dict[str, Comparison]) -> Check:
    """Veto where harm is demonstrated on a slice: Holm's correction, since many slices are looked at."""
    level = 1 - policy.confidence
    harmed: list[str] = []
    for rank, (name, each) in enumerate(sorted(told.items(), key=lambda item: item[1].p_not_worse)):
        if each.p_not_worse > level / (len(told) - rank):
            break
        harmed.append(f"{name} ({_interval(policy, each)})")
    found = evidence.comparison.slices if evidence.comparison else {}
    dark = [*_uncompared(policy, evidence), *evidence.missing, *(found.keys() - told.keys())]
    if harmed:
        return check(policy, "harm", Verdict.FAIL, f"harm is demonstrated on {', '.join(harmed)}")
    if dark:
        message = f"of {len(dark)} slices nothing can be told: {', '.join(sorted(dark))}"
        return check(policy, "harm", Verdict.INSUFFICIENT, message)
    message = f"no harm is demonstrated on any of {len(told)} slices, at {policy.confidence:.0%} over all of them"
    return check(policy, "harm", Verdict.PASS, message)


def _not_worse(policy: GatePolicy, name: str, comparison: Comparison) -> Check:
    loss = type(policy.unit).of(policy.max_slice_loss or 0)
    why = _why_not(comparison)
    if why is not None:
        return check(policy, f"slice.{name}", Verdict.INSUFFICIENT, f"{name}: {why}", comparison=comparison)
    if comparison.lower > -loss.value:
        verdict, words = Verdict.PASS, f"proven to lose less than {loss}"
    elif comparison.upper < -loss.value:
        verdict, words = Verdict.FAIL, f"proven to lose more than {loss}"
    else:
        verdict, words = Verdict.INSUFFICIENT, f"cannot be told to lose less than {loss}"
    message = f"{name}: {words}: gain {_interval(policy, comparison)} on {_where(policy, comparison)}"
    return check(policy, f"slice.{name}", verdict, message, comparison=comparison, threshold=-loss.value)


def _why_not(comparison: Comparison) -> str | None:
    """Say why a slice tells nothing, if so."""
    if comparison.problem is not None:
        return comparison.problem
    if comparison.n_queries < _LEAST_QUERIES:
        return f"{comparison.n_queries} queries tell nothing; at least {_LEAST_QUERIES} are needed"
    if math.isinf(comparison.lower):
        return f"{comparison.n_clusters} clusters tell nothing at {comparison.confidence:.0%}"
    return None


# ---------------------------------------------------------------- guards that need no proof


def floor(policy: GatePolicy, value: float | None, where: str) -> Check:
    """Hold the candidate to the least (of a loss: the most) that may serve."""
    if value is None or math.isnan(value):
        message = f"{policy.metric} of the candidate cannot be measured on {where}"
        return check(policy, "floor", Verdict.INSUFFICIENT, message)
    found = f"{policy.metric} of the candidate is {value:.4f} on {where}"
    if policy.floor is None:
        message = f"{found}; no floor was set, so any first model may serve"
        return check(policy, "floor", Verdict.WARN, message, value=value)
    higher = policy.definition.higher_is_better
    good = value >= policy.floor if higher else value <= policy.floor
    message = f"{found}; at {'least' if higher else 'most'} {policy.floor:g} was asked for"
    verdict = Verdict.PASS if good else Verdict.FAIL
    return check(policy, "floor", verdict, message, value=value, threshold=policy.floor)


def _guards(policy: GatePolicy, evidence: Evidence) -> Iterator[Check]:
    yield from ceiling(policy, evidence.candidate["value"])
    if evidence.comparison is not None:
        yield from plausible(policy, evidence.comparison.gain)
    if evidence.distinct_scores is not None:
        count = evidence.distinct_scores
        message = f"the candidate gives {count:,} distinct scores"
        yield _guard(policy, "scores", count > 1, message, count, None)
    limits: tuple[tuple[str, float | None, float | None, str], ...] = (
        ("score_psi", evidence.score_psi, policy.max_score_psi, "PSI of the candidate's scores against production's"),
        ("calibration", evidence.calibration_error, policy.max_calibration_error, "the expected calibration error"),
    )
    for name, found, most, words in limits:
        if most is None:
            continue
        if found is None:
            message = f"{words} was not measured: there is no production model, or the scores are no predictions"
            yield check(policy, name, Verdict.NOT_RUN, message, required=name != "score_psi")
        elif math.isnan(found):
            yield check(policy, name, Verdict.INSUFFICIENT, f"{words} cannot be measured: {_NO_NUMBER}")
        else:
            yield _guard(policy, name, found <= most, f"{words} is {found:.4f}, at most {most:g}", found, most)


def ceiling(policy: GatePolicy, value: float | None) -> Iterator[Check]:
    """Stop a candidate that is better than any can be."""
    best = policy.ceiling
    if best is None:
        return
    if value is None or math.isnan(value):
        message = f"{policy.metric} of the candidate cannot be measured, so nobody knows whether it is plausible"
        yield check(policy, "ceiling", Verdict.INSUFFICIENT, message, threshold=best)
        return
    good = value <= best if policy.definition.higher_is_better else value >= best
    message = f"{policy.metric} of the candidate is {value:.4f}, {best:g} is the best that is plausible"
    yield _guard(policy, "ceiling", good, message, value, best, leak=True)


def plausible(policy: GatePolicy, gain: float) -> Iterator[Check]:
    """Stop a candidate that beats production by more than any can."""
    most, show = policy.implausible, policy.unit.show
    if most is None:
        return
    if math.isnan(gain):
        message = "the gain cannot be measured, so nobody knows whether it is plausible"
        yield check(policy, "plausible", Verdict.INSUFFICIENT, message, threshold=most)
        return
    message = f"the gain is {show(gain)}, beyond {show(most)} none is plausible"
    yield _guard(policy, "plausible", gain <= most, message, gain, most, leak=True)


def _guard(
    policy: GatePolicy,
    name: str,
    good: bool,
    message: str,
    value: float,
    threshold: float | None,
    *,
    leak: bool = False,
) -> Check:
    if leak and not good:
        message += ": too good to be true, a leak of the label into the features is suspected"
    verdict = Verdict.PASS if good else Verdict.FAIL
    return check(policy, name, verdict, message, value=value, threshold=threshold)


# ---------------------------------------------------------------- words


def check(
    policy: GatePolicy,
    name: str,
    verdict: Verdict,
    message: str,
    *,
    comparison: Comparison | None = None,
    value: float | None = None,
    threshold: float | None = None,
    n: int | None = None,
    required: bool = True,
) -> Check:
    """Make a check of the gate; a comparison gives it value, bounds and count."""
    return Check(
        id=f"{policy.id}.{name}",
        verdict=verdict,
        message=message,
        value=comparison.gain if comparison else value,
        lower=comparison.lower if comparison else None,
        upper=comparison.upper if comparison else None,
        threshold=threshold,
        n=comparison.n_queries if comparison else n,
        required=required,
    )


def _interval(policy: GatePolicy, comparison: Comparison) -> str:
    show = policy.unit.show
    return f"{show(comparison.gain)} [{show(comparison.lower)}, {show(comparison.upper)}]"


def _where(policy: GatePolicy, comparison: Comparison) -> str:
    where = f"{comparison.n_queries:,} {_units(policy)} in {comparison.n_clusters:,} clusters"
    if comparison.n_effective < 0.99 * comparison.n_queries:
        where += f", worth {comparison.n_effective:,.0f} of equal weight"
    if comparison.n_constant:
        where += f" ({comparison.n_constant:,} more cannot tell models apart)"
    return where


def _units(policy: GatePolicy) -> str:
    return "queries" if policy.definition.ranks else "rows"
