"""The file of a recorded history, and its blocks computed again.

Run: python -m tests.support.replayed_blocks FILE. Prints a line for each block: its height, app
hash, and a hash over everything else that it changes; see `fingerprint`.
"""

from __future__ import annotations

import contextlib
import hashlib
import locale
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from registry_chain.state_machine.block import BlockInput, BlockOutcome, Misbehaviour
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.memory_state import MemoryState
from registry_chain.state_machine.transition import apply_block, apply_genesis
from registry_chain.storage.sealed_block import results_root
from weid.cbor import cbor_decode, cbor_encode

_LENGTH = 4
_ALL = 2**32


def fingerprint(outcome: BlockOutcome) -> str:
    """Return height, app hash, and a hash over all else that nodes must agree on.

    That is results, records, superseded versions, tree pages, log tiles, contents, and, in their
    order, events and changes of the validators.
    """
    whole = hashlib.sha256(
        results_root((int(result.code), result.data) for result in outcome.results)
    )
    for name in ("records", "superseded", "pages", "tiles", "contents"):
        changes: Mapping[bytes, bytes] = getattr(outcome, name)
        for key in sorted(changes):
            whole.update(b"%d %d " % (len(key), len(changes[key])) + key + changes[key])
    ordered = [list(map(_plain, one)) for one in (*outcome.events, *outcome.validator_updates)]
    whole.update(cbor_encode(ordered))
    return f"{outcome.summary.height} {outcome.app_hash.hex()} {whole.hexdigest()}"


def _plain(member: Any) -> Any:
    return str(member) if isinstance(member, str) else member


def write_genesis(file: BinaryIO, genesis: Genesis) -> None:
    """Begin the file of a history."""
    _write(file, genesis.to_json())


def write_block(file: BinaryIO, block: BlockInput, outcome: str) -> None:
    """Write a block and the fingerprint of its outcome."""
    misbehaviour = [list(one) for one in block.misbehaviour]
    transactions = list(block.transactions)
    _write(file, cbor_encode([block.height, block.time, transactions, misbehaviour, outcome]))


def _write(file: BinaryIO, part: bytes) -> None:
    file.write(len(part).to_bytes(_LENGTH, "big") + part)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while length := file.read(_LENGTH):
            yield file.read(int.from_bytes(length, "big"))


def read_history(path: Path) -> tuple[Genesis, Iterator[tuple[BlockInput, str]]]:
    """Return genesis and blocks of a file, each with its fingerprint as it was recorded."""
    parts = _parts(path)
    return Genesis.from_json(next(parts)), map(_block, parts)


def _block(part: bytes) -> tuple[BlockInput, str]:
    value: Any = cbor_decode(part, what="a recorded block", max_bytes=_ALL)
    height, time, transactions, misbehaviour, outcome = value
    found = tuple(Misbehaviour(*one) for one in misbehaviour)
    return BlockInput(height, time, tuple(transactions), found), outcome


def main(path: str) -> None:
    """Compute the blocks of a file again and print the fingerprints."""
    # Python starts in the locale of the environment only where it is asked to.
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "")
    genesis, blocks = read_history(Path(path))
    state = MemoryState(apply_genesis(genesis))
    for block, _ in blocks:
        outcome = apply_block(state, block)
        state.write(outcome)
        print(fingerprint(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
