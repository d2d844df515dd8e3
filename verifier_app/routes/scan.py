"""The start page, the check of a code that was not asked for, privacy, and the language."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from verifier_app.routes.counter_desk import desk, own_path, result_page, sent

pages = Blueprint("scan", __name__)


@pages.get("/")
def home() -> str:
    """Camera, picture or text."""
    return render_template("home.html", fault=None)


@pages.post("/check")
def check() -> tuple[str, int] | str:
    """Check what was scanned, without a request of ours."""
    found = sent(desk().check)
    if found.result is None:
        return render_template("home.html", fault=found.fault), 400
    here = url_for("scan.home")
    return result_page(found.result, next_path=here, retry_path=here)


@pages.get("/privacy")
def privacy() -> str:
    """What is stored: nothing."""
    return render_template("privacy.html")


@pages.post("/language")
def choose_language() -> AnyResponse | Response:
    """Remember the language in the session and go back."""
    session["language"] = request.form.get("language", "en")[:16]
    return redirect(own_path(request.form.get("back", "/")), 303)
