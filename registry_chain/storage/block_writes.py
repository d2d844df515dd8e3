"""What committing blocks writes into a store: states, blocks, and where the chain stands then."""

from __future__ import annotations

from dataclasses import replace

from registry_chain.state_machine.block import BlockOutcome
from registry_chain.storage.committed import POSITION, Position
from registry_chain.storage.sealed_block import (
    SealedBlock,
    encode_block,
    height_key,
    results_root,
)
from registry_chain.storage.store import Table
from registry_chain.storage.stored_event import encode_events
from weid.registry.wire import encode_receipt


def block_writes(
    before: Position,
    outcomes: tuple[BlockOutcome, ...],
    blocks: tuple[SealedBlock, ...],
    *,
    decided_elsewhere: bool = False,
) -> tuple[Position, dict[Table, dict[bytes, bytes | None]]]:
    """Return where the chain stands after the outcomes, and all that their commit writes.

    A block that was `decided_elsewhere` may hold transactions that left no trace; the results that
    the next header stands for are those of all of them.
    """
    writes: dict[Table, dict[bytes, bytes | None]] = {table: {} for table in Table}
    events = before.events
    for outcome in outcomes:
        summary = outcome.summary
        writes[Table.RECORDS].update(outcome.records)
        writes[Table.VERSIONS].update(outcome.superseded)
        writes[Table.PAGES].update(outcome.pages)
        writes[Table.LOG].update(outcome.tiles)
        writes[Table.CONTENTS].update(outcome.contents)
        writes[Table.RECEIPTS].update(
            {receipt.transaction_id: encode_receipt(receipt) for receipt in outcome.receipts}
        )
        runs = encode_events(outcome.events, first=events, height=summary.height, time=summary.time)
        writes[Table.EVENTS].update(runs)
        events += len(outcome.events)
    for block in blocks:
        writes[Table.BLOCKS][height_key(block.header.height)] = encode_block(block)
    position = before
    if outcomes:
        position = replace(before, summary=outcomes[-1].summary, events=events)
    if outcomes and blocks:
        shown = [one for one in outcomes[-1].results if decided_elsewhere or one.receipt]
        results = ((int(result.code), result.data) for result in shown)
        position = replace(position, results_hash=results_root(results))
    if blocks:
        position = replace(position, validators_hash=blocks[-1].header.next_validators_hash)
    writes[Table.SETTINGS][POSITION] = position.encode()
    return position, writes
