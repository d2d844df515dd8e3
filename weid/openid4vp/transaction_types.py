"""Kinds of transaction that a wallet understands, and so may show to a person (section 8.4).

A request with any other is refused as a whole: nobody agrees to what the wallet cannot show.
Clause PP-53 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from weid.credential.claim_metadata import require_members, require_text
from weid.encoding import JsonObject
from weid.errors import MalformedError, ProtocolError
from weid.qr.content import display_text
from weid.verification.transaction_data import ALGORITHM, TransactionData

_COMMON = frozenset({"type", "credential_ids", ALGORITHM})
_VALUE_CHARACTERS: Final = 1000
"""The longest value that is shown, and so agreed to: what is cut nobody has read."""
_MOST: Final = 32


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
            if len(str(value)) > _VALUE_CHARACTERS:
                raise _refused("a member of the transaction is longer than can be shown")
            shown = display_text(str(value), limit=_VALUE_CHARACTERS)
            lines.append(f"{label}: {shown}")
        return tuple(lines)


AGREEMENT: Final = "urn:weid:transaction:agreement:1"
PAYMENT: Final = "urn:weid:transaction:payment:1"
KNOWN_TYPES: Final[Mapping[str, TransactionType]] = MappingProxyType(
    {
        AGREEMENT: TransactionType("An agreement", {"text": "It says"}),
        PAYMENT: TransactionType(
            "A payment", {"payee": "To", "amount": "Amount", "currency": "Currency"}
        ),
    }
)
"""The kinds that every wallet of ours can show (clause PP-85)."""


def parse_transaction_types(value: JsonObject) -> dict[str, TransactionType]:
    """Read kinds of transaction from JSON: name → `label`, and `members` with their labels.

    Raises:
        MalformedError: with what is wrong; a kind that is known to every wallet.
    """
    found: dict[str, TransactionType] = {}
    for name, one in value.items():
        what = f"the transaction type {name}"
        if name in KNOWN_TYPES:
            raise MalformedError(f"{what} is known already and cannot be changed")
        members = require_members(one, {"label", "members"}, set(), what=what)
        labels = members["members"]
        if not isinstance(labels, dict) or not 0 < len(labels) <= _MOST:
            raise MalformedError(f"members of {what} is not an object of 1 to {_MOST} members")
        found[name] = TransactionType(
            require_text(members["label"], what=f"label of {what}"),
            {
                member: require_text(label, what=f"label of {member} of {what}")
                for member, label in labels.items()
            },
        )
    return found


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
