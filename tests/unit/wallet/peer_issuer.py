"""An issuer that we did not write, as far as a wallet can see: plain handlers of its own.

It does what the standard lets an issuer do and ours does only in part: another authorization
server, well-known places in the other order, batches, waiting, notices, encrypted messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.world import CLAIMS, World
from weid.crypto.jwe import decrypt_jwe, encrypt_jwe, read_agreement_key
from weid.crypto.jws import parse_jws
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import JsonObject, json_dumps
from weid.errors import ProtocolError
from weid.oauth.dpop import DpopProofs
from weid.oauth.pkce import require_verifier
from weid.oauth.timed_nonce import TimedNonces
from weid.openid4vci.offer import PRE_AUTHORIZED_CODE, SCHEME
from weid.openid4vci.proof import check_key_proof
from weid.sessions import MemorySessionStore
from weid.transport import HttpReply

ISSUER = "https://peer.example/t"
SERVER = "https://login.peer.example"
REDIRECT = "http://127.0.0.1:8123/cb"
KEY = PrivateKey.from_seed(b"\x21" * 32, KeyKind.P256)
ENCODINGS = ["A128GCM", "A256GCM"]


class PeerIssuer:
    """An HttpTransport that reaches it in this process; what it was sent stays readable."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World.begin()
        self.metadata: JsonObject = {
            "credential_issuer": ISSUER,
            "authorization_servers": [SERVER],
            "credential_endpoint": f"{ISSUER}/credential",
            "nonce_endpoint": f"{ISSUER}/nonce",
            "deferred_credential_endpoint": f"{ISSUER}/deferred",
            "notification_endpoint": f"{ISSUER}/notification",
            "credential_configurations_supported": {
                name: {
                    "format": "dc+sd-jwt",
                    "vct": self.world.template.vct,
                    "scope": name,
                    "proof_types_supported": {
                        "jwt": {"proof_signing_alg_values_supported": ["ES256"]}
                    },
                }
                for name in ("diploma", "diploma_again")
            },
        }
        self.server: JsonObject = {
            "issuer": SERVER,
            "token_endpoint": f"{SERVER}/token",
            "authorization_endpoint": f"{SERVER}/authorize",
            "pushed_authorization_request_endpoint": f"{SERVER}/par",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "grant_types_supported": ["authorization_code", PRE_AUTHORIZED_CODE],
        }
        self.places = {
            "https://peer.example/.well-known/openid-credential-issuer/t": self.metadata,
            f"{SERVER}/.well-known/oauth-authorization-server": self.server,
        }
        self.dpop = DpopProofs(
            MemorySessionStore(self.world.clock),
            self.world.clock,
            TimedNonces("t", b"n" * 32, self.world.clock, lambda count: b"\x01" * count),
        )
        self.sent: list[tuple[str, str]] = []
        self.notices: list[JsonObject] = []
        self.pushed: dict[str, str] = {}
        self.undecided = 0
        self.interval = 30
        self.details: list[JsonObject] | None = None
        self.orders: list[JsonObject] = []
        self.waiting: JsonObject = {}
        self.response_key: PublicKey | None = None
        self.claims = lambda _number: dict(CLAIMS)
        self.made = lambda credential: credential.text
        self.refuse: dict[str, HttpReply] = {}

    # --- What it offers --------------------------------------------------------------------------

    def batches(self, size: int) -> None:
        self.metadata["batch_credential_issuance"] = {"batch_size": size}

    def wants_dpop(self) -> None:
        self.server["dpop_signing_alg_values_supported"] = ["ES256"]

    def encrypts(self, *, required: bool = True) -> None:
        jwk = {**KEY.public.to_jwk(), "alg": "ECDH-ES", "use": "enc", "kid": "k1"}
        self.metadata["credential_request_encryption"] = {
            "jwks": {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, jwk]},
            "enc_values_supported": ENCODINGS,
            "encryption_required": required,
        }
        self.metadata["credential_response_encryption"] = {
            "alg_values_supported": ["ECDH-ES"],
            "enc_values_supported": ENCODINGS,
            "encryption_required": required,
        }

    def offer(self, *ids: str, by_page: bool = False) -> str:
        grants: JsonObject = {PRE_AUTHORIZED_CODE: {"pre-authorized_code": "c-1"}}
        if by_page:
            grants = {"authorization_code": {"issuer_state": "state-of-offer"}}
        value = {
            "credential_issuer": ISSUER,
            "credential_configuration_ids": list(ids or ("diploma",)),
            "grants": grants,
        }
        return f"{SCHEME}?{urlencode({'credential_offer': json.dumps(value)})}"

    def visit(self, url: str) -> str:
        """Play the browser and the person: return where the wallet's answer is found."""
        asked = dict(parse_qsl(urlsplit(url).query))
        wanted = self.pushed or asked
        answer = {"code": "a-1", "state": wanted["state"], "iss": SERVER}
        self.asked = {**wanted, "client_id": asked["client_id"]}
        return f"{wanted['redirect_uri']}?{urlencode(answer)}"

    # --- The transport ---------------------------------------------------------------------------

    def get(self, url: str, **_: object) -> HttpReply:
        self.sent.append(("GET", url))
        found = self.places.get(url)
        return _json(404, {"error": "not_found"}) if found is None else _json(200, found)

    def post(
        self,
        url: str,
        body: bytes,
        *,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> HttpReply:
        self.sent.append(("POST", url))
        place = url.rpartition("/")[2]
        if place in self.refuse:
            return self.refuse[place]
        given = dict(headers or {})
        try:
            if "dpop_signing_alg_values_supported" in self.server and place != "nonce":
                token = given.get("Authorization", "").partition("DPoP ")[2] or None
                self.dpop.check(given["DPoP"], method="POST", url=url, access_token=token)
            answer = getattr(self, f"_{place}")
            return answer(body, content_type, given)
        except ProtocolError as error:
            status, told = error.to_reply()
            reply = _json(status, told)
            more = {"dpop-nonce": self.dpop.nonces.create()}
            return HttpReply(reply.status, {**reply.headers, **more}, reply.body)

    def _par(self, body: bytes, _type: str, _headers: Mapping[str, str]) -> HttpReply:
        self.pushed = dict(parse_qsl(body.decode()))
        return _json(201, {"request_uri": "urn:ietf:params:oauth:request_uri:1", "expires_in": 60})

    def _token(self, body: bytes, _type: str, headers: Mapping[str, str]) -> HttpReply:
        form = dict(parse_qsl(body.decode()))
        if form["grant_type"] == "authorization_code":
            require_verifier(form.get("code_verifier"), self.asked["code_challenge"])
            assert form["redirect_uri"] == self.asked["redirect_uri"]
            assert form["code"] == "a-1"
        else:
            assert form["pre-authorized_code"] == "c-1"
        kind = "DPoP" if "DPoP" in headers else "Bearer"
        value: JsonObject = {"access_token": "token-1", "token_type": kind}
        if self.details is not None:
            value["authorization_details"] = self.details
        return _json(200, value)

    def _nonce(self, *_: object) -> HttpReply:
        return _json(200, {"c_nonce": "nonce-1"})

    def _credential(self, body: bytes, kind: str, headers: Mapping[str, str]) -> HttpReply:
        value = self._opened(body, kind, headers)
        self.orders.append(value)
        self.waiting = value
        return self._decided(value)

    def _deferred(self, body: bytes, kind: str, headers: Mapping[str, str]) -> HttpReply:
        value = self._opened(body, kind, headers)
        if value["transaction_id"] != "t-1":
            raise ProtocolError("invalid_transaction_id")
        return self._decided(self.waiting)

    def _notification(self, body: bytes, _type: str, _headers: Mapping[str, str]) -> HttpReply:
        self.notices.append(json.loads(body))
        return HttpReply(204, {}, b"")

    def _opened(self, body: bytes, kind: str, headers: Mapping[str, str]) -> JsonObject:
        assert headers["Authorization"].endswith(" token-1")
        encrypted = kind == "application/jwt"
        if "credential_request_encryption" in self.metadata:
            assert encrypted
        if encrypted:
            body = decrypt_jwe(body.decode(), KEY, kid="k1", what="it", max_bytes=100_000)
        value = json.loads(body)
        wanted = value.get("credential_response_encryption")
        self.response_key = None if wanted is None else read_agreement_key(wanted["jwk"])
        self.kid = None if wanted is None else wanted["jwk"]["kid"]
        return value

    def _decided(self, value: JsonObject) -> HttpReply:
        if self.undecided:
            self.undecided -= 1
            return self._closed(202, {"transaction_id": "t-1", "interval": self.interval})
        proofs = [
            check_key_proof(text, expected_audience=ISSUER, clock=self.world.clock)
            for text in value["proofs"]["jwt"]
        ]
        assert {proof.nonce for proof in proofs} == {"nonce-1"}
        assert all(
            parse_jws(t, what="it", max_bytes=8192).header["alg"] == "ES256"
            for t in value["proofs"]["jwt"]
        )
        made = [
            self.made(
                self.world.issuer.issue(
                    self.world.template, self.claims(number), holder_key=proof.key
                )
            )
            for number, proof in enumerate(proofs)
        ]
        entries = [{"credential": text} for text in made]
        return self._closed(200, {"credentials": entries, "notification_id": "n-1"})

    def _closed(self, status: int, value: JsonObject) -> HttpReply:
        if self.response_key is None:
            return _json(status, value)
        text = encrypt_jwe(json_dumps(value), self.response_key, enc="A256GCM", kid=self.kid)
        return HttpReply(status, {"content-type": "application/jwt"}, text.encode())


def _json(status: int, value: JsonObject) -> HttpReply:
    return HttpReply(status, {"content-type": "application/json"}, json_dumps(value))
