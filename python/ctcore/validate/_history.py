"""A batch judged by the batches before it: what is unusual needs no bound set by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeGuard

from ctcore import _core
from ctcore.errors import ArgumentError, did_you_mean
from ctcore.validate._rule import Allowed, shown
from ctcore.verdict import Check, Verdict, plain

METHODS = ("sameWeekday", "runningMean", "rateOfChange")
"""What a metric is compared with; the first where none is named."""
RISK = 0.001
"""The chance of a false alarm for each batch."""
WINDOW = 56
"""The normal batches that are looked back at: eight weeks of days."""
_FREEDOM = 7
"""Degrees of freedom that a standard deviation needs before it is believed: with fewer, hardly anything is unusual."""
_COUNTS = frozenset(("distinctCount", "infinityCount", "nanCount", "rowCount", "zeroCount"))
_SHARES = frozenset(("completeness", "distinctness", "uniqueValueRatio", "uniqueness"))
_ROUNDING = 1e-9
"""The part of a value that may be the rounding of its sum."""
_LARGEST = 700.0
"""A logarithm whose number is still finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a history keeps of a batch."""

    time: datetime
    """When its rows are of. Its weekday is that of its own zone; without a zone it is in UTC."""
    metrics: Mapping[str, float]
    """``rowCount``, ``COLUMN.completeness`` and so on."""
    refused: bool = False
    """Whether it broke rules other than those on its history: what it was like is not normal."""

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            object.__setattr__(self, "time", self.time.replace(tzinfo=UTC))

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {"time": self.time.isoformat(), "metrics": plain(dict(self.metrics)), "refused": self.refused}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Batch:
        """Read what :meth:`to_dict` gave.

        >>> batch = Batch(time=datetime(2024, 3, 10), metrics={"rowCount": 480})
        >>> Batch.from_dict(batch.to_dict()) == batch
        True
        """
        time = datetime.fromisoformat(given["time"])
        return cls(time=time, metrics=dict(given["metrics"]), refused=bool(given["refused"]))


def anomaly(
    metric: str,
    batch: Batch,
    history: Iterable[Batch],
    *,
    method: str = METHODS[0],
    minimum: float | None = None,
    maximum: float | None = None,
    since: date | None = None,
    risk: float = RISK,
) -> Check:
    """Judge a metric of a batch by the batches before it.

    **Usual** is the two-sided prediction interval of the next value, with the chance ``risk`` to miss it: ``c +- t s
    sqrt(1 + 1/k)``, where ``c`` is the mean of the ``k`` values that the metric is compared with, and ``t`` the
    quantile of Student's distribution with the degrees of freedom of ``s``. Of values that are independent and normal,
    with one spread, it misses exactly that often (Hahn and Meeker, *Statistical Intervals*, 1991, chapter 4).

    - ``sameWeekday``: the batches of the same weekday. ``s`` is pooled over the weekdays, each around its own mean:
      other days tell how much batches vary, so two weeks of days are enough.
    - ``runningMean``: all batches.
    - ``rateOfChange``: the batch before; ``s`` is that of the changes from each batch to the next, ``c`` the value
      before and their mean. ``m`` batches after it, where some between were left out, ``m`` changes are usual: as of a
      random walk.

    Counts are compared as ``ln(1 + x)``, so that their changes are relative; shares as ``arcsin(sqrt(x))``; everything
    else as it is. ``s`` is never less than what chance alone gives: a Poisson count's, a binomial share's of as many
    rows, a mean's ``sd / sqrt(rows)`` where the standard deviation is kept as well. So a first null among a million
    rows is no anomaly.

    **Normal** are the batches that were not refused and were usual by those before them, the newest 56: what is unusual
    does not become the measure of what follows, however often it is repeated (but for ``rateOfChange``, where in time
    everything is a usual change). ``since`` says when a new normal begins.

    Parameters
    ----------
    metric : str
        Its name in the batches, such as ``"rowCount"`` or ``"fare.mean"``. What comes after the last dot tells counts
        and shares.
    batch : Batch
        The batch to judge.
    history : iterable of Batch
        Others, in any order; those at or after the time of ``batch`` are not looked at.
    method : str
        What to compare with.
    minimum, maximum : float, optional
        Bounds set by hand, of the value over the mean that it is compared with (for ``rateOfChange``, over the value
        before). They take the place of the interval and need one batch. Over 0, only 0 is usual.
    since : date, optional
        The first day, in each batch's own zone, that normal batches are of.
    risk : float
        The chance of a false alarm, between 0 and 1.

    Returns
    -------
    Check
        Its ``id`` is the metric. ``pass`` or ``fail`` with the interval; ``insufficient`` where the standard deviation
        would have fewer than 7 degrees of freedom, or no batch is of the weekday, with the number of batches that would
        do; ``not_run`` where the batch has no such metric. ``n`` is the number of normal batches.

    Raises
    ------
    ArgumentError
        ``method`` is none of the three, or ``risk`` no chance.

    Examples
    --------
    "The row count fell by half since last Sunday":

    >>> from datetime import datetime, timedelta
    >>> rows = [10_000, 10_100, 9_900, 10_050, 10_020, 7_000, 5_000]
    >>> past = [
    ...     Batch(time=datetime(2024, 3, 4) + timedelta(day), metrics={"rowCount": rows[day % 7] + 7 * day})
    ...     for day in range(27)
    ... ]
    >>> check = anomaly("rowCount", Batch(time=datetime(2024, 3, 31), metrics={"rowCount": 2_400}), past)
    >>> check.verdict, check.message
    (<Verdict.FAIL: 'fail'>, 'rowCount is 2,400; 4,784 to 5,418 is usual of the 3 Sundays before. If it stays so, ...')
    """
    if method not in METHODS:
        raise ArgumentError(f"method: {did_you_mean(method, METHODS)}, found {method!r}")
    if not 0 < risk < 1:
        raise ArgumentError(f"risk: must be a chance between 0 and 1, found {risk!r}")
    value = batch.metrics.get(metric)
    if not _finite(value):
        return Check(id=metric, verdict=Verdict.NOT_RUN, message=f"{metric} was not measured, or has no value")
    series = Series(metric, method=method, minimum=minimum, maximum=maximum, since=since, risk=risk)
    for each in sorted(history, key=lambda each: each.time):
        if each.time < batch.time:
            series.add(each)
    usual, n = series.usual(batch), len(series.normal)
    if isinstance(usual, str):
        message = f"{metric} is {shown(value)}; what is usual cannot be told yet: {usual}"
        return Check(id=metric, verdict=Verdict.INSUFFICIENT, message=message, value=value, n=n)
    lower, upper = usual.ends()
    good = usual.holds(value)
    message = f"{metric} is {shown(value)}; {Allowed(minimum=lower, maximum=upper)} is usual {usual.of}"
    if not good:
        message += f". If it stays so, the rule can begin anew: since: {batch.time:%Y-%m-%d}"
    return Check(
        id=metric,
        verdict=Verdict.PASS if good else Verdict.FAIL,
        message=message,
        value=value,
        lower=lower,
        upper=upper,
        n=n,
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where the values of a metric vary alike, whatever their size."""

    there: Callable[[float], float]
    back: Callable[[float], float]


