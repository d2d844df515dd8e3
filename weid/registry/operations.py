"""What a transaction may ask of the registry: every operation kind as a frozen value.

Values and their meaning only: the rules that judge them are in registry_chain.state_machine, their
bytes in `weid.registry.wire`. A number in `KINDS` never changes meaning and is never used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    HandOver,
    NodeAction,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy


class Role(StrEnum):
    """A permission that governance grants to a DID."""

    GOVERNOR = "governor"
    """Proposes and approves; counted for the threshold."""
    REGISTRAR = "registrar"
    """Endorses transactions of authors who have no role."""
    ISSUER = "issuer"
    """Publishes templates and evidence without an endorser."""


class KeyPurpose(StrEnum):
    """What a key of a DID is for: the verification relationships of DID Core 1.0 clause 5.3."""

    AUTHENTICATION = "authentication"
    ASSERTION = "assertionMethod"
    KEY_AGREEMENT = "keyAgreement"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that enters a DID document.

    `id` is the fragment without '#'; `multikey` the multicodec prefix and the raw public key;
    `proof` the key's own signature over `transaction.possession_message(did, multikey)`, empty
    for a key that cannot sign (X25519) and for a controlling key that signs the transaction.
    """

    id: str
    multikey: bytes
    purposes: tuple[KeyPurpose, ...]
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class NewService:
    """A service endpoint (DID Core 1.0 clause 5.4); the endpoint is https and never fetched."""

    id: str
    type: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Inception:
    """What a did:weid identifier is derived from (specs/did-method-weid.md, clause DW-04).

    `controllers` are raw Ed25519 public keys (32 bytes) in ascending order, of which `threshold`
    must sign to change the DID. `next_keys` is the SHA-256 commitment to the next controllers
    (32 bytes) or empty; `recovery_keys` are raw Ed25519 public keys; `salt` is 16 random bytes.
    """

    network: str
    controllers: tuple[bytes, ...]
    threshold: int
    next_keys: bytes
    recovery_keys: tuple[bytes, ...]
    salt: bytes


