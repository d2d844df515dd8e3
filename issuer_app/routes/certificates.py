"""Certificates: search, page, changes of status, offers and paper forms."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from issuer_app.errors import InputRefusedError, Problem
from issuer_app.services.certificates import REASONS
from issuer_app.services.wallet_endpoints import OfferWish
from issuer_app.web.forms import number_of, page_of
from issuer_app.web.language import template_languages
from issuer_app.web.pages import show_page
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("certificates", __name__)


@pages.get("/certificates")
def list_all() -> ResponseReturnValue:
    """Search."""
    person, asked = current_person(), request.args
    text, status, batch = (asked.get(name, "") for name in ("q", "status", "batch"))
    page = page_of(asked)
    found = services().certificates.search(
        person, search=text, status=status, batch=batch, page=page
    )
    names = services().templates.names(person, template_languages())
    for row in found.rows:
        row["template_name"] = names.get(row["template_id"], row["cpt_id"])
    return show_page("certificates.html", found=found)


def _page(
    name: str, certificate_id: str, *, status: int = 200, **values: object
) -> ResponseReturnValue:
    person = current_person()
    certificate = services().certificates.find(person, certificate_id)
    template_id, languages = certificate["template_id"], template_languages()
    template = services().templates.shown(person, template_id, languages)
    values["decision"] = services().decisions.of(person, certificate_id)
    return show_page(name, status=status, certificate=certificate, template=template, **values)


@pages.get("/certificates/<certificate_id>")
def show(certificate_id: str) -> ResponseReturnValue:
    """Show a certificate with its fields and its timeline."""
    return _page("certificate.html", certificate_id)


@pages.get("/certificates/<certificate_id>/<any(revoke, suspend, reinstate):action>")
def change(
    certificate_id: str, action: str, problems: tuple[Problem, ...] = ()
) -> ResponseReturnValue:
    """Show what a change would do, and ask for the reason."""
    services().certificates.require_change(current_person(), certificate_id, action)
    status = 422 if problems else 200
    values = {"action": action, "reasons": REASONS[action], "problems": problems}
    return _page("certificate_change.html", certificate_id, status=status, **values)


@pages.post("/certificates/<certificate_id>/<any(revoke, suspend, reinstate):action>")
def confirm(certificate_id: str, action: str) -> ResponseReturnValue:
    """Revoke, suspend or reinstate."""
    person, known = current_person(), services().certificates
    reason, note = request.form.get("reason", ""), request.form.get("note", "")
    version = number_of(request.form, "version")
    try:
        known.change(
            person, certificate_id, action, expected_version=version, reason=reason, note=note
        )
    except InputRefusedError as refused:
        return change(certificate_id, action, refused.problems)
    return redirect(
        url_for("certificates.show", certificate_id=certificate_id, notice="changed"), 303
    )


@pages.get("/certificates/<certificate_id>/offer")
def offer(certificate_id: str) -> ResponseReturnValue:
    """Show the one-time offer as a code and a link."""
    label = gettext("Code of the offer, to be scanned with the wallet")
    shown = services().offers.shown(current_person(), certificate_id, label=label)
    return _page("offer.html", certificate_id, offer=shown)


@pages.post("/certificates/<certificate_id>/offer")
def renew(certificate_id: str) -> ResponseReturnValue:
    """Make the offer anew; the one before is dead."""
    wish = OfferWish(
        configurations=tuple(request.form.getlist("configuration")),
        needs_decision="needs_decision" in request.form,
        with_tx_code="tx_code" in request.form,
    )
    services().offers.renew(current_person(), certificate_id, wish)
    return redirect(url_for("certificates.offer", certificate_id=certificate_id), 303)


@pages.post("/certificates/<certificate_id>/decision/<any(approve, refuse):decision>")
def decide(certificate_id: str, decision: str) -> ResponseReturnValue:
    """Approve or refuse that the wallet which waits gets the certificate."""
    services().decisions.decide(current_person(), certificate_id, decision)
    return redirect(
        url_for("certificates.show", certificate_id=certificate_id, notice="decided"), 303
    )


@pages.get("/certificates/<certificate_id>/paper")
def paper(certificate_id: str) -> ResponseReturnValue:
    """Show the paper form with its code, to be printed."""
    label = gettext("Code of the certificate")
    picture = services().offers.paper_picture(current_person(), certificate_id, label=label)
    return _page("paper.html", certificate_id, picture=picture)
