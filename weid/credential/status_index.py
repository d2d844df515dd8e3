"""Which entry of a status list a new credential gets: a free one, drawn at random.

In order, entries would tell how many were issued before and when (Token Status List clause 12.5).
"""

from __future__ import annotations

import secrets
from collections.abc import Set as AbstractSet

from weid.crypto.keys import RandomBytes
from weid.errors import MalformedError

_ENOUGH_TRIES = 128


def draw_free_index(
    taken: AbstractSet[int], size: int, *, random: RandomBytes = secrets.token_bytes
) -> int:
    """Return an index from 0 to below `size` that is not taken, each equally likely.

    `taken` is every index ever given out, whatever became of its credential; the caller records
    the new one under a unique constraint before the credential leaves.

    Raises:
        MalformedError: the list is full.
    """
    if len(taken) >= size:
        raise MalformedError("the status list is full", hint="Open another list for this template.")
    # A list that is not nearly full ends here; drawing again keeps every free index equally likely.
    for _ in range(_ENOUGH_TRIES):
        index = _draw_below(size, random)
        if index not in taken:
            return index
    free = [index for index in range(size) if index not in taken]
    return free[_draw_below(len(free), random)]


def _draw_below(bound: int, random: RandomBytes) -> int:
    """Return a number from 0 to below a bound, each equally likely."""
    count = (bound.bit_length() + 7) // 8
    last = (1 << 8 * count) // bound * bound
    while True:
        number = int.from_bytes(random(count), "big")
        if number < last:
            return number % bound