# --- DIDs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateDid:
    """Register a DID; its author is the DID that the inception derives.

    Controlling keys enter the document as `control-1`, `control-2` … with purpose authentication;
    `keys` are further keys (for example one to sign credentials).
    """

    inception: Inception
    keys: tuple[NewKey, ...] = ()
    services: tuple[NewService, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateDid:
    """Add keys, retire keys (by id) and replace services; None leaves the services."""

    did: str
    expected_version: int
    add_keys: tuple[NewKey, ...] = ()
    retire_keys: tuple[str, ...] = ()
    services: tuple[NewService, ...] | None = None


@dataclass(frozen=True, slots=True)
class RotateControllers:
    """Replace the controlling keys.

    Where the record holds a commitment, `controllers` must be what it commits to and the
    transaction is signed by them; otherwise the present controllers sign and each new one proves
    possession in `proofs` (same order).
    """

    did: str
    expected_version: int
    controllers: tuple[bytes, ...]
    threshold: int
    next_keys: bytes
    proofs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class RecoverDid:
    """Take a DID back with a recovery key, which signs the transaction as `recovery-N`."""

    did: str
    expected_version: int
    controllers: tuple[bytes, ...]
    threshold: int
    next_keys: bytes
    recovery_keys: tuple[bytes, ...]
    proofs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class DeactivateDid:
    """End a DID for ever; its history stays."""

    did: str
    expected_version: int


@dataclass(frozen=True, slots=True)
class MarkKeyCompromised:
    """State that signatures of a key since `since` (seconds) may be another's.

    By the DID's controllers or recovery key, or by governance.
    """

    did: str
    key_id: str
    since: int


@dataclass(frozen=True, slots=True)
class NameOrganisation:
    """Give a DID the display name that people see; endorsed by a registrar or by governance."""

    did: str
    name: str


# --- Credential templates ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublishTemplate:
    """Publish one immutable version of a credential template (CPT).

    `document` is the template's JSON, byte for byte; the state keeps its SHA-256.
    Versions count from 1 without a gap; the first publisher of a `cpt_id` owns it.
    """

    cpt_id: str
    version: int
    document: bytes


@dataclass(frozen=True, slots=True)
class DeactivateTemplate:
    """Stop issuing under a template version; what was issued stays verifiable."""

    cpt_id: str
    version: int


# --- Status lists and anchors --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublishStatusList:
    """Record the digest of a status list of the author's; `sequence` rises by one."""

    uri: str
    cpt_id: str
    bits: int
    size: int
    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class AnchorEvidence:
    """Anchor a salted digest with the author as signer, or add a note of the author's to it."""

    digest: bytes
    note: str = ""


@dataclass(frozen=True, slots=True)
class AnchorBatch:
    """Anchor the Merkle root of a batch of `count` leaves (issuance or evidence)."""

    root: bytes
    count: int
    purpose: str = "issuance"


# --- Trust: recognition and accreditation ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecognizeIssuer:
    """List an issuer for a template, by governance or by an accreditor within its scope."""

    did: str
    cpt_id: str
    valid_from: int
    valid_until: int | None = None


@dataclass(frozen=True, slots=True)
class DerecognizeIssuer:
    """Take an issuer off the list; `compromised_since` refuses what it signed from then on."""

    did: str
    cpt_id: str
    compromised_since: int | None = None


@dataclass(frozen=True, slots=True)
class Accredit:
    """Let a DID recognize issuers (and, with `may_accredit`, accreditors) for a template."""

    did: str
    cpt_id: str
    valid_from: int
    valid_until: int | None = None
    may_accredit: bool = False


@dataclass(frozen=True, slots=True)
class EndAccreditation:
    """End an accreditation; a compromise cascades to what was recognized below it."""

    did: str
    cpt_id: str
    compromised_since: int | None = None


# --- Governance ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GrantRole:
    """Give a DID a role."""

    did: str
    role: Role


@dataclass(frozen=True, slots=True)
class RevokeRole:
    """Take a role from a DID; the last governor and the threshold are protected."""

    did: str
    role: Role


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Set a chain parameter, such as `governance_threshold` or `max_time_lag`."""

    name: str
    value: int


GovernedAction: TypeAlias = (
    RecognizeIssuer
    | DerecognizeIssuer
    | Accredit
    | EndAccreditation
    | GrantRole
    | RevokeRole
    | SetParameter
    | DeactivateDid
    | MarkKeyCompromised
    | NameOrganisation
    | DeactivateTemplate
    | WithdrawPolicy
    | NodeAction
)
"""What a proposal may carry out."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Propose an action; the proposer's approval counts, and at the threshold it is done.

    Its id is `transaction.proposal_id(transaction id, position of this operation)`.
    """

    action: GovernedAction
    expires: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve an open proposal; one vote for each governor."""

    proposal_id: bytes


Operation: TypeAlias = (
    CreateDid
    | UpdateDid
    | RotateControllers
    | RecoverDid
    | DeactivateDid
    | MarkKeyCompromised
    | NameOrganisation
    | PublishTemplate
    | DeactivateTemplate
    | PublishPolicy
    | WithdrawPolicy
    | PublishStatusList
    | AnchorEvidence
    | AnchorBatch
    | RecognizeIssuer
    | DerecognizeIssuer
    | Accredit
    | EndAccreditation
    | GrantRole
    | RevokeRole
    | SetParameter
    | Propose
    | Approve
    | NodeAction
)

KINDS: Final[dict[int, type[Operation]]] = {
    1: CreateDid,
    2: UpdateDid,
    3: RotateControllers,
    4: RecoverDid,
    5: DeactivateDid,
    6: MarkKeyCompromised,
    7: NameOrganisation,
    10: PublishTemplate,
    11: DeactivateTemplate,
    12: PublishPolicy,
    13: WithdrawPolicy,
    20: PublishStatusList,
    30: AnchorEvidence,
    31: AnchorBatch,
    40: RecognizeIssuer,
    41: DerecognizeIssuer,
    42: Accredit,
    43: EndAccreditation,
    50: GrantRole,
    51: RevokeRole,
    52: SetParameter,
    60: Propose,
    61: Approve,
    70: AdmitNode,
    71: ChangeNode,
    72: SuspendNode,
    73: ReinstateNode,
    74: RemoveNode,
    75: RotateNodeKeys,
    76: AssignOperator,
    80: ScheduleRules,
    81: HandOver,
}
