"""Commands that let something into the wallet, or out of it, when a person agrees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weid.cli.command import SharedCommand
from weid.cli.consents import ask
from weid.cli.inputs import read_input
from weid.cli.output import Session, pass_session
from weid.cli.wallet import NEW_FILE, wallet_options
from weid.cli.wallet_trust import trust_in_issuer

if TYPE_CHECKING:
    from weid.wallet.wallet import Wallet


class _RequestFile(click.Path):
    """The file of a request; a link is another command's."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, allow_dash=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.startswith(("openid4vp://", "haip-vp://")):
            self.fail("a link is answered where it leads: weid wallet answer LINK", param, ctx)
        return super().convert(value, param, ctx)


@click.command(cls=SharedCommand)
@click.argument("credential_id", metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="Keep it without being asked.")
@pass_session
@wallet_options
def verify(session: Session, *, held: Wallet, credential_id: str, yes: bool) -> None:
    """Verify with the trusted registry that the issuer of the certificate ID made it and may.

    One that `weid wallet list` calls not verified yet can be shown afterwards.
    """
    one = held.credential(credential_id)
    trust = trust_in_issuer(session, one.credential.vct, waivable=False)
    held.verify(one.id, trust=trust, agree=lambda consent: ask(session, consent, yes=yes))
    session.say("Verified.")
    session.show(one.id, {"id": one.id})


@click.command(cls=SharedCommand)
@click.argument("request", metavar="REQUEST|-", type=_RequestFile())
@click.option("--disclose", metavar="A,B,…", help="The fields that you agree to show.")
@click.option("--credential", "credential_id", help="Which certificate, where several would do.")
@click.option("-y", "--yes", is_flag=True, help="Answer without being asked.")
@click.option("--out", type=NEW_FILE, help="Write the answer here.")
@click.option("--qr", type=NEW_FILE, help="Draw its code here (.png or .svg).")
@pass_session
@wallet_options
def present(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    held: Wallet,
    request: Path,
    disclose: str | None,
    credential_id: str | None,
    yes: bool,
    out: Path | None,
    qr: Path | None,
) -> None:
    """Answer REQUEST: a file, or a picture of its code.

    You are told who asks, what would be shown and what stays hidden before anything is made.
    """
    from weid.verification.request import PresentationRequest  # noqa: PLC0415 - imported when used

    asked = PresentationRequest.from_text(read_input(request))
    text = held.present(
        asked,
        disclose=paths_in(disclose),
        credential_id=credential_id,
        agree=lambda consent: ask(session, consent, yes=yes),
    )
    _hand_out(session, text, out, qr)


@click.command(cls=SharedCommand)
@click.argument("credential_id", metavar="ID")
@click.option("--disclose", metavar="A,B,…", required=True, help="The fields to show.")
@click.option("-y", "--yes", is_flag=True, help="Show it without being asked.")
@click.option("--out", type=NEW_FILE, help="Write the text here.")
@click.option("--qr", type=NEW_FILE, help="Draw its code here (.png or .svg).")
@pass_session
@wallet_options
def show(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    held: Wallet,
    credential_id: str,
    disclose: str,
    yes: bool,
    out: Path | None,
    qr: Path | None,
) -> None:
    """Show fields of the certificate ID without being asked, for about two minutes."""
    text = held.show(
        credential_id,
        disclose=paths_in(disclose) or [],
        agree=lambda consent: ask(session, consent, yes=yes),
    )
    _hand_out(session, text, out, qr)


def paths_in(text: str | None) -> list[str] | None:
    """Return the fields that an option names, with commas between; None for None."""
    if text is None:
        return None
    return [path.strip() for path in text.split(",") if path.strip()]


def _hand_out(session: Session, text: str, out: Path | None, qr: Path | None) -> None:
    if qr is not None:
        from weid.cli.pictures import draw  # noqa: PLC0415 - only for pictures

        draw(text, qr, session)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
        session.say(f"Written to {out}.")
    if (out is None and qr is None) or session.as_json:
        session.show(text, {"presentation": text})
