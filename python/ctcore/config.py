"""``ctcore.toml``: read, checked and composed. What each part means is said by the room that owns it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

from ctcore.data import DataPolicy, FeaturesPolicy, HoldoutPolicy
from ctcore.drift import Tolerances
from ctcore.duration import time_zone
from ctcore.errors import ArgumentError, ConfigError, DataNotFoundError, did_you_mean
from ctcore.gate import GatePolicy
from ctcore.metrics import Definition
from ctcore.train import Columns, Task, TrainPolicy
from ctcore.validate import FeedbackPolicy, LeakagePolicy

if TYPE_CHECKING:
    from ctcore.validate import Contract

NAME = "ctcore.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPolicy:
    """The model that the project keeps current."""

    name: str
    """Its name in the registry."""
    task: Task
    registry: str = "registry"
    """The registry's folder, relative to the project's."""
    time_zone: str = "UTC"
    """Where a day begins."""
    public_key: str | None = None
    """A file with a public key (PEM), relative to the folder: what is promoted must be signed with its private one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPolicy:
    """What a replay compares with."""

    baseline: str | None = None
    """A feature to rank by without any model; ``"-name"`` for ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureColumns:
    """What the rows call the columns of an exposure log (``docs/feedback.md``)."""

    item: str = "item"
    model_version: str = "model_version"
    shown_at: str = "shown_at"
    propensity: str = "propensity"
    candidates: str = "candidates"
    exploration: str = "exploration"
    outcome: str = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposurePolicy(FeedbackPolicy):
    """Where the rows say what was shown, and when a feedback loop is too tight."""

    catalogue: str
    """All items that can be shown, in a column ``item``: a file, a folder, a pattern or a URL."""
    organic: str | None = None
    """What people chose without the model, likewise."""
    columns: ExposureColumns = field(default_factory=ExposureColumns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file."""

    model: ModelPolicy
    data: DataPolicy
    holdout: HoldoutPolicy
    features: FeaturesPolicy
    gate: tuple[GatePolicy, ...]
    train: TrainPolicy = field(default_factory=TrainPolicy)
    drift: Tolerances = field(default_factory=Tolerances)
    leakage: LeakagePolicy = field(default_factory=LeakagePolicy)
    feedback: ExposurePolicy | None = None
    replay: ReplayPolicy = field(default_factory=ReplayPolicy)


@dataclass(frozen=True, slots=True)
class Project:
    """A project's folder and its settings."""

    folder: Path
    settings: Settings

    @property
    def zone(self) -> ZoneInfo:
        """The project's time zone."""
        return ZoneInfo(self.settings.model.time_zone)

    @property
    def registry(self) -> Path | str:
        """The registry's folder, or the URL of its object store."""
        named = self.settings.model.registry
        return named if "://" in named else self.folder / named

    @property
    def public_key(self) -> bytes | None:
        """The key that signatures of versions are proven with, where the settings ask for them."""
        named = self.settings.model.public_key
        if named is None:
            return None
        try:
            return (self.folder / named).read_bytes()
        except OSError as error:
            raise ConfigError(f"model.public_key: cannot read {self.folder / named}: {error.strerror}") from error

    @property
    def columns(self) -> Columns:
        """What the columns of the features' table are."""
        policy = self.settings.features
        return Columns(
            task=self.settings.model.task,
            features=policy.columns,
            categorical=policy.categorical,
            label=policy.label,
            query=policy.query,
        )

    def contract(self) -> Contract | None:
        """Read the contract that the settings name."""
        if self.settings.data.contract is None:
            return None
        return read_contract(self.folder / self.settings.data.contract)

    def digests(self) -> dict[str, str]:
        """Give the sha256 of every file of the project that decides what a run does."""
        policy = self.settings
        names = {path.name for path in self.folder.glob("*.py")} | {NAME}  # whatever file imports whatever other
        names |= {policy.data.contract} if policy.data.contract else set()
        commands = f"{policy.train.command or ''} {policy.train.predict_command or ''}".split()
        names |= {word for word in commands if (self.folder / word).is_file()}
        present = [
            name for name in sorted(names) if (self.folder / name).is_file()
        ]  # a missing one is said where it is used
        return {name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in present}


