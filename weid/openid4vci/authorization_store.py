"""What the authorization code flow keeps between its steps; every secret as its hash only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from weid.encoding import json_dumps, json_loads_object
from weid.openid4vci.authorization_request import AuthorizationRequest
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.issuance_session import hash_token

PUSHED_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
PUSHED_SECONDS: Final = 90
PAGE_SECONDS: Final = 600
"""How long a person may take on the page."""
CODE_SECONDS: Final = 120
_KEPT_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What an authorization code stands for."""

    request: AuthorizationRequest
    issuance_id: str


@dataclass(frozen=True, slots=True)
class OpenAuthorization:
    """A request whose page a person is looking at."""

    authorization_id: str = field(repr=False)
    request: AuthorizationRequest


@dataclass(frozen=True, slots=True)
class AuthorizationStore:
    """Pushed requests, open pages and codes of one issuer; each can be taken once."""

    circumstances: Circumstances

    def push(self, request: AuthorizationRequest) -> str:
        """Keep a pushed request; return its request_uri (RFC 9126 section 2.2)."""
        secret = self._create("pushed", request.to_bytes(), PUSHED_SECONDS)
        return PUSHED_PREFIX + secret

    def take_pushed(self, request_uri: str, client_id: str) -> AuthorizationRequest | None:
        """Return a pushed request for the client that pushed it, once."""
        if not request_uri.startswith(PUSHED_PREFIX):
            return None
        key = self._key("pushed", request_uri.removeprefix(PUSHED_PREFIX))
        kept = self.circumstances.sessions.load(key)
        if kept is None:
            return None
        request = AuthorizationRequest.from_bytes(kept)
        # Looked at before it is taken: another client uses up nobody's request.
        if request.address.client_id != client_id:
            return None
        return request if self.circumstances.sessions.take(key) is not None else None

    def open(self, request: AuthorizationRequest) -> str:
        """Keep a request while a person decides; return the id of its page."""
        return self._create("page", request.to_bytes(), PAGE_SECONDS)

    def opened(self, authorization_id: str) -> OpenAuthorization | None:
        """Return a request that waits for its person."""
        kept = self.circumstances.sessions.load(self._key("page", authorization_id))
        if kept is None:
            return None
        return OpenAuthorization(authorization_id, AuthorizationRequest.from_bytes(kept))

    def close(self, authorization_id: str) -> bool:
        """End a page; of many who decide at once one gets True."""
        key = self._key("page", authorization_id)
        return self.circumstances.sessions.take(key) is not None

    def create_code(self, grant: CodeGrant) -> str:
        """Keep a grant; return its authorization code."""
        value = {"request": grant.request.to_json(), "issuance_id": grant.issuance_id}
        return self._create("code", json_dumps(value), CODE_SECONDS)

    def grant_of(self, code: str) -> CodeGrant | None:
        """Return what a code stands for, without using it."""
        kept = self.circumstances.sessions.load(self._key("code", code))
        if kept is None:
            return None
        value = json_loads_object(kept, what="the kept code", max_bytes=_KEPT_BYTES)
        request = value["request"]
        if not isinstance(request, dict):
            return None
        return CodeGrant(AuthorizationRequest.from_json(request), str(value["issuance_id"]))

    def use_code(self, code: str) -> bool:
        """Use a code up; of many at once one gets True."""
        return self.circumstances.sessions.take(self._key("code", code)) is not None

    def _create(self, kind: str, value: bytes, lifetime: int) -> str:
        here = self.circumstances
        secret = here.draw_secret()
        until = here.clock.now() + lifetime
        here.sessions.create(self._key(kind, secret), value, expires_at=until)
        return secret

    def _key(self, kind: str, secret: str) -> str:
        return f"authorization:{kind}:{self.circumstances.credential_issuer}:{hash_token(secret)}"
