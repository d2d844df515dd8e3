"""Consensus without a network: N applications in lockstep, as CometBFT would drive them.

`MockNetwork.decide` runs a height: PrepareProposal of the proposer whose turn it is,
ProcessProposal of all, a further round for each refused proposal, then FinalizeBlock and Commit of
all. It raises where CometBFT would stop: applications that differ, a proposal that is too large, an
application that is ahead of the chain. Applications are crashed between any two calls and made
again over their stores; then the handshake replays what they lost. Blocks are real: headers,
validator sets and commits are such that a light client believes them.

    network = MockNetwork([MockNode("a", open_a), MockNode("b", open_b), …])
    network.begin()
    network.decide([raw, …], crashes={1: Point.COMMIT})
    network.restart(1)
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from registry_chain.engines.cometbft.calls import (
    ChainStart,
    Checked,
    ConsensusApplication,
    DecidedBlock,
    FinalizedBlock,
    Standing,
)
from registry_chain.engines.embedded.sealing import CONSENSUS_HASH, EMPTY_ROOT
from registry_chain.state_machine.block import Misbehaviour, ValidatorUpdate
from registry_chain.storage.sealed_block import SealedBlock, results_root, transactions_root
from tests.support.light_chain import key
from weid.crypto.keys import PrivateKey
from weid.registry.comet_encoding import NANOSECONDS, integer_field, varint
from weid.registry.headers import (
    NO_BLOCK,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    VoteFlag,
    sign_bytes,
)
from weid.registry.light_block import LightBlock
from weid.registry.validators import Validator, ValidatorSet

START = 1_800_000_000
BLOCK_BYTES = 4 * 2**20
"""Block data before the application has said how large a block may be."""
_NO_TIME = -62_135_596_800 * NANOSECONDS

Forgery = Callable[[list[bytes]], list[bytes]]
"""What a byzantine proposer makes of the proposal that its application prepared."""


class NetworkHaltedError(Exception):
    """So many validators are down, or refuse, that no block can be decided."""


class NetworkFaultError(Exception):
    """CometBFT would stop here: an application broke a rule."""


class Point(Enum):
    """Where in a height an application is crashed: before the call of this name, or at the end."""

    PROPOSE = auto()
    ACCEPT = auto()
    FINALIZE = auto()
    COMMIT = auto()
    END = auto()


@dataclass
class MockNode:
    """One application and its store.

    `open` makes an application over the node's store, after a crash too; `crash` is told which
    application is given up, so that it can let go of what a process's end would have let go of.
    """

    name: str
    open: Callable[[], ConsensusApplication]
    crash: Callable[[ConsensusApplication], None] = lambda _: None
    key: PrivateKey | None = None
    application: ConsensusApplication | None = None

    def __post_init__(self) -> None:
        self.key = self.key or key(self.name)

    @property
    def public_key(self) -> bytes:
        assert self.key is not None
        return self.key.public.raw

    @property
    def running(self) -> ConsensusApplication:
        assert self.application is not None, f"{self.name} is down"
        return self.application


@dataclass(frozen=True)
class _Agreed:
    """What the first two thirds agreed on, who voted, and how many proposals were refused."""

    transactions: list[bytes]
    proposer: bytes
    refused: int
    voters: frozenset[bytes]


@dataclass(frozen=True)
class Decided:
    """A height: the block, what came of it, and how many proposals were refused before it."""

    block: DecidedBlock
    outcome: FinalizedBlock
    sealed: SealedBlock
    validators: ValidatorSet
    refused: int
    retain_heights: Mapping[str, int] = field(default_factory=dict)

    @property
    def light_block(self) -> LightBlock:
        """What `/commit` and `/validators` say of the height."""
        return LightBlock(self.sealed.header, self.sealed.commit, self.validators)


class MockNetwork:
    """Nodes in lockstep; those of `validators` (names; all by default) have `power` each."""

    def __init__(
        self,
        nodes: Sequence[MockNode],
        *,
        validators: Sequence[str] | None = None,
        chain_id: str = "mock-chain",
        initial_height: int = 1,
        app_state: bytes = b"",
        start_ns: int = START * NANOSECONDS,
        power: int = 1,
    ) -> None:
        self.nodes = list(nodes)
        self.chain_id = chain_id
        self.initial_height = initial_height
        names = [node.name for node in nodes] if validators is None else validators
        self._genesis = tuple(
            ValidatorUpdate(node.public_key, power) for node in nodes if node.name in names
        )
        self.start = ChainStart(chain_id, start_ns, initial_height, self._genesis, app_state)
        self.blocks: list[Decided] = []
        self.pool: list[bytes] = []
        self._sets: dict[int, ValidatorSet] = {}
        self._first_hash = b""
        self._first_size = 0

    # --- What there is ---------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """The newest decided height; one below the first before there is one."""
        return self.initial_height - 1 + len(self.blocks)

    @property
    def app_hash(self) -> bytes:
        """What the next header carries."""
        return self.blocks[-1].outcome.app_hash if self.blocks else self._first_hash

    def decided(self, height: int) -> Decided:
        """Return a decided height."""
        return self.blocks[height - self.initial_height]

    @property
    def block_bytes(self) -> int:
        """CometBFT's size of the next block, as the application said it; 0: it never did."""
        said = [one.outcome.block_bytes for one in self.blocks if one.outcome.block_bytes]
        return said[-1] if said else self._first_size

    @property
    def data_bytes(self) -> int:
        """How many bytes of transactions the next block has room for (`types.MaxDataBytes`)."""
        around = 11 + 626 + 94 + 144 * len(self._sets[self.height + 1].validators)
        return self.block_bytes - around if self.block_bytes else BLOCK_BYTES

    def validators(self, height: int) -> ValidatorSet:
        """Return the set that seals a height, up to two above the newest."""
        return self._sets[height]

    @property
    def up(self) -> list[MockNode]:
        """The nodes that run."""
        return [node for node in self.nodes if node.application is not None]

    # --- Begin, crash, restart -------------------------------------------------------------------

    def begin(self) -> None:
        """Start every node: Info, then InitChain where the application has no height."""
        for node in self.nodes:
            node.application = node.open()
            self._handshake(node)

    def crash(self, index: int) -> None:
        """Give an application up; its store stays as it is."""
        node = self.nodes[index]
        application, node.application = node.running, None
        node.crash(application)

    def restart(self, index: int) -> Standing:
        """Make the application again and replay what it lost; return where it stood."""
        node = self.nodes[index]
        assert node.application is None, f"{node.name} runs"
        node.application = node.open()
        return self._handshake(node)

    def _handshake(self, node: MockNode) -> Standing:
        """Do what CometBFT does after a start (`Handshaker.ReplayBlocks`)."""
        application = node.running
        standing = application.info()
        if standing.height > self.height or 0 < standing.height < self.initial_height:
            raise NetworkFaultError(
                f"{node.name} stands at {standing.height}, the chain at {self.height}"
            )
        if standing.height == 0:
            self._init_chain(node)
        elif standing.app_hash != self.decided(standing.height).outcome.app_hash:
            raise NetworkFaultError(f"{node.name} has another app hash at {standing.height}")
        for decided in self.blocks:
            if decided.block.height > standing.height:
                outcome = application.finalize(decided.block)
                self._require_equal(node, decided.block, outcome, decided.outcome)
                application.commit()
        return standing

    def _init_chain(self, node: MockNode) -> None:
        state = node.running.init_chain(self.start)
        first = self._sets.setdefault(
            self.initial_height, _changed(None, state.validators or self._genesis)
        )
        self._sets.setdefault(self.initial_height + 1, first)
        if not self._first_hash:
            self._first_hash, self._first_size = state.app_hash, state.block_bytes
        if state.app_hash != self._first_hash:
            raise NetworkFaultError(f"{node.name} begins with another app hash")
        if state.block_bytes != self._first_size:
            raise NetworkFaultError(f"{node.name} begins with another block size")

    # --- The mempool -----------------------------------------------------------------------------

    def submit(self, raw: bytes) -> list[Checked]:
        """Give a transaction to every running node; it waits where one takes it."""
        found = [node.running.check(raw, recheck=False) for node in self.up]
        if any(checked.code == 0 for checked in found):
            self.pool.append(raw)
        return found

    def _recheck(self, decided: Sequence[bytes]) -> None:
        done = set(decided)
        self.pool = [
            raw
            for raw in self.pool
            if raw not in done
            and any(node.running.check(raw, recheck=True).code == 0 for node in self.up)
        ]

    # --- A height --------------------------------------------------------------------------------

    def decide(
        self,
        transactions: Sequence[bytes] | None = None,
        *,
        forgery: Forgery | None = None,
        misbehaviour: Sequence[Misbehaviour] = (),
        crashes: Mapping[int, Point] | None = None,
    ) -> Decided:
        """Run one height; `transactions` are the pool's unless given.

        `forgery` is done by the first proposer only; `crashes` names nodes by their index.

        Raises:
            NetworkHaltedError: no round can decide.
            NetworkFaultError: an application broke a rule.
        """
        crashes = crashes or {}
        offered = list(self.pool if transactions is None else transactions)
        agreed = self._agree(offered, forgery, crashes)
        proposed = agreed.transactions
        header = self._header(proposed, agreed.proposer)
        block = DecidedBlock(
            height=header.height,
            time_ns=header.time_ns,
            hash=header.hash(),
            transactions=tuple(proposed),
            misbehaviour=tuple(misbehaviour),
            next_validators_hash=header.next_validators_hash,
            proposer=agreed.proposer,
        )
        self._crash_at(Point.FINALIZE, crashes)
        outcome = self._finalize(block)
        self._crash_at(Point.COMMIT, crashes)
        self._sets[block.height + 2] = _changed(
            self._sets[block.height + 1], outcome.validator_updates
        )
        sealed = SealedBlock(
            header, self._commit(header, agreed.voters), block.transactions, block.misbehaviour
        )
        retained = {node.name: node.running.commit() for node in self.up}
        decided = Decided(
            block, outcome, sealed, self._sets[block.height], agreed.refused, retained
        )
        self.blocks.append(decided)
        self._crash_at(Point.END, crashes)
        self._recheck(proposed)
        return decided

    def _crash_at(self, point: Point, crashes: Mapping[int, Point]) -> None:
        for index, where in crashes.items():
            if where is point:
                self.crash(index)

    def _agree(
        self, offered: Sequence[bytes], forgery: Forgery | None, crashes: Mapping[int, Point]
    ) -> _Agreed:
        """Run rounds until two thirds take a proposal."""
        height = self.height + 1
        validators = self._sets[height].validators
        self._crash_at(Point.PROPOSE, crashes)
        refused = 0
        for turn in range(len(validators)):
            proposer = validators[(height + turn) % len(validators)]
            node = self._running(proposer.public_key)
            if node is None:
                continue
            proposed = self._prepared(node, offered)
            if forgery is not None:
                proposed, forgery = forgery(proposed), None
            self._crash_at(Point.ACCEPT, {} if refused else crashes)
            voters = self._voters(height)
            if self._accepted(proposed, height):
                return _Agreed(proposed, proposer.address, refused, voters)
            refused += 1
        raise NetworkHaltedError(f"no proposal at height {height} is taken")

    def _running(self, public_key: bytes) -> MockNode | None:
        return next((node for node in self.up if node.public_key == public_key), None)

    def _voters(self, height: int) -> frozenset[bytes]:
        """Return the validators that run; they must have more than two thirds of the power."""
        validators = self._sets[height]
        running = {node.public_key for node in self.up}
        voting = [v for v in validators.validators if v.public_key in running]
        if 3 * sum(v.power for v in voting) <= 2 * validators.total_power:
            raise NetworkHaltedError(f"too few validators run at height {height}")
        return frozenset(v.public_key for v in voting)

    def _prepared(self, node: MockNode, offered: Sequence[bytes]) -> list[bytes]:
        proposed = list(node.running.propose(offered, max_bytes=self.data_bytes))
        if _data_bytes(proposed) > self.data_bytes:
            raise NetworkFaultError(f"{node.name} proposes more than {self.data_bytes} bytes")
        return proposed

    def _accepted(self, proposed: Sequence[bytes], height: int) -> bool:
        if _data_bytes(proposed) > self.data_bytes:
            return False  # CometBFT does not take such a block from the network
        said = {node.name: node.running.accept(proposed, height=height) for node in self.up}
        if len(set(said.values())) > 1:
            raise NetworkFaultError(f"ProcessProposal at {height} depends on the node: {said}")
        return all(said.values())

    def _finalize(self, block: DecidedBlock) -> FinalizedBlock:
        found: FinalizedBlock | None = None
        for node in self.up:
            outcome = node.running.finalize(block)
            if found is not None:
                self._require_equal(node, block, outcome, found)
            found = outcome
        if found is None:
            raise NetworkHaltedError("every node is down")
        return found

    def _require_equal(
        self, node: MockNode, block: DecidedBlock, outcome: FinalizedBlock, expected: FinalizedBlock
    ) -> None:
        """All of it is consensus: results, app hash, validators and the size of blocks."""
        if len(outcome.results) != len(block.transactions):
            raise NetworkFaultError(f"{node.name} gives {len(outcome.results)} results")
        for name in ("results", "app_hash", "validator_updates", "block_bytes"):
            if getattr(outcome, name) != getattr(expected, name):
                raise NetworkFaultError(f"{node.name} has other {name} at height {block.height}")

    # --- Headers ---------------------------------------------------------------------------------

    def _header(self, transactions: Sequence[bytes], proposer: bytes) -> Header:
        height = self.height + 1
        before = self.blocks[-1] if self.blocks else None
        last = before.sealed.commit if before else None
        results = before.outcome.results if before else ()
        return Header(
            block_version=11,
            app_version=1,
            chain_id=self.chain_id,
            height=height,
            time_ns=self.start.time_ns + (height - self.initial_height) * NANOSECONDS,
            last_block_id=last.block_id if last else NO_BLOCK,
            last_commit_hash=last.hash() if last else EMPTY_ROOT,
            data_hash=transactions_root(transactions),
            validators_hash=self._sets[height].hash(),
            next_validators_hash=self._sets[height + 1].hash(),
            consensus_hash=self._consensus_hash(),
            app_hash=self.app_hash,
            last_results_hash=results_root(results),
            evidence_hash=EMPTY_ROOT,
            proposer_address=proposer,
        )

    def _consensus_hash(self) -> bytes:
        """Return the hash of HashedParams: the size of blocks, and gas without a bound."""
        if not self.block_bytes:
            return CONSENSUS_HASH
        hashed = integer_field(1, self.block_bytes) + integer_field(2, -1)
        return hashlib.sha256(hashed).digest()

    def _commit(self, header: Header, voters: frozenset[bytes]) -> Commit:
        """Return the commit of those who voted."""
        unsigned = Commit(header.height, 0, BlockId(header.hash(), 1, header.hash()), ())
        message = sign_bytes(self.chain_id, unsigned, header.time_ns)
        keys = {n.public_key: n.key for n in self.nodes if n.public_key in voters}
        entries = []
        for validator in self._sets[header.height].validators:
            signer = keys.get(validator.public_key)
            if signer is None:
                entries.append(CommitSignature(VoteFlag.ABSENT, b"", _NO_TIME, b""))
                continue
            signature = signer.sign(message)
            entries.append(
                CommitSignature(VoteFlag.COMMIT, validator.address, header.time_ns, signature)
            )
        return dataclasses.replace(unsigned, signatures=tuple(entries))


