"""`weid verifier …`: asking for certificates."""

from __future__ import annotations

from pathlib import Path

import click

from weid.cli.command import SharedGroup
from weid.cli.output import Session, pass_session
from weid.cli.registries import trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options
from weid.cli.verifier_access import app_options
from weid.cli.verifier_online import MODES, ask_online, status

DEFAULT_SECONDS = 300
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=SharedGroup)
def verifier() -> None:
    """Ask for certificates; `weid verify --request` checks the answer.

    With --dcql a running verifier application asks and checks, online.
    """


verifier.add_command(status)


@verifier.command()
@click.argument("template", required=False)
@click.argument("fields", nargs=-1)
@click.option("--audience", metavar="URL", help="Who asks: the address of the verifier.")
@click.option("--name", help="Who asks, in words; nothing proves it to the wallet.")
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
@click.option("--mode", type=click.Choice(MODES), help="How wallets answer (with --dcql).")
@click.option("--same-device", is_flag=True, help="For a wallet on this device (with --dcql).")
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
    valid_for: int,
    out: Path | None,
    qr: Path | None,
    dcql: Path | None,
    mode: str | None,
    same_device: bool,
    app: str | None,
    token_file: Path | None,
    options: RegistryOptions,
) -> None:
    """Ask for FIELDS of a certificate of TEMPLATE, such as `diploma:1 name degree`.

    TEMPLATE is an id with its version. Keep the request: the answer is checked against it, once.
    With --dcql FILE a running application asks instead: its link and an id for `status`.
    """
    if dcql is not None:
        if template is not None or out is not None:
            raise click.UsageError("--dcql goes without TEMPLATE, FIELDS and --out")
        ask_online(
            session, dcql, app=app, token_file=token_file, mode=mode, same_device=same_device,
            qr=qr, loopback=options.unsafe_loopback_http,
        )  # fmt: skip
        return
    if mode is not None or same_device:
        raise click.UsageError("--mode and --same-device go with --dcql")
    if template is None:
        raise click.UsageError("name TEMPLATE and FIELDS, or --dcql FILE")
    if not fields:
        raise click.UsageError("Missing argument 'FIELDS...'.")
    if audience is None:
        raise click.UsageError("Missing option '--audience'.")
    _ask_offline(
        session, template, fields, audience=audience, name=name, valid_for=valid_for, out=out,
        qr=qr, options=options,
    )  # fmt: skip


def _ask_offline(  # noqa: PLR0913 - each is one option
    session: Session,
    template: str,
    fields: tuple[str, ...],
    *,
    audience: str,
    name: str | None,
    valid_for: int,
    out: Path | None,
    qr: Path | None,
    options: RegistryOptions,
) -> None:
    from dataclasses import replace  # noqa: PLC0415 - imported when used

    from weid.cli.published import published_template  # noqa: PLC0415 - imported when used
    from weid.verifier import Verifier  # noqa: PLC0415 - imported when used

    if qr is not None and out is None and not session.as_json:
        raise click.UsageError(
            "the request would be nowhere but in the picture, and is needed to verify the answer: "
            "add --out FILE"
        )
    policy = trust_policy(session, options)
    found = published_template(policy, template)
    asker = Verifier(audience, policy=policy, clock=session.clock)
    made = replace(asker.request(found, *fields, valid_for=valid_for), client_name=name)
    text = made.to_text()
    if qr is not None:
        from weid.cli.pictures import draw  # noqa: PLC0415 - only for pictures

        draw(text, qr, session)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
        session.say(f"Request written to {out}; good for {valid_for} seconds and one answer.")
    if out is None or session.as_json:
        session.show(text, made.to_json())
