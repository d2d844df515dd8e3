"""Committed state as values: a RegistryReader over a store in this process.

No proofs: whoever holds the store holds the state, and what is read here is what the state machine
wrote. Each answer comes from one snapshot.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from registry_chain.commitment.index import list_keys
from registry_chain.reader.committed_reader import CommittedReader
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.store import ChainStore, Table
from weid.errors import MalformedError, NotFoundError, RegistryUnavailableError
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
    Record,
    RoleRecord,
    StatusListRecord,
    TemplateRecord,
    TrustRecordT,
)
from weid.registry.state_keys import (
    ENGINE,
    NAMESPACE_OF,
    NODES,
    ORGANISATIONS,
    POLICIES,
    PROPOSALS,
    ROLES,
    RULES,
    TEMPLATES,
    anchor_id,
    cosigners_list,
    issuers_list,
    policy_key,
    state_key,
    status_id,
    statuses_list,
    template_id,
    trust_id,
)
from weid.registry.wire import decode_record_as

_R = TypeVar("_R", bound=Record)
_Versioned = TypeVar("_Versioned", DidRecord, RecognitionRecord, AccreditationRecord)


class RecordReader:
    """A `RegistryReader` over a store.

    `head` gives the newest head; without it the newest block in the store is it.
    """

    def __init__(self, store: ChainStore, *, head: Callable[[], Head] | None = None) -> None:
        self._store = store
        self._committed = CommittedReader(store)
        self._head = head

    @property
    def network(self) -> str:
        """The network's name."""
        return self._committed.genesis_file.network

    @property
    def genesis_hash(self) -> bytes:
        """SHA-256 that names the genesis."""
        return self._committed.genesis_file.genesis_hash

    def head(self) -> Head:
        """Return the newest head."""
        return self._committed.light_block(None).head() if self._head is None else self._head()

    def did(
        self, did: str, *, version: int | None = None, at_time: int | None = None
    ) -> DidRecord | None:
        """Return a DID's record: the current one, or a version, or the one in force at a time."""
        with self._state() as state:
            record = _read(state, DidRecord, did.encode())
            while record is not None and not _is_meant(record, version, at_time):
                record = _version(state, record, record.version.previous)
            return record

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed display name of a DID."""
        return self._record(OrganisationRecord, did.encode())

    def roles(self, did: str) -> RoleRecord | None:
        """Return the roles of a DID."""
        return self._record(RoleRecord, did.encode())

    def policy(self, policy_id: str, version: int) -> PolicyRecord | None:
        """Return the record of one version of a presentation policy, with its document."""
        return self._record(PolicyRecord, policy_key(policy_id, version))

    def template(self, cpt_id: str, version: int) -> TemplateRecord | None:
        """Return the record of one template version."""
        return self._record(TemplateRecord, template_id(cpt_id, version))

    def template_document(self, record: TemplateRecord) -> bytes:
        """Return a template's JSON bytes, whose digest is the record's.

        Raises:
            NotFoundError: the bytes are not kept here.
        """
        content = self._committed.content(record.digest)
        if content is None:
            raise NotFoundError(
                f"the document of template {record.cpt_id} version {record.template_version} "
                "is not kept here"
            )
        return content

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        """Return an issuer's recognition for a template."""
        return self._record(RecognitionRecord, trust_id(issuer, cpt_id))

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        """Return a DID's accreditation for a template."""
        return self._record(AccreditationRecord, trust_id(accreditor, cpt_id))

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return what stood when a record's last compromise ended, None without one (ST-16)."""
        with self._state() as state:
            return _version(state, record, record.before)

    def status_list(self, issuer: str, uri: str) -> StatusListRecord | None:
        """Return the record of an issuer's status list."""
        return self._record(StatusListRecord, status_id(issuer, uri))

    def evidence(self, digest: bytes) -> tuple[EvidenceRecord, ...]:
        """Return what each signer anchored of a digest, complete, the first first, then by DID."""
        with self._state() as state:
            first = _read(state, EvidenceRecord, digest)
            if first is None:
                return ()
            others = _read_list(state, EvidenceRecord, cosigners_list(digest))
            return (first, *sorted(others, key=lambda e: e.signer))

    def evidence_by(self, signer: str, digest: bytes) -> EvidenceRecord | None:
        """Return the record of a digest as one DID anchored it."""
        with self._state() as state:
            first = _read(state, EvidenceRecord, digest)
            if first is None or first.signer == signer:
                return first
            return _read(state, EvidenceRecord, anchor_id(signer, digest))

    def batch(self, author: str, root: bytes) -> BatchRecord | None:
        """Return the record of a batch root as one DID anchored it."""
        return self._record(BatchRecord, anchor_id(author, root))

    def proposal(self, proposal_id: bytes) -> ProposalRecord | None:
        """Return a governance proposal."""
        return self._record(ProposalRecord, proposal_id)

    def parameter(self, name: str) -> ParameterRecord | None:
        """Return a chain parameter."""
        return self._record(ParameterRecord, name.encode())

    def account(self, did: str) -> AccountRecord | None:
        """Return the account of an author, which has its next sequence number."""
        return self._record(AccountRecord, did.encode())

    def templates(self) -> tuple[TemplateRecord, ...]:
        """Return every template version, complete, ordered by id and version."""
        found = self._records(TemplateRecord, TEMPLATES)
        return tuple(sorted(found, key=lambda t: (t.cpt_id, t.template_version)))

    def policies(self) -> tuple[PolicyRecord, ...]:
        """Return every policy version, complete, ordered by id and version."""
        found = self._records(PolicyRecord, POLICIES)
        return tuple(sorted(found, key=lambda p: (p.policy_id, p.policy_version)))

    def recognized_issuers(self, cpt_id: str) -> tuple[RecognitionRecord, ...]:
        """Return every recognition ever given for a template, complete, ordered by issuer."""
        found = self._records(RecognitionRecord, issuers_list(cpt_id))
        return tuple(sorted(found, key=lambda r: r.issuer))

    def status_lists(self, issuer: str) -> tuple[StatusListRecord, ...]:
        """Return every status list of an issuer, complete, ordered by URI."""
        found = self._records(StatusListRecord, statuses_list(issuer))
        return tuple(sorted(found, key=lambda s: s.uri))

    def role_holders(self) -> tuple[RoleRecord, ...]:
        """Return every DID that has or had a role, complete, ordered by DID."""
        return tuple(sorted(self._records(RoleRecord, ROLES), key=lambda r: r.did))

    def proposals(self) -> tuple[ProposalRecord, ...]:
        """Return every governance proposal, complete, ordered by id."""
        found = self._records(ProposalRecord, PROPOSALS)
        return tuple(sorted(found, key=lambda p: p.proposal_id))

    def organisations(self) -> tuple[OrganisationRecord, ...]:
        """Return every display name, complete, ordered by DID."""
        found = self._records(OrganisationRecord, ORGANISATIONS)
        return tuple(sorted(found, key=lambda o: o.did))

    def node(self, node_id: bytes) -> NodeRecord | None:
        """Return the record of a node of the network, by its node id (20 bytes)."""
        return self._record(NodeRecord, node_id)

    def nodes(self) -> tuple[NodeRecord, ...]:
        """Return every node that is or was in the network, complete, ordered by node id."""
        return tuple(sorted(self._records(NodeRecord, NODES), key=lambda n: n.node_id))

    def pending_rules(self) -> ActivationRecord | None:
        """Return the version of the rules that is scheduled and not in force yet."""
        with self._state() as state:
            scheduled = _read(state, ActivationRecord, RULES)
            if scheduled is None or not scheduled.is_pending(state.summary.height):
                return None
            return scheduled

    def handover(self) -> HandoverRecord | None:
        """Return when the chain was handed over to another engine."""
        return self._record(HandoverRecord, ENGINE)

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """Return what became of a transaction, or None while it is not in the log."""
        return self._committed.stored_receipt(transaction_id)

    def next_sequence(self, did: str) -> int:
        """Return the sequence number that the author's next transaction must carry."""
        account = self.account(did)
        return 0 if account is None else account.next_sequence

    # --- reading ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _state(self) -> Iterator[SnapshotState]:
        with self._store.snapshot() as snapshot:
            yield SnapshotState(snapshot)

    def _record(self, kind: type[_R], record_id: bytes) -> _R | None:
        key = state_key(NAMESPACE_OF[kind], record_id)
        value = self._store.get(Table.RECORDS, key)
        return None if value is None else _decode(kind, key, value)

    def _records(self, kind: type[_R], list_id: str) -> list[_R]:
        with self._state() as state:
            return _read_list(state, kind, list_id)


