"""`weid trust …`: which registries count, and bundles of what they say for use offline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from weid.cli.command import SharedGroup
from weid.cli.home import write_private
from weid.cli.output import Session, pass_session, table
from weid.cli.registries import (
    heads_of,
    one_network,
    open_node,
    open_reader,
    open_status_tokens,
)
from weid.cli.registry_options import RegistryOptions, loopback_option, registry_options
from weid.cli.trust_beginning import describe_reset, find_beginning, remembered_head
from weid.cli.trust_settings import NetworkTrust, load_trust, parse_genesis_hash, save_trust
from weid.clock import format_time
from weid.did.syntax import check_network
from weid.errors import MalformedError, NotFoundError, RegistryError, RegistryUnavailableError

BUNDLE_FILE = click.Path(dir_okay=False, path_type=Path)
PRIVATE_HOST = click.option(
    "--private-host",
    "private_hosts",
    multiple=True,
    metavar="HOST",
    help="A further host that may have an inner address, such as one of status lists.",
)


@click.group(cls=SharedGroup)
def trust() -> None:
    """Choose which registries to trust, live or offline.

    A registry is known by its genesis hash, not by its address: ask its operator for it.
    """


@trust.command()
@click.argument("network")
@click.option("--genesis", required=True, metavar="HASH", help="64 hexadecimal digits.")
@click.option(
    "--node", "nodes", multiple=True, metavar="URL", help="A node to ask; several may be given."
)
@click.option("--bundle", type=BUNDLE_FILE, help="A trust bundle to use instead, offline.")
@PRIVATE_HOST
@loopback_option
@pass_session
def add(  # noqa: PLR0913 - each is one option
    session: Session,
    *,
    network: str,
    genesis: str,
    nodes: tuple[str, ...],
    bundle: Path | None,
    private_hosts: tuple[str, ...],
    unsafe_loopback_http: bool,
) -> None:
    """Trust NETWORK, or set its nodes anew.

    The registry is asked at once, so that a wrong hash or address is told now.
    """
    if not nodes and bundle is None:
        raise click.UsageError("give --node or --bundle: there must be somebody to ask")
    if not unsafe_loopback_http and not all(node.startswith("https://") for node in nodes):
        raise click.UsageError(
            "a node's address must be https://…; for development, --unsafe-loopback-http allows "
            "http to this machine"
        )
    check_network(network)  # it becomes the name of a file
    entry = NetworkTrust(
        name=network,
        genesis_hash=parse_genesis_hash(genesis),
        nodes=nodes,
        bundle=bundle.absolute() if bundle else None,
        private_hosts=tuple(host.lower() for host in private_hosts),
        unsafe_loopback_http=unsafe_loopback_http,
    )
    try:
        found = open_reader(session, entry, RegistryOptions()).network
    except RegistryUnavailableError as error:
        session.say(f"It could not be asked now: {error.message}.")
    else:
        _require_name(found, network)
    save_trust(session.home, load_trust(session.home) | {network: entry})
    session.say(f"{network} is trusted.")


def _require_name(found: str, given: str) -> None:
    if found != given:
        raise MalformedError(
            f"the registry of this genesis hash calls itself {found}, not {given}",
            hint=f"weid trust add {found} …, if that is the one you mean.",
        )


@trust.command()
@click.argument("network")
@pass_session
def remove(session: Session, *, network: str) -> None:
    """Stop trusting NETWORK."""
    networks = load_trust(session.home)
    if networks.pop(network, None) is None:
        raise NotFoundError(
            f"{network} is not trusted", hint="`weid trust show` lists the trusted."
        )
    save_trust(session.home, networks)
    session.say(f"{network} is no longer trusted.")


@trust.command()
@click.argument("network")
@click.option(
    "--head",
    required=True,
    metavar="HEIGHT:HASH",
    help="A present block, as the registry's operator told you by another way.",
)
@click.option(
    "--bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A newer trust bundle that has this block, for use offline; import it afterwards.",
)
@click.option("-y", "--yes", is_flag=True, help="Do it without being asked.")
@loopback_option
@pass_session
def reset(
    session: Session,
    *,
    network: str,
    head: str,
    bundle: Path | None,
    yes: bool,
    unsafe_loopback_http: bool,
) -> None:
    """Trust NETWORK anew from a block that you name, and forget the head remembered until now.

    Needed where no head was seen for 30 days: whoever has the keys of then could show another
    history since. No node can say which one is right, so that you have to know: get height and
    hash of a block of today from the operator, not from a node.
    """
    from weid.registry.trust_reset import TrustedPoint  # noqa: PLC0415 - imported when used

    found = load_trust(session.home).get(network)
    if found is None:
        raise NotFoundError(
            f"{network} is not trusted", hint="`weid trust show` lists the trusted."
        )
    found = replace(found, bundle=found.bundle if bundle is None else bundle)
    options = RegistryOptions(unsafe_loopback_http=unsafe_loopback_http)
    source, block = find_beginning(session, found, options, TrustedPoint.parse(head))
    heads = heads_of(session)
    for line in describe_reset(found, remembered_head(heads, found.genesis_hash), source, block):
        click.echo(line, err=True)
    session.confirm(f"Trust {network} from this block on?", yes=yes)
    heads.replace(found.genesis_hash, block)
    session.say(f"{network} is trusted from block {block.header.height} on.")


@trust.command()
@registry_options
@pass_session
def show(session: Session, *, options: RegistryOptions) -> None:
    """Show the trusted networks and how old their newest proved state is."""
    found = [
        _described(session, name, one, options)
        for name, one in options.trusted(session.home).items()
    ]
    rows = [
        [
            str(one["network"]),
            str(one.get("height", "-")),
            f"{one['age']} s" if "age" in one else str(one["problem"]),
            str(one["source"]),
        ]
        for one in found
    ]
    session.show(table(rows, header=["network", "block", "age", "source"]), found)


def _described(
    session: Session, name: str, trusted: NetworkTrust, options: RegistryOptions
) -> dict[str, object]:
    entry: dict[str, object] = {
        "network": name,
        "source": str(trusted.bundle) if trusted.bundle else ", ".join(trusted.nodes),
        "genesis_hash": trusted.genesis_hash.hex(),
    }
    try:
        reader = open_reader(session, trusted, options)
        head = reader.head()
    except RegistryError as error:
        return entry | {"problem": error.message}
    return entry | {
        "network": reader.network,
        "height": head.height,
        "time": format_time(head.time),
        "age": max(0, session.clock.now() - head.time),
    }


@trust.command()
@click.argument("file", type=BUNDLE_FILE)
@click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="ID",
    help="Only this template with its issuers (several may be given); else all.",
)
@registry_options
@pass_session
def export(
    session: Session, *, file: Path, templates: tuple[str, ...], options: RegistryOptions
) -> None:
    """Write all that is needed to verify offline to FILE: a trust bundle, proved as a whole."""
    network = one_network(session, options)
    size = _write_bundle(session, network, options, file, templates)
    session.say(f"{file}: {size} bytes. It is as old as its newest block: renew it daily.")


@trust.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--network", required=True, help="The trusted network that it is of.")
@pass_session
def import_bundle(session: Session, *, file: Path, network: str) -> None:
    """Check the trust bundle FILE and use it for NETWORK from now on, offline.

    Refused: a bundle of another registry, one that was changed, one older than what was seen.
    """
    networks = load_trust(session.home)
    if network not in networks:
        raise NotFoundError(
            f"the network {network} is not trusted yet",
            hint=f"weid trust add {network} --genesis HASH --bundle {file}",
        )
    from weid.registry.bundle_file import BUNDLE_BYTES  # noqa: PLC0415 - with a bundle only

    # A copy is kept, because the file may lie on a stick that is pulled out.
    kept = session.home / "bundles" / f"{network}.bundle"
    arrived = kept.with_suffix(".new")
    with file.open("rb") as stream:
        write_private(arrived, stream.read(BUNDLE_BYTES + 1))
    try:
        entry = replace(networks[network], bundle=arrived)
        reader = open_reader(session, entry, RegistryOptions())
        _require_name(reader.network, network)
        head = reader.head()
        arrived.replace(kept)
    finally:
        arrived.unlink(missing_ok=True)
    save_trust(session.home, networks | {network: replace(entry, bundle=kept)})
    session.say(
        f"{network} is verified offline from block {head.height} of {format_time(head.time)}."
    )


@trust.command()
@registry_options
@pass_session
def update(session: Session, *, options: RegistryOptions) -> None:
    """Renew the bundle of each trusted network that has both a bundle and nodes."""
    renewed = 0
    for name, one in options.trusted(session.home).items():
        if one.bundle is not None and one.nodes:
            size = _write_bundle(session, one, options, one.bundle, ())
            session.say(f"{name}: {one.bundle} renewed, {size} bytes.")
            renewed += 1
    if not renewed:
        session.say("No trusted network has both a bundle and a node to renew it from.")


def _write_bundle(
    session: Session,
    network: NetworkTrust,
    options: RegistryOptions,
    file: Path,
    templates: tuple[str, ...],
) -> int:
    from weid.registry.bundle_export import BundleScope, export_bundle  # noqa: PLC0415 - when used

    data = export_bundle(
        open_node(session, network, options),
        scope=BundleScope(templates=templates or None),
        status_tokens=open_status_tokens(network, options),
        clock=session.clock,
    )
    temporary = file.with_name(file.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(file)
    return len(data)
