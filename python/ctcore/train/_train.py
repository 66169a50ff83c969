"""Training and prediction through a child."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ctcore.errors import ChildError, ConfigError
from ctcore.train import _child
from ctcore.train._child import ChildLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Task = Literal["ranking", "regression", "classification"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPolicy:
    """How a candidate is made."""

    trainer: Literal["lightgbm", "command", "callable"] = "lightgbm"
    parameters: dict[str, Any] = field(default_factory=dict)
    """The trainer's own parameters. They enter the model's digest, threads and seed included."""
    command: str | None = None
    """For ``command``: the program, with ``{rows}`` (an Arrow file), ``{columns}`` (a JSON file) and ``{model}`` (the
    folder to leave the model's files in)."""
    predict_command: str | None = None
    """For ``command``: the program that predicts, with ``{rows}``, ``{columns}``, ``{model}`` and ``{scores}`` (a text
    file to write, one number a line)."""
    callable: str | None = None
    """For ``callable``: ``"train.py:fit"``, a function of (table, columns, folder, parameters)."""
    predict_callable: str | None = None
    """For ``callable``: ``"train.py:predict"``, a function of (table, columns, folder) that gives an array."""
    limits: ChildLimits = field(default_factory=ChildLimits)

    def __post_init__(self) -> None:
        for needed in {"command": ("command", "predict_command"), "callable": ("callable", "predict_callable")}.get(
            self.trainer, ()
        ):
            if not getattr(self, needed):
                raise ConfigError(f'train: trainer = "{self.trainer}" needs {needed}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the columns of a table of features are."""

    task: Task
    features: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    """Features whose whole numbers are names, not amounts."""
    label: str
    query: str | None = None
    """For ranking: the column that tells queries apart. Rows of a query lie together."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model as it is stored: files, and who reads them."""

    files: dict[str, bytes] = field(repr=False)
    kind: str
    about: dict[str, Any]
    """What is needed to use the files: columns, and the program that predicts."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left."""

    model: ModelFiles
    seconds: float
    log: str


def train(policy: TrainPolicy, table: pa.Table, columns: Columns, *, project: Path) -> Trained:
    """Train on a table, in a child."""
    with tempfile.TemporaryDirectory(prefix="ctcore-train-") as name:
        folder = Path(name)
        model, log = folder / "model", folder / "train.log"
        model.mkdir()
        _write(table, folder / "rows.arrow")
        (folder / "columns.json").write_text(json.dumps(asdict(columns)))
        if policy.trainer == "command":
            argv = _argv(policy.command or "", rows=folder / "rows.arrow", columns=folder / "columns.json", model=model)
        else:
            request = {
                "trainer": policy.trainer,
                "parameters": policy.parameters,
                "callable": policy.callable,
                "project": str(project),
                "rows": str(folder / "rows.arrow"),
                "columns": asdict(columns),
                "model": str(model),
            }
            argv = _python(folder, {"train": request})
        seconds = _child.run(argv, what="the training", folder=project, log=log, limits=policy.limits)
        files = {path.name: path.read_bytes() for path in sorted(model.iterdir()) if path.is_file()}
        if not files or any(not data for data in files.values()):
            raise ChildError(f"the training left no model: {sorted(files) or 'no file'} in its folder, or an empty one")
        about = {
            "columns": asdict(columns),
            "predict_command": policy.predict_command,
            "predict_callable": policy.predict_callable,
        }
        return Trained(ModelFiles(files, policy.trainer, about), seconds, log.read_text(errors="replace"))


def predict(
    models: Sequence[ModelFiles], table: pa.Table, *, project: Path, limits: ChildLimits
) -> list[NDArray[np.float64]]:
    """Give each model's scores of the rows of a table, from a child that loads the files and queries them."""
    import numpy as np  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="ctcore-predict-") as name:
        folder = Path(name)
        log = folder / "predict.log"
        _write(table, folder / "rows.arrow")
        requests = []
        for index, model in enumerate(models):
            place = folder / f"model-{index}"
            place.mkdir()
            for file, data in model.files.items():
                (place / file).write_bytes(data)
            requests.append(
                {
                    "trainer": model.kind,
                    "callable": model.about["predict_callable"],
                    "project": str(project),
                    "columns": model.about["columns"],
                    "rows": str(folder / "rows.arrow"),
                    "model": str(place),
                    "scores": str(folder / f"scores-{index}"),
                }
            )
        own = [request for request in requests if request["trainer"] != "command"]
        if own:
            argv = _python(folder, {"predict": own})
            _child.run(argv, what="the prediction", folder=project, log=log, limits=limits)
        for model, request in zip(models, requests, strict=True):
            if model.kind == "command":
                (folder / "columns.json").write_text(json.dumps(model.about["columns"]))
                places = {key: Path(request[key]) for key in ("rows", "model", "scores")}
                argv = _argv(model.about["predict_command"], columns=folder / "columns.json", **places)
                _child.run(argv, what="the prediction", folder=project, log=log, limits=limits)
        scores = []
        for request in requests:
            path = Path(request["scores"])
            try:
                found = np.loadtxt(path, dtype=np.float64, ndmin=1)
            except (OSError, ValueError) as error:
                raise ChildError(f"the prediction left no scores that can be read: {error}") from error
            if found.shape != (table.num_rows,):
                raise ChildError(f"the prediction gave {found.shape[0]} scores for {table.num_rows} rows")
            scores.append(found)
        return scores


def _argv(command: str, **places: Path) -> list[str]:
    """Fill a command's places: words first, so that a path with spaces stays one word."""
    words = shlex.split(command)
    if words and words[0] == "python":
        words[0] = sys.executable
    return [word.format(**{key: str(path) for key, path in places.items()}) for word in words]


def _python(folder: Path, request: dict[str, Any]) -> list[str]:
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    # -P: a file of the project named like a library must not stand in for it.
    return [sys.executable, "-P", "-m", "ctcore.train.worker", str(path)]


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
