"""The transition: a committed state and a block give an outcome. It reads like its contents.

    apply_genesis    the state before the first block
    apply_block      check the block · rules and faults · each transaction · seal
    apply_transaction  admit · burn the sequence · carry out whole or not at all · receipt
    carry_out        permission · rule · event

`apply_block` alters nothing that it is given. A bad transaction is a result, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final, TypeAlias

from registry_chain.state_machine.admission import (
    OPEN_DID,
    SECONDS_A_DAY,
    Admission,
    Reading,
    Signatures,
    admit,
    read_transaction,
    signatures_ahead,
)
from registry_chain.state_machine.block import BlockInput, BlockOutcome, TransactionResult
from registry_chain.state_machine.block_frame import (
    mark_misbehaviour,
    record_rules,
    rules_in_force,
    settle_handover,
)
from registry_chain.state_machine.context import Context, Rule
from registry_chain.state_machine.errors import (
    InvalidBlockError,
    InvalidTransactionError,
    refuse,
    require,
)
from registry_chain.state_machine.events import event_of
from registry_chain.state_machine.expected import expected_records
from registry_chain.state_machine.founding import apply_genesis
from registry_chain.state_machine.parameters import (
    MAX_AUTHOR_TRANSACTIONS,
    MAX_BLOCK_BYTES,
    MAX_BLOCK_TRANSACTIONS,
)
from registry_chain.state_machine.permissions import require_permission
from registry_chain.state_machine.rules.table import RULES
from registry_chain.state_machine.sealing import seal
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.state import CommittedState
from weid.cbor import cbor_encode
from weid.registry.codes import ResultCode
from weid.registry.operations import Operation
from weid.registry.records import AccountRecord, Receipt
from weid.registry.transaction import transaction_id

__all__ = ["apply_block", "apply_genesis", "check_block"]

_POSITION_BYTES: Final = 2

RuleTable: TypeAlias = Mapping[type[Operation], Rule]
"""Operation → rule: one version of the rules."""
VerifyAhead: TypeAlias = Callable[[Iterable[Signatures]], Container[bytes]]
"""Signatures → `verified` of those that hold; what it leaves out is verified in its turn."""


def apply_block(
    state: CommittedState,
    block: BlockInput,
    *,
    verified: Container[bytes] = frozenset(),
    verify_ahead: VerifyAhead | None = None,
    rules: Mapping[int, RuleTable] = RULES,
) -> BlockOutcome:
    """Return what a block makes of a state.

    `verified` holds `Check.verified` of transactions whose signatures were verified before;
    `verify_ahead` may verify those of the block at once, and says which hold; `rules` are the
    versions of the rules that this software has.

    Raises:
        InvalidBlockError: the block's height or time cannot follow on the state.
        RulesUnknownError: the version of the rules that judges this height is not there.
    """
    check_block(state, block)
    staged = StagedState(state, height=block.height, time=block.time)
    version = rules_in_force(staged, rules)
    if block.transactions:
        record_rules(staged, version)
    mark_misbehaviour(staged, block.misbehaviour)
    readings = [read_transaction(raw) for raw in block.transactions]
    staged.expect(expected_records([one[1] for one in readings if isinstance(one, tuple)]))
    if verify_ahead is not None:
        verified = verify_ahead(signatures_ahead(staged, readings))
    block_run = _BlockRun(staged, state.summary.log_size, verified, rules[version])
    results = tuple(
        [
            block_run.apply_transaction(len(raw), reading)
            for raw, reading in zip(block.transactions, readings, strict=True)
        ]
    )
    settle_handover(staged)
    return seal(state, staged, results)


def check_block(state: CommittedState, block: BlockInput) -> None:
    """Require that a block can follow on a state: the next height, and no earlier time.

    Raises:
        InvalidBlockError: it cannot.
    """
    summary = state.summary
    if block.height != summary.height + 1:
        raise InvalidBlockError(f"block {block.height} does not follow on {summary.height}")
    if type(block.time) is not int or block.time < summary.time:
        raise InvalidBlockError(f"the time of block {block.height} is before the last block's")


class _BlockRun:
    """The transactions of one block, in order, with the block's own limits."""

    def __init__(
        self,
        staged: StagedState,
        log_size: int,
        verified: Container[bytes],
        rules: RuleTable,
    ) -> None:
        self._staged = staged
        self._position = log_size
        self._verified = verified
        self._bytes = 0
        self._transactions = 0
        self._by_author: dict[str, int] = {}
        self._rules = rules
        self._max_bytes = staged.parameter(MAX_BLOCK_BYTES)
        self._max_transactions = staged.parameter(MAX_BLOCK_TRANSACTIONS)
        self._max_by_author = staged.parameter(MAX_AUTHOR_TRANSACTIONS)

    def apply_transaction(self, size: int, reading: Reading) -> TransactionResult:
        """Apply one transaction of so many bytes to the staged state and return its result."""
        try:
            self._require_room(size)
            admission = admit(self._staged, reading, verified=self._verified)
            self._require_share(admission.transaction.author)
        except InvalidTransactionError as error:
            return TransactionResult(_identity(reading), error.code)
        self._burn_sequence(admission)
        code, data = self._carry_out_all(admission)
        receipt = Receipt(
            admission.transaction_id, self._staged.height, self._position, int(code), data
        )
        self._position += 1
        return TransactionResult(admission.transaction_id, code, data, receipt)

    def _require_room(self, size: int) -> None:
        self._bytes += size
        self._transactions += 1
        room = self._bytes <= self._max_bytes and self._transactions <= self._max_transactions
        require(room, ResultCode.BLOCK_FULL)

    def _require_share(self, author: str) -> None:
        count = self._by_author.get(author, 0)
        require(count < self._max_by_author, ResultCode.AUTHOR_LIMIT)
        self._by_author[author] = count + 1

    def _burn_sequence(self, admission: Admission) -> None:
        transaction = admission.transaction
        self._staged.write(AccountRecord(transaction.author, transaction.sequence + 1))
        if admission.is_open:
            self._staged.opened += 1
            self._staged.count(OPEN_DID, period=self._staged.time // SECONDS_A_DAY)

    def _carry_out_all(self, admission: Admission) -> tuple[ResultCode, bytes]:
        """Carry out all operations or none; refused: the first code and where it was."""
        staged = self._staged
        staged.begin()
        context = Context(
            staged,
            admission.transaction.author,
            admission.signers,
            endorsed=admission.endorsed,
            transaction_id=admission.transaction_id,
            carry_out=self.carry_out,
        )
        answers: list[bytes] = []
        try:
            for operation in admission.transaction.operations:
                answers.append(self.carry_out(context, operation))
                context.position += 1
        except InvalidTransactionError as error:
            staged.roll_back()
            return error.code, context.position.to_bytes(_POSITION_BYTES, "big")
        return ResultCode.OK, _joined(answers)

    def carry_out(self, context: Context, operation: Operation) -> bytes:
        """Carry out one operation, or an action that a proposal holds."""
        rule = self._rules.get(type(operation))
        if rule is None:
            refuse(ResultCode.NOT_PERMITTED)
        require_permission(context, operation)
        data = rule(context, operation)
        context.staged.events.append(event_of(context, operation))
        return data


def _identity(reading: Reading) -> bytes:
    return b"" if isinstance(reading, ResultCode) else transaction_id(reading[0].payload)


def _joined(answers: list[bytes]) -> bytes:
    if len(answers) == 1:
        return answers[0]
    return cbor_encode(list(answers)) if any(answers) else b""
