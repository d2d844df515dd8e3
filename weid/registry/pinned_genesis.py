"""What a reader takes from a registry's genesis, checked against the hash that it was given.

A genesis hash is all that a reader needs to be told of a registry. The bytes that it is the hash
of come from any node: they name the network and who seals the first block (clause NA-03).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from weid.cbor import CborValue, cbor_decode
from weid.errors import MalformedError, ProofError
from weid.registry.light_client import TrustRoot
from weid.registry.validators import Validator, ValidatorSet

_TAG: Final = b"weid/genesis/1"
GENESIS_BYTES: Final = 256 * 1024
"""Largest genesis: 64 governors with all their keys, 256 validators, some hundred nodes."""


@dataclass(frozen=True, slots=True)
class PinnedGenesis:
    """The network's name and where trust in its headers begins."""

    network: str
    root: TrustRoot


def genesis_hash(body: bytes) -> bytes:
    """Return the hash that names a registry: SHA-256 of tag and canonical genesis bytes."""
    return hashlib.sha256(_TAG + body).digest()


def parse_genesis(body: bytes, *, expected_genesis_hash: bytes) -> PinnedGenesis:
    """Return what the canonical genesis bytes say, if they are those that the hash names.

    Raises:
        ProofError: they are not.
        MalformedError: they are, and yet cannot be read: a format that this version does not know.
    """
    if genesis_hash(body) != expected_genesis_hash:
        raise ProofError(
            "the genesis is not the one that was asked for",
            hint="this is another registry; compare the genesis hash with its operator",
        )
    what = "the genesis"
    value = cbor_decode(body, what=what, max_bytes=GENESIS_BYTES)
    match value:
        case [
            1,
            str(network),
            str(chain_id),
            int(time),
            int(height),
            str(),
            list(),
            list(keys),
            dict(),
            # A genesis that admits nodes lists them; their validators are `keys`.
            *nodes,
        ] if _are_nodes(nodes):
            validators = ValidatorSet.of([_validator(item) for item in keys])
        case _:
            raise MalformedError(f"{what} has a form that this version does not know")
    return PinnedGenesis(
        network, TrustRoot(expected_genesis_hash, chain_id, validators, time, height)
    )


def _are_nodes(rest: list[CborValue]) -> bool:
    """Return whether what follows the parameters is nothing, or a list of nodes."""
    return not rest or (len(rest) == 1 and type(rest[0]) is list and rest[0] != [])


def _validator(value: CborValue) -> Validator:
    match value:
        case [bytes(key), int(power)]:
            return Validator(key, power)
    raise MalformedError("a validator of the genesis has a form that this version does not know")
