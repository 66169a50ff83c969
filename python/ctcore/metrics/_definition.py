"""What exactly a metric's number means, and the conventions of other libraries by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

from ctcore.errors import ArgumentError, did_you_mean

Gain = Literal["linear", "exp2"] | Sequence[float]
Ties = Literal["average", "input", "document", "pessimistic", "optimistic"]
Empty = Literal["zero", "one", "skip", "error"]
Preset = Literal["trec", "sklearn", "lightgbm", "xgboost", "ranx"]

RANKING = {
    "ndcg": ("gain",),
    "dcg": ("gain",),
    "map": ("relevant_from", "ap_denominator"),
    "mrr": ("relevant_from",),
    "precision": ("relevant_from", "precision_denominator"),
    "recall": ("relevant_from",),
    "f1": ("relevant_from", "precision_denominator"),
    "hit_rate": ("relevant_from",),
    "success": ("relevant_from",),
    "r_precision": ("relevant_from",),
    "bpref": ("relevant_from",),
    "rbp": ("relevant_from", "persistence"),
    "err": ("highest_grade",),
    "gauc": ("relevant_from",),
}
"""Each ranking metric, with the parts of a definition that it alone reads."""

BY_ROW = {
    "mae": "absolute",
    "mse": "squared",
    "rmse": "squared",
    "mape": "absolute_percentage",
    "quantile_loss": "quantile",
    "log_loss": "log",
    "brier": "brier",
    "accuracy": "correct",
}
"""Each metric that is a mean over rows (RMSE: its root), with what it is on one row."""

LOSSES = BY_ROW.keys() - {"accuracy"} | {"ece"}
"""Metrics of which less is better."""

_ROWS = [*BY_ROW, "r2", "roc_auc", "pr_auc", "ece"]
_WITHOUT_CUTOFF = ("r_precision", "bpref", "gauc")
_EVEN = 0.5
_LEVELS = {"quantile_loss": "quantile", "accuracy": "threshold"}

PRESETS: dict[str, dict[str, Any]] = {
    "trec": {"ties": "document", "negative": "unjudged", "persistence": 0.9},
    "sklearn": {},
    "lightgbm": {"gain": "exp2", "ties": "input", "empty": "one", "ap_denominator": "reachable"},
    "xgboost": {
        "gain": "exp2",
        "ties": "input",
        "empty": "one",
        "ap_denominator": "reachable",
        "precision_denominator": "list",
        "score_type": "float32",
    },
    "ranx": {"ties": "input", "negative": "unjudged"},
}
"""The conventions of other libraries, as they differ from the fields' defaults in :class:`Definition`."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What exactly a metric's number means. It is stored with every result."""

    metric: str
    """One of the ranking metrics (``"ndcg"``, ``"map"``, ...), ``"mae"``, ``"mse"``, ``"rmse"``, ``"mape"``,
    ``"quantile_loss"``, ``"r2"``, ``"log_loss"``, ``"brier"``, ``"accuracy"``, ``"roc_auc"``, ``"pr_auc"`` or
    ``"ece"`` (over 10 bins)."""
    k: int | None = None
    """The cutoff; ``None`` counts every document."""
    gain: Gain = "linear"
    """DCG and NDCG: the grade itself, ``2**grade - 1``, or a table indexed by whole grades."""
    ties: Ties = "average"
    """The order of equal scores: the mean over all orders, the order of the rows, descending document ids, the worst
    order, the best."""
    empty: Empty = "zero"
    """What a query without relevant documents (for DCG and NDCG: without gain) is worth: 0; 1 for the metrics that are
    relative to what the query holds (NDCG, MAP, recall, F1, R-precision, bpref) and 0 for the others; left out of the
    mean; an error."""
    relevant_from: float = 1.0
    """The lowest grade that is relevant, for the metrics that know only relevant or not."""
    ap_denominator: Literal["relevant", "reachable"] = "relevant"
    """MAP: all relevant documents, or as many of them as fit above the cutoff."""
    precision_denominator: Literal["cutoff", "list"] = "cutoff"
    """Precision and F1: the cutoff, or the length of the list where that is shorter."""
    negative: Literal["error", "unjudged"] = "error"
    """A negative grade: an error, or a document that nobody judged (ranked, not relevant, no gain, ignored by
    bpref)."""
    persistence: float = 0.8
    """RBP: the probability that a user who saw a document goes on to the next."""
    highest_grade: float = 4.0
    """ERR: the highest grade of the scale."""
    quantile: float = _EVEN
    """Quantile loss: the quantile that was predicted."""
    threshold: float = _EVEN
    """Accuracy: the least score that predicts a positive."""
    score_type: Literal["given", "float32"] = "given"
    """The precision in which scores are ranked."""
    preset: Preset | None = None
    """The library whose convention this is, where one was named."""

    def __post_init__(self) -> None:
        k: object = self.k
        if k is not None and (not isinstance(k, (int, np.integer)) or isinstance(k, bool) or not 1 <= k < 1 << 32):
            raise ArgumentError(f"k: must be a whole number of at least 1 and below 2^32, or None, found {k!r}")
        if k is not None and self.metric in _WITHOUT_CUTOFF:
            raise ArgumentError(f"k: {self.metric} has no cutoff, found {k}")
        for name in ("relevant_from", "persistence", "highest_grade", "quantile", "threshold"):
            value = getattr(self, name)
            if not isinstance(value, Real) or math.isnan(value):
                raise ArgumentError(f"{name}: must be a number, found {value!r}")
        for name in ("ties", "empty", "negative", "ap_denominator", "precision_denominator", "score_type"):
            if not isinstance(getattr(self, name), str):
                raise ArgumentError(f"{name}: must be a word, found {getattr(self, name)!r}")
        if not isinstance(self.gain, (str, Sequence, np.ndarray)):
            raise ArgumentError(f'gain: must be "linear", "exp2" or a sequence of gains, found {self.gain!r}')
        if not 0 < self.quantile < 1:
            raise ArgumentError(f"quantile: must be above 0 and below 1, found {self.quantile}")

    @classmethod
    def of(cls, metric: str | Definition, *, preset: Preset | None = None, **switches: Any) -> Definition:
        """Read a metric's name; ``switches`` are the other fields.

        ``"ndcg@10"`` has its cutoff, ``"quantile_loss@0.9"`` its quantile, ``"accuracy@0.3"`` its threshold.

        A preset sets all fields; a switch beside it changes the one that it names.

        >>> Definition.of("ndcg@10", gain="exp2").k
        10
        >>> Definition.of("map@10", preset="lightgbm").ap_denominator
        'reachable'
        """
        unknown = [name for name in switches if name not in cls.__slots__ or name == "metric"]
        if unknown:
            raise ArgumentError(f"{unknown[0]}: no such argument; {did_you_mean(unknown[0], cls.__slots__[1:])}")
        if isinstance(metric, Definition):
            if preset is not None or switches:
                given = "preset" if preset is not None else next(iter(switches))
                raise ArgumentError(f"{given}: the metric is a Definition, which says it already; give one of the two")
            return metric
        if not isinstance(metric, str):
            raise ArgumentError(f'metric: must be a name such as "ndcg@10", or a Definition, found {metric!r}')
        name, at, cutoff = metric.partition("@")
        known = [*RANKING, *_ROWS]
        if name not in known:
            raise ArgumentError(f'metric: unknown metric "{metric}"; {did_you_mean(name, known)}')
        if at and name in _LEVELS:
            switches[_LEVELS[name]] = _number(metric, cutoff)
        elif at and (name not in RANKING or not cutoff.isdecimal() or int(cutoff) < 1):
            raise ArgumentError(f'metric: "{metric}" must be a name, or "ndcg@k" with a whole k of at least 1')
        unread = [each for each in switches if name in _ROWS and each != _LEVELS.get(name)]
        if unread:
            raise ArgumentError(f"{unread[0]}: {name} is a metric of rows, and reads no {unread[0]}")
        if preset is not None and preset not in PRESETS:
            raise ArgumentError(f'preset: unknown preset "{preset}"; {did_you_mean(preset, PRESETS)}')
        parts = {**PRESETS[preset], **switches} if preset and name in RANKING else switches
        return cls(name, int(cutoff) if at and name in RANKING else None, preset=preset, **parts)

    @property
    def name(self) -> str:
        """The name with its cutoff or level, as ``of`` reads it."""
        if self.metric in _LEVELS and self.level != _EVEN:
            return f"{self.metric}@{self.level:g}"
        return f"{self.metric}@{self.k}" if self.k else self.metric

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger number is a better model."""
        return self.metric not in LOSSES

    @property
    def ranks(self) -> bool:
        """Whether the metric is of a ranking, so that rows belong to queries."""
        return self.metric not in _ROWS

    @property
    def paired(self) -> bool:
        """Whether two models are compared by it, with an interval of the gain."""
        return self.metric not in ("pr_auc", "ece")

    @property
    def of_classes(self) -> bool:
        """Whether its targets are classes, 0 and 1."""
        return self.metric in ("log_loss", "brier", "accuracy", "roc_auc", "pr_auc", "ece")

    @property
    def level(self) -> float:
        """The quantile or the threshold, for the metrics of rows that have one."""
        return self.threshold if self.metric == "accuracy" else self.quantile

    def to_dict(self) -> dict[str, Any]:
        """Give the definition's parts that mean something for its metric."""
        if not self.ranks:
            level = _LEVELS.get(self.metric)
            return {"metric": self.metric} | ({level: self.level} if level else {})
        shared = ("metric", "k", "ties", "empty", "negative", "score_type", "preset")
        read = {*shared, *RANKING[self.metric]}
        return {name: value for name, value in asdict(self).items() if name in read}


def _number(metric: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f'metric: "{metric}" must have a number after the @') from None
