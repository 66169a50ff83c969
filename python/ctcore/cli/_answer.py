"""What every command shares: its options, its answer on stdout, its talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _Command = TypeVar("_Command", bound=Callable[..., Any])

EXIT_CODES = """Exit codes: 0 passed, 1 the answer is no, 2 wrong usage or unusable input, 3 could not be decided, \
4 a bug, 5 the surroundings failed, 130 interrupted."""

project_option = click.option(
    "--project", "-p", default=".", metavar="FOLDER", help="The folder with the ctcore.toml.", show_default=True
)
fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(["fail", "warn"]),
    default="fail",
    show_default=True,
    help="What ends with exit code 1.",
)


def format_of(*formats: str, help_: str = "What stdout gets.") -> Callable[[_Command], _Command]:
    """Give the option of a command's formats, the first without it."""
    choice = click.Choice(formats)
    return click.option("--format", "format_", type=choice, default=formats[0], help=help_, show_default=True)


format_option = format_of("text", "json")


def separated(names: str | None) -> list[str]:
    """Give the names that commas separate."""
    return [name.strip() for name in names.split(",")] if names else []


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
