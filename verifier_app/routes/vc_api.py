"""VC-API for the W3C's test suites: is what is sent well secured (clause WC-61)."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from verifier_app.vc_api import Answer

pages = Blueprint("vc_api", __name__)


def _reply(answer: Answer) -> Response:
    return Response(answer.body, status=answer.status, mimetype="application/json")


@pages.post("/credentials/verify")
def credential() -> Response:
    """Verify how a credential is secured."""
    return _reply(current_app.extensions["vc_api"].credential(request.get_data()))


@pages.post("/presentations/verify")
def presentation() -> Response:
    """Verify how a presentation and its credentials are secured."""
    return _reply(current_app.extensions["vc_api"].presentation(request.get_data()))
