"""What a rule is given: the staged state and who, proved by signatures, asks."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Final, TypeAlias

from registry_chain.state_machine.staged import StagedState
from weid.registry.operations import Operation, Role
from weid.registry.records import DidRecord, RoleRecord

Rule: TypeAlias = Callable[["Context", Any], bytes]
"""A rule: reads, checks, writes to the staged state, returns data for the receipt."""

GOVERNORS: Final = "governors"
"""Name of the counter of DIDs that govern now."""


class Context:
    """One operation's surroundings.

    `signers` are the raw Ed25519 keys whose signatures over the transaction verified; `endorsed`
    whether a registrar or governor co-signed; `by_governance` whether an approved proposal carries
    this out (then `author` is who gave the last approval). `carry_out` applies a proposal's action.
    One context serves the operations of a transaction in turn; `position` says which it is.
    """

    __slots__ = (
        "_judged",
        "author",
        "by_governance",
        "carry_out",
        "endorsed",
        "position",
        "signers",
        "staged",
        "transaction_id",
    )

    def __init__(
        self,
        staged: StagedState,
        author: str,
        signers: frozenset[bytes],
        *,
        endorsed: bool,
        transaction_id: bytes,
        carry_out: Callable[[Context, Operation], bytes],
    ) -> None:
        self.staged = staged
        self.author = author
        self.signers = signers
        self.endorsed = endorsed
        self.transaction_id = transaction_id
        self.carry_out = carry_out
        self.position = 0
        self.by_governance = False
        self._judged: tuple[DidRecord, bool] | None = None

    @property
    def time(self) -> int:
        """Block time in seconds."""
        return self.staged.time

    def as_governance(self) -> Context:
        """Return the same surroundings for an action that governance approved."""
        other = copy(self)
        other.by_governance = True
        return other

    def once_for(self, record: DidRecord, judge: Callable[[DidRecord], bool]) -> bool:
        """Return what `judge` says of the author's record; asked again only when it changed."""
        judged = self._judged
        if judged is None or judged[0] is not record:
            judged = self._judged = (record, judge(record))
        return judged[1]

    def roles(self, did: str) -> tuple[Role, ...]:
        """Return the roles that a DID has now."""
        record = self.staged.read(RoleRecord, did.encode())
        return () if record is None else record.roles
