"""X.509 certificates as a JWS carries them in `x5c` (RFC 7515 section 4.1.6), read strictly.

What a chain proves by itself is settled here: its form, that each certificate is signed by the
next, the times it is in force, and whether it leads to a certificate authority that somebody
trusts. Whose key it is, the registry says (clause VF-40); revocation lists are never asked.
Clauses CP-53 and CP-54 of specs/credential-profile.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from weid import limits
from weid.clock import format_time
from weid.crypto import p256
from weid.crypto.keys import KeyKind, PublicKey
from weid.encoding import JsonValue, base64url_encode
from weid.errors import CertificateError, CryptoError, MalformedError

_E = TypeVar("_E", bound=x509.ExtensionType)
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_RSA_BITS: Final = range(2048, 8193)
_UNDERSTOOD: Final = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
    }
)
"""Extensions that may be critical: RFC 5280 section 4.2 refuses a critical one not understood."""
_WHAT: Final = "the certificate chain"
_PEM_BYTES: Final = 16 * 1024
"""One certificate in PEM: base64 of the largest in DER, and words around it."""
_READING: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
    Warning,  # `cryptography` warns of spellings that it will refuse; we refuse them now
)
"""What reading a hostile certificate may raise."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of version 3; equal when their bytes are.

    `not_before` and `not_after` are seconds, both inclusive. `path_length` is None where it bounds
    nothing; `authority_key_id` names the key above it, None where nothing does. `dns_names`
    are in lower case.
    """

    der: bytes
    parsed: x509.Certificate = field(repr=False, compare=False)
    not_before: int = field(compare=False)
    not_after: int = field(compare=False)
    is_authority: bool = field(compare=False)
    path_length: int | None = field(compare=False)
    authority_key_id: bytes | None = field(compare=False)
    uris: tuple[str, ...] = field(compare=False)
    dns_names: tuple[str, ...] = field(compare=False)

    @classmethod
    def parse(cls, der: bytes, *, what: str = "the certificate") -> Certificate:
        """Read a certificate in DER.

        Raises:
            CertificateError: (malformed) too large, not one certificate of version 3, an extension
                twice or critical and not understood, a key usage that its use contradicts.
        """
        if len(der) > limits.CERTIFICATE_BYTES:
            raise _malformed(f"{what} is larger than {limits.CERTIFICATE_BYTES} bytes")
        try:
            return _read(der, what)
        except _READING:
            raise _malformed(f"{what} is not an X.509 certificate that can be read") from None

    def is_in_force(self, at: int, leeway: int = 0) -> bool:
        """Return whether a time lies within its validity, give or take the leeway (seconds)."""
        return self.not_before - leeway <= at <= self.not_after + leeway

    def to_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.parsed.public_bytes(Encoding.PEM)

    @property
    def thumbprint(self) -> str:
        """The SHA-256 of its bytes in base64url: what the prefix `x509_hash` of OpenID4VP names."""
        return base64url_encode(sha256(self.der).digest())

    @property
    def is_self_signed(self) -> bool:
        """Whether its own key signed it, whatever names it bears."""
        return _is_signed_by(self, self)

    def is_issued_by(self, other: Certificate) -> bool:
        """Return whether another certificate's subject and key issued it."""
        return self.parsed.issuer == other.parsed.subject and _is_signed_by(self, other)


