"""The command line."""

from ctcore.cli._main import main

__all__ = ["main"]
