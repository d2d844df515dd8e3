"""Status lists for everybody: whole lists, cacheable, without a cookie or a place in them."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from issuer_app.wiring import services

pages = Blueprint("status_lists", __name__)


@pages.get("/status-lists/<list_id>")
def show(list_id: str) -> ResponseReturnValue:
    """Answer with the signed list (Token Status List clause 8)."""
    token, max_age = services().status_lists.token_of(list_id)
    response = Response(token, content_type="application/statuslist+jwt")
    response.headers["Cache-Control"] = f"public, max-age={max_age}"
    return response
