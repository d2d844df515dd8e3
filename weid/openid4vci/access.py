"""Who may ask for a credential: the access token of a request opens one session (IP-06, IP-43).

Every endpoint of the credential issuer that needs a token asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from weid.errors import ProtocolError
from weid.oauth.dpop import ALGORITHMS
from weid.oauth.reply import EndpointRequest, UnauthorizedError
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.issuance_session import TokenIssued, hash_token, same
from weid.openid4vci.wallet_checks import WalletChecks

_DPOP: Final = f'DPoP algs="{" ".join(ALGORITHMS)}"'


@dataclass(frozen=True, slots=True)
class OpenedToken:
    """The session that an access token opens."""

    issuance_id: str
    session: TokenIssued


@dataclass(frozen=True, slots=True)
class TokenAccess:
    """Finds the session that an access token opens."""

    circumstances: Circumstances

    def require(self, request: EndpointRequest, path: str) -> OpenedToken:
        """Return the session of a POST request to the endpoint at `path`, such as `/credential`.

        Raises:
            ProtocolError: invalid_token, invalid_dpop_proof or use_dpop_nonce, status 401;
                invalid_request for a token in the URL.
        """
        names = [name for name, _ in parse_qsl(request.query, keep_blank_values=True)]
        if "access_token" in names:
            raise ProtocolError("invalid_request", "an access token has no place in a URL")
        scheme, _, token = request.header("Authorization").partition(" ")
        token = token.strip()
        if scheme.lower() == "dpop" and token:
            return self._open_bound(request, path, token)
        if scheme.lower() != "bearer" or not token or self.circumstances.policy.dpop_required:
            raise UnauthorizedError(given=False, scheme=self._schemes())
        return self._open(token)

    def _schemes(self) -> str:
        return _DPOP if self.circumstances.policy.dpop_required else f"Bearer, {_DPOP}"

    def _open_bound(self, request: EndpointRequest, path: str, token: str) -> OpenedToken:
        try:
            key = WalletChecks(self.circumstances).key(request, path, access_token=token)
        except ProtocolError as error:
            raise UnauthorizedError(
                given=True, scheme=f"{_DPOP},", code=error.code, description=error.description
            ) from None
        return self._open(token, key=key)

    def _open(self, token: str, *, key: str = "") -> OpenedToken:
        scheme = f"{_DPOP}," if key else "Bearer"
        issuance_id, _, secret = token.partition(".")
        found = secret and len(token) < 256
        stored = self.circumstances.issuances.load(issuance_id) if found else None
        if stored is None or not isinstance(stored.session, TokenIssued):
            raise UnauthorizedError(given=True, scheme=scheme)
        # The hash of a token that is bound to a key covers the key: with another key, or without
        # one as a Bearer token, it opens nothing.
        if not same(stored.session.token_hash, hash_token(secret, key=key)):
            raise UnauthorizedError(given=True, scheme=scheme)
        return OpenedToken(issuance_id, stored.session)
