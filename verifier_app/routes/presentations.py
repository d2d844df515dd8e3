"""Asking wallets online: choose what, show the code or the link, wait, look at the answer."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from verifier_app.languages import told
from verifier_app.presentations import Wanted, not_brought_back
from verifier_app.routes.counter_desk import desk, language
from verifier_app.routes.waiting_pages import answer_page, waiting_page
from verifier_app.routes.wallet_desk import (
    asking,
    drop,
    keep_code,
    remember,
    respond,
    response_code,
    session_id,
    session_ids,
)
from weid.errors import MalformedError

pages = Blueprint("presentations", __name__, url_prefix="/wallets")


@pages.get("/")
def choose() -> str:
    """List what can be asked for."""
    return _choice(None)


@pages.post("/")
def begin() -> ResponseReturnValue:
    """Begin a request of this browser and go to its page."""
    try:
        begun = asking().begin(_wanted(), same_device=request.form.get("device") == "same")
    except MalformedError as error:
        hint = g.text(error.hint) if error.hint else None
        return _choice({"message": g.text(error.message), "hint": hint}), 400
    remember(begun)
    return redirect(url_for("presentations.show", request_id=begun.request_id), 303)


@pages.get("/<request_id>")
def show(request_id: str) -> ResponseReturnValue:
    """Show the code or the link of a request, or what became of it."""
    view = asking().view(session_id(request_id), language())
    if view.state == "answered" and (not view.same_device or response_code(request_id)):
        return redirect(url_for("presentations.result", request_id=request_id), 303)
    return waiting_page(view, request_id)


@pages.get("/<request_id>/code.svg")
def code(request_id: str) -> Response:
    """Return the picture of a request's code."""
    label = g.words.text("Code of this request")
    picture = asking().picture(session_id(request_id), label=label)
    return Response(picture, mimetype="image/svg+xml")


@pages.get("/<request_id>/status")
def status(request_id: str) -> Response:
    """Answer the page that waits; nobody else's."""
    return respond(asking().status(session_id(request_id)))


@pages.get("/return")
def come_back() -> ResponseReturnValue:
    """Take the browser that a wallet on the same device brings back, if it began here."""
    given = request.args.get("response_code", "")
    request_id = asking().returned(session_ids(), given)
    if request_id is None:
        raise not_brought_back()
    if asking().progress(session_id(request_id))["state"] == "answered":
        # The code of a wallet's no opens nothing, and would stand in the way of a later answer.
        keep_code(request_id, given)
    return redirect(url_for("presentations.result", request_id=request_id), 303)


@pages.get("/<request_id>/result")
def result(request_id: str) -> ResponseReturnValue:
    """Show the answer to the browser that began, until the purpose is over."""
    mine = session_id(request_id)
    progress = asking().progress(mine)
    if progress["state"] != "answered":
        return redirect(url_for("presentations.show", request_id=request_id), 303)
    answer = asking().answer(mine, response_code(request_id))
    return answer_page(
        answer,
        request_id,
        again=progress.get("answered_again") is True,
        keep_minutes=asking().keep_minutes(mine),
    )


@pages.post("/<request_id>/forget")
def forget(request_id: str) -> ResponseReturnValue:
    """Forget the answer, or withdraw the request."""
    if not session_id(request_id):
        abort(404)
    asking().forget(session_id(request_id))
    drop(request_id)
    return redirect(url_for("presentations.choose"), 303)


def _choice(fault: dict[str, str | None] | None) -> str:
    return render_template(
        "ask_online.html",
        wishes=desk().wishes(language()),
        policies=asking().policies(language()),
        templates=asking().templates(language()),
        fault=fault,
    )


def _wanted() -> Wanted:
    form = request.form
    if "wish" in form:
        return asking().wish(form["wish"])
    if "policy" in form:
        return asking().policy(form["policy"])
    if "cpt_id" in form:
        version = form.get("version", "", type=str)
        return asking().fields(
            form.get("network", ""),
            form["cpt_id"],
            int(version) if version.isascii() and version.isdecimal() else 0,
            form.getlist("field"),
        )
    return asking().text(_query_text())


def _query_text() -> str:
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return request.form.get("query", "")
    try:
        return sent.stream.read(64 * 1024 + 1).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(told("This query cannot be asked.")) from None
