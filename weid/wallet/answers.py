"""Which of the wallet's credentials answers a request, and which copy of it.

A certificate may be held in copies: some with a certificate chain, some signed with a DID's key
alone, each for a key of its own. Of those that answer, the one is taken whose proof of its issuer
is of the kind that the verifier shows of itself, and of these the one that was used least: copies
go out once each, so that verifiers cannot tell from the keys that one person met them
(clauses PP-80 and PP-81).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from weid.errors import CredentialNotHeldError, SeveralAnswerError
from weid.holder import Answer, Holder
from weid.verification.request import PresentationRequest
from weid.wallet.contents import HeldCredential

_WITH_CHAIN = ("x509_hash:", "x509_san_dns:")
"""Beginnings of the identifiers of verifiers who live by certificate chains themselves."""


def find_answers(
    credentials: Iterable[HeldCredential], request: PresentationRequest
) -> tuple[tuple[HeldCredential, Answer], ...]:
    """Return each copy that answers a query of the request, with what it would disclose.

    One that is not verified yet answers nothing.
    """
    return tuple(
        (held, answer)
        for held in credentials
        if not held.unverified
        for answer in Holder.answers([held.credential], request)
    )


def find_certificates(
    credentials: Iterable[HeldCredential], request: PresentationRequest
) -> tuple[tuple[HeldCredential, Answer], ...]:
    """Return each certificate that answers a query of the request, as the copy that would go out.

    One that is not verified yet answers nothing.
    """
    found: dict[tuple[str, str], list[tuple[HeldCredential, Answer]]] = {}
    for held, answer in find_answers(credentials, request):
        found.setdefault((held.certificate, answer.query.id), []).append((held, answer))
    return tuple(_next_answer(copies, request) for copies in found.values())


def _next_answer(
    copies: list[tuple[HeldCredential, Answer]], request: PresentationRequest
) -> tuple[HeldCredential, Answer]:
    goes_out = next_copy([held for held, _ in copies], request)
    return next((held, answer) for held, answer in copies if held is goes_out)


def next_copy(
    copies: Collection[HeldCredential], request: PresentationRequest | None
) -> HeldCredential:
    """Return the copy of one certificate that goes out next; without a request for a code."""
    wants_chain = request is not None and request.audience.startswith(_WITH_CHAIN)

    def order(held: HeldCredential) -> tuple[bool, int]:
        times = len(held.uses) + (held.restored_at is not None)
        return _has_chain(held) is not wants_chain, times

    return min(copies, key=order)


def choose_credential(
    credentials: tuple[HeldCredential, ...],
    request: PresentationRequest,
    query_id: str | None,
    *,
    named: Collection[str] = (),
) -> HeldCredential:
    """Return the one credential that answers a query of the request.

    Of copies of one certificate it is the next. `named` are ids of credentials to prefer where
    several certificates answer. Where none does but one is of the right type, that one is
    returned, a verified one before others: presenting it says which claims it lacks, or that it
    is not verified yet.

    Raises:
        CredentialNotHeldError: none is of the type asked for.
        SeveralAnswerError: several answer.
    """
    query = request.credential_query(query_id)
    found = [h for h, answer in find_answers(credentials, request) if answer.query.id == query.id]
    certificates = _by_certificate(found)
    if len(certificates) > 1 and named:
        wanted = {held.certificate for held in credentials if held.id in named}
        kept = {name: copies for name, copies in certificates.items() if name in wanted}
        certificates = kept or certificates
    if len(certificates) > 1:
        raise SeveralAnswerError(
            f"{len(certificates)} credentials answer the request",
            hint="Say which: " + ", ".join(copies[0].id for copies in certificates.values()),
        )
    for copies in certificates.values():
        return next_copy(copies, request)
    for held in sorted(credentials, key=lambda held: held.unverified):
        if held.credential.vct in query.types:
            return held
    raise CredentialNotHeldError("the wallet holds no credential of the type asked for")


def _by_certificate(found: Iterable[HeldCredential]) -> dict[str, list[HeldCredential]]:
    groups: dict[str, list[HeldCredential]] = {}
    for held in found:
        groups.setdefault(held.certificate, []).append(held)
    return groups


def _has_chain(held: HeldCredential) -> bool:
    return "x5c" in held.credential.sd_jwt.issuer_jws.header
