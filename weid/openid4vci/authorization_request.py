"""An authorization request for a credential (RFC 6749 section 4.1.1, OpenID4VCI 1.0 section 5.1).

It is read in two steps: only after the first, which says who asks and where answers may go, is
there an address that an error may be sent to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from weid.encoding import JsonObject, json_dumps, json_loads, json_loads_object
from weid.errors import MalformedError, ProtocolError
from weid.oauth.client_attestation import AttestedClient
from weid.oauth.clients import PublicClient, require_redirect_uri
from weid.oauth.form import Parameters
from weid.oauth.pkce import require_challenge
from weid.openid4vci.metadata import CredentialConfiguration

DETAILS_TYPE: Final = "openid_credential"
DETAILS_BYTES: Final = 16 * 1024
_DETAILS: Final = 16
STATE_CHARACTERS: Final = 1024
_REFUSED: Final = {"request": "request_not_supported", "registration": "registration_not_supported"}


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Who asks, and where a browser may be sent with the answer."""

    client_id: str
    redirect_uri: str
    state: str | None = field(repr=False)
    attested: bool = False
    wallet_name: str = ""

    def answer(self, issuer: str, members: Mapping[str, str]) -> str:
        """Return the redirect URI with an answer: its members, `state` and `iss` (RFC 9207)."""
        state = {} if self.state is None else {"state": self.state}
        query = urlencode({**members, **state, "iss": issuer})
        # By hand: there is no fragment, and URL builders change what some apps' schemes look like.
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{query}"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that was judged: nothing in it is left to check.

    `configuration_ids` is empty where the wallet leaves it to its offer. `detailed` says that it
    used `authorization_details`. `key` is the thumbprint that the code will be bound to, if any.
    """

    address: ReturnAddress
    code_challenge: str
    configuration_ids: tuple[str, ...] = ()
    scope: str = ""
    detailed: bool = False
    issuer_state: str | None = field(default=None, repr=False)
    key: str = ""

    def to_json(self) -> JsonObject:
        """Return the request for keeping."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> AuthorizationRequest:
        """Return what `to_json` wrote."""
        members = dict(value)
        members["address"] = ReturnAddress(**members["address"])
        members["configuration_ids"] = tuple(members["configuration_ids"])
        return cls(**members)

    def to_bytes(self) -> bytes:
        """Return the request as JSON text."""
        return json_dumps(self.to_json())

    @classmethod
    def from_bytes(cls, data: bytes) -> AuthorizationRequest:
        """Return what `to_bytes` wrote."""
        return cls.from_json(json_loads_object(data, what="the kept authorization request"))


def read_address(
    form: Parameters, clients: tuple[PublicClient, ...], client: AttestedClient | None
) -> ReturnAddress:
    """Read who asks and where answers go; until this is done no error may be redirected.

    Raises:
        ProtocolError: invalid_request or invalid_client.
    """
    client_id = form.get("client_id") or (client.client_id if client else None)
    if client_id is None:
        raise ProtocolError("invalid_request", "client_id is missing")
    redirect_uri = require_redirect_uri(
        clients, client_id, form.get("redirect_uri"), attested=client is not None
    )
    state = form.get("state")
    if state is not None and len(state) > STATE_CHARACTERS:
        raise ProtocolError("invalid_request", "state is too long")
    return ReturnAddress(
        client_id, redirect_uri, state, client is not None, client.wallet_name if client else ""
    )


def read_request(
    form: Parameters,
    address: ReturnAddress,
    configurations: Mapping[str, CredentialConfiguration],
    *,
    issuer: str,
) -> AuthorizationRequest:
    """Read the rest of the request.

    Raises:
        ProtocolError: with the code that RFC 6749 section 4.1.2.1, RFC 8707 or RFC 9396 gives.
    """
    for name, code in _REFUSED.items():
        if form.get(name) is not None:
            raise ProtocolError(code, f"{name} is not taken")
    if form.get("response_type") != "code":
        code = "invalid_request" if not form.get("response_type") else "unsupported_response_type"
        raise ProtocolError(code, "response_type must be code")
    if form.get("response_mode") not in (None, "query"):
        raise ProtocolError("invalid_request", "response_mode must be query")
    challenge = require_challenge(form.get("code_challenge"), form.get("code_challenge_method"))
    require_resources(form, issuer)
    details, scope = form.get("authorization_details"), form.get("scope") or ""
    issuer_state = form.get("issuer_state")
    wanted = read_details(details, configurations) if details else ()
    if scope:
        wanted += _of_scope(scope, configurations, beside=bool(wanted))
    if not wanted and issuer_state is None:
        raise ProtocolError("invalid_scope", "scope or authorization_details is needed")
    return AuthorizationRequest(
        address,
        challenge,
        tuple(dict.fromkeys(wanted)),
        scope,
        details is not None,
        issuer_state,
        form.get("dpop_jkt") or "",
    )


def require_resources(form: Parameters, issuer: str) -> None:
    """Require every `resource` to be the credential issuer (RFC 8707; section 5.1.2).

    Raises:
        ProtocolError: invalid_target.
    """
    if any(resource.rstrip("/") != issuer.rstrip("/") for resource in form.resources):
        raise ProtocolError("invalid_target", "resource is not this credential issuer")


def read_details(
    text: str, configurations: Mapping[str, CredentialConfiguration]
) -> tuple[str, ...]:
    """Return the configurations that `authorization_details` names (section 5.1.1).

    Raises:
        ProtocolError: invalid_authorization_details.
    """
    try:
        entries = json_loads(text, what="authorization_details", max_bytes=DETAILS_BYTES)
    except MalformedError as error:
        raise _wrong_details(error.message) from None
    if not isinstance(entries, list) or not 0 < len(entries) <= _DETAILS:
        raise _wrong_details("authorization_details is not a short array of objects")
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("type") != DETAILS_TYPE:
            raise _wrong_details(f"only the type {DETAILS_TYPE} is known here")
        configuration_id = entry.get("credential_configuration_id")
        if not isinstance(configuration_id, str) or configuration_id not in configurations:
            raise _wrong_details("there is no such credential configuration")
        found.append(configuration_id)
    return tuple(found)


def _of_scope(
    scope: str, configurations: Mapping[str, CredentialConfiguration], *, beside: bool
) -> tuple[str, ...]:
    asked = set(scope.split(" "))
    found = tuple(name for name, known in configurations.items() if known.scope in asked)
    # Scopes that mean nothing here are ignored, as long as something is asked for.
    if not found and not beside:
        raise ProtocolError("invalid_scope", "no credential has such a scope")
    return found


def _wrong_details(why: str) -> ProtocolError:
    return ProtocolError("invalid_authorization_details", why)
