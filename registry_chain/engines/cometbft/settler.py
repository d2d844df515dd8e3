"""The settler: writes what CometBFT decided, once it can be proved, in a thread of its own.

A state is proved by the app hash in the *next* header, so the store follows one block behind what
is computed: it takes the staged states up to the newest one that the newest header D carries,
together with the sealed blocks up to D, as one write (ST-…, CN-…). Whoever reads the store
therefore never sees a record whose proof is not there. A crash loses nothing: CometBFT runs the
blocks again that the store does not have.

Only while blocks are run again after a start, when the node's RPC does not answer yet, may states
be written before their blocks; these follow from the RPC as soon as it answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from registry_chain.application import PreparedCommit, RegistryApplication
from registry_chain.engines.cometbft.rpc import BlockBody, KeptBlock
from registry_chain.storage.errors import (
    StoreDamagedError,
    StoreFullError,
    StoreRefusedError,
    StoreStoppedError,
)
from registry_chain.storage.sealed_block import SealedBlock, read_block
from registry_chain.storage.store import Table
from weid.errors import MalformedError, RegistryUnavailableError, WeidError
from weid.registry.validators import ValidatorSet

MOST_STAGED: Final = 8
"""States that may wait for their header; with more, computing waits for writing."""
_BATCH: Final = 16
"""Blocks that are fetched and written at once while catching up."""
_PATIENCE: Final = 0.5
"""Seconds that a full stage waits for the RPC before states are written without their blocks."""
TOLD_AFTER: Final = 50
"""Attempts in vain after which the log says why: some seconds."""
_PAUSE: Final = 0.1
"""Seconds between two attempts while the RPC, or the disk, does not answer."""

_log = logging.getLogger(__name__)


class BlockSource(Protocol):
    """Where decided blocks are fetched: the node's own CometBFT."""

    def block(self, height: int, body: BlockBody | None = None) -> KeptBlock:
        """Return the block at a height with its seal; a known body need not be fetched.

        Raises:
            RegistryUnavailableError: not now.
        """
        ...

    def validators(self, height: int) -> ValidatorSet:
        """Return the validators that seal a height."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What FinalizeBlock said of a block that is not written yet."""

    hash: bytes
    body: BlockBody


