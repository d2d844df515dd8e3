"""The credential offer and the URI that carries it (OpenID4VCI 1.0 section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, field_validator

from weid.errors import MalformedError
from weid.openid4vci.message import Message
from weid.qr.content import parse_link

SCHEME: Final = "openid-credential-offer://"
_SCHEMES: Final = (SCHEME, "haip-vci://")
"""What an offer may begin with; the second is that of HAIP 1.0 (section 4.2)."""
PRE_AUTHORIZED_CODE: Final = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
AUTHORIZATION_CODE: Final = "authorization_code"
OFFER_BYTES: Final = 16 * 1024
"""An offer as JSON, and a URI that carries one."""
TX_CODE_CHARACTERS: Final = 32

_ShortText: TypeAlias = Annotated[str, Field(min_length=1, max_length=512)]


class TxCodeHint(Message):
    """That a transaction code is needed, and what a person should type (section 4.1.1)."""

    input_mode: Literal["numeric", "text"] = "numeric"
    length: Annotated[int, Field(ge=1, le=TX_CODE_CHARACTERS)] | None = None
    description: Annotated[str, Field(max_length=300)] | None = None


class PreAuthorizedGrant(Message):
    """The grant of an offer that its issuer has already approved."""

    code: _ShortText = Field(
        validation_alias="pre-authorized_code",
        serialization_alias="pre-authorized_code",
        repr=False,
    )
    tx_code: TxCodeHint | None = None
    authorization_server: _ShortText | None = None


class AuthorizationCodeGrant(Message):
    """The grant of an offer that its holder redeems through the issuer's page."""

    issuer_state: _ShortText | None = Field(default=None, repr=False)
    authorization_server: _ShortText | None = None


class Grants(Message):
    """The grants of an offer that we know; others are ignored."""

    pre_authorized: PreAuthorizedGrant | None = Field(
        default=None, validation_alias=PRE_AUTHORIZED_CODE, serialization_alias=PRE_AUTHORIZED_CODE
    )
    authorization_code: AuthorizationCodeGrant | None = None


class CredentialOffer(Message):
    """An issuer's offer of credentials (section 4.1.1)."""

    credential_issuer: _ShortText
    credential_configuration_ids: Annotated[
        tuple[_ShortText, ...], Field(min_length=1, max_length=16)
    ]
    grants: Grants | None = None

    @field_validator("credential_configuration_ids")
    @classmethod
    def _check_unique(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(ids)) != len(ids):
            raise ValueError("the same configuration is named twice")
        return ids

    def to_uri(self) -> str:
        """Return the offer by value: everything in the URI."""
        return SCHEME + "?" + urlencode({"credential_offer": self.to_bytes().decode("utf-8")})


@dataclass(frozen=True, slots=True)
class OfferLink:
    """An offer by reference: where to fetch it."""

    url: str

    def to_uri(self) -> str:
        """Return the offer by reference, short enough for a small QR code."""
        return SCHEME + "?" + urlencode({"credential_offer_uri": self.url})


def parse_offer_uri(uri: str, *, allow_loopback_http: bool = False) -> CredentialOffer | OfferLink:
    """Read an offer URI, as it was scanned or pasted (section 4.1).

    Raises:
        MalformedError: another scheme, not exactly one of the two parameters, or a reference that
            is not a link that may be followed (see `weid.qr.content.parse_link`).
    """
    what = "the offer"
    text = uri.strip()
    if len(text) > OFFER_BYTES:
        raise MalformedError(f"{what} is longer than {OFFER_BYTES} characters")
    if not text.startswith(_SCHEMES):
        raise MalformedError(
            f"{what} does not begin with {SCHEME}",
            hint="Paste the whole text of the issuer's code or message.",
        )
    _, _, query = text.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=8)
    except ValueError:
        raise MalformedError(f"{what} has no readable parameters") from None
    found = [(name, value) for name, value in pairs if name.startswith("credential_offer")]
    if len(found) != 1:
        raise MalformedError(f"{what} must have exactly one of credential_offer and ..._uri")
    name, value = found[0]
    if name == "credential_offer":
        return parse_offer(value, allow_loopback_http=allow_loopback_http)
    if name == "credential_offer_uri":
        parse_link(value, what="the offer's address", allow_loopback_http=allow_loopback_http)
        return OfferLink(value)
    raise MalformedError(f"{what} has a parameter of another name")


def parse_offer(data: bytes | str, *, allow_loopback_http: bool = False) -> CredentialOffer:
    """Read an offer from its JSON text.

    Raises:
        MalformedError: not an offer, or its issuer is not a link that may be followed.
    """
    offer = CredentialOffer.from_bytes(data, what="the offer", max_bytes=OFFER_BYTES)
    check_issuer_identifier(offer.credential_issuer, allow_loopback_http=allow_loopback_http)
    return offer


def check_issuer_identifier(issuer: str, *, allow_loopback_http: bool = False) -> None:
    """Require a credential issuer identifier: an https URL without query and fragment (12.2.1).

    Raises:
        MalformedError: it is none.
    """
    parse_link(issuer, what="the credential issuer", allow_loopback_http=allow_loopback_http)
    if "?" in issuer or "#" in issuer:
        raise MalformedError("the credential issuer has a query or a fragment")
