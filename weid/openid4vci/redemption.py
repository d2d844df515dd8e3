"""From a token and keys to credentials: the transitions of one credential of an issuance.

Each loads the state, judges it, and puts the next one in its place; where somebody else was
quicker it looks again. So each configuration of a token gives its credentials once, to one set of
keys, however many ask at once (clauses IP-09, IP-10, IP-50, IP-55).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from weid.clock import Clock
from weid.crypto.keys import PublicKey, RandomBytes
from weid.encoding import JsonObject, base64url_encode
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import busy
from weid.openid4vci.credential_session import (
    Awaited,
    Bound,
    CredentialSessions,
    CredentialsIssued,
    KeysAccepted,
    Released,
    StoredCredential,
    thumbprints,
)
from weid.openid4vci.events import Observe
from weid.openid4vci.issuance_session import ATTEMPTS

ID_BYTES: Final = 16
"""Entropy of transaction and notification ids, which open nothing without the access token."""


@dataclass(frozen=True, slots=True)
class IssuanceRequest:
    """What credentials are to be made of: what was approved, for keys that proved themselves.

    Each key gets a credential of its own, with its own salts and status index.
    """

    issuance_id: str
    configuration_id: str
    approved: JsonObject = field(repr=False)
    holder_keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A credential as text, and its issuance anchor in JSON where it has one already."""

    text: str = field(repr=False)
    anchor: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Whether the credentials are issued is not decided yet; ask again in `interval` seconds."""

    interval: int = 60


Outcome: TypeAlias = tuple[IssuedCredential, ...] | Pending


class IssueCredential(Protocol):
    """Makes the credentials of an issuance, one for each key, in the order of the keys.

    It may be called again with the same issuance id, configuration and keys, after a crash, by two
    requests at once, or because it answered `Pending`: it must then give the same credentials, or
    new ones on the same reserved status indices; only those that the session keeps are ever sent.
    A `ProtocolError` goes to the wallet; where nothing was pending it leaves the session open for
    other keys.
    """

    def __call__(self, request: IssuanceRequest, /) -> Outcome:
        """Return the credentials, or `Pending`."""
        ...


@dataclass(frozen=True, slots=True)
class Approval:
    """What a token covers: one configuration of an issuance, until its end."""

    issuance_id: str
    configuration_id: str
    approved: JsonObject = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class Redemption:
    """The transitions over one issuer's credential states."""

    sessions: CredentialSessions
    issue: IssueCredential
    clock: Clock
    random: RandomBytes
    observe: Observe

    def redeem(
        self, approval: Approval, keys: tuple[PublicKey, ...]
    ) -> CredentialsIssued | Awaited:
        """Bind the credential to keys, make it and keep it; or repeat what is kept.

        Raises:
            ProtocolError: credential_request_denied: it belongs to other keys.
        """
        wanted = KeysAccepted([key.to_jwk() for key in keys], approval.expires_at)
        for _ in range(ATTEMPTS):
            stored = self.sessions.load(approval.issuance_id, approval.configuration_id)
            if stored is None or isinstance(stored.state, Released):
                self._accept(approval, stored, wanted)
                continue
            self._require_same_keys(stored.state, wanted.keys, approval.issuance_id)
            if isinstance(stored.state, CredentialsIssued):
                self.observe("credential_repeated", approval.issuance_id)
                return stored.state
            if isinstance(stored.state, Awaited):
                return stored.state
            done = self._make(approval, stored, stored.state)
            if done is not None:
                return done
        raise busy()

    def settle(
        self, approval: Approval, stored: StoredCredential, awaited: Awaited
    ) -> CredentialsIssued | Awaited:
        """Ask again whether awaited credentials may be made now.

        Raises:
            ProtocolError: the issuer has refused.
        """
        outcome = self._ask(approval, awaited.keys)
        if isinstance(outcome, Pending):
            return awaited
        issued = self._issued(awaited, outcome, transaction_id=awaited.transaction_id)
        for _ in range(ATTEMPTS):
            if self.sessions.replace(stored, issued):
                self.observe("credential_issued", approval.issuance_id)
                return issued
            found = self.sessions.load(approval.issuance_id, approval.configuration_id)
            if found is None:
                break
            if isinstance(found.state, CredentialsIssued):
                return found.state
            stored = found
        raise busy()

    # --- How -------------------------------------------------------------------------------------

    def _accept(
        self, approval: Approval, stored: StoredCredential | None, wanted: KeysAccepted
    ) -> None:
        accepted = (
            self.sessions.create(approval.issuance_id, approval.configuration_id, wanted)
            if stored is None
            else self.sessions.replace(stored, wanted)
        )
        if accepted:
            self.observe("key_accepted", approval.issuance_id)

    def _make(
        self, approval: Approval, stored: StoredCredential, state: KeysAccepted
    ) -> CredentialsIssued | Awaited | None:
        """Make the credentials; None where somebody else was quicker."""
        try:
            outcome = self._ask(approval, state.keys)
        except ProtocolError:
            # A refusal, not a crash: nothing was made, so other keys may try later.
            self.sessions.replace(stored, Released(state.expires_at))
            raise
        new = (
            Awaited(
                state.keys,
                state.expires_at,
                self._draw_id(),
                outcome.interval,
                self.clock.now() + outcome.interval,
            )
            if isinstance(outcome, Pending)
            else self._issued(state, outcome)
        )
        if not self.sessions.replace(stored, new):
            return None
        issued = isinstance(new, CredentialsIssued)
        self.observe("credential_issued" if issued else "approval_awaited", approval.issuance_id)
        return new

    def _ask(self, approval: Approval, keys: list[JsonObject]) -> Outcome:
        request = IssuanceRequest(
            approval.issuance_id,
            approval.configuration_id,
            approval.approved,
            tuple(PublicKey.from_jwk(key) for key in keys),
        )
        outcome = self.issue(request)
        if not isinstance(outcome, Pending) and len(outcome) != len(keys):
            raise MalformedError("the issuer did not make one credential for each key")
        return outcome

    def _issued(
        self,
        state: KeysAccepted | Awaited,
        made: tuple[IssuedCredential, ...],
        *,
        transaction_id: str = "",
    ) -> CredentialsIssued:
        credentials: list[JsonObject] = [
            {"credential": each.text, "anchor": each.anchor} for each in made
        ]
        return CredentialsIssued(
            state.keys, state.expires_at, credentials, self._draw_id(), transaction_id
        )

    def _draw_id(self) -> str:
        return base64url_encode(self.random(ID_BYTES))

    def _require_same_keys(self, state: Bound, keys: list[JsonObject], issuance_id: str) -> None:
        if thumbprints(state.keys) != thumbprints(keys):
            self.observe("key_refused", issuance_id)
            raise ProtocolError(
                "credential_request_denied", "the credential of this offer is for another key"
            )
