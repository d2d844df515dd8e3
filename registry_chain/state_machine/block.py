"""A block as the state machine sees it, and what applying it gives: values that storage writes.

`BlockOutcome` is complete: who writes all of it in one step, over the state that it was computed
from, has the next committed state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from registry_chain.state_machine.state import StateSummary
from weid.registry.codes import ResultCode
from weid.registry.records import Receipt


class Misbehaviour(NamedTuple):
    """A validator's proven fault, as the consensus engine found it.

    `address` is the validator's (20 bytes), `height` where it happened, `kind` the fixed word
    `duplicate_vote` or `light_client_attack`.
    """

    address: bytes
    height: int
    kind: str


class ValidatorUpdate(NamedTuple):
    """A validator's power from now on; `power` 0 takes the key (32 bytes) out of the set."""

    public_key: bytes
    power: int


@dataclass(frozen=True, slots=True)
class BlockInput:
    """An ordered list of signed transactions (their bytes) with the height and time of its block.

    `height` is one more than the last; `time` is in whole seconds and never before the last;
    `misbehaviour` is what the engine proved against validators, in its order.
    """

    height: int
    time: int
    transactions: tuple[bytes, ...]
    misbehaviour: tuple[Misbehaviour, ...] = ()


class Event(NamedTuple):
    """One thing that came about, for people and feeds; not part of the app hash.

    `name` is a fixed word such as `did_recovered`; `subject` the DID, URI, id or hex digest that
    it is about; `operation` the position in its transaction. What comes of no transaction has no
    author and an empty transaction id.
    """

    name: str
    subject: str
    author: str
    transaction_id: bytes
    operation: int


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What became of one transaction of the block, in the block's order.

    `receipt` is None for a code that leaves no trace (`ResultCode.recorded` is false); then
    `transaction_id` is empty where not even the payload could be read.
    """

    transaction_id: bytes
    code: ResultCode
    data: bytes = b""
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """Everything that a block changes. Nothing is written until storage writes this.

    - `results`: one for each transaction of the input.
    - `records`: state key → the record's new bytes.
    - `superseded`: SHA-256 → record bytes that are no longer current; keep them for ever, because
      `Version.previous` leads there. (Versions within the block are among them.)
    - `pages`: page id → page bytes, of the state tree and of the list trees.
    - `tiles`: tile id → tile bytes of the operation log.
    - `contents`: SHA-256 → template bytes that nodes keep beside the state.
    - `events`: in order.
    - `summary`: roots, height and time of the new state.
    - `validator_updates`: what a consensus engine must change in its validator set, by key.
    """

    results: tuple[TransactionResult, ...]
    records: Mapping[bytes, bytes]
    superseded: Mapping[bytes, bytes]
    pages: Mapping[bytes, bytes]
    tiles: Mapping[bytes, bytes]
    contents: Mapping[bytes, bytes]
    events: tuple[Event, ...]
    summary: StateSummary
    validator_updates: tuple[ValidatorUpdate, ...] = ()

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """The receipts of the transactions that were recorded, in the order of the log."""
        return tuple(result.receipt for result in self.results if result.receipt is not None)

    @property
    def app_hash(self) -> bytes:
        """The hash that the next header carries."""
        return self.summary.app_hash
