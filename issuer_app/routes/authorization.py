"""The authorization endpoint of OpenID4VCI: the pages between a wallet and its code."""

from __future__ import annotations

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue

from issuer_app.errors import AppError, InputRefusedError, Problem
from issuer_app.web.language import template_languages
from issuer_app.web.pages import show_page
from issuer_app.web.session import current_peer
from issuer_app.wiring import services

pages = Blueprint("authorization", __name__)


@pages.get("/authorize")
def begin() -> ResponseReturnValue:
    """Take a wallet's request, and go on to its page or back with an error (section 5.1)."""
    services().token_throttle.require(current_peer())
    reply = services().wallets.authorize(request.query_string.decode("latin-1"))
    if reply.status != 303:
        raise AppError("the request is not usable", Problem("authorization_refused"))
    return redirect(reply.headers["Location"], 303)


def _page(authorization_id: str, problems: tuple[Problem, ...] = ()) -> ResponseReturnValue:
    asked = services().authorizations.shown(authorization_id, template_languages())
    # After the form the browser goes on to the wallet, which the content policy must allow.
    g.form_target = asked.form_target
    status = 422 if problems else 200
    return show_page("authorize.html", status=status, asked=asked, problems=problems)


@pages.get("/authorize/<authorization_id>")
def show(authorization_id: str) -> ResponseReturnValue:
    """Ask the citizen which offer is theirs."""
    services().token_throttle.require(current_peer())
    return _page(authorization_id)


@pages.post("/authorize/<authorization_id>")
def answer(authorization_id: str) -> ResponseReturnValue:
    """Send the wallet its code, or away; or ask again."""
    services().token_throttle.require(current_peer())
    if "decline" in request.form:
        return redirect(services().authorizations.decline(authorization_id), 303)
    typed = {name: request.form.get(name, "") for name in ("reference", "tx_code")}
    try:
        return redirect(services().authorizations.answer(authorization_id, typed), 303)
    except InputRefusedError as refused:
        return _page(authorization_id, refused.problems)
