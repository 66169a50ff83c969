"""Runs a program that must not outlive whoever asked for it: ``python launcher.py PARENT PROGRAM ARGUMENT...``.

It stays between the two. When the parent is killed, who could then neither watch nor stop the program, the whole
process group ends, and with it whatever the program started. A script of its own without imports of ctcore, so that it
is up in a few milliseconds.
"""

import ctypes
import os
import signal
import sys


def main(parent: int, program: list[str]) -> None:
    """Run the program and end as it ends."""
    signal.signal(signal.SIGTERM, _end_group)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it was killed before we asked
            _end_group()
    child = os.posix_spawnp(program[0], program, os.environ)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


def _end_group(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
