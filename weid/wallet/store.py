"""The wallet file on disk: locked while it is open, replaced as a whole, old or new and never half.

A save writes a temporary file beside the wallet, syncs it, renames it over the wallet and syncs
the folder. Until the rename the old file is untouched; after it the new one is complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from weid.errors import WalletFileError, WalletInUseError
from weid.wallet.sealed_file import FILE_BYTES, PassphraseCost, WalletKey, seal, unseal

LOCK_SECONDS: Final = 2.0
"""How long a second process waits for the first, unless told."""
_LOCK_STEP: Final = 0.02


class WalletStore:
    """One wallet file, held by one process at a time.

    Raises from `create` and `open`:
        WalletInUseError: another process has the wallet open for longer than `wait` seconds.
        WalletFileError: the file is there already, is not there, or is damaged.
        WrongPassphraseError: the passphrase does not open it.
    """

    def __init__(
        self, path: Path, lock: int, key: WalletKey, random: Callable[[int], bytes]
    ) -> None:
        self.path = path
        self._lock: int | None = lock
        self._key = key
        self._random = random
        self._broken = False

    @classmethod
    def create(
        cls,
        path: Path,
        contents: bytes,
        *,
        passphrase: str,
        cost: PassphraseCost,
        random: Callable[[int], bytes],
        wait: float = LOCK_SECONDS,
    ) -> Self:
        """Write a new wallet file; where one is, nothing is touched."""
        lock = _acquire(path, wait)
        try:
            if path.exists() or path.is_symlink():
                raise WalletFileError(
                    f"there is a file at {path} already", hint="Choose another name, or open it."
                )
            store = cls(path, lock, WalletKey.create(passphrase, cost=cost, random=random), random)
            store.save(contents)
        except BaseException:
            os.close(lock)
            raise
        return store

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        passphrase: str,
        random: Callable[[int], bytes],
        wait: float = LOCK_SECONDS,
    ) -> tuple[Self, bytes]:
        """Open a wallet file; return the store and the contents."""
        if not path.is_file():
            raise WalletFileError(
                f"there is no wallet at {path}", hint="Make one with: weid wallet create"
            )
        lock = _acquire(path, wait)
        try:
            contents, key = unseal(read_sealed(path), passphrase)
            _remove_leftovers(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, key, random), contents

    def save(self, contents: bytes) -> None:
        """Replace the wallet's contents, durably.

        Raises:
            WalletFileError: they could not be written; the file holds what it held. After a
                failure to sync the folder nobody knows which, and the store refuses all else.
        """
        if self._lock is None or self._broken:
            raise WalletFileError("the wallet is closed", hint="Open it again.")
        sealed = seal(contents, self._key, random=self._random)
        self._broken = True
        write_whole(self.path, sealed, random=self._random, on_untouched=self._mend)
        self._broken = False

    def _mend(self) -> None:
        self._broken = False

    def change_passphrase(self, passphrase: str, contents: bytes) -> None:
        """Seal the wallet with another passphrase from now on, at the same cost."""
        old = self._key
        self._key = WalletKey.create(passphrase, cost=old.cost, random=self._random)
        try:
            self.save(contents)
        except WalletFileError:
            if not self._broken:
                self._key = old
            raise

    @property
    def cost(self) -> PassphraseCost:
        """What a guess of this wallet's passphrase costs."""
        return self._key.cost

    def close(self) -> None:
        """Let other processes open the wallet."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def read_sealed(path: Path) -> bytes:
    """Return the bytes of a wallet or backup file.

    Raises:
        WalletFileError: it cannot be read, or is larger than any wallet.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise WalletFileError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES:
        raise WalletFileError(f"{path} is larger than {FILE_BYTES} bytes")
    return data


def write_whole(
    path: Path,
    data: bytes,
    *,
    random: Callable[[int], bytes],
    on_untouched: Callable[[], None] = lambda: None,
) -> None:
    """Put data at path so that a crash leaves the old file or the new one; readable by us only.

    `on_untouched` is called when the write failed and the old file is certainly still there.

    Raises:
        WalletFileError: it could not be written.
    """
    temporary = path.with_name(f".{path.name}.{random(8).hex()}.tmp")
    try:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            on_untouched()
            raise WalletFileError(
                f"{path} could not be written: {error.strerror}",
                hint="The file holds what it held before. Make room on the disk and try again.",
            ) from None
        _sync_folder(path.parent)
    except OSError as error:
        raise WalletFileError(
            f"the folder of {path} could not be synced: {error.strerror}",
            hint="Check the disk, then open the wallet again and look.",
        ) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _acquire(path: Path, wait: float) -> int:
    """Return the descriptor whose lock says that the wallet is ours, until it is closed."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise WalletFileError(f"{lock} cannot be made: {error.strerror}") from None
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise WalletInUseError(
                    f"another process has the wallet {path} open",
                    hint="Close the other one, or wait until it has ended.",
                ) from None
            time.sleep(_LOCK_STEP)
        else:
            return descriptor


def _remove_leftovers(path: Path) -> None:
    """Remove what a save left that was killed; we hold the lock, so no save is under way."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if stat.S_ISREG(leftover.lstat().st_mode):
            leftover.unlink(missing_ok=True)
