"""Days as the unit of chance.

Rows of one day are not independent: a storm, a holiday or an outage moves all of them. So what is drawn anew is whole
days, and the interval is as wide as days differ, not as rows do. ``docs/drift.md`` shows what rows would say instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.binomial import Z_90
from ctcore.drift._primary import Against
from ctcore.drift._profile import Profile, profile
from ctcore.drift._spans import days_of
from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Noise = Callable[[float, float], tuple[Array, Array]]

FEWEST = 5
"""Days a side below which their differences say too little of other days."""
RANK_CELLS = 100
"""Cells on which the noise of statistics of values is looked at; the statistic itself is exact."""

_DRAWS = 399
_SEED = 0
_Z_80 = 1.2815515655446004  # nine of ten lie on this side
_MOST_SKEWED = 1.0
_FURTHEST = 12
_HALVINGS = 20
_MOST_DAYS = 10_000


@dataclass(frozen=True, slots=True)
class Days:
    """The days of both sides, each as a profile on the reference's cells and as its rows."""

    profiles: tuple[tuple[Profile, ...], tuple[Profile, ...]]
    rows: tuple[tuple[Any, ...], tuple[Any, ...]]

    @classmethod
    def of(cls, reference: Any, current: Any, time_column: str, like: Profile) -> Days:
        """Cut both sides into days, which must not share one: what is compared is disjoint."""
        sides = [days_of(side, time_column) for side in (reference, current)]
        shared = sorted(sides[0].keys() & sides[1].keys())
        if shared:
            more = f" and {len(shared) - 1} more days are" if len(shared) > 1 else " is"
            raise ArgumentError(
                f"current: {shared[0]}{more} in the reference too; what is compared must not overlap. Cut one of them"
            )
        rows = [tuple(side.values()) for side in sides]
        profiles = [tuple(profile(day, like=like) for day in side) for side in rows]
        return cls((profiles[0], profiles[1]), (rows[0], rows[1]))

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of days of each side."""
        return len(self.rows[0]), len(self.rows[1])

    def counts(self, count: Callable[[Profile], list[int]]) -> tuple[Array, Array]:
        """Give a row of counts a day, for both sides."""
        return tuple(np.array([count(day) for day in side], dtype=float) for side in self.profiles)  # type: ignore[return-value]

    def values(self, name: str, edges: list[float]) -> tuple[Array, Array]:
        """Count the values of a column of numbers in finer cells, a row a day."""
        return tuple(
            np.array([_core.count_cells(name, day[name], edges) for day in side], dtype=float) for side in self.rows
        )  # type: ignore[return-value]

    def out_of_range(self, name: str) -> Array:
        """Count the values of each day of the reference that lie outside of the range of its other days.

        That is what a day like them would add; of their own range, which they made, nothing lies outside.
        """
        ends = [(day.columns[name]["minimum"], day.columns[name]["maximum"]) for day in self.profiles[0]]
        found = []
        for index, day in enumerate(self.rows[0]):
            others = [each for each in (*ends[:index], *ends[index + 1 :]) if each[0] is not None]
            if not others:
                found.append(self.profiles[0][index].columns[name]["finite"])
                continue
            low, high = min(each[0] for each in others), max(each[1] for each in others)
            counts = _core.count_cells(name, day[name], [float(np.nextafter(low, -np.inf)), high])
            found.append(counts[0] + counts[-1])
        return np.array(found, dtype=float)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The distribution of a statistic over drawn days: a gamma of the drawn moments, as for rows."""

    mean: float
    deviation: float
    skewness: float

    @classmethod
    def of(cls, values: Array) -> _Drawn:
        mean, deviation = float(values.mean()), float(values.std())
        third = float(((values - mean) ** 3).mean())
        return cls(mean, deviation, third / deviation**3 if deviation > 0 else 0.0)

    def quantile(self, z: float) -> float:
        g = self.skewness
        if abs(g) < 1e-6:
            return self.mean + z * self.deviation
        return self.mean + self.deviation * 2 / g * ((1 + g * z / 6 - g * g / 36) ** 3 - 1)

    @property
    def lowest(self) -> float:
        """Give what it is below at most 5% of the time; for what leans far, by Cantelli's inequality."""
        if self.skewness <= _MOST_SKEWED:
            return self.quantile(-Z_90)
        return self.mean - math.sqrt(19) * self.deviation

    def above(self, value: float) -> float:
        """Give the probability of a larger value."""
        if self.deviation == 0:
            return 1.0 if value <= self.mean else 0.0
        z, g = (value - self.mean) / self.deviation, self.skewness
        if abs(g) >= 1e-6:
            z = (float(np.cbrt(1 + g * z / 2)) - 1 + g * g / 36) * 6 / g
        return _core.normal_sf(z)


