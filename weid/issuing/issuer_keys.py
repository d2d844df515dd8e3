"""The private keys of an issuer and the files that keep them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from weid.crypto.key_file import load_key_file, save_key_file
from weid.crypto.keys import KeyKind, PrivateKey, RandomBytes


@dataclass(frozen=True, slots=True, repr=False)
class IssuerKeys:
    """The two private keys of an issuer: one changes its DID, the other signs credentials."""

    control: PrivateKey
    assertion: PrivateKey

    @classmethod
    def generate(
        cls, *, signing: KeyKind = KeyKind.ED25519, random: RandomBytes = secrets.token_bytes
    ) -> IssuerKeys:
        """Return two new keys: Ed25519 to control, and one of a kind to sign credentials with.

        Wallets of HAIP 1.0 take ES256 only, so an issuer for them signs with P-256.
        """
        control = PrivateKey.generate(random=random)
        return cls(control, PrivateKey.generate(signing, random=random))

    def save(self, folder: Path | str, *, passphrase: str) -> None:
        """Save each key into an encrypted file of the folder: control.key and assertion.key."""
        save_key_file(Path(folder) / "control.key", self.control, passphrase)
        save_key_file(Path(folder) / "assertion.key", self.assertion, passphrase)

    @classmethod
    def load(cls, folder: Path | str, *, passphrase: str) -> IssuerKeys:
        """Load the keys that `save` saved.

        Raises:
            KeyFileError: damaged, open to others, or another passphrase.
        """
        return cls(
            load_key_file(Path(folder) / "control.key", passphrase),
            load_key_file(Path(folder) / "assertion.key", passphrase),
        )

    def __repr__(self) -> str:
        return "IssuerKeys(…)"
