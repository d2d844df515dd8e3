"""The wallet's file while it is open: keys that never leave, and credentials.

What it tells its caller is true on disk already: every change is saved before the call returns.
Clauses IP-26 to IP-33.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from weid.clock import Clock, SystemClock
from weid.credential.credential import Credential
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey, RandomBytes
from weid.crypto.signer import InMemorySigner
from weid.errors import CredentialNotHeldError, MalformedError, WalletFileError
from weid.wallet.backup import read_backup, write_backup
from weid.wallet.consent import OrganisationNames
from weid.wallet.contents import (
    AwaitedCredential,
    Contents,
    HeldCredential,
    HeldKey,
    credential_id,
    decode_contents,
    encode_contents,
)
from weid.wallet.sealed_file import PassphraseCost
from weid.wallet.store import LOCK_SECONDS, WalletStore


class Vault:
    """A wallet file that this process has open, until `close` or the end of a `with` block.

    `names` is a registry reader: where issuers' confirmed names come from.
    """

    def __init__(
        self,
        store: WalletStore,
        contents: Contents,
        *,
        clock: Clock,
        random: RandomBytes,
        names: OrganisationNames | None,
    ) -> None:
        self._store = store
        self._contents = contents
        self._clock = clock
        self._random = random
        self._names = names

    # --- The file --------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        passphrase: str,
        clock: Clock | None = None,
        random: RandomBytes = secrets.token_bytes,
        names: OrganisationNames | None = None,
        cost: PassphraseCost | None = None,
    ) -> Self:
        """Make an empty wallet file.

        Raises:
            WalletFileError: there is a file already, or it cannot be written.
            WalletInUseError: another process has a wallet of that name open.
        """
        contents = Contents()
        store = WalletStore.create(
            Path(path),
            encode_contents(contents),
            passphrase=passphrase,
            cost=cost or PassphraseCost(),
            random=random,
        )
        return cls(store, contents, clock=clock or SystemClock(), random=random, names=names)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        passphrase: str,
        clock: Clock | None = None,
        random: RandomBytes = secrets.token_bytes,
        names: OrganisationNames | None = None,
        wait: float = LOCK_SECONDS,
    ) -> Self:
        """Open a wallet file; `wait` is how many seconds another process may still have it.

        Raises:
            WrongPassphraseError: the passphrase does not open it.
            WalletFileError: it is not there, damaged, or of a newer version.
            WalletInUseError: another process has it open.
        """
        store, sealed = WalletStore.open(
            Path(path), passphrase=passphrase, random=random, wait=wait
        )
        try:
            contents = decode_contents(sealed)
        except WalletFileError:
            store.close()
            raise
        return cls(store, contents, clock=clock or SystemClock(), random=random, names=names)

    def close(self) -> None:
        """Close the file; another process may open it now."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        held = len(self.credentials())
        return f"<{type(self).__name__} {self._store.path}, credentials: {held}>"

    def backup(self, path: str | Path, *, passphrase: str) -> None:
        """Write everything, sealed with a passphrase of its own, to a new file.

        Raises:
            WalletFileError: there is a file already, or it cannot be written.
        """
        write_backup(
            Path(path),
            self._contents,
            passphrase=passphrase,
            cost=self._store.cost,
            random=self._random,
        )

    @classmethod
    def restore(  # noqa: PLR0913 - as `create`, from a backup
        cls,
        backup: str | Path,
        path: str | Path,
        *,
        backup_passphrase: str,
        passphrase: str,
        clock: Clock | None = None,
        random: RandomBytes = secrets.token_bytes,
        names: OrganisationNames | None = None,
    ) -> Self:
        """Make a wallet file from a backup; `passphrase` opens the new file from now on.

        Every credential is marked as perhaps used since the backup was made.

        Raises:
            WrongPassphraseError: the passphrase does not open the backup.
            WalletFileError: the backup is damaged, or there is a wallet file already.
        """
        clock = clock or SystemClock()
        contents, cost = read_backup(Path(backup), passphrase=backup_passphrase, at=clock.now())
        store = WalletStore.create(
            Path(path),
            encode_contents(contents),
            passphrase=passphrase,
            cost=cost,
            random=random,
        )
        return cls(store, contents, clock=clock, random=random, names=names)

    def change_passphrase(self, passphrase: str) -> None:
        """Seal the file with another passphrase; older backups keep theirs."""
        self._store.change_passphrase(passphrase, encode_contents(self._contents))

    # --- Keys and credentials --------------------------------------------------------------------

    def new_key(self, kind: KeyKind = KeyKind.ED25519) -> PublicKey:
        """Make a key for one credential and return its public half.

        Raises:
            MalformedError: a kind of key that cannot sign.
        """
        return self.new_keys([kind])[0]

    def new_keys(self, kinds: Iterable[KeyKind]) -> tuple[PublicKey, ...]:
        """Make a key of each kind, for one credential each, and return their public halves.

        Raises:
            MalformedError: a kind of key that cannot sign.
        """
        wanted = tuple(kinds)
        if KeyKind.X25519 in wanted:
            raise MalformedError("a key for agreement cannot hold a credential")
        made = [PrivateKey.generate(kind, random=self._random) for kind in wanted]
        now = self._clock.now()
        self._save(self._contents.with_keys(*(HeldKey(private, now) for private in made)))
        return tuple(private.public for private in made)

    def add(
        self,
        credential: Credential | str,
        *,
        anchor: IssuanceAnchor | None = None,
        source: str = "",
        unverified: bool = False,
        batch: str = "",
    ) -> HeldCredential:
        """Keep a credential that is bound to a key of this wallet; twice is the same as once.

        An anchor that comes later is kept with it. One that is `unverified` is not shown to
        anybody until it is verified, or kept again without that word. Copies of one certificate
        have the same `batch`.

        Raises:
            CredentialNotHeldError: it is bound to no key of this wallet.
            MalformedError: it is not a whole SD-JWT VC.
        """
        parsed = Credential.parse(credential) if isinstance(credential, str) else credential
        if parsed.sd_jwt.key_binding is not None:
            raise MalformedError("this is a presentation, not a credential to keep")
        parsed.reconstruct()
        key = parsed.holder_key
        if key is None or key.thumbprint() not in self._contents.keys:
            raise CredentialNotHeldError(
                "the credential is bound to no key of this wallet",
                hint="Ask the issuer to issue it to a key that this wallet made.",
            )
        name = credential_id(parsed.sd_jwt.issuer_jws.text)
        known = next((held for held in self._contents.credentials if held.id == name), None)
        kept = anchor if parsed.anchor is None else parsed.anchor
        if known is not None:
            held = _more_of(known, parsed.text, kept, unverified=known.unverified and unverified)
        else:
            held = HeldCredential(
                name,
                parsed.text,
                key.thumbprint(),
                self._clock.now(),
                source,
                kept,
                unverified=unverified,
                batch=batch,
            )
        if held != known:
            self._save(self._contents.with_credential(held))
        return held

    def credentials(self) -> tuple[HeldCredential, ...]:
        """Return all certificates, in the order in which they came.

        Where one is held in copies, the first stands for all; `copies` returns them, each with
        the uses that are its own.
        """
        return self._contents.certificates()

    def credential(self, credential_id: str) -> HeldCredential:
        """Return one credential by its id, or by a beginning of it that only it has.

        Raises:
            CredentialNotHeldError: there is none, or several begin like that.
        """
        return self._contents.credential(credential_id)

    def copies(self, credential_id: str) -> tuple[HeldCredential, ...]:
        """Return all copies of a certificate, by the id of one.

        Raises:
            CredentialNotHeldError: there is none.
        """
        return self._contents.copies_of(self.credential(credential_id))

    def awaited(self) -> tuple[AwaitedCredential, ...]:
        """Return what issuers have not decided about."""
        return self._contents.awaited

    def remove(self, credential_id: str) -> None:
        """Forget a certificate with all its copies and their keys, for ever.

        Raises:
            CredentialNotHeldError: there is none.
        """
        self._save(self._contents.without(credential_id))

    # --- For the wallet built on this ------------------------------------------------------------

    def _save(self, contents: Contents) -> None:
        self._store.save(encode_contents(contents))
        self._contents = contents

    def _signer(self, thumbprint: str) -> InMemorySigner:
        return InMemorySigner(self._contents.keys[thumbprint].private)


def _more_of(
    known: HeldCredential, text: str, anchor: IssuanceAnchor | None, *, unverified: bool
) -> HeldCredential:
    """Return the credential with whatever the second copy has more: disclosures, an anchor."""
    return replace(
        known,
        text=max(known.text, text, key=len),
        anchor=known.anchor if anchor is None else anchor,
        unverified=unverified,
    )
