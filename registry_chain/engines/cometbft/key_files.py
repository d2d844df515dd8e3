"""New keys for a node beside its present ones, and the change from one to the other (NT-19).

A new key lies as `….next` until the registry has it. Then its file takes the place of the present
one, in one step, and the present one stays as `….old-1`, `-2`, …; CometBFT reads the files when it
starts, so that the change comes with the next start.

What a validator has signed is recorded by height, not by key, and that record stays: so the new key
signs nothing at a height and round at which the old one may have signed. The registry never takes
the old one back, and at each height one of the two is in the validator set and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from registry_chain.engines.cometbft.founding import (
    NODE_KEY,
    VALIDATOR_KEY,
    node_key_json,
    read_private_key,
    read_public_key,
    validator_key_json,
    write_secret,
)
from registry_chain.storage.whole_file import let_succeed, sync_folder
from weid.crypto.keys import PrivateKey, PublicKey
from weid.encoding import JsonObject
from weid.errors import KeyFileError


class Which(StrEnum):
    """A key of a node: that of its votes, or that of its talk with peers."""

    VALIDATOR = "validator"
    NODE = "node"


_FILES: dict[Which, tuple[str, Callable[[PrivateKey], JsonObject]]] = {
    Which.VALIDATOR: (VALIDATOR_KEY, validator_key_json),
    Which.NODE: (NODE_KEY, node_key_json),
}


class NodeKeyFiles:
    """The key files in a node's CometBFT home; every method may raise KeyFileError."""

    def __init__(self, home: Path) -> None:
        self._config = home / "config"

    def present(self, which: Which) -> PublicKey:
        """Return the public key in use."""
        return read_public_key(self._file(which))

    def pending(self) -> dict[Which, PublicKey]:
        """Return the keys that are made and not yet in use."""
        there = {which: self._next(which) for which in Which}
        return {which: read_public_key(path) for which, path in there.items() if path.exists()}

    def following(self) -> list[PrivateKey]:
        """Return the keys of `pending`, which are to prove that they are here."""
        return [read_private_key(self._next(which)) for which in self.pending()]

    def make(self, which: Which, key: PrivateKey) -> None:
        """Write a new key beside the present one, durably."""
        write_secret(self._next(which), _FILES[which][1](key))
        sync_folder(self._config)

    def switch(self, which: Which) -> Path:
        """Let the new key take the place of the present one; return where that one is now."""
        present, successor = self._file(which), self._next(which)
        try:
            # Never without a file: CometBFT would make a key of its own.
            return let_succeed(successor, present)
        except OSError as error:
            raise KeyFileError(
                f"{successor} cannot take the place of {present}: {error.strerror}"
            ) from None

    def _file(self, which: Which) -> Path:
        return self._config / _FILES[which][0]

    def _next(self, which: Which) -> Path:
        present = self._file(which)
        return present.with_name(present.name + ".next")
