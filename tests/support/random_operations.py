"""An operation of every kind, mostly one that the rules carry out: one maker for each kind.

A new kind of operation needs a row in `MAKERS`; a test requires that each is carried out.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from tests.support.random_node_operations import NODE_MAKERS
from tests.support.random_world import Maker, Member, RandomWorld
from tests.support.scripted_chain import NETWORK
from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    HandOver,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    ScheduleRules,
    SuspendNode,
)
from weid.registry.operations import (
    Accredit,
    AnchorBatch,
    AnchorEvidence,
    Approve,
    CreateDid,
    DeactivateDid,
    DeactivateTemplate,
    DerecognizeIssuer,
    EndAccreditation,
    GrantRole,
    KeyPurpose,
    MarkKeyCompromised,
    NameOrganisation,
    NewKey,
    NewService,
    Operation,
    Propose,
    PublishStatusList,
    PublishTemplate,
    RecognizeIssuer,
    RecoverDid,
    RevokeRole,
    Role,
    RotateControllers,
    SetParameter,
    UpdateDid,
)
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.records import (
    DidRecord,
    PolicyRecord,
    ProposalRecord,
    StatusListRecord,
    TemplateRecord,
)
from weid.registry.state_keys import policy_key, status_id, template_id

TEMPLATES: Final = ("diploma", "licence", "card", "permit")
ED25519: Final = b"\xed\x01"
_PURPOSES: Final = (
    (KeyPurpose.ASSERTION,),
    (KeyPurpose.AUTHENTICATION,),
    (KeyPurpose.AUTHENTICATION, KeyPurpose.ASSERTION),
    (KeyPurpose.KEY_AGREEMENT,),
    (),
)
_PARAMETERS: Final = {
    "governance_threshold": (1, 2, 2, 3, 60),
    "max_time_lag": (30, 60, 61, 4000),
    "open_did_creation": (0, 1, 1, 1, 2),
    "open_did_per_block": (1, 3, 8),
    "open_did_per_day": (20, 200, 2000),
    "allow_loopback_http": (0, 1),
    "max_block_bytes": (2**16, 2**20),
    "max_block_transactions": (90, 120, 10_000),
    "max_author_transactions": (4, 30, 5_000),
    "rules_version": (1, 2),
    "no_such_parameter": (1,),
}


def _digest(world: RandomWorld) -> bytes:
    """Return a digest: one of a few, or a new one."""
    many = 40 if world.chance(0.3) else 2**40
    return hashlib.sha256(str(world.random.randrange(many)).encode()).digest()


def _version(world: RandomWorld, record: DidRecord | None) -> int:
    stale = world.chance(0.04)
    return (0 if record is None else record.version.number) + stale


def _of(world: RandomWorld, member: Member) -> str:
    """Return the author's DID, now and then another's."""
    return world.somebody().did if world.chance(0.04) else member.did


def _new_key(world: RandomWorld, member: Member) -> NewKey:
    purposes = world.random.choice(_PURPOSES[:3] if world.chance(0.9) else _PURPOSES)
    multikey = ED25519 + world.key()
    if world.chance(0.02):
        multikey = world.random.choice((b"\xed\x01" + bytes(32), b"\x12\x00" + bytes(33)))
    name = f"key-{world.random.randrange(200)}" if world.chance(0.97) else "control-1"
    proof = world.prove(member.did, multikey) if world.chance(0.95) else bytes(64)
    return NewKey(name, multikey, purposes, proof)


def _service(world: RandomWorld) -> NewService:
    number = world.random.randrange(4)
    good = f"https://site{number}.example/{world.random.randrange(9)}"
    bad = ("http://localhost:80/x", "https://10.0.0.1/", "ftp://x.example/")
    return NewService(
        f"site-{number}", "Site", good if world.chance(0.9) else world.random.choice(bad)
    )


def _window(world: RandomWorld) -> tuple[int, int | None]:
    begin = world.now + world.random.randrange(-50, 20)
    return begin, world.random.choice((None, None, begin + world.random.randrange(400)))


def _since(world: RandomWorld) -> int | None:
    return world.random.choice((None, world.now + world.random.randrange(-300, 3)))


def _trusted(world: RandomWorld) -> tuple[str, str]:
    """Return a DID and a template, mostly of a few, so that what is given also ends."""
    if world.chance(0.3):
        return world.somebody().did, world.random.choice((*TEMPLATES, "X"))
    return world.random.choice(world.members[:4]).did, world.random.choice(TEMPLATES[:2])


def create_did(world: RandomWorld, member: Member, _: DidRecord | None) -> CreateDid:
    inception = member.inception if world.chance(0.97) else world.somebody().inception
    keys = (_new_key(world, member),) if world.chance(0.2) else ()
    return CreateDid(inception, keys, (_service(world),) if world.chance(0.2) else ())


def update_did(world: RandomWorld, member: Member, record: DidRecord | None) -> UpdateDid:
    added = tuple(_new_key(world, member) for _ in range(world.random.randrange(3)))
    present = () if record is None else record.keys
    retired = (world.random.choice(present).id,) if present and world.chance(0.3) else ()
    services = (_service(world), _service(world)) if world.chance(0.3) else None
    return UpdateDid(_of(world, member), _version(world, record), added, retired, services)


def rotate(world: RandomWorld, member: Member, record: DidRecord | None) -> RotateControllers:
    committed = None if record is None else member.committed.get(record.next_keys)
    keys, threshold = (world.keys(3), 1) if committed is None else committed
    if record is not None and committed is None and world.chance(0.2):
        keys = record.controllers
    if world.chance(0.04):
        keys, threshold = world.keys(2), 2
    proofs: tuple[bytes, ...] = ()
    if committed is None:
        proofs = tuple(world.prove(member.did, ED25519 + raw) for raw in keys)
    following = world.commitment(member.committed)
    did = _of(world, member)
    return RotateControllers(did, _version(world, record), keys, threshold, following, proofs)


def recover(world: RandomWorld, member: Member, record: DidRecord | None) -> RecoverDid:
    keys = world.keys(2)
    proofs = tuple(world.prove(member.did, ED25519 + raw) for raw in keys)
    if world.chance(0.05):
        proofs = proofs[1:]
    recovery = tuple(world.key() for _ in range(world.random.randrange(3)))
    following = world.commitment(member.committed)
    version = _version(world, record)
    return RecoverDid(member.did, version, keys, len(keys), following, recovery, proofs)


def deactivate(world: RandomWorld, member: Member, record: DidRecord | None) -> DeactivateDid:
    if member in world.governing and world.chance(0.9):
        member = world.random.choice(world.idle or world.members)
        record = world.record(member)
    return DeactivateDid(member.did, _version(world, record))


def mark(world: RandomWorld, member: Member, record: DidRecord | None) -> MarkKeyCompromised:
    keys = () if record is None else record.keys
    # Who marks the last controlling key can only recover: seldom, and no governor.
    lost = member not in world.governing and world.chance(0.2)
    ids = [key.id for key in keys if lost or not key.id.startswith("control")]
    since = world.now + world.random.randrange(-90, 2)
    return MarkKeyCompromised(member.did, world.random.choice(ids or ["key-9"]), since)


def name(world: RandomWorld, member: Member, _: DidRecord | None) -> NameOrganisation:
    words = ("Escola", "École", "學校", "Şirket İş", "Straße", " padded", "")
    return NameOrganisation(
        _of(world, member), f"{world.random.choice(words)}{world.random.choice(('', ' 1', ' 2'))}"
    )


def template(world: RandomWorld, _: Member, __: DidRecord | None) -> PublishTemplate:
    cpt_id = world.random.choice(TEMPLATES)
    if world.chance(0.5):
        cpt_id = f"{cpt_id}-{world.random.randrange(400)}"
    version = 1
    while world.read(TemplateRecord, template_id(cpt_id, version)) and world.chance(0.9):
        version += 1
    version += world.chance(0.05)
    document: dict[str, object] = {
        "vct": f"urn:weid:{NETWORK}:cpt:{cpt_id}:{version}",
        "cpt_id": cpt_id,
        "version": version if world.chance(0.95) else version + 1,
        "title": f"Título {world.random.randrange(9)} 證書",
    }
    if world.chance(0.2):
        document["$ref"] = "#/$defs/a" if world.chance(0.7) else "https://elsewhere.example/"
    return PublishTemplate(cpt_id, version, json.dumps(document, ensure_ascii=False).encode())


def end_template(world: RandomWorld, _: Member, __: DidRecord | None) -> DeactivateTemplate:
    return DeactivateTemplate(world.random.choice(TEMPLATES), world.random.randrange(1, 5))


def policy(world: RandomWorld, _: Member, __: DidRecord | None) -> PublishPolicy:
    policy_id = world.random.choice(("library-card", "age-check", "X"))
    version = 1
    while world.read(PolicyRecord, policy_key(policy_id, version)) and world.chance(0.9):
        version += 1
    version += world.chance(0.05)
    document: dict[str, object] = {
        "uri": f"urn:weid:{NETWORK}:policy:{policy_id}:{version}",
        "policy_id": policy_id,
        "version": version if world.chance(0.75) else version + 1,
        "purpose": f"Propósito {world.random.randrange(9)} 目的",
    }
    return PublishPolicy(policy_id, version, json.dumps(document, ensure_ascii=False).encode())


def end_policy(world: RandomWorld, _: Member, __: DidRecord | None) -> WithdrawPolicy:
    policy_id = world.random.choice(("library-card", "age-check"))
    return WithdrawPolicy(policy_id, world.random.randrange(1, 5))


def status_list(world: RandomWorld, member: Member, _: DidRecord | None) -> PublishStatusList:
    cpt_id = world.random.choice(TEMPLATES[:3])
    uri = f"https://{cpt_id}.example/{world.random.randrange(3)}"
    record = world.read(StatusListRecord, status_id(member.did, uri))
    sequence = (0 if record is None else record.sequence) + 1 + world.chance(0.04)
    bits = 1 if world.chance(0.97) else 3
    return PublishStatusList(uri, cpt_id, bits, 2**17, sequence, _digest(world))


def evidence(world: RandomWorld, _: Member, __: DidRecord | None) -> AnchorEvidence:
    return AnchorEvidence(_digest(world), world.random.choice(("", "seen", "visto", "見")))


def batch(world: RandomWorld, _: Member, __: DidRecord | None) -> AnchorBatch:
    purpose = world.random.choice(("issuance", "evidence", "Issuance"))
    return AnchorBatch(_digest(world), world.random.randrange(200), purpose)


def recognize(world: RandomWorld, _: Member, __: DidRecord | None) -> RecognizeIssuer:
    return RecognizeIssuer(*_trusted(world), *_window(world))


def derecognize(world: RandomWorld, _: Member, __: DidRecord | None) -> DerecognizeIssuer:
    return DerecognizeIssuer(*_trusted(world), _since(world))


def accredit(world: RandomWorld, _: Member, __: DidRecord | None) -> Accredit:
    return Accredit(*_trusted(world), *_window(world), may_accredit=world.chance(0.6))


def end_accreditation(world: RandomWorld, _: Member, __: DidRecord | None) -> EndAccreditation:
    return EndAccreditation(*_trusted(world), _since(world))


def grant(world: RandomWorld, _: Member, __: DidRecord | None) -> GrantRole:
    few = len(world.governing) < 6
    roles = (Role.GOVERNOR, Role.REGISTRAR, Role.ISSUER) if few else (Role.REGISTRAR, Role.ISSUER)
    return GrantRole(world.somebody().did, world.random.choice(roles))


def revoke(world: RandomWorld, _: Member, __: DidRecord | None) -> RevokeRole:
    holder = world.random.choice(world.endorsing or world.members)
    return RevokeRole(holder.did, world.random.choice(list(Role)))


def parameter(world: RandomWorld, _: Member, __: DidRecord | None) -> SetParameter:
    chosen = world.random.choice(list(_PARAMETERS))
    return SetParameter(chosen, world.random.choice(_PARAMETERS[chosen]))


def propose(world: RandomWorld, _: Member, __: DidRecord | None) -> Propose:
    holder = world.somebody()
    action = MAKERS[world.random.choice(world.governed)](world, holder, world.record(holder))
    return proposal(world, action)


def proposal(world: RandomWorld, action: Any) -> Propose:
    """Return a proposal of an action, now and then one that is over before it begins."""
    expires = world.now + world.random.randrange(-2, 500)
    return Propose(action, expires, world.random.choice(("", "as agreed", "conforme")))


def approve(world: RandomWorld, member: Member, _: DidRecord | None) -> Approve:
    waiting = [one for one in world.proposals if _waits_for(world, one, member)]
    if not waiting or world.chance(0.05):
        waiting = world.proposals
    return Approve(world.random.choice(waiting))


def _waits_for(world: RandomWorld, proposal_id: bytes, member: Member) -> bool:
    record = world.read(ProposalRecord, proposal_id)
    if record is None or record.executed_at is not None:
        return False
    return member.did not in record.approvals and record.expires >= world.now


MAKERS: Final[dict[type[Operation], Maker]] = {
    CreateDid: create_did,
    UpdateDid: update_did,
    RotateControllers: rotate,
    RecoverDid: recover,
    DeactivateDid: deactivate,
    MarkKeyCompromised: mark,
    NameOrganisation: name,
    PublishTemplate: template,
    DeactivateTemplate: end_template,
    PublishStatusList: status_list,
    AnchorEvidence: evidence,
    AnchorBatch: batch,
    RecognizeIssuer: recognize,
    DerecognizeIssuer: derecognize,
    Accredit: accredit,
    EndAccreditation: end_accreditation,
    GrantRole: grant,
    RevokeRole: revoke,
    SetParameter: parameter,
    Propose: propose,
    Approve: approve,
    PublishPolicy: policy,
    WithdrawPolicy: end_policy,
    **NODE_MAKERS,
}

WEIGHTS: Final[dict[type[Operation], int]] = {
    CreateDid: 1,
    DeactivateDid: 1,
    SetParameter: 1,
    HandOver: 1,
    ScheduleRules: 1,
    AdmitNode: 3,
    ChangeNode: 2,
    SuspendNode: 1,
    ReinstateNode: 1,
    RemoveNode: 1,
    RotateNodeKeys: 2,
    AssignOperator: 1,
    AnchorEvidence: 12,
    Approve: 30,
}
"""How often a kind is chosen; 4 where none is given."""
