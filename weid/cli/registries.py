"""From trust settings to what commands use: readers, writers, transports, the trust policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weid.cli.output import Session
from weid.cli.registry_options import RegistryOptions
from weid.cli.trust_settings import NetworkTrust, load_trust
from weid.errors import NotFoundError, RegistryUnavailableError

if TYPE_CHECKING:
    from weid.registry.http_client import HttpRegistry
    from weid.registry.proof_source import ProofSource
    from weid.registry.records import OrganisationRecord, PolicyRecord
    from weid.registry.registry import RegistryReader
    from weid.registry.trust_bundle import TrustBundle
    from weid.registry.trusted_heads import FileTrustedHeads
    from weid.transport import GuardedTransport
    from weid.verification.policy import TrustedNetwork, TrustPolicy
    from weid.verification.policy_reference import PolicyReference
    from weid.verification.status_sources import HttpStatusCredentials, HttpStatusTokens


def open_transport(options: RegistryOptions, trust: NetworkTrust | None = None) -> GuardedTransport:
    """Return the guarded transport; only hosts that the operator set may be inner ones."""
    from weid.transport import GuardedTransport  # noqa: PLC0415 - online only

    remembered = trust is not None and trust.unsafe_loopback_http
    return GuardedTransport(
        private_hosts=() if trust is None else trust.inner_hosts,
        allow_loopback_http=options.unsafe_loopback_http or remembered,
    )


def open_reader(
    session: Session, trust: NetworkTrust, options: RegistryOptions, *, witnesses: int = 1
) -> HttpRegistry | TrustBundle:
    """Return the reader of one network: its bundle where one is set, else its nodes.

    A new head of a node is compared with what `witnesses` other nodes show.
    """
    if trust.bundle is None:
        return open_node(session, trust, options, witnesses=witnesses)
    from weid.registry.trust_bundle import TrustBundle  # noqa: PLC0415 - offline only

    return TrustBundle.open(
        trust.bundle,
        genesis_hash=trust.genesis_hash,
        clock=session.clock,
        head_store=heads_of(session),
    )


def open_node(
    session: Session, trust: NetworkTrust, options: RegistryOptions, *, witnesses: int = 1
) -> HttpRegistry:
    """Return the registry behind the nodes of a network, to read and to write.

    Raises:
        NotFoundError: no node of it is known.
    """
    from weid.registry.http_client import HttpRegistry  # noqa: PLC0415 - online only

    if not trust.nodes:
        raise NotFoundError(
            f"no node of the network {trust.name} is known".replace("  ", " "),
            hint="weid trust add NETWORK --genesis HASH --node https://…",
        )
    return HttpRegistry(
        *trust.nodes,
        genesis_hash=trust.genesis_hash,
        transport=open_transport(options, trust),
        clock=session.clock,
        head_store=heads_of(session),
        witnesses=witnesses,
    )


def open_sources(trust: NetworkTrust, options: RegistryOptions) -> list[ProofSource]:
    """Return where a network's answers come from, unbelieved: its bundle, else its nodes."""
    if trust.bundle is None:
        from weid.registry.http_source import HttpSource  # noqa: PLC0415 - online only

        transport = open_transport(options, trust)
        return [HttpSource(node, transport) for node in trust.nodes]
    from weid.registry.bundle_file import BUNDLE_BYTES, BundleFile  # noqa: PLC0415 - offline only

    with trust.bundle.open("rb") as file:
        return [BundleFile.from_bytes(file.read(BUNDLE_BYTES + 1))]


def one_network(session: Session, options: RegistryOptions) -> NetworkTrust:
    """Return the one network that a command is about.

    Raises:
        click.UsageError: several are trusted and none was named.
    """
    networks = options.trusted(session.home)
    if len(networks) > 1:
        names = ", ".join(networks)
        raise click.UsageError(f"several networks are trusted ({names}): add --network")
    return next(iter(networks.values()))


def one_node(session: Session, options: RegistryOptions) -> HttpRegistry:
    """Return the one registry that a writing command is about."""
    return open_node(session, one_network(session, options), options)


