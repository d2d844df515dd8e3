"""Asking whether a call refuses, inside a table of cases."""

from __future__ import annotations

from collections.abc import Callable


def refuses(error: type[Exception], act: Callable[..., object], *arguments: object) -> bool:
    """Return whether a call raises this error; any other exception goes through."""
    try:
        act(*arguments)
    except error:
        return True
    return False
