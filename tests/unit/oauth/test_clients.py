from __future__ import annotations

import pytest

from tests.support.clauses import clause
from weid.errors import MalformedError, ProtocolError
from weid.oauth.clients import PublicClient, check_redirect_uri, require_redirect_uri

URI = "https://wallet.example/cb"
CLIENTS = (PublicClient("w", (URI, "haip:/redirect")), PublicClient("other", ("other.app:/cb",)))


@clause("IP-39")
def test_a_known_client_may_name_what_stands_in_the_list():
    for uri in (URI, "haip:/redirect"):
        assert require_redirect_uri(CLIENTS, "w", uri, attested=False) == uri


VARIANTS = [
    URI + "/",
    URI + "/more",
    URI + "?x=1",
    URI + "#x",
    URI[:-1],
    URI.replace("cb", "CB"),
    URI.replace("https", "http"),
    URI.replace("wallet.example", "Wallet.example"),
    URI.replace("wallet.example", "wallet.example:443"),
    URI.replace("wallet.example", "wallet.example:8443"),
    URI.replace("wallet.example", "wallet.example.evil.example"),
    URI.replace("wallet.example", "evil.wallet.example"),
    URI.replace("https://", "https://wallet.example@evil.example/"),
    URI.replace("https://", "https://user@"),
    URI + "%2f..",
    "//wallet.example/cb",
    " " + URI,
    "other.app:/cb",
    "javascript:alert(1)",
]


@clause("I15", "IP-39")
@pytest.mark.parametrize("uri", VARIANTS)
@pytest.mark.parametrize("attested", [True, False])
def test_every_variant_is_another_address(uri, attested):
    with pytest.raises(ProtocolError) as refused:
        require_redirect_uri(CLIENTS, "w", uri, attested=attested)
    assert refused.value.code == "invalid_request"


@clause("IP-39")
def test_who_is_unknown_and_not_attested_is_nobody():
    with pytest.raises(ProtocolError) as refused:
        require_redirect_uri(CLIENTS, "stranger", URI, attested=False)
    assert (refused.value.code, refused.value.status) == ("invalid_client", 401)
    with pytest.raises(ProtocolError, match="redirect_uri is missing"):
        require_redirect_uri(CLIENTS, "w", None, attested=False)


@clause("IP-39")
@pytest.mark.parametrize(
    "uri",
    [
        "https://wallet.example/cb",
        "eu.europa.ec.euidi://authorization",
        "com.example.wallet:/cb",
        "http://127.0.0.1:51000/cb",
        "http://[::1]:51000/cb",
    ],
)
def test_an_attested_wallet_may_name_an_address_of_its_own(uri):
    assert require_redirect_uri(CLIENTS, "attested", uri, attested=True) == uri


@clause("I15", "IP-39")
@pytest.mark.parametrize(
    "uri",
    [
        "http://wallet.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "plain:/cb",
        "https:///cb",
        "https://a;script-src/cb",
        "https://[v1.abc];script-src/cb",
        "https://a;[v1.abc]/cb",
        "https://a'b/cb",
        "https://a@b.example/",
        "https://b.example/#x",
        "https://b.example/ x",
        "https://b.example/\r\nSet-Cookie:x",
        "https://b.example:port/",
        "https://b.example/" + "x" * 2048,
        "/cb",
        "",
    ],
)
def test_but_nothing_that_is_no_safe_address(uri):
    with pytest.raises(ProtocolError):
        require_redirect_uri(CLIENTS, "attested", uri, attested=True)
    with pytest.raises(MalformedError):
        check_redirect_uri(uri)


@clause("I15", "IP-39")
@pytest.mark.parametrize(
    "host",
    [
        "Wallet.Example",
        "wallet",
        "localhost",
        "wallet.example.",
        "-a.example",
        "203.0.113.9",
        "127.1",
        "0x7f.1",
        "2130706433",
        "a.example:",
    ],
)
def test_an_unlisted_host_is_a_name_that_a_person_can_compare(host):
    uri = f"https://{host}/cb"
    with pytest.raises(ProtocolError):
        require_redirect_uri(CLIENTS, "attested", uri, attested=True)


def test_the_operator_may_list_a_host_of_any_kind():
    assert PublicClient("w", ("https://Wallet/cb", "https://10.0.0.7:8443/cb")).redirect_uris


def test_the_operators_list_is_checked_when_it_is_read():
    with pytest.raises(MalformedError):
        PublicClient("w", ("javascript:alert(1)",))
    with pytest.raises(MalformedError):
        PublicClient("w", ("http://wallet.example/cb",))
