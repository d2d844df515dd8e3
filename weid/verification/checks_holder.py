"""Checks of who presents, to whom, and what: `key_binding`, `request_binding`, `requested_claims`.

Clauses VF-28 … VF-33 of specs/verification.md.
"""

from __future__ import annotations

import hmac
from typing import Final

from weid.clock import format_time
from weid.credential.key_binding import KeyBinding, verify_key_binding
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject
from weid.errors import CryptoError, MalformedError
from weid.verification.checks_policy import check_presentation_policy
from weid.verification.context import Context, SingleUse, Subject
from weid.verification.dcql import CredentialQuery
from weid.verification.finding import Finding, failed, good
from weid.verification.issuer_keys import age_text
from weid.verification.policy import Mode
from weid.verification.reasons import reason
from weid.verification.request import SHOWN_AUDIENCE, PresentationRequest
from weid.verification.selection import keep_only, select_claims
from weid.verification.transaction_data import agreed_in
from weid.verification.trusted_authorities import comes_from_authority
from weid.verification.type_names import names_of_type

_SHOWN_NONCE_CHARS: Final = 22
"""128 bits in base64url."""


def check_key_binding(subject: Subject, context: Context) -> Finding:
    """The holder's key signed exactly what is presented (VF-28, VF-33)."""
    if context.mode is Mode.UNBOUND:
        # Where the query lets the key be left out, one that could have been used may be unused.
        waived = context.query is not None and not context.query.holder_binding
        bound = "cnf" in subject.payload and not waived
        if bound or subject.sd_jwt.key_binding is not None:
            raise failed("key_binding_missing")
        if not context.policy.accept_unbound_credentials:
            raise failed("unbound_not_allowed")
        subject.holder_key, subject.key_binding = None, None
        return good("key_binding_not_used", reason("not_bound_to_holder"))
    try:
        key = subject.credential.holder_key
    except (MalformedError, CryptoError) as error:
        raise failed("holder_key_unusable", problem=error.message) from None
    if key is None:
        raise failed("holder_key_missing")
    if subject.sd_jwt.key_binding is None:
        raise failed("key_binding_missing")
    try:
        subject.key_binding = verify_key_binding(subject.sd_jwt, key)
    except (MalformedError, CryptoError) as error:
        raise failed("key_binding_wrong", problem=error.message) from None
    subject.holder_key = key
    return good("key_binding_good")


def check_request_binding(subject: Subject, context: Context) -> Finding:
    """The answer is to this request and of now; for a shown code, of now.

    That each counts once is settled by `use_up`, when everything else has passed.
    """
    binding, holder_key = subject.key_binding, subject.holder_key
    if binding is None or holder_key is None:
        raise failed("key_binding_missing")
    if context.mode is Mode.SHOWN:
        return _check_shown(binding, holder_key, subject, context)
    request = context.request
    if request is None or not _same(binding.nonce, request.nonce):
        raise failed("nonce_wrong")
    if not _same(binding.audience, request.audience):
        raise failed("audience_wrong")
    ends_at = _end_of(request, context)
    if context.now > ends_at:
        raise failed("request_expired", time=format_time(ends_at))
    _check_age(binding, context, context.policy.key_binding_age)
    agreed = _check_transactions(binding, request, context)
    subject.single_use = _use_of_request(request, context)
    return good("request_binding_agreed" if agreed else "request_binding_good")


def _check_transactions(
    binding: KeyBinding, request: PresentationRequest, context: Context
) -> bool:
    """Require that the holder agreed to the transactions of the request, and to no others.

    Returns whether this binding agrees to any.
    """
    if not request.transaction_data:
        return False
    query_id = "" if context.query is None else context.query.id
    agreed = agreed_in(binding, request.transaction_data, query_id)
    # Of an answer with several parts it is enough that one of them agrees (`answer`).
    every = {entry.text for entry in request.transaction_data}
    if agreed is None:
        raise failed("transaction_not_agreed")
    if {one.entry.text for one in agreed} != every and not context.part_of_answer:
        raise failed("transaction_not_agreed")
    return bool(agreed)


