"""Status list tokens over HTTPS, through the guarded transport.

The caller asks only for URIs that the registry holds for the issuer, or that the policy lists;
the transport refuses whatever is not https at a public address. What cannot be had is None.
Clause VF-37 of specs/verification.md.
"""

from __future__ import annotations

from typing import Final

from weid import limits
from weid.errors import TransportError
from weid.transport import GuardedTransport, HttpTransport

MEDIA_TYPE: Final = "application/statuslist+jwt"
CREDENTIAL_TYPES: Final = (
    "application/vc",
    "application/vc+jwt",
    "application/ld+json",
    "application/json",
)
"""What a status list credential may be served as."""


class HttpStatusTokens:
    """Asks the host of a status list for its newest token; nothing is kept here.

    The whole list is fetched, so that its host does not learn which credential is checked.
    """

    def __init__(self, transport: HttpTransport | None = None) -> None:
        self._transport: HttpTransport = transport or GuardedTransport()

    def status_token(self, uri: str) -> str | None:
        """Return the token that is served at a URI, or None where none can be had."""
        try:
            reply = self._transport.get(uri, accept=MEDIA_TYPE, max_bytes=limits.STATUS_TOKEN_BYTES)
        except TransportError:
            return None
        if reply.status != 200 or reply.content_type != MEDIA_TYPE:
            return None
        try:
            return reply.body.decode("ascii")
        except UnicodeDecodeError:
            return None


class HttpStatusCredentials:
    """Asks the host of a Bitstring Status List for its newest credential; nothing is kept here."""

    def __init__(self, transport: HttpTransport | None = None) -> None:
        self._transport: HttpTransport = transport or GuardedTransport()

    def status_credential(self, uri: str) -> str | None:
        """Return the credential that is served at a URI, or None where none can be had."""
        try:
            reply = self._transport.get(
                uri, accept=", ".join(CREDENTIAL_TYPES), max_bytes=limits.STATUS_TOKEN_BYTES
            )
        except TransportError:
            return None
        if reply.status != 200 or reply.content_type not in CREDENTIAL_TYPES:
            return None
        try:
            return reply.body.decode("utf-8")
        except UnicodeDecodeError:
            return None
