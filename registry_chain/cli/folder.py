"""A node's folder: what lies where, and opening it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weid.errors import NotFoundError

if TYPE_CHECKING:
    from registry_chain.state_machine.genesis import Genesis
    from registry_chain.storage.sqlite import SqliteChainStore

FOLDER = click.Path(file_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """The paths inside a node's folder."""

    path: Path

    @property
    def genesis_file(self) -> Path:
        """The genesis, which may be given to anybody."""
        return self.path / "genesis.json"

    @property
    def sealing_key(self) -> Path:
        """The key that seals blocks; it never leaves this folder."""
        return self.path / "sealing.key"

    @property
    def chain(self) -> Path:
        """The chain's store."""
        return self.path / "chain"

    @property
    def address_file(self) -> Path:
        """Where the running node listens; gone when it has stopped."""
        return self.path / "address"

    @property
    def control_socket(self) -> Path:
        """Where the running node takes orders from its operator."""
        return self.path / "control.sock"

    def genesis(self) -> Genesis:
        """Return the genesis.

        Raises:
            NotFoundError: this is no node's folder.
        """
        from registry_chain.state_machine.genesis import Genesis  # noqa: PLC0415 - when it is used

        try:
            data = self.genesis_file.read_bytes()
        except OSError:
            raise NotFoundError(
                f"{self.path} is not a node's folder: it has no genesis.json",
                hint=f"registry-chain init {self.path} --network NAME",
            ) from None
        return Genesis.from_json(data)

    def open_store(self) -> SqliteChainStore:
        """Return the chain's store, which must be there.

        Raises:
            NotFoundError: the node was never started.
            StoreRefusedError: it is open in another process, or may not be opened.
        """
        from registry_chain.storage.sqlite import SqliteChainStore  # noqa: PLC0415 - when it is used

        if not self.chain.exists():
            raise NotFoundError(
                f"{self.path} has no chain yet", hint=f"registry-chain start {self.path}"
            )
        return SqliteChainStore(self.chain)
