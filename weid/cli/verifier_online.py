"""Presentations in a running verifier application: `weid verifier request` and `status`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weid.cli.command import SharedCommand
from weid.cli.output import Session, pass_session, visible
from weid.cli.registry_options import loopback_option
from weid.cli.verifier_access import app_options, open_api
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.encoding import JsonObject, JsonValue

MODES = ("direct_post.jwt", "direct_post")
QUERY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Online:
    """What is asked through an application: a query in a file, or a published policy by name.

    `transactions` is a file with what the person is to agree to: an object, or an array of them;
    `purpose` what the wallet is told that a query is for.
    """

    dcql: Path | None
    policy: str | None
    transactions: Path | None
    purpose: str | None
    mode: str | None
    same_device: bool

    def body(self) -> JsonObject:
        """Return what the application is sent.

        Raises:
            MalformedError: a file is not JSON, or not a query.
        """
        body: JsonObject = {"same_device": self.same_device}
        if self.policy is not None:
            body["policy"] = self.policy
        if self.dcql is not None:
            query = _json_in(self.dcql)
            if not isinstance(query, dict):
                raise MalformedError(f"{self.dcql} is not a query in DCQL")
            body["dcql"] = query.get("dcql_query", query)
        if self.transactions is not None:
            value = _json_in(self.transactions)
            body["transaction_data"] = value if isinstance(value, list) else [value]
        if self.purpose is not None:
            body["purpose"] = self.purpose
        if self.mode is not None:
            body["mode"] = self.mode
        return body


def _json_in(path: Path) -> JsonValue:
    from weid.encoding import json_loads  # noqa: PLC0415 - imported when used

    with path.open("rb") as file:
        text = file.read(QUERY_BYTES + 1)
    return json_loads(text, what=str(path), max_bytes=QUERY_BYTES)


def ask_online(
    session: Session,
    asked: Online,
    *,
    app: str | None,
    token_file: Path | None,
    qr: Path | None,
    loopback: bool,
) -> None:
    """Begin a presentation in a running application and show its link.

    Raises:
        MalformedError: the file is not a query.
        ProtocolError, TransportError: the application refuses, or does not answer.
    """
    body = asked.body()
    api = open_api(app, token_file, loopback=loopback)
    answer = api.change("presentations", body=body)
    link, session_id = answer.get("request"), answer.get("id")
    if not isinstance(link, str) or not isinstance(session_id, str):
        raise MalformedError("the application's answer has no request or no id")
    if qr is not None:
        from weid.cli.pictures import draw_plain  # noqa: PLC0415 - only for pictures

        draw_plain(link, qr, session)
    session.say(f"weid verifier status {visible(session_id)} shows what becomes of it.")
    session.show(visible(link), answer)


@click.command(cls=SharedCommand)
@click.argument("session_id", metavar="ID")
@click.option(
    "--returned-to",
    metavar="URL",
    help="On the same device: the address that the wallet went back to, with its code.",
)
@app_options
@loopback_option
@pass_session
def status(
    session: Session,
    *,
    session_id: str,
    returned_to: str | None,
    app: str | None,
    token_file: Path | None,
    unsafe_loopback_http: bool,
) -> None:
    """Show what became of a request that `weid verifier request` made through an application.

    The state, the report on an answer, and of an accepted answer what was asked for. On the same
    device the outcome is shown with --returned-to only.
    """
    api = open_api(app, token_file, loopback=unsafe_loopback_http)
    asked = {} if returned_to is None else {"response_code": _code_in(returned_to)}
    answer = api.get("presentations", session_id, **asked)
    session.show(_in_words(answer), answer)


def _code_in(address: str) -> str:
    from urllib.parse import parse_qs, urlsplit  # noqa: PLC0415 - only on the same device

    codes = parse_qs(urlsplit(address).query).get("response_code", [])
    if len(codes) != 1:
        raise MalformedError(
            "the address has no response_code",
            hint="give the redirect_uri that the wallet got for its answer.",
        )
    return codes[0]


def _in_words(answer: JsonObject) -> str:
    lines = [str(answer.get("state", ""))]
    if "error" in answer:
        lines.append(f"  a wallet says: {answer['error']}; the request stays open")
    report: Any = answer.get("report")
    if isinstance(report, dict):
        # After a wallet's no the report is of an answer before it.
        whose = "  an answer before" if "error" in answer else lines.pop()
        lines.append(f"{whose}: {report.get('conclusion', '')}")
        lines += [f"  {one['detail']}" for one in _objects(report.get("problems"))]
        reports: Any = report.get("reports")
        every = reports.values() if isinstance(reports, dict) else ()
        lines += [
            f"  {check.get('outcome')!s:<12} {check.get('name')!s:<21} {check.get('detail')}"
            for many in every
            for one in _objects(many)
            for check in _objects(one.get("checks"))
        ]
        lines += [
            f"  agreed to {one.get('type')} by {one.get('agreed_by')}:"
            f" {one.get('hash_algorithm')} {one.get('hash')}"
            for one in _objects(report.get("transactions"))
        ]
    return visible("\n".join(lines))


def _objects(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)]
