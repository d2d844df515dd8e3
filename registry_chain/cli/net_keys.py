"""`registry-chain net rotate-keys`: a node's operator gives its node new keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from registry_chain.cli.arguments import DID
from registry_chain.cli.command import ChainCommand
from registry_chain.cli.folder import FOLDER, NodeFolder
from registry_chain.cli.node_proposals import proof_words
from registry_chain.cli.proposing import author_of, on_node, require_own_key
from registry_chain.engines.cometbft.founding import node_id
from registry_chain.engines.cometbft.key_files import NodeKeyFiles, Which
from registry_chain.engines.cometbft.network_file import NETWORK_FILE, NODES, read_network
from registry_chain.storage.whole_file import replace_file
from weid.cli.output import Console, pass_console
from weid.cli.passphrases import passphrase_option
from weid.crypto.keys import PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.errors import NotFoundError, RegistryUnavailableError
from weid.registry.node_operations import RotateNodeKeys
from weid.registry.node_possession import with_proofs
from weid.registry.records import NodeStatus

if TYPE_CHECKING:
    from weid.registry.http_client import HttpRegistry

_BOTH = "both"


@click.command(name="rotate-keys", cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--which",
    type=click.Choice([*(each.value for each in Which), _BOTH]),
    default=Which.VALIDATOR.value,
    show_default=True,
    help="The key of its votes, or the one behind its node id.",
)
@click.option("--as", "acting", type=DID, metavar="DID", help="The DID of the node's operator.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The operator's key file.",
)
@click.option("--key-id", default="control-1", show_default=True, help="Which key of the DID.")
@passphrase_option
@on_node
@pass_console
def rotate_keys(  # noqa: PLR0913 - the options of the command
    console: Console,
    *,
    folder: Path,
    which: str,
    acting: str | None,
    key_file: Path | None,
    key_id: str,
    passphrase_file: Path | None,
    registry: HttpRegistry,
) -> None:
    """Give the node in DIR new keys: make them, have the registry take them, change over.

    Run it where the node is; it may be running. With --as, --key and the DID that answers for the
    node (`admit-node --operator`) no governor is asked; without them the proposal for the governors
    is printed, and the command is run again when it is carried out. It may be cut off anywhere: run
    again, it goes on with the keys that it has made. The node has the new keys from its next start
    on; until then it misses its votes, and no more.
    """
    if (acting is None) != (key_file is None):
        raise click.UsageError("--as and --key belong together")
    node = NodeFolder(folder)
    node.require_one_node()
    if not node.comet.is_dir():
        raise NotFoundError(
            f"{folder} is not the folder of a node of a network",
            hint=f"the key of a registry's one node: registry-chain rotate-sealing-key "
            f"{quote(str(folder))}",
        )
    files = NodeKeyFiles(node.comet)
    wanted = list(Which) if which == _BOTH else [Which(which)]
    change = _Change.of(files, wanted, node.genesis().network)
    if not change.in_force(registry):
        if acting is None or key_file is None:
            _show_proposal(console, folder, change)
            return
        author = author_of(registry, acting, key_file, key_id, passphrase_file)
        require_own_key(registry, author)
        author.submit(change.operation)
        if not change.in_force(registry):
            raise RegistryUnavailableError(
                "the registry does not show the new keys yet", hint="run the same command again"
            )
    former = [str(files.switch(each)) for each in change.successors]
    _follow(folder, change)
    console.show(
        f"node id        {change.id_after.hex()}\n"
        f"validator key  {change.validator_after.raw.hex()}",
        {
            "node_id": change.id_after.hex(),
            "validator_key": change.validator_after.raw.hex(),
            "changed": [each.value for each in change.successors],
            "former_key_files": former,
        },
    )
    console.say("The registry has the new keys: restart the node, which takes them then.")
    if change.id_after != change.id_before:
        console.say(
            f"It has another id: tell its peers, who replace {change.id_before.hex()} by "
            f"{change.id_after.hex()} in comet/config/config.toml and restart when it suits them; "
            "until then only this node calls them."
        )


@dataclass(frozen=True, slots=True)
class _Change:
    """A node's keys before, and those that are to follow."""

    id_before: bytes
    validator_before: PublicKey
    successors: dict[Which, PublicKey]
    operation: RotateNodeKeys
    """What the registry is asked for, with the proofs of the new keys."""

    @classmethod
    def of(cls, files: NodeKeyFiles, wanted: list[Which], network: str) -> _Change:
        """Return the change that was begun, else a new one, whose keys are made."""
        if not files.pending():
            for each in wanted:
                files.make(each, PrivateKey.generate(random=secrets.token_bytes))
        before, present = node_id(files.present(Which.NODE)), files.present(Which.VALIDATOR)
        successors = files.pending()
        node, validator = successors.get(Which.NODE), successors.get(Which.VALIDATOR)
        operation = RotateNodeKeys(
            before,
            b"" if node is None else node_id(node),
            b"" if validator is None else validator.raw,
            b"" if node is None else node.raw,
        )
        signers = [InMemorySigner(key) for key in files.following()]
        return cls(before, present, successors, with_proofs(network, operation, signers))

    @property
    def id_after(self) -> bytes:
        return self.operation.new_node_id or self.id_before

    @property
    def validator_after(self) -> PublicKey:
        return self.successors.get(Which.VALIDATOR, self.validator_before)

    def in_force(self, registry: HttpRegistry) -> bool:
        """Return whether the registry has the new keys, proved."""
        record = registry.node(self.id_after)
        if record is None or record.status is NodeStatus.REMOVED:
            self._require_known(registry)
            return False
        return self.operation.new_validator_key in {b"", record.validator_key}

    def proposal(self) -> str:
        operation = self.operation
        words = [f"registry-chain governance propose rotate-node-keys {self.id_before.hex()}"]
        if operation.new_node_id:
            words += ["--new-id", operation.new_node_id.hex()]
            words += ["--node-key", operation.new_node_key.hex()]
        if operation.new_validator_key:
            words += ["--validator-key", operation.new_validator_key.hex()]
        return " ".join([*words, *proof_words(operation.proofs)])

    def _require_known(self, registry: HttpRegistry) -> None:
        record = registry.node(self.id_before)
        if record is None or record.status is NodeStatus.REMOVED:
            raise NotFoundError(
                f"the registry has no node {self.id_before.hex()}, or has removed it",
                hint="registry-chain nodes --all shows all of them",
            )


