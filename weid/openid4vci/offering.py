"""Offers: made by the issuer's own people, read by wallets as often as they like.

Clauses IP-01, IP-02, IP-04, IP-05.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from weid.encoding import JsonObject, base64url_decode
from weid.errors import MalformedError, ProtocolError
from weid.openid4vci.circumstances import SECRET_BYTES, Circumstances
from weid.openid4vci.issuance_session import (
    Offered,
    code_of_offer,
    hash_tx_code,
    issuance_of_code,
)
from weid.openid4vci.offer import (
    CredentialOffer,
    Grants,
    OfferLink,
    PreAuthorizedGrant,
    TxCodeHint,
)
from weid.openid4vci.reply import Reply, json_reply

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
class Offering:
    """The offers of one issuer."""

    circumstances: Circumstances

    def offer(
        self,
        configuration_id: str,
        approved: JsonObject,
        *,
        with_tx_code: bool,
        lifetime: int,
        offer_id: str | None,
    ) -> NewOffer:
        """Make an offer; see `IssuerEndpoints.offer`."""
        here = self.circumstances
        here.require_running()
        if configuration_id not in here.configurations():
            raise MalformedError("there is no such credential configuration")
        if offer_id is None:
            offer_id = here.draw_secret()
        elif len(base64url_decode(offer_id, what="the offer's id")) != SECRET_BYTES:
            raise MalformedError(f"the offer's id is not {SECRET_BYTES} bytes in base64url")
        code = code_of_offer(offer_id)
        tx_code = self._draw_tx_code() if with_tx_code else None
        session = Offered(
            configuration_id,
            approved,
            here.clock.now() + lifetime,
            hash_tx_code(tx_code, code=code) if tx_code else "",
            TX_CODE_DIGITS if tx_code else 0,
        )
        issuance_id = issuance_of_code(code)
        here.issuances.create(issuance_id, session)
        here.observe("offered", issuance_id)
        uri = self.link(offer_id).to_uri()
        by_value = self._message(session, code).to_uri()
        return NewOffer(issuance_id, uri, by_value, tx_code, session.expires_at)

    def link(self, offer_id: str) -> OfferLink:
        """Return where the offer of an id is read."""
        return OfferLink(self.circumstances.url(f"/offers/{offer_id}"))

    def read(self, offer_id: str) -> Reply:
        """Return an offer as wallets read it.

        Raises:
            ProtocolError: not_found, status 404.
        """
        code = code_of_offer(offer_id)
        stored = self.circumstances.issuances.load(issuance_of_code(code))
        if stored is None or not isinstance(stored.session, Offered):
            raise ProtocolError("not_found", "there is no such offer, or not any more", status=404)
        return json_reply(self._message(stored.session, code).to_json())

    def _draw_tx_code(self) -> str:
        # 128 bits over a million outcomes: the bias is nothing.
        number = int.from_bytes(self.circumstances.random(16), "big") % 10**TX_CODE_DIGITS
        return f"{number:0{TX_CODE_DIGITS}}"

    def _message(self, session: Offered, code: str) -> CredentialOffer:
        hint = TxCodeHint(length=session.tx_code_length) if session.tx_code_hash else None
        grant = PreAuthorizedGrant(code=code, tx_code=hint)
        return CredentialOffer(
            credential_issuer=self.circumstances.credential_issuer,
            credential_configuration_ids=(session.configuration_id,),
            grants=Grants(pre_authorized=grant),
        )
