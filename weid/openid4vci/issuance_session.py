"""One issuance, from offer to token: a class for each state, and how states are kept.

    Offered ──token──► TokenIssued
       └─5 wrong transaction codes─► Expired

What the token leads to, credential by credential, is in `credential_session`.

A transition exists only from the right class, and `SessionStore.replace` lets exactly one of many
who race make it. Nothing here lets its reader use a session: of code, token and transaction code
only hashes are kept. What is past its time is not in the store any more (clauses IP-03 to IP-09).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, fields
from typing import Final, TypeAlias

from weid import limits
from weid.encoding import JsonObject, base64url_encode, json_dumps, json_loads_object
from weid.errors import MalformedError
from weid.openid4vci.token import plain_tx_code
from weid.sessions import SessionStore

TX_CODE_FAILURES: Final = 5
"""Wrong transaction codes after which a code is dead, from wherever they came."""
SESSION_BYTES: Final = 1024 * 1024
ATTEMPTS: Final = 64
"""How often a transition is tried again when others were quicker."""

_CODE_DOMAIN: Final = b"weid/pre-authorized-code/1\x00"
_STATE_DOMAIN: Final = b"weid/issuer-state/1\x00"
_STATE_ID_DOMAIN: Final = b"weid/issuance-of-issuer-state/1\x00"


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer is out. `approved` is what was approved, by configuration: claims, or a reference.

    `tx_code_hash` is empty where no transaction code is asked for. `token_seconds` is how long its
    token lasts, 0 where that is left to the token endpoint.
    """

    approved: JsonObject = field(repr=False)
    expires_at: int
    tx_code_hash: str = ""
    tx_code_length: int = 0
    failures: int = 0
    token_seconds: int = 0

    @property
    def configuration_ids(self) -> tuple[str, ...]:
        """The configurations that are offered."""
        return tuple(self.approved)


@dataclass(frozen=True, slots=True)
class TokenIssued:
    """The code was turned into an access token; the code is used up.

    `approved` is what the token covers, by configuration.
    """

    approved: JsonObject = field(repr=False)
    token_hash: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The offer is dead before its time; `reason` is for the issuer's records."""

    reason: str


IssuanceSession: TypeAlias = Offered | TokenIssued | Expired

_STATES: Final[dict[str, type[IssuanceSession]]] = {
    state.__name__: state for state in (Offered, TokenIssued, Expired)
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was loaded, with the bytes that a replacement must find unchanged."""

    issuance_id: str
    session: IssuanceSession
    raw: bytes = field(repr=False)


class IssuanceSessions:
    """The issuance sessions of one credential issuer, by their issuance id.

    Several issuers may share a store: the code of one is nothing to another.
    """

    def __init__(self, sessions: SessionStore, *, credential_issuer: str) -> None:
        self._sessions = sessions
        self._prefix = f"issuance:{credential_issuer}:"

    def create(self, issuance_id: str, session: Offered) -> None:
        """Keep a new offer.

        Raises:
            MalformedError: the id is taken, or what was approved is not JSON.
        """
        if not self._sessions.create(
            self._prefix + issuance_id, _encode(session), expires_at=session.expires_at
        ):
            raise MalformedError("the issuance id is taken")

    def load(self, issuance_id: str) -> Stored | None:
        """Return a session, or None where there is none or its time is over."""
        raw = self._sessions.load(self._prefix + issuance_id)
        return None if raw is None else Stored(issuance_id, _decode(raw), raw)

    def replace(self, old: Stored, new: IssuanceSession) -> bool:
        """Put a new state in the place of the old; False where somebody was quicker."""
        until = None if isinstance(new, Expired) else new.expires_at
        return self._sessions.replace(
            self._prefix + old.issuance_id, old.raw, _encode(new), expires_at=until
        )

    def remove(self, issuance_id: str) -> bool:
        """Withdraw an offer or end a session; False where there was none."""
        return self._sessions.take(self._prefix + issuance_id) is not None


# --- Codes, tokens and their hashes -------------------------------------------------------------


def code_of_offer(offer_id: str) -> str:
    """Return the pre-authorized code of an offer.

    It follows from the offer's id, which is as secret: so an offer by reference can be read again
    although the code itself is kept nowhere.
    """
    return _hash(_CODE_DOMAIN + offer_id.encode("utf-8", "surrogatepass"))


def issuer_state_of_offer(offer_id: str) -> str:
    """Return the issuer_state of an offer for the authorization code flow."""
    return _hash(_STATE_DOMAIN + offer_id.encode("utf-8", "surrogatepass"))


def issuance_of_issuer_state(issuer_state: str) -> str:
    """Return the issuance id of an issuer_state.

    No code has that id, so that whoever reads such an offer cannot get round the page.
    """
    return _hash(_STATE_ID_DOMAIN + issuer_state.encode("utf-8", "surrogatepass"))


def issuance_of_code(code: str) -> str:
    """Return the issuance id of a code: its hash, which is no secret."""
    return _hash(code.encode("utf-8"))


def hash_token(secret: str, *, key: str = "") -> str:
    """Return the hash by which the secret part of an access token is kept.

    `key` is the thumbprint of the key that the token is bound to; empty for a Bearer token.
    """
    return _hash(f"{secret}.{key}".encode() if key else secret.encode("utf-8"))


def hash_tx_code(tx_code: str, *, code: str) -> str:
    """Return the hash of a transaction code, keyed with the code that is kept nowhere.

    Six digits alone could be found from any hash of them; without the code they cannot.
    """
    typed = plain_tx_code(tx_code).encode("utf-8", "surrogatepass")
    return base64url_encode(hmac.digest(code.encode("utf-8"), typed, hashlib.sha256))


def same(one: str, other: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def _hash(data: bytes) -> str:
    return base64url_encode(hashlib.sha256(data).digest())


# --- Keeping ------------------------------------------------------------------------------------


def _encode(session: IssuanceSession) -> bytes:
    members: JsonObject = {field.name: getattr(session, field.name) for field in fields(session)}
    return json_dumps({"state": type(session).__name__, **members})


def _decode(raw: bytes) -> IssuanceSession:
    members = json_loads_object(
        raw,
        what="the issuance session",
        max_bytes=SESSION_BYTES,
        max_depth=limits.JSON_DEPTH + 2,
    )
    state = _STATES[str(members.pop("state"))]
    return state(**members)  # type: ignore[arg-type]  # what _encode wrote
