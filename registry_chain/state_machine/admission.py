"""Which transactions get in: one function for the mempool's filter and for the block.

In this order: bytes → network → time → the author's keys on the staged state → standing (a role,
an endorser, or the open budget) → signatures → sequence. What fails here leaves no trace; what
passes burns its sequence, whatever its rule says (clauses TX-01 to TX-11).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from registry_chain.state_machine.errors import InvalidTransactionError, refuse, require
from registry_chain.state_machine.parameters import (
    OPEN_DID_CREATION,
    OPEN_DID_PER_BLOCK,
    OPEN_DID_PER_DAY,
)
from registry_chain.state_machine.permissions import OPEN_OPERATIONS
from registry_chain.state_machine.remembered import RememberedByBytes
from registry_chain.state_machine.signers import in_force, opens_commitment, transaction_key
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.state import CommittedState
from weid import limits
from weid.crypto.keys import KeyKind, PublicKey
from weid.did.syntax import weid_did
from weid.errors import InvalidSignatureError, MalformedError
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    CreateDid,
    MarkKeyCompromised,
    Operation,
    RecoverDid,
    Role,
    RotateControllers,
)
from weid.registry.records import AccountRecord, DidRecord, RoleRecord
from weid.registry.transaction import (
    SignedTransaction,
    Transaction,
    signing_message,
    transaction_id,
)
from weid.registry.wire import decode_payload, decode_signed

OPEN_DID: Final = "open_did"
"""Name of the counter of transactions that entered today without role and endorser."""
SECONDS_A_DAY: Final = 86_400

_REMEMBERED_BYTES: Final = 16 * 2**20
"""So many bytes of transactions are remembered as read: those of some blocks and of the pool."""
_SIGNED_BYTES: Final = 1024
"""Transactions up to this size are remembered with their signatures, a few thousand of them."""

_BY_RECOVERY_KEY: Final = frozenset({RecoverDid, MarkKeyCompromised})
_NUMBERED: Final = re.compile(r"(control|next|recovery)-([1-9][0-9]?)\Z")


Reading: TypeAlias = tuple[SignedTransaction, Transaction] | ResultCode
"""A transaction as its bytes were read, or the code that refuses them."""


class Admission(NamedTuple):
    """A transaction that may be applied.

    `signers` are the author's raw keys that signed, `is_open` whether it counts against the open
    budget; `verified` stands for exactly these bytes, keys and signatures, for a signature cache.
    """

    transaction: Transaction
    transaction_id: bytes
    signers: frozenset[bytes]
    endorsed: bool
    is_open: bool
    verified: bytes


class Signatures(NamedTuple):
    """A transaction's signatures and the keys under which they must verify, in one order.

    `verified` stands for exactly these bytes, keys and signatures.
    """

    transaction_id: bytes
    verified: bytes
    keys: tuple[bytes, ...]
    signatures: tuple[bytes, ...]
    message: bytes

    def hold(self) -> bool:
        """Return whether every signature verifies; from any thread."""
        try:
            for key, signature in zip(self.keys, self.signatures, strict=True):
                _public_key(key).verify(signature, self.message)
        except (InvalidSignatureError, MalformedError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Check:
    """What the filter before a block says of a transaction.

    `verified` goes into the signature cache when `code` is OK, so that the block need not verify
    again; `author` and `sequence` order a pool of transactions; `payer` is who answers for it: the
    endorser, else the author, empty on the open budget.
    """

    code: ResultCode
    transaction_id: bytes = b""
    author: str = ""
    sequence: int = 0
    verified: bytes = b""
    payer: str = ""


def check(
    state: CommittedState,
    raw: bytes,
    *,
    time: int,
    pending: int = 0,
    verified: Container[bytes] = frozenset(),
) -> Check:
    """Judge a transaction against a committed state, before any block: a filter and no promise.

    `time` is the block time to assume; `pending` how many sequence numbers of the author may be
    under way before this one.
    """
    staged = StagedState(state, height=state.summary.height + 1, time=max(time, state.summary.time))
    try:
        admission = admit(staged, read_transaction(raw), pending=pending, verified=verified)
    except InvalidTransactionError as error:
        return Check(error.code)
    transaction = admission.transaction
    return Check(
        ResultCode.OK,
        admission.transaction_id,
        transaction.author,
        transaction.sequence,
        admission.verified,
        "" if admission.is_open else transaction.endorser or transaction.author,
    )


def admit(
    staged: StagedState,
    reading: Reading,
    *,
    pending: int = 0,
    verified: Container[bytes] = frozenset(),
) -> Admission:
    """Return what a transaction asks, if it may be applied to the staged state.

    Raises:
        InvalidTransactionError: with a code that leaves no trace.
    """
    if isinstance(reading, ResultCode):
        refuse(reading)
    signed, transaction = reading
    require(transaction.network == staged.network, ResultCode.WRONG_NETWORK)
    require(staged.time <= transaction.valid_until, ResultCode.TOO_LATE)
    author_keys = _author_keys(staged, transaction)
    endorser_keys = _endorser_keys(staged, transaction)
    is_open = transaction.endorser is None and _stands_open(staged, transaction)
    signatures = _signatures(signed, author_keys, endorser_keys)
    known = signatures.verified in verified
    require(known or signatures.hold(), ResultCode.SIGNATURE_INVALID)
    _check_sequence(staged, transaction, pending)
    return Admission(
        transaction,
        signatures.transaction_id,
        frozenset(author_keys),
        transaction.endorser is not None,
        is_open,
        signatures.verified,
    )


def signatures_ahead(staged: StagedState, readings: Iterable[Reading]) -> Iterator[Signatures]:
    """Yield signatures of a block's transactions with the keys that stand before the block.

    Only for verifying them sooner: where the block changes a key, admission has another one.
    """
    for reading in readings:
        if isinstance(reading, ResultCode):
            continue
        signed, transaction = reading
        if transaction.network != staged.network or staged.time > transaction.valid_until:
            continue
        try:
            author_keys = _author_keys(staged, transaction)
            endorser_keys = _endorser_keys(staged, transaction)
            yield _signatures(signed, author_keys, endorser_keys)
        except InvalidTransactionError:
            continue


def read_transaction(raw: bytes) -> Reading:
    """Return what a transaction's bytes say, or the code that refuses them."""
    if len(raw) > limits.TRANSACTION_BYTES:
        return ResultCode.TOO_LARGE
    try:
        return _remembered(raw)
    except MalformedError:
        return ResultCode.MALFORMED


