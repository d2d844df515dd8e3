"""What the routes share: the counter of this app, the browser's own mark, and what was sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from flask import current_app, g, render_template, request, session, url_for

from verifier_app.counter import Counter
from verifier_app.result_view import ResultView
from weid import limits
from weid.errors import WeidError


@dataclass(frozen=True, slots=True)
class Sent:
    """The text of a code that was sent, or what is wrong with the sending."""

    text: str = ""
    fault: dict[str, str | None] | None = None


def desk() -> Counter:
    """Return the counter of this app."""
    counter: Counter = current_app.extensions["counter"]
    return counter


def language() -> str:
    """Return the language of this page."""
    return str(g.language)


def browser() -> str:
    """Return this browser's own mark: a request belongs to the browser that opened it."""
    if "browser" not in session:
        session["browser"] = secrets.token_hex(16)
    return str(session["browser"])


def sent() -> Sent:
    """Read a picture or a text from the form."""
    picture = request.files.get("picture")
    try:
        if picture is not None:
            return Sent(text=desk().read_picture(picture.stream.read()))
        text = request.form.get("text", "").strip()
    except WeidError as error:
        hint = g.text(error.hint) if error.hint else None
        return Sent(fault={"message": g.text(error.message), "hint": hint})
    if not text:
        return Sent(fault={"message": g.text("Nothing was sent to check."), "hint": None})
    if len(text) > limits.PRESENTATION_BYTES:
        return Sent(fault={"message": g.text("That is too large."), "hint": None})
    return Sent(text=text)


def result_page(result: ResultView, *, again: str) -> str:
    """Return the page of a result; it exists in this response only."""
    settings = current_app.extensions["verifier_settings"]
    return render_template(
        "result.html",
        result=result.in_language(g.text, g.language),
        clear_after=settings.auto_clear_seconds,
        next_path=url_for(again),
    )


def own_path(path: str) -> str:
    """Return the path if it is one of ours, else the start page: never another site."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() and "\\" not in path else "/"
