"""A signing key that signs nothing before the registry said once that it is this issuer's.

The server starts while the registry is away, so that pages and status lists are there; what is to
be signed waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from weid.crypto.signer import Signer


class CheckedKey:
    """A signer behind a check that must have passed once.

    `check` asks the registry and raises where the key is not there, or nothing can be known now.
    """

    def __init__(self, signer: Signer, check: Callable[[], object]) -> None:
        self.public_key = signer.public_key
        self.algorithm = signer.algorithm
        self._signer = signer
        self._check = check
        self._checked = threading.Event()

    def require(self) -> None:
        """Require that the check has passed, now or before.

        Raises:
            RegistryUnavailableError: the registry does not answer now.
            NotFoundError: the registry does not have this key for this issuer.
        """
        if not self._checked.is_set():
            self._check()
            self._checked.set()

    def sign(self, message: bytes) -> bytes:
        """Return the raw 64-byte signature over the message; raises as `require`."""
        self.require()
        return self._signer.sign(message)
