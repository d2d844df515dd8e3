"""What a CometBFT node begins with: `genesis.json` and its keys (clauses NT-04, NT-05)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry_chain.engines.cometbft.app_state import app_state
from registry_chain.engines.cometbft.data_folder import DATA, SIGNED
from registry_chain.state_machine.genesis import Genesis
from registry_chain.state_machine.parameters import MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS
from weid import limits
from weid.crypto.keys import PrivateKey, PublicKey, RandomBytes
from weid.encoding import JsonObject, json_loads_object
from weid.errors import KeyFileError, MalformedError
from weid.registry.comet_encoding import NANOSECONDS, format_time_ns
from weid.registry.comet_json import integer_member
from weid.registry.headers import address
from weid.registry.validators import ValidatorSet

NODE_KEY: Final = "node_key.json"
VALIDATOR_KEY: Final = "priv_validator_key.json"
"""CometBFT's names of the key files in `config`."""
_PUBLIC: Final = "tendermint/PubKeyEd25519"
_PRIVATE: Final = "tendermint/PrivKeyEd25519"
_KEY_FILE_BYTES: Final = 4096
_GENESIS_BYTES: Final = 16 * 2**20

# Bytes of a block beside its transactions, as types/block.go counts them.
_BLOCK_FRAME: Final = 11 + 626
_COMMIT_FRAME: Final = 94
_COMMIT_SIGNATURE: Final = 144
_TRANSACTION_FRAME: Final = 5
_MOST_BLOCK_BYTES: Final = 100 * 2**20
_EVIDENCE_BYTES: Final = 64 * 1024
"""Evidence in one block: some hundred reports of double votes, and no flood of them."""
_EVIDENCE_BLOCKS: Final = 100_000
_EVIDENCE_SECONDS: Final = limits.TRUST_PERIOD
"""A double vote counts for as long as light clients believe the set that cast it."""


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The two keys of a node: with one it speaks to its peers, with the other it votes."""

    node: PrivateKey
    validator: PrivateKey

    @classmethod
    def generate(cls, random: RandomBytes) -> NodeKeys:
        """Make both from a source of random bytes."""
        return cls(PrivateKey.generate(random=random), PrivateKey.generate(random=random))


def node_id(key: PublicKey) -> bytes:
    """Return the id of the node with this key (20 bytes; people see 40 hexadecimal digits)."""
    return address(key.raw)  # CometBFT makes both in the same way


BLOCK_SIZE_PARAMETERS: Final = (MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS)
"""The chain's parameters that CometBFT's block size follows from."""


def block_max_bytes(parameter: Callable[[str], int]) -> int:
    """Return CometBFT's block size in which our largest block of transactions has room.

    `parameter` gives the value of a chain parameter by its name.
    """
    frames = parameter(MAX_BLOCK_TRANSACTIONS) * _TRANSACTION_FRAME
    commit = _COMMIT_FRAME + _COMMIT_SIGNATURE * limits.VALIDATORS
    needed = parameter(MAX_BLOCK_BYTES) + frames + _BLOCK_FRAME + commit + _EVIDENCE_BYTES
    return min(needed, _MOST_BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """Where a chain of another engine ended: its last header, its state, and who goes on."""

    height: int
    time_ns: int
    header_hash: bytes
    app_hash: bytes
    validators: ValidatorSet


def comet_genesis(
    genesis: Genesis, names: Mapping[bytes, str], *, moved: ChainEnd | None = None
) -> bytes:
    """Return CometBFT's genesis for ours; every node gets the same bytes.

    `names` gives a validator's name by its public key. `moved` is the end of the chain that goes
    on here. The application answers the app hash at InitChain, so that none stands in CometBFT's
    own member.
    """
    state = app_state(genesis)
    height, time_ns = genesis.initial_height, genesis.genesis_time * NANOSECONDS
    powers = [(validator.public_key, validator.power) for validator in genesis.validators]
    if moved is not None:
        # Just after the last header: a light client goes on only to what is later.
        height, time_ns = moved.height + 1, moved.time_ns + 1
        powers = [(one.public_key, one.power) for one in moved.validators.validators]
        state = app_state(genesis, last_header_hash=moved.header_hash, app_hash=moved.app_hash)
    body: JsonObject = {
        "genesis_time": format_time_ns(time_ns),
        "chain_id": genesis.chain_id,
        "initial_height": str(height),
        "consensus_params": _consensus_parameters(genesis),
        "validators": [
            {
                "address": address(public_key).hex().upper(),
                "pub_key": {"type": _PUBLIC, "value": _base64(public_key)},
                "power": str(power),
                "name": names.get(public_key, ""),
            }
            for public_key, power in powers
        ],
        "app_hash": "",
        "app_state": state,
    }
    return json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"


def initial_height_of(data: bytes) -> int:
    """Return the height at which the chain of CometBFT's genesis begins.

    Raises:
        MalformedError: it is no such genesis.
    """
    what = "CometBFT's genesis"
    body = json_loads_object(data, what=what, max_bytes=_GENESIS_BYTES)
    return integer_member(body, "initial_height", what)


def _consensus_parameters(genesis: Genesis) -> JsonObject:
    return {
        "block": {"max_bytes": str(block_max_bytes(genesis.parameter)), "max_gas": "-1"},
        "evidence": {
            "max_age_num_blocks": str(_EVIDENCE_BLOCKS),
            "max_age_duration": str(_EVIDENCE_SECONDS * NANOSECONDS),
            "max_bytes": str(_EVIDENCE_BYTES),
        },
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {"app": "0"},
        "abci": {"vote_extensions_enable_height": "0"},
    }


def write_keys(home: Path, keys: NodeKeys) -> None:
    """Write the key files of a node into its CometBFT home, readable by its owner only.

    Raises:
        KeyFileError: one is there already, or cannot be written.
    """
    write_secret(home / "config" / NODE_KEY, node_key_json(keys.node))
    write_secret(home / "config" / VALIDATOR_KEY, validator_key_json(keys.validator))
    write_secret(home / DATA / SIGNED, {"height": "0", "round": 0, "step": 0})


def node_key_json(key: PrivateKey) -> JsonObject:
    """Return what CometBFT keeps of the key with which a node speaks to its peers."""
    return {"priv_key": _private(key)}


def validator_key_json(key: PrivateKey) -> JsonObject:
    """Return what CometBFT keeps of the key with which a validator votes."""
    return {
        "address": node_id(key.public).hex().upper(),
        "pub_key": {"type": _PUBLIC, "value": _base64(key.public.raw)},
        "priv_key": _private(key),
    }


def read_public_keys(home: Path) -> tuple[PublicKey, PublicKey]:
    """Return the public node key and validator key of a node's CometBFT home.

    Raises:
        KeyFileError: a file is missing, damaged or readable by others.
    """
    config = home / "config"
    return read_public_key(config / NODE_KEY), read_public_key(config / VALIDATOR_KEY)


def read_private_keys(home: Path) -> NodeKeys:
    """Return the keys of a node's CometBFT home; see `read_public_keys`."""
    config = home / "config"
    return NodeKeys(read_private_key(config / NODE_KEY), read_private_key(config / VALIDATOR_KEY))


