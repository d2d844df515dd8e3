"""Who may do what: one table. A row is missing for no operation (a test says so).

Two questions, both judged on the staged state at the operation's place in the block: which of the
author's keys must have signed (`Signing`), and what the author must be (any one `Grant` suffices).
An approved proposal answers the first, and the second where `Grant.PROPOSAL` stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from registry_chain.state_machine.accreditation import reaches
from registry_chain.state_machine.context import Context
from registry_chain.state_machine.errors import refuse, require
from registry_chain.state_machine.signers import (
    any_key_signed,
    commitment_signed,
    controllers_signed,
    inception_signed,
    recovery_signed,
)
from weid.registry.codes import ResultCode
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
    MarkKeyCompromised,
    NameOrganisation,
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
    AccreditationRecord,
    NodeRecord,
    PolicyRecord,
    RecognitionRecord,
    TemplateRecord,
)
from weid.registry.state_keys import policy_key, template_id, trust_id


class Signing(Enum):
    """Which keys must have signed."""

    ANY_KEY = auto()
    """One authentication key in force."""
    CONTROLLERS = auto()
    """As many controlling keys as the DID's threshold says."""
    INCEPTION = auto()
    """Every controlling key of the inception."""
    ROTATION = auto()
    """The committed keys, all of them, where there is a commitment; else the controllers."""
    RECOVERY = auto()
    """A recovery key."""
    CONTROLLERS_OR_RECOVERY = auto()
    """The controllers, or a recovery key."""


class Grant(Enum):
    """What an author must be."""

    SELF = auto()
    """The DID that the operation is about."""
    SELF_ENDORSED = auto()
    """The same, with the endorsement of a registrar or governor."""
    ENDORSED = auto()
    """Anybody whom a registrar or governor endorses."""
    ADMITTED = auto()
    """Anybody whose transaction was admitted (who has a role or an endorser)."""
    ISSUER = auto()
    REGISTRAR = auto()
    GOVERNOR = auto()
    OWNER = auto()
    """The publisher of the template or policy."""
    RECOGNIZED = auto()
    """A DID that is or was recognized for the template, without compromise."""
    ACCREDITOR = auto()
    """A DID whose accreditation for the template is in force up to governance."""
    ACCREDITOR_OF_ACCREDITORS = auto()
    """The same, and it may accredit others."""
    RECOGNIZER = auto()
    """Who gave the recognition or accreditation."""
    OPERATOR = auto()
    """The DID that answers for the node."""
    PROPOSAL = auto()
    """An approved proposal."""


@dataclass(frozen=True, slots=True)
class Permission:
    """A row of the table; `otherwise` is the code for everybody else."""

    signing: Signing
    grants: tuple[Grant, ...]
    otherwise: ResultCode = ResultCode.NOT_PERMITTED


_ONLY_BY_PROPOSAL: Final = Permission(
    Signing.CONTROLLERS, (Grant.PROPOSAL,), ResultCode.ONLY_BY_PROPOSAL
)

