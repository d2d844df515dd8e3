"""The audit log: what was done stands, and every change of it shows."""

from __future__ import annotations

import json

import pytest

from issuer_app.services.audit import AuditLog
from issuer_app.services.people import server_person
from issuer_app.store.database import Database
from tests.apps.issuer.support import add_organisation
from tests.support.clauses import clause
from weid.clock import FixedClock


@pytest.fixture
def office(tmp_path):
    database = Database(tmp_path / "issuer.sqlite")
    clock = FixedClock(1_800_000_000)
    log = AuditLog(database, clock=clock, checkpoint=tmp_path / "heads.json")
    person = server_person(add_organisation(database, "Office"))
    with database.write():
        for number in range(1, 6):
            clock.advance(1)
            log.record(person, "batch_uploaded", f"{number:032x}", rows=number)
    yield database, log, person
    database.close()


def test_a_log_as_it_was_written_is_whole(office):
    _, log, person = office
    verdict = log.check(person)
    assert verdict.whole
    assert verdict.entries == 5
    assert [entry["sequence"] for entry in log.page(person)] == [5, 4, 3, 2, 1]
    assert log.page(person, before=3)[0]["details"] == {"rows": 2}


@clause("W26")
@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        pytest.param("UPDATE audit_entries SET user_name = 'x' WHERE sequence = 3", 3, id="who"),
        pytest.param("UPDATE audit_entries SET at = at + 1 WHERE sequence = 1", 1, id="when"),
        pytest.param("UPDATE audit_entries SET action = 'x' WHERE sequence = 5", 5, id="what"),
        pytest.param("UPDATE audit_entries SET subject = '' WHERE sequence = 2", 2, id="whom"),
        pytest.param(
            "UPDATE audit_entries SET details = '{\"rows\":9}' WHERE sequence = 4", 4, id="details"
        ),
        pytest.param(
            "UPDATE audit_entries SET details = 'x' WHERE sequence = 4", 4, id="broken details"
        ),
        pytest.param("DELETE FROM audit_entries WHERE sequence = 2", 2, id="one removed"),
        pytest.param("DELETE FROM audit_entries WHERE sequence = 1", 1, id="the first removed"),
        pytest.param("DELETE FROM audit_entries WHERE sequence = 5", 5, id="the last removed"),
        pytest.param("DELETE FROM audit_entries", 1, id="all removed"),
        pytest.param(
            "UPDATE audit_entries SET hash = previous, previous = hash WHERE sequence = 4",
            4,
            id="hashes swapped",
        ),
    ],
)
def test_every_change_breaks_the_chain_at_its_place(office, statement, broken_at):
    database, log, person = office
    with database.write():
        database.execute(statement)
    assert log.check(person).broken_at == broken_at


@clause("W26")
def test_a_log_cut_back_with_its_head_contradicts_the_checkpoint_file(office):
    database, log, person = office
    log.remember()
    with database.write():
        database.execute("DELETE FROM audit_entries WHERE sequence > 3")
        database.execute(
            "UPDATE audit_heads SET sequence = 3,"
            " hash = (SELECT hash FROM audit_entries WHERE sequence = 3)"
        )
    assert log.check(person).broken_at == 4
    log.remember()
    assert log.check(person).broken_at == 4


@clause("W26")
def test_a_log_written_anew_contradicts_the_checkpoint_file(office):
    database, log, person = office
    log.remember()
    with database.write():
        database.execute("DELETE FROM audit_entries")
        database.execute("DELETE FROM audit_heads")
        for _ in range(6):
            log.record(person, "batch_uploaded", rows=1)
    assert log.check(person).reason == "the log was rewritten"


def test_the_export_is_whole_and_names_its_head(office):
    _, log, person = office
    exported = json.loads(log.export(person))
    assert exported["whole"]
    assert [entry["sequence"] for entry in exported["entries"]] == [1, 2, 3, 4, 5, 6]
    assert exported["head"] == exported["entries"][-1]["hash"]
    assert exported["entries"][-1]["action"] == "audit_exported"


def test_an_entry_stands_or_falls_with_the_deed(office):
    database, log, person = office

    def deed():
        with database.write():
            log.record(person, "batch_uploaded", rows=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deed()
    assert log.check(person).entries == 5
