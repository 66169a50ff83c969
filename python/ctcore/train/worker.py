"""The child: ``python -m ctcore.train.worker REQUEST.json``. It reads files, leaves files and talks to its log."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ctcore.project import load_function


def main(path: str) -> None:
    """Do what the request says: one training, predictions, or the proof of a model."""
    request = json.loads(Path(path).read_text())
    if "train" in request:
        train(request["train"])
    for each in request.get("predict", []):
        predict(each)
    if "prove" in request:
        prove(request["prove"])


def train(request: dict[str, Any]) -> None:
    """Train one model."""
    table, columns, model = _rows(request), request["columns"], Path(request["model"])
    if request["trainer"] == "callable":
        load_function(request["callable"], Path(request["project"]))(table, columns, model, request["parameters"])
        return
    _lightgbm().fit(table, columns, request["parameters"], model)


def predict(request: dict[str, Any]) -> None:
    """Predict with one model."""
    table, columns, model = _rows(request), request["columns"], Path(request["model"])
    if request["trainer"] == "callable":
        scores = load_function(request["callable"], Path(request["project"]))(table, columns, model)
    else:
        lightgbm = _lightgbm()
        try:
            scores = lightgbm.predict(model, table, columns)
        except lightgbm.RefusedError as refused:
            sys.exit(f"{model.name} was refused ({refused.stage}): {refused}")
    np.savetxt(request["scores"], np.asarray(scores, dtype=np.float64), fmt="%.17g")


def prove(request: dict[str, Any]) -> None:
    """Load a model that may be hostile, within limits that this process cannot raise again."""
    for kind, most in ((resource.RLIMIT_CPU, request["seconds"]), (resource.RLIMIT_AS, request["bytes"])):
        resource.setrlimit(kind, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    lightgbm, answer = _lightgbm(), {}
    try:
        lightgbm.load(Path(request["model"]))
    except lightgbm.RefusedError as refused:
        answer = {"stage": refused.stage, "message": str(refused)}
    Path(request["answer"]).write_text(json.dumps(answer))


def _lightgbm() -> Any:
    """Import LightGBM without the libraries that it imports wherever they are installed: two seconds for nothing."""
    absent = {"dask", "matplotlib", "pandas", "sklearn"} - sys.modules.keys()
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type] # None says: not to be found
    try:
        from ctcore.train import _lightgbm  # noqa: PLC0415 - heavy, and not every trainer needs it
    finally:
        for name in absent:
            del sys.modules[name]
    return _lightgbm


def _rows(request: dict[str, Any]) -> pa.Table:
    with pa.OSFile(request["rows"], "rb") as source:
        return pa.ipc.open_file(source).read_all()


if __name__ == "__main__":
    main(sys.argv[1])
