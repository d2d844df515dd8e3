"""Transactions: payload, signatures, canonical bytes and identity.

The payload names everything that a signature must cover (network, author, keys, endorser,
sequence, validity); author and endorser sign the same bytes; the id is the hash of the payload,
so that a second spelling of a signature is still the same transaction.
Clauses TX-… of specs/registry-operations.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from weid.registry.operations import Operation

_ID_TAG: Final = b"weid/tx/1"
_POSSESSION_TAG: Final = b"weid/possession/1"
_PROPOSAL_TAG: Final = b"weid/proposal/1"
_NEXT_KEYS_TAG: Final = b"weid/next-keys/1"


@dataclass(frozen=True, slots=True)
class Transaction:
    """What author and endorser sign.

    `author_keys` and `endorser_keys` are key ids (fragments) of the author's and endorser's DID;
    `sequence` counts the author's transactions from 0; `valid_until` is the last block time
    (seconds) at which it may be applied.
    """

    network: str
    author: str
    author_keys: tuple[str, ...]
    sequence: int
    valid_until: int
    operations: tuple[Operation, ...]
    endorser: str | None = None
    endorser_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A payload in its canonical bytes with the signatures over them.

    Signatures are raw Ed25519 (64 bytes), in the order of `author_keys` and `endorser_keys`,
    over `signing_message(payload)`.
    """

    payload: bytes
    author_signatures: tuple[bytes, ...]
    endorser_signatures: tuple[bytes, ...] = ()

    @property
    def id(self) -> bytes:
        """SHA-256 over the payload (32 bytes); signatures do not enter."""
        return transaction_id(self.payload)


def transaction_id(payload: bytes) -> bytes:
    """Return the id of a transaction: SHA-256 of tag and payload."""
    return hashlib.sha256(_ID_TAG + payload).digest()


def signing_message(payload: bytes) -> bytes:
    """Return the bytes that author and endorser sign."""
    return _ID_TAG + payload


def possession_message(did: str, multikey: bytes) -> bytes:
    """Return the bytes that a key signs to enter a DID (clause TX-15)."""
    return _POSSESSION_TAG + did.encode("ascii") + b"\0" + multikey


def next_keys_commitment(controllers: tuple[bytes, ...], threshold: int) -> bytes:
    """Return the commitment to the next controlling keys (32 bytes)."""
    body = threshold.to_bytes(1, "big") + b"".join(sorted(controllers))
    return hashlib.sha256(_NEXT_KEYS_TAG + body).digest()


def proposal_id(transaction: bytes, position: int) -> bytes:
    """Return the id of the proposal that stands at a position of a transaction (by its id)."""
    return hashlib.sha256(_PROPOSAL_TAG + transaction + position.to_bytes(2, "big")).digest()
