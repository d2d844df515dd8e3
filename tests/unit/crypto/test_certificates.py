"""Certificate chains as a header carries them: what is read, and what is refused of it."""

from __future__ import annotations

import base64
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import YEAR, Authority, certify, key_usage, pem, public, x5c
from tests.support.clauses import clause
from tests.support.world import START, seeded
from weid import limits
from weid.crypto.certificates import Certificate, CertificateChain, certificates_from_pem
from weid.crypto.keys import KeyKind, PrivateKey
from weid.errors import CertificateError, MalformedError

KEY = seeded(3)
P256 = PrivateKey.from_seed(bytes(31) + b"\x05", KeyKind.P256)
URI = "did:weid:test:2VbXfGpnTcQZqYjz9RkWm4sLhDtE#assertion-1"
ROOT = Authority.root()
LEAF = ROOT.leaf(KEY.public, URI)


def fault(value: object) -> str:
    with pytest.raises(CertificateError) as caught:
        CertificateChain.parse(value)  # type: ignore[arg-type]  # what a stranger sends
    return caught.value.fault


@clause("CP-53")
@pytest.mark.parametrize("key", [KEY, P256], ids=["Ed25519", "P-256"])
def test_a_leaf_alone_is_a_chain(key):
    chain = CertificateChain.parse(x5c(ROOT.leaf(key.public, URI, dns=("issuer.example",))))
    assert chain.public_key == key.public
    assert chain.leaf.uris == (URI,)
    assert chain.leaf.dns_names == ("issuer.example",)
    assert not chain.ends_in_anchor


@clause("CP-53")
@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.from_private_bytes(b"\x07" * 32),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["Ed25519", "P-384", "RSA"],
)
def test_authorities_of_every_kind_are_taken(key):
    below = Authority.root(key=key).below(key=ec.generate_private_key(ec.SECP521R1()))
    above = Authority.root(key=key)
    for chain in (
        (below.leaf(KEY.public, URI), below.certificate),
        (above.leaf(KEY.public, URI), above.certificate),
    ):
        assert CertificateChain.parse(x5c(*chain)).public_key == KEY.public


@clause("CP-53")
def test_a_chain_is_written_as_it_was_read():
    below = ROOT.below()
    value = x5c(below.leaf(KEY.public, URI), below.certificate)
    chain = CertificateChain.parse(value)
    assert chain.to_x5c() == value
    assert CertificateChain.from_pem(chain.to_pem()) == chain


TEXT = x5c(LEAF)[0]
assert isinstance(TEXT, str)
FORMS: dict[str, object] = {
    "text": TEXT,
    "nothing": [],
    "an object": {"0": TEXT},
    "null": None,
    "a number in it": [TEXT, 1],
    "one too many": [TEXT] * (limits.CHAIN_CERTIFICATES + 1),
    "empty text": [""],
    "a line break": [TEXT[:64] + "\n" + TEXT[64:]],
    "no padding": [TEXT.rstrip("=") + "A"],
    "base64url": [base64.urlsafe_b64encode(b"\xfb\xef\xbe" + b"\xff" * 300).decode()],
    "PEM": [pem(LEAF).decode()],
    "not ASCII": ["é" * 100],
    "no certificate": [base64.b64encode(b"hello").decode()],
    "bytes after it": [base64.b64encode(base64.b64decode(TEXT) + b"\0").decode()],
    "cut off": [base64.b64encode(base64.b64decode(TEXT)[:-1]).decode()],
    "too large": [base64.b64encode(b"\x30" * (limits.CERTIFICATE_BYTES + 1)).decode()],
    "an address": ["https://evil.example/chain.pem"],
}


@clause("CP-53")
@pytest.mark.parametrize("value", FORMS.values(), ids=FORMS)
def test_a_form_is_refused_that_is(value):
    assert fault(value) == "malformed"


@clause("CP-53")
def test_base64_has_one_spelling():
    # The last characters hold bits that nothing reads: another text would be the same bytes.
    data = base64.b64decode(TEXT)
    whole = len(data) % 3
    spellings = {TEXT[:-whole] if whole else TEXT}
    if TEXT.endswith("="):
        body = TEXT.rstrip("=")
        spellings |= {body[:-1] + chr(ord(body[-1]) + 1) + "=" * TEXT.count("="), body}
    for text in spellings - {TEXT}:
        assert fault([text]) == "malformed"


def padded(size: int) -> x509.Certificate:
    """Return a leaf of exactly a number of bytes in DER."""
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
    # Signatures of Ed25519 have one length, so that two tries nearly always do.
    root = Authority.root(key=ed25519.Ed25519PrivateKey.from_private_bytes(b"\x09" * 32))
    count = size - 400
    for _ in range(100):
        filler = x509.UnrecognizedExtension(oid, bytes(count))
        certificate = root.leaf(KEY.public, URI, extra=((filler, False),))
        length = len(certificate.public_bytes(Encoding.DER))
        if length == size:
            return certificate
        count += size - length
    raise AssertionError("no certificate of that size came about")


