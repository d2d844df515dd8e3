"""X.509 certificates in a JOSE header (`x5c`): reading, chaining to an anchor, what they name.

`cryptography` parses and verifies; this module decides what we take. A chain is the leaf first,
each certificate issued by the next; the anchor itself need not be there (HAIP 1.0 wants it left
out). Revocation is not looked at: certificates of requests are short-lived or pinned.
Clauses PP-33, PP-35 and PP-37 of specs/presentation-profile.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from weid.crypto import p256
from weid.crypto.keys import KeyKind, PublicKey
from weid.encoding import JsonValue, base64url_encode
from weid.errors import CryptoError, MalformedError, UnsupportedAlgorithmError

Certificate: TypeAlias = x509.Certificate
MAX_CERTIFICATES: Final = 6
MAX_BYTES: Final = 8192
"""One certificate as DER."""
# What a certificate may insist on: anything else is a demand that nobody here understands.
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


def parse_certificate(der: bytes, *, what: str) -> Certificate:
    """Read one certificate.

    Raises:
        MalformedError: too large, or not a certificate that can be read.
    """
    if len(der) > MAX_BYTES:
        raise MalformedError(f"a certificate of {what} is larger than {MAX_BYTES} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions  # read lazily, and then only fails
    except (ValueError, TypeError, x509.DuplicateExtension):
        raise MalformedError(f"a certificate of {what} cannot be read") from None
    return certificate


def parse_x5c(value: JsonValue, *, what: str) -> tuple[Certificate, ...]:
    """Read the `x5c` member of a header (RFC 7515 section 4.1.6): base64 of DER, the leaf first.

    Raises:
        MalformedError: not such an array, or a certificate that cannot be read.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MAX_CERTIFICATES:
        raise MalformedError(f"x5c of {what} does not hold 1 to {MAX_CERTIFICATES} certificates")
    chain: list[Certificate] = []
    for item in value:
        if not isinstance(item, str) or len(item) > 2 * MAX_BYTES:
            raise MalformedError(f"x5c of {what} is not an array of short texts")
        try:
            der = base64.b64decode(item, validate=True)
        except (binascii.Error, ValueError):
            raise MalformedError(f"x5c of {what} is not base64") from None
        chain.append(parse_certificate(der, what=what))
    return tuple(chain)


def to_x5c(chain: Sequence[Certificate]) -> list[JsonValue]:
    """Return a chain as the `x5c` member of a header."""
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode("ascii") for one in chain]


def leaf_key(certificate: Certificate) -> PublicKey:
    """Return the key that a certificate certifies.

    Raises:
        MalformedError: a key that is nobody's alone.
        UnsupportedAlgorithmError: neither P-256 nor Ed25519.
    """
    try:
        key = certificate.public_key()
    except (ValueError, TypeError):
        raise MalformedError("the key of the certificate cannot be read") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PublicKey(KeyKind.P256, p256.compressed(key))
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey(KeyKind.ED25519, key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    raise UnsupportedAlgorithmError("the key of the certificate is neither P-256 nor Ed25519")


def certificate_hash(certificate: Certificate) -> str:
    """Return base64url of the SHA-256 of the DER, as the prefix `x509_hash` has it."""
    return base64url_encode(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


def dns_names(certificate: Certificate) -> frozenset[str]:
    """Return the dNSName entries of the subject's alternative names, in lower case."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in names.value.get_values_for_type(x509.DNSName))


def is_self_signed(certificate: Certificate) -> bool:
    """Return whether a certificate names itself as its issuer and its own key signed it."""
    return certificate.issuer == certificate.subject and _issued(certificate, certificate)


def authority_key_ids(chain: Sequence[Certificate]) -> frozenset[bytes]:
    """Return the key identifiers of the Authority Key Identifiers in a chain."""
    found: set[bytes] = set()
    for certificate in chain:
        try:
            extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        except x509.ExtensionNotFound:
            continue
        if extension.value.key_identifier is not None:
            found.add(extension.value.key_identifier)
    return frozenset(found)


def check_chain(
    chain: Sequence[Certificate], anchors: Sequence[Certificate], *, now: int, what: str
) -> None:
    """Require that a chain leads from its leaf to one of the anchors, at a time (seconds).

    Raises:
        CryptoError: a self-signed leaf, a certificate out of its time, one that may not issue or
            sign, a critical extension that is not understood, or an end that is no anchor.
    """
    if not chain or is_self_signed(chain[0]):
        raise CryptoError(f"the certificate of {what} vouches for itself")
    _check_usable(chain, now, what)
    for depth, (issued, issuer) in enumerate(pairwise(chain)):
        if not _may_issue(issuer, depth) or not _issued(issued, issuer):
            raise CryptoError(f"the certificates of {what} are no chain")
    last, depth = chain[-1], len(chain) - 1
    if any(last == anchor for anchor in anchors):
        return
    at = datetime.fromtimestamp(now, UTC)
    for anchor in anchors:
        in_force = anchor.not_valid_before_utc <= at <= anchor.not_valid_after_utc
        if in_force and _may_issue(anchor, depth) and _issued(last, anchor):
            return
    raise CryptoError(f"the certificates of {what} do not lead to an authority that is trusted")


def _check_usable(chain: Sequence[Certificate], now: int, what: str) -> None:
    at = datetime.fromtimestamp(now, UTC)
    for certificate in chain:
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise CryptoError(f"a certificate of {what} is out of its time")
        for extension in certificate.extensions:
            if extension.critical and extension.oid not in _UNDERSTOOD:
                raise CryptoError(f"a certificate of {what} has a demand that is not understood")
    usage = _key_usage(chain[0])
    if usage is not None and not usage.digital_signature:
        raise CryptoError(f"the certificate of {what} is not for signing")


def _may_issue(certificate: Certificate, certificates_below: int) -> bool:
    """Return whether a certificate may issue, with so many issuing ones between it and the leaf."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    usage = _key_usage(certificate)
    length = basic.path_length
    return (
        basic.ca
        and (length is None or certificates_below <= length)
        and (usage is None or usage.key_cert_sign)
    )


def _key_usage(certificate: Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
