"""The check `status` of a W3C credential: Bitstring Status List 1.0, vouched for by the registry.

A list in this coding has the same content as a Token Status List, and so the same digest in the
registry; the rules about which list counts are the same too. Clauses WC-57 of
specs/w3c-profile.md, VF-27 and VF-35 … VF-37 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from weid import limits
from weid.credential.status_list import VALID
from weid.did.document import Relationship
from weid.errors import CryptoError, MalformedError, RegistryUnavailableError
from weid.verification.checks_status import ListReading, find_status, status_finding
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.finding import Finding, NotPassedError, failed, good, undetermined
from weid.verification.issuer_keys import (
    find_record,
    find_registered_key,
    key_fragment,
    public_key_of,
)
from weid.verification.known import KnownStatusList
from weid.verification.listed_issuers import find_listed_key
from weid.verification.reasons import Reason
from weid.verification.w3c_keys import did_of, resolve_key
from weid.verification.w3c_subject import W3cSubject
from weid.w3c.bitstring import REVOCATION, ListCredential, StatusEntry
from weid.w3c.data_integrity import ASSERTION
from weid.w3c.data_model import W3cCredential
from weid.w3c.secured import Secured, Signature, read_credential

if TYPE_CHECKING:
    from weid.crypto.keys import PublicKey

FindKey: TypeAlias = "Callable[[Signature, Subject, Context], PublicKey]"
_SAYS: Final = {REVOCATION: "revoked"}


def check_status(subject: Subject, context: Context) -> Finding:
    """No list of the credential says anything against it (WC-57)."""
    entries = _entries(subject)
    trust = subject.trust
    if not entries:
        listed_without = not isinstance(trust, IssuerInRegistry) and trust.without_status
        if listed_without or context.policy.accept_without_status:
            return good("status_not_used")
        raise failed("status_missing")
    found: list[tuple[KnownStatusList, tuple[Reason, ...]]] = []
    for entry in entries:
        known, warnings, status = find_status(
            entry.reference, subject, context, _reading(entry, subject, context)
        )
        _require_valid(status, entry)
        found.append((known, warnings))
    oldest = min((known for known, _ in found), key=lambda known: known.issued_at)
    every = tuple(dict.fromkeys(warning for _, warnings in found for warning in warnings))
    return status_finding(oldest, every, context)


def check_resolved_status(subject: Subject, context: Context) -> Finding:
    """As `check_status`, by DID documents alone: nothing vouches for the lists but their proofs."""
    entries = _entries(subject)
    if not entries:
        return good("status_not_used")
    found = []
    for entry in entries:
        known = _read(entry, subject, context, _resolved_key)
        if known is None:
            raise undetermined("status_unreachable")
        if known.usable_until <= context.now - context.policy.leeway:
            raise undetermined("status_too_old")
        try:
            _require_valid(known.statuses.get(entry.reference.index), entry)
        except MalformedError:
            raise failed("status_out_of_range") from None
        found.append(known)
    return status_finding(min(found, key=lambda known: known.issued_at), (), context)


def _entries(subject: Subject) -> tuple[StatusEntry, ...]:
    try:
        return tuple(StatusEntry.parse(each) for each in cast("W3cSubject", subject).w3c.statuses)
    except MalformedError as error:
        raise failed("status_malformed", problem=error.message) from None


def _require_valid(status: int, entry: StatusEntry) -> None:
    if status != VALID:
        raise failed(_SAYS.get(entry.purpose, "suspended"))


def _reading(entry: StatusEntry, subject: Subject, context: Context) -> ListReading:
    key = (subject.issuer, entry.reference.uri, entry.purpose, entry.bits)
    return ListReading(key, lambda: _read(entry, subject, context, _issuer_key))


def _read(
    entry: StatusEntry, subject: Subject, context: Context, find_key: FindKey
) -> KnownStatusList | None:
    """Return a list as its host serves it now, its signature verified; None: cannot be had."""
    source = context.policy.status_credentials
    try:
        text = None if source is None else source.status_credential(entry.reference.uri)
    except RegistryUnavailableError:
        return None
    if text is None:
        return None
    try:
        return _verified(text, entry, subject, context, find_key)
    except (MalformedError, CryptoError) as error:
        raise undetermined("status_list_wrong", problem=error.message) from None
    except NotPassedError as stopped:
        raise undetermined("status_list_wrong", problem=stopped.reason.sentence) from None


def _verified(
    text: str, entry: StatusEntry, subject: Subject, context: Context, find_key: FindKey
) -> KnownStatusList:
    secured = read_credential(text, context.contexts, max_bytes=limits.STATUS_TOKEN_BYTES)
    credential = W3cCredential.parse(secured.document, context.contexts)
    listed = ListCredential.parse(credential)
    if listed.uri != entry.reference.uri:
        raise MalformedError("the status list credential is another list")
    if entry.purpose not in listed.purposes:
        raise MalformedError("the status list is for another purpose")
    for signature in secured.signatures:
        if did_of(signature.key_id) != credential.issuer:
            raise MalformedError("the status list credential is signed by another than its issuer")
        if signature.purpose not in {None, ASSERTION}:
            raise MalformedError("the status list credential is signed for another purpose")
        signature.verify(find_key(signature, subject, context))
    issued_at, usable_until = _times(secured, credential, listed, context)
    statuses = listed.statuses(bits=entry.bits)
    return KnownStatusList(
        statuses=statuses,
        digest=statuses.digest,
        issued_at=issued_at,
        usable_until=usable_until,
        read_at=context.now,
    )


def _times(
    secured: Secured, credential: W3cCredential, listed: ListCredential, context: Context
) -> tuple[int, int]:
    """Return since when and until when a list may be used."""
    dated = [each.created for each in secured.signatures if each.created is not None]
    starts = [*dated, credential.valid_from]
    known = [each for each in starts if each is not None]
    if not known:
        raise MalformedError("the status list credential has no date")
    issued_at = max(known)
    if issued_at > context.now + context.policy.leeway:
        raise MalformedError("the status list credential is dated in the future")
    ends = [credential.valid_until, *(each.expires for each in secured.signatures)]
    if listed.ttl is not None:
        ends.append(issued_at + listed.ttl)
    until = min((each for each in ends if each is not None), default=None)
    return issued_at, issued_at + limits.STATUS_TOKEN_AGE if until is None else until


def _issuer_key(signature: Signature, subject: Subject, context: Context) -> PublicKey:
    """Return the key of a list of the credential's own issuer: no other may make one."""
    fragment = key_fragment(signature.key_id, issuer=subject.issuer)
    trust = subject.trust
    if not isinstance(trust, IssuerInRegistry):
        return find_listed_key(trust.did, fragment, context)
    record = find_record(subject.issuer, trust)
    at = context.now if signature.created is None else signature.created
    key = find_registered_key(record, fragment, signed_at=at, lag=trust.lag)
    if key.compromised_since is not None:
        raise MalformedError("the status list credential is signed by a compromised key")
    return public_key_of(key)


def _resolved_key(signature: Signature, subject: Subject, context: Context) -> PublicKey:
    del subject
    return resolve_key(signature.key_id, Relationship.ASSERTION, context)
