"""The audit log: who did what when, each entry bound to the one before by a hash.

No claim values, notes, codes or keys enter: counts, identifiers and fixed words only. The newest
entry is remembered twice, in the store and in a checkpoint file beside it, so that a log cut at
its end is noticed too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from issuer_app.services.people import Person
from issuer_app.store.database import Database, Row
from weid.clock import Clock, format_time
from weid.encoding import json_canonical, json_dumps

_TAG: Final = b"weid/issuer-audit/1"
_START: Final = "0" * 64
PAGE: Final = 100
_COLUMNS: Final = "sequence, at, user_id, user_name, action, subject, details, previous, hash"


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What checking the whole log found; `broken_at` is the first entry that does not fit."""

    entries: int
    head: str
    broken_at: int | None = None
    reason: str = ""

    @property
    def whole(self) -> bool:
        """True if nothing was changed, removed or added out of turn."""
        return self.broken_at is None


def entry_hash(organisation: str, entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry: SHA-256 over a tag and its canonical JSON (RFC 8785)."""
    fields = {
        name: entry[name]
        for name in ("sequence", "at", "user_id", "user_name", "action", "subject", "previous")
    }
    body = json_canonical(
        {**fields, "organisation": organisation, "details": json.loads(entry["details"])}
    )
    return hashlib.sha256(_TAG + body).hexdigest()


class AuditLog:
    """Writes, lists, checks and exports the log of each organisation."""

    def __init__(self, database: Database, *, clock: Clock, checkpoint: Path) -> None:
        self._database = database
        self._clock = clock
        self._checkpoint = checkpoint

    def record(self, person: Person, action: str, subject: str = "", **details: str | int) -> None:
        """Add an entry inside the caller's write, so that deed and entry stand or fall together."""
        head = self._head(person.organisation)
        entry: Row = {
            "sequence": head["sequence"] + 1,
            "at": self._clock.now(),
            "user_id": person.id,
            "user_name": person.name,
            "action": action,
            "subject": subject,
            "details": json_dumps(details).decode(),
            "previous": head["hash"],
        }
        entry["hash"] = entry_hash(person.organisation, entry)
        self._database.insert("audit_entries", {"organisation": person.organisation, **entry})
        self._database.execute(
            "INSERT INTO audit_heads (organisation, sequence, hash) VALUES (?, ?, ?)"
            " ON CONFLICT (organisation) DO UPDATE SET sequence = ?, hash = ?",
            (person.organisation, *((entry["sequence"], entry["hash"]) * 2)),
        )

    def _head(self, organisation: str) -> Row:
        found = self._database.first(
            "SELECT sequence, hash FROM audit_heads WHERE organisation = ?", (organisation,)
        )
        return found or {"sequence": 0, "hash": _START}

    def page(self, person: Person, *, before: int | None = None) -> list[Row]:
        """Return the newest entries of the person's organisation, or those before a number."""
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM audit_entries WHERE organisation = ? AND sequence < ?"  # noqa: S608 - constants
            " ORDER BY sequence DESC LIMIT ?",
            (person.organisation, before or 2**62, PAGE),
        )
        return [{**row, "details": json.loads(row["details"])} for row in rows]

    def _walk(self, organisation: str) -> Iterator[Row]:
        after = 0
        while rows := self._database.query(
            f"SELECT {_COLUMNS} FROM audit_entries WHERE organisation = ? AND sequence > ?"  # noqa: S608 - constants
            " ORDER BY sequence LIMIT 1000",
            (organisation, after),
        ):
            yield from rows
            after = rows[-1]["sequence"]

    def check(self, person: Person) -> AuditVerdict:
        """Walk the whole log of the organisation and compare every hash."""
        organisation = person.organisation
        previous, count = _START, 0
        remembered = self._remembered().get(organisation)
        for entry in self._walk(organisation):
            count += 1
            if entry["sequence"] != count:
                return AuditVerdict(count - 1, previous, count, "an entry is missing")
            if entry["previous"] != previous or entry["hash"] != _hash_or_none(organisation, entry):
                return AuditVerdict(count - 1, previous, count, "an entry was changed")
            previous = entry["hash"]
            if remembered and remembered["sequence"] == count and remembered["hash"] != previous:
                return AuditVerdict(count, previous, count, "the log was rewritten")
        head = self._head(organisation)
        if (head["sequence"], head["hash"]) != (count, previous):
            return AuditVerdict(count, previous, count + 1, "the end of the log is missing")
        if remembered and remembered["sequence"] > count:
            return AuditVerdict(count, previous, count + 1, "the end of the log is missing")
        return AuditVerdict(count, previous)

    def _remembered(self) -> dict[str, Row]:
        try:
            found: dict[str, Row] = json.loads(self._checkpoint.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def remember(self) -> None:
        """Write the newest entry of every organisation to the checkpoint file, atomically."""
        heads = self._database.query("SELECT organisation, sequence, hash FROM audit_heads")
        now = {
            row["organisation"]: {"sequence": row["sequence"], "hash": row["hash"]} for row in heads
        }
        before = self._remembered()
        # A head lower than the remembered one is damage: keep what proves it.
        now.update(
            {
                organisation: old
                for organisation, old in before.items()
                if now.get(organisation, {"sequence": 0})["sequence"] < old["sequence"]
            }
        )
        if now != before:
            beside = self._checkpoint.with_suffix(".new")
            with beside.open("wb") as stream:
                stream.write(json_dumps(now))
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(self._checkpoint)

    def export(self, person: Person) -> bytes:
        """Return the organisation's whole log as JSON, with its verdict; the deed is recorded."""
        with self._database.write():
            self.record(person, "audit_exported")
        verdict = self.check(person)
        return json_dumps(
            {
                "format": "weid issuer audit log 1",
                "organisation": person.organisation,
                "exported_at": format_time(self._clock.now()),
                "entries_checked": verdict.entries,
                "head": verdict.head,
                "whole": verdict.whole,
                "entries": [
                    {**entry, "details": json.loads(entry["details"])}
                    for entry in self._walk(person.organisation)
                ],
            }
        )


def _hash_or_none(organisation: str, entry: Row) -> str | None:
    try:
        return entry_hash(organisation, entry)
    except ValueError:
        return None
