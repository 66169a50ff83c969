"""The notation of durations and of time zones."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ctcore.errors import ArgumentError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """Read a duration: a whole number and a unit.

    >>> duration("90d"), duration("10m")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=600))
    """
    match = re.fullmatch(r"(\d+)\s*([smhdw])", text.strip())
    if not match:
        raise ArgumentError(f'a duration is a whole number and a unit of s, m, h, d, w, such as "90d"; found {text!r}')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def time_zone(name: str, *, setting: str = "zone") -> ZoneInfo:
    """Read the name of a time zone, which ``setting`` holds.

    >>> time_zone("America/New_York").key
    'America/New_York'
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ArgumentError(f"{setting}: there is no zone {name!r}") from None
