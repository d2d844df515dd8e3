"""The authorization code flow: pushed request, page, code (clauses IP-37 to IP-41).

    POST /par ──request_uri──► GET /authorize ──page──► the person answers ──code──► POST /token

The page belongs to the application: it shows `question`, and hands what the person answered to
`decide`, which asks the policy's `find_approval` what was approved for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from weid.errors import ProtocolError
from weid.oauth.dpop import INVALID
from weid.oauth.form import Parameters, parse_form, parse_parameters
from weid.oauth.pkce import require_verifier
from weid.oauth.reply import EndpointRequest, Reply, json_reply, redirect_reply
from weid.openid4vci.authorization_policy import (
    Approval,
    Approved,
    AuthorizationQuestion,
    FindApproval,
    OfferedBefore,
    TryAgainError,
)
from weid.openid4vci.authorization_request import (
    AuthorizationRequest,
    ReturnAddress,
    read_address,
    read_request,
)
from weid.openid4vci.authorization_store import (
    PUSHED_SECONDS,
    AuthorizationStore,
    CodeGrant,
    OpenAuthorization,
)
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.issuance_session import Offered, issuance_of_code
from weid.openid4vci.token import CodeTokenRequest
from weid.openid4vci.wallet_checks import WalletChecks

APPROVED_SECONDS: Final = 300
"""How long what the page approved waits for the wallet's token request."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authorization code flow of one issuer."""

    circumstances: Circumstances

    def push(self, request: EndpointRequest) -> Reply:
        """Keep an authorization request that a wallet sends beforehand (RFC 9126).

        Raises:
            ProtocolError: what is wrong with it.
        """
        self._require_flow()
        form = parse_form(request.body, content_type=request.header("Content-Type"))
        if form.get("request_uri") is not None:
            raise ProtocolError("invalid_request", "request_uri has no place here")
        checks = WalletChecks(self.circumstances)
        client = checks.client(request, form.get("client_id"))
        address = read_address(form, self.circumstances.policy.clients, client)
        wanted = self._read(form, address)
        proved = checks.key(request, "/par") if request.header("DPoP") else ""
        if proved and wanted.key not in ("", proved):
            raise ProtocolError(INVALID, "dpop_jkt is not the key of the DPoP proof")
        uri = self._store.push(replace(wanted, key=wanted.key or proved))
        return json_reply({"request_uri": uri, "expires_in": PUSHED_SECONDS}, status=201)

    def begin(self, query: str) -> Reply:
        """Answer `GET /authorize`: on to the page, or back to the wallet with an error.

        Raises:
            ProtocolError: there is no address yet that may be trusted with the error.
        """
        self._require_flow()
        form = parse_parameters(query, what="the query")
        policy = self.circumstances.policy
        request_uri = form.get("request_uri")
        if request_uri is not None:
            pushed = self._store.take_pushed(request_uri, form.require("client_id"))
            if pushed is None:
                raise ProtocolError("invalid_request", "request_uri is not valid, or not any more")
            return self._open(pushed)
        address = read_address(form, policy.clients, None)
        try:
            if policy.pushed_required or policy.attestation_required:
                raise ProtocolError("invalid_request", "push the request first (RFC 9126)")
            return self._open(self._read(form, address))
        except ProtocolError as error:
            return self._refusal(address, error)

    def question(self, authorization_id: str) -> AuthorizationQuestion:
        """Return what the page shows.

        Raises:
            ProtocolError: not_found, status 404.
        """
        opened = self._opened(authorization_id)
        wanted = opened.request
        return AuthorizationQuestion(
            authorization_id,
            wanted.address.client_id,
            wanted.address.wallet_name,
            wanted.configuration_ids,
            wanted.issuer_state,
            wanted.address.redirect_uri,
        )

    def decide(self, authorization_id: str, answers: Mapping[str, str]) -> Reply:
        """Ask what was approved for the person, and send the wallet its code or a refusal.

        Raises:
            TryAgainError: the person may answer again.
            ProtocolError: not_found, status 404: the page was answered before, or too late.
        """
        find_approval = self._require_flow()
        opened = self._opened(authorization_id)
        try:
            approval = find_approval(self.question(authorization_id), answers)
            issuance_id = self._issuance_of(approval, opened.request)
        except TryAgainError:
            raise
        except ProtocolError:
            return self.refuse(authorization_id)
        if not self._store.close(authorization_id):
            raise _no_page()
        code = self._store.create_code(CodeGrant(opened.request, issuance_id))
        address = opened.request.address
        return redirect_reply(address.answer(self.circumstances.credential_issuer, {"code": code}))

    def refuse(self, authorization_id: str) -> Reply:
        """Send the wallet away: the person declined, or nothing was approved.

        Raises:
            ProtocolError: not_found, status 404.
        """
        opened = self._opened(authorization_id)
        if not self._store.close(authorization_id):
            raise _no_page()
        return self._refusal(
            opened.request.address, ProtocolError("access_denied", "nothing was approved")
        )

    def use_code(self, wanted: CodeTokenRequest, *, attested: str | None, key: str) -> CodeGrant:
        """Use an authorization code up; return what it stands for.

        Everything is judged before the code is used: whoever saw it in passing and has no
        verifier spoils nothing. `attested` is the client that an attestation vouches for.

        Raises:
            ProtocolError: invalid_grant, invalid_client, invalid_request or invalid_dpop_proof.
        """
        grant = self._store.grant_of(wanted.code)
        client_id = wanted.client_id or attested
        if client_id is None:
            raise ProtocolError("invalid_request", "client_id is missing")
        if grant is None:
            raise _no_code()
        request = grant.request
        if request.address.attested and attested is None:
            raise ProtocolError("invalid_client", "the attestation is missing", status=401)
        if client_id != request.address.client_id:
            raise _no_code()
        if wanted.redirect_uri != request.address.redirect_uri:
            raise ProtocolError("invalid_grant", "redirect_uri is not that of the request")
        require_verifier(wanted.code_verifier, request.code_challenge)
        if request.key and request.key != key:
            raise ProtocolError(INVALID, "the code is bound to another DPoP key")
        if not self._store.use_code(wanted.code):
            raise _no_code()
        return grant

    # --- How -------------------------------------------------------------------------------------

    @property
    def _store(self) -> AuthorizationStore:
        return AuthorizationStore(self.circumstances)

    def _require_flow(self) -> FindApproval:
        found = self.circumstances.policy.find_approval
        if found is None:
            raise ProtocolError("not_found", "there is no authorization code flow", status=404)
        return found

    def _read(self, form: Parameters, address: ReturnAddress) -> AuthorizationRequest:
        here = self.circumstances
        return read_request(form, address, here.configurations(), issuer=here.credential_issuer)

    def _open(self, request: AuthorizationRequest) -> Reply:
        page = self._store.open(request)
        return redirect_reply(self.circumstances.url(f"/authorize/{page}"))

    def _opened(self, authorization_id: str) -> OpenAuthorization:
        opened = self._store.opened(authorization_id)
        if opened is None:
            raise _no_page()
        return opened

    def _refusal(self, address: ReturnAddress, error: ProtocolError) -> Reply:
        members = {"error": error.code, "error_description": error.description}
        return redirect_reply(address.answer(self.circumstances.credential_issuer, members))

    def _issuance_of(self, approval: Approval, request: AuthorizationRequest) -> str:
        here = self.circumstances
        if isinstance(approval, OfferedBefore):
            stored = here.issuances.load(approval.issuance_id)
            if stored is None or not isinstance(stored.session, Offered):
                raise ProtocolError("access_denied", "there is no such offer any more")
            self._require_wanted(stored.session.configuration_ids, request)
            return approval.issuance_id
        self._require_wanted((approval.configuration_id,), request)
        return self._create_issuance(approval)

    def _create_issuance(self, approval: Approved) -> str:
        here = self.circumstances
        # The id of a code that nobody has: only the authorization code leads here.
        issuance_id = issuance_of_code(here.draw_secret())
        until = here.clock.now() + APPROVED_SECONDS
        here.issuances.create(
            issuance_id, Offered({approval.configuration_id: approval.approved}, until)
        )
        here.observe("offered", issuance_id)
        return issuance_id

    def _require_wanted(
        self, configuration_ids: tuple[str, ...], request: AuthorizationRequest
    ) -> None:
        if not set(configuration_ids) <= set(self.circumstances.configurations()):
            raise ProtocolError("access_denied", "what was approved is not issued here")
        wanted = request.configuration_ids
        if wanted and not set(configuration_ids) & set(wanted):
            raise TryAgainError("another credential was approved than the wallet asks for")


def _no_page() -> ProtocolError:
    return ProtocolError("not_found", "there is no such request, or not any more", status=404)


def _no_code() -> ProtocolError:
    return ProtocolError("invalid_grant", "the code is not valid, or not any more")
