"""Certificates: found, shown, revoked, suspended and reinstated, each with its timeline.

Revoked is final. A change names the version that the person saw, so that of two who change the
same certificate the second is told instead of overwriting the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from issuer_app.errors import ConflictError, InputRefusedError, MissingError, Problem
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock

PAGE: Final = 50
LAST_PAGE: Final = 10_000
SEARCH_CHARACTERS: Final = 100
NOTE_CHARACTERS: Final = 500
REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    "revoke": (
        "data_wrong",
        "key_lost",
        "superseded",
        "right_ended",
        "obtained_wrongly",
        "holder_request",
    ),
    "suspend": ("under_review", "key_lost", "holder_request"),
    "reinstate": ("review_ended", "mistake", "holder_request"),
}
_TRANSITIONS: Final[Mapping[str, tuple[tuple[str, ...], str, str]]] = {
    "revoke": (("valid", "suspended"), "revoked", "revoked"),
    "suspend": (("valid",), "suspended", "suspended"),
    "reinstate": (("suspended",), "valid", "reinstated"),
}
_CHANGES: Final = frozenset(done for _, _, done in _TRANSITIONS.values())
_REFUSALS: Final[Mapping[tuple[str, str], str]] = {
    ("valid", "reinstate"): "not_suspended",
    ("suspended", "suspend"): "already_suspended",
    ("revoked", "suspend"): "revoked_no_suspend",
    ("revoked", "reinstate"): "revoked_no_reinstate",
    ("revoked", "revoke"): "already_revoked",
}
"""Status and action that do not go together → the problem that says what is so."""
_FILTERS: Final[Mapping[str, str]] = {
    "": "",
    "valid": " AND certificates.status = 'valid'",
    "suspended": " AND certificates.status = 'suspended'",
    "revoked": " AND certificates.status = 'revoked'",
    "offered": " AND certificates.state = 'offered' AND certificates.status = 'valid'",
}


_OF_LISTS: Final = (
    "SELECT {} FROM status_lists WHERE changed_at IS NOT NULL AND id IN"
    " (SELECT list_id FROM places WHERE certificate_id = certificates.id)"
)
"""Of the lists with an unpublished change in which a certificate and its copies have places."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of search results with what was asked."""

    rows: list[Row]
    search: str
    status: str
    batch: str
    page: int
    more: bool


