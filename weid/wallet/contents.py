"""What a wallet holds, as frozen values, and as the JSON that the file seals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from weid.credential.credential import Credential
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.crypto.keys import PrivateKey
from weid.encoding import JsonObject, base58_encode, json_dumps, json_loads_object
from weid.errors import CredentialNotHeldError, MalformedError, WalletFileError, WeidError
from weid.wallet.sealed_file import FILE_BYTES

SCHEMA: Final = 1
"""Version of the contents; what an older version held is brought forward when it is read."""
_DEPTH: Final = 40
_ID_CHARS: Final = 16
"""Characters of an id: the same for all, about 94 bits."""


class UseKind(StrEnum):
    """How claims left the wallet."""

    PRESENTED = "presented"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Use:
    """One time that a credential was used: when, how, for whom, and which claims by path.

    `audience` is who asked; empty for a shown code, which is bound to nobody. Values are not kept.
    """

    at: int
    kind: UseKind
    audience: str
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of the wallet, for one credential; pending until that credential is there."""

    private: PrivateKey = field(repr=False)
    created_at: int


@dataclass(frozen=True, slots=True)
class HeldCredential:
    """A credential in the wallet.

    `key` is the thumbprint of the key that it is bound to. `source` is the credential issuer's
    URL where it came by an offer, else empty. `anchor` is its issuance anchor, where it has one.
    `restored_at` is set where the wallet was restored from a backup: the credential may have been
    used since that backup, which `uses` cannot know. `unverified` is set where its offer was used
    up and nobody could say whether its issuer made it: nothing of it leaves before that is known.
    Copies of one certificate, each with a key of its own, have the same `batch`; else it is empty.
    `uses` are those of this copy.
    """

    id: str
    text: str = field(repr=False)
    key: str
    added_at: int
    source: str = ""
    anchor: IssuanceAnchor | None = field(default=None, repr=False)
    uses: tuple[Use, ...] = ()
    restored_at: int | None = None
    unverified: bool = False
    batch: str = ""

    @property
    def credential(self) -> Credential:
        """The credential read, with its anchor; nothing of it is verified here."""
        return Credential.parse(self.text, self.anchor)

    @property
    def used(self) -> bool:
        """Whether claims of it have left the wallet, or may have."""
        return bool(self.uses) or self.restored_at is not None

    @property
    def certificate(self) -> str:
        """What all copies of one certificate have in common, and nothing else has."""
        return self.batch or self.id


