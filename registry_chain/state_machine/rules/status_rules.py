"""Status lists: each its issuer's own, one shape, digests in sequence (clause OP-13)."""

from __future__ import annotations

from registry_chain.state_machine.addresses import is_web_address
from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import require
from weid import limits
from weid.registry.codes import ResultCode
from weid.registry.operations import PublishStatusList
from weid.registry.records import StatusListRecord
from weid.registry.state_keys import status_id

_BITS = frozenset({1, 2, 4, 8})


def publish_status_list(context: Context, operation: PublishStatusList) -> bytes:
    """Record the first or the next digest of a status list."""
    staged = context.staged
    identity = status_id(context.author, operation.uri)
    # read
    record = staged.read(StatusListRecord, identity)
    # check
    if record is None:
        _check_new(context, operation)
    else:
        kept = (record.cpt_id, record.bits, record.size)
        asked = (operation.cpt_id, operation.bits, operation.size)
        require(asked == kept, ResultCode.STATUS_SHAPE_CHANGED)
    last = 0 if record is None else record.sequence
    require(operation.sequence == last + 1, ResultCode.STATUS_SEQUENCE)
    # write
    superseded = b"" if record is None else record.digest
    staged.write(
        StatusListRecord(
            operation.uri,
            context.author,
            operation.cpt_id,
            operation.bits,
            operation.size,
            operation.sequence,
            operation.digest,
            superseded,
            staged.next_version(StatusListRecord, identity),
        )
    )
    return b""


def _check_new(context: Context, operation: PublishStatusList) -> None:
    require(is_web_address(context.staged, operation.uri), ResultCode.FIELD_INVALID)
    require(operation.bits in _BITS, ResultCode.FIELD_INVALID)
    size_in_bytes = (operation.size * operation.bits + 7) // 8
    require(1 <= size_in_bytes <= limits.STATUS_LIST_BYTES, ResultCode.FIELD_INVALID)