def _inflation(days: int) -> float:
    """Give what drawing few days anew leaves out: of their variance, and of what is not known of it."""
    return math.sqrt(days / (days - 1)) * _core.t_quantile(0.95, days - 1) / Z_90


def _drawn(days: Array, rng: np.random.Generator) -> Array:
    """Give the totals of days that are drawn with replacement: a row a draw."""
    weights = rng.multinomial(len(days), np.full(len(days), 1 / len(days)), size=_DRAWS)
    totals: Array = weights @ days
    return totals


# ------------------------------------------------------------------------------------- counted cells


def _psi(p: Array, q: Array) -> Array:
    total: Array = np.sum((q - p) * np.log(q / p), axis=-1)
    return total


def _jensen_shannon(p: Array, q: Array) -> Array:
    middle = (p + q) / 2
    total: Array = np.sum(p * np.log2(p / middle) + q * np.log2(q / middle), axis=-1) / 2
    return np.maximum(total, 0)


def _hellinger(p: Array, q: Array) -> Array:
    total: Array = np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1) / 2
    return total


def _total_variation(p: Array, q: Array) -> Array:
    total: Array = np.sum(np.abs(p - q), axis=-1) / 2
    return total


def _phi_squared(p: Array, q: Array) -> Array:
    total: Array = np.sum((p - q) ** 2 / (p + q), axis=-1) / 2
    return total


_CELLS: dict[str, tuple[Callable[[Array, Array], Array], bool]] = {
    "psi": (_psi, False),
    "jensen_shannon": (_jensen_shannon, True),
    "hellinger": (_hellinger, True),
    "total_variation": (_total_variation, False),
    "cramers_v": (_phi_squared, True),
}
"""What is drawn, and whether the statistic is its root."""


def cells_against(statistic: str, days: tuple[Array, Array], tolerance: float, shown: float) -> Against:
    """Hold a statistic of counted cells against a tolerance, with whole days drawn anew.

    As for rows, the hypothesis "the value is v" is a point on the log-linear path from the pooled shares through the
    observed ones; there, the noise is that of drawn days: what each draw moves the logarithms of the shares by.
    ``shown`` is the statistic of all rows.
    """
    of, root = _CELLS[statistic]
    there = tolerance**2 if root else tolerance
    path = _Path(of, days)
    at = path.border(lambda value, _: value < there)
    drawn = path.drawn(at)
    lower = path.border(lambda _, drawn: path.estimate > drawn.quantile(Z_90))
    upper = path.border(lambda _, drawn: path.estimate > drawn.lowest)
    critical = drawn.quantile(Z_90)
    found = path.border(lambda value, drawn: value < there or drawn.quantile(-_Z_80) < critical)

    def passes(number: int) -> bool:
        still, moved = path.drawn(0.0, days=number), path.drawn(at, days=number)
        return still.quantile(_Z_80) < moved.lowest

    def scaled(along: float) -> float:
        value = path.value(along) if along else 0.0
        return math.sqrt(max(value, 0.0)) if root else value

    return Against(
        statistic=shown,
        lower=scaled(lower),
        upper=scaled(upper),
        p_above=drawn.above(path.estimate),
        units_to_pass=_fewest(passes),
        smallest_found=scaled(found),
    )


class _Path:
    """The hypotheses: log-linear from the pooled shares through the observed ones and beyond."""

    def __init__(self, of: Callable[[Array, Array], Array], days: tuple[Array, Array]) -> None:
        rng = np.random.default_rng(_SEED)
        sizes = [side.sum() for side in days]
        observed = [_log_shares(side.sum(axis=0)) for side in days]
        shares = sum(size * np.exp(logs) for size, logs in zip(sizes, observed, strict=True)) / sum(sizes)
        self.of, self.sizes, self.pooled = of, sizes, np.log(shares)
        self.away = [logs - self.pooled for logs in observed]
        if max(float(np.abs(away).max()) for away in self.away) < 1e-9:
            # Nothing moved, so no direction was observed: a shift along the cells stands for all.
            slope = np.linspace(-1, 1, len(self.pooled))
            self.away = [-slope, slope]
        self.days = [len(side) for side in days]
        self.noise = [
            (_log_shares(_drawn(side, rng)) - logs) * _inflation(len(side))
            for side, logs in zip(days, observed, strict=True)
        ]
        self.estimate = float(of(*(np.exp(logs) for logs in observed)))

    def value(self, along: float) -> float:
        sides = (self.pooled + along * away for away in self.away)
        return float(self.of(*(_normalised(logs, size) for logs, size in zip(sides, self.sizes, strict=True))))

    def drawn(self, along: float, *, days: int | None = None) -> _Drawn:
        """Give the distribution of the estimate at a point of the path, for some number of days a side."""
        factors = [1.0 if days is None else math.sqrt(have / days) for have in self.days]
        sides = [
            _normalised(self.pooled + along * away + factor * noise, size)
            for away, factor, noise, size in zip(self.away, factors, self.noise, self.sizes, strict=True)
        ]
        return _Drawn.of(self.of(*sides))

    def border(self, beyond: Callable[[float, _Drawn], bool]) -> float:
        """Give where on the path ``beyond`` turns false, at most the furthest point."""

        def is_beyond(along: float) -> bool:
            return beyond(self.value(along) if along else 0.0, self.drawn(along))

        if not is_beyond(0.0):
            return 0.0
        low, high = 0.0, 1.0
        for _ in range(_FURTHEST):
            if not is_beyond(high):
                break
            low, high = high, high * 2
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if is_beyond(middle) else (low, middle)
        return (low + high) / 2


