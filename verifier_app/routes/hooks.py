"""What nodes send: signed, and from no browser."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from weid.registry.webhook import BODY_BYTES

pages = Blueprint("hooks", __name__, url_prefix="/hooks")


@pages.post("/<network>")
def take(network: str) -> Response:
    """Take a webhook of a network's node."""
    hooks = current_app.extensions["hooks"]
    if hooks is None or not hooks.takes(network):
        return Response(status=404)
    # What is larger is refused by its announced length, before it is read.
    request.max_content_length = BODY_BYTES
    return Response(status=hooks.take(network, request.headers, request.get_data()))
