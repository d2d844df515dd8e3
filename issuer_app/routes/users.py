"""Users of the organisation."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from issuer_app.errors import InputRefusedError
from issuer_app.web.forms import number_of
from issuer_app.web.pages import show_page, show_problems
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("users", __name__)


@pages.get("/users")
def list_all() -> ResponseReturnValue:
    """List the users with a form for one more."""
    found = services().accounts.users(current_person())
    return show_page("users.html", users=found, form={"name": "", "login": "", "roles": []})


@pages.post("/users")
def add() -> ResponseReturnValue:
    """Add a user."""
    person, form = current_person(), request.form
    given: dict[str, Any] = {"name": form.get("name", ""), "login": form.get("login", "")}
    given["roles"] = form.getlist("roles")
    try:
        services().accounts.add_user(person, password=form.get("password", ""), **given)
    except InputRefusedError as refused:
        users = services().accounts.users(person)
        return show_problems("users.html", refused.problems, users=users, form=given)
    return redirect(url_for("users.list_all", notice="user_added"), 303)


@pages.post("/users/<user_id>/disable")
def disable(user_id: str) -> ResponseReturnValue:
    """End a user's access."""
    version = number_of(request.form, "version")
    services().accounts.disable_user(current_person(), user_id, expected_version=version)
    return redirect(url_for("users.list_all", notice="user_disabled"), 303)