PERMISSIONS: Final[dict[type[Operation], Permission]] = {
    CreateDid: Permission(Signing.INCEPTION, (Grant.ADMITTED,)),
    UpdateDid: Permission(Signing.CONTROLLERS, (Grant.SELF,)),
    RotateControllers: Permission(Signing.ROTATION, (Grant.SELF,)),
    RecoverDid: Permission(Signing.RECOVERY, (Grant.SELF,)),
    DeactivateDid: Permission(Signing.CONTROLLERS, (Grant.SELF, Grant.PROPOSAL)),
    MarkKeyCompromised: Permission(Signing.CONTROLLERS_OR_RECOVERY, (Grant.SELF, Grant.PROPOSAL)),
    NameOrganisation: Permission(
        Signing.ANY_KEY, (Grant.REGISTRAR, Grant.GOVERNOR, Grant.SELF_ENDORSED, Grant.PROPOSAL)
    ),
    PublishTemplate: Permission(Signing.ANY_KEY, (Grant.ISSUER, Grant.GOVERNOR, Grant.ENDORSED)),
    DeactivateTemplate: Permission(Signing.ANY_KEY, (Grant.OWNER, Grant.PROPOSAL)),
    PublishPolicy: Permission(Signing.ANY_KEY, (Grant.ISSUER, Grant.GOVERNOR, Grant.ENDORSED)),
    WithdrawPolicy: Permission(Signing.ANY_KEY, (Grant.OWNER, Grant.PROPOSAL)),
    PublishStatusList: Permission(
        Signing.ANY_KEY, (Grant.RECOGNIZED,), ResultCode.ISSUER_NOT_RECOGNIZED
    ),
    AnchorEvidence: Permission(Signing.ANY_KEY, (Grant.ADMITTED,)),
    AnchorBatch: Permission(Signing.ANY_KEY, (Grant.ADMITTED,)),
    RecognizeIssuer: Permission(
        Signing.CONTROLLERS, (Grant.ACCREDITOR, Grant.PROPOSAL), ResultCode.OUT_OF_SCOPE
    ),
    DerecognizeIssuer: Permission(Signing.CONTROLLERS, (Grant.RECOGNIZER, Grant.PROPOSAL)),
    Accredit: Permission(
        Signing.CONTROLLERS,
        (Grant.ACCREDITOR_OF_ACCREDITORS, Grant.PROPOSAL),
        ResultCode.OUT_OF_SCOPE,
    ),
    EndAccreditation: Permission(Signing.CONTROLLERS, (Grant.RECOGNIZER, Grant.PROPOSAL)),
    GrantRole: _ONLY_BY_PROPOSAL,
    RevokeRole: _ONLY_BY_PROPOSAL,
    SetParameter: _ONLY_BY_PROPOSAL,
    Propose: Permission(Signing.CONTROLLERS, (Grant.GOVERNOR,)),
    Approve: Permission(Signing.CONTROLLERS, (Grant.GOVERNOR,)),
    AdmitNode: _ONLY_BY_PROPOSAL,
    ChangeNode: _ONLY_BY_PROPOSAL,
    SuspendNode: _ONLY_BY_PROPOSAL,
    ReinstateNode: _ONLY_BY_PROPOSAL,
    RemoveNode: _ONLY_BY_PROPOSAL,
    RotateNodeKeys: Permission(Signing.CONTROLLERS, (Grant.OPERATOR, Grant.PROPOSAL)),
    AssignOperator: _ONLY_BY_PROPOSAL,
    ScheduleRules: _ONLY_BY_PROPOSAL,
    HandOver: _ONLY_BY_PROPOSAL,
}
"""Operation → who may do it."""

OPEN_OPERATIONS: Final = frozenset(
    {CreateDid, UpdateDid, RotateControllers, RecoverDid, DeactivateDid, MarkKeyCompromised}
)
"""What an author without role and endorser may send where DID creation is open."""


def require_permission(context: Context, operation: Operation) -> None:
    """Refuse the operation unless the table allows it.

    Raises:
        InvalidTransactionError: too few signatures, or the author is not what it takes.
    """
    permission = PERMISSIONS[type(operation)]
    if context.by_governance:
        require(Grant.PROPOSAL in permission.grants, ResultCode.NOT_PERMITTED)
        return
    _SIGNED[permission.signing](context, operation)
    for grant in permission.grants:
        if _HOLDS[grant](context, operation):
            return
    refuse(permission.otherwise)


def _controllers(context: Context, _: Operation) -> None:
    require(controllers_signed(context), ResultCode.THRESHOLD_NOT_MET)


def _any_key(context: Context, _: Operation) -> None:
    require(any_key_signed(context), ResultCode.KEY_NOT_IN_FORCE)


def _inception(context: Context, operation: Any) -> None:
    require(inception_signed(context, operation), ResultCode.THRESHOLD_NOT_MET)


