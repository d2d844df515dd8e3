"""What nodes send: signed, and from no browser."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

pages = Blueprint("hooks", __name__, url_prefix="/hooks")


@pages.post("/<network>")
def take(network: str) -> Response:
    """Take a webhook of a network's node."""
    hooks = current_app.extensions["hooks"]
    status = 404 if hooks is None else hooks.take(network, request.headers, request.get_data())
    return Response(status=status)
