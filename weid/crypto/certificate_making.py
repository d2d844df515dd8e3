"""Making certificates: an authority for development, a leaf for an issuer's key, a request for one.

For one machine and for tests. Nobody else trusts such an authority; a real one signs the request
that `create_request` makes. Clause CP-56 of specs/credential-profile.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey, RandomBytes
from weid.errors import CertificateError, MalformedError

DEVELOPMENT: Final = "development only"
"""What the name of an authority that we make says of it."""
_SERIAL_BYTES: Final = 16
_NAME_CHARS: Final = 64  # the upper bound of a common name (RFC 5280 appendix A.1)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a certificate is in force (seconds)."""

    not_before: int
    not_after: int

    def __post_init__(self) -> None:
        if not 0 <= self.not_before < self.not_after:
            raise MalformedError("the certificate would never be in force")


@dataclass(frozen=True, slots=True)
class LeafNames:
    """What a leaf is called: `key_url` of the key in its URI SAN, DNS names where there are any."""

    key_url: str
    common_name: str
    dns_names: tuple[str, ...] = ()


def create_development_authority(
    key: PrivateKey,
    name: str,
    validity: Validity,
    *,
    random: RandomBytes = secrets.token_bytes,
) -> Certificate:
    """Return the self-signed certificate of an authority whose name says that it is no real one.

    Raises:
        MalformedError: a name that does not fit, or a key that cannot sign.
    """
    subject = _name(f"{name} ({DEVELOPMENT})")
    builder = _builder(key.public, subject, subject, validity, random)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(certificates=True), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(_public(key.public))
    return _sign(builder.add_extension(identifier, critical=False), key)


def create_leaf(
    key: PublicKey,
    names: LeafNames,
    validity: Validity,
    *,
    authority: Certificate,
    authority_key: PrivateKey,
    random: RandomBytes = secrets.token_bytes,
) -> CertificateChain:
    """Return the chain of a leaf that an authority signs: the leaf alone, without the authority.

    Raises:
        MalformedError: names that do not fit, a key of another kind, a validity past its own.
        CertificateError: the authority's certificate is none, or of another key.
    """
    if not authority.is_authority or not authority.is_self_signed:
        raise CertificateError(
            "the certificate to sign with is not a development authority's",
            "malformed",
            hint="`weid key ca` makes one; a real authority signs what `weid key request` writes.",
        )
    if authority.parsed.public_key() != _public(authority_key.public):
        raise CertificateError("the authority's certificate is of another key", "key_other")
    if validity.not_after > authority.not_after:
        raise MalformedError(
            "the certificate would outlive the authority that signs it",
            hint="Give it fewer days, or make a new authority.",
        )
    subject, issuer = _name(names.common_name), authority.parsed.subject
    builder = _builder(key, subject, issuer, validity, random)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(certificates=False), critical=True)
    builder = builder.add_extension(_alternatives(names), critical=False)
    # HAIP 1.0 selects issuers by this identifier of the authority (`trusted_authorities`, aki).
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(_public(authority_key.public))
    builder = builder.add_extension(above, critical=False)
    own = x509.SubjectKeyIdentifier.from_public_key(_public(key))
    return CertificateChain.of([_sign(builder.add_extension(own, critical=False), authority_key)])


def create_request(key: PrivateKey, names: LeafNames) -> bytes:
    """Return a PKCS #10 request in PEM for a real authority to sign.

    Raises:
        MalformedError: names that do not fit, or a key that cannot sign.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(names.common_name))
    builder = builder.add_extension(_alternatives(names), critical=False)
    private, digest = _private(key)
    return builder.sign(private, digest).public_bytes(Encoding.PEM)


def _builder(
    key: PublicKey, subject: x509.Name, issuer: x509.Name, validity: Validity, random: RandomBytes
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(_public(key))
        # One bit is kept clear, and one set: positive, not zero, always as long.
        .serial_number(int.from_bytes(random(_SERIAL_BYTES), "big") >> 1 | 1 << 126)
        .not_valid_before(datetime.fromtimestamp(validity.not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(validity.not_after, UTC))
    )


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> Certificate:
    private, digest = _private(key)
    return Certificate.parse(builder.sign(private, digest).public_bytes(Encoding.DER))


def _name(text: str) -> x509.Name:
    if not text.isprintable() or not 0 < len(text) <= _NAME_CHARS:
        raise MalformedError(f"the name of a certificate has 1 to {_NAME_CHARS} characters")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternatives(names: LeafNames) -> x509.SubjectAlternativeName:
    try:
        uris: Sequence[x509.GeneralName] = [x509.UniformResourceIdentifier(names.key_url)]
        return x509.SubjectAlternativeName([*uris, *(x509.DNSName(n) for n in names.dns_names)])
    except ValueError:
        raise MalformedError("the names of a certificate are plain ASCII") from None


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _public(key: PublicKey) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    if key.kind is KeyKind.ED25519:
        return ed25519.Ed25519PublicKey.from_public_bytes(key.raw)
    if key.kind is KeyKind.P256:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.raw)
    raise MalformedError(f"a key of kind {key.kind} does not sign")


def _private(
    key: PrivateKey,
) -> tuple[ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, hashes.SHA256 | None]:
    """Return the key as `cryptography` signs certificates with, and the digest that it wants."""
    if key.kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(key.secret_bytes()), None
    if key.kind is KeyKind.P256:
        number = int.from_bytes(key.secret_bytes(), "big")
        return ec.derive_private_key(number, ec.SECP256R1()), hashes.SHA256()
    raise MalformedError(f"a key of kind {key.kind} does not sign")
