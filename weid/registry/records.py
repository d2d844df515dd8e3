"""What the registry answers: records, receipts and heads, as frozen values.

Meaning only; bytes are in `weid.registry.wire`, proofs in `weid.registry.proofs`. Records are
never deleted: an end is a field, and each record holds the height and block time of its version
and the hash of the version before it, so that history is provable from today's record.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from weid.registry.node_operations import ConsensusEngine, NodeRole
from weid.registry.operations import GovernedAction, KeyPurpose, NewService, Role


@dataclass(frozen=True, slots=True)
class Version:
    """Where a version of a record stands: number from 1, block height and time, and the past.

    `previous` is the SHA-256 of the bytes of the version before, empty for the first.
    """

    number: int
    height: int
    time: int
    previous: bytes = b""


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key of a DID with its window (block times, seconds) and, if marked, its compromise."""

    id: str
    multikey: bytes
    purposes: tuple[KeyPurpose, ...]
    valid_from: int
    retired_at: int | None = None
    compromised_since: int | None = None


@dataclass(frozen=True, slots=True)
class DidRecord:
    """A DID as the registry holds it; the DID document is a pure rendering of this."""

    did: str
    controllers: tuple[bytes, ...]
    threshold: int
    next_keys: bytes
    recovery_keys: tuple[bytes, ...]
    keys: tuple[RegisteredKey, ...]
    services: tuple[NewService, ...]
    created: int
    deactivated_at: int | None
    version: Version


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """The next sequence number of an author; a sequence is burnt once and never comes back."""

    did: str
    next_sequence: int


@dataclass(frozen=True, slots=True)
class OrganisationRecord:
    """The display name of a DID, as a registrar or governance confirmed it."""

    did: str
    name: str
    version: Version


@dataclass(frozen=True, slots=True)
class RoleRecord:
    """The roles of a DID, in ascending order."""

    did: str
    roles: tuple[Role, ...]
    version: Version


@dataclass(frozen=True, slots=True)
class TemplateRecord:
    """One version of a credential template; `digest` is the SHA-256 of its JSON bytes."""

    cpt_id: str
    template_version: int
    publisher: str
    digest: bytes
    deactivated_at: int | None
    version: Version


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """One version of a presentation policy, with its JSON bytes."""

    policy_id: str
    policy_version: int
    publisher: str
    document: bytes
    withdrawn_at: int | None
    version: Version


@dataclass(frozen=True, slots=True)
class StatusListRecord:
    """The current state of a status list and, for a short grace, the one before.

    `digest` is `status_list_digest(bits, size, raw bytes)`; `superseded` the digest that it
    replaced (empty for the first), at block time `version.time`.
    """

    uri: str
    issuer: str
    cpt_id: str
    bits: int
    size: int
    sequence: int
    digest: bytes
    superseded: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class EvidenceNote:
    """What a signer said of a digest, at a block time (seconds); the text may be empty."""

    text: str
    time: int


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """A digest as one signer anchored it, with its notes in order; `first`: nobody did before."""

    digest: bytes
    signer: str
    first: bool
    notes: tuple[EvidenceNote, ...]
    version: Version


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A Merkle root of a batch as its author anchored it; others may anchor the same."""

    root: bytes
    author: str
    count: int
    purpose: str
    version: Version


@dataclass(frozen=True, slots=True)
class RecognitionRecord:
    """An issuer's recognition for a template.

    `recognized_by` is the accreditor's DID, or empty for governance. After an end,
    `ended_at` is its block time, `compromised_since` the date from which nothing counts, and
    `ended_by_governance` whether an accreditor may not reopen it. `given_at` is the block time
    at which this window was given.

    What earlier windows left behind, carried on by every later one (clauses OP-16, ST-16):
    `not_before` is the end of the last compromise, which no window reaches back over, and
    `before` the SHA-256 of the version that stood then and stands for the time before it.
    `compromised_before` is the earliest date from which any of the earlier windows was
    compromised: what was given by this DID from then to `not_before` has to be given again.
    Without an earlier compromise they are None, empty and None.
    """

    issuer: str
    cpt_id: str
    recognized_by: str
    valid_from: int
    valid_until: int | None
    ended_at: int | None
    compromised_since: int | None
    ended_by_governance: bool
    given_at: int
    not_before: int | None
    compromised_before: int | None
    before: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class AccreditationRecord:
    """A DID's accreditation to recognize issuers of a template; see `RecognitionRecord`."""

    accreditor: str
    cpt_id: str
    accredited_by: str
    may_accredit: bool
    valid_from: int
    valid_until: int | None
    ended_at: int | None
    compromised_since: int | None
    ended_by_governance: bool
    given_at: int
    not_before: int | None
    compromised_before: int | None
    before: bytes
    version: Version