def _show_proposal(console: Console, folder: Path, change: _Change) -> None:
    console.show(
        change.proposal(),
        {
            "proposal": change.proposal(),
            "node_id": change.id_before.hex(),
            "new_id": change.operation.new_node_id.hex(),
            "validator_key": change.operation.new_validator_key.hex(),
        },
    )
    console.say(
        "A governor proposes it, with --as DID --key FILE --node URL --genesis HASH. When it is "
        f"carried out: registry-chain net rotate-keys "
        f"{quote(str(folder))} --node URL --genesis HASH"
    )


def _follow(folder: Path, change: _Change) -> None:
    """Where the node lies in the folder of its network, have the list and its peers follow."""
    network = folder.absolute().parent.parent
    if folder.absolute().parent.name != NODES or not (network / NETWORK_FILE).is_file():
        return
    before, after = change.id_before.hex(), change.id_after.hex()
    listed = read_network(network)
    nodes = tuple(
        replace(node, node_id=after, validator_key=change.validator_after.raw.hex())
        if node.node_id == before
        else node
        for node in listed.nodes
    )
    listed = replace(listed, nodes=nodes)
    replace_file(network / NETWORK_FILE, listed.to_json(), durable=True)
    for config in sorted((network / NODES).glob("*/comet/config/config.toml")):
        data = config.read_bytes()
        if before != after and before.encode() in data:
            renamed = data.replace(before.encode(), after.encode())
            replace_file(config, renamed, durable=True)
