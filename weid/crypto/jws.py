"""Compact JWS (RFC 7515 clause 3.1), read strictly; the key fixes the algorithm, not the header.

Two algorithms, no `crit`, no detached payload, header members never name a key source. The bytes
that are verified are the bytes that were parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_decode,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError

ALGORITHMS: Final = frozenset({"EdDSA", "ES256"})
"""What we sign and verify with (RFC 8037, RFC 7518)."""
_SHORT_HEADER: Final = 512
"""Characters up to which a header that was read is kept for the next one that is the same."""
_TEXT_MEMBERS: Final = frozenset({"alg", "typ", "kid"})
"""Members whose values are text by then."""


@dataclass(frozen=True, slots=True)
class ParsedJws:
    """A JWS whose form is right and whose signature nobody has verified yet.

    `signing_input` are the bytes that the signature covers; `text` is the whole as it came.
    """

    header: JsonObject
    payload: bytes
    signing_input: bytes
    signature: bytes
    text: str


def parse_jws(text: str, *, what: str, max_bytes: int, any_kid: bool = False) -> ParsedJws:
    """Read a compact JWS; `what` names it in errors.

    `any_kid` leaves the form of `kid` to the caller: RFC 7515 wants text there, but nothing fails
    where nobody looks at it.

    Raises:
        MalformedError: not three non-empty segments of strict base64url, a header that is not a
            strict JSON object with a `typ`, any `crit` or `b64`, a `kid` that is not text.
        UnsupportedAlgorithmError: `alg` is neither EdDSA nor ES256.
    """
    if len(text) > max_bytes:
        raise MalformedError(f"{what} is larger than {max_bytes} bytes")
    segments = text.split(".", 3)
    if len(segments) != 3 or "" in segments:
        raise MalformedError(f"{what} does not have the three segments of a compact JWS")
    head, body, tail = segments
    # An issuer's header is the same in all that it signs; the copy keeps the kept one as it is.
    short = len(head) <= _SHORT_HEADER
    header = _parse_short_header(head, what).copy() if short else _parse_header(head, what)
    if not any_kid and not isinstance(header.get("kid", ""), str):
        raise MalformedError(f"the kid of {what} is not text")
    return ParsedJws(
        header=header,
        payload=base64url_decode(body, what=f"the payload of {what}"),
        signing_input=text[: -len(tail) - 1].encode("ascii"),
        signature=base64url_decode(tail, what=f"the signature of {what}"),
        text=text,
    )


def _parse_header(segment: str, what: str) -> JsonObject:
    header = json_loads_object(
        base64url_decode(segment, what=f"the header of {what}"), what=f"the header of {what}"
    )
    _check_header(header, what)
    return header


_parse_short_header: Final = lru_cache(maxsize=256)(_parse_header)


def _check_header(header: JsonObject, what: str) -> None:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise UnsupportedAlgorithmError(f"{what} has no algorithm that we take (EdDSA, ES256)")
    for name in ("crit", "b64"):
        if name in header:
            raise MalformedError(f"the header of {what} has '{name}', which we do not take")
    if not isinstance(header.get("typ"), str):
        raise MalformedError(f"the header of {what} has no typ")


def verify_jws(parsed: ParsedJws, key: PublicKey) -> None:
    """Verify the signature with a key that the caller trusts.

    Raises:
        InvalidSignatureError: the header's algorithm is not the key's, or the signature does not
            verify.
        UnsupportedAlgorithmError: the key cannot sign.
    """
    if parsed.header.get("alg") != key.algorithm:
        raise InvalidSignatureError("the header's algorithm is not the key's")
    key.verify(parsed.signature, parsed.signing_input)


def create_jws(header: Mapping[str, JsonValue], payload: bytes, signer: Signer) -> str:
    """Sign a payload; the header gets the signer's `alg` as its first member.

    Raises:
        MalformedError: the header is one that `parse_jws` would refuse, or the payload is empty.
        UnsupportedAlgorithmError: the header asks for another algorithm than the signer's.
    """
    if header.get("alg", signer.algorithm) != signer.algorithm:
        raise UnsupportedAlgorithmError("the header asks for another algorithm than the signer's")
    full: JsonObject = {"alg": signer.algorithm, **header}
    _check_header(full, "the new JWS")
    if not isinstance(full.get("kid", ""), str):
        raise MalformedError("the kid of the new JWS is not text")
    if not payload:
        raise MalformedError("the payload of the new JWS is empty")
    signing_input = f"{_encode_header(full)}.{base64url_encode(payload)}"
    signature = signer.sign(signing_input.encode("ascii"))
    return f"{signing_input}.{base64url_encode(signature)}"


def _encode_header(header: JsonObject) -> str:
    # Where every member is text, equal members have equal JSON, which is then written only once.
    if header.keys() <= _TEXT_MEMBERS:
        return _encode_text_header(tuple(header.items()))
    return base64url_encode(json_dumps(header))


@lru_cache(maxsize=256)
def _encode_text_header(members: tuple[tuple[str, JsonValue], ...]) -> str:
    return base64url_encode(json_dumps(dict(members)))
