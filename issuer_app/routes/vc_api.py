"""VC-API for the W3C's test suites: sign a credential that is sent, change and tell its status."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from issuer_app.errors import MissingError
from issuer_app.services.w3c_statuses import W3cStatuses
from issuer_app.web.api_answers import answer_errors
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("vc_api", __name__)
answer_errors(pages)


@pages.post("/credentials/issue")
def issue() -> ResponseReturnValue:
    """Sign a credential."""
    signed = services().w3c.issue(current_person(), request.get_data())
    return jsonify({"verifiableCredential": signed}), 201


@pages.post("/credentials/status")
def status() -> ResponseReturnValue:
    """Change the status of a credential that was signed here."""
    statuses().change(current_person(), request.get_data())
    return jsonify({})


@pages.get("/status-lists/<list_id>/<any(revocation, suspension):purpose>")
def status_list(list_id: str, purpose: str) -> ResponseReturnValue:
    """Answer with a Bitstring Status List, for everybody."""
    text, max_age = statuses().served(list_id, purpose)
    response = Response(text, content_type="application/vc")
    response.headers["Cache-Control"] = f"public, max-age={max_age}"
    return response


def statuses() -> W3cStatuses:
    """Return the statuses; 404 where the setting does not say that there are any."""
    found = services().w3c_statuses
    if found is None:
        raise MissingError("there is no status here")
    return found
