"""Genesis: what a registry is before its first block, as one value with one hash (clause ST-11).

The file is JSON for people; the hash is over the canonical CBOR of the same members, so that
spaces in a file do not make another registry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from registry_chain.state_machine.genesis_members import Members
from registry_chain.state_machine.genesis_nodes import GenesisNode, check_nodes
from registry_chain.state_machine.parameters import (
    GOVERNANCE_THRESHOLD,
    PARAMETERS,
    in_range,
)
from weid import limits
from weid.cbor import CborValue, cbor_encode
from weid.did.syntax import check_network, weid_did
from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError
from weid.registry.operations import Inception
from weid.registry.wire import encode_inception

_TAG: Final = b"weid/genesis/1"
SUITE: Final = "sha256-ed25519"
"""Hash and transaction signature: the only suite so far."""
_MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class GenesisGovernor:
    """A first governor: the inception of its DID, and the name under which people know it."""

    inception: Inception
    name: str = ""

    @property
    def did(self) -> str:
        """The DID that the inception derives."""
        return weid_did(self.inception)


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A first validator: its raw Ed25519 key (32 bytes) and voting power."""

    public_key: bytes
    power: int


@dataclass(frozen=True, slots=True)
class Genesis:
    """How a registry begins. Construction checks everything.

    `network` stands in every DID and signature; `chain_id` in every header; `genesis_time` is in
    seconds; `parameters` names those that differ from their defaults; `nodes`, where there are any,
    are the first nodes, and `validators` exactly their validators.

    Raises:
        MalformedError: a member that cannot be, with its name.
    """

    network: str
    chain_id: str
    genesis_time: int
    governors: tuple[GenesisGovernor, ...]
    validators: tuple[GenesisValidator, ...]
    parameters: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    suite: str = SUITE
    initial_height: int = 1
    nodes: tuple[GenesisNode, ...] = ()

    def __post_init__(self) -> None:
        check_network(self.network)
        if not 1 <= len(self.chain_id) <= 50 or not self.chain_id.isascii():
            raise MalformedError("the genesis has no proper chain_id (1 to 50 ASCII characters)")
        if self.suite != SUITE:
            raise MalformedError(f"the genesis has a suite other than {SUITE}")
        if self.genesis_time < 0 or self.initial_height < 1:
            raise MalformedError("the genesis has no proper time or initial height")
        _check_governors(self)
        _check_parameters(self)
        keys = [validator.public_key for validator in self.validators]
        if not keys or len(set(keys)) != len(keys) or any(len(key) != 32 for key in keys):
            raise MalformedError("the genesis has no validators, or one twice, or no Ed25519 key")
        if any(not 1 <= validator.power < 2**31 for validator in self.validators):
            raise MalformedError("a validator of the genesis has no proper power")
        validators = [(validator.public_key, validator.power) for validator in self.validators]
        check_nodes(self.nodes, validators, self.network)

    @property
    def genesis_hash(self) -> bytes:
        """SHA-256 of tag and canonical CBOR: which registry this is (32 bytes)."""
        return hashlib.sha256(_TAG + self.to_bytes()).digest()

    def to_bytes(self) -> bytes:
        """Return the canonical CBOR, of which the genesis hash is."""
        governors: list[CborValue] = [
            [encode_inception(governor.inception), governor.name] for governor in self.governors
        ]
        validators: list[CborValue] = [
            [validator.public_key, validator.power] for validator in self.validators
        ]
        parameters: dict[str, CborValue] = {
            name: self.parameters[name] for name in sorted(self.parameters)
        }
        nodes: list[CborValue] = [node.to_cbor() for node in self.nodes]
        return cbor_encode(
            [
                1,
                self.network,
                self.chain_id,
                self.genesis_time,
                self.initial_height,
                self.suite,
                governors,
                validators,
                parameters,
                # A genesis without nodes has the bytes that it always had.
                *([nodes] if nodes else []),
            ]
        )

    def parameter(self, name: str) -> int:
        """Return a parameter's value at the beginning."""
        return self.parameters.get(name, PARAMETERS[name].default)

    def to_json(self) -> bytes:
        """Return the genesis file: the same genesis always gives the same bytes."""
        body: JsonObject = {
            "format": "weid-genesis/1",
            "network": self.network,
            "chain_id": self.chain_id,
            "genesis_time": self.genesis_time,
            "initial_height": self.initial_height,
            "suite": self.suite,
            "governors": [_governor_json(governor) for governor in self.governors],
            "validators": [
                {"public_key": validator.public_key.hex(), "power": validator.power}
                for validator in self.validators
            ],
            "parameters": {name: self.parameters[name] for name in sorted(self.parameters)},
            **({"nodes": [node.to_json() for node in self.nodes]} if self.nodes else {}),
            "genesis_hash": self.genesis_hash.hex(),
        }
        return json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Genesis:
        """Read a genesis file.

        Raises:
            MalformedError: a member missing, unknown or impossible, or another genesis hash.
        """
        body = json_loads_object(data, what="the genesis", max_bytes=_MAX_BYTES)
        reader = Members(body, "the genesis")
        if reader.text("format") != "weid-genesis/1":
            raise MalformedError("the genesis has a format that we do not know")
        parameters = Members(reader.object("parameters"), "the parameters of the genesis")
        genesis = cls(
            network=reader.text("network"),
            chain_id=reader.text("chain_id"),
            genesis_time=reader.integer("genesis_time"),
            initial_height=reader.integer("initial_height"),
            suite=reader.text("suite"),
            governors=tuple(_governor(member) for member in reader.objects("governors")),
            validators=tuple(_validator(member) for member in reader.objects("validators")),
            parameters={name: parameters.integer(name) for name in sorted(parameters.body)},
            nodes=_nodes(reader),
        )
        stated = reader.text("genesis_hash")
        reader.require_no_other()
        if stated != genesis.genesis_hash.hex():
            raise MalformedError(
                "the genesis has another hash than it states",
                hint="The file was changed after it was made; get the original.",
            )
        return genesis


