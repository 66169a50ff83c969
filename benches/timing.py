"""The median wall time of calls."""

from __future__ import annotations

import time
from statistics import median


def once(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def timed(work, repeats=5):
    """The median time of a call, the first (warm-up) not counted, and what that one gave."""
    result = work()
    return median(once(work) for _ in range(repeats)), result


def in_turns(*works, repeats):
    """The median time of each call, the first round not counted: in turns, all meet the machine in the same moods."""
    turns = [[once(work) for work in works] for _ in range(repeats + 1)]
    return [median(times) for times in zip(*turns[1:], strict=True)]