@clause("CP-53")
def test_the_largest_certificate_is_taken_and_no_larger():
    assert CertificateChain.parse(x5c(padded(limits.CERTIFICATE_BYTES))).leaf.uris == (URI,)
    assert fault(x5c(padded(limits.CERTIFICATE_BYTES + 1))) == "malformed"


@clause("CP-53")
def test_the_longest_chain_is_taken():
    authorities = [Authority.root()]
    while len(authorities) < limits.CHAIN_CERTIFICATES:
        authorities.append(authorities[-1].below(f"Below {len(authorities)}"))
    leaf = authorities[-1].leaf(KEY.public, URI)
    middle = [one.certificate for one in reversed(authorities[1:])]
    assert len(CertificateChain.parse(x5c(leaf, *middle)).certificates) == 5
    assert fault(x5c(leaf, *middle, authorities[0].certificate)) == "malformed"


def other_curve() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    return certify(key, "Issuer", issuer=ROOT, uris=(URI,))


def rsa_leaf() -> x509.Certificate:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return certify(key, "Issuer", issuer=ROOT, uris=(URI,))


def everybodys() -> x509.Certificate:
    """Return a certificate for a key of small order, whose private part anybody can stand in for."""
    key = ed25519.Ed25519PublicKey.from_public_bytes(b"\x01" + bytes(31))
    return certify(key, "Issuer", issuer=ROOT, uris=(URI,))


def with_extension(extension: x509.ExtensionType, *, critical: bool) -> x509.Certificate:
    return ROOT.leaf(KEY.public, URI, extra=((extension, critical),))


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x05\x00")
BOUNDS = x509.NameConstraints([x509.DNSName("other.example")], None)
LEAVES = {
    "of another curve": other_curve,
    "of RSA": rsa_leaf,
    "of a key that everybody has": everybodys,
    "an authority's": lambda: ROOT.leaf(KEY.public, URI, ca=True),
    "not for signing": lambda: ROOT.leaf(KEY.public, URI, usage=key_usage(signatures=False)),
    "of critical bounds": lambda: with_extension(BOUNDS, critical=True),
    "of a critical extension that nobody knows": lambda: with_extension(UNKNOWN, critical=True),
}


@clause("CP-53")
@pytest.mark.parametrize("make", LEAVES.values(), ids=LEAVES)
def test_a_leaf_is_refused_that_is(make):
    assert fault(x5c(make())) == "malformed"


@clause("CP-53")
def test_an_extension_that_nobody_needs_to_understand_changes_nothing():
    certificate = with_extension(UNKNOWN, critical=False)
    assert CertificateChain.parse(x5c(certificate)).public_key == KEY.public


@clause("CP-53")
@pytest.mark.parametrize("subject", ["Issuer", "Another name"])
def test_a_leaf_that_signed_itself_is_refused_whatever_its_names_are(subject):
    alone = Authority(
        serialization_key(),
        certify(public(P256.public), subject, issuer=None, key_to_sign=serialization_key()),
    )
    signed = certify(
        public(P256.public), "Issuer", issuer=alone, key_to_sign=serialization_key(), uris=(URI,)
    )
    assert fault(x5c(signed)) == "self_signed"


def serialization_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(5, ec.SECP256R1())


def chain_of(authority: Authority, **changes: object) -> list[object]:
    return list(x5c(authority.leaf(KEY.public, URI, **changes), authority.certificate))


def swapped() -> list[object]:
    below = ROOT.below()
    return list(x5c(below.certificate, below.leaf(KEY.public, URI)))


def another_signed() -> list[object]:
    """A leaf in the name of an authority whose key did not sign it."""
    below, impostor = ROOT.below("The Authority"), ROOT.below("The Authority")
    return list(x5c(impostor.leaf(KEY.public, URI), below.certificate))


def of_other_name() -> list[object]:
    key = ec.generate_private_key(ec.SECP256R1())
    one, other = ROOT.below("One", key=key), ROOT.below("Other", key=key)
    return list(x5c(one.leaf(KEY.public, URI), other.certificate))


def too_deep() -> list[object]:
    bounded = ROOT.below("Bounded", path_length=0)
    below = bounded.below()
    return list(x5c(below.leaf(KEY.public, URI), below.certificate, bounded.certificate))


def doubled() -> list[object]:
    below = ROOT.below()
    return [*chain_of(below), *x5c(below.certificate)]


LINKS = {
    "signed by a key that is no authority's": lambda: chain_of(ROOT.below(ca=False)),
    "signed by a certificate without constraints": lambda: chain_of(ROOT.below(ca=None)),
    "signed by another of that name": another_signed,
    "signed by the key under another name": of_other_name,
    "longer than its authority lets it be": too_deep,
    "with the authority twice": doubled,
    "signed with a short digest": lambda: chain_of(ROOT.below(), digest=hashes.SHA224()),
    "signed by a short RSA key": lambda: chain_of(
        ROOT.below(key=rsa.generate_private_key(65537, 1024))  # noqa: S505
    ),
}


