"""As whom this counter asks wallets: read from the files that the settings name.

The private key is in this process and nowhere else; nothing gives it out.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from verifier_app.wallet_settings import WalletSettings
from weid.clock import Clock
from weid.crypto.certificates import Certificate, CertificateChain, certificates_from_pem
from weid.crypto.key_file import load_key_file
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.did.methods.weid import WeidMethod
from weid.did.resolver import UniversalResolver
from weid.did.syntax import DidUrl
from weid.errors import CertificateError, CryptoError, KeyFileError, MalformedError, WeidError
from weid.openid4vp.client_id import Prefix
from weid.openid4vp.did_keys import keys_by
from weid.openid4vp.verifier_identity import (
    CertificateIdentity,
    DidIdentity,
    UnsignedIdentity,
    VerifierIdentity,
)
from weid.registry.registry import RegistryReader

_LOG: Final = logging.getLogger("verifier_app")
_FILE_BYTES: Final = 64 * 1024
_PEM: Final = b"-----BEGIN "
_TOKEN_CHARS: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def open_identity(settings: WalletSettings, place: str, *, clock: Clock) -> VerifierIdentity:
    """Return as whom requests are made; `place` is below which answers are posted.

    Raises:
        MalformedError, CertificateError: a file cannot be used, or fits no other.
        KeyFileError: others may read the private key, or it cannot be read.
    """
    if settings.prefix is Prefix.REDIRECT_URI:
        _LOG.warning("requests to wallets are not signed: for development only")
        return UnsignedIdentity()
    assert settings.key_file is not None  # noqa: S101 - the settings see to it
    signer = InMemorySigner(_read_key(settings.key_file, settings.passphrase_file))
    if settings.key_id is not None:
        return DidIdentity(DidUrl.parse(settings.key_id), signer)
    assert settings.certificate_chain_file is not None  # noqa: S101 - the settings see to it
    chain = _read_chain(settings.certificate_chain_file)
    if not chain.is_in_force(clock.now()):
        _LOG.warning("the certificate of this verifier is not in force: wallets will refuse it")
    named = settings.prefix is Prefix.X509_SAN_DNS
    try:
        found = CertificateIdentity(chain, signer, urlsplit(place).hostname if named else None)
    except CryptoError as error:
        raise MalformedError(
            f"{settings.key_file} and {settings.certificate_chain_file}: {error.message}",
            hint="correct key_file or certificate_chain_file.",
        ) from None
    except CertificateError as error:
        raise MalformedError(
            f"{settings.certificate_chain_file}: {error.message}", hint=error.hint
        ) from None
    if chain.leaf.is_self_signed:
        raise MalformedError("the verifier's certificate signed itself, which wallets refuse")
    return found


def tell_unknown_key(identity: VerifierIdentity, readers: Iterable[RegistryReader]) -> None:
    """Tell in the log where wallets will not find the key of a DID: they would refuse to answer.

    It does not stop the start: the registry may be away now, or get the key later.
    """
    if not isinstance(identity, DidIdentity):
        return
    resolver = UniversalResolver({"weid": WeidMethod(readers)})
    try:
        found = keys_by(resolver)(str(identity.key_url))
    except WeidError as error:
        _LOG.warning("the key %s cannot be looked up now: %s", identity.key_url, error.message)
        return
    if found != identity.signer.public_key:
        _LOG.warning("the registry does not have this verifier's key as %s", identity.key_url)


def read_token(path: Path) -> str:
    """Return the token of a file that only its owner may read.

    Raises:
        MalformedError: open to others, unreadable, or too short to be a secret.
    """
    try:
        text = _read_private(path).decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if len(text) < _TOKEN_CHARS or not text.isprintable() or " " in text:
        raise MalformedError(
            f"the token in {path} is not one word of {_TOKEN_CHARS} characters or more",
            hint="python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one.",
        )
    return text


def _read_private(path: Path) -> bytes:
    try:
        # O_NOFOLLOW: the file that is judged is the file that is read.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise MalformedError(f"{path} is not a plain file")
            if mode & _OTHERS:
                raise MalformedError(
                    f"{path} holds a secret and is open to other users"
                    f" (mode {stat.S_IMODE(mode):04o})",
                    hint=f"chmod 600 {path}, and make a new one if somebody may have read it.",
                )
            return file.read(_FILE_BYTES)
    except OSError as error:
        raise MalformedError(f"{path} cannot be read: {error.strerror}") from None


def _read_key(path: Path, passphrase_file: Path | None) -> PrivateKey:
    body = _read_private(path)
    if body.lstrip().startswith(_PEM):
        return _read_pem(body, path)
    if passphrase_file is None:
        raise KeyFileError(
            f"the key file {path} needs passphrase_file",
            hint="or set key_file to a private key in PEM.",
        )
    try:
        passphrase = _read_private(passphrase_file).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise MalformedError(f"the passphrase in {passphrase_file} is not text") from None
    return load_key_file(path, passphrase)


def _read_pem(body: bytes, path: Path) -> PrivateKey:
    try:
        key = load_pem_private_key(body, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Nothing of what the parser says: it may quote the key.
        raise KeyFileError(f"{path} is not a private key in PEM without a passphrase") from None
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        return PrivateKey.from_seed(secret, KeyKind.P256)
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey.from_seed(key.private_bytes_raw(), KeyKind.ED25519)
    raise KeyFileError(
        f"{path} holds a key of another kind than P-256 and Ed25519",
        hint="openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes one.",
    )


def _read_chain(path: Path) -> CertificateChain:
    try:
        return CertificateChain.from_pem(path.read_bytes(), what=f"the chain in {path}")
    except OSError as error:
        raise MalformedError(
            f"the certificate chain {path} cannot be read: {error.strerror}"
        ) from None
    except CertificateError as error:
        raise MalformedError(
            f"the certificate chain {path} cannot be used: {error.message}", hint=error.hint
        ) from None


def read_authorities(paths: Iterable[Path]) -> tuple[Certificate, ...]:
    """Return the certificates of authorities in PEM files.

    Raises:
        MalformedError: a file cannot be used, or holds a certificate that is no authority's.
    """
    return tuple(one for path in paths for one in _authorities_in(path))


def _authorities_in(path: Path) -> tuple[Certificate, ...]:
    what = f"certificate_authorities: {path}"
    try:
        found = certificates_from_pem(path.read_bytes(), what=what)
    except OSError as error:
        raise MalformedError(f"{what} cannot be read: {error.strerror}") from None
    if not all(one.is_authority for one in found):
        raise MalformedError(
            f"{what} holds a certificate that is no authority's",
            hint="name the authority's own certificate, not one that it made for somebody.",
        )
    return tuple(found)


def check_place(identity: VerifierIdentity, place: str) -> None:
    """Refuse an identity under which no answer could come to a place, before anybody asks.

    Raises:
        MalformedError: the certificate is for another host.
    """
    try:
        identity.client_id(place)
    except WeidError as error:
        raise MalformedError(
            f"public_url does not fit the verifier's identity: {error.message}",
            hint="with x509_san_dns the certificate names the host of public_url.",
        ) from None
