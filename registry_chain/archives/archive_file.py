"""An archive: a file of blocks with their validators and receipts, which checks itself (SS-12).

    "weid-archive" LF · head · block … · end

Head, blocks and end are CBOR arrays, each with its length (4 bytes, big-endian) before it. The
head is `[1, genesis, first height, last height]`; a block `[block, validators, [receipt…]]` with
the bytes that the store has of each, `validators` only where no block before in the file has the
same set, and for a transaction without receipt `null`; the end `["end", SHA-256 of all before]`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_block,
    decode_validators,
    encode_block,
    encode_validators,
)
from registry_chain.storage.whole_file import sync_folder
from weid.cbor import CborValue, cbor_decode, cbor_encode
from weid.errors import MalformedError, NotFoundError
from weid.registry.validators import ValidatorSet

MAGIC: Final = b"weid-archive\n"
_VERSION: Final = 1
_END: Final = "end"
_LENGTH: Final = 4
_ITEM_BYTES: Final = 128 * 1024 * 1024
"""A block has 64 MiB of transactions at most, and receipts of at most as much."""


@dataclass(frozen=True, slots=True)
class ArchiveHead:
    """What an archive says of itself: its chain, and its first and last height."""

    genesis: Genesis
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ArchivedBlock:
    """A block with the validators that sealed it and the receipt bytes of each transaction."""

    block: SealedBlock
    validators: ValidatorSet
    receipts: tuple[bytes | None, ...]


def write_archive(path: Path, head: ArchiveHead, blocks: Iterable[ArchivedBlock]) -> int:
    """Write an archive to a new file, durably, and return its size in bytes.

    Raises:
        StoreRefusedError: the file exists or cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    if path.exists():
        raise StoreRefusedError(f"{path} exists already", hint="name a new file")
    try:
        with part.open("wb") as file:
            size = _write(file, head, blocks)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise StoreRefusedError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return size


def _write(file: BinaryIO, head: ArchiveHead, blocks: Iterable[ArchivedBlock]) -> int:
    digest = hashlib.sha256()
    size = 0

    def put(data: bytes) -> None:
        nonlocal size
        digest.update(data)
        file.write(data)
        size += len(data)

    put(MAGIC)
    put(_item([_VERSION, head.genesis.to_json(), head.first, head.last]))
    known: set[bytes] = set()
    for found in blocks:
        named = found.block.header.validators_hash
        validators = None if named in known else encode_validators(found.validators)
        known.add(named)
        put(_item([encode_block(found.block), validators, list(found.receipts)]))
    put(_item([_END, digest.digest()]))
    return size


def _item(value: CborValue) -> bytes:
    raw = cbor_encode(value)
    return len(raw).to_bytes(_LENGTH, "big") + raw


def read_head(path: Path) -> ArchiveHead:
    """Return the head of an archive without looking at the rest; see `read_archive`."""
    reader = _Reader(path)
    try:
        return reader.head()
    finally:
        reader.close()


def read_archive(path: Path) -> Iterator[ArchivedBlock]:
    """Yield the blocks of an archive; at the end its checksum was right.

    Only the form is checked: who may be believed says `check_archives`.

    Raises:
        NotFoundError: there is no such file.
        StoreDamagedError: it is no archive, cut short, or a byte of it was changed.
    """
    reader = _Reader(path)
    try:
        head = reader.head()
        sets: dict[bytes, ValidatorSet] = {}
        for height in range(head.first, head.last + 1):
            yield reader.block(height, sets)
        reader.end()
    finally:
        reader.close()


class _Reader:
    """Reads an archive item by item and hashes what it reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
            self._left = os.fstat(self._file.fileno()).st_size
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NotFoundError(f"there is no file {path}") from None
        self._digest = hashlib.sha256()

    def close(self) -> None:
        self._file.close()

    def head(self) -> ArchiveHead:
        if self._take(len(MAGIC)) != MAGIC:
            raise self._damaged("it is not an archive of blocks")
        match self._item("its head"):
            case [1, bytes(raw), int(first), int(last)] if 0 < first <= last < 2**63:
                try:
                    return ArchiveHead(Genesis.from_json(raw), first, last)
                except MalformedError as error:
                    raise self._damaged(error.message) from None
        raise self._damaged("its head is of another form or version")

    def block(self, height: int, sets: dict[bytes, ValidatorSet]) -> ArchivedBlock:
        try:
            match self._item(f"block {height}"):
                case [bytes(raw), validators, list(receipts)]:
                    block = decode_block(raw, height=height)
                    named = block.header.validators_hash
                    if isinstance(validators, bytes):
                        sets[named] = decode_validators(validators, expected_hash=named)
                    if named in sets:
                        kept = tuple([r if isinstance(r, bytes) else None for r in receipts])
                        return ArchivedBlock(block, sets[named], kept)
        except StoreDamagedError as error:
            raise self._damaged(error.message, height) from None
        raise self._damaged(f"block {height} has another form or no validators", height)

    def end(self) -> None:
        expected = self._digest.digest()
        found = self._item("its end")
        if found != [_END, expected] or self._left:
            raise self._damaged("its checksum is another: a byte was changed")

    def _item(self, what: str) -> CborValue:
        size = int.from_bytes(self._take(_LENGTH), "big")
        if size > _ITEM_BYTES:
            raise self._damaged(f"{what} is larger than an archive can have")
        raw = self._take(size)
        try:
            return cbor_decode(raw, what=what, max_bytes=_ITEM_BYTES)
        except MalformedError as error:
            raise self._damaged(error.message) from None

    def _take(self, size: int) -> bytes:
        if size > self._left:
            raise self._damaged("it is cut short")
        raw = self._file.read(size)
        self._left -= size
        self._digest.update(raw)
        return raw

    def _damaged(self, what: str, height: int | None = None) -> StoreDamagedError:
        error = StoreDamagedError(f"the archive {self._path} is damaged: {what}", height=height)
        error.hint = "bring the file back from a copy, or make it again from another node"
        return error
