"""OpenID4VCI for this organisation: the library's endpoints over our store and our signing.

The offer's identifier, and with it its code, follows from a secret of the server and the
certificate, so that an officer can show the same offer again although no code is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from issuer_app.services.agency import Agency
from issuer_app.services.anchoring import Anchoring
from issuer_app.services.configurations import has_chain
from issuer_app.services.protocol_sessions import StoredSessions
from issuer_app.services.signing import Signing
from issuer_app.services.templates import Templates
from weid.clock import Clock
from weid.encoding import base64url_encode
from weid.errors import ProtocolError, RegistryError
from weid.openid4vci.endpoints import IssuerEndpoints
from weid.openid4vci.events import EventName
from weid.openid4vci.issuance_session import code_of_offer, issuance_of_code
from weid.openid4vci.metadata import Display
from weid.openid4vci.offer import OfferLink
from weid.openid4vci.redemption import IssuanceRequest, IssuedCredential
from weid.openid4vci.reply import EndpointRequest as MachineRequest
from weid.openid4vci.reply import Reply as MachineReply
from weid.openid4vci.reply import error_reply, json_reply

__all__ = ["MachineReply", "MachineRequest", "WalletEndpoints"]

_LOG: Final = logging.getLogger("issuer_app.wallets")


class WalletEndpoints:
    """Makes offers for certificates and answers wallets."""

    def __init__(  # noqa: PLR0913 - what the endpoints stand on
        self,
        agency: Agency,
        signing: Signing,
        anchoring: Anchoring,
        templates: Templates,
        *,
        sessions: StoredSessions,
        public_url: str,
        secret: bytes,
        clock: Clock,
    ) -> None:
        self._agency = agency
        self._signing = signing
        self._anchoring = anchoring
        self._sessions = sessions
        self._public_url = public_url
        self._secret = secret
        self.endpoints = IssuerEndpoints(
            credential_issuer=public_url,
            configurations=templates.configurations,
            sessions=sessions,
            issue=self._issue,
            clock=clock,
            display=(Display(name=agency.name),),
            nonce_secret=hmac.new(secret, b"nonce", hashlib.sha256).digest(),
            observe=self._observe,
        )
        self.metadata: Callable[[], MachineReply] = self.endpoints.metadata
        self.authorization_server: Callable[[], MachineReply] = (
            self.endpoints.authorization_server
        )  # fmt: skip
        self.credential_offer: Callable[[str], MachineReply] = self.endpoints.credential_offer
        self.token: Callable[[MachineRequest], MachineReply] = self.endpoints.token
        self.nonce: Callable[[], MachineReply] = self.endpoints.nonce
        self.credential: Callable[[MachineRequest], MachineReply] = self.endpoints.credential

    # --- offers ----------------------------------------------------------------------------------

    def open_offer(
        self, configuration_id: str, certificate_id: str, *, generation: int, lifetime: int
    ) -> str:
        """Make a certificate's offer redeemable for `lifetime` seconds; return its issuance id."""
        endpoints = replace(
            self.endpoints, random=lambda _count: self._offer_bytes(certificate_id, generation)
        )
        offer = endpoints.offer(
            configuration_id, {"certificate": certificate_id}, lifetime=lifetime
        )
        return offer.issuance_id

    def close_offer(self, issuance_id: str) -> None:
        """Make an offer unusable."""
        self.endpoints.withdraw(issuance_id)

    def offer_uri(self, certificate_id: str, *, generation: int, issuance_id: str) -> str | None:
        """Return the URI of an offer, or None where the server's secret was changed since."""
        offer_id = base64url_encode(self._offer_bytes(certificate_id, generation))
        if issuance_of_code(code_of_offer(offer_id)) != issuance_id:
            return None
        return OfferLink(f"{self._public_url}/offers/{offer_id}").to_uri()

    def _offer_bytes(self, certificate_id: str, generation: int) -> bytes:
        body = b"offer/" + certificate_id.encode("ascii") + b"/" + str(generation).encode("ascii")
        return hmac.new(self._secret, body, hashlib.sha256).digest()

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

    def _issue(self, request: IssuanceRequest) -> IssuedCredential:
        certificate_id = str(request.approved["certificate"])
        text = self._signing.redeem(
            certificate_id, request.holder_key, with_chain=has_chain(request.configuration_id)
        )
        try:
            # Whoever comes first anchors for all who wait; the others find theirs done.
            self._anchoring.run()
        except RegistryError as error:
            _LOG.warning("a credential goes out before its anchor: %s", type(error).__name__)
        return IssuedCredential(text, self._anchoring.anchor_of(certificate_id))

    def _observe(self, event: EventName, issuance_id: str) -> None:
        self._signing.observe(event, issuance_id)
