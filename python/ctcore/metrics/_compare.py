"""How much better a candidate is than production, on the same queries."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError
from ctcore.metrics._arrays import codes, doubles, groups, length, numbers, query_weights
from ctcore.metrics._classification import CONSTANT_SCORES
from ctcore.metrics._evaluate import Definition, evaluate, rank_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from ctcore.metrics._definition import Preset
    from ctcore.metrics._evaluate import Evaluation

Method = Literal["sign_flip", "cluster_t", "bootstrap", "delong"]

_NOT_RELATIVE = {
    "roc_auc": "0.5, not 0, is chance",
    "gauc": "0.5, not 0, is chance",
    "r2": "it may be negative, and 0 is the mean of the targets",
}
_MANY_CLUSTERS = 30  # below, a percentile bootstrap is measurably too short
_WORDS = {
    "sign_flip": "sign flips of clusters",
    "cluster_t": "Student's t on clusters",
    "bootstrap": "bootstrap of clusters",
    "delong": "DeLong on independent rows",
}


@dataclass(frozen=True, slots=True)
class Margin:
    """A difference between two models: a share of production's metric, or an amount of it."""

    value: float
    relative: bool

    @classmethod
    def of(cls, margin: str | float | Margin, *, name: str = "margin") -> Margin:
        """Read a margin: text with a percent sign is relative, a number is absolute, in the metric's own unit.

        >>> Margin.of("1%"), Margin.of(0.005)
        (Margin(value=0.01, relative=True), Margin(value=0.005, relative=False))
        """
        if isinstance(margin, Margin):
            return margin
        try:
            if isinstance(margin, str):
                number, percent, rest = margin.partition("%")
                value = float(number) / 100
                if not percent or rest.strip():
                    raise ValueError
            else:
                value = float(margin)
            if not math.isfinite(value):
                raise ValueError
        except (TypeError, ValueError):
            wish = 'a percentage such as "1%", or a number in the metric\'s own unit such as 0.005'
            raise ArgumentError(f"{name} must be {wish}, found {margin!r}") from None
        return cls(value, isinstance(margin, str))

    def check(self, metric: str, *, name: str = "margin") -> None:
        """Refuse a relative margin where a share of the metric means nothing."""
        why = _NOT_RELATIVE.get(metric)
        if self.relative and why:
            raise ArgumentError(
                f"{name}: {self} of {metric} means nothing: {why}. Give an absolute one, a number such as 0.005"
            )

    def show(self, value: float) -> str:
        """Write a gain in the margin's unit.

        >>> Margin.of("1%").show(0.0123), Margin.of(0.005).show(0.0123)
        ('+1.23%', '+0.0123')
        """
        return format(value, "+.2%" if self.relative else "+.4g")

    def __str__(self) -> str:
        return f"{self.value * 100:.6g}%" if self.relative else f"{self.value:.6g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the same queries (or rows)."""

    definition: Definition
    candidate: float
    """The candidate's metric on the compared queries."""
    production: float
    """Production's metric on the compared queries."""
    gain: float
    """The candidate's advantage, positive where it is better: a share of production's metric, or an amount of it."""
    lower: float
    """The one-sided lower bound of the gain at the confidence; -inf where nothing can be said."""
    upper: float
    """Its one-sided upper bound; +inf where nothing can be said."""
    margin: float
    relative: bool
    """Whether gain, bounds and margin are shares of production's metric."""
    p_value: float
    """The one-sided p-value of "the gain is at most the margin"."""
    p_not_better: float
    """The one-sided p-value of "the gain is at most 0": small where the candidate is proven better."""
    p_not_worse: float
    """The one-sided p-value of "the gain is at least 0": small where harm is demonstrated."""
    confidence: float
    n_queries: int
    """Queries (or rows) that were compared."""
    n_effective: float
    """Kish's effective number of them, smaller than ``n_queries`` where weights differ."""
    n_constant: int
    """Queries left out because all their grades are equal: every ranking of them is worth the same."""
    n_clusters: int
    design_effect: float
    """How much larger the variance of the gain is than if queries were independent."""
    method: str
    """How the interval was made."""
    problem: str | None = None
    """Why nothing could be measured: gain is NaN, the bounds are infinite."""
    slices: dict[str, Comparison] = field(default_factory=dict)
    """The same on each slice, by ``"name=value"``."""
    findings: tuple[str, ...] = ()
    """What about the grades and scores should be known before the gain is believed."""

    @property
    def unit(self) -> Margin:
        """The margin, which knows how to write a gain."""
        return Margin(self.margin, self.relative)

    def to_dict(self) -> dict[str, Any]:
        """Give the comparison as plain values."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        nested = {name: each.to_dict() for name, each in self.slices.items()}
        return parts | {"definition": self.definition.to_dict(), "slices": nested}

    @classmethod
    def from_dict(cls, record: dict[str, Any], definition: Definition) -> Comparison:
        """Read a comparison of a record again, in which JSON made null of what is not finite."""
        gone = {"lower": -math.inf, "upper": math.inf, "gain": math.nan, "candidate": math.nan, "production": math.nan}
        parts = record | {name: gone[name] for name in gone if record[name] is None}
        slices = {name: cls.from_dict(each, definition) for name, each in record["slices"].items()}
        findings = tuple(record.get("findings", ()))
        return cls(**parts | {"definition": definition, "slices": slices, "findings": findings})


def compare(
    relevance: Any,
    candidate: Any,
    production: Any,
    *,
    metric: str | Definition,
    margin: str | float | Margin | None = None,
    confidence: float = 0.95,
    group: Any = None,
    query: Any = None,
    document: Any = None,
    cluster: Any = None,
    slices: Mapping[str, Any] | None = None,
    weight: Any = None,
    item_weight: Any = None,
    method: Method | None = None,
    resamples: int = 2_000,
    seed: int = 0,
    preset: Preset | None = None,
    **switches: Any,
) -> Comparison:
    r"""Measure the gain of a candidate over production on the same queries (or rows), with an interval.

    A relative gain is :math:`\sum_q (c_q - p_q) / \sum_q p_q` for metrics that should be high, and
    :math:`\sum_q (p_q - c_q) / \sum_q p_q` for losses, over the values :math:`c_q, p_q` of each query. Its bounds are
    those gains at which the paired differences :math:`c_q - (1 + gain) p_q` stop being distinguishable from 0 (Fieller,
    1954): no ratio is averaged. An absolute gain divides by the number of queries instead.

    Parameters
    ----------
    relevance, candidate, production : arrays of shape (rows,)
        The grades (targets, labels), and the two models' scores (predictions) of the same rows.
    metric : str
        A metric that is a mean over queries or rows, ``"ndcg@10"`` or ``"mae"``; also ``"rmse"`` (a relative gain by
        way of the MSE, exactly; an absolute one by the delta method), ``"r2"`` and ``"roc_auc"``. The area under the
        precision-recall curve and the calibration error have no such interval: compare the AUC, log loss or Brier
        score, and let a guard hold the calibration.
    margin : str or float, optional
        The gain to prove: ``"1%"`` of production's metric, or a number in the metric's unit. It moves the p-value
        alone. Without it 0, relative where that means something. For AUC, R2 and signed metrics a relative margin is
        an error.
    confidence : float
        Of each one-sided bound, in [0.5, 1).
    group, query, document, item_weight, preset, **switches :
        As for :func:`evaluate`.
    cluster : array of shape (rows,), optional
        The unit that is independent of the others, such as the day or the user of the row. It must be constant within
        a query. Without it each query is its own cluster, which is too optimistic where queries share a day.
    slices : mapping of names to arrays of shape (rows,), optional
        Columns, such as the weekday, each of whose values is compared on its own. Constant within a query.
    weight : array of shape (queries,) or (rows,), optional
        The weight of each query (row); of weights of rows, a query has the mean. Scaling all weights changes nothing.
        AUC is compared without weights.
    method : "sign_flip", "cluster_t", "bootstrap" or "delong", optional
        Sign flips of whole clusters (Hartigan, JASA 64, 1969), the default: exact at few clusters, no variance
        estimated. Student's t on cluster sums. A bootstrap of clusters with ``resamples`` draws: too short
        below some 30 clusters. AUC: DeLong where rows are independent (sign flips where the placements have no spread
        at all); else the bootstrap from 30 clusters on, and below that sign flips of the rows' influence on it.
    seed : int
        Of the random draws: the same seed gives the same bounds, for any number of threads.

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
    definition = Definition.of(metric, preset=preset, **switches)
    if margin is None:
        margin = Margin(0.0, relative=definition.metric not in _NOT_RELATIVE)
    margin = Margin.of(margin)
    margin.check(definition.metric)
    _check_question(confidence, resamples, seed)
    if definition.metric == "roc_auc" and weight is not None:
        raise ArgumentError("weight: AUC is compared without weights")
    if method == "delong" and (definition.metric != "roc_auc" or cluster is not None):
        raise ArgumentError('method: "delong" compares AUC on independent rows, without cluster')
    sample = _sample(
        definition,
        relevance,
        candidate,
        production,
        group=group,
        query=query,
        document=document,
        weight=weight,
        item_weight=item_weight,
    )
    rows = len(candidate)
    if cluster is not None:
        ids = codes("cluster", cluster, rows)
        sample.cluster = _of_queries("cluster", ids, rows, definition, group=group, query=query)
    if not sample.used.any():
        raise ArgumentError(
            f"relevance: none of the {len(sample.used)} queries can tell two rankings apart (all grades of each are "
            f"equal)"
        )
    ask = _Ask(definition, margin, confidence, method, resamples, seed, clustered=cluster is not None)
    found: dict[str, Comparison] = {}
    for name, values in (slices or {}).items():
        codes(name, values, rows)  # refuses rows without a value
        unit = _of_queries(name, values, rows, definition, group=group, query=query)
        for value in sorted(set(unit.tolist()), key=str):
            found[f"{name}={value}"] = _slice(ask, sample, unit == value)
    return _compared(ask, sample, found)


