"""The compiled core. What the numbers mean is said in the Python face and in the Rust documentation."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Joint",
    "Keys",
    "Labelled",
    "__version__",
    "anderson_darling",
    "auc",
    "auc_bootstrap",
    "auc_delong",
    "beta_quantile",
    "broken_rows",
    "calibration_error",
    "cells_against",
    "cells_between",
    "check_pattern",
    "check_profile",
    "chi2",
    "chi2_sf",
    "conflicting_rows",
    "confusion",
    "count_cells",
    "cramer_von_mises",
    "cramers_v",
    "energy",
    "exposure",
    "fisher_exact",
    "g_test",
    "group_ids",
    "hellinger",
    "jensen_shannon",
    "kendall",
    "key_facts",
    "keys",
    "known_rows",
    "ks",
    "kuiper",
    "kullback_leibler",
    "l_infinity",
    "levene",
    "lightgbm_model",
    "lightgbm_probes",
    "losses",
    "mann_whitney",
    "mean",
    "mean_loss",
    "merge_facts",
    "merge_keys",
    "merge_outcomes",
    "merge_profiles",
    "needed_columns",
    "normal_sf",
    "off_policy",
    "paired",
    "popularity_lift",
    "predictiveness",
    "profile_column",
    "profile_column_like",
    "profile_stream",
    "profiles_against",
    "psi",
    "quantile",
    "r2",
    "rank_bounds",
    "rank_statistics",
    "ranking",
    "ranks_against",
    "repeated_rows",
    "row_hashes",
    "scale",
    "scan",
    "set_threads",
    "t_quantile",
    "t_sf",
    "total_variation",
    "wasserstein",
    "welch_t",
]

__version__: str

class _Interval(TypedDict):
    gain: float
    lower: float
    upper: float
    p_value: float
    p_not_better: float
    p_not_worse: float
    resamples: int
    exact: bool

def lightgbm_model(text: bytes) -> tuple[list[str], int]: ...
def lightgbm_probes(text: bytes, limit: int) -> NDArray[np.float64]: ...

class _Paired(_Interval):
    units: int
    effective: float
    clusters: int
    design_effect: float

class _RankStatistics(TypedDict):
    ks: tuple[float, float, str, float, int]
    kuiper: tuple[float, float, str]
    cramer_von_mises: tuple[float, float, str]
    anderson_darling: tuple[float, float, str] | None
    wasserstein: float
    energy: float
    mann_whitney: tuple[float, float, str, float]

def set_threads(threads: int | None) -> None: ...
def group_ids(query: Any) -> tuple[NDArray[np.int64], NDArray[np.uint32] | None]: ...
def ranking(
    relevance: Any,
    models: Sequence[Any],
    group: Any,
    order: Any = None,
    *,
    metrics: Sequence[tuple[str, int | None]],
    definition: Any,
    values: Sequence[NDArray[np.float64]],
    weight: Any = None,
    item_weight: Any = None,
    bounds: bool = True,
) -> tuple[list[dict[str, Any]], bool]: ...
def kendall(first: Any, second: Any, group: Any, order: Any = None) -> NDArray[np.float64]: ...
def losses(target: Any, prediction: Any, loss: str, level: float = 0.5) -> NDArray[np.float64]: ...
def mean_loss(target: Any, prediction: Any, loss: str, level: float = 0.5, weight: Any = None) -> float: ...
def r2(target: Any, prediction: Any, weight: Any = None) -> float: ...
def auc(target: Any, score: Any, curve: str, weight: Any = None) -> tuple[float, bool]: ...
def calibration_error(target: Any, probability: Any, bins: int, weight: Any = None) -> float: ...
def confusion(target: Any, score: Any, threshold: float, weight: Any = None) -> tuple[float, float, float, float]: ...
def exposure(counts: Sequence[int]) -> tuple[float, float, float]: ...
def popularity_lift(shown: Sequence[int], history: Sequence[int]) -> float: ...
def off_policy(reward: Any, propensity: Any, target: Any, clip: float) -> tuple[float, float, float, float, int]: ...
def mean(values: Any, weight: Any = None) -> float: ...
def paired(
    advantage: Any,
    against: Any,
    cluster: Any,
    *,
    weight: Any = None,
    method: str,
    margin: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> _Paired: ...
def auc_delong(
    label: Any, candidate: Any, production: Any, *, margin: float, confidence: float
) -> tuple[float, float, _Interval, NDArray[np.float64]]: ...
def auc_bootstrap(
    label: Any,
    candidate: Any,
    production: Any,
    cluster: Any,
    *,
    margin: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> _Interval: ...
def psi(reference: Sequence[int], current: Sequence[int], smoothing: str) -> tuple[float, float, float]: ...
def jensen_shannon(reference: Sequence[int], current: Sequence[int]) -> tuple[float, float, float]: ...
def cells_against(
    statistic: str, reference: Sequence[int], current: Sequence[int], tolerance: float
) -> tuple[float, float, float, float, float, float]: ...
def cells_between(
    statistic: str,
    reference: Sequence[int],
    least: Sequence[int],
    most: Sequence[int],
    current: Sequence[int],
    tolerance: float,
) -> tuple[tuple[float, float, float, float, float, float], tuple[float, float]]: ...
def ranks_against(
    statistic: str, reference: Any, current: Any, tolerance: float
) -> tuple[float, float, float, float, float, float]: ...
def kullback_leibler(reference: Sequence[int], current: Sequence[int], smoothing: str) -> float: ...
def hellinger(reference: Sequence[int], current: Sequence[int]) -> float: ...
def total_variation(reference: Sequence[int], current: Sequence[int]) -> float: ...
def l_infinity(reference: Sequence[int], current: Sequence[int]) -> tuple[float, int]: ...
def ks(reference: Any, current: Any, method: str) -> tuple[float, float, str, float, int]: ...
def kuiper(reference: Any, current: Any) -> tuple[float, float, str]: ...
def cramer_von_mises(reference: Any, current: Any, method: str) -> tuple[float, float, str]: ...
def anderson_darling(reference: Any, current: Any) -> tuple[float, float, str]: ...
def wasserstein(reference: Any, current: Any) -> float: ...
def energy(reference: Any, current: Any) -> float: ...
def mann_whitney(reference: Any, current: Any, method: str) -> tuple[float, float, str, float]: ...
def rank_statistics(reference: Any, current: Any, method: str) -> _RankStatistics: ...
def welch_t(reference: Any, current: Any) -> tuple[float, float, float]: ...
def levene(reference: Any, current: Any) -> tuple[float, float]: ...
def chi2(reference: Sequence[int], current: Sequence[int], correction: bool) -> tuple[float, int, float]: ...
def g_test(reference: Sequence[int], current: Sequence[int], correction: bool) -> tuple[float, int, float]: ...
def cramers_v(reference: Sequence[int], current: Sequence[int]) -> float: ...
def fisher_exact(reference: Sequence[int], current: Sequence[int]) -> tuple[float, float]: ...
def chi2_sf(x: float, df: float) -> float: ...
def beta_quantile(p: float, a: float, b: float) -> float: ...
def t_quantile(p: float, df: float) -> float: ...
def t_sf(t: float, df: float) -> float: ...
def normal_sf(x: float) -> float: ...
def profile_column(name: str, column: Any, *, cells: int, limit: int) -> dict[str, Any]: ...
def profile_column_like(name: str, column: Any, like: dict[str, Any]) -> dict[str, Any]: ...
def count_cells(name: str, column: Any, edges: Sequence[float]) -> list[int]: ...
def profile_stream(
    data: Any,
    *,
    columns: Sequence[str] | None,
    like: Mapping[str, dict[str, Any]] | None,
    cells: int,
    categories: int,
) -> tuple[dict[str, dict[str, Any]], dict[str, str | None], int]: ...
def check_profile(column: dict[str, Any]) -> None: ...
def quantile(column: dict[str, Any], share: float) -> tuple[float, float] | None: ...
def rank_bounds(statistic: str, reference: dict[str, Any], current: dict[str, Any]) -> tuple[float, float]: ...
def profiles_against(
    statistic: str, reference: dict[str, Any], current: dict[str, Any], tolerance: float
) -> tuple[tuple[float, float, float, float, float, float], tuple[float, float]]: ...
def merge_profiles(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]: ...

class _Predictiveness(TypedDict):
    auc: float
    standard_error: float
    null_error: float
    spearman: float
    eta_squared: float
    missing_auc: float
    rows: int
    missing: int

class _PredictivenessBySpan(TypedDict):
    whole: _Predictiveness
    spans: list[_Predictiveness]
    transferred: list[float]

@final
class Labelled:
    def __new__(cls, label: Any, day: Any) -> Labelled: ...
    def count(self, name: str, column: Any) -> Joint: ...

@final
class Joint:
    @staticmethod
    def merge(name: str, parts: Sequence[Any]) -> Joint: ...
    def to_batch(self) -> Any: ...
    @staticmethod
    def of_batch(batch: Any) -> Joint: ...

def predictiveness(counts: Joint, last_day: int, days: int, spans: int) -> _PredictivenessBySpan: ...
def scale(
    counts: Joint, last_day: int, days: int, spans: int, few: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None: ...
def row_hashes(columns: Sequence[tuple[str, Any]], near: bool) -> bytes: ...
def repeated_rows(hashes: bytes) -> NDArray[np.bool_]: ...
def known_rows(hashes: bytes, others: bytes) -> NDArray[np.bool_]: ...
def conflicting_rows(hashes: bytes, label: Any) -> NDArray[np.bool_]: ...

@final
class Keys:
    def __len__(self) -> int: ...

def keys(data: Any, columns: Sequence[str]) -> Keys: ...
def scan(
    data: Any,
    columns: Mapping[str, tuple[bool, bool]],
    rules: Sequence[Mapping[str, Any]],
    *,
    schema: Any = None,
    statistics: Any = None,
    spill: str | None = None,
    keep: bool = False,
) -> dict[str, Any]: ...
def merge_facts(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]: ...
def merge_outcomes(earlier: Mapping[str, Any], later: Mapping[str, Any], before: int) -> dict[str, Any]: ...
def merge_keys(tables: Sequence[Any], before: Sequence[int]) -> Any: ...
def key_facts(keys: Any, nulls: int) -> dict[str, Any]: ...
def needed_columns(
    schema: Any,
    columns: Mapping[str, tuple[bool, bool]],
    rules: Sequence[Mapping[str, Any]],
    statistics: Any = None,
) -> list[list[str]]: ...
def broken_rows(
    batch: Any, rules: Sequence[Mapping[str, Any]], repeated: Sequence[Keys | None]
) -> list[NDArray[np.bool_]]: ...
def check_pattern(pattern: str) -> None: ...
