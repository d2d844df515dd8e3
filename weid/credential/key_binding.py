"""Key binding: the holder's signature over what is presented, to whom and when (RFC 9901 4.3).

Clauses CP-20 … CP-24 of specs/credential-profile.md.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.credential.sd_jwt import SdJwt
from weid.crypto.jws import ParsedJws, create_jws, parse_jws, verify_jws
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, base64url_encode, json_dumps, json_loads_object
from weid.errors import MalformedError

TYP: Final = "kb+jwt"
_WHAT: Final = "the key binding"


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """A KB-JWT whose form is right; `issued_at` in seconds. Nothing is verified yet."""

    audience: str
    nonce: str
    issued_at: int
    sd_hash: str
    not_before: int | None
    expires_at: int | None
    jws: ParsedJws

    @classmethod
    def parse(cls, text: str) -> KeyBinding:
        """Read a KB-JWT.

        Raises:
            MalformedError: not a strict JWS of typ kb+jwt, or a claim missing or of another kind.
            UnsupportedAlgorithmError: its `alg` is neither EdDSA nor ES256.
        """
        jws = parse_jws(text, what=_WHAT, max_bytes=limits.PRESENTATION_BYTES)
        if jws.header["typ"] != TYP:
            raise MalformedError(f"typ of {_WHAT} is not {TYP}")
        claims = json_loads_object(jws.payload, what=f"the payload of {_WHAT}")
        return cls(
            audience=_text(claims, "aud"),
            nonce=_text(claims, "nonce"),
            issued_at=_time(claims, "iat"),
            sd_hash=_text(claims, "sd_hash"),
            not_before=_time(claims, "nbf") if "nbf" in claims else None,
            expires_at=_time(claims, "exp") if "exp" in claims else None,
            jws=jws,
        )

    @property
    def claims(self) -> JsonObject:
        """All that the holder signed."""
        return json_loads_object(self.jws.payload, what=f"the payload of {_WHAT}")

    def check_time(self, *, now: int, max_age: int, leeway: int = limits.LEEWAY) -> None:
        """Require that it was made now, give or take.

        Raises:
            MalformedError: dated in the future, older than `max_age`, or outside nbf and exp.
        """
        if self.issued_at > now + leeway:
            raise MalformedError(f"{_WHAT} is dated in the future")
        if self.issued_at < now - max_age:
            raise MalformedError(f"{_WHAT} is older than {max_age} seconds")
        if self.not_before is not None and self.not_before > now + leeway:
            raise MalformedError(f"{_WHAT} is not valid yet")
        if self.expires_at is not None and self.expires_at <= now - leeway:
            raise MalformedError(f"{_WHAT} has expired")


def sd_hash(sd_jwt_text: str) -> str:
    """Return the base64url SHA-256 of an SD-JWT up to and including its last tilde."""
    return base64url_encode(hashlib.sha256(sd_jwt_text.encode("ascii")).digest())


def create_key_binding(
    sd_jwt_text: str,
    *,
    audience: str,
    nonce: str,
    signer: Signer,
    clock: Clock,
    further: JsonObject | None = None,
) -> str:
    """Sign a KB-JWT for an SD-JWT; the presentation is the one text followed by the other.

    `sd_jwt_text` ends with a tilde and has the disclosures to present, and no others. `further`
    claims are signed too, such as the hashes of transaction data.

    Raises:
        MalformedError: the text has a key binding already, or is no SD-JWT; an empty audience or
            nonce.
    """
    if not sd_jwt_text.endswith("~"):
        raise MalformedError("the SD-JWT to bind does not end with a tilde")
    if not audience or not nonce:
        raise MalformedError(f"{_WHAT} needs an audience and a nonce")
    claims: JsonObject = {
        **(further or {}),
        "iat": clock.now(),
        "aud": audience,
        "nonce": nonce,
        "sd_hash": sd_hash(sd_jwt_text),
    }
    return create_jws({"typ": TYP}, json_dumps(claims), signer)


def verify_key_binding(sd_jwt: SdJwt, holder_key: PublicKey) -> KeyBinding:
    """Verify that the holder's key signed exactly this SD-JWT with these disclosures.

    Raises:
        MalformedError: no key binding, one of another form, or one of another SD-JWT.
        InvalidSignatureError: another key signed it.
    """
    if sd_jwt.key_binding is None:
        raise MalformedError(f"{_WHAT} is missing")
    binding = KeyBinding.parse(sd_jwt.key_binding)
    if not hmac.compare_digest(binding.sd_hash.encode(), sd_hash(sd_jwt.bound_text).encode()):
        raise MalformedError(f"sd_hash of {_WHAT} is of other content")
    verify_jws(binding.jws, holder_key)
    return binding


def check_key_binding(  # noqa: PLR0913 - what a verifier expects, each named
    sd_jwt: SdJwt,
    holder_key: PublicKey,
    *,
    expected_audience: str,
    expected_nonce: str,
    now: int,
    max_age: int = limits.KEY_BINDING_AGE,
    leeway: int = limits.LEEWAY,
) -> KeyBinding:
    """Verify the key binding and that it answers this request.

    Raises:
        MalformedError: missing, of another form or content, for another audience or nonce, or
            not of now.
        InvalidSignatureError: another key signed it.
    """
    binding = verify_key_binding(sd_jwt, holder_key)
    if binding.audience != expected_audience:
        raise MalformedError(f"{_WHAT} is for another audience")
    if binding.nonce != expected_nonce:
        raise MalformedError(f"{_WHAT} has another nonce")
    binding.check_time(now=now, max_age=max_age, leeway=leeway)
    return binding


def _text(claims: JsonObject, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{name} of {_WHAT} is missing or not text")
    return value


def _time(claims: JsonObject, name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedError(f"{name} of {_WHAT} is missing or not a time in seconds")
    return value
