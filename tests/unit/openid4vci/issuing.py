"""An issuer for tests: real endpoints over memory, a real signer, and a transport to reach them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from weid import limits
from weid.clock import FixedClock
from weid.credential.issuance_anchor import anchor_batch
from weid.credential.sd_jwt import issue_sd_jwt
from weid.crypto.keys import PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.errors import ProtocolError, TransportError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.authorization_policy import AuthorizationPolicy
from weid.openid4vci.endpoints import IssuerEndpoints
from weid.openid4vci.events import WalletNotice
from weid.openid4vci.issuance_policy import IssuancePolicy
from weid.openid4vci.metadata import (
    ALGORITHMS,
    ClaimDescription,
    CredentialConfiguration,
    CredentialDescription,
    Display,
    ProofType,
    ProofTypes,
)
from weid.openid4vci.redemption import IssuanceRequest, IssuedCredential, Outcome, Pending
from weid.openid4vci.signed_metadata import MetadataSigner
from weid.sessions import MemorySessionStore, SessionStore
from weid.transport import HttpReply

ISSUER = "https://issuer.gov.example/tenants/edu"
VCT = "urn:weid:macau:cpt:1001:1"
NOW = 1_790_000_000
ADA: JsonObject = {"name": "Ada Lovelace", "degree": "數學學士", "born": "1815-12-10"}

DIPLOMA = CredentialConfiguration(
    vct=VCT,
    scope="diploma",
    cryptographic_binding_methods_supported=("jwk",),
    proof_types_supported=ProofTypes(jwt=ProofType(proof_signing_alg_values_supported=ALGORITHMS)),
    credential_signing_alg_values_supported=ALGORITHMS,
    credential_metadata=CredentialDescription(
        display=(Display(name="Diploma", locale="en"), Display(name="文憑", locale="zh-Hant")),
        claims=(ClaimDescription(path=("name",), mandatory=True),),
    ),
)
LICENCE = CredentialConfiguration(vct="urn:weid:macau:cpt:1002:1", scope="licence")


class Office:
    """Signs what was approved, once for each issuance, as an issuing application does."""

    def __init__(self, clock: FixedClock) -> None:
        self.signer = InMemorySigner(PrivateKey.from_seed(b"\x11" * 32))
        self.clock = clock
        self.made: dict[str, str] = {}
        self.calls: list[IssuanceRequest] = []
        self.refusal: ProtocolError | None = None
        self.pending: Pending | None = None
        self.before: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def __call__(self, request: IssuanceRequest) -> Outcome:
        self.before()
        with self._lock:
            self.calls.append(request)
            if self.refusal is not None:
                raise self.refusal
            if self.pending is not None:
                return self.pending
            texts = [self._one(request, key) for key in request.holder_keys]
        anchors = anchor_batch(
            [text.encode("ascii") for text in texts], random=lambda count: b"\x05" * count
        )
        return tuple(
            IssuedCredential(text, anchor.to_json())
            for text, anchor in zip(texts, anchors, strict=True)
        )

    def _one(self, request: IssuanceRequest, key: PublicKey) -> str:
        alone = replace(request, holder_keys=(key,))
        name = self.name_of(alone)
        text = self.made.get(name)
        if text is None:
            text = self.sign(alone)
            self.made[name] = text
        return text

    def name_of(self, request: IssuanceRequest) -> str:
        """Return under which name the credential of one key is kept."""
        thumbprint = request.holder_keys[0].thumbprint()
        return f"{request.issuance_id}/{request.configuration_id}/{thumbprint}"

    def sign(self, request: IssuanceRequest) -> str:
        payload: JsonObject = {
            "iss": "did:weid:macau:2VbXfGpnTcQZqYjz9RkWm4sLhDtE",
            "iat": self.clock.now(),
            "exp": self.clock.now() + 365 * 86_400,
            "vct": VCT if request.configuration_id == "diploma" else LICENCE.vct,
            "cnf": {"jwk": request.holder_keys[0].to_jwk()},
            **request.approved,
        }
        return issue_sd_jwt(
            payload, disclosable=list(request.approved), signer=self.signer, typ="dc+sd-jwt"
        )


class Setting:
    """One issuer with everything around it."""

    def __init__(
        self,
        *,
        issuer: str = ISSUER,
        sessions: SessionStore | None = None,
        clock: FixedClock | None = None,
        diploma: CredentialConfiguration = DIPLOMA,
        policy: AuthorizationPolicy | None = None,
        metadata_signer: MetadataSigner | None = None,
        issuance: IssuancePolicy | None = None,
        nonce_secret: bytes | None = None,
    ) -> None:
        self.clock = clock or FixedClock(NOW)
        self.sessions = sessions or MemorySessionStore(self.clock)
        self.office = Office(self.clock)
        self.events: list[tuple[str, str]] = []
        self.notices: list[WalletNotice] = []
        self.paused = False
        self.endpoints = IssuerEndpoints(
            credential_issuer=issuer,
            configurations=lambda: {"diploma": diploma, "licence": LICENCE},
            sessions=self.sessions,
            issue=self.office,
            clock=self.clock,
            display=(Display(name="Education Bureau", locale="en"),),
            observe=lambda name, issuance_id: self.events.append((name, issuance_id)),
            paused=lambda: self.paused,
            policy=policy or AuthorizationPolicy(),
            metadata_signer=metadata_signer,
            issuance=issuance or IssuancePolicy(),
            observe_notice=self.notices.append,
            nonce_secret=nonce_secret,
        )

    def named(self) -> list[str]:
        return [name for name, _ in self.events]


class EndpointsTransport:
    """An HttpTransport that reaches the endpoints in this process; it keeps what was sent."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.sent: list[tuple[str, str]] = []
        self.replies: dict[str, HttpReply | TransportError | Callable[[HttpReply], HttpReply]] = {}
        self.lose_answers = 0
        self.waits: set[float] = set()

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        timeout: float = limits.FETCH_SECONDS,
    ) -> HttpReply:
        self.waits.add(timeout)
        return self._answer("GET", url, b"", {"Accept": accept, **(headers or {})}, max_bytes)

    def post(
        self,
        url: str,
        body: bytes,
        *,
        content_type: str,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = limits.FETCH_BYTES,
        timeout: float = limits.FETCH_SECONDS,
    ) -> HttpReply:
        self.waits.add(timeout)
        sent = {"Accept": accept, "Content-Type": content_type, **(headers or {})}
        return self._answer("POST", url, body, sent, max_bytes)

    def _answer(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int
    ) -> HttpReply:
        self.sent.append((method, url))
        path = urlsplit(url).path
        planned = next((v for part, v in self.replies.items() if part in path), None)
        if isinstance(planned, TransportError):
            raise planned
        if isinstance(planned, HttpReply):
            reply = planned
        else:
            reply = _http(self._route(method, path, body, headers))
            if planned is not None:
                reply = planned(reply)
        if path.endswith("/credential") and self.lose_answers:
            self.lose_answers -= 1
            raise TransportError("the answer was lost")
        if len(reply.body) > max_bytes:
            raise TransportError("the answer is larger than allowed", refused=True)
        return reply

    def _route(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        endpoints = self.setting.endpoints
        base = urlsplit(endpoints.credential_issuer).path
        request = EndpointRequest(body=body, headers=headers)
        if method == "GET" and path.startswith(f"{base}/offers/"):
            return endpoints.credential_offer(path.rsplit("/", 1)[1])
        table = {
            f"GET /.well-known/openid-credential-issuer{base}": endpoints.metadata,
            f"GET /.well-known/oauth-authorization-server{base}": endpoints.authorization_server,
            f"POST {base}/token": lambda: endpoints.token(request),
            f"POST {base}/nonce": endpoints.nonce,
            f"POST {base}/credential": lambda: endpoints.credential(request),
            f"POST {base}/deferred-credential": lambda: endpoints.deferred_credential(request),
            f"POST {base}/notification": lambda: endpoints.notification(request),
        }
        answer = table.get(f"{method} {path}")
        return answer() if answer else Reply(404, {}, b"")


def _http(reply: Reply) -> HttpReply:
    return HttpReply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.body)
