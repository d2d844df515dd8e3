"""DIDs and DID URLs: one spelling, and an identifier that nobody can squat."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import base58
import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid import limits
from weid.did.service_endpoint import check_service_endpoint, is_host_name
from weid.did.syntax import Did, DidUrl, check_key_id, check_network, parse_weid_did, weid_did
from weid.errors import MalformedError
from weid.registry.operations import Inception

INCEPTION = Inception(
    network="testnet",
    controllers=(bytes(range(32)), bytes(range(1, 33))),
    threshold=1,
    next_keys=b"\x07" * 32,
    recovery_keys=(b"\x09" * 32, b"\x08" * 32),
    salt=bytes(16),
)
DID = weid_did(INCEPTION)

# --- did:weid ------------------------------------------------------------------------------------


@clause("DW-03", "DW-04", "R25")
def test_the_identifier_is_derived_as_the_specification_says():
    """Written out here a second time, from the clause and not from the code."""
    body = cbor2.dumps(
        [1, "testnet", [bytes(range(32)), bytes(range(1, 33))], 1, b"\x07" * 32,
         [b"\x09" * 32, b"\x08" * 32], bytes(16)]
    )  # fmt: skip
    digest = hashlib.sha256(b"weid/did/1" + body).digest()
    expected = base58.b58encode(b"\x01" + digest[:20]).decode()
    assert f"did:weid:testnet:{expected}" == DID
    assert parse_weid_did(DID) == ("testnet", expected)


@clause("DW-04")
def test_the_example_of_the_specification_holds():
    assert DID == "did:weid:testnet:4fTwvngZh77ZYzvWTooiULJLWiTG"


@clause("DW-04", "DW-06", "R25")
def test_every_member_of_the_inception_enters_the_identifier():
    others = [
        replace(INCEPTION, network="testnets"),
        replace(INCEPTION, controllers=INCEPTION.controllers[:1]),
        replace(INCEPTION, threshold=2),
        replace(INCEPTION, next_keys=b""),
        replace(INCEPTION, recovery_keys=()),
        replace(INCEPTION, recovery_keys=INCEPTION.recovery_keys[::-1]),
        replace(INCEPTION, salt=b"\x01" * 16),
    ]
    assert len({DID, *map(weid_did, others)}) == len(others) + 1


BAD_INCEPTIONS = {
    "a network that is none": {"network": "Test"},
    "no controller": {"controllers": ()},
    "controllers out of order": {"controllers": INCEPTION.controllers[::-1]},
    "a controller twice": {"controllers": INCEPTION.controllers[:1] * 2},
    "a controller of 31 bytes": {"controllers": (bytes(31),)},
    "17 controllers": {"controllers": tuple(bytes([n] * 32) for n in range(17))},
    "a threshold of zero": {"threshold": 0},
    "a threshold above the controllers": {"threshold": 3},
    "a threshold that is true": {"threshold": True},
    "a commitment of 31 bytes": {"next_keys": bytes(31)},
    "a recovery key twice": {"recovery_keys": (bytes(32), bytes(32))},
    "a recovery key of 33 bytes": {"recovery_keys": (bytes(33),)},
    "17 recovery keys": {"recovery_keys": tuple(bytes([n] * 32) for n in range(17))},
    "a salt of 15 bytes": {"salt": bytes(15)},
}


@clause("DW-05", "R21", "R27")
@pytest.mark.parametrize("change", BAD_INCEPTIONS.values(), ids=BAD_INCEPTIONS)
def test_an_inception_that_breaks_a_rule_derives_nothing(change):
    with pytest.raises(MalformedError):
        weid_did(replace(INCEPTION, **change))


@clause("DW-03")
@given(st.binary(min_size=16, max_size=16))
def test_every_identifier_is_28_characters(salt):
    network, identifier = parse_weid_did(weid_did(replace(INCEPTION, salt=salt)))
    assert (network, len(identifier)) == ("testnet", 28)


NETWORK, ID = parse_weid_did(DID)
NOT_WEID = {
    "another method": f"did:web:{NETWORK}:{ID}",
    "the scheme in capitals": f"DID:weid:{NETWORK}:{ID}",
    "the method in capitals": f"did:WEID:{NETWORK}:{ID}",
    "the network in capitals": f"did:weid:Testnet:{ID}",
    "the identifier in other case": f"did:weid:{NETWORK}:{ID.swapcase()}",
    "no network": f"did:weid:{ID}",
    "an empty network": f"did:weid::{ID}",
    "a network of one letter": f"did:weid:t:{ID}",
    "a network of 33 letters": f"did:weid:{'t' * 33}:{ID}",
    "a network that starts with a digit": f"did:weid:1test:{ID}",
    "a network with an underscore": f"did:weid:test_net:{ID}",
    "a part more": f"{DID}:x",
    "a colon at the end": f"{DID}:",
    "a fragment": f"{DID}#key",
    "a query": f"{DID}?versionId=1",
    "a path": f"{DID}/x",
    "percent-encoding": f"did:weid:{NETWORK}:%37{ID[1:]}",
    "a percent-encoded colon": f"did:weid:{NETWORK}%3A{ID}",
    "a full-width colon": f"did:weid\uff1a{NETWORK}:{ID}",
    "a full-width letter": f"did:weid:{NETWORK}:{ID[:-1]}\uff35",
    "a Cyrillic letter": f"did:w\u0435id:{NETWORK}:{ID}",
    "a letter with an accent, composed": f"did:weid:t\u00e9st:{ID}",
    "a letter with an accent, in two": f"did:weid:t\u0065\u0301st:{ID}",
    "a zero-width space": f"did:weid:{NETWORK}:\u200b{ID}",
    "a zero-width joiner inside": f"did:weid:{NETWORK}:{ID[:9]}\u200d{ID[9:]}",
    "a line end": f"{DID}\n",
    "a blank in front": f" {DID}",
    "a blank at the end": f"{DID} ",
    "NUL": f"{DID}\0",
    "an identifier one short": f"did:weid:{NETWORK}:{ID[:-1]}",
    "an identifier one long": f"did:weid:{NETWORK}:{ID}1",
    "a leading 1, which is a zero byte": f"did:weid:{NETWORK}:1{ID[1:]}",
    "another suite": f"did:weid:{NETWORK}:{base58.b58encode(b'%c' % 2 + bytes(20)).decode()}",
    "a character outside base58": f"did:weid:{NETWORK}:0{ID[1:]}",
    "an Ethereum address": "did:weid:1:0x0106595955ce4713fd169bfa68e599eb99ca2e9f",
    "5,000 characters": f"did:weid:{NETWORK}:{'2' * 5000}",
    "nothing": "",
}


@clause("DW-01", "DW-02", "DW-03", "R26", "R27")
@pytest.mark.parametrize("text", NOT_WEID.values(), ids=NOT_WEID)
def test_other_spellings_of_a_did_weid_are_refused(text):
    with pytest.raises(MalformedError):
        parse_weid_did(text)


@clause("DW-02")
def test_network_names_hold_their_limits():
    for name in ("ab", "a1", "a-", "a" * 32, "gov-eu-2"):
        check_network(name)
    for name in ("", "a", "a" * 33, "-a", "1a", "aB", "a.b", "ab\n", "\u00e9a"):
        with pytest.raises(MalformedError):
            check_network(name)


@clause("DW-07")
def test_key_ids_hold_their_limits():
    for key_id in ("a", "1", "control-1", "A.b_c-2", "k" * 64):
        check_key_id(key_id)
    for key_id in ("", "#a", "-a", ".a", "k" * 65, "a b", "a\n", "a#b", "a/b", "\u00e9"):
        with pytest.raises(MalformedError):
            check_key_id(key_id)


# --- DIDs in general -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "method", "identifier"),
    [("did:example:123", "example", "123"), ("did:web:a.example%3A8443:user", "web", "a.example%3A8443:user"),
     ("did:x:a::b", "x", "a::b"), ("did:9x:A-_.9", "9x", "A-_.9"), (DID, "weid", DID[9:])],
)  # fmt: skip
def test_a_did_is_taken_apart_and_put_together(text, method, identifier):
    did = Did.parse(text)
    assert (did.method, did.id, str(did)) == (method, identifier, text)


@clause("R26", "R27")
@pytest.mark.parametrize(
    "text",
    ["", "did", "did:", "did:x", "did:x:", "did::x", "did:X:x", "DID:x:x", "did:x:x:", "did:x:a b",
     "did:x:a/b", "did:x:a#b", "did:x:a?b", "did:x:a\n", "\ndid:x:a", "did:x:\u00e9", "did:x:a\0",
     "did:x:%", "did:x:%3", "did:x:%3a", "did:x:%41", "did:x:%2D", "did:x:%GG", "urn:x:y",
     "did:x-y:a", "did:x:" + "a" * 5000, "\uff44id:x:a", "did:x:a\u200b", " did:x:a"],
)  # fmt: skip
def test_what_is_no_did_or_another_spelling_of_one_is_refused(text):
    with pytest.raises(MalformedError):
        Did.parse(text)


@clause("R27")
def test_the_length_of_a_did_holds_at_the_character():
    text = "did:x:" + "a" * (limits.DID_CHARS - 6)
    assert str(Did.parse(text)) == str(DidUrl.parse(text)) == text
    for parse in (Did.parse, DidUrl.parse):
        with pytest.raises(MalformedError, match="longer"):
            parse(text + "a")


# --- DID URLs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["did:x:a", "did:x:a#key-1", "did:x:a?versionId=3", "did:x:a?versionId=3#k",
     "did:x:a?versionTime=2026-06-30T12:00:00Z", "did:x:a?service=f&relativeRef=/a/b%20c", "did:x:a?a=b=c",
     "did:x:a#z6Mk/?:@"],
)  # fmt: skip
def test_a_did_url_is_taken_apart_and_put_together(text):
    assert str(DidUrl.parse(text)) == text


def test_the_parts_of_a_did_url_are_decoded():
    url = DidUrl.parse("did:x:a?versionId=3&note=a%20b#k")
    assert url.parameter("note") == "a b"
    assert url.parameter("versionId") == "3"
    assert url.parameter("other") is None
    assert (str(url.did), url.fragment) == ("did:x:a", "k")


@clause("R26")
@pytest.mark.parametrize(
    "text",
    ["", "#k", "did:x:a#", "did:x:a?", "did:x:a?#k", "did:x:a#k#l", "did:x:a#\u00e9", "did:x:a#k ",
     "did:x:a#k\n", "did:x:a#%41", "did:x:a?a", "did:x:a?a=", "did:x:a?=b", "did:x:a?a=1&a=2", "did:x:a?a=1&",
     "did:x:a?a=%41", "did:x:a?a=%2f", "did:x:a?a=%ff", "did:x:a?a=%FF", "did:x:a?a=b c", "did:x:a?a=\u00e9", "did:x:a/p",
     "did:x:a/p#k", "did:x:a?a=b#"],
)  # fmt: skip
def test_what_is_no_did_url_or_another_spelling_of_one_is_refused(text):
    with pytest.raises(MalformedError):
        DidUrl.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_the_one_spelling_or_a_typed_refusal(text):
    for candidate in (text, f"did:x:{text}", f"did:x:a?{text}", f"did:x:a#{text}"):
        try:
            url = DidUrl.parse(candidate)
        except MalformedError:
            continue
        assert str(url) == candidate


# --- Service endpoints ---------------------------------------------------------------------------


@clause("DW-14", "R28")
@pytest.mark.parametrize(
    "endpoint",
    ["https://a.example", "https://a.example/", "https://a-b.c.example:8443/p/q?r=s&t=%20", "https://a.example?x=1",
     "https://xn--nxasmq6b.example/"],
)  # fmt: skip
def test_https_endpoints_of_named_hosts_are_taken(endpoint):
    check_service_endpoint(endpoint)


@clause("DW-14", "R28")
@pytest.mark.parametrize(
    "endpoint",
    ["", "http://a.example", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ftp://a.example",
     "HTTPS://a.example", "https:a.example", "https:///x", "https://user@a.example", "https://u:p@a.example",
     "https://a.example@b.example", "https://localhost", "https://a.localhost/", "https://printer.local",
     "https://db.internal", "https://router.home.arpa", "https://intranet", "https://127.0.0.1", "https://10.0.0.1/x",
     "https://169.254.169.254/latest", "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "https://127.1/",
     "https://8.8.8.8", "https://a.example:0", "https://a.example:x", "https://a.example:123456", "https://.a.example",
     "https://a..example", "https://-a.example", "https://a-.example", "https://a.example.", "https://A.example",
     "https://b\u00fccher.example", "https://a.example/\u00e9", "https://a.example/ x", "https://a.example/x\n",
     "https://a.example/%", "https://a.example/<b>", "https://a.example#f", "https://a.example\\@b.example",
     "https://" + "a" * 64 + ".example", "https://a.example/" + "x" * 500],
)  # fmt: skip
def test_other_endpoints_are_refused(endpoint):
    with pytest.raises(MalformedError):
        check_service_endpoint(endpoint)


def test_a_host_name_is_short_enough_for_the_name_system():
    long = ".".join(["a" * 60] * 4)
    assert is_host_name(long + ".example")
    assert not is_host_name(long + ".exampleeee" + "e" * 6)
