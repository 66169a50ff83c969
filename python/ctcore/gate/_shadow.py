"""Evidence that grows week by week: one frozen candidate, kept in shadow, against one production model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ctcore.errors import ArgumentError
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ctcore.gate._policy import GatePolicy

_BETS = np.array([1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0])  # per unit of relative gain; the evidence is their mean
_WIDEST = 10.0  # gains beyond 1,000% are not told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What is known of a candidate that went on being measured after its gate could not tell.

    Looking every week at an ordinary interval, and stopping when it proves something, is wrong far more often than its
    5%. These bounds hold at every look at once. They take what sign flips take: that under the true gain ``g`` the
    ``e = a - g b`` of each cluster is symmetric around 0, whatever came before. Then
    ``prod exp(bet e) / cosh(bet e)`` is a martingale with mean 1 for any bet, which exceeds ``1 / alpha`` ever with a
    probability of at most ``alpha`` (Ville, 1939); the mean over a few bets is one too (Ramdas and others,
    "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38, 2023). A cluster multiplies
    the evidence by 2 at most, so five prove nothing; it takes about ten.

    >>> week = {f"day {i}": (0.8, 20.0) for i in range(12)}  # each day 4% better
    >>> shadow = Shadow(candidate="abc", production="def").add("abc", "def", week)
    >>> lower, upper = shadow.bounds(0.95)
    >>> lower > 0.02
    True
    """

    candidate: str
    """The digest of the candidate, which is frozen."""
    production: str
    """The digest of the model that serves."""
    clusters: tuple[tuple[str, float, float], ...] = ()
    """Name, advantage and production's sum of each cluster, from ``metrics.totals``."""

    def add(self, candidate: str, production: str, totals: Mapping[str, tuple[float, float]]) -> Shadow:
        """Give the shadow with more clusters, none of which it has seen.

        Another candidate or another production model starts again: evidence about one pair says nothing of another.
        The clusters must be ones that neither model was trained or gated on; that is for the caller to hold.
        """
        if (candidate, production) != (self.candidate, self.production):
            return Shadow(candidate=candidate, production=production).add(candidate, production, totals)
        again = {name for name, _, _ in self.clusters} & totals.keys()
        if again:
            raise ArgumentError(f"totals: the cluster {min(again)!r} was counted before; evidence is of new queries")
        for name, (advantage, against) in totals.items():
            if not (math.isfinite(advantage) and math.isfinite(against) and against >= 0):
                raise ArgumentError(f"totals: {name!r} must have finite sums, production's at least 0, found {against}")
        new = tuple((name, *sums) for name, sums in totals.items())
        return Shadow(candidate=candidate, production=production, clusters=self.clusters + new)

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Give the one-sided bounds of the gain, valid at every look; infinite where nothing is told yet."""
        advantage = np.array([each[1] for each in self.clusters])
        against = np.array([each[2] for each in self.clusters])
        first = next((each[2] for each in self.clusters if each[2] > 0), None)
        if first is None:
            return -math.inf, math.inf
        limit = -math.log(1 - confidence)

        def above(gain: float) -> bool:
            return _evidence((advantage - gain * against) / first) >= limit

        def below(gain: float) -> bool:
            return _evidence((gain * against - advantage) / first) >= limit

        return _turn(above, -_WIDEST, _WIDEST), _turn(below, _WIDEST, -_WIDEST)

    def decide(self, policy: GatePolicy) -> Check:
        """Decide the gain from all clusters so far: prove it, prove the contrary, or go on watching."""
        lower, upper = self.bounds(policy.confidence)
        total = sum(each[2] for each in self.clusters)
        gain = sum(each[1] for each in self.clusters) / total if total else math.nan
        threshold, show = policy.threshold, policy.unit.show
        if policy.proof == "point":
            raise ArgumentError('proof: "point" proves nothing, so there is nothing to go on watching for')
        if lower > threshold and gain > 0:
            verdict, words = Verdict.PASS, "proven"
        elif upper < (0 if policy.proof == "not_worse" else threshold):
            verdict, words = Verdict.FAIL, "proven to be less"
        else:
            verdict, words = Verdict.INSUFFICIENT, "cannot be told yet"
        interval = f"{show(gain)} [{show(lower)}, {show(upper)}]"
        message = f"{words}: gain in shadow {interval} over {len(self.clusters)} clusters"
        return Check(
            id=f"{policy.id}.shadow",
            verdict=verdict,
            message=message,
            value=gain,
            lower=lower,
            upper=upper,
            threshold=threshold,
            n=len(self.clusters),
        )


def _evidence(apart: NDArray[np.float64]) -> float:
    """Give the logarithm of the evidence that the values lie above 0; it grows with each of them."""
    bets = np.outer(_BETS, apart)
    # log(exp(x) / cosh(x)) = log 2 - log(1 + exp(-2x)), without overflow
    logs = (math.log(2) - np.logaddexp(0.0, -2.0 * bets)).sum(axis=1)
    return float(np.logaddexp.reduce(logs) - math.log(len(_BETS)))


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
