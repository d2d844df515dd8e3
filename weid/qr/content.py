"""What a scanned text is, judged before anything is done with it (clauses QR-13 to QR-15).

A code is printed by anybody. Only what is exactly one of the kinds that we know is acted upon;
all else is text to be shown, never a thing to open, and shown in a form that cannot deceive.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from weid.errors import MalformedError
from weid.qr.envelope import PAPER_PREFIX, PREFIX

LINK_CHARACTERS: Final = 2048
"""Longest link that is followed."""
DISPLAY_CHARACTERS: Final = 300
"""Longest stretch of a stranger's text that is shown."""

_OFFER: Final = "openid-credential-offer://"
_REQUEST: Final = "openid4vp://"
_LINK_TEXT: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class ContentKind(StrEnum):
    """What a scanned text may be."""

    ENVELOPE = "envelope"
    CREDENTIAL_OFFER = "credential_offer"
    PRESENTATION_REQUEST = "presentation_request"
    LINK = "link"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ScannedContent:
    """A scanned text with its kind.

    `display` is safe to show; `reason` says why something that looks like a link is only text.
    """

    kind: ContentKind
    text: str
    display: str
    reason: str = ""


def classify_content(text: str) -> ScannedContent:
    """Return what a scanned text is. Never raises, never fetches."""
    kind, reason = _kind(text)
    return ScannedContent(kind, text, display_text(text), reason)


def _kind(text: str) -> tuple[ContentKind, str]:
    if text.startswith((PREFIX, PAPER_PREFIX)):
        return ContentKind.ENVELOPE, ""
    schemes = (
        (_OFFER, ContentKind.CREDENTIAL_OFFER),
        (_REQUEST, ContentKind.PRESENTATION_REQUEST),
    )
    for scheme, kind in schemes:
        if text.startswith(scheme):
            if len(text) > LINK_CHARACTERS * 2 or _LINK_TEXT.match(text) is None:
                return ContentKind.TEXT, "it is too long or has characters that no link has"
            return kind, ""
    if "://" not in text[:40]:
        return ContentKind.TEXT, ""
    try:
        parse_link(text, what="the link")
    except MalformedError as error:
        return ContentKind.TEXT, error.message
    return ContentKind.LINK, ""


def parse_link(url: str, *, what: str, allow_loopback_http: bool = False) -> SplitResult:
    """Return the parts of a link that may be followed; `what` names it in errors.

    It is `https` to a host with a name, or with `allow_loopback_http` also `http` to this very
    machine, which is for local development only. Where the name leads is not judged here but
    when connecting (`weid.transport`).

    Raises:
        MalformedError: another scheme, a user name, an address instead of a name, a host that is
            not lower-case ASCII with a dot, a port that is none, white space or control bytes.
    """
    if len(url) > LINK_CHARACTERS:
        raise MalformedError(f"{what} is longer than {LINK_CHARACTERS} characters")
    if _LINK_TEXT.match(url) is None:
        raise MalformedError(f"{what} has characters that no link has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise MalformedError(f"{what} is not a link") from None
    if "@" in parts.netloc or port == 0:
        raise MalformedError(f"{what} has a user name or no real port")
    if parts.scheme == "http" and allow_loopback_http and host in _LOOPBACK:
        return parts
    if parts.scheme != "https":
        raise MalformedError(f"{what} is not https")
    if _is_address(host):
        raise MalformedError(f"{what} leads to an address instead of a name")
    if parts.netloc != (host if port is None else f"{host}:{port}") or _HOST.match(host) is None:
        raise MalformedError(f"{what} has a host that is not a plain lower-case name")
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1 and 0x7f000001 are addresses to some systems; no public name ends in a digit.
        return host[-1:].isdigit()
    return True


def display_text(text: str, *, limit: int = DISPLAY_CHARACTERS) -> str:
    r"""Return a stranger's text for showing: one line, cut, nothing invisible, isolated.

    Controls, line ends and characters that turn the direction of text are written as `\u202e`;
    the result stands between FSI and PDI, so that it cannot reorder what surrounds it.
    """
    shown = "".join(
        character if _is_plain(character) else f"\\u{ord(character):04x}"
        for character in text[:limit]
    )
    return f"\u2068{shown}{'…' if len(text) > limit else ''}\u2069"


def _is_plain(character: str) -> bool:
    # Cc controls, Cf formats (bidi controls, zero width), Co/Cs/Cn without a meaning, Zl/Zp lines.
    return character == " " or unicodedata.category(character) not in {
        "Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp",
    }  # fmt: skip
