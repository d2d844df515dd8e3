"""`registry-chain webhooks`: whom a node tells of what comes about."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from registry_chain.cli.asking import loopback_option
from registry_chain.cli.command import ChainCommand, ChainGroup
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.node.control import give_order
from weid.cli.output import Console, pass_console, table
from weid.clock import SystemClock
from weid.errors import MalformedError, NotFoundError, RegistryUnavailableError

if TYPE_CHECKING:
    from registry_chain.node.filtering import EventFilter
    from registry_chain.node.webhooks.subscriptions import SqliteSubscriptions, Subscription

_FOLDER = click.argument("folder", metavar="DIR", type=FOLDER)
_ID = click.argument("subscription_id", metavar="ID")


@click.group(cls=ChainGroup)
def webhooks() -> None:
    """Tell others of events, by signed HTTPS requests (CloudEvents).

    The node in DIR may be running or stopped; a running one takes a change within a second.
    """


@webhooks.command(cls=ChainCommand)
@_FOLDER
@click.argument("url", metavar="URL")
@click.option("--event", "names", multiple=True, metavar="NAME", help="Only such (repeatable).")
@click.option("--subject", default="", metavar="TEXT", help="Only where the subject begins so.")
@click.option(
    "--after",
    type=click.IntRange(min=-1),
    default=None,
    metavar="POSITION",
    help="Also those that there are already after POSITION; -1: all.",
)
@loopback_option
@pass_console
def add(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    folder: Path,
    url: str,
    names: tuple[str, ...],
    subject: str,
    after: int | None,
    unsafe_loopback_http: bool,
) -> None:
    """Have the node in DIR send events to URL, those from now on unless --after says more.

    Prints the id. The receiver checks the signatures by the key that `key` shows.
    """
    from registry_chain.node.filtering import EventFilter  # noqa: PLC0415 - when it is used
    from registry_chain.node.webhooks.opening import open_key  # noqa: PLC0415 - same
    from registry_chain.node.webhooks.subscriptions import (  # noqa: PLC0415 - same
        Subscription,
        require_url,
    )

    node = NodeFolder(folder)
    node.genesis()
    require_url(url, loopback=unsafe_loopback_http)
    wanted = EventFilter.of(names, subject)
    new = Subscription(
        id=secrets.token_hex(4),
        url=url,
        wanted=wanted,
        position=_position(_newest_event(node), after),
        loopback=unsafe_loopback_http,
    )
    with _kept(node) as kept:
        same = [one for one in kept.all() if one.url == url]
        _require_another(folder, same, wanted)
        open_key(folder).signer()
        kept.add(new)
    if same:
        console.say(f"{', '.join(one.id for one in same)} sends other events to this URL: one that "
                    "both let through is sent twice")  # fmt: skip
    console.show(new.id, new.to_json())


@webhooks.command("list", cls=ChainCommand)
@_FOLDER
@pass_console
def list_(console: Console, *, folder: Path) -> None:
    """List the webhooks of the node in DIR, and how far each has come."""
    with _kept(NodeFolder(folder)) as kept:
        found = kept.all()
    rows = [[one.id, one.state.value, str(one.position), one.url, _said(one)] for one in found]
    text = table(rows, header=["id", "state", "position", "URL", ""]) if rows else "no webhooks"
    console.show(text, [each.to_json() for each in found])


@webhooks.command(cls=ChainCommand)
@_FOLDER
@_ID
@pass_console
def remove(console: Console, *, folder: Path, subscription_id: str) -> None:
    """Forget a webhook: nothing more is sent to it."""
    with _kept(NodeFolder(folder)) as kept:
        kept.remove(subscription_id)
    console.show(f"removed {subscription_id}", {"removed": subscription_id})


@webhooks.command(cls=ChainCommand)
@_FOLDER
@_ID
@pass_console
def pause(console: Console, *, folder: Path, subscription_id: str) -> None:
    """Send nothing to a webhook until `resume`."""
    _switch(console, folder, subscription_id, "paused")


@webhooks.command(cls=ChainCommand)
@_FOLDER
@_ID
@pass_console
def resume(console: Console, *, folder: Path, subscription_id: str) -> None:
    """Let a webhook that was paused, or has ended, go on where it was."""
    _switch(console, folder, subscription_id, "active")


@webhooks.command(cls=ChainCommand)
@_FOLDER
@_ID
@pass_console
def test(console: Console, *, folder: Path, subscription_id: str) -> None:
    """Send a webhook one signed request that tells of no event."""
    from registry_chain.node.webhooks.delivery import Outcome  # noqa: PLC0415 - when it is used
    from registry_chain.node.webhooks.opening import make_sender, open_key  # noqa: PLC0415 - same

    node = NodeFolder(folder)
    genesis = node.genesis()
    with _kept(node) as kept:
        found = kept.find(subscription_id)
    if found is None:
        raise NotFoundError(
            f"there is no webhook {subscription_id}",
            hint=f"registry-chain webhooks list {quote(str(folder))}",
        )
    sender = make_sender(
        open_key(folder), network=genesis.network, chain_id=genesis.chain_id, clock=SystemClock()
    )
    answer = sender.try_out(found, secrets.token_hex(8))
    if answer.outcome is not Outcome.TAKEN:
        raise RegistryUnavailableError(
            f"the webhook {subscription_id} did not take it: {answer.problem}",
            hint="look at the receiver: it must answer 2xx within 10 s, over https",
        )
    console.show("taken", {"outcome": answer.outcome.value})


@webhooks.command(cls=ChainCommand)
@_FOLDER
@pass_console
def key(console: Console, *, folder: Path) -> None:
    """Show the public key that signs the webhooks, made now if there is none yet.

    A running node shows it at /.well-known/weid-webhooks too.
    """
    from registry_chain.node.webhooks.opening import open_key  # noqa: PLC0415 - when it is used

    node = NodeFolder(folder)
    node.genesis()
    node.require_one_node()
    public = open_key(folder).signer().public_key
    console.show(public.to_multikey(), {"key": public.to_multikey(), "keyid": public.thumbprint()})


def _switch(console: Console, folder: Path, subscription_id: str, state: str) -> None:
    from registry_chain.node.webhooks.subscriptions import State  # noqa: PLC0415 - when it is used

    with _kept(NodeFolder(folder)) as kept:
        found = kept.switch(subscription_id, State(state))
    console.show(f"{found.id} is {found.state.value}", found.to_json())


@contextmanager
def _kept(node: NodeFolder) -> Iterator[SqliteSubscriptions]:
    from registry_chain.node.webhooks.opening import open_subscriptions  # noqa: PLC0415 - same

    node.genesis()
    node.require_one_node()
    kept = open_subscriptions(node.path)
    try:
        yield kept
    finally:
        kept.close()


def _position(newest: int, after: int | None) -> int:
    """Return where a webhook begins; after an event to come it would leave out what comes first."""
    if after is not None and after > newest:
        raise MalformedError(
            f"--after {after} is beyond the newest event, which has the position {newest}",
            hint="leave --after out for what comes from now on",
        )
    return newest if after is None else after


def _require_another(folder: Path, same: Sequence[Subscription], wanted: EventFilter) -> None:
    """Refuse to have a URL sent the same events twice."""
    for one in same:
        if one.wanted == wanted:
            raise MalformedError(
                f"the webhook {one.id} sends the same to this URL already; it is {one.state.value}",
                hint=f"registry-chain webhooks list {quote(str(folder))}; resume goes on with one "
                "that is paused or has ended, remove forgets it",
            )


def _newest_event(node: NodeFolder) -> int:
    """Return the position of the newest event, from the running node or a stopped one's store."""
    from registry_chain.events import EventFeed  # noqa: PLC0415 - when it is used

    if node.control_socket.exists():
        try:
            position = give_order(node.control_socket, "newest-event").get("position")
            return position if isinstance(position, int) else -1
        except RegistryUnavailableError:
            # A node that was killed leaves its socket behind.
            pass
    if not node.begun_file.exists():
        return -1
    store = node.open_store()
    try:
        return EventFeed(store).newest()
    finally:
        store.close()


def _said(found: Subscription) -> str:
    return f"{found.failures} failures: {found.problem}" if found.failures else found.problem
