"""Become another program that ends when its parent does.

Run as `python -I -S bound_process.py PARENT PROGRAM ARGUMENT…` by the supervisor. The kernel sends
SIGKILL when the parent is gone, however it went; both processes survive that by design. What the
kernel does not offer (elsewhere than on Linux) is left out: there a killed supervisor leaves its
children, and the store's lock makes the next start say so.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Bind to the parent, then become the program."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it went before we were bound
        sys.exit(1)
    try:
        os.execv(program[0], program)  # noqa: S606 - the supervisor's list, no shell
    except OSError as error:
        sys.exit(f"{program[0]} does not run: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
