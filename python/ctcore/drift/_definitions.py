"""Other libraries' numbers, defects included.

A number that is called PSI or Jensen-Shannon means something else in each library. These functions follow the named one
step by step, so that a threshold that was tuned on its number can move to ctcore before it is changed to a better one.
Golden files hold what the libraries themselves give (``tests/golden/make_drift.py``). Missing and infinite values are
left out first, as all of them do. None of these numbers enters a verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, ColumnTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[Any]
    Said = dict[str, Any]

SCIPY_EXACT_KS = 10_000
"""scipy counts paths while no sample has more values than this."""

_NANNYML_BINNED = 10_000
"""Rows of the reference from which NannyML bins, and the number of its bins."""
_DEEPCHECKS_RARE = 0.01
"""Deepchecks pools categories below this share of the reference, and floors PSI's shares at it."""


def same(name: str, definition: str, libraries: tuple[str, ...]) -> None:
    """Accept the libraries whose number is ctcore's."""
    if definition not in ("ctcore", *libraries):
        known = ["ctcore", *libraries, *(library for which, library in _NAMED if which == name)]
        words = ", ".join(f'"{each}"' for each in dict.fromkeys(known))
        raise ArgumentError(f"definition: {name} has {words}; found {definition!r}")


def of(name: str, definition: str, reference: Any, current: Any) -> tuple[Any, Said]:
    """Give a library's number, and what it is."""
    found = _NAMED.get((name, definition))
    if found is None:
        libraries = tuple(library for which, library in _NAMED if which == name)
        same(name, definition, libraries)
    function, said = _NAMED[name, definition]
    return function(*_both(reference, current)), {"statistic": name, "definition": definition, **said}


# ------------------------------------------------------------------------------------------ inputs


def _both(reference: Any, current: Any) -> tuple[Values, Values]:
    sides = [_present("reference", reference), _present("current", current)]
    if _is_number(sides[0]) != _is_number(sides[1]):
        raise ColumnTypeError("current: the reference and the current data must both hold numbers, or both categories")
    return sides[0], sides[1]


def _present(name: str, values: Any) -> Values:
    """Give the values that are there: not null, NaN or infinite."""
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        import pyarrow as pa  # noqa: PLC0415 - heavy, and needed for Arrow data alone

        table = pa.array(values) if hasattr(values, "__arrow_c_array__") else pa.chunked_array(values)
        array: Values = np.asarray(table.drop_null())
    else:
        array = np.asarray(values)
    if array.dtype.kind == "f":
        array = array[np.isfinite(array)]
    elif array.dtype.kind == "O":
        array = np.array([value for value in array.tolist() if value is not None and value == value])  # noqa: PLR0124
    if len(array) == 0:
        raise ArgumentError(f"{name}: there is no value to compare")
    return array


def _is_number(values: Values) -> bool:
    return values.dtype.kind in "iuf"


def _numbers(reference: Values) -> None:
    if not _is_number(reference):
        raise ColumnTypeError("reference: this definition is of numbers, found categories")


def _counts(reference: Values, current: Values) -> tuple[list[Any], Values, Values]:
    """Give the distinct values of both sides, and how often each side has them."""
    sides = [
        dict(zip(*(side.tolist() for side in np.unique(x, return_counts=True)), strict=True))
        for x in (reference, current)
    ]
    names = sorted(sides[0].keys() | sides[1].keys())
    first, second = (np.array([side.get(name, 0) for name in names]) for side in sides)
    return names, first, second


# ------------------------------------------------------------------------------------- shared parts


def _relative_entropy(p: Values, q: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)


def _js_divergence(p: Values, q: Values) -> float:
    """Divergence in nats of shares that need not sum to 1, as scipy normalises them."""
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2.0
    return float(_relative_entropy(p, m).sum() + _relative_entropy(q, m).sum()) / 2.0


def _histogram_shares(values: Values, edges: Values) -> Values:
    return np.histogram(values, bins=edges)[0] / len(values)


# ---------------------------------------------------------------------------------------- Evidently


def _evidently_shares(reference: Values, current: Values) -> tuple[Values, Values]:
    """Bins of Sturges over both samples for more than 20 distinct reference values, else one a value."""
    if _is_number(reference) and len(np.unique(reference)) > 20:
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        return _histogram_shares(reference, edges), _histogram_shares(current, edges)
    _, first, second = _counts(reference, current)
    return first / len(reference), second / len(current)