def _end_of(request: PresentationRequest, context: Context) -> int:
    """Return until when a request may be answered; one without an end has a default one."""
    if request.expires_at is not None:
        return request.expires_at
    if request.created_at is None:
        raise failed("request_endless")
    return request.created_at + context.policy.key_binding_age


def _use_of_request(request: PresentationRequest, context: Context) -> SingleUse:
    # A nonce has no blank in it, so that two requests are never remembered alike.
    key = f"{request.audience} {request.nonce}"
    # As long as the request lives, a fresh binding to it can be made.
    request_over = _end_of(request, context) + context.policy.leeway
    return SingleUse(key, max(_stale_at(context, context.policy.key_binding_age), request_over))


def _stale_at(context: Context, max_age: int) -> int:
    # It could be dated ahead by the leeway, and is fresh for max_age from then.
    return context.now + context.policy.leeway + max_age


def use_up(subject: Subject, context: Context) -> None:
    """Use up the nonce of a presentation that passed everything else (VF-31)."""
    use = subject.single_use
    if not context.replay.remember(use.key, until=use.until, now=context.now):
        raise failed("already_used")


def use_request(context: Context) -> bool:
    """Use up the request of a context for a whole answer; return False where it was used."""
    if context.request is None:
        return False
    use = _use_of_request(context.request, context)
    return context.replay.remember(use.key, until=use.until, now=context.now)


def _check_shown(
    binding: KeyBinding, holder_key: PublicKey, subject: Subject, context: Context
) -> Finding:
    policy = context.policy
    if not policy.accept_shown_codes:
        raise failed("shown_not_allowed")
    if not _same(binding.audience, SHOWN_AUDIENCE):
        raise failed("audience_wrong")
    if len(binding.nonce) < _SHOWN_NONCE_CHARS:
        raise failed("nonce_wrong")
    _check_age(binding, context, policy.shown_age)
    key = f"{SHOWN_AUDIENCE} {holder_key.thumbprint()} {binding.nonce}"
    subject.single_use = SingleUse(key, _stale_at(context, policy.shown_age))
    return good("shown_fresh", reason("not_bound_to_this_verifier"))


def _check_age(binding: KeyBinding, context: Context, max_age: int) -> None:
    now, leeway = context.now, context.policy.leeway
    starts = max(binding.issued_at, binding.not_before or 0)
    if starts > now + leeway:
        raise failed("made_in_future")
    ended = binding.expires_at is not None and binding.expires_at <= now - leeway
    if ended or binding.issued_at < now - max_age:
        raise failed("too_old", age=age_text(now - binding.issued_at))


def _same(text: str, expected: str) -> bool:
    return hmac.compare_digest(text.encode("utf-8"), expected.encode("utf-8"))


def check_requested_claims(subject: Subject, context: Context) -> Finding:
    """What was asked for is there; what was not is dropped (VF-30)."""
    query = context.query
    if query is None or not _is_of_type(subject.vct, query, context):
        raise failed("type_not_requested")
    if not comes_from_authority(subject.issuer_header, query):
        raise failed("authority_not_requested")
    claims = subject.claims
    selection = select_claims(claims, query)
    if selection.missing:
        raise failed("claims_missing", paths=_names(selection.missing))
    if selection.unaccepted:
        raise failed("values_not_accepted", paths=_names(selection.unaccepted))
    warnings = check_presentation_policy(subject, context)
    if query.claims:
        subject.kept = keep_only(claims, [claim.path for claim in selection.chosen])
    else:
        subject.kept = without_disclosed(claims, subject)
    return good("requested_claims_good", *warnings)


def _is_of_type(vct: str, query: CredentialQuery, context: Context) -> bool:
    if vct in query.types:
        return True
    return not names_of_type(vct, context.policy.type_metadata).isdisjoint(query.types)


def without_disclosed(claims: JsonObject, subject: Subject) -> JsonObject:
    """Return claims without any top-level one that came, or in which something came, disclosed."""
    came = {path[0] for path in subject.disclosed}
    return {name: value for name, value in claims.items() if name not in came}


def _names(paths: tuple[object, ...]) -> str:
    return ", ".join(str(path) for path in paths)
