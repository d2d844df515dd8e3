"""VC-API for the W3C's test suites: sign the credential that is sent (clause WC-60)."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

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