class ClusterSums(NamedTuple):
    """What one cluster's queries (rows) add up to, each times its weight."""

    candidate: float
    """The candidate's metric, over the queries that can tell two models apart."""
    production: float
    """Production's metric, over the same."""
    weight: float
    """What these queries count for: their number, where no weights were given."""
    all_candidate: float
    """The candidate's metric over all queries that have one: what a floor is about."""
    all_weight: float
    """What all of these count for."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of some clusters, which add up: what a shadow collects."""

    definition: Definition
    clusters: dict[str, ClusterSums]


def totals(
    relevance: Any,
    candidate: Any,
    production: Any,
    *,
    metric: str | Definition,
    cluster: Any,
    weight: Any = None,
    preset: Preset | None = None,
    group: Any = None,
    query: Any = None,
    document: Any = None,
    item_weight: Any = None,
    **switches: Any,
) -> Totals:
    """Give what each cluster adds to the comparison of two models: what ``gate.Shadow`` collects.

    The arguments are those of :func:`compare`, for metrics that are means over queries (rows). Over any clusters
    together the relative gain is ``sum(candidate - production) / sum(production)``, the absolute one ``sum(candidate -
    production) / sum(weight)``, with the opposite sign for losses; both are what ``compare`` gives for these rows.
    Clusters are called by their value, a day alike as a date and as its first instant.

    >>> rows = {"query": [0, 0, 1, 1], "cluster": ["a", "a", "b", "b"]}
    >>> sums = totals([1, 0, 0, 1], [2, 1, 2, 1], [1, 2, 1, 2], metric="ndcg@1", **rows).clusters
    >>> sums["a"].candidate, sums["a"].production, sums["a"].weight
    (1.0, 0.0, 1.0)
    """
    definition = Definition.of(metric, preset=preset, **switches)
    if definition.metric in ("roc_auc", "r2", "rmse"):
        raise ArgumentError(f'metric: {definition.name} is no mean over queries; take "mse" for RMSE')
    rows = {"group": group, "query": query, "document": document, "weight": weight, "item_weight": item_weight}
    sample = _sample(definition, relevance, candidate, production, **rows)
    if not (np.isfinite(sample.weight) & (sample.weight >= 0)).all():
        raise ArgumentError("weight: must be finite and at least 0")
    codes("cluster", cluster, len(candidate))  # refuses rows without one
    unit = _of_queries("cluster", cluster, len(candidate), definition, group=group, query=query)
    names, cluster = np.unique(unit, return_inverse=True)
    called = [_cluster_name(name) for name in names]

    def added(values: NDArray[np.float64], where: NDArray[np.bool_]) -> list[float]:
        weighed = np.where(where, values * sample.weight, 0.0)
        found: list[float] = np.bincount(cluster, weights=weighed, minlength=len(names)).tolist()
        return found

    ones, valued = np.ones(len(unit)), ~np.isnan(sample.candidate)
    sums = (
        added(sample.candidate, sample.used),
        added(sample.production, sample.used),
        added(ones, sample.used),
        added(sample.candidate, valued),
        added(ones, valued),
    )
    by_cluster = zip(called, zip(*sums, strict=True), strict=True)
    return Totals(definition, {name: ClusterSums(*each) for name, each in by_cluster})


