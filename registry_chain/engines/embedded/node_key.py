"""The file of a node's key, such as the sealing key: encrypted, or plain with mode 0600.

The plain form is for a node that starts unattended: whoever reads the file of a sealing key can
write the chain's history, so it is refused when anybody but its owner may read it.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from weid.crypto.key_file import load_key_file, save_key_file
from weid.crypto.keys import KeyKind, PrivateKey, RandomBytes
from weid.encoding import json_dumps, json_loads_object
from weid.errors import CryptoError, KeyFileError, MalformedError

_FORMAT: Final = "weid-node-key/1"
_FILE_BYTES: Final = 4096


def create_node_key(
    path: Path, *, passphrase: str | None = None, random: RandomBytes = secrets.token_bytes
) -> PrivateKey:
    """Make a new key and its file, which must not exist yet.

    Raises:
        KeyFileError: the file exists or cannot be written, or the passphrase is too short.
    """
    if path.exists():
        raise KeyFileError(f"the key file {path} exists already")
    key = PrivateKey.generate(random=random)
    if passphrase is not None:
        save_key_file(path, key, passphrase, random=random)
        return key
    body = json_dumps({"format": _FORMAT, "key": key.to_private_jwk()}) + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(body)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be written: {error.strerror}") from None
    return key


def load_node_key(path: Path, *, passphrase: str | None = None) -> PrivateKey:
    """Return the key in a file: the encrypted form with a passphrase, the plain form without.

    Raises:
        KeyFileError: no such file, readable by others, damaged, of the other form, another
            passphrase, or not an Ed25519 key.
    """
    key = _load_plain(path) if passphrase is None else load_key_file(path, passphrase)
    if key.kind is not KeyKind.ED25519:
        raise KeyFileError(f"the key in {path} is not an Ed25519 key")
    return key


def _load_plain(path: Path) -> PrivateKey:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise KeyFileError(f"the key file {path} is not a plain file")
            if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileError(
                    f"the key file {path} may be read or changed by others",
                    hint=f"chmod 600 {path}; if others use this machine, rotate the key",
                )
            body = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from None
    try:
        members = json_loads_object(body, what="the text", max_bytes=_FILE_BYTES)
        if members.get("format") == _FORMAT and members.keys() == {"format", "key"}:
            return PrivateKey.from_jwk(members["key"])
    except (MalformedError, CryptoError):
        pass
    raise KeyFileError(
        f"the key file {path} is not a plain node key",
        hint="if it is encrypted, give its passphrase",
    )
