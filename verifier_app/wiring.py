"""From settings to the application with its real parts: registries, transport, clock."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from flask import Flask

from verifier_app.app import create_app
from verifier_app.counter import Counter
from verifier_app.hooks import Hooks
from verifier_app.identity import (
    check_place,
    open_identity,
    read_authorities,
    read_token,
    tell_unknown_key,
)
from verifier_app.policies_seen import PoliciesSeen
from verifier_app.presentations import PATH, Presentations, note
from verifier_app.settings import Settings, TrustedNetworkSettings
from verifier_app.templates_seen import TemplatesSeen
from verifier_app.tidying import Tidying
from verifier_app.trust_view import SeenNetwork, TrustView
from verifier_app.vc_api import VcApi
from weid.clock import Clock
from weid.errors import RegistryUnavailableError
from weid.openid4vp.presentation_endpoints import PresentationEndpoints
from weid.registry.event import RegistryEvent
from weid.registry.named_registry import NamedRegistry, require_name
from weid.registry.registry import RegistryReader
from weid.registry.subscription import Subscription, keep_fresh
from weid.registry.trust_bundle import TrustBundle
from weid.registry.trusted_heads import FileTrustedHeads
from weid.sessions import MemorySessionStore
from weid.transport import GuardedTransport
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.status_sources import HttpStatusCredentials, HttpStatusTokens
from weid.verification.w3c_securing import SecuringVerifier
from weid.verifier import Verifier

_LOG: Final = logging.getLogger("verifier_app")


def build(settings: Settings, *, clock: Clock) -> Flask:
    """Return the application of these settings with its real parts.

    A registry that does not answer now is told in the log; checks are undetermined until it does.

    Raises:
        ProofError: a node answers for another registry than the settings mean.
        NotFoundError: a trust bundle is not there.
        MalformedError: a trust bundle, or a remembered head, is damaged; or a file by which wallets
            know this verifier.
        KeyFileError: the key that signs requests cannot be used.
        OSError: the folder of remembered heads cannot be made.
    """
    transport = GuardedTransport(
        private_hosts=[
            urlsplit(url).hostname or "" for net in settings.networks for url in net.nodes
        ],
        allow_loopback_http=settings.unsafe_loopback_http,
    )
    settings.head_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    heads = FileTrustedHeads(settings.head_folder)
    for network in settings.networks:
        # A damaged head would make every check fail later; it is told now.
        heads.load(bytes.fromhex(network.genesis_hash))
    readers = {
        network.name: _reader(network, transport=transport, clock=clock, heads=heads)
        for network in settings.networks
    }
    # Status lists are named by issuers, not by us: no private address for those.
    lists = GuardedTransport(allow_loopback_http=settings.unsafe_loopback_http)
    status_tokens = HttpStatusTokens(lists)
    trusted = {
        network.name: TrustedNetwork(
            reader=readers[network.name],
            genesis_hash=bytes.fromhex(network.genesis_hash),
            status_tokens=None if network.bundle else status_tokens,
        )
        for network in settings.networks
    }
    policy = TrustPolicy(
        networks=trusted,
        status_credentials=HttpStatusCredentials(lists),
        accept_shown_codes=settings.allow_shown,
        accept_unbound_credentials=settings.allow_unbound,
        certificate_authorities=read_authorities(settings.certificate_authorities),
    )
    templates = TemplatesSeen(readers)
    verifier = Verifier(settings.public_url, policy=policy, clock=clock)
    counter = Counter(
        verifier=verifier,
        wishes={wish.id: wish for wish in settings.wishes},
        templates=templates,
        clock=clock,
        random=secrets.token_bytes,
        request_seconds=settings.request_seconds,
    )
    seen = [
        SeenNetwork(network, readers[network.name], trusted[network.name].refuse_after)
        for network in settings.networks
    ]
    view = TrustView(seen, templates=templates, clock=clock)
    live = {name: reader for name, reader in readers.items() if isinstance(reader, NamedRegistry)}
    notice = {name: _noticing(reader) for name, reader in live.items()}
    app = create_app(
        settings,
        counter=counter,
        trust_view=view,
        taken_hooks=Hooks(settings, notice, clock),
        vc_api=VcApi(SecuringVerifier(policy, clock=clock)) if settings.vc_api else None,
        asking=open_presentations(
            settings, readers, verifier=verifier, templates=templates, clock=clock
        ),
    )
    asking: Presentations | None = app.extensions["presentations"]
    if asking is not None:
        tell_unknown_key(asking.endpoints.identity, readers.values())
    app.extensions["subscriptions"] = [
        keep_fresh(live[network.name], *network.nodes, transport=transport)
        for network in settings.networks
        if network.name in live
    ]
    return app


def open_presentations(
    settings: Settings,
    readers: Mapping[str, RegistryReader],
    *,
    verifier: Verifier,
    templates: TemplatesSeen,
    clock: Clock,
) -> Presentations | None:
    """Return what asks wallets online, None where the settings have no `[wallets]`.

    Raises:
        MalformedError: a file that the settings name cannot be used.
        KeyFileError: the key that signs requests cannot be used.
    """
    wallets = settings.wallets
    if wallets is None:
        return None
    base = settings.public_url + PATH
    identity = open_identity(wallets, base, clock=clock)
    check_place(identity, f"{base}/responses/any")
    endpoints = PresentationEndpoints(
        base=base,
        identity=identity,
        verifier=verifier,
        # In memory alone: what a wallet answered is never written to a file.
        sessions=MemorySessionStore(clock),
        clock=clock,
        observe=note,
        post_requests=wallets.post_requests,
    )
    return Presentations(
        endpoints,
        public_url=settings.public_url,
        settings=wallets,
        wishes={wish.id: wish for wish in settings.wishes},
        templates=templates,
        policies=PoliciesSeen(readers, clock=clock, publishers=wallets.policy_publishers),
        token=None if wallets.api_token_file is None else read_token(wallets.api_token_file),
    )


def tidying(app: Flask) -> Tidying | None:
    """Return what removes old answers; who serves the app starts it."""
    asking: Presentations | None = app.extensions["presentations"]
    return None if asking is None else Tidying(asking.tidy)


def subscriptions(app: Flask) -> list[Subscription]:
    """Return what follows the events of the counter's registries; who serves it starts them."""
    found: list[Subscription] = app.extensions["subscriptions"]
    return found


def _noticing(registry: NamedRegistry) -> Callable[[RegistryEvent], None]:
    return lambda event: registry.ask_again(event.height)


def _reader(
    network: TrustedNetworkSettings,
    *,
    transport: GuardedTransport,
    clock: Clock,
    heads: FileTrustedHeads,
) -> RegistryReader:
    genesis_hash = bytes.fromhex(network.genesis_hash)
    if network.bundle is not None:
        bundle = TrustBundle.open(
            network.bundle, genesis_hash=genesis_hash, clock=clock, head_store=heads
        )
        require_name(network.name, bundle.network)
        return bundle
    registry = NamedRegistry(
        network.name,
        *network.nodes,
        genesis_hash=genesis_hash,
        transport=transport,
        clock=clock,
        head_store=heads,
    )
    try:
        registry.require_name()
    except RegistryUnavailableError as error:
        _LOG.warning(
            "registry %s cannot be reached now, checks are undetermined until it can: %s",
            network.name,
            error.message,
        )
    return registry
