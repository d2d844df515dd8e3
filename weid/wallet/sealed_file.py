"""A wallet file: how its bytes are sealed with a passphrase, and what each damage is called.

    weid-wallet/1 ⏎
    {"kdf":"argon2id","memory":…,"nonce":"…","operations":…,"salt":"…"} ⏎
    XChaCha20-Poly1305(contents), the two lines above as associated data
    SHA-256 of all the bytes before it

The last 32 bytes keep no secret; they tell a damaged file from a wrong passphrase, which
authenticated encryption alone cannot.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from nacl import bindings, exceptions, pwhash

from weid import limits
from weid.encoding import base64url_decode, base64url_encode, json_canonical, json_loads_object
from weid.errors import MalformedError, WalletFileError, WrongPassphraseError

MAGIC: Final = b"weid-wallet/"
VERSION: Final = 1
HEADER_BYTES: Final = 1024
FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest wallet file that is read: thousands of certificates with photographs."""

_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 24
_KEY_BYTES: Final = 32
_DIGEST_BYTES: Final = 32
_MEMORY_BOUNDS: Final = range(8 * 1024 * 1024, limits.PASSPHRASE_MEMORY + 1)
_OPERATION_BOUNDS: Final = range(1, limits.PASSPHRASE_OPERATIONS + 1)


@dataclass(frozen=True, slots=True)
class PassphraseCost:
    """What one guess of the passphrase costs (argon2id): passes, and bytes of memory.

    The default takes about a third of a second on an ordinary machine (RFC 9106 clause 4 names
    64 MiB and 3 passes as its second recommendation).

    Raises:
        ValueError: too little to be of use, or more than any file may ask of who opens it.
    """

    operations: int = 3
    memory: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if type(self.operations) is not int or self.operations not in _OPERATION_BOUNDS:
            raise ValueError("the cost of a passphrase has passes out of bounds")
        if type(self.memory) is not int or self.memory not in _MEMORY_BOUNDS:
            raise ValueError("the cost of a passphrase has memory out of bounds")


@dataclass(frozen=True, slots=True)
class WalletKey:
    """The key of an open wallet file, with the salt and the cost that it was made with."""

    secret: bytes
    salt: bytes
    cost: PassphraseCost

    @classmethod
    def derive(cls, passphrase: str, *, salt: bytes, cost: PassphraseCost) -> Self:
        """Return the key of a passphrase; spellings of the same characters give the same key.

        Raises:
            WrongPassphraseError: the passphrase is empty.
            WalletFileError: the memory that it costs cannot be had.
        """
        words = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
        if not words:
            raise WrongPassphraseError("the passphrase is empty")
        try:
            secret = pwhash.argon2id.kdf(
                _KEY_BYTES, words, salt, opslimit=cost.operations, memlimit=cost.memory
            )
        except (exceptions.CryptoError, MemoryError):
            raise WalletFileError(
                f"the wallet needs {cost.memory // 2**20} MiB of memory to be opened",
                hint="Close other programs, then try again. The file was not changed.",
            ) from None
        return cls(secret, salt, cost)

    @classmethod
    def create(
        cls, passphrase: str, *, cost: PassphraseCost, random: Callable[[int], bytes]
    ) -> Self:
        """Return the key of a passphrase for a new file."""
        return cls.derive(passphrase, salt=random(_SALT_BYTES), cost=cost)

    def __repr__(self) -> str:
        return "WalletKey(…)"


def seal(contents: bytes, key: WalletKey, *, random: Callable[[int], bytes]) -> bytes:
    """Return the bytes of a wallet file; every call draws a new nonce."""
    nonce = random(_NONCE_BYTES)
    header = json_canonical(
        {
            "kdf": "argon2id",
            "memory": key.cost.memory,
            "nonce": base64url_encode(nonce),
            "operations": key.cost.operations,
            "salt": base64url_encode(key.salt),
        }
    )
    front = MAGIC + str(VERSION).encode("ascii") + b"\n" + header + b"\n"
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(contents, front, nonce, key.secret)
    whole = front + sealed
    return whole + hashlib.sha256(whole).digest()


def unseal(data: bytes, passphrase: str) -> tuple[bytes, WalletKey]:
    """Return the contents of a wallet file and the key to seal them again.

    Raises:
        WalletFileError: not a wallet file, of a version that we do not know, or damaged.
        WrongPassphraseError: the file is whole and the passphrase does not open it.
    """
    if not data.startswith(MAGIC):
        raise WalletFileError("the file is not a weid wallet")
    front, header, sealed = _split(data)
    salt, nonce, cost = _parse_header(header)
    key = WalletKey.derive(passphrase, salt=salt, cost=cost)
    try:
        contents = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, front, nonce, key.secret
        )
    except exceptions.CryptoError:
        raise WrongPassphraseError(
            "the passphrase does not open this wallet",
            hint="Check the keyboard's language and capital letters. The file was not changed.",
        ) from None
    return contents, key


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    version, _, rest = data[len(MAGIC) : len(MAGIC) + HEADER_BYTES].partition(b"\n")
    if version != str(VERSION).encode("ascii"):
        if version.isdigit() and len(version) < 6:
            raise WalletFileError(
                f"the wallet file is of version {int(version)}, this weid knows {VERSION}",
                hint="Open it with the version of weid that wrote it, or a newer one.",
            )
        raise _damaged()
    if hashlib.sha256(data[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
        raise _damaged()
    header, end, _ = rest.partition(b"\n")
    if not end:
        raise _damaged()
    length = len(MAGIC) + len(version) + len(header) + 2
    return data[:length], header, data[length:-_DIGEST_BYTES]


def _parse_header(header: bytes) -> tuple[bytes, bytes, PassphraseCost]:
    what = "the wallet file's header"
    try:
        members = json_loads_object(header, what=what, max_bytes=HEADER_BYTES)
        salt = base64url_decode(str(members.get("salt", "")), what=what)
        nonce = base64url_decode(str(members.get("nonce", "")), what=what)
    except MalformedError:
        raise _damaged() from None
    if members.get("kdf") != "argon2id" or (len(salt), len(nonce)) != (_SALT_BYTES, _NONCE_BYTES):
        raise _damaged()
    try:
        cost = PassphraseCost(members.get("operations"), members.get("memory"))  # type: ignore[arg-type]  # judged there
    except ValueError:
        raise _damaged() from None
    return salt, nonce, cost


def _damaged() -> WalletFileError:
    return WalletFileError(
        "the wallet file is damaged",
        hint="It was left as it is. Restore the wallet from a backup file.",
    )
