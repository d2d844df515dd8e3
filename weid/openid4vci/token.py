"""Token request and token response (OpenID4VCI 1.0 section 6)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from weid.errors import ProtocolError
from weid.oauth.form import FORM, Parameters, parse_form
from weid.openid4vci.message import Message
from weid.openid4vci.offer import AUTHORIZATION_CODE, PRE_AUTHORIZED_CODE, TX_CODE_CHARACTERS

__all__ = ["FORM", "CodeTokenRequest", "TokenRequest", "TokenResponse", "parse_token_request"]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A wallet's request to turn its code into an access token."""

    code: str = field(repr=False)
    tx_code: str | None = field(default=None, repr=False)

    def to_form(self) -> bytes:
        """Return the request as a form."""
        fields = {"grant_type": PRE_AUTHORIZED_CODE, "pre-authorized_code": self.code}
        if self.tx_code is not None:
            fields["tx_code"] = self.tx_code
        return urlencode(fields, errors="surrogatepass").encode("ascii")


class TokenResponse(Message):
    """The access token; `expires_in` seconds."""

    access_token: Annotated[str, Field(min_length=1, max_length=8192, repr=False)]
    token_type: str
    expires_in: Annotated[int, Field(ge=0)] | None = None
    scope: str | None = None
    authorization_details: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class CodeTokenRequest:
    """A wallet's request to turn an authorization code into an access token."""

    code: str = field(repr=False)
    redirect_uri: str
    client_id: str | None
    code_verifier: str | None = field(repr=False)


def parse_token_request(body: bytes, *, content_type: str) -> TokenRequest:
    """Read a token request of the pre-authorized code flow.

    Raises:
        ProtocolError: invalid_request or unsupported_grant_type.
    """
    read = read_token_request(parse_form(body, content_type=content_type))
    if not isinstance(read, TokenRequest):
        raise ProtocolError("unsupported_grant_type", "only the pre-authorized code is taken")
    return read


def read_token_request(form: Parameters) -> TokenRequest | CodeTokenRequest:
    """Read the grant of a token request (RFC 6749 section 4.1.3, OpenID4VCI 1.0 section 6.1).

    Raises:
        ProtocolError: invalid_request or unsupported_grant_type.
    """
    grant_type = form.require("grant_type")
    if grant_type == PRE_AUTHORIZED_CODE:
        return TokenRequest(form.require("pre-authorized_code"), form.values.get("tx_code"))
    if grant_type == AUTHORIZATION_CODE:
        return CodeTokenRequest(
            form.require("code"),
            form.require("redirect_uri"),
            form.get("client_id"),
            form.get("code_verifier"),
        )
    raise ProtocolError("unsupported_grant_type", "there is no such grant here")


def plain_tx_code(typed: str) -> str:
    """Return a transaction code as it is compared: full-width forms narrowed, blanks left out.

    What is too long to be one becomes empty, which matches nothing.
    """
    if len(typed) > 4 * TX_CODE_CHARACTERS:
        return ""
    return "".join(unicodedata.normalize("NFKC", typed).split())
