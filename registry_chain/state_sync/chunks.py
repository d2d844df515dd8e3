"""The bytes of the five kinds of chunks, as values and back (SS-03 to SS-07)."""

from __future__ import annotations

from dataclasses import dataclass

from registry_chain.state_sync.manifest import MAX_CHUNK_BYTES
from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError
from weid.registry.list_proofs import ListProof


@dataclass(frozen=True, slots=True)
class RecordsChunk:
    """All records of a range of state keys: key and bytes, and the proof of the range (ST-07)."""

    entries: tuple[tuple[bytes, bytes], ...]
    proof: ListProof

    def to_bytes(self) -> bytes:
        """Return the chunk."""
        entries: list[CborValue] = [[key, value] for key, value in self.entries]
        return cbor_encode([entries, self.proof.to_bytes()])

    @classmethod
    def from_bytes(cls, data: bytes) -> RecordsChunk:
        """Read a chunk; raises MalformedError."""
        match _array(data):
            case [list(entries), bytes(proof)]:
                return cls(tuple([_pair(entry) for entry in entries]), ListProof.from_bytes(proof))
        raise _malformed()


@dataclass(frozen=True, slots=True)
class ReceiptsChunk:
    """Receipts in the order of the log, and that the log up to there begins the whole log."""

    receipts: tuple[bytes, ...]
    path: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the chunk."""
        return cbor_encode([list(self.receipts), list(self.path)])

    @classmethod
    def from_bytes(cls, data: bytes) -> ReceiptsChunk:
        """Read a chunk; raises MalformedError."""
        match _array(data):
            case [[_, *_] as receipts, list(path)]:
                return cls(_all_bytes(receipts), _all_bytes(path, length=32))
        raise _malformed()


@dataclass(frozen=True, slots=True)
class ListPageKeys:
    """Which records stand in a range of a list: their state keys, and the proof of the range."""

    list_id: str
    keys: tuple[bytes, ...]
    proof: ListProof


@dataclass(frozen=True, slots=True)
class ListsChunk:
    """Pages of lists, each list whole before the next one."""

    pages: tuple[ListPageKeys, ...]

    def to_bytes(self) -> bytes:
        """Return the chunk."""
        return cbor_encode([encode_page(page) for page in self.pages])

    @classmethod
    def from_bytes(cls, data: bytes) -> ListsChunk:
        """Read a chunk; raises MalformedError."""
        return cls(tuple([_page(value) for value in _array(data)]))


@dataclass(frozen=True, slots=True)
class BytesChunk:
    """Former versions of records, or documents of templates: bytes that hashes already name."""

    values: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the chunk."""
        return cbor_encode(list(self.values))

    @classmethod
    def from_bytes(cls, data: bytes) -> BytesChunk:
        """Read a chunk; raises MalformedError."""
        return cls(_all_bytes(_array(data)))


def encode_page(page: ListPageKeys) -> CborValue:
    """Return a page of a list as a CBOR value."""
    return [page.list_id, list(page.keys), page.proof.to_bytes()]


def _page(value: CborValue) -> ListPageKeys:
    match value:
        case [str(list_id), list(keys), bytes(proof)]:
            return ListPageKeys(list_id, _all_bytes(keys, length=32), ListProof.from_bytes(proof))
    raise _malformed()


def _array(data: bytes) -> list[CborValue]:
    value = cbor_decode(data, what="the chunk", max_bytes=MAX_CHUNK_BYTES)
    if not isinstance(value, list) or not value:
        raise _malformed()
    return value


def _pair(value: CborValue) -> tuple[bytes, bytes]:
    match value:
        case [bytes(key), bytes(record)] if len(key) == 32:
            return key, record
    raise _malformed()


def _all_bytes(values: list[CborValue], *, length: int | None = None) -> tuple[bytes, ...]:
    found = tuple([value for value in values if isinstance(value, bytes)])
    sized = length is None or all(len(value) == length for value in found)
    if len(found) != len(values) or not sized:
        raise _malformed()
    return found


def _malformed() -> MalformedError:
    return MalformedError("the chunk has another form than its kind")