def _cluster_name(value: Any) -> str:
    """Name a cluster alike whatever type holds it: a day is counted once, as a date and as its first instant."""
    if isinstance(value, datetime) and value.tzinfo is None:
        value = np.datetime64(value)
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, unit="auto"))
    return str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value)


def informative(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Tell which queries (rows) can tell two models apart: they have a value, and their grades are not all equal.

    >>> from ctcore import metrics
    >>> informative(metrics.evaluate([1, 0, 2, 2], [0.1, 0.2, 0.3, 0.4], metric="ndcg", group=[2, 2])).tolist()
    [True, False]
    """
    used = ~np.isnan(evaluation.per_query)
    return used if evaluation.constant is None else used & ~evaluation.constant


@dataclass(slots=True)
class _Sample:
    """Two models' values on the same units: queries, or rows."""

    candidate: NDArray[np.float64]
    """The metric on each unit; squared errors for RMSE and R2, scores for AUC."""
    production: NDArray[np.float64]
    used: NDArray[np.bool_]
    """Units that can tell the two apart."""
    constant: NDArray[np.bool_]
    cluster: NDArray[Any]
    weight: NDArray[np.float64]
    target: NDArray[np.float64]
    """For R2 and AUC; else empty."""
    findings: tuple[str, ...] = ()

    def of(self, mask: NDArray[np.bool_]) -> _Sample:
        parts = (getattr(self, name) for name in self.__slots__ if name != "findings")
        return _Sample(*(part[mask] if len(part) else part for part in parts))


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is asked of a sample."""

    definition: Definition
    margin: Margin
    confidence: float
    method: Method | None
    resamples: int
    seed: int
    clustered: bool


def _rows(relevance: Any, candidate: Any, production: Any) -> int:
    """Give the number of rows, which all three must have."""
    rows = length("candidate", candidate)
    if rows == 0:
        raise ArgumentError("candidate: there are no rows, so there is nothing to compare")
    for name, values in (("relevance", relevance), ("production", production)):
        found = length(name, values)
        if found != rows:
            raise ArgumentError(f"{name}: must have a value for each of the candidate's {rows} rows, found {found}")
    return rows


def _sample(
    definition: Definition,
    relevance: Any,
    candidate: Any,
    production: Any,
    *,
    weight: Any = None,
    item_weight: Any = None,
    **queries: Any,
) -> _Sample:
    """Measure two models on the same rows; ``queries`` are what says which rows belong together."""
    rows = _rows(relevance, candidate, production)
    target = np.empty(0)
    findings: tuple[str, ...] = ()
    if not definition.paired:
        raise ArgumentError(f"metric: {definition.name} has no paired interval; compare roc_auc, log_loss or brier")
    if item_weight is not None and not definition.ranks:
        raise ArgumentError("item_weight: metrics of rows have weights of rows; give weight")
    if definition.metric == "roc_auc":
        target = doubles("relevance", relevance)
        ours, theirs = doubles("candidate", candidate), doubles("production", production)
        used = np.ones(len(target), dtype=bool)
        constant = ~used
        findings = _of_both(*([] if np.ptp(scores) else [CONSTANT_SCORES] for scores in (ours, theirs)))
    else:
        squared = definition.metric in ("rmse", "r2")
        by_unit = Definition("mse") if squared else definition
        if definition.ranks:
            one, other = rank_pair(definition, relevance, candidate, production, item_weight=item_weight, **queries)
        else:
            with _called({"target": "relevance", "prediction": "candidate"}):
                one = evaluate(relevance, candidate, metric=by_unit)
            with _called({"target": "relevance", "prediction": "production"}):
                other = evaluate(relevance, production, metric=by_unit)
        findings = _of_both(one.findings, other.findings)
        ours, theirs = one.per_query, other.per_query
        used = informative(one) & informative(other)
        constant = np.zeros(len(ours), dtype=bool) if one.constant is None else one.constant & ~np.isnan(ours)
        if definition.metric == "r2":
            target = doubles("relevance", relevance)
    units = len(ours)
    if weight is not None and definition.ranks:
        weight = query_weights(weight, *groups(rows, group=queries.get("group"), query=queries.get("query")), rows)
    weights = np.ones(units) if weight is None else np.asarray(numbers("weight", weight), dtype=float)
    if weights.shape != (units,):
        raise ArgumentError(f"weight: must have one value for each of the {units} queries, found {weights.shape}")
    return _Sample(ours, theirs, used, constant, np.arange(units), weights, target, findings)


def _of_both(candidate: Iterable[str], production: Iterable[str]) -> tuple[str, ...]:
    both = {"candidate": candidate, "production": production}
    return tuple(f"{name}: {finding}" for name, each in both.items() for finding in each)


def _slice(ask: _Ask, sample: _Sample, mask: NDArray[np.bool_]) -> Comparison:
    part = sample.of(mask)
    try:
        if not part.used.any():
            raise ArgumentError("no query of it can tell two models apart")
        return _compared(ask, part, {})
    except ArgumentError as error:
        count = int(np.count_nonzero(part.used))
        return Comparison(
            definition=ask.definition,
            candidate=math.nan,
            production=math.nan,
            gain=math.nan,
            lower=-math.inf,
            upper=math.inf,
            margin=ask.margin.value,
            relative=ask.margin.relative,
            p_value=1.0,
            p_not_better=1.0,
            p_not_worse=1.0,
            confidence=ask.confidence,
            n_queries=count,
            n_effective=float(count),
            n_constant=int(np.count_nonzero(part.constant)),
            n_clusters=0,
            design_effect=1.0,
            method="none",
            problem=str(error),
        )


def _compared(ask: _Ask, sample: _Sample, slices: dict[str, Comparison]) -> Comparison:
    used = sample.of(sample.used)
    cluster = np.unique(used.cluster, return_inverse=True)[1]
    if ask.definition.metric == "roc_auc":
        candidate, production, found = _auc(ask, used, cluster)
    else:
        candidate, production, found = _means(ask, used, cluster)
    words = _WORDS[found["method"]]
    if found["resamples"]:
        words += f", {'all' if found['exact'] else 'random'} {found['resamples']:,} resamples"
    return Comparison(
        definition=ask.definition,
        candidate=candidate,
        production=production,
        margin=ask.margin.value,
        relative=ask.margin.relative,
        confidence=ask.confidence,
        n_queries=found["units"],
        n_effective=found["effective"],
        n_constant=int(np.count_nonzero(sample.constant)),
        n_clusters=found["clusters"],
        design_effect=found["design_effect"],
        method=words,
        slices=slices,
        findings=sample.findings,
        **{name: found[name] for name in ("gain", "lower", "upper", "p_value", "p_not_better", "p_not_worse")},
    )


def _means(ask: _Ask, sample: _Sample, cluster: NDArray[Any]) -> tuple[float, float, dict[str, Any]]:
    """Compare metrics that are means over units, or functions of one."""
    metric, relative = ask.definition.metric, ask.margin.relative
    c, p, w = sample.candidate, sample.production, sample.weight
    candidate, production = _core.mean(c, w), _core.mean(p, w)
    advantage = c - p if ask.definition.higher_is_better and metric != "r2" else p - c
    against, margin = p if relative else np.ones(len(p)), ask.margin.value
    if metric == "r2":
        # r2_c - r2_p is the squared error saved, as a share of the targets' variance.
        against = (sample.target - _core.mean(sample.target, w)) ** 2
        spread = _core.mean(against, w)
        if spread == 0:
            raise ArgumentError("relevance: all targets are equal; R2 has no meaning there")
        candidate, production = 1 - candidate / spread, 1 - production / spread
    if metric == "rmse":
        candidate, production = math.sqrt(candidate), math.sqrt(production)
        if relative:
            margin = 1 - (1 - margin) ** 2  # so much less MSE is `margin` less RMSE
        else:
            # The delta method: the influence of each row on the difference of the roots, plus that difference.
            share_c = c / candidate if candidate else c
            share_p = p / production if production else p
            advantage = (share_p - share_c + production - candidate) / 2
    found = _paired(ask, advantage, against, cluster, sample.weight, margin)
    if metric == "rmse" and relative:
        for name in ("gain", "lower", "upper"):
            found[name] = 1 - math.sqrt(1 - found[name]) if found[name] <= 1 else math.inf
    return candidate, production, found


def _auc(ask: _Ask, sample: _Sample, cluster: NDArray[Any]) -> tuple[float, float, dict[str, Any]]:
    rows = (sample.target, sample.candidate, sample.production)
    question = {"margin": ask.margin.value, "confidence": ask.confidence}
    with _called({"label": "relevance"}):
        candidate, production, delong, influence = _core.auc_delong(*rows, **question)
    found = _paired(ask, influence, np.ones(len(influence)), cluster, sample.weight, ask.margin.value)
    method = ask.method or "delong"
    if ask.method is None and ask.clustered:
        method = "bootstrap" if found["clusters"] >= _MANY_CLUSTERS else "sign_flip"
    elif ask.method is None and math.isinf(delong["lower"]):  # placements without any spread
        method = "sign_flip"
    if method == "delong":
        found |= delong
    elif method == "bootstrap":
        found |= _core.auc_bootstrap(*rows, cluster, **question, resamples=ask.resamples, seed=ask.seed)
    return candidate, production, found | {"method": method}


def _paired(
    ask: _Ask, advantage: Any, against: Any, cluster: NDArray[Any], weight: NDArray[np.float64], margin: float
) -> dict[str, Any]:
    method = "sign_flip" if ask.method in (None, "delong") else ask.method
    with _called({"advantage": "candidate", "against": "production"}):
        found = _core.paired(
            advantage,
            against,
            cluster,
            weight=weight,
            method=method,
            margin=margin,
            confidence=ask.confidence,
            resamples=ask.resamples,
            seed=ask.seed,
        )
    return dict(found) | {"method": method}


def _check_question(confidence: Any, resamples: Any, seed: Any) -> None:
    if not isinstance(confidence, Real):
        raise ArgumentError(f"confidence: must be a number such as 0.95, found {confidence!r}")
    for name, value, least in (("resamples", resamples, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or not least <= int(value) < 1 << 63:
            raise ArgumentError(f"{name}: must be a whole number of at least {least}, found {value!r}")


@contextmanager
def _called(names: dict[str, str]) -> Iterator[None]:
    """Let errors of arguments name them as they are called here."""
    try:
        yield
    except ArgumentError as error:
        name, colon, rest = str(error).partition(":")
        raise ArgumentError(f"{names.get(name, name)}{colon}{rest}") from None


def _of_queries(name: str, column: Any, rows: int, definition: Definition, *, group: Any, query: Any) -> NDArray[Any]:
    """Give one value a query (a row, for metrics of rows) of a column that is constant within queries."""
    values: NDArray[Any] = np.asarray(column)
    if values.shape != (rows,):
        raise ArgumentError(f"{name}: must have one value for each of the {rows} rows, found shape {values.shape}")
    if not definition.ranks:
        return values
    sizes, order = groups(rows, group=group, query=query)
    if order is not None:
        values = values[order]
    sizes = np.asarray(sizes)
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    spread = np.repeat(values[np.minimum(first, rows - 1)], sizes)
    if (spread != values).any():
        row = int(np.flatnonzero(spread != values)[0])
        row = row if order is None else int(order[row])
        raise ArgumentError(f"{name}: must be constant within a query; row {row} differs from its query's first row")
    return values[np.minimum(first, rows - 1)]
