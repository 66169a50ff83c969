"""What a candidate must prove, as a person would write it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from ctcore.errors import ArgumentError, ConfigError
from ctcore.metrics import Definition, Margin

_LIMITS = ("max_score_psi", "max_calibration_error")

Proof = Literal["margin", "better", "not_worse", "point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """What a candidate must prove.

    >>> GatePolicy(metric="ndcg@10", margin="1%").threshold
    0.01
    >>> GatePolicy(metric="roc_auc", margin=0.002, proof="not_worse").threshold
    -0.002
    """

    metric: str
    """``"ndcg@10"``, ``"mae"``, ``"roc_auc"``: any metric that ``metrics.compare`` takes."""
    name: str | None = None
    """What the gate's checks are called by, ``gate.NAME.gain``; without it the metric. Two gates of one metric need
    names."""
    gain: Literal["linear", "exp2"] = "linear"
    """For NDCG: grades to gains."""
    margin: str | float = "1%"
    """How much better counts: ``"1%"`` of production's metric, or a number in the metric's own unit."""
    proof: Proof = "margin"
    """``"margin"``: at least the margin better, at the confidence. ``"better"``: better, at the confidence.
    ``"not_worse"``: not worse by the margin, at the confidence, and better as measured. ``"point"``: better by the
    margin as measured, whatever chance there was in it."""
    confidence: float = 0.95
    """Of each one-sided bound."""
    cluster: str | None = None
    """The column whose values are independent of each other, such as the day. Queries that share one are not."""
    weight: str | None = None
    """The column that says how much each query (row) counts; a query has the mean of its rows. AUC has no weights."""
    slices: tuple[str, ...] = ()
    """Columns, constant within a query, on none of whose values harm may be demonstrated."""
    max_slice_loss: str | float | None = None
    """And on each of whose values the candidate must be proven not worse by more than this."""
    floor: float | None = None
    """The worst metric that any model may have: a least value, or for losses a greatest. A first model, with no
    production model to beat, passes on it alone."""
    ceiling: float | None = None
    """The best metric that is plausible; beyond it a leak is suspected."""
    implausible_gain: str | float | None = None
    """The gain beyond which a leak is suspected; without it 50%, where the margin is relative."""
    max_score_psi: float | None = None
    """How far the candidate's scores may be distributed from production's, as a PSI."""
    max_calibration_error: float | None = None
    """Classification: how far probabilities may be from shares, as the expected calibration error (``metrics.ece``)."""
    yearly_errors: float = 1.0
    """Promotions a year, expected at most, of candidates that are no better, for the proofs ``"margin"`` and
    ``"better"``: each gate may spend its share, ``yearly_errors / gates_per_year``, on "not better than production"."""
    gates_per_year: int = 52
    """How often the gate is tried."""

    def __post_init__(self) -> None:
        try:
            definition = Definition.of(self.metric)
            margin = Margin.of(self.margin)
            margin.check(definition.metric)
            for name in ("max_slice_loss", "implausible_gain"):
                given = getattr(self, name)
                other = margin if given is None else Margin.of(given, name=name)
                if other.relative != margin.relative:
                    kind = "a percentage" if margin.relative else "a number"
                    raise ConfigError(f"gate: {name} must be {kind}, as margin is, found {given!r}")
        except ArgumentError as error:
            raise ConfigError(f"gate: {error}") from None
        if self.weight is not None and definition.metric == "roc_auc":
            raise ConfigError("gate: weight: AUC is compared without weights")
        if not definition.paired:
            raise ConfigError(f"gate: metric: {self.metric} has no paired interval; take roc_auc, log_loss or brier")
        self._check_numbers(margin)
        bounds = {
            "margin": (margin.value, margin.value >= 0, "at least 0"),
            "confidence": (self.confidence, 0.5 <= self.confidence < 1, "at least 0.5 and below 1"),
            "yearly_errors": (self.yearly_errors, self.yearly_errors > 0, "above 0"),
            "gates_per_year": (self.gates_per_year, self.gates_per_year >= 1, "at least 1"),
            "proof": (self.proof, self.proof in get_args(Proof), f"one of {', '.join(get_args(Proof))}"),
            "slices": (self.slices, _names(self.slices), "names of columns, as a list, each once"),
        }
        for name, (value, good, words) in (bounds | self._optional_bounds(definition, margin)).items():
            if not good:
                raise ConfigError(f"gate: {name} must be {words}, found {value!r}")
        if self.max_slice_loss is not None and not self.slices:
            raise ConfigError("gate: max_slice_loss needs slices: the columns on whose values it holds")

    def _check_numbers(self, margin: Margin) -> None:
        for name in ("confidence", "yearly_errors", "gates_per_year", "floor", "ceiling", *_LIMITS):
            value = getattr(self, name)
            if value is not None and not isinstance(value, (int, float)):
                raise ConfigError(f"gate: {name} must be a number, found {value!r}")
        if self.implausible_gain is None and self.implausible is not None and self.implausible <= margin.value:
            most = margin.show(self.implausible)
            raise ConfigError(
                f"gate: beyond {most} a gain is implausible, and margin is {margin}: set implausible_gain"
            )

    def _optional_bounds(self, definition: Definition, margin: Margin) -> dict[str, tuple[object, bool, str]]:
        """Give the values that were given among those that need not be: each with whether it is good, and what is."""
        best, worst = self.ceiling, self.floor
        apart = best is None or worst is None or (best > worst if definition.higher_is_better else best < worst)
        loss, gain = self.max_slice_loss, self.implausible_gain
        bounds = {
            "floor": (worst, worst is None or math.isfinite(worst), "a finite number"),
            "ceiling": (best, best is None or (math.isfinite(best) and apart), f"a finite number better than {worst}"),
            "max_score_psi": (self.max_score_psi, (self.max_score_psi or 0) >= 0, "at least 0"),
            "max_calibration_error": (
                self.max_calibration_error,
                0 <= (self.max_calibration_error or 0) <= 1,
                "0 to 1",
            ),
            "max_slice_loss": (loss, loss is None or Margin.of(loss).value >= 0, "at least 0"),
            "implausible_gain": (gain, gain is None or Margin.of(gain).value > margin.value, "above the margin"),
        }
        return {name: bound for name, bound in bounds.items() if bound[0] is not None}

    @property
    def definition(self) -> Definition:
        """The metric with its conventions."""
        return Definition.of(self.metric) if self.gain == "linear" else Definition.of(self.metric, gain=self.gain)

    @property
    def id(self) -> str:
        """What the ids of the gate's checks begin with."""
        return f"gate.{self.name or self.metric}"

    @property
    def unit(self) -> Margin:
        """The margin, which knows how to write a gain."""
        return Margin.of(self.margin)

    @property
    def threshold(self) -> float:
        """The gain that the proof is about."""
        return {"margin": 1, "better": 0, "not_worse": -1, "point": 1}[self.proof] * self.unit.value

    @property
    def implausible(self) -> float | None:
        """The gain beyond which a leak is suspected."""
        if self.implausible_gain is not None:
            return Margin.of(self.implausible_gain).value
        return 0.5 if self.unit.relative else None

    @property
    def level(self) -> float | None:
        """The chance of promoting a candidate that is no better which one gate may spend; without a budget ``None``."""
        return self.yearly_errors / self.gates_per_year if self.proof in ("margin", "better") else None


def _names(found: object) -> bool:
    """Whether a value is a list of names, each once."""
    if not isinstance(found, (list, tuple)):
        return False
    return all(isinstance(name, str) and name for name in found) and len(set(found)) == len(found)
