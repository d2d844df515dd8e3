"""Making what a registry begins with: governors' keys and DIDs, the sealing key, the genesis."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

from registry_chain.cli.folder import NodeFolder
from registry_chain.engines.embedded.node_key import create_node_key
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from weid.clock import Clock
from weid.crypto.key_file import save_key_file
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.errors import KeyFileError, MalformedError
from weid.registry.operations import Inception

_SALT_BYTES: Final = 16
_NAME_CHARS: Final = 128
"""Longest name of a founding governor: the registry keeps longer ones, and no page has room."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Founder:
    """A first governor: the name that people see, and the key where it was made elsewhere."""

    name: str
    public_key: PublicKey | None = None

    @classmethod
    def parse(cls, text: str) -> Founder:
        """Read `NAME` or `NAME=MULTIKEY`.

        Raises:
            MalformedError: the key is not an Ed25519 Multikey, or there is no name.
        """
        name, _, key = text.partition("=")
        public_key = PublicKey.from_multikey(key) if key else None
        if public_key is not None and public_key.kind is not KeyKind.ED25519:
            raise MalformedError(f"the key of {name} is not an Ed25519 key")
        if not name.strip():
            raise MalformedError("a governor has no name")
        return cls(name.strip(), public_key)


@dataclass(frozen=True, slots=True)
class FoundedGovernor:
    """A governor of the new registry, and its key file where the key was made here."""

    governor: GenesisGovernor
    key_file: Path | None


def require_names(names: Sequence[str]) -> None:
    """Require names of governors that a registry can keep, and by which people tell them apart.

    Raises:
        MalformedError: one is too long, or two governors have it.
    """
    for name in names:
        if len(name) > _NAME_CHARS:
            raise MalformedError(
                f"the governor's name {name[:40]}… has {len(name)} characters, and a name has "
                f"{_NAME_CHARS} at most"
            )
        if names.count(name) > 1:
            raise MalformedError(f"two governors have the name {name}", hint="name them apart")


def key_files(founders: list[Founder], keys_out: Path) -> list[Path | None]:
    """Return where the key of each founder goes; None for one who brings its own.

    Raises:
        KeyFileError: key files exist already.
    """
    files = [
        _key_path(keys_out, number, founder.name) if founder.public_key is None else None
        for number, founder in enumerate(founders, 1)
    ]
    there = [path for path in files if path is not None and path.exists()]
    if there:
        named = " ".join(quote(str(path)) for path in there)
        raise KeyFileError(
            f"the key file {there[0]} exists already"
            + (f", and {len(there) - 1} more" if len(there) > 1 else ""),
            hint="name another folder with --keys-out; or, only where they are left of a founding "
            f"that was cut off and no registry has them: rm {named}",
        )
    return files


def create_governors(
    founders: list[Founder], files: list[Path | None], *, network: str, passphrase: str
) -> list[FoundedGovernor]:
    """Make DIDs for the founders, and encrypted key files for those who bring no key.

    Raises:
        KeyFileError: a key file cannot be written.
    """
    found: list[FoundedGovernor] = []
    for founder, key_file in zip(founders, files, strict=True):
        public_key = founder.public_key
        if public_key is None:
            public_key = _new_key(key_file, passphrase)
        inception = Inception(
            network=network,
            controllers=(public_key.raw,),
            threshold=1,
            next_keys=b"",
            recovery_keys=(),
            salt=secrets.token_bytes(_SALT_BYTES),
        )
        found.append(FoundedGovernor(GenesisGovernor(inception, founder.name), key_file))
    return found


def _new_key(key_file: Path | None, passphrase: str) -> PublicKey:
    if key_file is None:
        raise KeyFileError("a governor who is made here has no place for its key")
    _make_folder(key_file.parent)
    private_key = PrivateKey.generate()
    save_key_file(key_file, private_key, passphrase)
    return private_key.public


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeyFileError(
            f"the folder {folder} cannot be made: {error.strerror}",
            hint="name a folder in a place where you may write",
        ) from None


def _key_path(folder: Path, number: int, name: str) -> Path:
    place = f"governor-{number}"
    slug = _UNSAFE.sub("-", name).strip("-").lower()[:40]
    return folder / (f"{place}.key" if slug in {"", place} else f"{place}-{slug}.key")


def new_chain_id(network: str) -> str:
    """Return a name for a chain that no other chain has."""
    return f"weid-{network[:24]}-{secrets.token_hex(8)}"


def found_registry(  # noqa: PLR0913 - what a registry begins with
    node: NodeFolder,
    governors: list[FoundedGovernor],
    *,
    network: str,
    chain_id: str | None,
    parameters: Mapping[str, int],
    sealing_passphrase: str | None,
    clock: Clock,
) -> Genesis:
    """Make the node's folder with sealing key and genesis, durably.

    Raises:
        MalformedError: the genesis cannot be, with the member that is wrong.
        KeyFileError: the folder cannot be written.
    """
    _make_folder(node.path)
    key = create_node_key(node.sealing_key, passphrase=sealing_passphrase)
    genesis = Genesis(
        network=network,
        chain_id=chain_id or new_chain_id(network),
        genesis_time=clock.now(),
        governors=tuple(founded.governor for founded in governors),
        validators=(GenesisValidator(key.public.raw, 1),),
        parameters=parameters,
    )
    with node.genesis_file.open("xb") as file:
        file.write(genesis.to_json())
        file.flush()
        os.fsync(file.fileno())
    return genesis
