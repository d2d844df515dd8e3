from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid.errors import MalformedError
from weid.qr.content import ContentKind, classify_content, display_text, parse_link

KINDS = {
    "WI1:6BF": ContentKind.ENVELOPE,
    "WI3:6BF": ContentKind.ENVELOPE,
    "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fi.example%2F1": ContentKind.CREDENTIAL_OFFER,
    "openid4vp://?client_id=v.example&request_uri=https%3A%2F%2Fv.example%2F1": ContentKind.PRESENTATION_REQUEST,
    "https://issuer.gov.example/c/1#key": ContentKind.LINK,
    "https://issuer.gov.example:8443/c/1": ContentKind.LINK,
    "hello": ContentKind.TEXT,
    "": ContentKind.TEXT,
}


@clause("QR-14")
@pytest.mark.parametrize(("text", "kind"), KINDS.items())
def test_a_scanned_text_has_a_kind(text, kind):
    assert classify_content(text).kind is kind


HOSTILE = {
    "a script": "javascript:alert(document.cookie)",
    "a script that looks like a link": "javascript://issuer.example/%0aalert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "a file": "file:///etc/passwd",
    "plain http": "http://issuer.gov.example/",
    "a metadata service": "http://169.254.169.254/latest/meta-data/",
    "a metadata service over https": "https://169.254.169.254/latest/meta-data/",
    "an address in one number": "https://2130706433/",
    "an address in hexadecimal": "https://0x7f000001/",
    "a short address": "https://127.1/",
    "an IPv6 address": "https://[::1]/",
    "this machine": "https://localhost/",
    "a name without a dot": "https://intranet/",
    "a user name": "https://gov.example@evil.example/",
    "a user name and password": "https://a:b@evil.example/",
    "a homoglyph": "https://g\u043ev.example/",
    "an upper-case host": "https://GOV.example/",
    "a full-width dot": "https://gov\uff0eexample/",
    "a name that ends with a dot": "https://gov.example./",
    "port 0": "https://gov.example:0/",
    "a port past the last": "https://gov.example:99999/",
    "an empty port": "https://gov.example:/",
    "a line end": "https://gov.example/\r\nSet-Cookie: a=b",
    "a NUL": "https://gov.example/\x00",
    "a turned direction": "https://gov.example/\u202egpj.exe",
    "a backslash": "https://gov.example\\@evil.example/",
    "blanks around": " https://gov.example/",
    "a formula": '=HYPERLINK("https://evil.example","ok")',
    "7,000 digits": "7" * 7000,
    "a link of 3,000 characters": "https://gov.example/" + "a" * 3000,
    "a request with a line end": "openid4vp://?a=b\r\nx",
    "an offer that is far too long": "openid-credential-offer://?credential_offer=" + "a" * 9000,
    "an upper-case prefix of ours": "OPENID4VP://?a=b",
}


@clause("Q4", "QR-14", "QR-15")
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_ours_is_only_text(text):
    content = classify_content(text)
    assert content.kind is ContentKind.TEXT
    assert content.text == text
    assert len(content.display) <= 305 or "\\u" in content.display


@clause("Q4", "QR-15")
def test_a_refused_link_says_why():
    assert "not https" in classify_content("http://gov.example/").reason
    assert "address" in classify_content("https://10.0.0.1/").reason
    assert "user name" in classify_content("https://a@gov.example/").reason
    assert classify_content("hello").reason == ""


@clause("Q4", "QR-15")
def test_shown_text_cannot_deceive():
    shown = display_text("a\u202eb\u200bc\r\nd\x00\u2066e\u2028f")
    assert shown == "\u2068a\\u202eb\\u200bc\\u000d\\u000ad\\u0000\\u2066e\\u2028f\u2069"
    assert display_text("李小龍 José Ωmega 🙂") == "\u2068李小龍 José Ωmega 🙂\u2069"
    assert display_text("x" * 400) == "\u2068" + "x" * 300 + "…\u2069"


@given(st.text())
def test_shown_text_is_one_isolated_line(text):
    shown = display_text(text)
    assert shown[0] == "\u2068"
    assert shown[-1] == "\u2069"
    assert len(shown.splitlines()) == 1
    assert not set(shown[1:-1]) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    )


@given(st.text() | st.text().map("https://".__add__))
def test_any_text_gets_a_kind(text):
    assert classify_content(text).text == text


@clause("V10", "QR-15")
def test_this_machine_is_a_link_for_development_only():
    for url in ("http://127.0.0.1:8080/x", "http://localhost:5000", "http://[::1]:80/"):
        with pytest.raises(MalformedError, match="not https"):
            parse_link(url, what="it")
        assert parse_link(url, what="it", allow_loopback_http=True).scheme == "http"
    with pytest.raises(MalformedError, match="not https"):
        parse_link("http://10.0.0.1/", what="it", allow_loopback_http=True)
