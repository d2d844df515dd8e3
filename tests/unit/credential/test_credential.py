# ruff: noqa: RUF001 - look-alike characters are what is tested
from __future__ import annotations

import hashlib
import hmac
import time

import pytest
from nacl import bindings

from tests.support.clauses import clause
from tests.support.diplomas import CLAIMS, draft, published
from tests.support.sd_jwts import (
    HOLDER_KEY,
    ISSUER,
    ISSUER_DID,
    ISSUER_KEY,
    KID,
    NOW,
    P256_KEY,
    STRANGER_KEY,
    claims,
    digest,
    disclosure,
    encode,
    jws,
    sd_jwt,
)
from weid import limits
from weid.credential.credential import Credential, create_credential, subject_claims
from weid.credential.credential_type import CredentialType
from weid.credential.sd_jwt import SdJwt, choose
from weid.credential.status_list import StatusReference
from weid.crypto.jws import verify_jws
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import base64url_encode
from weid.errors import CryptoError, InvalidSignatureError, MalformedError

STATUS = StatusReference("https://issuer.example/status/1", 412345)
HEADER = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": KID}


def create(template=None, said=None, **options):
    options = {
        "issuer": ISSUER_DID,
        "kid": KID,
        "signer": ISSUER,
        "issued_at": NOW,
        "expires_at": NOW + 86_400,
        "holder_key": HOLDER_KEY.public,
        "status": STATUS,
        **options,
    }
    return create_credential(template or published(), CLAIMS if said is None else said, **options)


def parse(header=None, **members):
    return Credential.parse(sd_jwt(claims(**members), header=header))


# --- a credential as it should be --------------------------------------------------------------------


@clause("CP-04", "CP-05", "CP-06", "CP-09")
@pytest.mark.parametrize("holder", [HOLDER_KEY, P256_KEY], ids=["Ed25519", "P-256"])
def test_what_is_created_says_what_it_should(holder):
    template = published()
    credential = create(template, holder_key=holder.public)
    verify_jws(credential.sd_jwt.issuer_jws, ISSUER_KEY.public)
    assert credential.issuer == ISSUER_DID
    assert credential.type == CredentialType("test", "diploma", 1)
    assert (credential.vct, credential.vct_integrity) == (template.vct, template.integrity)
    assert (credential.issued_at, credential.not_before, credential.expires_at) == (
        NOW,
        None,
        NOW + 86_400,
    )
    assert credential.key_url.fragment == "assert-1"
    assert credential.holder_key == holder.public
    assert credential.status_reference == STATUS
    assert credential.anchor is None
    found = credential.reconstruct()
    assert subject_claims(found.claims) == CLAIMS
    assert found.disclosed == set(template.withholdable)
    assert template.check_presented(subject_claims(found.claims), found.disclosed) == ()
    assert Credential.parse(credential.text) == credential


@clause("CP-05", "CP-08")
def test_only_what_may_be_withheld_is_behind_a_disclosure():
    payload = create().sd_jwt.payload()
    assert set(payload) == {
        "iss",
        "iat",
        "exp",
        "vct",
        "vct#integrity",
        "cnf",
        "status",
        "degree",
        "number",
        "_sd",
        "_sd_alg",
    }
    bare = Credential.parse(choose(SdJwt.parse(create().text), []))
    assert subject_claims(bare.reconstruct().claims) == {"degree": "MSc", "number": "D-0001"}


def test_a_paper_certificate_is_bound_to_nobody_and_may_name_no_status():
    credential = create(holder_key=None, status=None)
    assert credential.holder_key is None
    assert credential.status_reference is None


REFUSED_TO_ISSUE = {
    "claims that do not conform": {"said": {**CLAIMS, "degree": "Dr"}},
    "a claim that is not the template's": {"said": {**CLAIMS, "iss": "did:web:other.example"}},
    "a draft": {"template": draft()},
    "no end after the beginning": {"expires_at": NOW},
    "milliseconds": {"expires_at": NOW * 1000},
    "a key of another DID": {"kid": "did:weid:test:" + "2" * 28 + "#assert-1"},
    "a key id without DID": {"kid": "#assert-1"},
    "a key for agreement": {"holder_key": PrivateKey.from_seed(b"\x05" * 32, KeyKind.X25519).public},
}  # fmt: skip


