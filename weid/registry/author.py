"""Authors: a DID, who signs for it, and the registry that its operations go to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from weid.clock import Clock
from weid.crypto.keys import RandomBytes
from weid.crypto.signer import Signer
from weid.did.syntax import weid_did
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode, describe
from weid.registry.operations import (
    CreateDid,
    Inception,
    KeyPurpose,
    NewKey,
    NewService,
    Operation,
)
from weid.registry.records import Receipt
from weid.registry.registry import Registry
from weid.registry.signing import new_key, sign_transaction
from weid.registry.transaction import SignedTransaction, Transaction

VALID_FOR: Final = 600
"""Seconds for which a transaction may wait for its block."""

_SENDINGS: Final = 3
"""How often the same transaction is sent while the registry does not answer."""
_ATTEMPTS: Final = 5
"""How often a sequence number is asked for while others use the same DID."""
_SALT_BYTES: Final = 16
_RACED: Final = frozenset({ResultCode.SEQUENCE_USED, ResultCode.SEQUENCE_NOT_NEXT})


class Author:
    """Signs and submits operations of one DID.

    `signers` maps key ids of the DID (such as `control-1`) to who signs with them; every one of
    them signs each transaction. `endorser` co-signs where the author has no role. One author may
    be used from several threads; its transactions go one after the other.
    """

    def __init__(
        self,
        did: str,
        signers: Mapping[str, Signer],
        registry: Registry,
        clock: Clock,
        *,
        endorser: Author | None = None,
    ) -> None:
        self.did = did
        self.registry = registry
        self.endorser = endorser
        self._signers = dict(signers)
        self._clock = clock
        self._lock = Lock()
        self._unanswered: tuple[tuple[Operation, ...], SignedTransaction] | None = None

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The key ids that sign, in the order of their signatures."""
        return tuple(self._signers)

    @property
    def signers(self) -> Mapping[str, Signer]:
        """Who signs, by key id."""
        return dict(self._signers)

    def with_signers(self, signers: Mapping[str, Signer]) -> Author:
        """Return an author of the same DID with other keys, such as after a rotation."""
        return Author(self.did, signers, self.registry, self._clock, endorser=self.endorser)

    def submit(self, *operations: Operation) -> Receipt:
        """Submit operations as one transaction, done whole or not at all; return its receipt.

        When the registry does not answer, submitting the same operations again sends the same
        transaction again, so that nothing is done twice.

        Raises:
            TransactionRejectedError: refused, with the result code and, if recorded, the receipt.
            RegistryUnavailableError: no answer; it may or may not have been done.
            MalformedError: the operations are not what any registry takes.
        """
        with self._lock:
            resent = self._resend(operations)
            if resent is not None:
                return resent
            for _ in range(_ATTEMPTS - 1):
                try:
                    return self._send(operations, self._sign(operations))
                except TransactionRejectedError as error:
                    if error.code not in _RACED:
                        raise
            return self._send(operations, self._sign(operations))

    def _resend(self, operations: tuple[Operation, ...]) -> Receipt | None:
        """Send again what was not answered, if it is the same; None to make a new transaction."""
        unanswered = self._unanswered
        if unanswered is None or unanswered[0] != operations:
            return None
        try:
            return self._send(operations, unanswered[1])
        except TransactionRejectedError as error:
            # It never got in and cannot any more: its time or its sequence number has passed.
            if error.receipt is not None or error.code not in {*_RACED, ResultCode.TOO_LATE}:
                raise
            return None

    def _sign(self, operations: tuple[Operation, ...]) -> SignedTransaction:
        endorser = self.endorser
        transaction = Transaction(
            network=self.registry.network,
            author=self.did,
            author_keys=self.key_ids,
            sequence=self.registry.next_sequence(self.did),
            valid_until=self._clock.now() + VALID_FOR,
            operations=operations,
            endorser=None if endorser is None else endorser.did,
            endorser_keys=() if endorser is None else endorser.key_ids,
        )
        return sign_transaction(
            transaction, self._signers, None if endorser is None else endorser.signers
        )

    def _send(self, operations: tuple[Operation, ...], signed: SignedTransaction) -> Receipt:
        self._unanswered = (operations, signed)
        receipt = self._answer(signed)
        self._unanswered = None
        if receipt.code != ResultCode.OK:
            raise TransactionRejectedError(
                describe(receipt.code), code=receipt.code, receipt=receipt
            )
        return receipt

    def _answer(self, signed: SignedTransaction) -> Receipt:
        """Return the receipt of a transaction, sending it again while there is no answer."""
        for _ in range(_SENDINGS - 1):
            try:
                return self._once(signed)
            except RegistryUnavailableError:
                continue
        return self._once(signed)

    def _once(self, signed: SignedTransaction) -> Receipt:
        try:
            return self.registry.submit(signed)
        except TransactionRejectedError as error:
            # What is refused now may have been done before: an earlier sending that nobody answered
            # may have used the sequence number, and its time may have passed since.
            receipt = None if error.receipt else self.registry.receipt(signed.id)
            if receipt is None:
                self._unanswered = None
                raise
            return receipt


@dataclass(frozen=True, slots=True)
class KeyToAdd:
    """A further key for a new DID: its id (fragment), who signs with it, and what it is for."""

    id: str
    signer: Signer
    purposes: tuple[KeyPurpose, ...] = (KeyPurpose.ASSERTION,)


def create_did(  # noqa: PLR0913 - each is a member of the inception or of the document
    registry: Registry,
    controllers: Sequence[Signer],
    *,
    clock: Clock,
    threshold: int = 1,
    next_keys: bytes = b"",
    recovery_keys: Sequence[bytes] = (),
    keys: Sequence[KeyToAdd] = (),
    agreement_keys: Sequence[NewKey] = (),
    services: Sequence[NewService] = (),
    endorser: Author | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> tuple[str, Author]:
    """Register a new DID and return it with its author.

    All controllers sign its creation; `threshold` of them must sign each later change. They are
    `control-1` and so on in the ascending order of their raw keys. `next_keys` is a
    `transaction.next_keys_commitment`; `recovery_keys` are raw Ed25519 public keys.

    Raises:
        TransactionRejectedError: the registry refuses, for example without an endorser.
        RegistryUnavailableError: no answer.
        MalformedError: controllers, threshold, keys or commitment cannot be.
    """
    ordered = sorted(controllers, key=lambda signer: signer.public_key.raw)
    inception = Inception(
        network=registry.network,
        controllers=tuple(signer.public_key.raw for signer in ordered),
        threshold=threshold,
        next_keys=next_keys,
        recovery_keys=tuple(recovery_keys),
        salt=random(_SALT_BYTES),
    )
    did = weid_did(inception)
    signers = {f"control-{number}": signer for number, signer in enumerate(ordered, 1)}
    author = Author(did, signers, registry, clock, endorser=endorser)
    proved = tuple(new_key(did, key.id, key.signer, key.purposes) for key in keys)
    author.submit(CreateDid(inception, (*proved, *agreement_keys), tuple(services)))
    return did, author