@dataclass(frozen=True, slots=True)
class CertificateChain:
    """A chain whose form holds: leaf first, each certificate signed by the next.

    `public_key` is the leaf's. Whether the leaf is in force, and whether anybody trusts who signed
    it, are questions of their own.
    """

    certificates: tuple[Certificate, ...]
    public_key: PublicKey

    @classmethod
    def parse(cls, value: JsonValue) -> CertificateChain:
        """Read the value of an `x5c` header; the same one is read once.

        Raises:
            CertificateError: what is wrong with its form (`malformed`), its leaf (`self_signed`)
                or its signatures (`broken`).
        """
        if not isinstance(value, list) or not 0 < len(value) <= limits.CHAIN_CERTIFICATES:
            raise _malformed(
                f"{_WHAT} is not an array of 1 to {limits.CHAIN_CERTIFICATES} certificates"
            )
        texts = tuple([text for text in value if isinstance(text, str)])
        if len(texts) != len(value):
            raise _malformed(f"{_WHAT} has a member that is not text")
        return _parse_texts(texts)

    @classmethod
    def of(cls, certificates: Iterable[Certificate]) -> CertificateChain:
        """Return the chain of certificates, leaf first.

        Raises:
            CertificateError: as `parse`.
        """
        chain = tuple(certificates)
        if not 0 < len(chain) <= limits.CHAIN_CERTIFICATES:
            raise _malformed(f"{_WHAT} does not have 1 to {limits.CHAIN_CERTIFICATES} certificates")
        leaf = chain[0]
        if leaf.is_authority:
            raise _malformed("the leaf of the certificate chain is a certificate authority's own")
        key = _leaf_key(leaf)
        if leaf.is_self_signed:
            raise CertificateError(
                "the leaf of the certificate chain is self-signed",
                "self_signed",
                hint="Have it issued by an authority, if only one of your own, and leave that out.",
            )
        for place, (signed, signing) in enumerate(pairwise(chain)):
            _check_link(signed, signing, below=place)
        return cls(chain, key)

    @classmethod
    def from_pem(cls, data: bytes, *, what: str = _WHAT) -> CertificateChain:
        """Read a chain from PEM, leaf first.

        Raises:
            CertificateError: as `parse`, or a private key in the file.
        """
        return cls.of(certificates_from_pem(data, what=what))

    @property
    def leaf(self) -> Certificate:
        """The certificate of the key that signs."""
        return self.certificates[0]

    @property
    def authority_key_ids(self) -> tuple[bytes, ...]:
        """What names the keys above it: what a query's `trusted_authorities` (aki) asks for."""
        return tuple(
            one.authority_key_id for one in self.certificates if one.authority_key_id is not None
        )

    @property
    def ends_in_anchor(self) -> bool:
        """Whether the last certificate is self-signed: HAIP 1.0 section 6.1.1 has it left out."""
        return self.certificates[-1].is_self_signed

    def to_x5c(self) -> list[JsonValue]:
        """Return the value of an `x5c` header."""
        return [base64.b64encode(one.der).decode("ascii") for one in self.certificates]

    def to_pem(self) -> bytes:
        """Return the chain as PEM, leaf first."""
        return b"".join(one.to_pem() for one in self.certificates)

    def is_in_force(self, at: int, *, leeway: int = 0) -> bool:
        """Return whether every certificate is in force at a time, give or take the leeway."""
        return all(one.is_in_force(at, leeway) for one in self.certificates)

    def check_in_force(self, at: int, *, leeway: int = 0) -> None:
        """Require that every certificate is in force at a time (seconds).

        Raises:
            CertificateError: (not_in_force) with the window of the one that is not.
        """
        for one in self.certificates:
            if not one.is_in_force(at, leeway):
                window = f"{format_time(one.not_before)} to {format_time(one.not_after)}"
                raise CertificateError(
                    f"a certificate of the chain is in force only from {window}", "not_in_force"
                )

    def leads_to(self, authorities: Iterable[Certificate], at: int, *, leeway: int = 0) -> bool:
        """Return whether the chain ends in, or was issued by, one of these authorities in force."""
        last, below = self.certificates[-1], len(self.certificates) - 1
        for authority in authorities:
            if not (authority.is_authority and authority.is_in_force(at, leeway)):
                continue
            if authority == last:
                return True
            if _may_stand_above(authority, below) and last.is_issued_by(authority):
                return True
        return False


def certificates_from_pem(data: bytes, *, what: str) -> tuple[Certificate, ...]:
    """Read the certificates of a PEM file, in their order.

    Raises:
        CertificateError: none, too many, no PEM, or a private key among them.
    """
    if b"PRIVATE KEY" in data:
        raise CertificateError(
            f"{what} holds a private key",
            "malformed",
            hint="Take the key out: a certificate file is public, and the key has a file of its "
            "own. Where others could read the file, the key is burnt.",
        )
    if len(data) > limits.CHAIN_CERTIFICATES * _PEM_BYTES:
        raise _malformed(f"{what} is too large to be a certificate chain")
    try:
        found = x509.load_pem_x509_certificates(data)
    except _READING:
        raise _malformed(f"{what} holds no certificate in PEM that can be read") from None
    return tuple(Certificate.parse(one.public_bytes(Encoding.DER), what=what) for one in found)