@clause("C5", "C14", "C29", "CP-09")
@pytest.mark.parametrize("options", REFUSED_TO_ISSUE.values(), ids=REFUSED_TO_ISSUE)
def test_what_should_not_be_issued_is_not(options):
    with pytest.raises((MalformedError, CryptoError)):
        create(**options)


@clause("CP-37")
def test_a_refusal_to_issue_names_no_value():
    with pytest.raises(MalformedError, match="degree must be one of") as caught:
        create(said={**CLAIMS, "degree": "a secret"})
    assert "secret" not in str(caught.value)


@clause("P8", "CP-09")
def test_a_key_of_mixed_order_gets_no_credential():
    order_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    mixed = bindings.crypto_core_ed25519_add(HOLDER_KEY.public.raw, order_8)
    with pytest.raises(MalformedError, match="prime-order"):
        create(holder_key=PublicKey(KeyKind.ED25519, mixed))


# --- header (C1 to C5, C7, C12) ----------------------------------------------------------------------


@clause("C12", "CP-04")
@pytest.mark.parametrize(
    "typ",
    [
        "JWT",
        "jwt",
        "kb+jwt",
        "statuslist+jwt",
        "vc+sd-jwt",
        "example+sd-jwt",
        "DC+SD-JWT",
        "dc+sd-jwt ",
        "application/dc+sd-jwt",
        "",
    ],
)
def test_any_other_typ_is_refused(typ):
    with pytest.raises(MalformedError):
        parse(header={**HEADER, "typ": typ})


@clause("C1")
@pytest.mark.parametrize(
    "secret",
    [
        ISSUER_KEY.public.raw,
        ISSUER_KEY.public.to_multikey().encode(),
        str(ISSUER_KEY.public.to_jwk()).encode(),
        b"",
    ],
)
def test_a_public_key_is_no_shared_secret(secret):
    signing_input = f"{encode({**HEADER, 'alg': 'HS256'})}.{encode(claims())}"
    tag = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    with pytest.raises(CryptoError):
        Credential.parse(f"{signing_input}.{base64url_encode(tag)}~")


@clause("C2")
def test_the_algorithm_is_the_keys():
    with pytest.raises(InvalidSignatureError):
        verify_jws(parse(header={**HEADER, "alg": "ES256"}).sd_jwt.issuer_jws, ISSUER_KEY.public)


