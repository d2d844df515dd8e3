"""WI1: a presentation or a request ⇄ the compact text of a QR code (specs/qr.md).

    "WI1:" base45( raw-DEFLATE( CBOR [kind, text, …] , dictionary v1 ) ‖ tail )

Lossless: `decode_envelope(encode_envelope(x)) == x`, or encoding refuses. WI3, for paper, is the
same coding of a credential that is bound to no key and withholds nothing.
"""

from __future__ import annotations

import zlib
from typing import Final

from weid import limits
from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.encoding import base64url_decode, json_loads_object
from weid.errors import MalformedError
from weid.qr.base45 import base45_decode, base45_encode
from weid.qr.dictionary import DICTIONARY_V1
from weid.qr.repack import REQUEST, SD_JWT, Parts, put_together, take_apart

PREFIX: Final = "WI1:"
PAPER_PREFIX: Final = "WI3:"
CODE_CHARACTERS: Final = 4296
"""What the largest QR symbol (40-L) holds in alphanumeric mode: no code is longer."""

_RAW: Final = -15
_WHAT: Final = "the code"


def encode_envelope(text: str, *, paper: bool = False) -> str:
    """Return the code text of an SD-JWT (with or without key binding) or a request in JSON.

    `paper` makes a WI3 code, which takes only a credential without disclosures and without `cnf`.

    Raises:
        MalformedError: the text is neither, has a second spelling that would be lost (base64url
            that is not canonical), or is larger than any QR code.
    """
    if len(text) > limits.PRESENTATION_BYTES:
        raise MalformedError(f"the text is larger than {limits.PRESENTATION_BYTES} bytes")
    parts = take_apart(text)
    if paper:
        _require_paper(text, parts)
    texts: list[CborValue] = list(parts.texts)
    skeleton = cbor_encode([parts.kind, *texts])
    code = (PAPER_PREFIX if paper else PREFIX) + base45_encode(_deflate(skeleton) + parts.tail)
    if len(skeleton) > limits.QR_INFLATED_BYTES or len(code) > CODE_CHARACTERS:
        raise MalformedError(
            f"the text does not fit a QR code: {len(code)} characters of {CODE_CHARACTERS}",
            hint="Show fewer claims, or send it over the network.",
        )
    if put_together(parts) != text:
        raise MalformedError("the text cannot be put together again from its parts")
    return code


def decode_envelope(code: str) -> str:
    """Return the text that a WI1 or WI3 code holds, exactly as it was encoded.

    The text is untrusted: nothing about it has been verified.

    Raises:
        MalformedError: not such a code, damaged, larger inflated than the limit, or of a kind
            or dictionary that this version does not know.
    """
    if len(code) > CODE_CHARACTERS:
        raise MalformedError(f"{_WHAT} is longer than any QR code")
    prefix, body = code[: len(PREFIX)], code[len(PREFIX) :]
    if prefix not in (PREFIX, PAPER_PREFIX):
        raise MalformedError(
            f"{_WHAT} does not begin with {PREFIX}",
            hint="This is a code of another kind, or of a newer version of weid.",
        )
    skeleton, tail = _inflate(base45_decode(body, what=_WHAT))
    parts = _parse_skeleton(skeleton, tail)
    text = put_together(parts)
    if prefix == PAPER_PREFIX:
        _require_paper(text, parts)
    return text


def _parse_skeleton(skeleton: bytes, tail: bytes) -> Parts:
    value = cbor_decode(
        skeleton, what=f"{_WHAT}'s skeleton", max_bytes=limits.QR_INFLATED_BYTES, max_depth=1
    )
    if not isinstance(value, list) or not value:
        raise MalformedError(f"{_WHAT}'s skeleton is not an array")
    kind, *texts = value
    if not isinstance(kind, int) or isinstance(kind, bool):
        raise MalformedError(f"{_WHAT}'s kind is not a number")
    found = tuple(text for text in texts if isinstance(text, str))
    if len(found) != len(texts):
        raise MalformedError(f"{_WHAT}'s skeleton has a part that is not text")
    return Parts(kind, found, tail)


def _deflate(data: bytes) -> bytes:
    """Return the shorter of two encodings: with Huffman tables of its own, and with the fixed."""
    candidates = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED):
        deflate = zlib.compressobj(9, zlib.DEFLATED, _RAW, 9, strategy, zdict=DICTIONARY_V1)
        candidates.append(deflate.compress(data) + deflate.flush())
    return min(candidates, key=len)


def _inflate(data: bytes) -> tuple[bytes, bytes]:
    inflate = zlib.decompressobj(_RAW, zdict=DICTIONARY_V1)
    try:
        # One byte more than allowed is asked for, and no more is ever made.
        plain = inflate.decompress(data, limits.QR_INFLATED_BYTES + 1)
    except zlib.error:
        raise MalformedError(f"{_WHAT} is damaged: it does not inflate") from None
    if len(plain) > limits.QR_INFLATED_BYTES:
        raise MalformedError(f"{_WHAT} inflates past {limits.QR_INFLATED_BYTES} bytes")
    if not inflate.eof:
        raise MalformedError(f"{_WHAT} is damaged: it ends too early")
    return plain, inflate.unused_data


def _require_paper(text: str, parts: Parts) -> None:
    if parts.kind == SD_JWT and len(parts.texts) == 2:
        if "cnf" not in json_loads_object(_payload(text), what="the credential's payload"):
            return
    elif parts.kind == REQUEST:
        raise MalformedError("a request does not go on paper")
    raise MalformedError(
        "a paper code holds a credential without disclosures and without a bound key",
        hint="Issue a paper form: a separate credential with its own status.",
    )


def _payload(text: str) -> bytes:
    return base64url_decode(text.split(".")[1], what="the credential's payload")
