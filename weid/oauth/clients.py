"""Which clients a server knows, and where it may send a browser back to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from weid.errors import MalformedError, ProtocolError

REDIRECT_CHARACTERS: Final = 2048
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+\Z")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?\Z")
_PUBLIC: Final = re.compile(
    r"(?=[a-z0-9.-]{1,253}(?::|\Z))(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?::[0-9]{1,5})?\Z"
)
_HERE: Final = ("127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class PublicClient:
    """A wallet that the operator knows: its client_id and the redirect URIs that it may name.

    They are compared character by character (RFC 9700 section 2.1).

    Raises:
        MalformedError: a redirect URI that `check_redirect_uri` refuses.
    """

    client_id: str
    redirect_uris: tuple[str, ...]

    def __post_init__(self) -> None:
        for uri in self.redirect_uris:
            check_redirect_uri(uri, listed=True)


def check_redirect_uri(uri: str, *, listed: bool = False) -> None:
    """Require a URI that a browser may be sent to.

    It is https, http to a loopback address (RFC 8252 section 7.3), or a scheme of an app, which
    section 7.1 wants to be a domain name turned round; no fragment, no user name. Where no operator
    has `listed` it, the host of https is a name as a person can read and compare it: in lower case,
    with a dot, and no address.

    Raises:
        MalformedError: it is none.
    """
    what = "redirect_uri"
    if len(uri) > REDIRECT_CHARACTERS or _CHARACTERS.match(uri) is None:
        raise MalformedError(f"{what} is too long or has characters that no such URI has")
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise MalformedError(f"{what} is not a URI") from None
    if "@" in parts.netloc or _SCHEME.match(parts.scheme) is None:
        raise MalformedError(f"{what} has a user name or no scheme")
    if parts.scheme == "https" and (_AUTHORITY if listed else _PUBLIC).match(parts.netloc):
        return
    if parts.scheme == "http":
        if parts.netloc.rpartition(":")[0] in _HERE or parts.netloc in _HERE:
            return
        raise MalformedError(f"{what} is plain http to elsewhere")
    if parts.scheme in _NEVER or (not listed and "." not in parts.scheme):
        raise MalformedError(f"{what} has a scheme that is not an app's")


_NEVER: Final = frozenset(
    {
        "https",
        "javascript",
        "data",
        "vbscript",
        "file",
        "blob",
        "about",
        "view-source",
        "filesystem",
    }
)


def require_redirect_uri(
    clients: tuple[PublicClient, ...], client_id: str, redirect_uri: str | None, *, attested: bool
) -> str:
    """Return the redirect URI of a request where it may be trusted.

    A client of the operator's list may use what stands there. One that proved an attestation may
    name any (RFC 9126 section 2.4), unless the list knows it.

    Raises:
        ProtocolError: invalid_client where the client is not known, else invalid_request.
    """
    known = next((client for client in clients if client.client_id == client_id), None)
    if known is None and not attested:
        raise ProtocolError("invalid_client", "the client is not known here", status=401)
    if redirect_uri is None:
        raise ProtocolError("invalid_request", "redirect_uri is missing")
    if known is not None:
        if redirect_uri not in known.redirect_uris:
            raise ProtocolError("invalid_request", "redirect_uri is not one of this client's")
        return redirect_uri
    try:
        check_redirect_uri(redirect_uri)
    except MalformedError as error:
        raise ProtocolError("invalid_request", error.message) from None
    return redirect_uri
