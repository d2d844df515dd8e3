"""Validator sets in CometBFT's format: who may seal blocks, with what power, and the set's hash."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from weid import limits
from weid.crypto.keys import KeyKind, PublicKey
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.registry.comet_encoding import bytes_field, integer_field, merkle_root, message_field
from weid.registry.comet_json import parse_base64
from weid.registry.headers import address

_KEY_TYPE: Final = "tendermint/PubKeyEd25519"
_TOTAL_POWER: Final = (2**63 - 1) // 8
"""CometBFT's bound on the sum of powers."""


@dataclass(frozen=True, slots=True)
class Validator:
    """One validator: raw Ed25519 public key (32 bytes) and voting power (above zero)."""

    public_key: bytes
    power: int

    @property
    def address(self) -> bytes:
        """The 20 bytes by which commits name the validator."""
        return address(self.public_key)

    def encode(self) -> bytes:
        """Return protobuf SimpleValidator, the leaf of the set's hash."""
        key = bytes_field(1, self.public_key)
        return message_field(1, key) + integer_field(2, self.power)


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The validators of a height in CometBFT's order: by power downwards, then by address.

    Construct with `ValidatorSet.of`, which checks and sorts.
    """

    validators: tuple[Validator, ...]

    @classmethod
    def of(cls, validators: tuple[Validator, ...] | list[Validator]) -> ValidatorSet:
        """Return the set of these validators.

        Raises:
            MalformedError: none or too many, a key twice, a power that is not above zero, bytes
                that are nobody's key, or a sum of powers past CometBFT's bound.
        """
        if not 0 < len(validators) <= limits.VALIDATORS:
            raise MalformedError(f"a validator set has 1 to {limits.VALIDATORS} validators")
        for validator in validators:
            PublicKey(KeyKind.ED25519, validator.public_key)
            if validator.power <= 0:
                raise MalformedError("a validator has no power above zero")
        if len({v.public_key for v in validators}) != len(validators):
            raise MalformedError("a validator stands twice in its set")
        if sum(v.power for v in validators) > _TOTAL_POWER:
            raise MalformedError("the validators' powers sum up to more than 2^60")
        return cls(tuple(sorted(validators, key=lambda v: (-v.power, v.address))))

    @property
    def total_power(self) -> int:
        """The sum of all powers."""
        return sum(validator.power for validator in self.validators)

    def hash(self) -> bytes:
        """Return what a header's `validators_hash` must be (LC-VALIDATORS)."""
        return merkle_root([validator.encode() for validator in self.validators])

    def to_json(self) -> list[JsonValue]:
        """Return the validators as CometBFT's RPC lists them."""
        return [
            {
                "address": validator.address.hex().upper(),
                "pub_key": {
                    "type": _KEY_TYPE,
                    "value": base64.b64encode(validator.public_key).decode(),
                },
                "voting_power": str(validator.power),
            }
            for validator in self.validators
        ]

    @classmethod
    def from_json(cls, value: JsonValue) -> ValidatorSet:
        """Parse the RPC's list (`voting_power`) or a CometBFT genesis' list (`power`).

        Raises:
            MalformedError: not such a list, or a key of another type than Ed25519.
        """
        if not isinstance(value, list):
            raise MalformedError("the validators are not a JSON array")
        return cls.of([_validator(item) for item in value])


def _validator(value: JsonValue) -> Validator:
    what = "a validator"
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object")
    key: JsonValue = value.get("pub_key")
    if not isinstance(key, dict) or key.get("type") != _KEY_TYPE:
        raise MalformedError(f"{what} has no Ed25519 key")
    text = key.get("value")
    power: JsonValue = value.get("voting_power", value.get("power"))
    if not isinstance(text, str):
        raise MalformedError(f"{what} has no key in base64")
    if not isinstance(power, str) or not (power.isascii() and power.isdecimal()):
        raise MalformedError(f"{what} has no power")
    if len(power) > 19:
        raise MalformedError(f"{what} has a power past 64 bits")
    member: JsonObject = value
    validator = Validator(parse_base64(text, what=f"{what}'s key", length=32), int(power))
    if member.get("address", validator.address.hex().upper()) != validator.address.hex().upper():
        raise MalformedError(f"{what}'s address is not that of its key")
    return validator
