"""A private key in a file: encrypted with a passphrase, readable by its owner only.

JSON with a header that says how (Argon2id of the passphrase, XChaCha20-Poly1305 over the key); the
header is authenticated with the key. Written whole or not at all.
"""

from __future__ import annotations

import os
import secrets
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nacl import bindings, pwhash
from nacl.exceptions import CryptoError as SodiumError

from weid import limits
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey, RandomBytes
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_decode,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import CryptoError, KeyFileError, MalformedError

_FORMAT: Final = "weid-key-file"
_VERSION: Final = 1
_FILE_BYTES: Final = 4096
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 24
_KIB: Final = 1024
_MIN_PASSPHRASE: Final = 8
_KINDS: Final = frozenset(kind.value for kind in KeyKind)
_HEADER_MEMBERS: Final = (
    "format", "version", "kind", "public_key", "kdf", "operations", "memory_kib", "salt", "cipher",
    "nonce",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyFileCost:
    """What Argon2id costs whoever tries a passphrase: passes over so much memory."""

    operations: int = 3
    memory_kib: int = 128 * 1024


STANDARD_COST: Final = KeyFileCost()
"""About a third of a second and 128 MiB; RFC 9106 clause 4 asks for 64 MiB and 3 passes."""
_LEAST: Final = KeyFileCost(1, 8)
_MOST: Final = KeyFileCost(limits.PASSPHRASE_OPERATIONS, limits.PASSPHRASE_MEMORY // _KIB)
"""A file cannot make us use more: it may be a stranger's."""


def save_key_file(
    path: str | Path,
    key: PrivateKey,
    passphrase: str,
    *,
    cost: KeyFileCost = STANDARD_COST,
    random: RandomBytes = secrets.token_bytes,
) -> None:
    """Write a key to a file with mode 0600, replacing what is there, all or nothing.

    The whole is on disk when this returns.

    Raises:
        KeyFileError: the passphrase is shorter than 8 characters, the cost is one that would not
            be read again, or the file cannot be written.
    """
    _bounded(cost.operations, _LEAST.operations, _MOST.operations)
    _bounded(cost.memory_kib, _LEAST.memory_kib, _MOST.memory_kib)
    if len(passphrase) < _MIN_PASSPHRASE:
        raise KeyFileError(f"the passphrase is shorter than {_MIN_PASSPHRASE} characters")
    salt, nonce = random(_SALT_BYTES), random(_NONCE_BYTES)
    header: JsonObject = {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": key.kind.value,
        "public_key": key.public.to_multikey(),
        "kdf": "argon2id",
        "operations": cost.operations,
        "memory_kib": cost.memory_kib,
        "salt": base64url_encode(salt),
        "cipher": "xchacha20-poly1305",
        "nonce": base64url_encode(nonce),
    }
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        key.secret_bytes(), json_dumps(header), nonce, _derive(passphrase, salt, cost)
    )
    body = json_dumps({**header, "sealed": base64url_encode(sealed)}) + b"\n"
    try:
        _write_whole(Path(path), body, random)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be written: {error.strerror}") from None


def load_key_file(path: str | Path, passphrase: str) -> PrivateKey:
    """Return the key in a file.

    Raises:
        KeyFileError: no such file, readable by others, not a key file, damaged, of a newer
            version, or another passphrase.
    """
    try:
        return _open(_read_guarded(Path(path)), passphrase)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from None
    except KeyFileError as error:
        raise KeyFileError(f"the key file {path} {error.message}", hint=error.hint) from None
    except (MalformedError, CryptoError) as error:
        raise KeyFileError(f"the key file {path} is damaged: {error.message}") from None


def _read_guarded(path: Path) -> bytes:
    # O_NOFOLLOW: the file that is judged is the file that is read, and is the one that was named.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise KeyFileError("is not a plain file")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileError(
                "may be read or changed by others",
                hint=f"chmod 600 {path}; if others use this machine, the key may be known to them.",
            )
        body = file.read(_FILE_BYTES + 1)
    if len(body) > _FILE_BYTES:
        raise KeyFileError("is too large to be a key file")
    return body


def _open(body: bytes, passphrase: str) -> PrivateKey:
    members = json_loads_object(body, what="the text", max_bytes=_FILE_BYTES)
    if members.get("format") != _FORMAT:
        raise KeyFileError("is not a key file of weid")
    if members.get("version") != _VERSION:
        raise KeyFileError("is of another version", hint="A newer weid may have written it.")
    if tuple(members) != (*_HEADER_MEMBERS, "sealed"):
        raise KeyFileError("is damaged: members are missing or strange")
    if (members["kdf"], members["cipher"]) != ("argon2id", "xchacha20-poly1305"):
        raise KeyFileError("is encrypted in a way that we do not know")
    if str(members["kind"]) not in _KINDS:
        raise KeyFileError("holds a kind of key that we do not know")
    cost = KeyFileCost(
        _bounded(members["operations"], _LEAST.operations, _MOST.operations),
        _bounded(members["memory_kib"], _LEAST.memory_kib, _MOST.memory_kib),
    )
    salt = _octets(members["salt"], _SALT_BYTES)
    nonce = _octets(members["nonce"], _NONCE_BYTES)
    sealed = _octets(members["sealed"], 32 + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES)
    header = json_dumps({name: members[name] for name in _HEADER_MEMBERS})
    try:
        secret = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, header, nonce, _derive(passphrase, salt, cost)
        )
    except SodiumError:
        raise KeyFileError(
            "does not open: another passphrase, or the file is damaged",
            hint="Check the passphrase; nothing was changed.",
        ) from None
    # What the header says was authenticated together with the key; it must also be this key.
    key = PrivateKey(KeyKind(str(members["kind"])), secret)
    if key.public != PublicKey.from_multikey(str(members["public_key"])):
        raise KeyFileError("names another public key than it holds")
    return key


def _derive(passphrase: str, salt: bytes, cost: KeyFileCost) -> bytes:
    try:
        return pwhash.argon2id.kdf(
            bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
            # One spelling: keyboards differ in how they compose a letter.
            unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass"),
            salt,
            opslimit=cost.operations,
            memlimit=cost.memory_kib * _KIB,
        )
    except (SodiumError, MemoryError):
        raise KeyFileError("needs more memory than there is to be opened") from None


def _bounded(value: JsonValue, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise KeyFileError("asks for a cost out of bounds")
    return value


def _octets(value: JsonValue, size: int) -> bytes:
    data = base64url_decode(value, what="a member") if isinstance(value, str) else b""
    if len(data) != size:
        raise KeyFileError("is damaged: a member has another length")
    return data


def _write_whole(path: Path, body: bytes, random: RandomBytes) -> None:
    temporary = path.with_name(f".{path.name}.{random(8).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(body)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # The rename is durable only once the folder is.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
