"""A chain with a governor who may do everything that a test asks: engines, authors, readers."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.reader import CommittedReader, RecordReader
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.registry.light_client import TrustRoot
from weid.registry.operations import AnchorBatch, Inception, Operation
from weid.registry.pinned_genesis import parse_genesis
from weid.registry.records import Receipt
from weid.registry.signing import sign_transaction
from weid.registry.transaction import SignedTransaction, Transaction

NOW = 1_800_000_000
NETWORK = "testnet"
SEALER = PrivateKey.from_seed(hashlib.sha256(b"sealer").digest())
GOVERNORS = tuple(
    PrivateKey.from_seed(hashlib.sha256(f"governor {n}".encode()).digest()) for n in range(3)
)

AnyEngine = EmbeddedEngine | InlineEngine


def signer(key: PrivateKey) -> InMemorySigner:
    """Return the key as a signer."""
    return InMemorySigner(key)


def genesis(**changes: object) -> Genesis:
    """Return a genesis with three governors, any one of whom decides."""
    members: dict[str, object] = {
        "network": NETWORK,
        "chain_id": "testnet-1",
        "genesis_time": NOW,
        "governors": tuple(
            GenesisGovernor(
                Inception(NETWORK, (key.public.raw,), 1, b"", (), bytes([n]) * 16), f"Governor {n}"
            )
            for n, key in enumerate(GOVERNORS)
        ),
        "validators": (GenesisValidator(SEALER.public.raw, 1),),
        "parameters": {},
    }
    return Genesis(**{**members, **changes})  # type: ignore[arg-type]


def batch_root(name: object) -> bytes:
    """Return a made-up batch root."""
    return hashlib.sha256(f"batch {name}".encode()).digest()


class ChainWorld:
    """One chain over one store, and an author (a governor) who writes to it.

    `make` builds the engine: `InlineEngine` or `EmbeddedEngine`.
    """

    def __init__(
        self,
        store: ChainStore | None = None,
        *,
        make: Callable[..., AnyEngine] = InlineEngine,
        clock: FixedClock | None = None,
        key: PrivateKey = SEALER,
        **options: object,
    ) -> None:
        self.store: ChainStore = MemoryChainStore() if store is None else store
        self.clock = FixedClock(NOW) if clock is None else clock
        self.application = RegistryApplication(self.store)
        if not self.application.begun:
            self.application.init_chain(genesis())
        self.engine = make(self.application, signer(key), clock=self.clock, **options)
        self.genesis = self.application.genesis
        self.reader = CommittedReader(self.store)
        self.records = RecordReader(self.store)
        self._names = itertools.count()

    @property
    def did(self) -> str:
        """The first governor's DID."""
        return self.genesis.governors[0].did

    def governor(self, number: int) -> str:
        """Return a governor's DID."""
        return self.genesis.governors[number].did

    def sign(
        self,
        *operations: Operation,
        sequence: int | None = None,
        governor: int = 0,
        valid_until: int | None = None,
    ) -> SignedTransaction:
        """Return a transaction of a governor; its next one when no sequence is given."""
        did = self.governor(governor)
        transaction = Transaction(
            network=NETWORK,
            author=did,
            author_keys=("control-1",),
            sequence=self.records.next_sequence(did) if sequence is None else sequence,
            valid_until=self.clock.now() + 600 if valid_until is None else valid_until,
            operations=operations,
        )
        return sign_transaction(transaction, {"control-1": signer(GOVERNORS[governor])})

    def anchor(self, name: object = None, **how: int) -> SignedTransaction:
        """Return a transaction that anchors a made-up batch."""
        return self.sign(
            AnchorBatch(batch_root(next(self._names) if name is None else name), 1), **how
        )

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """Submit and wait for the receipt."""
        return self.engine.submit(transaction).result(timeout=20)

    def trust_root(self) -> TrustRoot:
        """Return where a light client begins."""
        body = self.reader.genesis()
        pinned = parse_genesis(body, expected_genesis_hash=self.genesis.genesis_hash)
        return pinned.root


def sqlite_world(folder: Path, **options: object) -> ChainWorld:
    """Return a world over a store in a folder."""
    return ChainWorld(SqliteChainStore(folder), **options)  # type: ignore[arg-type]
