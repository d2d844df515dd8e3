"""Status lists: places given out at random, once; lists rebuilt, anchored and signed on change.

Which bits a list has follows from the certificates, so that a list can always be made again. The
registry learns the new digest before the new token is served; a verifier accepts the superseded
token for that moment. A list that cannot be published keeps no other from its turn: its trouble is
written down for people to see, because until it ends verifiers go by what was published before.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from issuer_app.errors import MissingError
from issuer_app.services.agency import Agency, PublishedList, StatusContent
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person, server_person
from issuer_app.services.trouble import words_of
from issuer_app.settings import Settings
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock
from weid.errors import RegistryUnavailableError, WeidError

BITS: Final = 2
"""Valid, revoked and suspended need two bits (Token Status List clause 7.1)."""
CACHE_SECONDS: Final = 30
"""How long caches on the way may keep a list; half of the minute within which a change shows."""
_VALUES: Final = {"valid": 0, "revoked": 1, "suspended": 2}
_ASKED: Final = 500
"""Places that one question to the store names."""
_FULL: Final = 2
"""A list is full when one of this many places is taken: random places stay quick to find."""


@dataclass(frozen=True, slots=True)
class UnpublishedLists:
    """Status lists that cannot be published for one reason: why, and since when."""

    trouble: str
    since: int


class StatusLists:
    """The status lists of one organisation."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        agency: Agency,
        *,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._settings = settings
        self._clock = clock

    # --- places ----------------------------------------------------------------------------------

    def list_for(self, cpt_id: str) -> Row:
        """Return the list in which certificates of a template get their places now.

        A new list is published before it gives out its first place.
        """
        found = self._open_list(cpt_id)
        if found is None:
            list_id = new_id()
            uri = f"{self._settings.public_url}/status-lists/{list_id}"
            size = self._settings.status_list_size
            published = self._agency.publish_status(StatusContent(uri, cpt_id, BITS, size, {}))
            with self._database.write():
                found = self._open_list(cpt_id)
                if found is None:
                    self._keep_new(list_id, uri, cpt_id, size, published)
        return found or self._open_list(cpt_id) or {}

    def _open_list(self, cpt_id: str) -> Row | None:
        return self._database.first(
            "SELECT id, uri, size, used FROM status_lists WHERE organisation = ? AND cpt_id = ?"
            " AND used < size / ? ORDER BY used DESC LIMIT 1",
            (self._agency.organisation, cpt_id, _FULL),
        )

    def _keep_new(
        self, list_id: str, uri: str, cpt_id: str, size: int, published: PublishedList
    ) -> None:
        self._database.insert(
            "status_lists",
            {
                "id": list_id,
                "organisation": self._agency.organisation,
                "cpt_id": cpt_id,
                "uri": uri,
                "size": size,
                "used": 0,
                "sequence": published.sequence,
                "changed_at": None,
                "token": published.token,
                "token_expires_at": published.expires_at,
                "published_at": self._clock.now(),
            },
        )
        self._audit.record(
            server_person(self._agency.organisation), "status_list_published", list_id, sequence=1
        )

    def reserve(self, row: Row, count: int) -> list[int]:
        """Return free places of a list, drawn at random, inside the caller's write.

        What the store demands of places is what guarantees that no place is used twice; this
        only avoids running into it.
        """
        places: dict[int, None] = {}
        while len(places) < count:
            wanted = min(count - len(places), _ASKED)
            drawn = {secrets.randbelow(row["size"]) for _ in range(wanted)}
            free = drawn - places.keys() - self._taken(row["id"], drawn)
            places |= dict.fromkeys(free)
        self._database.execute(
            "UPDATE status_lists SET used = used + ? WHERE id = ?", (count, row["id"])
        )
        return list(places)

    def _taken(self, list_id: str, drawn: set[int]) -> set[int]:
        marks = ", ".join("?" * len(drawn))
        found = self._database.query(
            f"SELECT list_index FROM places WHERE list_id = ? AND list_index IN ({marks})",  # noqa: S608 - question marks
            (list_id, *drawn),
        )
        return {row["list_index"] for row in found}

    # --- publication -----------------------------------------------------------------------------

    def run(self) -> None:
        """Republish the lists that changed, and sign anew those that are about to expire.

        Raises:
            WeidError: the last trouble, after every list had its turn; a registry that does not
                answer is asked once only.
        """
        now = self._clock.now()
        trouble: WeidError | None = None
        for row in self._database.query(
            "SELECT * FROM status_lists WHERE organisation = ?"
            " AND (changed_at IS NOT NULL OR published_at < ?)",
            (self._agency.organisation, now - self._settings.status_ttl_seconds // 4),
        ):
            away = isinstance(trouble, RegistryUnavailableError)
            error = trouble if away else self._trouble_with(row)
            if error is not None:
                trouble = error
                self._note_trouble(row, error)
        if trouble is not None:
            raise trouble

    def _trouble_with(self, row: Row) -> WeidError | None:
        """Republish a list; return what kept it from that."""
        try:
            self._republish(row)
        except WeidError as error:
            return error
        return None

    def _note_trouble(self, row: Row, error: WeidError) -> None:
        trouble = words_of(error)
        if trouble == row["trouble"]:
            return
        with self._database.write():
            self._database.execute(
                "UPDATE status_lists SET trouble = ?, trouble_since = coalesce(trouble_since, ?)"
                " WHERE id = ?",
                (trouble, self._clock.now(), row["id"]),
            )
            person = server_person(self._agency.organisation)
            self._audit.record(person, "status_list_not_published", row["id"])

    def _republish(self, row: Row) -> None:
        # Taken before the statuses are read: a change that comes later is not forgotten.
        version = self._version(row["id"])
        statuses = {
            certificate["list_index"]: _VALUES[certificate["status"]]
            for certificate in self._database.query(
                "SELECT list_index, status FROM places WHERE list_id = ? AND status <> 'valid'",
                (row["id"],),
            )
        }
        published = self._agency.publish_status(
            StatusContent(row["uri"], row["cpt_id"], BITS, row["size"], statuses)
        )
        with self._database.write():
            changed_since = self._version(row["id"]) != version
            self._database.execute(
                "UPDATE status_lists SET sequence = ?, token = ?, token_expires_at = ?,"
                " published_at = ?, changed_at = CASE WHEN ? THEN changed_at END,"
                " trouble = '', trouble_since = NULL WHERE id = ?",
                (
                    published.sequence,
                    published.token,
                    published.expires_at,
                    self._clock.now(),
                    changed_since,
                    row["id"],
                ),
            )
            if row["changed_at"] is not None:
                self._audit.record(
                    server_person(self._agency.organisation),
                    "status_list_published",
                    row["id"],
                    sequence=published.sequence,
                )

    def _version(self, list_id: str) -> int:
        """Return a number that rises with every change of status in a list."""
        return int(
            self._database.value(
                "SELECT coalesce(sum(version), 0) FROM places WHERE list_id = ?", (list_id,)
            )
        )

    def unpublished(self, person: Person) -> list[UnpublishedLists]:
        """Return what keeps lists of the person's organisation unpublished, oldest first.

        The time is that of the oldest change of status that verifiers do not see.
        """
        rows = self._database.query(
            "SELECT trouble, min(min(trouble_since, coalesce(changed_at, trouble_since))) AS since"
            " FROM status_lists WHERE organisation = ? AND trouble <> ''"
            " GROUP BY trouble ORDER BY since, trouble",
            (person.organisation,),
        )
        return [UnpublishedLists(**row) for row in rows]

    def published(self) -> bool:
        """Say whether no list has trouble."""
        return not self.unpublished(server_person(self._agency.organisation))

    def token_of(self, list_id: str) -> tuple[str, int]:
        """Return a list's signed token and how long a cache may keep it (seconds).

        Raises:
            MissingError: there is no such list.
        """
        found = self._database.value("SELECT token FROM status_lists WHERE id = ?", (list_id,))
        if found is None:
            raise MissingError("no such status list")
        return str(found), CACHE_SECONDS
