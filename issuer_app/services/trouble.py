"""What went wrong, in words that hold no citizen's data."""

from __future__ import annotations

from weid.errors import RegistryError, WeidError


def words_of(error: WeidError) -> str:
    """Return the registry's own sentence, which is fixed for each code; else the kind of error."""
    return error.message if isinstance(error, RegistryError) else type(error).__name__
