"""Who may do what: the model's own account of the permissions of specs/registry-operations.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.model.admission import opens
from tests.support.model.ledger import Acting, Ledger, in_force, need, refuse, signing_key
from weid.registry import operations as op
from weid.registry.codes import ResultCode
from weid.registry.operations import Role
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.records import (
    AccreditationRecord,
    PolicyRecord,
    RecognitionRecord,
    TemplateRecord,
)
from weid.registry.state_keys import policy_key, template_id, trust_id

Asks = Callable[[Ledger, Acting, Any], bool]

DEPTH = 4
BY_PROPOSAL = (
    op.RecognizeIssuer,
    op.DerecognizeIssuer,
    op.Accredit,
    op.EndAccreditation,
    op.GrantRole,
    op.RevokeRole,
    op.SetParameter,
    op.DeactivateDid,
    op.MarkKeyCompromised,
    op.NameOrganisation,
    op.DeactivateTemplate,
    WithdrawPolicy,
)
ONLY_BY_PROPOSAL = (op.GrantRole, op.RevokeRole, op.SetParameter)
ANY_KEY = (
    op.NameOrganisation,
    op.PublishTemplate,
    op.DeactivateTemplate,
    PublishPolicy,
    WithdrawPolicy,
    op.PublishStatusList,
    op.AnchorEvidence,
    op.AnchorBatch,
)


def permit(ledger: Ledger, acting: Acting, operation: Any) -> None:
    """Refuse an operation that the author, with these signatures, may not do."""
    kind = type(operation)
    if acting.governance:
        need(kind in BY_PROPOSAL, ResultCode.NOT_PERMITTED)
        return
    _signed(ledger, acting, operation)
    need(kind not in ONLY_BY_PROPOSAL, ResultCode.ONLY_BY_PROPOSAL)
    otherwise = {
        op.PublishStatusList: ResultCode.ISSUER_NOT_RECOGNIZED,
        op.RecognizeIssuer: ResultCode.OUT_OF_SCOPE,
        op.Accredit: ResultCode.OUT_OF_SCOPE,
    }
    allowed = ALLOWED[kind](ledger, acting, operation)
    need(allowed, otherwise.get(kind, ResultCode.NOT_PERMITTED))


def _signed(ledger: Ledger, acting: Acting, operation: Any) -> None:
    if isinstance(operation, op.CreateDid):
        complete = set(operation.inception.controllers) <= acting.signers
        need(complete, ResultCode.THRESHOLD_NOT_MET)
        return
    record = ledger.active_did(acting.author)
    usable = {signing_key(key) for key in record.keys if in_force(key)} & acting.signers
    controllers = len(usable & set(record.controllers)) >= record.threshold
    recovery = bool(acting.signers & set(record.recovery_keys))
    if type(operation) in ANY_KEY:
        need(usable, ResultCode.KEY_NOT_IN_FORCE)
    elif isinstance(operation, op.RotateControllers) and record.next_keys:
        committed = opens(record, operation) and set(operation.controllers) <= acting.signers
        need(committed, ResultCode.COMMITMENT_NOT_MET)
    elif isinstance(operation, op.RecoverDid):
        need(recovery, ResultCode.THRESHOLD_NOT_MET)
    elif isinstance(operation, op.MarkKeyCompromised):
        need(controllers or recovery, ResultCode.THRESHOLD_NOT_MET)
    else:
        need(controllers, ResultCode.THRESHOLD_NOT_MET)


def _has(ledger: Ledger, acting: Acting, *roles: Role) -> bool:
    return any(role in ledger.roles(acting.author) for role in roles)


def _own(_: Ledger, acting: Acting, operation: Any) -> bool:
    return bool(operation.did == acting.author)


def _anybody(_: Ledger, __: Acting, ___: Any) -> bool:
    return True


def _names(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    own = acting.endorsed and operation.did == acting.author
    return own or _has(ledger, acting, Role.REGISTRAR, Role.GOVERNOR)


def _publishes(ledger: Ledger, acting: Acting, _: Any) -> bool:
    return acting.endorsed or _has(ledger, acting, Role.ISSUER, Role.GOVERNOR)


def _governs(ledger: Ledger, acting: Acting, _: Any) -> bool:
    return _has(ledger, acting, Role.GOVERNOR)


def _owns(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    record = ledger.get(TemplateRecord, template_id(operation.cpt_id, operation.version))
    if record is None:
        refuse(ResultCode.TEMPLATE_UNKNOWN)
    return record.publisher == acting.author


def _owns_policy(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    record = ledger.get(PolicyRecord, policy_key(operation.policy_id, operation.version))
    if record is None:
        refuse(ResultCode.POLICY_UNKNOWN)
    return record.publisher == acting.author


def _is_recognized(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    record = ledger.get(RecognitionRecord, trust_id(acting.author, operation.cpt_id))
    return record is not None and record.compromised_since is None


def _gave_recognition(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    record = ledger.get(RecognitionRecord, trust_id(operation.did, operation.cpt_id))
    return record is not None and record.recognized_by == acting.author


def _gave_accreditation(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    record = ledger.get(AccreditationRecord, trust_id(operation.did, operation.cpt_id))
    return record is not None and record.accredited_by == acting.author


def _recognizes(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    chain = accreditors(ledger, acting.author, operation.cpt_id)
    return chain is not None and len(chain) <= DEPTH


def _accredits(ledger: Ledger, acting: Acting, operation: Any) -> bool:
    chain = accreditors(ledger, acting.author, operation.cpt_id)
    return chain is not None and len(chain) <= DEPTH - 1 and chain[0].may_accredit


def accreditors(ledger: Ledger, did: str, cpt_id: str) -> list[AccreditationRecord] | None:
    """Return the accreditations from a DID up to governance, None where one does not count."""
    chain: list[AccreditationRecord] = []
    while did:
        record = ledger.get(AccreditationRecord, trust_id(did, cpt_id))
        if record is None or not _counts(record, ledger.time) or len(chain) > DEPTH:
            return None
        if chain and not (record.may_accredit and _outside(chain[-1].given_at, record)):
            return None
        chain.append(record)
        did = record.accredited_by
    return chain


def _counts(record: AccreditationRecord, time: int) -> bool:
    ended = record.ended_at is not None or record.compromised_since is not None
    over = record.valid_until is not None and record.valid_until <= time
    return record.valid_from <= time and not ended and not over


def _outside(given_at: int, giver: AccreditationRecord) -> bool:
    """Return whether something was given while its giver was not compromised."""
    if giver.not_before is None:
        return True
    return given_at < (giver.compromised_before or 0) or given_at > giver.not_before


ALLOWED: dict[type[Any], Asks] = {
    op.CreateDid: _anybody,
    op.UpdateDid: _own,
    op.RotateControllers: _own,
    op.RecoverDid: _own,
    op.DeactivateDid: _own,
    op.MarkKeyCompromised: _own,
    op.NameOrganisation: _names,
    op.PublishTemplate: _publishes,
    op.DeactivateTemplate: _owns,
    PublishPolicy: _publishes,
    WithdrawPolicy: _owns_policy,
    op.PublishStatusList: _is_recognized,
    op.AnchorEvidence: _anybody,
    op.AnchorBatch: _anybody,
    op.RecognizeIssuer: _recognizes,
    op.DerecognizeIssuer: _gave_recognition,
    op.Accredit: _accredits,
    op.EndAccreditation: _gave_accreditation,
    op.Propose: _governs,
    op.Approve: _governs,
}
