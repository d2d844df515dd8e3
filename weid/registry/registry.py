"""The registry as everybody else sees it: two protocols, one to read and one to write.

Implementations: `registry_chain.LocalRegistry` (a registry in this process), `HttpRegistry`
(a node's API, every answer proved), `TrustBundle` (a file, offline), `PlainRegistry` (values in
memory). Whatever they return is proved or local: nothing unproved passes this line. None means
"there is provably no such record".
"""

from __future__ import annotations

from typing import Protocol

from weid.registry.records import (
    AccreditationRecord,
    ActivationRecord,
    BatchRecord,
    DidRecord,
    EvidenceRecord,
    HandoverRecord,
    Head,
    NodeRecord,
    OrganisationRecord,
    ParameterRecord,
    PolicyRecord,
    ProposalRecord,
    Receipt,
    RecognitionRecord,
    RoleRecord,
    StatusListRecord,
    TemplateRecord,
    TrustRecordT,
)
from weid.registry.transaction import SignedTransaction


class RegistryReader(Protocol):
    """Answers from one registry network.

    Every method may raise `RegistryUnavailableError` (no answer now) or `ProofError` (an answer
    that does not prove itself).
    """

    @property
    def network(self) -> str:
        """The network's name, the first part of its DIDs."""
        ...

    @property
    def genesis_hash(self) -> bytes:
        """SHA-256 of the genesis document: which registry this is, beyond its name."""
        ...

    def head(self) -> Head:
        """Return the newest trusted head; the answers below are of this head or a newer one."""
        ...

    def did(
        self, did: str, *, version: int | None = None, at_time: int | None = None
    ) -> DidRecord | None:
        """Return a DID's record: the current one, or a version, or the one in force at a time."""
        ...

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed display name of a DID."""
        ...

    def roles(self, did: str) -> RoleRecord | None:
        """Return the roles of a DID."""
        ...

    def template(self, cpt_id: str, version: int) -> TemplateRecord | None:
        """Return the record of one template version."""
        ...

    def template_document(self, record: TemplateRecord) -> bytes:
        """Return a template's JSON bytes, whose digest is the record's.

        Raises:
            NotFoundError: the bytes are not kept here.
        """
        ...

    def policy(self, policy_id: str, version: int) -> PolicyRecord | None:
        """Return the record of one version of a presentation policy, with its document."""
        ...

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        """Return an issuer's recognition for a template."""
        ...

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        """Return a DID's accreditation for a template."""
        ...

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return what stood when a record's last compromise ended, None without one (ST-16)."""
        ...

    def status_list(self, issuer: str, uri: str) -> StatusListRecord | None:
        """Return the record of an issuer's status list."""
        ...

    def evidence(self, digest: bytes) -> tuple[EvidenceRecord, ...]:
        """Return what each signer anchored of a digest, complete, the first first, then by DID.

        Anyone may sign, so that this can be long; ask `evidence_by` for a signer whom you know.
        """
        ...

    def evidence_by(self, signer: str, digest: bytes) -> EvidenceRecord | None:
        """Return the record of a digest as one DID anchored it."""
        ...

    def batch(self, author: str, root: bytes) -> BatchRecord | None:
        """Return the record of a batch root as one DID anchored it."""
        ...

    def proposal(self, proposal_id: bytes) -> ProposalRecord | None:
        """Return a governance proposal."""
        ...

    def parameter(self, name: str) -> ParameterRecord | None:
        """Return a chain parameter."""
        ...

    def templates(self) -> tuple[TemplateRecord, ...]:
        """Return every template version, complete, ordered by id and version."""
        ...

    def policies(self) -> tuple[PolicyRecord, ...]:
        """Return every policy version, complete, ordered by id and version."""
        ...

    def recognized_issuers(self, cpt_id: str) -> tuple[RecognitionRecord, ...]:
        """Return every recognition ever given for a template, complete, ordered by issuer."""
        ...

    def status_lists(self, issuer: str) -> tuple[StatusListRecord, ...]:
        """Return every status list of an issuer, complete, ordered by URI."""
        ...

    def role_holders(self) -> tuple[RoleRecord, ...]:
        """Return every DID that has or had a role, complete, ordered by DID."""
        ...

    def node(self, node_id: bytes) -> NodeRecord | None:
        """Return the record of a node of the network, by its node id (20 bytes)."""
        ...

    def nodes(self) -> tuple[NodeRecord, ...]:
        """Return every node that is or was in the network, complete, ordered by node id."""
        ...

    def pending_rules(self) -> ActivationRecord | None:
        """Return the version of the rules that is scheduled and not in force yet."""
        ...

    def handover(self) -> HandoverRecord | None:
        """Return when the chain was handed over to another engine."""
        ...

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """Return what became of a transaction, or None while it is not in the log."""
        ...


class RegistryWriter(Protocol):
    """Takes transactions into one registry network."""

    def next_sequence(self, did: str) -> int:
        """Return the sequence number that the author's next transaction must carry."""
        ...

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """Submit a transaction and return its receipt once it is durable.

        Safe to repeat: the same transaction id gives the same receipt.

        Raises:
            TransactionRejectedError: refused, with the result code.
            RegistryUnavailableError: nothing can be said; submit the same transaction again.
        """
        ...


class Registry(RegistryReader, RegistryWriter, Protocol):
    """A registry that is read and written."""
