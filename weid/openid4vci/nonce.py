"""The c_nonce that a key proof must carry (OpenID4VCI 1.0 section 7).

Anybody may ask for one, so giving it out stores nothing: it carries its time and is authenticated
by a secret of the issuer. What is stored is that it was used, once, when it comes back.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import Field

from weid.clock import Clock
from weid.encoding import base64url_decode, base64url_encode
from weid.errors import MalformedError, ProtocolError
from weid.openid4vci.message import Message
from weid.sessions import SessionStore

NONCE_SECONDS: Final = 300
"""How long a nonce may be used."""

_TIME_BYTES: Final = 5
_RANDOM_BYTES: Final = 16
_TAG_BYTES: Final = 16
_DOMAIN: Final = b"weid/c_nonce/1"


class NonceResponse(Message):
    """A fresh nonce."""

    c_nonce: Annotated[str, Field(min_length=1, max_length=512)]


class NonceIssuer:
    """Gives out nonces and takes each back once.

    `secret` is 32 bytes that every process of one issuer shares; after a change of it, nonces that
    are on the way are refused and wallets ask again.
    """

    def __init__(
        self,
        *,
        secret: bytes,
        sessions: SessionStore,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._secret = secret
        self._sessions = sessions
        self._clock = clock
        self._random = random

    def create(self) -> str:
        """Return a fresh nonce."""
        body = self._clock.now().to_bytes(_TIME_BYTES, "big") + self._random(_RANDOM_BYTES)
        return base64url_encode(body + self._tag(body))

    def use(self, nonce: str) -> None:
        """Accept a nonce that came back, for the first and only time.

        Raises:
            ProtocolError: invalid_nonce: not one of ours, too old, or used before.
        """
        body = self._body(nonce)
        age = self._clock.now() - int.from_bytes(body[:_TIME_BYTES], "big")
        if not 0 <= age <= NONCE_SECONDS:
            raise _refused()
        until = self._clock.now() + NONCE_SECONDS + 1
        if not self._sessions.create(f"c_nonce:{nonce}", b"", expires_at=until):
            raise _refused()

    def _body(self, nonce: str) -> bytes:
        try:
            data = base64url_decode(nonce, what="the nonce")
        except MalformedError:
            raise _refused() from None
        body, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        if len(body) != _TIME_BYTES + _RANDOM_BYTES or not hmac.compare_digest(
            self._tag(body), tag
        ):
            raise _refused()
        return body

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, _DOMAIN + body, hashlib.sha256)[:_TAG_BYTES]


def _refused() -> ProtocolError:
    return ProtocolError("invalid_nonce", "the nonce is not valid: ask for a fresh one")
