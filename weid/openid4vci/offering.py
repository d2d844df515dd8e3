"""Offers: made by the issuer's own people, read by wallets as often as they like.

Clauses IP-01, IP-02, IP-04, IP-05, IP-37.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from weid.encoding import JsonObject, base64url_decode
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import Reply, json_reply
from weid.openid4vci.circumstances import SECRET_BYTES, Circumstances
from weid.openid4vci.issuance_session import (
    Offered,
    code_of_offer,
    hash_tx_code,
    issuance_of_code,
    issuance_of_issuer_state,
    issuer_state_of_offer,
)
from weid.openid4vci.offer import (
    AuthorizationCodeGrant,
    CredentialOffer,
    Grants,
    OfferLink,
    PreAuthorizedGrant,
    TxCodeHint,
)

OFFER_SECONDS: Final = 600
"""How long an offer lasts unless the issuer says else."""
TX_CODE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer to hand to one person.

    `uri` is short, for a QR code; `uri_by_value` needs no fetch. `tx_code` goes to the person by
    another way (letter, counter, telephone), None where none is asked for. `expires_at` seconds.
    """

    issuance_id: str
    uri: str = field(repr=False)
    uri_by_value: str = field(repr=False)
    tx_code: str | None = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """How an offer is made; see `IssuerEndpoints.offer` for the meaning of each."""

    lifetime: int = OFFER_SECONDS
    offer_id: str | None = field(default=None, repr=False)
    with_tx_code: bool = False
    tx_code: str | None = field(default=None, repr=False)
    by_page: bool = False
    token_seconds: int = 0


@dataclass(frozen=True, slots=True)
class _OpenOffer:
    """An offer with the secret that its grant carries: a code, or an issuer_state."""

    session: Offered
    secret: str = field(repr=False)
    by_page: bool

    def message(self, credential_issuer: str) -> CredentialOffer:
        hint = TxCodeHint(length=self.session.tx_code_length) if self.session.tx_code_hash else None
        grants = (
            Grants(authorization_code=AuthorizationCodeGrant(issuer_state=self.secret))
            if self.by_page
            else Grants(pre_authorized=PreAuthorizedGrant(code=self.secret, tx_code=hint))
        )
        return CredentialOffer(
            credential_issuer=credential_issuer,
            credential_configuration_ids=self.session.configuration_ids,
            grants=grants,
        )


@dataclass(frozen=True, slots=True)
class Offering:
    """The offers of one issuer."""

    circumstances: Circumstances

    def offer(self, approved: JsonObject, terms: OfferTerms) -> NewOffer:
        """Offer what was approved, by configuration; see `IssuerEndpoints.offer`."""
        here = self.circumstances
        here.require_running()
        if not approved or not set(approved) <= set(here.configurations()):
            raise MalformedError("there is no such credential configuration")
        if terms.by_page and here.policy.find_approval is None:
            raise MalformedError("this issuer has no authorization code flow")
        offer_id = terms.offer_id
        if offer_id is None:
            offer_id = here.draw_secret()
        elif len(base64url_decode(offer_id, what="the offer's id")) != SECRET_BYTES:
            raise MalformedError(f"the offer's id is not {SECRET_BYTES} bytes in base64url")
        secret, issuance_id = _secret_and_id(offer_id, by_page=terms.by_page)
        tx_code = self._tx_code(terms)
        session = Offered(
            approved,
            here.clock.now() + terms.lifetime,
            hash_tx_code(tx_code, code=secret) if tx_code else "",
            TX_CODE_DIGITS if tx_code else 0,
            token_seconds=terms.token_seconds,
        )
        here.issuances.create(issuance_id, session)
        here.observe("offered", issuance_id)
        uri = self.link(offer_id).to_uri()
        opened = _OpenOffer(session, secret, terms.by_page)
        by_value = opened.message(here.credential_issuer).to_uri()
        return NewOffer(issuance_id, uri, by_value, tx_code, session.expires_at)

    def link(self, offer_id: str) -> OfferLink:
        """Return where the offer of an id is read."""
        return OfferLink(self.circumstances.url(f"/offers/{offer_id}"))

    def read(self, offer_id: str) -> Reply:
        """Return an offer as wallets read it.

        Raises:
            ProtocolError: not_found, status 404.
        """
        for by_page in (False, True):
            secret, issuance_id = _secret_and_id(offer_id, by_page=by_page)
            stored = self.circumstances.issuances.load(issuance_id)
            if stored is not None and isinstance(stored.session, Offered):
                opened = _OpenOffer(stored.session, secret, by_page)
                return json_reply(opened.message(self.circumstances.credential_issuer).to_json())
        raise ProtocolError("not_found", "there is no such offer, or not any more", status=404)

    def _tx_code(self, terms: OfferTerms) -> str | None:
        if terms.tx_code is not None:
            if len(terms.tx_code) != TX_CODE_DIGITS or not terms.tx_code.isdecimal():
                raise MalformedError(f"a transaction code is {TX_CODE_DIGITS} digits")
            return terms.tx_code
        if not terms.with_tx_code:
            return None
        # 128 bits over a million outcomes: the bias is nothing.
        number = int.from_bytes(self.circumstances.random(16), "big") % 10**TX_CODE_DIGITS
        return f"{number:0{TX_CODE_DIGITS}}"


def _secret_and_id(offer_id: str, *, by_page: bool) -> tuple[str, str]:
    """Return what the grant of an offer carries, and the issuance id that it leads to."""
    if by_page:
        issuer_state = issuer_state_of_offer(offer_id)
        return issuer_state, issuance_of_issuer_state(issuer_state)
    code = code_of_offer(offer_id)
    return code, issuance_of_code(code)
