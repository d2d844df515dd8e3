"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from issuer_app.services.accounts import SignInRefusedError
from issuer_app.web.pages import show_page
from issuer_app.web.session import (
    begin_session,
    current_peer,
    current_token,
    end_session,
    own_path,
)
from issuer_app.wiring import services

pages = Blueprint("sign_in", __name__)


@pages.get("/sign-in")
def show() -> ResponseReturnValue:
    """Show the form."""
    return show_page("sign_in.html", login="", next=own_path(request.args.get("next", "/")))


@pages.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Sign in, with a new session token."""
    services().sign_in_throttle.require(current_peer())
    login, there = request.form.get("login", ""), own_path(request.form.get("next", "/"))
    try:
        token = services().accounts.sign_in(login, request.form.get("password", ""))
    except SignInRefusedError as refused:
        wrong = {"login": login[:64], "next": there, "problems": refused.problems}
        return show_page("sign_in.html", status=401, **wrong)
    begin_session(token)
    return redirect(there, 303)


@pages.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    services().accounts.sign_out(current_token())
    end_session()
    return redirect(url_for("sign_in.show", notice="signed_out"), 303)
