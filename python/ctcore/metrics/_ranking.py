"""Ranking metrics, one function each. What they share is said at :func:`ndcg`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ctcore.metrics._definition import Definition
from ctcore.metrics._evaluate import rank

if TYPE_CHECKING:
    from ctcore.metrics._definition import Empty, Gain, Ties


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
    item_weight: Any = None,
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
        The model's score, higher is better. Ranked in the precision that it has: equal float32 scores are ties. A
        score of -infinity says that the document was not retrieved: it has no rank, but counts in the best order and
        among the relevant documents.
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
        What a query without any gain (for the metrics that know only relevant or not: without a relevant document) is
        worth. ``"one"`` means 0 where the metric is not relative to what the query holds. Skipped queries are left
        out of the mean.
    weight : array of shape (queries,) or (rows,), optional
        The weight of each query in the mean; of weights of rows, a query has the mean. Scaling all weights changes
        nothing.
    item_weight : array of shape (rows,), optional
        How much each document counts beside the others of its query: its gain times the weight over their mean weight,
        in the best order too. So NDCG stays in [0, 1], and scaling the weights of a query changes nothing.

    Returns
    -------
    float
        In [0, 1]; NaN where every query is skipped.

    Raises
    ------
    ArgumentError
        For NaN scores, negative or non-finite grades, sizes that do not add up.

    Warns
    -----
    FindingWarning
        Where all scores of a query are equal, and for fractional grades: :func:`evaluate` holds them as findings.

    Examples
    --------
    >>> from ctcore import metrics
    >>> round(metrics.ndcg([3, 2, 0, 1], [0.9, 0.1, 0.8, 0.7]), 6)
    0.915893
    >>> metrics.ndcg([1, 0, 0, 0, 1], [0.5, 0.5, 0.3, 0.2, 0.1], group=[3, 2], k=1)
    0.25
    >>> metrics.ndcg([1, 1], [0.9, 0.1], k=1, item_weight=[1, 4])  # the better one was left for the second place
    0.25
    """
    definition = Definition("ndcg", k, gain=gain, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight, item_weight=item_weight)


def dcg(
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
    item_weight: Any = None,
) -> float:
    r"""Discounted cumulative gain, :math:`\sum_{i \le k} gain_i / \log_2(i + 1)`, the mean over queries.

    Tied documents have the mean gain of their block in each of its places. The arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.dcg([3, 2, 0, 1], [0.9, 0.1, 0.8, 0.7], k=1)
    3.0
    """
    definition = Definition("dcg", k, gain=gain, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight, item_weight=item_weight)


