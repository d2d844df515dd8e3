"""Signed requests: made by a verifier, believed or refused by a wallet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.support.certificates import Authority, certify, key_usage, private, x5c
from tests.support.clauses import clause
from tests.support.world import START, World, seeded
from tests.unit.openid4vp.asking import (
    BASE,
    HOST,
    LEAF,
    ROOT,
    SIGNER,
    STRANGER,
    TRUST,
    identity,
    read,
)
from weid.crypto.certificates import CertificateChain
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner, Signer
from weid.did.methods.weid import WeidMethod
from weid.did.resolver import UniversalResolver
from weid.did.syntax import DidUrl
from weid.encoding import JsonObject, JsonValue, base64url_encode, json_dumps
from weid.errors import MalformedError, ProtocolError, WeidError
from weid.openid4vp.dcql import CredentialQuery, DcqlQuery
from weid.openid4vp.did_keys import keys_by
from weid.openid4vp.request import (
    PresentationRequest,
    RequestReference,
    create_request_uri,
    parse_request_link,
    parse_request_uri,
)
from weid.openid4vp.request_object import (
    AUDIENCE,
    MAX_AGE,
    RequestTrust,
    check_request_object,
    check_unsigned_request,
    create_request_object,
)
from weid.openid4vp.verifier_identity import (
    CertificateIdentity,
    DidIdentity,
    UnsignedIdentity,
    VerifierIdentity,
)

PLACE = f"{BASE}/responses/1"
DID_KEY = InMemorySigner(seeded(61))
DID_URL = DidUrl.parse("did:weid:test:verifier#key-1")
DID = DidIdentity(DID_URL, DID_KEY)


def resolve(url: str) -> PublicKey | None:
    return DID_KEY.public_key if url == str(DID_URL) else None


def request(who: VerifierIdentity, **changes: object) -> PresentationRequest:
    members: dict[str, object] = {
        "audience": who.client_id(PLACE).text,
        "nonce": "6h2yqNUwfuIXv5Pkb0pS5A",
        "query": DcqlQuery((CredentialQuery("diploma", ("t",)),)),
        "created_at": START,
        "expires_at": START + 300,
        "response_uri": PLACE,
        "state": "s-1",
    }
    return PresentationRequest(**(members | changes))  # type: ignore[arg-type]


WHO: dict[str, VerifierIdentity] = {
    "x509_hash": identity(),
    "x509_san_dns": identity(HOST),
    "decentralized_identifier": DID,
}
BELIEVED = replace(TRUST, resolve_key=resolve)


@clause("PP-34", "PP-35", "PP-36", "PP-37")
@pytest.mark.parametrize("prefix", WHO)
def test_a_signed_request_is_believed(prefix: str):
    asked = request(WHO[prefix])
    text = create_request_object(asked, WHO[prefix])
    assert asked.audience.startswith(prefix + ":")
    found = check_request_object(text, client_id=asked.audience, trust=BELIEVED, now=START)
    assert (found.request, found.confirmed, found.place) == (asked, True, PLACE)


@clause("PP-36")
def test_a_request_object_says_for_whom_and_until_when():
    import json

    from weid.crypto.jws import parse_jws

    jws = parse_jws(
        create_request_object(request(identity()), identity()), what="it", max_bytes=10**5
    )
    payload = json.loads(jws.payload)
    assert jws.header["typ"] == "oauth-authz-req+jwt"
    assert len(jws.header["x5c"]) == 1  # type: ignore[arg-type]  # the anchor is left out
    assert payload["aud"] == AUDIENCE == "https://self-issued.me/v2"
    assert (payload["iat"], payload["exp"]) == (START, START + 300)
    assert not {"request", "request_uri", "scope", "redirect_uri", "client_id_scheme"} & set(
        payload
    )
    assert list(payload["client_metadata"]) == ["vp_formats_supported"]


def sign(
    changes: dict[str, JsonValue] | None = None,
    *,
    without: tuple[str, ...] = (),
    header: dict[str, JsonValue] | None = None,
    signer: Signer = SIGNER,
) -> str:
    """Return a request object of the certificate's verifier with things changed."""
    payload: JsonObject = {**request(identity()).to_json(), "aud": AUDIENCE, **(changes or {})}
    for name in without:
        del payload[name]
    full: JsonObject = {"typ": "oauth-authz-req+jwt", "x5c": x5c(LEAF), **(header or {})}
    return create_jws({k: v for k, v in full.items() if v is not None}, json_dumps(payload), signer)


