"""Commands about single certificates: found, shown, offered, revoked, suspended, reinstated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weid.cli.command import SharedCommand
from weid.cli.issuer_access import issuer_options
from weid.cli.output import Session, json_text, pass_session, table, visible
from weid.cli.patience import Patience, wait_option
from weid.errors import MalformedError, WeidError

if TYPE_CHECKING:
    from weid.cli.issuer_api import IssuerApi
    from weid.encoding import JsonObject

PICTURE = click.Path(dir_okay=False, path_type=Path)
REASONS = {
    "revoke": (
        "data_wrong",
        "key_lost",
        "superseded",
        "right_ended",
        "obtained_wrongly",
        "holder_request",
    ),
    "suspend": ("under_review", "key_lost", "holder_request"),
    "reinstate": ("review_ended", "mistake", "holder_request"),
}
"""The application's own lists."""
IDS = click.argument("certificate_ids", metavar="ID…", nargs=-1, required=True)
NOTE = click.option("--note", default="", help="More words, for colleagues; keep people out of it.")
YES = click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
WAIT = wait_option(60, "the change is published")
DONE = {"revoke": "revoked", "suspend": "suspended", "reinstate": "reinstated"}


@click.command(cls=SharedCommand, name="list")
@click.argument("text", required=False, default="")
@click.option(
    "--status", type=click.Choice(["valid", "suspended", "revoked", "offered"]), default=None
)
@click.option("--batch", default="", help="Only those of this batch.")
@click.option("--page", type=click.IntRange(1, 10_000), default=1, show_default=True)
@pass_session
@issuer_options
def list_found(
    session: Session, *, api: IssuerApi, text: str, status: str | None, batch: str, page: int
) -> None:
    """Search certificates for TEXT (a name, a number, an id), newest first."""
    from weid.cli.issuer_api import objects  # noqa: PLC0415 - imported when used

    answer = api.get("certificates", q=text, status=status or "", batch=batch, page=page)
    found = objects(answer, "certificates")
    rows = [
        [
            str(one["id"]),
            str(one["status"]),
            str(one["state"]),
            str(one["form"]),
            str(one["cpt_id"]),
            str(one["label"]),
        ]
        for one in found
    ]
    header = ["id", "status", "delivery", "form", "template", "holder"]
    session.show(table(rows, header=header) if rows else "", found)
    if not rows:
        session.say("Nothing was found.")
    if answer.get("more"):
        session.say(f"There are more: --page {page + 1}")


@click.command(cls=SharedCommand)
@click.argument("certificate_id", metavar="ID")
@pass_session
@issuer_options
def show(session: Session, *, api: IssuerApi, certificate_id: str) -> None:
    """Show the certificate ID: its fields, its status and its timeline."""
    found = api.get("certificates", certificate_id)
    session.show(json_text(found), found)


@click.command(cls=SharedCommand)
@click.argument("certificate_id", metavar="[ID]", default="")
@click.option("--qr", type=PICTURE, help="Draw its code here (.png or .svg).")
@click.option("--renew", is_flag=True, help="Make it anew; the one before is dead.")
@click.option(
    "--config",
    "configurations",
    metavar="NAME",
    multiple=True,
    help="Make it anew with this configuration, such as residence_1-x5c (several may be given;"
    " without it every copy is offered). Without ID, of the next certificate that nobody has"
    " seen the offer of.",
)
@click.option(
    "--tx-code", is_flag=True, help="Make it anew with a code that travels by another way."
)
@pass_session
@issuer_options
def offer(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    api: IssuerApi,
    certificate_id: str,
    qr: Path | None,
    renew: bool,
    configurations: tuple[str, ...],
    tx_code: bool,
) -> None:
    """Print the one-time offer of the certificate ID, for the wallet of its holder.

    With --config alone: of the oldest certificate whose offer nobody has seen, another one each
    time; for scripts and tests.

    Where the office has a certificate chain, one offer gives the certificate in two copies: with
    the chain, for wallets and verifiers of all houses, and under the office's identifier, for
    codes.

    Whoever has it can take the certificate; the audit log notes who looked.
    """
    body: JsonObject = {"configurations": list(configurations), "tx_code": tx_code}
    if not certificate_id and not configurations:
        raise click.UsageError("name the certificate ID, or what to offer with --config")
    if not certificate_id:
        found = api.change("offers", body=body)
    elif renew or configurations or tx_code:
        found = api.change("certificates", certificate_id, "offer", body=body)
    else:
        found = api.get("certificates", certificate_id, "offer")
    uri = found.get("offer")
    if not isinstance(uri, str) or not uri:
        raise MalformedError("the offer has run out", hint="--renew makes a new one.")
    if qr is not None:
        from weid.cli.pictures import draw_plain  # noqa: PLC0415 - only for pictures

        draw_plain(uri, qr, session)
    if found.get("tx_code"):
        session.say(f"Its code is {visible(str(found['tx_code']))}: it travels by another way.")
    session.show(uri, found)


