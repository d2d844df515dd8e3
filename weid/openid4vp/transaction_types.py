"""Kinds of transaction that a wallet understands, and so may show to a person (section 8.4).

A request with any other is refused as a whole: nobody agrees to what the wallet cannot show.
Clause PP-53 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weid.errors import ProtocolError
from weid.qr.content import display_text
from weid.verification.transaction_data import ALGORITHM, TransactionData

_COMMON = frozenset({"type", "credential_ids", ALGORITHM})


@dataclass(frozen=True, slots=True)
class TransactionType:
    """A kind of transaction: what a person calls it, and its members with what they call those.

    Every member is required and is text or an integer; others are refused.
    """

    label: str
    members: Mapping[str, str]

    def describe(self, entry: TransactionData) -> tuple[str, ...]:
        """Return what a person is to agree to, line by line, safe to display.

        Raises:
            ProtocolError: a member missing, too many or of another kind.
        """
        if entry.members.keys() - _COMMON != self.members.keys():
            raise _refused("the transaction does not have the members of its type")
        lines = [self.label]
        for name, label in self.members.items():
            value = entry.members[name]
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise _refused("a member of the transaction is neither text nor a number")
            lines.append(f"{label}: {display_text(str(value))}")
        return tuple(lines)


def describe_transactions(
    entries: Sequence[TransactionData], known: Mapping[str, TransactionType]
) -> tuple[tuple[str, ...], ...]:
    """Return what a person is to agree to, entry by entry.

    Raises:
        ProtocolError: one is of a type that is not known, or not as its type says.
    """
    described: list[tuple[str, ...]] = []
    for entry in entries:
        kind = known.get(entry.type)
        if kind is None:
            raise _refused("the request has a transaction of a type that this wallet does not know")
        described.append(kind.describe(entry))
    return tuple(described)


def _refused(description: str) -> ProtocolError:
    return ProtocolError(
        "invalid_transaction_data", description, hint="Do not answer this request."
    )
