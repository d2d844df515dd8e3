"""The lock of a data folder: one server, or one set-up, at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from issuer_app.errors import SettingsError


class Locked:
    """Keeps a second server away from the same data folder.

    Raises:
        SettingsError: another process has it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[bytes] | None = None

    def __enter__(self) -> None:
        try:
            self._file = self._path.open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.__exit__()
            raise SettingsError(
                f"{self._path} is locked: another server or set-up works on this folder",
                hint="stop it first.",
            ) from error
        except OSError as error:
            self.__exit__()
            raise SettingsError(
                f"{self._path} cannot be locked: {error.strerror}",
                hint="look at the folder's owner and the free space.",
            ) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
