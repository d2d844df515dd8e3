"""When a chain was handed from one engine to another, as its own state says."""

from __future__ import annotations

from registry_chain.storage.committed import SnapshotState
from weid.errors import MalformedError
from weid.registry.records import HandoverRecord
from weid.registry.state_keys import ENGINE, state_key
from weid.registry.wire import decode_record_as


def read_handover(state: SnapshotState) -> HandoverRecord | None:
    """Return the handover of the chain; None: there was none, or its record is damaged."""
    value = state.get(state_key("handover", ENGINE))
    if value is None:
        return None
    try:
        return decode_record_as(HandoverRecord, value)
    except MalformedError:
        return None  # told as a damaged record
