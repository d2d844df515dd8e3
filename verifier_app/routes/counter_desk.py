"""What the routes share: the counter of this app, the browser's own mark, and what was sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, g, render_template, request, session

from verifier_app.counter import Counter
from verifier_app.languages import told
from verifier_app.result_view import ResultView
from weid import limits
from weid.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a code that was sent: its result, or what is wrong with the sending."""

    result: ResultView | None = None
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


def sent(examine: Callable[[str], ResultView]) -> Sent:
    """Read a picture or a text from the form and examine it."""
    picture = request.files.get("picture")
    try:
        if picture is not None:
            text = desk().read_picture(picture.stream.read())
        else:
            # Line breaks come from mail programs: neither codes nor certificates have any.
            text = _pasted("".join(request.form.get("text", "").strip().splitlines()))
        return Sent(result=examine(text))
    except MalformedError as error:
        hint = g.text(error.hint) if error.hint else None
        return Sent(fault={"message": g.text(error.message), "hint": hint})


def _pasted(text: str) -> str:
    if not text:
        raise MalformedError(told("Nothing was sent to check."))
    if len(text) > limits.PRESENTATION_BYTES:
        raise MalformedError(told("That is too large."))
    return text


def result_page(result: ResultView, *, next_path: str, retry_path: str) -> str:
    """Return the page of a result; it exists in this response only."""
    settings = current_app.extensions["verifier_settings"]
    return render_template(
        "result.html",
        result=result.in_language(g.words, g.language),
        clear_after=settings.auto_clear_seconds,
        next_path=next_path,
        retry_path=retry_path,
    )


def own_path(path: str) -> str:
    """Return the path if it is one of ours, else the start page: never another site."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() and "\\" not in path else "/"