@dataclass(frozen=True, slots=True)
class AwaitedCredential:
    """A credential that its issuer has not decided about; it is asked for again, not before `due`.

    `keys` are the thumbprints of those that its copies will be bound to, `token_key` the one that
    the access token is bound to, if it is.
    """

    id: str
    credential_issuer: str
    configuration_id: str
    vct: str
    transaction_id: str = field(repr=False)
    token: str = field(repr=False)
    token_key: PrivateKey | None = field(repr=False)
    keys: tuple[str, ...]
    due: int


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in a wallet; every change makes a new value."""

    keys: Mapping[str, HeldKey] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    credentials: tuple[HeldCredential, ...] = ()
    awaited: tuple[AwaitedCredential, ...] = ()

    def with_keys(self, *keys: HeldKey) -> Contents:
        """Return the contents with more keys."""
        more = {key.private.public.thumbprint(): key for key in keys}
        return replace(self, keys=MappingProxyType({**self.keys, **more}))

    def without_keys(self, thumbprints: Iterable[str]) -> Contents:
        """Return the contents without those of the keys that nothing is bound to."""
        needed = {held.key for held in self.credentials}
        needed.update(key for one in self.awaited for key in one.keys)
        gone = set(thumbprints) - needed
        keys = {name: key for name, key in self.keys.items() if name not in gone}
        return replace(self, keys=MappingProxyType(keys))

    def with_awaited(self, awaited: AwaitedCredential) -> Contents:
        """Return the contents with an awaited credential added, or in the place of its id."""
        others = tuple(one for one in self.awaited if one.id != awaited.id)
        return replace(self, awaited=(*others, awaited))

    def without_awaited(self, awaited: AwaitedCredential) -> Contents:
        """Return the contents without an awaited credential; its keys stay."""
        return replace(self, awaited=tuple(one for one in self.awaited if one.id != awaited.id))

    def copies_of(self, held: HeldCredential) -> tuple[HeldCredential, ...]:
        """Return a credential and the other copies of the same certificate."""
        return tuple(one for one in self.credentials if one.certificate == held.certificate)

    def certificates(self) -> tuple[HeldCredential, ...]:
        """Return the first copy of each certificate."""
        return first_copies(self.credentials)

    def with_credential(self, credential: HeldCredential) -> Contents:
        """Return the contents with a credential added, or in the place of the one of its id."""
        others = tuple(held for held in self.credentials if held.id != credential.id)
        if len(others) == len(self.credentials):
            return replace(self, credentials=(*self.credentials, credential))
        changed = tuple(
            credential if held.id == credential.id else held for held in self.credentials
        )
        return replace(self, credentials=changed)

    def without(self, credential_id: str) -> Contents:
        """Return the contents without a certificate, all its copies, and keys that only it needs.

        Raises:
            CredentialNotHeldError: there is none, or several begin like that.
        """
        gone = self.copies_of(self.credential(credential_id))
        left = tuple(held for held in self.credentials if held not in gone)
        return replace(self, credentials=left).without_keys(held.key for held in gone)

    def credential(self, credential_id: str) -> HeldCredential:
        """Return a credential by its id, or by the beginning of it that only it has.

        Raises:
            CredentialNotHeldError: there is none, or several begin like that.
        """
        found = [held for held in self.credentials if held.id.startswith(credential_id)]
        if len(found) != 1 or not credential_id:
            raise CredentialNotHeldError(
                "the wallet holds no such credential"
                if not found
                else "several credentials begin with this id",
                hint="List what it holds with: weid wallet list",
            )
        return found[0]

    def restored(self, at: int) -> Contents:
        """Return the contents with every credential marked as restored at that time."""
        marked = tuple(replace(held, restored_at=at) for held in self.credentials)
        return replace(self, credentials=marked)


def first_copies(credentials: Iterable[HeldCredential]) -> tuple[HeldCredential, ...]:
    """Return the first copy of each certificate, in their order."""
    first: dict[str, HeldCredential] = {}
    for held in credentials:
        first.setdefault(held.certificate, held)
    return tuple(first.values())


def credential_id(issuer_jws: str) -> str:
    """Return the id of a credential: from its signed part, the same in every wallet."""
    # base58, because ids are typed and pasted: none begins with "-" or breaks at a double click.
    return base58_encode(hashlib.sha256(issuer_jws.encode("utf-8")).digest())[-_ID_CHARS:]


# --- As JSON ------------------------------------------------------------------------------------


def encode_contents(contents: Contents) -> bytes:
    """Return the contents as JSON text, private keys included: to be sealed and nothing else."""
    value: JsonObject = {
        "schema": SCHEMA,
        "keys": [
            {"jwk": key.private.to_private_jwk(), "created_at": key.created_at}
            for key in contents.keys.values()
        ],
        "credentials": [_write(held) for held in contents.credentials],
        "awaited": [_write_awaited(one) for one in contents.awaited],
    }
    return json_dumps(value)


def decode_contents(data: bytes) -> Contents:
    """Read the contents.

    Raises:
        WalletFileError: they are of a newer version, or not what this version writes.
    """
    what = "the wallet's contents"
    try:
        value: dict[str, Any] = json_loads_object(
            data, what=what, max_bytes=FILE_BYTES, max_depth=_DEPTH
        )
        schema = value["schema"]
        if isinstance(schema, int) and schema > SCHEMA:
            raise WalletFileError(
                f"the wallet's contents are of version {schema}, this weid knows {SCHEMA}",
                hint="Open it with the version of weid that wrote it, or a newer one.",
            )
        held = [
            HeldKey(PrivateKey.from_jwk(k["jwk"]), _time(k["created_at"])) for k in value["keys"]
        ]
        keys = {key.private.public.thumbprint(): key for key in held}
        credentials = tuple(_read(members) for members in value["credentials"])
        awaited = tuple(_read_awaited(members) for members in value.get("awaited", []))
        bound = {one.key for one in credentials} | {key for one in awaited for key in one.keys}
        if schema != SCHEMA or not bound <= keys.keys():
            raise MalformedError("a credential's key is not there, or the schema is none")
    except WalletFileError:
        raise
    except (WeidError, KeyError, TypeError, ValueError):
        raise WalletFileError(f"{what} cannot be read") from None
    return Contents(MappingProxyType(keys), credentials, awaited)


def _write(held: HeldCredential) -> JsonObject:
    return {
        "id": held.id,
        "text": held.text,
        "key": held.key,
        "added_at": held.added_at,
        "source": held.source,
        "anchor": None if held.anchor is None else held.anchor.to_json(),
        "uses": [
            {
                "at": use.at,
                "kind": use.kind.value,
                "audience": use.audience,
                "claims": list(use.claims),
            }
            for use in held.uses
        ],
        "restored_at": held.restored_at,
        "unverified": held.unverified,
        "batch": held.batch,
    }


def _read(members: dict[str, Any]) -> HeldCredential:
    uses = tuple(
        Use(
            _time(use["at"]),
            UseKind(use["kind"]),
            _text(use["audience"]),
            tuple(map(_text, use["claims"])),
        )
        for use in members["uses"]
    )
    anchor, restored_at = members["anchor"], members["restored_at"]
    return HeldCredential(
        _text(members["id"]),
        _text(members["text"]),
        _text(members["key"]),
        _time(members["added_at"]),
        _text(members["source"]),
        None if anchor is None else IssuanceAnchor.from_json(anchor),
        uses,
        None if restored_at is None else _time(restored_at),
        _flag(members.get("unverified", False)),
        _text(members.get("batch", "")),
    )


def _write_awaited(one: AwaitedCredential) -> JsonObject:
    return {
        "id": one.id,
        "credential_issuer": one.credential_issuer,
        "configuration_id": one.configuration_id,
        "vct": one.vct,
        "transaction_id": one.transaction_id,
        "token": one.token,
        "token_key": None if one.token_key is None else one.token_key.to_private_jwk(),
        "keys": list(one.keys),
        "due": one.due,
    }


def _read_awaited(members: dict[str, Any]) -> AwaitedCredential:
    token_key = members["token_key"]
    return AwaitedCredential(
        _text(members["id"]),
        _text(members["credential_issuer"]),
        _text(members["configuration_id"]),
        _text(members["vct"]),
        _text(members["transaction_id"]),
        _text(members["token"]),
        None if token_key is None else PrivateKey.from_jwk(token_key),
        tuple(map(_text, members["keys"])),
        _time(members["due"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError("a member is not text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise MalformedError("a member is neither true nor false")
    return value


def _time(value: object) -> int:
    # As far as a time can be written as a date.
    if type(value) is not int or not 0 <= value < 2**37:
        raise MalformedError("a member is not a time")
    return value
