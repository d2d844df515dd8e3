"""What a verifier itself says that a request is for, in the request's `verifier_info`.

OpenID4VP 1.0 has no member for a purpose: it carries what is known about the verifier as entries of
a named format (sections 5.1 and 5.11), which a wallet that does not know the format passes over.
Nothing proves what is said here; a published presentation policy does (`policy_reference`).
Clause PP-79 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from weid.credential.claim_metadata import DisplayText
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

MEMBER: Final = "verifier_info"
FORMAT: Final = "urn:weid:verifier-info:purpose:1"
_MOST: Final = 16
_WHAT: Final = "verifier_info of the request"


@dataclass(frozen=True, slots=True)
class StatedPurpose:
    """A purpose by locale, such as `en` and `zh-Hant`, in the words of who asks."""

    texts: DisplayText = field(hash=False)

    @classmethod
    def create(cls, texts: Mapping[str, str]) -> StatedPurpose:
        """Return the purpose that these texts say, by locale.

        Raises:
            MalformedError: no text, one that is not a line, or no locale.
        """
        value: list[JsonValue] = [
            {"locale": locale, "text": text} for locale, text in texts.items()
        ]
        return cls(DisplayText.parse(value, what="the purpose", name_member="text"))

    def to_json(self) -> JsonObject:
        """Return the entry of `verifier_info`."""
        purpose: list[JsonValue] = [
            {"locale": locale, "text": text} for locale, text in self.texts.names.items()
        ]
        return {"format": FORMAT, "data": {"purpose": purpose}}

    @classmethod
    def find(cls, value: JsonValue) -> StatedPurpose | None:
        """Return what `verifier_info` says of a purpose; None where it says nothing.

        Entries of other formats are passed over.

        Raises:
            MalformedError: no array of entries with a format, or a purpose that cannot be read.
        """
        if not isinstance(value, list) or not 0 < len(value) <= _MOST:
            raise MalformedError(f"{_WHAT} is not an array of 1 to {_MOST} entries")
        for entry in value:
            if not isinstance(entry, dict) or not isinstance(entry.get("format"), str):
                raise MalformedError(f"{_WHAT} has an entry without a format")
            if entry["format"] == FORMAT:
                data = entry.get("data")
                texts = data.get("purpose") if isinstance(data, dict) else None
                return cls(DisplayText.parse(texts, what=_WHAT, name_member="text"))
        return None
