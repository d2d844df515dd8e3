"""The start page: what waits for the person."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from issuer_app.web.language import template_languages
from issuer_app.web.pages import show_page
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("home", __name__)


@pages.get("/")
def show() -> ResponseReturnValue:
    """Show drafts, approvals, running and failed work."""
    person = current_person()
    names = services().templates.names(person, template_languages())
    return show_page("home.html", home=services().home.of(person), template_names=names)
