"""The audit log: read, checked, exported."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from issuer_app.web.downloads import send_download
from issuer_app.web.forms import page_of
from issuer_app.web.pages import show_page
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("audit", __name__)


@pages.get("/audit")
def show() -> ResponseReturnValue:
    """Show the newest entries, or those before one."""
    before = page_of(request.args, "before") if "before" in request.args else None
    entries = services().audit.page(current_person(), before=before)
    return show_page("audit.html", entries=entries, verdict=None)


@pages.post("/audit/check")
def check() -> ResponseReturnValue:
    """Check the whole log and say so."""
    person, audit = current_person(), services().audit
    verdict = audit.check(person)
    return show_page("audit.html", entries=audit.page(person), verdict=verdict)


@pages.post("/audit/export")
def export() -> ResponseReturnValue:
    """Download the whole log."""
    return send_download(services().audit.export(current_person()), "audit-log.json")
