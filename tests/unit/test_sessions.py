"""Session stores: one body for every implementation; of many who race, one succeeds."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.sessions import MemorySessionStore, SqliteSessionStore

NOW = 1_782_820_800
LATER = NOW + 600
RACERS = 20


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, clock, tmp_path):
    if request.param == "memory":
        yield MemorySessionStore(clock)
        return
    opened = SqliteSessionStore(tmp_path / "sessions.db", clock)
    yield opened
    opened.close()


def test_a_value_is_there_under_its_key_until_it_is_taken(store):
    assert store.load("k") is None
    assert store.create("k", b"value", expires_at=LATER)
    assert store.load("k") == b"value"
    assert store.load("K") is None
    assert store.take("k") == b"value"
    assert store.take("k") is None
    assert store.load("k") is None


@clause("P11")
def test_a_key_that_is_there_is_not_created_again(store):
    assert store.create("nonce", b"", expires_at=LATER)
    assert not store.create("nonce", b"other", expires_at=LATER)
    assert store.load("nonce") == b""


@clause("P10", "V1")
def test_a_value_is_replaced_only_where_it_is_what_was_expected(store):
    store.create("k", b"offered", expires_at=LATER)
    assert not store.replace("k", b"issued", b"x")
    assert not store.replace("other", b"offered", b"x")
    assert store.replace("k", b"offered", b"issued")
    assert not store.replace("k", b"offered", b"issued twice")
    assert store.load("k") == b"issued"


@clause("P13")
def test_what_expires_is_not_there_from_its_second_on(store, clock):
    store.create("k", b"value", expires_at=LATER)
    clock.advance(599)
    assert store.load("k") == b"value"
    clock.advance(1)
    assert store.load("k") is None
    assert not store.replace("k", b"value", b"new")
    assert store.take("k") is None
    assert store.create("k", b"again", expires_at=LATER + 600)
    assert store.load("k") == b"again"


def test_replacing_keeps_the_expiry_unless_told_otherwise(store, clock):
    store.create("kept", b"1", expires_at=LATER)
    store.create("longer", b"1", expires_at=LATER)
    assert store.replace("kept", b"1", b"2")
    assert store.replace("longer", b"1", b"2", expires_at=LATER + 600)
    clock.advance(600)
    assert store.load("kept") is None
    assert store.load("longer") == b"2"


@clause("V16")
def test_what_has_expired_is_removed(store, clock):
    store.create("old", b"1", expires_at=NOW + 1)
    store.create("edge", b"1", expires_at=NOW + 10)
    store.create("new", b"1", expires_at=NOW + 11)
    clock.advance(10)
    assert store.remove_expired() == 2
    assert store.remove_expired() == 0
    assert store.load("new") == b"1"


def race(attempt) -> list[object]:
    """Let twenty threads begin one attempt at the same moment and return what each got."""
    gate = threading.Barrier(RACERS)

    def run(number: int) -> object:
        gate.wait()
        return attempt(number)

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


@clause("P12", "I1", "I11", "V6")
def test_of_twenty_who_race_exactly_one_succeeds(store):
    for turn in range(5):
        key = f"code {turn}"
        created = race(lambda n, key=key: store.create(key, b"%d" % n, expires_at=LATER))
        assert created.count(True) == 1
        winner = b"%d" % created.index(True)
        replaced = race(lambda n, key=key, w=winner: store.replace(key, w, b"used by %d" % n))
        assert replaced.count(True) == 1
        assert store.load(key) == b"used by %d" % replaced.index(True)
        taken = race(lambda _n, key=key: store.take(key))
        assert [each for each in taken if each is not None] == [
            b"used by %d" % replaced.index(True)
        ]


@clause("P12", "I1")
def test_two_stores_over_one_file_race_as_two_processes_do(tmp_path, clock):
    path = tmp_path / "sessions.db"
    stores = [SqliteSessionStore(path, clock) for _ in range(4)]
    stores[0].create("code", b"new", expires_at=LATER)
    replaced = race(lambda n: stores[n % 4].replace("code", b"new", b"%d" % n))
    assert replaced.count(True) == 1
    taken = race(lambda n: stores[n % 4].take("code"))
    assert len([each for each in taken if each is not None]) == 1
    for each in stores:
        each.close()


def test_a_file_keeps_its_values_and_syncs_in_full(tmp_path, clock):
    path = tmp_path / "sessions.db"
    first = SqliteSessionStore(path, clock)
    first.create("k", b"value", expires_at=LATER)
    assert first._database.execute("PRAGMA synchronous").fetchone() == (2,)
    first.close()
    second = SqliteSessionStore(str(path), clock)
    assert second.load("k") == b"value"
    second.close()


@clause("W25")
def test_a_file_is_for_its_owner_only_and_names_no_code(tmp_path, clock):
    path = tmp_path / "sessions.db"
    store = SqliteSessionStore(path, clock)
    store.create("the-secret-code", b"value", expires_at=LATER)
    for each in tmp_path.iterdir():
        assert each.stat().st_mode & 0o777 == 0o600
        assert b"the-secret-code" not in each.read_bytes()
    store.close()


@clause("D4")
def test_a_full_disk_is_an_error_and_not_a_success(tmp_path, clock):
    store = SqliteSessionStore(tmp_path / "sessions.db", clock)
    store.create("k", b"value", expires_at=LATER)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.create("big", bytes(100_000), expires_at=LATER)
    assert store.load("big") is None
    assert store.load("k") == b"value"
    store._database.execute("PRAGMA max_page_count=1000")
    assert store.create("big", bytes(100_000), expires_at=LATER)
    store.close()


def test_a_store_may_live_in_memory_only(clock):
    store = SqliteSessionStore(":memory:", clock)
    assert store.create("k", b"value", expires_at=LATER)
    store.close()
