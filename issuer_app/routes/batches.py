"""Batches: upload, check, leave out, approve, progress, files."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from issuer_app.errors import InputRefusedError, Problem
from issuer_app.rows.sheet import ROWS
from issuer_app.services.batches import Upload
from issuer_app.web.downloads import send_download
from issuer_app.web.forms import number_of, page_of
from issuer_app.web.language import template_languages
from issuer_app.web.pages import show_page, show_problems
from issuer_app.web.sentences import finding_text
from issuer_app.web.session import current_person
from issuer_app.wiring import services

pages = Blueprint("batches", __name__)


@pages.get("/batches")
def list_all() -> ResponseReturnValue:
    """List the newest batches."""
    person = current_person()
    found = services().batch_pages.list_all(person)
    names = services().templates.names(person, template_languages())
    return show_page("batches.html", batches=found, template_names=names)


@pages.get("/batches/new")
def new() -> ResponseReturnValue:
    """Show the upload form."""
    return show_page("batch_new.html", **_form(request.args.get("template", "")))


def _form(chosen: str, form: str = "wallet", encoding: str = "automatic") -> dict[str, Any]:
    templates = services().templates.list_newest(current_person(), template_languages())
    known = {"templates": templates, "row_limit": ROWS}
    return {**known, "chosen": chosen, "form": form, "encoding": encoding}


@pages.post("/batches")
def upload() -> ResponseReturnValue:
    """Check an uploaded file and show what was found."""
    file, chosen = request.files.get("file"), request.form.get("template", "")
    form, encoding = request.form.get("form", ""), request.form.get("encoding", "automatic")
    name, content = (file.filename or "", file.read()) if file else ("", b"")
    try:
        sent = Upload(chosen, form, encoding, name, content)
        batch_id = services().batches.upload(current_person(), sent)
    except InputRefusedError as refused:
        return show_problems("batch_new.html", refused.problems, **_form(chosen, form, encoding))
    return redirect(url_for("batches.show", batch_id=batch_id), 303)


@pages.get("/batches/<batch_id>")
def show(batch_id: str, problems: tuple[Problem, ...] = ()) -> ResponseReturnValue:
    """Show a batch in its state: findings, progress or result."""
    person, reading = current_person(), services().batch_pages
    faulty = request.args.get("faulty") == "1"
    page = reading.page(person, batch_id, page=page_of(request.args), only_faulty=faulty)
    template_id, languages = page.batch["template_id"], template_languages()
    shown = services().templates.shown(person, template_id, languages)
    values: dict[str, Any] = {"template": shown, "progress": reading.progress(person, batch_id)}
    policy = reading.policy(person)
    return show_page("batch.html", page=page, policy=policy, problems=problems, **values)


@pages.get("/batches/<batch_id>/progress.json")
def progress(batch_id: str) -> ResponseReturnValue:
    """Return numbers for the page's script."""
    return jsonify(services().batch_pages.progress(current_person(), batch_id))


@pages.get("/batches/<batch_id>/errors.csv")
def error_file(batch_id: str) -> ResponseReturnValue:
    """Download the faulty rows with what is wrong in each."""
    person, reading = current_person(), services().batch_pages
    template_id = reading.find(person, batch_id)["template_id"]
    columns = services().templates.view(person, template_id).columns
    content = reading.error_file(person, batch_id, columns=columns, say=finding_text)
    return send_download(content, f"errors-{batch_id[:8]}.csv")


@pages.get("/batches/<batch_id>/offers.csv")
def offer_file(batch_id: str) -> ResponseReturnValue:
    """Download the offers of a batch, one line for each citizen."""
    content = services().offers.file_of_batch(current_person(), batch_id)
    return send_download(content, f"offers-{batch_id[:8]}.csv")


@pages.post("/batches/<batch_id>/leave-out")
def leave_out(batch_id: str) -> ResponseReturnValue:
    """Leave the faulty rows out."""
    version, faulty = number_of(request.form, "version"), number_of(request.form, "faulty")
    services().batches.leave_out(
        current_person(), batch_id, expected_version=version, expected_faulty=faulty
    )
    return redirect(url_for("batches.show", batch_id=batch_id, notice="left_out"), 303)


@pages.post("/batches/<batch_id>/discard")
def discard(batch_id: str) -> ResponseReturnValue:
    """Give the file up."""
    version = number_of(request.form, "version")
    services().batches.discard(current_person(), batch_id, expected_version=version)
    return redirect(url_for("batches.list_all", notice="discarded"), 303)


@pages.post("/batches/<batch_id>/send")
def send(batch_id: str) -> ResponseReturnValue:
    """Issue, or send for approval, as the policy says."""
    version = number_of(request.form, "version")
    services().batches.send(current_person(), batch_id, expected_version=version)
    services().wake()
    return redirect(url_for("batches.show", batch_id=batch_id), 303)


@pages.post("/batches/<batch_id>/approve")
def approve(batch_id: str) -> ResponseReturnValue:
    """Approve another person's batch, which is issued then."""
    version = number_of(request.form, "version")
    services().batches.approve(current_person(), batch_id, expected_version=version)
    services().wake()
    return redirect(url_for("batches.show", batch_id=batch_id), 303)


@pages.post("/batches/<batch_id>/return")
def return_(batch_id: str) -> ResponseReturnValue:
    """Send another person's batch back."""
    version, note = number_of(request.form, "version"), request.form.get("note", "")
    services().batches.return_(current_person(), batch_id, expected_version=version, note=note)
    return redirect(url_for("batches.show", batch_id=batch_id, notice="returned"), 303)
