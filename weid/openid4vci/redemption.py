"""From a code to a token, and from a token and a key to a credential: the transitions.

Each loads the session, judges it, and puts the next state in its place; where somebody else was
quicker it looks again. So a code gives one token and a session gives one credential, to one key,
however many ask at once (clauses IP-03 to IP-10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol, TypeAlias

from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject
from weid.errors import ProtocolError
from weid.openid4vci.issuance_session import (
    TX_CODE_FAILURES,
    CredentialIssued,
    Expired,
    IssuanceSessions,
    KeyAccepted,
    Offered,
    Redeemable,
    Stored,
    TokenIssued,
    hash_token,
    hash_tx_code,
    issuance_of_code,
    same,
)
from weid.openid4vci.reply import UnauthorizedError
from weid.openid4vci.token import TokenRequest

EventName: TypeAlias = Literal[
    "offered",
    "tx_code_wrong",
    "offer_dead",
    "token_issued",
    "code_used_again",
    "key_accepted",
    "key_refused",
    "credential_issued",
    "credential_repeated",
]
Observe: TypeAlias = Callable[[EventName, str], None]
"""Told what happened to which issuance id, for the issuer's audit log; no secrets, no claims."""

_ATTEMPTS: Final = 64
"""How often a transition is tried again when others were quicker."""


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
    clock: Clock
    observe: Observe

    def redeem_code(self, request: TokenRequest, *, secret: str, lifetime: int) -> str:
        """Turn a code into an access token, whose secret part is given; return the token.

        Raises:
            ProtocolError: invalid_grant (unknown, used, expired or dead code, wrong transaction
                code) or invalid_request (a transaction code is missing, or none is expected).
        """
        issuance_id = issuance_of_code(request.code)
        for _ in range(_ATTEMPTS):
            stored = self.sessions.load(issuance_id)
            offered = self._require_offered(stored, issuance_id)
            _require_tx_code_form(request, offered)
            if stored is None:  # told to the type checker: _require_offered has refused it
                raise _invalid_grant()
            if not _tx_code_matches(request, offered):
                if self._count_failure(stored, offered):
                    raise ProtocolError("invalid_grant", "the transaction code does not match")
                continue
            token = TokenIssued(
                offered.configuration_id,
                offered.approved,
                hash_token(secret),
                self.clock.now() + lifetime,
            )
            if self.sessions.replace(stored, token):
                self.observe("token_issued", issuance_id)
                return f"{issuance_id}.{secret}"
        raise _busy()

    def authorize(self, token: str) -> Stored:
        """Return the session of an access token.

        Raises:
            ProtocolError: invalid_token, status 401.
        """
        issuance_id, _, secret = token.partition(".")
        stored = self.sessions.load(issuance_id) if secret and len(token) < 256 else None
        if stored is None or not isinstance(stored.session, Redeemable):
            raise UnauthorizedError(given=True)
        if not same(stored.session.token_hash, hash_token(secret)):
            raise UnauthorizedError(given=True)
        return stored

    def issue(self, stored: Stored, key: PublicKey, issue: IssueCredential) -> CredentialIssued:
        """Bind the session to a key, make its credential and keep it; or repeat the kept one.

        Raises:
            ProtocolError: credential_request_denied: the session belongs to another key.
        """
        thumbprint = key.thumbprint()
        for _ in range(_ATTEMPTS):
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
        raise _busy()

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

    def _require_offered(self, stored: Stored | None, issuance_id: str) -> Offered:
        if stored is None:
            raise _invalid_grant()
        if not isinstance(stored.session, Offered):
            self.observe("code_used_again", issuance_id)
            raise _invalid_grant()
        return stored.session

    def _count_failure(self, stored: Stored, offered: Offered) -> bool:
        failures = offered.failures + 1
        dead = failures >= TX_CODE_FAILURES
        counted = self.sessions.replace(
            stored,
            Expired("too many wrong transaction codes")
            if dead
            else replace(offered, failures=failures),
        )
        if counted:
            self.observe("offer_dead" if dead else "tx_code_wrong", stored.issuance_id)
        return counted

    def _require_same_key(
        self, session: KeyAccepted | CredentialIssued, thumbprint: str, issuance_id: str
    ) -> None:
        if not same(session.key, thumbprint):
            self.observe("key_refused", issuance_id)
            raise ProtocolError(
                "credential_request_denied", "the credential of this offer is for another key"
            )


def _require_tx_code_form(request: TokenRequest, offered: Offered) -> None:
    if offered.tx_code_hash and not request.tx_code:
        raise ProtocolError("invalid_request", "tx_code is missing")
    if request.tx_code is not None and not offered.tx_code_hash:
        raise ProtocolError("invalid_request", "no tx_code is expected")


def _tx_code_matches(request: TokenRequest, offered: Offered) -> bool:
    if not offered.tx_code_hash:
        return True
    return same(offered.tx_code_hash, hash_tx_code(request.tx_code or "", code=request.code))


def _invalid_grant() -> ProtocolError:
    return ProtocolError("invalid_grant", "the code is not valid, or not any more")


def _busy() -> ProtocolError:
    return ProtocolError("temporarily_unavailable", "too many requests at once", status=503)
