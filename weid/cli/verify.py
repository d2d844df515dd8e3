"""`weid verify`: one report, one exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.inputs import INPUT, read_answer, read_input
from weid.cli.output import Session, json_text, pass_session
from weid.cli.registries import open_status_credentials, trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.credential.issuance_anchor import IssuanceAnchor
    from weid.crypto.certificates import Certificate
    from weid.verification.policy import TrustPolicy
    from weid.verification.report import VerificationReport
    from weid.verification.request import PresentationRequest

AUDIENCE = "weid:command"
"""What answers are bound to where no request says otherwise: nothing ever is."""
EXIT_CODES = """\b
Exit codes
   0  accepted (warnings may stand in the report)
   1  any other failure            2  called wrongly
   4  refused by the registry (commands that write)
  10  signature or disclosed claim 11  revoked, suspended, status list
  12  outside its validity period  13  issuer's key or recognition
  14  holder's key, other request  20  could not be checked now
"""


@click.command(cls=SharedCommand, epilog=EXIT_CODES)
@click.argument("source", metavar="FILE|-", type=INPUT)
@click.option(
    "--request",
    "request_file",
    type=INPUT,
    help="The request that it answers, as `weid verifier request` wrote it.",
)
@click.option("--shown", is_flag=True, help="Accept a code that a wallet shows without a request.")
@click.option("--unbound", is_flag=True, help="Accept a certificate without holder's key (paper).")
@click.option(
    "--anchor",
    "anchor_file",
    type=INPUT,
    help="Its issuance anchor, where the issuer's key was compromised later.",
)
@click.option(
    "--certificate-authority",
    "authorities",
    type=INPUT,
    multiple=True,
    help="Certificate (PEM) to which the chain of an issuer that signs with one must lead, beside"
    " what the registry says of its key (several may be given).",
)
@click.option(
    "--without-status",
    is_flag=True,
    help="Accept what names no status list: nothing tells then whether it was revoked.",
)
@click.option(
    "--leeway", type=click.IntRange(0, 3600), help="Clock difference to forgive, in seconds."
)
@registry_options
@pass_session
@click.pass_context
def verify(  # noqa: PLR0913 - each is one option
    ctx: click.Context,
    session: Session,
    *,
    source: Path,
    request_file: Path | None,
    shown: bool,
    unbound: bool,
    anchor_file: Path | None,
    authorities: tuple[Path, ...],
    without_status: bool,
    leeway: int | None,
    options: RegistryOptions,
) -> None:
    """Verify FILE: a presentation, a certificate, or a picture of a code.

    Say how it was handed over: as the answer to a --request, as a --shown code, or --unbound.
    The report goes to stdout, one line for each check; the claims only when it is accepted.
    SD-JWT VCs are taken, and W3C credentials and presentations (data model 2.0) with a Data
    Integrity proof or as vc+jwt and vp+jwt.
    """
    if (request_file is not None) + shown + unbound != 1:
        raise click.UsageError(
            "say how it was handed over: --request FILE, --shown or --unbound (one of them)"
        )
    text = read_answer(source)
    request = _read_request(request_file)
    anchor = read_anchor(anchor_file)
    w3c = _w3c_kind(text, shown=shown, asked=request is not None)
    choices: dict[str, object] = {
        "accept_shown_codes": shown,
        "accept_unbound_credentials": unbound,
        "accept_without_status": without_status,
    }
    if leeway is not None:
        choices["leeway"] = leeway
    if authorities:
        choices["certificate_authorities"] = _authorities(authorities)
    if w3c:
        choices["status_credentials"] = open_status_credentials(options)
    policy = trust_policy(session, options, **choices)
    report = _verify(session, policy, text, request, anchor, shown=shown, w3c=w3c)
    _show(session, report, policy)
    ctx.exit(report.exit_code)


def _authorities(files: tuple[Path, ...]) -> tuple[Certificate, ...]:
    from weid.crypto.certificates import certificates_from_pem  # noqa: PLC0415 - when used

    found = tuple(
        certificate
        for file in files
        for certificate in certificates_from_pem(file.read_bytes(), what=str(file))
    )
    if not all(one.is_authority for one in found):
        raise MalformedError(
            "a certificate of --certificate-authority is no authority's",
            hint="name the authority's own certificate, not one that it made for somebody.",
        )
    return found


def _w3c_kind(text: str, *, shown: bool, asked: bool) -> bool:
    """Return whether the text is a W3C document, and how it was handed over fits it.

    Raises:
        MalformedError: it does not.
    """
    if "~" in text:
        return False
    from weid.w3c.secured import kind_of  # noqa: PLC0415 - not for SD-JWTs

    kind = kind_of(text)
    if kind is not None and (shown or asked != (kind == "presentation")):
        raise MalformedError(
            f"a W3C {kind} is not handed over so",
            hint="a presentation answers a --request; a credential by itself is --unbound.",
        )
    return kind is not None


def _read_request(file: Path | None) -> PresentationRequest | None:
    if file is None:
        return None
    from weid.verification.request import PresentationRequest  # noqa: PLC0415 - with one only

    text = read_input(file)
    if "~" in text and not text.startswith("{"):
        raise MalformedError(
            f"{file} is a certificate or an answer, not a request",
            hint="--request takes what `weid verifier request` wrote; the answer is FILE itself.",
        )
    return PresentationRequest.from_text(text)


def read_anchor(file: Path | None) -> IssuanceAnchor | None:
    """Return the issuance anchor in a file, as `weid wallet anchor` writes it; None for None."""
    if file is None:
        return None
    from weid.credential.issuance_anchor import IssuanceAnchor  # noqa: PLC0415 - with one only
    from weid.encoding import json_loads_object  # noqa: PLC0415 - with one only

    return IssuanceAnchor.from_json(json_loads_object(read_input(file), what="the anchor file"))


def _verify(  # noqa: PLR0913 - how it was handed over
    session: Session,
    policy: TrustPolicy,
    text: str,
    request: PresentationRequest | None,
    anchor: IssuanceAnchor | None,
    *,
    shown: bool,
    w3c: bool,
) -> VerificationReport:
    from weid.cli.replay_file import FileReplayMemory  # noqa: PLC0415 - imported when used
    from weid.verifier import Verifier  # noqa: PLC0415 - imported when used

    verifier = Verifier(
        request.audience if request else AUDIENCE,
        policy=policy,
        clock=session.clock,
        replay_memory=FileReplayMemory(session.home / "used-nonces.db", session.clock),
    )
    if w3c:
        if request is not None:
            return verifier.verify_w3c(text, request)
        return verifier.verify_w3c_credential(text)
    if request is not None:
        return verifier.verify(text, request, anchor=anchor)
    if shown:
        return verifier.verify_shown(text, anchor=anchor)
    return verifier.verify_credential(text, anchor=anchor)


def _show(session: Session, report: VerificationReport, policy: TrustPolicy) -> None:
    value = report.to_json()
    lines = str(report)
    state = report.registry
    if state is not None and policy.networks[state.network].offline:
        lines += (
            f"\n  (by a trust bundle of {state.network}: block {state.height}, {state.age} s old)"
        )
    if report.accepted:
        verified = report.require()
        claims = dict(verified.claims)
        value["claims"] = claims
        value["issuer"] = {"did": verified.issuer, "name": verified.issuer_name}
        lines += f"\n\nissuer  {verified.issuer_name or verified.issuer}\n"
        lines += json_text(claims)
    session.show(lines, value)