def read_public_key(path: Path) -> PublicKey:
    """Return the public key of one of CometBFT's key files; see `read_private_key`."""
    return read_private_key(path).public


def read_private_key(path: Path) -> PrivateKey:
    """Return the key of one of CometBFT's key files.

    Raises:
        KeyFileError: it is missing, damaged or readable by others.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(
                f"the key file {path} may be read by others", hint=f"chmod 600 {path}"
            )
        data = path.read_bytes()[: _KEY_FILE_BYTES + 1]
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from None
    try:
        member = json_loads_object(data, what="the key", max_bytes=_KEY_FILE_BYTES)["priv_key"]
        text = member["value"] if isinstance(member, dict) else None
        expanded = base64.b64decode(text if isinstance(text, str) else "", validate=True)
        key = PrivateKey.from_seed(expanded[:32])
    except (MalformedError, KeyError, ValueError):
        raise KeyFileError(f"the key file {path} is not one of CometBFT") from None
    if expanded[32:] != key.public.raw:
        raise KeyFileError(f"the key file {path} has a public key that is not of its private key")
    return key


def write_secret(path: Path, body: JsonObject) -> None:
    """Write JSON into a new file of mode 0600.

    Raises:
        KeyFileError: it is there already, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(json.dumps(body, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be written: {error.strerror}") from None


def _private(key: PrivateKey) -> JsonObject:
    # Go keeps an Ed25519 key as the seed followed by the public key.
    seed = base64.urlsafe_b64decode(str(key.to_private_jwk()["d"]) + "=")
    return {"type": _PRIVATE, "value": _base64(seed + key.public.raw)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
