"""Keys on their way into a node's record: sound, and held by who names them (clause OP-32)."""

from __future__ import annotations

from registry_chain.state_machine.entering_keys import check_raw_key
from registry_chain.state_machine.errors import refuse, require
from weid.crypto.keys import KeyKind, PublicKey
from weid.errors import InvalidSignatureError
from weid.registry.codes import ResultCode
from weid.registry.headers import address
from weid.registry.node_operations import AdmitNode, RotateNodeKeys
from weid.registry.node_possession import entering_keys, node_keys_message


def check_node_keys(network: str, operation: AdmitNode | RotateNodeKeys) -> None:
    """Refuse keys that are not sound, or that did not each sign to enter in this way."""
    if isinstance(operation, AdmitNode):
        node_id, node_key = operation.node_id, operation.node_key
    else:
        node_id, node_key = operation.new_node_id, operation.new_node_key
    derived = address(node_key) if node_key else b""
    require(node_id == derived, ResultCode.POSSESSION_NOT_PROVED)
    keys = entering_keys(operation)
    for raw in keys:
        check_raw_key(raw)
    require(len(keys) == len(operation.proofs), ResultCode.POSSESSION_NOT_PROVED)
    message = node_keys_message(network, operation)
    for raw, proof in zip(keys, operation.proofs, strict=True):
        try:
            PublicKey(KeyKind.ED25519, raw).verify(proof, message)
        except InvalidSignatureError:
            refuse(ResultCode.POSSESSION_NOT_PROVED)