# --- What a byzantine proposer may do ------------------------------------------------------------


def malformed(transactions: list[bytes]) -> list[bytes]:
    """Add what is no transaction."""
    return [b"\xff\x00 nothing", *transactions, b""]


def oversize(size: int) -> Forgery:
    """Add a transaction of so many bytes."""
    return lambda transactions: [*transactions, b"\x00" * size]


def reordered(transactions: list[bytes]) -> list[bytes]:
    """Turn the order round."""
    return transactions[::-1]


def duplicated(transactions: list[bytes]) -> list[bytes]:
    """Propose each transaction twice."""
    return transactions + transactions


def _data_bytes(transactions: Sequence[bytes]) -> int:
    """Return the size of block data as CometBFT counts it."""
    return sum(1 + len(varint(len(raw))) + len(raw) for raw in transactions)


def _changed(before: ValidatorSet | None, updates: Sequence[ValidatorUpdate]) -> ValidatorSet:
    """Return a set with the updates carried out; a set without validators is refused."""
    powers = {v.public_key: v.power for v in before.validators} if before else {}
    for public_key, power in updates:
        if not power and public_key not in powers:
            raise NetworkFaultError("an update removes who is no validator")
        powers[public_key] = power
    return ValidatorSet.of([Validator(k, power) for k, power in powers.items() if power])
