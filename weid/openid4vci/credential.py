"""Credential request and credential response (OpenID4VCI 1.0 section 8)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError, ProtocolError
from weid.openid4vci.message import Message

REQUEST_BYTES: Final = 64 * 1024
ANCHOR_MEMBER: Final = "weid_issuance_anchor"
"""Our member beside `credential`: salt and proof of the issuance anchor, where there are any."""


class Proofs(Message):
    """The key proofs of a request; we take one `jwt`."""

    jwt: Annotated[tuple[str, ...], Field(min_length=1, max_length=1)]


class CredentialRequest(Message):
    """A wallet's request for a credential that its token covers.

    It names a configuration, or the identifier that the token response gave; never both.
    """

    credential_configuration_id: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    credential_identifier: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    proofs: Proofs


class IssuedCredentialEntry(Message):
    """One credential of a response."""

    credential: Annotated[str, Field(min_length=1)]
    anchor: dict[str, Any] | None = Field(
        default=None, validation_alias=ANCHOR_MEMBER, serialization_alias=ANCHOR_MEMBER
    )


class CredentialResponse(Message):
    """The credentials; a wallet ignores what it does not know."""

    credentials: Annotated[tuple[IssuedCredentialEntry, ...], Field(min_length=1, max_length=16)]


def parse_credential_request(body: bytes, *, content_type: str) -> CredentialRequest:
    """Read a credential request.

    Raises:
        ProtocolError: with the code that section 8.3.1.2 gives the fault.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise _refused("the request is not JSON (application/json)")
    try:
        value = json_loads_object(body, what="the request", max_bytes=REQUEST_BYTES)
    except MalformedError as error:
        raise _refused(error.message) from None
    _check_selector(value)
    if "credential_response_encryption" in value:
        raise ProtocolError("invalid_encryption_parameters", "encryption is not offered")
    _check_proofs(value)
    try:
        return CredentialRequest.from_json(value, what="the request")
    except MalformedError as error:
        raise _refused(error.message) from None


def _check_selector(value: JsonObject) -> None:
    if ("credential_identifier" in value) == ("credential_configuration_id" in value):
        raise _refused("exactly one of credential_configuration_id and credential_identifier")
    if value.get("credential_configuration_id", value.get("credential_identifier")) is None:
        raise _refused("what is asked for is null")


def _check_proofs(value: JsonObject) -> None:
    proofs = value.get("proofs")
    if not isinstance(proofs, dict) or len(proofs) != 1:
        raise ProtocolError("invalid_proof", "proofs with exactly one kind of proof is missing")
    texts = proofs.get("jwt")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ProtocolError("invalid_proof", "proofs must have jwt, an array of texts")
    if len(texts) != 1:
        raise ProtocolError("invalid_proof", "one proof at a time: one credential, one key")


def _refused(why: str) -> ProtocolError:
    return ProtocolError("invalid_credential_request", why)