def _read(raw: bytes) -> tuple[SignedTransaction, Transaction]:
    signed = decode_signed(raw)
    return signed, decode_payload(signed.payload)


# A function of its bytes, remembered: the filter before a block reads what the block reads again.
_remembered = RememberedByBytes(_read, most_bytes=_REMEMBERED_BYTES)


# --- Keys ----------------------------------------------------------------------------------------


def _author_keys(staged: StagedState, transaction: Transaction) -> list[bytes]:
    """Return the raw keys that the author's key ids name, in their order."""
    first = transaction.operations[0]
    record = staged.read(DidRecord, transaction.author.encode())
    if record is None:
        require(isinstance(first, CreateDid), ResultCode.AUTHOR_UNKNOWN)
        return _inception_keys(transaction)
    require(record.deactivated_at is None, ResultCode.AUTHOR_DEACTIVATED)
    return [_author_key(record, first, key_id) for key_id in transaction.author_keys]


def _inception_keys(transaction: Transaction) -> list[bytes]:
    inception = transaction.operations[0].inception  # type: ignore[union-attr]  # a CreateDid
    try:
        derived = weid_did(inception)
    except MalformedError:
        refuse(ResultCode.AUTHOR_NOT_DERIVED)
    fits = transaction.author == derived and inception.network == transaction.network
    require(fits, ResultCode.AUTHOR_NOT_DERIVED)
    numbers = [_number(key_id, "control") for key_id in transaction.author_keys]
    return [_numbered(inception.controllers, number) for number in numbers]


def _author_key(record: DidRecord, first: Operation, key_id: str) -> bytes:
    if type(first) in _BY_RECOVERY_KEY and (number := _number(key_id, "recovery")):
        return _numbered(record.recovery_keys, number)
    if isinstance(first, RotateControllers) and (number := _number(key_id, "next")):
        # Only who opens the commitment may speak as a committed key, or anybody could burn
        # the author's sequence numbers.
        require(opens_commitment(record, first), ResultCode.KEY_UNKNOWN)
        return _numbered(first.controllers, number)
    return _registered(record, key_id)


