"""Who may ask for a credential: the access token of a request opens one session (clause IP-06).

Every endpoint of the credential issuer that needs a token asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from weid.errors import ProtocolError
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.issuance_session import Redeemable, Stored, hash_token, same
from weid.openid4vci.reply import EndpointRequest, UnauthorizedError


@dataclass(frozen=True, slots=True)
class TokenAccess:
    """Finds the session that an access token opens."""

    circumstances: Circumstances

    def require(self, request: EndpointRequest, path: str) -> Stored:
        """Return the session of a request to the endpoint at `path`, such as `/credential`.

        Raises:
            ProtocolError: invalid_token, status 401; invalid_request for a token in the URL.
        """
        del path  # proofs of possession name it; a bearer token does not
        names = [name for name, _ in parse_qsl(request.query, keep_blank_values=True)]
        if "access_token" in names:
            raise ProtocolError("invalid_request", "an access token has no place in a URL")
        scheme, _, token = request.header("Authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthorizedError(given=False)
        return self._open(token.strip())

    def _open(self, token: str) -> Stored:
        issuance_id, _, secret = token.partition(".")
        found = secret and len(token) < 256
        stored = self.circumstances.issuances.load(issuance_id) if found else None
        if stored is None or not isinstance(stored.session, Redeemable):
            raise UnauthorizedError(given=True)
        if not same(stored.session.token_hash, hash_token(secret)):
            raise UnauthorizedError(given=True)
        return stored
