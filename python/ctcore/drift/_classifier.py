"""Drift of all columns together: whether a model can tell the two sides apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, ColumnTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS = 40
_FEWEST = 5  # rows a side in a fold


@dataclass(frozen=True, slots=True)
class DomainClassifier:
    """How well a model tells the two sides apart, and by what."""

    auc: float
    """Of rows that the model did not see: 0.5 where the sides cannot be told apart, 1 where always."""
    p_value: float
    """The share of permutations of the sides, the observed one among them, with an AUC at least as large."""
    importance: dict[str, float]
    """What each column contributes: the gain of its splits as a share of all, the largest first."""
    likelihood: NDArray[np.float64]
    """Of each current row, the odds that it is current over those that it is of the reference, both sides counting the
    same: above 1 where current data is denser. The largest are the rows that the reference does not have."""
    folds: int
    permutations: int
    seed: int

    def most_unlike(self, rows: int = 10) -> NDArray[np.int64]:
        """Give the places of the current rows that are least like the reference, the most unlike first."""
        return np.argsort(-self.likelihood, kind="stable")[:rows]


def domain_classifier(
    reference: Any,
    current: Any,
    *,
    columns: list[str] | None = None,
    folds: int = 5,
    permutations: int = 99,
    threads: int = 1,
    seed: int = 0,
) -> DomainClassifier:
    """Train LightGBM to tell current rows from those of the reference.

    Each row is judged by a model that did not see it (cross-fitting), so an AUC above 1/2 is drift of the joint
    distribution: also of what no single column shows, such as two columns that no longer go together. The p-value is
    by permutation (Phipson and Smyth, 2010: the observed order counts as one, so that it is never 0): the sides are
    shuffled, everything is trained anew, ``folds`` fits each time.

    Parameters
    ----------
    reference, current : pyarrow.Table
        Numbers, booleans, times, strings (as categories), and lists of numbers of one length (embeddings), each of
        whose places is a feature. Missing values stay missing, which LightGBM splits on.
    columns : list of str, optional
        These columns alone; without it, all that both sides have.
    permutations : int
        The least p-value is 1 / (permutations + 1); 0 leaves the p-value out (NaN).

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from ctcore import drift
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 600))
    >>> together, apart = pa.table({"x": x, "y": x + 0.3 * y}), pa.table({"x": x, "y": 1.044 * y})
    >>> found = drift.domain_classifier(together, apart, permutations=19, folds=2)
    >>> found.auc > 0.8, found.p_value
    (True, 0.05)
    """
    sides, names, categorical = _features(reference, current, columns)
    n, m = len(sides[0]), len(sides[1])
    if min(n, m) < _FEWEST * folds:
        raise ArgumentError(f"folds: {folds} folds need {_FEWEST * folds} rows a side at least, found {n:,} and {m:,}")
    if folds < 2:
        raise ArgumentError(f"folds: cross-fitting needs 2 at least, found {folds}")
    rows = np.concatenate(sides)
    is_current = np.repeat([0.0, 1.0], [n, m])
    rng = np.random.default_rng(seed)
    fit = _CrossFit(rows, categorical, folds, threads, seed)
    scores, gains = fit(is_current, rng)
    auc = _auc(scores, is_current)
    better = sum(_auc(fit(shuffled, rng)[0], shuffled) >= auc for shuffled in _shuffles(is_current, permutations, rng))
    by_column: dict[str, float] = dict.fromkeys(names, 0.0)
    for name, gain in zip(names, gains, strict=True):
        by_column[name] += gain
    total = sum(by_column.values()) or 1.0
    importance = {name: gain / total for name, gain in sorted(by_column.items(), key=lambda each: (-each[1], each[0]))}
    odds = np.clip(scores[n:], 1e-12, 1 - 1e-12)
    likelihood = odds / (1 - odds) * n / m
    p_value = (better + 1) / (permutations + 1) if permutations else math.nan
    return DomainClassifier(auc, p_value, importance, likelihood, folds, permutations, seed)


def _shuffles(labels: Array, number: int, rng: np.random.Generator) -> Any:
    return (rng.permutation(labels) for _ in range(number))


def _auc(scores: Array, is_current: Array) -> float:
    return float(_core.mann_whitney(scores[is_current == 0], scores[is_current == 1], "asymptotic")[3])


@dataclass(frozen=True, slots=True)
class _CrossFit:
    """The model of each fold, trained on the others."""

    rows: Array
    categorical: list[int]
    folds: int
    threads: int
    seed: int

    def __call__(self, labels: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Give each row's probability from a model that did not see it, and the gain of each feature."""
        import lightgbm as lgb  # noqa: PLC0415 - heavy

        fold = np.empty(len(labels), dtype=int)
        for side in (0, 1):  # both sides in every fold
            mine = np.flatnonzero(labels == side)
            fold[rng.permutation(mine)] = np.arange(len(mine)) % self.folds
        scores, gains = np.empty(len(labels)), np.zeros(self.rows.shape[1])
        parameters = _PARAMETERS | {"num_threads": self.threads, "seed": self.seed}
        for out in range(self.folds):
            inside = fold != out
            data = lgb.Dataset(
                self.rows[inside], labels[inside], categorical_feature=self.categorical, free_raw_data=True
            )
            model = lgb.train(parameters, data, num_boost_round=_ROUNDS)
            scores[~inside] = model.predict(self.rows[~inside], num_threads=self.threads)
            gains += model.feature_importance("gain")
        return scores, gains


