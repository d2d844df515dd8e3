"""A holder's wallet: receives credentials, and shows as much of them as a person agrees to.

A library, not an app: it asks a person through the `agree` callables that it is given. What is
kept, and how, is in `weid.wallet.vault`. Clauses IP-22 to IP-25 and IP-34.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from weid.credential.claim_path import Step
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.errors import UndeterminedError, WalletError
from weid.holder import Answer, Holder
from weid.openid4vci.client import OfferPreview, ReceivedCredential, WalletClient
from weid.qr.repack import refuse_chain
from weid.transport import HttpTransport
from weid.verification.policy import TrustPolicy
from weid.verification.received import require_issued, require_verifiable
from weid.verification.request import PresentationRequest
from weid.wallet.answers import choose_credential, find_answers
from weid.wallet.consent import (
    Consent,
    consent_to_keep,
    consent_to_offer,
    consent_to_present,
    consent_to_show,
)
from weid.wallet.contents import HeldCredential, Use, UseKind
from weid.wallet.policies import PolicyRecords, find_policy
from weid.wallet.vault import Vault

Agree: TypeAlias = Callable[[Consent], bool]
"""Shows a consent text to a person, whole, and returns whether they agreed."""
Disclose: TypeAlias = Iterable[str | tuple[Step, ...]]
"""Claims by path."""


class Wallet(Vault):
    """A wallet: `create` or `open` it, close it or use it in a `with` block."""

    # --- Receiving -------------------------------------------------------------------------------

    def read_offer(self, offer_uri: str, *, transport: HttpTransport) -> OfferPreview:
        """Read an offer and ask its issuer who it is; nothing is redeemed.

        Raises:
            MalformedError: the offer, or what its issuer says of itself, is not what it should be.
            TransportError: an address is refused or does not answer.
        """
        return WalletClient(transport, clock=self._clock).read_offer(offer_uri)

    def accept(
        self,
        offer: str | OfferPreview,
        *,
        transport: HttpTransport,
        trust: TrustPolicy | None = None,
        accept_unverified: bool = False,
        tx_code: str | None = None,
        agree: Agree | None = None,
    ) -> HeldCredential:
        """Redeem an offer with a new key and keep the credential.

        The offer is its URI, or what `read_offer` returned. `agree` is asked before a URI is
        redeemed (who offers what) and before the credential is kept (whose it is, from which
        issuer). `trust` says which registries know the issuer: what no verifier would take is not
        kept, and nothing is redeemed while they cannot be asked. Where they go away meanwhile, what
        came is kept without a question as not verified yet, for `verify`. `accept_unverified` keeps
        whatever came, whoever signed it.

        Raises:
            WalletError: the person did not agree, a transaction code is needed, `trust` knows
                nobody for that type, or there is none.
            RejectedError: the credential is not one of a trusted issuer; it is not kept.
            UndeterminedError: that cannot be known now; it is kept as not verified yet.
            RegistryError: the registry cannot be asked; nothing was redeemed.
            ProtocolError: the issuer refuses.
            MalformedError: the offer, or what came for it, is not what it should be.
            TransportError: an address is refused or does not answer.
        """
        if (trust is None) != accept_unverified:
            raise WalletError(
                "an offer is accepted with a trust policy, or as one that nobody verifies",
                hint="Give trust=…, or accept_unverified=True and keep what anybody may have made.",
            )
        client = WalletClient(transport, clock=self._clock)
        preview = client.read_offer(offer) if isinstance(offer, str) else offer
        if trust is not None:
            # An offer is good for once: what could not be verified afterwards would be lost.
            require_verifiable(preview.configuration.vct, trust, now=self._clock.now())
        if isinstance(offer, str):
            _require(agree, consent_to_offer(preview), "the offer was not accepted")
        # The key is saved before the issuer learns of it, so that no crash leaves a credential
        # that is bound to a key nobody has.
        key = self.new_key()
        received = client.redeem(preview, signer=self._signer(key.thumbprint()), tx_code=tx_code)
        if trust is not None:
            self._require_issued(received, trust)
        question = consent_to_keep(received.text, names=self._names, unverified=trust is None)
        _require(agree, question, "the credential was not kept")
        return self._keep(received)

    def verify(
        self, credential_id: str, *, trust: TrustPolicy, agree: Agree | None = None
    ) -> HeldCredential:
        """Verify a credential of the wallet; one that was not verified yet can be shown then.

        `agree` is asked, of such a one, whose it is and from which issuer, as when it is kept.

        Raises:
            CredentialNotHeldError: there is no such credential.
            WalletError: the person did not agree.
            RejectedError: it is not one of a trusted issuer; it stays as it is.
            UndeterminedError: that cannot be known now; it stays as it is.
        """
        held = self.credential(credential_id)
        require_issued(held.text, trust, now=self._clock.now(), anchor=held.anchor)
        if not held.unverified:
            return held
        question = consent_to_keep(held.text, names=self._names)
        _require(agree, question, "the credential stays as not verified yet")
        verified = replace(held, unverified=False)
        self._save(self._contents.with_credential(verified))
        return verified

    def _require_issued(self, received: ReceivedCredential, trust: TrustPolicy) -> None:
        """Require that a trusted issuer made it; keep it where that cannot be known now."""
        try:
            require_issued(received.text, trust, now=self._clock.now(), anchor=received.anchor)
        except UndeterminedError as error:
            # Its offer is used up: whoever comes for it again gets nothing.
            held = self._keep(received, unverified=True)
            raise UndeterminedError(
                f"{error.message}; the credential is kept as not verified yet",
                report=error.report,
                hint=_verify_hint(held),
            ) from None

    def _keep(self, received: ReceivedCredential, *, unverified: bool = False) -> HeldCredential:
        return self.add(
            received.text,
            anchor=received.anchor,
            source=received.credential_issuer,
            unverified=unverified,
        )

    # --- Presenting ------------------------------------------------------------------------------

    def answers(self, request: PresentationRequest) -> tuple[tuple[HeldCredential, Answer], ...]:
        """Return which credentials answer a request, each with what it would disclose."""
        return find_answers(self._contents.credentials, request)

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
        _require(agree, self._question(held, request, chosen), "the claims were not shown")
        self._remember(held, UseKind.PRESENTED, request.audience, chosen)
        return presentation

    def show(self, credential_id: str, *, disclose: Disclose, agree: Agree | None = None) -> str:
        """Return a presentation that nobody asked for, to be shown as a code for two minutes.

        Raises:
            CredentialNotHeldError: there is no such credential.
            CannotDiscloseError: it has no such claim.
            MalformedError: it carries a certificate chain, which fits no code (CP-57).
            WalletError: the person did not agree, or the credential is not verified yet.
        """
        held = _require_verified(self.credential(credential_id))
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
        _require(agree, question, "the claims were not shown")
        self._remember(held, UseKind.SHOWN, "", chosen)
        return presentation

    # --- How -------------------------------------------------------------------------------------

    def _choose(
        self, request: PresentationRequest, credential_id: str | None, query_id: str | None
    ) -> HeldCredential:
        if credential_id is not None:
            return _require_verified(self.credential(credential_id))
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

    def _question(self, held: HeldCredential, request: PresentationRequest, chosen: str) -> Consent:
        names = self._names
        records = names if isinstance(names, PolicyRecords) else None
        policy = find_policy(request, records, now=self._clock.now())
        return consent_to_present(request, held.text, chosen, names=names, policy=policy)

    def _remember(self, held: HeldCredential, kind: UseKind, audience: str, chosen: str) -> None:
        claims = tuple(sorted(map(str, reconstruct(SdJwt.parse(chosen)).disclosed)))
        use = Use(self._clock.now(), kind, audience, claims)
        self._save(self._contents.with_credential(replace(held, uses=(*held.uses, use))))


def _require(agree: Agree | None, consent: Consent, otherwise: str) -> None:
    if agree is not None and not agree(consent):
        raise WalletError(otherwise)


def _require_verified(held: HeldCredential) -> HeldCredential:
    if held.unverified:
        raise WalletError(
            f"the credential {held.id} is not verified yet: anybody may have made it",
            hint=_verify_hint(held),
        )
    return held


def _verify_hint(held: HeldCredential) -> str:
    return f"When its registry can be asked: weid wallet verify {held.id}"


def _without_binding(presentation: str) -> str:
    return SdJwt.parse(presentation).bound_text