TrustRecordT = TypeVar("TrustRecordT", RecognitionRecord, AccreditationRecord)
"""Who may: a recognition or an accreditation."""


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A governance proposal; `executed_at` is the block time at which it was carried out."""

    proposal_id: bytes
    proposer: str
    action: GovernedAction
    reason: str
    approvals: tuple[str, ...]
    threshold: int
    expires: int
    executed_at: int | None
    version: Version


@dataclass(frozen=True, slots=True)
class ParameterRecord:
    """A chain parameter."""

    name: str
    value: int
    version: Version


class NodeStatus(StrEnum):
    """Whether a node belongs to the network now."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node of the network; see `weid.registry.node_operations` for ids and keys.

    `validator_key` is empty for a node that has none, `power` 0 for one that is no validator.
    `misbehaved_at` is the block time at which a fault of its was first proved. `replaced_by` is
    the node id under which a removed node goes on, empty without one.
    """

    node_id: bytes
    role: NodeRole
    name: str
    operator: str
    validator_key: bytes
    power: int
    status: NodeStatus
    misbehaved_at: int | None
    replaced_by: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class ValidatorKeyRecord:
    """Whose a validator key is, by the address (20 bytes) that commits and evidence name.

    `node_id` is that of the node when the key entered; the record never changes.
    """

    address: bytes
    public_key: bytes
    node_id: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class ActivationRecord:
    """Which version of the rules was scheduled last, and the height from which it judges."""

    rules_version: int
    height: int
    version: Version

    def is_pending(self, height: int) -> bool:
        """Return whether the version does not judge the block at a height yet."""
        return self.height > height


@dataclass(frozen=True, slots=True)
class HandoverRecord:
    """At which height the chain was handed over, to which engine and to which validators.

    `validators_hash` is the hash of the validator set in CometBFT's format.
    """

    height: int
    engine: ConsensusEngine
    validators_hash: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """A provably complete list: its count and the root of its own sparse Merkle tree."""

    list_id: str
    count: int
    root: bytes


@dataclass(frozen=True, slots=True)
class CounterRecord:
    """A number that the rules keep: `value` counts within `period` (such as a day since 1970).

    `governors` (period 0) is how many DIDs govern now; `open_did` how many transactions entered
    today without role and endorser; `validators` (period 0) how many active nodes are validators.
    """

    name: str
    period: int
    value: int


Record: TypeAlias = (
    DidRecord
    | AccountRecord
    | OrganisationRecord
    | RoleRecord
    | TemplateRecord
    | PolicyRecord
    | StatusListRecord
    | EvidenceRecord
    | BatchRecord
    | RecognitionRecord
    | AccreditationRecord
    | ProposalRecord
    | ParameterRecord
    | NodeRecord
    | ValidatorKeyRecord
    | ActivationRecord
    | HandoverRecord
    | IndexRecord
    | CounterRecord
)

NAMESPACES: Final[dict[str, type[Record]]] = {
    "did": DidRecord,
    "account": AccountRecord,
    "organisation": OrganisationRecord,
    "role": RoleRecord,
    "template": TemplateRecord,
    "policy": PolicyRecord,
    "status": StatusListRecord,
    "evidence": EvidenceRecord,
    "batch": BatchRecord,
    "recognition": RecognitionRecord,
    "accreditation": AccreditationRecord,
    "proposal": ProposalRecord,
    "parameter": ParameterRecord,
    "node": NodeRecord,
    "validator": ValidatorKeyRecord,
    "activation": ActivationRecord,
    "handover": HandoverRecord,
    "index": IndexRecord,
    "counter": CounterRecord,
}
"""Namespace of the state tree → the record kind that lives there."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction: `code` 0 is done, any other says which rule refused.

    `data` is what the rule returned (for example a proposal id); `position` is the transaction's
    place in the operation log, from 0.
    """

    transaction_id: bytes
    height: int
    position: int
    code: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block that the reader trusts.

    `app_hash` is the root of the state that this block's header carries; `time` its header time.
    """

    height: int
    time: int
    app_hash: bytes
    block_hash: bytes