@lru_cache(maxsize=128)
def _parse_texts(texts: tuple[str, ...]) -> CertificateChain:
    return CertificateChain.of([Certificate.parse(_decode(text)) for text in texts])


def _decode(text: str) -> bytes:
    """Return the bytes of standard base64 in its only spelling: padded, without line breaks."""
    if len(text) > limits.CERTIFICATE_BYTES * 4 // 3 + 4:
        raise _malformed(f"the certificate is larger than {limits.CERTIFICATE_BYTES} bytes")
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    if not data or base64.b64encode(data).decode("ascii") != text:
        raise _malformed("a certificate of the chain is not in standard base64")
    return data


def _read(der: bytes, what: str) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    if parsed.version is not x509.Version.v3 or parsed.public_bytes(Encoding.DER) != der:
        raise _malformed(f"{what} is not one certificate of version 3")
    extensions = {one.oid: one for one in parsed.extensions}
    for oid, one in extensions.items():
        if one.critical and oid not in _UNDERSTOOD:
            raise _malformed(f"{what} has a critical extension that is not understood")
    constraints = _value(extensions, x509.BasicConstraints)
    is_authority = constraints is not None and constraints.ca
    usage = _value(extensions, x509.KeyUsage)
    if usage is not None and not (usage.key_cert_sign if is_authority else usage.digital_signature):
        raise _malformed(f"{what} has a key usage that does not let it sign")
    names = _value(extensions, x509.SubjectAlternativeName) or ()
    above = _value(extensions, x509.AuthorityKeyIdentifier)
    return Certificate(
        der=der,
        parsed=parsed,
        not_before=int(parsed.not_valid_before_utc.timestamp()),
        not_after=int(parsed.not_valid_after_utc.timestamp()),
        is_authority=is_authority,
        path_length=None if constraints is None else constraints.path_length,
        authority_key_id=None if above is None else above.key_identifier,
        uris=tuple(n.value for n in names if isinstance(n, x509.UniformResourceIdentifier)),
        dns_names=tuple(n.value.lower() for n in names if isinstance(n, x509.DNSName)),
    )


def _value(
    extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]], kind: type[_E]
) -> _E | None:
    found = extensions.get(kind.oid)
    return found.value if found is not None and isinstance(found.value, kind) else None


def _leaf_key(leaf: Certificate) -> PublicKey:
    """Return the leaf's key, of the two kinds that credentials are signed with."""
    try:
        key = leaf.parsed.public_key()
        if isinstance(key, ed25519.Ed25519PublicKey):
            raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return PublicKey(KeyKind.ED25519, raw)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return PublicKey(KeyKind.P256, p256.compressed(key))
    except (MalformedError, CryptoError, *_READING):
        raise _malformed("the key of the leaf cannot be used") from None
    raise _malformed("the key of the leaf is neither Ed25519 nor P-256")


def _check_link(signed: Certificate, signing: Certificate, *, below: int) -> None:
    if not _may_stand_above(signing, below) or not signed.is_issued_by(signing):
        raise CertificateError(
            f"certificate {below + 1} of the chain was not issued by the next one", "broken"
        )


def _may_stand_above(authority: Certificate, below: int) -> bool:
    """Return whether an authority may have this many other authorities between it and a leaf."""
    bound = authority.path_length
    return authority.is_authority and (bound is None or below <= bound)


def _is_signed_by(signed: Certificate, signing: Certificate) -> bool:
    try:
        return _verifies(signed.parsed, signing.parsed)
    except (InvalidSignature, *_READING):
        return False


def _verifies(signed: x509.Certificate, signing: x509.Certificate) -> bool:
    """Return True where the key's signature holds; a kind that we do not take gives False."""
    key, body = signing.public_key(), signed.tbs_certificate_bytes
    how, digest = signed.signature_algorithm_parameters, signed.signature_hash_algorithm
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signed.signature, body)
    elif not isinstance(digest, _HASHES):
        return False
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, _CURVES) or not isinstance(how, ec.ECDSA):
            return False
        key.verify(signed.signature, body, how)
    elif isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
        if key.key_size not in _RSA_BITS:
            return False
        key.verify(signed.signature, body, how, digest)
    else:
        return False
    return True


def _malformed(message: str) -> CertificateError:
    return CertificateError(message, "malformed")
