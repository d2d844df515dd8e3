"""Posts of a wallet that its maker vouches for: to an authorization server, with an attestation.

The wallet's side of draft-ietf-oauth-attestation-based-client-auth-07 (`client_attestation` is the
server's). The attestation and its key name this installation, so that they go to servers alone that
say that they take them. Clause IP-81.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.crypto.signer import Signer
from weid.encoding import base64url_encode, json_loads_object
from weid.errors import CryptoError, MalformedError
from weid.oauth.client_attestation import (
    ATTESTATION_BYTES,
    ATTESTATION_HEADER,
    ATTESTATION_TYPE,
    CHALLENGE_HEADER,
    NEEDS_CHALLENGE,
    PROOF_HEADER,
    create_attestation_proof,
)
from weid.oauth.dpop_sender import DpopSender
from weid.oauth.signed_claims import read_key, read_signed_claims
from weid.transport import HttpReply

_JTI_BYTES: Final = 16
_CHALLENGE_CHARACTERS: Final = 512
_REPLY_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class WalletAttestation:
    """What the maker of a wallet gave one installation of it, and that installation's key."""

    text: str = field(repr=False)
    client_id: str
    signer: Signer = field(repr=False)

    @classmethod
    def open(cls, text: str, signer: Signer, *, clock: Clock) -> WalletAttestation:
        """Read an attestation; who signed it is for the servers to judge.

        Raises:
            MalformedError: none, for another key than the signer's, or past its time.
        """
        what = "the wallet's attestation"
        try:
            signed = read_signed_claims(
                text, typ=ATTESTATION_TYPE, what=what, max_bytes=ATTESTATION_BYTES
            )
            confirmation = signed.claims.get("cnf")
            key = read_key(confirmation.get("jwk") if isinstance(confirmation, dict) else None)
        except CryptoError as error:
            raise MalformedError(f"{what} cannot be used: {error.message}") from None
        if key != signer.public_key:
            raise MalformedError(f"{what} is for another key than the one that was given")
        if signed.seconds("exp") <= clock.now():
            raise MalformedError(
                f"{what} has expired", hint="get a new one from the maker of the wallet."
            )
        return cls(text, signed.text("sub", most=512), signer)


@dataclass(frozen=True, slots=True)
class AttestedSender:
    """Sends the requests of one wallet to one authorization server, by its issuer identifier.

    Without an attestation it is its `sender`.
    """

    sender: DpopSender
    server: str
    challenge_endpoint: str | None = None
    attestation: WalletAttestation | None = None

    def post(self, url: str, body: bytes, *, content_type: str, accept: str) -> HttpReply:
        """Post to an endpoint; a server that wants a (fresh) challenge is asked once more with it.

        Raises:
            TransportError: the address is refused or does not answer.
        """

        def send(challenge: str | None) -> HttpReply:
            return self.sender.post(
                url,
                body,
                content_type=content_type,
                accept=accept,
                further=lambda: self._headers(challenge),
            )

        if self.attestation is None:
            return send(None)
        reply = send(self._challenge())
        fresh = reply.headers.get(CHALLENGE_HEADER.lower(), "")
        return send(fresh) if _wants_challenge(reply) and _usable(fresh) else reply

    def _headers(self, challenge: str | None) -> Mapping[str, str]:
        """Return the two headers, the proof made anew: it counts once."""
        if self.attestation is None:
            return {}
        proof = create_attestation_proof(
            self.attestation.signer,
            self.sender.clock,
            audience=self.server,
            jti=base64url_encode(self.sender.random(_JTI_BYTES)),
            challenge=challenge,
        )
        return {ATTESTATION_HEADER: self.attestation.text, PROOF_HEADER: proof}

    def _challenge(self) -> str | None:
        """Return the server's challenge; None where it has none to give."""
        if self.challenge_endpoint is None:
            return None
        reply = self.sender.transport.post(
            self.challenge_endpoint,
            b"",
            content_type="application/x-www-form-urlencoded",
            accept="application/json",
            max_bytes=min(_REPLY_BYTES, limits.FETCH_BYTES),
        )
        try:
            found = json_loads_object(reply.body, what="the challenge").get("attestation_challenge")
        except MalformedError:
            return None
        return found if isinstance(found, str) and _usable(found) else None


def _usable(challenge: str) -> bool:
    return 0 < len(challenge) <= _CHALLENGE_CHARACTERS and challenge.isprintable()


def _wants_challenge(reply: HttpReply) -> bool:
    if reply.status not in (400, 401):
        return False
    try:
        return json_loads_object(reply.body, what="the refusal").get("error") == NEEDS_CHALLENGE
    except MalformedError:
        return False