def unsigned(algorithm: str) -> str:
    head, body, tail = sign().split(".")
    del head
    made = base64url_encode(json_dumps({"alg": algorithm, "typ": "oauth-authz-req+jwt"}))
    return f"{made}.{body}.{'' if algorithm == 'none' else tail}"


OTHER = f"https://evil.example/{PLACE.rsplit('/', maxsplit=1)[-1]}"
REFUSED: dict[str, str] = {
    "no signature": unsigned("none"),
    "alg none with a signature": unsigned("None"),
    "a signature with a secret": unsigned("HS256"),
    "another typ": sign(header={"typ": "JWT"}),
    "another audience": sign({"aud": BASE}),
    "audiences in an array": sign({"aud": [AUDIENCE]}),
    "no audience": sign(without=("aud",)),
    "another client_id": sign({"client_id": "x509_hash:abc"}),
    "no client_id": sign(without=("client_id",)),
    "no nonce": sign(without=("nonce",)),
    "an end that is past": sign({"exp": START - 61}),
    "a time ahead": sign({"iat": START + 61}),
    "nbf ahead": sign({"nbf": START + 61}),
    "an end as text": sign({"exp": "soon"}),
    "an end of true": sign({"exp": True}),
    "no times": sign(without=("iat", "exp")),
    "no end and an old iat": sign({"iat": START - MAX_AGE - 60}, without=("exp",)),
    "a request inside": sign({"request": "x"}),
    "a reference inside": sign({"request_uri": "https://evil.example"}),
    "a scope": sign({"scope": "x"}),
    "a presentation definition": sign({"presentation_definition": {}}),
    "redirect_uri beside response_uri": sign({"redirect_uri": PLACE}),
    "another key": sign(signer=DID_KEY),
    "no certificate": sign(header={"x5c": None}),
    "no certificate in the array": sign(header={"x5c": []}),
    "a certificate that is none": sign(header={"x5c": ["AAAA"]}),
    "a certificate of another": sign(header={"x5c": x5c(ROOT.certificate)}),
    "crit": sign().replace(sign().split(".", maxsplit=1)[0], base64url_encode(
        json_dumps({"alg": "ES256", "typ": "oauth-authz-req+jwt", "crit": ["x"]}))),
    "an answer in the clear": sign({"response_uri": "http://verifier.example/x"}),
    "a place that is none": sign({"response_uri": "https://["}),
    "a place with a user": sign({"response_uri": "https://me@verifier.example/x"}),
    "no place": sign(without=("response_uri", "response_mode")),
    "a query that is none": sign({"dcql_query": {}}),
    "a mode that is none": sign({"response_mode": "fragment"}),
    "an encrypted mode without a key": sign({"response_mode": "direct_post.jwt"}),
    "two segments": "a.b",
    "text": "hello",
    "too long": "a" * 200_000,
}  # fmt: skip


@clause("PP-36", "PP-63", "V9", "V12", "V13")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_a_wallet_refuses_a_request_object_with(text: str):
    client_id = identity().client_id(PLACE).text
    with pytest.raises(ProtocolError) as refused:
        check_request_object(text, client_id=client_id, trust=BELIEVED, now=START)
    assert refused.value.code == "invalid_request"


