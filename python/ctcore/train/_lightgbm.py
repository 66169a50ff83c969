"""LightGBM, in the child: it fits, and it loads nothing that has not been proven.

LightGBM's reader of model files trusts them; an altered file can end the process, or predict something else. So a
model lies beside its canary: rows that feel every split and leaf, and what the model made of them on the day it was
trained. Before a model is used its text is parsed strictly, and it has to give those predictions again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from ctcore import _core
from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TEXT, CANARY = "model.txt", "canary.arrow"
_OBJECTIVES = {"ranking": "lambdarank", "regression": "regression", "classification": "binary"}
_CANARY_ROWS = 65_536
_TOLERANCE = 1e-12
"""Relative. The same file gives the same bits on one machine; another one's exp() may differ in the last."""


class RefusedError(Exception):
    """A model is not what was trained; ``stage`` tells what saw it."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage


def fit(table: pa.Table, columns: dict[str, Any], parameters: dict[str, Any], folder: Path) -> None:
    """Train a model and leave its text and its canary in a folder."""
    settings: dict[str, Any] = {"objective": _OBJECTIVES[columns["task"]], "num_threads": 1, "seed": 0}
    settings |= {"deterministic": True, "force_row_wise": True, "verbosity": -1} | parameters
    rounds = int(settings.pop("num_iterations", 100))
    data = lgb.Dataset(
        _matrix(table, columns),
        label=table[columns["label"]].cast(pa.float64()).to_numpy(),
        group=_run_lengths(table[columns["query"]]) if columns["query"] else None,
        feature_name=list(columns["features"]),
        categorical_feature=list(columns["categorical"]),
        free_raw_data=True,
    )
    # The file names its parameters, and with them the model's digest.
    lgb.train(settings, data, num_boost_round=rounds).save_model(str(folder / TEXT))
    write_canary(folder)
    print(f"{rounds} rounds on {table.num_rows} rows")  # noqa: T201 - this is the log


def predict(folder: Path, table: pa.Table, columns: dict[str, Any]) -> Any:
    """Load a model that proves itself, and predict."""
    return load(folder).predict(_matrix(table, columns), num_threads=1)


def write_canary(folder: Path) -> None:
    """Record what a model that was just trained predicts."""
    text = (folder / TEXT).read_bytes()
    features = len(_core.lightgbm_model(text)[0])
    rows = _core.lightgbm_probes(text, _CANARY_ROWS).reshape(-1, features)
    found = _predictions(lgb.Booster(model_str=text.decode()), rows)
    names = [f"x{i}" for i in range(features)] + [f"y{i}" for i in range(found.shape[1])]
    table = pa.table([_column(values) for values in (*rows.T, *found.T)], names=names)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(folder / CANARY), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def load(folder: Path) -> lgb.Booster:
    """Load a model whose text is sound and whose predictions are those of its training.

    Raises :class:`RefusedError`. A text that LightGBM cannot bear although it is sound ends the process: this runs in
    a child.
    """
    text = (folder / TEXT).read_bytes()
    try:
        features, outputs = _core.lightgbm_model(text)
    except ArgumentError as error:
        raise RefusedError("text", str(error)) from error
    try:
        booster = lgb.Booster(model_str=text.decode())
    except (lgb.basic.LightGBMError, ValueError, TypeError) as error:
        raise RefusedError("load", str(error)) from error
    try:
        with pa.OSFile(str(folder / CANARY), "rb") as source:
            canary = pa.ipc.open_file(source).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise RefusedError("canary", f"the canary cannot be read: {error}") from error
    names = [f"x{i}" for i in range(len(features))] + [f"y{i}" for i in range(outputs)]
    if canary.schema != pa.schema([(name, pa.float64()) for name in names]) or not canary.num_rows:
        raise RefusedError("canary", "the canary is not of this model: its columns are others")
    values = np.column_stack([column.to_numpy() for column in canary.columns])
    rows, expected = values[:, : len(features)], values[:, len(features) :]
    found = _predictions(booster, rows)
    if not np.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
        worst = np.nanmax(np.abs(found - expected))
        raise RefusedError("canary", f"its predictions are off by up to {worst:g} from those at its training")
    return booster


def _predictions(booster: lgb.Booster, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict rows in one thread: a column for each output."""
    found = np.asarray(booster.predict(np.ascontiguousarray(rows), num_threads=1), dtype=np.float64)
    return found.reshape(len(rows), -1)


def _column(values: NDArray[np.float64]) -> pa.Array:
    """Give numbers to Arrow as they lie: ``pa.array`` would import pandas to ask whether they are a series."""
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _matrix(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    """Give the features as LightGBM reads them: numbers, where null is missing."""
    chosen = table.select(columns["features"])
    types = [each.type for each in chosen.schema]
    readable = [kind if pa.types.is_integer(kind) or pa.types.is_floating(kind) else pa.float64() for kind in types]
    return chosen.cast(pa.schema(list(zip(chosen.column_names, readable, strict=True)))).combine_chunks()


def _run_lengths(query: pa.ChunkedArray) -> NDArray[np.int64]:
    codes = query.combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return np.diff(np.append(starts, len(codes)))
