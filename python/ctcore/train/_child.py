"""A child process under watch."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctcore.duration import duration
from ctcore.errors import ChildError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_POLL_SECONDS = 0.02
_LAST_LINES = 12
_LAUNCHER = Path(__file__).with_name("launcher.py")
_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What a child may use."""

    time: str = "1h"
    """Wall-clock time, such as ``"10m"``."""
    memory: str = "8GB"
    """Resident memory of the child and its children together, such as ``"2GB"``."""

    def __post_init__(self) -> None:
        self.seconds()
        self.bytes()

    def seconds(self) -> float:
        """Give the time limit in seconds."""
        return duration(self.time).total_seconds()

    def bytes(self) -> int:
        """Give the memory limit in bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]i?B)", self.memory.strip(), re.IGNORECASE)
        if not match:
            raise ConfigError(f'limits: memory must be a size such as "2GB" or "512MiB", found {self.memory!r}')
        return int(float(match[1]) * _SIZES[match[2].upper()])


def run(
    argv: Sequence[str],
    *,
    what: str,
    folder: Path,
    log: Path,
    limits: ChildLimits,
) -> float:
    """Run a program to its end and give the seconds it took. Its output goes to ``log``.

    Raises :class:`ChildError`, with the log's last lines, where it fails, takes too long or uses too much memory. It
    and everything that it started are gone afterwards, and also when this process is killed meanwhile.
    """
    started = time.monotonic()
    program = shutil.which(folder / argv[0] if os.sep in argv[0] else argv[0])
    if program is None:
        raise ChildError(f"{what}: cannot start {argv[0]!r}: there is no such program; is it installed?")
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-IS", str(_LAUNCHER), str(os.getpid()), program, *argv[1:]],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _watch(child, what, log, limits, started)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise ChildError(f"{what} was killed by {name}{_end_of(log)}")
    if child.returncode > 0:
        raise ChildError(f"{what} failed with exit code {child.returncode}{_end_of(log)}")
    return time.monotonic() - started


def _watch(child: subprocess.Popen[bytes], what: str, log: Path, limits: ChildLimits, started: float) -> None:
    seconds, most = limits.seconds(), limits.bytes()
    pause = _POLL_SECONDS / 4
    while True:
        try:
            child.wait(pause)
        except subprocess.TimeoutExpired:
            pause = min(pause * 2, 10 * _POLL_SECONDS)
        else:
            return
        if time.monotonic() - started > seconds:
            raise ChildError(f"{what} took longer than its limit of {limits.time} and was stopped{_end_of(log)}")
        used = _resident(child.pid)
        if used > most:
            raise ChildError(
                f"{what} used {used / 1e9:.2f} GB of memory, more than its limit of {limits.memory}, and was stopped"
                f"{_end_of(log)}"
            )


def _resident(group: int) -> int:
    """Give the resident memory of all processes of a process group."""
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[2]) == group:
                    total += int(after_name[21]) * page
    return total


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return ". Its last words:\n  " + "\n  ".join(lines) if lines else ", without a word"
