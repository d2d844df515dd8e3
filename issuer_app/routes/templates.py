"""Credential templates: list, page, empty files, publication."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from issuer_app.errors import InputRefusedError
from issuer_app.web.downloads import send_download
from issuer_app.web.language import template_languages
from issuer_app.web.pages import show_page, show_problems
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("templates", __name__)


@pages.get("/templates")
def list_all() -> ResponseReturnValue:
    """List every version of every template."""
    found = services().templates.list_all(current_person(), template_languages())
    return show_page("templates.html", templates=found)


@pages.get("/templates/<template_id>")
def show(template_id: str) -> ResponseReturnValue:
    """Show a template's fields and its place in the registry."""
    shown = services().templates.shown(current_person(), template_id, template_languages())
    return show_page("template.html", template=shown)


@pages.get("/templates/<template_id>/empty.<any(csv, xlsx):kind>")
def empty_file(template_id: str, kind: str) -> ResponseReturnValue:
    """Download an empty file with the template's columns."""
    languages = template_languages()
    name, content = services().templates.empty_file(current_person(), template_id, kind, languages)
    return send_download(content, name)


@pages.post("/templates")
def publish() -> ResponseReturnValue:
    """Publish a template file in the registry."""
    person, file = current_person(), request.files.get("file")
    try:
        template_id = services().templates.publish(person, file.read() if file else b"")
    except InputRefusedError as refused:
        found = services().templates.list_all(person, template_languages())
        return show_problems("templates.html", refused.problems, templates=found)
    return redirect(url_for("templates.show", template_id=template_id, notice="published"), 303)