def _angle(share: float) -> float:
    return math.asin(math.sqrt(min(max(share, 0.0), 1.0)))


def _share(angle: float) -> float:
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2


def _count(logarithm: float) -> float:
    return math.expm1(min(max(logarithm, 0.0), _LARGEST))


_PLAIN = _Scale(float, float)
_LOG = _Scale(math.log1p, _count)
_ANGLE = _Scale(_angle, _share)


@dataclass(frozen=True, slots=True)
class Usual:
    """The values of a metric that are usual, on its scale."""

    lower: float
    upper: float
    of: str
    """What they are usual of, in words."""
    scale: _Scale

    def holds(self, value: float) -> bool:
        """Tell whether a value is usual."""
        return self.lower <= self.scale.there(value) <= self.upper

    def ends(self) -> tuple[float | None, float | None]:
        """Give the smallest and the largest usual value; of counts whole numbers."""
        low, high = (self.scale.back(each) for each in (self.lower, self.upper))
        if self.scale is _LOG:
            low, high = math.ceil(low - _ROUNDING * low), math.floor(high + _ROUNDING * high)
        return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)


@dataclass(frozen=True, slots=True)
class _Prediction:
    """The next value on its scale: ``expected``, with the variance ``spread * (of_one + of_mean)``."""

    expected: float
    spread: float
    freedom: int
    of_one: float
    """The part of the value itself."""
    of_mean: float
    """The part of what ``expected`` was estimated from."""


