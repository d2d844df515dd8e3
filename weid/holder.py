"""The holder: which credentials answer a request, and the answer with chosen claims only.

Functions of values: the credentials, the request, what the person agreed to disclose and the
holder's signer come in; the text of a presentation goes out. Nothing is kept here.
Clauses PP-17 … PP-19 of specs/presentation-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from weid.clock import Clock, SystemClock
from weid.credential.claim_path import ClaimPath, Step, as_path
from weid.credential.credential import Credential
from weid.credential.key_binding import create_key_binding
from weid.credential.registered_claims import REGISTERED_CLAIMS
from weid.credential.sd_jwt import SdJwt, choose, reconstruct
from weid.crypto.keys import RandomBytes
from weid.crypto.signer import Signer
from weid.encoding import base64url_encode
from weid.errors import CannotDiscloseError, CredentialNotHeldError
from weid.verification.dcql import CredentialQuery
from weid.verification.request import SHOWN_AUDIENCE, PresentationRequest
from weid.verification.selection import Selection, select_claims

_NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A credential that answers a credential query, and the claims that it would disclose.

    `required` are the paths without which the verifier refuses; `always` are the top-level claims
    that cannot be withheld.
    """

    query: CredentialQuery
    credential: Credential
    required: tuple[ClaimPath, ...]
    always: tuple[str, ...]


class Holder:
    """Answers requests with credentials that it is given."""

    @staticmethod
    def answers(
        credentials: Iterable[Credential], request: PresentationRequest
    ) -> tuple[Answer, ...]:
        """Return every credential that answers a query of the request, in the query's order."""
        held = tuple(credentials)
        return tuple(
            answer
            for query in request.query.credentials
            for credential in held
            for answer in _answer(credential, query)
        )

    @staticmethod
    def present(
        credential: Credential,
        request: PresentationRequest,
        *,
        signer: Signer,
        disclose: Iterable[str | tuple[Step, ...]] | None = None,
        clock: Clock | None = None,
        query_id: str | None = None,
    ) -> str:
        """Return the presentation that answers a request.

        `disclose` are the claims that the person agreed to, by path; None agrees to exactly what
        the request asks for.

        Raises:
            CredentialNotHeldError: the credential is not one that the request asks for.
            CannotDiscloseError: a claim that was not asked for, or one that is required is not
                among those agreed to, or the key is not the credential's.
        """
        query = request.credential_query(query_id)
        sd_jwt = SdJwt.parse(credential.text)
        found = _select(credential, sd_jwt, query)
        if not found.answered:
            raise CredentialNotHeldError(
                "the credential does not have everything that the request asks for",
                hint="Missing: " + ", ".join(str(path) for path in found.missing),
            )
        asked = tuple(claim.path for claim in found.chosen)
        if disclose is not None:
            _check_agreed(tuple(as_path(path) for path in disclose), asked)
        shown = choose(sd_jwt, asked)
        return _bind(credential, shown, request.audience, request.nonce, signer, clock)

    @staticmethod
    def show(
        credential: Credential,
        *,
        disclose: Iterable[str | tuple[Step, ...]],
        signer: Signer,
        clock: Clock | None = None,
        random: RandomBytes = secrets.token_bytes,
    ) -> str:
        """Return a presentation that nobody asked for, to be shown as a code at once.

        Raises:
            CannotDiscloseError: the credential has no such claim, or the key is not its own.
        """
        shown = choose(SdJwt.parse(credential.text), [as_path(path) for path in disclose])
        nonce = base64url_encode(random(_NONCE_BYTES))
        return _bind(credential, shown, SHOWN_AUDIENCE, nonce, signer, clock)


def _answer(credential: Credential, query: CredentialQuery) -> Iterator[Answer]:
    sd_jwt = SdJwt.parse(credential.text)
    try:
        found = _select(credential, sd_jwt, query)
    except CredentialNotHeldError:
        return
    if found.answered:
        required = tuple(claim.path for claim in found.chosen)
        yield Answer(query, credential, required, _always(sd_jwt))


def _always(sd_jwt: SdJwt) -> tuple[str, ...]:
    payload = reconstruct(SdJwt.parse(sd_jwt.issuer_jws.text + "~")).claims
    return tuple(name for name in payload if name not in REGISTERED_CLAIMS)


def _select(credential: Credential, sd_jwt: SdJwt, query: CredentialQuery) -> Selection:
    if credential.vct not in query.types:
        raise CredentialNotHeldError("the credential is of another type than the request asks for")
    return select_claims(reconstruct(sd_jwt).claims, query)


def _check_agreed(agreed: tuple[ClaimPath, ...], asked: tuple[ClaimPath, ...]) -> None:
    for path in agreed:
        if not any(path.is_within(wanted) or wanted.is_within(path) for wanted in asked):
            raise CannotDiscloseError(
                f"the request does not ask for {path}",
                hint="Disclose only what is asked for; the rest stays in the wallet.",
            )
    for wanted in asked:
        if not any(wanted.is_within(path) for path in agreed):
            raise CannotDiscloseError(
                f"the request needs {wanted}",
                hint="Agree to disclose it, or do not answer the request.",
            )


def _bind(
    credential: Credential,
    shown: str,
    audience: str,
    nonce: str,
    signer: Signer,
    clock: Clock | None,
) -> str:
    if credential.holder_key != signer.public_key:
        raise CannotDiscloseError("the key is not the one that the credential is bound to")
    binding = create_key_binding(
        shown, audience=audience, nonce=nonce, signer=signer, clock=clock or SystemClock()
    )
    return shown + binding
