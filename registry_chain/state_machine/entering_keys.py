"""Keys on their way into a DID: kind, subgroup, purpose, possession, and no key twice.

What a DID has ever held, it does not take again: a retired or marked key cannot come back under
another id (clause OP-04).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.signers import ED25519_PREFIX, in_force
from weid import limits
from weid.crypto.keys import KeyKind, PublicKey
from weid.did.syntax import check_key_id
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError
from weid.registry.codes import ResultCode
from weid.registry.operations import KeyPurpose, NewKey
from weid.registry.records import DidRecord, RegisteredKey
from weid.registry.transaction import possession_message

_RESERVED: Final = re.compile(r"(?:control|next|recovery)-[0-9]+\Z")
_CONTROL: Final = re.compile(r"control-([0-9]+)\Z")
_SIGNING_PURPOSES: Final = frozenset({KeyPurpose.AUTHENTICATION, KeyPurpose.ASSERTION})


def check_controllers(controllers: Sequence[bytes], threshold: int) -> None:
    """Refuse controlling keys that are not distinct, ascending, sound, or too few."""
    ascending = all(low < high for low, high in pairwise(controllers))
    require(controllers and ascending, ResultCode.KEY_INVALID)
    require(1 <= threshold <= len(controllers), ResultCode.FIELD_INVALID)
    for raw in controllers:
        check_raw_key(raw)


def check_recovery_keys(recovery_keys: Sequence[bytes], controllers: Sequence[bytes]) -> None:
    """Refuse recovery keys that are not distinct, not sound, or controlling at the same time."""
    distinct = len({*recovery_keys, *controllers}) == len(recovery_keys) + len(controllers)
    require(distinct, ResultCode.KEY_INVALID)
    for raw in recovery_keys:
        check_raw_key(raw)


def check_raw_key(raw: bytes) -> None:
    """Refuse bytes that are no sound Ed25519 public key."""
    try:
        PublicKey(KeyKind.ED25519, raw).check_subgroup()
    except MalformedError:
        refuse(ResultCode.KEY_INVALID)


def check_possession(did: str, controllers: Sequence[bytes], proofs: Sequence[bytes]) -> None:
    """Refuse new controllers that did not each sign for this DID."""
    require(len(proofs) == len(controllers), ResultCode.POSSESSION_NOT_PROVED)
    for raw, proof in zip(controllers, proofs, strict=True):
        _check_proof(did, PublicKey(KeyKind.ED25519, raw), proof)


def _check_proof(did: str, key: PublicKey, proof: bytes) -> None:
    try:
        key.verify(proof, possession_message(did, key.to_multicodec()))
    except InvalidSignatureError:
        refuse(ResultCode.POSSESSION_NOT_PROVED)


def control_keys(controllers: Sequence[bytes], first: int, time: int) -> list[RegisteredKey]:
    """Return the document's entries of new controlling keys, numbered from `first`."""
    return [
        RegisteredKey(f"control-{number}", ED25519_PREFIX + raw, (KeyPurpose.AUTHENTICATION,), time)
        for number, raw in enumerate(controllers, first)
    ]


def replace_controllers(
    record: DidRecord, controllers: Sequence[bytes], time: int
) -> tuple[RegisteredKey, ...]:
    """Return a DID's keys after a change of controllers: those who stay, leave and come.

    A controller who stays keeps its entry; one that is marked compromised cannot stay.
    """
    leaving = {ED25519_PREFIX + raw for raw in record.controllers if raw not in controllers}
    present = {key.multikey: key for key in record.keys}
    coming = []
    for raw in controllers:
        key = present.get(ED25519_PREFIX + raw)
        if key is None:
            coming.append(raw)
        else:
            require(raw in record.controllers and in_force(key), ResultCode.KEY_EXISTS)
    keys = [
        replace(key, retired_at=time) if key.multikey in leaving and in_force(key) else key
        for key in record.keys
    ]
    numbers = [int(match[1]) for key in record.keys if (match := _CONTROL.match(key.id))]
    return (*keys, *control_keys(coming, max(numbers, default=0) + 1, time))


def enter_keys(
    did: str, present: Sequence[RegisteredKey], new_keys: Sequence[NewKey], time: int
) -> list[RegisteredKey]:
    """Return the entries of keys that enter a document beside those present."""
    ids = {key.id for key in present}
    multikeys = {key.multikey for key in present}
    entered = []
    for new_key in new_keys:
        require(new_key.id not in ids, ResultCode.KEY_EXISTS)
        require(new_key.multikey not in multikeys, ResultCode.KEY_EXISTS)
        _check_new_key(did, new_key)
        ids.add(new_key.id)
        multikeys.add(new_key.multikey)
        entered.append(RegisteredKey(new_key.id, new_key.multikey, new_key.purposes, time))
    require(len(present) + len(entered) <= limits.DID_KEYS, ResultCode.TOO_MANY_KEYS)
    return entered


def _check_new_key(did: str, new_key: NewKey) -> None:
    try:
        check_key_id(new_key.id)
        key = PublicKey.from_multicodec(new_key.multikey)
        key.check_subgroup()
    except (MalformedError, UnsupportedAlgorithmError):
        refuse(ResultCode.KEY_INVALID)
    require(_RESERVED.match(new_key.id) is None, ResultCode.KEY_INVALID)
    purposes = frozenset(new_key.purposes)
    require(purposes and len(purposes) == len(new_key.purposes), ResultCode.KEY_INVALID)
    if key.kind is KeyKind.X25519:
        agrees = purposes == {KeyPurpose.KEY_AGREEMENT} and not new_key.proof
        require(agrees, ResultCode.KEY_INVALID)
    else:
        require(purposes <= _SIGNING_PURPOSES, ResultCode.KEY_INVALID)
        _check_proof(did, key, new_key.proof)
