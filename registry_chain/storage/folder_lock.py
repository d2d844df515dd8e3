"""The lock of a store's folder: one process at a time, released by the kernel when it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from registry_chain.storage.errors import ReadOnlyMediumError, StoreInUseError, StoreRefusedError

_LOCK: Final = "lock"


def take_lock(folder: Path) -> int:
    """Make the folder if need be, lock it, and return the descriptor that holds the lock.

    Raises:
        StoreInUseError: another process has it.
        ReadOnlyMediumError: the medium refuses every writing.
        StoreRefusedError: the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.EROFS:
            raise ReadOnlyMediumError(f"{folder} is on a medium that cannot be written") from error
        raise refused(folder, error) from error
    _flock(descriptor, fcntl.LOCK_EX, folder)
    return descriptor


def share_lock(folder: Path) -> int:
    """Keep writers out of a folder that cannot be written from here; return what holds the lock.

    A node that has the same folder by another mount, which can be written, is met by this.

    Raises:
        StoreInUseError: a process has the store open for writing.
        StoreRefusedError: the folder cannot be used.
    """
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # Whoever writes makes the file first, so nobody does.
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise refused(folder, error) from error
    _flock(descriptor, fcntl.LOCK_SH, folder)
    return descriptor


def _flock(descriptor: int, how: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise refused(folder, error) from error
        raise StoreInUseError(
            f"another process has the store in {folder} open",
            hint="a store has one node; stop the other one, or use another folder",
        ) from None


def refused(folder: Path, error: OSError) -> StoreRefusedError:
    """Return the refusal of a folder that the system does not let us use."""
    return StoreRefusedError(
        f"the folder {folder} cannot be used: {error.strerror}",
        hint="it must be writable by the user that runs this, on a disk with space",
    )