class Certificates:
    """What officers do with certificates; `on_change` wakes the job that republishes the list."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._on_change = on_change

    def search(
        self, person: Person, *, search: str = "", status: str = "", batch: str = "", page: int = 1
    ) -> Found:
        """Return one page of the organisation's certificates, newest first.

        The text is looked for as it stands: `%` and `_` mean themselves.
        """
        search = " ".join(search.split())[:SEARCH_CHARACTERS]
        status = status if status in _FILTERS else ""
        page = min(max(page, 1), LAST_PAGE)
        where, values = "", []
        if search:
            pattern = search.casefold().replace("\\", "\\\\")
            pattern = pattern.replace("%", "\\%").replace("_", "\\_")
            where = " AND (search_text LIKE ? ESCAPE '\\' OR certificates.id = ?)"
            values = [f"%{pattern}%", search.lower()]
        if batch:
            where += " AND batch_id = ?"
            values.append(batch)
        rows = self._database.query(
            "SELECT certificates.id, label, form, certificates.state, certificates.status,"  # noqa: S608 - constants
            " reserved_at, template_id, cpt_id FROM certificates"
            " JOIN templates ON templates.id = template_id"
            f" WHERE certificates.organisation = ?{where}{_FILTERS[status]}"
            " ORDER BY reserved_at DESC, batch_id, row_number, form LIMIT ? OFFSET ?",
            (person.organisation, *values, PAGE + 1, (page - 1) * PAGE),
        )
        return Found(rows[:PAGE], search, status, batch, page, more=len(rows) > PAGE)

    def find(self, person: Person, certificate_id: str) -> Row:
        """Return a certificate of the organisation with its timeline.

        `published` says whether verifiers can see its status; where they cannot,
        `unpublished_since` says since when, and `publishing_trouble` why, as far as that is known.

        Raises:
            MissingError: there is none.
        """
        found = self._database.first(
            "SELECT certificates.*, uri AS list_uri, file_name, root, anchored_at,"  # noqa: S608 - constants
            " anchors.trouble AS anchor_trouble,"
            f" ({_OF_LISTS.format('min(changed_at)')}) AS list_changed_at,"
            f" ({_OF_LISTS.format('max(trouble)')}) AS unpublished_trouble,"
            " status_lists.trouble AS list_trouble, trouble_since AS list_trouble_since"
            " FROM certificates JOIN status_lists ON status_lists.id = list_id"
            " JOIN batches ON batches.id = batch_id"
            " LEFT JOIN anchors ON anchors.id = anchor_id"
            " WHERE certificates.id = ? AND certificates.organisation = ?",
            (certificate_id, person.organisation),
        )
        if found is None:
            raise MissingError("no such certificate")
        events = self._database.query(
            "SELECT at, user_name, action, reason, note FROM certificate_events"
            " WHERE certificate_id = ? AND organisation = ? ORDER BY at, rowid",
            (certificate_id, person.organisation),
        )
        return {
            **found,
            "claims": json.loads(found["claims"]),
            "anchor_root": found["root"].hex() if found["root"] else "",
            "events": events,
            **_publication(found, events),
        }

    def require_change(self, person: Person, certificate_id: str, action: str) -> Row:
        """Return a certificate whose status allows an action.

        Raises:
            MissingError: there is no such certificate, or no such action.
            ConflictError: its status does not allow this; says what it is and since when.
        """
        if action not in _TRANSITIONS:
            raise MissingError("no such action")
        row = self.find(person, certificate_id)
        status = row["status"]
        if status in _TRANSITIONS[action][0]:
            return row
        since = [event["at"] for event in row["events"] if event["action"] == status]
        details = {"since": since[-1]} if since else {"since": row["reserved_at"]}
        raise ConflictError(
            f"the certificate is {status}", Problem(_REFUSALS[status, action], "", details)
        )

    def change(
        self,
        person: Person,
        certificate_id: str,
        action: str,
        *,
        expected_version: int,
        reason: str,
        note: str,
    ) -> None:
        """Revoke, suspend or reinstate a certificate.

        Raises:
            InputRefusedError: no reason of the list, or a note that is too long.
            ConflictError: it was changed meanwhile, or its status does not allow this.
        """
        self.require_change(person, certificate_id, action)
        if reason not in REASONS[action]:
            raise InputRefusedError(Problem("reason_missing", "reason"))
        if len(note) > NOTE_CHARACTERS:
            raise InputRefusedError(Problem("note_too_long", "note", {"most": NOTE_CHARACTERS}))
        _, after, done = _TRANSITIONS[action]
        with self._database.write():
            row = self.require_change(person, certificate_id, action)
            if row["version"] != expected_version:
                raise ConflictError("the certificate was changed meanwhile")
            self._database.execute(
                "UPDATE certificates SET status = ?, version = version + 1 WHERE id = ?",
                (after, certificate_id),
            )
            self._database.execute(
                "UPDATE status_lists SET changed_at = coalesce(changed_at, ?) WHERE id IN"
                " (SELECT list_id FROM places WHERE certificate_id = ?)",
                (self._clock.now(), certificate_id),
            )
            self.note_event(person, certificate_id, done, reason=reason, note=note.strip())
            self._audit.record(person, f"certificate_{done}", certificate_id, reason=reason)
        self._on_change()

    def note_event(
        self,
        person: Person,
        certificate_id: str,
        action: str,
        *,
        reason: str = "",
        note: str = "",
    ) -> None:
        """Add to a certificate's timeline inside the caller's write."""
        self._database.insert(
            "certificate_events",
            {
                "id": new_id(),
                "organisation": person.organisation,
                "certificate_id": certificate_id,
                "at": self._clock.now(),
                "user_name": person.name,
                "action": action,
                "reason": reason,
                "note": note,
            },
        )

    def numbers(self, person: Person) -> Row:
        """Return the numbers of the start page."""
        week = self._clock.now() - 7 * 86_400
        counts = self._database.first(
            "SELECT sum(reserved_at > ?) AS issued_week,"
            " sum(state = 'offered' AND status = 'valid') AS waiting_offers"
            " FROM certificates WHERE organisation = ?",
            (week, person.organisation),
        )
        revoked = self._database.value(
            "SELECT count(*) FROM certificate_events WHERE organisation = ? AND at > ?"
            " AND action = 'revoked'",
            (person.organisation, week),
        )
        found: dict[str, Any] = counts or {}
        return {
            "issued_week": found.get("issued_week") or 0,
            "waiting_offers": found.get("waiting_offers") or 0,
            "revoked_week": revoked,
        }


def _publication(row: Row, events: list[Row]) -> Row:
    """Return whether the last change of status is published; in doubt it is not."""
    changes = [event["at"] for event in events if event["action"] in _CHANGES]
    waits_since = row["list_changed_at"]
    waits = waits_since is not None and bool(changes) and changes[-1] >= waits_since
    return {
        "published": not waits,
        "unpublished_since": changes[-1] if waits else None,
        "publishing_trouble": row["unpublished_trouble"] if waits else "",
    }