def _check_governors(genesis: Genesis) -> None:
    governors = genesis.governors
    if not 1 <= len(governors) <= limits.GOVERNORS:
        raise MalformedError(f"the genesis does not have 1 to {limits.GOVERNORS} governors")
    if len({governor.did for governor in governors}) != len(governors):
        raise MalformedError("the genesis has a governor twice")
    if any(governor.inception.network != genesis.network for governor in governors):
        raise MalformedError("a governor of the genesis is of another network")
    if genesis.parameter(GOVERNANCE_THRESHOLD) > len(governors):
        raise MalformedError("the genesis asks for more approvals than it has governors")


def _check_parameters(genesis: Genesis) -> None:
    for name, value in genesis.parameters.items():
        if name not in PARAMETERS or not in_range(name, value):
            raise MalformedError(f"the genesis has a parameter that cannot be: {name}")


def _governor_json(governor: GenesisGovernor) -> JsonObject:
    inception = governor.inception
    return {
        "did": governor.did,
        "name": governor.name,
        "inception": {
            "controllers": [key.hex() for key in inception.controllers],
            "threshold": inception.threshold,
            "next_keys": inception.next_keys.hex(),
            "recovery_keys": [key.hex() for key in inception.recovery_keys],
            "salt": inception.salt.hex(),
        },
    }


def _governor(body: JsonObject) -> GenesisGovernor:
    reader = Members(body, "a governor of the genesis")
    did = reader.text("did")
    inner = Members(reader.object("inception"), "an inception of the genesis")
    inception = Inception(
        network=did.split(":")[2] if did.count(":") == 3 else "",
        controllers=inner.hexes("controllers"),
        threshold=inner.integer("threshold"),
        next_keys=inner.hex("next_keys"),
        recovery_keys=inner.hexes("recovery_keys"),
        salt=inner.hex("salt"),
    )
    governor = GenesisGovernor(inception, reader.text("name"))
    reader.require_no_other()
    inner.require_no_other()
    if governor.did != did:
        raise MalformedError("a governor of the genesis has a DID that its inception does not give")
    return governor


def _nodes(reader: Members) -> tuple[GenesisNode, ...]:
    if "nodes" not in reader.body:
        return ()
    nodes = tuple(GenesisNode.from_json(member) for member in reader.objects("nodes"))
    if not nodes:
        raise MalformedError("the genesis has an empty list of nodes")
    return nodes


def _validator(body: JsonObject) -> GenesisValidator:
    reader = Members(body, "a validator of the genesis")
    validator = GenesisValidator(reader.hex("public_key"), reader.integer("power"))
    reader.require_no_other()
    return validator
