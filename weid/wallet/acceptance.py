"""What it takes to accept an offer: terms, what was asked for, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from weid.credential.registered_claims import REGISTERED_CLAIMS
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.keys import PrivateKey, PublicKey
from weid.crypto.signer import Signer
from weid.encoding import JsonObject
from weid.errors import WalletError, WeidError
from weid.openid4vci.client import (
    Deferred,
    Delivery,
    Offered,
    OfferPreview,
    ReceivedCredential,
    Redemption,
)
from weid.openid4vci.delivery import Counter
from weid.openid4vci.wallet_authorization import AppIdentity
from weid.verification.policy import TrustPolicy
from weid.wallet.consent import Consent
from weid.wallet.contents import (
    AwaitedCredential,
    HeldCredential,
    credential_id,
    first_copies,
)

COPIES: Final = 10
"""Most copies of one certificate that a wallet asks for."""

Agree: TypeAlias = Callable[[Consent], bool]
"""Shows a consent text to a person, whole, and returns whether they agreed."""
Wait: TypeAlias = Callable[[int], bool]
"""Lets so many seconds pass and returns True; False where nobody waits so long."""


@dataclass(frozen=True, slots=True)
class Browser:
    """How a person signs in with an issuer.

    `identity` is what the wallet calls itself there; `visit` opens a URL for the person and
    returns the URL that they were sent back to.
    """

    identity: AppIdentity
    visit: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms credentials are kept.

    `trust` says which registries know issuers, None keeps whatever came; `agree` is asked.
    """

    trust: TrustPolicy | None
    agree: Agree | None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an offer brought: what is kept, what is not decided yet, and what was refused, why.

    Each copy of a certificate is in `kept`.
    """

    kept: tuple[HeldCredential, ...] = ()
    awaited: tuple[AwaitedCredential, ...] = ()
    refused: tuple[WeidError, ...] = ()

    def plus(self, more: Accepted) -> Accepted:
        """Return both together."""
        return Accepted(
            self.kept + more.kept, self.awaited + more.awaited, self.refused + more.refused
        )

    def certificates(self) -> tuple[HeldCredential, ...]:
        """Return the first copy of each certificate that is kept."""
        return first_copies(self.kept)

    def first(self) -> HeldCredential:
        """Return the first that is kept.

        Raises:
            WeidError: nothing is kept; says why.
        """
        if self.kept:
            return self.kept[0]
        if self.refused:
            raise self.refused[0]
        raise WalletError(
            "the issuer has not decided yet",
            hint="Ask again later: weid wallet collect",
        )


@dataclass(frozen=True, slots=True)
class Order:
    """One credential that is asked for, with the keys of its copies."""

    counter: Counter
    token_key: PrivateKey | None
    offered: Offered
    keys: tuple[PublicKey, ...]

    def place(self, signers: Sequence[Signer]) -> Delivery | Deferred:
        """Ask for it."""
        return self.counter.order(self.offered, signers)

    def awaited(self, deferred: Deferred, now: int) -> AwaitedCredential:
        """Return what is kept until it is asked for again."""
        issuer = self.counter.metadata.credential_issuer
        return AwaitedCredential(
            credential_id(f"{issuer} {deferred.transaction_id}"),
            issuer,
            self.offered.id,
            self.offered.configuration.vct,
            deferred.transaction_id,
            self.counter.access.token,
            self.token_key,
            tuple(key.thumbprint() for key in self.keys),
            now + deferred.interval,
        )


def require_agreement(agree: Agree | None, consent: Consent, otherwise: str) -> None:
    """Ask a person, where there is one to ask.

    Raises:
        WalletError: they did not agree.
    """
    if agree is not None and not agree(consent):
        raise WalletError(otherwise)


def verify_hint(held: HeldCredential) -> str:
    """Return what to do with a credential that is not verified yet."""
    return f"When its registry can be asked: weid wallet verify {held.id}"


def terms_of(
    trust: TrustPolicy | None, *, accept_unverified: bool, agree: Agree | None, wait: Wait | None
) -> Terms:
    """Return the terms, once who is trusted or that nobody is has been said.

    Raises:
        WalletError: neither, or both.
    """
    if (trust is None) != accept_unverified:
        raise WalletError(
            "an offer is accepted with a trust policy, or as one that nobody verifies",
            hint="Give trust=…, or accept_unverified=True and keep what anybody may have made.",
        )
    return Terms(trust, agree, wait)


def open_counter(
    redemption: Redemption, preview: OfferPreview, tx_code: str | None, browser: Browser | None
) -> Counter:
    """Redeem an offer: with its code, or after the person has signed in.

    Raises:
        WalletError: what that needs is missing.
        ProtocolError, MalformedError, TransportError: as `WalletClient.redeem`.
    """
    if not preview.by_page:
        return redemption.with_code(tx_code)
    if browser is None:
        raise WalletError("the offer needs a sign-in with the issuer, in a browser")
    begun = redemption.sign_in(browser.identity)
    return redemption.with_answer(begun, browser.visit(begun.url))


def claims_of(text: str) -> JsonObject:
    """Return what a credential says of its holder, and its type."""
    claims = reconstruct(SdJwt.parse(text)).claims
    return {name: value for name, value in claims.items() if name not in REGISTERED_CLAIMS} | {
        "vct": claims.get("vct")
    }


def batch_of(same: tuple[HeldCredential, ...], first: ReceivedCredential) -> str:
    """Return the batch of new copies: that of the `same` certificate held before, or a new one."""
    for held in same:
        return held.batch or held.id
    return credential_id(SdJwt.parse(first.text).issuer_jws.text)
