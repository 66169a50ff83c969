"""Training and prediction through a child."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ctcore import _core
from ctcore.errors import ArgumentError, ChildError, ConfigError
from ctcore.train import _child
from ctcore.train._child import ChildLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_MODEL_BYTES = 2**30

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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model must not be used."""

    stage: Literal["size", "text", "load", "canary"]
    """What saw it: the size, the strict parser, the load in a child, the predictions of the canary rows."""
    message: str


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
            _lay_out(model, place)
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


def prove(model: ModelFiles) -> Refusal | None:
    """Tell why a LightGBM model must not be used, or nothing where it is what was trained.

    Its size is looked at, its text is parsed strictly, and a child with limits loads it and has it predict its canary
    rows. LightGBM itself reads no byte of it in this process.
    """
    if model.kind != "lightgbm":
        raise ArgumentError(f'model: only "lightgbm" models can be proven, found {model.kind!r}: a program of its own')
    size = sum(len(data) for data in model.files.values())
    if size > _MODEL_BYTES:
        return Refusal("size", f"it has {size:,} bytes, more than {_MODEL_BYTES:,}")
    try:
        _core.lightgbm_model(model.files.get("model.txt", b""))
    except ArgumentError as error:
        return Refusal("text", str(error))
    with tempfile.TemporaryDirectory(prefix="ctcore-prove-") as name:
        folder = Path(name)
        place, answer = folder / "model", folder / "answer.json"
        _lay_out(model, place)
        # A second for the libraries and one for each 4 MB, with room for a slow machine.
        seconds = 5 + size // 4_000_000
        request = {"model": str(place), "answer": str(answer), "seconds": seconds, "bytes": 2**32 + 20 * size}
        limits = ChildLimits(time=f"{6 * seconds}s")
        argv = _python(folder, {"prove": request})
        try:
            _child.run(argv, what="the proof", folder=folder, log=folder / "prove.log", limits=limits)
            found = json.loads(answer.read_text())
        except ChildError as error:
            return Refusal("load", str(error))
    return Refusal(**found) if found else None


def _lay_out(model: ModelFiles, folder: Path) -> None:
    folder.mkdir()
    for file, data in model.files.items():
        (folder / file).write_bytes(data)


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
