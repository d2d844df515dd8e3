"""The webhooks of a node and how far each has come: a small database in the node's folder.

Only the node's operator may read it (mode 0600): who is told of what is nobody else's business.
The running node and the command line may have it open at once; each change is a transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from registry_chain.node.filtering import EventFilter
from weid.addresses import is_loopback_address
from weid.encoding import JsonObject
from weid.errors import MalformedError, NotFoundError, RegistryUnavailableError

MOST: Final = 32
"""Webhooks of a node at most: each has a thread."""
_URL_CHARS: Final = 2_048
_SHOWN_CHARS: Final = 100
_TRIAL: Final = "for a trial on this machine, --unsafe-loopback-http allows http://127.0.0.1"
_BUSY_SECONDS: Final = 10
_COLUMNS: Final = "id, url, names, subject, loopback, state, position, failures, next_try, problem"
_SELECT: Final = f"SELECT {_COLUMNS} FROM webhooks"  # noqa: S608 - fixed words
_INSERT: Final = f"INSERT INTO webhooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - same
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, names TEXT NOT NULL, subject TEXT NOT NULL,
    loopback INTEGER NOT NULL, state TEXT NOT NULL, position INTEGER NOT NULL,
    failures INTEGER NOT NULL, next_try INTEGER NOT NULL, problem TEXT NOT NULL
) STRICT
"""


class State(StrEnum):
    """Whether a webhook is served."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By the operator; it goes on where it was."""
    ENDED = "ended"
    """Its receiver said that it is gone (410), or what comes next is not kept here."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One webhook.

    `position` is that of the last event which its receiver took or its filter left out;
    `failures` counts since the last success, of which `problem` is the newest; `next_try` (seconds)
    is when it is tried again. `loopback` lets the URL be http on this machine, for demonstrations.
    """

    id: str
    url: str
    wanted: EventFilter
    position: int
    loopback: bool = False
    state: State = State.ACTIVE
    failures: int = 0
    next_try: int = 0
    problem: str = ""

    def to_json(self) -> JsonObject:
        """Return what the operator is shown."""
        return {
            "id": self.id,
            "url": self.url,
            "names": [*sorted(self.wanted.names)],
            "subject": self.wanted.subject,
            "loopback": self.loopback,
            "state": self.state.value,
            "position": self.position,
            "failures": self.failures,
            "next_try": self.next_try,
            "problem": self.problem,
        }


def require_url(url: str, *, loopback: bool) -> None:
    """Require a URL that can be a webhook's: https, or of this machine where that is allowed.

    Whether its host has public addresses is judged each time that something is sent.

    Raises:
        MalformedError: it cannot be one.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    here = host == "localhost" or is_loopback_address(host)
    plain = parts.scheme == "http" and here and loopback
    whole = bool(host) and not parts.fragment and parts.username is None and url.isascii()
    # A password may stand before the host: what has a user is not repeated.
    shown = repr(url[:_SHOWN_CHARS]) if "@" not in url else f"for {host}"
    if len(url) > _URL_CHARS or not whole or not (parts.scheme == "https" or plain):
        raise MalformedError(
            f"the URL {shown} is no webhook's: it must be https, without user and fragment",
            hint=_TRIAL,
        )
    if here and not loopback:
        # What is judged when something is sent would let it through never.
        raise MalformedError(
            f"the URL {shown} is of this machine: nothing would ever be sent there", hint=_TRIAL
        )


class SqliteSubscriptions:
    """Webhooks in a file; threads share it.

    Raises:
        RegistryUnavailableError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            # The mode is there before the first byte is.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            path.chmod(0o600)
            self._database = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # After a loss of power something is sent twice at worst: full sync for each is enough.
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def all(self) -> tuple[Subscription, ...]:
        """Return every webhook, in the order of their ids."""
        with self._work() as database:
            rows = database.execute(f"{_SELECT} ORDER BY id").fetchall()
        return tuple(_read(row) for row in rows)

    def find(self, subscription_id: str) -> Subscription | None:
        """Return a webhook, or None."""
        with self._work() as database:
            row = database.execute(f"{_SELECT} WHERE id = ?", (subscription_id,)).fetchone()
        return None if row is None else _read(row)

    def add(self, subscription: Subscription) -> None:
        """Keep a new webhook; there may be `MOST`."""
        values = (
            subscription.id,
            subscription.url,
            json.dumps(sorted(subscription.wanted.names)),
            subscription.wanted.subject,
            int(subscription.loopback),
            subscription.state.value,
            subscription.position,
            subscription.failures,
            subscription.next_try,
            subscription.problem,
        )
        with self._work() as database:
            (count,) = database.execute("SELECT COUNT(*) FROM webhooks").fetchone()
            if count >= MOST:
                raise MalformedError(
                    f"there are {MOST} webhooks already", hint="remove one that is not needed"
                )
            database.execute(_INSERT, values)

    def remove(self, subscription_id: str) -> None:
        """Forget a webhook."""
        with self._work() as database:
            done = database.execute("DELETE FROM webhooks WHERE id = ?", (subscription_id,))
            _require_one(done, subscription_id)

    def switch(self, subscription_id: str, state: State) -> Subscription:
        """Pause a webhook or let it go on, at once and where it was."""
        with self._work() as database:
            done = database.execute(
                "UPDATE webhooks SET state = ?, failures = 0, next_try = 0, problem = '' "
                "WHERE id = ?",
                (state.value, subscription_id),
            )
            _require_one(done, subscription_id)
        found = self.find(subscription_id)
        if found is None:
            raise _unknown(subscription_id)
        return found

    def came_to(self, subscription_id: str, position: int) -> None:
        """Note that everything up to a position was taken or left out."""
        with self._work() as database:
            database.execute(
                "UPDATE webhooks SET position = ?, failures = 0, next_try = 0, problem = '' "
                "WHERE id = ? AND position < ?",
                (position, subscription_id, position),
            )

    def failed(self, subscription_id: str, *, problem: str, next_try: int) -> None:
        """Note that a delivery failed, and when to try again (seconds)."""
        with self._work() as database:
            database.execute(
                "UPDATE webhooks SET failures = failures + 1, next_try = ?, problem = ? "
                "WHERE id = ?",
                (next_try, problem, subscription_id),
            )

    def end(self, subscription_id: str, problem: str) -> None:
        """Serve a webhook no longer."""
        with self._work() as database:
            database.execute(
                "UPDATE webhooks SET state = ?, problem = ? WHERE id = ?",
                (State.ENDED.value, problem, subscription_id),
            )

    @contextmanager
    def _work(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> RegistryUnavailableError:
        return RegistryUnavailableError(
            f"the webhooks in {self._path} cannot be read or written ({type(error).__name__})",
            hint="look at the file's owner, its mode and the free space",
        )


def _read(row: tuple[str, str, str, str, int, str, int, int, int, str]) -> Subscription:
    name, url, names, subject, loopback, state, position, failures, next_try, problem = row
    return Subscription(
        id=name,
        url=url,
        # Not judged again: a name of an older version only never comes.
        wanted=EventFilter(frozenset(json.loads(names)), subject),
        position=position,
        loopback=bool(loopback),
        state=State(state),
        failures=failures,
        next_try=next_try,
        problem=problem,
    )


def _require_one(done: sqlite3.Cursor, subscription_id: str) -> None:
    if done.rowcount != 1:
        raise _unknown(subscription_id)


def _unknown(subscription_id: str) -> NotFoundError:
    return NotFoundError(
        f"there is no webhook {subscription_id}", hint="registry-chain webhooks list DIR shows them"
    )
