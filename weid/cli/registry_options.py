"""The options that say which registry a command is about, beside the trust settings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from weid.cli.trust_settings import NetworkTrust, load_trust, parse_genesis_hash
from weid.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What a command was told about registries, beside the trust settings."""

    nodes: tuple[str, ...] = ()
    genesis: str | None = None
    bundle: Path | None = None
    network: str | None = None
    unsafe_loopback_http: bool = False

    def trusted(self, home: Path) -> dict[str, NetworkTrust]:
        """Return the networks to trust: what the options say alone, else the settings.

        Raises:
            click.UsageError: a node or bundle without the genesis hash that says whose it is.
            NotFoundError: nothing is trusted, or not the network that was named.
        """
        if self.nodes or self.bundle is not None:
            if self.genesis is None:
                raise click.UsageError(
                    "--genesis is missing: without it any registry could pose as the right one"
                )
            genesis_hash = parse_genesis_hash(self.genesis)
            return {"": NetworkTrust("", genesis_hash, self.nodes, self.bundle)}
        if self.genesis is not None:
            raise click.UsageError("--genesis goes with --node or --bundle")
        networks = load_trust(home)
        if not networks:
            raise NotFoundError(
                "no registry is trusted yet",
                hint="weid trust add NETWORK --genesis HASH --node https://…",
            )
        if self.network is None:
            return networks
        if self.network not in networks:
            raise NotFoundError(
                f"the network {self.network} is not trusted yet",
                hint="`weid trust show` lists the trusted ones.",
            )
        return {self.network: networks[self.network]}


def registry_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options of `RegistryOptions` to a command, passed on as `options`."""

    @click.option(
        "--node", "nodes", multiple=True, metavar="URL", help="Ask this node (needs --genesis)."
    )
    @click.option("--genesis", metavar="HASH", help="Genesis hash of the registry that is meant.")
    @click.option(
        "--bundle",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Use this trust bundle, offline (needs --genesis).",
    )
    @click.option("--network", metavar="NAME", help="Which of the trusted networks.")
    @loopback_option
    @functools.wraps(command)
    def with_options(
        *args: object,
        nodes: tuple[str, ...],
        genesis: str | None,
        bundle: Path | None,
        network: str | None,
        unsafe_loopback_http: bool,
        **given: object,
    ) -> object:
        options = RegistryOptions(nodes, genesis, bundle, network, unsafe_loopback_http)
        return command(*args, options=options, **given)

    return with_options


def loopback_option(command: Callable[..., object]) -> Callable[..., object]:
    """Add --unsafe-loopback-http to a command."""
    return click.option(
        "--unsafe-loopback-http",
        is_flag=True,
        help="Allow http to this machine, for development.",
    )(command)
