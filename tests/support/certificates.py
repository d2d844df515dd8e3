"""Certificates made with `cryptography` alone, so that what reads them is not what wrote them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.support.world import START
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import JsonValue

YEAR = 366 * 86_400


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def public(key: PublicKey) -> Any:
    """Return a key of ours as `cryptography` has it."""
    if key.kind is KeyKind.ED25519:
        return ed25519.Ed25519PublicKey.from_public_bytes(key.raw)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.raw)


def private(key: PrivateKey) -> Any:
    if key.kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(key.secret_bytes())
    return ec.derive_private_key(int.from_bytes(key.secret_bytes(), "big"), ec.SECP256R1())


def key_usage(*, certificates: bool = False, signatures: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signatures,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass
class Authority:
    """A certificate authority: its key of any kind and its certificate."""

    key: Any
    certificate: x509.Certificate

    @classmethod
    def root(cls, text: str = "Root", *, key: Any = None, **changes: Any) -> Authority:
        """Return a new root; `changes` as `certify` has them."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        made = certify(key.public_key(), text, issuer=None, key_to_sign=key, ca=True, **changes)
        return cls(key, made)

    def below(self, text: str = "Below", *, key: Any = None, **changes: Any) -> Authority:
        """Return an authority that this one certifies."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        changes = {"ca": True, **changes}
        return Authority(key, certify(key.public_key(), text, issuer=self, **changes))

    def leaf(self, key: PublicKey, *uris: str, **changes: Any) -> x509.Certificate:
        """Return the certificate of an issuer's key that names these URIs."""
        return certify(public(key), "Issuer", issuer=self, uris=uris, **changes)


def certify(
    key: Any,
    subject: str,
    *,
    issuer: Authority | None,
    key_to_sign: Any = None,
    uris: tuple[str, ...] = (),
    dns: tuple[str, ...] = (),
    ca: bool | None = None,
    path_length: int | None = None,
    usage: x509.KeyUsage | None = None,
    not_before: int = START - YEAR,
    not_after: int = START + YEAR,
    digest: Any = None,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> x509.Certificate:
    """Return a certificate; whatever is not said is as a good one has it."""
    signing = key_to_sign or (issuer and issuer.key)
    above = name(subject) if issuer is None else issuer.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(above)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(not_after, UTC))
    )
    if ca is not None:
        constraints = x509.BasicConstraints(ca=ca, path_length=path_length)
        builder = builder.add_extension(constraints, critical=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    if uris or dns:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        alternatives = x509.SubjectAlternativeName([*names, *(x509.DNSName(n) for n in dns)])
        builder = builder.add_extension(alternatives, critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    if isinstance(signing, ed25519.Ed25519PrivateKey):
        return builder.sign(signing, None)
    return builder.sign(signing, digest or hashes.SHA256())


def x5c(*chain: x509.Certificate) -> list[JsonValue]:
    """Return a chain as the header has it: standard base64 of DER."""
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]


def pem(*chain: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)
