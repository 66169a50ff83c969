"""How much better a candidate is than production, on the same queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError
from ctcore.metrics._evaluate import Definition, codes, evaluate, groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ctcore.metrics._evaluate import Empty, Gain, Ties


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the same queries."""

    definition: Definition
    candidate: float
    """The candidate's metric on the compared queries."""
    production: float
    """Production's metric on the compared queries."""
    gain: float
    """The relative gain: the candidate's advantage as a share of production's metric; positive is better."""
    lower: float
    """The one-sided lower bound of the gain at the confidence; -inf where there are too few clusters."""
    upper: float
    """Its one-sided upper bound."""
    margin: float
    p_value: float
    """The one-sided p-value of "the gain is at most the margin"."""
    confidence: float
    n_queries: int
    """Queries (or rows) that were compared."""
    n_constant: int
    """Queries left out because all their grades are equal: every ranking of them is worth the same."""
    n_clusters: int
    method: str
    """How the interval was made: every subset of the clusters, or random ones."""

    def to_dict(self) -> dict[str, Any]:
        """Give the comparison as plain values."""
        parts = {name: getattr(self, name) for name in self.__slots__ if name != "definition"}
        return {"definition": self.definition.to_dict(), **parts}


def compare(
    relevance: Any,
    candidate: Any,
    production: Any,
    *,
    metric: str | Definition,
    group: Any = None,
    query: Any = None,
    cluster: Any = None,
    margin: float = 0.0,
    confidence: float = 0.95,
    gain: Gain = "linear",
    ties: Ties = "average",
    empty: Empty = "zero",
    seed: int = 0,
) -> Comparison:
    r"""Measure the relative gain of a candidate over production on the same queries, with an interval.

    The gain is :math:`\sum_q (c_q - p_q) / \sum_q p_q` for metrics that should be high, and
    :math:`\sum_q (p_q - c_q) / \sum_q p_q` for losses, over the values :math:`c_q, p_q` of each query (row). Its bounds
    are those gains at which the paired differences :math:`c_q - (1 + gain) p_q` stop being distinguishable from 0,
    by sign flips of whole clusters (Hartigan, JASA 64, 1969): exact at few clusters, no variance estimated.

    Parameters
    ----------
    relevance, candidate, production : arrays of shape (rows,)
        The grades (or targets), and the two models' scores (or predictions) of the same rows.
    metric : str
        ``"ndcg@10"``, ``"mae"``, ``"mse"``.
    cluster : array of shape (rows,), optional
        The unit that is independent of the others, such as the day or the user of the row. It must be constant within
        a query. Without it each query is its own cluster, which is too optimistic where queries share a day.
    margin : float
        The gain to prove, 0.01 for 1%. It moves the p-value alone.
    confidence : float
        Of each one-sided bound.

    Queries whose grades are all equal are left out and counted: no model can win or lose there.

    Examples
    --------
    >>> from ctcore import metrics
    >>> relevance = [1, 0] * 6
    >>> production = [0.1, 0.9] * 3 + [0.9, 0.1] * 3
    >>> candidate = [0.9, 0.1] * 6
    >>> result = metrics.compare(relevance, candidate, production, metric="ndcg@1", group=[2] * 6)
    >>> result.gain, result.n_queries
    (1.0, 6)
    """
    definition = metric if isinstance(metric, Definition) else Definition.of(metric, gain=gain, ties=ties, empty=empty)
    ours = evaluate(relevance, candidate, metric=definition, group=group, query=query)
    theirs = evaluate(relevance, production, metric=definition, group=group, query=query)
    used = ~(np.isnan(ours.per_query) | np.isnan(theirs.per_query))
    n_constant = 0
    if ours.constant is not None:
        n_constant = int(np.count_nonzero(used & ours.constant))
        used &= ~ours.constant
    if not used.any():
        raise ArgumentError(
            f"relevance: none of the {len(used)} queries can tell two rankings apart (all grades of each are equal)"
        )
    c, p = ours.per_query[used], theirs.per_query[used]
    unit = _clusters(cluster, np.size(candidate), definition, group=group, query=query)
    unit = np.arange(len(c)) if unit is None else np.unique(unit[used], return_inverse=True)[1]
    found = _core.sign_flip(
        c - p if definition.higher_is_better else p - c, p, unit, margin=margin, confidence=confidence, seed=seed
    )
    return Comparison(
        definition=definition,
        candidate=_core.mean(c),
        production=_core.mean(p),
        gain=found["gain"],
        lower=found["lower"],
        upper=found["upper"],
        margin=margin,
        p_value=found["p_value"],
        confidence=confidence,
        n_queries=len(c),
        n_constant=n_constant,
        n_clusters=found["clusters"],
        method=f"sign flips of clusters, {'all' if found['exact'] else 'random'} {found['subsets']} subsets",
    )


def _clusters(cluster: Any, rows: int, definition: Definition, *, group: Any, query: Any) -> NDArray[Any] | None:
    """Give the cluster of each query (row, for losses)."""
    if cluster is None:
        return None
    unit = np.asarray(codes("cluster", cluster, rows))
    if not definition.ranks:
        return unit
    sizes, order = groups(rows, group=group, query=query)
    if order is not None:
        unit = unit[order]
    sizes = np.asarray(sizes)
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    filled = sizes > 0
    spread = np.repeat(unit[np.minimum(first, len(unit) - 1)], sizes)
    if (spread != unit).any():
        row = int(np.flatnonzero(spread != unit)[0])
        raise ArgumentError(f"cluster: must be constant within a query; row {row} differs from its query's first row")
    of_query = np.zeros(len(sizes), dtype=unit.dtype)
    of_query[filled] = unit[first[filled]]
    return of_query