@click.command(cls=SharedCommand)
@IDS
@click.option("--reason", required=True, type=click.Choice(REASONS["revoke"]))
@NOTE
@WAIT
@YES
@pass_session
@issuer_options
def revoke(session: Session, **given: Any) -> None:
    """Revoke the certificates ID… for ever. Their holders cannot use them any more.

    Verifiers see it when it is published; if that takes longer than --wait, this is said.
    """
    _change(session, "revoke", "Revoke {} for ever?", **given)


@click.command(cls=SharedCommand)
@IDS
@click.option("--reason", required=True, type=click.Choice(REASONS["suspend"]))
@NOTE
@WAIT
@YES
@pass_session
@issuer_options
def suspend(session: Session, **given: Any) -> None:
    """Suspend the certificates ID… until they are reinstated.

    Verifiers see it when it is published; if that takes longer than --wait, this is said.
    """
    _change(session, "suspend", "Suspend {}?", **given)


@click.command(cls=SharedCommand)
@IDS
@click.option("--reason", required=True, type=click.Choice(REASONS["reinstate"]))
@NOTE
@WAIT
@YES
@pass_session
@issuer_options
def reinstate(session: Session, **given: Any) -> None:
    """End the suspension of the certificates ID….

    Verifiers see it when it is published; if that takes longer than --wait, this is said.
    """
    _change(session, "reinstate", "Reinstate {}?", **given)


def _change(  # noqa: PLR0913 - each is one option
    session: Session,
    action: str,
    question: str,
    *,
    api: IssuerApi,
    certificate_ids: tuple[str, ...],
    reason: str,
    note: str,
    wait: int,
    yes: bool,
) -> None:
    """Change each certificate as it was seen; one that is refused does not stop the others."""
    seen = [api.get("certificates", certificate_id) for certificate_id in certificate_ids]
    for one in seen:
        session.say(f"{one['id']}  {one['status']}  {one['label']}")
    count = "this certificate" if len(seen) == 1 else f"these {len(seen)} certificates"
    session.confirm(question.format(count), yes=yes)
    done: list[JsonObject] = []
    problem: WeidError | None = None
    for one in seen:
        body: JsonObject = {"version": one["version"], "reason": reason, "note": note}
        try:
            changed = api.change("certificates", str(one["id"]), action, body=body)
            done.append(_outcome(changed))
        except WeidError as error:
            problem = error
            done.append({**_outcome(one), "problem": _words(error)})
    patience = Patience(session, wait)
    done = [
        one if one["published"] or one["problem"] else _await_published(api, one, patience)
        for one in done
    ]
    rows = [[str(one["id"]), str(one["status"]), _remark(one)] for one in done]
    session.show(table(rows, header=["id", "status", "problem"]), done)
    for one in done:
        if not one["published"] and not one["problem"]:
            session.say(f"{one['id']}  {DONE[action]}; {visible(_remark(one))}")
    if not all(one["published"] or one["problem"] for one in done):
        session.say(
            "Verifiers see the status of before until it is published. The application goes on "
            "trying: `weid issuer show ID`; tell its operator if this lasts."
        )
    if problem is not None:
        raise problem


def _outcome(certificate: JsonObject) -> JsonObject:
    """Return what became of a certificate, as --json has it."""
    return {
        "id": certificate["id"],
        "status": certificate["status"],
        "problem": None,
        "published": certificate.get("published") is True,
        "publishing_trouble": str(certificate.get("publishing_trouble") or ""),
    }


def _await_published(api: IssuerApi, changed: JsonObject, patience: Patience) -> JsonObject:
    """Look until a change is published or the time is over.

    The change is made: what goes wrong while looking makes no failure of it.
    """
    while True:
        try:
            found = _outcome(api.get("certificates", str(changed["id"])))
        except WeidError as error:
            return {**changed, "publishing_trouble": f"could not look: {_words(error)}"}
        changed = {**found, "status": changed["status"]}
        if changed["published"] or not patience.pause():
            return changed


def _remark(outcome: JsonObject) -> str:
    """Return the problem of a change, or that verifiers do not see it yet."""
    if outcome["problem"] or outcome["published"]:
        return str(outcome["problem"] or "")
    return f"not yet published: {outcome['publishing_trouble'] or 'the application is at it'}"


def _words(error: WeidError) -> str:
    return getattr(error, "description", "") or error.message