@clause("PP-36", "V12")
def test_the_address_of_a_request_is_its_audience_only_for_a_wallet_that_was_told():
    client_id = identity().client_id(PLACE).text
    text, place = sign({"aud": f"{BASE}/requests/1"}), f"{BASE}/requests/1"
    told = replace(TRUST, accept_own_audience=True)
    assert check_request_object(
        text, client_id=client_id, trust=told, now=START, fetched_from=place
    )
    for trust, where in ((TRUST, place), (told, None), (told, place + "2")):
        with pytest.raises(ProtocolError, match="audience"):
            check_request_object(
                text, client_id=client_id, trust=trust, now=START, fetched_from=where
            )
    missing = sign(without=("aud",))
    with pytest.raises(ProtocolError, match="audience"):
        check_request_object(missing, client_id=client_id, trust=told, now=START)


@clause("PP-36")
def test_a_request_without_an_end_is_taken_for_a_while():
    client_id = identity().client_id(PLACE).text
    text = sign(without=("exp",))
    assert check_request_object(text, client_id=client_id, trust=TRUST, now=START + MAX_AGE)


CLIENTS = ["verifier.example", "", ":x", "x509_hash:", "https:x", "origin:https://a.example",
           "verifier_attestation:x", "openid_federation:https://a.example", "X509_HASH:x",
           "x509_hash:" + "a" * 600]  # fmt: skip


@clause("PP-34", "V9")
@pytest.mark.parametrize("client_id", CLIENTS)
def test_a_verifier_that_does_not_say_by_what_it_is_known_is_refused(client_id: str):
    with pytest.raises(ProtocolError, match="known"):
        check_request_object(sign(), client_id=client_id, trust=TRUST, now=START)


@clause("PP-35", "V9", "V12")
def test_who_cannot_sign_does_not_and_who_can_does():
    with pytest.raises(ProtocolError, match="cannot sign"):
        check_request_object(sign(), client_id=f"redirect_uri:{PLACE}", trust=TRUST, now=START)
    with pytest.raises(ProtocolError, match="not signed"):
        check_unsigned_request(request(identity()), TRUST)
    with pytest.raises(TypeError):
        UnsignedIdentity().sign({})


@clause("PP-12", "PP-35", "PP-63", "V13")
def test_an_unsigned_request_goes_to_the_place_that_it_names():
    who = UnsignedIdentity()
    asked = request(who)
    found = check_unsigned_request(asked, TRUST)
    assert (found.request, found.confirmed) == (asked, False)
    with pytest.raises(ProtocolError, match="elsewhere"):
        check_unsigned_request(replace(asked, response_uri=OTHER), TRUST)
    with pytest.raises(ProtocolError, match="elsewhere"):
        check_unsigned_request(replace(asked, response_uri=None), TRUST)


@clause("PP-63")
def test_plain_http_is_for_this_machine_and_when_told_so():
    for place, allowed in (
        ("http://127.0.0.1:5001/x", True),
        ("http://localhost/x", True),
        ("http://10.0.0.1/x", False),
        ("http://verifier.example/x", False),
    ):
        asked = request(UnsignedIdentity(), audience=f"redirect_uri:{place}", response_uri=place)
        with pytest.raises(ProtocolError):
            check_unsigned_request(asked, TRUST)
        lenient = replace(TRUST, allow_loopback_http=True)
        if allowed:
            assert check_unsigned_request(asked, lenient).place == place
        else:
            with pytest.raises(ProtocolError):
                check_unsigned_request(asked, lenient)


@clause("PP-40", "V11")
def test_the_wallets_nonce_must_come_back():
    who = identity()
    asked = request(who)
    client_id = asked.audience
    good = create_request_object(asked, who, wallet_nonce="w-1")
    assert check_request_object(
        good, client_id=client_id, trust=TRUST, now=START, wallet_nonce="w-1"
    )
    for text in (create_request_object(asked, who), sign({"wallet_nonce": 1})):
        with pytest.raises(ProtocolError, match="wallet_nonce"):
            check_request_object(
                text, client_id=client_id, trust=TRUST, now=START, wallet_nonce="w-1"
            )
    with pytest.raises(ProtocolError, match="wallet_nonce"):
        check_request_object(good, client_id=client_id, trust=TRUST, now=START, wallet_nonce="w-2")


