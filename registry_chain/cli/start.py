"""`registry-chain start`: run a node, on whichever engine its folder is for."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.sealing import rotation_order
from registry_chain.cli.serving import (
    Keeping,
    announcer,
    keeping_options,
    missing_extra,
    networks,
    open_chain,
    orders,
    serving_options,
    snapshot_option,
)
from registry_chain.engines.embedded.sealing_keys import SealingKeys, announced_key, is_encrypted
from registry_chain.node.control import listen_for_orders
from registry_chain.node.settings import NodeSettings
from weid.cli.output import Console, pass_console
from weid.cli.passphrases import passphrase_option, read_passphrase
from weid.clock import SystemClock
from weid.errors import KeyFileError


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@serving_options
@keeping_options
@click.option("--ready-fd", type=int, default=None, help="Write the address to this descriptor.")
@click.option(
    "--cometbft",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The CometBFT program, for a node of many (default: looked for).",
)
@snapshot_option
@passphrase_option
@pass_console
def start(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    folder: Path,
    host: str,
    port: int,
    operator: str,
    proxies: tuple[str, ...],
    ready_fd: int | None,
    cometbft: Path | None,
    snapshot_blocks: int,
    passphrase_file: Path | None,
    keeping: Keeping,
) -> None:
    """Run the node in DIR until it is told to stop (SIGTERM, or Ctrl-C).

    Prints one line, `listening on http://…`, when it answers. Put a TLS proxy before it where
    others are to reach it. A node of a network of many (`registry-chain net`) runs its CometBFT
    too: both are kept alive together.
    """
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    node = NodeFolder(folder)
    genesis = node.genesis()
    node.require_one_node()
    settings = NodeSettings(operator=operator, folder=folder, trusted_proxies=networks(proxies))
    _require_open(ready_fd)
    if node.comet.exists():
        arguments = [f"--host={host}", f"--port={port}", f"--operator={operator}"]
        arguments += [f"--trusted-proxy={proxy}" for proxy in proxies]
        arguments += [f"--snapshot-blocks={snapshot_blocks}", *keeping.arguments()]
        _require_free(node, host, port)
        _supervise(console, node, cometbft, arguments, ready_fd)
        return
    try:
        from registry_chain.node.listening import Listening  # noqa: PLC0415 - an extra
        from registry_chain.node.serve import serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    keys = _sealing_keys(node, passphrase_file)
    store = open_chain(node, genesis)
    clock = SystemClock()
    console.say(f"network {genesis.network}, genesis hash {genesis.genesis_hash.hex()}")
    taken = orders(store)
    try:
        with listen_for_orders(node.control_socket, taken):
            serve(
                store,
                keys.signer_for(announced_key(store)),
                Listening(host, port),
                clock=clock,
                settings=settings,
                announce=announcer(node, ready_fd),
                tidy=keeping.tidy(store, clock),
                runs=lambda engine: taken.update(rotation_order(engine, keys)),
            )
    finally:
        node.address_file.unlink(missing_ok=True)
    console.say("stopped")


def _sealing_keys(node: NodeFolder, passphrase_file: Path | None) -> SealingKeys:
    """Return the files of the key that seals the blocks of a registry that one process runs."""
    if not node.sealing_key.exists():
        raise KeyFileError(
            f"the node has no sealing key: {node.sealing_key} is not there",
            hint="bring it back from where it is kept; without it no block can be sealed",
        )
    passphrase = (
        read_passphrase(passphrase_file, what="passphrase of the sealing key")
        if is_encrypted(node.sealing_key)
        else None
    )
    keys = SealingKeys(node.sealing_key, passphrase)
    keys.require()
    return keys


def _require_free(node: NodeFolder, host: str, port: int) -> None:
    """Require that the application can listen: under a supervisor it would be tried for ever."""
    from registry_chain.engines.cometbft.supervisor_lock import (  # noqa: PLC0415 - when used
        is_supervised,
    )

    if is_supervised(node.path):
        return  # what has the port is this node: that is said below
    try:
        from registry_chain.node.listening import Listening, require_free  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    require_free(Listening(host, port))


def _supervise(
    console: Console,
    node: NodeFolder,
    cometbft: Path | None,
    arguments: list[str],
    ready_fd: int | None,
) -> None:
    """Run the node of a network of many: its application and CometBFT, kept alive together."""
    from registry_chain.engines.cometbft.binary import find_binary  # noqa: PLC0415 - when used
    from registry_chain.engines.cometbft.supervisor import run_supervised  # noqa: PLC0415 - same

    told = False

    def show(line: str) -> None:
        nonlocal told
        click.echo(line)
        sys.stdout.flush()
        if ready_fd is not None and not told:
            told = True
            with os.fdopen(ready_fd, "w") as ready:
                ready.write(line.removeprefix("listening on ") + "\n")

    code = run_supervised(
        node.path,
        binary=find_binary(cometbft),
        application_arguments=arguments,
        say=console.say,
        show=show,
    )
    if code:
        raise SystemExit(code)
    console.say("stopped")


def _require_open(descriptor: int | None) -> None:
    try:
        if descriptor is not None:
            os.fstat(descriptor)
    except (OSError, OverflowError):
        raise click.UsageError(f"--ready-fd: {descriptor} is not open") from None
