"""Nonces that carry their time: given out freely, stored nowhere, good for a while.

For DPoP (RFC 9449 section 8) and for attestation challenges, where the proof's `jti` is what can
be used only once.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.encoding import base64url_decode, base64url_encode
from weid.errors import MalformedError

NONCE_SECONDS: Final = 300
_TIME_BYTES: Final = 5
_RANDOM_BYTES: Final = 8
_TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class TimedNonces:
    """Nonces of one purpose; `secret` is 32 bytes shared by all processes of one server."""

    purpose: str
    secret: bytes = field(repr=False)
    clock: Clock
    random: RandomBytes

    def create(self) -> str:
        """Return a fresh nonce."""
        body = self.clock.now().to_bytes(_TIME_BYTES, "big") + self.random(_RANDOM_BYTES)
        return base64url_encode(body + self._tag(body))

    def accepts(self, nonce: object) -> bool:
        """Return whether it is one of ours and at most 300 seconds old."""
        if not isinstance(nonce, str) or len(nonce) > 64:
            return False
        try:
            data = base64url_decode(nonce, what="the nonce")
        except MalformedError:
            return False
        body, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        if len(body) != _TIME_BYTES + _RANDOM_BYTES or not hmac.compare_digest(
            self._tag(body), tag
        ):
            return False
        age = self.clock.now() - int.from_bytes(body[:_TIME_BYTES], "big")
        return 0 <= age <= NONCE_SECONDS

    def _tag(self, body: bytes) -> bytes:
        message = b"weid/nonce/" + self.purpose.encode("ascii") + b"\x00" + body
        return hmac.digest(self.secret, message, hashlib.sha256)[:_TAG_BYTES]
