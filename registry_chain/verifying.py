"""Verifying the signatures of a whole block at once, on two cores.

libsodium works without the interpreter's lock, so that two threads verify in little more than half
the time. Before a block is applied nothing else is to be computed; while it is applied, a second
thread would wait for the lock after each signature.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from registry_chain.state_machine.admission import Signatures

FEW: Final = 64
"""Transactions below which asking another thread costs more than it saves."""

# One for the process, because there is one block at a time; its thread begins with the first one.
_helper: Final = ThreadPoolExecutor(1, thread_name_prefix="chain-verifier")


def verified_ahead(block: Iterable[Signatures], verified: Container[bytes]) -> set[bytes]:
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
    if len(new) < FEW:
        return known
    half = len(new) // 2
    others = _helper.submit(_holding, new[:half])
    mine = _holding(new[half:])
    return known.union(mine, others.result())


def _holding(some: Sequence[Signatures]) -> list[bytes]:
    return [one.verified for one in some if one.hold()]
