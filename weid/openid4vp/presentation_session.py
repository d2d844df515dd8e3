"""One presentation, from request to answer: a class for each state, and how states are kept.

    Requested ──wallet reads──► Fetched ──good answer──► Answered ──purpose over──► (gone)
        └───────────────────────┴──time is up──► Expired

A transition exists only from the right class, and `SessionStore.replace` lets exactly one of many
who race make it. Whoever has photographed the code can post whatever a wallet can. So neither an
answer that is not accepted nor a wallet's error ends a session, on the same device or across
devices: what came last is kept for the page, and an answer may still come. From one source few of
them are taken in a minute; another source is not kept out by that. What such a stranger still can
do is to answer with credentials of his own, as with every code on a screen.

Four separate secrets, none of which follows from another: the session id, which only the browser
that asked has; the request id, in the link that the wallet opens; `state`, in the request; the
response code, which only the wallet that answered gets. Of session id and response code hashes are
kept. Clauses PP-54 … PP-61 of specs/presentation-profile.md.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, fields
from typing import Final, TypeAlias

from weid import limits
from weid.encoding import JsonObject, base64url_encode, json_dumps, json_loads_object
from weid.errors import MalformedError
from weid.sessions import SessionStore

SESSION_BYTES: Final = 2 * 1024 * 1024
GRACE: Final = 3600
"""Seconds after its end for which a session is still known to have expired."""
TRIES: Final = 50
"""What one source may post in a minute that ends nothing: it is checked, and that costs."""
TRIES_SECONDS: Final = 60
SOURCES: Final = 32
"""Sources that are told apart within a minute; past that, new ones wait for the next."""


@dataclass(frozen=True, slots=True)
class Requested:
    """The request is made and waits for a wallet.

    `request` are its parameters; `decryption_key` the private JWK of this request alone, None
    where the answer is not encrypted. `return_to` is where the wallet sends the same browser back
    to, None across devices. The answer is kept for `keep_for` seconds. `attempts` counts answers
    that were not accepted; `last_attempt` says of the last what was wrong, without any claim.
    `declined` is the code with which a wallet said no, empty where something came after it. `tries`
    counts, since `tries_since`, what ended nothing, by source.
    """

    session_hash: str
    request: JsonObject = field(repr=False)
    decryption_key: JsonObject | None = field(repr=False)
    return_to: str | None
    expires_at: int
    keep_for: int
    attempts: int = 0
    last_attempt: JsonObject | None = None
    declined: str = ""
    tries: JsonObject = field(default_factory=dict)
    tries_since: int = 0

    def tries_of(self, source: str, *, now: int) -> int:
        """Return how much of a source ended nothing within the last minute.

        A new source beyond `SOURCES` counts as one that has used up all.
        """
        if not self.tries_since <= now < self.tries_since + TRIES_SECONDS:
            return 0
        count = self.tries.get(source, 0 if len(self.tries) < SOURCES else TRIES)
        return count if isinstance(count, int) else TRIES

    def counted(self, source: str, *, now: int) -> JsonObject:
        """Return the members `tries` and `tries_since` with one more of a source."""
        if not self.tries_since <= now < self.tries_since + TRIES_SECONDS:
            return {"tries": {source: 1}, "tries_since": now}
        count = self.tries_of(source, now=now)
        return {"tries": self.tries if count >= TRIES else {**self.tries, source: count + 1}}


@dataclass(frozen=True, slots=True)
class Fetched(Requested):
    """A wallet has read the request; it may read it again."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer was accepted. `result` holds personal data until `expires_at`, its purpose's end.

    `answered_again` tells that a further answer came later and was refused.
    """

    session_hash: str
    result: JsonObject = field(repr=False)
    code_hash: str
    answered_at: int
    expires_at: int
    answered_again: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """No answer came in time, or what came was forgotten since."""

    session_hash: str


Open: TypeAlias = Requested | Fetched
PresentationSession: TypeAlias = Requested | Fetched | Answered | Expired
_STATES: Final[dict[str, type[Requested | Answered | Expired]]] = {
    state.__name__: state for state in (Requested, Fetched, Answered, Expired)
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was loaded, with the bytes that a replacement must find unchanged."""

    request_id: str
    session: PresentationSession
    raw: bytes = field(repr=False)


class PresentationSessions:
    """The presentation sessions of one verifier, by request id and by session id."""

    def __init__(self, sessions: SessionStore, *, verifier: str) -> None:
        self._sessions = sessions
        self._by_request = f"presentation:{verifier}:"
        self._by_browser = f"presentation-of:{verifier}:"

    def create(self, request_id: str, session_id: str, session: Requested) -> None:
        """Keep a new request.

        Raises:
            MalformedError: one of the ids is taken.
        """
        known_until = session.expires_at + session.keep_for + GRACE
        made = self._sessions.create(
            self._by_request + request_id,
            _encode(session),
            expires_at=session.expires_at + GRACE,
        ) and self._sessions.create(
            self._by_browser + hash_secret(session_id),
            request_id.encode(),
            expires_at=known_until,
        )
        if not made:
            raise MalformedError("the id of the presentation session is taken")

    def load(self, request_id: str, *, now: int) -> Stored | None:
        """Return a session, one past its time as `Expired`; None where there is none."""
        raw = self._sessions.load(self._by_request + request_id)
        if raw is None:
            return None
        session = _decode(raw)
        if not isinstance(session, Expired) and session.expires_at <= now:
            session = Expired(session.session_hash)
        return Stored(request_id, session, raw)

    def of_browser(self, session_id: str, *, now: int) -> Stored | None:
        """Return the session that a browser began, by the id that only it has."""
        key = self._by_browser + hash_secret(session_id)
        found = self._sessions.load(key) if session_id else None
        if found is None:
            return None
        request_id = found.decode()
        stored = self.load(request_id, now=now)
        if stored is None:  # its purpose is over, and with it what was known
            return Stored(request_id, Expired(hash_secret(session_id)), b"")
        if not same(stored.session.session_hash, hash_secret(session_id)):
            return None
        return stored

    def replace(self, old: Stored, new: PresentationSession) -> bool:
        """Put a new state in the place of the old; False where somebody was quicker."""
        until = None
        if isinstance(new, Answered):
            until = new.expires_at  # personal data: not a second longer
        elif not isinstance(new, Expired):
            until = new.expires_at + GRACE
        return self._sessions.replace(
            self._by_request + old.request_id, old.raw, _encode(new), expires_at=until
        )

    def remove_expired(self) -> int:
        """Remove what is past its time from the store; call it now and then."""
        return self._sessions.remove_expired()


def hash_secret(secret: str) -> str:
    """Return the hash by which a secret is kept: 256 random bits need no salt."""
    return base64url_encode(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest())


def same(one: str, other: str) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


# --- Keeping ------------------------------------------------------------------------------------


def _encode(session: PresentationSession) -> bytes:
    members: JsonObject = {one.name: getattr(session, one.name) for one in fields(session)}
    return json_dumps({"state": type(session).__name__, **members})


def _decode(raw: bytes) -> PresentationSession:
    members = json_loads_object(
        raw,
        what="the presentation session",
        max_bytes=SESSION_BYTES,
        max_depth=2 * limits.JSON_DEPTH,
    )
    state = _STATES[str(members.pop("state"))]
    return state(**members)  # type: ignore[arg-type]  # what _encode wrote
