"""Feedback loops: what a model does to the data that it will learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from operator import itemgetter
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, ColumnTypeError, did_you_mean
from ctcore.validate._rows import instants
from ctcore.verdict import Check, Report, Verdict, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_PER_ITEM = 5  # showings of an item, on average: with fewer the unevenness of chance hides that of the model
_RESAMPLES = 50
_SEED = 1
_SIGMAS = 3.0
_BY_CHANCE = (
    0.05  # how often labels may all be the model's own though chance chose its share: fewer labels tell nothing
)
_RISING = 3  # generations in a row
_COLUMNS = ("item", "model_version", "shown_at", "propensity", "candidates", "exploration", "outcome")
_CHECKS = (
    *("gini", "effective_catalogue", "coverage", "amplification", "self_selected", "exploration"),
    *("propensity", "mean_weight", "on_policy_gap"),
)
_EVERYTHING = ("item", "model_version", "shown_at")  # without which no check can be judged
_FEW = 30  # effective showings with fewer than which a mean weight has no error that can be believed


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackPolicy:
    """When a loop is too tight. There are no published standards; these are the proposals of ``docs/feedback.md``."""

    max_gini_rise: float = 0.02
    """The rise of the exposure's Gini index in one generation."""
    max_catalogue_loss: float = 0.1
    """The share of the effective catalogue that one generation may lose."""
    max_collapse: float = 0.5
    """The share of the first generation's effective catalogue that may be gone: above it, fail."""
    max_coverage_loss: float = 0.05
    """The share of the items that were shown which one generation may cease to show."""
    warn_self_selected: float = 0.95
    max_self_selected: float = 0.99
    """The share of the labels that may come from what the model itself chose."""
    min_exploration: float = 0.01
    """The share of the showings that chance must choose."""
    min_effective: float = 1_000.0
    """Showings that count, once each is weighted for the policy that shows every item alike."""

    def __post_init__(self) -> None:
        for each in fields(FeedbackPolicy):
            value, most = getattr(self, each.name), math.inf if each.name == "min_effective" else 1
            if not 0 <= value <= most:
                words = "at least 0" if most > 1 else "from 0 to 1"
                raise ArgumentError(f"feedback: {each.name} must be {words}, found {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What one version of the model showed, and what came of it. NaN where it cannot be told.

    A generation that shows an item fewer than five times on average has no exposure that could be compared.
    """

    name: str
    rows: int
    gini: float
    """Of the exposure over the whole catalogue, for as many showings as the smallest generation of enough has."""
    effective_catalogue: float
    """``exp`` of the exposure's entropy: as many items, shown alike, would be as even."""
    coverage: float
    amplification: float
    """The exposure's Gini index less that of organic behaviour."""
    popularity_lift: float
    """How much more popular what was shown is than what people choose by themselves."""
    self_selected: float
    """The share of the labels from showings that the model chose."""
    exploration: float
    """The share of the showings that chance chose."""
    effective_sample_size: float
    mean_weight: float
    """Of the weights for the policy that shows every item alike: 1 where propensities are right."""
    on_policy_gap: float
    """The mean outcome of what the model chose less that of what chance chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReport(Report):
    """The checks, and the generations that they rest on, the oldest first."""

    kind: ClassVar[str] = "feedback"
    generations: tuple[Generation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        each = [{part.name: getattr(found, part.name) for part in fields(found)} for found in self.generations]
        return super(FeedbackReport, self).to_dict() | {"generations": plain(each)}


def feedback(
    log: Any,
    *,
    catalogue: Any,
    organic: Any = None,
    columns: Mapping[str, str] | None = None,
    policy: FeedbackPolicy | None = None,
) -> FeedbackReport:
    """Judge a log of what was shown for signs that the model feeds on itself.

    Every number is taken for each generation, a ``model_version`` in the order of its first ``shown_at``, and judged in
    the newest, which alone can still be changed, and over time. Propensities and their weights are judged in each:
    what is learned from a wrong one is wrong, however old. A column that the log lacks makes what needs it ``not_run``,
    and is named; without ``item``, ``model_version`` and ``shown_at`` that is everything.

    Parameters
    ----------
    log : pyarrow.Table
        One row for each showing, with the columns of ``docs/feedback.md``: ``item``, ``model_version`` and
        ``shown_at``; ``propensity``, the probability with which the item was chosen for its place; ``exploration``,
        whether chance chose it; ``outcome``, a number, null until it is known; ``candidates``, how many items could
        have been chosen (the whole catalogue without it).
    catalogue : array of shape (items,)
        All items that can be shown; those that never were count.
    organic : array of shape (choices,), optional
        The items that people chose without the model, such as through search.
    columns : dict of str, optional
        What the log calls its columns, for each that has another name than above.
    policy : FeedbackPolicy, optional

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from ctcore import validate
    >>> log = pa.table({
    ...     "item": np.arange(3000) % 10, "model_version": np.repeat(["v1", "v2", "v3"], 1000),
    ...     "shown_at": pa.array(np.arange(3000), pa.timestamp("s")),
    ... })
    >>> report = validate.feedback(log, catalogue=np.arange(10))
    >>> report.verdict, report.generations[-1].effective_catalogue
    (<Verdict.NOT_RUN: 'not_run'>, 10.0)
    >>> next(check.message for check in report.checks if check.verdict == report.verdict and check.required)
    'feedback.self_selected was not judged: the log has no column exploration'
    """
    policy = policy or FeedbackPolicy()
    called = {name: name for name in _COLUMNS} | dict(columns or {})
    unknown = [name for name in called if name not in _COLUMNS]
    if unknown:
        raise ArgumentError(f"columns: an exposure log has no {unknown[0]!r}; {did_you_mean(unknown[0], _COLUMNS)}")
    missing = [called[name] for name in _EVERYTHING if called[name] not in log.column_names]
    if missing:
        return FeedbackReport(
            checks=tuple(_not_run(f"feedback.{name}", f"the log has no column {missing[0]}") for name in _CHECKS)
        )
    shown = _Log(log, np.unique(np.asarray(catalogue)), organic, called)
    generations = shown.generations()
    return FeedbackReport(checks=tuple(_judge(shown, generations, policy)), generations=generations)


class _Log:
    """The log's columns as arrays."""

    def __init__(self, log: Any, items: Any, organic: Any, called: Mapping[str, str]) -> None:
        if not log.num_rows:
            raise ArgumentError("log: there is no row")
        self.table, self.items, self.called = log, items, called
        for name in _EVERYTHING:
            nulls = log[called[name]].null_count
            if nulls:
                raise ArgumentError(f"{called[name]}: {nulls:,} rows are null; every showing needs one")
        self.place = _places(called["item"], log[called["item"]].to_numpy(), items)
        self.organic = None
        if organic is not None:
            self.organic = np.bincount(_places("organic", np.asarray(organic), items), minlength=len(items))
        versions = np.asarray(log[called["model_version"]].to_pylist(), dtype=str)
        names, version = np.unique(versions, return_inverse=True)
        shown = log[called["shown_at"]]
        times = instants(shown, called["shown_at"], shown.type)
        first = np.full(len(names), np.iinfo(np.int64).max)
        np.minimum.at(first, version, times)
        order = np.argsort(first, kind="stable")
        self.names = [str(name) for name in names[order]]
        self.generation = np.argsort(order)[version]
        self.propensity = self._numbers("propensity")
        explored = self._numbers("exploration")
        self.exploration = None if explored is None else explored == 1
        self.outcome = self._numbers("outcome")
        candidates = self._numbers("candidates")
        self.candidates = np.full(log.num_rows, float(len(items))) if candidates is None else candidates

    def lacks(self, *names: str) -> str | None:
        """Give why something cannot be told, if so."""
        missing = [self.called[name] for name in names if self.called[name] not in self.table.column_names]
        return f"the log has no column {missing[0]}" if missing else None

    def _numbers(self, name: str) -> NDArray[np.float64] | None:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        name = self.called[name]
        if name not in self.table.column_names:
            return None
        try:
            values: NDArray[np.float64] = self.table[name].cast(pa.float64()).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise ColumnTypeError(f"{name}: must hold numbers, found {self.table.schema.field(name).type}") from None
        return values

    def generations(self) -> tuple[Generation, ...]:
        rows = np.bincount(self.generation)
        enough = rows >= _PER_ITEM * len(self.items)
        smallest = int(rows[enough].min() if enough.any() else rows.min())
        return tuple(self._measure(index, name, smallest) for index, name in enumerate(self.names))

    def counts(self, index: int) -> NDArray[np.int64]:
        """Count the showings of each item in a generation."""
        return np.bincount(self.place[self.generation == index], minlength=len(self.items))

    def _measure(self, index: int, name: str, smallest: int) -> Generation:
        here = self.generation == index
        counts = self.counts(index)
        # Few showings are uneven by chance alone, so all generations are seen at the size of the smallest.
        rng = np.random.Generator(np.random.Philox(key=[_SEED, index]))
        coverage = gini = entropy = amplification = lift = math.nan
        if counts.sum() >= smallest:
            drawn = counts if counts.sum() == smallest else rng.multivariate_hypergeometric(counts, smallest)
            coverage, gini, entropy = _core.exposure(drawn.tolist())
        if self.organic is not None and counts.sum() >= smallest:
            size = min(smallest, int(self.organic.sum()))
            sides = [rng.multivariate_hypergeometric(each, size) for each in (counts, self.organic)]
            amplification = _core.exposure(sides[0].tolist())[1] - _core.exposure(sides[1].tolist())[1]
            lift = _core.popularity_lift(counts.tolist(), self.organic.tolist())
        effective = weight = math.nan
        weights = self.weights(here)
        if weights is not None and len(weights):
            effective = float(weights.sum() ** 2 / np.square(weights).sum())
            weight = float(weights.mean())
        gap, _ = self.gap(here)
        return Generation(
            name=name,
            rows=int(here.sum()),
            gini=gini,
            effective_catalogue=round(math.exp(entropy), 9),
            coverage=coverage,
            amplification=amplification,
            popularity_lift=lift,
            self_selected=self.self_selected(here),
            exploration=math.nan if self.exploration is None else float(np.mean(self.exploration[here])),
            effective_sample_size=effective,
            mean_weight=weight,
            on_policy_gap=gap,
        )

    def weights(self, here: NDArray[np.bool_]) -> NDArray[np.float64] | None:
        """Give the weights for the policy that shows every candidate alike, of the rows with a propensity."""
        if self.propensity is None:
            return None
        valid = here & self.valid
        weights: NDArray[np.float64] = 1 / self.candidates[valid] / self.propensity[valid]
        return weights

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """Tell which rows have a propensity and a number of candidates that can be."""
        assert self.propensity is not None  # noqa: S101 - asked where there are propensities
        valid: NDArray[np.bool_] = (self.propensity > 0) & (self.propensity <= 1) & (self.candidates >= 1)
        return valid

    def labels(self, here: NDArray[np.bool_]) -> int:
        """Count the showings whose outcome is known."""
        return 0 if self.outcome is None else int(np.count_nonzero(here & ~np.isnan(self.outcome)))

    def self_selected(self, here: NDArray[np.bool_]) -> float:
        """Give the share of the labels from showings that the model chose."""
        if self.exploration is None or self.outcome is None:
            return math.nan
        labelled = here & ~np.isnan(self.outcome)
        return float(np.mean(~self.exploration[labelled])) if labelled.any() else math.nan

    def gap(self, here: NDArray[np.bool_]) -> tuple[float, float]:
        """Give the mean outcome of what the model chose less that of what chance chose, and its standard error."""
        if self.exploration is None or self.outcome is None:
            return math.nan, math.nan
        known = here & ~np.isnan(self.outcome)
        sides = [self.outcome[known & (self.exploration == by_chance)] for by_chance in (False, True)]
        if min(map(len, sides)) < 2:
            return math.nan, math.nan
        variance = sum(float(np.var(side, ddof=1)) / len(side) for side in sides)
        return float(sides[0].mean() - sides[1].mean()), math.sqrt(variance)


def _places(name: str, ids: Any, items: Any) -> NDArray[np.int64]:
    if (ids.dtype.kind in "iuf") != (items.dtype.kind in "iuf"):
        raise ColumnTypeError(f"{name}: holds {ids.dtype}, the catalogue {items.dtype}; they must name items alike")
    place = np.searchsorted(items, ids)
    known = place < len(items)
    known[known] = items[place[known]] == ids[known]
    if not known.all():
        raise ArgumentError(f"{name}: {ids[~known][0]!r} is not in the catalogue of {len(items):,} items")
    return np.asarray(place, dtype=np.int64)


# ---------------------------------------------------------------- the judgement


def _judge(log: _Log, generations: Sequence[Generation], policy: FeedbackPolicy) -> Iterator[Check]:
    newest = generations[-1]
    per_item = newest.rows / len(log.items)
    enough = [each for each in generations if each.rows >= _PER_ITEM * len(log.items)]
    if per_item < _PER_ITEM:
        message = (
            f"the newest generation shows an item {per_item:.1f} times on average; {_PER_ITEM} are needed to tell the "
            f"model's unevenness from chance"
        )
        for name in ("gini", "effective_catalogue", "coverage"):
            yield Check(id=f"feedback.{name}", verdict=Verdict.INSUFFICIENT, message=message, n=newest.rows)
    elif len(enough) < 2:
        for name in ("gini", "effective_catalogue", "coverage"):
            message = f"feedback.{name}: one generation is no trend; two with showings enough are needed"
            yield Check(id=f"feedback.{name}", verdict=Verdict.INSUFFICIENT, message=message, n=newest.rows)
    else:
        yield from _spread(log, enough, policy)
    yield _amplification(log, generations)
    yield _self_selected(log, generations, policy)
    yield _exploration(log, generations, policy)
    yield from _propensity(log, generations)
    yield _gap(log, generations)


def _spread(log: _Log, generations: Sequence[Generation], policy: FeedbackPolicy) -> Iterator[Check]:
    """Judge the newest generation's exposure by the one before and by the first."""
    last, newest = generations[-2:]
    chance = _chance(log, generations)
    rise = newest.gini - last.gini
    rising = _rising([each.gini for each in generations], chance["gini"])
    bad = rise > policy.max_gini_rise + _SIGMAS * chance["gini"] or rising
    yield Check(
        id="feedback.gini",
        verdict=Verdict.WARN if bad else Verdict.PASS,
        message=f"the Gini index of exposure went from {last.gini:.3f} to {newest.gini:.3f} in one generation, from "
        f"{generations[0].gini:.3f} in the first" + (": fewer items take more of the showings" if bad else ""),
        value=rise,
        threshold=policy.max_gini_rise,
        n=newest.rows,
    )
    first = generations[0].effective_catalogue
    lost = 1 - newest.effective_catalogue / last.effective_catalogue
    gone = 1 - newest.effective_catalogue / first
    falling = _rising([-each.effective_catalogue for each in generations], chance["effective_catalogue"])
    verdict = Verdict.PASS
    if lost > policy.max_catalogue_loss + _SIGMAS * chance["effective_catalogue"] / last.effective_catalogue:
        verdict = Verdict.WARN
    if gone > policy.max_collapse and falling:
        verdict = Verdict.FAIL
    message = f"showings are as even as {newest.effective_catalogue:.1f} of {len(log.items):,} items shown alike, "
    message += f"{last.effective_catalogue:.1f} the generation before, {first:.1f} in the first"
    if verdict is Verdict.FAIL:
        message += ": the catalogue collapses; let chance choose a share, and weight what was learned by propensity"
    yield Check(
        id="feedback.effective_catalogue",
        verdict=verdict,
        message=message,
        value=gone if verdict is Verdict.FAIL else lost,
        threshold=policy.max_collapse if verdict is Verdict.FAIL else policy.max_catalogue_loss,
        n=newest.rows,
    )
    lost = 1 - newest.coverage / last.coverage
    bad = lost > policy.max_coverage_loss + _SIGMAS * chance["coverage"] / last.coverage
    yield Check(
        id="feedback.coverage",
        verdict=Verdict.WARN if bad else Verdict.PASS,
        message=f"{newest.coverage:.1%} of the catalogue was shown, {last.coverage:.1%} the generation before",
        value=lost,
        threshold=policy.max_coverage_loss,
        n=newest.rows,
    )


def _chance(log: _Log, generations: Sequence[Generation]) -> dict[str, float]:
    """Give the standard error of each difference of two generations of this size, by resampling the newest."""
    smallest = min(each.rows for each in generations)
    counts = log.counts(log.names.index(generations[-1].name))
    rng = np.random.Generator(np.random.Philox(key=[_SEED, len(generations)]))
    found = [_core.exposure(each.tolist()) for each in rng.multinomial(smallest, counts / counts.sum(), _RESAMPLES)]
    coverage, gini, entropy = np.transpose(found)
    values = {"coverage": coverage, "gini": gini, "effective_catalogue": np.exp(entropy)}
    return {name: math.sqrt(2) * float(np.std(each)) for name, each in values.items()}


def _rising(values: Sequence[float], chance: float) -> bool:
    """Tell whether the last generations each rose, and together by more than chance."""
    last = list(values)[-_RISING - 1 :]
    steps = np.diff(last)
    return len(steps) == _RISING and bool((steps > 0).all()) and last[-1] - last[0] > _SIGMAS * chance


def _rising_share(shares: Sequence[float], rows: Sequence[int]) -> bool:
    """Tell whether a share of rows rose in the last generations, by more than the chance of its two ends."""
    ends = ((shares[index], rows[index]) for index in (-1, max(-1 - _RISING, -len(shares))))
    variance = sum(abs(share) * (1 - abs(share)) / max(n, 1) for share, n in ends)
    return _rising(shares, math.sqrt(variance))


def _amplification(log: _Log, generations: Sequence[Generation]) -> Check:
    id_ = "feedback.amplification"
    if log.organic is None:
        message = f"{id_} was not judged: organic, what people choose without the model, was not given"
        return Check(id=id_, verdict=Verdict.NOT_RUN, message=message, required=False)
    if math.isnan(generations[-1].amplification):
        message = "the newest generation has too few showings to compare with what people choose by themselves"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=generations[-1].rows)
    generations = [each for each in generations if not math.isnan(each.amplification)]
    values = [each.amplification for each in generations]
    chance = _chance(log, generations)["gini"]
    bad = values[-1] > _SIGMAS * chance and _rising(values, chance)
    message = f"the Gini index of what is shown is {values[-1]:+.3f} from that of what people choose by themselves"
    if bad:
        message += f", and has risen for {_RISING} generations: the model makes the popular more popular"
    verdict = Verdict.WARN if bad else Verdict.PASS
    return Check(id=id_, verdict=verdict, message=message, value=values[-1], threshold=0.0, n=generations[-1].rows)


