"""Commands that take certificates in: by an offer, or when an issuer has decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.cli.command import SharedCommand
from weid.cli.consents import ask
from weid.cli.inputs import INPUT, read_input
from weid.cli.output import Session, counted, pass_session
from weid.cli.registry_options import loopback_option
from weid.cli.wallet import wallet_options
from weid.cli.wallet_trust import trust_in_issuer, unverified_option
from weid.errors import NotFoundError

if TYPE_CHECKING:
    from weid.oauth.attested_sender import WalletAttestation
    from weid.openid4vci.client import OfferPreview
    from weid.verification.policy import TrustPolicy
    from weid.wallet.acceptance import Accepted, Browser, Wait
    from weid.wallet.wallet import Wallet

OFFER_SCHEMES = ("openid-credential-offer://", "https://", "http://", "haip-vci://")
CLIENT_ID = "weid-wallet"
MOST_COPIES = 10


def private_host_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add --private-host to a command, passed on as `private_hosts`."""
    return click.option(
        "--private-host",
        "private_hosts",
        multiple=True,
        metavar="HOST",
        help="A host of the other side that may have an inner address.",
    )(command)


def wait_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add --wait to a command, passed on as `patience`."""
    return click.option(
        "--wait",
        "patience",
        type=click.IntRange(0, 86_400),
        default=0,
        metavar="SECONDS",
        help="How long to wait for an issuer that has not decided yet.",
    )(command)


@click.command(cls=SharedCommand)
@click.argument("offer")
@click.option(
    "--tx-code-file",
    type=INPUT,
    help="File with the code that came by another way, or - for stdin (else you are asked).",
)
@click.option("-y", "--yes", is_flag=True, help="Accept without being asked.")
@click.option(
    "--copies",
    type=click.IntRange(1, MOST_COPIES),
    default=MOST_COPIES,
    show_default=True,
    help="Most copies to take, each with a key of its own, to be shown once each.",
)
@click.option(
    "--client-id",
    default=CLIENT_ID,
    show_default=True,
    help="What the wallet calls itself where you sign in with the issuer.",
)
@click.option(
    "--redirect-port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Port of this machine that the browser comes back to (default: any).",
)
@click.option(
    "--attestation",
    "attestation_file",
    type=INPUT,
    help="What the maker of your wallet vouches with, for issuers that ask for it (with its key).",
)
@click.option("--attestation-key", type=INPUT, help="The key file that it names.")
@click.option("--attestation-passphrase-file", type=INPUT, help="Passphrase of that key file.")
@wait_option
@private_host_option
@unverified_option
@loopback_option
@pass_session
@wallet_options
def accept(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    held: Wallet,
    offer: str,
    tx_code_file: Path | None,
    yes: bool,
    copies: int,
    client_id: str,
    redirect_port: int,
    attestation_file: Path | None,
    attestation_key: Path | None,
    attestation_passphrase_file: Path | None,
    patience: int,
    private_hosts: tuple[str, ...],
    unverified: bool,
    unsafe_loopback_http: bool,
) -> None:
    """Accept OFFER: its openid-credential-offer:// text, or a picture of its code.

    What comes is kept if the trusted registry of its network says that its issuer made it and
    may. While the registry cannot be asked the offer is left as it is. Where it goes away just
    then, the certificate is kept as not verified yet: see `weid wallet verify`. Where you have to
    sign in with the issuer, open the address that is printed. What the issuer has not decided yet
    is collected later: see `weid wallet collect`.
    """
    from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used
    from weid.wallet.consent import consent_to_offer  # noqa: PLC0415 - imported when used

    if not offer.startswith(OFFER_SCHEMES):
        if offer != "-" and not Path(offer).is_file():
            raise click.BadParameter(
                "neither an openid-credential-offer:// text nor a file", param_hint="OFFER"
            )
        offer = read_input(Path(offer))
    attestation = _attestation(
        session, attestation_file, attestation_key, attestation_passphrase_file
    )
    transport = GuardedTransport(
        private_hosts=private_hosts, allow_loopback_http=unsafe_loopback_http
    )
    preview = held.read_offer(offer, transport=transport)
    trust = None if unverified else _trust_in(session, preview)
    if not ask(session, consent_to_offer(preview), yes=yes):
        raise click.Abort
    code = _transaction_code(tx_code_file) if preview.tx_code is not None else None
    with _browser(session, preview, client_id, redirect_port) as browser:
        accepted = held.accept_all(
            preview,
            transport=transport,
            trust=trust,
            accept_unverified=unverified,
            tx_code=code,
            browser=browser,
            copies=copies,
            attestation=attestation,
            wait=_wait(session, patience),
            agree=lambda consent: ask(session, consent, yes=yes),
        )
    _tell(session, accepted)


@click.command(cls=SharedCommand)
@click.option("-y", "--yes", is_flag=True, help="Keep what comes without being asked.")
@wait_option
@private_host_option
@unverified_option
@loopback_option
@pass_session
@wallet_options
def collect(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    held: Wallet,
    yes: bool,
    patience: int,
    private_hosts: tuple[str, ...],
    unverified: bool,
    unsafe_loopback_http: bool,
) -> None:
    """Ask issuers again that had not decided yet, and keep what comes.

    No issuer is asked before the time that it named.
    """
    from weid.transport import GuardedTransport  # noqa: PLC0415 - imported when used

    types = {awaited.vct for awaited in held.awaited()}
    if not types:
        session.say("Nothing is waited for.")
        session.show("", {"kept": [], "awaited": 0})
        return
    transport = GuardedTransport(
        private_hosts=private_hosts, allow_loopback_http=unsafe_loopback_http
    )
    accepted = held.collect(
        transport=transport,
        trust=None if unverified else _joined(session, types),
        accept_unverified=unverified,
        agree=lambda consent: ask(session, consent, yes=yes),
        wait=_wait(session, patience),
    )
    _tell(session, accepted)


def _attestation(
    session: Session, file: Path | None, key: Path | None, passphrase_file: Path | None
) -> WalletAttestation | None:
    """Return the attestation of this wallet, None where none is given."""
    if file is None and key is None:
        return None
    if file is None or key is None:
        raise click.UsageError("--attestation and --attestation-key go together")
    from weid.cli.authors import load_signer  # noqa: PLC0415 - imported when used
    from weid.oauth.attested_sender import WalletAttestation  # noqa: PLC0415 - same

    signer = load_signer(key, passphrase_file)
    return WalletAttestation.open(read_input(file), signer, clock=session.clock)


def _tell(session: Session, accepted: Accepted) -> None:
    if not accepted.awaited:
        accepted.first()
    for error in accepted.refused if accepted.kept or accepted.awaited else ():
        session.say(f"Not kept: {error.message}.")
    ids = [held.id for held in accepted.certificates()]
    if ids:
        session.say("Kept." if len(ids) == 1 else f"Kept: {counted(len(ids), 'certificate')}.")
    if accepted.awaited:
        session.say("The issuer has not decided yet. Ask again: weid wallet collect")
    value = {"id": ids[0] if ids else None, "kept": ids, "awaited": len(accepted.awaited)}
    session.show(ids[0] if ids else "", value)


def _trust_in(session: Session, preview: OfferPreview) -> TrustPolicy:
    return _joined(session, {one.configuration.vct for one in preview.credentials})


def _joined(session: Session, types: set[str]) -> TrustPolicy:
    """Return the policy for certificates of several types; their networks may differ."""
    from dataclasses import replace  # noqa: PLC0415 - imported when used

    first, *others = [trust_in_issuer(session, vct) for vct in sorted(types)]
    networks = dict(first.networks)
    for policy in others:
        networks.update(policy.networks)
    if not networks:
        raise NotFoundError("no registry is trusted yet")
    return replace(first, networks=networks)


@contextmanager
def _browser(
    session: Session, preview: OfferPreview, client_id: str, port: int
) -> Iterator[Browser | None]:
    if not preview.by_page:
        yield None
        return
    from weid.cli.loopback import RedirectListener  # noqa: PLC0415 - with a sign-in only
    from weid.openid4vci.wallet_authorization import AppIdentity  # noqa: PLC0415 - same
    from weid.wallet.acceptance import Browser  # noqa: PLC0415 - same

    with RedirectListener(port) as listener:

        def visit(url: str) -> str:
            session.say(f"Sign in with the issuer, in a browser on this machine:\n{url}")
            return listener.wait()

        yield Browser(AppIdentity(client_id, listener.redirect_uri), visit)


def _wait(session: Session, patience: int) -> Wait | None:
    """Return how the command waits for a decision: as long as it was told to, all in all."""
    left = patience

    def wait(seconds: int) -> bool:
        nonlocal left
        if seconds > left:
            return False
        left -= seconds
        session.say(f"The issuer has not decided yet; asking again in {seconds} s.")
        time.sleep(seconds)
        return True

    return wait if patience else None


def _transaction_code(file: Path | None) -> str:
    from weid.cli.passphrases import ask_passphrase  # noqa: PLC0415 - with a code only

    if file is not None:
        return read_input(file)
    return ask_passphrase("transaction code", option="--tx-code-file")
