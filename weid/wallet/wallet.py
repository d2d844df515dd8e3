"""A holder's wallet: receives credentials, and shows as much of them as a person agrees to.

A library, not an app: it asks a person through the `agree` callables that it is given. What is
kept, and how, is in `weid.wallet.vault`, how it comes in `weid.wallet.receiving`.
Clauses IP-22 to IP-25, IP-34 and PP-80 to PP-84.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from weid.credential.claim_path import ClaimPath, Step, as_path
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.errors import (
    CannotDiscloseError,
    CredentialNotHeldError,
    ProtocolError,
    SeveralAnswerError,
    WalletError,
    WeidError,
)
from weid.holder import Answer, Holder
from weid.openid4vp.client import PresentationClient
from weid.openid4vp.request_object import AuthenticRequest, RequestTrust
from weid.openid4vp.transaction_types import TransactionType
from weid.qr.repack import refuse_chain
from weid.transport import HttpTransport
from weid.verification.request import PresentationRequest
from weid.verification.transaction_data import TransactionData
from weid.wallet.acceptance import Agree, require_agreement, verify_hint
from weid.wallet.answers import choose_credential, find_answers, find_certificates, next_copy
from weid.wallet.consent import Consent, consent_to_answer, consent_to_present, consent_to_show
from weid.wallet.contents import HeldCredential, Use, UseKind
from weid.wallet.policies import PolicyFound, PolicyRecords, find_policy
from weid.wallet.receiving import ReceivingWallet

Disclose: TypeAlias = Iterable[str | tuple[Step, ...]]
"""Claims by path."""
Transactions: TypeAlias = Mapping[str, TransactionType]
"""The kinds of transaction that a wallet can show to a person, by name."""
_NO_TRANSACTIONS: Transactions = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered: with which credentials, and the page to go on to, if any.

    `agreed` are the transactions whose hashes the answer carries.
    """

    presented: tuple[HeldCredential, ...]
    place: str | None = None
    agreed: tuple[TransactionData, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """The answer to one query: the credential, and its presentation as it would leave."""

    query_id: str
    held: HeldCredential
    presentation: str

    @property
    def chosen(self) -> str:
        """What of the credential would be shown."""
        return _without_binding(self.presentation)


class Wallet(ReceivingWallet):
    """A wallet: `create` or `open` it, close it or use it in a `with` block."""

    # --- Presenting ------------------------------------------------------------------------------

    def answers(self, request: PresentationRequest) -> tuple[tuple[HeldCredential, Answer], ...]:
        """Return which certificates answer a request, each with what it would disclose.

        One that is held in copies is there once, as the copy that would go out next.
        """
        return find_certificates(self._contents.credentials, request)

    def consent(
        self,
        request: PresentationRequest,
        *,
        disclose: Disclose | None = None,
        credential_id: str | None = None,
        query_id: str | None = None,
    ) -> Consent:
        """Return what a person would be asked before `present`; nothing leaves and is remembered.

        Raises: as `present`.
        """
        held = self._choose(request, credential_id, query_id)
        presentation = self._answer(held, request, disclose, query_id)
        return self._question(held, request, _without_binding(presentation))

    def present(
        self,
        request: PresentationRequest,
        *,
        disclose: Disclose | None = None,
        credential_id: str | None = None,
        query_id: str | None = None,
        agree: Agree | None = None,
    ) -> str:
        """Return the presentation that answers a request, and remember that it was made.

        `disclose` are the claims agreed to; None agrees to what is asked for. Where several
        credentials answer, `credential_id` says which.

        Raises:
            CredentialNotHeldError: none answers, or several do and none was named.
            CannotDiscloseError: a claim that was not asked for, or a required one is missing.
            WalletError: the person did not agree, or the credential is not verified yet.
        """
        held = self._choose(request, credential_id, query_id)
        presentation = self._answer(held, request, disclose, query_id)
        # What is asked about is the very text that would leave, not a second calculation of it.
        chosen = _without_binding(presentation)
        require_agreement(agree, self._question(held, request, chosen), "the claims were not shown")
        self._remember(held, UseKind.PRESENTED, request.audience, chosen)
        return presentation

    def answer(  # noqa: PLR0913 - each is a choice of its own
        self,
        link: str,
        *,
        transport: HttpTransport,
        trust: RequestTrust,
        credential_ids: Collection[str] = (),
        disclose: Disclose | None = None,
        transactions: Transactions = _NO_TRANSACTIONS,
        agree: Agree | None = None,
    ) -> Answered:
        """Answer the request of a link, by `openid4vp://…`, at the verifier who sent it.

        `trust` says whom the wallet believes about who asks. `agree` is asked who asks, how far
        that is proved, and what would go out. `credential_ids` say which credentials to use where
        several would do; `disclose` are the claims agreed to, None agrees to what is asked for;
        `transactions` are the kinds of transaction that can be shown. A verifier whose request can
        be believed is told where it is not answered (section 8.5).

        Raises:
            ProtocolError: the request is not one to answer, and nothing was sent; or the verifier
                does not give it, or does not accept the answer.
            CredentialNotHeldError: the wallet cannot answer, or several credentials could.
            CannotDiscloseError: a claim that was not asked for, or a required one is missing.
            WalletError: the person did not agree.
            MalformedError: the link cannot be read.
            TransportError: an address is refused or does not answer.
        """
        client = PresentationClient(transport, trust=trust, clock=self._clock, random=self._random)
        asked = client.read_request(link)
        try:
            parts = self._agreed_parts(asked, credential_ids, disclose, transactions, agree)
        except (SeveralAnswerError, CannotDiscloseError):
            raise
        except (ProtocolError, WalletError) as error:
            _tell(client, asked, error)
            raise
        for part in parts:
            self._remember(part.held, UseKind.PRESENTED, asked.request.audience, part.chosen)
        place = client.answer(asked, {part.query_id: [part.presentation] for part in parts})
        presented = tuple(self.credential(part.held.id) for part in parts)
        return Answered(presented, place, asked.request.transaction_data)

    def show(self, credential_id: str, *, disclose: Disclose, agree: Agree | None = None) -> str:
        """Return a presentation that nobody asked for, to be shown as a code for two minutes.

        Raises:
            CredentialNotHeldError: there is no such credential.
            CannotDiscloseError: it has no such claim.
            MalformedError: it carries a certificate chain, which fits no code (CP-57).
            WalletError: the person did not agree, or the credential is not verified yet.
        """
        copies = self.copies(credential_id)
        held = _require_verified(next_copy(copies, None))
        refuse_chain(held.text)
        presentation = Holder.show(
            held.credential,
            disclose=disclose,
            signer=self._signer(held.key),
            clock=self._clock,
            random=self._random,
        )
        chosen = _without_binding(presentation)
        question = consent_to_show(held.text, chosen, names=self._names)
        require_agreement(agree, question, "the claims were not shown")
        self._remember(held, UseKind.SHOWN, "", chosen)
        return presentation

    # --- How -------------------------------------------------------------------------------------

    def _choose(
        self, request: PresentationRequest, credential_id: str | None, query_id: str | None
    ) -> HeldCredential:
        if credential_id is not None:
            named = self.credential(credential_id)
            copies = tuple(held for held in self.copies(named.id) if not held.unverified)
            answering = [held for held, _ in find_answers(copies, request)]
            return _require_verified(next_copy(answering or [named], request))
        return _require_verified(choose_credential(self._contents.credentials, request, query_id))

    def _answer(
        self,
        held: HeldCredential,
        request: PresentationRequest,
        disclose: Disclose | None,
        query_id: str | None,
    ) -> str:
        return Holder.present(
            held.credential,
            request,
            signer=self._signer(held.key),
            disclose=disclose,
            clock=self._clock,
            query_id=query_id,
        )

    def _agreed_parts(
        self,
        asked: AuthenticRequest,
        credential_ids: Collection[str],
        disclose: Disclose | None,
        transactions: Transactions,
        agree: Agree | None,
    ) -> tuple[_Part, ...]:
        """Return what goes out, once the person agreed to that very text."""
        request = asked.request
        named = {self.credential(one).id for one in credential_ids}
        every = [answer for _, answer in find_answers(self._contents.credentials, request)]
        queries = [answer.query.id for answer in Holder.plan(every, request)]
        entries = _shared_out(request, queries)
        agreed = _by_query(request, queries, disclose)
        parts = tuple(
            self._part(asked, query_id, named, agreed[query_id], entries.get(query_id, ()))
            for query_id in queries
        )
        question = consent_to_answer(
            asked,
            [(part.held.text, part.chosen) for part in parts],
            names=self._names,
            transactions=transactions,
            policy=self._policy_of(request),
        )
        require_agreement(agree, question, "the claims were not shown")
        return parts

    def _part(
        self,
        asked: AuthenticRequest,
        query_id: str,
        named: Collection[str],
        disclose: tuple[ClaimPath, ...] | None,
        entries: tuple[TransactionData, ...],
    ) -> _Part:
        found = choose_credential(self._contents.credentials, asked.request, query_id, named=named)
        held = _require_verified(found)
        presentation = Holder.present(
            held.credential,
            asked.request,
            signer=self._signer(held.key),
            disclose=disclose,
            clock=self._clock,
            query_id=query_id,
            agreed_to=entries,
        )
        return _Part(query_id, held, presentation)

    def _question(self, held: HeldCredential, request: PresentationRequest, chosen: str) -> Consent:
        policy = self._policy_of(request)
        return consent_to_present(request, held.text, chosen, names=self._names, policy=policy)

    def _policy_of(self, request: PresentationRequest) -> PolicyFound | None:
        names = self._names
        records = names if isinstance(names, PolicyRecords) else None
        return find_policy(request, records, now=self._clock.now())

    def _remember(self, held: HeldCredential, kind: UseKind, audience: str, chosen: str) -> None:
        claims = tuple(sorted(map(str, reconstruct(SdJwt.parse(chosen)).disclosed)))
        use = Use(self._clock.now(), kind, audience, claims)
        self._save(self._contents.with_credential(replace(held, uses=(*held.uses, use))))


def _tell(
    client: PresentationClient, asked: AuthenticRequest, error: ProtocolError | WalletError
) -> None:
    """Tell the verifier that there will be no answer; what it says to that changes nothing.

    Who has no such credential and who does not agree say the same (section 8.5).
    """
    code = error.code if isinstance(error, ProtocolError) else "access_denied"
    with suppress(WeidError):
        client.refuse(asked, code)


def _by_query(
    request: PresentationRequest, queries: list[str], disclose: Disclose | None
) -> dict[str, tuple[ClaimPath, ...] | None]:
    """Return which of the claims agreed to concern which query; None agrees to all asked for.

    Raises:
        CannotDiscloseError: one that no query asks for.
    """
    if disclose is None:
        return dict.fromkeys(queries)
    paths = tuple(as_path(path) for path in disclose)
    found: dict[str, tuple[ClaimPath, ...] | None] = {
        name: tuple(
            path
            for path in paths
            if any(claim.path.is_within(path) for claim in request.credential_query(name).claims)
        )
        for name in queries
    }
    asked = {path for several in found.values() for path in several or ()}
    for path in paths:
        if path not in asked:
            raise CannotDiscloseError(f"the request does not ask for {path}")
    return found


def _shared_out(
    request: PresentationRequest, queries: list[str]
) -> dict[str, tuple[TransactionData, ...]]:
    """Return which credential agrees to which transactions: the first that may (section 8.4)."""
    shared: dict[str, tuple[TransactionData, ...]] = {}
    for entry in request.transaction_data:
        able = next((one for one in queries if one in entry.credential_ids), None)
        if able is None:
            raise CredentialNotHeldError(
                "the wallet holds no credential that could agree to the transaction"
            )
        shared[able] = (*shared.get(able, ()), entry)
    return shared


def _require_verified(held: HeldCredential) -> HeldCredential:
    if held.unverified:
        raise WalletError(
            f"the credential {held.id} is not verified yet: anybody may have made it",
            hint=verify_hint(held),
        )
    return held


def _without_binding(presentation: str) -> str:
    return SdJwt.parse(presentation).bound_text