def _self_selected(log: _Log, generations: Sequence[Generation], policy: FeedbackPolicy) -> Check:
    id_ = "feedback.self_selected"
    why = log.lacks("exploration", "outcome")
    if why:
        return _not_run(id_, why)
    share = generations[-1].self_selected
    labels = [log.labels(log.generation == index) for index in range(len(generations))]
    if math.isnan(share):
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message="no outcome of the newest generation is known")
    message = f"{share:.1%} of the newest labels come from what the model itself chose"
    if share > policy.max_self_selected and policy.max_self_selected ** labels[-1] > _BY_CHANCE:
        message += f"; {labels[-1]:,} labels are too few to tell that from {policy.max_self_selected:.0%}"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, value=share, n=labels[-1])
    rising = _rising_share([each.self_selected for each in generations], labels)
    verdict = Verdict.WARN if rising or share > policy.warn_self_selected else Verdict.PASS
    if share > policy.max_self_selected:
        verdict = Verdict.FAIL
    if rising:
        message += f", a share that has risen for {_RISING} generations"
    if verdict is not Verdict.PASS:
        message += ": it learns what it already believes"
    threshold = policy.max_self_selected if verdict is Verdict.FAIL else policy.warn_self_selected
    return Check(id=id_, verdict=verdict, message=message, value=share, threshold=threshold, n=labels[-1])


