"""Where a credential's status is: an entry of a status list (clauses CP-40 and CP-41)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where a credential's status is: entry `index` of the list at `uri`."""

    uri: str
    index: int

    @classmethod
    def parse(cls, value: JsonValue) -> StatusReference:
        """Read a credential's `status` claim.

        Raises:
            MalformedError: not an object with `status_list` alone, or without index or URI.
        """
        if not isinstance(value, dict) or set(value) != {"status_list"}:
            raise MalformedError("status has another mechanism than status_list")
        reference = value["status_list"]
        if not isinstance(reference, dict):
            raise MalformedError("status_list of the credential is not an object")
        index, uri = reference.get("idx"), reference.get("uri")
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise MalformedError("idx of the status reference is not a whole number from 0")
        return cls(check_uri(uri), index)

    def to_json(self) -> JsonObject:
        """Return the credential's `status` claim."""
        return {"status_list": {"idx": self.index, "uri": self.uri}}


def check_uri(uri: JsonValue) -> str:
    """Return the URI of a status list: printable ASCII with a scheme, of bounded length.

    It is compared character by character and names a list; whether it may be fetched is for the
    transport to say.

    Raises:
        MalformedError: something else.
    """
    if not isinstance(uri, str) or len(uri) > limits.TEXT_FIELD or _URI.fullmatch(uri) is None:
        raise MalformedError("the URI of the status list is not a URI")
    return uri
