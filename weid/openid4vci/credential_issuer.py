"""The credential issuer proper: its metadata, and the endpoints that need no authorization server.

Clauses IP-07 to IP-14, IP-50 to IP-69.
"""

from __future__ import annotations

from typing import Any

from weid.encoding import JsonObject
from weid.errors import ProtocolError
from weid.oauth.reply import EndpointRequest, Reply, empty_reply, json_reply
from weid.openid4vci.access import OpenedToken, TokenAccess
from weid.openid4vci.circumstances import SECRET_BYTES, Circumstances
from weid.openid4vci.credential import (
    ANCHOR_MEMBER,
    CredentialRequest,
    CredentialResponse,
    Deferral,
    IssuedCredentialEntry,
    read_credential_request,
    read_deferred_request,
)
from weid.openid4vci.credential_session import Awaited, CredentialSessions, CredentialsIssued
from weid.openid4vci.encryption import MessageEncryption
from weid.openid4vci.events import ObserveNotice
from weid.openid4vci.issuance_policy import IssuancePolicy
from weid.openid4vci.issuance_session import TokenIssued
from weid.openid4vci.issued_later import IssuedLater, approval_of
from weid.openid4vci.metadata import (
    ALGORITHMS,
    BatchIssuance,
    CredentialConfiguration,
    Display,
    IssuerMetadata,
)
from weid.openid4vci.nonce import NonceIssuer, NonceResponse
from weid.openid4vci.proved_keys import ProofChecks
from weid.openid4vci.redemption import IssueCredential, Redemption


