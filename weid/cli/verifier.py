"""`weid verifier …`: asking for certificates."""

from __future__ import annotations

from pathlib import Path

import click

from weid.cli.command import SharedGroup
from weid.cli.output import Session, pass_session
from weid.cli.registries import trust_policy
from weid.cli.registry_options import RegistryOptions, registry_options

DEFAULT_SECONDS = 300
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=SharedGroup)
def verifier() -> None:
    """Ask for certificates; `weid verify --request` checks the answer."""


@verifier.command()
@click.argument("template")
@click.argument("fields", nargs=-1, required=True)
@click.option(
    "--audience", required=True, metavar="URL", help="Who asks: the address of the verifier."
)
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
@registry_options
@pass_session
def request(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    template: str,
    fields: tuple[str, ...],
    audience: str,
    name: str | None,
    valid_for: int,
    out: Path | None,
    qr: Path | None,
    options: RegistryOptions,
) -> None:
    """Ask for FIELDS of a certificate of TEMPLATE, such as `diploma:1 name degree`.

    TEMPLATE is an id with its version. Keep the request: the answer is checked against it, once.
    """
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
