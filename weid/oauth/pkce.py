"""Proof Key for Code Exchange, with S256 only (RFC 7636)."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from weid.encoding import base64url_encode
from weid.errors import ProtocolError

METHOD: Final = "S256"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (section 4.2)."""
    return base64url_encode(hashlib.sha256(verifier.encode("ascii")).digest())


def require_challenge(challenge: str | None, method: str | None) -> str:
    """Return the challenge of an authorization request.

    Without a method section 4.3 means `plain`, which is refused like every other.

    Raises:
        ProtocolError: invalid_request.
    """
    if challenge is None:
        raise ProtocolError("invalid_request", "code_challenge is missing")
    if method != METHOD:
        raise ProtocolError("invalid_request", f"code_challenge_method must be {METHOD}")
    if _CHALLENGE.match(challenge) is None:
        raise ProtocolError("invalid_request", "code_challenge is not a SHA-256 in base64url")
    return challenge


def require_verifier(verifier: str | None, challenge: str) -> None:
    """Require the verifier of a challenge (section 4.6).

    Raises:
        ProtocolError: invalid_request where it is missing, invalid_grant where it does not fit.
    """
    if verifier is None:
        raise ProtocolError("invalid_request", "code_verifier is missing")
    if _VERIFIER.match(verifier) is None or not hmac.compare_digest(
        challenge_of(verifier), challenge
    ):
        raise ProtocolError("invalid_grant", "code_verifier does not fit the code_challenge")
