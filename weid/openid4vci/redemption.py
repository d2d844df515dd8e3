"""From a token and a key to a credential: the transitions.

Each loads the session, judges it, and puts the next state in its place; where somebody else was
quicker it looks again. So a session gives one credential, to one key, however many ask at once
(clauses IP-09, IP-10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject
from weid.errors import ProtocolError
from weid.oauth.reply import UnauthorizedError, busy
from weid.openid4vci.events import Observe
from weid.openid4vci.issuance_session import (
    ATTEMPTS,
    CredentialIssued,
    IssuanceSessions,
    KeyAccepted,
    Stored,
    TokenIssued,
    same,
)


@dataclass(frozen=True, slots=True)
class IssuanceRequest:
    """What a credential is to be made of: what was approved, for a key that proved itself."""

    issuance_id: str
    configuration_id: str
    approved: JsonObject = field(repr=False)
    holder_key: PublicKey


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A credential as text, and its issuance anchor in JSON where it has one already."""

    text: str = field(repr=False)
    anchor: JsonObject | None = None


class IssueCredential(Protocol):
    """Makes the credential of an issuance.

    It may be called again with the same issuance id and key, after a crash or by two requests at
    once: it must then give the same credential, or a new one on the same reserved status index;
    only the one that the session keeps is ever sent. A `ProtocolError` (such as: not approved
    yet) goes to the wallet and leaves the session as it was.
    """

    def __call__(self, request: IssuanceRequest, /) -> IssuedCredential:
        """Return the credential."""
        ...


@dataclass(frozen=True, slots=True)
class Redemption:
    """The transitions over one issuer's sessions."""

    sessions: IssuanceSessions
    observe: Observe

    def issue(self, stored: Stored, key: PublicKey, issue: IssueCredential) -> CredentialIssued:
        """Bind the session to a key, make its credential and keep it; or repeat the kept one.

        Raises:
            ProtocolError: credential_request_denied: the session belongs to another key.
        """
        thumbprint = key.thumbprint()
        for _ in range(ATTEMPTS):
            session = stored.session
            if isinstance(session, CredentialIssued):
                self._require_same_key(session, thumbprint, stored.issuance_id)
                self.observe("credential_repeated", stored.issuance_id)
                return session
            if isinstance(session, KeyAccepted):
                self._require_same_key(session, thumbprint, stored.issuance_id)
                issued = self._make(stored, session, key, issue)
                if issued is not None:
                    return issued
            elif isinstance(session, TokenIssued):
                accepted = KeyAccepted(
                    session.configuration_id,
                    session.approved,
                    session.token_hash,
                    session.expires_at,
                    thumbprint,
                )
                if self.sessions.replace(stored, accepted):
                    self.observe("key_accepted", stored.issuance_id)
            again = self.sessions.load(stored.issuance_id)
            if again is None:
                raise UnauthorizedError(given=True)
            stored = again
        raise busy()

    def _make(
        self, stored: Stored, session: KeyAccepted, key: PublicKey, issue: IssueCredential
    ) -> CredentialIssued | None:
        request = IssuanceRequest(
            stored.issuance_id, session.configuration_id, session.approved, key
        )
        try:
            made = issue(request)
        except ProtocolError:
            # A refusal, not a crash: nothing was made, so another key may try later.
            self.sessions.replace(
                stored,
                TokenIssued(
                    session.configuration_id,
                    session.approved,
                    session.token_hash,
                    session.expires_at,
                ),
            )
            raise
        issued = CredentialIssued(
            session.configuration_id,
            session.token_hash,
            session.expires_at,
            session.key,
            made.text,
            made.anchor,
        )
        if not self.sessions.replace(stored, issued):
            return None
        self.observe("credential_issued", stored.issuance_id)
        return issued

    def _require_same_key(
        self, session: KeyAccepted | CredentialIssued, thumbprint: str, issuance_id: str
    ) -> None:
        if not same(session.key, thumbprint):
            self.observe("key_refused", issuance_id)
            raise ProtocolError(
                "credential_request_denied", "the credential of this offer is for another key"
            )