@clause("C3", "CP-04")
@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": STRANGER_KEY.public.to_jwk()},
        {"jku": "https://evil.example/keys"},
        {"x5u": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_a_key_in_the_header_is_none(extra, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)
    text = jws(claims(), header={**HEADER, **extra}, key=STRANGER_KEY) + "~"
    credential = Credential.parse(text)
    assert str(credential.key_url) == KID
    with pytest.raises(InvalidSignatureError):
        verify_jws(credential.sd_jwt.issuer_jws, ISSUER_KEY.public)


KIDS = {
    "missing": None, "empty": "", "a number": 42, "an object": {"did": KID}, "an array": [KID], "a path": "../../dev/null", "SQL": "' OR 1=1 --",
    "an address": "https://evil.example/key", "a fragment alone": "#assert-1", "a DID without fragment": ISSUER_DID, "an empty fragment": ISSUER_DID + "#",
    "a NUL": KID + "\0", "a query": ISSUER_DID + "?versionId=1#assert-1", "a DID path": ISSUER_DID + "/x#assert-1", "a homoglyph": KID.replace("weid", "wеid"),
    "another DID's key": "did:weid:test:" + "2" * 28 + "#assert-1", "an attacker's key": "did:web:evil.example#key-1", "the issuer as a prefix": ISSUER_DID + "2#assert-1",
    "other case": KID.upper(), "two fragments": KID + "#x", "a blank": " " + KID,
}  # fmt: skip


@clause("C4", "C5", "CP-04")
@pytest.mark.parametrize("kid", KIDS.values(), ids=KIDS)
def test_a_kid_that_is_no_key_of_the_issuer_is_refused(kid):
    header = {name: value for name, value in {**HEADER, "kid": kid}.items() if value is not None}
    credential = parse(header=header)
    with pytest.raises(MalformedError):
        _ = credential.key_url


# --- payload (C8, C13 to C16) -------------------------------------------------------------------------

PAYLOADS = {
    "iss missing": {"iss": None}, "iss a number": {"iss": 1}, "iss an object": {"iss": {}}, "iss empty": {"iss": ""}, "iss too long": {"iss": "x" * (limits.DID_CHARS + 1)},
    "iat missing": {"iat": None}, "iat a text": {"iat": str(NOW)}, "iat true": {"iat": True}, "iat a fraction": {"iat": NOW + 0.5}, "iat negative": {"iat": -1},
    "exp negative": {"exp": -1}, "exp a text": {"exp": "never"}, "exp true": {"exp": True}, "exp an array": {"exp": [NOW]}, "exp an object": {"exp": {}},
    "exp 1e30": {"exp": 1e30}, "exp past 53 bits": {"exp": 2**53}, "nbf a text": {"nbf": "now"}, "nbf a fraction": {"nbf": 1.5},
    "vct missing": {"vct": None}, "vct a number": {"vct": 1}, "vct an array": {"vct": ["urn:x"]}, "vct empty": {"vct": ""}, "vct too long": {"vct": "x" * 3000},
    "integrity a number": {"vct#integrity": 1}, "integrity empty": {"vct#integrity": ""}, "an audience": {"aud": "https://verifier.example"},
}  # fmt: skip


@clause("C13", "C14", "C15", "C16", "CP-05")
@pytest.mark.parametrize("members", PAYLOADS.values(), ids=PAYLOADS)
def test_a_registered_claim_of_another_kind_is_refused(members):
    with pytest.raises(MalformedError):
        parse(**members)


@clause("C13", "CP-05")
@pytest.mark.parametrize("name", ["exp", "nbf"])
def test_null_is_not_absent(name):
    payload = {**claims(), name: None}
    with pytest.raises(MalformedError):
        Credential.parse(sd_jwt(payload))


@clause("C13", "C14")
def test_times_are_told_as_they_are():
    assert parse(exp=None).expires_at is None
    assert parse(exp=0).expires_at == 0
    assert parse(exp=NOW * 1000).expires_at == NOW * 1000
    assert parse(nbf=NOW + 5).not_before == NOW + 5


@clause("C16", "P17", "CP-07")
@pytest.mark.parametrize(
    "vct",
    [
        "https://issuer.example/vct",
        "urn:weid:test:cpt:diploma:1/",
        "urn:weid:test:cpt:Diploma:1",
        "urn:weid:test:cpt:diplоma:1",
    ],
)
def test_another_type_is_not_the_template(vct):
    credential = parse(vct=vct)
    assert credential.vct != published().vct
    with pytest.raises(MalformedError):
        _ = credential.type


# --- never withheld (C24) ----------------------------------------------------------------------------


@clause("C24", "CP-08")
@pytest.mark.parametrize("name", ["nbf", "exp", "cnf", "vct#integrity", "status"])
def test_a_registered_claim_in_a_disclosure_is_refused(name):
    text = disclosure("s", name, claims().get(name, 1))
    payload = claims(_sd=[digest(text)], **{name: None})
    credential = Credential.parse(sd_jwt(payload, text))
    with pytest.raises(MalformedError, match="disclosure"):
        credential.reconstruct()


@clause("C24", "CP-08")
@pytest.mark.parametrize("name", ["iss", "iat", "vct"])
def test_a_claim_that_must_be_clear_is_missing_when_it_is_withheld(name):
    text = disclosure("s", name, claims()[name])
    with pytest.raises(MalformedError, match="missing"):
        Credential.parse(sd_jwt(claims(_sd=[digest(text)], **{name: None}), text))


@clause("C24", "CP-06", "CP-08")
def test_nothing_inside_cnf_or_status_is_withheld():
    jwk = disclosure("s", "jwk", HOLDER_KEY.public.to_jwk())
    within = disclosure("s", "idx", 1)
    for members, text in (
        ({"cnf": {"_sd": [digest(jwk)]}}, jwk),
        ({"cnf": {"jwk": {"_sd": [digest(jwk)]}}}, jwk),
        ({"status": {"status_list": {"uri": "https://x/", "_sd": [digest(within)]}}}, within),
        ({"status": {"list": [{"...": digest(within)}]}}, within),
    ):
        for shown in ([text], []):
            credential = Credential.parse(sd_jwt(claims(**members), *shown))
            with pytest.raises(MalformedError, match="withheld"):
                credential.reconstruct()


# --- holder's key (P8) -------------------------------------------------------------------------------

JWK = HOLDER_KEY.public.to_jwk()
CONFIRMATIONS = {
    "null": None, "empty": {}, "a text": "key", "an array": [JWK], "a kid alone": {"kid": KID}, "a jku": {"jku": "https://evil.example/keys", "kid": "1"},
    "a jwk and a jku": {"jwk": JWK, "jku": "https://evil.example/keys"}, "a jwk that is a text": {"jwk": "key"}, "a jwk that is null": {"jwk": None},
    "a private key": {"jwk": HOLDER_KEY.to_private_jwk()}, "RSA": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "a secret": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "another curve": {"jwk": {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"}}, "a key for agreement": {"jwk": {"kty": "OKP", "crv": "X25519", "x": base64url_encode(b"\x09" + bytes(31))}},
    "off the curve": {"jwk": {**P256_KEY.public.to_jwk(), "y": base64url_encode(bytes(31) + b"\x01")}}, "of small order": {"jwk": {**JWK, "x": base64url_encode(b"\x01" + bytes(31))}},
    "zero": {"jwk": {**JWK, "x": base64url_encode(bytes(32))}}, "not canonical": {"jwk": {**JWK, "x": base64url_encode(b"\xee" + b"\xff" * 30 + b"\x7f")}}, "short": {"jwk": {**JWK, "x": "AAAA"}},
}  # fmt: skip


@clause("P8", "CP-06")
@pytest.mark.parametrize("confirmation", CONFIRMATIONS.values(), ids=CONFIRMATIONS)
def test_a_confirmation_that_is_nobodys_key_is_refused(confirmation):
    credential = Credential.parse(sd_jwt({**claims(), "cnf": confirmation}))
    with pytest.raises((MalformedError, CryptoError)):
        _ = credential.holder_key


@clause("P8", "P9", "CP-06")
def test_a_replaced_confirmation_breaks_the_signature():
    head, _, tail = jws(claims()).split(".")
    forged = claims(cnf={"jwk": STRANGER_KEY.public.to_jwk()})
    credential = Credential.parse(f"{head}.{encode(forged)}.{tail}~")
    assert credential.holder_key == STRANGER_KEY.public
    with pytest.raises(InvalidSignatureError):
        verify_jws(credential.sd_jwt.issuer_jws, ISSUER_KEY.public)


@clause("S10")
@pytest.mark.parametrize("status", [{}, None, "valid", [], {"status_assertion": {}}], ids=repr)
def test_a_status_that_we_do_not_know_is_refused(status):
    credential = Credential.parse(sd_jwt({**claims(), "status": status}))
    with pytest.raises(MalformedError):
        _ = credential.status_reference


# --- floods (C9, C25) --------------------------------------------------------------------------------


@clause("C9", "C25")
@pytest.mark.parametrize(
    "text",
    [
        sd_jwt(b'{"a":' * 50_000),
        sd_jwt(b'{"a":' + b"9" * 20_000 + b"}"),
        sd_jwt(claims(_sd=[f"{n:043d}" for n in range(6000)])),
        "~".join([jws(claims()), *[disclosure("s", "n", n) for n in range(2500)], ""]),
        jws(claims()) + "~" + "W" * 1_400_000 + "~",
    ],
    ids=["50,000 levels", "20,000 digits", "6,000 decoys", "2,500 disclosures", "1.4 MB"],
)
def test_a_flood_is_refused_quickly(text):
    start = time.process_time()
    with pytest.raises(MalformedError):
        Credential.parse(text).reconstruct()
    assert time.process_time() - start < 1