def read_contract(path: str | Path, *, table: str | None = None) -> Contract:
    """Read a contract file: YAML of the Open Data Contract Standard.

    Raises :class:`DataNotFoundError` where there is no such file, :class:`ConfigError` with the place and the cure.
    """
    from ctcore import validate  # noqa: PLC0415 - needed where there is a contract

    text = contract_text(path)
    try:
        return validate.contract(validate.parse(text), table=table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def contract_text(path: str | Path) -> str:
    """Give a contract file as it is written.

    Raises :class:`DataNotFoundError` where there is no such file, :class:`ConfigError` where it is not UTF-8.
    """
    try:
        return Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise DataNotFoundError(f"contract: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error}") from error


def load(folder: str | Path) -> Project:
    """Read the ``ctcore.toml`` of a folder.

    Raises :class:`ConfigError`, naming the key and what would be right.
    """
    folder = Path(folder).resolve()
    path = folder / NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataNotFoundError(
            f"{folder} has no {NAME}. Go to a project's folder, or name it with --project"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    settings = _settings(document, path)
    try:
        time_zone(settings.model.time_zone, setting="model.time_zone")
    except ArgumentError as error:
        raise ConfigError(f"{path}: {error}") from error
    if settings.model.task == "ranking" and settings.features.query is None:
        raise ConfigError(f"{path}: features.query: a ranking needs the column that tells queries apart")
    _check_gates(settings, path)
    try:
        json.dumps(settings.train.parameters)
    except TypeError as error:
        raise ConfigError(f"{path}: train.parameters: {error}; give numbers, text, booleans and lists") from error
    return Project(folder, settings)


def _check_gates(settings: Settings, path: Path) -> None:
    if not settings.gate:
        raise ConfigError(f"{path}: gate: at least one [[gate]] is needed; without one nothing is ever proven")
    ids = [gate.id for gate in settings.gate]
    for gate in settings.gate:
        if ids.count(gate.id) > 1:
            raise ConfigError(
                f"{path}: gate: two gates are called {gate.id!r}; give each a name of its own: name = ..."
            )
        definition, task = Definition.of(gate.metric), settings.model.task
        if definition.ranks != (task == "ranking") or (definition.of_classes and task != "classification"):
            raise ConfigError(f"{path}: gate.metric: {gate.metric} does not judge a {task}")
        if gate.max_calibration_error is not None and settings.model.task != "classification":
            raise ConfigError(f"{path}: gate.max_calibration_error: a {settings.model.task} gives no probabilities")


def _settings(document: dict[str, Any], path: Path) -> Settings:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - heavy

    _known_keys(document, Settings, str(path))
    try:
        return TypeAdapter(Settings).validate_python(document)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "value_error":  # a room's own sentence
                lines.append(str(problem["ctx"]["error"]))
            elif problem["type"] == "missing":
                lines.append(f"{where}: is missing")
            else:
                lines.append(f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}, found {problem['input']!r}")
        raise ConfigError(f"{path}: " + "; ".join(lines)) from error


def _known_keys(document: Any, type_: Any, where: str) -> None:
    """Refuse unknown keys with the nearest known one, all the way down."""
    if isinstance(document, list):
        for item in document:
            _known_keys(item, type_, where)
    if not isinstance(document, dict) or not dataclasses.is_dataclass(type_):
        return
    import typing  # noqa: PLC0415

    types = typing.get_type_hints(type_)
    for key, value in document.items():
        if key not in types:
            raise ConfigError(f"{where}: unknown key {key!r}; {did_you_mean(key, types)}")
        inner = types[key]
        candidates = [each for each in get_args(inner) if dataclasses.is_dataclass(each)]
        _known_keys(value, candidates[0] if candidates else inner, f"{where}: {key}")
