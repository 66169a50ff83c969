"""Metrics of one set of scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Gain = Literal["linear", "exp2"] | Sequence[float]
    Ties = Literal["average", "input", "pessimistic", "optimistic"]
    Empty = Literal["zero", "one", "skip", "error"]

_EMPTY, _CONSTANT, _SINGLE, _TIED = 1, 2, 4, 8  # the flag bits of _core.ndcg
_LOSSES = {"mae": "absolute", "mse": "squared"}


@dataclass(frozen=True, slots=True)
class Definition:
    """What exactly a metric's number means. It is stored with every result."""

    metric: str
    """``"ndcg"``, ``"mae"`` or ``"mse"``."""
    k: int | None = None
    gain: Gain = "linear"
    ties: Ties = "average"
    empty: Empty = "zero"

    @classmethod
    def of(cls, metric: str, *, gain: Gain = "linear", ties: Ties = "average", empty: Empty = "zero") -> Definition:
        """Read a metric's name, ``"ndcg@10"`` with its cutoff.

        >>> Definition.of("ndcg@10", gain="exp2").k
        10
        """
        name, at, cutoff = metric.partition("@")
        known = ["ndcg", *_LOSSES]
        if name not in known:
            raise ArgumentError(f'metric: unknown metric "{metric}"; {did_you_mean(name, known)}')
        if at and (name != "ndcg" or not cutoff.isdecimal() or int(cutoff) < 1):
            raise ArgumentError(f'metric: "{metric}" must be a name, or "ndcg@k" with a whole k of at least 1')
        return cls(name, int(cutoff) if at else None, gain, ties, empty)

    @property
    def name(self) -> str:
        """The name with its cutoff, as ``of`` reads it."""
        return f"{self.metric}@{self.k}" if self.k else self.metric

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger number is a better model."""
        return self.metric not in _LOSSES

    @property
    def ranks(self) -> bool:
        """Whether the metric is of a ranking, so that rows belong to queries."""
        return self.metric not in _LOSSES

    def to_dict(self) -> dict[str, Any]:
        """Give the definition's parts that mean something for its metric."""
        parts = asdict(self)
        return parts if self.ranks else {"metric": self.metric}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A metric with what it was made of."""

    definition: Definition
    value: float
    """The mean over queries (or rows), without the skipped ones."""
    per_query: NDArray[np.float64] = field(repr=False)
    """One value a query in order of first occurrence, or one a row for losses; NaN where skipped."""
    n_queries: int
    n_empty: int = 0
    """Queries in which no document has a gain."""
    n_skipped: int = 0
    """Queries left out of the mean, by ``empty="skip"``."""
    n_constant: int = 0
    """Queries whose grades are all equal: no ranking of them is better than another."""
    n_single: int = 0
    """Queries with at most one document."""
    n_tied: int = 0
    """Queries in which equal scores of different gain reach into the top k: there the value depends on ``ties``."""
    constant: NDArray[np.bool_] | None = field(default=None, repr=False)
    """Which queries are constant."""

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers, without the per-query values."""
        counts = {name: getattr(self, name) for name in self.__slots__ if name.startswith("n_")}
        return {"definition": self.definition.to_dict(), "value": self.value, **counts}


