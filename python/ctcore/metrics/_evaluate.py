"""Metrics of one set of scores, with what they were made of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, FindingWarning
from ctcore.metrics._arrays import by_document, codes, groups, length, numbers, query_weights
from ctcore.metrics._classification import area, ece
from ctcore.metrics._definition import BY_ROW, Definition, Empty, Gain, Preset, Ties
from ctcore.metrics._pointwise import r2, rmse

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "Definition",
    "Empty",
    "Evaluation",
    "Evaluations",
    "Gain",
    "Ties",
    "codes",
    "evaluate",
    "groups",
    "rank",
    "rank_pair",
]

_WHOLE: dict[str, Callable[..., float]] = {"rmse": rmse, "r2": r2, "ece": ece}
"""Metrics of rows that are more than a mean over rows."""

_CURVES = {"roc_auc": "roc", "pr_auc": "pr"}

# the flag bits of _core.ranking
_IRRELEVANT, _CONSTANT, _SINGLE, _CONSTANT_SCORE, _GAINLESS = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A metric with what it was made of."""

    definition: Definition
    value: float
    """The mean over queries (or rows), without the skipped ones."""
    per_query: NDArray[np.float64] = field(repr=False)
    """One value a query in order of first occurrence, or one a row; NaN where skipped. Empty for R2, the areas under
    curves and the calibration error, which have none."""
    n_queries: int
    n_empty: int = 0
    """Queries without a relevant document; for DCG and NDCG, without gain."""
    n_skipped: int = 0
    """Queries left out of the mean: by ``empty="skip"``, and for GAUC those whose documents are all of one kind."""
    n_constant: int = 0
    """Queries whose grades are all equal: no ranking of them is better than another."""
    n_single: int = 0
    """Queries with at most one document."""
    n_tied: int = 0
    """Queries in which equal scores of different grade reach above the cutoff: there the value depends on ``ties``."""
    n_constant_score: int = 0
    """Queries of several documents whose scores are all equal: no ranking was made."""
    pessimistic: float = np.nan
    """The mean in the worst order of equal scores."""
    optimistic: float = np.nan
    """The mean in the best order of equal scores."""
    constant: NDArray[np.bool_] | None = field(default=None, repr=False)
    """Which queries are constant."""
    weight: NDArray[np.float64] | None = field(default=None, repr=False)
    """The weight of each query, where weights were given."""
    findings: tuple[str, ...] = ()
    """What about the input should be known before the number is believed."""

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers, without the per-query values; what has no value is ``None``."""
        counts = {name: getattr(self, name) for name in self.__slots__ if name.startswith("n_")}
        names = ("value", "pessimistic", "optimistic") if self.definition.ranks else ("value",)
        values = {name: None if np.isnan(getattr(self, name)) else getattr(self, name) for name in names}
        return {"definition": self.definition.to_dict(), **values, **counts}


@dataclass(frozen=True, slots=True)
class Evaluations(Mapping[str, Evaluation]):
    """Several metrics of the same scores, by name."""

    by_name: dict[str, Evaluation]
    query: Any = field(default=None, repr=False)
    """The id of each query, in order of first occurrence; ``None`` where no ids were given."""
    findings: tuple[str, ...] = ()
    """What about the input should be known before the numbers are believed."""

    def __getitem__(self, name: str) -> Evaluation:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def table(self) -> pa.Table:
        """Give one row a query: its id, or its number without ids, and the value of each metric.

        For metrics of rows one row a row. RMSE, R2, the areas under curves and the calibration error have no value of
        their own there, and no column.
        """
        import pyarrow as pa  # noqa: PLC0415 - heavy

        found = self.by_name.items()
        columns = {name: each.per_query for name, each in found if each.definition.metric not in _WHOLE | _CURVES}
        if not columns:
            raise ArgumentError(f"metrics: none of {', '.join(self.by_name)} has a value of each query or row")
        count = len(next(iter(columns.values())))
        try:
            ids = pa.array(np.arange(count) if self.query is None else self.query)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # Arrow has no such type
            ids = pa.array([str(each) for each in self.query])
        return pa.table({"query": ids, **columns})

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers, without the per-query values."""
        return {
            "metrics": {name: found.to_dict() for name, found in self.by_name.items()},
            "findings": list(self.findings),
        }


