"""A number with its noun."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return `1 line` or `3 lines`; the noun is one that takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
