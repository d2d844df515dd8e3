"""Which of the wallet's credentials answers a request."""

from __future__ import annotations

from collections.abc import Iterable

from weid.errors import CredentialNotHeldError
from weid.holder import Answer, Holder
from weid.verification.request import PresentationRequest
from weid.wallet.contents import HeldCredential


def find_answers(
    credentials: Iterable[HeldCredential], request: PresentationRequest
) -> tuple[tuple[HeldCredential, Answer], ...]:
    """Return each credential that answers a query of the request, with what it would disclose.

    One that is not verified yet answers nothing.
    """
    return tuple(
        (held, answer)
        for held in credentials
        if not held.unverified
        for answer in Holder.answers([held.credential], request)
    )


def choose_credential(
    credentials: tuple[HeldCredential, ...], request: PresentationRequest, query_id: str | None
) -> HeldCredential:
    """Return the one credential that answers a query of the request.

    Where none does but one is of the right type, that one is returned, a verified one before
    others: presenting it says which claims it lacks, or that it is not verified yet.

    Raises:
        CredentialNotHeldError: none is of the type asked for, or several answer.
    """
    query = request.credential_query(query_id)
    found = [h for h, answer in find_answers(credentials, request) if answer.query.id == query.id]
    if len(found) > 1:
        raise CredentialNotHeldError(
            f"{len(found)} credentials answer the request",
            hint="Say which: " + ", ".join(held.id for held in found),
        )
    if found:
        return found[0]
    for held in sorted(credentials, key=lambda held: held.unverified):
        if held.credential.vct in query.types:
            return held
    raise CredentialNotHeldError("the wallet holds no credential of the type asked for")
