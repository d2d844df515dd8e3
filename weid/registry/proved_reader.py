"""ProvedReader: a registry behind a source that is believed in nothing (R40, R41, B26).

Each answer must lead to the app hash of a header that the light client believes, for the very
record that was asked for. "There is none" needs a proof too. What cannot be proved is a
`ProofError`; what cannot be had, or is too old, a `RegistryUnavailableError`.

Rules, by clauses of specs/node-api.md:
1. A head is believed by the light client only, and is at most `max_head_age` old (NA-05).
2. A record is believed under the app hash of a believed head, present or absent (NA-06).
3. A former version is believed because the version after it names its hash (NA-07).
4. A list is believed whole, from its index record, all pages of one state (NA-08).
5. A receipt is believed by its place in the log of a believed head (NA-10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from weid import limits
from weid.clock import Clock
from weid.errors import NotFoundError
from weid.registry.nodes import NodeReport
from weid.registry.proof_source import ProofSource
from weid.registry.prover import Prover
from weid.registry.records import (
    AccountRecord,
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
from weid.registry.state_keys import (
    ENGINE,
    NODES,
    POLICIES,
    PROPOSALS,
    ROLES,
    RULES,
    TEMPLATES,
    anchor_id,
    cosigners_list,
    issuers_list,
    policy_key,
    status_id,
    statuses_list,
    template_id,
    trust_id,
)
from weid.registry.trusted_heads import TrustedHeadStore

MAX_HEAD_AGE: Final = 4 * limits.HEARTBEAT
"""Oldest head of a live node that is believed (seconds): three heartbeats may fail."""

TRUST_PERIOD: Final = limits.TRUST_PERIOD
"""How long a remembered head may vouch for a later one (seconds); see LC-TIME."""


class ProvedReader:
    """A RegistryReader over sources of answers, of which each is tried until one proves itself.

    `genesis_hash` says which registry is meant; `head_store` remembers the newest head believed (in
    memory when not given: then a restart forgets it, and with it the defence against history
    shown twice). `max_head_age` is in seconds, None for any age; `trust_period` is for how many
    seconds a remembered head vouches for later ones, None for ever. Within `head_refresh` seconds
    a head is used again without asking; 0 asks each time.

    Where there are several sources, a new head is compared with what `witnesses` others show at its
    height (LC-WITNESS). `node_changed` is called with a source's report when its state changes;
    `sleep` waits a few seconds for sources that are just behind, None never waits.
    """

    def __init__(  # noqa: PLR0913 - what trust rests on, each named
        self,
        sources: Sequence[ProofSource],
        *,
        genesis_hash: bytes,
        clock: Clock,
        head_store: TrustedHeadStore | None = None,
        max_head_age: int | None = MAX_HEAD_AGE,
        trust_period: int | None = TRUST_PERIOD,
        head_refresh: int = 0,
        witnesses: int = 1,
        node_changed: Callable[[NodeReport], None] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._prover = Prover(
            sources,
            genesis_hash=genesis_hash,
            clock=clock,
            head_store=head_store,
            max_head_age=max_head_age,
            trust_period=trust_period,
            head_refresh=head_refresh,
            witnesses=witnesses,
            node_changed=node_changed,
            sleep=sleep,
        )
        self._genesis_hash = genesis_hash

    # --- RegistryReader --------------------------------------------------------------------------

    @property
    def network(self) -> str:
        """The network's name, as the genesis has it; the first use asks for the genesis."""
        return self._prover.genesis().network

    @property
    def genesis_hash(self) -> bytes:
        """SHA-256 that names the genesis: what this reader was told to believe."""
        return self._genesis_hash

    def head(self) -> Head:
        """Return the newest head that can be believed."""
        return self._prover.head()

    def did(
        self, did: str, *, version: int | None = None, at_time: int | None = None
    ) -> DidRecord | None:
        """Return a DID's record: the current one, or a version, or the one in force at a time."""
        current = self._prover.record(DidRecord, did.encode())
        if current is None or (version is None and at_time is None):
            return current
        return self._prover.as_of(current, version, at_time)

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed display name of a DID."""
        return self._prover.record(OrganisationRecord, did.encode())

    def roles(self, did: str) -> RoleRecord | None:
        """Return the roles of a DID."""
        return self._prover.record(RoleRecord, did.encode())

    def template(self, cpt_id: str, version: int) -> TemplateRecord | None:
        """Return the record of one template version."""
        return self._prover.record(TemplateRecord, template_id(cpt_id, version))

    def template_document(self, record: TemplateRecord) -> bytes:
        """Return a template's JSON bytes, whose digest is the record's.

        Raises:
            NotFoundError: no source keeps the bytes.
        """
        content = self._prover.content(record.digest)
        if content is None:
            raise NotFoundError(
                f"the document of template {record.cpt_id} version {record.template_version} "
                "is not kept there",
                hint="ask another node, or the template's publisher, for the document",
            )
        return content

    def policy(self, policy_id: str, version: int) -> PolicyRecord | None:
        """Return the record of one version of a presentation policy, with its document."""
        return self._prover.record(PolicyRecord, policy_key(policy_id, version))

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        """Return an issuer's recognition for a template."""
        return self._prover.record(RecognitionRecord, trust_id(issuer, cpt_id))

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        """Return a DID's accreditation for a template."""
        return self._prover.record(AccreditationRecord, trust_id(accreditor, cpt_id))

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return what stood when a record's last compromise ended, None without one (ST-16)."""
        return self._prover.former(record)

    def status_list(self, issuer: str, uri: str) -> StatusListRecord | None:
        """Return the record of an issuer's status list."""
        return self._prover.record(StatusListRecord, status_id(issuer, uri))

    def evidence(self, digest: bytes) -> tuple[EvidenceRecord, ...]:
        """Return what each signer anchored of a digest, complete, the first first, then by DID."""
        first = self._prover.record(EvidenceRecord, digest)
        if first is None:
            return ()
        others = self._prover.records(EvidenceRecord, cosigners_list(digest))
        return (first, *sorted(others, key=lambda e: e.signer))

    def evidence_by(self, signer: str, digest: bytes) -> EvidenceRecord | None:
        """Return the record of a digest as one DID anchored it."""
        first = self._prover.record(EvidenceRecord, digest)
        if first is None or first.signer == signer:
            return first
        return self._prover.record(EvidenceRecord, anchor_id(signer, digest))

    def batch(self, author: str, root: bytes) -> BatchRecord | None:
        """Return the record of a batch root as one DID anchored it."""
        return self._prover.record(BatchRecord, anchor_id(author, root))

    def proposal(self, proposal_id: bytes) -> ProposalRecord | None:
        """Return a governance proposal."""
        return self._prover.record(ProposalRecord, proposal_id)

    def parameter(self, name: str) -> ParameterRecord | None:
        """Return a chain parameter."""
        return self._prover.record(ParameterRecord, name.encode())

    def templates(self) -> tuple[TemplateRecord, ...]:
        """Return every template version, complete, ordered by id and version."""
        found = self._prover.records(TemplateRecord, TEMPLATES)
        return tuple(sorted(found, key=lambda t: (t.cpt_id, t.template_version)))

    def policies(self) -> tuple[PolicyRecord, ...]:
        """Return every policy version, complete, ordered by id and version."""
        found = self._prover.records(PolicyRecord, POLICIES)
        return tuple(sorted(found, key=lambda p: (p.policy_id, p.policy_version)))

    def recognized_issuers(self, cpt_id: str) -> tuple[RecognitionRecord, ...]:
        """Return every recognition ever given for a template, complete, ordered by issuer."""
        found = self._prover.records(RecognitionRecord, issuers_list(cpt_id))
        return tuple(sorted(found, key=lambda r: r.issuer))

    def status_lists(self, issuer: str) -> tuple[StatusListRecord, ...]:
        """Return every status list of an issuer, complete, ordered by URI."""
        found = self._prover.records(StatusListRecord, statuses_list(issuer))
        return tuple(sorted(found, key=lambda s: s.uri))

    def role_holders(self) -> tuple[RoleRecord, ...]:
        """Return every DID that has or had a role, complete, ordered by DID."""
        return tuple(sorted(self._prover.records(RoleRecord, ROLES), key=lambda r: r.did))

    def node(self, node_id: bytes) -> NodeRecord | None:
        """Return the record of a node of the network, by its node id (20 bytes)."""
        return self._prover.record(NodeRecord, node_id)

    def nodes(self) -> tuple[NodeRecord, ...]:
        """Return every node that is or was in the network, complete, ordered by node id."""
        return tuple(sorted(self._prover.records(NodeRecord, NODES), key=lambda n: n.node_id))

    def pending_rules(self) -> ActivationRecord | None:
        """Return the version of the rules that is scheduled and not in force yet."""
        scheduled = self._prover.record(ActivationRecord, RULES)
        if scheduled is None or not scheduled.is_pending(self.head().height):
            return None
        return scheduled

    def handover(self) -> HandoverRecord | None:
        """Return when the chain was handed over to another engine."""
        return self._prover.record(HandoverRecord, ENGINE)

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """Return what became of a transaction, and in which block.

        None: no source knows a receipt. Only here None is not proof that there is none.
        """
        return self._prover.receipt(transaction_id)

    # --- Beyond the protocol ---------------------------------------------------------------------

    def reuse_heads(self, seconds: int) -> None:
        """Set for how many seconds a head is used again without asking; 0 asks each time."""
        self._prover.reuse_heads(seconds)

    def ask_again(self, height: int = 0) -> None:
        """Have the next head asked for: something came about at a height, so a hint says.

        Every answer that is kept here, and all that a verifier keeps, stands under a head: with a
        newer one it is asked for anew. The hint is believed in nothing; see EV-16.
        """
        self._prover.ask_again(height)

    @property
    def sources(self) -> tuple[ProofSource, ...]:
        """Where the answers come from, in the order in which they are asked."""
        return self._prover.sources

    def nodes_report(self) -> tuple[NodeReport, ...]:
        """Return what is known of each source, in the order in which they were given (NA-21)."""
        return self._prover.nodes.report()

    def proposals(self) -> tuple[ProposalRecord, ...]:
        """Return every governance proposal, complete, ordered by id."""
        return tuple(
            sorted(self._prover.records(ProposalRecord, PROPOSALS), key=lambda p: p.proposal_id)
        )

    def account(self, did: str) -> AccountRecord | None:
        """Return the account of an author, which has its next sequence number."""
        return self._prover.record(AccountRecord, did.encode())

    def log(self, *, since: tuple[int, bytes] = (0, bytes(32))) -> tuple[int, bytes]:
        """Return size and root of the operation log, proved to have grown from an earlier state.

        Keep what it returns and give it back later: a history that was rewritten in between
        cannot be proved, and raises ProofError (NA-11).
        """
        return self._prover.log(*since)
