"""A wallet's side of OpenID4VP 1.0: from a link to a request that can be believed, and the answer.

The request is shown to nobody before its sender is checked, and the answer goes to the checked
place alone. The transport judges every address; no redirect is followed (section 13.4).
Clauses PP-13, PP-34 … PP-40, PP-44 and PP-63 of specs/presentation-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

from weid import limits
from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.encoding import JsonObject, base64url_encode, json_dumps, json_loads_object
from weid.errors import MalformedError, ProtocolError
from weid.openid4vp.client_id import SIGNED
from weid.openid4vp.posted import form_of
from weid.openid4vp.request import RequestReference, parse_request_link
from weid.openid4vp.request_object import (
    CONTENT_TYPE,
    MAX_BYTES,
    AuthenticRequest,
    RequestTrust,
    check_request_object,
    check_unsigned_request,
)
from weid.openid4vp.response import ErrorResponse, PresentationResponse
from weid.transport import HttpReply, HttpTransport
from weid.verification.client_metadata import formats_json

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_REPLY_BYTES: Final = 16 * 1024
_NONCE_BYTES: Final = 16


class PresentationClient:
    """Reads requests and posts answers for one wallet.

    `trust` says whom it believes about who asks.
    """

    def __init__(
        self,
        transport: HttpTransport,
        *,
        trust: RequestTrust,
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._transport = transport
        self._trust = trust
        self._clock = clock
        self._random = random

    def read_request(self, link: str) -> AuthenticRequest:
        """Return the request of a link, once its sender is who it says.

        Raises:
            MalformedError: the link cannot be read.
            ProtocolError: the request is not one to answer, or the verifier does not give it.
            TransportError: an address is refused or does not answer.
        """
        found = parse_request_link(link)
        if isinstance(found, RequestReference):
            return self._fetch(found)
        return check_unsigned_request(found, self._trust)

    def answer(
        self, asked: AuthenticRequest, presentations: Mapping[str, Sequence[str]]
    ) -> str | None:
        """Post the answer; return where the person goes on, None where there is nothing to open.

        Raises:
            ProtocolError: the verifier did not accept it.
            TransportError: the address is refused or does not answer.
        """
        texts = {query_id: tuple(several) for query_id, several in presentations.items()}
        answer = PresentationResponse(texts, asked.request.state)
        return self._post(asked, form_of(answer, asked.request))

    def refuse(self, asked: AuthenticRequest, error: str = "access_denied") -> str | None:
        """Tell the verifier that there will be no answer; return where the person goes on.

        Raises:
            ProtocolError: the verifier did not take it.
            TransportError: the address is refused or does not answer.
        """
        return self._post(asked, ErrorResponse(error, asked.request.state).to_form())

    def _fetch(self, reference: RequestReference) -> AuthenticRequest:
        nonce: str | None = None
        place = reference.request_uri
        if reference.method == "post":
            nonce = base64url_encode(self._random(_NONCE_BYTES))
            form = {"wallet_nonce": nonce, "wallet_metadata": json_dumps(_metadata()).decode()}
            body = urlencode(form).encode("ascii")
            reply = self._transport.post(
                place,
                body,
                content_type=_FORM,
                accept=CONTENT_TYPE,
                max_bytes=MAX_BYTES,
                timeout=limits.EXCHANGE_SECONDS,
            )
        else:
            reply = self._transport.get(
                place,
                accept=CONTENT_TYPE,
                max_bytes=MAX_BYTES,
                timeout=limits.EXCHANGE_SECONDS,
            )
        if reply.status != 200 or reply.content_type != CONTENT_TYPE:
            raise ProtocolError(
                "invalid_request",
                "the verifier does not give its request",
                hint="It may have expired: start again at the verifier.",
            )
        return check_request_object(
            _text(reply),
            client_id=reference.client_id,
            trust=self._trust,
            now=self._clock.now(),
            wallet_nonce=nonce,
            fetched_from=place,
        )

    def _post(self, asked: AuthenticRequest, form: dict[str, str]) -> str | None:
        reply = self._transport.post(
            asked.place,
            urlencode(form).encode("ascii"),
            content_type=_FORM,
            accept=_JSON,
            max_bytes=_REPLY_BYTES,
            timeout=limits.EXCHANGE_SECONDS,
        )
        value: JsonObject = {}
        if reply.body and reply.content_type == _JSON:
            value = json_loads_object(reply.body, what="the verifier's reply")
        if not 200 <= reply.status < 300:
            raise _told(value)
        return _place_to_go_on(value)


def _metadata() -> JsonObject:
    return {
        "vp_formats_supported": formats_json(),
        "client_id_prefixes_supported": [prefix.value for prefix in sorted(SIGNED)],
        "request_object_signing_alg_values_supported": ["ES256", "EdDSA"],
        "response_types_supported": ["vp_token"],
    }


def _text(reply: HttpReply) -> str:
    try:
        return reply.body.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedError("the request object is not text") from None


def _told(value: JsonObject) -> ProtocolError:
    code, description = value.get("error"), value.get("error_description")
    return ProtocolError(
        code if isinstance(code, str) and code.isprintable() else "invalid_request",
        description if isinstance(description, str) and description.isprintable() else "",
        hint="The verifier did not accept the answer.",
    )


def _place_to_go_on(value: JsonObject) -> str | None:
    """Return the page to open: a web address of whatever host, as the verifier chose (8.2)."""
    place = value.get("redirect_uri")
    if not isinstance(place, str):
        return None
    printable = place.isascii() and place.isprintable() and len(place) <= 4 * limits.TEXT_FIELD
    if not printable or not _is_web_address(place):
        raise MalformedError("the verifier sends the person to what is no web address")
    return place


def _is_web_address(place: str) -> bool:
    try:
        return urlsplit(place).scheme in {"https", "http"}
    except ValueError:  # half a pair of brackets
        return False
