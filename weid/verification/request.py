"""A presentation request: what is asked, for whom, and the nonce that binds the answer to it.

Written as the request parameters of OpenID for Verifiable Presentations 1.0 (section 5), so that
the same value goes into a QR code, a file or a request over the web.
Clauses PP-07 … PP-10, PP-41 … PP-43 and PP-50 of specs/presentation-profile.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.errors import MalformedError
from weid.verification.client_metadata import ResponseEncryption, formats_json, parse_encryption
from weid.verification.dcql import CredentialQuery, DcqlQuery
from weid.verification.policy_reference import MEMBER as POLICY
from weid.verification.policy_reference import PolicyReference
from weid.verification.stated_purpose import MEMBER as VERIFIER_INFO
from weid.verification.stated_purpose import StatedPurpose
from weid.verification.transaction_data import TransactionData, parse_transaction_data

RESPONSE_TYPE: Final = "vp_token"
DIRECT_POST: Final = "direct_post"
DIRECT_POST_JWT: Final = "direct_post.jwt"
"""The answer is posted encrypted (section 8.3.1)."""
SHOWN_AUDIENCE: Final = "weid:shown"
"""The audience of a shown code: nobody asked, so it is bound to nobody."""

_NONCE: Final = re.compile(r"[A-Za-z0-9._~-]{1,512}\Z")
_TIME_MAX: Final = limits.SAFE_INTEGER


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentationRequest:
    """A request for credentials.

    `audience` is the verifier's identifier (`client_id` on the wire) that the answer must name;
    `nonce` the verifier's random text, used once; `created_at` and `expires_at` seconds;
    `response_uri` where a wallet posts its answer, None where the answer is shown as a code;
    `state` what the wallet returns beside the answer; `client_name` what people call the verifier,
    which nothing proves; `encryption` the key that the posted answer is encrypted to, None where
    it is posted as it is; `transaction_data` what else the person is to agree to; `policy` the
    published presentation policy that it is made by; `purpose` what the verifier says that it is
    for, which nothing proves.
    """

    audience: str
    nonce: str
    query: DcqlQuery
    created_at: int | None = None
    expires_at: int | None = None
    response_uri: str | None = None
    state: str | None = None
    client_name: str | None = None
    encryption: ResponseEncryption | None = None
    transaction_data: tuple[TransactionData, ...] = ()
    policy: PolicyReference | None = None
    purpose: StatedPurpose | None = None

    def __post_init__(self) -> None:
        if not self.audience or len(self.audience) > limits.TEXT_FIELD:
            raise MalformedError("client_id of the request is missing or too long")
        if self.audience == SHOWN_AUDIENCE:
            raise MalformedError("client_id of a request cannot be that of a shown code")
        if _NONCE.match(self.nonce) is None:
            raise MalformedError("nonce of the request is not URL-safe text")
        if self.encryption is not None and self.response_uri is None:
            raise MalformedError("an answer that is not posted is not encrypted")
        for entry in self.transaction_data:
            self._check_transaction(entry)

    def _check_transaction(self, entry: TransactionData) -> None:
        for name in entry.credential_ids:
            query = self.query.credential(name)
            if query is None or not query.holder_binding:
                raise MalformedError(
                    "transaction_data of the request names no credential with the holder's key"
                )

    @property
    def response_mode(self) -> str | None:
        """How the answer is posted; None where it is shown as a code."""
        if self.response_uri is None:
            return None
        return DIRECT_POST if self.encryption is None else DIRECT_POST_JWT

    def credential_query(self, query_id: str | None = None) -> CredentialQuery:
        """Return the credential query of that id; without an id, the only one there is.

        Raises:
            MalformedError: there is none of that id, or more than one and no id was given.
        """
        if query_id is None:
            if len(self.query.credentials) != 1:
                raise MalformedError("the request asks for several credentials: say which by id")
            return self.query.credentials[0]
        found = self.query.credential(query_id)
        if found is None:
            raise MalformedError(f"the request has no credential query {query_id}")
        return found

    def to_json(self) -> JsonObject:
        """Return the request parameters as a JSON object."""
        value: JsonObject = {
            "response_type": RESPONSE_TYPE,
            "client_id": self.audience,
            "nonce": self.nonce,
            "dcql_query": self.query.to_json(),
        }
        if self.response_uri is not None:
            value["response_mode"] = self.response_mode
            value["response_uri"] = self.response_uri
        optional: dict[str, str | int | None] = {
            "state": self.state,
            "iat": self.created_at,
            "exp": self.expires_at,
        }
        value |= {name: member for name, member in optional.items() if member is not None}
        if self.transaction_data:
            value["transaction_data"] = [entry.text for entry in self.transaction_data]
        if self.policy is not None:
            value[POLICY] = self.policy.to_json()
        if self.purpose is not None:
            value[VERIFIER_INFO] = [self.purpose.to_json()]
        metadata = self._client_metadata()
        return value | {"client_metadata": metadata} if metadata else value

    def _client_metadata(self) -> JsonObject:
        metadata: JsonObject = {}
        if self.response_uri is not None:
            metadata["vp_formats_supported"] = formats_json()
        if self.encryption is not None:
            metadata |= self.encryption.to_json()
        if self.client_name is not None:
            metadata["client_name"] = self.client_name
        return metadata

    def to_text(self) -> str:
        """Return the request as compact JSON text, which a QR envelope takes."""
        return json_dumps(self.to_json()).decode("utf-8")

    @classmethod
    def from_json(cls, value: JsonObject) -> PresentationRequest:
        """Read request parameters; unknown ones are ignored (section 5).

        Raises:
            MalformedError: with what is wrong and where.
        """
        if value.get("response_type") != RESPONSE_TYPE:
            raise MalformedError("response_type of the request is not vp_token")
        response_uri = _text(value, "response_uri")
        _check_mode(value, posted=response_uri is not None)
        client_id = _text(value, "client_id")
        nonce = _text(value, "nonce")
        if client_id is None or nonce is None:
            raise MalformedError("the request has no client_id or no nonce")
        metadata = value.get("client_metadata", {})
        if not isinstance(metadata, dict):
            raise MalformedError("client_metadata of the request is not an object")
        return cls(
            audience=client_id,
            nonce=nonce,
            query=DcqlQuery.from_json(value.get("dcql_query")),
            created_at=_time(value, "iat"),
            expires_at=_time(value, "exp"),
            response_uri=response_uri,
            state=_text(value, "state"),
            client_name=_text(metadata, "client_name"),
            encryption=(
                parse_encryption(metadata)
                if value.get("response_mode") == DIRECT_POST_JWT
                else None
            ),
            transaction_data=(
                parse_transaction_data(value["transaction_data"])
                if "transaction_data" in value
                else ()
            ),
            policy=PolicyReference.from_json(value[POLICY]) if POLICY in value else None,
            purpose=(StatedPurpose.find(value[VERIFIER_INFO]) if VERIFIER_INFO in value else None),
        )

    @classmethod
    def from_text(cls, text: str | bytes) -> PresentationRequest:
        """Read a request from JSON text.

        Raises:
            MalformedError: with what is wrong and where.
        """
        what = "the presentation request"
        return cls.from_json(
            json_loads_object(text, what=what, max_bytes=limits.PRESENTATION_BYTES)
        )


def _check_mode(value: JsonObject, *, posted: bool) -> None:
    mode = value.get("response_mode")
    if mode not in (None, DIRECT_POST, DIRECT_POST_JWT) or (mode is not None) != posted:
        raise MalformedError("response_mode and response_uri of the request do not fit")
    if posted and "redirect_uri" in value:
        # Section 8.2: the wallet must not have to choose between two places.
        raise MalformedError("the request has redirect_uri beside response_uri")


def _text(members: JsonObject, name: str) -> str | None:
    value = members.get(name)
    if value is None and name not in members:
        return None
    if not isinstance(value, str) or not value or len(value) > 2 * limits.TEXT_FIELD:
        raise MalformedError(f"{name} of the request is not a short text")
    return value


def _time(members: JsonObject, name: str) -> int | None:
    value = members.get(name)
    if value is None and name not in members:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _TIME_MAX:
        raise MalformedError(f"{name} of the request is not a time in seconds")
    return value