class CredentialIssuer:
    """Gives credentials to whoever has a token and proves keys."""

    def __init__(  # noqa: PLR0913 - what an issuer stands on
        self,
        circumstances: Circumstances,
        access: TokenAccess,
        issue: IssueCredential,
        *,
        policy: IssuancePolicy | None = None,
        display: tuple[Display, ...] = (),
        nonce_secret: bytes | None = None,
        observe_notice: ObserveNotice = lambda _notice: None,
    ) -> None:
        here = circumstances
        secret = nonce_secret or here.random(SECRET_BYTES)
        self._circumstances = here
        self._access = access
        self._policy = policy or IssuancePolicy()
        self._display = display
        self._credentials = CredentialSessions(
            here.sessions, credential_issuer=here.credential_issuer
        )
        self._redemption = Redemption(
            self._credentials, issue, here.clock, here.random, here.observe
        )
        self._later = IssuedLater(self._redemption, observe_notice)
        self._encryption = MessageEncryption.derive(
            secret, required=self._policy.encryption_required
        )
        self._nonces = NonceIssuer(
            secret=secret, sessions=here.sessions, clock=here.clock, random=here.random
        )

    # --- Metadata --------------------------------------------------------------------------------

    def issuer_metadata(self) -> IssuerMetadata:
        """Return the credential issuer's metadata (section 12.2.4)."""
        here, batch = self._circumstances, self._policy.batch_size
        configurations = {
            name: self._configuration(known) for name, known in here.configurations().items()
        }
        return IssuerMetadata(
            credential_issuer=here.credential_issuer,
            credential_endpoint=here.url("/credential"),
            nonce_endpoint=here.url("/nonce"),
            deferred_credential_endpoint=here.url("/deferred-credential"),
            notification_endpoint=here.url("/notification"),
            credential_request_encryption=self._encryption.request_metadata(),
            credential_response_encryption=self._encryption.response_metadata(),
            batch_credential_issuance=BatchIssuance(batch_size=batch) if batch > 1 else None,
            display=self._display or None,
            credential_configurations_supported=configurations,
        )

    def _configuration(self, known: CredentialConfiguration) -> JsonObject:
        value = known.to_json()
        types = value.get("proof_types_supported")
        if self._policy.key_attesters and isinstance(types, dict) and "jwt" in types:
            attested: dict[str, Any] = {"proof_signing_alg_values_supported": list(ALGORITHMS)}
            if self._policy.key_attestation_required:
                attested["key_attestations_required"] = {}
            # Both kinds of proof may carry an attestation, by the same algorithms.
            types |= {"jwt": attested, "attestation": attested}
        return value

    def metadata(self) -> Reply:
        """Answer `GET /.well-known/openid-credential-issuer{path}`."""
        return self._circumstances.answer(
            lambda: json_reply(self.issuer_metadata().to_json(), may_be_kept=True)
        )

    # --- Endpoints -------------------------------------------------------------------------------

    def nonce(self) -> Reply:
        """Answer `POST /nonce`, with any body."""
        return self._circumstances.answer(
            lambda: json_reply(NonceResponse(c_nonce=self._nonces.create()).to_json())
        )

    def credential(self, request: EndpointRequest) -> Reply:
        """Answer `POST /credential`."""
        return self._circumstances.answer(lambda: self._credential(request))

    def deferred(self, request: EndpointRequest) -> Reply:
        """Answer `POST /deferred-credential`."""
        return self._circumstances.answer(lambda: self._deferred(request))

    def notification(self, request: EndpointRequest) -> Reply:
        """Answer `POST /notification`."""
        return self._circumstances.answer(lambda: self._notification(request))

    def forget(self, issuance_id: str, session: TokenIssued) -> None:
        """Forget what was made for a token, when its session is withdrawn."""
        for name in session.approved:
            self._credentials.remove(issuance_id, name)

    def _credential(self, request: EndpointRequest) -> Reply:
        here, policy = self._circumstances, self._policy
        token = self._access.require(request, "/credential")
        opened = self._encryption.open(request)
        wanted = read_credential_request(opened.value, batch_size=policy.batch_size)
        configuration_id = self._require_covered(token, wanted)
        checks = ProofChecks(
            here.credential_issuer,
            here.clock,
            policy.batch_size,
            policy.key_attesters,
            policy.key_attestation_required,
        )
        proved = checks.check(wanted.proofs)
        for nonce in proved.nonces:
            self._nonces.use(nonce)
        done = self._redemption.redeem(approval_of(token, configuration_id), proved.keys)
        return opened.seal(_reply(done))

    def _deferred(self, request: EndpointRequest) -> Reply:
        token = self._access.require(request, "/deferred-credential")
        opened = self._encryption.open(request)
        wanted = read_deferred_request(opened.value)
        return opened.seal(_reply(self._later.collect(token, wanted.transaction_id)))

    def _notification(self, request: EndpointRequest) -> Reply:
        self._later.notice(self._access.require(request, "/notification"), request)
        return empty_reply()

    def _require_covered(self, token: OpenedToken, wanted: CredentialRequest) -> str:
        """Return the configuration that is asked for, which the token must cover."""
        covered = token.session.approved
        if wanted.credential_identifier is not None:
            # The identifier of a configuration is its name (IP-46).
            if wanted.credential_identifier not in covered:
                raise ProtocolError(
                    "unknown_credential_identifier", "the access token has no such identifier"
                )
            return wanted.credential_identifier
        asked = wanted.credential_configuration_id or ""
        if asked not in self._circumstances.configurations():
            raise ProtocolError(
                "unknown_credential_configuration", "there is no such credential configuration"
            )
        if asked not in covered:
            raise ProtocolError(
                "insufficient_scope", "the access token is for another credential", status=403
            )
        return asked


def _reply(done: CredentialsIssued | Awaited) -> Reply:
    if isinstance(done, Awaited):
        waits = Deferral(transaction_id=done.transaction_id, interval=done.interval)
        return json_reply(waits.to_json(), status=202)
    entries = tuple(
        IssuedCredentialEntry.from_json(
            {"credential": each["credential"], ANCHOR_MEMBER: each["anchor"]},
            what="a kept credential",
        )
        for each in done.credentials
    )
    response = CredentialResponse(credentials=entries, notification_id=done.notification_id)
    return json_reply(response.to_json())
