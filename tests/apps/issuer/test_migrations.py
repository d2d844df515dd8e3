"""What becomes of a store of an earlier version."""

from __future__ import annotations

import sqlite3

import pytest
import sqlite_utils

from issuer_app.store.database import Database
from issuer_app.store.schema import MIGRATIONS
from tests.support.clauses import clause

ROW = (
    "INSERT INTO certificates (id, organisation, batch_id, row_id, row_number, template_id, form,"
    " state, status, label, search_text, claims, list_id, list_index, reserved_at)"
    " VALUES (?, 'o', 'b', ?, ?, 't', 'wallet', ?, 'valid', '', '', '{}', 'l', ?, 1)"
)
OFFER = (
    "INSERT INTO offers (certificate_id, organisation, generation, issuance_id, expires_at)"
    " VALUES (?, 'o', 1, ?, 2)"
)


@pytest.fixture
def before(tmp_path):
    """A store as it was before certificates knew their issuance."""
    path = tmp_path / "issuer.sqlite"
    connection = sqlite3.connect(path)
    MIGRATIONS.apply(sqlite_utils.Database(connection), stop_before="m009_one_issuance")
    for number, state in enumerate(("signed", "offered", "signed")):
        connection.execute(ROW, (f"c{number}", f"r{number}", number, state, number))
    connection.executemany(OFFER, [("c0", "issuance-0"), ("c1", "issuance-1")])
    connection.commit()
    connection.close()
    return path


@clause("IP-78", "D15")
def test_what_was_signed_for_an_offer_belongs_to_that_offer(before):
    for _ in range(2):  # the second time nothing is left to do
        database = Database(before)
        found = database.query("SELECT id, issuance_id FROM certificates ORDER BY id")
        database.close()
        assert [(row["id"], row["issuance_id"]) for row in found] == [
            ("c0", "issuance-0"),
            ("c1", None),
            ("c2", None),
        ]
