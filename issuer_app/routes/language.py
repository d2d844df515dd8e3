"""Choosing the language of the pages."""

from __future__ import annotations

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from issuer_app.errors import MissingError
from issuer_app.web.language import LANGUAGE_COOKIE, LANGUAGES
from issuer_app.web.session import own_path
from issuer_app.wiring import services

pages = Blueprint("language", __name__)
_YEAR = 365 * 86_400


@pages.get("/language/<code>")
def choose(code: str) -> ResponseReturnValue:
    """Remember the language and go back."""
    if code not in LANGUAGES:
        raise MissingError("no such language")
    response = redirect(own_path(request.args.get("next", "/")), 303)
    secure = services().settings.secure
    response.set_cookie(
        LANGUAGE_COOKIE, code, max_age=_YEAR, httponly=True, secure=secure, samesite="Lax"
    )
    return response
