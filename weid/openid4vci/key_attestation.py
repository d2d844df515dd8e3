"""Key attestations: who made a wallet's key storage vouches for keys (OpenID4VCI 1.0 appendix D).

Whose attestations count is up to the operator; `TrustedAttesters` says it, as for attestations of
clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, json_dumps
from weid.errors import CryptoError, MalformedError, ProtocolError
from weid.oauth.client_attestation import TrustedAttesters
from weid.oauth.signed_claims import SignedClaims, read_key, read_signed_claims

TYPE: Final = "key-attestation+jwt"
ATTESTATION_BYTES: Final = 32 * 1024
"""An attestation may carry a certificate chain."""
ATTESTED_KEYS: Final = 64
"""Keys of one attestation that are read at all."""


@dataclass(frozen=True, slots=True)
class KeyAttestation:
    """Keys that a trusted attester vouches for, and the nonce that is still to be judged."""

    keys: tuple[PublicKey, ...]
    nonce: str


@dataclass(frozen=True, slots=True)
class KeyAttestations:
    """Checks the key attestations that reach one issuer."""

    attesters: TrustedAttesters
    clock: Clock

    def check(self, text: str, *, must_expire: bool) -> KeyAttestation:
        """Check an attestation in all but its nonce.

        `must_expire` where it stands beside a key proof (appendix D.1).

        Raises:
            ProtocolError: invalid_proof, with what is wrong.
        """
        what = "the key attestation"
        try:
            signed = read_signed_claims(text, typ=TYPE, what=what, max_bytes=ATTESTATION_BYTES)
            self.attesters.verify(signed)
            self._check_times(signed, must_expire=must_expire)
            return KeyAttestation(_keys(signed), signed.text("nonce", most=512))
        except (MalformedError, CryptoError) as error:
            raise ProtocolError("invalid_proof", error.message) from None

    def _check_times(self, signed: SignedClaims, *, must_expire: bool) -> None:
        now = self.clock.now()
        if signed.seconds("iat") > now + limits.LEEWAY:
            raise MalformedError(f"iat of {signed.what} is in the future")
        if (must_expire or signed.has("exp")) and signed.seconds("exp") <= now:
            raise MalformedError(f"{signed.what} has expired")
        if signed.has("nbf") and signed.seconds("nbf") > now + limits.LEEWAY:
            raise MalformedError(f"{signed.what} is not valid yet")


def _keys(signed: SignedClaims) -> tuple[PublicKey, ...]:
    members = signed.claims.get("attested_keys")
    if not isinstance(members, list) or not 0 < len(members) <= ATTESTED_KEYS:
        raise MalformedError(f"attested_keys of {signed.what} is not a short array of keys")
    keys = tuple(read_key(each) for each in members)
    if any(key.kind is KeyKind.X25519 for key in keys):
        raise MalformedError(f"{signed.what} has a key that does not sign")
    return keys


def create_key_attestation(
    attester: Signer,
    keys: tuple[PublicKey, ...],
    *,
    nonce: str | None,
    clock: Clock,
    expires_at: int | None = None,
    header: JsonObject | None = None,
) -> str:
    """Sign an attestation, as the maker of a key storage does; `header` may hold `x5c` or `kid`."""
    claims: JsonObject = {"iat": clock.now(), "attested_keys": [key.to_jwk() for key in keys]}
    if nonce is not None:
        claims["nonce"] = nonce
    if expires_at is not None:
        claims["exp"] = expires_at
    return create_jws({"typ": TYPE, **(header or {})}, json_dumps(claims), attester)
