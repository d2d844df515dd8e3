"""What an issuer says about itself (OpenID4VCI 1.0 section 12.2; RFC 8414)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field

from weid.errors import MalformedError
from weid.openid4vci.message import Message
from weid.openid4vci.offer import PRE_AUTHORIZED_CODE

FORMAT: Final = "dc+sd-jwt"
CREDENTIAL_ISSUER: Final = "openid-credential-issuer"
AUTHORIZATION_SERVER: Final = "oauth-authorization-server"
OPENID_CONFIGURATION: Final = "openid-configuration"
ALGORITHMS: Final = ("EdDSA", "ES256")

_Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=2048)]
_Texts: TypeAlias = Annotated[tuple[_Text, ...], Field(min_length=1, max_length=64)]


class Display(Message):
    """A name in one language."""

    name: Annotated[str, Field(max_length=512)] | None = None
    locale: Annotated[str, Field(max_length=64)] | None = None
    description: Annotated[str, Field(max_length=2048)] | None = None


class ClaimDescription(Message):
    """One claim of a configuration: its path, whether it is always there, its names."""

    path: Annotated[tuple[str | int | None, ...], Field(min_length=1, max_length=16)]
    mandatory: bool | None = None
    display: tuple[Display, ...] | None = None


class CredentialDescription(Message):
    """How a wallet shows a credential of a configuration (`credential_metadata`)."""

    display: tuple[Display, ...] | None = None
    claims: Annotated[tuple[ClaimDescription, ...], Field(max_length=512)] | None = None


class ProofType(Message):
    """With which algorithms a key proof may be signed, and whether its key must be attested."""

    proof_signing_alg_values_supported: _Texts
    key_attestations_required: dict[str, Any] | None = None


class ProofTypes(Message):
    """The kinds of key proof that we know."""

    jwt: ProofType | None = None
    attestation: ProofType | None = None


class CredentialConfiguration(Message):
    """One kind of `dc+sd-jwt` credential that an issuer gives (appendix A.3)."""

    format: Literal["dc+sd-jwt"] = FORMAT
    vct: _Text
    scope: _Text | None = None
    cryptographic_binding_methods_supported: _Texts | None = None
    proof_types_supported: ProofTypes | None = None
    credential_signing_alg_values_supported: _Texts | None = None
    credential_metadata: CredentialDescription | None = None


class BatchIssuance(Message):
    """How many copies of a credential one request may ask for."""

    batch_size: Annotated[int, Field(ge=2)]


class IssuerMetadata(Message):
    """The metadata of a credential issuer.

    Configurations stay plain JSON until one is asked for: an issuer may offer formats that we do
    not know beside those that we do.
    """

    credential_issuer: _Text
    authorization_servers: _Texts | None = None
    credential_endpoint: _Text
    nonce_endpoint: _Text | None = None
    deferred_credential_endpoint: _Text | None = None
    notification_endpoint: _Text | None = None
    credential_request_encryption: dict[str, Any] | None = None
    credential_response_encryption: dict[str, Any] | None = None
    batch_credential_issuance: BatchIssuance | None = None
    display: tuple[Display, ...] | None = None
    credential_configurations_supported: dict[str, dict[str, Any]]

    def configuration(self, configuration_id: str) -> CredentialConfiguration:
        """Return one configuration.

        Raises:
            MalformedError: it is not there, or not of a format that we know.
        """
        members = self.credential_configurations_supported.get(configuration_id)
        if members is None:
            raise MalformedError("the issuer's metadata does not have the offered configuration")
        what = "the offered configuration"
        if members.get("format") != FORMAT:
            raise MalformedError(f"{what} is not of the format {FORMAT}")
        return CredentialConfiguration.from_json(members, what=what)

    def name(self, language: str = "en") -> str:
        """Return what the issuer calls itself, which nothing proves; else its identifier."""
        return pick_name(self.display, language) or self.credential_issuer


class AuthorizationServerMetadata(Message):
    """The metadata of the server that turns codes into access tokens (RFC 8414)."""

    issuer: _Text
    token_endpoint: _Text
    authorization_endpoint: _Text | None = None
    pushed_authorization_request_endpoint: _Text | None = None
    require_pushed_authorization_requests: bool | None = None
    response_types_supported: tuple[str, ...] = ()
    response_modes_supported: tuple[str, ...] | None = None
    grant_types_supported: tuple[str, ...] | None = None
    code_challenge_methods_supported: tuple[str, ...] | None = None
    authorization_details_types_supported: tuple[str, ...] | None = None
    scopes_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    dpop_signing_alg_values_supported: tuple[str, ...] | None = None
    challenge_endpoint: _Text | None = None
    client_attestation_signing_alg_values_supported: tuple[str, ...] | None = None
    client_attestation_pop_signing_alg_values_supported: tuple[str, ...] | None = None
    anonymous_access: bool | None = Field(
        default=None,
        validation_alias="pre-authorized_grant_anonymous_access_supported",
        serialization_alias="pre-authorized_grant_anonymous_access_supported",
    )

    @property
    def takes_codes(self) -> bool:
        """Whether the pre-authorized code flow is offered, or at least not ruled out."""
        return self.grant_types_supported is None or PRE_AUTHORIZED_CODE in (
            self.grant_types_supported
        )


def well_known_url(identifier: str, kind: str) -> str:
    """Return where the metadata of an identifier is: the well-known part before its path.

    A slash at the end of the path is left out:
    RFC 8615, OpenID4VCI 1.0 section 12.2.2, RFC 8414 section 3.1.
    """
    parts = urlsplit(identifier)
    path = parts.path.removesuffix("/")
    return f"{parts.scheme}://{parts.netloc}/.well-known/{kind}{path}"


def well_known_urls(identifier: str, kind: str) -> tuple[str, ...]:
    """Return where metadata may be, the place of the standards first: some put it behind the path.

    For an identifier without a path both are one.
    """
    first = well_known_url(identifier, kind)
    second = f"{identifier.removesuffix('/')}/.well-known/{kind}"
    return (first,) if first == second else (first, second)


def pick_name(display: tuple[Display, ...] | None, language: str) -> str | None:
    """Return the name in the language asked for, else in a related one, else the first."""
    named = [entry for entry in display or () if entry.name]
    if not named:
        return None
    wanted = language.lower()

    def distance(entry: Display) -> int:
        locale = (entry.locale or "").lower()
        if locale == wanted:
            return 0
        return 1 if locale.split("-")[0] == wanted.split("-")[0] else 2

    return min(named, key=distance).name
