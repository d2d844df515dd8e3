"""The table of rules: version of the rules → operation → rule. A row is missing for none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry_chain.state_machine.context import Rule
from registry_chain.state_machine.rules import (
    anchor_rules,
    chain_rules,
    did_key_rules,
    did_rules,
    governance_rules,
    node_rules,
    policy_rules,
    recognition_rules,
    status_rules,
    template_rules,
)
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

RULES: Final[Mapping[int, Mapping[type[Operation], Rule]]] = {
    1: {
        CreateDid: did_rules.create_did,
        UpdateDid: did_rules.update_did,
        RotateControllers: did_key_rules.rotate_controllers,
        RecoverDid: did_key_rules.recover_did,
        DeactivateDid: did_rules.deactivate_did,
        MarkKeyCompromised: did_key_rules.mark_key_compromised,
        NameOrganisation: did_rules.name_organisation,
        PublishTemplate: template_rules.publish_template,
        DeactivateTemplate: template_rules.deactivate_template,
        PublishPolicy: policy_rules.publish_policy,
        WithdrawPolicy: policy_rules.withdraw_policy,
        PublishStatusList: status_rules.publish_status_list,
        AnchorEvidence: anchor_rules.anchor_evidence,
        AnchorBatch: anchor_rules.anchor_batch,
        RecognizeIssuer: recognition_rules.recognize_issuer,
        DerecognizeIssuer: recognition_rules.derecognize_issuer,
        Accredit: recognition_rules.accredit,
        EndAccreditation: recognition_rules.end_accreditation,
        GrantRole: governance_rules.grant_role,
        RevokeRole: governance_rules.revoke_role,
        SetParameter: governance_rules.set_parameter,
        Propose: governance_rules.propose,
        Approve: governance_rules.approve,
        AdmitNode: node_rules.admit_node,
        ChangeNode: node_rules.change_node,
        SuspendNode: node_rules.suspend_node,
        ReinstateNode: node_rules.reinstate_node,
        RemoveNode: node_rules.remove_node,
        RotateNodeKeys: node_rules.rotate_node_keys,
        AssignOperator: node_rules.assign_operator,
        ScheduleRules: chain_rules.schedule_rules,
        HandOver: chain_rules.hand_over,
    }
}
