"""What can go wrong, by whose fault it is.

Answers are not errors: drift found, a rule failed, a gate closed are reports. An exception means that no answer could
be given. Each class has a builtin parent, so that an ordinary ``except`` clause works, and the exit code that the
command line ends with.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class CtcoreError(Exception):
    """The parent of every error that ctcore raises on purpose."""

    exit_code: ClassVar[int] = 2


class ArgumentError(CtcoreError, ValueError):
    """An argument has a value that cannot be used."""


class FindingWarning(UserWarning):
    """A number was computed, and something about its input should be known before it is believed.

    Functions that give one number warn; ``metrics.evaluate`` and ``metrics.compare`` hold the same text as findings.
    """


class ColumnTypeError(CtcoreError, TypeError):
    """A column is of a type that the operation does not understand."""


class DataError(CtcoreError, ValueError):
    """Data cannot be read, or does not hold what it must."""


class DataNotFoundError(CtcoreError, FileNotFoundError):
    """A file, folder or pattern that names data matches nothing."""


class ConfigError(CtcoreError, ValueError):
    """The configuration has an unknown key, a missing one or a wrong value."""


class NotFoundError(CtcoreError, LookupError):
    """A model, version or run does not exist."""


class ConflictError(CtcoreError):
    """Somebody else was first: production moved, or another run holds the lease. Nothing was changed."""

    exit_code: ClassVar[int] = 5


class RefusedError(ConflictError):
    """A version may not serve: it lacks evidence or approvals, or is barred. Nothing was changed."""

    exit_code: ClassVar[int] = 1


class StoreError(CtcoreError, OSError):
    """The registry's store cannot be read or written, or does not hold what it must."""

    exit_code: ClassVar[int] = 5


class ChildError(CtcoreError, RuntimeError):
    """A child process crashed, ran out of time or memory, or did not leave what it must."""

    exit_code: ClassVar[int] = 5


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give the end of a sentence that names the nearest known name, or all of them.

    >>> did_you_mean("marign", ["margin", "metric"])
    'did you mean "margin"?'
    >>> did_you_mean("x", ["margin", "metric"])
    'known are "margin", "metric"'
    """
    known = sorted(known)
    nearest = difflib.get_close_matches(name, known, n=1)
    if nearest:
        return f'did you mean "{nearest[0]}"?'
    return "known are " + ", ".join(f'"{each}"' for each in known)
