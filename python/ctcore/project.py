"""Functions of a project, named as ``file.py:function``."""

from __future__ import annotations

import functools
import importlib.util
import sys
import traceback
from typing import TYPE_CHECKING, Any

from ctcore.errors import ConfigError, CtcoreError, DataError, did_you_mean

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
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # last, so that a file of the project hides no library
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{name!r}: {path} cannot be loaded: {_described(error)}") from error
    found = getattr(module, function, None)
    if not callable(found):
        functions = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise ConfigError(f"{name!r}: {path} has no function {function!r}; {did_you_mean(function, functions)}")

    @functools.wraps(found)
    def guarded(*arguments: Any) -> Any:
        try:
            return found(*arguments)
        except CtcoreError:
            raise
        except Exception as error:
            raise DataError(f"{name} failed: {_described(error)}") from error

    return guarded


def _described(error: Exception) -> str:
    """Say what went wrong and in which line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
