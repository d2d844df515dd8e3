"""Nodes over chains that a test seals, with states that prove themselves, for tests of many nodes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from tests.support.light_chain import START, LightChain, key
from weid.cbor import cbor_encode
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.errors import NodeBehindError, RegistryUnavailableError
from weid.registry.answers import RecordAnswer, StateRoots
from weid.registry.light_block import LightBlock
from weid.registry.nodes import NodeReport
from weid.registry.pinned_genesis import genesis_hash
from weid.registry.proofs import EMPTY, StateProof, app_hash
from weid.registry.proved_reader import ProvedReader
from weid.registry.trusted_heads import MemoryTrustedHeads


class ProvableChain(LightChain):
    """A chain without a record, whose log grows by one entry with each block.

    The header at a height carries the state after the block before it, as on CometBFT.
    """

    def roots(self, height: int) -> StateRoots:
        """Return the parts of the app hash that the header at a height carries."""
        log_root = hashlib.sha256(f"log {self.label} {height}".encode()).digest()
        return StateRoots(height, EMPTY, height - 1, log_root)

    def app_hash(self, height: int) -> bytes:
        """Return the app hash that the header at a height carries."""
        roots = self.roots(height)
        return app_hash(roots.smt_root, roots.log_size, roots.log_root)

    @property
    def genesis(self) -> bytes:
        """The genesis in its canonical bytes."""
        keys = [[v.public_key, v.power] for v in self.root.validators.validators]
        return cbor_encode([1, "net", self.chain_id, START, 1, "", [], keys, {}])

    @property
    def genesis_hash(self) -> bytes:
        """What names the registry."""
        return genesis_hash(self.genesis)


def provable(*keys: PrivateKey, label: str = "") -> ProvableChain:
    """Return a chain that these keys seal."""
    return ProvableChain(*keys, label=label)


@dataclass
class LightNode:
    """A node of a chain: `behind` blocks behind it, or `down`; `asked` counts the questions."""

    chain: ProvableChain
    name: str = "a"
    behind: int = 0
    down: bool = False
    asked: list[str] = field(default_factory=list)
    genesis_bytes: bytes | None = None

    @property
    def url(self) -> str:
        return f"https://{self.name}.example"

    @property
    def height(self) -> int:
        return len(self.chain.blocks) - self.behind

    def _heard(self, question: str) -> None:
        self.asked.append(question)
        if self.down:
            raise RegistryUnavailableError(f"{self.name} is down")

    def genesis(self) -> bytes:
        self._heard("genesis")
        return self.genesis_bytes or self.chain.genesis

    def light_block(self, height: int | None) -> LightBlock:
        self._heard(f"block {'newest' if height is None else height}")
        if height is not None and height > self.height:
            raise NodeBehindError(f"{self.name} has no block {height}")
        return self.chain.blocks[(height or self.height) - 1]

    def record(self, namespace: str, record_id: bytes) -> RecordAnswer:
        self._heard(f"record {namespace}")
        assert record_id
        return RecordAnswer(self.chain.roots(self.height), None, StateProof(()))


FOUR = tuple(key(f"validator {number}") for number in range(4))
OTHERS = tuple(key(f"other {number}") for number in range(4))
SOMEBODY = "did:weid:net:2UzHM"


class NodesWorld:
    """Three nodes of a chain of four validators, and a clock that is just after its newest block."""

    def __init__(self, *, blocks: int = 20, keys: tuple[PrivateKey, ...] | None = None) -> None:
        self.chain = provable(*(keys or FOUR))
        self.chain.grow(blocks)
        self.clock = FixedClock(START + blocks + 1)
        self.nodes = [LightNode(self.chain, name) for name in ("a", "b", "c")]
        self.heads = MemoryTrustedHeads()
        self.changes: list[NodeReport] = []
        self.slept: list[float] = []

    def reader(self, *nodes: object, **options: object) -> ProvedReader:
        return ProvedReader(
            nodes or self.nodes,
            genesis_hash=self.chain.genesis_hash,
            clock=self.clock,
            head_store=self.heads,
            node_changed=self.changes.append,
            **options,
        )

    def fork(self, *, common: int = 15, keys: tuple = FOUR) -> ProvableChain:
        """Return a chain that leaves the true one after a block, sealed by `keys`."""
        other = self.chain.copy(label="fork")
        count = len(other.blocks) - common
        del other.blocks[common:]
        other.keys = keys
        other.grow(count)
        return other

    def grow(self, count: int = 1, seconds: int | None = None) -> None:
        self.chain.grow(count)
        self.clock.advance(count if seconds is None else seconds)


def states(reader: ProvedReader) -> list[str]:
    return [str(node.state) for node in reader.nodes_report()]