def open_status_tokens(trust: NetworkTrust, options: RegistryOptions) -> HttpStatusTokens:
    """Return where the status lists of a network's issuers are fetched from."""
    from weid.verification.status_sources import HttpStatusTokens  # noqa: PLC0415 - online only

    return HttpStatusTokens(open_transport(options, trust))


def open_status_credentials(options: RegistryOptions) -> HttpStatusCredentials:
    """Return where the status lists of W3C credentials are fetched from: any public host."""
    from weid.verification.status_sources import HttpStatusCredentials  # noqa: PLC0415 - online

    return HttpStatusCredentials(open_transport(options))


def trust_policy(session: Session, options: RegistryOptions, **choices: object) -> TrustPolicy:
    """Return the policy that trusts the chosen networks, with the choices of the command.

    A network that the trust settings name need not answer now: its checks then say so.

    Raises:
        RegistryUnavailableError: none of several networks can be asked now.
    """
    from weid.verification.policy import TrustPolicy  # noqa: PLC0415 - verifying only

    trusted = options.trusted(session.home)
    networks: dict[str, TrustedNetwork] = {}
    problem: RegistryUnavailableError | None = None
    for trust in trusted.values():
        try:
            reader = _reader_by_name(session, trust, options)
            networks[reader.network] = _trusted(reader, trust, options)
        except RegistryUnavailableError as error:
            # Another network may be the one that counts; only if none is left is it an error.
            problem = error
            if len(trusted) > 1:
                session.say(f"The network {trust.name} cannot be asked: {error.message}.")
    if not networks and problem is not None:
        raise problem
    return TrustPolicy(networks=networks, **choices)  # type: ignore[arg-type]  # its options by name


def _reader_by_name(
    session: Session, trust: NetworkTrust, options: RegistryOptions
) -> HttpRegistry | TrustBundle:
    if not trust.name or trust.bundle is not None or not trust.nodes:
        return open_reader(session, trust, options)
    from weid.registry.named_registry import NamedRegistry  # noqa: PLC0415 - online only

    return NamedRegistry(
        trust.name,
        *trust.nodes,
        genesis_hash=trust.genesis_hash,
        transport=open_transport(options, trust),
        clock=session.clock,
        head_store=heads_of(session),
    )


def _trusted(
    reader: HttpRegistry | TrustBundle, trust: NetworkTrust, options: RegistryOptions
) -> TrustedNetwork:
    from weid.verification.policy import TrustedNetwork  # noqa: PLC0415 - verifying only

    offline = trust.bundle is not None
    return TrustedNetwork(
        reader=reader,
        genesis_hash=trust.genesis_hash,
        status_tokens=None if offline else open_status_tokens(trust, options),
        offline=offline,
    )


def heads_of(session: Session) -> FileTrustedHeads:
    """Return the newest heads that were believed, as this home folder remembers them."""
    from weid.cli.home import make_folder  # noqa: PLC0415 - with a registry only
    from weid.registry.trusted_heads import FileTrustedHeads  # noqa: PLC0415 - same

    make_folder(session.home)
    return FileTrustedHeads(session.home / "heads")


class NamesInRegistries:
    """Confirmed names of issuers, and published policies: of the networks that are trusted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readers: dict[str, RegistryReader] = {}

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed name of a DID; None where no trusted registry has one.

        Raises:
            WeidError: the registry cannot be asked now.
        """
        method, _, rest = did.partition("did:weid:")
        network = rest.partition(":")[0]
        if method or not network:
            return None
        reader = self._reader(network)
        return None if reader is None else reader.organisation(did)

    def policy_record(self, reference: PolicyReference) -> PolicyRecord | None:
        """Return the record of a presentation policy; None where its registry has none.

        Raises:
            NotFoundError: its network is not trusted.
            WeidError: the registry cannot be asked now.
        """
        reader = self._reader(reference.network)
        if reader is None:
            raise NotFoundError(f"the network {reference.network} is not trusted")
        return reader.policy(reference.policy_id, reference.version)

    def _reader(self, network: str) -> RegistryReader | None:
        if network not in self._readers:
            trust = load_trust(self._session.home).get(network)
            if trust is None:
                return None
            self._readers[network] = open_reader(self._session, trust, RegistryOptions())
        return self._readers[network]
