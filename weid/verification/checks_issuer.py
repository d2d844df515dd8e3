"""Checks of who issued: `issuer_key`, `issuer_signature`, `issuer_recognition`.

Clauses VF-21 … VF-23, VF-34, VF-38 and VF-40 … VF-44 of specs/verification.md.
"""

from __future__ import annotations

from weid.clock import format_time
from weid.crypto.jws import verify_jws
from weid.errors import InvalidSignatureError, UnsupportedAlgorithmError
from weid.registry.authority import issuer_authority
from weid.verification.anchors import anchored_before
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.credential_types import template_of
from weid.verification.finding import Finding, failed, good
from weid.verification.issuer_keys import (
    age_warnings,
    check_active,
    claimed_key,
    find_record,
    find_registered_key,
    find_trust,
    public_key_of,
)
from weid.verification.listed_issuers import find_listed_key
from weid.verification.reasons import reason
from weid.verification.type_names import names_of_type


def check_issuer_key(subject: Subject, context: Context) -> Finding:
    """The key that is named is the issuer's and was in force at `iat` (VF-21, VF-40)."""
    header = subject.sd_jwt.issuer_jws.header
    claimed = claimed_key(header, issuer=subject.credential.stated_issuer)
    subject.issuer = claimed.issuer
    trust = find_trust(subject.issuer, context)
    subject.trust = trust
    at = subject.issued_at
    if not isinstance(trust, IssuerInRegistry):
        listed_key = find_listed_key(trust.did, claimed.fragment, context)
        claimed.check(listed_key, signed_at=at, context=context)
        subject.issuer_key = listed_key
        return good("issuer_key_good")
    record = find_record(subject.issuer, trust)
    check_active(record, at, trust, context)
    key = find_registered_key(record, claimed.fragment, signed_at=at, lag=trust.lag)
    public_key = public_key_of(key)
    claimed.check(public_key, signed_at=at, context=context)
    subject.issuer_key = public_key
    warnings = age_warnings(trust, context)
    if key.compromised_since is None:
        return good("issuer_key_good", *warnings)
    if not anchored_before(key.compromised_since, subject, trust, context):
        raise failed("key_compromised", time=format_time(key.compromised_since))
    return good("issuer_key_proved_earlier", *warnings)


def check_issuer_signature(subject: Subject, context: Context) -> Finding:
    """The signature is that key's (VF-22)."""
    del context
    jws = subject.sd_jwt.issuer_jws
    if jws.header["alg"] != subject.issuer_key.algorithm:
        raise failed("algorithm_wrong")
    try:
        verify_jws(jws, subject.issuer_key)
    except (InvalidSignatureError, UnsupportedAlgorithmError):
        raise failed("signature_wrong") from None
    return good("issuer_signature_good")


def check_issuer_recognition(subject: Subject, context: Context) -> Finding:
    """The issuer may issue this template, and might when it did (VF-23, VF-38)."""
    trust = subject.trust
    _check_accepted(subject, context)
    if not isinstance(trust, IssuerInRegistry):
        if subject.vct not in trust.types:
            raise failed("issuer_not_listed")
        return good("issuer_listed")
    cpt_id, _ = template_of(subject.vct, trust.name)
    authority = issuer_authority(
        trust.answers, subject.issuer, cpt_id, subject.issued_at, lag=trust.lag
    )
    if not authority.recognized:
        raise failed("issuer_not_recognized")
    since = authority.compromised_since
    if since is not None and not anchored_before(since, subject, trust, context):
        raise failed("issuer_compromised", time=format_time(since))
    return good("issuer_recognition_good", *(reason(code) for code in authority.warnings))


def _check_accepted(subject: Subject, context: Context) -> None:
    """Require one of the accepted issuers, under whichever name the type is restricted (PP-77)."""
    policy = context.policy
    if not policy.accepted_issuers:
        return
    for name in names_of_type(subject.vct, policy.type_metadata):
        accepted = policy.accepted_issuers.get(name)
        if accepted is not None and subject.issuer not in accepted:
            raise failed("issuer_not_accepted")
