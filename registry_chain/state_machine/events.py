"""The event of each operation that was carried out: a fixed word and what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from registry_chain.state_machine.block import Event
from registry_chain.state_machine.context import Context
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
    RotateControllers,
    SetParameter,
    UpdateDid,
)
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.transaction import proposal_id

Subject = Callable[[Context, Any], str]


def _did(_: Context, operation: Any) -> str:
    return str(operation.did)


def _trust(_: Context, operation: Any) -> str:
    return f"{operation.did}/{operation.cpt_id}"


def _template(_: Context, operation: Any) -> str:
    return f"{operation.cpt_id}/{operation.version}"


def _policy(_: Context, operation: Any) -> str:
    return f"{operation.policy_id}/{operation.version}"


def _node(_: Context, operation: Any) -> str:
    return str(operation.node_id.hex())


EVENTS: Final[dict[type[Operation], tuple[str, Subject]]] = {
    CreateDid: ("did_created", lambda context, _: context.author),
    UpdateDid: ("did_updated", _did),
    RotateControllers: ("did_controllers_rotated", _did),
    RecoverDid: ("did_recovered", _did),
    DeactivateDid: ("did_deactivated", _did),
    MarkKeyCompromised: ("key_marked_compromised", lambda _, op: f"{op.did}#{op.key_id}"),
    NameOrganisation: ("organisation_named", _did),
    PublishTemplate: ("template_published", _template),
    DeactivateTemplate: ("template_deactivated", _template),
    PublishPolicy: ("policy_published", _policy),
    WithdrawPolicy: ("policy_withdrawn", _policy),
    PublishStatusList: ("status_list_published", lambda _, op: str(op.uri)),
    AnchorEvidence: ("evidence_anchored", lambda _, op: op.digest.hex()),
    AnchorBatch: ("batch_anchored", lambda _, op: op.root.hex()),
    RecognizeIssuer: ("issuer_recognized", _trust),
    DerecognizeIssuer: ("issuer_derecognized", _trust),
    Accredit: ("accredited", _trust),
    EndAccreditation: ("accreditation_ended", _trust),
    GrantRole: ("role_granted", lambda _, op: f"{op.did}/{op.role.value}"),
    RevokeRole: ("role_revoked", lambda _, op: f"{op.did}/{op.role.value}"),
    SetParameter: ("parameter_set", lambda _, op: str(op.name)),
    Propose: (
        "proposal_made",
        lambda context, _: proposal_id(context.transaction_id, context.position).hex(),
    ),
    Approve: ("proposal_approved", lambda _, op: op.proposal_id.hex()),
    AdmitNode: ("node_admitted", _node),
    ChangeNode: ("node_changed", _node),
    SuspendNode: ("node_suspended", _node),
    ReinstateNode: ("node_reinstated", _node),
    RemoveNode: ("node_removed", _node),
    RotateNodeKeys: ("node_keys_rotated", _node),
    AssignOperator: ("node_operator_assigned", _node),
    ScheduleRules: ("rules_scheduled", lambda _, op: str(op.rules_version)),
    HandOver: ("registry_handed_over", lambda _, op: str(op.engine.value)),
}
"""Operation → the event's name and how its subject is found."""

MISBEHAVED: Final = "validator_misbehaved"
ACTIVATED: Final = "rules_activated"
EVENT_NAMES: Final = frozenset({name for name, _ in EVENTS.values()} | {ACTIVATED, MISBEHAVED})
"""Every name that an event can have; two come of no transaction and have no author."""


def event_of(context: Context, operation: Operation) -> Event:
    """Return the event of an operation that was just carried out."""
    name, subject = EVENTS[type(operation)]
    return Event(
        name,
        subject(context, operation),
        context.author,
        context.transaction_id,
        context.position,
    )
