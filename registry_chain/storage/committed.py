"""The committed state as the state machine reads it, out of a store.

`SnapshotState` reads one snapshot; what the application computes on is in `layered`. Both give the
same bytes for the same height.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.state import StateSummary
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.store import StoreSnapshot, Table
from weid.cbor import cbor_decode, cbor_encode
from weid.errors import MalformedError

GENESIS: Final = b"genesis"
"""Setting: the genesis file, as the chain was begun with it."""
POSITION: Final = b"position"
"""Setting: where the chain stands; see `Position`."""
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """Where the state stands: after block `summary.height`; blocks may reach one further.

    `results_hash` is what the `last_results_hash` of the header after that block must be: on the
    embedded engine the sealer takes it from here, under CometBFT it only says what that header
    says already. `validators_hash` names the set that seals the block after the newest stored one:
    the next sealer, or, under CometBFT, the `next_validators_hash` of the newest header. Both are
    empty where no block was applied here: after state sync only headers know them. `events` counts
    the feed.
    """

    summary: StateSummary
    results_hash: bytes
    validators_hash: bytes
    events: int

    def encode(self) -> bytes:
        """Return the setting's value."""
        summary = self.summary
        return cbor_encode(
            [
                _VERSION,
                summary.network,
                summary.height,
                summary.time,
                summary.smt_root,
                summary.log_size,
                summary.log_root,
                self.results_hash,
                self.validators_hash,
                self.events,
            ]
        )

    @classmethod
    def decode(cls, value: bytes) -> Position:
        """Read the setting's value.

        Raises:
            StoreDamagedError: it is not one.
        """
        try:
            match cbor_decode(value, what="the position", max_bytes=4096):
                case [
                    1,
                    str(network),
                    int(height),
                    int(time),
                    bytes(smt_root),
                    int(log_size),
                    bytes(log_root),
                    bytes(results_hash),
                    bytes(validators_hash),
                    int(events),
                ]:
                    summary = StateSummary(network, height, time, smt_root, log_size, log_root)
                    return cls(summary, results_hash, validators_hash, events)
        except MalformedError:
            pass
        raise StoreDamagedError(
            "the setting that says where the chain stands is damaged",
            table=Table.SETTINGS,
            key=POSITION,
        )


def read_position(snapshot: StoreSnapshot) -> Position | None:
    """Return where the chain stands, or None for a store without genesis.

    Raises:
        StoreDamagedError: the setting is damaged.
    """
    value = snapshot.get(Table.SETTINGS, POSITION)
    return None if value is None else Position.decode(value)


def read_genesis(snapshot: StoreSnapshot) -> Genesis:
    """Return the genesis of the stored chain.

    Raises:
        StoreDamagedError: it is missing or damaged.
    """
    value = snapshot.get(Table.SETTINGS, GENESIS)
    try:
        if value is not None:
            return Genesis.from_json(value)
    except MalformedError as error:
        raise StoreDamagedError(
            f"the stored genesis is damaged: {error.message}", table=Table.SETTINGS, key=GENESIS
        ) from error
    raise StoreDamagedError("the store has no genesis", table=Table.SETTINGS, key=GENESIS)


class SnapshotState:
    """One committed state (`CommittedState`) over a snapshot, as long as the snapshot is held."""

    __slots__ = ("position", "snapshot")

    def __init__(self, snapshot: StoreSnapshot) -> None:
        position = read_position(snapshot)
        if position is None:
            raise StoreDamagedError("the store has no chain", table=Table.SETTINGS, key=POSITION)
        self.snapshot = snapshot
        self.position = position

    @property
    def summary(self) -> StateSummary:
        """Where this state stands."""
        return self.position.summary

    @property
    def header_height(self) -> int:
        """The height of the newest block, whose header carries this state's app hash.

        It is that of the state, or one above it: the header that proves what a block changed is
        the next one's. Before the first block it is the state's height.
        """
        newest = self.snapshot.newest(Table.BLOCKS)
        return self.summary.height if newest is None else int.from_bytes(newest[0], "big")

    def get(self, state_key: bytes) -> bytes | None:
        """Return the bytes of the record under a state key, or None."""
        return self.snapshot.get(Table.RECORDS, state_key)

    def get_many(self, state_keys: Collection[bytes]) -> Mapping[bytes, bytes | None]:
        """Return the bytes of each of many records."""
        found = self.snapshot.get_many(Table.RECORDS, state_keys)
        return {key: found.get(key) for key in state_keys}

    def page(self, page_id: bytes) -> bytes | None:
        """Return a page of a sparse Merkle tree, or None."""
        return self.snapshot.get(Table.PAGES, page_id)

    def tile(self, tile_id: bytes) -> bytes | None:
        """Return a tile of the operation log, or None."""
        return self.snapshot.get(Table.LOG, tile_id)