@clause("PP-37")
def test_a_wallet_without_anchors_believes_no_certificate_unless_told():
    asked = request(identity())
    text = create_request_object(asked, identity())
    for trust in (RequestTrust(), RequestTrust(anchors=(read(STRANGER.certificate),))):
        with pytest.raises(ProtocolError, match="authority"):
            check_request_object(text, client_id=asked.audience, trust=trust, now=START)
    lenient = RequestTrust(accept_unconfirmed=True)
    found = check_request_object(text, client_id=asked.audience, trust=lenient, now=START)
    assert not found.confirmed


@clause("PP-37", "PP-63", "V13")
def test_an_unconfirmed_certificate_vouches_for_its_own_host_only():
    lenient = RequestTrust(accept_unconfirmed=True)
    client_id = identity().client_id(PLACE).text
    with pytest.raises(ProtocolError, match="another host"):
        check_request_object(
            sign({"response_uri": OTHER}), client_id=client_id, trust=lenient, now=START
        )
    # An authority that is trusted vouches for the verifier, wherever the verifier's answers go.
    assert check_request_object(
        sign({"response_uri": OTHER}), client_id=client_id, trust=TRUST, now=START
    )


@clause("PP-63", "V13")
def test_a_named_host_gets_the_answer_itself():
    client_id = f"x509_san_dns:{HOST}"
    text = sign({"client_id": client_id, "response_uri": OTHER})
    with pytest.raises(ProtocolError, match="another host"):
        check_request_object(text, client_id=client_id, trust=TRUST, now=START)
    other = "x509_san_dns:other.example"
    with pytest.raises(ProtocolError, match="not the one"):
        check_request_object(sign({"client_id": other}), client_id=other, trust=TRUST, now=START)


@clause("PP-35", "V9")
def test_a_did_signs_with_a_key_of_its_own_document():
    client_id = DID.client_id(PLACE).text
    for kid in (None, "did:weid:test:other#key-1", str(DID_URL.did), f"{DID_URL.did}#key-2"):
        text = sign({"client_id": client_id}, header={"kid": kid, "x5c": None}, signer=DID_KEY)
        with pytest.raises(ProtocolError, match="key"):
            check_request_object(text, client_id=client_id, trust=BELIEVED, now=START)
    good = create_request_object(request(DID), DID)
    with pytest.raises(ProtocolError, match="cannot be found"):
        check_request_object(good, client_id=client_id, trust=TRUST, now=START)
    with pytest.raises(MalformedError, match="does not name a key"):
        DidIdentity(DidUrl.parse(str(DID_URL.did)), DID_KEY)


@clause("PP-35", "PP-37", "PP-63", "V13")
def test_a_did_that_nobody_vouches_for_is_believed_only_when_told():
    for did, place, hosts in (
        ("did:jwk:abc", PLACE, True),
        ("did:web:verifier.example", PLACE, True),
        ("did:web:verifier.example%3A8443:desk", PLACE, True),
        ("did:web:verifier.example", OTHER, False),
        ("did:web:evil.example", PLACE, False),
    ):
        client_id = f"decentralized_identifier:{did}"
        text = sign(
            {"client_id": client_id, "response_uri": place},
            header={"kid": f"{did}#0", "x5c": None},
            signer=DID_KEY,
        )
        known = RequestTrust(resolve_key=lambda _: DID_KEY.public_key)
        with pytest.raises(ProtocolError, match="nobody who is trusted"):
            check_request_object(text, client_id=client_id, trust=known, now=START)
        lenient = replace(known, accept_unconfirmed=True)
        if hosts:
            found = check_request_object(text, client_id=client_id, trust=lenient, now=START)
            assert not found.confirmed
        else:
            with pytest.raises(ProtocolError, match="another host"):
                check_request_object(text, client_id=client_id, trust=lenient, now=START)