@overload
def evaluate(
    relevance: Any,
    score: Any,
    *,
    metrics: Sequence[str],
    group: Any = None,
    query: Any = None,
    document: Any = None,
    weight: Any = None,
    item_weight: Any = None,
    preset: Preset | None = None,
    **switches: Any,
) -> Evaluations: ...
@overload
def evaluate(
    relevance: Any,
    score: Any,
    *,
    metric: str | Definition = "ndcg",
    group: Any = None,
    query: Any = None,
    document: Any = None,
    weight: Any = None,
    item_weight: Any = None,
    preset: Preset | None = None,
    **switches: Any,
) -> Evaluation: ...
def evaluate(
    relevance: Any,
    score: Any,
    *,
    metric: str | Definition | None = None,
    metrics: Sequence[str] | None = None,
    group: Any = None,
    query: Any = None,
    document: Any = None,
    weight: Any = None,
    item_weight: Any = None,
    preset: Preset | None = None,
    **switches: Any,
) -> Evaluation | Evaluations:
    """Give metrics with their counts, their value on each query (each row, for losses) and the reach of ties.

    All of ``metrics`` come from one look at the rows of each query. With ``metric``, the one evaluation.

    Parameters
    ----------
    relevance, score : arrays of shape (rows,)
        The grade and the score of each document, as for :func:`ndcg`; for metrics of rows (``"mae"``, ``"roc_auc"``,
        ...) the target and the prediction. A score of -infinity says that a document was not retrieved: it has no
        rank, but counts among the relevant documents of its query and in the best order.
    metrics : sequence of str
        Names with their cutoffs: ``["ndcg@10", "map@100", "mrr"]``. Metrics of rows have none: ``["rmse", "mape"]``.
    group, query :
        The sizes of the queries, or an id for each row, as for :func:`ndcg`.
    document : array of shape (rows,), optional
        The id of each document, for ``ties="document"``: of equal scores the higher id comes first, as in trec_eval.
    weight : array of shape (queries,) or (rows,), optional
        The weight of each query in the means; of weights of rows, a query has the mean. Scaling all changes nothing.
    item_weight : array of shape (rows,), optional
        DCG and NDCG: how much each document counts beside the others of its query, as for :func:`ndcg`.
    preset : "trec", "sklearn", "lightgbm", "xgboost" or "ranx"
        The convention of a library. Its expansion is in each result's ``definition``.
    **switches :
        The fields of :class:`Definition`: ``gain``, ``ties``, ``empty``, ``relevant_from``, ...

    Raises
    ------
    ArgumentError
        For NaN scores, grades that are not finite or (unless they mean unjudged) negative, sizes that do not add up.
        Constant scores, fractional grades and scores that meet only in float32 are ``findings``.

    Examples
    --------
    >>> from ctcore import metrics
    >>> result = metrics.evaluate([1, 0, 0, 0], [0.5, 0.5, 0.2, 0.1], metric="ndcg@1", group=[2, 2])
    >>> result.value, result.pessimistic, result.optimistic
    (0.25, 0.0, 0.5)
    >>> result.n_tied, result.n_empty
    (1, 1)
    >>> several = metrics.evaluate([2, 0, 1], [0.9, 0.5, 0.1], metrics=["ndcg@2", "map", "mrr"])
    >>> {name: round(found.value, 3) for name, found in several.items()}
    {'ndcg@2': 0.76, 'map': 0.833, 'mrr': 1.0}
    >>> several.table().column_names
    ['query', 'ndcg@2', 'map', 'mrr']
    """
    if metric is not None and metrics is not None:
        raise ArgumentError("metric: give one metric or several metrics, not both")
    if metrics is not None:
        names = list(dict.fromkeys(metrics))
        if not names or isinstance(metrics, str):
            raise ArgumentError(f'metrics: must be a list of names such as ["ndcg@10", "mrr"], found {metrics!r}')
        definitions = [Definition.of(name, preset=preset, **switches) for name in names]
    else:
        definitions = [Definition.of("ndcg" if metric is None else metric, preset=preset, **switches)]
    kinds = {definition.ranks for definition in definitions}
    if len(kinds) > 1:
        raise ArgumentError("metrics: metrics of rankings and losses of rows cannot be evaluated together")
    if kinds == {True}:
        rows = {"group": group, "query": query, "document": document, "weight": weight, "item_weight": item_weight}
        (found,) = _rank(definitions, relevance, {"score": score}, **rows)
    else:
        of_queries = {"group": group, "query": query, "document": document, "item_weight": item_weight}
        for name, given in of_queries.items():
            if given is not None:
                raise ArgumentError(f"{name}: {definitions[0].name} is a metric of rows, which belong to no query")
        found = _of_rows(definitions, relevance, score, weight=weight)
    return found if metrics is not None else next(iter(found.values()))


