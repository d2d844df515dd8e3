"""One sentence for each operation kind: what happened, in words for people.

A sentence is English text with named places; `translations` holds it in other languages. What
stands in a place is a `Term`: text and, where there is a page about it, where that page is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

from weid.clock import format_time
from weid.registry import operations as op


@dataclass(frozen=True, slots=True)
class Term:
    """What stands in a place of a sentence; `href` is a path on this node or None.

    `word` tells that the text is one of ours, which is translated; names are not.
    """

    text: str
    href: str | None = None
    word: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """English text with `{names}` in it, and what stands there."""

    text: str
    terms: dict[str, Term]

    def plain(self) -> str:
        """Return the sentence in English, without links."""
        return self.text.format(**{name: term.text for name, term in self.terms.items()})


class Names(Protocol):
    """What gives a DID its confirmed display name."""

    def name_of(self, did: str) -> str | None:
        """Return the display name, or None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """What a sentence is told with: who acted, and how DIDs are called."""

    author: str
    names: Names

    def who(self, did: str) -> Term:
        """Return a DID under its name, linked to its page."""
        return Term(self.names.name_of(did) or short_did(did), path_of_did(did))

    @property
    def actor(self) -> Term:
        """Who sent the transaction."""
        return self.who(self.author)


def short_did(did: str) -> str:
    """Return a DID short enough for a sentence; its page has all of it."""
    return did if len(did) <= 34 else f"{did[:22]}…{did[-6:]}"


def short_hex(data: bytes) -> str:
    """Return the beginning of a hash or id in hexadecimal, the form in which people see them."""
    return f"{data.hex()[:12]}…"


def path_of_did(did: str) -> str:
    """Return the path of a DID's page."""
    return f"/dids/{quote(did, safe=':')}"


def path_of_template(cpt_id: str, version: int) -> str:
    """Return the path of a template version's page."""
    return f"/templates/{quote(cpt_id, safe='')}/{version}"


def path_of_proposal(proposal_id: bytes) -> str:
    """Return the path of a proposal's page."""
    return f"/governance/{proposal_id.hex()}"


def _date(seconds: int) -> Term:
    return Term(format_time(seconds)[:10])


def _template(cpt_id: str) -> Term:
    return Term(cpt_id, f"/templates/{quote(cpt_id, safe='')}")


def _key(key_id: str) -> Term:
    return Term(f"#{key_id}")


def _short(data: bytes) -> Term:
    return Term(short_hex(data))


Label = Callable[[op.Operation, Telling], Sentence]
_LABELS: Final[dict[type[op.Operation], Label]] = {}


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


def _said(text: str, **terms: Term) -> Sentence:
    return Sentence(text, terms)


@_label(op.CreateDid)
def _create_did(_: op.CreateDid, t: Telling) -> Sentence:
    return _said("{actor} was registered", actor=t.actor)


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
    return _said(text, actor=t.actor, did=t.who(o.did))


@_label(op.RotateControllers)
def _rotate(o: op.RotateControllers, t: Telling) -> Sentence:
    return _said("The controlling keys of {did} were replaced", did=t.who(o.did))


@_label(op.RecoverDid)
def _recover(o: op.RecoverDid, t: Telling) -> Sentence:
    return _said("{did} was taken back with a recovery key", did=t.who(o.did))


@_label(op.DeactivateDid)
def _deactivate(o: op.DeactivateDid, t: Telling) -> Sentence:
    return _said("{actor} ended {did} for ever", actor=t.actor, did=t.who(o.did))


@_label(op.MarkKeyCompromised)
def _compromised(o: op.MarkKeyCompromised, t: Telling) -> Sentence:
    return _said(
        "{actor} declared key {key} of {did} compromised since {date}",
        actor=t.actor,
        key=_key(o.key_id),
        did=t.who(o.did),
        date=_date(o.since),
    )


@_label(op.NameOrganisation)
def _name(o: op.NameOrganisation, t: Telling) -> Sentence:
    return _said(
        "{actor} confirmed the name “{name}” for {did}",
        actor=t.actor,
        name=Term(o.name),
        did=Term(short_did(o.did), path_of_did(o.did)),
    )


