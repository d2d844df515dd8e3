"""Text of a presentation or request ⇄ its parts without base64url: a skeleton and a tail.

The skeleton is text, which DEFLATE shortens; the tail is what it cannot shorten: signatures,
digests, salts, keys. A *mark* (a control character, which JSON text never holds) stands in the
skeleton where bytes were taken out. What can be computed from the rest is left out altogether:
the digest of a disclosure that is shown, and `sd_hash`. Clauses QR-04 to QR-08.

Nothing here judges the content: the text that comes back is exactly the text that went in, and
whoever verifies it sees that text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.encoding import (
    base58_decode,
    base58_encode,
    base64url_decode,
    base64url_encode,
    json_loads_object,
)
from weid.errors import MalformedError

SD_JWT: Final = 0
SD_JWT_KB: Final = 1
REQUEST: Final = 2

SIGNATURE_BYTES: Final = 64
"""EdDSA and ES256 alike."""

MARK_16: Final = "\x01"
"""16 bytes of the tail, in base64url."""
MARK_32: Final = "\x02"
"""32 bytes of the tail, in base64url."""
MARK_DID: Final = "\x03"
"""21 bytes of the tail, in base58: the id of a did:weid."""
MARK_SD_HASH: Final = "\x04"
"""SHA-256, in base64url, of all that stands before the key binding."""
MARK_DIGEST: Final = "\x05"
"""SHA-256, in base64url, of the disclosure that the next character numbers."""
MARK_BASE64: Final = "\x06"
"""32 bytes of the tail, in base64 with padding."""
MARK_SAME_DID: Final = "\x07"
"""What the last `MARK_DID` before it stood for."""

_MARKS: Final = re.compile("[\x01-\x07]")
_FROM_TAIL: Final = re.compile("[\x01\x02\x03\x06\x07]")
_REFERENCE: Final = re.compile("\x05(.)", re.DOTALL)
_TAIL_BYTES: Final = {MARK_16: 16, MARK_32: 32, MARK_DID: 21, MARK_BASE64: 32}
_FIRST_REFERENCE: Final = 0x30
# Whole JSON strings of 16 or 32 bytes in base64url; the id of a did:weid; a digest in base64.
_CANDIDATE: Final = re.compile(
    r'(?<=")[A-Za-z0-9_-]{22}(?=")'
    r'|(?<=")[A-Za-z0-9_-]{43}(?=")'
    r"|(?<=:)[1-9A-HJ-NP-Za-km-z]{28}(?![0-9A-Za-z])"
    r'|(?<=-)[A-Za-z0-9+/]{43}=(?=")'
)
_MARK_OF_LENGTH: Final = {22: MARK_16, 43: MARK_32, 28: MARK_DID, 44: MARK_BASE64}


@dataclass(frozen=True, slots=True)
class Parts:
    """A text taken apart: its kind, the skeleton's texts in order, and the tail."""

    kind: int
    texts: tuple[str, ...]
    tail: bytes


def _spell(mark: str, taken: bytes) -> str:
    """Return the text that a mark and its bytes stand for."""
    if mark == MARK_DID:
        return base58_encode(taken)
    if mark == MARK_BASE64:
        return base64.b64encode(taken).decode("ascii")
    return base64url_encode(taken)


def _read(mark: str, word: str) -> bytes:
    """Return the bytes of a word, whatever its spelling."""
    if mark == MARK_DID:
        return base58_decode(word, what="a value", max_chars=len(word))
    if mark == MARK_BASE64:
        return base64.b64decode(word, validate=True)
    return base64url_decode(word, what="a value")


def _digest(text: str) -> str:
    return base64url_encode(hashlib.sha256(text.encode("utf-8")).digest())


# --- Taking apart -------------------------------------------------------------------------------


