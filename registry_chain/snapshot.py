"""Backups of a store, bringing them back, and the whole chain as lines of JSON (D16, B18).

A backup is a store of its own: the same database, copied while the engine goes on, with a
checkpoint of its own. It is verified whole before it becomes anybody's store.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from registry_chain.storage.acceptance import accept_present_height
from registry_chain.storage.committed import SnapshotState, read_genesis
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.extent import newest_height, read_base
from registry_chain.storage.integrity import find_damage
from registry_chain.storage.sealed_block import SealedBlock, read_block, read_light_block
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore, Checkpoint, StoreSnapshot, Table
from registry_chain.storage.whole_file import sync_folder
from weid.encoding import JsonObject, base64url_encode, json_dumps
from weid.errors import MalformedError
from weid.registry.transaction import transaction_id
from weid.registry.wire import decode_receipt, decode_signed


def back_up(store: SqliteChainStore, folder: Path) -> Checkpoint:
    """Copy a store to a folder that does not exist yet, while it goes on being written.

    The copy is of one committed state, which the returned checkpoint names; it is verified whole
    and on the disk when this returns.

    Raises:
        StoreRefusedError: the folder exists or cannot be written.
        StoreDamagedError: the copy is not what was written, so neither is the store.
    """
    return _install(store.copy_to, folder)


def restore(
    backup: Path,
    folder: Path,
    *,
    expected_genesis_hash: bytes | None = None,
    expected_checkpoint: Checkpoint | None = None,
) -> Checkpoint:
    """Bring a backup back as a store in a folder that does not exist yet.

    It is verified whole first, and may lie on a medium that cannot be written.
    `expected_genesis_hash` says which registry it must be; `expected_checkpoint` (such as one
    published elsewhere) must be a block in its history.

    Raises:
        StoreRefusedError: the folder exists, or the backup is of another registry or history.
        StoreDamagedError: a byte of it is not what was written; nothing was restored.
    """
    source = SqliteChainStore(backup, reading=True)
    try:
        _require_expected(source, expected_genesis_hash, expected_checkpoint)
        return _install(source.copy_to, folder)
    finally:
        source.close()


def _require_expected(
    store: ChainStore, genesis_hash: bytes | None, checkpoint: Checkpoint | None
) -> None:
    with store.snapshot() as snapshot:
        if genesis_hash is not None and read_genesis(snapshot).genesis_hash != genesis_hash:
            raise StoreRefusedError("the backup is of another registry")
        if checkpoint is None:
            return
        block = read_block(snapshot, checkpoint.height, with_transactions=False)
    if block is None or block.header.hash() != checkpoint.block_hash:
        raise StoreRefusedError(
            f"the backup does not have the expected block at height {checkpoint.height}"
        )


def _install(copy: Callable[[Path], None], folder: Path) -> Checkpoint:
    """Make a copy beside the folder, verify it, and let it take the folder's name."""
    if folder.exists():
        raise StoreRefusedError(f"{folder} exists already", hint="move it away first")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        copy(part)
        checkpoint = accept_present_height(part)
        _verify(part)
        part.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise StoreRefusedError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return checkpoint


def _verify(folder: Path) -> None:
    copy = SqliteChainStore(folder)
    try:
        for damage in find_damage(copy):
            raise StoreDamagedError(
                str(damage), table=damage.table, key=damage.key, height=damage.height
            )
    finally:
        copy.close()


# --- Export --------------------------------------------------------------------------------------


def export_lines(store: ChainStore) -> Iterator[bytes]:
    """Yield the whole chain as lines of JSON: the genesis, then each block with its transactions.

    A block's line has its light block as CometBFT's RPC writes it, and for each transaction its
    id, bytes (base64url) and receipt; one that left no trace has no code. One committed state is
    exported, with the blocks that the store keeps.
    """
    with store.snapshot() as snapshot:
        genesis = read_genesis(snapshot)
        yield _line({"kind": "genesis", "genesis": genesis.to_json().decode()})
        newest = newest_height(snapshot)
        last = -1
        if newest is not None:
            last = max(SnapshotState(snapshot).summary.height, newest)
        for height in range(read_base(snapshot, genesis), last + 1):
            yield _line(_block_members(snapshot, height))


def _block_members(snapshot: StoreSnapshot, height: int) -> JsonObject:
    light = read_light_block(snapshot, height)
    block = read_block(snapshot, height)
    if light is None or block is None:
        raise StoreDamagedError("a block is missing", table=Table.BLOCKS, height=height)
    return {
        "kind": "block",
        "height": height,
        "hash": light.header.hash().hex(),
        "light_block": light.to_json(),
        "transactions": [_transaction_members(snapshot, raw, height) for raw in block.transactions],
        **_misbehaviour_members(block),
    }


def _misbehaviour_members(block: SealedBlock) -> JsonObject:
    if not block.misbehaviour:
        return {}
    return {
        "misbehaviour": [
            {"address": found.address.hex(), "height": found.height, "kind": found.kind}
            for found in block.misbehaviour
        ]
    }


def _transaction_members(snapshot: StoreSnapshot, raw: bytes, height: int) -> JsonObject:
    without_trace: JsonObject = {"bytes": base64url_encode(raw)}
    try:
        name = transaction_id(decode_signed(raw).payload)
    except MalformedError:
        return without_trace
    value = snapshot.get(Table.RECEIPTS, name)
    if value is None:
        return without_trace
    try:
        receipt = decode_receipt(value)
    except MalformedError as error:
        raise StoreDamagedError("a receipt is damaged") from error
    if receipt.height != height:
        return without_trace
    return {
        "id": name.hex(),
        "bytes": base64url_encode(raw),
        "code": receipt.code,
        "position": receipt.position,
        "data": base64url_encode(receipt.data),
    }


def _line(members: JsonObject) -> bytes:
    return json_dumps(members) + b"\n"
