"""Our wallet takes offers from issuers of other houses and answers verifiers of other houses."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.support.world import CLAIMS, World
from tests.unit.openid4vp.asking import HOST, SIGNER, TRUST, identity
from tests.unit.wallet.holding import COST, PASSPHRASE
from weid.clock import SystemClock
from weid.crypto.keys import KeyKind, PrivateKey
from weid.encoding import JsonObject
from weid.errors import ProtocolError
from weid.openid4vci.wallet_authorization import AppIdentity
from weid.transport import GuardedTransport, HttpReply
from weid.wallet.acceptance import Browser
from weid.wallet.wallet import Wallet

pytestmark = pytest.mark.peers
REDIRECT = "http://127.0.0.1:1/cb"
KEY = PrivateKey.from_seed(b"\x51" * 32, KeyKind.P256)


@pytest.fixture
def wallet(tmp_path) -> Iterator[Wallet]:
    with Wallet.create(
        tmp_path / "ada.wallet", passphrase=PASSPHRASE, clock=SystemClock(), cost=COST
    ) as made:
        yield made


@contextmanager
def peer_issuer(folder, **given: object) -> Iterator[JsonObject]:
    """Run the other house's issuer; yield where it is and what it offers."""
    node = shutil.which("node") or "node"
    with subprocess.Popen(
        [node, "served_issuer.mjs", json.dumps(given)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.kill()


def told(base: object, path: str) -> object:
    with urllib.request.urlopen(f"{base}{path}", timeout=60) as reply:
        return json.loads(reply.read())


@pytest.mark.parametrize("dpop", [False, True])
@pytest.mark.parametrize("by_page", [False, True])
def test_an_offer_of_openid4vc_ts_is_accepted(peers, wallet, dpop, by_page):
    with peer_issuer(peers, dpop=dpop, by_page=by_page) as peer:

        def visit(url: str) -> str:
            return told("", url)["location"]

        accepted = wallet.accept_all(
            peer["offer"],
            transport=GuardedTransport(allow_loopback_http=True),
            accept_unverified=True,
            tx_code=None if by_page else "493536",
            browser=Browser(AppIdentity("weid-wallet", REDIRECT), visit),
        )
        events = told(peer["base"], "/events")
    assert accepted.refused == (), events
    assert len(accepted.kept) == 3
    assert {held.credential.vct for held in accepted.kept} == {peer["vct"]}
    assert accepted.kept[0].credential.reconstruct().claims["name"] == "Ada Lovelace"
    grant = ["pushed", "authorization_code"] if by_page else ["pre-authorized_code"]
    assert events == [*grant, "credential:3", "credential_accepted"]


def test_a_wrong_transaction_code_is_told_in_the_issuers_words(peers, wallet):
    with peer_issuer(peers) as peer, pytest.raises(ProtocolError, match="invalid_grant"):
        wallet.accept(
            peer["offer"],
            transport=GuardedTransport(allow_loopback_http=True),
            accept_unverified=True,
            tx_code="000000",
        )


class PeerVerifier:
    """A transport to a verifier of another house, whose scripts make and read the messages."""

    def __init__(self, run, **given: object) -> None:
        self.run, self.given, self.form = run, given, {}
        self.made = self._make()

    def _make(self, **more: object) -> JsonObject:
        return self.run("ask.mjs", **self.given, **more)

    def get(self, url: str, **_: object) -> HttpReply:
        assert url.startswith(f"https://{HOST}/request")
        return self._object(self.made)

    def post(self, url: str, body: bytes, **_: object) -> HttpReply:
        form = dict(parse_qsl(body.decode()))
        if "/request" in url:
            self.made = self._make(wallet_nonce=form["wallet_nonce"])
            return self._object(self.made)
        self.form = form
        return HttpReply(200, {"content-type": "application/json"}, b"{}")

    @staticmethod
    def _object(made: JsonObject) -> HttpReply:
        kind = "application/oauth-authz-req+jwt"
        return HttpReply(200, {"content-type": kind}, str(made["object"]).encode())


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("by_post", [False, True])
@pytest.mark.parametrize("prefix", ["x509_hash", "x509_san_dns"])
def test_a_request_of_openid4vc_ts_is_answered(run, wallet, prefix, by_post, encrypted):
    world = World.begin(at=int(time.time()))
    held = wallet.add(world.issuer.issue(world.template, CLAIMS, holder_key=wallet.new_key()))
    who = identity(HOST if prefix == "x509_san_dns" else None)
    place = f"https://{HOST}/responses/1"
    client_id = who.client_id(place).text
    query = {
        "credentials": [
            {
                "id": "diploma",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": [world.template.vct]},
                "claims": [{"path": ["name"]}],
            }
        ]
    }
    peer = PeerVerifier(
        run,
        client_id=client_id,
        response_uri=place,
        request_uri=f"https://{HOST}/request/1",
        encrypted=encrypted,
        query=query,
        x5c=who.chain.to_x5c(),
        key=KEY.to_private_jwk(),
    )
    assert SIGNER.public_key == KEY.public
    link = str(peer.made["link"])
    if by_post:
        link += f"&{urlencode({'request_uri_method': 'post'})}"
    wallet.answer(link, transport=peer, trust=TRUST)
    assert ("response" in peer.form) is encrypted
    read = run(
        "read_answer.mjs",
        form=peer.form,
        request=peer.made["payload"],
        decrypt=peer.made["decrypt"],
        issuer_key=world.signer.public_key.to_jwk(),
    )
    assert read["state"] == "a-state"
    assert read["aud"] == client_id
    assert read["nonce"] == "a-nonce-of-the-verifier"
    assert read["status"]["status_list"]["uri"]
    assert read["claims"]["name"] == CLAIMS["name"]
    assert "degree" not in read["claims"]
    assert len(wallet.credential(held.id).uses) == 1
