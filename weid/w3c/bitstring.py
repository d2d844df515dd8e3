"""Bitstring Status List 1.0: the bits and their coding (most significant first, gzip, multibase).

The list is the same thing as a Token Status List in another coding: `as_status_list` turns it into
that, so that one record of the registry vouches for both. Clauses WC-30 … WC-35 of
specs/w3c-profile.md.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weid import limits
from weid.credential.status_list import BITS, StatusList, inflate
from weid.credential.status_reference import StatusReference, check_uri
from weid.encoding import JsonObject, JsonValue, base64url_decode, base64url_encode
from weid.errors import MalformedError
from weid.w3c.data_model import CREDENTIAL, W3cCredential
from weid.w3c.vocabulary import CREDENTIALS

LIST_CREDENTIAL: Final = "BitstringStatusListCredential"
LIST: Final = "BitstringStatusList"
ENTRY: Final = "BitstringStatusListEntry"
REVOCATION: Final = "revocation"
SUSPENSION: Final = "suspension"
PURPOSES: Final = frozenset({REVOCATION, SUSPENSION})
"""What we judge by; other purposes say something else than whether a credential counts."""
_MULTIBASE: Final = "u"
_GZIP_LEVEL: Final = 6
_WHAT: Final = "the bitstring status list"
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """Where a credential's status of one purpose is: an entry of a list of `bits` bits each."""

    reference: StatusReference
    purpose: str
    bits: int

    @classmethod
    def parse(cls, value: JsonObject) -> StatusEntry:
        """Read one credentialStatus (clause 2.1).

        Raises:
            MalformedError: another type, a purpose that is not judged here, an index that is not
                a whole number as text, or no URI.
        """
        if value.get("type") not in (ENTRY, [ENTRY]):
            raise MalformedError(f"credentialStatus is not a {ENTRY}")
        index, purpose, bits = (
            value.get("statusListIndex"),
            value.get("statusPurpose"),
            value.get("statusSize", 1),
        )
        if not isinstance(purpose, str) or purpose not in PURPOSES:
            raise MalformedError("statusPurpose is neither revocation nor suspension")
        if not isinstance(index, str) or _INDEX.fullmatch(index) is None:
            raise MalformedError("statusListIndex is not a whole number as text")
        if type(bits) is not int or bits not in BITS:
            raise MalformedError("statusSize is not 1, 2, 4 or 8")
        uri = check_uri(value.get("statusListCredential"))
        return cls(StatusReference(uri, int(index)), purpose, bits)

    def to_json(self) -> JsonObject:
        """Return the credentialStatus."""
        written: JsonObject = {
            "id": f"{self.reference.uri}#{self.reference.index}",
            "type": ENTRY,
            "statusPurpose": self.purpose,
            "statusListIndex": str(self.reference.index),
            "statusListCredential": self.reference.uri,
        }
        return written if self.bits == 1 else written | {"statusSize": self.bits}


def encode_bitstring(statuses: StatusList) -> str:
    """Return a list as `encodedList`.

    Raises:
        MalformedError: fewer entries than hide a single one (clause 2.2).
    """
    _check_size(statuses.size)
    raw = statuses.raw.translate(_reversal(statuses.bits))
    return _MULTIBASE + base64url_encode(gzip.compress(raw, _GZIP_LEVEL, mtime=0))


def decode_bitstring(value: JsonValue, *, bits: int = 1) -> StatusList:
    """Read an `encodedList`.

    Raises:
        MalformedError: no multibase base64url of exactly one gzip member, one that inflates past
            the limit, or fewer entries than hide a single one (clause 3.2).
    """
    if not isinstance(value, str) or not value.startswith(_MULTIBASE):
        raise MalformedError(f"encodedList of {_WHAT} is not multibase base64url")
    if len(value) > limits.STATUS_TOKEN_BYTES:
        raise MalformedError(f"encodedList of {_WHAT} is too large")
    data = base64url_decode(value[1:], what=f"encodedList of {_WHAT}")
    raw = inflate(data, gzip=True)
    size = len(raw) * 8 // bits
    _check_size(size)
    return StatusList(bits, size, raw.translate(_reversal(bits)))


def _check_size(size: int) -> None:
    if size < limits.STATUS_LIST_MIN_ENTRIES:
        raise MalformedError(
            f"{_WHAT} has fewer than {limits.STATUS_LIST_MIN_ENTRIES} entries "
            "(STATUS_LIST_LENGTH_ERROR)"
        )


@lru_cache(maxsize=4)
def _reversal(bits: int) -> bytes:
    """Return a table that turns the order of the entries of a byte round (8 bits: as they are)."""
    mask = (1 << bits) - 1
    places = range(0, 8, bits)
    return bytes(
        sum((byte >> at & mask) << (8 - bits - at) for at in places) for byte in range(256)
    )


def list_document(
    statuses: StatusList,
    *,
    uri: str,
    issuer: str,
    purpose: str,
    valid_from: str,
    valid_until: str,
) -> JsonObject:
    """Return the credential of a list, to be signed; times as text.

    Raises:
        MalformedError: a purpose that is not one of ours, or too few entries.
    """
    if purpose not in PURPOSES:
        raise MalformedError("the purpose of a status list is revocation or suspension")
    return {
        "@context": [CREDENTIALS],
        "id": check_uri(uri),
        "type": [CREDENTIAL, LIST_CREDENTIAL],
        "issuer": issuer,
        "validFrom": valid_from,
        "validUntil": valid_until,
        "credentialSubject": {
            "id": f"{uri}#list",
            "type": LIST,
            "statusPurpose": purpose,
            "encodedList": encode_bitstring(statuses),
        },
    }


@dataclass(frozen=True, slots=True)
class ListCredential:
    """What a status list credential says; the list is inflated only by `statuses`."""

    uri: str
    purposes: tuple[str, ...]
    ttl: int | None
    encoded: JsonValue

    @classmethod
    def parse(cls, credential: W3cCredential) -> ListCredential:
        """Read a status list credential (clause 2.2).

        Raises:
            MalformedError: another type, no id, several subjects, a member of another form.
        """
        if LIST_CREDENTIAL not in credential.types:
            raise MalformedError(f"{_WHAT} is not a {LIST_CREDENTIAL}")
        subject = credential.claims()
        if credential.subjects[0].get("type") not in (LIST, [LIST]):
            raise MalformedError(f"the subject of {_WHAT} is not a {LIST}")
        purpose = subject.get("statusPurpose")
        purposes = [purpose] if isinstance(purpose, str) else purpose
        if not isinstance(purposes, list) or not purposes:
            raise MalformedError(f"{_WHAT} has no statusPurpose")
        return cls(
            uri=check_uri(credential.document.get("id")),
            purposes=tuple(str(each) for each in purposes),
            ttl=_seconds(subject.get("ttl")),
            encoded=subject.get("encodedList"),
        )

    def statuses(self, *, bits: int) -> StatusList:
        """Inflate and return the list; see `decode_bitstring`."""
        return decode_bitstring(self.encoded, bits=bits)


def _seconds(ttl: JsonValue) -> int | None:
    """Return `ttl`, which is in milliseconds, as seconds."""
    if ttl is None:
        return None
    if type(ttl) is not int or not 0 < ttl <= limits.SAFE_INTEGER:
        raise MalformedError(f"ttl of {_WHAT} is not a number of milliseconds")
    return ttl // 1000
