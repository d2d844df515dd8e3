"""Which nodes a command asks, and by what lines: one rule for all commands that take a URL.

A node that was named by its URL is asked over https; plain http goes to this machine only, and only
with --unsafe-loopback-http. A node in a folder of this machine is asked where that folder says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weid.cli.registry_options import loopback_option
from weid.cli.trust_settings import host_of
from weid.clock import SystemClock
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.registry.http_client import HttpRegistry

__all__ = ["loopback_option", "open_own", "open_registry"]


def open_registry(
    *nodes: str, genesis_hash: bytes, unsafe_loopback_http: bool, any_age: bool = False
) -> HttpRegistry:
    """Return the registry behind nodes that were named by their URLs; several are compared.

    `unsafe_loopback_http` is what `loopback_option` gives. With `any_age` a head is believed
    however old it is.

    Raises:
        MalformedError: one is no URL.
    """
    for node in nodes:
        if not node.startswith(("https://", "http://")):
            raise MalformedError(
                f"{node!r} is no URL of a node", hint="it begins with https://, as in a browser"
            )
    from weid.registry.http_client import HttpRegistry  # noqa: PLC0415 - brings TLS along
    from weid.registry.proved_reader import MAX_HEAD_AGE  # noqa: PLC0415 - same
    from weid.transport import GuardedTransport  # noqa: PLC0415 - same

    return HttpRegistry(
        *nodes,
        genesis_hash=genesis_hash,
        # Who names a node may mean one of the inner network.
        transport=GuardedTransport(
            private_hosts=tuple(map(host_of, nodes)), allow_loopback_http=unsafe_loopback_http
        ),
        clock=SystemClock(),
        max_head_age=None if any_age else MAX_HEAD_AGE,
        witnesses=max(1, len(nodes)),
    )


def open_own(address: str, *, genesis_hash: bytes, any_age: bool = False) -> HttpRegistry:
    """Return the registry behind the node of a folder here, at the address that it left there."""
    return open_registry(
        address, genesis_hash=genesis_hash, unsafe_loopback_http=True, any_age=any_age
    )
