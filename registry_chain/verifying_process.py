"""A process of its own that verifies signatures, and the way to ask it.

Both ends are this program and talk over two pipes: a question is what `Signatures.hold` asks of
some transactions, an answer a byte for each. The process ends when the pipe to it does.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import marshal
import os
import select
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Final, TypeAlias

from registry_chain.state_machine.admission import Signatures

Question: TypeAlias = tuple[tuple[bytes, ...], tuple[bytes, ...], bytes]
"""Raw keys, signatures in their order, and the message under them."""

PATIENCE: Final = 5.0
"""Seconds after which an answer does not come any more."""
PIPE_BYTES: Final = 2**20
"""What Linux lets any user have: the signatures of two thousand simple transactions."""
MOST_STARTS: Final = 3
"""Processes that are started, one after the other, when they end."""
_LENGTH: Final = struct.Struct(">I")
_READY: Final = b"+"

_log = logging.getLogger(__name__)


class VerifierLostError(Exception):
    """There is no answer: the process is not ready, has ended, or works for somebody else now."""


class VerifierProcess:
    """One process that is started when it is first asked for; from any thread.

    It works for one at a time: whoever begins ends the turn of whoever was before.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._is_ready = False
        self._turn = 0
        self._expected: deque[int] = deque()
        self.room = 0
        """Bytes of questions that can lie ready: who asks more waits until some are read."""

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    def begin(self, patience: float = 0.0) -> int:
        """Begin a turn and return its number; wait so many seconds for a process that starts.

        Raises:
            VerifierLostError: the process is not there, or not yet.
        """
        with self._lock:
            self._turn += 1
            if self._process is None:
                self._start()
            if not self._is_ready:
                pipe = self._pipes(self._turn)[1]
                self._is_ready = _is_open(pipe, select.POLLIN, patience) and self._read(1) == _READY
                if not self._is_ready:
                    raise VerifierLostError
            while self._expected:  # what somebody before asked and did not wait for
                self._read(self._expected.popleft())
            return self._turn

    def ask(self, turn: int, questions: bytes, count: int) -> None:
        """Ask about so many transactions; see `encode_questions`.

        Raises:
            VerifierLostError: the turn is over, or the process.
        """
        with self._lock:
            self._write(self._pipes(turn)[0], questions)
            self._expected.append(count)

    def answer(self, turn: int) -> bytes:
        """Return the answer to the oldest question that has none: a byte each, 1 where all hold.

        Raises:
            VerifierLostError: the turn is over, or the process.
        """
        with self._lock:
            self._pipes(turn)
            return self._read(self._expected.popleft())

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    # --- under the lock --------------------------------------------------------------------------

    def _start(self) -> None:
        if self._starts == MOST_STARTS:
            raise VerifierLostError
        self._starts += 1
        command = (sys.executable, "-P", "-m", "registry_chain.verifying_process")
        try:
            self._process = subprocess.Popen(
                command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            _log.warning("no second process verifies signatures: %s", error)
            raise VerifierLostError from error
        if self._process.stdin is not None:
            pipe = self._process.stdin.fileno()
            os.set_blocking(pipe, False)
            self.room = _widened(pipe)
        if self._starts == 1:
            atexit.register(self.close)

    def _pipes(self, turn: int) -> tuple[int, int]:
        process = self._process
        if turn != self._turn or process is None or not process.stdin or not process.stdout:
            raise VerifierLostError
        return process.stdin.fileno(), process.stdout.fileno()

    def _write(self, pipe: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            # More than the pipe holds waits until the process reads on, and not for ever.
            if not _is_open(pipe, select.POLLOUT, PATIENCE):
                self._lose(f"has not read for {PATIENCE:.0f} s")
            try:
                rest = rest[os.write(pipe, rest) :]
            except OSError as error:
                self._lose(f"cannot be written to: {error}")

    def _read(self, count: int) -> bytes:
        pipe = self._pipes(self._turn)[1]
        found = b""
        while len(found) < count:
            if not _is_open(pipe, select.POLLIN, PATIENCE):
                self._lose(f"has not answered for {PATIENCE:.0f} s")
            more = os.read(pipe, count - len(found))
            if not more:
                self._lose("has ended")
            found += more
        return found

    def _lose(self, why: str) -> None:
        _log.warning("the process that verifies signatures %s; they are verified here", why)
        self._end()
        raise VerifierLostError

    def _end(self) -> None:
        process, self._process = self._process, None
        self._is_ready = False
        self._expected.clear()
        if process is None:
            return
        process.kill()  # it keeps nothing
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def encode_questions(questions: list[Question]) -> bytes:
    """Return questions as they go through the pipe."""
    body = marshal.dumps(questions)
    return _LENGTH.pack(len(body)) + body


def _widened(pipe: int) -> int:
    """Let a pipe hold more where the system allows it, and return how many bytes it holds."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (OSError, AttributeError):  # refused to this user, or not Linux
        return 0


def _is_open(pipe: int, way: int, seconds: float) -> bool:
    """Wait until a pipe can be read or written, or has ended, and return whether it can."""
    poll = select.poll()
    poll.register(pipe, way)
    return bool(poll.poll(seconds * 1000))


def _read_exactly(pipe: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = os.read(pipe, count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _answer(questions: Iterable[Question]) -> bytes:
    return bytes(Signatures(b"", b"", *question).hold() for question in questions)


def main() -> None:
    """Answer until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's, for who asks
    with contextlib.suppress(EOFError, BrokenPipeError):
        os.write(1, _READY)
        while True:
            (length,) = _LENGTH.unpack(_read_exactly(0, _LENGTH.size))
            questions = marshal.loads(_read_exactly(0, length))  # noqa: S302 - our own parent's
            os.write(1, _answer(questions))


if __name__ == "__main__":
    main()