def _evidently_filled(reference: Values, current: Values) -> tuple[Values, Values]:
    """Fill empty bins with 1e-4, or a millionth of the smallest share; the shares no longer sum to 1."""
    sides = _evidently_shares(reference, current)
    for shares in sides:
        least = shares[shares != 0].min()
        shares[shares == 0] = least / 10**6 if least <= 0.0001 else 0.0001
    return sides


def _evidently_psi(reference: Values, current: Values) -> float:
    p, q = _evidently_filled(reference, current)
    return float(np.sum((p - q) * np.log(p / q)))


def _evidently_js(reference: Values, current: Values) -> float:
    return float(np.sqrt(_js_divergence(*_evidently_shares(reference, current))))


def _evidently_kl(reference: Values, current: Values) -> float:
    p, q = _evidently_filled(reference, current)
    return float(_relative_entropy(p / p.sum(), q / q.sum()).sum())


def _evidently_hellinger(reference: Values, current: Values) -> float:
    if _is_number(reference):
        edges = np.histogram_bin_edges(np.unique(np.concatenate([reference, current])), bins="sturges")
        width = (edges.max() - edges.min()) / (len(edges) - 1)
        p, q = (np.histogram(side, bins=edges, density=True)[0] for side in (reference, current))
        overlap = float(np.sum(np.sqrt(p * q) * width))
    else:
        p, q = _evidently_shares(reference, current)
        overlap = float(np.sum(np.sqrt(p * q)))
    return float(np.sqrt(1 - min(max(overlap, 0.0), 1.0)))


def _evidently_wasserstein(reference: Values, current: Values) -> float:
    _numbers(reference)
    return float(_core.wasserstein(reference, current)) / max(float(np.std(reference)), 0.001)


def goodness_of_fit(reference: Any, current: Any) -> tuple[float, float, str, Said]:
    """Give Evidently's chi-square: a test of fit that takes the reference's shares for exact."""
    reference, current = _both(reference, current)
    _, first, second = _counts(reference, current)
    expected = first * (len(current) / len(reference))
    with np.errstate(divide="ignore"):
        statistic = float(np.sum((second - expected) ** 2 / expected))
    said = {"statistic": "chi2", "definition": "evidently", "form": "goodness of fit", "df": len(first) - 1}
    return statistic, _core.chi2_sf(statistic, len(first) - 1), "asymptotic", said


def student_t(reference: Any, current: Any) -> tuple[float, float, str, Said]:
    """Give Evidently's t-test: Student's, with one variance for both sides."""
    reference, current = _both(reference, current)
    _numbers(reference)
    n, m = len(reference), len(current)
    df = n + m - 2
    pooled = ((n - 1) * np.var(reference, ddof=1) + (m - 1) * np.var(current, ddof=1)) / df
    statistic = float((np.mean(reference) - np.mean(current)) / np.sqrt(pooled * (1.0 / n + 1.0 / m)))
    said = {"statistic": "welch_t", "definition": "evidently", "variance": "equal", "df": df}
    return statistic, 2 * _core.t_sf(abs(statistic), df), "asymptotic", said


def mann_whitney_less(reference: Any, current: Any) -> tuple[float, float, str, Said]:
    """Give Evidently's Mann-Whitney: one-sided, so that a fall of the values is never drift."""
    reference, current = _both(reference, current)
    _numbers(reference)
    n, m = len(reference), len(current)
    statistic = float(_core.mann_whitney(reference, current, "asymptotic")[0])
    larger = n * m - statistic
    ties = np.unique(np.concatenate([reference, current]), return_counts=True)[1].astype(float)
    if min(n, m) <= 8 and not (ties > 1).any():
        orders = _orders(min(n, m), max(n, m))
        p_value, method = sum(orders[int(larger) :]) / sum(orders), "exact"
    else:
        spread = np.sqrt(n * m / 12 * ((n + m + 1) - np.sum(ties**3 - ties) / ((n + m) * (n + m - 1))))
        p_value, method = _core.normal_sf(float((larger - n * m / 2 - 0.5) / spread)), "asymptotic"
    said = {"statistic": "mann_whitney", "definition": "evidently", "alternative": "current values are larger"}
    return statistic, min(p_value, 1.0), method, said


def _orders(n: int, m: int) -> list[int]:
    """Count the orders of two samples by U: the coefficients of the Gaussian binomial, in whole numbers."""
    orders = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):
            orders[u] -= orders[u - m - i]
        for u in range(i, n * m + 1):
            orders[u] += orders[u - i]
    return orders