def _of_rows(definitions: list[Definition], target: Any, prediction: Any, *, weight: Any) -> Evaluations:
    target, prediction = numbers("target", target), numbers("prediction", prediction)
    weight = None if weight is None else numbers("weight", weight)
    found = {}
    for definition in definitions:
        name = definition.metric
        values = np.empty(0)
        if name in BY_ROW:
            values = _core.losses(target, prediction, BY_ROW[name], definition.level)
        findings: tuple[str, ...] = ()
        if name in _CURVES:
            value, findings = area(_CURVES[name], target, prediction, weight)
        elif name in _WHOLE:
            value = _WHOLE[name](target, prediction, weight=weight)
        else:
            value = _core.mean(values, weight)
        found[definition.name] = Evaluation(definition, value, values, n_queries=len(target), findings=findings)
    return Evaluations(found, findings=tuple(dict.fromkeys(each for one in found.values() for each in one.findings)))


def rank(definition: Definition, relevance: Any, score: Any, **rows: Any) -> float:
    """Give one ranking metric's mean; what else should be known is a warning."""
    (found,) = _rank([definition], relevance, {"score": score}, bounds=False, **rows)
    for finding in found.findings:
        warnings.warn(finding, FindingWarning, stacklevel=3)
    return found[definition.name].value


def rank_pair(
    definition: Definition, relevance: Any, candidate: Any, production: Any, **rows: Any
) -> tuple[Evaluation, Evaluation]:
    """Give one ranking metric of two models, from one look at the grades."""
    models = {"candidate": candidate, "production": production}
    one, other = _rank([definition], relevance, models, bounds=False, **rows)
    return one[definition.name], other[definition.name]


def _rank(
    definitions: list[Definition],
    relevance: Any,
    models: dict[str, Any],
    *,
    group: Any = None,
    query: Any = None,
    document: Any = None,
    weight: Any = None,
    item_weight: Any = None,
    bounds: bool = True,
) -> list[Evaluations]:
    how = definitions[0]
    relevance = numbers("relevance", relevance)
    scores = [numbers(name, score) for name, score in models.items()]
    rows = length("score", scores[0])
    sizes, order = groups(rows, group=group, query=query)
    weight = query_weights(weight, sizes, order, rows)
    ids = None if query is None else _ids(query, sizes, order)
    if how.ties == "document":
        if document is None:
            raise ArgumentError('document: ties="document" (preset "trec") needs the id of each document')
        order = by_document(sizes, order, document, rows)
        how = replace(how, ties="input")
    item_weight = None if item_weight is None else numbers("item_weight", item_weight)
    collisions: list[list[str]] = [[] for _ in scores]
    if how.score_type == "float32":
        collisions = [[*_collisions(score, sizes, order)] for score in scores]
        scores = [np.asarray(score).astype(np.float32) for score in scores]
    elif how.score_type != "given":
        raise ArgumentError(f'score_type: must be "given" or "float32", found {how.score_type!r}')
    # Memory of NumPy's: it asks the system for large pages, which saves a fifth of the time of many metrics.
    values = [np.empty((len(definitions), len(sizes))) for _ in scores]
    found, whole = _core.ranking(
        relevance,
        scores,
        sizes,
        order,
        metrics=[(definition.metric, definition.k) for definition in definitions],
        definition=how,
        values=values,
        weight=weight,
        item_weight=item_weight,
        bounds=bounds,
    )
    findings = [] if whole else [*_fractional(relevance)]
    each = zip(found, values, collisions, strict=True)
    return [
        _read(definitions, model, per_query, ids, weight, [*findings, *collided]) for model, per_query, collided in each
    ]


