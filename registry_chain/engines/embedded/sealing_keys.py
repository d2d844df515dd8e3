"""The files of the sealing key: the one in use, its successor, and those used before (LC-ROTATE).

`sealing.key` is the one in use. `sealing.key.next` is made, and durable, before the chain announces
it, so that no crash can leave a chain whose key nobody has. Which one seals is decided by the chain
alone: a start takes the file of the key that the newest block announced, and finishes a change that
was cut off. A former key stays as `sealing.key.old-1`, `-2`, …: a backup from its time goes on
with it and with no other.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Final

from registry_chain.engines.embedded.node_key import create_node_key, load_node_key
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.sealed_block import read_validators
from registry_chain.storage.store import ChainStore
from registry_chain.storage.whole_file import let_succeed, sync_folder
from weid.crypto.keys import PrivateKey, RandomBytes
from weid.crypto.signer import InMemorySigner
from weid.errors import KeyFileError

_FORMAT_WITHIN: Final = 200
"""Bytes at the beginning of a key file in which its format stands."""


def is_encrypted(path: Path) -> bool:
    """Return whether a key file is of the encrypted form; what else is wrong is said on loading."""
    try:
        with path.open("rb") as file:
            return b"weid-key-file" in file.read(_FORMAT_WITHIN)
    except OSError:
        return False


def announced_key(store: ChainStore) -> bytes | None:
    """Return the key that seals the next block; None where several validators do."""
    with store.snapshot() as snapshot:
        validators_hash = SnapshotState(snapshot).position.validators_hash
        validators = read_validators(snapshot, validators_hash).validators
    return validators[0].public_key if len(validators) == 1 else None


class SealingKeys:
    """The key files beside `file`; `passphrase` opens those that are encrypted, and the next one.

    Raises:
        KeyFileError: from every method: a file is missing, damaged, not the owner's alone, or
            encrypted with another passphrase.
    """

    def __init__(
        self, file: Path, passphrase: str | None, *, random: RandomBytes = secrets.token_bytes
    ) -> None:
        self.file = file
        self._passphrase = passphrase
        self._random = random
        self._lock = threading.Lock()

    @property
    def next_file(self) -> Path:
        """Where a successor lies until it is the key."""
        return self.file.with_name(self.file.name + ".next")

    def require(self) -> None:
        """Look whether the key in use can be had."""
        self._load(self.file)

    def signer_for(self, expected: bytes | None) -> InMemorySigner:
        """Return the signer whose public key (raw) the chain announced, and make its file the key.

        Where no file has that key, it is the one in use: the engine then says what is wrong.
        """
        with self._lock:
            key = self._load(self.file)
            if expected is None or key.public.raw == expected:
                return InMemorySigner(key)
            for path in (self.next_file, *self._former()):
                found = self._load_if_there(path)
                if found is not None and found.public.raw == expected:
                    self._take(path)
                    return InMemorySigner(found)
            return InMemorySigner(key)

    def successor(self) -> InMemorySigner:
        """Return the signer that is to be announced, once its file is durable.

        One that was made for an announcement that did not come about is taken again.
        """
        with self._lock:
            key = self._load_if_there(self.next_file)
            if key is None:
                passphrase = self._passphrase if is_encrypted(self.file) else None
                key = create_node_key(self.next_file, passphrase=passphrase, random=self._random)
            sync_folder(self.file.parent)
            return InMemorySigner(key)

    def switch(self) -> Path:
        """Make the announced successor's file the key; return where the former one is now."""
        with self._lock:
            return self._take(self.next_file)

    def _take(self, path: Path) -> Path:
        """Let a file become the key; at each moment there is a key, and none is lost."""
        try:
            return let_succeed(path, self.file)
        except OSError as error:
            raise KeyFileError(
                f"the key file {path} cannot take the place of {self.file}: {error.strerror}"
            ) from None

    def _former(self) -> list[Path]:
        return sorted(self.file.parent.glob(f"{self.file.name}.old-*"))

    def _load_if_there(self, path: Path) -> PrivateKey | None:
        return self._load(path) if path.exists() else None

    def _load(self, path: Path) -> PrivateKey:
        return load_node_key(path, passphrase=self._passphrase if is_encrypted(path) else None)
