"""Spans of time, in whole days of the project's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def instant(text: str, zone: ZoneInfo) -> datetime:
    """Read an instant: a date, which is its midnight in the zone, or a date and time.

    >>> from zoneinfo import ZoneInfo
    >>> instant("2013-06-02", ZoneInfo("America/New_York")).isoformat()
    '2013-06-02T00:00:00-04:00'
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), time(), zone)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentError(
            f'an instant is a date such as "2013-06-02", or a date and time such as "2013-06-02T06:00"; found {text!r}'
        ) from None
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Spans:
    """The half-open spans of one run: rows of [start, end)."""

    read_from: datetime
    """What the features need before the window begins."""
    window: tuple[datetime, datetime]
    """What the candidate learns from."""
    holdout: tuple[datetime, datetime] | None
    """What it is judged on; ``None`` where the holdout is a file of its own."""
    as_of: datetime
    """The present of the run: nothing at or after it is known."""


def spans(
    as_of: datetime,
    *,
    window: timedelta,
    holdout: timedelta | None,
    lookback: timedelta,
    label_maturity: timedelta = timedelta(),
) -> Spans:
    """Lay the holdout before the last mature day, the window before the holdout, and the lookback before the window.

    Days are counted on the wall clock: a day on which the clocks change is still one day. Rows between the last mature
    day and ``as_of`` are read, for features that look back; nothing is learned from them or judged on them.

    >>> from datetime import datetime, timedelta
    >>> days = {"window": timedelta(20), "holdout": timedelta(7), "lookback": timedelta()}
    >>> found = spans(datetime(2024, 2, 5), label_maturity=timedelta(2), **days)
    >>> [f"{moment:%m-%d}" for moment in (*found.window, *found.holdout)]
    ['01-07', '01-27', '01-27', '02-03']
    """
    mature = _back(as_of, label_maturity)
    end = _back(mature, holdout) if holdout else mature
    start = _back(end, window)
    return Spans(_back(start, lookback), (start, end), (end, mature) if holdout else None, as_of)


def _back(moment: datetime, by: timedelta) -> datetime:
    return (moment.replace(tzinfo=None) - by).replace(tzinfo=moment.tzinfo)
