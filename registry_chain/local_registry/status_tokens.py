"""Where a local registry keeps the status list tokens that it serves."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


class MemoryTokens:
    """Tokens as long as this object lives."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def put(self, uri: str, token: str) -> None:
        """Keep a token."""
        self._tokens[uri] = token

    def get(self, uri: str) -> str | None:
        """Return a token, or None."""
        return self._tokens.get(uri)


class FileTokens:
    """Tokens in a folder, one file for each URI, replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, uri: str, token: str) -> None:
        """Keep a token; it is on the disk when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(token)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path(uri))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def get(self, uri: str) -> str | None:
        """Return a token, or None."""
        try:
            return self._path(uri).read_text(encoding="ascii")
        except FileNotFoundError:
            return None

    def _path(self, uri: str) -> Path:
        return self._folder / f"{hashlib.sha256(uri.encode()).hexdigest()}.jwt"
