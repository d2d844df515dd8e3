"""`registry-chain rotate-sealing-key`: the seal of a registry's one node goes to a new key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.engines.embedded.sealing_keys import SealingKeys
from registry_chain.node.control import give_order
from registry_chain.storage.errors import StoreRefusedError
from weid.cli.output import Console, pass_console
from weid.encoding import JsonObject
from weid.errors import RegistryUnavailableError

if TYPE_CHECKING:
    from registry_chain.engines.embedded.embedded import EmbeddedEngine

_ORDER = "rotate-sealing-key"


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@pass_console
def rotate_sealing_key(console: Console, *, folder: Path) -> None:
    """Have the running node in DIR make a new sealing key and hand the seal to it.

    The new key is on the disk before the chain announces it; from then on it alone seals. It is
    encrypted with the same passphrase if the present one is. The former key stays beside it, for
    backups from its time. A crash in between does no harm: the next start takes the key that the
    chain announced. A key that was used before does not come back.
    """
    node = NodeFolder(folder)
    node.genesis()
    if node.comet.exists():
        raise StoreRefusedError(
            "the blocks of this node are sealed by the validators of a network",
            hint=f"a validator's own key: registry-chain net rotate-keys {quote(str(folder))}",
        )
    try:
        facts = give_order(node.control_socket, _ORDER)
    except RegistryUnavailableError as error:
        raise RegistryUnavailableError(
            error.message,
            hint=f"only the running node can announce a key: registry-chain start "
            f"{quote(str(folder))}",
        ) from None
    console.show(f"sealing key {facts['public_key']}, announced by block {facts['height']}", facts)
    console.say(
        f"The former key is {facts['former_key_file']}. Copy {node.sealing_key} to where you keep "
        "the sealing key, make a backup now, and destroy the former one, with its copies, when no "
        "backup from its time is needed any more."
    )


def rotation_order(
    engine: EmbeddedEngine, keys: SealingKeys
) -> dict[str, Callable[[JsonObject], JsonObject]]:
    """Return the order by which the running node changes its sealing key."""

    def rotate(_: JsonObject) -> JsonObject:
        successor = keys.successor()
        engine.rotate_sealing_key(successor)
        return {
            "public_key": successor.public_key.to_multikey(),
            "height": engine.head().height,
            "former_key_file": str(keys.switch()),
        }

    return {_ORDER: rotate}
