"""The credential issuer proper: its metadata, the nonce endpoint and the credential endpoint.

Clauses IP-07 to IP-14.
"""

from __future__ import annotations

from weid.errors import ProtocolError
from weid.oauth.reply import EndpointRequest, Reply, json_reply
from weid.openid4vci.access import TokenAccess
from weid.openid4vci.circumstances import SECRET_BYTES, Circumstances
from weid.openid4vci.credential import (
    CredentialRequest,
    CredentialResponse,
    IssuedCredentialEntry,
    parse_credential_request,
)
from weid.openid4vci.issuance_session import Redeemable, Stored
from weid.openid4vci.metadata import Display, IssuerMetadata
from weid.openid4vci.nonce import NonceIssuer, NonceResponse
from weid.openid4vci.proof import check_key_proof
from weid.openid4vci.redemption import IssueCredential, Redemption


class CredentialIssuer:
    """Gives credentials to whoever has a token and proves a key."""

    def __init__(
        self,
        circumstances: Circumstances,
        access: TokenAccess,
        issue: IssueCredential,
        *,
        display: tuple[Display, ...] = (),
        nonce_secret: bytes | None = None,
    ) -> None:
        here = circumstances
        self._circumstances = here
        self._access = access
        self._issue = issue
        self._display = display
        self._redemption = Redemption(here.issuances, here.observe)
        self._nonces = NonceIssuer(
            secret=nonce_secret or here.random(SECRET_BYTES),
            sessions=here.sessions,
            clock=here.clock,
            random=here.random,
        )

    def issuer_metadata(self) -> IssuerMetadata:
        """Return the credential issuer's metadata."""
        here = self._circumstances
        configurations = {name: c.to_json() for name, c in here.configurations().items()}
        return IssuerMetadata(
            credential_issuer=here.credential_issuer,
            credential_endpoint=here.url("/credential"),
            nonce_endpoint=here.url("/nonce"),
            display=self._display or None,
            credential_configurations_supported=configurations,
        )

    def metadata(self) -> Reply:
        """Answer `GET /.well-known/openid-credential-issuer{path}`."""
        return self._circumstances.answer(
            lambda: json_reply(self.issuer_metadata().to_json(), may_be_kept=True)
        )

    def nonce(self) -> Reply:
        """Answer `POST /nonce`, with any body."""
        return self._circumstances.answer(
            lambda: json_reply(NonceResponse(c_nonce=self._nonces.create()).to_json())
        )

    def credential(self, request: EndpointRequest) -> Reply:
        """Answer `POST /credential`."""
        return self._circumstances.answer(lambda: self._credential(request))

    def _credential(self, request: EndpointRequest) -> Reply:
        here = self._circumstances
        stored = self._access.require(request, "/credential")
        wanted = parse_credential_request(request.body, content_type=request.header("Content-Type"))
        self._check_wanted(stored, wanted)
        proof = check_key_proof(
            wanted.proofs.jwt[0], expected_audience=here.credential_issuer, clock=here.clock
        )
        self._nonces.use(proof.nonce)
        issued = self._redemption.issue(stored, proof.key, self._issue)
        entry = IssuedCredentialEntry(credential=issued.credential, anchor=issued.anchor)
        return json_reply(CredentialResponse(credentials=(entry,)).to_json())

    def _check_wanted(self, stored: Stored, wanted: CredentialRequest) -> None:
        session = stored.session
        covered = session.configuration_id if isinstance(session, Redeemable) else ""
        if wanted.credential_identifier is not None:
            # The identifier of a token's one credential is its configuration's name.
            if wanted.credential_identifier != covered:
                raise ProtocolError(
                    "unknown_credential_identifier", "the access token has no such identifier"
                )
        elif wanted.credential_configuration_id not in self._circumstances.configurations():
            raise ProtocolError(
                "unknown_credential_configuration", "there is no such credential configuration"
            )
        elif wanted.credential_configuration_id != covered:
            raise ProtocolError(
                "insufficient_scope", "the access token is for another credential", status=403
            )