class _Taker:
    """Takes bytes out of JSON texts, in the order of the texts."""

    def __init__(self) -> None:
        self.tail = bytearray()
        self._did = ""

    def take(self, text: str, known: Mapping[str, str]) -> str:
        """Return the text with marks; `known` maps words that need no bytes to their marks."""
        if _MARKS.search(text):
            raise MalformedError("the text has control characters, which JSON does not allow")
        return _CANDIDATE.sub(lambda m: known.get(m.group()) or self._take(m.group()), text)

    def _take(self, word: str) -> str:
        mark = _MARK_OF_LENGTH[len(word)]
        if word == self._did:
            return MARK_SAME_DID
        try:
            taken = _read(mark, word)
        except (MalformedError, ValueError):
            return word  # it only looks like one, and stays as text
        if len(taken) != _TAIL_BYTES[mark] or _spell(mark, taken) != word:
            return word
        if mark == MARK_DID:
            self._did = word
        self.tail += taken
        return mark


def take_apart(text: str) -> Parts:
    """Return the parts of an SD-JWT, an SD-JWT with key binding, or a request in JSON.

    Raises:
        MalformedError: the text cannot be put together again from parts: base64url in another
            than its only spelling, no UTF-8, a signature of another length than 64 bytes; or it
            carries a certificate chain, which fits no code.
    """
    _require_utf8(text)
    taker = _Taker()
    if text.startswith("{"):
        return Parts(REQUEST, (taker.take(text, {}),), bytes(taker.tail))
    jws, *rest = text.split("~")
    if not jws or not rest:
        raise MalformedError("the text is neither an SD-JWT nor a request in JSON")
    refuse_chain(jws)
    *disclosures, key_binding = rest
    if len(disclosures) > limits.DISCLOSURES:
        raise MalformedError(f"the SD-JWT has more than {limits.DISCLOSURES} disclosures")
    digests = {
        _digest(disclosure): MARK_DIGEST + chr(_FIRST_REFERENCE + place)
        for place, disclosure in enumerate(disclosures)
    }
    texts = _take_jws(jws, taker, digests, "the issuer's JWS")
    for place, disclosure in enumerate(disclosures):
        # A disclosure refers only to those after it, so that no digest depends on itself.
        first = MARK_DIGEST + chr(_FIRST_REFERENCE + place)
        later = {digest: mark for digest, mark in digests.items() if mark > first}
        texts.append(taker.take(_decode_text(disclosure, f"disclosure {place}"), later))
    if not key_binding:
        return Parts(SD_JWT, tuple(texts), bytes(taker.tail))
    bound = text[: -len(key_binding)]
    texts += _take_jws(key_binding, taker, {_digest(bound): MARK_SD_HASH}, "the key binding")
    return Parts(SD_JWT_KB, tuple(texts), bytes(taker.tail))


