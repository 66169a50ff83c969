"""Keeps machine-learning models current.

Three ways in: the command line (``ctcore run``, ``ctcore replay``, ``ctcore check-drift``, ``ctcore models``), a folder
with a ``ctcore.toml``, and the modules for pipelines: :mod:`ctcore.metrics`, :mod:`ctcore.drift`,
:mod:`ctcore.validate`. Importing this package loads nothing heavy.
"""

from ctcore._core import __version__

__all__ = ["__version__"]
