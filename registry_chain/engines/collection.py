"""Python's search for cyclic garbage, kept out of the way of an engine.

What an engine makes mostly lives until it is written, and nothing of it points in circles: looking
through it again and again would take up to a fifth of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_THRESHOLDS: Final = (200_000, 20, 20)
"""New objects before a search, and searches before those of the older two generations: Python's
own beginning is 700, of which a block of a thousand transactions makes a hundred times as many."""


@contextmanager
def without_collection() -> Iterator[None]:
    """Put off the search while a block is computed."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def search_less_often() -> None:
    """Set up a process that serves a chain: what it has by now is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
