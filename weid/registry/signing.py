"""Signing for the registry: transactions, and a key's proof that its owner has it (TX-09)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.errors import MalformedError, UnsupportedAlgorithmError
from weid.registry.operations import KeyPurpose, NewKey
from weid.registry.transaction import (
    SignedTransaction,
    Transaction,
    possession_message,
    signing_message,
)
from weid.registry.wire import decode_payload, encode_payload

_EDDSA = "EdDSA"


def sign_transaction(
    transaction: Transaction,
    signers: Mapping[str, Signer],
    endorser_signers: Mapping[str, Signer] | None = None,
) -> SignedTransaction:
    """Sign a transaction with the keys that it names.

    `signers` and `endorser_signers` hold, for each key id, who signs.

    Raises:
        MalformedError: the transaction is not one that any registry takes, or a signer is missing.
        UnsupportedAlgorithmError: a signer is not of Ed25519.
    """
    payload = encode_payload(transaction)
    decode_payload(payload)
    message = signing_message(payload)
    return SignedTransaction(
        payload,
        _signatures(message, transaction.author_keys, signers),
        _signatures(message, transaction.endorser_keys, endorser_signers or {}),
    )


def _signatures(
    message: bytes, key_ids: tuple[str, ...], signers: Mapping[str, Signer]
) -> tuple[bytes, ...]:
    signatures = []
    for key_id in key_ids:
        signer = signers.get(key_id)
        if signer is None:
            raise MalformedError(f"the transaction names key {key_id}, for which nobody signs")
        if signer.algorithm != _EDDSA:
            raise UnsupportedAlgorithmError("transactions are signed with Ed25519 keys")
        signatures.append(signer.sign(message))
    return tuple(signatures)


def new_key(did: str, key_id: str, signer: Signer, purposes: Iterable[KeyPurpose]) -> NewKey:
    """Return a key on its way into a DID document, with its proof of possession."""
    multikey = signer.public_key.to_multicodec()
    proof = signer.sign(possession_message(did, multikey))
    return NewKey(key_id, multikey, tuple(purposes), proof)


def new_agreement_key(key_id: str, public_key: PublicKey) -> NewKey:
    """Return an X25519 key on its way into a DID document; it cannot sign, so it proves nothing."""
    return NewKey(key_id, public_key.to_multicodec(), (KeyPurpose.KEY_AGREEMENT,))


def prove_possession(did: str, signer: Signer) -> bytes:
    """Return a new controlling key's proof for `RotateControllers` or `RecoverDid`."""
    return signer.sign(possession_message(did, signer.public_key.to_multicodec()))
