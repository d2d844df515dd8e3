"""The API for programs and for `weid issuer`: the same services as the pages, with a token.

Every request carries `Authorization: Bearer TOKEN`; no cookie counts. Bodies of changes are JSON
objects; a batch is sent as the file itself. What changes something names the `version` that was
seen, so that of two who change the same thing the second is told.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from issuer_app.services.batches import Upload
from issuer_app.services.wallet_endpoints import OfferWish
from issuer_app.web.api_answers import (
    answer_errors,
    batch_json,
    certificate_json,
    decision_json,
    findings_json,
    template_json,
)
from issuer_app.web.forms import number_of, page_of
from issuer_app.web.session import current_person
from issuer_app.wiring import services
from weid.clock import format_time
from weid.encoding import json_loads_object
from weid.errors import MalformedError

pages = Blueprint("api", __name__, url_prefix="/api/v1")
answer_errors(pages)
LANGUAGES = ("en",)
_YES = frozenset({"True", "true", "yes"})


def _sent() -> Upload:
    asked = request.args
    template = services().templates.find(current_person(), asked.get("template", ""))
    form, encoding = asked.get("form", "wallet"), asked.get("encoding", "automatic")
    return Upload(template, form, encoding, asked.get("name", "rows"), request.get_data())


def _body() -> dict[str, str]:
    members = json_loads_object(request.get_data() or b"{}", what="the request's body")
    return {name: str(value) for name, value in members.items()}


def _list_of(name: str) -> tuple[str, ...]:
    """Return a list of texts in the request's body; none where it is not there."""
    value = json_loads_object(request.get_data() or b"{}", what="the request's body").get(name, [])
    if not isinstance(value, list):
        raise MalformedError(f"{name} is not a list")
    return tuple(str(one) for one in value)


def _batch(batch_id: str, **more: Any) -> ResponseReturnValue:
    found = services().batch_pages.find(current_person(), batch_id)
    progress = services().batch_pages.progress(current_person(), batch_id)
    return jsonify({**batch_json(found), "progress": progress, **more})


@pages.get("/me")
def me() -> ResponseReturnValue:
    """Say for whom the token acts."""
    person = current_person()
    value = {"login": person.login, "name": person.name, "roles": sorted(person.roles)}
    return jsonify({**value, "organisation": services().organisation_name})


@pages.get("/templates")
def templates() -> ResponseReturnValue:
    """List the templates under which this organisation issues."""
    found = services().templates.list_all(current_person(), LANGUAGES)
    return jsonify({"templates": [template_json(row) for row in found]})


@pages.post("/checks")
def check() -> ResponseReturnValue:
    """Check a file and keep nothing of it."""
    rows = services().batches.check(current_person(), _sent())
    faulty = sum(bool(row["faults"]) for row in rows)
    return jsonify({"rows": len(rows), "faulty": faulty, "findings": findings_json(rows)})


@pages.post("/batches")
def upload() -> ResponseReturnValue:
    """Check a file and keep it as a batch; the same file again is the same batch."""
    batch_id = services().batches.upload(current_person(), _sent())
    return _batch(batch_id)


@pages.get("/batches")
def batches() -> ResponseReturnValue:
    """List the newest batches."""
    found = services().batch_pages.list_all(current_person())
    return jsonify({"batches": [batch_json(row) for row in found]})


@pages.get("/batches/<batch_id>")
def batch(batch_id: str) -> ResponseReturnValue:
    """Show a batch with its progress and one page of its faulty rows."""
    person, page = current_person(), page_of(request.args)
    found = services().batch_pages.page(person, batch_id, page=page, only_faulty=True)
    more = {"page": found.page, "pages": found.pages, "findings": findings_json(found.rows)}
    return _batch(batch_id, policy=services().batch_pages.policy(person), **more)


@pages.post("/batches/<batch_id>/leave-out")
def leave_out(batch_id: str) -> ResponseReturnValue:
    """Leave the faulty rows out, so that the others may go ahead."""
    version, faulty = number_of(_body(), "version"), number_of(_body(), "faulty")
    services().batches.leave_out(
        current_person(), batch_id, expected_version=version, expected_faulty=faulty
    )
    return _batch(batch_id)


@pages.post("/batches/<batch_id>/discard")
def discard(batch_id: str) -> ResponseReturnValue:
    """Give a file up."""
    version = number_of(_body(), "version")
    services().batches.discard(current_person(), batch_id, expected_version=version)
    return _batch(batch_id)


@pages.post("/batches/<batch_id>/issue")
def issue(batch_id: str) -> ResponseReturnValue:
    """Issue, or send for approval, as the policy says."""
    version = number_of(_body(), "version")
    services().batches.send(current_person(), batch_id, expected_version=version)
    services().wake()
    return _batch(batch_id)