def mean_average_precision(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    ap_denominator: Literal["relevant", "reachable"] = "relevant",
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    r"""Mean average precision: :math:`\frac{1}{R} \sum_{i \le k} rel_i \, precision@i`, the mean over queries.

    ``R`` is the number of relevant documents of the query (trec_eval, ranx); with ``ap_denominator="reachable"``,
    ``min(R, k)`` (LightGBM, XGBoost). A document is relevant from the grade ``relevant_from`` on. Ties: the exact
    mean over all orders, by the expected number of relevant documents above each place. The other arguments are
    those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> round(metrics.mean_average_precision([1, 0, 1], [0.9, 0.5, 0.1]), 6)
    0.833333
    """
    definition = Definition(
        "map", k, relevant_from=relevant_from, ap_denominator=ap_denominator, ties=ties, empty=empty
    )
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def mean_reciprocal_rank(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """Mean reciprocal rank: 1 over the rank of the first relevant document, 0 without one within ``k``.

    Ties: the exact mean over all orders, by drawing without replacement. The other arguments are those of
    :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.mean_reciprocal_rank([0, 1, 1], [0.9, 0.5, 0.1])
    0.5
    >>> metrics.mean_reciprocal_rank([0, 1, 0], [0.5, 0.5, 0.2])  # first or second, equally likely
    0.75
    """
    definition = Definition("mrr", k, relevant_from=relevant_from, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def precision(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    precision_denominator: Literal["cutoff", "list"] = "cutoff",
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """The share of relevant documents among the first ``k``, the mean over queries.

    The denominator is ``k`` also where a list is shorter (trec_eval, ranx); with ``precision_denominator="list"`` it
    is then the list's length (XGBoost). Without ``k``, the list's length. Ties: a block that crosses the cutoff counts
    with its mean. The other arguments are those of :func:`ndcg`; of labels and probabilities, see :func:`confusion`.

    >>> from ctcore import metrics
    >>> metrics.precision([1, 0], [0.9, 0.5], k=5)
    0.2
    >>> metrics.precision([1, 0], [0.9, 0.5], k=5, precision_denominator="list")
    0.5
    """
    definition = Definition(
        "precision", k, relevant_from=relevant_from, precision_denominator=precision_denominator, ties=ties, empty=empty
    )
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def recall(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """The share of the query's relevant documents that stand among the first ``k``, the mean over queries.

    Ties: a block that crosses the cutoff counts with its mean. The other arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.recall([1, 0, 1], [0.9, 0.5, 0.1], k=2)
    0.5
    """
    definition = Definition("recall", k, relevant_from=relevant_from, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def f1(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    precision_denominator: Literal["cutoff", "list"] = "cutoff",
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """The harmonic mean of precision and recall at ``k``, ``2 hits / (k + R)``, the mean over queries.

    Ties: the exact mean over all orders, since it is linear in the hits. The other arguments are those of
    :func:`precision`.

    >>> from ctcore import metrics
    >>> metrics.f1([1, 0, 1], [0.9, 0.5, 0.1], k=2)
    0.5
    """
    definition = Definition(
        "f1", k, relevant_from=relevant_from, precision_denominator=precision_denominator, ties=ties, empty=empty
    )
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def hit_rate(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """The share of queries with a relevant document among the first ``k``.

    Ties: the exact probability of a hit in a random order. The other arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.hit_rate([0, 1, 0], [0.5, 0.5, 0.2], k=1)
    0.5
    """
    definition = Definition("hit_rate", k, relevant_from=relevant_from, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def success(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """:func:`hit_rate` under trec_eval's name.

    >>> from ctcore import metrics
    >>> metrics.success([0, 1], [0.9, 0.5], k=1)
    0.0
    """
    definition = Definition("success", k, relevant_from=relevant_from, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def r_precision(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    relevant_from: float = 1,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """Precision at ``R``, the number of the query's relevant documents, the mean over queries.

    Ties: a block that crosses place ``R`` counts with its mean. The other arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.r_precision([1, 0, 1], [0.9, 0.5, 0.1])
    0.5
    """
    definition = Definition("r_precision", None, relevant_from=relevant_from, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def bpref(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    relevant_from: float = 1,
    negative: Literal["error", "unjudged"] = "error",
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    r"""Binary preference: how few documents judged not relevant stand above the relevant ones.

    .. math:: bpref = \frac{1}{R} \sum_{r} \Big(1 - \frac{\min(n_r, R)}{\min(N, R)}\Big)

    over the ranked relevant documents, with ``N`` documents judged not relevant, ``n_r`` of them above ``r``. Documents
    that nobody judged (negative grades, with ``negative="unjudged"``) are passed over. Buckley and Voorhees, SIGIR
    2004, as trec_eval computes it. Ties: the exact mean over all orders. The other arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.bpref([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6])
    0.75
    """
    definition = Definition("bpref", None, relevant_from=relevant_from, negative=negative, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def rbp(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    relevant_from: float = 1,
    persistence: float = 0.8,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    r"""Rank-biased precision, :math:`(1 - p) \sum_i rel_i p^{i - 1}`, the mean over queries.

    ``persistence`` is ``p``, the probability that a user goes on to the next document. Moffat and Zobel, TOIS 27
    (2008). Ties: each place of a block counts with the block's mean. The other arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.rbp([1, 0], [0.9, 0.5], persistence=0.5)
    0.5
    """
    definition = Definition("rbp", k, relevant_from=relevant_from, persistence=persistence, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def err(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    k: int | None = None,
    highest_grade: float = 4.0,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    r"""Expected reciprocal rank, :math:`\sum_i \frac{1}{i} s_i \prod_{j < i} (1 - s_j)`, the mean over queries.

    A document of grade ``g`` satisfies the user with the probability :math:`s = (2^g - 1) / 2^{highest\_grade}`; a
    grade above the scale is an error. Chapelle et al., CIKM 2009. Ties: the exact mean over all orders. The other
    arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.err([1, 0], [0.9, 0.5], highest_grade=1)
    0.5
    """
    definition = Definition("err", k, highest_grade=highest_grade, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)


def gauc(
    relevance: Any,
    score: Any,
    *,
    group: Any = None,
    query: Any = None,
    relevant_from: float = 1,
    ties: Ties = "average",
    empty: Empty = "zero",
    weight: Any = None,
) -> float:
    """Group AUC: the share of pairs (relevant, not relevant) in the right order, the mean over queries.

    Equal scores count half, which is also the mean over their orders. Queries whose documents are all relevant, or all
    not, have no pairs and are left out. The other arguments are those of :func:`ndcg`.

    >>> from ctcore import metrics
    >>> metrics.gauc([1, 0, 0, 1, 1], [0.9, 0.1, 0.9, 0.3, 0.2], group=[3, 2])
    0.75
    """
    definition = Definition("gauc", None, relevant_from=relevant_from, ties=ties, empty=empty)
    return rank(definition, relevance, score, group=group, query=query, weight=weight)
