"""Asking: the saved requests, an open request with its code, and its answer."""

from __future__ import annotations

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from verifier_app.routes.counter_desk import browser, desk, language, result_page, sent

pages = Blueprint("requests", __name__, url_prefix="/requests")


@pages.get("/")
def saved() -> str:
    """List what this counter may ask for."""
    return render_template("saved_requests.html", wishes=desk().wishes(language()))


@pages.post("/")
def ask() -> AnyResponse:
    """Open a request of this browser."""
    opened = desk().ask(request.form.get("wish", ""), browser=browser())
    return redirect(url_for("requests.show", request_id=opened), 303)


@pages.get("/<request_id>")
def show(request_id: str) -> str:
    """Show the code of an open request and take the answer."""
    opened = desk().open_request(request_id, browser=browser(), language=language())
    return render_template("request.html", open=opened, fault=None)


@pages.get("/<request_id>/code.svg")
def code(request_id: str) -> Response:
    """Return the picture of the request's code."""
    label = g.words.text("Code of this request")
    picture = desk().request_picture(request_id, browser=browser(), label=label)
    return Response(picture, mimetype="image/svg+xml")


@pages.post("/<request_id>/answer")
def answer(request_id: str) -> tuple[str, int] | str:
    """Check the answer; the request is used up by it, unless it could not be checked."""
    opened = desk().open_request(request_id, browser=browser(), language=language())
    found = sent(lambda text: desk().answer(request_id, text, browser=browser()))
    if found.result is None:
        return render_template("request.html", open=opened, fault=found.fault), 400
    retry = url_for("requests.show", request_id=request_id)
    return result_page(found.result, next_path=url_for("requests.saved"), retry_path=retry)
