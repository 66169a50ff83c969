"""Answers: five verdicts, checks, reports, and the exit codes a shell can trust."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FORMAT", "WORST_FIRST", "Check", "Report", "Verdict", "exit_code", "plain", "worst"]

FORMAT = 1
"""The version of the JSON that ``to_dict`` gives. It grows when a key changes its meaning or goes."""


class Verdict(StrEnum):
    """What a check found."""

    PASS = "pass"  # noqa: S105 - not a password
    """Proven good."""
    WARN = "warn"
    """Good enough to go on, worth a look."""
    INSUFFICIENT = "insufficient"
    """Too little data to tell; the message says how much would do."""
    NOT_RUN = "not_run"
    """Was asked for and could not be done; the message says why."""
    FAIL = "fail"
    """Proven bad."""


WORST_FIRST = (Verdict.FAIL, Verdict.NOT_RUN, Verdict.INSUFFICIENT, Verdict.WARN, Verdict.PASS)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Give the worst of some verdicts; of none, ``pass``.

    >>> worst([Verdict.PASS, Verdict.INSUFFICIENT, Verdict.WARN])
    <Verdict.INSUFFICIENT: 'insufficient'>
    """
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.PASS)


def exit_code(verdict: Verdict, *, fail_on: str = "fail") -> int:
    """Give the exit code of a verdict: 0 good, 1 the answer is no, 3 it could not be decided.

    With ``fail_on="warn"`` a warning is a no as well.
    """
    if verdict is Verdict.FAIL or (verdict is Verdict.WARN and fail_on == "warn"):
        return 1
    return 3 if verdict in (Verdict.INSUFFICIENT, Verdict.NOT_RUN) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer."""

    id: str
    """Stable: a program may look for it. Dots go from the general to the particular."""
    verdict: Verdict
    message: str
    """One sentence that a person can act on."""
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    threshold: float | None = None
    n: int | None = None
    """Rows or queries that the answer rests on."""
    required: bool = True
    """Whether it counts for the report's verdict."""

    def to_dict(self) -> dict[str, Any]:
        """Give the check as plain JSON values; what is not finite becomes null."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Checks that belong together."""

    kind: ClassVar[str] = "report"
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the required checks; without any, ``not_run``: nothing was looked at."""
        required = [check.verdict for check in self.checks if check.required]
        return worst(required) if required else Verdict.NOT_RUN

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "verdict": self.verdict.value,
            "checks": [check.to_dict() for check in self.checks],
        }


def plain(value: Any) -> Any:
    """Turn a value into what JSON can say: numpy numbers become Python's, numbers that are not finite become null.

    >>> plain({"a": (1.5, float("nan"))})
    {'a': [1.5, None]}
    """
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
