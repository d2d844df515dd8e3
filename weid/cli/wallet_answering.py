"""Answering a request that came by a link, at the verifier who sent it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.consents import ask
from weid.cli.inputs import INPUT, read_input
from weid.cli.output import Session, pass_session
from weid.cli.registry_options import RegistryOptions, loopback_option
from weid.cli.wallet import wallet_options
from weid.cli.wallet_receiving import private_host_option
from weid.cli.wallet_showing import paths_in

if TYPE_CHECKING:
    from weid.crypto.certificates import Certificate
    from weid.crypto.keys import PublicKey
    from weid.openid4vp.request_object import ResolveKey
    from weid.openid4vp.transaction_types import TransactionType
    from weid.wallet.wallet import Wallet

REQUEST_SCHEMES = ("openid4vp://", "haip-vp://")
AUTHORITIES = "verifier-authorities"
TRANSACTION_TYPES = "transaction-types.json"
TYPES_BYTES = 64 * 1024


@click.command(cls=SharedCommand)
@click.argument("request")
@click.option(
    "--authority",
    "authorities",
    type=INPUT,
    multiple=True,
    help="Certificate of an authority that vouches for verifiers (PEM; several may be given).",
)
@click.option(
    "--accept-unconfirmed",
    is_flag=True,
    help="Answer also a verifier for whom nobody vouches; you are told so.",
)
@click.option(
    "--credential",
    "credential_ids",
    multiple=True,
    metavar="ID",
    help="Which certificate, where several would do.",
)
@click.option("--disclose", metavar="A,B,…", help="The fields that you agree to show.")
@click.option(
    "--transaction-types",
    "types_file",
    type=INPUT,
    help="Kinds of transaction to understand beside the known ones (JSON).",
)
@click.option("-y", "--yes", is_flag=True, help="Answer without being asked.")
@private_host_option
@loopback_option
@pass_session
@wallet_options
def answer(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    held: Wallet,
    request: str,
    authorities: tuple[Path, ...],
    accept_unconfirmed: bool,
    credential_ids: tuple[str, ...],
    disclose: str | None,
    types_file: Path | None,
    yes: bool,
    private_hosts: tuple[str, ...],
    unsafe_loopback_http: bool,
) -> None:
    """Answer REQUEST at the verifier who sent it: its openid4vp:// link, or a picture of its code.

    You are told who asks, who vouches for that, what would go out and what stays hidden before
    anything is sent. Verifiers are known by a certificate of an authority (--authority, and the
    .pem files in the folder verifier-authorities of the home folder), or by an identifier in a
    registry that `weid trust` trusts. Others are refused.

    What you would agree to beside (an agreement, a payment) is told in the same question, of a
    kind that this wallet understands: two that are built in, those of --transaction-types, and of
    transaction-types.json in the home folder. A request with another is refused as a whole.
    """
    from weid.openid4vp.request_object import RequestTrust  # noqa: PLC0415 - imported when used
    from weid.qr.content import display_text  # noqa: PLC0415 - imported when used
    from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used

    if not request.startswith(REQUEST_SCHEMES):
        if request != "-" and not Path(request).is_file():
            raise click.BadParameter(
                "neither an openid4vp:// link nor a file", param_hint="REQUEST"
            )
        request = read_input(Path(request))
    trust = RequestTrust(
        anchors=_anchors(session, authorities),
        resolve_key=_resolver(session, unsafe_loopback_http=unsafe_loopback_http),
        accept_unconfirmed=accept_unconfirmed,
        allow_loopback_http=unsafe_loopback_http,
    )
    answered = held.answer(
        request,
        transport=GuardedTransport(
            private_hosts=private_hosts, allow_loopback_http=unsafe_loopback_http
        ),
        trust=trust,
        credential_ids=credential_ids,
        disclose=paths_in(disclose),
        transactions=_transactions(session, types_file),
        agree=lambda consent: ask(session, consent, yes=yes),
    )
    session.say("Answered.")
    for one in answered.agreed:
        session.say(f"Agreed to {display_text(one.type)}: its hash is in the answer.")
    if answered.place is not None:
        session.say(f"Go on in the browser that you came from:\n{answered.place}")
    value = {
        "answered": [one.id for one in answered.presented],
        "agreed": [one.type for one in answered.agreed],
        "redirect_uri": answered.place,
    }
    session.show(answered.place or "", value)


def _transactions(session: Session, file: Path | None) -> dict[str, TransactionType]:
    from weid.encoding import json_loads_object  # noqa: PLC0415 - imported when used
    from weid.openid4vp.transaction_types import (  # noqa: PLC0415 - imported when used
        KNOWN_TYPES,
        parse_transaction_types,
    )

    kept = session.home / TRANSACTION_TYPES
    known = dict(KNOWN_TYPES)
    for path in [*([kept] if kept.is_file() else []), *([] if file is None else [file])]:
        value = json_loads_object(path.read_bytes(), what=str(path), max_bytes=TYPES_BYTES)
        known |= parse_transaction_types(value)
    return known


def _anchors(session: Session, files: tuple[Path, ...]) -> tuple[Certificate, ...]:
    from weid.crypto.certificates import certificates_from_pem  # noqa: PLC0415 - when used

    kept = sorted((session.home / AUTHORITIES).glob("*.pem"))
    return tuple(
        certificate
        for file in (*files, *kept)
        for certificate in certificates_from_pem(file.read_bytes(), what=str(file))
    )


def _resolver(session: Session, *, unsafe_loopback_http: bool) -> ResolveKey:
    """Return how keys of DIDs are found; the registry is asked only for a DID of its own."""
    from weid.cli.registries import open_transport, trust_policy  # noqa: PLC0415 - when used
    from weid.did.methods import all_methods  # noqa: PLC0415 - same
    from weid.did.resolver import UniversalResolver  # noqa: PLC0415 - same
    from weid.openid4vp.did_keys import keys_by  # noqa: PLC0415 - same

    options = RegistryOptions(unsafe_loopback_http=unsafe_loopback_http)

    def resolve(key_url: str) -> PublicKey | None:
        sources = []
        if key_url.startswith("did:weid:"):
            policy = trust_policy(session, options)
            sources = [network.reader for network in policy.networks.values()]
        methods = all_methods(sources, transport=open_transport(options), clock=session.clock)
        return keys_by(UniversalResolver(methods))(key_url)

    return resolve
