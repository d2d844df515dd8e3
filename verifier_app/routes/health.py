"""Whether the process lives, and whether it can verify."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def health() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@pages.get("/readyz")
def ready() -> ResponseReturnValue:
    """Every trusted network can be read; 503 names those that cannot."""
    missing = current_app.extensions["trust_view"].unavailable()
    return jsonify(status="ok" if not missing else "waiting", unavailable=missing), (
        503 if missing else 200
    )
