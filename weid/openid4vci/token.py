"""Token request and token response of the pre-authorized code flow (OpenID4VCI 1.0 section 6)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from pydantic import Field

from weid.errors import ProtocolError
from weid.openid4vci.message import Message
from weid.openid4vci.offer import PRE_AUTHORIZED_CODE, TX_CODE_CHARACTERS

FORM: Final = "application/x-www-form-urlencoded"
REQUEST_BYTES: Final = 16 * 1024
_FIELDS: Final = 32


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


def parse_token_request(body: bytes, *, content_type: str) -> TokenRequest:
    """Read a token request (RFC 6749 section 3.2: no parameter twice, unknown ones ignored).

    Raises:
        ProtocolError: invalid_request or unsupported_grant_type.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise ProtocolError("invalid_request", f"the request is not a form ({FORM})")
    if len(body) > REQUEST_BYTES:
        raise ProtocolError("invalid_request", "the request is too large", status=413)
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS,
            errors="strict",
        )  # fmt: skip
    except ValueError:
        raise ProtocolError("invalid_request", "the form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ProtocolError("invalid_request", "a parameter is there twice")
    grant_type = fields.get("grant_type")
    if not grant_type:
        raise ProtocolError("invalid_request", "grant_type is missing")
    if grant_type != PRE_AUTHORIZED_CODE:
        raise ProtocolError("unsupported_grant_type", "only the pre-authorized code is taken")
    code = fields.get("pre-authorized_code")
    if not code:
        raise ProtocolError("invalid_request", "pre-authorized_code is missing")
    return TokenRequest(code, fields.get("tx_code"))


def plain_tx_code(typed: str) -> str:
    """Return a transaction code as it is compared: full-width forms narrowed, blanks left out.

    What is too long to be one becomes empty, which matches nothing.
    """
    if len(typed) > 4 * TX_CODE_CHARACTERS:
        return ""
    return "".join(unicodedata.normalize("NFKC", typed).split())
