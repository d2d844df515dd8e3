"""Verifying signatures on another core: those of the block in work, and of the one after it.

Threads cannot do it: between two signatures each waits for the interpreter's lock. So another
process verifies, some transactions ahead of the one that is being applied, and those that wait for
the next block while this one is sealed. It is a help and never needed: what it has not verified is
verified in its turn.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Final

from registry_chain.state_machine.admission import Signatures, read_transaction, signatures_ahead
from registry_chain.state_machine.staged import StagedState
from registry_chain.verifying_process import VerifierLostError, VerifierProcess, encode_questions

FEW: Final = 64
"""Transactions below which asking another process costs more than it saves."""
CHUNK: Final = 32
"""Transactions that are asked about, and answered, at once."""

_process: Final = VerifierProcess() if (os.cpu_count() or 1) > 1 else None


class VerifiedAhead(Container[bytes]):
    """Which signatures hold, as far as the other process has said; who asks for one waits for it.

    For one thread. Whatever becomes of that process, the worst is that fewer are known to hold.
    """

    def __init__(self, process: VerifierProcess | None = _process) -> None:
        self._process = process
        self._turn = 0
        self._upcoming: frozenset[bytes] = frozenset()
        self._verified: Container[bytes] = frozenset()
        # What was found to hold since the last call, and between that and the one before.
        self._holding: set[bytes] = set()
        self._before: set[bytes] = set()
        self._asked: set[bytes] = set()
        self._later: deque[Sequence[Signatures]] = deque()
        self._under_way: deque[tuple[Sequence[Signatures], int]] = deque()
        self._bytes_under_way = 0
        self._encoded: bytes | None = None

    def of_block(
        self,
        transactions: Sequence[bytes],
        upcoming: Sequence[bytes],
        staged: StagedState,
        verified: Container[bytes],
    ) -> Callable[[Iterable[Signatures]], Container[bytes]]:
        """Return `of` for these transactions, with those of `upcoming` as `staged` judges them."""
        if not transactions:  # a block that proves another: what is asked about stays so
            return lambda _: self
        known = self._upcoming.issuperset(transactions)
        self._upcoming = frozenset(upcoming)
        soon = signatures_ahead(staged, map(read_transaction, upcoming))
        return lambda found: self.of(() if known else found, verified, soon)

    def of(
        self,
        block: Iterable[Signatures],
        verified: Container[bytes],
        upcoming: Iterable[Signatures] = (),
    ) -> Container[bytes]:
        """Return which of a block's signatures hold: those verified before, and those that do now.

        `upcoming` are asked about after the block's, for the next call, whose `block` need not name
        them again. Where there are few, none is asked about: they are verified in their turn.
        """
        self._verified = verified
        self._before, self._holding = self._holding, set()
        wanted = {one.verified: one for some in (block, upcoming) for one in some}
        new = [
            one
            for name, one in wanted.items()
            if not (name in self._before or name in self._asked or name in verified)
        ]
        if len(new) >= FEW or (new and self._asked):
            self._later.extend(new[at : at + CHUNK] for at in range(0, len(new), CHUNK))
            self._asked.update(one.verified for one in new)
            self._ask()
        return self

    def __contains__(self, name: object) -> bool:
        while name in self._asked:
            self._take_answer()
        return name in self._holding or name in self._before or name in self._verified

    def _ask(self) -> None:
        """Ask as much as can lie ready without making anybody wait."""
        if self._process is None:
            self._forget()
            return
        try:
            if not self._under_way:
                self._turn = self._process.begin()
            while self._later:
                if self._encoded is None:
                    self._encoded = encode_questions(
                        [(one.keys, one.signatures, one.message) for one in self._later[0]]
                    )
                size = len(self._encoded)
                if self._under_way and self._bytes_under_way + size > self._process.room:
                    break
                chunk, question, self._encoded = self._later.popleft(), self._encoded, None
                self._process.ask(self._turn, question, len(chunk))
                self._under_way.append((chunk, size))
                self._bytes_under_way += size
        except VerifierLostError:
            self._forget()

    def _take_answer(self) -> None:
        try:
            if self._process is None:
                raise VerifierLostError
            answer = self._process.answer(self._turn)
        except VerifierLostError:
            self._forget()
            return
        chunk, size = self._under_way.popleft()
        self._bytes_under_way -= size
        for one, holds in zip(chunk, answer, strict=True):
            self._asked.discard(one.verified)
            if holds:
                self._holding.add(one.verified)
        self._ask()

    def _forget(self) -> None:
        """Leave what was asked about to be verified in its turn."""
        self._asked.clear()
        self._later.clear()
        self._under_way.clear()
        self._bytes_under_way = 0
        self._encoded = None
