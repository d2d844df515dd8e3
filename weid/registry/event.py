"""RegistryEvent: what a node says came about (EV-02). A hint where to look, believed in nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.registry.answers import Fields

_NAME_CHARS: Final = 64
_TEXT_CHARS: Final = 2_500


@dataclass(frozen=True, slots=True)
class RegistryEvent:
    """One event as a node tells it: unproved.

    `position` is its place in the feed, the same on every node of a chain; `height` that of its
    block; `time` as the node writes it (RFC 3339); `transaction` the id of the transaction, whose
    receipt can be proved, and `operation` the place in it. What came about by a block itself has no
    transaction and no author: both are empty.
    """

    position: int
    height: int
    time: str
    name: str
    subject: str
    author: str
    transaction: bytes
    operation: int

    @classmethod
    def from_json(cls, value: JsonValue) -> RegistryEvent:
        """Read an event; members that are not known are let pass.

        Raises:
            MalformedError: a member is missing, of another kind or too long.
        """
        fields = Fields(value, "the event")
        texts = {name: fields.text(name) for name in ("time", "name", "subject", "author")}
        if len(texts["name"]) > _NAME_CHARS or any(len(t) > _TEXT_CHARS for t in texts.values()):
            raise MalformedError("the event has a text that is too long")
        return cls(
            position=fields.integer("position"),
            height=fields.integer("height"),
            transaction=_transaction(fields.text("transaction")),
            operation=fields.integer("operation"),
            **texts,
        )

    def to_json(self) -> JsonObject:
        """Return the JSON form (EV-02)."""
        return {
            "position": self.position,
            "height": self.height,
            "time": self.time,
            "name": self.name,
            "subject": self.subject,
            "author": self.author,
            "transaction": self.transaction.hex(),
            "operation": self.operation,
        }


def _transaction(text: str) -> bytes:
    try:
        found = bytes.fromhex(text) if len(text) == 64 else b""
    except ValueError:
        found = b""
    if found.hex() != text:
        raise MalformedError("the event has no transaction id")
    return found
