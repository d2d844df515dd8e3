"""Batches as people read them: lists, pages of rows, progress, and the file of faulty rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from issuer_app.errors import MissingError
from issuer_app.rows.columns import Column
from issuer_app.rows.report import FaultyRow, write_report
from issuer_app.services.people import Person
from issuer_app.store.database import Database, Row

PAGE: Final = 50
PREVIEWS: Final = 3


@dataclass(frozen=True, slots=True)
class BatchPage:
    """A batch with one page of its rows."""

    batch: Row
    rows: list[Row]
    previews: list[Row]
    page: int
    pages: int
    only_faulty: bool
    returned: Row | None
    """Who sent it back, when and why, if that was the last decision."""


class BatchPages:
    """Reads batches of the reader's organisation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, person: Person, batch_id: str) -> Row:
        """Return a batch of the person's organisation.

        Raises:
            MissingError: there is none.
        """
        batch = self._database.first(
            "SELECT batches.*, users.name AS created_by_name, cpt_id, template_version"
            " FROM batches JOIN users ON users.id = created_by"
            " JOIN templates ON templates.id = template_id"
            " WHERE batches.id = ? AND batches.organisation = ?",
            (batch_id, person.organisation),
        )
        if batch is None:
            raise MissingError("no such batch")
        return {**batch, "header": json.loads(batch["header"])}

    def list_all(self, person: Person, *, limit: int = 100) -> list[Row]:
        """Return the newest batches of the organisation."""
        return self._database.query(
            "SELECT batches.id, file_name, state, form, row_count, faulty_count, sent_at, trouble,"
            " template_id, created_by, batches.created_at, users.name AS created_by_name, cpt_id"
            " FROM batches JOIN users ON users.id = created_by"
            " JOIN templates ON templates.id = template_id"
            " WHERE batches.organisation = ? AND state <> 'discarded'"
            " ORDER BY batches.created_at DESC, batches.rowid DESC LIMIT ?",
            (person.organisation, limit),
        )

    def page(
        self, person: Person, batch_id: str, *, page: int = 1, only_faulty: bool = False
    ) -> BatchPage:
        """Return a batch with one page of rows."""
        batch = self.find(person, batch_id)
        count = batch["faulty_count"] if only_faulty else batch["row_count"]
        pages = max(1, -(-count // PAGE))
        page = min(max(page, 1), pages)
        states = ("faulty", "left_out") if only_faulty else ("ready", "faulty", "left_out")
        marks = ", ".join("?" * len(states))
        rows = self._database.query(
            "SELECT row_number, state, cells, faults, warnings FROM batch_rows"  # noqa: S608 - only marks
            f" WHERE batch_id = ? AND organisation = ? AND state IN ({marks})"
            " ORDER BY row_number LIMIT ? OFFSET ?",
            (batch_id, person.organisation, *states, PAGE, (page - 1) * PAGE),
        )
        return BatchPage(
            batch=batch,
            rows=[_shown(row, batch["header"]) for row in rows],
            previews=self._previews(person, batch_id),
            page=page,
            pages=pages,
            only_faulty=only_faulty,
            returned=self._returned(person, batch_id),
        )

    def _returned(self, person: Person, batch_id: str) -> Row | None:
        last = self._database.first(
            "SELECT decision, note, at, users.name AS by_name FROM approvals"
            " JOIN users ON users.id = user_id"
            " WHERE batch_id = ? AND approvals.organisation = ?"
            " ORDER BY approvals.rowid DESC LIMIT 1",
            (batch_id, person.organisation),
        )
        return last if last is not None and last["decision"] == "returned" else None

    def _previews(self, person: Person, batch_id: str) -> list[Row]:
        rows = self._database.query(
            "SELECT row_number, claims FROM batch_rows WHERE batch_id = ? AND organisation = ?"
            " AND state = 'ready' ORDER BY row_number LIMIT ?",
            (batch_id, person.organisation, PREVIEWS),
        )
        return [{**row, "claims": json.loads(row["claims"])} for row in rows]

    def progress(self, person: Person, batch_id: str) -> Row:
        """Return how far a batch is: numbers and its state."""
        batch = self.find(person, batch_id)
        ready = self._database.value(
            "SELECT count(*) FROM batch_rows WHERE batch_id = ? AND state = 'ready'", (batch_id,)
        )
        counted = self._database.query(
            "SELECT state, count(*) AS number, sum(status = 'valid') AS valid FROM certificates"
            " WHERE batch_id = ? GROUP BY state",
            (batch_id,),
        )
        numbers = {row["state"]: row["number"] for row in counted}
        # One that was revoked or suspended waits for no wallet.
        waiting = sum(row["valid"] for row in counted if row["state"] == "offered")
        forms = 2 if batch["form"] == "both" else 1
        return {
            "state": batch["state"],
            "total": ready * forms,
            "done": numbers.get("signed", 0) + numbers.get("offered", 0),
            "signed": numbers.get("signed", 0),
            "offered": waiting,
            "trouble": batch["trouble"],
        }

    def error_file(
        self,
        person: Person,
        batch_id: str,
        *,
        columns: Iterable[Column],
        say: Callable[[Mapping[str, Any]], str],
    ) -> bytes:
        """Return the faulty rows as they came, with columns `row` and `error` at the end.

        Mended, it can be uploaded as it is. `columns` are those of the batch's template; `say`
        turns a finding into a sentence of the reader's language.
        """
        batch = self.find(person, batch_id)
        rows = self._database.query(
            "SELECT row_number, cells, faults FROM batch_rows WHERE batch_id = ?"
            " AND organisation = ? AND state IN ('faulty', 'left_out') ORDER BY row_number",
            (batch_id, person.organisation),
        )
        faulty = (
            FaultyRow(
                row["row_number"],
                json.loads(row["cells"]),
                "; ".join(
                    f"{fault['column']}: {say(fault)}".removeprefix(": ")
                    for fault in json.loads(row["faults"])
                ),
            )
            for row in rows
        )
        return write_report(batch["header"], faulty, tuple(columns))

    def policy(self, person: Person) -> str:
        """Return the organisation's approval policy."""
        return str(
            self._database.value(
                "SELECT approval_policy FROM organisations WHERE organisation = ?",
                (person.organisation,),
            )
        )


def _shown(row: Row, header: list[str]) -> Row:
    faults, warnings = json.loads(row["faults"]), json.loads(row["warnings"])
    marked = {fault["column"] for fault in faults if fault["column"]}
    cells = json.loads(row["cells"])
    return {
        "number": row["row_number"],
        "state": row["state"],
        "cells": [
            {"text": text, "faulty": name in marked, "column": name}
            for name, text in zip(header, cells, strict=False)
        ],
        "faults": faults,
        "warnings": warnings,
    }
