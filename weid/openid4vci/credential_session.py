"""One credential of an issuance, from its keys to its end: a class for each state, and keeping.

    (nothing) ──proofs──► KeysAccepted ──signed──► CredentialsIssued
                            │  ▲ refused: Released     ▲
                            └─not decided─► Awaited ───┘ approved

A token may cover several configurations; each has a state of its own, under the issuance id and
the configuration's name, and ends with the token. Transitions are as in `issuance_session`
(clauses IP-09, IP-10, IP-50 to IP-59).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final, TypeAlias

from weid import limits
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.sessions import SessionStore

CREDENTIAL_BYTES: Final = 8 * 1024 * 1024
"""A kept state: a batch of credentials with photos and their anchors."""


@dataclass(frozen=True, slots=True)
class KeysAccepted:
    """Proofs for these keys were accepted; the credentials are being made for no others.

    It is kept before they are made: after a crash in between, the same keys may ask again and get
    the same credentials. `keys` are public JWKs.
    """

    keys: list[JsonObject]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Released:
    """The issuer refused and nothing was made: other keys may ask."""

    expires_at: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whether there will be credentials is not decided yet; the wallet asks again.

    `asked` counts how often it did before `window_ends`.
    """

    keys: list[JsonObject]
    expires_at: int
    transaction_id: str = field(repr=False)
    interval: int
    window_ends: int
    asked: int = 0


@dataclass(frozen=True, slots=True)
class CredentialsIssued:
    """The credentials, each with its anchor if it has one: what the same keys get again.

    `transaction_id` is empty where they were not deferred; `notified` is what the wallet told.
    """

    keys: list[JsonObject]
    expires_at: int
    credentials: list[JsonObject] = field(repr=False)
    notification_id: str = field(repr=False)
    transaction_id: str = field(default="", repr=False)
    notified: list[str] = field(default_factory=list)


CredentialState: TypeAlias = KeysAccepted | Released | Awaited | CredentialsIssued
Bound: TypeAlias = KeysAccepted | Awaited | CredentialsIssued

_STATES: Final[dict[str, type[CredentialState]]] = {
    state.__name__: state for state in (KeysAccepted, Released, Awaited, CredentialsIssued)
}


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A state as it was loaded, with the bytes that a replacement must find unchanged."""

    issuance_id: str
    configuration_id: str
    state: CredentialState
    raw: bytes = field(repr=False)


class CredentialSessions:
    """The credential states of one credential issuer."""

    def __init__(self, sessions: SessionStore, *, credential_issuer: str) -> None:
        self._sessions = sessions
        self._prefix = f"credential:{credential_issuer}:"

    def create(self, issuance_id: str, configuration_id: str, state: KeysAccepted) -> bool:
        """Keep the first state; False where somebody was quicker."""
        key = self._key(issuance_id, configuration_id)
        return self._sessions.create(key, _encode(state), expires_at=state.expires_at)

    def load(self, issuance_id: str, configuration_id: str) -> StoredCredential | None:
        """Return a state, or None where there is none or its time is over."""
        raw = self._sessions.load(self._key(issuance_id, configuration_id))
        if raw is None:
            return None
        return StoredCredential(issuance_id, configuration_id, _decode(raw), raw)

    def replace(self, old: StoredCredential, new: CredentialState) -> bool:
        """Put a new state in the place of the old; False where somebody was quicker."""
        key = self._key(old.issuance_id, old.configuration_id)
        return self._sessions.replace(key, old.raw, _encode(new), expires_at=new.expires_at)

    def remove(self, issuance_id: str, configuration_id: str) -> None:
        """Forget a state."""
        self._sessions.take(self._key(issuance_id, configuration_id))

    def _key(self, issuance_id: str, configuration_id: str) -> str:
        return f"{self._prefix}{issuance_id}:{configuration_id}"


def thumbprints(keys: list[JsonObject]) -> frozenset[str]:
    """Return what names keys, whatever their order."""
    return frozenset(PublicKey.from_jwk(key).thumbprint() for key in keys)


def _encode(state: CredentialState) -> bytes:
    members: JsonObject = {field.name: getattr(state, field.name) for field in fields(state)}
    return json_dumps({"state": type(state).__name__, **members})


def _decode(raw: bytes) -> CredentialState:
    members = json_loads_object(
        raw,
        what="the credential's state",
        max_bytes=CREDENTIAL_BYTES,
        max_depth=limits.JSON_DEPTH + 2,
    )
    state = _STATES[str(members.pop("state"))]
    return state(**members)  # type: ignore[arg-type]  # what _encode wrote
