"""What the messages of OpenID4VCI 1.0 share: JSON in, JSON out, strict where it matters.

Members that a message does not know are ignored, as the specification demands of every reader
(sections 4.1.1, 8.2, 8.3, 12.2.3); members that it knows must have the right type.
"""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from weid import limits
from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.errors import MalformedError

_PLACE_CHARACTERS: Final = 200


class Message(BaseModel):
    """A message on the wire: immutable, and strict about types."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        strict=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        ser_json_inf_nan="constants",
    )

    @classmethod
    def from_json(cls, value: JsonObject, *, what: str) -> Self:
        """Read the message from a JSON object; `what` names it in errors.

        Raises:
            MalformedError: a member is missing or of the wrong kind; the message names which.
        """
        try:
            return cls.model_validate_json(json_dumps(value))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            # Names of members are the sender's, and may be as long as the message.
            place = ".".join(str(step) for step in first["loc"])[:_PLACE_CHARACTERS]
            raise MalformedError(f"{what}: {place or 'the object'}: {first['msg']}") from None

    @classmethod
    def from_bytes(
        cls, data: bytes | str, *, what: str, max_bytes: int = limits.PRESENTATION_BYTES
    ) -> Self:
        """Read the message from JSON text.

        Raises:
            MalformedError: not strict JSON, or not this message.
        """
        return cls.from_json(json_loads_object(data, what=what, max_bytes=max_bytes), what=what)

    def to_json(self) -> JsonObject:
        """Return the message as a JSON object, without members that are absent."""
        value: JsonObject = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return value

    def to_bytes(self) -> bytes:
        """Return the message as compact JSON text."""
        return json_dumps(self.to_json())
