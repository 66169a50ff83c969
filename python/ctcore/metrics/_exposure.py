"""Beyond accuracy: what was shown, over the whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError
from ctcore.metrics._arrays import distinct


@dataclass(frozen=True, slots=True)
class Exposure:
    """How showings spread over a catalogue."""

    coverage: float
    """The share of the catalogue that was shown at all."""
    gini: float
    """0 where every item was shown equally often, near 1 where one took everything; unseen items count."""
    entropy: float
    """Shannon entropy of the items' shares, in nats; the logarithm of the catalogue's size where they are equal."""
    popularity_lift: float | None
    """How much more popular what was shown is than what people chose; ``None`` without a history."""


def exposure(shown: Any, *, catalogue: Any, history: Any = None) -> Exposure:
    r"""Measure how a log of showings spreads over a catalogue.

    Parameters
    ----------
    shown : array of shape (showings,)
        The id of each item that was shown, once for each time.
    catalogue : array of shape (items,)
        The ids of all items that could have been shown. An item outside it is an error.
    history : array of shape (choices,), optional
        The id of each item that people chose. With :math:`p_i` an item's share in it and :math:`s_i` its share of the
        showings, the popularity lift is :math:`\sum_i s_i p_i / \sum_i p_i^2 - 1`: 0 where showings follow the
        choices, above where they favour the popular (Abdollahpouri et al., 2019).

    Examples
    --------
    >>> from ctcore import metrics
    >>> found = metrics.exposure(["a", "a", "b", "b"], catalogue=["a", "b", "c", "d"], history=["a", "a", "a", "b"])
    >>> found.coverage, found.gini, round(found.popularity_lift, 6)
    (0.5, 0.5, -0.2)
    """
    items = distinct("catalogue", catalogue)[0]
    counts = _counts("shown", shown, items)
    coverage, gini, entropy = _core.exposure(counts)
    lift = None if history is None else _core.popularity_lift(counts, _counts("history", history, items))
    return Exposure(coverage, gini, entropy, lift)


def _counts(name: str, ids: Any, items: Any) -> list[int]:
    """Count each item of the catalogue."""
    found, times = distinct(name, ids)
    place = np.searchsorted(items, found)
    known = place < len(items)
    known[known] = items[place[known]] == found[known]
    if not known.all():
        raise ArgumentError(f"{name}: {found[~known][0]!r} is not in the catalogue of {len(items):,} items")
    counts: list[int] = np.bincount(place, weights=times, minlength=len(items)).astype(np.int64).tolist()
    return counts
