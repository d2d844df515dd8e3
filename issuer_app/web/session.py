"""The browser's session: one random cookie, a form token derived from it, the person behind it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from typing import Final, cast
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from issuer_app.errors import ForbiddenError, SignInRequiredError
from issuer_app.services.people import Person
from issuer_app.settings import Settings
from issuer_app.web.access import (
    API,
    MACHINES,
    PUBLIC,
    ROLES,
    SWITCHED,
    SWITCHED_PUBLIC,
    UPLOADS,
)
from issuer_app.web.api_access import require_token_holder
from issuer_app.wiring import services

FORM_TOKEN: Final = "csrf"  # noqa: S105 - the name of a field
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN_LENGTH: Final = 43
FORM_BYTES: Final = 64 * 1024
"""Largest body of a route that takes no file."""


class BrowserSession:
    """Reads, checks and sets the session cookie around every request."""

    def __init__(self, settings: Settings, secret_key: bytes) -> None:
        self._secure = settings.secure
        self._origin = settings.public_origin
        self._secret_key = secret_key
        self._proxies = frozenset(settings.trusted_proxies)
        # Two issuers may share a host; the path of a __Host- cookie would not tell them apart.
        name = "weid-issuer" + settings.public_path.replace("/", "-")
        self.cookie_name = f"__Host-{name}" if self._secure else name

    def install(self, app: Flask) -> None:
        """Check access before, and set the cookie after, every request."""
        app.before_request(self._begin)
        app.after_request(self._set_cookie)
        app.jinja_env.globals["form_token"] = self.form_token

    def _begin(self) -> None:
        endpoint = request.endpoint
        g.peer = self._peer()
        g.token = request.cookies.get(self.cookie_name, "")
        g.person = None
        g.new_token = None
        if endpoint not in UPLOADS:
            request.max_content_length = FORM_BYTES
        if endpoint == "static" or endpoint is None:
            return
        programs = API.get(endpoint) or SWITCHED.get(endpoint)
        if programs is not None:
            # The cookie of a browser counts for nothing here: a page elsewhere cannot use it.
            g.person = require_token_holder(g.peer, *programs)
            return
        if len(g.token) == _TOKEN_LENGTH and endpoint not in MACHINES:
            g.person = services().accounts.person_of(g.token)
        if request.method not in _SAFE_METHODS and endpoint not in MACHINES:
            self._require_own_form()
        if endpoint in PUBLIC | SWITCHED_PUBLIC:
            return
        if g.person is None:
            raise SignInRequiredError("sign in first")
        if not g.person.may(*ROLES.get(endpoint, ())):
            raise ForbiddenError("your roles do not allow this")

    def _require_own_form(self) -> None:
        """Refuse a change that does not come from a form of ours in this browser."""
        origin = request.headers.get("Origin")
        if origin is None:
            if request.headers.get("Sec-Fetch-Site") != "same-origin":
                raise ForbiddenError("the request does not come from a page of this site")
        elif not hmac.compare_digest(origin.encode(), self._origin.encode()):
            raise ForbiddenError("the request comes from another site")
        if request.mimetype not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            raise ForbiddenError("the request is not a form")
        given = request.form.get(FORM_TOKEN, "")
        if not g.token or not hmac.compare_digest(
            given.encode(), self._token_for(g.token).encode()
        ):
            raise ForbiddenError("the form is too old", hint="Go back, reload and try again.")

    def _token_for(self, token: str) -> str:
        return hmac.new(self._secret_key, b"form/" + token.encode(), hashlib.sha256).hexdigest()

    def form_token(self) -> str:
        """Return the form token of this browser, giving it a cookie first if it has none."""
        if not g.token or len(g.token) != _TOKEN_LENGTH:
            g.token = g.new_token = secrets.token_urlsafe(32)
        return self._token_for(g.token)

    def _set_cookie(self, response: Response) -> Response:
        token = g.get("new_token")
        if token is not None:
            response.set_cookie(
                self.cookie_name,
                token,
                httponly=True,
                secure=self._secure,
                samesite="Lax",
                path="/",
            )
        return response

    def _peer(self) -> str:
        """Return who is really asking: the last address that a listed proxy vouches for."""
        peer = request.remote_addr or ""
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            if peer not in self._proxies:
                break
            try:
                peer = str(ipaddress.ip_address(hop.strip()))
            except ValueError:
                break
        return peer


def begin_session(token: str) -> None:
    """Give the browser a session token in place of whatever it had."""
    g.new_token = token


def end_session() -> None:
    """Give the browser a fresh cookie without a session behind it."""
    g.new_token = secrets.token_urlsafe(32)


def current_token() -> str:
    """Return the session token that the browser sent."""
    return cast("str", g.token)


def current_peer() -> str:
    """Return the address of the true peer."""
    return cast("str", g.peer)


def current_person() -> Person:
    """Return who is signed in.

    Raises:
        SignInRequiredError: nobody.
    """
    person = g.get("person")
    if not isinstance(person, Person):
        raise SignInRequiredError("sign in first")
    return person


def own_path(target: str) -> str:
    """Return a path of this application to go on to, or its start page for anything else."""
    parts = urlsplit(target)
    plain = target.isascii() and target.isprintable() and "\\" not in target and len(target) < 500
    start = f"{request.script_root}/"
    below = target.startswith(start) and "/.." not in target
    if plain and below and not target.startswith("//") and not parts.netloc:
        return target
    return start
