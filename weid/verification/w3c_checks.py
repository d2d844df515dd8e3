"""The checks that a W3C credential needs in its own way; all others are those of every format.

Clauses WC-50 … WC-57 of specs/w3c-profile.md.
"""

from __future__ import annotations

from typing import Final, cast

from weid.clock import format_time
from weid.crypto.keys import PublicKey
from weid.did.document import Relationship
from weid.errors import (
    CryptoError,
    InvalidSignatureError,
    MalformedError,
    UnsupportedAlgorithmError,
)
from weid.verification.checks_form import check_validity_period
from weid.verification.context import Context, IssuerInRegistry, Subject
from weid.verification.finding import Finding, NotPassedError, failed, good, undetermined
from weid.verification.issuer_keys import (
    age_warnings,
    check_active,
    find_record,
    find_registered_key,
    find_trust,
    key_fragment,
    public_key_of,
)
from weid.verification.listed_issuers import find_listed_key
from weid.verification.policy import ListedIssuer, Mode
from weid.verification.reasons import reason
from weid.verification.w3c_keys import did_of, resolve_key
from weid.verification.w3c_subject import PresentationBinding, Terms, W3cSubject
from weid.w3c.data_integrity import ASSERTION, AUTHENTICATION
from weid.w3c.data_model import W3cCredential, W3cPresentation
from weid.w3c.rdf import CanonicalizationMissingError
from weid.w3c.secured import Secured, Signature, read_credential, read_presentation

_DID: Final = "did:"


def _w3c(subject: Subject) -> W3cSubject:
    return cast("W3cSubject", subject)


# --- format --------------------------------------------------------------------------------------


def check_format(subject: Subject, context: Context) -> Finding:
    """One credential, bare or in a presentation, of VCDM 2.0, every term defined (WC-51)."""
    found = _w3c(subject)
    try:
        _read(found, context)
    except (MalformedError, CryptoError) as error:
        raise failed("malformed", problem=error.message) from None
    credential = found.w3c
    own = own_signatures(found)
    created = own[0].created if own else None
    found.issuer = credential.issuer
    found.vct = credential.vct
    # A signature without a date counts as one of this moment: its key must be in force now.
    found.issued_at = context.now if created is None else created
    found.credential = _terms(found, own)  # type: ignore[assignment]  # times as every format has
    return good("w3c_format_good")


def _read(subject: W3cSubject, context: Context) -> None:
    subject.presentation = subject.presented = None
    secured: Secured
    if context.mode is Mode.UNBOUND:
        secured = read_credential(subject.text, context.contexts)
    else:
        presented = read_presentation(subject.text, context.contexts)
        presentation = W3cPresentation.parse(presented.document, context.contexts)
        if len(presentation.credentials) != 1:
            raise MalformedError("the W3C presentation does not hold exactly one credential")
        subject.presentation, subject.presented = presentation, presented
        secured = read_credential(presentation.credentials[0], context.contexts)
    subject.secured = secured
    subject.w3c = W3cCredential.parse(secured.document, context.contexts)
    subject.payload = secured.document


def own_signatures(subject: W3cSubject) -> tuple[Signature, ...]:
    """Return the signatures that name a key of the issuer."""
    issuer = subject.w3c.issuer
    return tuple(each for each in subject.secured.signatures if did_of(each.key_id) == issuer)


def _terms(subject: W3cSubject, own: tuple[Signature, ...]) -> Terms:
    """Return the times that hold: the credential's, within those of its signatures."""
    credential = subject.w3c
    starts = [credential.valid_from, *(each.not_before for each in own)]
    ends = [credential.valid_until, *(each.expires for each in own)]
    return Terms(
        issued_at=subject.issued_at,
        not_before=max((each for each in starts if each is not None), default=None),
        expires_at=min((each for each in ends if each is not None), default=None),
        vct_integrity=credential.vct_integrity,
    )


# --- issuer --------------------------------------------------------------------------------------


def check_issuer_key(subject: Subject, context: Context) -> Finding:
    """The issuer signed with keys in force then; whoever else signed is known (WC-52)."""
    found = _w3c(subject)
    own = own_signatures(found)
    if not own:
        key_fragment(found.secured.signatures[0].key_id, issuer=found.issuer)
        raise failed("key_id_of_another")
    trust = find_trust(found.issuer, context)
    found.trust = trust
    keys = [(each, _issuer_key(each, found.issuer, trust, context)) for each in own]
    found.issuer_key = keys[0][1]
    found.keys = (*keys, *_other_keys(found, context))
    if isinstance(trust, IssuerInRegistry):
        return good("issuer_key_good", *age_warnings(trust, context))
    return good("issuer_key_good")


def _issuer_key(
    signature: Signature, issuer: str, trust: IssuerInRegistry | ListedIssuer, context: Context
) -> PublicKey:
    _require_purpose(signature, ASSERTION)
    fragment = key_fragment(signature.key_id, issuer=issuer)
    if not isinstance(trust, IssuerInRegistry):
        return find_listed_key(trust.did, fragment, context)
    at = context.now if signature.created is None else signature.created
    record = find_record(issuer, trust)
    check_active(record, at, trust, context)
    key = find_registered_key(record, fragment, signed_at=at, lag=trust.lag)
    if key.compromised_since is not None:
        # No anchor speaks for a W3C credential: the date in the proof is the thief's to choose.
        raise failed("key_compromised", time=format_time(key.compromised_since))
    return public_key_of(key)


