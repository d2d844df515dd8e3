"""did:web: the document is fetched from the host that the DID names, through the guard.

The host's operator and whoever holds its certificate can say anything at any time: there is no
history, so a policy that lists such a DID trusts the host.
"""

from __future__ import annotations

import re
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.did.document_reader import parse_did_document
from weid.did.resolver import (
    DidResolution,
    ResolutionFault,
    ResolutionOptions,
    resolved,
    unresolved,
)
from weid.did.service_endpoint import is_host_name
from weid.did.syntax import Did
from weid.errors import CryptoError, MalformedError, RegistryUnavailableError, TransportError
from weid.transport import HttpTransport

_ACCEPT: Final = "application/did+ld+json, application/did+json, application/json"
_CONTENT_TYPES: Final = frozenset(
    {"application/did+ld+json", "application/did+json", "application/did", "application/json"}
)
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_GONE: Final = frozenset({404, 410})


def web_did_url(did: Did) -> str:
    """Return the https URL of a did:web's document (method specification, clause Read).

    Raises:
        MalformedError: the identifier names no public host name in lower case, or has a segment
            that is not plain.
    """
    host_and_port, *path = did.id.split(":")
    host, escaped, port = host_and_port.partition("%3A")
    if not is_host_name(host) or (escaped and _PORT.fullmatch(port) is None):
        raise MalformedError("the did:web does not name a public host in lower case")
    if not all(_SEGMENT.fullmatch(segment) for segment in path):
        raise MalformedError("the did:web has a path segment that is not plain")
    authority = f"{host}:{port}" if escaped else host
    return f"https://{authority}/{'/'.join(path) if path else '.well-known'}/did.json"


class WebMethod:
    """Resolves did:web over a guarded transport."""

    def __init__(self, transport: HttpTransport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    def resolve(self, did: Did, options: ResolutionOptions) -> DidResolution:
        """Resolve a did:web; see `DidMethod`. Only what the host says now can be had."""
        if options != ResolutionOptions():
            return unresolved(ResolutionFault.FEATURE_NOT_SUPPORTED, "did:web has no versions")
        url = web_did_url(did)
        try:
            reply = self._transport.get(url, accept=_ACCEPT, max_bytes=limits.DID_DOCUMENT_BYTES)
        except TransportError as error:
            if error.refused:
                return unresolved(ResolutionFault.FORBIDDEN, error.message)
            raise RegistryUnavailableError(error.message) from error
        if reply.status in _GONE:
            return unresolved(ResolutionFault.NOT_FOUND, "the host has no document of this DID")
        if reply.status != 200:
            raise RegistryUnavailableError(f"the host of {did} answers with {reply.status}")
        if reply.content_type not in _CONTENT_TYPES:
            return unresolved(
                ResolutionFault.INVALID_DID_DOCUMENT, "the host answers with another content type"
            )
        try:
            document = parse_did_document(
                reply.body, expected_did=str(did), at_time=self._clock.now()
            )
        except (MalformedError, CryptoError) as error:
            return unresolved(ResolutionFault.INVALID_DID_DOCUMENT, error.message)
        return resolved(document)
