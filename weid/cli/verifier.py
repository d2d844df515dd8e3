"""`weid verifier …`: asking for certificates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedGroup
from weid.cli.output import Session, pass_session
from weid.cli.registries import trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.cli.verifier_access import app_options
from weid.cli.verifier_online import MODES, Online, ask_online, status
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.verification.request import PresentationRequest

DEFAULT_SECONDS = 300
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=SharedGroup)
def verifier() -> None:
    """Ask for certificates; `weid verify --request` checks the answer.

    With --dcql or --policy a running verifier application asks and checks, online.
    """


verifier.add_command(status)


@verifier.command()
@click.argument("template", required=False)
@click.argument("fields", nargs=-1)
@click.option("--audience", metavar="URL", help="Who asks: the address of the verifier.")
@click.option("--name", help="Who asks, in words; nothing proves it to the wallet.")
@click.option("--purpose", help="What it is for, in words; nothing proves it to the wallet.")
@click.option(
    "--valid-for",
    type=click.IntRange(30, 86_400),
    default=DEFAULT_SECONDS,
    show_default=True,
    help="Seconds.",
)
@click.option("--out", type=NEW_FILE, help="Write the request here.")
@click.option("--qr", type=NEW_FILE, help="Draw its code here (.png or .svg).")
@click.option(
    "--dcql",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Have the application --app ask wallets this query (JSON), online.",
)
@click.option(
    "-p",
    "--policy",
    metavar="POLICY",
    help="Ask by a published policy, such as library-card:1: online, or with --audience.",
)
@click.option(
    "--transaction-data",
    "transactions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the person is to agree to (JSON: an object with type and credential_ids, or"
    " several in an array; online).",
)
@click.option("--mode", type=click.Choice(MODES), help="How wallets answer (online).")
@click.option("--same-device", is_flag=True, help="For a wallet on this device (online).")
@app_options
@registry_options
@pass_session
def request(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    template: str | None,
    fields: tuple[str, ...],
    audience: str | None,
    name: str | None,
    purpose: str | None,
    valid_for: int,
    out: Path | None,
    qr: Path | None,
    dcql: Path | None,
    policy: str | None,
    transactions: Path | None,
    mode: str | None,
    same_device: bool,
    app: str | None,
    token_file: Path | None,
    options: RegistryOptions,
) -> None:
    """Ask for FIELDS of a certificate of TEMPLATE, such as `diploma:1 name degree`.

    TEMPLATE is an id with its version. Keep the request: the answer is checked against it, once.
    With --dcql FILE or --policy POLICY a running application asks instead: its link and an id for
    `status`. With --policy and --audience the request is made here.
    """
    if policy is not None and purpose is not None:
        raise click.UsageError("a policy says its purpose itself: leave --purpose out")
    if dcql is not None or (policy is not None and audience is None):
        if template is not None or out is not None:
            raise click.UsageError("--dcql and --policy go without TEMPLATE, FIELDS and --out")
        if dcql is not None and policy is not None:
            raise click.UsageError("--dcql or --policy, not both")
        asked = Online(
            dcql=dcql, policy=policy, transactions=transactions, purpose=purpose, mode=mode,
            same_device=same_device,
        )  # fmt: skip
        ask_online(
            session, asked, app=app, token_file=token_file, qr=qr,
            loopback=options.unsafe_loopback_http,
        )  # fmt: skip
        return
    if mode is not None or same_device or transactions is not None:
        raise click.UsageError(
            "--mode, --same-device and --transaction-data go with --dcql or --policy, online"
        )
    _check_offline(template, fields, policy, audience)
    _ask_offline(
        session,
        policy or f"{template}",
        None if policy else fields,
        Offline(f"{audience}", name, purpose, valid_for, out, qr),
        options=options,
    )


@dataclass(frozen=True, slots=True)
class Offline:
    """A request that is made here: who asks, what for, for how many seconds, where it goes."""

    audience: str
    name: str | None
    purpose: str | None
    valid_for: int
    out: Path | None
    qr: Path | None


def _check_offline(
    template: str | None, fields: tuple[str, ...], policy: str | None, audience: str | None
) -> None:
    if policy is not None and template is not None:
        raise click.UsageError("--dcql and --policy go without TEMPLATE, FIELDS and --out")
    if policy is None and template is None:
        raise click.UsageError("name TEMPLATE and FIELDS, --policy POLICY or --dcql FILE")
    if policy is None and not fields:
        raise click.UsageError("Missing argument 'FIELDS...'.")
    if audience is None:
        raise click.UsageError("Missing option '--audience'.")


def _ask_offline(
    session: Session,
    named: str,
    fields: tuple[str, ...] | None,
    asked: Offline,
    *,
    options: RegistryOptions,
) -> None:
    """Make a request for fields of the template of that name, or without fields by a policy."""
    from dataclasses import replace  # noqa: PLC0415 - imported when used

    from weid.cli.published import published_policy, published_template  # noqa: PLC0415 - same
    from weid.verification.stated_purpose import StatedPurpose  # noqa: PLC0415 - same
    from weid.verifier import Verifier  # noqa: PLC0415 - imported when used

    if asked.qr is not None and asked.out is None and not session.as_json:
        raise click.UsageError(
            "the request would be nowhere but in the picture, and is needed to verify the answer: "
            "add --out FILE"
        )
    trust = trust_policy(session, options)
    asker = Verifier(asked.audience, policy=trust, clock=session.clock)
    if fields is None:
        record, policy = published_policy(trust, named)
        if record.withdrawn_at is not None:
            raise MalformedError(f"the policy {named} is withdrawn: nobody asks by it any more")
        made = asker.request_for_policy(policy, valid_for=asked.valid_for)
    else:
        template = published_template(trust, named)
        made = asker.request(template, *fields, valid_for=asked.valid_for)
    stated = None if asked.purpose is None else StatedPurpose.create({"en": asked.purpose})
    _hand_out(session, replace(made, client_name=asked.name, purpose=stated), asked)


def _hand_out(session: Session, made: PresentationRequest, asked: Offline) -> None:
    text = made.to_text()
    if asked.qr is not None:
        from weid.cli.pictures import draw  # noqa: PLC0415 - only for pictures

        draw(text, asked.qr, session)
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")
        session.say(
            f"Request written to {asked.out}; good for {asked.valid_for} seconds and one answer."
        )
    if asked.out is None or session.as_json:
        session.show(text, made.to_json())