@_label(op.PublishTemplate)
def _publish_template(o: op.PublishTemplate, t: Telling) -> Sentence:
    return _said(
        "{actor} published template {template} version {version}",
        actor=t.actor,
        template=_template(o.cpt_id),
        version=Term(str(o.version), path_of_template(o.cpt_id, o.version)),
    )


@_label(op.DeactivateTemplate)
def _deactivate_template(o: op.DeactivateTemplate, t: Telling) -> Sentence:
    return _said(
        "{actor} stopped issuing under template {template} version {version}",
        actor=t.actor,
        template=_template(o.cpt_id),
        version=Term(str(o.version), path_of_template(o.cpt_id, o.version)),
    )


@_label(op.PublishStatusList)
def _status_list(o: op.PublishStatusList, t: Telling) -> Sentence:
    return _said(
        "{actor} published update {sequence} of a status list for template {template}",
        actor=t.actor,
        sequence=Term(str(o.sequence)),
        template=_template(o.cpt_id),
    )


@_label(op.AnchorEvidence)
def _evidence(o: op.AnchorEvidence, t: Telling) -> Sentence:
    return _said("{actor} anchored the digest {digest}", actor=t.actor, digest=_short(o.digest))


@_label(op.AnchorBatch)
def _batch(o: op.AnchorBatch, t: Telling) -> Sentence:
    if o.count == 1:
        return _said("{actor} anchored a batch of one entry", actor=t.actor)
    return _said(
        "{actor} anchored a batch of {count} entries", actor=t.actor, count=Term(str(o.count))
    )


@_label(op.RecognizeIssuer)
def _recognize(o: op.RecognizeIssuer, t: Telling) -> Sentence:
    return _said(
        "{actor} recognized {did} as issuer of template {template}",
        actor=t.actor,
        did=t.who(o.did),
        template=_template(o.cpt_id),
    )


@_label(op.DerecognizeIssuer)
def _derecognize(o: op.DerecognizeIssuer, t: Telling) -> Sentence:
    return _said(
        "{actor} ended the recognition of {did} as issuer of template {template}",
        actor=t.actor,
        did=t.who(o.did),
        template=_template(o.cpt_id),
    )


@_label(op.Accredit)
def _accredit(o: op.Accredit, t: Telling) -> Sentence:
    return _said(
        "{actor} let {did} recognize issuers of template {template}",
        actor=t.actor,
        did=t.who(o.did),
        template=_template(o.cpt_id),
    )


@_label(op.EndAccreditation)
def _end_accreditation(o: op.EndAccreditation, t: Telling) -> Sentence:
    return _said(
        "{actor} ended the accreditation of {did} for template {template}",
        actor=t.actor,
        did=t.who(o.did),
        template=_template(o.cpt_id),
    )


@_label(op.GrantRole)
def _grant(o: op.GrantRole, t: Telling) -> Sentence:
    return _said(
        "{actor} gave {did} the role {role}",
        actor=t.actor,
        did=t.who(o.did),
        role=Term(o.role, word=True),
    )


@_label(op.RevokeRole)
def _revoke(o: op.RevokeRole, t: Telling) -> Sentence:
    return _said(
        "{actor} took the role {role} from {did}",
        actor=t.actor,
        did=t.who(o.did),
        role=Term(o.role, word=True),
    )


@_label(op.SetParameter)
def _parameter(o: op.SetParameter, t: Telling) -> Sentence:
    return _said(
        "{actor} set the chain's parameter {name} to {value}",
        actor=t.actor,
        name=Term(o.name),
        value=Term(str(o.value)),
    )


@_label(op.Propose)
def _propose(o: op.Propose, t: Telling) -> Sentence:
    return Sentence(PROPOSED[type(o.action)], sentence(o.action, t).terms)


@_label(op.Approve)
def _approve(o: op.Approve, t: Telling) -> Sentence:
    return _said(
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
}
"""Governed action → the sentence that tells of its proposal."""