def ndcg(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    gain: Gain = "linear",
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    r"""Normalised discounted cumulative gain, the mean over queries.

    .. math:: NDCG@k = DCG@k / IDCG@k, \quad DCG@k = \sum_{i \le k} \frac{gain_i}{\log_2(i + 1)}

    over the documents of a query in descending order of score; IDCG is the DCG of the best order. Järvelin and
    Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20 (2002).

    Parameters
    ----------
    relevance : array of shape (rows,)
        The grade of each document, at least 0.
    score : array of shape (rows,)
        The model's score, higher is better. Ranked in the precision that it has: equal float32 scores are ties.
    group : array of shape (queries,), optional
        The number of rows of each query, in row order.
    query : array of shape (rows,), optional
        The query id of each row, in any order. Give this or ``group``; with neither, all rows are one query.
    k : int, optional
        The cutoff; without it every document counts. A list shorter than ``k`` is taken whole.
    gain : "linear", "exp2" or sequence
        The grade itself, ``2**grade - 1``, or a table indexed by whole grades.
    ties : "average", "input", "pessimistic" or "optimistic"
        The order of documents of equal score: the mean over all their orders (McSherry and Najork, 2008; what
        scikit-learn does), the order of the rows, the worst, the best.
    empty : "zero", "one", "skip" or "error"
        What a query without any gain is worth. Skipped queries are left out of the mean.
    weight : array of shape (queries,), optional
        The weight of each query in the mean. Scaling all weights changes nothing.

    Returns
    -------
    float
        In [0, 1]; NaN where every query is skipped.

    Raises
    ------
    ArgumentError
        For NaN scores, negative or non-finite grades, sizes that do not add up.

    Examples
    --------
    >>> from ctcore import metrics
    >>> round(metrics.ndcg([3, 2, 0, 1], [0.9, 0.1, 0.8, 0.7]), 6)
    0.915893
    >>> metrics.ndcg([1, 0, 0, 1], [0.5, 0.5, 0.2, 0.1], group=[2, 2], k=1)
    0.25
    """
    definition = Definition("ndcg", k, gain, ties, empty)
    values = _rank(definition, relevance, score, group=group, query=query).per_query
    return _core.mean(values, None if weight is None else _numbers(weight))


def mae(target: Any, prediction: Any) -> float:
    """Mean absolute error, in the target's unit.

    >>> from ctcore import metrics
    >>> metrics.mae([1.0, 2.0], [1.5, 0.5])
    1.0
    """
    return _losses(Definition("mae"), target, prediction).value


def mse(target: Any, prediction: Any) -> float:
    """Mean squared error, in the square of the target's unit.

    >>> from ctcore import metrics
    >>> metrics.mse([1.0, 2.0], [1.5, 0.5])
    1.25
    """
    return _losses(Definition("mse"), target, prediction).value


def evaluate(
    relevance: Any,
    score: Any,
    *,
    metric: str | Definition = "ndcg",
    group: Any = None,
    query: Any = None,
    gain: Gain = "linear",
    ties: Ties = "average",
    empty: Empty = "zero",
) -> Evaluation:
    """Give a metric with its counts and its value on each query (each row, for losses).

    The arguments are those of :func:`ndcg`; for ``"mae"`` and ``"mse"``, ``relevance`` is the target and ``score`` the
    prediction.

    >>> from ctcore import metrics
    >>> result = metrics.evaluate([1, 0, 0, 0], [0.5, 0.5, 0.2, 0.1], metric="ndcg@1", group=[2, 2])
    >>> result.value, result.n_tied, result.n_empty
    (0.25, 1, 1)
    """
    definition = metric if isinstance(metric, Definition) else Definition.of(metric, gain=gain, ties=ties, empty=empty)
    if definition.ranks:
        return _rank(definition, relevance, score, group=group, query=query)
    return _losses(definition, relevance, score)


def _losses(definition: Definition, target: Any, prediction: Any) -> Evaluation:
    values = _core.losses(_numbers(target), _numbers(prediction), _LOSSES[definition.metric])
    return Evaluation(definition, _core.mean(values), values, n_queries=len(values))


def _rank(definition: Definition, relevance: Any, score: Any, *, group: Any, query: Any) -> Evaluation:
    relevance, score = _numbers(relevance), _numbers(score)
    sizes, order = groups(len(score), group=group, query=query)
    if order is not None:
        relevance, score = np.asarray(relevance)[order], np.asarray(score)[order]
    named = isinstance(definition.gain, str)
    values, flags = _core.ndcg(
        relevance,
        score,
        sizes,
        k=definition.k,
        gain=definition.gain if named else "table",  # type: ignore[arg-type]
        gain_table=None if named else list(definition.gain),  # type: ignore[arg-type]
        ties=definition.ties,
        empty=definition.empty,
    )

    def count(bit: int) -> int:
        return int(np.count_nonzero(flags & bit))

    return Evaluation(
        definition,
        _core.mean(values),
        values,
        n_queries=len(values),
        n_empty=count(_EMPTY),
        n_skipped=int(np.count_nonzero(np.isnan(values))),
        n_constant=count(_CONSTANT),
        n_single=count(_SINGLE),
        n_tied=count(_TIED),
        constant=(flags & _CONSTANT) != 0,
    )


def groups(rows: int, *, group: Any, query: Any) -> tuple[Any, NDArray[np.uintp] | None]:
    """Give the size of each query and the permutation that brings its rows together (``None``: they are)."""
    if group is not None and query is not None:
        raise ArgumentError("group: give the sizes of the queries (group) or an id for each row (query), not both")
    if group is not None:
        return _numbers(group), None
    if query is None:
        return np.array([rows]), None
    return _core.group_ids(codes("query", query, rows))


def codes(name: str, ids: Any, rows: int) -> Any:
    """Give whole numbers that tell the ids of the rows apart."""
    ids = np.asarray(ids)
    if ids.shape != (rows,):
        raise ArgumentError(f"{name}: must have one id for each of the {rows} rows, found shape {ids.shape}")
    if np.issubdtype(ids.dtype, np.integer):
        return ids
    return np.unique(ids, return_inverse=True)[1]


def _numbers(values: Any) -> Any:
    """Leave arrays that the core can read as they are; turn sequences into numpy arrays."""
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return values
    return np.ascontiguousarray(values)
