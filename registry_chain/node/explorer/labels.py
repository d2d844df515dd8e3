"""One sentence for each operation kind: what happened, in words for people.

The sentences are in English; `translations` holds them in other languages. Those about nodes, rules
and engines are in `node_labels`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from registry_chain.node.explorer.node_labels import NODE_LABELS, NODE_PROPOSED
from registry_chain.node.explorer.sentences import (
    Sentence,
    Telling,
    Term,
    path_of_did,
    path_of_policy,
    path_of_proposal,
    path_of_template,
    said,
    short_did,
    short_hex,
)
from weid.clock import format_time
from weid.registry import operations as op
from weid.registry import policy_operations as policies

__all__ = [
    "PROPOSED",
    "UNTIL",
    "Sentence",
    "Telling",
    "Term",
    "labelled_kinds",
    "path_of_did",
    "path_of_proposal",
    "path_of_template",
    "proposed",
    "sentence",
    "short_did",
    "short_hex",
]


def _date(seconds: int) -> Term:
    return Term(format_time(seconds)[:10])


def _template(cpt_id: str) -> Term:
    return Term(cpt_id, f"/templates/{quote(cpt_id, safe='')}")


def _key(key_id: str) -> Term:
    return Term(f"#{key_id}")


def _short(data: bytes) -> Term:
    return Term(short_hex(data))


UNTIL: Final = " until {date}"
"""End of the sentence about a recognition or accreditation that ends by itself."""
Label = Callable[[op.Operation, Telling], Sentence]
_LABELS: Final[dict[type[op.Operation], Label]] = {**NODE_LABELS}


def _label(kind: type[op.Operation]) -> Callable[[Callable[..., Sentence]], Label]:
    def keep(function: Callable[..., Sentence]) -> Label:
        _LABELS[kind] = function
        return function

    return keep


def labelled_kinds() -> frozenset[type[op.Operation]]:
    """Return the operation kinds that have a sentence."""
    return frozenset(_LABELS)


def sentence(operation: op.Operation, telling: Telling) -> Sentence:
    """Return what an operation did, in words."""
    return _LABELS[type(operation)](operation, telling)


@_label(op.CreateDid)
def _create_did(_: op.CreateDid, t: Telling) -> Sentence:
    return said("{actor} was registered", actor=t.actor)


@_label(op.UpdateDid)
def _update_did(o: op.UpdateDid, t: Telling) -> Sentence:
    if o.add_keys and o.retire_keys:
        text = "{actor} added and retired keys of {did}"
    elif o.add_keys:
        text = "{actor} added a key to {did}"
    elif o.retire_keys:
        text = "{actor} retired a key of {did}"
    else:
        text = "{actor} changed the services of {did}"
    return said(text, actor=t.actor, did=t.who(o.did))


@_label(op.RotateControllers)
def _rotate(o: op.RotateControllers, t: Telling) -> Sentence:
    return said("The controlling keys of {did} were replaced", did=t.who(o.did))


@_label(op.RecoverDid)
def _recover(o: op.RecoverDid, t: Telling) -> Sentence:
    return said("{did} was taken back with a recovery key", did=t.who(o.did))


@_label(op.DeactivateDid)
def _deactivate(o: op.DeactivateDid, t: Telling) -> Sentence:
    return said("{actor} ended {did} for ever", actor=t.actor, did=t.who(o.did))


@_label(op.MarkKeyCompromised)
def _compromised(o: op.MarkKeyCompromised, t: Telling) -> Sentence:
    return said(
        "{actor} declared key {key} of {did} compromised since {date}",
        actor=t.actor,
        key=_key(o.key_id),
        did=t.who(o.did),
        date=_date(o.since),
    )


@_label(op.NameOrganisation)
def _name(o: op.NameOrganisation, t: Telling) -> Sentence:
    return said(
        "{actor} confirmed the name “{name}” for {did}",
        actor=t.actor,
        name=Term(o.name),
        did=Term(short_did(o.did), path_of_did(o.did)),
    )


@_label(op.PublishTemplate)
def _publish_template(o: op.PublishTemplate, t: Telling) -> Sentence:
    return said(
        "{actor} published template {template} version {version}",
        actor=t.actor,
        template=_template(o.cpt_id),
        version=Term(str(o.version), path_of_template(o.cpt_id, o.version)),
    )


@_label(op.DeactivateTemplate)
def _deactivate_template(o: op.DeactivateTemplate, t: Telling) -> Sentence:
    return said(
        "{actor} stopped issuing under template {template} version {version}",
        actor=t.actor,
        template=_template(o.cpt_id),
        version=Term(str(o.version), path_of_template(o.cpt_id, o.version)),
    )


@_label(policies.PublishPolicy)
def _publish_policy(o: policies.PublishPolicy, t: Telling) -> Sentence:
    return said(
        "{actor} published presentation policy {policy} version {version}",
        actor=t.actor,
        policy=Term(o.policy_id),
        version=Term(str(o.version), path_of_policy(o.policy_id, o.version)),
    )


@_label(policies.WithdrawPolicy)
def _withdraw_policy(o: policies.WithdrawPolicy, t: Telling) -> Sentence:
    return said(
        "{actor} withdrew presentation policy {policy} version {version}",
        actor=t.actor,
        policy=Term(o.policy_id),
        version=Term(str(o.version), path_of_policy(o.policy_id, o.version)),
    )


@_label(op.PublishStatusList)
def _status_list(o: op.PublishStatusList, t: Telling) -> Sentence:
    return said(
        "{actor} published update {sequence} of a status list for template {template}",
        actor=t.actor,
        sequence=Term(str(o.sequence)),
        template=_template(o.cpt_id),
    )


@_label(op.AnchorEvidence)
def _evidence(o: op.AnchorEvidence, t: Telling) -> Sentence:
    return said("{actor} anchored the digest {digest}", actor=t.actor, digest=_short(o.digest))


@_label(op.AnchorBatch)
def _batch(o: op.AnchorBatch, t: Telling) -> Sentence:
    if o.count == 1:
        return said("{actor} anchored a batch of one entry", actor=t.actor)
    return said(
        "{actor} anchored a batch of {count} entries", actor=t.actor, count=Term(str(o.count))
    )


def _until(text: str, o: op.RecognizeIssuer | op.Accredit, t: Telling) -> Sentence:
    """Return a sentence with the end of what begins, where it has one."""
    terms = {"actor": t.actor, "did": t.who(o.did), "template": _template(o.cpt_id)}
    if o.valid_until is None:
        return Sentence(text, terms)
    return Sentence(text + UNTIL, {**terms, "date": _date(o.valid_until)})


@_label(op.RecognizeIssuer)
def _recognize(o: op.RecognizeIssuer, t: Telling) -> Sentence:
    text = "{actor} recognized {did} as issuer of template {template}"
    return _until(text, o, t)


@_label(op.DerecognizeIssuer)
def _derecognize(o: op.DerecognizeIssuer, t: Telling) -> Sentence:
    return said(
        "{actor} ended the recognition of {did} as issuer of template {template}",
        actor=t.actor,
        did=t.who(o.did),
        template=_template(o.cpt_id),
    )


@_label(op.Accredit)
def _accredit(o: op.Accredit, t: Telling) -> Sentence:
    return _until("{actor} let {did} recognize issuers of template {template}", o, t)


@_label(op.EndAccreditation)
def _end_accreditation(o: op.EndAccreditation, t: Telling) -> Sentence:
    return said(
        "{actor} ended the accreditation of {did} for template {template}",
        actor=t.actor,
        did=t.who(o.did),
        template=_template(o.cpt_id),
    )


@_label(op.GrantRole)
def _grant(o: op.GrantRole, t: Telling) -> Sentence:
    return said(
        "{actor} gave {did} the role {role}",
        actor=t.actor,
        did=t.who(o.did),
        role=Term(o.role, word=True),
    )


@_label(op.RevokeRole)
def _revoke(o: op.RevokeRole, t: Telling) -> Sentence:
    return said(
        "{actor} took the role {role} from {did}",
        actor=t.actor,
        did=t.who(o.did),
        role=Term(o.role, word=True),
    )


@_label(op.SetParameter)
def _parameter(o: op.SetParameter, t: Telling) -> Sentence:
    return said(
        "{actor} set the chain's parameter {name} to {value}",
        actor=t.actor,
        name=Term(o.name),
        value=Term(str(o.value)),
    )


def proposed(action: op.GovernedAction, telling: Telling) -> Sentence:
    """Return what an action that is proposed would do, in words."""
    told = sentence(action, telling)
    ends = UNTIL if told.text.endswith(UNTIL) else ""
    return Sentence(PROPOSED[type(action)] + ends, told.terms)


@_label(op.Propose)
def _propose(o: op.Propose, t: Telling) -> Sentence:
    return proposed(o.action, t)


@_label(op.Approve)
def _approve(o: op.Approve, t: Telling) -> Sentence:
    return said(
        "{actor} approved proposal {proposal}",
        actor=t.actor,
        proposal=Term(_short(o.proposal_id).text, path_of_proposal(o.proposal_id)),
    )


PROPOSED: Final[dict[type[op.Operation], str]] = {
    op.RecognizeIssuer: "{actor} proposed to recognize {did} as issuer of template {template}",
    op.DerecognizeIssuer: (
        "{actor} proposed to end the recognition of {did} as issuer of template {template}"
    ),
    op.Accredit: "{actor} proposed to let {did} recognize issuers of template {template}",
    op.EndAccreditation: (
        "{actor} proposed to end the accreditation of {did} for template {template}"
    ),
    op.GrantRole: "{actor} proposed to give {did} the role {role}",
    op.RevokeRole: "{actor} proposed to take the role {role} from {did}",
    op.SetParameter: "{actor} proposed to set the chain's parameter {name} to {value}",
    op.DeactivateDid: "{actor} proposed to end {did} for ever",
    op.MarkKeyCompromised: (
        "{actor} proposed to declare key {key} of {did} compromised since {date}"
    ),
    op.NameOrganisation: "{actor} proposed to confirm the name “{name}” for {did}",
    op.DeactivateTemplate: (
        "{actor} proposed to stop issuing under template {template} version {version}"
    ),
    policies.WithdrawPolicy: (
        "{actor} proposed to withdraw presentation policy {policy} version {version}"
    ),
    **NODE_PROPOSED,
}
"""Governed action → the sentence that tells of its proposal."""