@clause("CP-53")
@pytest.mark.parametrize("make", LINKS.values(), ids=LINKS)
def test_a_chain_is_refused_that_is(make):
    assert fault(make()) == "broken"


@clause("CP-53")
def test_an_authority_that_may_not_certify_is_refused():
    below = ROOT.below(usage=key_usage(certificates=False))
    assert fault(chain_of(below)) == "malformed"
    assert CertificateChain.parse(chain_of(ROOT.below(usage=key_usage(certificates=True))))


@clause("CP-53")
def test_the_order_is_leaf_first():
    assert fault(swapped()) == "malformed"


@clause("CP-53")
def test_a_signature_of_the_chain_that_was_changed_is_refused():
    below = ROOT.below()
    leaf = bytearray(below.leaf(KEY.public, URI).public_bytes(Encoding.DER))
    leaf[-1] ^= 1
    changed = [base64.b64encode(leaf).decode(), *x5c(below.certificate)]
    assert fault(changed) == "broken"


@clause("VF-42")
def test_a_chain_is_in_force_while_all_of_it_is():
    below = ROOT.below(not_before=START - 100, not_after=START + 200)
    chain = CertificateChain.parse(
        chain_of(below, not_before=START, not_after=START + 1000)  # type: ignore[arg-type]
    )
    for at, expected in (
        (START - 1, False), (START, True), (START + 200, True), (START + 201, False),
    ):  # fmt: skip
        assert chain.is_in_force(at) is expected
    assert chain.is_in_force(START - 60, leeway=60)
    assert not chain.is_in_force(START - 61, leeway=60)
    with pytest.raises(CertificateError, match="in force only from") as caught:
        chain.check_in_force(START + 201)
    assert caught.value.fault == "not_in_force"


def certificate(one: x509.Certificate) -> Certificate:
    return Certificate.parse(one.public_bytes(Encoding.DER))


@clause("VF-43")
def test_a_chain_leads_to_who_issued_its_last_certificate():
    below = ROOT.below()
    alone = CertificateChain.parse(x5c(below.leaf(KEY.public, URI)))
    longer = CertificateChain.parse(chain_of(below))  # type: ignore[arg-type]
    root, middle = certificate(ROOT.certificate), certificate(below.certificate)
    assert longer.leads_to([root], START)
    assert longer.leads_to([middle], START)
    assert alone.leads_to([middle], START)
    assert not alone.leads_to([root], START)
    impostor = certificate(Authority.root().certificate)
    assert not longer.leads_to([impostor], START)
    assert longer.leads_to([impostor, root], START)
    assert not longer.leads_to([], START)


@clause("VF-43")
def test_an_authority_out_of_force_or_bounds_is_led_to_by_nothing():
    old = Authority.root(not_after=START - 1)
    chain = CertificateChain.parse(x5c(old.leaf(KEY.public, URI)))
    assert not chain.leads_to([certificate(old.certificate)], START)
    assert chain.leads_to([certificate(old.certificate)], START, leeway=60)
    bounded = Authority.root(path_length=0)
    longer = CertificateChain.parse(chain_of(bounded.below()))  # type: ignore[arg-type]
    assert not longer.leads_to([certificate(bounded.certificate)], START)


@clause("VF-43")
def test_a_leaf_is_no_authority_for_itself():
    chain = CertificateChain.parse(x5c(LEAF))
    assert not chain.leads_to([certificate(LEAF)], START)


@clause("CP-55")
def test_the_anchor_is_seen_in_a_chain():
    assert CertificateChain.parse(chain_of(ROOT)).ends_in_anchor  # type: ignore[arg-type]
    assert not CertificateChain.parse(chain_of(ROOT.below())).ends_in_anchor  # type: ignore[arg-type]


@clause("CP-53")
def test_pem_holds_certificates_and_no_key():
    key = serialization_key().private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(CertificateError, match="private key") as caught:
        CertificateChain.from_pem(pem(LEAF) + key)
    assert "burnt" in str(caught.value.hint)
    for wrong in (b"", b"hello", pem(LEAF)[:200], bytes(limits.CHAIN_CERTIFICATES * 20_000)):
        with pytest.raises(CertificateError):
            certificates_from_pem(wrong, what="the file")
    assert len(certificates_from_pem(b"words\n" + pem(LEAF, ROOT.certificate), what="x")) == 2


@clause("CP-53")
def test_no_changed_byte_raises_anything_but_a_refusal():
    good = LEAF.public_bytes(Encoding.DER)
    chance = random.Random(20260528)
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            chain = CertificateChain.parse([base64.b64encode(data).decode()])
        except MalformedError:
            continue
        assert chain.leaf.der == bytes(data)


def test_years_are_long_enough():
    assert certificate(LEAF).not_after == START + YEAR
