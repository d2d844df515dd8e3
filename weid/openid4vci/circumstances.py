"""What the two halves of an issuer share: who it is, its stores, time, chance, and how it answers.

The authorization server (`authorization_server`, `authorization`, `offering`, `code_redemption`,
`access`) and the credential issuer (`credential_issuer`, `redemption`) know each other through this
only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.encoding import base64url_encode
from weid.errors import ProtocolError
from weid.oauth.client_attestation import CHALLENGE_HEADER
from weid.oauth.reply import Reply, error_reply
from weid.oauth.timed_nonce import TimedNonces
from weid.openid4vci.authorization_policy import AuthorizationPolicy
from weid.openid4vci.events import Observe
from weid.openid4vci.issuance_session import IssuanceSessions
from weid.openid4vci.metadata import CredentialConfiguration
from weid.sessions import SessionStore

SECRET_BYTES: Final = 32
"""Entropy of what nobody may guess: offer ids, tokens, secrets drawn by default."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What one credential issuer stands on; see `IssuerEndpoints` for the meaning of each."""

    credential_issuer: str
    configurations: Callable[[], Mapping[str, CredentialConfiguration]]
    sessions: SessionStore
    clock: Clock
    secret: bytes = field(repr=False)
    policy: AuthorizationPolicy = field(default_factory=AuthorizationPolicy)
    random: RandomBytes = secrets.token_bytes
    observe: Observe = lambda _event, _issuance_id: None
    paused: Callable[[], bool] = lambda: False

    @property
    def issuances(self) -> IssuanceSessions:
        """Return this issuer's issuance sessions."""
        return IssuanceSessions(self.sessions, credential_issuer=self.credential_issuer)

    @property
    def dpop_nonces(self) -> TimedNonces:
        """Return the nonces for DPoP proofs."""
        return TimedNonces("dpop", self.secret, self.clock, self.random)

    @property
    def challenges(self) -> TimedNonces:
        """Return the challenges for proofs beside a client attestation."""
        return TimedNonces("attestation", self.secret, self.clock, self.random)

    def url(self, path: str) -> str:
        """Return the URL of an endpoint, such as `/token`."""
        return self.credential_issuer.removesuffix("/") + path

    def draw_secret(self) -> str:
        """Return 256 random bits in base64url."""
        return base64url_encode(self.random(SECRET_BYTES))

    def require_running(self) -> None:
        """Refuse while issuing is paused.

        Raises:
            ProtocolError: temporarily_unavailable, status 503.
        """
        if self.paused():
            raise ProtocolError("temporarily_unavailable", "issuing is paused", status=503)

    def answer(self, make: Callable[[], Reply]) -> Reply:
        """Return what an endpoint answers; a refusal becomes the reply that the standard names.

        Whatever no cache may keep brings the nonce for the next DPoP proof (RFC 9449 section
        8.2), and the challenge for the next attestation where attestations count.
        """
        try:
            self.require_running()
            reply = make()
        except ProtocolError as error:
            reply = error_reply(error)
        # HAIP 1.0 section 4: wallets set their clocks by it.
        date = {"Date": format_datetime(datetime.fromtimestamp(self.clock.now(), UTC), usegmt=True)}
        if reply.headers.get("Cache-Control") != "no-store":
            return replace(reply, headers={**reply.headers, **date})
        fresh = {**date, "DPoP-Nonce": self.dpop_nonces.create()}
        if self.policy.attesters:
            fresh[CHALLENGE_HEADER] = self.challenges.create()
        return replace(reply, headers={**reply.headers, **fresh})
