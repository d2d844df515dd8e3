"""Pages about what happened: home, blocks, transactions."""

from __future__ import annotations

from typing import Final

from registry_chain.node.chain_view import Entry
from registry_chain.node.explorer.labels import (
    Sentence,
    Telling,
    Term,
    path_of_did,
    path_of_proposal,
    sentence,
    short_hex,
)
from registry_chain.node.explorer.page import Instant, Page
from registry_chain.node.explorer.readable import operation_facts
from registry_chain.node.explorer.register import Register
from registry_chain.node.parts import NodeParts
from weid.registry.codes import describe
from weid.registry.operations import Propose, Role
from weid.registry.transaction import proposal_id

_LATEST: Final = 10
_BLOCKS: Final = 20
_LINES: Final = 8
"""Operations of a transaction that are told; the rest is counted."""
_ENTRIES: Final = 100
"""Transactions of a block that its page tells of; the API has all."""
LATE_AFTER: Final = 90
"""Seconds without a block after which the home page says that the registry is late."""


def home(node: NodeParts, register: Register) -> Page:
    """Return the first page: is it alive, what happened last, who governs."""
    return Page(
        "home.html",
        {
            "genesis_hash": node.genesis.root.genesis_hash.hex(),
            "late": node.head_age() > LATE_AFTER,
            # Who signs: one sealer, or validators from the beginning or a handover on.
            "many": register.records.handover() is not None,
            "transactions": register.chain.log_size(),
            "latest": [entry_facts(entry, register) for entry in register.chain.latest(_LATEST)],
            "governors": role_facts(register, Role.GOVERNOR, Role.REGISTRAR),
        },
        twin="/index.json",
    )


def role_facts(register: Register, *wanted: Role) -> list[dict[str, object]]:
    """Return who holds one of the wanted roles."""
    return [
        {
            "did": holder.did,
            "name": register.name_of(holder.did) or holder.did,
            "href": path_of_did(holder.did),
            "roles": [str(role.value) for role in holder.roles],
        }
        for holder in register.role_holders()
        if any(role in wanted for role in holder.roles)
    ]


def blocks(node: NodeParts, register: Register, below: int) -> Page:
    """Return the newest blocks, or those below a height."""
    newest = node.engine.head().height
    if not 1 < below <= newest + 1:
        below = newest + 1
    found = register.chain.blocks(below, _BLOCKS)
    facts: dict[str, object] = {
        "blocks": [
            {"height": header.height, "time": Instant(header.time), "transactions": count}
            for header, count in found
        ],
        "older": found[-1][0].height if found and found[-1][0].height > 1 else None,
    }
    return Page("blocks.html", facts, twin=f"/blocks.json?below={below}", here="/blocks")


def block(node: NodeParts, register: Register, height: int) -> Page | None:
    """Return one block, or None where there is none."""
    found = register.chain.block(height)
    if found is None:
        return None
    newest = node.engine.head().height
    facts: dict[str, object] = {
        "height": height,
        "time": Instant(found.header.time),
        "hash": found.header.hash().hex(),
        "app_hash": found.header.app_hash.hex(),
        "before": height - 1 if height > node.genesis.root.initial_height else None,
        "after": height + 1 if height < newest else None,
        "entries": [entry_facts(entry, register) for entry in found.entries[:_ENTRIES]],
        "more": max(0, len(found.entries) - _ENTRIES),
        "validators": [
            {"address": validator.address.hex(), "power": validator.power}
            for validator in found.validators.validators
        ],
        "header": found.header.to_json(),
    }
    return Page("block.html", facts, twin=f"/blocks/{height}.json", here="/blocks")


def transaction(register: Register, transaction_id: bytes) -> Page | None:
    """Return one recorded transaction, or None where there is none."""
    entry = register.chain.transaction(transaction_id)
    if entry is None:
        return None
    payload = entry.transaction
    telling = Telling(payload.author, register)
    proposed = [
        proposal_id(transaction_id, at)
        for at, operation in enumerate(payload.operations)
        if isinstance(operation, Propose)
    ]
    facts: dict[str, object] = {
        **entry_facts(entry, register),
        "height": entry.receipt.height,
        "position": entry.receipt.position,
        "sequence": payload.sequence,
        "author": telling.who(payload.author),
        "endorser": None if payload.endorser is None else telling.who(payload.endorser),
        "proposals": [Term(short_hex(p), path_of_proposal(p)) for p in proposed],
        "operations": [operation_facts(operation) for operation in payload.operations],
    }
    return Page("transaction.html", facts, twin=f"/transactions/{transaction_id.hex()}.json")


def entry_facts(entry: Entry, register: Register) -> dict[str, object]:
    """Return what is said of a transaction in a list: its sentences, its time, its page."""
    telling = Telling(entry.transaction.author, register)
    operations = entry.transaction.operations
    lines: list[Sentence] = [sentence(operation, telling) for operation in operations[:_LINES]]
    identifier = entry.transaction_id.hex()
    return {
        "id": identifier,
        "href": f"/transactions/{identifier}",
        "time": Instant(entry.time),
        "lines": lines,
        "more": max(0, len(operations) - _LINES),
        "code": int(entry.receipt.code),
        "reason": describe(entry.receipt.code) if entry.receipt.code else "",
    }
