"""Functions of a project, named as ``file.py:function``."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from ctcore.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def load_function(name: str, folder: Path) -> Callable[..., Any]:
    """Load a function from a file of the project's folder.

    The file is the project's own code and runs with the project's rights, like the configuration that names it.
    """
    file, colon, function = name.partition(":")
    path = folder / file
    if not colon or not file.endswith(".py"):
        raise ConfigError(f'a function is named as "file.py:function", found {name!r}')
    if not path.is_file():
        raise ConfigError(f"{name!r}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"ctcore_project_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{name!r}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses of the file look themselves up there
    spec.loader.exec_module(module)
    found = getattr(module, function, None)
    if not callable(found):
        functions = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise ConfigError(f"{name!r}: {path} has no function {function!r}; {did_you_mean(function, functions)}")
    return found  # type: ignore[no-any-return]
