"""What every command shares: its options, its answer on stdout, its talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_CODES = """Exit codes: 0 passed, 1 the answer is no, 2 wrong usage or unusable input, 3 could not be decided, \
4 a bug, 5 the surroundings failed, 130 interrupted."""

project_option = click.option(
    "--project", "-p", default=".", metavar="FOLDER", help="The folder with the ctcore.toml.", show_default=True
)
format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    help="What stdout gets.",
    show_default=True,
)


def answer(format_: str, as_dict: Callable[[], dict[str, Any]], as_text: Callable[[], str]) -> None:
    """Write the answer to stdout."""
    say(as_text() if format_ == "text" else as_json(as_dict()))


def as_json(found: dict[str, Any]) -> str:
    """Give an answer as JSON."""
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def say(text: str) -> None:
    """Write to stdout, which is for the answer."""
    try:
        click.echo(text, nl=False, color=True)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left; the exit code still tells. Point stdout nowhere for the last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def colour() -> bool:
    """Tell whether stdout shows colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def talk(text: str) -> None:
    """Write to stderr, which is for talk."""
    click.echo(text, err=True)
