"""Reading what an issuer answers a wallet: one message of JSON, or a refusal in its words."""

from __future__ import annotations

import re
from typing import Final, TypeVar

from weid.encoding import json_loads_object
from weid.errors import MalformedError, ProtocolError, WeidError
from weid.openid4vci.message import Message
from weid.qr.content import display_text, parse_link
from weid.transport import HttpReply

METADATA_BYTES: Final = 1024 * 1024
JSON: Final = "application/json"
_CODE: Final = re.compile(r"[a-z][a-z_]{0,63}\Z")
_MessageT = TypeVar("_MessageT", bound=Message)


def check_endpoint(url: str | None, what: str) -> None:
    """Require an endpoint that metadata names, if it does, to be a link that may be followed.

    Raises:
        MalformedError: it is none.
    """
    if url is not None:
        parse_link(url, what=what, allow_loopback_http=True)


def read_reply(
    reply: HttpReply, message: type[_MessageT], what: str, *, statuses: tuple[int, ...] = (200,)
) -> _MessageT:
    """Read the message of an answer.

    Raises:
        ProtocolError: the issuer refuses, with its code.
        MalformedError: another status, not JSON, or not this message.
    """
    if reply.status not in statuses:
        raise refusal_of(reply, what)
    if reply.content_type != JSON:
        raise MalformedError(f"{what} is not JSON")
    return message.from_bytes(reply.body, what=what, max_bytes=METADATA_BYTES)


def refusal_of(reply: HttpReply, what: str) -> WeidError:
    """Return the issuer's refusal as an error; its words are a stranger's."""
    try:
        members = json_loads_object(reply.body, what=what)
    except MalformedError:
        members = {}
    code, description = members.get("error"), members.get("error_description")
    if not isinstance(code, str) or _CODE.match(code) is None:
        return MalformedError(f"{what} did not come: the issuer answers {reply.status}")
    words = display_text(description) if isinstance(description, str) else ""
    return ProtocolError(code, words, status=reply.status)
