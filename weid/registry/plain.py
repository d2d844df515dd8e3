"""PlainRegistry: values in memory that the program itself vouches for. It proves nothing.

For a verifier that knows its few issuers beforehand, and for tests. Whoever fills it is the one
whose word every answer is: there is no chain, no head and no proof behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, TypeVar

from weid.clock import Clock, SystemClock
from weid.crypto.keys import PublicKey
from weid.errors import NotFoundError
from weid.registry.operations import KeyPurpose
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
    Record,
    RegisteredKey,
    RoleRecord,
    StatusListRecord,
    TemplateRecord,
    TrustRecordT,
    Version,
)

_R = TypeVar("_R")

_FIRST: Final = Version(number=1, height=0, time=0)


class PlainRegistry:
    """A registry reader over values that you put in; nothing it says is proved.

    Use it where you yourself are the authority for what it holds, for example the keys of three
    issuers that you met. What a person is shown of it should say so. It has no history but what
    was put in, `head()` is always of now, and `genesis_hash` is a hash of the network's name that
    no chain has.

    Example: `PlainRegistry("office", clock=clock)` then `add_issuer("did:weid:office:…",
    public_key)`, `add_template(…)`, `recognize(…)`.
    """

    def __init__(
        self, network: str, records: Iterable[Record] = (), *, clock: Clock | None = None
    ) -> None:
        self._network = network
        self._clock: Clock = clock or SystemClock()
        self._records: dict[tuple[type[Record], object], Record] = {}
        self._versions: dict[str, list[DidRecord]] = {}
        self._documents: dict[bytes, bytes] = {}
        for record in records:
            self.put(record)

    # --- What you vouch for ----------------------------------------------------------------------

    def put(self, record: Record) -> None:
        """Hold a record, in place of the one with the same identity; DID versions add up."""
        self._records[type(record), _identity(record)] = record
        if isinstance(record, DidRecord):
            versions = self._versions.setdefault(record.did, [])
            versions[:] = [v for v in versions if v.version.number < record.version.number]
            versions.append(record)

    def add_issuer(
        self, did: str, public_key: PublicKey, *, key_id: str = "key-1", name: str | None = None
    ) -> None:
        """Vouch that a DID signs credentials with a key, since ever, and for its name."""
        key = RegisteredKey(
            key_id, public_key.to_multicodec(), (KeyPurpose.ASSERTION,), valid_from=0
        )
        self.put(
            DidRecord(
                did=did,
                controllers=(),
                threshold=0,
                next_keys=b"",
                recovery_keys=(),
                keys=(key,),
                services=(),
                created=0,
                deactivated_at=None,
                version=_FIRST,
            )
        )
        if name is not None:
            self.put(OrganisationRecord(did, name, _FIRST))

    def add_template(self, cpt_id: str, version: int, *, publisher: str, document: bytes) -> None:
        """Vouch for a template version and hold its JSON bytes."""
        digest = hashlib.sha256(document).digest()
        self._documents[digest] = document
        self.put(TemplateRecord(cpt_id, version, publisher, digest, None, _FIRST))

    def add_policy(self, policy_id: str, version: int, *, publisher: str, document: bytes) -> None:
        """Vouch for a version of a presentation policy."""
        self.put(PolicyRecord(policy_id, version, publisher, document, None, _FIRST))

    def recognize(
        self, issuer: str, cpt_id: str, *, valid_from: int = 0, valid_until: int | None = None
    ) -> None:
        """Vouch that an issuer may issue a template in a window (seconds)."""
        self.put(
            RecognitionRecord(
                issuer,
                cpt_id,
                recognized_by="",
                valid_from=valid_from,
                valid_until=valid_until,
                ended_at=None,
                compromised_since=None,
                ended_by_governance=False,
                given_at=0,
                not_before=None,
                compromised_before=None,
                before=b"",
                version=_FIRST,
            )
        )

    # --- RegistryReader --------------------------------------------------------------------------

    @property
    def network(self) -> str:
        """The network's name, as it was given."""
        return self._network

    @property
    def genesis_hash(self) -> bytes:
        """A hash of the name under a tag of its own: it is no chain's genesis."""
        return hashlib.sha256(b"weid/plain/1" + self._network.encode()).digest()

    def head(self) -> Head:
        """Return height 0 at the present time: there is no chain."""
        return Head(height=0, time=self._clock.now(), app_hash=b"", block_hash=b"")

    def did(
        self, did: str, *, version: int | None = None, at_time: int | None = None
    ) -> DidRecord | None:
        """Return what was put in for a DID: the newest, a version, or the one of a time."""
        versions = self._versions.get(did, [])
        if version is not None:
            versions = [v for v in versions if v.version.number == version]
        if at_time is not None:
            versions = [v for v in versions if v.version.time <= at_time]
        return versions[-1] if versions else None

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the name that was put in for a DID."""
        return self._get(OrganisationRecord, did)

    def roles(self, did: str) -> RoleRecord | None:
        """Return the roles that were put in for a DID."""
        return self._get(RoleRecord, did)

    def template(self, cpt_id: str, version: int) -> TemplateRecord | None:
        """Return a template version that was put in."""
        return self._get(TemplateRecord, cpt_id, version)

    def template_document(self, record: TemplateRecord) -> bytes:
        """Return the JSON bytes that were put in with the template.

        Raises:
            NotFoundError: only the record was put in.
        """
        document = self._documents.get(record.digest)
        if document is None:
            raise NotFoundError(
                f"the document of template {record.cpt_id} version {record.template_version} "
                "was not put into this registry"
            )
        return document

    def policy(self, policy_id: str, version: int) -> PolicyRecord | None:
        """Return a policy version that was put in."""
        return self._get(PolicyRecord, policy_id, version)

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        """Return a recognition that was put in."""
        return self._get(RecognitionRecord, issuer, cpt_id)

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        """Return an accreditation that was put in."""
        return self._get(AccreditationRecord, accreditor, cpt_id)

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return None: of what was put in only the newest version is kept."""
        del record
        return None

    def status_list(self, issuer: str, uri: str) -> StatusListRecord | None:
        """Return a status list record that was put in."""
        return self._get(StatusListRecord, issuer, uri)

    def evidence(self, digest: bytes) -> tuple[EvidenceRecord, ...]:
        """Return every evidence record put in for a digest, the first first, then by DID."""
        found = [e for e in self._all(EvidenceRecord) if e.digest == digest]
        return tuple(sorted(found, key=lambda e: (not e.first, e.signer)))

    def evidence_by(self, signer: str, digest: bytes) -> EvidenceRecord | None:
        """Return a signer's evidence record that was put in."""
        return self._get(EvidenceRecord, signer, digest)

    def batch(self, author: str, root: bytes) -> BatchRecord | None:
        """Return a batch record that was put in."""
        return self._get(BatchRecord, author, root)

    def proposal(self, proposal_id: bytes) -> ProposalRecord | None:
        """Return a proposal that was put in."""
        return self._get(ProposalRecord, proposal_id)

    def parameter(self, name: str) -> ParameterRecord | None:
        """Return a parameter that was put in."""
        return self._get(ParameterRecord, name)

    def templates(self) -> tuple[TemplateRecord, ...]:
        """Return every template version that was put in, by id and version."""
        found = self._all(TemplateRecord)
        return tuple(sorted(found, key=lambda t: (t.cpt_id, t.template_version)))

    def policies(self) -> tuple[PolicyRecord, ...]:
        """Return every policy version that was put in, by id and version."""
        found = self._all(PolicyRecord)
        return tuple(sorted(found, key=lambda p: (p.policy_id, p.policy_version)))

    def recognized_issuers(self, cpt_id: str) -> tuple[RecognitionRecord, ...]:
        """Return every recognition for a template that was put in, by issuer."""
        found = [r for r in self._all(RecognitionRecord) if r.cpt_id == cpt_id]
        return tuple(sorted(found, key=lambda r: r.issuer))

    def status_lists(self, issuer: str) -> tuple[StatusListRecord, ...]:
        """Return every status list of an issuer that was put in, by URI."""
        found = [s for s in self._all(StatusListRecord) if s.issuer == issuer]
        return tuple(sorted(found, key=lambda s: s.uri))

    def role_holders(self) -> tuple[RoleRecord, ...]:
        """Return every role record that was put in, by DID."""
        return tuple(sorted(self._all(RoleRecord), key=lambda r: r.did))

    def node(self, node_id: bytes) -> NodeRecord | None:
        """Return a node that was put in."""
        return self._get(NodeRecord, node_id)

    def nodes(self) -> tuple[NodeRecord, ...]:
        """Return every node that was put in, by node id."""
        return tuple(sorted(self._all(NodeRecord), key=lambda n: n.node_id))

    def pending_rules(self) -> ActivationRecord | None:
        """Return None: nothing judges what is put in here."""
        return None

    def handover(self) -> HandoverRecord | None:
        """Return None: there is no engine behind values in memory."""
        return None

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """Return None: nothing is submitted to values in memory."""
        del transaction_id
        return None

    def _get(self, kind: type[_R], *identity: object) -> _R | None:
        found = self._records.get((kind, identity))  # type: ignore[arg-type]  # _R is a Record
        return found if isinstance(found, kind) else None

    def _all(self, kind: type[_R]) -> list[_R]:
        return [record for record in self._records.values() if isinstance(record, kind)]


_IDENTITIES: Final[dict[type[Record], tuple[str, ...]]] = {
    DidRecord: ("did",),
    OrganisationRecord: ("did",),
    RoleRecord: ("did",),
    TemplateRecord: ("cpt_id", "template_version"),
    PolicyRecord: ("policy_id", "policy_version"),
    StatusListRecord: ("issuer", "uri"),
    EvidenceRecord: ("signer", "digest"),
    BatchRecord: ("author", "root"),
    RecognitionRecord: ("issuer", "cpt_id"),
    AccreditationRecord: ("accreditor", "cpt_id"),
    ProposalRecord: ("proposal_id",),
    ParameterRecord: ("name",),
    NodeRecord: ("node_id",),
}


def _identity(record: Record) -> tuple[object, ...]:
    fields = _IDENTITIES.get(type(record))
    if fields is None:
        raise TypeError(
            f"{type(record).__name__} is a chain's own record and cannot be vouched for"
        )
    return tuple(getattr(record, field) for field in fields)
