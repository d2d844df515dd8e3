"""Who calls the API: the holder of a token, by `Authorization: Bearer` (RFC 6750 section 2.1)."""

from __future__ import annotations

import re
from typing import Final

from flask import request

from issuer_app.errors import ForbiddenError, SignInRequiredError
from issuer_app.services.people import Person, Role
from issuer_app.wiring import services

_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9_-]{1,200})\Z", re.IGNORECASE)


def require_token_holder(peer: str, *roles: Role) -> Person:
    """Return for whom the request's token acts.

    Raises:
        TooManyRequestsError: this peer asks too often, with good tokens or bad ones.
        SignInRequiredError: no token, or one that is not alive.
        ForbiddenError: its user has none of the roles.
    """
    services().api_throttle.require(peer)
    given = _BEARER.match(request.headers.get("Authorization", ""))
    person = services().api_tokens.person_of(given[1]) if given else None
    if person is None:
        raise SignInRequiredError(
            "the API token is missing, wrong or over", hint="Ask an administrator for a new one."
        )
    if not person.may(*roles):
        raise ForbiddenError("the roles of this token's user do not allow this")
    return person