def _exploration(log: _Log, generations: Sequence[Generation], policy: FeedbackPolicy) -> Check:
    id_ = "feedback.exploration"
    why = log.lacks("exploration", "propensity")
    if why:
        return _not_run(id_, why)
    newest = generations[-1]
    verdict = Verdict.PASS
    message = (
        f"chance chose {newest.exploration:.1%} of the newest showings; weighted for showing every item alike they "
        f"count as {newest.effective_sample_size:,.0f} of {newest.rows:,}"
    )
    if newest.rows < policy.min_effective:
        message += f"; {policy.min_effective:,.0f} would be enough at best"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=newest.rows)
    if _rising_share([-each.exploration for each in generations], [each.rows for each in generations]):
        verdict = Verdict.WARN
        message += f"; the share has fallen for {_RISING} generations"
    if newest.exploration < policy.min_exploration:
        verdict = Verdict.WARN
        message += f"; {policy.min_exploration:.0%} chosen by chance are wanted"
    if not newest.effective_sample_size >= policy.min_effective:
        verdict = Verdict.FAIL
        message += f"; with fewer than {policy.min_effective:,.0f} no estimate of another policy deserves trust"
    return Check(
        id=id_,
        verdict=verdict,
        message=message,
        value=newest.effective_sample_size,
        threshold=policy.min_effective,
        n=newest.rows,
    )


