"""What nodes send: signed, and from no browser."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from verifier_app.hooks import MOST_BYTES

pages = Blueprint("hooks", __name__, url_prefix="/hooks")


@pages.post("/<network>")
def take(network: str) -> Response:
    """Take a webhook of a network's node."""
    hooks = current_app.extensions["hooks"]
    if hooks is None or not hooks.takes(network):
        return Response(status=404)
    request.max_content_length = MOST_BYTES
    return Response(status=hooks.take(network, request.headers, request.get_data()))