def _require_utf8(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedError("the text has half a character, which no encoding holds") from None


def refuse_chain(text: str) -> None:
    """Refuse an SD-JWT with certificates: they alone are more than a hand-held camera reads.

    Raises:
        MalformedError: its header carries a certificate chain.
    """
    try:
        header = base64url_decode(text.partition(".")[0], what="the header")
        has_chain = "x5c" in json_loads_object(header, what="the header")
    except MalformedError:
        return  # what a code holds need not be good, and this is no judge of it
    if has_chain:
        raise MalformedError(
            "a copy that carries a certificate chain does not fit a QR code",
            hint="Show the other copy of the certificate: the one that its issuer's DID signed.",
        )


def _take_jws(jws: str, taker: _Taker, known: Mapping[str, str], what: str) -> list[str]:
    segments = jws.split(".")
    if len(segments) != 3:
        raise MalformedError(f"{what} does not have three segments")
    header = taker.take(_decode_text(segments[0], f"{what}'s header"), {})
    payload = taker.take(_decode_text(segments[1], f"{what}'s payload"), known)
    signature = base64url_decode(segments[2], what=f"{what}'s signature")
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedError(f"{what}'s signature is not {SIGNATURE_BYTES} bytes long")
    taker.tail += signature
    return [header, payload]


def _decode_text(segment: str, what: str) -> str:
    try:
        return base64url_decode(segment, what=what).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(f"{what} is not UTF-8 text") from None


# --- Putting together ---------------------------------------------------------------------------


class _Tail:
    """Gives the tail back, in the order of the texts."""

    def __init__(self, tail: bytes) -> None:
        self._tail = tail
        self._at = 0
        self._did = ""

    def read(self, count: int) -> bytes:
        taken = self._tail[self._at : self._at + count]
        if len(taken) != count:
            raise MalformedError("the code's tail is too short for its marks")
        self._at += count
        return taken

    def fill(self, text: str) -> str:
        return _FROM_TAIL.sub(lambda found: self._word(found.group()), text)

    def _word(self, mark: str) -> str:
        if mark == MARK_SAME_DID:
            if not self._did:
                raise MalformedError("the code repeats an identifier that it has not named")
            return self._did
        word = _spell(mark, self.read(_TAIL_BYTES[mark]))
        if mark == MARK_DID:
            self._did = word
        return word

    def close(self) -> None:
        if self._at != len(self._tail):
            raise MalformedError("the code's tail is longer than its marks")


def put_together(parts: Parts) -> str:
    """Return the text whose parts these are; the inverse of `take_apart`.

    A mark is one or two characters that stand for at most 44, and no mark stands within another's
    text: the result is bounded by the skeleton that was read, before it is made.

    Raises:
        MalformedError: the parts are of no known kind, a mark stands where it has no meaning, the
            tail does not fit, or the text would be larger than a presentation may be.
    """
    tail = _Tail(parts.tail)
    if parts.kind == REQUEST and len(parts.texts) == 1:
        text = tail.fill(parts.texts[0])
        _refuse_marks(text)
    elif parts.kind == SD_JWT and len(parts.texts) >= 2:
        text = _put_sd_jwt(parts.texts, tail)
    elif parts.kind == SD_JWT_KB and len(parts.texts) >= 4:
        text = _put_sd_jwt(parts.texts[:-2], tail)
        header = tail.fill(parts.texts[-2])
        payload = tail.fill(parts.texts[-1]).replace(MARK_SD_HASH, _digest(text))
        text += _put_jws(header, payload, tail.read(SIGNATURE_BYTES))
    else:
        raise MalformedError("the code's content is of an unknown kind")
    tail.close()
    if len(text.encode("utf-8")) > limits.PRESENTATION_BYTES:
        raise MalformedError(f"the code's text is larger than {limits.PRESENTATION_BYTES} bytes")
    return text


def _put_sd_jwt(texts: Sequence[str], tail: _Tail) -> str:
    if len(texts) - 2 > limits.DISCLOSURES:
        raise MalformedError(f"the code has more than {limits.DISCLOSURES} disclosures")
    header, payload = tail.fill(texts[0]), tail.fill(texts[1])
    signature = tail.read(SIGNATURE_BYTES)
    filled = [tail.fill(text) for text in texts[2:]]
    disclosures: list[str] = []
    digests: dict[int, str] = {}
    for place in range(len(filled) - 1, -1, -1):
        whole = _refer(filled[place], digests)
        _refuse_marks(whole)
        disclosures.insert(0, base64url_encode(whole.encode("utf-8")))
        digests[place] = _digest(disclosures[0])
    return "~".join([_put_jws(header, _refer(payload, digests), signature), *disclosures, ""])


def _refer(text: str, digests: Mapping[int, str]) -> str:
    def digest(found: re.Match[str]) -> str:
        try:
            return digests[ord(found.group(1)) - _FIRST_REFERENCE]
        except KeyError:
            raise MalformedError("the code refers to a disclosure that is not there") from None

    return _REFERENCE.sub(digest, text)


def _put_jws(header: str, payload: str, signature: bytes) -> str:
    _refuse_marks(header)
    _refuse_marks(payload)
    segments = (header.encode("utf-8"), payload.encode("utf-8"), signature)
    return ".".join(base64url_encode(segment) for segment in segments)


def _refuse_marks(text: str) -> None:
    if _MARKS.search(text):
        raise MalformedError("the code has a mark where it means nothing")
