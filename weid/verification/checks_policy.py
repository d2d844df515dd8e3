"""What a presentation policy demands of an answer: part of the check `requested_claims`.

A request names its policy by its digest; what the policy says is read from the registry, never
taken from the request. What cannot be read is not lifted. Clause PP-75.
"""

from __future__ import annotations

import hashlib

from weid.credential.claim_path import ClaimPath
from weid.credential.reconstruction import find_values
from weid.errors import MalformedError
from weid.registry.records import PolicyRecord
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.finding import failed
from weid.verification.issuer_keys import age_warnings, find_network
from weid.verification.policy_reference import PolicyReference
from weid.verification.presentation_policy import PolicyCredential, PresentationPolicy
from weid.verification.reasons import Reason


def check_presentation_policy(subject: Subject, context: Context) -> tuple[Reason, ...]:
    """Require what the policy that the request names demands; nothing where it names none.

    Returns warnings: that the registry that has it is known in an old state only.
    """
    if context.request is None or context.request.policy is None:
        return ()
    reference = context.request.policy
    trust = find_network(reference.network, context)
    if trust is None:
        raise failed("policy_not_published")
    rule = _rule(reference, trust, context)
    if rule.issuers and subject.issuer not in rule.issuers:
        raise failed("issuer_not_accepted")
    shown = tuple(path for path in rule.forbidden if _stands(subject, path))
    if shown:
        raise failed("claims_forbidden", paths=", ".join(map(str, shown)))
    issuing = subject.trust
    said = isinstance(issuing, IssuerInRegistry) and issuing.name == trust.name
    return () if said else age_warnings(trust, context)


def _stands(subject: Subject, path: ClaimPath) -> bool:
    return any(True for _ in find_values(subject.claims, path))


def _rule(
    reference: PolicyReference, trust: IssuerInRegistry, context: Context
) -> PolicyCredential:
    policy = _published(reference, trust, context)
    query = context.query
    rule = None if query is None else policy.credential(query.id)
    if rule is None or rule.query() != query:
        raise failed("policy_not_followed")
    return rule


def _published(
    reference: PolicyReference, trust: IssuerInRegistry, context: Context
) -> PresentationPolicy:
    record = trust.answers.get(
        ("policy", reference.policy_id, reference.version),
        lambda: trust.network.reader.policy(reference.policy_id, reference.version),
    )
    policy = policy_of(reference, record)
    if policy is None or record is None:
        raise failed("policy_not_published")
    if record.withdrawn_at is not None:
        raise failed("policy_withdrawn")
    if policy.valid_until is not None and context.now >= policy.valid_until:
        raise failed("policy_over")
    return policy


def policy_of(reference: PolicyReference, record: PolicyRecord | None) -> PresentationPolicy | None:
    """Return the policy that a reference names, None unless the record is of that very text."""
    if record is None or hashlib.sha256(record.document).digest() != reference.digest:
        return None
    try:
        policy = PresentationPolicy.from_json(record.document)
    except MalformedError:
        return None
    return policy if policy.reference == reference else None
