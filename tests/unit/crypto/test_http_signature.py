"""HTTP signatures: RFC 9421's own example, and that every part of a request is covered."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from weid.crypto.http_signature import (
    HttpRequest,
    content_digest,
    sign_request,
    signature_base,
    verify_request,
)
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.errors import InvalidSignatureError, MalformedError, UnsupportedAlgorithmError

NOW = 1_780_000_000
KEY = PrivateKey.from_seed(b"\x07" * 32)
OTHER = PrivateKey.from_seed(b"\x08" * 32)
REQUEST = HttpRequest(
    "POST", "https://receiver.example/hooks?a=b", "application/cloudevents+json", b'{"a":1}'
)
SIGNED = sign_request(REQUEST, InMemorySigner(KEY), created=NOW)
HEADERS = {name.lower(): value for name, value in SIGNED.items()}

# RFC 9421, B.1.4: the last 32 bytes of the two PEM files; B.2.6: signature base and signature.
RFC_PRIVATE = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"
RFC_PUBLIC = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
RFC_PARAMS = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_COMPONENTS = (
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("@method", "POST"),
    ("@path", "/foo"),
    ("@authority", "example.com"),
    ("content-type", "application/json"),
    ("content-length", "18"),
)
RFC_SIGNATURE = (
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)


def verify(headers=HEADERS, request=REQUEST, *, keys=(KEY.public,), now=NOW, max_age=300):
    named = {key.thumbprint(): key for key in keys}
    return verify_request(request, headers, keys=named, now=now, max_age=max_age)


@clause("EV-12")
def test_the_example_of_rfc_9421_b_2_6_is_signed_and_verified():
    private = PrivateKey.from_seed(base64.b64decode(RFC_PRIVATE)[-32:])
    public = PublicKey(KeyKind.ED25519, base64.b64decode(RFC_PUBLIC)[-32:])
    assert private.public == public
    base = signature_base(RFC_COMPONENTS, RFC_PARAMS)
    assert base.decode("ascii").splitlines() == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@authority": example.com',
        '"content-type": application/json',
        '"content-length": 18',
        f'"@signature-params": {RFC_PARAMS}',
    ]
    assert base64.b64encode(private.sign(base)).decode("ascii") == RFC_SIGNATURE
    public.verify(base64.b64decode(RFC_SIGNATURE), base)


@clause("EV-12")
def test_the_digest_is_that_of_rfc_9530():
    # RFC 9530, appendix D: the digest of {"hello": "world"} and a line feed.
    assert content_digest(b'{"hello": "world"}\n') == (
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )


@clause("EV-12")
def test_what_was_signed_is_taken_and_names_key_and_time():
    found = verify()
    assert (found.key_id, found.created) == (KEY.public.thumbprint(), NOW)
    assert SIGNED["Signature-Input"] == (
        'weid=("@method" "@target-uri" "content-digest" "content-type")'
        f';created={NOW};keyid="{KEY.public.thumbprint()}";alg="ed25519"'
    )


CHANGED = {
    "another method": {"method": "PUT"},
    "another place": {"target_uri": "https://elsewhere.example/hooks?a=b"},
    "another query": {"target_uri": "https://receiver.example/hooks?a=c"},
    "another type": {"content_type": "application/json"},
    "another body": {"body": b'{"a":2}'},
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
@clause("EV-12")
def test_a_request_with_one_part_changed_is_refused(change):
    with pytest.raises(InvalidSignatureError):
        verify(request=replace(REQUEST, **change))


@clause("EV-12")
def test_a_digest_that_fits_the_changed_body_does_not_help():
    changed = replace(REQUEST, body=b'{"a":2}')
    with pytest.raises(InvalidSignatureError):
        verify({**HEADERS, "content-digest": content_digest(changed.body)}, changed)


@pytest.mark.parametrize(("later", "good"), [(300, True), (301, False), (-60, True), (-61, False)])
@clause("EV-12")
def test_a_signature_is_taken_for_a_time_only(later, good):
    if good:
        assert verify(now=NOW + later).created == NOW
        return
    with pytest.raises(InvalidSignatureError, match="too old"):
        verify(now=NOW + later)


@clause("EV-12")
def test_only_the_trusted_keys_count():
    with pytest.raises(InvalidSignatureError, match="not trusted"):
        verify(keys=[OTHER.public])
    assert verify(keys=[OTHER.public, KEY.public])
    named = HEADERS["signature-input"].replace(KEY.public.thumbprint(), OTHER.public.thumbprint())
    with pytest.raises(InvalidSignatureError):
        verify({**HEADERS, "signature-input": named}, keys=[OTHER.public, KEY.public])


GOOD = HEADERS["signature-input"]
FORMS = {
    "fewer components": GOOD.replace(' "content-type"', ""),
    "more components": GOOD.replace('"@method"', '"@method" "date"'),
    "another order": GOOD.replace('"@method" "@target-uri"', '"@target-uri" "@method"'),
    "no time": GOOD.replace(f";created={NOW}", ""),
    "a time with a zero before": GOOD.replace(f"={NOW}", f"=0{NOW}"),
    "a time below zero": GOOD.replace(f"={NOW}", "=-1"),
    "no algorithm": GOOD.replace(';alg="ed25519"', ""),
    "another algorithm": GOOD.replace("ed25519", "hmac-sha256"),
    "one more parameter": GOOD + ";expires=1",
    "another label": GOOD.replace("weid=", "sig1="),
    "two signatures": f"{GOOD}, {GOOD}",
    "a space before": f" {GOOD}",
    "a line break behind": f"{GOOD}\n",
    "nothing": "",
}


@pytest.mark.parametrize("value", FORMS.values(), ids=FORMS)
@clause("EV-12")
def test_another_form_of_signature_input_is_refused(value):
    assert value != GOOD
    with pytest.raises(MalformedError):
        verify({**HEADERS, "signature-input": value})


@pytest.mark.parametrize(
    "value", ["", "weid=", "weid=::", "weid=:AAA:", "weid=:AB==:", "weid=:A B=:", "sig1=:AAAA:"]
)
@clause("EV-12")
def test_another_form_of_signature_is_refused(value):
    with pytest.raises((MalformedError, InvalidSignatureError)):
        verify({**HEADERS, "signature": value})


@pytest.mark.parametrize("name", sorted(HEADERS))
@clause("EV-12")
def test_a_missing_header_is_refused(name):
    with pytest.raises(MalformedError, match=name):
        verify({each: value for each, value in HEADERS.items() if each != name})


def test_a_value_that_no_header_can_have_is_not_signed():
    for url in ("https://receiver.example/\n", "https://receiver.example/ü"):
        with pytest.raises(MalformedError):
            sign_request(replace(REQUEST, target_uri=url), InMemorySigner(KEY), created=NOW)
    with pytest.raises(MalformedError, match="twice"):
        signature_base([("date", "a"), ("date", "b")], "")


def test_another_kind_of_key_does_not_sign():
    signer = InMemorySigner(PrivateKey.generate(KeyKind.P256))
    with pytest.raises(UnsupportedAlgorithmError):
        sign_request(REQUEST, signer, created=NOW)
