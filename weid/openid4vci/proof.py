"""The key proof: a wallet shows that it has the key to bind (OpenID4VCI 1.0 appendix F.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.crypto.jws import ParsedJws, create_jws, parse_jws, verify_jws
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.errors import CryptoError, MalformedError, ProtocolError

TYPE: Final = "openid4vci-proof+jwt"
PROOF_BYTES: Final = 8 * 1024
PROOF_SECONDS: Final = 300
"""Oldest proof that is taken."""

ATTESTATION_MEMBER: Final = "key_attestation"
_KEY_SOURCES: Final = ("jwk", "kid", "x5c", "trust_chain")


@dataclass(frozen=True, slots=True)
class KeyProof:
    """A proof whose signature verifies: the key, and the nonce that is still to be judged.

    `attestation` is the key attestation that stands in its header, as it came.
    """

    key: PublicKey
    nonce: str
    attestation: str | None = None


def create_key_proof(
    *,
    credential_issuer: str,
    nonce: str | None,
    signer: Signer,
    clock: Clock,
    attestation: str | None = None,
) -> str:
    """Sign a key proof for one issuer; `nonce` None where the issuer has no nonce endpoint.

    `attestation` is a key attestation to go with it.
    """
    claims: JsonObject = {"aud": credential_issuer, "iat": clock.now()}
    if nonce is not None:
        claims["nonce"] = nonce
    header: JsonObject = {"typ": TYPE, "jwk": signer.public_key.to_jwk()}
    if attestation is not None:
        header[ATTESTATION_MEMBER] = attestation
    return create_jws(header, json_dumps(claims), signer)


def check_key_proof(
    text: str, *, expected_audience: str, clock: Clock, max_bytes: int = PROOF_BYTES
) -> KeyProof:
    """Check a key proof in all but its nonce, which only the issuer's memory can judge.

    A key attestation in its header is handed on and not judged here.

    The key must come as a public `jwk`; it gets the full test of its group, because a credential
    will be bound to it.

    Raises:
        ProtocolError: invalid_proof, with what is wrong.
    """
    what = "the key proof"
    try:
        parsed = parse_jws(text, what=what, max_bytes=max_bytes)
        key = _key(parsed)
        verify_jws(parsed, key)
        claims = json_loads_object(parsed.payload, what=what, max_bytes=max_bytes)
    except (MalformedError, CryptoError) as error:
        raise _refused(error.message) from None
    if claims.get("aud") != expected_audience:
        raise _refused("aud is not this credential issuer")
    _check_times(claims, clock.now())
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not nonce:
        raise _refused("nonce is missing")
    attestation = parsed.header.get(ATTESTATION_MEMBER)
    if attestation is not None and not isinstance(attestation, str):
        raise _refused("key_attestation is not a text")
    return KeyProof(key, nonce, attestation)


def _key(parsed: ParsedJws) -> PublicKey:
    if parsed.header.get("typ") != TYPE:
        raise MalformedError(f"typ is not {TYPE}")
    sources = [name for name in _KEY_SOURCES if name in parsed.header]
    if sources != ["jwk"]:
        raise MalformedError("the header must have jwk, and no kid, x5c or trust_chain beside it")
    key = PublicKey.from_jwk(parsed.header["jwk"])
    key.check_subgroup()
    return key


def _check_times(claims: JsonObject, now: int) -> None:
    issued = _seconds(claims, "iat")
    if issued is None or not now - PROOF_SECONDS <= issued <= now + limits.LEEWAY:
        raise _refused("iat is missing, too old or in the future")
    expires, not_before = _seconds(claims, "exp"), _seconds(claims, "nbf")
    if expires is not None and expires <= now - limits.LEEWAY:
        raise _refused("the proof has expired")
    if not_before is not None and not_before > now + limits.LEEWAY:
        raise _refused("the proof is not valid yet")


def _seconds(claims: JsonObject, name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"{name} is not a time in seconds")
    return value


def _refused(why: str) -> ProtocolError:
    return ProtocolError("invalid_proof", why)
