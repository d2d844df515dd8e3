"""From which height to which a store has blocks: it may begin above the genesis, and end above P.

P is the height of the state (`Position.summary.height`). Blocks go up to D: P itself, or P + 1
where the header that proves the state is the next one. A store begins above the genesis after
pruning or state sync; then the setting `base` says where.
"""

from __future__ import annotations

from typing import Final

from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.sealed_block import height_key
from registry_chain.storage.store import StoreSnapshot, Table
from weid.errors import NotFoundError

BASE: Final = b"base"
"""Setting: lowest height whose block is kept (8 bytes, big-endian); absent: the first height."""


class BlockNotKeptError(NotFoundError):
    """A block was asked for that lies below the first one kept here, which is `first`."""

    def __init__(self, first: int) -> None:
        super().__init__(
            f"this node keeps the blocks from height {first} on",
            hint="ask another node for those below, or its operator for the archives of them",
        )
        self.first = first


def read_base(snapshot: StoreSnapshot, genesis: Genesis) -> int:
    """Return the lowest height whose block the store keeps, or will when it has one.

    Raises:
        StoreDamagedError: the setting is damaged.
    """
    value = snapshot.get(Table.SETTINGS, BASE)
    if value is None:
        return genesis.initial_height
    base = int.from_bytes(value, "big")
    if len(value) != 8 or base <= genesis.initial_height:
        raise StoreDamagedError(
            "the setting that says where the blocks begin is damaged",
            table=Table.SETTINGS,
            key=BASE,
        )
    return base


def require_kept(snapshot: StoreSnapshot, genesis: Genesis, height: int) -> None:
    """Refuse a height of the chain whose block was pruned, or was never here.

    Raises:
        BlockNotKeptError: the store begins above it.
    """
    base = read_base(snapshot, genesis)
    if genesis.initial_height <= height < base:
        raise BlockNotKeptError(base)


def newest_height(snapshot: StoreSnapshot) -> int | None:
    """Return the height of the newest block, None where there is no block."""
    found = snapshot.newest(Table.BLOCKS)
    return None if found is None else int.from_bytes(found[0], "big")


def base_setting(height: int) -> dict[bytes, bytes | None]:
    """Return the setting that lets the blocks of a store begin at a height."""
    return {BASE: height_key(height)}
