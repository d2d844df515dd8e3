"""Signed issuer metadata (OpenID4VCI 1.0 section 12.2.3): the same members, in a JWT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from weid.clock import Clock
from weid.crypto.jws import create_jws
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, json_dumps
from weid.oauth.reply import Reply
from weid.openid4vci.metadata import IssuerMetadata

TYPE: Final = "openidvci-issuer-metadata+jwt"
MEDIA_TYPE: Final = "application/jwt"
METADATA_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class MetadataSigner:
    """Who signs metadata; `header` names the key by `kid` or `x5c` (a chain without its anchor).

    It is asked each time, so that a key that was exchanged is the one that signs.
    """

    signer: Signer
    header: Callable[[], JsonObject] = field(default=dict)

    def sign(self, metadata: IssuerMetadata, clock: Clock) -> Reply:
        """Return the metadata as a JWT that lasts a day."""
        now = clock.now()
        claims: JsonObject = {
            **metadata.to_json(),
            "sub": metadata.credential_issuer,
            "iss": metadata.credential_issuer,
            "iat": now,
            "exp": now + METADATA_SECONDS,
        }
        text = create_jws({"typ": TYPE, **self.header()}, json_dumps(claims), self.signer)
        # The plain form lives under the same URL.
        return Reply(200, {"Content-Type": MEDIA_TYPE, "Vary": "Accept"}, text.encode("ascii"))


def wants_signed(accept: str) -> bool:
    """Return whether an Accept header prefers the JWT: only where it names it (RFC 9110 12.5.1)."""
    weights = {"application/json": 0.0, MEDIA_TYPE: 0.0}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name in weights:
            weights[name] = max((_weight(part) for part in parameters), default=1.0)
    return weights[MEDIA_TYPE] > 0 and weights[MEDIA_TYPE] >= weights["application/json"]


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