class _Alike:
    """Normal batches that are compared with each other, on the metric's scale."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.values: list[float] = []
        self.mean = self.squares = 0.0

    def add(self, batch: Batch, value: float) -> None:
        self.batches.append(batch)
        self.values.append(value)
        self._measure()

    def drop_first(self) -> None:
        del self.batches[0], self.values[0]
        self._measure()

    def _measure(self) -> None:
        self.mean = _mean(self.values)
        self.squares = math.fsum((y - self.mean) ** 2 for y in self.values)


class Series:
    """A metric over batches, folded from the first: which of them are normal, and what is usual after them."""

    def __init__(
        self,
        metric: str,
        *,
        method: str = METHODS[0],
        minimum: float | None = None,
        maximum: float | None = None,
        since: date | None = None,
        risk: float = RISK,
    ) -> None:
        self.metric, self.method, self.since, self.risk = metric, method, since, risk
        self.minimum, self.maximum = minimum, maximum
        name = metric.rpartition(".")[2]
        self.scale = _LOG if name in _COUNTS else _ANGLE if name in _SHARES else _PLAIN
        self.normal: list[Batch] = []
        self._places: list[int] = []  # of the normal batches, among all
        self._seen = 0
        self._groups: dict[int, _Alike] = {}

    def add(self, batch: Batch) -> None:
        """Take the next batch in. It is normal where it was not refused, is not of a time before, and is usual."""
        self._seen += 1
        value = batch.metrics.get(self.metric)
        if batch.refused or not _finite(value) or (self.since is not None and batch.time.date() < self.since):
            return
        usual = self.usual(batch)
        if isinstance(usual, str) or usual.holds(value):
            self.normal.append(batch)
            self._places.append(self._seen)
            self._group(batch).add(batch, self.scale.there(value))
            if len(self.normal) > WINDOW:
                self._group(self.normal[0]).drop_first()
                del self.normal[0], self._places[0]

    def _group(self, batch: Batch) -> _Alike:
        """Give the normal batches that a batch is compared with."""
        return self._groups.setdefault(batch.time.weekday() if self.method == "sameWeekday" else 0, _Alike())

    def usual(self, batch: Batch) -> Usual | str:
        """Give what is usual of the next batch, or why that cannot be told."""
        group = self._group(batch)
        alike, words = group.batches, f"of the {len(group.batches)} batches before"
        if self.method == "sameWeekday":
            words = f"of the {len(alike)} {batch.time:%A}s before"
        elif self.method == "rateOfChange" and self.normal:
            alike = self.normal[-1:]
            words = f"after the {shown(alike[0].metrics[self.metric])} of the batch before"
        if self.minimum is not None or self.maximum is not None:
            return self._by_hand(alike, words)
        if self.normal and not alike:
            return f"no normal batch before is of a {batch.time:%A}"
        found = self._change(group.values) if self.method == "rateOfChange" else self._value(group)
        if isinstance(found, int):
            return f"there are {len(self.normal)} normal batches before, and at least {found} are needed"
        one, mean = (
            max(found.spread, self._chance(rows, alike, found.expected))
            for rows in (batch.metrics.get("rowCount"), _typical_rows(alike))
        )
        reach = -_t_quantile(self.risk / 2, found.freedom) * math.sqrt(one * found.of_one + mean * found.of_mean)
        return Usual(found.expected - reach, found.expected + reach, words, self.scale)

    def _by_hand(self, alike: Sequence[Batch], words: str) -> Usual | str:
        if not alike:
            return "there is no normal batch before to compare with; one is needed"
        middle = _mean(each.metrics[self.metric] for each in alike)
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        low, high = sorted(bound * middle if middle else 0.0 for bound in (low, high))
        return Usual(low, high, words, _PLAIN)

    def _value(self, group: _Alike) -> _Prediction | int:
        """Predict a value by the mean of those like it; or give the number of batches that this needs."""
        groups = [each for each in self._groups.values() if each.values or each is group]
        freedom = len(self.normal) - len(groups)
        if freedom < _FREEDOM:
            return len(groups) + _FREEDOM
        spread = math.fsum(each.squares for each in groups) / freedom
        return _Prediction(group.mean, spread, freedom, 1.0, 1 / len(group.values))

    def _change(self, values: Sequence[float]) -> _Prediction | int:
        """Predict a value by the one before and the changes before that, as of a random walk with drift.

        A change over batches that were left out takes as many steps.
        """
        freedom = len(values) - 2
        if freedom < _FREEDOM:
            return 2 + _FREEDOM
        changes = [after - before for before, after in pairwise(values)]
        steps = [after - before for before, after in pairwise(self._places)]
        drift = math.fsum(changes) / sum(steps)
        squares = math.fsum((change - drift * step) ** 2 / step for change, step in zip(changes, steps, strict=True))
        ahead = self._seen + 1 - self._places[-1]
        expected = values[-1] + drift * ahead
        return _Prediction(expected, squares / freedom, freedom, float(ahead), ahead**2 / sum(steps))

    def _chance(self, rows: float | None, alike: Sequence[Batch], expected: float) -> float:
        """Give the variance that chance alone gives the metric of a batch of some rows, on its scale."""
        column, _, name = self.metric.rpartition(".")
        if name in _COUNTS:
            return _mean(1 / (1 + each.metrics[self.metric]) for each in alike)
        if name in _SHARES:
            return 1 / (4 * rows) if rows else 0.0
        spreads = [each.metrics.get(f"{column}.standardDeviation") for each in alike] if name == "mean" and rows else []
        of_mean = _mean(each**2 for each in spreads if _finite(each)) / rows if rows else 0.0
        return max(of_mean, (_ROUNDING * expected) ** 2)


def _typical_rows(batches: Sequence[Batch]) -> float | None:
    """Give the harmonic mean of the batches' rows: chance falls with their inverse."""
    rows = [each.metrics.get("rowCount", 0.0) for each in batches]
    return None if not rows or min(rows) <= 0 else len(rows) / math.fsum(1 / each for each in rows)


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found) if found else 0.0


@lru_cache(maxsize=1024)
def _t_quantile(p: float, freedom: int) -> float:
    return _core.t_quantile(p, freedom)
