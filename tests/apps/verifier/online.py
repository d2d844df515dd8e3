"""A counter that asks wallets online, in a small real world, and the wallet of its holder."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from tests.apps.verifier.support import Browser, settings
from tests.support.certificates import private
from tests.support.flask_transport import FlaskTransport
from tests.support.world import AUDIENCE, World
from tests.unit.openid4vp.asking import ROOT, ROOT_KEY, SIGNER, named_above, read
from verifier_app.app import create_app
from verifier_app.counter import Counter
from verifier_app.templates_seen import TemplatesSeen
from verifier_app.trust_view import SeenNetwork, TrustView
from verifier_app.wiring import open_presentations
from weid.crypto.keys import KeyKind, PrivateKey
from weid.encoding import JsonObject
from weid.openid4vp.client import PresentationClient
from weid.openid4vp.posted import form_of
from weid.openid4vp.request_object import AuthenticRequest, RequestTrust
from weid.openid4vp.response import PresentationResponse

HOST = urlsplit(AUDIENCE).hostname or ""
TOKEN = "t0ken-" * 8
FORM = "application/x-www-form-urlencoded"
KEY = PrivateKey.from_seed(b"\x51" * 32, KeyKind.P256)
"""The private part of `SIGNER`."""
QUERY: JsonObject = {
    "credentials": [
        {
            "id": "diploma",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["urn:weid:test:cpt:diploma:1"]},
            "claims": [{"path": ["name"]}, {"path": ["degree"]}],
        }
    ]
}


def pem(key: PrivateKey) -> bytes:
    """Return a private key as openssl writes it."""
    return private(key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def secret_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.touch(0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def files(folder: Path, host: str = HOST) -> dict[str, str]:
    """Write chain, key and token, and return the settings that name them."""
    leaf = ROOT.leaf(SIGNER.public_key, dns=(host,), extra=named_above(ROOT_KEY))
    (folder / "chain.pem").write_bytes(read(leaf).to_pem())
    return {
        "identity": "x509_hash",
        "certificate_chain_file": str(folder / "chain.pem"),
        "key_file": str(secret_file(folder / "key.pem", pem(KEY))),
        "api_token_file": str(secret_file(folder / "api.token", TOKEN.encode())),
    }


def build(
    world: World, folder: Path, url: str = AUDIENCE, *, clear_after: int = 3600, **wallets: object
) -> Flask:
    """Return the app of a counter that asks wallets, with `[wallets]` settings changed."""
    asked = {**files(folder), **wallets}
    if asked["identity"] == "redirect_uri":
        asked = {name: asked[name] for name in asked if not name.endswith(("chain_file", "y_file"))}
    chosen = settings(
        world, folder / "heads", public_url=url, auto_clear_seconds=clear_after, wallets=asked
    )
    templates = TemplatesSeen({"test": world.registry})
    verifier = world.verifier()
    counter = Counter(
        verifier=verifier,
        wishes={wish.id: wish for wish in chosen.wishes},
        templates=templates,
        clock=world.clock,
        random=lambda size: b"\x07" * size,
        request_seconds=chosen.request_seconds,
    )
    seen = [SeenNetwork(chosen.networks[0], world.registry, 7 * 86_400)]
    return create_app(
        chosen,
        counter=counter,
        trust_view=TrustView(seen, templates=templates, clock=world.clock),
        asking=open_presentations(
            chosen,
            {"test": world.registry},
            verifier=verifier,
            templates=templates,
            clock=world.clock,
        ),
    )


class Wallet:
    """The holder's wallet: it reaches the app by its public address and keeps no cookie."""

    def __init__(self, world: World, app: Flask | None = None, transport: object = None) -> None:
        self.world = world
        self.transport = transport or FlaskTransport(**{HOST.partition(".")[0]: app})
        anchors = (read(ROOT.certificate),)
        trust = RequestTrust(anchors=anchors, allow_loopback_http=True)
        self.client = PresentationClient(self.transport, trust=trust, clock=world.clock)

    def read(self, link: str) -> AuthenticRequest:
        return self.client.read_request(link)

    def texts(self, asked: AuthenticRequest) -> dict[str, list[str]]:
        (query,) = asked.request.query.credentials
        return {query.id: [self.world.present(asked.request)]}

    def answer(self, link: str) -> str | None:
        """Read a request and answer it well; return where the wallet is sent."""
        asked = self.read(link)
        return self.client.answer(asked, self.texts(asked))

    def form(self, link: str) -> tuple[str, dict[str, str]]:
        """Return the place of a good answer and its fields."""
        asked = self.read(link)
        texts = {name: tuple(several) for name, several in self.texts(asked).items()}
        answer = PresentationResponse(texts, asked.request.state)
        return asked.place, form_of(answer, asked.request)


def post(app: Flask, place: str, form: dict[str, str] | str | bytes, content_type: str = FORM):
    """Post something to a response address as a wallet does."""
    body = urlencode(form) if isinstance(form, dict) else form
    return app.test_client().post(
        urlsplit(place).path, base_url=AUDIENCE, data=body, content_type=content_type
    )


class Clerk(Browser):
    """A browser at the counter that asks wallets."""

    def begin(self, **form: object) -> str:
        """Begin a request and return its page's path."""
        sent = {name: value for name, value in ({"wish": "degree"} | form).items() if value}
        reply = self.post("/wallets/", **sent)
        assert reply.status_code == 303, reply.text
        return str(reply.headers["Location"])

    def link(self, path: str) -> str:
        """Return the link of a request's page."""
        text = self.get(path).text.partition('id="request-link">')[2].partition("<")[0]
        assert text
        return text.replace("&amp;", "&").replace("&#39;", "'")

    def state(self, path: str) -> JsonObject:
        found = json.loads(self.get(f"{path}/status").data)
        assert isinstance(found, dict)
        return found