def _number(key_id: str, word: str) -> int:
    match = _NUMBERED.match(key_id)
    return int(match[2]) if match is not None and match[1] == word else 0


def _numbered(keys: tuple[bytes, ...], number: int) -> bytes:
    require(1 <= number <= len(keys), ResultCode.KEY_UNKNOWN)
    return keys[number - 1]


def _registered(record: DidRecord, key_id: str) -> bytes:
    for key in record.keys:
        if key.id == key_id:
            break
    else:
        refuse(ResultCode.KEY_UNKNOWN)
    require(in_force(key), ResultCode.KEY_NOT_IN_FORCE)
    raw = transaction_key(key)
    if raw is None:
        refuse(ResultCode.KEY_NOT_AUTHORISED)
    return raw


def _endorser_keys(staged: StagedState, transaction: Transaction) -> list[bytes]:
    if transaction.endorser is None:
        return []
    identity = transaction.endorser.encode()
    roles = staged.read(RoleRecord, identity)
    held = () if roles is None else roles.roles
    entitled = Role.REGISTRAR in held or Role.GOVERNOR in held
    record = staged.read(DidRecord, identity)
    active = record is not None and record.deactivated_at is None
    if record is None or not (active and entitled) or transaction.endorser == transaction.author:
        refuse(ResultCode.ENDORSER_NOT_AUTHORISED)
    return [_registered(record, key_id) for key_id in transaction.endorser_keys]


# --- Standing ------------------------------------------------------------------------------------


def _stands_open(staged: StagedState, transaction: Transaction) -> bool:
    """Return whether an author without endorser enters on the open budget, or refuse it."""
    roles = staged.read(RoleRecord, transaction.author.encode())
    if roles is not None and roles.roles:
        return False
    only_open = all(type(operation) in OPEN_OPERATIONS for operation in transaction.operations)
    require(staged.parameter(OPEN_DID_CREATION) == 1 and only_open, ResultCode.ENDORSEMENT_REQUIRED)
    today = staged.counter(OPEN_DID, staged.time // SECONDS_A_DAY)
    within = today < staged.parameter(OPEN_DID_PER_DAY) and staged.opened < staged.parameter(
        OPEN_DID_PER_BLOCK
    )
    require(within, ResultCode.BUDGET_SPENT)
    return True


# --- Signatures and sequence ---------------------------------------------------------------------


def _signatures(
    signed: SignedTransaction, author_keys: list[bytes], endorser_keys: list[bytes]
) -> Signatures:
    """Return a transaction's signatures, as many as there are keys."""
    fits = len(signed.author_signatures) == len(author_keys) and len(
        signed.endorser_signatures
    ) == len(endorser_keys)
    require(fits, ResultCode.SIGNATURE_INVALID)
    keys = (*author_keys, *endorser_keys)
    small = len(signed.payload) <= _SIGNED_BYTES
    return _remembered_signatures(signed, keys) if small else _put_together(signed, keys)


def _put_together(signed: SignedTransaction, keys: tuple[bytes, ...]) -> Signatures:
    identity = transaction_id(signed.payload)
    signatures = (*signed.author_signatures, *signed.endorser_signatures)
    digest = hashlib.sha256(identity + b"".join(keys) + b"".join(signatures)).digest()
    return Signatures(identity, digest, keys, signatures, signing_message(signed.payload))


# The filter, the verifying ahead and the block itself ask for the same ones.
_remembered_signatures = lru_cache(maxsize=16_384)(_put_together)


@lru_cache(maxsize=4096)
def _public_key(raw: bytes) -> PublicKey:
    return PublicKey(KeyKind.ED25519, raw)


def _check_sequence(staged: StagedState, transaction: Transaction, pending: int) -> None:
    following = _next_sequence(staged, transaction)
    require(transaction.sequence >= following, ResultCode.SEQUENCE_USED)
    require(transaction.sequence <= following + pending, ResultCode.SEQUENCE_NOT_NEXT)


def _next_sequence(staged: StagedState, transaction: Transaction) -> int:
    account = staged.read(AccountRecord, transaction.author.encode())
    return 0 if account is None else account.next_sequence
