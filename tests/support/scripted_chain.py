"""A chain driven by hand: real state machine and signatures, blocks on demand, no storage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from registry_chain.state_machine.block import (
    BlockInput,
    BlockOutcome,
    Misbehaviour,
    TransactionResult,
)
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.genesis_nodes import GenesisNode
from registry_chain.state_machine.memory_state import MemoryState
from registry_chain.state_machine.rules.table import RULES
from registry_chain.state_machine.transition import RuleTable, apply_block, apply_genesis
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.did.syntax import weid_did
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    Approve,
    CreateDid,
    GovernedAction,
    Inception,
    Operation,
    Propose,
)
from weid.registry.records import AccountRecord, Record
from weid.registry.signing import sign_transaction
from weid.registry.state_keys import NAMESPACE_OF, state_key
from weid.registry.transaction import SignedTransaction, Transaction, proposal_id
from weid.registry.wire import decode_record, encode_signed

NETWORK = "demo"
START = 1_750_000_000
_R = TypeVar("_R", bound=Record)


def signer(name: str, kind: KeyKind = KeyKind.ED25519) -> InMemorySigner:
    """Return the same signer for the same name, always."""
    seed = hashlib.sha256(b"synthetic key " + name.encode()).digest()
    return InMemorySigner(PrivateKey.from_seed(seed, kind))


def raw_key(name: str) -> bytes:
    """Return the raw Ed25519 public key of a named signer."""
    return signer(name).public_key.raw


@dataclass
class Person:
    """A DID in the making: its inception and who signs for it."""

    name: str
    inception: Inception
    signers: dict[str, InMemorySigner] = field(default_factory=dict)

    @property
    def did(self) -> str:
        return weid_did(self.inception)


def person(
    name: str,
    *,
    controllers: int = 1,
    threshold: int = 1,
    next_keys: bytes = b"",
    recovery: Sequence[str] = (),
    network: str = NETWORK,
) -> Person:
    """Return a person whose keys are derived from the name."""
    held = sorted(
        (signer(f"{name} {number}") for number in range(controllers)),
        key=lambda one: one.public_key.raw,
    )
    inception = Inception(
        network,
        tuple(one.public_key.raw for one in held),
        threshold,
        next_keys,
        tuple(raw_key(key) for key in recovery),
        hashlib.sha256(name.encode()).digest()[:16],
    )
    signers = {f"control-{number}": one for number, one in enumerate(held, 1)}
    signers |= {f"recovery-{number}": signer(key) for number, key in enumerate(recovery, 1)}
    return Person(name, inception, signers)


class ScriptedChain:
    """A chain with some governors; each `send` is a block of its own unless it is collected."""

    def __init__(
        self,
        governors: int = 1,
        *,
        parameters: dict[str, int] | None = None,
        time: int = START,
        nodes: Sequence[GenesisNode] = (),
        rules: Mapping[int, RuleTable] = RULES,
    ) -> None:
        self.governors = [person(f"governor {number}") for number in range(governors)]
        self.genesis = Genesis(
            network=NETWORK,
            chain_id="demo-1",
            genesis_time=time,
            governors=tuple(GenesisGovernor(one.inception, one.name) for one in self.governors),
            validators=tuple(
                GenesisValidator(node.validator_key, node.power) for node in nodes if node.power
            )
            or (GenesisValidator(raw_key("validator"), 10),),
            parameters=parameters or {},
            nodes=tuple(nodes),
        )
        self.founding = apply_genesis(self.genesis)
        self.state = MemoryState(self.founding)
        self.time = time
        self.rules = rules
        self.blocks: list[BlockInput] = []
        self.outcomes: list[BlockOutcome] = []
        self._ahead: dict[str, int] = {}

    @property
    def governor(self) -> Person:
        return self.governors[0]

    def next_sequence(self, did: str) -> int:
        account = self.read(AccountRecord, did)
        return 0 if account is None else account.next_sequence

    def read(self, kind: type[_R], identity: str | bytes) -> _R | None:
        key = identity.encode() if isinstance(identity, str) else identity
        raw = self.state.get(state_key(NAMESPACE_OF[kind], key))
        record = None if raw is None else decode_record(NAMESPACE_OF[kind], raw)
        assert record is None or isinstance(record, kind)
        return record

    def get(self, kind: type[_R], identity: str | bytes) -> _R:
        record = self.read(kind, identity)
        assert record is not None
        return record

    def sign(
        self,
        author: Person,
        *operations: Operation,
        keys: Sequence[str] = ("control-1",),
        signers: dict[str, InMemorySigner] | None = None,
        endorser: Person | None = None,
        sequence: int | None = None,
        valid_until: int | None = None,
        network: str = NETWORK,
    ) -> SignedTransaction:
        transaction = Transaction(
            network,
            author.did,
            tuple(keys),
            self.next_sequence(author.did) if sequence is None else sequence,
            self.time + 600 if valid_until is None else valid_until,
            operations,
            None if endorser is None else endorser.did,
            () if endorser is None else ("control-1",),
        )
        return sign_transaction(
            transaction,
            {**author.signers, **(signers or {})},
            None if endorser is None else endorser.signers,
        )

    def block(
        self,
        *signed: SignedTransaction | bytes,
        after: int = 1,
        misbehaviour: Sequence[Misbehaviour] = (),
    ) -> BlockOutcome:
        """Apply a block `after` seconds later and take over what it changes."""
        self.time += after
        raw = tuple(one if isinstance(one, bytes) else encode_signed(one) for one in signed)
        height = self.state.summary.height + 1
        block = BlockInput(height, self.time, raw, tuple(misbehaviour))
        outcome = apply_block(self.state, block, rules=self.rules)
        self.state.write(outcome)
        self.blocks.append(block)
        self.outcomes.append(outcome)
        return outcome

    def send(self, author: Person, *operations: Operation, **options: object) -> TransactionResult:
        """Sign, apply in a block of its own, and return the result."""
        outcome = self.block(self.sign(author, *operations, **options))  # type: ignore[arg-type]
        return outcome.results[0]

    def do(self, author: Person, *operations: Operation, **options: object) -> TransactionResult:
        """Send what must succeed."""
        result = self.send(author, *operations, **options)
        assert result.code == ResultCode.OK, result.code.name
        return result

    def govern(self, action: GovernedAction, *, approvers: int = 1) -> bytes:
        """Carry out an action by proposal and as many approvals as said."""
        proposal = self.sign(self.governor, Propose(action, self.time + 1000))
        assert self.block(proposal).results[0].code == ResultCode.OK
        identity = proposal_id(proposal.id, 0)
        for other in self.governors[1:approvers]:
            self.do(other, Approve(identity))
        return identity

    def register(self, name: str, **options: object) -> Person:
        """Create a DID with the first governor's endorsement."""
        one = person(name, **options)  # type: ignore[arg-type]
        keys = [key for key in one.signers if key.startswith("control")]
        self.do(one, CreateDid(one.inception), keys=keys, endorser=self.governor)
        return one
