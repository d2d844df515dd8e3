"""OAuth 2.0 Attestation-Based Client Authentication: a wallet vouched for by who made it.

Two headers: the attestation, signed by an attester whom the operator trusts, names the client and
a key of this installation; the proof of possession is signed by that key for this server, once.
draft-ietf-oauth-attestation-based-client-auth-07; OpenID4VCI 1.0 appendix E.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.crypto.jws import create_jws, verify_jws
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, JsonValue, json_dumps
from weid.errors import CryptoError, InvalidSignatureError, MalformedError, ProtocolError
from weid.oauth.signed_claims import JTI_CHARACTERS, SignedClaims, read_key, read_signed_claims
from weid.oauth.timed_nonce import TimedNonces
from weid.sessions import SessionStore

METHOD: Final = "attest_jwt_client_auth"
"""The name of this client authentication in metadata."""
ATTESTATION_HEADER: Final = "OAuth-Client-Attestation"
PROOF_HEADER: Final = "OAuth-Client-Attestation-PoP"
CHALLENGE_HEADER: Final = "OAuth-Client-Attestation-Challenge"
ATTESTATION_TYPE: Final = "oauth-client-attestation+jwt"
PROOF_TYPE: Final = "oauth-client-attestation-pop+jwt"
ALGORITHMS: Final = ("ES256", "EdDSA")
NEEDS_CHALLENGE: Final = "use_attestation_challenge"
PROOF_SECONDS: Final = 300
ATTESTATION_BYTES: Final = 32 * 1024
"""An attestation may carry a certificate chain."""

ReadChain = Callable[[JsonValue], PublicKey]
"""The `x5c` header of an attestation → its key, where the chain leads to a trusted anchor now.

Raises `MalformedError` or `CryptoError` where it does not.
"""


@dataclass(frozen=True, slots=True)
class AttestedClient:
    """A client that an attester vouches for and that has the attested key."""

    client_id: str
    key: PublicKey
    wallet_name: str = ""


@dataclass(frozen=True, slots=True)
class TrustedAttesters:
    """Whose attestations count: keys, and who reads certificate chains where there are anchors."""

    keys: tuple[PublicKey, ...] = ()
    read_chain: ReadChain | None = None

    def __bool__(self) -> bool:
        """Return whether anybody is trusted at all."""
        return bool(self.keys) or self.read_chain is not None

    def verify(self, attestation: SignedClaims) -> None:
        """Verify who signed an attestation.

        Raises:
            MalformedError, CryptoError: nobody that is trusted.
        """
        chain = attestation.header.get("x5c")
        if chain is not None and self.read_chain is not None:
            verify_jws(attestation.jws, self.read_chain(chain))
            return
        for key in self.keys:
            if key.algorithm == attestation.header["alg"] and _signed_by(attestation, key):
                return
        raise InvalidSignatureError("the attestation is not signed by a trusted attester")


def _signed_by(attestation: SignedClaims, key: PublicKey) -> bool:
    try:
        verify_jws(attestation.jws, key)
    except InvalidSignatureError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class ClientAttestations:
    """Checks the attestations that reach one server, whose issuer identifier is `audience`."""

    audience: str
    attesters: TrustedAttesters
    sessions: SessionStore
    clock: Clock
    challenges: TimedNonces
    challenge_required: bool = False

    def check(self, attestation: str, proof: str) -> AttestedClient:
        """Check both headers and return the client.

        Raises:
            ProtocolError: invalid_client, status 401; or use_attestation_challenge.
        """
        try:
            client = self._check_attestation(attestation)
            signed = read_signed_claims(
                proof, typ=PROOF_TYPE, what="the attestation's proof of possession"
            )
            verify_jws(signed.jws, client.key)
            self._check_proof(signed, client)
            jti = signed.text("jti", most=JTI_CHARACTERS)
        except (MalformedError, CryptoError) as error:
            raise ProtocolError("invalid_client", error.message, status=401) from None
        self._check_challenge(signed)
        until = self.clock.now() + PROOF_SECONDS + limits.LEEWAY + 1
        name = f"attestation:{client.key.thumbprint()}:{jti}"
        if not self.sessions.create(name, b"", expires_at=until):
            raise ProtocolError("invalid_client", "the attestation's proof was used", status=401)
        return client

    def _check_attestation(self, text: str) -> AttestedClient:
        what = "the client attestation"
        signed = read_signed_claims(
            text, typ=ATTESTATION_TYPE, what=what, max_bytes=ATTESTATION_BYTES
        )
        self.attesters.verify(signed)
        now = self.clock.now()
        if signed.seconds("exp") <= now:
            raise MalformedError(f"{what} has expired")
        for name in ("iat", "nbf"):
            if signed.has(name) and signed.seconds(name) > now + limits.LEEWAY:
                raise MalformedError(f"{what} is not valid yet")
        confirmation = signed.claims.get("cnf")
        if not isinstance(confirmation, dict):
            raise MalformedError(f"{what} has no cnf")
        key = read_key(confirmation.get("jwk"))
        wallet_name = signed.claims.get("wallet_name")
        shown = wallet_name[:100] if isinstance(wallet_name, str) else ""
        return AttestedClient(signed.text("sub", most=512), key, shown)

    def _check_proof(self, signed: SignedClaims, client: AttestedClient) -> None:
        if signed.claims.get("aud") not in (self.audience, [self.audience]):
            raise MalformedError(f"aud of {signed.what} is not this server")
        # Earlier drafts had iss; where it still stands it must be the client.
        if signed.claims.get("iss", client.client_id) != client.client_id:
            raise MalformedError(f"iss of {signed.what} is another client")
        now, issued = self.clock.now(), signed.seconds("iat")
        if not now - PROOF_SECONDS <= issued <= now + limits.LEEWAY:
            raise MalformedError(f"iat of {signed.what} is too old or in the future")
        if signed.has("exp") and signed.seconds("exp") <= now - limits.LEEWAY:
            raise MalformedError(f"{signed.what} has expired")

    def _check_challenge(self, signed: SignedClaims) -> None:
        if not signed.has("challenge") and not self.challenge_required:
            return
        if not self.challenges.accepts(signed.claims.get("challenge")):
            raise ProtocolError(NEEDS_CHALLENGE, "the proof needs the challenge of this answer")


def create_client_attestation(
    attester: Signer, *, client_id: str, key: PublicKey, expires_at: int, header: JsonObject
) -> str:
    """Sign an attestation, as the maker of a wallet does; `header` may hold `x5c` or `kid`."""
    claims: JsonObject = {"sub": client_id, "exp": expires_at, "cnf": {"jwk": key.to_jwk()}}
    return create_jws({"typ": ATTESTATION_TYPE, **header}, json_dumps(claims), attester)


def create_attestation_proof(
    signer: Signer, clock: Clock, *, audience: str, jti: str, challenge: str | None = None
) -> str:
    """Sign a proof of possession for one server; `jti` is 128 random bits in text."""
    claims: JsonObject = {"aud": audience, "jti": jti, "iat": clock.now()}
    if challenge is not None:
        claims["challenge"] = challenge
    return create_jws({"typ": PROOF_TYPE}, json_dumps(claims), signer)