@clause("PP-35", "PP-37")
def test_a_verifier_in_the_registry_is_known_by_its_did():
    its = World.begin()
    key = seeded(64)
    its.add_key("desk-1", key)
    url = DidUrl.parse(f"{its.issuer.did}#desk-1")
    who = DidIdentity(url, InMemorySigner(key))
    asked = request(who)
    text = create_request_object(asked, who)
    method = WeidMethod([its.registry])
    trust = RequestTrust(resolve_key=keys_by(UniversalResolver({"weid": method})))
    found = check_request_object(text, client_id=asked.audience, trust=trust, now=START)
    assert (found.request, found.confirmed) == (asked, True)
    for other, why in (("#desk-2", "cannot be found"), ("#control-1", "does not verify")):
        wrong = DidIdentity(DidUrl.parse(its.issuer.did + other), InMemorySigner(key))
        with pytest.raises(ProtocolError, match=why):
            check_request_object(
                create_request_object(asked, wrong),
                client_id=asked.audience,
                trust=trust,
                now=START,
            )
    unknown = f"{its.issuer.did[:-1]}{'1' if its.issuer.did[-1] != '1' else '2'}"
    nobody = DidIdentity(DidUrl.parse(unknown + "#k"), InMemorySigner(key))
    with pytest.raises(ProtocolError):
        check_request_object(
            create_request_object(request(nobody), nobody),
            client_id=nobody.client_id(PLACE).text,
            trust=trust,
            now=START,
        )


def of_itself() -> x509.Certificate:
    """Return a certificate that the verifier's key signed itself."""
    key = private(PrivateKey.from_seed(b"\x51" * 32, KeyKind.P256))
    return certify(key.public_key(), "Verifier", issuer=None, key_to_sign=key, dns=(HOST,))


BAD_IDENTITIES = {
    "no certificate": lambda: CertificateIdentity.from_der([], SIGNER),
    "a self-signed one": lambda: identity(leaf=of_itself()),
    "the authority's root in its chain": lambda: CertificateIdentity(
        CertificateChain.of([read(LEAF), read(ROOT.certificate)]), SIGNER
    ),
    "one of another key": lambda: CertificateIdentity(identity().chain, DID_KEY),
    "one without the name": lambda: identity("other.example"),
    "bytes that are none": lambda: CertificateIdentity.from_der([b"x"], SIGNER),
    "an answer elsewhere": lambda: identity(HOST).client_id(OTHER),
}


@clause("PP-38")
@pytest.mark.parametrize("make", BAD_IDENTITIES.values(), ids=BAD_IDENTITIES.keys())
def test_a_verifier_does_not_start_with(make):
    with pytest.raises(WeidError):
        make()


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
DAY = 86_400


def leaf(issuer: Authority = ROOT, **changes: Any) -> x509.Certificate:
    return issuer.leaf(SIGNER.public_key, dns=(HOST,), **changes)


def no_authority() -> tuple[x509.Certificate, ...]:
    middle = ROOT.below(ca=False)
    return leaf(middle), middle.certificate


def deeper_than_allowed() -> tuple[x509.Certificate, ...]:
    upper = ROOT.below("Upper", path_length=0)
    lower = upper.below("Lower")
    return leaf(lower), lower.certificate, upper.certificate


CHAINS: dict[str, Callable[[], tuple[x509.Certificate, ...]]] = {
    "not valid yet": lambda: (leaf(not_before=START + DAY),),
    "over": lambda: (leaf(not_after=START - DAY),),
    "self-signed": lambda: (of_itself(),),
    "the anchor itself": lambda: (ROOT.certificate,),
    "an issuer that may not issue": no_authority,
    "longer than an authority lets it be": deeper_than_allowed,
    "links that do not fit": lambda: (LEAF, ROOT.below().certificate),
    "a demand that nobody knows": lambda: (leaf(extra=((UNKNOWN, True),)),),
    "a key that is not for signing": lambda: (leaf(usage=key_usage(signatures=False)),),
}


