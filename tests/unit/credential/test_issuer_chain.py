"""Credentials signed with a certificate chain: what is made, who is named, what no code holds."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import YEAR, Authority, pem, x5c
from tests.support.clauses import clause
from tests.support.world import CLAIMS, START, World, seeded
from tests.unit.wallet.holding import new_wallet
from weid.credential.credential import Credential, create_credential
from weid.credential.issuer_chain import named_key, require_chain_of, said_issuer
from weid.crypto.certificate_making import (
    LeafNames,
    Validity,
    create_development_authority,
    create_leaf,
    create_request,
)
from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import CertificateError, MalformedError
from weid.issuer import ASSERTION_KEY, Issuer
from weid.qr.envelope import encode_envelope
from weid.wallet.consent import consent_to_keep

ROOT = Authority.root()
ED25519 = seeded(21)
P256 = PrivateKey.from_seed(bytes(31) + b"\x0b", KeyKind.P256)
NAME = "did:weid:test:2VbXfGpnTcQZqYjz9RkWm4sLhDtE#assertion-1"
KINDS = pytest.mark.parametrize("key", [ED25519, P256], ids=["Ed25519", "P-256"])
YEARS = Validity(START, START + YEAR)


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


def kid_of(world: World) -> str:
    return f"{world.issuer.did}#{ASSERTION_KEY}"


def chain_of(world: World, **changes: object) -> CertificateChain:
    leaf = ROOT.leaf(world.keys.assertion.public, kid_of(world), **changes)
    return CertificateChain.parse(x5c(leaf))


def make(world: World, chain: CertificateChain, **changes: object) -> Credential:
    members: dict[str, object] = {
        "issuer": world.issuer.did,
        "kid": kid_of(world),
        "signer": world.signer,
        "issued_at": START,
        "expires_at": START + 1000,
        "holder_key": world.holder.public,
        "status": None,
        "chain": chain,
    }
    return create_credential(world.template, CLAIMS, **(members | changes))  # type: ignore[arg-type]


@clause("CP-54", "CP-55")
def test_a_credential_with_a_chain_has_neither_kid_nor_iss(world: World):
    chain = chain_of(world)
    made = make(world, chain)
    assert made.sd_jwt.issuer_jws.header == {
        "alg": "EdDSA",
        "typ": "dc+sd-jwt",
        "x5c": chain.to_x5c(),
    }
    assert "iss" not in made.sd_jwt.payload()
    assert made.stated_issuer is None
    assert (made.issuer, str(made.key_url)) == (world.issuer.did, kid_of(world))
    assert Credential.parse(made.text) == made


@clause("CP-55")
def test_who_knows_the_authority_verifies_without_the_registry(world: World):
    # As another wallet does: the leaf from the header, the root from elsewhere, the signature.
    head, body, signature = make(world, chain_of(world)).text.split("~")[0].split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    [text] = header["x5c"]
    leaf = x509.load_der_x509_certificate(base64.b64decode(text))
    leaf.verify_directly_issued_by(ROOT.certificate)
    key = leaf.public_key()
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.urlsafe_b64decode(signature + "=="), f"{head}.{body}".encode())


WRONG = {
    "another key's": (lambda w: CertificateChain.parse(x5c(ROOT.leaf(seeded(9).public, kid_of(w)))), "key_other"),
    "of another name": (lambda w: CertificateChain.parse(x5c(ROOT.leaf(w.keys.assertion.public, NAME))), "of_another"),
    "of no name": (lambda w: CertificateChain.parse(x5c(ROOT.leaf(w.keys.assertion.public))), "names_no_key"),
    "with the authority's root": (
        lambda w: CertificateChain.parse(x5c(ROOT.leaf(w.keys.assertion.public, kid_of(w)), ROOT.certificate)), "malformed",
    ),
    "past its end": (lambda w: chain_of(w, not_after=START - 1), "not_in_force"),
    "before its beginning": (lambda w: chain_of(w, not_before=START + 1), "not_in_force"),
}  # fmt: skip


@clause("CP-55", "VF-46")
@pytest.mark.parametrize(("chain", "fault"), WRONG.values(), ids=WRONG)
def test_nothing_is_signed_with_a_chain(world: World, chain, fault):
    with pytest.raises(CertificateError) as caught:
        make(world, chain(world))
    assert caught.value.fault == fault
    with pytest.raises(CertificateError):
        Issuer.open(
            world.issuer.did,
            control=InMemorySigner(world.keys.control),
            assertion=world.signer,
            registry=world.registry,
            chain=chain(world),
            clock=world.clock,
        )


@clause("VF-46")
def test_an_issuer_without_a_chain_signs_with_none(world: World):
    with pytest.raises(CertificateError, match="no certificate chain"):
        world.issuer.issue(world.template, CLAIMS, holder_key=world.holder.public, with_chain=True)


@clause("CP-54")
def test_the_issuer_that_is_told_to_people_is_the_one_that_the_certificate_names(world: World):
    made = make(world, chain_of(world))
    header = made.sd_jwt.issuer_jws.header
    assert said_issuer(header, None) == world.issuer.did
    assert said_issuer({**header, "kid": NAME}, None) == ""
    assert said_issuer({"kid": NAME}, None) == ""
    assert said_issuer({"kid": NAME}, 5) == ""
    assert said_issuer({"kid": NAME}, "did:web:issuer.example") == "did:web:issuer.example"
    asked = consent_to_keep(made.text, names=world.registry).text()
    assert "Issuer: \u2068Test University\u2069 (confirmed by the registry)" in asked


@clause("CP-57")
def test_a_copy_with_a_chain_goes_into_no_code(world: World):
    made = make(world, chain_of(world))
    for text in (made.text, made.text + "e30.e30." + "A" * 86):
        with pytest.raises(MalformedError, match="certificate chain does not fit a QR code") as no:
            encode_envelope(text)
        assert "other copy" in str(no.value.hint)
    assert encode_envelope(world.credential.text).startswith("WI1:")


@clause("CP-57")
def test_a_wallet_shows_no_copy_with_a_chain_and_asks_nothing_about_it(world: World, tmp_path):
    wallet = new_wallet(tmp_path, clock=world.clock)
    key = wallet.new_key()
    held = wallet.add(make(world, chain_of(world), holder_key=key).text)
    with pytest.raises(MalformedError, match="does not fit a QR code"):
        wallet.show(held.id, disclose=["name"], agree=lambda _: pytest.fail("asked"))
    assert wallet.credential(held.id).uses == ()
    verifier = world.verifier(accept_without_status=True)
    request = verifier.request(world.template, "name")
    assert verifier.verify(wallet.present(request), request).accepted
    wallet.close()


# --- Made for development ------------------------------------------------------------------------


@clause("CP-56")
@KINDS
def test_a_development_authority_certifies_a_key(key: PrivateKey):
    ca_key = PrivateKey.from_seed(bytes(31) + b"\x0c", key.kind)
    authority = create_development_authority(ca_key, "Town", YEARS)
    read = x509.load_der_x509_certificate(authority.der)
    assert read.subject.rfc4514_string() == "CN=Town (development only)"
    assert read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert read.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    names = LeafNames(NAME, "Town hall", ("issuer.example",))
    chain = create_leaf(key.public, names, YEARS, authority=authority, authority_key=ca_key)
    leaf = x509.load_der_x509_certificate(chain.leaf.der)
    leaf.verify_directly_issued_by(read)
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.UniformResourceIdentifier) == [NAME]
    assert alternatives.get_values_for_type(x509.DNSName) == ["issuer.example"]
    above = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = read.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert above.key_identifier == own.digest
    assert chain.authority_key_ids == (own.digest,)
    assert leaf.not_valid_before_utc == datetime.fromtimestamp(START, UTC)
    assert leaf.serial_number.bit_length() == read.serial_number.bit_length() == 127
    assert str(named_key(chain)) == NAME
    assert len(chain.certificates) == 1
    assert chain.leads_to([authority], START)
    require_chain_of(chain, NAME, key.public, now=START)


@clause("CP-56")
@KINDS
def test_a_request_asks_for_the_same_names(key: PrivateKey):
    made = create_request(key, LeafNames(NAME, "Town hall", ("issuer.example",)))
    assert b"PRIVATE" not in made
    read = x509.load_pem_x509_csr(made)
    assert read.is_signature_valid
    alternatives = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.UniformResourceIdentifier) == [NAME]
    # An authority of elsewhere signs what is asked for, and the chain is one that we take.
    leaf = (
        x509.CertificateBuilder()
        .subject_name(read.subject)
        .issuer_name(ROOT.certificate.subject)
        .public_key(read.public_key())
        .serial_number(1)
        .not_valid_before(datetime.fromtimestamp(START, UTC))
        .not_valid_after(datetime.fromtimestamp(START + YEAR, UTC))
        .add_extension(alternatives, critical=False)
        .sign(ROOT.key, ROOT.certificate.signature_hash_algorithm)
    )
    chain = CertificateChain.from_pem(pem(leaf))
    require_chain_of(chain, NAME, key.public, now=START)


@clause("CP-56")
def test_no_leaf_outlives_its_authority_or_has_another_one():
    authority = create_development_authority(P256, "Town", YEARS)
    names = LeafNames(NAME, "Town hall")

    def leaf(**changes: object) -> CertificateChain:
        members: dict[str, object] = {
            "validity": YEARS,
            "authority": authority,
            "authority_key": P256,
            "names": names,
            **changes,
        }
        return create_leaf(ED25519.public, **members)  # type: ignore[arg-type]

    assert leaf()
    with pytest.raises(MalformedError, match="outlive"):
        leaf(validity=Validity(START, START + YEAR + 1))
    with pytest.raises(CertificateError, match="another key"):
        leaf(authority_key=ED25519)
    for wrong in (
        leaf().leaf,
        Certificate.parse(ROOT.below().certificate.public_bytes(Encoding.DER)),
    ):
        with pytest.raises(CertificateError, match="development authority"):
            leaf(authority=wrong)
    for bad in (
        LeafNames(NAME, ""),
        LeafNames(NAME, "x" * 65),
        LeafNames(NAME, "two\nlines"),
        LeafNames(NAME, "x", ("höhe.example",)),
        LeafNames("did:weid:test:é#a", "x"),
    ):
        with pytest.raises(MalformedError):
            leaf(names=bad)
    with pytest.raises(MalformedError, match="never be in force"):
        Validity(START, START)
    with pytest.raises(MalformedError, match="does not sign"):
        create_request(PrivateKey.generate(KeyKind.X25519), names)
