"""Long random histories of every kind of transaction, good and bad, from one seed, and their file.

Run: python -m tests.support.random_blocks FILE SEED TRANSACTIONS. Writes genesis and blocks, each
with its fingerprint, and prints as JSON how often each result code and each event came about.
`tests.support.replayed_blocks` computes the same blocks again and prints the fingerprints.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, Final

from registry_chain.state_machine.block import BlockInput, BlockOutcome, Misbehaviour
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.memory_state import MemoryState
from registry_chain.state_machine.transition import apply_block, apply_genesis
from tests.support.random_operations import MAKERS, WEIGHTS, proposal
from tests.support.random_world import Member, RandomWorld
from tests.support.replayed_blocks import fingerprint, write_block, write_genesis
from tests.support.scripted_chain import NETWORK, START, raw_key
from weid import limits
from weid.registry.node_operations import (
    AdmitNode,
    ChangeNode,
    HandOver,
    ReinstateNode,
    RemoveNode,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.operations import (
    AnchorEvidence,
    Approve,
    CreateDid,
    GrantRole,
    Operation,
    Propose,
    RecoverDid,
    RevokeRole,
    SetParameter,
)
from weid.registry.state_keys import NAMESPACE_OF, state_key
from weid.registry.wire import decode_stored_record

GOVERNORS: Final = 4
BLOCK: Final = 100
"""A block has up to so many transactions, half of that on average."""
_ONLY_BY_PROPOSAL: Final = frozenset(
    {
        GrantRole,
        RevokeRole,
        SetParameter,
        AdmitNode,
        ChangeNode,
        SuspendNode,
        ReinstateNode,
        RemoveNode,
        ScheduleRules,
        HandOver,
    }
)


class RandomTransactions:
    """Transactions of a random world, one at a time."""

    def __init__(self, world: RandomWorld, kinds: Container[type] = MAKERS) -> None:
        self.world = world
        self._kinds = [kind for kind in MAKERS if kind in kinds]
        self._weights = [WEIGHTS.get(kind, 4) for kind in self._kinds]

    def transaction(self) -> bytes:
        """Return a transaction: most are in order, some are not, a few are not even bytes of one."""
        world = self.world
        if world.chance(0.02):
            return self._broken()
        kind = world.random.choices(self._kinds, self._weights)[0]
        return self.of_kind(kind, self._author(kind))

    def of_kind(self, kind: type[Operation], author: Member) -> bytes:
        """Return an author's transaction with an operation of a kind, now and then spoilt."""
        return self._varied(author, self.operations(kind, author))

    def operations(self, kind: type[Operation], author: Member) -> list[Operation]:
        """Return operations of which the first is of a kind, or proposes one of that kind."""
        world = self.world
        record = world.record(author)
        if record is None:
            return [MAKERS[CreateDid](world, author, None)]
        if kind is AnchorEvidence and world.chance(0.002):
            return self._too_many_notes()
        if not world.controlled(record):
            kind = RecoverDid
        chosen = [self._operation(kind, author)]
        while world.chance(0.12):
            chosen.append(self._operation(world.random.choice(self._kinds), author))
        return chosen

    def _operation(self, kind: type[Operation], author: Member) -> Any:
        world = self.world
        made = MAKERS[kind](world, author, world.record(author))
        alone = kind not in world.governed or (kind not in _ONLY_BY_PROPOSAL and world.chance(0.5))
        if alone or author not in world.governing or world.chance(0.03):
            return made
        return proposal(world, made)

    def _too_many_notes(self) -> list[Operation]:
        digest = self.world.random.randbytes(32)
        return [AnchorEvidence(digest, f"note {n}") for n in range(limits.EVIDENCE_NOTES + 1)]

    def _author(self, kind: type[Operation]) -> Member:
        world = self.world
        governs = kind in {Propose, Approve} or (kind in world.governed and world.chance(0.7))
        among = world.governing if governs and world.governing else world.members
        return world.choose(among)

    def _varied(self, author: Member, operations: list[Operation]) -> bytes:
        world = self.world
        endorser = None
        if author in world.idle and world.endorsing and world.chance(0.85):
            endorser = world.choose(world.endorsing)
        if world.chance(0.01):
            endorser = world.somebody()
        changes: dict[str, Any] = {}
        if world.chance(0.03):
            changes = world.random.choice(
                (
                    {"network": "other"},
                    {"valid_until": world.now - 5},
                    {"sequence": 0},
                    {"sequence": 2**40},
                    {"author": world.somebody().did},
                )
            )
        raw = world.signed(author, operations, endorser, **changes)
        world.sent = [*world.sent[-50:], raw]
        spoilt = world.chance(0.02)
        if changes or spoilt:
            world.took_back(author)
        if spoilt:
            damaged = bytearray(raw)
            damaged[world.random.randrange(len(raw))] ^= 1 << world.random.randrange(8)
            return bytes(damaged)
        return raw

    def _broken(self) -> bytes:
        """Return what is no new transaction: sent before, cut off, other bytes, far too many."""
        pick = self.world.random
        earlier = pick.choice(self.world.sent)
        if pick.random() < 0.01:
            return bytes(limits.TRANSACTION_BYTES + 1)
        return pick.choice((earlier, earlier[:-1], earlier + b"\0", pick.randbytes(40)))


