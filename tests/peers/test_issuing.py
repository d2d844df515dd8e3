"""Wallets of other houses take what our issuer offers."""

from __future__ import annotations

import time

import pytest

from tests.peers.serving import served
from tests.support.cli_world import NodeServer, OfficeServer, Shell
from tests.unit.openid4vci.issuing import ADA, DIPLOMA, EndpointsTransport, Setting
from weid.clock import FixedClock
from weid.credential.sd_jwt import SdJwt
from weid.crypto.keys import PrivateKey
from weid.openid4vci.delivery import check_received

pytestmark = pytest.mark.peers
ORIGIN = "https://issuer.gov.example"


@pytest.fixture
def setting():
    return Setting(clock=FixedClock(int(time.time())))


@pytest.mark.parametrize("dpop", [False, True])
@pytest.mark.parametrize("by_value", [False, True])
def test_openid4vc_ts_accepts_an_offer_with_a_transaction_code(run, setting, dpop, by_value):
    offer = setting.endpoints.offer("diploma", ADA, with_tx_code=True)
    with served(EndpointsTransport(setting), ORIGIN) as places:
        told = run(
            "accept.mjs",
            offer=offer.uri_by_value if by_value else offer.uri,
            tx_code=offer.tx_code,
            dpop=dpop,
            places=places,
        )
    assert told["version"] == "V1"
    assert told["type"] == ("DPoP" if dpop else "Bearer")
    (text,) = told["credentials"]
    key = PrivateKey.from_jwk(told["keys"][0]).public
    check_received(text, key, expected_vct=DIPLOMA.vct)
    assert told["claims"][0]["name"] == ADA["name"]
    assert SdJwt.parse(text).payload()["vct"] == DIPLOMA.vct


def test_openid4vc_ts_accepts_what_the_running_application_offers(run, tmp_path):
    """The whole office: its officer issues, and a wallet of another house comes for it."""
    from registry_chain import LocalRegistry

    registry = LocalRegistry(network="test")
    node = NodeServer(registry)
    office = OfficeServer(tmp_path / "office", registry)
    shell = Shell(tmp_path)
    try:
        shell.secret("officer.token", office.token("officer", "officer"))
        app = ("--app", office.url, "--token-file", "officer.token", "--unsafe-loopback-http")
        shell.run("issuer", "login", *app, "-q")
        (tmp_path / "rows.csv").write_text("name,number,born\nPerson One,R-00001,1990-02-28\n")
        shell.run("issuer", "issue", "rows.csv", "-t", "residence-test", "-y", "-q")
        (row,) = shell.json("issuer", "list")
        made = shell.json("issuer", "offer", "--config", "residence-test_1")
        assert made["id"] == row["id"]
        told = run("accept.mjs", offer=made["offer"], insecure=True)
    finally:
        office.close()
        node.close()
    assert told["version"] == "V1"
    (claims,) = told["claims"]
    assert claims["name"] == "Person One"
    assert claims["number"] == "R-00001"
