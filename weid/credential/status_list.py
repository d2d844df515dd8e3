"""Token Status Lists: the bits, their coding, and the signed token that carries them.

IETF Token Status List, JWT form. Reading is bounded before anything is inflated, an index past the
end is an error and never "valid", and what is unknown is refused.
Clauses CP-40 … CP-49 of specs/credential-profile.md.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from weid import limits
from weid.credential.status_reference import StatusReference, check_uri
from weid.crypto.jws import ParsedJws, create_jws, parse_jws
from weid.crypto.signer import Signer
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_decode,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain

__all__ = [
    "INVALID",
    "SUSPENDED",
    "VALID",
    "StatusList",
    "StatusReference",
    "StatusToken",
    "create_status_token",
    "parse_status_token",
    "status_list_digest",
]

VALID: Final = 0
INVALID: Final = 1
"""Revoked, for ever."""
SUSPENDED: Final = 2
"""For a time; reinstating sets VALID again. Needs a list of at least 2 bits."""

TYP: Final = "statuslist+jwt"
BITS: Final = (1, 2, 4, 8)
_WHAT: Final = "the status list token"
_DIGEST_TAG: Final = b"weid/status/1"
_ZLIB_LEVEL: Final = 6  # level 9 costs sixteen times as much for a tenth fewer bytes
_GZIP: Final = zlib.MAX_WBITS | 16
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StatusList:
    """`size` statuses of `bits` bits each, packed into `raw`, lowest bits first.

    Raises:
        MalformedError: bits are not 1, 2, 4 or 8, or raw is not as long as size says.
    """

    bits: int
    size: int
    raw: bytes

    def __post_init__(self) -> None:
        if type(self.bits) is not int or self.bits not in BITS:
            raise MalformedError("bits of the status list are not 1, 2, 4 or 8")
        if self.size < 1 or len(self.raw) * 8 != self.size * self.bits:
            raise MalformedError("the status list is not as long as its size says")
        if len(self.raw) > limits.STATUS_LIST_BYTES:
            raise MalformedError(f"the status list is past {limits.STATUS_LIST_BYTES} bytes")

    @classmethod
    def create(cls, size: int = limits.STATUS_LIST_MIN_ENTRIES, *, bits: int = 2) -> StatusList:
        """Return a list of our own in which everything is VALID.

        Raises:
            MalformedError: fewer entries than hide a single one, or not a multiple of eight.
        """
        if size < limits.STATUS_LIST_MIN_ENTRIES:
            raise MalformedError(
                f"a status list of fewer than {limits.STATUS_LIST_MIN_ENTRIES} entries shows "
                "whose status is asked for"
            )
        if size % 8 or bits not in BITS:
            raise MalformedError("the size of a status list is a multiple of 8, bits 1, 2, 4 or 8")
        return cls(bits, size, bytes(size * bits // 8))

    def get(self, index: int) -> int:
        """Return the status at an index.

        Raises:
            MalformedError: the index is not a whole number within the list.
        """
        position, shift = self._place(index)
        return self.raw[position] >> shift & (1 << self.bits) - 1

    def set(self, index: int, status: int) -> StatusList:
        """Return the list with one status changed; see `set_all`."""
        return self.set_all({index: status})

    def set_all(self, statuses: Mapping[int, int]) -> StatusList:
        """Return the list with statuses changed by index.

        Raises:
            MalformedError: an index or a status outside the list's, or a change of what is
                revoked, which is final.
        """
        raw = bytearray(self.raw)
        mask = (1 << self.bits) - 1
        for index, status in statuses.items():
            position, shift = self._place(index)
            if isinstance(status, bool) or not 0 <= status <= mask:
                raise MalformedError(f"a list of {self.bits} bits has no status {status}")
            if raw[position] >> shift & mask == INVALID != status:
                raise MalformedError(
                    f"the entry {index} is revoked, which is final",
                    hint="Issue a new credential instead.",
                )
            raw[position] = raw[position] & ~(mask << shift) | status << shift
        return StatusList(self.bits, self.size, bytes(raw))

    def with_bits(self, bits: int) -> StatusList:
        """Return the same statuses in a list of more bits, so that there is room for others.

        Raises:
            MalformedError: fewer bits, or none that a list can have.
        """
        if bits not in BITS or bits < self.bits:
            raise MalformedError("a status list can only be given more bits: 2, 4 or 8")
        each = [
            self.raw[at] >> shift for at in range(len(self.raw)) for shift in range(0, 8, self.bits)
        ]
        mask = (1 << self.bits) - 1
        per_byte = 8 // bits
        raw = bytes(
            sum((each[at + place] & mask) << place * bits for place in range(per_byte))
            for at in range(0, self.size, per_byte)
        )
        return StatusList(bits, self.size, raw)

    def _place(self, index: int) -> tuple[int, int]:
        if isinstance(index, bool) or not 0 <= index < self.size:
            raise MalformedError("the status index is not a whole number within the list")
        position, rest = divmod(index * self.bits, 8)
        return position, rest

    @property
    def digest(self) -> bytes:
        """What the registry holds of this list; see `status_list_digest`."""
        return status_list_digest(self.bits, self.size, self.raw)

    def encode(self) -> JsonObject:
        """Return the `status_list` claim of a token."""
        return {"bits": self.bits, "lst": base64url_encode(zlib.compress(self.raw, _ZLIB_LEVEL))}

    @classmethod
    def decode(cls, value: JsonValue) -> StatusList:
        """Read the `status_list` claim of a token.

        Raises:
            MalformedError: bits or lst missing or of another kind, lst not base64url of exactly
                one zlib stream, or one that inflates past the limit.
        """
        if not isinstance(value, dict):
            raise MalformedError("status_list is not an object")
        bits, text = value.get("bits"), value.get("lst")
        if isinstance(bits, bool) or not isinstance(bits, int) or bits not in BITS:
            raise MalformedError("bits of the status list are not 1, 2, 4 or 8")
        if not isinstance(text, str):
            raise MalformedError("lst of the status list is not text")
        raw = inflate(base64url_decode(text, what="lst of the status list"))
        return cls(bits, len(raw) * 8 // bits, raw)


def status_list_digest(bits: int, size: int, raw: bytes) -> bytes:
    """Return SHA-256 over tag, bits (one byte), size (eight bytes, big-endian) and raw bytes."""
    head = _DIGEST_TAG + bits.to_bytes(1, "big") + size.to_bytes(8, "big")
    return hashlib.sha256(head + raw).digest()


def inflate(data: bytes, *, gzip: bool = False) -> bytes:
    """Return what one zlib stream (or one gzip member) holds: no more, and never past the limit.

    Raises:
        MalformedError: another format, cut off, past the limit, or with bytes after its end.
    """
    inflater = zlib.decompressobj(_GZIP if gzip else zlib.MAX_WBITS)
    kind = "gzip" if gzip else "zlib"
    raw = bytearray()
    try:
        while not inflater.eof:
            chunk = inflater.decompress(data, _CHUNK)
            data = inflater.unconsumed_tail
            raw += chunk
            if len(raw) > limits.STATUS_LIST_BYTES:
                raise MalformedError(
                    f"the status list inflates past {limits.STATUS_LIST_BYTES} bytes"
                )
            if not chunk and not data and not inflater.eof:
                raise MalformedError("the status list is cut off")
    except zlib.error:
        raise MalformedError(f"the status list is not a {kind} stream") from None
    if inflater.unused_data:
        raise MalformedError(f"the status list has bytes after its {kind} stream")
    return bytes(raw)


@dataclass(frozen=True, slots=True)
class StatusToken:
    """A status list token whose form is right and whose signature nobody has verified yet.

    `key_id` is the header's kid, empty where there is none; times in seconds. The list is inflated
    only when `statuses` is called, which belongs after the signature.
    """

    jws: ParsedJws
    key_id: str
    uri: str
    issued_at: int
    expires_at: int | None
    ttl: int | None
    status_list: JsonValue

    def statuses(self) -> StatusList:
        """Inflate and return the list.

        Raises:
            MalformedError: see `StatusList.decode`.
        """
        return StatusList.decode(self.status_list)

    def usable_until(self) -> int:
        """Return the time until which the token may be used: the sooner of exp and iat + ttl.

        A token that names neither may be used for `limits.STATUS_TOKEN_AGE`.
        """
        ends = [] if self.expires_at is None else [self.expires_at]
        if self.ttl is not None:
            ends.append(self.issued_at + self.ttl)
        return min(ends, default=self.issued_at + limits.STATUS_TOKEN_AGE)

    def check(self, *, expected_uri: str, now: int, leeway: int = limits.LEEWAY) -> None:
        """Require that the token is of this list and in time.

        Raises:
            MalformedError: another list's, dated in the future, or past its time.
        """
        if self.uri != expected_uri:
            raise MalformedError(f"sub of {_WHAT} is another list")
        if self.issued_at > now + leeway:
            raise MalformedError(f"{_WHAT} is dated in the future")
        if self.usable_until() <= now - leeway:
            raise MalformedError(f"{_WHAT} is past its time")


def create_status_token(  # noqa: PLR0913 - what a token says, each named
    statuses: StatusList,
    *,
    uri: str,
    issued_at: int,
    ttl: int,
    expires_at: int,
    kid: str,
    signer: Signer,
    chain: CertificateChain | None = None,
) -> str:
    """Sign a status list; `uri` is its name, `ttl` how long a copy may be kept (seconds).

    A `chain` of the signer's key stands in the header as `x5c` (HAIP 1.0 section 6.1.1) in the
    place of `kid`; where it is not in force, `kid` does: a status is never late for its sake.

    Raises:
        MalformedError: no URI, or times that leave nothing.
    """
    if ttl <= 0 or expires_at <= issued_at:
        raise MalformedError(f"{_WHAT} would never be in time")
    claims: JsonObject = {
        "sub": check_uri(uri),
        "iat": issued_at,
        "exp": expires_at,
        "ttl": ttl,
        "status_list": statuses.encode(),
    }
    header: JsonObject = {"typ": TYP, "kid": kid}
    if chain is not None and chain.is_in_force(issued_at):
        header = {"typ": TYP, "x5c": chain.to_x5c()}
    return create_jws(header, json_dumps(claims), signer)


def parse_status_token(text: str) -> StatusToken:
    """Read a status list token.

    Raises:
        MalformedError: not a strict JWS of typ statuslist+jwt, or a claim missing or of another
            kind.
        UnsupportedAlgorithmError: its `alg` is neither EdDSA nor ES256.
    """
    jws = parse_jws(text, what=_WHAT, max_bytes=limits.STATUS_TOKEN_BYTES)
    if jws.header["typ"] != TYP:
        raise MalformedError(f"typ of {_WHAT} is not {TYP}")
    claims = json_loads_object(
        jws.payload, what=f"the payload of {_WHAT}", max_bytes=limits.STATUS_TOKEN_BYTES
    )
    if "status_list" not in claims:
        raise MalformedError(f"{_WHAT} has no status_list")
    return StatusToken(
        jws=jws,
        key_id=str(jws.header.get("kid", "")),
        uri=check_uri(claims.get("sub")),
        issued_at=_seconds(claims, "iat", 0),
        expires_at=_seconds(claims, "exp", 0) if "exp" in claims else None,
        ttl=_seconds(claims, "ttl", 1) if "ttl" in claims else None,
        status_list=claims["status_list"],
    )


def _seconds(claims: JsonObject, name: str, least: int) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MalformedError(f"{name} of {_WHAT} is missing or not a number of seconds")
    return value
