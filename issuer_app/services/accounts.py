"""Users, passwords and browser sessions.

The same refusal, after the same work, for an unknown name, a wrong password and a locked name: a
stranger learns nothing. Tokens are stored as hashes, passwords by Argon2id.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from nacl import exceptions, pwhash

from issuer_app.errors import (
    ConflictError,
    InputRefusedError,
    MissingError,
    Problem,
)
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person, Role, server_person
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock

PASSWORD_LEAST: Final = 12
PASSWORD_MOST: Final = 256
FREE_TRIES: Final = 5
FIRST_LOCK: Final = 30
LONGEST_LOCK: Final = 3600
_SEEN_STEP: Final = 30
"""A session's last use is written at most this often (seconds)."""
_PASSWORD_PROBLEM: Final = Problem("password_form", "password", {"least": PASSWORD_LEAST})
_SIGN_IN_REFUSED: Final = Problem("sign_in_refused", "login")
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}\Z")
_COSTS: Final = {
    "interactive": (pwhash.argon2id.OPSLIMIT_INTERACTIVE, pwhash.argon2id.MEMLIMIT_INTERACTIVE),
    "moderate": (pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE),
}


class SignInRefusedError(InputRefusedError):
    """Not signed in; the reason is not told."""

    status = 401


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives without use, and at most (seconds)."""

    idle: int
    longest: int


class Passwords:
    """Argon2id with the configured cost."""

    def __init__(self, cost: str) -> None:
        self._operations, self._memory = _COSTS[cost]
        self._nobody = _nobodys_hash(cost)

    def hash(self, password: str) -> str:
        """Return the string to store."""
        return pwhash.argon2id.str(
            _password_bytes(password), opslimit=self._operations, memlimit=self._memory
        ).decode("ascii")

    def fits(self, password: str, stored: str | None) -> bool:
        """Return whether the password fits; costs the same where there is nothing to fit."""
        try:
            fits = pwhash.verify(
                (stored or self._nobody).encode("ascii"), _password_bytes(password)
            )
        except exceptions.InvalidkeyError:
            return False
        return fits and stored is not None


@lru_cache
def _nobodys_hash(cost: str) -> str:
    """Return the hash of a password that nobody has, to be tried where there is no user."""
    operations, memory = _COSTS[cost]
    unknown = secrets.token_bytes(32)
    return pwhash.argon2id.str(unknown, opslimit=operations, memlimit=memory).decode("ascii")


def _password_bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8")


class Accounts:
    """Signs people in and out, and keeps the list of users."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        passwords: Passwords,
        *,
        clock: Clock,
        sessions: SessionLimits,
    ) -> None:
        self._database = database
        self._audit = audit
        self._passwords = passwords
        self._clock = clock
        self._sessions = sessions

    # --- signing in ------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str) -> str:
        """Return the token of a new session.

        Raises:
            SignInRefusedError: whatever the reason.
        """
        login = unicodedata.normalize("NFKC", login).strip().lower()[:128]
        user = self._database.first(
            "SELECT * FROM users WHERE login = ? AND disabled_at IS NULL", (login,)
        )
        organisation = user["organisation"] if user else ""
        login_hash = _digest(login)
        locked = self._locked_until(organisation, login_hash) > self._clock.now()
        fits = self._passwords.fits(
            password[:PASSWORD_MOST], user["password_hash"] if user else None
        )
        if user is None or locked or not fits:
            self._count_failure(user, organisation, login_hash, locked=locked)
            raise SignInRefusedError(_SIGN_IN_REFUSED)
        return self._open_session(user, login_hash)

    def _locked_until(self, organisation: str, login_hash: str) -> int:
        found = self._database.value(
            "SELECT locked_until FROM sign_in_failures WHERE organisation = ? AND login_hash = ?",
            (organisation, login_hash),
        )
        return int(found or 0)

    def _count_failure(
        self, user: Row | None, organisation: str, login_hash: str, *, locked: bool
    ) -> None:
        with self._database.write():
            key = (organisation, login_hash)
            before = self._database.value(
                "SELECT failures FROM sign_in_failures WHERE organisation = ? AND login_hash = ?",
                key,
            )
            failures = int(before or 0) + (0 if locked else 1)
            over = failures - FREE_TRIES
            wait = 0 if over < 0 else min(LONGEST_LOCK, FIRST_LOCK * 2 ** min(over, 16))
            until = self._clock.now() + wait
            if not locked:
                self._database.execute(
                    "INSERT INTO sign_in_failures VALUES (?, ?, ?, ?) ON CONFLICT"
                    " (organisation, login_hash) DO UPDATE SET failures = ?, locked_until = ?",
                    (*key, failures, until, failures, until),
                )
            if user:
                self._audit.record(
                    server_person(organisation), "sign_in_refused", user["id"], failures=failures
                )
            # Names that nobody has leave their counters behind: forget the old ones.
            self._database.execute(
                "DELETE FROM sign_in_failures WHERE locked_until < ? AND organisation = ''",
                (self._clock.now() - LONGEST_LOCK,),
            )

    def _open_session(self, user: Row, login_hash: str) -> str:
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._database.write():
            # Checking is slow: meanwhile the password may be another, or the access have ended.
            stored = self._database.value(
                "SELECT password_hash FROM users WHERE id = ? AND disabled_at IS NULL",
                (user["id"],),
            )
            if stored != user["password_hash"]:
                raise SignInRefusedError(_SIGN_IN_REFUSED)
            self._database.execute(
                "DELETE FROM sign_in_failures WHERE organisation = ? AND login_hash = ?",
                (user["organisation"], login_hash),
            )
            self._database.execute(
                "DELETE FROM browser_sessions WHERE created_at < ?", (now - self._sessions.longest,)
            )
            self._database.insert(
                "browser_sessions",
                {
                    "token_hash": _digest(token),
                    "organisation": user["organisation"],
                    "user_id": user["id"],
                    "created_at": now,
                    "seen_at": now,
                },
            )
            self._audit.record(_person(user), "signed_in", user["id"])
        return token

    def person_of(self, token: str) -> Person | None:
        """Return who holds a session token that is still alive, and note its use."""
        now = self._clock.now()
        found = self._database.first(
            "SELECT users.*, seen_at, token_hash FROM browser_sessions"
            " JOIN users ON users.id = browser_sessions.user_id"
            " WHERE token_hash = ? AND seen_at > ? AND browser_sessions.created_at > ?"
            " AND disabled_at IS NULL",
            (_digest(token), now - self._sessions.idle, now - self._sessions.longest),
        )
        if found is None:
            return None
        if now - found["seen_at"] >= _SEEN_STEP:
            with self._database.write():
                self._database.execute(
                    "UPDATE browser_sessions SET seen_at = ? WHERE token_hash = ?",
                    (now, found["token_hash"]),
                )
        return _person(found)

    def sign_out(self, token: str) -> None:
        """End a session; its token is dead from then on."""
        person = self.person_of(token)
        with self._database.write():
            self._database.execute(
                "DELETE FROM browser_sessions WHERE token_hash = ?", (_digest(token),)
            )
            if person:
                self._audit.record(person, "signed_out", person.id)

    # --- users -----------------------------------------------------------------------------------

    def users(self, person: Person) -> list[Row]:
        """Return the users of the person's organisation."""
        rows = self._database.query(
            "SELECT id, login, name, roles, created_at, disabled_at, version FROM users"
            " WHERE organisation = ? ORDER BY login",
            (person.organisation,),
        )
        return [{**row, "roles": row["roles"].split()} for row in rows]

    def add_user(
        self, person: Person, *, login: str, name: str, password: str, roles: Collection[str]
    ) -> str:
        """Add a user to the person's organisation and return the new id.

        Raises:
            InputRefusedError: names every field that is wrong.
        """
        login, name = login.strip().lower(), " ".join(name.split())[:100]
        problems = _user_problems(login, name, password, roles)
        if problems:
            raise InputRefusedError(*problems)
        user: Row = {
            "id": new_id(),
            "organisation": person.organisation,
            "login": login,
            "name": name,
            "password_hash": self._passwords.hash(password),
            "roles": " ".join(sorted(set(roles))),
            "created_at": self._clock.now(),
        }
        with self._database.write():
            if self._database.value("SELECT 1 FROM users WHERE login = ?", (login,)):
                raise InputRefusedError(Problem("login_taken", "login"))
            self._database.insert("users", user)
            self._audit.record(person, "user_added", user["id"], roles=user["roles"])
        return str(user["id"])

    def set_password(self, person: Person, *, login: str, password: str) -> None:
        """Give a user of the person's organisation another password; every session ends.

        A name that was locked by wrong tries is free again. API tokens stay.

        Raises:
            MissingError: there is no such user, or the access has ended.
            InputRefusedError: the password is not one.
        """
        login = login.strip().lower()
        if not _is_password(password, login):
            raise InputRefusedError(_PASSWORD_PROBLEM)
        stored = self._passwords.hash(password)
        with self._database.write():
            user_id = self._database.value(
                "SELECT id FROM users WHERE login = ? AND organisation = ? AND disabled_at IS NULL",
                (login, person.organisation),
            )
            if user_id is None:
                raise MissingError(
                    f"there is no user {login!r}, or the access has ended",
                    hint="issuer-app create-user LOGIN adds one.",
                )
            self._database.execute(
                "UPDATE users SET password_hash = ?, version = version + 1 WHERE id = ?",
                (stored, user_id),
            )
            self._database.execute("DELETE FROM browser_sessions WHERE user_id = ?", (user_id,))
            self._database.execute(
                "DELETE FROM sign_in_failures WHERE organisation = ? AND login_hash = ?",
                (person.organisation, _digest(login)),
            )
            self._audit.record(person, "password_set", user_id)

    def disable_user(self, person: Person, user_id: str, *, expected_version: int) -> None:
        """End a user's access at once, sessions included; nobody disables himself."""
        if user_id == person.id:
            raise ConflictError("nobody can end his own access", Problem("own_access"))
        with self._database.write():
            found = self._database.first(
                "SELECT disabled_at FROM users WHERE id = ? AND organisation = ?",
                (user_id, person.organisation),
            )
            if found is None:
                raise MissingError("no such user")
            if found["disabled_at"] is not None:
                raise ConflictError("the user's access has ended", Problem("access_ended"))
            changed = self._database.execute(
                "UPDATE users SET disabled_at = ?, version = version + 1 WHERE id = ?"
                " AND organisation = ? AND version = ? AND disabled_at IS NULL",
                (self._clock.now(), user_id, person.organisation, expected_version),
            )
            if not changed:
                raise ConflictError("the user was changed meanwhile")
            self._database.execute("DELETE FROM browser_sessions WHERE user_id = ?", (user_id,))
            self._audit.record(person, "user_disabled", user_id)


def _is_password(password: str, login: str) -> bool:
    return PASSWORD_LEAST <= len(password) <= PASSWORD_MOST and password.lower() != login


def _user_problems(login: str, name: str, password: str, roles: Collection[str]) -> list[Problem]:
    problems = []
    if _LOGIN.match(login) is None:
        problems.append(Problem("login_form", "login"))
    if not name:
        problems.append(Problem("name_missing", "name"))
    if not _is_password(password, login):
        problems.append(_PASSWORD_PROBLEM)
    if not roles or not set(roles) <= {role.value for role in Role}:
        problems.append(Problem("roles_missing", "roles"))
    return problems


def _person(row: Row) -> Person:
    return Person(
        id=row["id"],
        organisation=row["organisation"],
        login=row["login"],
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"].split()),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
