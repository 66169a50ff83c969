"""Rules on a metric's history: what is unusual needs no bound set by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_FEWEST = 5
"""Earlier batches that a running mean needs before it says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a history says of a new value."""

    good: bool | None
    """Whether the value is usual; ``None`` where the history cannot tell."""
    message: str
    lower: float | None = None
    upper: float | None = None
    insufficient: bool = False
    """Whether more history would do."""


def anomaly(
    metric: str,
    value: float,
    options: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    now: datetime | None = None,
) -> Told:
    """Judge a metric by its history.

    ``options["method"]`` is one of

    - ``rateOfChange``: the value over the last one lies in ``[min, max]``, by default 0.5 to 2;
    - ``sameWeekday``: the value over that of the last batch of the same weekday lies in ``[min, max]``: "the row count
      fell by half since last Sunday";
    - ``runningMean``: the value lies within ``deviations`` (3) standard deviations of the mean of all earlier ones. Of
      a new value of the same distribution the deviation is ``s sqrt(1 + 1/n)``. Batches that were anomalies themselves
      are left out where their history says so (``{"anomalies": ["rowCount"]}``). It needs 5 earlier batches.

    Parameters
    ----------
    metric : str
        The key in the history's metrics, such as ``"rowCount"`` or ``"fare.mean"``.
    value : float
        Its newest value.
    history : list of dict
        ``{"time": datetime, "metrics": {metric: value}}``, oldest first.
    now : datetime, optional
        When the newest value was measured; ``sameWeekday`` needs it.

    Examples
    --------
    >>> from datetime import datetime
    >>> past = [{"time": datetime(2024, 3, 3), "metrics": {"rowCount": 1000.0}}]
    >>> anomaly("rowCount", 480.0, {"method": "sameWeekday"}, past, datetime(2024, 3, 10)).message
    'rowCount is 480, 0.48 times the 1,000 of last Sunday; 0.5 to 2 times is usual'
    """
    method = options["method"]
    past = [
        each for each in history if _number(each["metrics"].get(metric)) and metric not in each.get("anomalies", ())
    ]
    if method == "runningMean":
        return _running_mean(metric, value, float(options.get("deviations", 3)), past)
    when = "before"
    if method == "sameWeekday":
        if now is None:
            return Told(good=None, message=f"{metric} could not be judged: no time to judge at was given")
        past = [each for each in past if each["time"].weekday() == now.weekday() and each["time"] < now]
        when = f"of last {now:%A}"
    if not past:
        message = (
            f"{metric} could not be judged: the history holds no earlier batch{' of the weekday' * (when != 'before')}"
        )
        return Told(good=None, message=message, insufficient=True)
    before = float(past[-1]["metrics"][metric])
    low, high = float(options.get("min", 0.5)), float(options.get("max", 2.0))
    if before == 0:
        return Told(good=value == 0, message=f"{metric} is {value:,g}, after 0 {when}", lower=0, upper=0)
    ratio = value / before
    message = f"{metric} is {value:,g}, {ratio:.2f} times the {before:,g} {when}; {low:g} to {high:g} times is usual"
    return Told(good=low <= ratio <= high, message=message, lower=low * before, upper=high * before)


def _running_mean(metric: str, value: float, deviations: float, past: Sequence[Mapping[str, Any]]) -> Told:
    if len(past) < _FEWEST:
        message = f"{metric} could not be judged: the history holds {len(past)} batches, {_FEWEST} are needed"
        return Told(good=None, message=message, insufficient=True)
    values = [float(each["metrics"][metric]) for each in past]
    n, mean = len(values), math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (n - 1)) * math.sqrt(1 + 1 / n)
    low, high = mean - deviations * spread, mean + deviations * spread
    message = f"{metric} is {value:,g}, {low:,g} to {high:,g} is usual of {n} earlier batches"
    return Told(good=low <= value <= high, message=message, lower=low, upper=high)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
