"""API tokens: how a program acts for a user, with that user's roles and never more.

A token is 256 random bits, shown once and stored as its hash; it ends by itself, with its user, or
when it is revoked. Who acts with one stands in the audit log with the token's name.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from issuer_app.errors import ConflictError, InputRefusedError, MissingError, Problem
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person, Role
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock

PREFIX: Final = "weidapi_"
"""First characters of every token, so that a scanner for leaked secrets knows one."""
MOST_DAYS: Final = 366
NAME_CHARACTERS: Final = 60
_FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}\Z")
_DAY: Final = 86_400
_SEEN_STEP: Final = 60
"""A token's last use is written at most this often (seconds)."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made: the only time that its text is known."""

    id: str
    text: str
    expires_at: int


class ApiTokens:
    """Makes, finds, lists and revokes the tokens of users."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def create(self, by: Person, login: str, *, name: str, days: int) -> NewToken:
        """Make a token for a user of the same organisation.

        Raises:
            MissingError: there is no such user, or his access has ended.
            InputRefusedError: no name for the token, or a lifetime that is not allowed.
            ConflictError: the user has a token of that name.
        """
        name = " ".join(name.split())
        if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
            raise InputRefusedError(Problem("token_name", "name", {"most": NAME_CHARACTERS}))
        if not 1 <= days <= MOST_DAYS:
            raise InputRefusedError(Problem("token_days", "days", {"most": MOST_DAYS}))
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        made = NewToken(new_id(), text, now + days * _DAY)
        with self._database.write():
            user_id = self._database.value(
                "SELECT id FROM users WHERE login = ? AND organisation = ? AND disabled_at IS NULL",
                (login.strip().lower(), by.organisation),
            )
            if user_id is None:
                raise MissingError(
                    f"there is no user {login!r}, or the access has ended",
                    hint="issuer-app create-user LOGIN adds one.",
                )
            if self._named(user_id, name):
                raise ConflictError(
                    f"the user has a token {name}", hint="Choose another name, or revoke it first."
                )
            self._database.insert(
                "api_tokens",
                {
                    "id": made.id,
                    "token_hash": _digest(text),
                    "organisation": by.organisation,
                    "user_id": user_id,
                    "name": name,
                    "created_at": now,
                    "expires_at": made.expires_at,
                },
            )
            self._audit.record(by, "api_token_created", made.id, user=user_id, days=days)
        return made

    def _named(self, user_id: str, name: str) -> bool:
        found = self._database.value(
            "SELECT 1 FROM api_tokens WHERE user_id = ? AND name = ? AND revoked_at IS NULL"
            " AND expires_at > ?",
            (user_id, name, self._clock.now()),
        )
        return found is not None

    def person_of(self, text: str) -> Person | None:
        """Return for whom a token acts, if it is alive, and note its use."""
        if _FORM.match(text) is None:
            return None
        now = self._clock.now()
        found = self._database.first(
            "SELECT users.*, api_tokens.id AS token_id, api_tokens.name AS token_name,"
            " api_tokens.used_at FROM api_tokens JOIN users ON users.id = user_id"
            " WHERE token_hash = ? AND revoked_at IS NULL AND expires_at > ?"
            " AND disabled_at IS NULL",
            (_digest(text), now),
        )
        if found is None:
            return None
        if now - (found["used_at"] or 0) >= _SEEN_STEP:
            with self._database.write():
                self._database.execute(
                    "UPDATE api_tokens SET used_at = ? WHERE id = ?", (now, found["token_id"])
                )
        return Person(
            id=found["id"],
            organisation=found["organisation"],
            login=found["login"],
            name=f"{found['name']} (token {found['token_name']})",
            roles=frozenset(Role(role) for role in found["roles"].split()),
        )

    def list_all(self, organisation: str) -> list[Row]:
        """Return the tokens of an organisation, the dead ones too, without their hashes."""
        return self._database.query(
            "SELECT api_tokens.id, login, api_tokens.name, api_tokens.created_at, expires_at,"
            " used_at, revoked_at FROM api_tokens JOIN users ON users.id = user_id"
            " WHERE api_tokens.organisation = ? ORDER BY api_tokens.created_at, api_tokens.rowid",
            (organisation,),
        )

    def revoke(self, by: Person, token_id: str) -> None:
        """End a token at once.

        Raises:
            MissingError: there is none of that id that is still alive.
        """
        with self._database.write():
            changed = self._database.execute(
                "UPDATE api_tokens SET revoked_at = ? WHERE id = ? AND organisation = ?"
                " AND revoked_at IS NULL",
                (self._clock.now(), token_id, by.organisation),
            )
            if not changed:
                raise MissingError(
                    f"there is no token {token_id!r} that is still alive",
                    hint="issuer-app list-tokens shows their identifiers.",
                )
            self._audit.record(by, "api_token_revoked", token_id)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
