"""Pages about who: a DID with its keys, recognitions and history; governance and its proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from registry_chain.node.explorer.chain_pages import role_facts
from registry_chain.node.explorer.labels import (
    Telling,
    path_of_did,
    path_of_proposal,
    path_of_template,
    proposed,
)
from registry_chain.node.explorer.page import Instant, Page
from registry_chain.node.explorer.readable import readable
from registry_chain.node.explorer.register import Register
from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.did.methods.weid import render_document
from weid.registry.operations import Role
from weid.registry.records import DidRecord, ProposalRecord, RecognitionRecord, RegisteredKey

_HISTORY: Final = 50
_TEMPLATES: Final = 300
"""Templates that a DID's page looks through for recognitions."""
_THRESHOLD: Final = "governance_threshold"


def instant(seconds: int | None) -> Instant | None:
    """Return a time of a record as a page shows it."""
    return None if seconds is None else Instant(seconds)


def did(register: Register, clock: Clock, text: str) -> Page | None:
    """Return the page of a DID, or None where it is not registered."""
    record = register.records.did(text)
    if record is None:
        return None
    roles = register.records.roles(text)
    versions: Sequence[DidRecord] = [record, *register.former(record, "did", _HISTORY)]
    facts: dict[str, object] = {
        "did": text,
        "name": register.name_of(text),
        "deactivated_at": instant(record.deactivated_at),
        "created": Instant(record.created),
        "changed": Instant(record.version.time),
        "version": record.version.number,
        "roles": [] if roles is None else [str(role.value) for role in roles.roles],
        "recognitions": _recognitions(register, clock, text),
        "templates": [
            {
                "cpt_id": template.cpt_id,
                "version": template.template_version,
                "href": path_of_template(template.cpt_id, template.template_version),
            }
            for template in register.templates()
            if template.publisher == text
        ],
        "keys": [_key(key) for key in record.keys],
        "services": [
            {"id": service.id, "type": service.type, "endpoint": service.endpoint}
            for service in record.services
        ],
        "history": [
            {
                "number": version.version.number,
                "height": version.version.height,
                "time": Instant(version.version.time),
            }
            for version in versions
        ],
        "document": render_document(record, at_time=record.version.time).to_json(),
    }
    return Page("did.html", facts, twin=f"{path_of_did(text)}.json")


def _key(key: RegisteredKey) -> dict[str, object]:
    return {
        "id": key.id,
        "kind": str(PublicKey.from_multicodec(key.multikey).kind),
        "purposes": list(key.purposes),
        "valid_from": Instant(key.valid_from),
        "retired_at": instant(key.retired_at),
        "compromised_since": instant(key.compromised_since),
    }


def _recognitions(register: Register, clock: Clock, issuer: str) -> list[dict[str, object]]:
    ids = list(dict.fromkeys(template.cpt_id for template in register.templates()))[:_TEMPLATES]
    found = [register.records.recognition(issuer, cpt_id) for cpt_id in ids]
    now = clock.now()
    return [recognition_facts(record, register, now) for record in found if record is not None]


def recognition_facts(record: RecognitionRecord, register: Register, now: int) -> dict[str, object]:
    """Return what is said of a recognition at a time: its window and how it ended (OP-16, OP-17).

    `state` says in words how it stands; `ran_out` and `begins_later` compare the window with now;
    `only_governance` says who may recognize the issuer again once it has ended.
    """
    telling = Telling(record.issuer, register)
    ran_out = record.valid_until is not None and record.valid_until <= now
    begins_later = now < record.valid_from
    return {
        "cpt_id": record.cpt_id,
        "href": f"/templates/{record.cpt_id}",
        "issuer": telling.actor,
        "did": record.issuer,
        "name": register.name_of(record.issuer),
        "state": _standing(record, ran_out=ran_out, begins_later=begins_later),
        "by": telling.who(record.recognized_by) if record.recognized_by else None,
        "valid_from": Instant(record.valid_from),
        "valid_until": instant(record.valid_until),
        "ended_at": instant(record.ended_at),
        "compromised_since": instant(record.compromised_since),
        "ended_by_governance": record.ended_by_governance,
        "not_before": instant(record.not_before),
        "ran_out": ran_out,
        "begins_later": begins_later,
        "only_governance": record.ended_by_governance or record.compromised_since is not None,
    }


def _standing(record: RecognitionRecord, *, ran_out: bool, begins_later: bool) -> str:
    if record.compromised_since is not None:
        return "compromised"
    if record.ended_at is not None:
        return "ended by governance" if record.ended_by_governance else "ended"
    if ran_out:
        return "ran out"
    return "not yet begun" if begins_later else "in force"


def governance(register: Register, clock: Clock) -> Page:
    """Return who governs and what was proposed."""
    parameter = register.records.parameter(_THRESHOLD)
    facts: dict[str, object] = {
        "threshold": 1 if parameter is None else parameter.value,
        "governors": role_facts(register, Role.GOVERNOR),
        "proposals": [_proposal_facts(p, register, clock.now()) for p in register.proposals()],
    }
    return Page("governance.html", facts, twin="/governance.json", here="/governance")


def proposal(register: Register, clock: Clock, proposal_id: bytes) -> Page | None:
    """Return one proposal, or None where there is none."""
    record = register.records.proposal(proposal_id)
    if record is None:
        return None
    first = [record, *register.former(record, "proposal", _HISTORY)][-1]
    telling = Telling(record.proposer, register)
    facts: dict[str, object] = {
        **_proposal_facts(record, register, clock.now()),
        "approvals": [telling.who(approver) for approver in record.approvals],
        "reason": record.reason,
        "proposed": Instant(first.version.time),
        "expires": Instant(record.expires),
        "executed_at": instant(record.executed_at),
        "action": readable(record.action),
    }
    return Page(
        "proposal.html", facts, twin=f"{path_of_proposal(proposal_id)}.json", here="/governance"
    )


def _proposal_facts(record: ProposalRecord, register: Register, now: int) -> dict[str, object]:
    telling = Telling(record.proposer, register)
    told = proposed(record.action, telling)
    return {
        "id": record.proposal_id.hex(),
        "href": path_of_proposal(record.proposal_id),
        "sentence": told,
        "proposer": record.proposer,
        "state": _state(record, now),
        "approvals": len(record.approvals),
        "threshold": record.threshold,
    }


def _state(record: ProposalRecord, now: int) -> list[str]:
    if record.executed_at is not None:
        return ["good", "Done"]
    return ["care", "Expired"] if record.expires < now else ["unknown", "Open"]
