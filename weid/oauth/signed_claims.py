"""What the proofs of OAuth have in common: a compact JWS of one typ with claims in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.crypto.jws import ParsedJws, parse_jws
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError

PROOF_BYTES: Final = 8 * 1024
JTI_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """A JWS whose form is right, and its claims; nobody has verified the signature yet."""

    jws: ParsedJws
    claims: JsonObject
    what: str

    @property
    def header(self) -> JsonObject:
        """The header of the JWS."""
        return self.jws.header

    def text(self, name: str, *, most: int = 2048) -> str:
        """Return a claim that must be a text, not empty.

        Raises:
            MalformedError: it is missing, no text, or longer than `most` characters.
        """
        value = self.claims.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise MalformedError(f"{name} of {self.what} is missing or no short text")
        return value

    def seconds(self, name: str) -> float:
        """Return a claim that must be a time in seconds since 1970.

        Raises:
            MalformedError: it is missing or no number.
        """
        value = self.claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MalformedError(f"{name} of {self.what} is missing or no time in seconds")
        return value

    def has(self, name: str) -> bool:
        """Return whether a claim is there."""
        return name in self.claims


def read_signed_claims(
    text: str, *, typ: str, what: str, max_bytes: int = PROOF_BYTES
) -> SignedClaims:
    """Read a JWS of one typ.

    Raises:
        MalformedError: not a JWS, of another typ, or its payload is not a JSON object.
        UnsupportedAlgorithmError: signed with an algorithm that we do not take, or with none.
    """
    parsed = parse_jws(text, what=what, max_bytes=max_bytes)
    if parsed.header.get("typ") != typ:
        raise MalformedError(f"typ of {what} is not {typ}")
    claims = json_loads_object(parsed.payload, what=what, max_bytes=max_bytes)
    return SignedClaims(parsed, claims, what)


def read_key(members: object) -> PublicKey:
    """Read a public key that somebody will be bound to, with the full test of its group.

    Raises:
        MalformedError: it is none, has a private member, or is of small order.
        UnsupportedAlgorithmError: of a kind that cannot sign here.
    """
    key = PublicKey.from_jwk(members)
    key.check_subgroup()
    return key
