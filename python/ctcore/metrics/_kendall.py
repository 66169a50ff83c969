"""Agreement of two rankings."""

from __future__ import annotations

from typing import Any

from ctcore import _core
from ctcore.metrics._arrays import groups, numbers, query_weights


def kendall(first: Any, second: Any, *, group: Any = None, query: Any = None, weight: Any = None) -> float:
    r"""Kendall's tau-b between two rankings of the same documents, the mean over queries.

    .. math:: \tau_b = \frac{C - D}{\sqrt{(n_0 - n_1)(n_0 - n_2)}}

    with ``C`` pairs of documents that both rank in the same order, ``D`` in opposite orders, ``n0`` pairs in all,
    ``n1`` and ``n2`` of them tied in the first and in the second ranking. Kendall, "The treatment of ties in ranking
    problems", Biometrika 33 (1945); what scipy's ``kendalltau`` gives. From -1, the opposite order, to 1, the same.

    Parameters
    ----------
    first, second : arrays of shape (rows,)
        The scores of two models, such as a candidate's and production's: how much would a promotion reorder?
        -infinity is a score like any other.
    group, query, weight :
        As for :func:`ndcg`.

    Returns
    -------
    float
        In [-1, 1]. Queries in which a ranking ties all documents have no order to agree with, nor have single
        documents: they are left out of the mean. NaN where that is every query.

    Raises
    ------
    ArgumentError
        For NaN scores, and sizes that do not add up.

    Examples
    --------
    >>> from ctcore import metrics
    >>> metrics.kendall([3, 2, 1], [3, 1, 2]) == 1 / 3
    True
    >>> metrics.kendall([3, 2, 1, 5, 4], [6, 4, 2, 1, 2], query=["a", "a", "a", "b", "b"])
    0.0
    """
    first, second = numbers("first", first), numbers("second", second)
    sizes, order = groups(len(first), group=group, query=query)
    weight = query_weights(weight, sizes, order, len(first))
    return _core.mean(_core.kendall(first, second, sizes, order), weight)
