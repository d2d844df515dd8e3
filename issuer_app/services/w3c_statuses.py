"""Statuses of the W3C credentials that the VC-API routes sign: Bitstring Status Lists.

A credential has a place in a status list of the office's, as a certificate has, so that one store
knows what is revoked. The same places are served in the other coding: one list for each purpose, of
one bit for each place, made when it is asked for. For verifiers that know no registry; nothing in
the registry speaks of these lists. Clauses WC-64 and WC-65 of specs/w3c-profile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from issuer_app.errors import ConflictError, MissingError
from issuer_app.services.agency import Agency
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person
from issuer_app.services.status_lists import CACHE_SECONDS, StatusLists
from issuer_app.settings import Settings
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock, format_time
from weid.credential.status_list import StatusList
from weid.credential.status_reference import StatusReference
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import MalformedError
from weid.w3c.bitstring import ENTRY, REVOCATION, SUSPENSION, StatusEntry, list_document
from weid.w3c.create import sign_credential

_SAYS: Final = {REVOCATION: "revoked", SUSPENSION: "suspended"}
_SET: Final = (True, 1, "1", "true")
_NOT_SET: Final = (False, 0, "0", "false")
_ID_CHARACTERS: Final = 2048


class W3cStatuses:
    """The places of one organisation's W3C credentials, and the lists that show them."""

    def __init__(  # noqa: PLR0913 - what a status passes
        self,
        database: Database,
        audit: AuditLog,
        agency: Agency,
        status_lists: StatusLists,
        *,
        settings: Settings,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._status_lists = status_lists
        self._settings = settings
        self._clock = clock
        self._on_change = on_change
        self._served: dict[tuple[str, str], tuple[int, int, str]] = {}

    def entries(self, document: JsonObject) -> list[JsonValue]:
        """Reserve a place for a credential; return its `credentialStatus`, one for each purpose.

        Raises:
            MalformedError: the office has no template, below which its lists are.
            RegistryError: a new list is needed, and the registry does not take it now.
        """
        cpt_id = self._database.value(
            "SELECT cpt_id FROM templates WHERE organisation = ? ORDER BY added_at, cpt_id",
            (self._agency.organisation,),
        )
        if cpt_id is None:
            raise MalformedError("there is no template yet, below which status lists are")
        # Outside the write: it may have to publish a new list first.
        row = self._status_lists.list_for(str(cpt_id))
        with self._database.write():
            [index] = self._status_lists.reserve(row, 1)
            made = [_entry(row["uri"], index, purpose) for purpose in _SAYS]
            named = document.get("id")
            self._database.insert(
                "w3c_credentials",
                {
                    "id": new_id(),
                    "organisation": self._agency.organisation,
                    "credential_id": named if isinstance(named, str) else made[0]["id"],
                    "list_id": row["id"],
                    "list_index": index,
                    "status": "valid",
                    "signed_at": self._clock.now(),
                },
            )
        return [*made]

    def change(self, person: Person, body: bytes) -> None:
        """Set or lift statuses of a credential: `credentialId`, `credentialStatus` and `status`.

        A credential without an id goes by the id of its revocation entry.

        Raises:
            MalformedError: the request is not of that form.
            MissingError: no credential of that id was signed here with a status.
            ConflictError: it is revoked, which is final.
        """
        asked = json_loads_object(body, what="the request's body")
        credential_id, wanted = asked.get("credentialId"), asked.get("credentialStatus")
        if not isinstance(credential_id, str) or not 0 < len(credential_id) <= _ID_CHARACTERS:
            raise MalformedError("the request has no credentialId")
        if wanted == []:
            raise MalformedError("the request changes no status")
        changes = [
            _change(one, asked.get("status", True))
            for one in (wanted if isinstance(wanted, list) else [wanted])
        ]
        with self._database.write():
            rows = self._database.query(
                "SELECT * FROM w3c_credentials WHERE organisation = ? AND credential_id = ?",
                (person.organisation, credential_id),
            )
            if not rows:
                raise MissingError("no credential of that id has a status here")
            for row in rows:
                self._set(person, row, changes)
        self._on_change()

    def _set(self, person: Person, row: Row, changes: list[tuple[str, bool]]) -> None:
        status = str(row["status"])
        for purpose, is_set in changes:
            if status == _SAYS[REVOCATION] and (purpose, is_set) != (REVOCATION, True):
                raise ConflictError("the credential is revoked, which is final")
            if is_set:
                status = _SAYS[purpose]
            elif status == _SAYS[purpose]:
                status = "valid"
        if status == row["status"]:
            return
        self._database.execute(
            "UPDATE w3c_credentials SET status = ?, version = version + 1 WHERE id = ?",
            (status, row["id"]),
        )
        self._database.execute(
            "UPDATE status_lists SET changed_at = coalesce(changed_at, ?) WHERE id = ?",
            (self._clock.now(), row["list_id"]),
        )
        self._audit.record(person, "w3c_status_changed", row["id"], status=status)

    def served(self, list_id: str, purpose: str) -> tuple[str, int]:
        """Return a signed list of a purpose, and how long a cache may keep it (seconds).

        Raises:
            MissingError: there is no such list.
            MalformedError: the office's key cannot sign it (eddsa-jcs-2022 wants Ed25519).
        """
        row = self._database.first(
            "SELECT uri, size, (SELECT coalesce(sum(version), 0) FROM places WHERE list_id = ?)"
            " AS version FROM status_lists WHERE id = ?",
            (list_id, list_id),
        )
        if row is None:
            raise MissingError("no such status list")
        now, kept = self._clock.now(), self._served.get((list_id, purpose))
        if kept is None or kept[0] != row["version"] or now - kept[1] >= CACHE_SECONDS:
            kept = (row["version"], now, self._sign(list_id, row, purpose))
            self._served[list_id, purpose] = kept
        return kept[2], CACHE_SECONDS

    def _sign(self, list_id: str, row: Row, purpose: str) -> str:
        places = self._database.query(
            "SELECT list_index FROM places WHERE list_id = ? AND status = ?",
            (list_id, _SAYS[purpose]),
        )
        statuses = StatusList.create(row["size"], bits=1)
        now = self._clock.now()
        key = self._agency.signing_key(as_did_key=self._settings.vc_api == "key")
        document = list_document(
            statuses.set_all({place["list_index"]: 1 for place in places}),
            uri=_uri(row["uri"], purpose),
            issuer=key.did,
            purpose=purpose,
            valid_from=format_time(now),
            valid_until=format_time(now + self._settings.status_valid_seconds),
        )
        return sign_credential(document, key, created=now)


def _uri(uri: str, purpose: str) -> str:
    return f"{uri}/{purpose}"


def _entry(uri: str, index: int, purpose: str) -> JsonObject:
    return StatusEntry(StatusReference(_uri(uri, purpose), index), purpose, 1).to_json()


def _change(entry: JsonValue, default: JsonValue) -> tuple[str, bool]:
    """Return a purpose, and whether it is to be set."""
    if not isinstance(entry, dict) or entry.get("type") != ENTRY:
        raise MalformedError(f"credentialStatus is not a {ENTRY}")
    purpose, value = entry.get("statusPurpose", REVOCATION), entry.get("status", default)
    if purpose not in _SAYS:
        raise MalformedError("statusPurpose is neither revocation nor suspension")
    if value not in (*_SET, *_NOT_SET):
        raise MalformedError("status is neither set nor not set")
    return str(purpose), value in _SET
