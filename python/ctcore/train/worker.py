"""The child: ``python -m ctcore.train.worker REQUEST.json``. It reads files, leaves files and talks to its log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ctcore.project import load_function

_OBJECTIVES = {"ranking": "lambdarank", "regression": "regression", "classification": "binary"}


def main(path: str) -> None:
    """Do what the request says: one training, or predictions."""
    request = json.loads(Path(path).read_text())
    if "train" in request:
        train(request["train"])
    for each in request.get("predict", []):
        predict(each)


def train(request: dict[str, Any]) -> None:
    """Train one model."""
    table, columns, model = _rows(request), request["columns"], Path(request["model"])
    if request["trainer"] == "callable":
        load_function(request["callable"], Path(request["project"]))(table, columns, model, request["parameters"])
        return
    import lightgbm as lgb  # noqa: PLC0415 - heavy, and not every trainer needs it

    parameters: dict[str, Any] = {
        "objective": _OBJECTIVES[columns["task"]],
        "num_threads": 1,
        "seed": 0,
        "deterministic": True,
    }
    parameters |= {"force_row_wise": True, "verbosity": -1} | request["parameters"]
    rounds = int(parameters.pop("num_iterations", 100))
    data = lgb.Dataset(
        _matrix(table, columns),
        label=table[columns["label"]].cast(pa.float64()).to_numpy(),
        group=_run_lengths(table[columns["query"]]) if columns["query"] else None,
        feature_name=list(columns["features"]),
        categorical_feature=list(columns["categorical"]),
        free_raw_data=True,
    )
    booster = lgb.train(parameters, data, num_boost_round=rounds)
    # The file names its parameters, and with them the model's digest.
    booster.save_model(str(model / "model.txt"))
    print(f"{rounds} rounds on {table.num_rows} rows")  # noqa: T201 - this is the log


def predict(request: dict[str, Any]) -> None:
    """Predict with one model."""
    table, columns, model = _rows(request), request["columns"], Path(request["model"])
    if request["trainer"] == "callable":
        scores = load_function(request["callable"], Path(request["project"]))(table, columns, model)
    else:
        import lightgbm as lgb  # noqa: PLC0415 - heavy

        booster = lgb.Booster(model_file=str(model / "model.txt"))
        scores = booster.predict(_matrix(table, columns), num_threads=1)
    np.savetxt(request["scores"], np.asarray(scores, dtype=np.float64), fmt="%.17g")


def _rows(request: dict[str, Any]) -> pa.Table:
    with pa.OSFile(request["rows"], "rb") as source:
        return pa.ipc.open_file(source).read_all()


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


if __name__ == "__main__":
    main(sys.argv[1])
