"""Where a record lives in the state tree: record ids and the hash that is the key (clause ST-01).

`state_key(namespace, id)` is 32 bytes; nothing about the record can be read from it, and no two
records share one. What belongs to one DID has an id that begins with it, so that nobody else can
take the name first; a DID has no `/`, which ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from weid.registry.records import (
    NAMESPACES,
    AccountRecord,
    AccreditationRecord,
    ActivationRecord,
    BatchRecord,
    CounterRecord,
    DidRecord,
    EvidenceRecord,
    HandoverRecord,
    IndexRecord,
    NodeRecord,
    OrganisationRecord,
    ParameterRecord,
    PolicyRecord,
    ProposalRecord,
    RecognitionRecord,
    Record,
    RoleRecord,
    StatusListRecord,
    TemplateRecord,
    ValidatorKeyRecord,
)

_KEY_TAG: Final = b"weid/key/1"
RULES: Final = b"rules"
"""Id of the one activation record."""
ENGINE: Final = b"engine"
"""Id of the one handover record."""


def state_key(namespace: str, record_id: bytes) -> bytes:
    """Return the key of a record in the state tree (32 bytes)."""
    return hashlib.sha256(_KEY_TAG + namespace.encode("ascii") + b"\0" + record_id).digest()


def template_id(cpt_id: str, version: int) -> bytes:
    """Return the record id of a template version."""
    return f"{cpt_id}/{version}".encode()


def policy_key(policy_id: str, version: int) -> bytes:
    """Return the record id of a policy version."""
    return f"{policy_id}/{version}".encode()


def trust_id(did: str, cpt_id: str) -> bytes:
    """Return the record id of a recognition or an accreditation."""
    return f"{did}/{cpt_id}".encode()


def status_id(issuer: str, uri: str) -> bytes:
    """Return the record id of an issuer's status list."""
    return f"{issuer}/{uri}".encode()


def anchor_id(did: str, digest: bytes) -> bytes:
    """Return the record id of what a DID anchored: a batch's root, or a digest (32 bytes)."""
    return did.encode() + b"/" + digest


_IDS: Final[dict[type, Callable[[Any], bytes]]] = {
    DidRecord: lambda record: record.did.encode(),
    AccountRecord: lambda record: record.did.encode(),
    OrganisationRecord: lambda record: record.did.encode(),
    RoleRecord: lambda record: record.did.encode(),
    TemplateRecord: lambda record: template_id(record.cpt_id, record.template_version),
    PolicyRecord: lambda record: policy_key(record.policy_id, record.policy_version),
    StatusListRecord: lambda record: status_id(record.issuer, record.uri),
    EvidenceRecord: lambda record: (
        record.digest if record.first else anchor_id(record.signer, record.digest)
    ),
    BatchRecord: lambda record: anchor_id(record.author, record.root),
    RecognitionRecord: lambda record: trust_id(record.issuer, record.cpt_id),
    AccreditationRecord: lambda record: trust_id(record.accreditor, record.cpt_id),
    ProposalRecord: lambda record: record.proposal_id,
    ParameterRecord: lambda record: record.name.encode(),
    NodeRecord: lambda record: record.node_id,
    ValidatorKeyRecord: lambda record: record.address,
    ActivationRecord: lambda _: RULES,
    HandoverRecord: lambda _: ENGINE,
    IndexRecord: lambda record: record.list_id.encode(),
    CounterRecord: lambda record: record.name.encode(),
}

NAMESPACE_OF: Final[dict[type, str]] = {kind: name for name, kind in NAMESPACES.items()}
"""Record kind → the namespace where it lives."""


def record_id(record: Record) -> bytes:
    """Return the id of a record inside its namespace."""
    return _IDS[type(record)](record)


def record_key(record: Record) -> bytes:
    """Return the key under which the state tree holds this record."""
    return state_key(NAMESPACE_OF[type(record)], record_id(record))


# --- Lists ---------------------------------------------------------------------------------------

TEMPLATES: Final = "templates"
POLICIES: Final = "policies"
ROLES: Final = "roles"
PROPOSALS: Final = "proposals"
ORGANISATIONS: Final = "organisations"
NODES: Final = "nodes"


def issuers_list(cpt_id: str) -> str:
    """Return the id of the list of recognitions for a template."""
    return f"issuers/{cpt_id}"


def statuses_list(issuer: str) -> str:
    """Return the id of the list of an issuer's status lists."""
    return f"statuses/{issuer}"


def cosigners_list(digest: bytes) -> str:
    """Return the id of the list of the evidence records of a digest but for its first signer's."""
    return f"evidence/{digest.hex()}"


_LISTS: Final[dict[type, Callable[[Any], str | None]]] = {
    TemplateRecord: lambda _: TEMPLATES,
    PolicyRecord: lambda _: POLICIES,
    RoleRecord: lambda _: ROLES,
    ProposalRecord: lambda _: PROPOSALS,
    OrganisationRecord: lambda _: ORGANISATIONS,
    NodeRecord: lambda _: NODES,
    RecognitionRecord: lambda record: issuers_list(record.cpt_id),
    StatusListRecord: lambda record: statuses_list(record.issuer),
    # Most digests have one signer, who costs no list.
    EvidenceRecord: lambda record: None if record.first else cosigners_list(record.digest),
}


def list_of(record: Record) -> str | None:
    """Return the id of the provably complete list to which a record belongs, if any."""
    find = _LISTS.get(type(record))
    return None if find is None else find(record)


def list_namespace(list_id: str) -> str:
    """Return the namespace of the records in a list.

    Raises:
        KeyError: no such list can exist.
    """
    return _LIST_NAMESPACES[list_id.partition("/")[0]]


_LIST_NAMESPACES: Final = {
    "templates": "template",
    "policies": "policy",
    "roles": "role",
    "proposals": "proposal",
    "organisations": "organisation",
    "nodes": "node",
    "issuers": "recognition",
    "statuses": "status",
    "evidence": "evidence",
}
