"""How a request names the presentation policy that it is made by: member `weid_policy`.

Wallets that do not know the member ignore it (OpenID4VP 1.0 section 5). The digest pins the
policy's text, so that nobody can put another in its place.
Clause PP-74 of specs/presentation-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.credential.credential_type import check_cpt_id
from weid.did.syntax import check_network
from weid.encoding import JsonObject, JsonValue, base64url_decode, base64url_encode
from weid.errors import MalformedError

MEMBER: Final = "weid_policy"
"""Name of the member in the request."""
_DIGEST_BYTES: Final = 32
_LAST_VERSION: Final = 999_999_999
_WHAT: Final = f"{MEMBER} of the request"


@dataclass(frozen=True, slots=True)
class PolicyReference:
    """A published policy: its network, id and version, and the SHA-256 of its text (32 bytes)."""

    network: str
    policy_id: str
    version: int
    digest: bytes

    def to_json(self) -> JsonObject:
        """Return the reference as a JSON object."""
        return {
            "network": self.network,
            "id": self.policy_id,
            "version": self.version,
            "digest": base64url_encode(self.digest),
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> PolicyReference:
        """Read a reference; members that are not known are ignored.

        Raises:
            MalformedError: with what is wrong.
        """
        if not isinstance(value, dict):
            raise MalformedError(f"{_WHAT} is not an object")
        network, name, digest = (value.get(member) for member in ("network", "id", "digest"))
        if not isinstance(network, str) or not isinstance(name, str) or not isinstance(digest, str):
            raise MalformedError(f"{_WHAT} has no network, id or digest that is text")
        raw = base64url_decode(digest, what=f"digest of {_WHAT}")
        if len(raw) != _DIGEST_BYTES:
            raise MalformedError(f"digest of {_WHAT} is not of {_DIGEST_BYTES} bytes")
        check_network(network)
        version = check_version(value.get("version"), what=_WHAT)
        return cls(network, check_policy_id(name), version, raw)


def check_policy_id(value: object) -> str:
    """Return the id of a policy: 3 to 64 of a-z, 0-9 and '-', a letter first.

    Raises:
        MalformedError: another text, or no text.
    """
    try:
        return check_cpt_id(value)
    except MalformedError:
        raise MalformedError(
            "policy_id is not 3 to 64 lower-case letters, digits and '-', a letter first"
        ) from None


def check_version(value: JsonValue, *, what: str) -> int:
    """Return a version, from 1; `what` has it.

    Raises:
        MalformedError: no such number.
    """
    if type(value) is not int or not 1 <= value <= _LAST_VERSION:
        raise MalformedError(f"version of {what} is not a number from 1")
    return value
