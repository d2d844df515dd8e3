"""How much of this node's pool each member takes: nobody fills it alone (clause CN-31).

CometBFT's pool is first come, first kept, and a transaction may name any time until which it is
good. One member could fill every pool with what never comes into a block, and nobody, governance
included, could write any more. It need not even fill it: CometBFT offers a proposer the first
transactions of the pool, as many bytes as a block has, and never those behind. What a member has
in the pool is therefore counted, by who answers for it: its endorser, else its author; all authors
of the open budget share one share.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from weid import limits

SHARE_TRANSACTIONS: Final = 2_000
"""A quarter of the pool (`configuration`)."""
_SHARES: Final = 4
_UNSEEN_BLOCKS: Final = 3
"""CometBFT asks again about what is in the pool after each block; what it does not ask about for
so many blocks never came in, or has left."""


def share_bytes(block_bytes: int) -> int:
    """Return the bytes that a member may have in the pool: a quarter of those of a block."""
    return max(block_bytes // _SHARES, limits.TRANSACTION_BYTES)


@dataclass(slots=True)
class _Place:
    payer: str
    size: int
    seen: int
    author: str
    sequence: int


class PoolShares:
    """The transactions that the pool was told to take, by who answers for them; thread-safe.

    `size` is the bytes of a share, `transactions` their number; the pool has `total` places. It is
    never told to take more: CometBFT would let go, without a word, of what was taken beyond.
    """

    def __init__(
        self,
        *,
        size: int,
        transactions: int = SHARE_TRANSACTIONS,
        total: int = _SHARES * SHARE_TRANSACTIONS,
    ) -> None:
        self._most = transactions
        self._most_bytes = size
        self._total = total
        self._places: dict[bytes, _Place] = {}
        self._counts: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._blocks = 0
        self._lock = Lock()

    def take(self, payer: str, raw: bytes, *, author: str = "", sequence: int = 0) -> bool:
        """Count a transaction that may come in; return whether there is room for it."""
        name = hashlib.sha256(raw).digest()
        with self._lock:
            place = self._places.get(name)
            if place is not None:
                place.seen = self._blocks
                return True
            if len(self._places) >= self._total or self._counts[payer] >= self._most:
                return False
            if self._bytes[payer] + len(raw) > self._most_bytes:
                return False
            self._places[name] = _Place(payer, len(raw), self._blocks, author, sequence)
            self._counts[payer] += 1
            self._bytes[payer] += len(raw)
            return True

    def asked_again(self, raw: bytes, *, stays: bool) -> None:
        """Take note that a transaction is in the pool, and whether it stays there."""
        name = hashlib.sha256(raw).digest()
        with self._lock:
            place = self._places.get(name)
            if place is not None:
                place.seen = self._blocks
                if not stays:
                    self._forget(name)

    def block(self, transactions: Iterable[bytes]) -> list[tuple[str, int]]:
        """Take note of a decided block: what stands in it leaves the pool.

        Returns author and sequence number of what was never in the pool, or is there no more.
        """
        with self._lock:
            self._blocks += 1
            for raw in transactions:
                self._forget(hashlib.sha256(raw).digest())
            oldest = self._blocks - _UNSEEN_BLOCKS
            unseen = [name for name, place in self._places.items() if place.seen < oldest]
            lost = [(self._places[name].author, self._places[name].sequence) for name in unseen]
            for name in unseen:
                self._forget(name)
            return lost

    def _forget(self, name: bytes) -> None:
        place = self._places.pop(name, None)
        if place is None:
            return
        self._counts[place.payer] -= 1
        self._bytes[place.payer] -= place.size
        if not self._counts[place.payer]:
            del self._counts[place.payer], self._bytes[place.payer]
