"""A wallet that walks through the authorization code flow step by step, honest unless told else."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.unit.oauth.proofs import KEY, NOW
from tests.unit.openid4vci.issuing import ISSUER, Setting
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.oauth.client_attestation import (
    TrustedAttesters,
    create_attestation_proof,
    create_client_attestation,
)
from weid.oauth.clients import PublicClient
from weid.oauth.dpop import create_dpop_proof
from weid.oauth.pkce import challenge_of
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.authorization_policy import AuthorizationPolicy, OfferedBefore
from weid.openid4vci.offer import parse_offer_uri
from weid.openid4vci.token import FORM

REDIRECT = "https://wallet.example/cb"
CLIENT = "wallet-1"
VERIFIER = "v" * 43
ATTESTER = InMemorySigner(PrivateKey.from_seed(b"\x51" * 32))


def members(reply: Reply) -> dict:
    return json.loads(reply.body)


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, members(reply)["error"]


def answer_of(reply: Reply) -> dict[str, str]:
    """Return the parameters of a redirect back to the wallet."""
    assert reply.status == 303
    url = reply.headers["Location"]
    assert url.startswith(REDIRECT + "?")
    return dict(parse_qsl(urlsplit(url).query))


class Walk:
    """One issuer, its hook, and one wallet."""

    def __init__(self, **policy) -> None:
        self.approval = None
        self.asked = []
        self.setting = Setting(
            policy=AuthorizationPolicy(
                **{
                    "find_approval": self._find,
                    "clients": (PublicClient(CLIENT, (REDIRECT,)),),
                    "attesters": TrustedAttesters((ATTESTER.public_key,)),
                }
                | policy
            )
        )
        self.endpoints = self.setting.endpoints
        self.jti = 0

    def _find(self, question, answers):
        self.asked.append((question, dict(answers)))
        if isinstance(self.approval, Exception):
            raise self.approval
        if self.approval is not None:
            return self.approval
        return self.endpoints.approve_by_offer(question, answers)

    # --- proofs ----------------------------------------------------------------------------------

    def _next(self) -> str:
        self.jti += 1
        return f"jti-{self.jti}"

    def attested(self, client_id=CLIENT, **changes) -> dict[str, str]:
        one = create_client_attestation(
            changes.get("attester", ATTESTER),
            client_id=client_id,
            key=KEY.public_key,
            expires_at=changes.get("expires_at", NOW + 3600),
            header={},
        )
        other = create_attestation_proof(
            changes.get("signer", KEY),
            self.setting.clock,
            audience=changes.get("audience", ISSUER),
            jti=self._next(),
        )
        return {"OAuth-Client-Attestation": one, "OAuth-Client-Attestation-PoP": other}

    def dpop(self, path, signer=KEY, *, nonce=True, access_token=None) -> dict[str, str]:
        fresh = self.endpoints.nonce().headers["DPoP-Nonce"] if nonce is True else nonce
        text = create_dpop_proof(
            signer,
            self.setting.clock,
            method="POST",
            url=ISSUER + path,
            jti=self._next(),
            nonce=fresh or None,
            access_token=access_token,
        )
        return {"DPoP": text}

    # --- steps -----------------------------------------------------------------------------------

    def offer(self, **options):
        """Return an officer's offer for the page and its issuer_state."""
        made = self.endpoints.offer("diploma", {"name": "Ada Lovelace"}, by_page=True, **options)
        return made, parse_offer_uri(made.uri_by_value).grants.authorization_code.issuer_state

    @staticmethod
    def form(fields: dict, headers=None) -> EndpointRequest:
        body = urlencode({name: value for name, value in fields.items() if value is not None})
        return EndpointRequest(
            body=body.encode(), headers={"Content-Type": FORM, **(headers or {})}
        )

    @staticmethod
    def fields(**changes) -> dict:
        return {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "state": "a state/=?&",
            "scope": "diploma",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }

    def push(self, headers=None, **changes) -> Reply:
        return self.endpoints.push(self.form(self.fields(**changes), headers))

    def request_uri(self, headers=None, **changes) -> str:
        reply = self.push(headers, **changes)
        assert reply.status == 201, reply.body
        return members(reply)["request_uri"]

    def authorize(self, request_uri, client_id=CLIENT) -> Reply:
        query = urlencode({"client_id": client_id, "request_uri": request_uri})
        return self.endpoints.authorize(query)

    def page(self, headers=None, **changes) -> str:
        """Return the id of the page that a person sees."""
        client_id = changes.get("client_id", CLIENT)
        reply = self.authorize(self.request_uri(headers, **changes), client_id)
        assert reply.status == 303, reply.body
        prefix = f"{ISSUER}/authorize/"
        assert reply.headers["Location"].startswith(prefix)
        return reply.headers["Location"].removeprefix(prefix)

    def code(self, headers=None, answers=None, **changes) -> str:
        page = self.page(headers, **changes)
        return answer_of(self.endpoints.authorization.decide(page, answers or {}))["code"]

    def token(self, code, headers=None, **changes) -> Reply:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": CLIENT,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.endpoints.token(self.form(fields, headers))

    def approve(self) -> None:
        """Let the hook approve an offer that nobody has to type anything for."""
        made = self.endpoints.offer("diploma", {"name": "Ada"}, by_page=True)
        self.approval = OfferedBefore(made.issuance_id)
