"""The real application on consensus without a network: `abci_driver` over registry stores.

Each node has a store, the engine's side of CometBFT (`CometApplication`) and a settler that
fetches its blocks from the mock network, as the real one does from its CometBFT. Settling is done
when a test says so, in its own thread, so that every order of events can be had on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from registry_chain.application import RegistryApplication
from registry_chain.engines.cometbft.app_state import app_state
from registry_chain.engines.cometbft.consensus import CometApplication
from registry_chain.engines.cometbft.rpc import BlockBody, KeptBlock
from registry_chain.engines.cometbft.settler import Settler
from registry_chain.reader import CommittedReader, RecordReader
from registry_chain.state_machine.genesis import Genesis, GenesisValidator
from registry_chain.state_machine.genesis_nodes import GenesisNode
from registry_chain.state_machine.nodes import is_admitted
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sealed_block import SealedBlock, read_validators
from registry_chain.storage.store import ChainStore
from tests.support import chain_world
from tests.support.abci_driver import MockNetwork, MockNode
from tests.support.light_chain import key
from tests.support.network_nodes import node_id
from weid.clock import FixedClock
from weid.errors import RegistryUnavailableError
from weid.registry.node_operations import NodeRole
from weid.registry.records import Head
from weid.registry.validators import ValidatorSet

NAMES = ("one", "two", "three", "four")
NOW = chain_world.NOW


def genesis_of(*names: str, **changes: object) -> Genesis:
    """Return a genesis whose validators are nodes of these names, each of power 1."""
    nodes = tuple(
        sorted(
            (
                GenesisNode(node_id(name), NodeRole.VALIDATOR, name, "", key(name).public.raw, 1)
                for name in names
            ),
            key=lambda node: node.node_id,
        )
    )
    validators = tuple(GenesisValidator(key(name).public.raw, 1) for name in names)
    return chain_world.genesis(validators=validators, nodes=nodes, **changes)


@dataclass
class RealNode:
    """One node: its store survives, its application is made again after each crash."""

    name: str
    genesis: Genesis
    store: ChainStore = field(default_factory=MemoryChainStore)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    initial_height: int = 1
    wrap: Callable[[RegistryApplication], RegistryApplication] = lambda one: one
    network: MockNetwork | None = None
    settler: Settler | None = None
    seen: dict[int, SealedBlock] = field(default_factory=dict)
    """Blocks as this node saw them sealed, where that is not as the network counts."""
    application: RegistryApplication | None = None

    # --- BlockSource: what the node's own CometBFT would say -------------------------------------

    def block(self, height: int, body: BlockBody | None = None) -> KeptBlock:
        """Return a decided block, as the RPC does."""
        assert self.network is not None
        if height > self.network.height:
            raise RegistryUnavailableError(f"no block {height} yet")
        before = None
        if height > self.network.initial_height:
            before = self.network.decided(height - 1).sealed.commit
        sealed = self.seen.get(height, self.network.decided(height).sealed)
        assert body in (None, BlockBody(sealed.transactions, sealed.misbehaviour))
        return KeptBlock(sealed, before)

    def validators(self, height: int) -> ValidatorSet:
        """Return the validators of a height, as the RPC does."""
        assert self.network is not None
        return self.network.validators(height)

    # --- MockNode --------------------------------------------------------------------------------

    def open(self) -> CometApplication:
        """Make the application over the store, as a new process does."""
        application = self.wrap(RegistryApplication(self.store))
        application.init_chain(self.genesis)
        self.application = application
        self.settler = Settler(
            application, self, on_settled=lambda _: None, on_fatal=lambda _: None
        )
        records = RecordReader(self.store, head=lambda: Head(0, 0, b"", b""))
        settler = self.settler
        return CometApplication(
            application,
            _Noting(settler),
            None,
            initial_height=self.initial_height,
            first_validators=self._announced,
            admits=lambda asked: is_admitted(records.node(asked)),
            clock=self.clock,
            version="test",
        )

    def _announced(self) -> ValidatorSet:
        with self.store.snapshot() as snapshot:
            return read_validators(snapshot, SnapshotState(snapshot).position.validators_hash)

    def settle(self) -> None:
        """Write what is decided and can be proved."""
        assert self.settler is not None
        self.settler.settle()

    def reader(self) -> CommittedReader:
        """Return proved answers out of the store."""
        return CommittedReader(self.store)


class _Noting:
    """The settler's face without its waiting: the test settles."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    def decided(self, height: int, block_hash: bytes, body: BlockBody) -> None:
        """Take note of a decided block."""
        self._settler.note(height, block_hash, body)

    def stored_height(self) -> int:
        """Return the newest height whose block is stored."""
        return self._settler.stored_height()


def real_network(
    names: tuple[str, ...] = NAMES, *, observers: tuple[str, ...] = (), **changes: object
) -> tuple[MockNetwork, list[RealNode]]:
    """Return a network that has begun, and its nodes; `changes` are those of its genesis."""
    genesis = genesis_of(*names, **changes)
    nodes = [RealNode(name, genesis) for name in (*names, *observers)]
    network = MockNetwork(
        [MockNode(node.name, node.open) for node in nodes],
        validators=names,
        chain_id=genesis.chain_id,
        app_state=json.dumps(app_state(genesis)).encode(),
    )
    for node in nodes:
        node.network = network
    network.begin()
    return network, nodes
