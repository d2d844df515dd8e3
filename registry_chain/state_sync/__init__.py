"""State sync: a committed state as a manifest and chunks that a new node verifies one by one.

`SnapshotMaker` makes and keeps them; `take_offer` and `SnapshotTaker` believe them (SS-…).
"""

from registry_chain.state_sync.maker import SNAPSHOTS, SnapshotMaker, kept_heights
from registry_chain.state_sync.manifest import FORMAT, Manifest
from registry_chain.state_sync.taker import SnapshotTaker, take_offer
from registry_chain.state_sync.unfinished import clear_unfinished, is_unfinished
from registry_chain.state_sync.verdicts import (
    ChunkAnswer,
    ChunkResult,
    OfferAnswer,
    OfferResult,
    StateSnapshot,
)

__all__ = [
    "FORMAT",
    "SNAPSHOTS",
    "ChunkAnswer",
    "ChunkResult",
    "Manifest",
    "OfferAnswer",
    "OfferResult",
    "SnapshotMaker",
    "SnapshotTaker",
    "StateSnapshot",
    "clear_unfinished",
    "is_unfinished",
    "kept_heights",
    "take_offer",
]