def _log_shares(counts: Array) -> Array:
    smoothed = counts + 0.5
    logs: Array = np.log(smoothed / smoothed.sum(axis=-1, keepdims=True))
    return logs


def _normalised(logs: Array, size: float) -> Array:
    """Give shares, none of them below two rows."""
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    shares: Array = np.maximum(weights / weights.sum(axis=-1, keepdims=True), 2 / size)
    return shares


def _fewest(passes: Callable[[int], bool]) -> float:
    """Give the fewest days a side that pass, infinite where no number of days that anybody has does."""
    if not passes(_MOST_DAYS):
        return math.inf
    low, high = FEWEST - 1, _MOST_DAYS
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


# --------------------------------------------------------------------------------- values themselves


def ranks_against(
    statistic: str, days: tuple[Array, Array], borders: Array, shown: float, scale: float, tolerance: float
) -> Against:
    """Hold a statistic of values against a tolerance, with whole days drawn anew.

    ``days`` are counts between the ``borders``, the outer ones included, a row a day; ``shown`` is the exact statistic
    of all rows. The bounds are those for rows (``ks``, ``wasserstein``: triangle inequalities; ``auc``: a normal), with
    the noise of drawn days.
    """
    rng = np.random.default_rng(_SEED)
    first, second = (
        (_distribution(_drawn(side, rng)) - _distribution(side.sum(axis=0))) * _inflation(len(side)) for side in days
    )
    noise = first - second
    if statistic == "auc":
        pooled = np.diff(_distribution(days[0].sum(axis=0) + days[1].sum(axis=0)), prepend=0, append=1)
        # The AUC is linear in each side: what its distribution function gains, weighted by the other's mass.
        steps = (pooled[:-1] + pooled[1:]) / 2
        everywhere = np.abs(noise @ steps)
        at_a_place = float((noise @ steps).std())
        spread = _Drawn(0.0, at_a_place, 0.0)
    elif statistic == "ks":
        everywhere = np.abs(noise).max(axis=1)
        at_a_place = float(noise.std(axis=0).max())
        spread = _Drawn.of(everywhere)
    else:
        widths = (borders[2:] - borders[:-2]) / 2
        everywhere = (np.abs(noise) * widths).sum(axis=1) / scale
        at_a_place = float((noise.std(axis=0) * widths).sum()) / scale
        spread = _Drawn.of(everywhere)
    fewest, reach = min(len(side) for side in days), spread.quantile(Z_90)
    still = _Drawn.of(everywhere).quantile(_Z_80) + Z_90 * at_a_place
    return Against(
        statistic=shown,
        lower=max(shown - reach, 0.0),
        upper=shown + Z_90 * at_a_place,
        p_above=spread.above(shown - tolerance),
        units_to_pass=math.ceil(fewest * (still / tolerance) ** 2),
        smallest_found=tolerance + reach + _Z_80 * at_a_place,
    )


def _distribution(counts: Array) -> Array:
    """Give the distribution function at the borders between cells."""
    shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    function: Array = np.cumsum(shares, axis=-1)[..., :-1]
    return function


# -------------------------------------------------------------------------------------------- shares


def change_of_share(hits: tuple[Array, Array], rows: tuple[Array, Array]) -> tuple[float, float]:
    """Give the two-sided 90% interval of the change of a share, as days differ: the ratio estimator and Student's t."""
    centre, reach = 0.0, 0.0
    for sign, hit, row in zip((-1, 1), hits, rows, strict=True):
        share, days = hit.sum() / row.sum(), len(row)
        variance = days / (days - 1) * float(((hit - share * row) ** 2).sum()) / row.sum() ** 2
        centre += sign * share
        reach = math.hypot(reach, _core.t_quantile(0.95, days - 1) * math.sqrt(variance))
    return centre - reach, centre + reach
