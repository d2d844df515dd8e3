"""A verifier's endpoints, a wallet that talks to them in this process, and certificates."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from urllib.parse import urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import Authority
from tests.support.world import World, seeded
from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.errors import TransportError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vp.client import PresentationClient
from weid.openid4vp.presentation_endpoints import NewPresentation, PresentationEndpoints
from weid.openid4vp.request_object import RequestTrust
from weid.openid4vp.verifier_identity import CertificateIdentity, VerifierIdentity
from weid.sessions import MemorySessionStore, SessionStore
from weid.transport import HttpReply
from weid.verification.dcql import DcqlQuery

HOST = "verifier.example"
BASE = f"https://{HOST}/openid4vp"
FORM = "application/x-www-form-urlencoded"
SIGNER = InMemorySigner(PrivateKey.from_seed(b"\x51" * 32, KeyKind.P256))


def _ec(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def named_above(key: ec.EllipticCurvePrivateKey) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    named = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return ((named, False),)


def read(certificate: x509.Certificate) -> Certificate:
    return Certificate.parse(certificate.public_bytes(Encoding.DER))


ROOT_KEY, STRANGER_KEY = _ec(11), _ec(12)
ROOT = Authority.root("Root", key=ROOT_KEY, extra=named_above(ROOT_KEY))
STRANGER = Authority.root("Stranger", key=STRANGER_KEY, extra=named_above(STRANGER_KEY))
LEAF = ROOT.leaf(SIGNER.public_key, dns=(HOST,), extra=named_above(ROOT_KEY))
TRUST = RequestTrust(anchors=(read(ROOT.certificate),))


def identity(dns_name: str | None = None, leaf: x509.Certificate = LEAF) -> CertificateIdentity:
    return CertificateIdentity(CertificateChain.of([read(leaf)]), SIGNER, dns_name)


@cache
def world() -> World:
    """Return a world that no test lets grow older: see `Desk` for one of its own."""
    return World.begin()


class Desk:
    """A verifier with endpoints in a world, and the wallet of its holder."""

    def __init__(
        self,
        its: World | None = None,
        who: VerifierIdentity | None = None,
        *,
        store: SessionStore | None = None,
        **options: object,
    ) -> None:
        self.world = its or world()
        self.events: list[str] = []
        self.store = store or MemorySessionStore(self.world.clock)
        self.endpoints = PresentationEndpoints(
            base=BASE,
            identity=who or identity(),
            verifier=self.world.verifier(**options),
            sessions=self.store,
            clock=self.world.clock,
            observe=lambda event, _id: self.events.append(event),
        )
        self.transport = EndpointsTransport(self.endpoints)
        self.wallet = PresentationClient(self.transport, trust=TRUST, clock=self.world.clock)

    def query(self, *claims: str, **members: object) -> DcqlQuery:
        return DcqlQuery.from_json({"credentials": [self.asked(*claims, **members)]})

    def asked(self, *claims: str, **members: object) -> JsonObject:
        asked = {
            "id": "diploma",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [self.world.template.vct]},
            "claims": [{"path": [name]} for name in claims or ("name", "degree")],
        }
        return {**asked, **members}  # type: ignore[dict-item]

    def begin(self, **options: object) -> NewPresentation:
        return self.endpoints.begin(self.query(), **options)  # type: ignore[arg-type]

    def presentations(self, begun: NewPresentation) -> dict[str, list[str]]:
        """Return what the holder answers a presentation that was begun."""
        request = self.wallet.read_request(begun.link).request
        return {"diploma": [self.world.present(request)]}

    def post(self, begun: NewPresentation, form: dict[str, str]) -> Reply:
        return self.endpoints.response(begun.request_id, posted(form))

    def state(self, begun: NewPresentation) -> JsonObject:
        from weid.encoding import json_loads_object

        return json_loads_object(self.endpoints.status(begun.session_id).body, what="status")


def posted(form: dict[str, str] | str | bytes, content_type: str = FORM) -> EndpointRequest:
    body = urlencode(form) if isinstance(form, dict) else form
    data = body.encode() if isinstance(body, str) else body
    return EndpointRequest(data, {"content-type": content_type})


class EndpointsTransport:
    """An HttpTransport to endpoints in this process; `changes` alter replies on the way."""

    def __init__(self, endpoints: PresentationEndpoints) -> None:
        self.endpoints = endpoints
        self.asked: list[tuple[str, str, bytes]] = []
        self.waits: set[float] = set()
        self.change: Callable[[Reply], Reply] = lambda reply: reply

    def get(self, url, *, accept="*/*", headers=None, max_bytes=2**21, timeout=3):
        self.waits.add(timeout)
        return self._ask("GET", url, None, max_bytes)

    def post(
        self, url, body, *, content_type, accept="*/*", headers=None, max_bytes=2**21, timeout=3
    ):
        self.waits.add(timeout)
        return self._ask(
            "POST", url, EndpointRequest(body, {"Content-Type": content_type}), max_bytes
        )

    def _ask(self, method, url, post, max_bytes):
        parts = urlsplit(url)
        self.asked.append((method, url, b"" if post is None else post.body))
        if parts.netloc != HOST:
            raise TransportError(f"{parts.netloc} cannot be reached")
        _, _, kind, request_id = parts.path.split("/")
        if kind == "requests":
            reply = self.endpoints.request_object(request_id, post)
        else:
            reply = self.endpoints.response(request_id, post)
        reply = self.change(reply)
        assert len(reply.body) <= max_bytes
        return HttpReply(
            reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body
        )


__all__ = ["BASE", "HOST", "LEAF", "ROOT", "SIGNER", "STRANGER", "TRUST", "Desk", "seeded"]
