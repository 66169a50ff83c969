"""Evidence that grows week by week: one frozen candidate, kept in shadow, against one production model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore.errors import ArgumentError
from ctcore.gate._decide import (
    GateReport,
    asked,
    budget,
    ceiling,
    check,
    floor,
    is_about,
    plausible,
    proven,
    what_would_do,
)
from ctcore.metrics import ClusterSums
from ctcore.verdict import FORMAT, Check, Verdict, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ctcore.gate._policy import GatePolicy
    from ctcore.metrics import Totals

_BETS = np.array([1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0])  # per share of production's metric; the evidence is their mean
_WIDEST = 10.0  # gains beyond 1,000% of production's metric are not told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What is known of a candidate that went on being measured after its gate could not tell.

    Looking every week at an ordinary interval, and stopping when it proves something, is wrong far more often than its
    5%. These bounds hold at every look at once. They take what sign flips take: that under the true gain ``g`` the
    ``e = a - g b`` of each cluster (``a`` its advantage, ``b`` what the gain is a share of) is symmetric around 0,
    given production's sums and whatever came before. Then ``prod exp(bet e) / cosh(bet e)`` is a martingale with mean 1
    for any bet, which exceeds ``1 / alpha`` ever with a probability of at most ``alpha`` (Ville, 1939); the mean over a
    few bets is one too (Ramdas and others, "Game-theoretic statistics and safe anytime-valid inference", Statistical
    Science 38, 2023). A bet is per mean of production's sums so far. A cluster multiplies the evidence by 2 at most, so
    four prove nothing at 95%; it takes about ten.

    That holds for clusters that neither model was trained or gated on. A shadow refuses every cluster that it was given
    before, also for an earlier pair: a later candidate may have learned from it, and a promoted one has won on it. What
    happened before the shadow began is for the caller to hold: give it days after the candidate's holdout alone.

    >>> from ctcore import gate, metrics
    >>> week = {f"day {i}": metrics.ClusterSums(20.8, 20.0, 50, 20.8, 50) for i in range(12)}  # each day 4% better
    >>> sums = metrics.Totals(metrics.Definition.of("ndcg@10"), week)
    >>> shadow = Shadow(candidate="abc", production="def").add("abc", "def", sums)
    >>> policy = gate.GatePolicy(metric="ndcg@10", margin="2%", floor=0.4)
    >>> shadow.decide(policy).verdict
    <Verdict.PASS: 'pass'>
    """

    candidate: str
    """The digest of the candidate, which is frozen."""
    production: str
    """The digest of the model that serves."""
    definition: dict[str, Any] = field(default_factory=dict)
    """What the sums are of, as the first totals said; empty before."""
    clusters: dict[str, ClusterSums] = field(default_factory=dict)
    """What each cluster adds, from ``metrics.totals``, in the order in which they came."""
    spent: frozenset[str] = frozenset()
    """Clusters that were counted for earlier pairs."""

    def __post_init__(self) -> None:
        if self.candidate == self.production:
            raise ArgumentError(f"candidate: {self.candidate!r} is what serves; a model is no candidate against itself")
        for name, sums in self.clusters.items():
            if not (all(math.isfinite(each) for each in sums) and sums.weight >= 0 and sums.all_weight >= 0):
                raise ArgumentError(f"totals: {name!r} must have finite sums and weights of at least 0, found {sums}")
            if sums.production < 0:
                raise ArgumentError(
                    f"totals: {name!r} has a sum of {sums.production} for production; must be at least 0"
                )

    def add(self, candidate: str, production: str, totals: Totals) -> Shadow:
        """Give the shadow with more clusters, none of which it was ever given.

        Another candidate or another production model starts from nothing: evidence about one pair says nothing of
        another.
        """
        if (candidate, production) != (self.candidate, self.production):
            spent = self.spent | self.clusters.keys()
            return Shadow(candidate=candidate, production=production, spent=spent).add(candidate, production, totals)
        again = (self.spent | self.clusters.keys()) & totals.clusters.keys()
        if again:
            raise ArgumentError(f"totals: the cluster {min(again)!r} was counted before; evidence is of new queries")
        definition = plain(totals.definition.to_dict())
        if self.clusters and definition != self.definition:
            raise ArgumentError(f"totals: must be of {self.definition}, as those before, found {definition}")
        return Shadow(
            candidate=candidate,
            production=production,
            definition=definition,
            clusters=self.clusters | totals.clusters,
            spent=self.spent,
        )

    def bounds(self, policy: GatePolicy) -> tuple[float, float]:
        """Give the one-sided bounds of the gain at the policy's confidence, in the margin's unit.

        They are valid at every look; infinite where nothing is told yet.
        """
        advantage, against, share = self._sums(policy)
        if not (share.any() and against.any()):
            return -math.inf, math.inf
        limit = -math.log(1 - policy.confidence)
        widest = _WIDEST / float(share[share > 0].min() * against.mean())

        def above(gain: float) -> bool:
            return _told((advantage - gain * against) * share) >= limit

        def below(gain: float) -> bool:
            return _told((gain * against - advantage) * share) >= limit

        return _turn(above, -widest, widest), _turn(below, widest, -widest)

    def decide(self, policy: GatePolicy) -> GateReport:
        """Decide from all clusters so far: promote the candidate, drop it, or go on watching.

        Floor, ceiling, plausible gain and the year's budget are judged as by ``gate.decide``, over all clusters. A
        shadow knows sums of clusters: what a policy asks of slices and of single scores is ``not_run``, and so is then
        the whole; that is to be judged on the rows.
        """
        if policy.proof == "point":
            raise ArgumentError('proof: "point" proves nothing, so there is nothing to go on watching for')
        if self.clusters and not is_about(policy, self.definition):
            asked_of = policy.definition.to_dict()
            raise ArgumentError(f"policy: asks for {asked_of}, but the sums are of {self.definition}")
        advantage, against, share = self._sums(policy)
        total, count = float(against.sum()), len(self.clusters)
        gain = float(advantage.sum()) / total if total else math.nan
        weight = sum(each.all_weight for each in self.clusters.values())
        value = sum(each.all_candidate for each in self.clusters.values()) / weight if weight else None
        p_not_better = math.exp(-max(_told(advantage * share), 0.0))
        return GateReport(
            checks=(
                floor(policy, value, _where(count)),
                self._gain(policy, gain),
                *ceiling(policy, value),
                *plausible(policy, gain),
                *budget(policy, p_not_better, count),
                *_unseen(policy),
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the shadow as plain values, to be kept until there are new days."""
        return {
            "format": FORMAT,
            "kind": "shadow",
            "candidate": self.candidate,
            "production": self.production,
            "definition": self.definition,
            "clusters": [{"cluster": name} | sums._asdict() for name, sums in self.clusters.items()],
            "spent": sorted(self.spent),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Shadow:
        """Read a shadow that was kept.

        >>> Shadow.from_dict(Shadow(candidate="abc", production="def").to_dict()).candidate
        'abc'
        """
        if (record.get("format"), record.get("kind")) != (FORMAT, "shadow"):
            found = f"{record.get('kind')!r} of format {record.get('format')!r}"
            raise ArgumentError(f"record: must be a 'shadow' of format {FORMAT}, found {found}")
        clusters = {
            each["cluster"]: ClusterSums(*(each[name] for name in ClusterSums._fields)) for each in record["clusters"]
        }
        if len(clusters) < len(record["clusters"]):
            raise ArgumentError("record: holds a cluster twice; evidence is of new queries")
        return cls(
            candidate=record["candidate"],
            production=record["production"],
            definition=record["definition"],
            clusters=clusters,
            spent=frozenset(record["spent"]),
        )

    def _sums(self, policy: GatePolicy) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give each cluster's advantage, what the gain is a share of, and one over production's mean sum so far."""
        sums = np.array([each[:3] for each in self.clusters.values()]).reshape(-1, 3)
        candidate, production, weight = sums.T
        advantage = candidate - production if policy.definition.higher_is_better else production - candidate
        so_far = production.cumsum()
        share = np.divide(np.arange(1, len(sums) + 1), so_far, out=np.zeros(len(sums)), where=so_far > 0)
        return advantage, production if policy.unit.relative else weight, share

    def _gain(self, policy: GatePolicy, gain: float) -> Check:
        count, threshold, show = len(self.clusters), policy.threshold, policy.unit.show
        if math.isnan(gain):
            message = f"the gain over production cannot be measured on {_where(count)}"
            return check(policy, "gain", Verdict.INSUFFICIENT, message, threshold=threshold, n=count)
        lower, upper = self.bounds(policy)
        verdict, words = proven(policy, gain, lower, upper)
        interval = f"{show(gain)} [{show(lower)}, {show(upper)}]"
        message = f"{words}: gain over production {interval} on {_where(count)}; {asked(policy)}, at any look"
        if verdict is Verdict.INSUFFICIENT:
            message += f"; {what_would_do(policy, gain, (lower, upper), count, 'clusters')}"
        return Check(
            id=f"{policy.id}.gain",
            verdict=verdict,
            message=message,
            value=gain,
            lower=lower,
            upper=upper,
            threshold=threshold,
            n=count,
        )


def _where(count: int) -> str:
    return f"{count:,} clusters in shadow"


def _unseen(policy: GatePolicy) -> Iterator[Check]:
    """Say what was asked for and cannot be judged from sums."""
    unseen = {
        "slices": (policy.slices, f"the slices {', '.join(policy.slices)}"),
        "score_psi": (policy.max_score_psi, "the distribution of the candidate's scores"),
        "calibration": (policy.max_calibration_error, "the expected calibration error"),
    }
    for name, (given, words) in unseen.items():
        if given:
            message = f"{words}: not looked at, a shadow knows sums of clusters alone; judge it on their rows"
            yield check(policy, name, Verdict.NOT_RUN, message)


def evidence(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the logarithm of the evidence that values lie above 0, after each of them along the last axis.

    It grows with each value.
    """
    bets = _BETS[:, None] * apart[..., None, :]
    # log(exp(x) / cosh(x)) = log 2 - log(1 + exp(-2x)), without overflow
    logs = (math.log(2) - np.logaddexp(0.0, -2.0 * bets)).cumsum(axis=-1)
    found: NDArray[np.float64] = np.logaddexp.reduce(logs, axis=-2) - math.log(len(_BETS))
    return found


def _told(apart: NDArray[np.float64]) -> float:
    """Give the logarithm of the evidence after all values; without any there is none."""
    return float(evidence(apart)[-1]) if len(apart) else 0.0


def _turn(told: Callable[[float], bool], inside: float, outside: float) -> float:
    """Give the gain at which a bound turns from told to not told; the infinity of ``inside`` where never told."""
    if not told(inside):
        return math.copysign(math.inf, inside)
    for _ in range(50):
        middle = (inside + outside) / 2
        if told(middle):
            inside = middle
        else:
            outside = middle
    return inside
