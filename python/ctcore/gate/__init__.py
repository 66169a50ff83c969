"""The promotion gate: what follows from the evidence. Pure: no file, no clock, no chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ctcore.errors import ConfigError
from ctcore.verdict import Check, Report, Verdict

if TYPE_CHECKING:
    from ctcore.metrics import Comparison, Definition, Evaluation

__all__ = ["Evidence", "GatePolicy", "GateReport", "decide", "share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """What a candidate must prove."""

    metric: str
    """``"ndcg@10"``, ``"mae"``, ``"mse"``."""
    gain: Literal["linear", "exp2"] = "linear"
    """For NDCG: grades to gains."""
    margin: str = "1%"
    """The relative gain over production that must be proven."""
    confidence: float = 0.95
    """Of the one-sided bound that proves it."""
    cluster: str | None = None
    """The column whose values are independent of each other, such as the day. Queries that share one are not."""
    floor: float | None = None
    """The worst metric that any model may have: a least value, or for losses a greatest. A first model, with no
    production model to beat, passes on it alone."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.confidence < 1:
            raise ConfigError(f"gate: confidence must be at least 0.5 and below 1, found {self.confidence}")
        share(self.margin)


def share(text: str) -> float:
    """Read a share written as a person would.

    >>> share("1%"), share("0.5 %")
    (0.01, 0.005)
    """
    number, percent, rest = text.partition("%")
    try:
        if not percent or rest.strip():
            raise ValueError
        found = float(number) / 100
        if not math.isfinite(found):
            raise ValueError
    except ValueError:
        raise ConfigError(f'gate: margin must be a percentage such as "1%", found {text!r}') from None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured for one gate."""

    candidate: Evaluation
    """The candidate on the whole holdout."""
    comparison: Comparison | None
    """The candidate against production on the same queries; ``None`` where there is no production model."""
    against: str | None
    """The digest of the production model that the candidate was compared with."""
    problem: str | None = None
    """Why there is no comparison although there is a production model."""

    def to_dict(self) -> dict[str, Any]:
        """Give the evidence as plain values."""
        return {
            "candidate": self.candidate.to_dict(),
            "comparison": self.comparison.to_dict() if self.comparison else None,
            "against": self.against,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport(Report):
    """Whether the candidate may serve."""

    kind: ClassVar[str] = "gate"


def decide(policy: GatePolicy, evidence: Evidence) -> GateReport:
    """Decide one gate.

    ``pass``: the gain is proven above the margin. ``fail``: it is proven below it. ``insufficient``: the queries cannot
    tell; that is no fault of the model. Without a production model the floor alone decides, and the report says so.
    """
    checks = [_floor(policy, evidence.candidate), _superiority(policy, evidence)]
    return GateReport(checks=tuple(checks))


def _floor(policy: GatePolicy, candidate: Evaluation) -> Check:
    definition = candidate.definition
    value = candidate.value
    found = f"{definition.name} of the candidate is {value:.4f} on {candidate.n_queries:,} {_units(definition)}"
    if policy.floor is None:
        verdict, message = Verdict.WARN, f"{found}; no floor was set, so any first model may serve"
    elif math.isnan(value):
        verdict, message = Verdict.INSUFFICIENT, f"{found}: there is nothing to measure it on"
    else:
        good = value >= policy.floor if definition.higher_is_better else value <= policy.floor
        bound = "at least" if definition.higher_is_better else "at most"
        verdict = Verdict.PASS if good else Verdict.FAIL
        message = f"{found}; {bound} {policy.floor:g} was asked for"
    return Check(
        id=f"gate.{definition.name}.floor",
        verdict=verdict,
        message=message,
        value=value,
        threshold=policy.floor,
        n=candidate.n_queries,
    )


def _superiority(policy: GatePolicy, evidence: Evidence) -> Check:
    id_ = f"gate.{policy.metric}.gain"
    if evidence.problem is not None:
        message = f"cannot be compared with production: {evidence.problem}"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message)
    comparison = evidence.comparison
    if comparison is None:
        message = "there is no production model to beat: the first model passes on the absolute floor alone"
        return Check(id=id_, verdict=Verdict.PASS, message=message)
    margin = share(policy.margin)
    where = f"{comparison.n_queries:,} {_units(comparison.definition)} in {comparison.n_clusters} clusters"
    if comparison.n_constant:
        where += f" ({comparison.n_constant} more cannot tell models apart)"
    found = (
        f"gain over production {comparison.gain:+.2%} [{comparison.lower:+.2%}, {comparison.upper:+.2%}] "
        f"on {where}, {policy.margin} to prove at {policy.confidence:.0%}"
    )
    if comparison.lower > margin:
        verdict, message = Verdict.PASS, f"proven: {found}"
    elif comparison.upper < margin:
        verdict, message = Verdict.FAIL, f"proven to be less: {found}"
    elif math.isinf(comparison.lower):
        least = math.ceil(math.log2(1 / (1 - policy.confidence)))
        verdict = Verdict.INSUFFICIENT
        message = f"cannot be told: {found}; at least {least} clusters are needed to prove anything"
    else:
        verdict, message = Verdict.INSUFFICIENT, f"cannot be told: {found}"
    return Check(
        id=id_,
        verdict=verdict,
        message=message,
        value=comparison.gain,
        lower=comparison.lower,
        upper=comparison.upper,
        threshold=margin,
        n=comparison.n_queries,
    )


def _units(definition: Definition) -> str:
    return "queries" if definition.ranks else "rows"
