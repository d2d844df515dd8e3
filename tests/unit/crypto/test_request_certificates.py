"""Certificates in headers: keys that we take, names, identifiers; chains are in test_request_object."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from tests.support.clauses import clause
from tests.support.world import START
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.request_certificates import (
    MAX_BYTES,
    Certificate,
    authority_key_ids,
    check_chain,
    dns_names,
    is_self_signed,
    leaf_key,
    parse_certificate,
    parse_x5c,
    to_x5c,
)
from weid.errors import CryptoError, MalformedError, UnsupportedAlgorithmError

ROOT_KEY = ec.derive_private_key(11, ec.SECP256R1())
SEED = b"\x07" * 32


def made(public_key, *extensions: x509.ExtensionType, name: str = "Leaf") -> Certificate:
    begins = dt.datetime.fromtimestamp(START, dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")]))
        .public_key(public_key)
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(ROOT_KEY, hashes.SHA256())


P256 = made(ec.derive_private_key(5, ec.SECP256R1()).public_key())
ED25519 = made(ed25519.Ed25519PrivateKey.from_private_bytes(SEED).public_key())
P384 = made(ec.derive_private_key(5, ec.SECP384R1()).public_key())


@clause("PP-35", "PP-37")
def test_the_key_of_a_certificate_is_one_of_two_kinds():
    assert leaf_key(ED25519) == PrivateKey.from_seed(SEED).public
    secret = (5).to_bytes(32, "big")
    assert leaf_key(P256) == PrivateKey.from_seed(secret, KeyKind.P256).public
    with pytest.raises(UnsupportedAlgorithmError):
        leaf_key(P384)


@clause("PP-37", "R13")
def test_a_certificate_for_a_key_that_everybody_has_is_refused():
    small = ed25519.Ed25519PublicKey.from_public_bytes(b"\x01" + bytes(31))
    with pytest.raises(MalformedError):
        leaf_key(made(small))


@clause("PP-33", "PP-35")
def test_a_certificate_without_names_or_identifiers_has_none():
    assert dns_names(P256) == frozenset()
    assert authority_key_ids((P256,)) == frozenset()
    bare = x509.AuthorityKeyIdentifier(None, [x509.DNSName("a")], 1)
    assert authority_key_ids((made(P256.public_key(), bare),)) == frozenset()
    names = x509.SubjectAlternativeName([x509.DNSName("A.Example"), x509.RFC822Name("a@b.c")])
    assert dns_names(made(P256.public_key(), names)) == {"a.example"}


@clause("PP-37")
def test_an_issuer_that_does_not_say_that_it_may_issue_may_not():
    root = made(ROOT_KEY.public_key(), name="Root")
    assert is_self_signed(root)
    with pytest.raises(CryptoError, match="authority"):
        check_chain((P256,), (root,), now=START + 1, what="it")
    for length, believed in ((0, False), (1, True)):
        bounds = x509.BasicConstraints(ca=True, path_length=length)
        # Two certificates of one name and key, so that one stands between the other and the leaf.
        anchor, middle = (
            made(ROOT_KEY.public_key(), bounds, x509.SubjectAlternativeName([x509.DNSName(each)]),
                 name="Root")
            for each in ("anchor", "middle")
        )  # fmt: skip
        if believed:
            check_chain((P256, middle), (anchor,), now=START + 1, what="it")
        else:
            with pytest.raises(CryptoError, match="authority"):
                check_chain((P256, middle), (anchor,), now=START + 1, what="it")
    with pytest.raises(CryptoError):
        check_chain((), (root,), now=START, what="it")


@clause("PP-36")
def test_a_chain_survives_the_header():
    assert parse_x5c(to_x5c((P256, ED25519)), what="it") == (P256, ED25519)
    for der in (b"", b"0", bytes(MAX_BYTES + 1)):
        with pytest.raises(MalformedError):
            parse_certificate(der, what="it")