def _features(reference: Any, current: Any, columns: list[str] | None) -> tuple[list[Array], list[str], list[int]]:
    """Give both sides as matrices, the column of each feature, and which features are categories."""
    names = columns or [name for name in reference.column_names if name in current.column_names]
    lacking = [name for name in names if name not in reference.column_names or name not in current.column_names]
    if lacking:
        raise ArgumentError(f"columns: {lacking[0]!r} is not on both sides; the reference has {reference.column_names}")
    if not names:
        raise ArgumentError("current: no column in common")
    parts: list[list[Array]] = [[], []]
    features: list[str] = []
    categorical: list[int] = []
    for name in names:
        both, is_category = _of_column(name, reference[name], current[name])
        if is_category:
            categorical.append(len(features))
        features += [name] * both[0].shape[1]
        for part, side in zip(parts, both, strict=True):
            part.append(side)
    return [np.hstack(side) for side in parts], features, categorical


def _of_column(name: str, reference: Any, current: Any) -> tuple[list[Array], bool]:
    """Give both sides of a column as features, and whether they are codes of categories."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    sides = [reference, current]
    is_ = pa.types
    type_ = reference.type.value_type if is_.is_dictionary(reference.type) else reference.type
    if is_.is_list(type_) or is_.is_large_list(type_) or is_.is_fixed_size_list(type_):
        lengths = {length for side in sides for length in pc.unique(pc.list_value_length(side)).to_pylist()} - {None}
        if len(lengths) != 1:
            raise ColumnTypeError(f"{name}: lists must be of one length, found {sorted(lengths)}")
        return [_matrix(side, *lengths) for side in sides], False
    if is_.is_string(type_) or is_.is_large_string(type_) or is_.is_string_view(type_):
        words = [side.cast(pa.large_string()) for side in sides]
        known = pc.drop_null(pc.unique(pa.chunked_array([chunk for side in words for chunk in side.chunks])))
        return [_column(pc.index_in(side, known)) for side in words], True
    if is_.is_timestamp(type_) or is_.is_date(type_):
        sides = [side.cast(pa.timestamp("us"), safe=False).cast(pa.int64()) for side in sides]
    elif not (is_.is_integer(type_) or is_.is_floating(type_) or is_.is_boolean(type_) or is_.is_decimal(type_)):
        raise ColumnTypeError(f"{name}: {reference.type} is nothing that trees split on; leave it out of columns")
    return [_column(side) for side in sides], False


def _column(side: Any) -> Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    values: Array = np.asarray(side.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)
    return values[:, None]


def _matrix(side: Any, length: int) -> Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    found = np.full((len(side), length), np.nan)
    present = ~np.asarray(side.is_null())
    flat = side.drop_null().combine_chunks().flatten()
    found[present] = flat.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).reshape(-1, length)
    return found
