"""`verifier-app SETTINGS`: one counter behind a production WSGI server."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit

import click
from flask import Flask

from verifier_app.app import create_app
from verifier_app.counter import Counter
from verifier_app.settings import Settings, TrustedNetworkSettings, load_settings
from verifier_app.templates_seen import TemplatesSeen
from verifier_app.trust_view import TrustView
from weid.clock import Clock, SystemClock
from weid.errors import WeidError
from weid.registry.http_client import HttpRegistry
from weid.registry.registry import RegistryReader
from weid.registry.trust_bundle import TrustBundle
from weid.registry.trusted_heads import FileTrustedHeads
from weid.transport import GuardedTransport
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.status_sources import HttpStatusTokens
from weid.verifier import Verifier


def build(settings: Settings, *, clock: Clock) -> Flask:
    """Return the application of these settings with its real parts."""
    transport = GuardedTransport(
        private_hosts=[
            urlsplit(url).hostname or "" for net in settings.networks for url in net.nodes
        ],
        allow_loopback_http=settings.unsafe_loopback_http,
    )
    heads = FileTrustedHeads(settings.head_folder)
    readers = {
        network.name: _reader(network, transport=transport, clock=clock, heads=heads)
        for network in settings.networks
    }
    # Status lists are named by issuers, not by us: no private address for those.
    lists = GuardedTransport(allow_loopback_http=settings.unsafe_loopback_http)
    status_tokens = HttpStatusTokens(lists)
    policy = TrustPolicy(
        networks={
            network.name: TrustedNetwork(
                reader=readers[network.name],
                genesis_hash=bytes.fromhex(network.genesis_hash),
                status_tokens=None if network.bundle else status_tokens,
            )
            for network in settings.networks
        },
        accept_shown_codes=settings.allow_shown,
        accept_unbound_credentials=settings.allow_unbound,
    )
    templates = TemplatesSeen(readers)
    counter = Counter(
        verifier=Verifier(settings.public_url, policy=policy, clock=clock),
        wishes={wish.id: wish for wish in settings.wishes},
        templates=templates,
        clock=clock,
        random=secrets.token_bytes,
        request_seconds=settings.request_seconds,
    )
    view = TrustView(
        [(network, readers[network.name]) for network in settings.networks],
        templates=templates,
        clock=clock,
    )
    return create_app(settings, counter=counter, trust_view=view)


def _reader(
    network: TrustedNetworkSettings,
    *,
    transport: GuardedTransport,
    clock: Clock,
    heads: FileTrustedHeads,
) -> RegistryReader:
    genesis_hash = bytes.fromhex(network.genesis_hash)
    if network.bundle is not None:
        return TrustBundle.open(
            network.bundle, genesis_hash=genesis_hash, clock=clock, head_store=heads
        )
    return HttpRegistry(
        *network.nodes,
        genesis_hash=genesis_hash,
        transport=transport,
        clock=clock,
        head_store=heads,
    )


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


@click.command()
@click.argument(
    "settings_file", metavar="SETTINGS", type=click.Path(dir_okay=False, path_type=Path)
)
def serve(settings_file: Path) -> None:
    """Serve the counter that SETTINGS (TOML) describes; see settings.example.toml."""
    import waitress  # noqa: PLC0415 - only the server needs it

    settings = load_settings(settings_file)
    app = build(settings, clock=SystemClock())
    server = waitress.create_server(
        app,
        host=settings.host,
        port=settings.port,
        threads=8,
        ident=None,
        clear_untrusted_proxy_headers=True,
        channel_timeout=60,
        max_request_body_size=int(app.config["MAX_CONTENT_LENGTH"]),
    )
    signal.signal(signal.SIGTERM, _stop)
    click.echo(f"listening on http://{settings.host}:{server.effective_port}")
    sys.stdout.flush()
    server.run()


def main() -> None:
    """Run the server; errors are told in two lines."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        serve.main(standalone_mode=True)
    except WeidError as error:
        click.echo(f"verifier-app: {error.message}", err=True)
        if error.hint:
            click.echo(f"Try: {error.hint}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
