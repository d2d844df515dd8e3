"""One chain's application as CometBFT drives it: `ConsensusApplication` over RegistryApplication.

What each call promises is said in `calls`; what is written when, in `settler`. CometBFT's Commit
persists nothing itself: the store follows as soon as a state can be proved, and `info` says where
it stands, so that CometBFT runs again what a crash took.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from registry_chain.application import RegistryApplication, parameter_key
from registry_chain.engines.collection import without_collection
from registry_chain.engines.cometbft.app_state import require_app_state
from registry_chain.engines.cometbft.calls import (
    Answered,
    ChainStart,
    Checked,
    DecidedBlock,
    Executed,
    FinalizedBlock,
    InitialState,
    Standing,
)
from registry_chain.engines.cometbft.founding import BLOCK_SIZE_PARAMETERS, block_max_bytes
from registry_chain.engines.cometbft.pool_order import PoolOrder
from registry_chain.engines.cometbft.pool_shares import (
    SHARE_TRANSACTIONS,
    PoolShares,
    share_bytes,
)
from registry_chain.engines.cometbft.rpc import BlockBody
from registry_chain.engines.embedded.sealing import APP_VERSION
from registry_chain.state_machine.admission import read_transaction
from registry_chain.state_machine.block import BlockInput, BlockOutcome
from registry_chain.state_machine.parameters import MAX_BLOCK_BYTES
from registry_chain.state_sync.verdicts import ChunkAnswer, ChunkResult, OfferResult, StateSnapshot
from registry_chain.storage.errors import StoreRefusedError
from weid.clock import Clock
from weid.errors import RegistryUnavailableError
from weid.registry.codes import ResultCode, describe
from weid.registry.comet_encoding import NANOSECONDS
from weid.registry.validators import Validator, ValidatorSet

BLOCKS_KEPT: Final = 10_000
"""Blocks that CometBFT keeps for peers that were away; our own store has the others too."""
PENDING: Final = SHARE_TRANSACTIONS
"""Sequence numbers of one author that may wait in the pool before the next one."""
_BLOCK_SIZE_KEYS: Final = tuple(parameter_key(name) for name in BLOCK_SIZE_PARAMETERS)
_PEER_BY_ID: Final = "/p2p/filter/id/"
_PEER_BY_ADDRESS: Final = "/p2p/filter/addr/"
_REFUSED: Final = 1
_NO_SUCH_PATH: Final = 2


class Settling(Protocol):
    """What writes the decided blocks: see `settler`."""

    def decided(self, height: int, block_hash: bytes, body: BlockBody) -> None:
        """Take note that a block is decided and its state staged."""
        ...

    def stored_height(self) -> int:
        """Return the newest height whose block is stored."""
        ...


class Snapshots(Protocol):
    """What gives the state to new nodes, and takes it from others."""

    def list_snapshots(self) -> Sequence[StateSnapshot]:
        """Return the snapshots that can be given to others."""
        ...

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return a piece of a snapshot, empty where there is none."""
        ...

    def offer_snapshot(self, snapshot: StateSnapshot, app_hash: bytes) -> OfferResult:
        """Say whether to restore a snapshot."""
        ...

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take the next piece of the accepted snapshot."""
        ...


class CometApplication:
    """A `ConsensusApplication`; see there for who may call what and when.

    `initial_height` is that of CometBFT's genesis: of a chain that moved here from the embedded
    engine it is above our genesis' own. `first_validators` gives the set that seals the block
    there. `admits` says whether the node with an id (20 bytes) is let in as a peer. `version` is
    the software's, for people. Without `snapshots` the node neither gives nor takes any.
    `on_refused` is told of each transaction that does not come into the pool, or leaves it; without
    a code where it could not be judged.
    """

    def __init__(  # noqa: PLR0913 - its surroundings, each named
        self,
        application: RegistryApplication,
        settling: Settling,
        snapshots: Snapshots | None,
        *,
        initial_height: int,
        first_validators: Callable[[], ValidatorSet],
        admits: Callable[[bytes], bool],
        clock: Clock,
        version: str,
        on_refused: Callable[[bytes, ResultCode | None], None] = lambda _, __: None,
    ) -> None:
        self._application = application
        self._settling = settling
        self._snapshots = snapshots
        self._initial_height = initial_height
        self._first_validators = first_validators
        self._admits = admits
        self._clock = clock
        self._version = version
        self._on_refused = on_refused
        self._computed: DecidedBlock | None = None
        self._kept_shares: PoolShares | None = None
        self._order = PoolOrder(application.following)

    # --- How it stands and begins ----------------------------------------------------------------

    def info(self) -> Standing:
        """Return where the store stands; height 0 until a block of CometBFT is in it."""
        found = self._application.info()
        if found.height < self._initial_height:
            return Standing(0, b"", self._version, APP_VERSION)
        return Standing(found.height, found.app_hash, self._version, APP_VERSION)

    def init_chain(self, start: ChainStart) -> InitialState:
        """Require that CometBFT's genesis is of this chain; return the state it begins over.

        Raises:
            StoreRefusedError: it is of another chain, height or validator set, or names another
                genesis hash, last header or state than the store has.
        """
        genesis = self._application.genesis
        if (start.chain_id, start.initial_height) != (genesis.chain_id, self._initial_height):
            raise StoreRefusedError(
                f"CometBFT's genesis is of chain {start.chain_id} from height "
                f"{start.initial_height}, the node's of {genesis.chain_id} from "
                f"{self._initial_height}"
            )
        position = self._application.info()
        if position.height != self._initial_height - 1:
            raise StoreRefusedError(
                f"the store stands at height {position.height}, and CometBFT begins at "
                f"{self._initial_height}",
                hint="bring back the store of the height before, or join by state sync",
            )
        require_app_state(
            start.app_state,
            self._application.store,
            genesis,
            initial_height=self._initial_height,
        )
        given = ValidatorSet.of([Validator(key, power) for key, power in start.validators])
        if given.hash() != self._first_validators().hash():
            raise StoreRefusedError("CometBFT's genesis has other validators than the registry")
        # A chain that moves here may have changed it since its genesis.
        size = block_max_bytes(self._application.parameter)
        return InitialState(position.app_hash, block_bytes=0 if size == start.block_bytes else size)

    # --- The pool --------------------------------------------------------------------------------

    def check(self, raw: bytes, *, recheck: bool) -> Checked:
        """Judge a transaction for the pool; one that is there already, without its signatures."""
        now = self._clock.now()
        try:
            code = self._judged(raw, recheck=recheck, now=now)
        except BaseException:
            self._on_refused(raw, None)
            raise
        if code is ResultCode.OK:
            return Checked(int(code))
        self._on_refused(raw, code)
        return Checked(int(code), describe(code))

    def _judged(self, raw: bytes, *, recheck: bool, now: int) -> ResultCode:
        return self._judged_again(raw, now) if recheck else self._judged_first(raw, now)

    def _judged_first(self, raw: bytes, now: int) -> ResultCode:
        found = self._application.check(raw, time=now, pending=PENDING)
        if found.code is not ResultCode.OK:
            return found.code
        if not self._order.admits(found.author, found.sequence):
            return ResultCode.SEQUENCE_NOT_NEXT
        author, sequence = found.author, found.sequence
        if not self._shares().take(found.payer, raw, author=author, sequence=sequence):
            return ResultCode.AUTHOR_LIMIT
        self._order.came(author, sequence)
        return ResultCode.OK

    def _judged_again(self, raw: bytes, now: int) -> ResultCode:
        code = self._application.recheck(raw, time=now)
        reading = read_transaction(raw)
        if not isinstance(reading, ResultCode):
            author, sequence = reading[1].author, reading[1].sequence
            if code is ResultCode.OK and not self._order.stays(author, sequence):
                code = ResultCode.SEQUENCE_NOT_NEXT
            if code is not ResultCode.OK:
                self._order.left(author, sequence)
        self._shares().asked_again(raw, stays=code is ResultCode.OK)
        return code

    def _shares(self) -> PoolShares:
        # Made when the chain has begun: a node that joins by state sync has no genesis before.
        if self._kept_shares is None:
            block = self._application.genesis.parameter(MAX_BLOCK_BYTES)
            self._kept_shares = PoolShares(size=share_bytes(block))
        return self._kept_shares

    def query(self, path: str, data: bytes, *, height: int, prove: bool) -> Answered:
        """Answer whether a peer is let in; everything else is asked of the node's own API."""
        del data, height, prove
        if path.startswith(_PEER_BY_ADDRESS):
            return Answered(0)
        if path.startswith(_PEER_BY_ID):
            try:
                node_id = bytes.fromhex(path.removeprefix(_PEER_BY_ID))
            except ValueError:
                node_id = b""
            if self._admits(node_id):
                return Answered(0)
            return Answered(_REFUSED, log="the registry has not admitted this node")
        return Answered(_NO_SUCH_PATH, log="ask the node's HTTP API")

    # --- Blocks ----------------------------------------------------------------------------------

    def propose(self, transactions: Sequence[bytes], *, max_bytes: int) -> Sequence[bytes]:
        """Return what is worth a place in a block."""
        now = self._clock.now()
        return self._application.propose(transactions, max_bytes=max_bytes, time=now)

    def accept(self, transactions: Sequence[bytes], *, height: int) -> bool:
        """Return whether every transaction can be read and none is too large."""
        del height
        return self._application.accept(transactions)

    def finalize(self, block: DecidedBlock) -> FinalizedBlock:
        """Compute a decided block and stage its state."""
        given = BlockInput(
            block.height, block.time_ns // NANOSECONDS, block.transactions, block.misbehaviour
        )
        with without_collection():
            outcome = self._application.finalize_block(given)
        self._computed = block
        self._leave_pool(block, outcome)
        return FinalizedBlock(
            tuple(Executed(int(result.code), result.data) for result in outcome.results),
            outcome.app_hash,
            outcome.validator_updates,
            self._new_block_size(outcome),
        )

    def _new_block_size(self, outcome: BlockOutcome) -> int:
        """Return CometBFT's block size where the block changed what it follows from, else 0.

        It depends on the state alone, so that every node says the same, also when it replays.
        """
        if outcome.records.keys().isdisjoint(_BLOCK_SIZE_KEYS):
            return 0
        return block_max_bytes(self._application.parameter)

    def _leave_pool(self, block: DecidedBlock, outcome: BlockOutcome) -> None:
        """Take note of what is in the pool no more, and of what therefore waits in vain."""
        lost = self._shares().block(block.transactions)
        for raw, result in zip(block.transactions, outcome.results, strict=True):
            reading = read_transaction(raw)
            if result.receipt is None and not isinstance(reading, ResultCode):
                lost.append((reading[1].author, reading[1].sequence))
        self._order.block(lost)

    def commit(self) -> int:
        """Hand the computed block to the settler; say which blocks CometBFT may forget.

        It never forgets one that the settler has still to fetch.
        """
        block, self._computed = self._computed, None
        if block is None:
            raise RegistryUnavailableError("there is no computed block to commit")
        body = BlockBody(tuple(block.transactions), tuple(block.misbehaviour))
        self._settling.decided(block.height, block.hash, body)
        settled = min(self._settling.stored_height(), block.height - 1)
        return max(0, settled - BLOCKS_KEPT)

    # --- Snapshots -------------------------------------------------------------------------------

    def list_snapshots(self) -> Sequence[StateSnapshot]:
        """Return the snapshots that can be given to others."""
        return () if self._snapshots is None else self._snapshots.list_snapshots()

    def load_chunk(self, height: int, format_: int, chunk: int) -> bytes:
        """Return a piece of a snapshot, empty where there is none."""
        if self._snapshots is None:
            return b""
        return self._snapshots.load_chunk(height, format_, chunk)

    def offer_snapshot(self, snapshot: StateSnapshot, app_hash: bytes) -> OfferResult:
        """Say whether to restore a snapshot."""
        if self._snapshots is None:
            return OfferResult.REJECT
        return self._snapshots.offer_snapshot(snapshot, app_hash)

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take the next piece of the accepted snapshot."""
        if self._snapshots is None:
            return ChunkAnswer(ChunkResult.ABORT)
        return self._snapshots.apply_chunk(index, chunk, sender)