def _other_keys(subject: W3cSubject, context: Context) -> tuple[tuple[Signature, PublicKey], ...]:
    found = []
    for each in subject.secured.signatures:
        if did_of(each.key_id) == subject.w3c.issuer:
            continue
        _require_purpose(each, ASSERTION)
        found.append((each, resolve_key(each.key_id, Relationship.ASSERTION, context)))
    return tuple(found)


def find_resolved_keys(subject: Subject, context: Context) -> Finding:
    """As `check_issuer_key`, by DID documents alone: whether the issuer counts is not asked."""
    found = _w3c(subject)
    if not own_signatures(found):
        raise failed("key_id_of_another")
    keys = []
    for each in found.secured.signatures:
        _require_purpose(each, ASSERTION)
        keys.append((each, resolve_key(each.key_id, Relationship.ASSERTION, context)))
    found.keys = tuple(keys)
    return good("issuer_key_good")


def _require_purpose(signature: Signature, purpose: str) -> None:
    if signature.purpose not in {None, purpose}:
        raise failed("key_purpose_wrong")


def check_issuer_signature(subject: Subject, context: Context) -> Finding:
    """Every signature holds: the issuer's and all others of a set or chain (WC-53)."""
    del context
    for signature, key in _w3c(subject).keys:
        verify_signature(signature, key)
    return good("issuer_signature_good")


def verify_signature(signature: Signature, key: PublicKey) -> None:
    """Verify a signature, or raise what stops the check."""
    try:
        signature.verify(key)
    except CanonicalizationMissingError:
        raise undetermined("suite_missing") from None
    except (InvalidSignatureError, UnsupportedAlgorithmError, MalformedError):
        raise failed("signature_wrong") from None


def check_nothing_withheld(subject: Subject, context: Context) -> Finding:
    """The claims are those of the one subject; this format withholds none (WC-54)."""
    del context
    try:
        subject.claims = _w3c(subject).w3c.claims()
    except MalformedError as error:
        raise failed("disclosure_wrong", problem=error.message) from None
    subject.disclosed = frozenset()
    return good("nothing_withheld")


def check_validity(subject: Subject, context: Context) -> Finding:
    """As for every format; no signature of a set is over either (WC-55)."""
    for each in _w3c(subject).secured.signatures:
        if each.created is not None and each.created > context.now + context.policy.leeway:
            raise failed("issued_in_future")
        if each.expires is not None and each.expires <= context.now - context.policy.leeway:
            raise failed("expired", time=format_time(each.expires))
    return check_validity_period(subject, context)


# --- holder --------------------------------------------------------------------------------------


def check_key_binding(subject: Subject, context: Context) -> Finding:
    """The subject of the credential signed the presentation (WC-56)."""
    found = _w3c(subject)
    if context.mode is Mode.UNBOUND:
        return _check_unbound(found, context)
    holder = holder_of(found)
    if found.w3c.subject_id is None:
        raise failed("holder_key_missing")
    if found.w3c.subject_id != holder:
        raise failed("key_binding_wrong", problem="the holder is not whom the credential is about")
    signature = check_presentation_proof(found, context)
    if signature.challenge is None or len(signature.domains) != 1 or signature.created is None:
        raise failed("key_binding_wrong", problem="it lacks challenge, domain or date")
    binding = PresentationBinding(
        audience=signature.domains[0],
        nonce=signature.challenge,
        issued_at=signature.created,
        not_before=signature.not_before,
        expires_at=signature.expires,
    )
    found.key_binding = binding  # type: ignore[assignment]  # says what a key binding says
    return good("key_binding_good")


def _check_unbound(subject: W3cSubject, context: Context) -> Finding:
    if (subject.w3c.subject_id or "").startswith(_DID):
        raise failed("key_binding_missing")
    if not context.policy.accept_unbound_credentials:
        raise failed("unbound_not_allowed")
    subject.holder_key, subject.key_binding = None, None
    return good("key_binding_not_used", reason("not_bound_to_holder"))


def holder_of(subject: W3cSubject) -> str:
    """Return the holder that the presentation names."""
    presentation = subject.presentation
    if presentation is None or presentation.holder is None:
        raise failed("holder_key_missing")
    return presentation.holder


def check_presentation_proof(subject: W3cSubject, context: Context) -> Signature:
    """Return the one signature of a presentation, made by its holder to authenticate."""
    presented = subject.presented
    if presented is None or len(presented.signatures) != 1:
        raise failed("key_binding_wrong", problem="the presentation does not have one proof")
    signature = presented.signatures[0]
    if did_of(signature.key_id) != holder_of(subject):
        raise failed("key_binding_wrong", problem="the proof is not of the holder's key")
    if signature.purpose not in {None, AUTHENTICATION}:
        raise failed("key_binding_wrong", problem="the proof is for another purpose")
    try:
        key = resolve_key(signature.key_id, Relationship.AUTHENTICATION, context)
    except NotPassedError as stopped:
        if not stopped.known:
            raise
        raise failed("holder_key_unusable", problem=stopped.reason.sentence) from None
    try:
        signature.verify(key)
    except CanonicalizationMissingError:
        raise undetermined("suite_missing") from None
    except (MalformedError, CryptoError) as error:
        raise failed("key_binding_wrong", problem=error.message) from None
    subject.holder_key = key
    return signature