def anderson_darling_p(statistic: float) -> float:
    """Give scipy's p-value: a parabola through table 2 of Scholz and Stephens, clamped to [0.001, 0.25]."""
    critical = (
        np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
        + np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
        + np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
    )
    levels = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
    if statistic < critical.min():
        return float(levels.max())
    if statistic > critical.max():
        return float(levels.min())
    return float(np.exp(np.polyval(np.polyfit(critical, np.log(levels), 2), statistic)))


# ------------------------------------------------------------------------------------------ NannyML


def _nannyml_shares(reference: Values, current: Values) -> tuple[Values, Values]:
    """Bins of Doane on the reference; what falls outside, or is new, is a bin of its own."""
    if _is_number(reference):
        edges = np.histogram_bin_edges(reference.astype("float64"), bins="doane")
        p, q = _histogram_shares(reference, edges), _histogram_shares(current, edges)
    else:
        _, first, second = _counts(reference, current)
        known = first > 0
        p, q = first[known] / len(reference), second[known] / len(current)
    leftover = 1 - np.sum(q)
    if leftover > 0:
        p, q = np.append(p, 0), np.append(q, leftover)
    return p, q


def _nannyml_js(reference: Values, current: Values) -> float:
    return float(np.sqrt(_js_divergence(*_nannyml_shares(reference, current)) / np.log(2)))


def _nannyml_hellinger(reference: Values, current: Values) -> float:
    p, q = _nannyml_shares(reference, current)
    return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) / np.sqrt(2))


def _nannyml_l_infinity(reference: Values, current: Values) -> tuple[float, Any]:
    names, first, second = _counts(reference, current)
    changes = np.abs(first / len(reference) - second / len(current))
    return float(changes.max()), names[int(changes.argmax())]


def _nannyml_ks(reference: Values, current: Values) -> float:
    """From 10,000 reference rows on only looks at 10,000 equal steps of the reference's range."""
    _numbers(reference)
    if len(reference) < _NANNYML_BINNED:
        return float(_core.ks(reference, current, "asymptotic")[0])
    edges = np.linspace(np.min(reference), np.max(reference), _NANNYML_BINNED + 1)
    below = len(current[current < edges[0]]) / len(current)
    first = np.cumsum(_histogram_shares(reference, edges))
    second = below + np.cumsum(_histogram_shares(current, edges))
    return float(np.max(np.abs(first - second)))


def _nannyml_wasserstein(reference: Values, current: Values) -> float:
    """From 10,000 reference rows on by bins; the parts outside them are weighed by ``(count + 1) / n``."""
    _numbers(reference)
    if len(reference) < _NANNYML_BINNED:
        return float(_core.wasserstein(reference, current))
    counts, edges = np.histogram(reference, bins=_NANNYML_BINNED)
    outside, below = 0.0, 0.0
    for values, border in ((current[current < edges[0]], edges[0]), (current[current > edges[-1]], edges[-1])):
        if len(values) == 0:
            continue
        share = (len(values) + 1) / len(current)
        places, ties = np.unique(np.append(values, border), return_counts=True)
        steps = np.cumsum(ties) / (len(values) + 1)
        heights = steps if border == edges[0] else 1 - steps
        outside += float(np.sum(heights[:-1] * np.diff(places))) * share
        if border == edges[0]:
            below = share
    apart = np.cumsum(counts / len(reference)) - (np.cumsum(_histogram_shares(current, edges)) + below)
    return float(np.sum(np.abs(apart) * (edges[1] - edges[0]))) + outside


# --------------------------------------------------------------------------------------- Deepchecks


def _deepchecks_counts(reference: Values, current: Values) -> tuple[Values, Values]:
    """Pool the categories below 1% of the reference; where the pool is below 1% too, its rows are lost."""
    _, first, second = _counts(reference, current)
    rare = first < len(reference) * _DEEPCHECKS_RARE
    pools = [int(side[rare].sum()) for side in (first, second)]
    first, second = first[~rare], second[~rare]
    if pools[0] > _DEEPCHECKS_RARE * len(reference) or pools[1] > _DEEPCHECKS_RARE * len(current):
        first, second = np.append(first, pools[0]), np.append(second, pools[1])
    return first, second


def _deepchecks_psi(reference: Values, current: Values) -> float:
    """Shares floored at 0.01, and no longer summing to 1."""
    if _is_number(reference):
        raise ColumnTypeError("reference: Deepchecks has PSI for categories alone, found numbers")
    p, q = (np.maximum(side / side.sum(), _DEEPCHECKS_RARE) for side in _deepchecks_counts(reference, current))
    return float(np.sum((p - q) * np.log(p / q)))