def _propensity(log: _Log, generations: Sequence[Generation]) -> Iterator[Check]:
    why = log.lacks("propensity")
    if why or log.propensity is None:
        for name in ("propensity", "mean_weight"):
            yield _not_run(f"feedback.{name}", str(why))
        return
    bad = ~log.valid
    count = int(bad.sum())
    message = f"{count:,} of {len(bad):,} propensities are missing, 0 or less, or above 1, or of fewer than 1 candidate"
    verdict = Verdict.FAIL if count else Verdict.PASS
    yield Check(id="feedback.propensity", verdict=verdict, message=message, value=count, threshold=0, n=len(bad))
    yield _mean_weight(log, generations)


def _mean_weight(log: _Log, generations: Sequence[Generation]) -> Check:
    """Judge the weights of each generation: the worst that is wrong, or else the newest."""
    id_ = "feedback.mean_weight"
    # As rare for one of many generations as three standard errors are for one alone.
    sigmas = NormalDist().inv_cdf(1 - (1 - NormalDist().cdf(_SIGMAS)) / len(generations))
    found = []
    for index, each in enumerate(generations):
        weights = log.weights(log.generation == index)
        if weights is None or not each.effective_sample_size >= _FEW:
            continue
        mean, error = float(weights.mean()), float(weights.std(ddof=1) / math.sqrt(len(weights)))
        # Propensities that were rounded in the log leave a weight a little off.
        excess = abs(mean - 1) - sigmas * error - 0.01
        found.append((excess, each, mean, error, len(weights)))
    wrong = [each for each in found if each[0] > 0]
    if not wrong and not (found and found[-1][1] is generations[-1]):
        effective, rows = generations[-1].effective_sample_size, generations[-1].rows
        message = (
            f"weighted for showing every item alike, {rows:,} showings of the newest generation count as "
            f"{effective:,.0f}; {_FEW} are needed to say whether their weights are 1 on average"
        )
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=rows)
    _, which, mean, error, n = max(wrong, key=itemgetter(0)) if wrong else found[-1]
    message = (
        f"the mean weight of {which.name} for showing every item alike is {mean:.3f} +- {error:.3f}, 1 where "
        f"propensities are right"
    )
    if wrong:
        message += ": the logged propensities are not those that the items were chosen with, or some items never are"
    if len(wrong) > 1:
        message += f" ({len(wrong)} of {len(generations)} generations are wrong)"
    return Check(
        id=id_,
        verdict=Verdict.FAIL if wrong else Verdict.PASS,
        message=message,
        value=mean,
        lower=mean - sigmas * error,
        upper=mean + sigmas * error,
        threshold=1.0,
        n=n,
    )


def _gap(log: _Log, generations: Sequence[Generation]) -> Check:
    id_ = "feedback.on_policy_gap"
    why = log.lacks("exploration", "outcome")
    if why:
        return _not_run(id_, why)
    gaps, errors = np.transpose([log.gap(log.generation == index) for index in range(len(generations))])
    if math.isnan(gaps[-1]):
        message = "the newest generation has no known outcomes of both what the model chose and what chance chose"
        return Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=generations[-1].rows)
    chance = float(np.hypot(errors[-1], errors[max(len(errors) - 1 - _RISING, 0)]))
    widening = _rising([float(gap) for gap in gaps], chance)
    message = f"what the model chose has an outcome {gaps[-1]:+.4f} from what chance chose"
    if widening:
        message += f", a gap that has widened for {_RISING} generations: quality is judged where the model is at home"
    verdict = Verdict.WARN if widening else Verdict.PASS
    return Check(id=id_, verdict=verdict, message=message, value=float(gaps[-1]), n=generations[-1].rows)


def _not_run(id_: str, why: str) -> Check:
    return Check(id=id_, verdict=Verdict.NOT_RUN, message=f"{id_} was not judged: {why}")
