"""Commands about batches: a file of rows on its way to certificates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weid.cli.command import SharedCommand
from weid.cli.issuer_access import issuer_options
from weid.cli.issuer_check import ROWS_FILE, file_options, read_rows, show_findings
from weid.cli.output import Session, counted, pass_session, table, visible
from weid.cli.patience import Patience, StillWaitingError, wait_option
from weid.errors import WeidError

if TYPE_CHECKING:
    from weid.cli.issuer_api import IssuerApi
    from weid.encoding import JsonObject

CSV_FILE = click.Path(dir_okay=False, path_type=Path)
DONE = "issued"
WAIT = 300
"""Seconds; the largest batch takes less where nothing is wrong."""


@click.command(cls=SharedCommand)
@pass_session
@issuer_options
def templates(session: Session, *, api: IssuerApi) -> None:
    """List the templates under which certificates can be issued."""
    from weid.cli.issuer_api import objects  # noqa: PLC0415 - imported when used

    found = objects(api.get("templates"), "templates")
    rows = [
        [f"{one['cpt_id']}:{one['version']}", str(one["name"]), str(one["certificates"])]
        for one in found
    ]
    session.show(table(rows, header=["template", "name", "certificates"]), found)


@click.command(cls=SharedCommand)
@click.argument("rows_file", metavar="ROWS", type=ROWS_FILE)
@file_options
@click.option("--leave-out-faulty", is_flag=True, help="Issue the good rows, leave out the others.")
@click.option("--offers", "offers_file", type=CSV_FILE, help="Write the offers to this CSV file.")
@wait_option(WAIT, "everything is issued")
@click.option("--no-wait", is_flag=True, help="Do not wait until everything is issued.")
@click.option("-y", "--yes", is_flag=True, help="Issue without being asked.")
@pass_session
@issuer_options
def issue(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    api: IssuerApi,
    rows_file: Path,
    template: str | None,
    form: str,
    encoding: str,
    leave_out_faulty: bool,
    offers_file: Path | None,
    wait: int,
    no_wait: bool,
    yes: bool,
) -> None:
    """Issue a certificate for each row of ROWS (CSV or XLSX).

    Safe to run again: the same file for the same template is the same batch. Where two persons
    decide, the batch waits for `weid issuer approve` by another one. Exit code 20: the batch was
    sent, but not issued within --wait; the application goes on with it.
    """
    if template is None:
        raise click.UsageError("--template is missing: `weid issuer templates` lists them")
    asked = {"template": template, "form": form, "encoding": encoding, "name": rows_file.name}
    batch = api.send_file("batches", content=read_rows(rows_file), asked=asked)
    batch_id = str(batch["id"])
    if batch["state"] == "draft":
        batch = _without_faulty(session, api, batch_id, leave_out=leave_out_faulty)
    if batch["state"] == "checked" and batch["sent_at"] is None:
        question = f"Issue {_total(batch)} of {batch['cpt_id']}:{batch['template_version']}?"
        session.confirm(question, yes=yes)
        batch = api.change("batches", batch_id, "issue", body={"version": batch["version"]})
    if batch["state"] == "checked":
        session.say(f"Sent for approval: another person runs `weid issuer approve {batch_id}`.")
    elif not no_wait:
        batch = _wait(session, api, batch_id, Patience(session, wait))
    if offers_file is not None and batch["state"] == DONE:
        _write_offers(session, api, batch_id, offers_file)
    session.show(f"{batch_id}  {batch['state']}  {_total(batch)}", batch)
    if batch["state"] in {"approved", "issuing"} and not no_wait:
        raise _still_waiting(batch, wait)


def _without_faulty(
    session: Session, api: IssuerApi, batch_id: str, *, leave_out: bool
) -> JsonObject:
    batch = api.get("batches", batch_id)
    faulty = batch["faulty_count"]
    verb = "is" if faulty == 1 else "are"
    which = f"{faulty} of {counted(int(str(batch['row_count'])), 'row')} {verb}"
    if not leave_out:
        if not session.as_json:
            show_findings(session, batch)
        raise WeidError(
            f"{which} faulty; nothing was issued",
            hint="correct the file (`weid issuer check` helps), or add --leave-out-faulty.",
        )
    session.say(f"{which} faulty and left out.")
    body: JsonObject = {"version": batch["version"], "faulty": faulty}
    return api.change("batches", batch_id, "leave-out", body=body)


def _total(batch: JsonObject) -> str:
    progress: Any = batch["progress"]
    return counted(progress["total"], "certificate")


def _still_waiting(batch: JsonObject, wait: int) -> StillWaitingError:
    progress: Any = batch["progress"]
    trouble = str(progress["trouble"] or "")
    why = f"; the application has trouble: {visible(trouble)}" if trouble else ""
    return StillWaitingError(
        f"the batch is not issued after {wait} s: {progress['done']} of {_total(batch)} made{why}",
        hint="run the same command again (the same file is the same batch; --wait SECONDS), or see "
        "`weid issuer batches`: the application goes on. Tell its operator if this lasts.",
    )


def _wait(session: Session, api: IssuerApi, batch_id: str, patience: Patience) -> JsonObject:
    """Look until the batch is issued or the time is over; a terminal sees how far it is."""
    said = ""
    while True:
        batch = api.get("batches", batch_id)
        progress: Any = batch["progress"]
        if sys.stderr.isatty():
            session.say(f"{progress['done']} of {progress['total']}")
        if batch["state"] == DONE:
            return batch
        if progress["trouble"] and progress["trouble"] != said:
            said = progress["trouble"]
            session.say(f"The application has trouble ({visible(said)}) and tries again.")
        if not patience.pause():
            return batch


@click.command(cls=SharedCommand)
@pass_session
@issuer_options
def batches(session: Session, *, api: IssuerApi) -> None:
    """List the newest batches and where they stand."""
    from weid.cli.issuer_api import objects  # noqa: PLC0415 - imported when used

    found = objects(api.get("batches"), "batches")
    rows = [
        [
            str(one["id"]),
            "waiting for approval" if _waits(one) else str(one["state"]),
            str(one["cpt_id"]),
            str(one["row_count"]),
            str(one["created_by_name"]),
            str(one["file_name"]),
        ]
        for one in found
    ]
    header = ["id", "state", "template", "rows", "by", "file"]
    session.show(table(rows, header=header), found)


def _waits(batch: dict[str, Any]) -> bool:
    return batch["state"] == "checked" and batch["sent_at"] is not None


@click.command(cls=SharedCommand)
@click.argument("batch_id", metavar="BATCH")
@click.option("-y", "--yes", is_flag=True, help="Approve without being asked.")
@pass_session
@issuer_options
def approve(session: Session, *, api: IssuerApi, batch_id: str, yes: bool) -> None:
    """Approve BATCH, which another person sent; it is issued then."""
    batch = api.get("batches", batch_id)
    session.say(
        f"{_total(batch)} of {batch['cpt_id']}:{batch['template_version']}, "
        f"from {batch['file_name']} by {batch['created_by_name']}."
    )
    session.confirm("Approve?", yes=yes)
    done = api.change("batches", batch_id, "approve", body={"version": batch["version"]})
    session.show(f"{batch_id}  {done['state']}", done)


@click.command(cls=SharedCommand)
@click.argument("batch_id", metavar="BATCH")
@click.option("--reason", required=True, help="Why, for the officer who sent it.")
@pass_session
@issuer_options
def reject(session: Session, *, api: IssuerApi, batch_id: str, reason: str) -> None:
    """Send BATCH back to the officer who sent it."""
    version = api.get("batches", batch_id)["version"]
    body: JsonObject = {"version": version, "note": reason}
    done = api.change("batches", batch_id, "return", body=body)
    session.show(f"{batch_id}  {done['state']}", done)


@click.command(cls=SharedCommand)
@click.argument("batch_id", metavar="BATCH")
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@pass_session
@issuer_options
def discard(session: Session, *, api: IssuerApi, batch_id: str, yes: bool) -> None:
    """Give BATCH up before it is approved; its rows are deleted."""
    batch = api.get("batches", batch_id)
    session.confirm(f"Delete the rows of {batch['file_name']}?", yes=yes)
    done = api.change("batches", batch_id, "discard", body={"version": batch["version"]})
    session.show(f"{batch_id}  {done['state']}", done)


@click.command(cls=SharedCommand)
@click.argument("batch_id", metavar="BATCH")
@click.option("--out", type=CSV_FILE, help="Write them to this CSV file (mode 0600).")
@pass_session
@issuer_options
def offers(session: Session, *, api: IssuerApi, batch_id: str, out: Path | None) -> None:
    """List the open offers of BATCH: whoever has one can take the certificate.

    The audit log notes who took the list.
    """
    if out is not None:
        _write_offers(session, api, batch_id, out)
        return
    found = _offers(api, batch_id)
    rows = [[str(one["row"]), str(one["certificate"]), str(one["offer"])] for one in found]
    session.show(table(rows, header=["row", "certificate", "offer"]), found)


def _offers(api: IssuerApi, batch_id: str) -> list[dict[str, Any]]:
    from weid.cli.issuer_api import objects  # noqa: PLC0415 - imported when used

    return objects(api.get("batches", batch_id, "offers"), "offers")


def _write_offers(session: Session, api: IssuerApi, batch_id: str, file: Path) -> None:
    import csv  # noqa: PLC0415 - imported when used
    import io  # noqa: PLC0415 - imported when used

    from weid.cli.home import write_private  # noqa: PLC0415 - imported when used

    found = _offers(api, batch_id)
    columns = ("row", "certificate", "holder", "offer", "valid_until")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(one[name]) for name in columns] for one in found)
    write_private(file, text.getvalue())
    session.say(f"Open offers written to {file}: {len(found)}. Whoever reads it can take them.")


def _cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "|", "%")) else text
