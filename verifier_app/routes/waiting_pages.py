"""The two pages of a request to a wallet: while it waits, and its answer."""

from __future__ import annotations

from flask import current_app, g, render_template, url_for

from verifier_app.answer_view import AnswerView
from verifier_app.presentations import PresentationView
from verifier_app.routes.counter_desk import language


def waiting_page(view: PresentationView, request_id: str) -> str:
    """Return the page of a request that waits, or ended without an answer to look at."""
    attempt = None if view.attempt is None else view.attempt.in_language(g.words, language())
    # No code is drawn for a link that fits none: then the link alone is there.
    return render_template("wait.html", open=view, request_id=request_id, attempt=attempt)


def answer_page(answer: AnswerView, request_id: str, *, again: bool, keep_minutes: int) -> str:
    """Return the page of an accepted answer, kept for at most so long.

    `again` tells of a second one that was refused.
    """
    settings = current_app.extensions["verifier_settings"]
    return render_template(
        "answer.html",
        answer=answer.in_language(g.words, language()),
        request_id=request_id,
        again=again,
        clear_after=settings.auto_clear_seconds,
        next_path=url_for("presentations.choose"),
        keep_minutes=keep_minutes,
    )