def _read(
    definitions: list[Definition],
    found: dict[str, Any],
    values: NDArray[np.float64],
    ids: Any,
    weight: Any,
    findings: list[str],
) -> Evaluations:
    """Make evaluations of what the core found for one model."""
    flags, tied_from = found["flags"], found["tied_from"]

    def count(bit: int) -> int:
        return int(np.count_nonzero(flags & bit))

    counts = {bit: count(bit) for bit in (_IRRELEVANT, _CONSTANT, _SINGLE, _CONSTANT_SCORE, _GAINLESS)}
    if counts[_CONSTANT_SCORE]:
        findings.append(f"in {counts[_CONSTANT_SCORE]:,} of {len(flags):,} queries all scores are equal: nothing ranks")
    cutoffs = {definition.k or np.iinfo(np.uint32).max for definition in definitions}
    tied = {k: int(np.count_nonzero(tied_from < k)) for k in cutoffs}
    constant = (flags & _CONSTANT) != 0
    by_name = {}
    for definition, column, per_query in zip(definitions, found["columns"], values, strict=True):
        graded = definition.metric in {"dcg", "ndcg", "err"}
        by_name[definition.name] = Evaluation(
            definition,
            column["value"],
            per_query,
            n_queries=len(flags),
            n_empty=counts[_GAINLESS if graded else _IRRELEVANT],
            n_skipped=len(flags) - column["count"],
            n_constant=counts[_CONSTANT],
            n_single=counts[_SINGLE],
            n_tied=tied[definition.k or np.iinfo(np.uint32).max],
            n_constant_score=counts[_CONSTANT_SCORE],
            pessimistic=column["pessimistic"],
            optimistic=column["optimistic"],
            constant=constant,
            weight=weight,
            findings=tuple(findings),
        )
    return Evaluations(by_name, ids, tuple(findings))


def _ids(query: Any, sizes: Any, order: NDArray[np.uint32] | None) -> Any:
    """Give the id of each query, in order of first occurrence."""
    first = (np.cumsum(sizes) - sizes).astype(np.intp)
    return np.asarray(query)[first if order is None else order[first]]


def _fractional(relevance: Any) -> Iterator[str]:
    relevance = np.asarray(relevance)
    fractional = relevance != np.trunc(relevance)
    if fractional.any():
        row = int(np.flatnonzero(fractional)[0])
        yield f"{np.count_nonzero(fractional):,} grades are fractional (row {row} holds {relevance[row]})"


def _collisions(score: Any, sizes: Any, order: NDArray[np.uint32] | None) -> Iterator[str]:
    """Count scores that differ, but not in float32."""
    score = np.asarray(score)
    if score.dtype == np.float32 or np.sum(sizes) != len(score):
        return
    query = np.repeat(np.arange(len(sizes)), sizes)
    score = score if order is None else score[order]
    ascending = np.lexsort((score, query))
    score, query = score[ascending], query[ascending]
    same_query = query[1:] == query[:-1]
    apart = score[1:] != score[:-1]
    single = score.astype(np.float32)
    met = int(np.count_nonzero(same_query & apart & (single[1:] == single[:-1])))
    if met:
        yield f"{met:,} pairs of neighbouring scores differ, but are equal in float32, in which this convention ranks"
