"""OpenID4VCI for this organisation: the library's endpoints over our store and our signing.

The offer's identifier, and with it its code, follows from a secret of the server and the
certificate, so that an officer can show the same offer again although no code is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from issuer_app.services.agency import Agency
from issuer_app.services.anchoring import Anchoring
from issuer_app.services.configurations import configuration_names
from issuer_app.services.decisions import TOKEN_SECONDS, WAIT_SECONDS, Decisions
from issuer_app.services.protocol_sessions import StoredSessions
from issuer_app.services.signing import Signing
from issuer_app.services.templates import Templates
from issuer_app.settings import Settings
from weid.clock import Clock
from weid.encoding import JsonObject, base64url_encode, json_loads_object
from weid.errors import ProtocolError, RegistryError
from weid.oauth.reply import EndpointRequest as MachineRequest
from weid.oauth.reply import Reply as MachineReply
from weid.oauth.reply import error_reply, json_reply
from weid.openid4vci.authorization_policy import Approval, AuthorizationQuestion
from weid.openid4vci.endpoints import IssuerEndpoints
from weid.openid4vci.events import EventName
from weid.openid4vci.issuance_session import (
    code_of_offer,
    issuance_of_code,
    issuance_of_issuer_state,
    issuer_state_of_offer,
)
from weid.openid4vci.metadata import Display
from weid.openid4vci.offer import CredentialOffer
from weid.openid4vci.offering import TX_CODE_DIGITS
from weid.openid4vci.redemption import IssuanceRequest, IssuedCredential, Outcome, Pending

__all__ = ["FoundOffer", "MachineReply", "MachineRequest", "OfferWish", "WalletEndpoints"]

_LOG: Final = logging.getLogger("issuer_app.wallets")


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """An open offer; `tx_code` is what the officer gives the citizen separately, if anything.

    `by_page` tells that the code is typed on our page, not in the wallet; `configurations` are
    what it offers, none where a wallet has come.
    """

    uri: str = field(repr=False)
    tx_code: str = field(default="", repr=False)
    by_page: bool = False
    configurations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferWish:
    """What an officer chooses of an offer.

    `configurations` by name, none for every one there is: a copy with the certificate chain for
    wallets, and one under the DID for codes. Where it `needs_decision` the wallet waits until a
    person approves; `with_tx_code` it also needs digits that travel by another way.
    """

    configurations: tuple[str, ...] = ()
    needs_decision: bool = False
    with_tx_code: bool = False


class WalletEndpoints:
    """Makes offers for certificates and answers wallets."""

    def __init__(  # noqa: PLR0913 - what the endpoints stand on
        self,
        agency: Agency,
        signing: Signing,
        anchoring: Anchoring,
        templates: Templates,
        *,
        decisions: Decisions,
        sessions: StoredSessions,
        settings: Settings,
        secret: bytes,
        clock: Clock,
    ) -> None:
        self._agency = agency
        self._signing = signing
        self._decisions = decisions
        self._anchoring = anchoring
        self._sessions = sessions
        self._public_url = settings.public_url
        self._by_page = settings.wallets.offer_grant == "authorization_code"
        self._secret = secret
        self.endpoints = IssuerEndpoints(
            credential_issuer=settings.public_url,
            configurations=templates.configurations,
            sessions=sessions,
            issue=self._issue,
            clock=clock,
            display=(Display(name=agency.name),),
            nonce_secret=hmac.new(secret, b"nonce", hashlib.sha256).digest(),
            observe=self._observe,
            policy=settings.wallets.policy(self._find_approval, clock),
            metadata_signer=agency.metadata_signer,
            issuance=settings.wallets.issuance_policy(clock),
            observe_notice=signing.observe_notice,
            paused=settings.pause_path.exists,
        )
        self.metadata: Callable[[MachineRequest], MachineReply] = self.endpoints.metadata
        self.authorization_server: Callable[[], MachineReply] = (
            self.endpoints.authorization_server
        )  # fmt: skip
        self.credential_offer: Callable[[str], MachineReply] = self.endpoints.credential_offer
        self.push: Callable[[MachineRequest], MachineReply] = self.endpoints.push
        self.challenge: Callable[[], MachineReply] = self.endpoints.challenge
        self.authorize: Callable[[str], MachineReply] = self.endpoints.authorize
        self.token: Callable[[MachineRequest], MachineReply] = self.endpoints.token
        self.nonce: Callable[[], MachineReply] = self.endpoints.nonce
        self.credential: Callable[[MachineRequest], MachineReply] = self.endpoints.credential
        self.deferred_credential: Callable[[MachineRequest], MachineReply] = (
            self.endpoints.deferred_credential
        )  # fmt: skip
        self.notification: Callable[[MachineRequest], MachineReply] = self.endpoints.notification

    # --- offers ----------------------------------------------------------------------------------

    def configurations_of(self, configuration_id: str) -> tuple[str, ...]:
        """Return what can be offered now of a template, by the name of its configuration."""
        return configuration_names(configuration_id, chain=self._agency.has_chain())

    def open_offer(
        self,
        configuration_ids: Sequence[str],
        certificate_id: str,
        *,
        generation: int,
        lifetime: int,
        wish: OfferWish = OfferWish(),
    ) -> str:
        """Make a certificate's offer redeemable for `lifetime` seconds; return its issuance id.

        One token covers every configuration. Where a decision is needed, the wallet may wait for
        that long.
        """
        approved: dict[str, JsonObject] = {
            name: {"certificate": certificate_id} for name in configuration_ids
        }
        first = configuration_ids[0]
        with_code = self._by_page or wish.with_tx_code
        offer = self.endpoints.offer(
            first,
            approved.pop(first),
            beside=approved,
            lifetime=lifetime,
            offer_id=self._offer_id(certificate_id, generation),
            tx_code=self._tx_code(certificate_id, generation) if with_code else None,
            by_page=self._by_page,
            token_seconds=TOKEN_SECONDS if wish.needs_decision else 0,
        )
        return offer.issuance_id

    def close_offer(self, issuance_id: str) -> None:
        """Make an offer unusable."""
        self.endpoints.withdraw(issuance_id)

    def find_offer(
        self, certificate_id: str, *, generation: int, issuance_id: str
    ) -> FoundOffer | None:
        """Return an offer that is open, or None where the server's secret was changed since."""
        offer_id = self._offer_id(certificate_id, generation)
        uri = self.endpoints.offer_link(offer_id).to_uri()
        code = self._tx_code(certificate_id, generation)
        names, asks_code = self._offered(offer_id)
        if issuance_of_code(code_of_offer(offer_id)) == issuance_id:
            return FoundOffer(uri, code if asks_code else "", configurations=names)
        if issuance_of_issuer_state(issuer_state_of_offer(offer_id)) == issuance_id:
            return FoundOffer(uri, code, by_page=True, configurations=names)
        return None

    def _offered(self, offer_id: str) -> tuple[tuple[str, ...], bool]:
        """Return what an offer says: its configurations, and whether the wallet asks for a code."""
        reply = self.endpoints.credential_offer(offer_id)
        if reply.status != 200:
            return (), False
        value = json_loads_object(reply.body, what="our offer")
        offer = CredentialOffer.from_json(value, what="our offer")
        grant = offer.grants.pre_authorized if offer.grants else None
        return offer.credential_configuration_ids, grant is not None and grant.tx_code is not None

    def _offer_id(self, certificate_id: str, generation: int) -> str:
        return base64url_encode(self._derive(b"offer", certificate_id, generation))

    def _tx_code(self, certificate_id: str, generation: int) -> str:
        # From another branch of the secret than the offer's id, which its holder has.
        number = int.from_bytes(self._derive(b"tx_code", certificate_id, generation), "big")
        return f"{number % 10**TX_CODE_DIGITS:0{TX_CODE_DIGITS}}"

    def _derive(self, purpose: bytes, certificate_id: str, generation: int) -> bytes:
        name = f"/{certificate_id}/{generation}".encode("ascii")
        return hmac.new(self._secret, purpose + name, hashlib.sha256).digest()

    def tidy(self) -> None:
        """Forget sessions that are over."""
        self._sessions.remove_expired()

    # --- beside the protocol ---------------------------------------------------------------------

    def jwt_vc_issuer(self) -> MachineReply:
        """Answer `GET /.well-known/jwt-vc-issuer`."""
        try:
            return json_reply(self._agency.web_metadata(self._public_url), may_be_kept=True)
        except RegistryError:
            away = ProtocolError(
                "temporarily_unavailable", "the registry does not answer", status=503
            )
            return error_reply(away)

    # --- what the endpoints ask for --------------------------------------------------------------

    def _find_approval(
        self, question: AuthorizationQuestion, answers: Mapping[str, str], /
    ) -> Approval:
        """Say what was approved for who sits before the page: an officer's offer, and its code.

        An agency that signs its citizens in puts its own callable here: it looks up what was
        approved for the person of that sign-in and returns `Approved` (see `FindApproval`).
        """
        return self.endpoints.approve_by_offer(question, answers)

    def _issue(self, request: IssuanceRequest) -> Outcome:
        certificate_id = str(request.approved["certificate"])
        decision = self._decisions.ask(self._agency.organisation, certificate_id)
        if decision == "waiting":
            return Pending(WAIT_SECONDS)
        if decision == "refused":
            raise ProtocolError("credential_request_denied", "the office has refused")
        signed = self._signing.redeem(
            certificate_id,
            request.configuration_id,
            request.holder_keys,
            issuance_id=request.issuance_id,
            is_open=self.endpoints.is_open,
        )
        try:
            # Whoever comes first anchors for all who wait; the others find theirs done.
            self._anchoring.run_for([copy.id for copy in signed])
        except RegistryError as error:
            _LOG.warning("a credential goes out before its anchor: %s", type(error).__name__)
        return tuple(
            IssuedCredential(copy.text, self._anchoring.anchor_of(copy.id)) for copy in signed
        )

    def _observe(self, event: EventName, issuance_id: str) -> None:
        self._signing.observe(event, issuance_id)
