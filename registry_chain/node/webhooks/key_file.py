"""The key that signs a node's webhooks: made on first use, readable by its owner only."""

from __future__ import annotations

import threading
from pathlib import Path

from registry_chain.engines.embedded.node_key import create_node_key, load_node_key
from weid.crypto.signer import InMemorySigner, Signer
from weid.encoding import JsonObject
from weid.errors import KeyFileError


class KeyFile:
    """The webhook key in a file; threads and processes share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signer: Signer | None = None
        self._lock = threading.Lock()

    def signer(self) -> Signer:
        """Return what signs; the first time the key is made.

        Raises:
            KeyFileError: the file cannot be written or is not such a key, or others may read it.
        """
        with self._lock:
            if self._signer is None:
                self._signer = self._load_or_make()
            return self._signer

    def key_set(self) -> JsonObject | None:
        """Return the public key as a JWK Set (RFC 7517), or None while there is none."""
        if self._signer is None and not self._path.exists():
            return None
        key = self.signer().public_key
        jwk = {**key.to_jwk(), "kid": key.thumbprint(), "alg": key.algorithm, "use": "sig"}
        return {"keys": [jwk]}

    def _load_or_make(self) -> Signer:
        if not self._path.exists():
            try:
                return InMemorySigner(create_node_key(self._path))
            except KeyFileError:
                # The node and a command may need it for the first time at once.
                if not self._path.exists():
                    raise
        return InMemorySigner(load_node_key(self._path))