@pages.post("/batches/<batch_id>/approve")
def approve(batch_id: str) -> ResponseReturnValue:
    """Approve another person's batch, which is issued then."""
    version = number_of(_body(), "version")
    services().batches.approve(current_person(), batch_id, expected_version=version)
    services().wake()
    return _batch(batch_id)


@pages.post("/batches/<batch_id>/return")
def return_(batch_id: str) -> ResponseReturnValue:
    """Send another person's batch back."""
    version, note = number_of(_body(), "version"), _body().get("note", "")
    services().batches.return_(current_person(), batch_id, expected_version=version, note=note)
    return _batch(batch_id)


@pages.get("/batches/<batch_id>/offers")
def offers(batch_id: str) -> ResponseReturnValue:
    """List the open offers of a batch; the audit log notes who took them."""
    return jsonify({"offers": services().offers.of_batch(current_person(), batch_id)})


@pages.get("/certificates")
def certificates() -> ResponseReturnValue:
    """Search certificates: `q`, `status`, `batch`, `page`."""
    asked = request.args
    text, status, batch = (asked.get(name, "") for name in ("q", "status", "batch"))
    found = services().certificates.search(
        current_person(), search=text, status=status, batch=batch, page=page_of(asked)
    )
    rows = [certificate_json(row) for row in found.rows]
    return jsonify({"certificates": rows, "page": found.page, "more": found.more})


@pages.get("/certificates/<certificate_id>")
def certificate(certificate_id: str) -> ResponseReturnValue:
    """Show a certificate with its fields and its timeline."""
    found = services().certificates.find(current_person(), certificate_id)
    decision = services().decisions.of(current_person(), certificate_id)["decision"]
    return jsonify({**certificate_json(found), "decision": decision})


@pages.post("/certificates/<certificate_id>/<any(revoke, suspend, reinstate):action>")
def change(certificate_id: str, action: str) -> ResponseReturnValue:
    """Revoke, suspend or reinstate a certificate; `published` says whether verifiers see it."""
    person, body, known = current_person(), _body(), services().certificates
    version, reason, note = number_of(body, "version"), body.get("reason", ""), body.get("note", "")
    known.change(person, certificate_id, action, expected_version=version, reason=reason, note=note)
    return jsonify(certificate_json(known.find(person, certificate_id)))


@pages.get("/certificates/<certificate_id>/offer")
def offer(certificate_id: str) -> ResponseReturnValue:
    """Show the one-time offer of a certificate; empty when it has to be made anew."""
    return _offer_json(certificate_id)


def _offer_json(certificate_id: str) -> ResponseReturnValue:
    shown = services().offers.shown(current_person(), certificate_id)
    code = {"tx_code": shown.tx_code} if shown.tx_code else {}
    return jsonify(
        {
            "id": certificate_id,
            "offer": shown.uri,
            **code,
            "configurations": shown.configurations,
            "expires_at": format_time(shown.expires_at),
        }
    )


@pages.post("/certificates/<certificate_id>/offer")
def renew(certificate_id: str) -> ResponseReturnValue:
    """Make the offer anew; the one before is dead. With `needs_decision` its wallet waits.

    `configurations` (a list of names) are what it offers, without them every copy; with `tx_code`
    the wallet also needs a code that travels by another way.
    """
    services().offers.renew(current_person(), certificate_id, _wish())
    return offer(certificate_id)


@pages.post("/offers")
def next_offer() -> ResponseReturnValue:
    """Make the offer of the next certificate of `configurations`, which nobody has seen; see above.

    For programs to which any certificate of a template is as good as another, such as tests.
    """
    certificate_id = services().offers.renew_next(current_person(), _wish())
    return _offer_json(certificate_id)


def _wish() -> OfferWish:
    body = _body()
    return OfferWish(
        configurations=_list_of("configurations"),
        needs_decision=body.get("needs_decision", "") in _YES,
        with_tx_code=body.get("tx_code", "") in _YES,
    )


@pages.get("/decisions")
def decisions() -> ResponseReturnValue:
    """List the certificates whose wallets wait for a decision."""
    found = services().decisions.waiting(current_person())
    return jsonify({"decisions": [decision_json(row) for row in found]})


@pages.post("/certificates/<certificate_id>/decision/<any(approve, refuse):decision>")
def decide(certificate_id: str, decision: str) -> ResponseReturnValue:
    """Approve or refuse that the wallet which waits gets the certificate."""
    services().decisions.decide(current_person(), certificate_id, decision)
    return certificate(certificate_id)
