"""The page about nodes: who validates, observes or shields the network, and since when."""

from __future__ import annotations

from typing import Final

from registry_chain.node.explorer.page import Instant, Page
from registry_chain.node.explorer.people_pages import instant
from registry_chain.node.explorer.register import Register
from registry_chain.node.explorer.sentences import Telling
from weid.registry.node_operations import NodeRole
from weid.registry.records import NodeRecord, NodeStatus

SHOWN: Final = 500
"""Nodes that the page shows; the API has all."""
FIRST_HEIGHT: Final = 1
"""Of the first block; what is recorded below it was there from the beginning."""
_STATES: Final = {
    NodeStatus.ACTIVE: ("good", "Active"),
    NodeStatus.SUSPENDED: ("care", "Suspended"),
    NodeStatus.REMOVED: ("unknown", "Removed"),
}
_FORMER: Final = 50
"""Versions that are looked back over for the time at which a node was admitted."""


def nodes(register: Register) -> Page:
    """Return every node, up to `SHOWN`: those that are in first, by role and name."""
    found = register.nodes(SHOWN + 1)
    shown = found[:SHOWN]
    scheduled, handover = register.records.pending_rules(), register.records.handover()
    if handover is not None and handover.height < FIRST_HEIGHT:
        handover = None  # founded as a network: nobody handed it over
    facts: dict[str, object] = {
        "nodes": [_facts(record, register) for record in shown],
        "shown": len(shown),
        "more": len(found) > SHOWN,
        "scheduled_rules": scheduled.rules_version if scheduled else None,
        "scheduled_height": scheduled.height if scheduled else None,
        "handed_over_to": handover.engine.value if handover else None,
        "handed_over_at": handover.height if handover else None,
    }
    return Page("nodes.html", facts, twin="/nodes.json", here="/nodes")


def _facts(record: NodeRecord, register: Register) -> dict[str, object]:
    votes = record.role is NodeRole.VALIDATOR
    first = [record, *register.former(record, "node", _FORMER)][-1]
    return {
        "node_id": record.node_id.hex(),
        "name": record.name,
        "role": record.role.value,
        "status": record.status.value,
        "state": list(_STATES[record.status]),
        "operator": Telling(record.operator, register).actor if record.operator else None,
        "power": record.power if votes else None,
        "validator_key": record.validator_key.hex() or None,
        "since": Instant(first.version.time),
        "changed": Instant(record.version.time),
        "misbehaved_at": instant(record.misbehaved_at),
        "replaced_by": record.replaced_by.hex() or None,
    }
