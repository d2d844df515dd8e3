from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.unit.oauth.proofs import KEY, NOW
from tests.unit.openid4vci.issuing import ISSUER, Setting
from weid.crypto.jws import parse_jws, verify_jws
from weid.oauth.reply import EndpointRequest
from weid.openid4vci.signed_metadata import MetadataSigner, wants_signed


def signing() -> Setting:
    return Setting(metadata_signer=MetadataSigner(KEY, lambda: {"kid": "did:example:1#key"}))


@clause("IP-48")
def test_metadata_is_signed_for_whom_asks():
    setting = signing()
    reply = setting.endpoints.metadata(EndpointRequest(headers={"Accept": "application/jwt"}))
    assert reply.headers["Content-Type"] == "application/jwt"
    parsed = parse_jws(reply.body.decode(), what="it", max_bytes=10**6)
    verify_jws(parsed, KEY.public_key)
    assert parsed.header == {
        "alg": "EdDSA",
        "typ": "openidvci-issuer-metadata+jwt",
        "kid": "did:example:1#key",
    }
    claims = json.loads(parsed.payload)
    assert (claims.pop("sub"), claims.pop("iss"), claims.pop("iat")) == (ISSUER, ISSUER, NOW)
    assert claims.pop("exp") == NOW + 86_400
    assert claims == json.loads(setting.endpoints.metadata().body)


@clause("IP-48")
def test_all_others_get_it_plain():
    for setting, accept in ((signing(), "application/json"), (Setting(), "application/jwt")):
        reply = setting.endpoints.metadata(EndpointRequest(headers={"Accept": accept}))
        assert reply.headers["Content-Type"] == "application/json"
        assert (reply.headers.get("Vary") == "Accept") is (accept == "application/json")
        assert json.loads(reply.body)["credential_issuer"] == ISSUER
    paused = signing()
    paused.paused = True
    request = EndpointRequest(headers={"Accept": "application/jwt"})
    assert paused.endpoints.metadata(request).status == 503


@clause("IP-48")
@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/jwt", True),
        ("Application/JWT; q=1", True),
        ("application/jwt, application/json;q=0.9", True),
        ("application/json;q=0.5, application/jwt;q=0.4", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        ("application/jwt;q=0", False),
        ("application/jwt;q=x", False),
        ("text/html,application/jwt;q=0.1", True),
    ],
)
def test_what_an_accept_header_prefers(accept, wanted):
    assert wants_signed(accept) is wanted
