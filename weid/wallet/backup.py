"""Backup files: the same sealed form as a wallet file, under a passphrase of their own."""

from __future__ import annotations

from pathlib import Path

from weid.crypto.keys import RandomBytes
from weid.errors import WalletFileError
from weid.wallet.contents import Contents, decode_contents, encode_contents
from weid.wallet.sealed_file import PassphraseCost, WalletKey, seal, unseal
from weid.wallet.store import read_sealed, write_whole


def write_backup(
    path: Path, contents: Contents, *, passphrase: str, cost: PassphraseCost, random: RandomBytes
) -> None:
    """Write a backup to a new file.

    Raises:
        WalletFileError: there is a file already, or it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise WalletFileError(f"there is a file at {path} already", hint="Choose another name.")
    key = WalletKey.create(passphrase, cost=cost, random=random)
    write_whole(path, seal(encode_contents(contents), key, random=random), random=random)


def read_backup(path: Path, *, passphrase: str, at: int) -> tuple[Contents, PassphraseCost]:
    """Return what a backup holds, marked as restored at that time, and its passphrase's cost.

    Raises:
        WrongPassphraseError: the passphrase does not open it.
        WalletFileError: it cannot be read, is damaged, or of a newer version.
    """
    sealed, key = unseal(read_sealed(path), passphrase)
    return decode_contents(sealed).restored(at), key.cost
