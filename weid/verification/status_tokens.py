"""Reading a status list token: who signed it, what it is of, until when it may be used.

Clauses VF-27, VF-36, VF-37 and VF-45 of specs/verification.md.
"""

from __future__ import annotations

from weid.credential.status_list import StatusToken, parse_status_token
from weid.crypto.jws import verify_jws
from weid.crypto.keys import PublicKey
from weid.errors import CryptoError, MalformedError, RegistryUnavailableError
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.finding import NotPassedError, undetermined
from weid.verification.issuer_keys import (
    claimed_key,
    find_record,
    find_registered_key,
    public_key_of,
)
from weid.verification.known import KnownStatusList
from weid.verification.listed_issuers import find_listed_key
from weid.verification.policy import StatusTokens


def read_status_list(uri: str, subject: Subject, context: Context) -> KnownStatusList | None:
    """Return a list as its host serves it now, its signature verified; None: cannot be had.

    What the issuer did not sign as it should be says nothing about the credential: whatever is
    wrong with the token is the host's fault or nobody's, and the check cannot be made (VF-27).
    """
    source = _source(subject, context)
    try:
        text = None if source is None else source.status_token(uri)
    except RegistryUnavailableError:
        return None
    if text is None:
        return None
    try:
        token = parse_status_token(text)
        _check_name_and_date(token, uri, context)
        verify_jws(token.jws, _signing_key(token, subject, context))
        statuses = token.statuses()
    except (MalformedError, CryptoError) as error:
        raise undetermined("status_list_wrong", problem=error.message) from None
    except NotPassedError as stopped:
        raise undetermined("status_list_wrong", problem=stopped.reason.sentence) from None
    return KnownStatusList(
        statuses=statuses,
        digest=statuses.digest,
        issued_at=token.issued_at,
        usable_until=token.usable_until(),
        read_at=context.now,
    )


def _source(subject: Subject, context: Context) -> StatusTokens | None:
    if isinstance(subject.trust, IssuerInRegistry):
        return subject.trust.network.status_tokens
    return context.policy.status_tokens


def _check_name_and_date(token: StatusToken, uri: str, context: Context) -> None:
    if token.uri != uri:
        raise MalformedError("sub of the status list token is another list")
    if token.issued_at > context.now + context.policy.leeway:
        raise MalformedError("the status list token is dated in the future")


def _signing_key(token: StatusToken, subject: Subject, context: Context) -> PublicKey:
    claimed = claimed_key(token.jws.header, issuer=subject.issuer)
    trust = subject.trust
    if isinstance(trust, IssuerInRegistry):
        public_key = _registered_key(claimed.fragment, token, trust, subject)
    else:
        public_key = find_listed_key(trust.did, claimed.fragment, context)
    claimed.check(public_key, signed_at=token.issued_at, context=context)
    return public_key


def _registered_key(
    fragment: str, token: StatusToken, trust: IssuerInRegistry, subject: Subject
) -> PublicKey:
    record = find_record(subject.issuer, trust)
    key = find_registered_key(record, fragment, signed_at=token.issued_at, lag=trust.lag)
    if key.compromised_since is not None:
        raise MalformedError("the status list token is signed by a compromised key")
    return public_key_of(key)


def is_in_time(known: KnownStatusList, trust: IssuerInRegistry | None, context: Context) -> bool:
    """Return whether a list may still be used.

    By its own exp and ttl; where the registry is taken from a file and holds this very list as
    the current one, for as long as the registry state itself is taken (clause VF-36).
    """
    if trust is not None and trust.network.offline:
        return True
    return known.usable_until > context.now - context.policy.leeway
