"""Verifying the signatures of a block on another core while this one applies the block.

Threads cannot do it: between two signatures each waits for the interpreter's lock. So another
process verifies, some transactions ahead of the one that is being applied. It is a help and never
needed: what it has not verified is verified in its turn.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Container, Iterable, Sequence
from typing import Final

from registry_chain.state_machine.admission import Signatures
from registry_chain.verifying_process import VerifierLostError, VerifierProcess

FEW: Final = 64
"""Transactions below which asking another process costs more than it saves."""
CHUNK: Final = 32
"""Transactions that are asked about, and answered, at once."""
AHEAD: Final = 3
"""Chunks that are under way: one is verified, the next lies ready, one is being answered."""

_process: Final = VerifierProcess() if (os.cpu_count() or 1) > 1 else None


def verified_ahead(
    block: Iterable[Signatures],
    verified: Container[bytes],
    process: VerifierProcess | None = _process,
) -> Container[bytes]:
    """Return which of a block's signatures hold: those verified before, and those that do now.

    Of a small block, those verified before: the others are left to be verified in their turn.
    """
    known: set[bytes] = set()
    new: list[Signatures] = []
    for one in block:
        if one.verified in verified:
            known.add(one.verified)
        else:
            new.append(one)
    if len(new) < FEW or process is None:
        return known
    try:
        return _Ahead(process, known, new)
    except VerifierLostError:
        return known


class _Ahead(Container[bytes]):
    """Those that hold, as far as the other process has said; who asks for one waits for it.

    Whatever becomes of that process, the worst is that nothing more is known to hold.
    """

    def __init__(
        self, process: VerifierProcess, known: set[bytes], new: Sequence[Signatures]
    ) -> None:
        self._process = process
        self._known = known
        self._asked = {one.verified for one in new}
        self._later = deque(new[at : at + CHUNK] for at in range(0, len(new), CHUNK))
        self._under_way: deque[Sequence[Signatures]] = deque()
        self._turn = process.begin()
        for _ in range(AHEAD):
            self._ask()

    def __contains__(self, name: object) -> bool:
        while name in self._asked:
            try:
                self._take_answer()
            except VerifierLostError:
                self._asked.clear()
        return name in self._known

    def _ask(self) -> None:
        if self._later:
            chunk = self._later.popleft()
            self._process.ask(
                self._turn, [(one.keys, one.signatures, one.message) for one in chunk]
            )
            self._under_way.append(chunk)

    def _take_answer(self) -> None:
        answer = self._process.answer(self._turn)
        chunk = self._under_way.popleft()
        self._ask()
        for one, holds in zip(chunk, answer, strict=True):
            self._asked.discard(one.verified)
            if holds:
                self._known.add(one.verified)
