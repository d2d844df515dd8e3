"""Credential request and credential response (OpenID4VCI 1.0 sections 8 and 9)."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import Field

from weid.encoding import JsonObject
from weid.errors import MalformedError, ProtocolError
from weid.openid4vci.message import Message

ANCHOR_MEMBER: Final = "weid_issuance_anchor"
"""Our member beside `credential`: salt and proof of the issuance anchor, where there are any."""
PROOFS: Final = 16
"""Proofs of one request that are read at all; the issuer's batch size is smaller or equal."""

_Text: TypeAlias = Annotated[str, Field(min_length=1)]
_ShortText: TypeAlias = Annotated[str, Field(min_length=1, max_length=512)]
_MessageT = TypeVar("_MessageT", bound=Message)


class Proofs(Message):
    """The key proofs of a request: several `jwt`, or one `attestation` (appendix F)."""

    jwt: Annotated[tuple[str, ...], Field(min_length=1, max_length=PROOFS)] | None = None
    attestation: Annotated[tuple[str, ...], Field(min_length=1, max_length=1)] | None = None


class CredentialRequest(Message):
    """A wallet's request for a credential that its token covers.

    It names a configuration, or the identifier that the token response gave; never both.
    """

    credential_configuration_id: _ShortText | None = None
    credential_identifier: _ShortText | None = None
    proofs: Proofs
    credential_response_encryption: dict[str, Any] | None = None


class DeferredRequest(Message):
    """A wallet asks again for what was not decided yet (section 9.1)."""

    transaction_id: _ShortText
    credential_response_encryption: dict[str, Any] | None = None


class IssuedCredentialEntry(Message):
    """One credential of a response."""

    credential: _Text
    anchor: dict[str, Any] | None = Field(
        default=None, validation_alias=ANCHOR_MEMBER, serialization_alias=ANCHOR_MEMBER
    )


class CredentialResponse(Message):
    """The credentials; a wallet ignores what it does not know."""

    credentials: Annotated[tuple[IssuedCredentialEntry, ...], Field(min_length=1, max_length=16)]
    notification_id: _ShortText | None = None


class Deferral(Message):
    """Nothing is decided yet: ask again in `interval` seconds (sections 8.3 and 9.2)."""

    transaction_id: _ShortText
    interval: Annotated[int, Field(ge=1)]


def read_credential_request(value: JsonObject, *, batch_size: int) -> CredentialRequest:
    """Read a credential request from its JSON object; at most `batch_size` proofs.

    Raises:
        ProtocolError: with the code that section 8.3.1.2 gives the fault.
    """
    _check_selector(value)
    _check_proofs(value, batch_size)
    return _read(CredentialRequest, value)


def read_deferred_request(value: JsonObject) -> DeferredRequest:
    """Read a deferred credential request from its JSON object.

    Raises:
        ProtocolError: invalid_credential_request, or invalid_transaction_id.
    """
    if not isinstance(value.get("transaction_id"), str):
        raise _refused("transaction_id is missing")
    return _read(DeferredRequest, value)


def _read(message: type[_MessageT], value: JsonObject) -> _MessageT:
    try:
        return message.from_json(value, what="the request")
    except MalformedError as error:
        raise _refused(error.message) from None


def _check_selector(value: JsonObject) -> None:
    if ("credential_identifier" in value) == ("credential_configuration_id" in value):
        raise _refused("exactly one of credential_configuration_id and credential_identifier")
    if value.get("credential_configuration_id", value.get("credential_identifier")) is None:
        raise _refused("what is asked for is null")


def _check_proofs(value: JsonObject, batch_size: int) -> None:
    proofs = value.get("proofs")
    if not isinstance(proofs, dict) or len(proofs) != 1:
        raise _invalid_proof("proofs with exactly one kind of proof is missing")
    kind, texts = next(iter(proofs.items()))
    if kind not in ("jwt", "attestation"):
        raise _invalid_proof("proofs must have jwt or attestation")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _invalid_proof("proofs are not an array of texts")
    most = batch_size if kind == "jwt" else 1
    if not 0 < len(texts) <= most:
        raise _invalid_proof(f"from one to {most} proofs of this kind at a time")


def _refused(why: str) -> ProtocolError:
    return ProtocolError("invalid_credential_request", why)


def _invalid_proof(why: str) -> ProtocolError:
    return ProtocolError("invalid_proof", why)