class RandomBlocks:
    """Random blocks and the outcomes of the state machine, over a state in memory."""

    def __init__(self, seed: int, kinds: Container[type] = MAKERS) -> None:
        self.random = random.Random(seed)
        self.world = world = RandomWorld(self.random, self.read, kinds)
        world.members = [world.newborn(plain=True) for _ in range(GOVERNORS)]
        self.genesis = random_genesis(world)
        world.members += [world.newborn() for _ in range(20)]
        self.state = MemoryState(apply_genesis(self.genesis))
        self.time = START
        self.codes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self._transactions = RandomTransactions(world, kinds)

    def read(self, kind: type[Any], identity: bytes) -> Any:
        """Return a committed record, or None."""
        namespace = NAMESPACE_OF[kind]
        raw = self.state.get(state_key(namespace, identity))
        return None if raw is None else decode_stored_record(namespace, raw)

    def blocks(self, transactions: int) -> Iterator[tuple[BlockInput, BlockOutcome]]:
        """Apply blocks until there were so many transactions in all, and yield them."""
        left = transactions
        while left > 0:
            # Now and then a day goes by: what counts by the day begins again.
            self.time += 86_400 if self.random.random() < 0.01 else self.random.randrange(4)
            self.world.begin_block(self.time)
            raw = [self._transactions.transaction() for _ in range(min(left, self._size()))]
            block = BlockInput(
                self.state.summary.height + 1, self.time, tuple(raw), self._misbehaviour()
            )
            outcome = apply_block(self.state, block)
            self.state.write(outcome)
            self._note(outcome)
            left -= len(raw)
            yield block, outcome

    def _size(self) -> int:
        return 0 if self.random.random() < 0.03 else self.random.randrange(1, BLOCK)

    def _misbehaviour(self) -> tuple[Misbehaviour, ...]:
        if self.random.random() > 0.05:
            return ()
        voting = self.world.voting or [b""]
        keys = [self.random.choice(voting), self.random.choice(voting), self.random.randbytes(32)]
        return tuple(
            Misbehaviour(
                hashlib.sha256(key).digest()[:20], self.state.summary.height, "duplicate_vote"
            )
            for key in keys
        )

    def _note(self, outcome: BlockOutcome) -> None:
        self.codes.update(result.code.name for result in outcome.results)
        self.events.update(event.name for event in outcome.events)
        self.world.made(
            [bytes.fromhex(one.subject) for one in outcome.events if one.name == "proposal_made"]
        )


def random_genesis(world: RandomWorld) -> Genesis:
    """Return a genesis whose governors are the world's first members."""
    return Genesis(
        network=NETWORK,
        chain_id="demo-1",
        genesis_time=START,
        governors=tuple(GenesisGovernor(one.inception, one.did[-6:]) for one in world.members),
        validators=(GenesisValidator(raw_key("validator"), 10),),
        parameters={"governance_threshold": 2, "open_did_creation": 1, "open_did_per_block": 8},
    )


def main(path: str, seed: str, transactions: str) -> None:
    """Write a history into a file and print what it has come to."""
    history = RandomBlocks(int(seed))
    with Path(path).open("wb") as file:
        write_genesis(file, history.genesis)
        for block, outcome in history.blocks(int(transactions)):
            write_block(file, block, fingerprint(outcome))
    print(json.dumps({"codes": history.codes, "events": history.events}))


if __name__ == "__main__":
    main(*sys.argv[1:])