def _rotation(context: Context, operation: Any) -> None:
    committed = commitment_signed(context, operation)
    signed = controllers_signed(context) if committed is None else committed
    require(
        signed,
        ResultCode.THRESHOLD_NOT_MET if committed is None else ResultCode.COMMITMENT_NOT_MET,
    )


def _recovery(context: Context, _: Operation) -> None:
    require(recovery_signed(context), ResultCode.THRESHOLD_NOT_MET)


def _controllers_or_recovery(context: Context, _: Operation) -> None:
    signed = recovery_signed(context) or controllers_signed(context)
    require(signed, ResultCode.THRESHOLD_NOT_MET)


_SIGNED: Final[dict[Signing, Callable[[Context, Any], None]]] = {
    Signing.ANY_KEY: _any_key,
    Signing.CONTROLLERS: _controllers,
    Signing.INCEPTION: _inception,
    Signing.ROTATION: _rotation,
    Signing.RECOVERY: _recovery,
    Signing.CONTROLLERS_OR_RECOVERY: _controllers_or_recovery,
}


def _role(role: Role) -> Callable[[Context, Any], bool]:
    return lambda context, _: role in context.roles(context.author)


def _owner(context: Context, operation: DeactivateTemplate | WithdrawPolicy) -> bool:
    if isinstance(operation, WithdrawPolicy):
        policy = context.staged.read(
            PolicyRecord, policy_key(operation.policy_id, operation.version)
        )
        if policy is None:
            refuse(ResultCode.POLICY_UNKNOWN)
        return policy.publisher == context.author
    identity = template_id(operation.cpt_id, operation.version)
    record = context.staged.read(TemplateRecord, identity)
    if record is None:
        refuse(ResultCode.TEMPLATE_UNKNOWN)
    return record.publisher == context.author


def _recognized(context: Context, operation: PublishStatusList) -> bool:
    identity = trust_id(context.author, operation.cpt_id)
    record = context.staged.read(RecognitionRecord, identity)
    return record is not None and record.compromised_since is None


def _recognizer(context: Context, operation: DerecognizeIssuer | EndAccreditation) -> bool:
    identity = trust_id(operation.did, operation.cpt_id)
    if isinstance(operation, DerecognizeIssuer):
        recognition = context.staged.read(RecognitionRecord, identity)
        return recognition is not None and recognition.recognized_by == context.author
    accreditation = context.staged.read(AccreditationRecord, identity)
    return accreditation is not None and accreditation.accredited_by == context.author


def _operator(context: Context, operation: RotateNodeKeys) -> bool:
    record = context.staged.read(NodeRecord, operation.node_id)
    if record is None:
        refuse(ResultCode.NODE_UNKNOWN)
    return record.operator == context.author


_HOLDS: Final[dict[Grant, Callable[[Context, Any], bool]]] = {
    Grant.SELF: lambda context, operation: operation.did == context.author,
    Grant.SELF_ENDORSED: lambda context, operation: (
        context.endorsed and operation.did == context.author
    ),
    Grant.ENDORSED: lambda context, _: context.endorsed,
    Grant.ADMITTED: lambda *_: True,
    Grant.ISSUER: _role(Role.ISSUER),
    Grant.REGISTRAR: _role(Role.REGISTRAR),
    Grant.GOVERNOR: _role(Role.GOVERNOR),
    Grant.OWNER: _owner,
    Grant.RECOGNIZED: _recognized,
    Grant.ACCREDITOR: lambda context, operation: reaches(
        context.staged, context.author, operation.cpt_id
    ),
    Grant.ACCREDITOR_OF_ACCREDITORS: lambda context, operation: reaches(
        context.staged, context.author, operation.cpt_id, to_accredit=True
    ),
    Grant.RECOGNIZER: _recognizer,
    Grant.OPERATOR: _operator,
    Grant.PROPOSAL: lambda *_: False,
}
