"""Which records a block will surely ask for: read together, they cost a third.

Only a hint. A record that is missing here is read when a rule asks for it, and one that is named
in vain changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from weid.registry.operations import (
    AnchorBatch,
    AnchorEvidence,
    Operation,
    PublishStatusList,
)
from weid.registry.records import (
    AccountRecord,
    BatchRecord,
    DidRecord,
    EvidenceRecord,
    RoleRecord,
    StatusListRecord,
)
from weid.registry.state_keys import anchor_id, status_id
from weid.registry.transaction import Transaction

Place: TypeAlias = tuple[type[Any], bytes]
"""A kind of record and the id of one."""

_SUBJECTS: Final[dict[type[Operation], tuple[type[Any], Callable[[str, Any], bytes]]]] = {
    AnchorBatch: (BatchRecord, lambda author, operation: anchor_id(author, operation.root)),
    AnchorEvidence: (EvidenceRecord, lambda _, operation: operation.digest),
    PublishStatusList: (
        StatusListRecord,
        lambda author, operation: status_id(author, operation.uri),
    ),
}
"""The operations that come in crowds: kind and id (by author and operation) of the record."""


def expected_records(transactions: Iterable[Transaction]) -> Iterator[Place]:
    """Yield the records that the transactions are about; some may come twice."""
    for transaction in transactions:
        author = transaction.author.encode()
        yield DidRecord, author
        yield RoleRecord, author
        yield AccountRecord, author
        for operation in transaction.operations:
            subject = _SUBJECTS.get(type(operation))
            if subject is not None:
                yield subject[0], subject[1](transaction.author, operation)