def ask_with(trust: RequestTrust, *chain: x509.Certificate) -> bool:
    """Return whether a wallet finds a request confirmed that was signed with a chain."""
    client_id = f"x509_hash:{fingerprint(chain[0])}"
    text = sign({"client_id": client_id}, header={"x5c": x5c(*chain)})
    return check_request_object(text, client_id=client_id, trust=trust, now=START).confirmed


def fingerprint(one: x509.Certificate) -> str:
    return base64url_encode(one.fingerprint(hashes.SHA256()))


@clause("PP-37")
@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS.keys())
def test_a_chain_is_not_believed_that_is(make: Callable[[], tuple[x509.Certificate, ...]]):
    chain = make()
    # Whoever takes verifiers that nobody confirms takes no broken certificates either.
    for trust in (TRUST, replace(TRUST, accept_unconfirmed=True)):
        with pytest.raises(ProtocolError, match="certificate"):
            ask_with(trust, *chain)


@clause("PP-37")
def test_a_chain_through_an_authority_in_between_is_believed():
    middle = ROOT.below("Middle", path_length=0)
    trust = RequestTrust(anchors=(read(STRANGER.certificate), read(ROOT.certificate)))
    for chain in ((middle.certificate,), (middle.certificate, ROOT.certificate)):
        assert ask_with(trust, leaf(middle), *chain)


@clause("PP-35")
def test_names_of_hosts_are_read_in_any_case():
    named = ROOT.leaf(SIGNER.public_key, dns=(HOST.upper(),))
    client_id = f"x509_san_dns:{HOST}"
    text = sign({"client_id": client_id}, header={"x5c": x5c(named)})
    found = check_request_object(text, client_id=client_id, trust=TRUST, now=START)
    assert found.confirmed
    assert identity(HOST, leaf=named).client_id(PLACE).text == client_id


@clause("PP-36")
def test_a_request_of_another_verifier_or_without_times_is_not_signed():
    with pytest.raises(MalformedError, match="not one of this verifier"):
        create_request_object(request(DID), identity())
    with pytest.raises(MalformedError, match="until when"):
        create_request_object(replace(request(DID), expires_at=None), DID)


@clause("PP-39", "PP-40", "PP-11")
def test_a_reference_survives_the_link():
    for method in ("get", "post"):
        reference = RequestReference("x509_hash:abc", f"{BASE}/requests/1", method)
        assert parse_request_link(reference.to_link()) == reference
        assert (
            parse_request_link(reference.to_link().replace("openid4vp:", "haip-vp:")) == reference
        )
        named = reference.to_link().replace("//?", "//authorize?")
        assert parse_request_link(named) == reference
        with pytest.raises(MalformedError, match="by reference"):
            parse_request_uri(reference.to_link())
    asked = request(UnsignedIdentity())
    assert parse_request_link(create_request_uri(asked)) == asked


LINKS = {
    "another method": (
        "request_uri=https%3A%2F%2Fa&client_id=x&request_uri_method=put",
        ProtocolError,
    ),
    "GET in capitals": (
        "request_uri=https%3A%2F%2Fa&client_id=x&request_uri_method=GET",
        ProtocolError,
    ),
    "no client_id": ("request_uri=https%3A%2F%2Fa", MalformedError),
    "an empty reference": ("request_uri=&client_id=x", MalformedError),
    "a long reference": ("client_id=x&request_uri=" + "a" * 2000, MalformedError),
    "a method alone": ("client_id=x&request_uri_method=post", MalformedError),
}


@clause("PP-11", "PP-39", "V10")
@pytest.mark.parametrize(("query", "error"), LINKS.values(), ids=LINKS.keys())
def test_a_reference_is_refused_with(query: str, error: type[Exception]):
    with pytest.raises(error):
        parse_request_link("openid4vp://?" + query)
