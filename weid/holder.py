"""The holder: which credentials answer a request, and the answer with chosen claims only.

Functions of values: the credentials, the request, what the person agreed to disclose and the
holder's signer come in; the text of a presentation goes out. Nothing is kept here.
Clauses PP-17 … PP-19, PP-31 … PP-33, PP-52 and PP-64 of specs/presentation-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from weid.clock import Clock, SystemClock
from weid.credential.claim_path import ClaimPath, Step, as_path
from weid.credential.credential import Credential
from weid.credential.key_binding import create_key_binding
from weid.credential.registered_claims import REGISTERED_CLAIMS
from weid.credential.sd_jwt import SdJwt, choose, reconstruct
from weid.crypto.keys import RandomBytes
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, base64url_encode, json_loads_object
from weid.errors import CannotDiscloseError, CredentialNotHeldError
from weid.verification.dcql import CredentialQuery
from weid.verification.request import SHOWN_AUDIENCE, PresentationRequest
from weid.verification.selection import Selection, select_claims
from weid.verification.transaction_data import TransactionData, binding_claims
from weid.verification.trusted_authorities import comes_from_authority
from weid.verification.type_names import TypeMetadata, names_of_type
from weid.w3c.create import JCS, Securing, SigningKey, present_credential

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
        credentials: Iterable[Credential],
        request: PresentationRequest,
        *,
        type_metadata: TypeMetadata | None = None,
    ) -> tuple[Answer, ...]:
        """Return every credential that answers a query of the request, in the query's order.

        `type_metadata` are believed when they say that a type goes by another name.
        """
        held = tuple(credentials)
        return tuple(
            answer
            for query in request.query.credentials
            for credential in held
            for answer in _answer(credential, query, type_metadata)
        )

    @staticmethod
    def plan(answers: Iterable[Answer], request: PresentationRequest) -> tuple[Answer, ...]:
        """Return which of the answers to send, so that the request as a whole is answered.

        For each credential query that must be answered the first answer to it; of alternatives
        the verifier's first (section 6.4.2). What need not be shown is not in it.

        Raises:
            CredentialNotHeldError: the answers are not enough for the request.
        """
        first: dict[str, Answer] = {}
        for answer in answers:
            first.setdefault(answer.query.id, answer)
        chosen = request.query.choose(frozenset(first))
        if chosen is None:
            raise CredentialNotHeldError(
                "the credentials do not answer the request as a whole",
                hint=f"Missing: {request.query.missing(frozenset(first))}",
            )
        return tuple(first[query_id] for query_id in chosen)

    @staticmethod
    def present(  # noqa: PLR0913 - what a presentation is made of, each named
        credential: Credential,
        request: PresentationRequest,
        *,
        signer: Signer,
        disclose: Iterable[str | tuple[Step, ...]] | None = None,
        clock: Clock | None = None,
        query_id: str | None = None,
        agreed_to: Iterable[TransactionData] = (),
        type_metadata: TypeMetadata | None = None,
    ) -> str:
        """Return the presentation that answers a request.

        `disclose` are the claims that the person agreed to, by path; None agrees to exactly what
        the request asks for. `agreed_to` are the transactions of the request that the person saw
        and agreed to with this credential.

        Raises:
            CredentialNotHeldError: the credential is not one that the request asks for.
            CannotDiscloseError: a claim that was not asked for, or one that is required is not
                among those agreed to, or the key is not the credential's; a transaction that
                only this credential could agree to was not agreed to, or another was.
        """
        query = request.credential_query(query_id)
        sd_jwt = SdJwt.parse(credential.text)
        if disclose is not None:
            disclose = tuple(as_path(path) for path in disclose)
        found = _select(credential, sd_jwt, _agreeable(query, disclose), type_metadata)
        if not found.answered:
            raise CredentialNotHeldError(
                "the credential does not have everything that the request asks for",
                hint="Missing: " + ", ".join(str(path) for path in found.missing),
            )
        asked = tuple(claim.path for claim in found.chosen)
        if disclose is not None:
            _check_agreed(disclose, asked)
        agreed = _check_transactions(tuple(agreed_to), request, query)
        shown = choose(sd_jwt, asked)
        _check_shown(shown, query)
        if credential.holder_key is None and not query.holder_binding:
            return shown
        place = (request.audience, request.nonce)
        return _bind(credential, shown, place, signer, clock, further=binding_claims(agreed))

    @staticmethod
    def present_w3c(
        credential: str,
        request: PresentationRequest,
        *,
        key: SigningKey,
        securing: Securing = JCS,
        clock: Clock | None = None,
    ) -> str:
        """Return a W3C presentation that answers a request with one W3C credential.

        `credential` is JSON with its proof or a `vc+jwt`; all of it is shown. `key` is that of the
        DID which the credential is about.

        Raises:
            MalformedError: the credential is none that can be presented so.
            UnsupportedAlgorithmError: the key is not one for that way of signing.
            CannotDiscloseError: the request wants agreement to transactions.
        """
        if request.transaction_data:
            raise CannotDiscloseError(
                "a W3C presentation can agree to no transaction",
                hint="Answer with an SD-JWT VC, or do not answer the request.",
            )
        text = credential.strip()
        held = json_loads_object(text, what="the W3C credential") if text[:1] == "{" else text
        return present_credential(
            held,
            key,
            nonce=request.nonce,
            audience=request.audience,
            created=(clock or SystemClock()).now(),
            securing=securing,
        )

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
        return _bind(credential, shown, (SHOWN_AUDIENCE, nonce), signer, clock)


def _answer(
    credential: Credential, query: CredentialQuery, metadata: TypeMetadata | None
) -> Iterator[Answer]:
    sd_jwt = SdJwt.parse(credential.text)
    try:
        found = _select(credential, sd_jwt, query, metadata)
    except CredentialNotHeldError:
        return
    if found.answered:
        required = tuple(claim.path for claim in found.chosen)
        yield Answer(query, credential, required, _always(sd_jwt))


def _always(sd_jwt: SdJwt) -> tuple[str, ...]:
    payload = reconstruct(SdJwt.parse(sd_jwt.issuer_jws.text + "~")).claims
    return tuple(name for name in payload if name not in REGISTERED_CLAIMS)


def _select(
    credential: Credential, sd_jwt: SdJwt, query: CredentialQuery, metadata: TypeMetadata | None
) -> Selection:
    if credential.vct not in query.types and names_of_type(credential.vct, metadata).isdisjoint(
        query.types
    ):
        raise CredentialNotHeldError("the credential is of another type than the request asks for")
    if not comes_from_authority(sd_jwt.issuer_jws.header, query):
        raise CredentialNotHeldError("the credential is of no authority that the request names")
    if query.holder_binding and credential.holder_key is None:
        raise CredentialNotHeldError("the credential has no holder's key, which the request wants")
    return select_claims(reconstruct(sd_jwt).claims, query)


def _agreeable(query: CredentialQuery, agreed: tuple[ClaimPath, ...] | None) -> CredentialQuery:
    """Return the query without the claim sets that want more than was agreed to, if any is left.

    So a person leaves out what a verifier asks for but does not need.
    """
    if agreed is None or not query.claim_sets:
        return query
    within = {
        claim.id for claim in query.claims if any(claim.path.is_within(path) for path in agreed)
    }
    sets = tuple(names for names in query.claim_sets if within.issuperset(names))
    return replace(query, claim_sets=sets) if sets else query


def _check_shown(shown: str, query: CredentialQuery) -> None:
    """Require that what is shown answers by itself: an index counts the elements that are shown."""
    if not select_claims(reconstruct(SdJwt.parse(shown)).claims, query).answered:
        raise CredentialNotHeldError(
            "what the request asks for cannot be shown without showing more",
            hint="It names one element of a list by its place; ask the verifier for the list.",
        )


def _check_transactions(
    agreed: tuple[TransactionData, ...], request: PresentationRequest, query: CredentialQuery
) -> tuple[TransactionData, ...]:
    for entry in agreed:
        if entry not in request.transaction_data or query.id not in entry.credential_ids:
            raise CannotDiscloseError("the request has no such transaction for this credential")
    for entry in request.transaction_data:
        if entry.credential_ids == (query.id,) and entry not in agreed:
            raise CannotDiscloseError(
                f"the request wants agreement to a transaction of the type {entry.type}",
                hint="Agree to it, or do not answer the request.",
            )
    return agreed


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
    place: tuple[str, str],
    signer: Signer,
    clock: Clock | None,
    *,
    further: JsonObject | None = None,
) -> str:
    audience, nonce = place
    if credential.holder_key != signer.public_key:
        raise CannotDiscloseError("the key is not the one that the credential is bound to")
    binding = create_key_binding(
        shown,
        audience=audience,
        nonce=nonce,
        signer=signer,
        clock=clock or SystemClock(),
        further=further,
    )
    return shown + binding
