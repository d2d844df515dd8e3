"""What a wallet posts to the response URI, in the mode that the request named (section 8.2, 8.3).

Clauses PP-44 … PP-47 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from weid.crypto.keys import PrivateKey
from weid.errors import ProtocolError
from weid.openid4vp.encryption import decrypt_response, encrypt_response
from weid.openid4vp.response import (
    ErrorResponse,
    PresentationResponse,
    parse_members,
    parse_response,
)
from weid.verification.request import PresentationRequest


def parse_posted(
    fields: Mapping[str, list[str]], *, expected: PresentationRequest, key: PrivateKey | None
) -> PresentationResponse | ErrorResponse:
    """Read posted fields; `key` decrypts what the request wanted encrypted.

    A wallet that cannot encrypt may still post an error as it is (section 8.3.1).

    Raises:
        ProtocolError: posted in another way than the request wants, or wrong by itself.
    """
    encryption = expected.encryption
    if encryption is None or key is None:
        if "response" in fields:
            raise ProtocolError("invalid_request", "the request wants no encrypted response")
        return parse_response(fields, expected=expected)
    if "error" in fields:
        return parse_response(fields, expected=expected)
    values = fields.get("response", [])
    if len(values) != 1 or "vp_token" in fields:
        raise ProtocolError("invalid_request", "the request wants an encrypted response")
    members = decrypt_response(values[0], key, kid=encryption.kid or "")
    return parse_members(members, expected=expected)


def form_of(answer: PresentationResponse, request: PresentationRequest) -> dict[str, str]:
    """Return the fields that a wallet posts as the answer to a request, encrypted where wanted."""
    if request.encryption is None:
        return answer.to_form()
    return {"response": encrypt_response(answer.to_json(), request.encryption)}
