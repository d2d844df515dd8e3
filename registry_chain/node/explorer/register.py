"""What pages read of the register: records, names, and lists, out of committed state."""

from __future__ import annotations

from typing import Final, TypeVar

from registry_chain.node.chain_view import ChainView
from registry_chain.reader import CommittedReader
from weid.registry.list_proofs import FIRST_KEY
from weid.registry.node_operations import NodeRole
from weid.registry.records import (
    DidRecord,
    NodeRecord,
    NodeStatus,
    OrganisationRecord,
    PolicyRecord,
    ProposalRecord,
    RecognitionRecord,
    Record,
    RoleRecord,
    TemplateRecord,
)
from weid.registry.registry import RegistryReader
from weid.registry.state_keys import (
    NODES,
    ORGANISATIONS,
    POLICIES,
    PROPOSALS,
    ROLES,
    TEMPLATES,
    issuers_list,
    list_namespace,
)
from weid.registry.wire import decode_record

LISTED: Final = 2_000
"""Entries of a list that pages look at; the API has all."""

_R = TypeVar("_R", bound=Record)
_V = TypeVar("_V", DidRecord, NodeRecord, PolicyRecord, ProposalRecord)


class Register:
    """Records and lists for the pages; made anew for each request, so that names are read once."""

    def __init__(self, records: RegistryReader, reader: CommittedReader, chain: ChainView) -> None:
        self.records = records
        self.chain = chain
        self._reader = reader
        self._names: dict[str, str | None] = {}
        self._node_names: dict[bytes, str | None] = {}

    def name_of(self, did: str) -> str | None:
        """Return the confirmed display name of a DID."""
        if did not in self._names:
            found = self.records.organisation(did)
            self._names[did] = None if found is None else found.name
        return self._names[did]

    def node_name_of(self, node_id: bytes) -> str | None:
        """Return the name under which governance knows a node."""
        if node_id not in self._node_names:
            found = self.records.node(node_id)
            self._node_names[node_id] = None if found is None else found.name
        return self._node_names[node_id]

    def templates(self) -> list[TemplateRecord]:
        """Return template versions by id and version."""
        found = self._listed(TemplateRecord, TEMPLATES)
        return sorted(found, key=lambda t: (t.cpt_id, t.template_version))

    def policies(self) -> list[PolicyRecord]:
        """Return policy versions by id and version."""
        found = self._listed(PolicyRecord, POLICIES)
        return sorted(found, key=lambda p: (p.policy_id, p.policy_version))

    def role_holders(self) -> list[RoleRecord]:
        """Return the DIDs that have a role, by name."""
        found = [holder for holder in self._listed(RoleRecord, ROLES) if holder.roles]
        return sorted(found, key=lambda h: (self.name_of(h.did) or "", h.did))

    def organisations(self) -> list[OrganisationRecord]:
        """Return the named organisations by name."""
        return sorted(self._listed(OrganisationRecord, ORGANISATIONS), key=lambda o: o.name)

    def proposals(self) -> list[ProposalRecord]:
        """Return governance proposals, the newest first."""
        found = self._listed(ProposalRecord, PROPOSALS)
        return sorted(found, key=lambda p: (-p.version.time, p.proposal_id))

    def nodes(self, most: int) -> list[NodeRecord]:
        """Return up to `most` nodes: those that are in first, by role and name."""
        found = self._listed(NodeRecord, NODES, most)[:most]
        states, roles = list(NodeStatus), list(NodeRole)
        return sorted(
            found,
            key=lambda n: (states.index(n.status), roles.index(n.role), n.name, n.node_id),
        )

    def recognitions(self, cpt_id: str, most: int) -> list[RecognitionRecord]:
        """Return up to `most` recognitions for a template by name, those without a name last."""
        found = self._listed(RecognitionRecord, issuers_list(cpt_id), most)[:most]
        names = {record.issuer: self.name_of(record.issuer) for record in found}
        return sorted(found, key=lambda r: (not names[r.issuer], names[r.issuer] or "", r.issuer))

    def former(self, record: _V, namespace: str, most: int) -> list[_V]:
        """Return up to `most` former versions of a record, newest first."""
        found: list[_V] = []
        previous = record.version.previous
        while previous and len(found) < most:
            versions = self._reader.history(previous).versions
            if not versions:
                break
            for value in versions:
                earlier = decode_record(namespace, value)
                if isinstance(earlier, type(record)):
                    found.append(earlier)
                    previous = earlier.version.previous
        return found[:most]

    def _listed(self, kind: type[_R], list_id: str, most: int = LISTED) -> list[_R]:
        namespace = list_namespace(list_id)
        found: list[_R] = []
        start = FIRST_KEY
        while len(found) < most:
            page = self._reader.list_page(list_id, start).page
            if page is None:
                break
            records = [decode_record(namespace, value) for _, value in page.entries]
            found += [record for record in records if isinstance(record, kind)]
            if page.proof.last:
                break
            start = page.proof.end
        return found
