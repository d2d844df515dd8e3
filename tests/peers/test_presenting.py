"""Wallets of other houses answer what our verifier asks."""

from __future__ import annotations

import time

import pytest

from tests.peers.serving import served
from tests.support.world import CLAIMS, World
from tests.unit.openid4vp.asking import HOST, Desk, identity
from weid.crypto.keys import KeyKind, PrivateKey
from weid.openid4vp.verifier_identity import UnsignedIdentity

pytestmark = pytest.mark.peers
ORIGIN = f"https://{HOST}"
KEY = PrivateKey.from_seed(b"\x61" * 32, KeyKind.P256)


def desk(who=None) -> Desk:
    world = World.begin(at=int(time.time()))
    return Desk(world, who)


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("prefix", ["x509_hash", "x509_san_dns", "redirect_uri"])
def test_openid4vc_ts_answers_a_request(run, prefix, encrypted):
    who = {"x509_san_dns": identity(HOST), "redirect_uri": UnsignedIdentity()}.get(prefix)
    ours = desk(who)
    credential = ours.world.issuer.issue(ours.world.template, CLAIMS, holder_key=KEY.public)
    begun = ours.begin(encrypted=encrypted)
    with served(ours.transport, ORIGIN) as places:
        told = run(
            "present.mjs",
            link=begun.link,
            credential=credential.text,
            key=KEY.to_private_jwk(),
            places=places,
        )
    assert told["version"] == 100
    assert told["client"] == prefix
    assert told["can_be_satisfied"] is True
    assert (told["status"], told["body"]) == (200, "{}")
    assert ours.state(begun)["state"] == "answered"
