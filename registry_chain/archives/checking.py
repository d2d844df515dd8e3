"""Whether archives are the blocks of a chain: every seal and link, from the genesis on (SS-13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from registry_chain.archives.archive_file import ArchivedBlock, read_archive, read_head
from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.errors import StoreDamagedError, StoreRefusedError
from registry_chain.storage.sealed_block import results_root, transactions_root
from weid.errors import MalformedError, ProofError
from weid.registry.comet_encoding import merkle_root
from weid.registry.headers import NO_BLOCK
from weid.registry.light_block import LightBlock
from weid.registry.light_client import verify_commit
from weid.registry.records import Receipt
from weid.registry.transaction import transaction_id
from weid.registry.validators import Validator, ValidatorSet
from weid.registry.wire import decode_receipt, decode_signed


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What archives hold: blocks from `first` to `last`.

    `anchored` says that they begin with the first block, so that the genesis alone vouches for all
    of them; otherwise they only hold together, and somebody must vouch for `last_hash`. In
    `unproved` blocks a transaction has no receipt, or the next header, which says the results, is
    not there: what the receipts say only a replay knows then (SS-10).
    """

    first: int
    last: int
    last_hash: bytes
    anchored: bool
    transactions: int
    unproved: int = 0


def check_archives(
    genesis: Genesis,
    paths: Sequence[Path],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> ArchiveReport:
    """Check archives that follow on each other, in any order of the files.

    Every byte counts: checksum, seals by more than two thirds, who was announced, the links of the
    headers, transactions by the data hash, receipts by the results of the next header.

    Raises:
        NotFoundError: there is no such file.
        StoreRefusedError: one is of another registry, or there is a gap between them.
        StoreDamagedError: one is damaged or false; names the first height.
    """
    ordered = in_order(genesis, paths)
    check = _Check(genesis)
    first = read_head(ordered[0]).first
    for found in blocks_of(ordered):
        check.take(found)
        progress(found.block.header.height)
    before = check.before
    assert before is not None  # noqa: S101 - an archive has one block at least
    return ArchiveReport(
        first,
        before.block.header.height,
        before.block.header.hash(),
        first == genesis.initial_height,
        check.transactions,
        check.unproved,
    )


def in_order(genesis: Genesis, paths: Sequence[Path]) -> list[Path]:
    """Return archives by their heights; they are of this registry and follow on each other.

    Raises:
        StoreRefusedError: they are not, or there is none.
    """
    if not paths:
        raise StoreRefusedError("no archive is given", hint="name one file at least")
    heads = sorted([(read_head(path), path) for path in paths], key=lambda pair: pair[0].first)
    for head, path in heads:
        if head.genesis.genesis_hash != genesis.genesis_hash:
            raise StoreRefusedError(f"the archive {path} is of another registry")
    for (older, _), (newer, path) in pairwise(heads):
        if newer.first != older.last + 1:
            raise StoreRefusedError(
                f"the archive {path} begins at height {newer.first}, the one before it ends at "
                f"{older.last}",
                hint="give every archive in between, each once",
            )
    return [path for _, path in heads]


def blocks_of(paths: Sequence[Path]) -> Iterator[ArchivedBlock]:
    """Yield the blocks of archives, one file after the other."""
    for path in paths:
        yield from read_archive(path)


class _Check:
    """Checks blocks one after the other."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self.before: ArchivedBlock | None = None
        self._results: bytes | None = None
        self.transactions = 0
        self.unproved = 0
        self._newest_has_any = False

    def take(self, found: ArchivedBlock) -> None:
        header = found.block.header
        try:
            verify_commit(
                self._genesis.chain_id, LightBlock(header, found.block.commit, found.validators)
            )
            self._require_follows(found)
            if header.data_hash != transactions_root(found.block.transactions):
                raise ProofError("the transactions are not those of the header")
            if self._results is not None and header.last_results_hash != self._results:
                raise ProofError("the header's results are not those of the receipts before it")
            self._count_unproved(found, _results_of(found))
        except (ProofError, MalformedError) as error:
            raise StoreDamagedError(
                f"the archive is false at height {header.height}: {error.message}",
                height=header.height,
            ) from error
        self.before = found
        self.transactions += len(found.block.transactions)

    def _count_unproved(self, found: ArchivedBlock, results: bytes | None) -> None:
        """Count a block whose receipts the next header does not say, as the newest is so far."""
        has_any = bool(found.block.transactions)
        self.unproved += has_any - (self._newest_has_any and self._results is not None)
        self._newest_has_any, self._results = has_any, results

    def _require_follows(self, found: ArchivedBlock) -> None:
        header, before = found.block.header, self.before
        if before is None:
            if header.height == self._genesis.initial_height:
                first = [Validator(v.public_key, v.power) for v in self._genesis.validators]
                if header.validators_hash != ValidatorSet.of(first).hash():
                    raise ProofError("the first block is sealed by others than the genesis names")
            return
        older = before.block
        if header.validators_hash != older.header.next_validators_hash:
            raise ProofError("the block is sealed by others than were announced")
        if header.time_ns <= older.header.time_ns:
            raise ProofError("the block's time is not after the one before")
        named = (header.last_block_id, header.last_commit_hash)
        # After a handover the first block of the other engine names no block before it.
        if named not in (
            (older.commit.block_id, older.commit.hash()),
            (NO_BLOCK, merkle_root(())),
        ):
            raise ProofError("the block does not follow on the one before")


def _results_of(found: ArchivedBlock) -> bytes | None:
    """Return what the next header's results must be; None where a transaction left no trace.

    Raises:
        ProofError: a receipt is of another transaction or block.
    """
    transactions = found.block.transactions
    if len(found.receipts) != len(transactions):
        raise ProofError("there is not one place for a receipt for each transaction")
    receipts: list[Receipt] = []
    for raw, value in zip(transactions, found.receipts, strict=True):
        if value is None:
            continue
        receipt = decode_receipt(value)
        name = transaction_id(decode_signed(raw).payload)
        if (receipt.transaction_id, receipt.height) != (name, found.block.header.height):
            raise ProofError("a receipt is of another transaction")
        receipts.append(receipt)
    if len(receipts) != len(transactions):
        return None
    return results_root((receipt.code, receipt.data) for receipt in receipts)
