"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from issuer_app.wiring import services

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def live() -> ResponseReturnValue:
    """Answer that the process lives."""
    return jsonify({"status": "ok"})


@pages.get("/readyz")
def ready() -> ResponseReturnValue:
    """Answer whether store, registry, job and status lists are in order."""
    checks = services().readiness.checks()
    healthy = all(checks.values())
    return jsonify({"status": "ready" if healthy else "not ready", "checks": checks}), (
        200 if healthy else 503
    )
