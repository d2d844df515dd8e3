"""A node's keys prove that their holder has them, and wants them to enter so (clause OP-32).

What they sign is a function of the network and of the operation, and says for which node: a proof
that stands in an open proposal is of no use in any other operation, on any other network, or to
another operator. It begins with a tag that no vote and no handshake of CometBFT begins with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

from weid.cbor import CborValue, cbor_encode
from weid.crypto.signer import Signer
from weid.registry.node_operations import AdmitNode, RotateNodeKeys

_TAG: Final = b"weid/node-keys/1"
_Entering = TypeVar("_Entering", AdmitNode, RotateNodeKeys)


def entering_keys(operation: AdmitNode | RotateNodeKeys) -> tuple[bytes, ...]:
    """Return the raw keys that an operation lets in: node key, then validator key, where given."""
    if isinstance(operation, AdmitNode):
        keys = (operation.node_key, operation.validator_key)
    else:
        keys = (operation.new_node_key, operation.new_validator_key)
    return tuple(key for key in keys if key)


def node_keys_message(network: str, operation: AdmitNode | RotateNodeKeys) -> bytes:
    """Return the bytes that each key which enters signs."""
    if isinstance(operation, AdmitNode):
        fields: list[CborValue] = [
            b"",
            operation.node_id,
            operation.validator_key,
            str(operation.role.value),
            operation.operator,
        ]
    else:
        fields = [
            operation.node_id,
            operation.new_node_id,
            operation.new_validator_key,
            "",
            "",
        ]
    return _TAG + cbor_encode([network, *fields])


def with_proofs(network: str, operation: _Entering, signers: Sequence[Signer]) -> _Entering:
    """Return an operation with the proofs of its keys, made by those who have them.

    Who signs for none of its keys is left out; a key for which nobody signs has no proof then, and
    the registry refuses the operation.
    """
    message = node_keys_message(network, operation)
    having = {signer.public_key.raw: signer for signer in signers}
    keys = [having[key] for key in entering_keys(operation) if key in having]
    return replace(operation, proofs=tuple(signer.sign(message) for signer in keys))
