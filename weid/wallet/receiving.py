"""How credentials come into a wallet: offers redeemed, what came verified, kept or refused.

Clauses IP-22, IP-30, IP-35, IP-36 and IP-70 to IP-80.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from weid.crypto.keys import PublicKey
from weid.errors import (
    MalformedError,
    ProtocolError,
    RejectedError,
    UndeterminedError,
    WalletError,
    WalletFileError,
    WeidError,
)
from weid.oauth.attested_sender import WalletAttestation
from weid.openid4vci.client import (
    Deferred,
    Delivery,
    Offered,
    OfferPreview,
    WalletClient,
    proof_kind,
)
from weid.transport import HttpTransport
from weid.verification.policy import TrustPolicy
from weid.verification.received import require_issued, require_verifiable
from weid.wallet.acceptance import (
    COPIES,
    Accepted,
    Agree,
    Browser,
    Order,
    Terms,
    Wait,
    batch_of,
    claims_of,
    open_counter,
    require_agreement,
    terms_of,
    verify_hint,
)
from weid.wallet.consent import consent_to_keep, consent_to_offer
from weid.wallet.contents import AwaitedCredential, HeldCredential
from weid.wallet.vault import Vault

_OVER: Final = frozenset({"credential_request_denied", "invalid_transaction_id", "invalid_token"})
"""Refusals after which asking again for an awaited credential has no use (section 9.3)."""


class ReceivingWallet(Vault):
    """The half of a wallet that takes credentials in."""

    def read_offer(self, offer_uri: str, *, transport: HttpTransport) -> OfferPreview:
        """Read an offer and ask its issuer who it is; nothing is redeemed.

        Raises:
            MalformedError: the offer, or what its issuer says of itself, is not what it should be.
            TransportError: an address is refused or does not answer.
        """
        return self._client(transport).read_offer(offer_uri)

    def accept(  # noqa: PLR0913 - each is a choice of its own
        self,
        offer: str | OfferPreview,
        *,
        transport: HttpTransport,
        trust: TrustPolicy | None = None,
        accept_unverified: bool = False,
        tx_code: str | None = None,
        browser: Browser | None = None,
        copies: int = COPIES,
        attestation: WalletAttestation | None = None,
        wait: Wait | None = None,
        agree: Agree | None = None,
    ) -> HeldCredential:
        """Redeem an offer and return the first credential that is kept: see `accept_all`.

        Raises:
            WalletError: the person did not agree, a transaction code or a sign-in is needed,
                `trust` knows nobody for that type, there is none, or nothing is decided yet.
            RejectedError: the credential is not one of a trusted issuer; it is not kept.
            UndeterminedError: that cannot be known now; it is kept as not verified yet.
            RegistryError: the registry cannot be asked; nothing was redeemed.
            ProtocolError: the issuer refuses.
            MalformedError: the offer, or what came for it, is not what it should be.
            TransportError: an address is refused or does not answer.
        """
        return self.accept_all(
            offer,
            transport=transport,
            trust=trust,
            accept_unverified=accept_unverified,
            tx_code=tx_code,
            browser=browser,
            copies=copies,
            attestation=attestation,
            wait=wait,
            agree=agree,
        ).first()

    def accept_all(  # noqa: PLR0913 - each is a choice of its own
        self,
        offer: str | OfferPreview,
        *,
        transport: HttpTransport,
        trust: TrustPolicy | None = None,
        accept_unverified: bool = False,
        tx_code: str | None = None,
        browser: Browser | None = None,
        copies: int = COPIES,
        attestation: WalletAttestation | None = None,
        wait: Wait | None = None,
        agree: Agree | None = None,
    ) -> Accepted:
        """Redeem an offer with new keys and keep the credentials.

        The offer is its URI, or what `read_offer` returned. `agree` is asked before a URI is
        redeemed (who offers what) and before a credential is kept (whose it is, from which
        issuer). `trust` says which registries know the issuer: what no verifier would take is not
        kept, and nothing is redeemed while they cannot be asked. Where they go away meanwhile, what
        came is kept without a question as not verified yet, for `verify`. `accept_unverified` keeps
        whatever came, whoever signed it. At most `copies` copies of each credential are asked for,
        each for a key of its own, where the issuer gives several. `attestation` goes to issuers
        that ask wallets for one. What is not decided yet is asked for again as long as `wait`
        waits, and later with `collect`.

        Raises: as `accept`, for what concerns the offer as a whole.
        """
        terms = terms_of(trust, accept_unverified=accept_unverified, agree=agree, wait=wait)
        client = self._client(transport)
        preview = client.read_offer(offer) if isinstance(offer, str) else offer
        kinds = [proof_kind(offered) for offered in preview.credentials]
        for offered in preview.credentials:
            if trust is not None:
                # An offer is good for once: what could not be verified afterwards would be lost.
                require_verifiable(offered.configuration.vct, trust, now=self._clock.now())
        if isinstance(offer, str):
            require_agreement(agree, consent_to_offer(preview), "the offer was not accepted")
        # The keys are saved before the issuer learns of them, so that no crash leaves a credential
        # that is bound to a key nobody has.
        number = max(1, min(copies, preview.copies))
        keys = self.new_keys(kind for kind in kinds for _ in range(number))
        redemption = client.begin(preview, attestation)
        try:
            counter = open_counter(redemption, preview, tx_code, browser)
        except (ProtocolError, WalletError):
            self._drop_keys(keys)
            raise
        outcome = Accepted()
        for place, offered in enumerate(preview.credentials):
            mine = keys[place * number : (place + 1) * number]
            order = Order(counter, redemption.key, offered, mine)
            outcome = outcome.plus(self._take(order, terms, outcome.kept))
        return outcome

    def collect(
        self,
        *,
        transport: HttpTransport,
        trust: TrustPolicy | None = None,
        accept_unverified: bool = False,
        agree: Agree | None = None,
        wait: Wait | None = None,
    ) -> Accepted:
        """Ask again for what issuers had not decided about, as far as it is time to.

        Raises:
            WalletError: neither a trust policy, nor the word that none is wanted.
        """
        client = self._client(transport)
        terms = terms_of(trust, accept_unverified=accept_unverified, agree=agree, wait=wait)
        outcome = Accepted()
        for awaited in self.awaited():
            left = awaited.due - self._clock.now()
            if left > 0 and (wait is None or not wait(left)):
                outcome = outcome.plus(Accepted(awaited=(awaited,)))
                continue
            found = self._guarded(partial(self._again, client, awaited, terms, outcome.kept))
            outcome = outcome.plus(found)
        return outcome

    def verify(
        self, credential_id: str, *, trust: TrustPolicy, agree: Agree | None = None
    ) -> HeldCredential:
        """Verify a credential of the wallet; one that was not verified yet can be shown then.

        `agree` is asked, of such a one, whose it is and from which issuer, as when it is kept.
        Copies of one certificate are verified together.

        Raises:
            CredentialNotHeldError: there is no such credential.
            WalletError: the person did not agree.
            RejectedError: it is not one of a trusted issuer; it stays as it is.
            UndeterminedError: that cannot be known now; it stays as it is.
        """
        named = self.credential(credential_id)
        copies = self.copies(named.id)
        for held in copies:
            require_issued(held.text, trust, now=self._clock.now(), anchor=held.anchor)
        if named.unverified:
            question = consent_to_keep(named.text, names=self._names, copies=len(copies))
            require_agreement(agree, question, "the credential stays as not verified yet")
        contents = self._contents
        for held in copies:
            contents = contents.with_credential(replace(held, unverified=False))
        if contents != self._contents:
            self._save(contents)
        return self.credential(named.id)

    # --- How -------------------------------------------------------------------------------------

    def _client(self, transport: HttpTransport) -> WalletClient:
        return WalletClient(transport, clock=self._clock, random=self._random)

    def _take(self, order: Order, terms: Terms, earlier: tuple[HeldCredential, ...]) -> Accepted:
        """Ask for one credential; what goes wrong with it does not undo the others."""

        def work() -> Accepted:
            try:
                found = order.place([self._signer(key.thumbprint()) for key in order.keys])
            except ProtocolError:
                self._drop_keys(order.keys)
                raise
            return self._settle(order, found, terms, earlier)

        return self._guarded(work)

    def _guarded(self, work: Callable[[], Accepted]) -> Accepted:
        try:
            return work()
        except WalletFileError:
            raise
        except WeidError as error:
            return Accepted(refused=(error,))

    def _again(
        self,
        client: WalletClient,
        awaited: AwaitedCredential,
        terms: Terms,
        earlier: tuple[HeldCredential, ...],
    ) -> Accepted:
        counter = client.counter(awaited.credential_issuer, awaited.token, awaited.token_key)
        configuration = counter.metadata.configuration(awaited.configuration_id)
        if configuration.vct != awaited.vct:
            raise MalformedError("the issuer has changed the type of what it was asked for")
        keys = tuple(self._contents.keys[name].private.public for name in awaited.keys)
        offered = Offered(awaited.configuration_id, configuration)
        order = Order(counter, awaited.token_key, offered, keys)
        deferred = Deferred(awaited.transaction_id, 1, offered, keys)
        try:
            found = counter.collect(deferred)
        except ProtocolError as error:
            self._forget(awaited, error)
            raise
        # Copies of one certificate that were waited for together are one certificate.
        near = tuple(held for held in earlier if held.source == awaited.credential_issuer)
        return self._settle(order, found, terms, near)

    def _settle(
        self,
        order: Order,
        found: Delivery | Deferred,
        terms: Terms,
        earlier: tuple[HeldCredential, ...],
    ) -> Accepted:
        """Wait for a decision as long as somebody waits; keep what comes."""
        while isinstance(found, Deferred):
            awaited = order.awaited(found, self._clock.now())
            # Saved before anybody waits: whoever goes away meanwhile collects it another day.
            self._save(self._contents.with_awaited(awaited))
            if terms.wait is None or not terms.wait(found.interval):
                return Accepted(awaited=(awaited,))
            try:
                found = order.counter.collect(found)
            except ProtocolError as error:
                self._forget(awaited, error)
                raise
        return Accepted(kept=self._take_in(order, found, terms, earlier))

    def _forget(self, awaited: AwaitedCredential, error: ProtocolError) -> None:
        if error.code in _OVER:
            contents = self._contents.without_awaited(awaited)
            self._save(contents.without_keys(awaited.keys))

    def _take_in(
        self,
        order: Order,
        delivery: Delivery,
        terms: Terms,
        earlier: tuple[HeldCredential, ...],
    ) -> tuple[HeldCredential, ...]:
        """Verify what came, ask, keep, and tell the issuer."""
        first = delivery.copies[0]
        claims = claims_of(first.text)
        same = tuple(held for held in earlier if claims_of(held.text) == claims)
        try:
            if any(claims_of(copy.text) != claims for copy in delivery.copies):
                raise MalformedError("the copies of one credential say different things")
            if terms.trust is not None:
                self._require_issued(delivery, terms.trust)
        except (MalformedError, RejectedError):
            order.counter.notify(delivery, "credential_failure")
            self._done(order, drop_keys=False)
            raise
        if not same:
            question = consent_to_keep(
                first.text,
                names=self._names,
                unverified=terms.trust is None,
                copies=len(delivery.copies),
            )
            try:
                require_agreement(terms.agree, question, "the credential was not kept")
            except WalletError:
                order.counter.notify(delivery, "credential_deleted")
                self._done(order, drop_keys=False)
                raise
        kept = self._keep(delivery, same)
        self._done(order)
        order.counter.notify(delivery, "credential_accepted")
        return kept

    def _require_issued(self, delivery: Delivery, trust: TrustPolicy) -> None:
        """Require that a trusted issuer made it; keep it where that cannot be known now."""
        try:
            for copy in delivery.copies:
                require_issued(copy.text, trust, now=self._clock.now(), anchor=copy.anchor)
        except UndeterminedError as error:
            # Its offer is used up: whoever comes for it again gets nothing.
            held = self._keep(delivery, (), unverified=True)[0]
            raise UndeterminedError(
                f"{error.message}; the credential is kept as not verified yet",
                report=error.report,
                hint=verify_hint(held),
            ) from None

    def _keep(
        self, delivery: Delivery, same: tuple[HeldCredential, ...], *, unverified: bool = False
    ) -> tuple[HeldCredential, ...]:
        batch = ""
        if same or len(delivery.copies) > 1:
            batch = batch_of(same, delivery.copies[0])
            for held in same:
                if held.batch != batch:
                    self._save(self._contents.with_credential(replace(held, batch=batch)))
        return tuple(
            self.add(
                copy.text,
                anchor=copy.anchor,
                source=copy.credential_issuer,
                unverified=unverified,
                batch=batch,
            )
            for copy in delivery.copies
        )

    def _done(self, order: Order, *, drop_keys: bool = True) -> None:
        """Forget that it was waited for, and keys for which nothing came.

        Those of a credential that came and was not kept stay: it may be added another day.
        """
        names = {key.thumbprint() for key in order.keys}
        contents = self._contents
        for awaited in contents.awaited:
            if names & set(awaited.keys):
                contents = contents.without_awaited(awaited)
        if drop_keys:
            contents = contents.without_keys(names)
        if contents != self._contents:
            self._save(contents)

    def _drop_keys(self, keys: Sequence[PublicKey]) -> None:
        self._save(self._contents.without_keys(key.thumbprint() for key in keys))
