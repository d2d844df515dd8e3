"""Batches: an uploaded file, checked, corrected or cut down, approved, and then issued by the job.

draft → checked → approved → issuing → issued; a draft or checked batch may be discarded. A batch
has no faulty row when it is `checked`: either there was none, or an officer left them out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from issuer_app.errors import ConflictError, ForbiddenError, InputRefusedError, Problem
from issuer_app.rows.columns import header_problems
from issuer_app.rows.files import read_sheet, shown_file_name
from issuer_app.rows.report import report_columns, without_report
from issuer_app.rows.sheet import HeaderRefusedError, Sheet
from issuer_app.services.audit import AuditLog
from issuer_app.services.batch_pages import BatchPages
from issuer_app.services.people import Person
from issuer_app.services.row_checks import CheckedRow, check_rows
from issuer_app.services.templates import Templates
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock
from weid.encoding import json_dumps

FORMS: Final = ("wallet", "paper", "both")
_HASHES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Upload:
    """What came with the upload form."""

    template_id: str
    form: str
    encoding: str
    file_name: str
    content: bytes


class Batches:
    """What officers and approvers do with batches."""

    def __init__(
        self, database: Database, audit: AuditLog, templates: Templates, *, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._templates = templates
        self._pages = BatchPages(database)
        self._clock = clock

    # --- uploading -------------------------------------------------------------------------------

    def upload(self, person: Person, upload: Upload) -> str:
        """Read and check a file and return its batch; the same file again is the same batch.

        Raises:
            InputRefusedError: the file as a whole cannot be used.
        """
        _require_usable(upload)
        file_hash = hashlib.sha256(
            upload.encoding.encode("utf-8") + b"\0" + upload.content
        ).hexdigest()
        found = self._same(person, upload, file_hash)
        if found:
            return found
        sheet, rows = self._read(person, upload)
        with self._database.write():
            # Whoever was first with the same file has the batch.
            return self._same(person, upload, file_hash) or self._store(
                person, upload, file_hash, sheet.header, rows
            )

    def check(self, person: Person, upload: Upload) -> list[Row]:
        """Check a file and keep nothing; return each row's number, faults and warnings.

        Raises:
            InputRefusedError: the file as a whole cannot be used.
        """
        _require_usable(upload)
        _, rows = self._read(person, upload)
        return [
            {
                "number": row.number,
                "faults": json.loads(row.faults),
                "warnings": json.loads(row.warnings),
            }
            for row in rows
        ]

    def _read(self, person: Person, upload: Upload) -> tuple[Sheet, list[CheckedRow]]:
        template = self._templates.view(person, upload.template_id)
        try:
            sheet = read_sheet(upload.content, encoding=upload.encoding)
        except HeaderRefusedError as refused:
            columns = template.columns
            raise header_problems(refused, columns, report_columns(columns)) from None
        sheet = without_report(sheet, template.columns)
        if not sheet.rows:
            raise InputRefusedError(Problem("no_rows", "file"))
        rows = list(
            check_rows(
                sheet,
                template,
                issued_before=lambda hashes: self._issued_before(person, hashes),
            )
        )
        if upload.form == "paper" and any(row.holder_jwk for row in rows):
            raise InputRefusedError(Problem("holder_key_paper", "file"))
        return sheet, rows

    def _same(self, person: Person, upload: Upload, file_hash: str) -> str:
        found = self._database.value(
            "SELECT id FROM batches WHERE organisation = ? AND template_id = ? AND form = ?"
            " AND file_hash = ? AND state <> 'discarded'",
            (person.organisation, upload.template_id, upload.form, file_hash),
        )
        return str(found or "")

    def _issued_before(self, person: Person, hashes: Collection[str]) -> set[str]:
        known: set[str] = set()
        wanted = sorted(hashes)
        for start in range(0, len(wanted), _HASHES_AT_ONCE):
            part = wanted[start : start + _HASHES_AT_ONCE]
            marks = ", ".join("?" * len(part))
            known.update(
                row["claims_hash"]
                for row in self._database.query(
                    "SELECT DISTINCT claims_hash FROM batch_rows"  # noqa: S608 - only marks
                    " JOIN certificates ON certificates.row_id = batch_rows.id"
                    f" WHERE batch_rows.organisation = ? AND claims_hash IN ({marks})"
                    " AND status <> 'revoked'",
                    (person.organisation, *part),
                )
            )
        return known

    def _store(
        self,
        person: Person,
        upload: Upload,
        file_hash: str,
        header: Sequence[str],
        rows: Sequence[CheckedRow],
    ) -> str:
        batch_id = new_id()
        faulty = sum(row.faulty for row in rows)
        self._database.insert(
            "batches",
            {
                "id": batch_id,
                "organisation": person.organisation,
                "template_id": upload.template_id,
                "state": "draft" if faulty else "checked",
                "file_name": shown_file_name(upload.file_name),
                "file_hash": file_hash,
                "header": json_dumps(list(header)).decode(),
                "form": upload.form,
                "row_count": len(rows),
                "faulty_count": faulty,
                "created_by": person.id,
                "created_at": self._clock.now(),
            },
        )
        self._database.execute_many(
            "INSERT INTO batch_rows (id, organisation, batch_id, row_number, state, cells, claims,"
            " claims_hash, holder_jwk, faults, warnings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    new_id(),
                    person.organisation,
                    batch_id,
                    row.number,
                    "faulty" if row.faulty else "ready",
                    row.cells,
                    row.claims,
                    row.claims_hash,
                    row.holder_jwk,
                    row.faults,
                    row.warnings,
                )
                for row in rows
            ),
        )
        self._audit.record(
            person, "batch_uploaded", batch_id, rows=len(rows), faulty=faulty, form=upload.form
        )
        return batch_id

    # --- going on --------------------------------------------------------------------------------

    def leave_out(
        self, person: Person, batch_id: str, *, expected_version: int, expected_faulty: int
    ) -> None:
        """Leave the faulty rows out, so that the others may go ahead.

        `expected_faulty` is the number that the officer was shown and agreed to.
        """
        with self._database.write():
            batch = self._change(person, batch_id, expected_version, ("draft",), state="checked")
            changed = self._database.execute(
                "UPDATE batch_rows SET state = 'left_out' WHERE batch_id = ? AND state = 'faulty'",
                (batch_id,),
            )
            if changed != expected_faulty or changed == batch["row_count"]:
                raise ConflictError("the number of faulty rows is another, or no row would remain")
            self._audit.record(person, "batch_rows_left_out", batch_id, rows=changed)

    def discard(self, person: Person, batch_id: str, *, expected_version: int) -> None:
        """Give a batch up before it is approved; its rows are deleted."""
        with self._database.write():
            self._change(
                person, batch_id, expected_version, ("draft", "checked"), state="discarded"
            )
            self._database.execute("DELETE FROM batch_rows WHERE batch_id = ?", (batch_id,))
            self._audit.record(person, "batch_discarded", batch_id)

    def send(self, person: Person, batch_id: str, *, expected_version: int) -> None:
        """Send a checked batch for approval; a one-person policy approves it by itself."""
        with self._database.write():
            self._change(
                person, batch_id, expected_version, ("checked",), sent_at=self._clock.now()
            )
            self._audit.record(person, "batch_sent", batch_id)
            if self._pages.policy(person) == "one_person":
                self._approve(person, batch_id, expected_version + 1, "one_person")

    def approve(self, person: Person, batch_id: str, *, expected_version: int) -> None:
        """Approve what another person sent."""
        with self._database.write():
            self._require_other(person, batch_id)
            self._approve(person, batch_id, expected_version, "two_person")

    def return_(self, person: Person, batch_id: str, *, expected_version: int, note: str) -> None:
        """Send a batch back to its officer."""
        with self._database.write():
            self._require_other(person, batch_id)
            self._change(person, batch_id, expected_version, ("checked",), sent_at=None)
            self._decide(person, batch_id, "two_person", "returned", note)
            self._audit.record(person, "batch_returned", batch_id)

    def _require_other(self, person: Person, batch_id: str) -> None:
        batch = self._pages.find(person, batch_id)
        if batch["sent_at"] is None:
            raise ConflictError("the batch was not sent for approval")
        if batch["created_by"] == person.id:
            raise ForbiddenError("nobody approves a batch of his own", Problem("own_batch"))

    def _approve(self, person: Person, batch_id: str, version: int, policy: str) -> None:
        self._change(
            person,
            batch_id,
            version,
            ("checked",),
            state="approved",
            approved_at=self._clock.now(),
        )
        self._decide(person, batch_id, policy, "approved", "")
        self._audit.record(person, "batch_approved", batch_id, policy=policy)

    def _decide(self, person: Person, batch_id: str, policy: str, decision: str, note: str) -> None:
        self._database.insert(
            "approvals",
            {
                "id": new_id(),
                "organisation": person.organisation,
                "batch_id": batch_id,
                "user_id": person.id,
                "policy": policy,
                "decision": decision,
                "note": " ".join(note.split())[:500],
                "at": self._clock.now(),
            },
        )

    def _change(
        self,
        person: Person,
        batch_id: str,
        expected_version: int,
        allowed: tuple[str, ...],
        **values: str | int | None,
    ) -> Row:
        """Change a batch if it is still as the person saw it."""
        batch = self._pages.find(person, batch_id)
        state = batch["state"]
        if state not in allowed:
            raise ConflictError(
                f"the batch is {state}", Problem("batch_state", "", {"state": state})
            )
        if batch["version"] != expected_version:
            raise ConflictError(
                "the batch changed meanwhile", hint="Reload the page and look again."
            )
        settings = "".join(f"{name} = ?, " for name in values)
        self._database.execute(
            f"UPDATE batches SET {settings}version = version + 1 WHERE id = ?",  # noqa: S608 - names from our code
            (*values.values(), batch_id),
        )
        return batch


def _require_usable(upload: Upload) -> None:
    if upload.form not in FORMS:
        raise InputRefusedError(Problem("form_unknown", "form"))
    if not upload.file_name and not upload.content:
        raise InputRefusedError(Problem("file_missing", "file"))