def _read(state: SnapshotState, kind: type[_R], record_id: bytes) -> _R | None:
    key = state_key(NAMESPACE_OF[kind], record_id)
    value = state.get(key)
    return None if value is None else _decode(kind, key, value)


def _read_list(state: SnapshotState, kind: type[_R], list_id: str) -> list[_R]:
    found = []
    for key in list_keys(state, list_id):
        value = state.get(key)
        if value is None:
            raise StoreDamagedError("a record of a list is missing", table=Table.RECORDS, key=key)
        found.append(_decode(kind, key, value))
    return found


def _decode(kind: type[_R], key: bytes, value: bytes, table: Table = Table.RECORDS) -> _R:
    try:
        return decode_record_as(kind, value)
    except MalformedError as error:
        raise StoreDamagedError(
            f"a record is damaged: {error.message}", table=table, key=key
        ) from error


def _is_meant(record: DidRecord, version: int | None, at_time: int | None) -> bool:
    return (version is None or record.version.number == version) and (
        at_time is None or record.version.time <= at_time
    )


def _version(state: SnapshotState, record: _Versioned, digest: bytes) -> _Versioned | None:
    """Return the former version of a record that a hash in it names, None where there is none."""
    if not digest:
        return None
    value = state.snapshot.get(Table.VERSIONS, digest)
    if value is None:
        raise RegistryUnavailableError("a former version of the record is not kept here")
    if hashlib.sha256(value).digest() != digest:
        raise StoreDamagedError("a former version is damaged", table=Table.VERSIONS, key=digest)
    return _decode(type(record), digest, value, Table.VERSIONS)