def _deepchecks_cramers_v(reference: Values, current: Values) -> float:
    """The larger side is scaled down to the smaller and rounded; two categories get Yates' correction."""
    first, second = _deepchecks_counts(reference, current)
    if len(first) == 1:
        return 0.0
    total, other = first.sum(), second.sum()
    if total > other:
        first = first * (other / total)
    elif total < other:
        second = second * (total / other)
    first, second = np.round(first).astype(int), np.round(second).astype(int)
    filled = (first > 0) | (second > 0)
    statistic = _core.chi2(first[filled].tolist(), second[filled].tolist(), True)[0]
    n, k = int(first.sum() + second.sum()), int(filled.sum())
    excess = max(0.0, statistic / n - (k - 1) / (n - 1))
    rows, columns = 2 - 1 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    return float(np.sqrt(excess / min(columns - 1, rows - 1)))


def _deepchecks_wasserstein(reference: Values, current: Values) -> float:
    """Each side loses 2.5% at both ends; the unit is the range of what is left."""
    _numbers(reference)
    sides = []
    for side in (reference, current):
        low, high = np.quantile(side, [0.025, 0.975])
        sides.append(side[(side >= low) & (side <= high)].astype(float))
    low, high = min(side.min() for side in sides), max(side.max() for side in sides)
    if low == high:
        return 0.0
    return float(_core.wasserstein(*((side - low) / (high - low) for side in sides)))


def _deepchecks_ks(reference: Values, current: Values) -> float:
    _numbers(reference)
    return float(_core.ks(reference, current, "asymptotic")[0])


# --------------------------------------------------------------------------------------------- TFDV


def _tfdv_js(reference: Values, current: Values) -> float:
    """Ten equal steps of each side's own range, spread evenly over the steps of both."""
    if not _is_number(reference):
        _, first, second = _counts(reference, current)
        p, q = first / len(reference), second / len(current)
    else:
        sides = [np.histogram(side, bins=10) for side in (reference, current)]
        edges = np.unique(np.concatenate([side[1] for side in sides]))
        below = [np.interp(edges, side[1], np.append(0, np.cumsum(side[0])) / side[0].sum()) for side in sides]
        p, q = np.diff(below[0]), np.diff(below[1])
    return min(_js_divergence(p, q) / float(np.log(2)), 1.0)


_NAMED: dict[tuple[str, str], tuple[Callable[[Values, Values], Any], Said]] = {
    ("psi", "evidently"): (
        _evidently_psi,
        {"log": "e", "bins": "sturges of both, or values", "smoothing": "1e-4 on empty"},
    ),
    ("psi", "deepchecks"): (_deepchecks_psi, {"log": "e", "bins": "categories of 1%", "smoothing": "floor of 0.01"}),
    ("jensen_shannon", "evidently"): (
        _evidently_js,
        {"log": "e", "form": "distance", "bins": "sturges of both, or values"},
    ),
    ("jensen_shannon", "nannyml"): (
        _nannyml_js,
        {"log": "2", "form": "distance", "bins": "doane of the reference, or values"},
    ),
    ("jensen_shannon", "tfdv"): (_tfdv_js, {"log": "2", "form": "divergence", "bins": "10 of each side, or values"}),
    ("kullback_leibler", "evidently"): (
        _evidently_kl,
        {
            "log": "e",
            "direction": "reference || current",
            "bins": "sturges of both, or values",
            "smoothing": "1e-4 on empty",
        },
    ),
    ("hellinger", "evidently"): (_evidently_hellinger, {"bins": "sturges of distinct values, or values"}),
    ("hellinger", "nannyml"): (_nannyml_hellinger, {"bins": "doane of the reference, or values"}),
    ("l_infinity", "nannyml"): (_nannyml_l_infinity, {"bins": "values"}),
    ("l_infinity", "tfdv"): (_nannyml_l_infinity, {"bins": "values"}),
    ("ks", "nannyml"): (_nannyml_ks, {"bins": "10,000 steps of the reference's range from 10,000 rows"}),
    ("ks", "deepchecks"): (_deepchecks_ks, {}),
    ("wasserstein", "evidently"): (_evidently_wasserstein, {"order": 1, "scale": "std of n, at least 0.001"}),
    ("wasserstein", "nannyml"): (
        _nannyml_wasserstein,
        {"order": 1, "scale": "none", "bins": "10,000 from 10,000 rows"},
    ),
    ("wasserstein", "deepchecks"): (_deepchecks_wasserstein, {"order": 1, "scale": "range without 2.5% at each end"}),
    ("cramers_v", "deepchecks"): (_deepchecks_cramers_v, {"bias": "corrected", "bins": "categories of 1%"}),
}