class Settler:
    """Persists decided blocks of one application.

    `on_settled` is told what was persisted, from the settler's thread; `on_fatal` the reason when
    it cannot go on, after which nothing more is persisted. `tidy` is called with the newest height
    after each write, from the same thread: it may write to the store too, such as to prune it.
    """

    def __init__(
        self,
        application: RegistryApplication,
        source: BlockSource,
        *,
        on_settled: Callable[[PreparedCommit], None],
        on_fatal: Callable[[str], None],
        tidy: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._application = application
        self._source = source
        self._on_settled = on_settled
        self._on_fatal = on_fatal
        self._tidy = tidy
        self._changed = threading.Condition()
        self._known: dict[int, _Known] = {}
        self._decided = 0
        self._closing = False
        self._failures = 0
        self.failure: str | None = None
        self._newest = self._read_newest()
        # The set that is in the store already; mostly it seals the next block too.
        self._set_hash = self._newest.header.next_validators_hash if self._newest else b""
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    @property
    def newest(self) -> SealedBlock | None:
        """The newest sealed block in the store, None before the first."""
        return self._newest

    @property
    def decided_height(self) -> int:
        """The newest height that was decided since this process began, or is stored."""
        return max(self._decided, self.stored_height())

    def start(self) -> None:
        """Begin to write what is decided."""
        self._thread.start()

    def decided(self, height: int, block_hash: bytes, body: BlockBody) -> None:
        """Take note that a block is decided and its state staged; wait where too many are.

        Called by the engine's thread.
        """
        self.note(height, block_hash, body)
        with self._changed:
            self._changed.wait_for(self._has_room, timeout=_PATIENCE)
            while not self._has_room():
                # The settler writes without blocks now, if they cannot be had.
                self._changed.wait(_PAUSE)

    def note(self, height: int, block_hash: bytes, body: BlockBody) -> None:
        """Take note that a block is decided, without waiting for anything."""
        with self._changed:
            self._known[height] = _Known(block_hash, body)
            self._decided = max(self._decided, height)
            self._changed.notify_all()

    def close(self) -> None:
        """Stop after the write in work; what is not written is run again after the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    # --- the settler's thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except BaseException as error:  # noqa: BLE001 - the thread's end is told to everybody
            self.failure = f"the registry has stopped: {error}"
            _log.critical("the settler stopped", exc_info=error)
            self._on_fatal(self.failure)
            with self._changed:
                self._closing = True
                self._changed.notify_all()

    def _turn(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._is_behind(), timeout=1.0)
            if self._closing or not self._is_behind():
                return
        try:
            self.settle()
            self._keep_tidy()
            self._failures = 0
        except StoreFullError:
            _log.error("storage full: the chain stands here until there is space")
            self._pause()
        except StoreStoppedError:
            # It is no trouble of the RPC that passes: only a restart can tell what is on the disk.
            raise
        except (RegistryUnavailableError, MalformedError) as error:
            self._tell(error)
            self._write_unsealed_if_full(error)
            self._pause()

    def _tell(self, error: WeidError) -> None:
        """Log why nothing is written: once it has lasted, since while a node starts it is no news.

        It is tried again ten times a second.
        """
        self._failures += 1
        if self._failures == TOLD_AFTER:
            _log.warning("blocks are not written for now: %s", error.message)

    def _keep_tidy(self) -> None:
        try:
            self._tidy(self.stored_height())
        except StoreRefusedError as error:
            # Nothing depends on it now; it is tried again after the next block.
            _log.warning("old blocks stay for now: %s", error.message)

    def _is_behind(self) -> bool:
        # Before anything is decided there may be no chain yet: the node waits for its state.
        return self._decided > 0 and self._decided > self.stored_height()

    def _has_room(self) -> bool:
        return self._closing or len(self._application.staged) < MOST_STAGED

    def _pause(self) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(_PAUSE)

    def stored_height(self) -> int:
        """Return the newest height whose block is stored."""
        if self._newest is not None:
            return self._newest.header.height
        # Neither before the first block nor after a join by snapshot is there anything below.
        return self._application.position.summary.height

    # --- one write -------------------------------------------------------------------------------

    def settle(self) -> None:
        """Fetch what was decided since the last write, at most a batch, and write it.

        Raises:
            RegistryUnavailableError: a block cannot be had now.
            StoreFullError, StoreStoppedError: as the store says.
        """
        first = self.stored_height() + 1
        last = min(self._decided, first + _BATCH - 1)
        found = [self._decided_block(height) for height in range(first, last + 1)]
        if not found:
            return
        blocks = _with_canonical_commits(self._newest, found)
        newest = found[-1].sealed
        sets = self._sets_of(found)
        count, height = self._provable(newest)
        prepared = self._application.prepare_decided(
            count, blocks, sets, block_hash=self._hash_at(height, blocks)
        )
        self._persist(prepared)
        self._newest = newest
        self._set_hash = newest.header.next_validators_hash
        self._settled(prepared)

    def _decided_block(self, height: int) -> KeptBlock:
        """Return the block at a height; it must be the one that was decided here.

        Another node's RPC may answer at the address while ours is not up yet.
        """
        known = self._known.get(height)
        found = self._source.block(height, None if known is None else known.body)
        if known is not None and found.sealed.header.hash() != known.hash:
            raise MalformedError(f"the RPC gave another block {height} than the one decided here")
        return found

    def _sets_of(self, found: Sequence[KeptBlock]) -> list[ValidatorSet]:
        """Return the validator sets that the blocks name and that were not there before."""
        sets: dict[bytes, ValidatorSet] = {}
        for one in found:
            header = one.sealed.header
            named = (
                (header.height, header.validators_hash),
                (header.height + 1, header.next_validators_hash),
            )
            for height, set_hash in named:
                if set_hash in sets or set_hash == self._set_hash:
                    continue
                sets[set_hash] = self._source.validators(height)
                if sets[set_hash].hash() != set_hash:
                    raise MalformedError(f"the node gave other validators than those of {height}")
        return list(sets.values())

    def _provable(self, newest: SealedBlock) -> tuple[int, int]:
        """Return how many staged states the newest header proves, and the last one's height.

        Raises:
            StoreDamagedError: it proves another state than ours (B12); nothing of it is written.
        """
        header = newest.header
        count, height = 0, self._application.position.summary.height
        for number, outcome in enumerate(self._application.staged, start=1):
            state = outcome.summary
            if state.height == header.height - 1 and state.app_hash != header.app_hash:
                raise StoreDamagedError(
                    f"app hash mismatch: the state of height {state.height} is not the one that "
                    "the network agreed on",
                    height=state.height,
                )
            if state.height < header.height or (
                state.height == header.height and state.app_hash == header.app_hash
            ):
                count, height = number, state.height
        return count, height

    def _hash_at(self, height: int, blocks: Sequence[SealedBlock]) -> bytes:
        known = self._known.get(height)
        if known is not None:
            return known.hash
        for block in blocks:
            if block.header.height == height:
                return block.header.hash()
        # Nothing staged is written: the checkpoint stays where it is.
        with self._application.store.snapshot() as snapshot:
            stored = read_block(snapshot, height, with_transactions=False)
        return bytes(32) if stored is None else stored.header.hash()

    def _write_unsealed_if_full(self, error: Exception) -> None:
        """Write states without their blocks where these cannot be had and too many wait."""
        # The newest may be in work: CometBFT has not kept yet what it came to, and could not go on
        # from a store that is ahead of it.
        staged = [one for one in self._application.staged if one.summary.height <= self._decided]
        if len(staged) < MOST_STAGED:
            return
        _log.info("states up to %d are written before their blocks: %s",
                  staged[-1].summary.height, error)  # fmt: skip
        block_hash = self._known[staged[-1].summary.height].hash
        prepared = self._application.prepare_decided(len(staged), (), (), block_hash=block_hash)
        self._persist(prepared)
        self._settled(prepared)

    def _persist(self, prepared: PreparedCommit) -> None:
        try:
            self._application.persist(prepared)
        except BaseException:
            self._application.unprepare()
            raise
        self._application.settle(prepared)

    def _settled(self, prepared: PreparedCommit) -> None:
        with self._changed:
            settled = self._application.position.summary.height
            self._known = {h: value for h, value in self._known.items() if h > settled}
            self._changed.notify_all()
        self._on_settled(prepared)

    def _read_newest(self) -> SealedBlock | None:
        with self._application.store.snapshot() as snapshot:
            entry = snapshot.newest(Table.BLOCKS)
            if entry is None:
                return None
            return read_block(snapshot, int.from_bytes(entry[0], "big"))


def _with_canonical_commits(
    before: SealedBlock | None, found: Sequence[KeptBlock]
) -> list[SealedBlock]:
    """Return the blocks to write, each but the newest with the commit that the next one names.

    A node seals its newest block by the votes that it saw itself; the next block says which votes
    count, and that may be others. `before` is among the blocks where its commit changes by that.
    """
    blocks = [one.sealed for one in found]
    earlier = [before, *blocks[:-1]]
    for number, one in enumerate(found):
        older = earlier[number]
        if older is None or one.commit_before is None or older.commit == one.commit_before:
            continue
        if one.commit_before.height == older.header.height:
            earlier[number] = replace(older, commit=one.commit_before)
    changed = [block for block in earlier[:1] if block is not None and block != before]
    return [*changed, *[block for block in earlier[1:] if block is not None], blocks[-1]]
