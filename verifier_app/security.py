"""What every response and every form carries: headers, anti-forgery token, origin check."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request, session
from markupsafe import Markup

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; media-src 'self' blob:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with that, browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NO_FORMS = frozenset(
    {
        "hooks.take",
        "openid4vp.post_request_object",
        "openid4vp.response",
        "api.begin",
        "api.forget",
    }
)
"""Endpoints that look at no cookie: at a signature, a protocol's own secrets, or a token."""
_ASKED: Final = frozenset({"vc_api.credential", "vc_api.presentation"})
"""Endpoints that answer what they are sent, change nothing and know no session."""


def install(app: Flask, *, public_url: str, random: Callable[[int], bytes]) -> None:
    """Guard every route of the app: the one place where headers and forms are secured."""
    _refuse_forgeries(app, origin=_origin(public_url))
    _add_headers(app, secure=public_url.startswith("https://"))

    @app.context_processor
    def forms() -> dict[str, object]:
        return {"csrf_field": lambda: _csrf_field(random)}


def _refuse_forgeries(app: Flask, *, origin: str) -> None:
    """Take a form only from a page of ours: same origin and the session's token."""

    @app.before_request
    def refuse() -> None:
        if request.method not in _UNSAFE_METHODS or request.endpoint in _NO_FORMS | _ASKED:
            return
        if request.endpoint is None:  # nothing is there to be done: 404 or 405 follows
            return
        sent = request.headers.get("Origin")
        if sent is not None and sent != origin:
            abort(403)
        expected = str(session.get("csrf", ""))
        given = request.form.get("csrf", "")
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            abort(403)


def _add_headers(app: Flask, *, secure: bool) -> None:
    @app.after_request
    def add(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        if secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def _csrf_field(random: Callable[[int], bytes]) -> Markup:
    if "csrf" not in session:
        session["csrf"] = random(16).hex()
    return Markup('<input type="hidden" name="csrf" value="{}">').format(session["csrf"])


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
