"""Checks of the text itself: `format`, `disclosure_integrity`, `validity_period`.

Clauses VF-20, VF-24 and VF-26 of specs/verification.md.
"""

from __future__ import annotations

from typing import Final

from weid.clock import format_time
from weid.credential.credential import Credential, subject_claims
from weid.errors import CryptoError, MalformedError
from weid.verification.context import Context, Subject
from weid.verification.finding import Finding, failed, good

_LAST_YEAR_SHOWN: Final = 253_402_300_799


def check_format(subject: Subject, context: Context) -> Finding:
    """One SD-JWT VC within the limits, with type, issuer and time in the clear (VF-20)."""
    del context
    if not subject.text.isascii():
        raise failed("malformed", problem="the SD-JWT has characters beyond ASCII")
    try:
        credential = Credential.parse(subject.text)
    except (MalformedError, CryptoError) as error:
        raise failed("malformed", problem=error.message) from None
    subject.credential = credential
    subject.sd_jwt = credential.sd_jwt
    subject.payload = credential.sd_jwt.payload()
    subject.vct = credential.vct
    subject.issued_at = credential.issued_at
    return good("format_good")


def check_disclosure_integrity(subject: Subject, context: Context) -> Finding:
    """Each disclosure is used once, in its place, and adds to what was signed (VF-24)."""
    del context
    try:
        found = subject.credential.reconstruct()
    except MalformedError as error:
        raise failed("disclosure_wrong", problem=error.message) from None
    subject.claims = subject_claims(found.claims)
    subject.disclosed = found.disclosed
    return good("disclosure_integrity_good")


def check_validity_period(subject: Subject, context: Context) -> Finding:
    """Now lies within iat, nbf and exp, give or take the leeway (VF-26)."""
    now, leeway, credential = context.now, context.policy.leeway, subject.credential
    if credential.issued_at > now + leeway:
        raise failed("issued_in_future")
    not_before, expires = credential.not_before, credential.expires_at
    if not_before is not None and not_before > now + leeway:
        raise failed("not_yet_valid", time=_show(not_before))
    if expires is None:
        if not context.policy.accept_without_expiry:
            raise failed("expiry_missing")
        return good("validity_period_good")
    if expires - credential.issued_at > context.policy.longest_lifetime:
        raise failed("lifetime_too_long")
    if expires <= now - leeway:
        raise failed("expired", time=_show(expires))
    return good("validity_period_good")


def _show(seconds: int) -> str:
    # Past the year 9999 there is no RFC 3339 text; the number itself then says what is wrong.
    return format_time(seconds) if seconds <= _LAST_YEAR_SHOWN else f"{seconds} s"
