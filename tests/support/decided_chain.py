"""A chain whose blocks several validators decide, as CometBFT does, written as the settler does.

Blocks may hold transactions without trace; commits have later rounds, absent and nil votes; the
store has a state once the next header proves it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from registry_chain.application import RegistryApplication
from registry_chain.state_machine.block import BlockInput, BlockOutcome, Misbehaviour
from registry_chain.state_machine.genesis import Genesis, GenesisValidator
from registry_chain.storage.sealed_block import (
    SealedBlock,
    read_block,
    results_root,
    transactions_root,
)
from registry_chain.storage.store import ChainStore
from tests.support.chain_world import NOW, ChainWorld
from tests.support.network_nodes import admission, holds, node_id
from tests.support.random_history import RandomHistory
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.registry.comet_encoding import NANOSECONDS, merkle_root
from weid.registry.headers import (
    NO_BLOCK,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    VoteFlag,
    sign_bytes,
)
from weid.registry.node_operations import HandOver, NodeRole
from weid.registry.operations import Propose
from weid.registry.validators import Validator, ValidatorSet
from weid.registry.wire import encode_signed

KEYS = tuple(
    PrivateKey.from_seed(hashlib.sha256(f"validator {n}".encode()).digest()) for n in range(5)
)
ABSENT_TIME = -62_135_596_800 * NANOSECONDS
NOTHING = merkle_root(())


def validators_of(keys: Sequence[PrivateKey]) -> ValidatorSet:
    """Return the keys as validators of power 1."""
    return ValidatorSet.of([Validator(key.public.raw, 1) for key in keys])


def commit_of(header: Header, keys: Sequence[PrivateKey], *, round_number: int = 0) -> Commit:
    """Return a commit in which, of five, one is absent or votes for nothing, in turn."""
    block_id = BlockId(header.hash(), 1, hashlib.sha256(header.hash()).digest())
    unsigned = Commit(header.height, round_number, block_id, ())
    by_raw = {key.public.raw: key for key in keys}
    entries = []
    for number, validator in enumerate(validators_of(keys).validators):
        key = by_raw[validator.public_key]
        flag = VoteFlag.COMMIT
        if len(keys) > 3 and number == header.height % len(keys):
            flag = VoteFlag.NIL if header.height % 2 else VoteFlag.ABSENT
        if flag is VoteFlag.ABSENT:
            entries.append(CommitSignature(flag, b"", ABSENT_TIME, b""))
            continue
        time_ns = header.time_ns + number
        voted = (
            unsigned
            if flag is VoteFlag.COMMIT
            else dataclasses.replace(unsigned, block_id=NO_BLOCK)
        )
        signature = key.sign(sign_bytes(header.chain_id, voted, time_ns))
        entries.append(CommitSignature(flag, validator.address, time_ns, signature))
    return dataclasses.replace(unsigned, signatures=tuple(entries))


class DecidedChain:
    """Blocks decided by some keys over a store; `settle` says whether each is written at once."""

    def __init__(
        self, store: ChainStore, genesis: Genesis, keys: Sequence[PrivateKey] = KEYS
    ) -> None:
        self.store = store
        self.keys = tuple(keys)
        self.application = RegistryApplication(store)
        listed = tuple(GenesisValidator(key.public.raw, 1) for key in keys)
        self.genesis = dataclasses.replace(genesis, validators=listed)
        self.application.init_chain(self.genesis)
        self.blocks: list[SealedBlock] = []
        self.outcomes: list[BlockOutcome] = []
        self.first = self.genesis.initial_height

    @classmethod
    def going_on(cls, application: RegistryApplication, keys: Sequence[PrivateKey]) -> DecidedChain:
        """Return the chain that goes on where another engine has handed it over."""
        chain = cls.__new__(cls)
        chain.store, chain.keys, chain.application = application.store, tuple(keys), application
        chain.genesis = application.genesis
        chain.blocks, chain.outcomes = [], []
        chain.first = application.info().height + 1
        return chain

    def block(
        self,
        *transactions: bytes,
        time: int,
        misbehaviour: tuple[Misbehaviour, ...] = (),
        next_keys: Sequence[PrivateKey] | None = None,
    ) -> SealedBlock:
        """Decide a block and write what it proves."""
        before = self.blocks[-1] if self.blocks else None
        height = before.header.height + 1 if before else self.first
        app_hash = self.outcomes[-1].app_hash if self.outcomes else self.application.info().app_hash
        following = self.keys if next_keys is None else tuple(next_keys)
        outcome = self.application.finalize_block(
            BlockInput(height, time, transactions, misbehaviour)
        )
        last_results = self.outcomes[-1].results if self.outcomes else ()
        header = Header(
            block_version=11,
            app_version=1,
            chain_id=self.genesis.chain_id,
            height=height,
            time_ns=time * NANOSECONDS + height,
            last_block_id=before.commit.block_id if before else NO_BLOCK,
            last_commit_hash=before.commit.hash() if before else NOTHING,
            data_hash=transactions_root(transactions),
            validators_hash=validators_of(self.keys).hash(),
            next_validators_hash=validators_of(following).hash(),
            consensus_hash=bytes(32),
            app_hash=app_hash,
            last_results_hash=results_root((int(r.code), r.data) for r in last_results),
            evidence_hash=hashlib.sha256(b"evidence").digest() if misbehaviour else NOTHING,
            proposer_address=validators_of(self.keys).validators[0].address,
        )
        commit = commit_of(header, self.keys, round_number=height % 3)
        sealed = SealedBlock(header, commit, transactions, misbehaviour)
        sets = [validators_of(self.keys), validators_of(following)]
        self.blocks.append(sealed)
        self.outcomes.append(outcome)
        self.keys = following
        self._settle(sealed, sets)
        return sealed

    def _settle(self, newest: SealedBlock, sets: list[ValidatorSet]) -> None:
        count = 0
        for number, outcome in enumerate(self.application.staged, start=1):
            state = outcome.summary
            below = state.height < newest.header.height
            if below or state.app_hash == newest.header.app_hash:
                count = number
        proved = self.application.position.summary.height
        if count:
            proved = self.application.staged[count - 1].summary.height
        with self.store.snapshot() as snapshot:
            stored = read_block(snapshot, proved, with_transactions=False)
        hashes = {block.header.height: block.header.hash() for block in self.blocks}
        block_hash = bytes(32) if stored is None else stored.header.hash()
        prepared = self.application.prepare_decided(
            count, (newest,), sets, block_hash=hashes.get(proved, block_hash)
        )
        self.application.persist(prepared)
        self.application.settle(prepared)


def random_decided(
    store: ChainStore, seed: int, blocks: int, keys: Sequence[PrivateKey] = KEYS
) -> DecidedChain:
    """Return a chain with a random history, broken and repeated transactions among it."""
    history = RandomHistory(seed)
    for _ in history.blocks(blocks):
        pass
    chain = DecidedChain(store, history.chain.genesis, keys)
    repeated: tuple[bytes, ...] = ()
    for found in history.chain.blocks:
        # What was recorded before stands here again, and leaves no trace.
        extra = repeated if found.height % 5 == 0 else ()
        chain.block(*found.transactions, *extra, time=found.time)
        repeated = found.transactions[:1]
    return chain


def handed_over_chain(store: ChainStore) -> DecidedChain:
    """Return a chain that one sealer began and handed over to five validators."""
    world = ChainWorld(store)
    world.submit(world.anchor("before"))
    until = NOW + 10_000
    for number, key in enumerate(KEYS):
        admitted = admission(
            node_id(str(number)),
            NodeRole.VALIDATOR,
            f"Node {number}",
            validator_key=holds(InMemorySigner(key)),
            power=1,
            network=world.genesis.network,
        )
        world.submit(world.sign(Propose(admitted, until)))
    receipt = world.submit(world.sign(Propose(HandOver(), until)))
    assert receipt.code == 0
    chain = DecidedChain.going_on(RegistryApplication(store), KEYS)
    time = world.clock.now() + 1
    chain.block(time=time)
    for number in range(1, 5):
        chain.block(encode_signed(world.anchor(f"after {number}")), time=time + number)
    chain.block(time=time + 9)
    return chain
