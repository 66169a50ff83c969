"""What exactly a metric's number means, and the conventions of other libraries by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
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

LOSSES = {"mae": "absolute", "mse": "squared", "rmse": "squared", "log_loss": "log", "brier": "squared"}
"""Each loss of rows, with what it is on one row."""

_ROWS = {*LOSSES, "r2", "roc_auc"}

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
    """One of the ranking metrics (``"ndcg"``, ``"map"``, ...), ``"mae"``, ``"mse"``, ``"rmse"``, ``"r2"``,
    ``"log_loss"``, ``"brier"`` or ``"roc_auc"``."""
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
    score_type: Literal["given", "float32"] = "given"
    """The precision in which scores are ranked."""
    preset: Preset | None = None
    """The library whose convention this is, where one was named."""

    def __post_init__(self) -> None:
        k: object = self.k
        if k is not None and (not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 1):
            raise ArgumentError(f"k: must be a whole number of at least 1, or None, found {k!r}")

    @classmethod
    def of(cls, metric: str, *, preset: Preset | None = None, **switches: Any) -> Definition:
        """Read a metric's name, ``"ndcg@10"`` with its cutoff; ``switches`` are the other fields.

        A preset sets all fields; a switch beside it changes the one that it names.

        >>> Definition.of("ndcg@10", gain="exp2").k
        10
        >>> Definition.of("map@10", preset="lightgbm").ap_denominator
        'reachable'
        """
        name, at, cutoff = metric.partition("@")
        known = [*RANKING, *_ROWS]
        if name not in known:
            raise ArgumentError(f'metric: unknown metric "{metric}"; {did_you_mean(name, known)}')
        if at and (name not in RANKING or not cutoff.isdecimal() or int(cutoff) < 1):
            raise ArgumentError(f'metric: "{metric}" must be a name, or "ndcg@k" with a whole k of at least 1')
        if preset is not None and preset not in PRESETS:
            raise ArgumentError(f'preset: unknown preset "{preset}"; {did_you_mean(preset, PRESETS)}')
        parts = {**PRESETS[preset], **switches} if preset else switches
        return cls(name, int(cutoff) if at else None, preset=preset, **parts)

    @property
    def name(self) -> str:
        """The name with its cutoff, as ``of`` reads it."""
        return f"{self.metric}@{self.k}" if self.k else self.metric

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger number is a better model."""
        return self.metric not in LOSSES

    @property
    def ranks(self) -> bool:
        """Whether the metric is of a ranking, so that rows belong to queries."""
        return self.metric not in _ROWS

    def to_dict(self) -> dict[str, Any]:
        """Give the definition's parts that mean something for its metric."""
        if not self.ranks:
            return {"metric": self.metric}
        shared = ("metric", "k", "ties", "empty", "negative", "score_type", "preset")
        read = {*shared, *RANKING[self.metric]}
        return {name: value for name, value in asdict(self).items() if name in read}
