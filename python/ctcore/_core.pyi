"""The compiled core. What the numbers mean is said in the Python face and in the Rust documentation."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "__version__",
    "auc",
    "calibration_error",
    "confusion",
    "exposure",
    "group_ids",
    "jensen_shannon",
    "ks",
    "lightgbm_model",
    "lightgbm_probes",
    "losses",
    "mean",
    "merge_profiles",
    "off_policy",
    "popularity_lift",
    "profile_column",
    "profile_column_like",
    "psi",
    "ranking",
    "scan",
    "set_threads",
    "sign_flip",
]

__version__: str

class _Interval(TypedDict):
    gain: float
    lower: float
    upper: float
    p_value: float
    units: int
    clusters: int
    subsets: int
    exact: bool

def lightgbm_model(text: bytes) -> tuple[list[str], int, int]: ...
def lightgbm_probes(text: bytes, limit: int) -> NDArray[np.float64]: ...
def set_threads(threads: int | None) -> None: ...
def group_ids(query: Any) -> tuple[NDArray[np.int64], NDArray[np.uintp] | None]: ...
def ranking(
    relevance: Any,
    score: Any,
    group: Any,
    *,
    metrics: Sequence[tuple[str, int | None]],
    definition: Any,
    weight: Any = None,
) -> dict[str, Any]: ...
def losses(target: Any, prediction: Any, loss: str, quantile: float = 0.5) -> NDArray[np.float64]: ...
def auc(target: Any, score: Any, curve: str, weight: Any = None) -> float: ...
def calibration_error(target: Any, probability: Any, bins: int, weight: Any = None) -> float: ...
def confusion(target: Any, score: Any, threshold: float, weight: Any = None) -> tuple[float, float, float, float]: ...
def exposure(counts: Sequence[int]) -> tuple[float, float, float]: ...
def popularity_lift(shown: Sequence[int], history: Sequence[int]) -> float: ...
def off_policy(reward: Any, propensity: Any, target: Any, clip: float) -> tuple[float, float, float, float, int]: ...
def mean(values: Any, weight: Any = None) -> float: ...
def sign_flip(
    advantage: Any, against: Any, cluster: Any, *, margin: float, confidence: float, seed: int
) -> _Interval: ...
def psi(reference: Sequence[int], current: Sequence[int], smoothing: str) -> tuple[float, float, float]: ...
def jensen_shannon(reference: Sequence[int], current: Sequence[int]) -> tuple[float, float, float]: ...
def ks(reference: Any, current: Any, method: str) -> tuple[float, float, int, float, str]: ...
def profile_column(name: str, column: Any, *, cells: int, limit: int) -> dict[str, Any]: ...
def profile_column_like(name: str, column: Any, like: dict[str, Any]) -> dict[str, Any]: ...
def merge_profiles(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]: ...
def scan(data: Any, bounds: Mapping[str, tuple[float | None, float | None]]) -> dict[str, dict[str, Any]]: ...
