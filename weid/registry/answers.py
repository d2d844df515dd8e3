"""What a node answers to a reader, with its proofs, and the JSON in which it travels.

JSON objects; byte strings in base64url, proofs in their own bytes (clauses NA-01, NA-…).
Parsing checks the form only. What an answer is worth is decided in `proved_reader`, against a
header that the light client believes; nothing here is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.encoding import JsonObject, JsonValue, base64url_decode, base64url_encode
from weid.errors import MalformedError
from weid.registry.list_proofs import ListPage, ListProof
from weid.registry.log_proofs import LogConsistencyProof, LogInclusionProof
from weid.registry.proofs import StateProof, app_hash
from weid.registry.records import Receipt
from weid.registry.wire import decode_receipt, encode_receipt

HISTORY_PAGE: Final = 64
"""Former versions that one answer may hold."""
LIST_PAGE: Final = 200
"""Entries of a list that one answer may hold."""
LOG_PATH: Final = 128
"""Hashes in a proof of the log: two for each level of a log of 2^64 leaves."""
_INT64: Final = 2**63


@dataclass(frozen=True, slots=True)
class StateRoots:
    """The parts of an app hash, and the height of a header that carries it.

    `height` only helps to find that header; what counts is that the hash is there.
    """

    height: int
    smt_root: bytes
    log_size: int
    log_root: bytes

    @property
    def app_hash(self) -> bytes:
        """What the header must carry."""
        return app_hash(self.smt_root, self.log_size, self.log_root)

    def to_json(self) -> JsonObject:
        """Return the JSON form."""
        return {
            "height": self.height,
            "smt_root": base64url_encode(self.smt_root),
            "log_size": self.log_size,
            "log_root": base64url_encode(self.log_root),
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> StateRoots:
        """Parse the JSON form."""
        fields = Fields(value, "the answer's state")
        return cls(
            fields.integer("height"),
            fields.octets("smt_root", length=32),
            fields.integer("log_size"),
            fields.octets("log_root", length=32),
        )


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """A record's bytes, or None for "there is none", with its place in the state tree."""

    roots: StateRoots
    value: bytes | None
    proof: StateProof

    def to_json(self) -> JsonObject:
        """Return the JSON form (clause NA-06)."""
        return {
            "state": self.roots.to_json(),
            "value": None if self.value is None else base64url_encode(self.value),
            "proof": base64url_encode(self.proof.to_bytes()),
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> RecordAnswer:
        """Parse the JSON form."""
        fields = Fields(value, "the record's answer")
        return cls(
            StateRoots.from_json(fields.member("state")),
            fields.optional_octets("value", max_bytes=limits.RECORD_BYTES),
            StateProof.from_bytes(fields.octets("proof")),
        )


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """A page of a list, with the index record that it is proved against.

    `index` and `page` are None where the list was never begun, which `proof` shows.
    """

    roots: StateRoots
    index: bytes | None
    proof: StateProof
    page: ListPage | None

    def to_json(self) -> JsonObject:
        """Return the JSON form (clause NA-08)."""
        page: JsonObject | None = None
        if self.page is not None:
            page = {
                "entries": [
                    [base64url_encode(key), base64url_encode(value)]
                    for key, value in self.page.entries
                ],
                "proof": base64url_encode(self.page.proof.to_bytes()),
            }
        return {
            "state": self.roots.to_json(),
            "index": None if self.index is None else base64url_encode(self.index),
            "proof": base64url_encode(self.proof.to_bytes()),
            "page": page,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> ListAnswer:
        """Parse the JSON form."""
        fields = Fields(value, "the list's answer")
        page = fields.member("page")
        return cls(
            StateRoots.from_json(fields.member("state")),
            fields.optional_octets("index", max_bytes=limits.RECORD_BYTES),
            StateProof.from_bytes(fields.octets("proof")),
            None if page is None else _list_page(page),
        )


def _list_page(value: JsonValue) -> ListPage:
    what = "the list's page"
    fields = Fields(value, what)
    entries = []
    for entry in fields.items("entries", most=LIST_PAGE):
        if not isinstance(entry, list) or len(entry) != 2:
            raise MalformedError(f"{what} has an entry that is not a key and a record")
        key, record = (_octets(item, what, limits.RECORD_BYTES) for item in entry)
        if len(key) != 32:
            raise MalformedError(f"{what} has a key that is not 32 bytes long")
        entries.append((key, record))
    proof = ListProof.from_bytes(fields.octets("proof", max_bytes=2 * 65_536))
    return ListPage(tuple(entries), proof)


@dataclass(frozen=True, slots=True)
class ReceiptAnswer:
    """A receipt with its place in the operation log."""

    roots: StateRoots
    receipt: Receipt
    path: tuple[bytes, ...]

    @property
    def proof(self) -> LogInclusionProof:
        """The place of the receipt in the log that the state has."""
        return LogInclusionProof(self.receipt.position, self.roots.log_size, self.path)

    def to_json(self) -> JsonObject:
        """Return the JSON form (clause NA-10)."""
        return {
            "state": self.roots.to_json(),
            "receipt": base64url_encode(encode_receipt(self.receipt)),
            "path": [base64url_encode(sibling) for sibling in self.path],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> ReceiptAnswer:
        """Parse the JSON form."""
        fields = Fields(value, "the receipt's answer")
        return cls(
            StateRoots.from_json(fields.member("state")),
            decode_receipt(fields.octets("receipt")),
            _path(fields),
        )


@dataclass(frozen=True, slots=True)
class ConsistencyAnswer:
    """That the log of `first` leaves is the beginning of the log that the state has."""

    roots: StateRoots
    first: int
    path: tuple[bytes, ...]

    @property
    def proof(self) -> LogConsistencyProof:
        """The proof between the two sizes."""
        return LogConsistencyProof(self.first, self.roots.log_size, self.path)

    def to_json(self) -> JsonObject:
        """Return the JSON form (clause NA-11)."""
        return {
            "state": self.roots.to_json(),
            "first": self.first,
            "path": [base64url_encode(sibling) for sibling in self.path],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> ConsistencyAnswer:
        """Parse the JSON form."""
        fields = Fields(value, "the log's answer")
        return cls(
            StateRoots.from_json(fields.member("state")), fields.integer("first"), _path(fields)
        )


def _path(fields: Fields) -> tuple[bytes, ...]:
    hashes = [_octets(item, "the log proof", 32) for item in fields.items("path", most=LOG_PATH)]
    if any(len(item) != 32 for item in hashes):
        raise MalformedError("the log proof has something else than hashes")
    return tuple(hashes)


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """Former versions of one record, newest first: each is what the one after it names."""

    versions: tuple[bytes, ...]

    def to_json(self) -> JsonObject:
        """Return the JSON form (clause NA-07)."""
        return {"versions": [base64url_encode(version) for version in self.versions]}

    @classmethod
    def from_json(cls, value: JsonValue) -> HistoryAnswer:
        """Parse the JSON form."""
        what = "the history's answer"
        items = Fields(value, what).items("versions", most=HISTORY_PAGE)
        return cls(tuple(_octets(item, what, limits.RECORD_BYTES) for item in items))


class Fields:
    """The members of one JSON object, asked for by name and kind.

    Members that are not asked for are let pass: a newer node may say more.

    Raises:
        MalformedError: from every method, where the member is not there or of another kind.
    """

    def __init__(self, value: JsonValue, what: str) -> None:
        if not isinstance(value, dict):
            raise MalformedError(f"{what} is not a JSON object")
        self._value = value
        self._what = what

    def member(self, name: str) -> JsonValue:
        """Return a member of any kind."""
        if name not in self._value:
            raise MalformedError(f"{self._what} has no {name}")
        return self._value[name]

    def text(self, name: str) -> str:
        """Return a text."""
        value = self.member(name)
        if not isinstance(value, str):
            raise MalformedError(f"{self._what} has no text {name}")
        return value

    def integer(self, name: str) -> int:
        """Return an integer from 0 below 2^63."""
        value = self.member(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _INT64:
            raise MalformedError(f"{self._what} has no whole number {name}")
        return value

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self.member(name)
        if not isinstance(value, bool):
            raise MalformedError(f"{self._what} has no true or false {name}")
        return value

    def items(self, name: str, *, most: int) -> list[JsonValue]:
        """Return an array of at most so many items."""
        value = self.member(name)
        if not isinstance(value, list) or len(value) > most:
            raise MalformedError(f"{self._what} has no array {name} of at most {most} items")
        return value

    def octets(self, name: str, *, length: int | None = None, max_bytes: int = 65_536) -> bytes:
        """Return the bytes of a base64url text, exactly `length` or at most `max_bytes`."""
        data = _octets(self.member(name), f"{self._what}'s {name}", max_bytes)
        if length is not None and len(data) != length:
            raise MalformedError(f"{self._what}'s {name} is not {length} bytes long")
        return data

    def optional_octets(self, name: str, *, max_bytes: int) -> bytes | None:
        """Return the bytes of a base64url text, or None for null."""
        if self.member(name) is None:
            return None
        return self.octets(name, max_bytes=max_bytes)


def _octets(value: JsonValue, what: str, max_bytes: int) -> bytes:
    if not isinstance(value, str) or len(value) > max_bytes * 4 // 3 + 4:
        raise MalformedError(f"{what} is not a base64url text of at most {max_bytes} bytes")
    return base64url_decode(value, what=what)
