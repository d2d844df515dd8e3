"""A node's folder: what lies where, and opening it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from registry_chain.storage.errors import (
    StoreInUseError,
    StoreNotClosedError,
    StoreRefusedError,
)
from weid.errors import MalformedError, NotFoundError

if TYPE_CHECKING:
    from registry_chain.state_machine.genesis import Genesis
    from registry_chain.storage.sqlite import SqliteChainStore
    from registry_chain.storage.store import StoreSnapshot

FOLDER = click.Path(file_okay=False, path_type=Path)
DATABASE = "chain.db"
"""The file of a chain's store; in a backup it lies beside the genesis."""


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """The paths inside a node's folder, or of a backup, which is read like one."""

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
    def comet(self) -> Path:
        """The home of the node's CometBFT; only nodes of a network of many have one."""
        return self.path / "comet"

    @property
    def begun_file(self) -> Path:
        """Says that the chain was begun here: an empty store beside it is a lost one."""
        return self.path / "begun"

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
            MalformedError: its genesis is none.
        """
        from registry_chain.state_machine.genesis import Genesis  # noqa: PLC0415 - when it is used

        try:
            data = self.genesis_file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            is_there = self.path.is_dir()
            raise NotFoundError(
                f"{self.path} is not a node's folder: it has no genesis.json"
                if is_there
                else f"there is no folder {self.path}",
                hint=f"look at the path; registry-chain init "
                f"{quote(str(self.path))} --network NAME founds "
                "a new registry there",
            ) from None
        try:
            return Genesis.from_json(data)
        except MalformedError as error:
            raise MalformedError(
                f"{self.genesis_file}: {error.message}",
                hint="bring it back from a backup or from another node of the registry",
            ) from None

    def address(self) -> str | None:
        """Return where the running node says it listens; None: it has stopped in order."""
        try:
            return self.address_file.read_text(encoding="ascii").strip() or None
        except OSError:
            return None

    def open_store(
        self, *, inspect: bool = False, reading: bool = False, meanwhile: str = ""
    ) -> SqliteChainStore:
        """Return the chain's store, which must be there.

        `inspect` opens a damaged one too, for reading only; `reading` is for who only reads, and
        opens one on a medium that cannot be written too; `meanwhile` says what else to do as long
        as the node is running.

        Raises:
            NotFoundError: no node's folder, never started, or its database is gone.
            StoreInUseError: the node is running, or another command has the store open.
            StoreRefusedError: it may not be opened, or (not with `inspect`) is of another genesis.
        """
        from registry_chain.storage.sqlite import SqliteChainStore  # noqa: PLC0415 - when it is used

        genesis = self.genesis()
        place = self.chain if self.chain.exists() else self.path
        if not (place / DATABASE).is_file():
            self.require_one_node()
            raise self._no_chain()
        try:
            store = SqliteChainStore(place, inspect=inspect, reading=reading)
        except StoreInUseError:
            address = self.address()
            raise StoreInUseError(
                f"another command has the chain in {self.path} open"
                if address is None
                else f"the node in {self.path} is running ({address})",
                hint="stop it first, by Ctrl-C or SIGTERM, and run this again" + meanwhile,
            ) from None
        except StoreNotClosedError:
            raise
        except StoreRefusedError:
            if all(os.access(path, os.W_OK) for path in (place, place / DATABASE)):
                raise
            raise StoreRefusedError(
                f"{place} cannot be written, and to open a chain is to write beside it",
                hint=f"copy it first, as it is: cp -r {quote(str(self.path))} COPY; then run this "
                "with COPY",
            ) from None
        if not inspect:
            try:
                self._require_chain_of(genesis, store)
            except BaseException:
                store.close()
                raise
        return store

    def _require_chain_of(self, genesis: Genesis, store: SqliteChainStore) -> None:
        from registry_chain.storage.committed import read_position  # noqa: PLC0415 - same

        with store.snapshot() as snapshot:
            if read_position(snapshot) is None:
                raise self._no_chain()
            require_genesis(snapshot, genesis)

    def require_one_node(self) -> None:
        """Refuse the folder of a whole network, which has a genesis too.

        Raises:
            NotFoundError: the folder is that of a network.
        """
        from registry_chain.engines.cometbft.network_file import (  # noqa: PLC0415 - when it is used
            NETWORK_FILE,
            NODES,
        )

        if (self.path / NETWORK_FILE).is_file() and not self.comet.is_dir():
            raise NotFoundError(
                f"{self.path} is the folder of a network, not of one node",
                hint=f"registry-chain net status "
                f"{quote(str(self.path))} says how its nodes stand; each has "
                f"its folder in {self.path / NODES}",
            )

    def _no_chain(self) -> NotFoundError:
        if self.chain.exists() and not (self.chain / DATABASE).is_file():
            return NotFoundError(
                f"the chain in {self.path} has lost its database: {self.chain / DATABASE}",
                hint=f"move {self.chain} away, then bring a backup back: registry-chain restore "
                f"BACKUP {self.path}",
            )
        return NotFoundError(
            f"{self.path} has no chain yet", hint=f"registry-chain start {quote(str(self.path))}"
        )


def require_genesis(snapshot: StoreSnapshot, genesis: Genesis) -> None:
    """Refuse a chain that is not of this genesis.

    Raises:
        StoreRefusedError: it is of another registry.
    """
    from registry_chain.storage.committed import read_genesis  # noqa: PLC0415 - when it is used

    if read_genesis(snapshot).genesis_hash != genesis.genesis_hash:
        raise StoreRefusedError(
            "the chain in the folder is of another genesis",
            hint="its genesis.json or its chain belongs to another registry: bring the right one "
            "back from a backup",
        )


def copy_first(folder: Path, command: str) -> str:
    """Return how a command can look at the chain of a node without stopping it."""
    return (
        f"; or look at a copy: registry-chain backup {quote(str(folder))} COPY, then "
        f"registry-chain {command} COPY"
    )
