"""What every chain store promises (`registry_chain.storage.store.ChainStore`), one body for all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore, Checkpoint, Table, Writes
from tests.support.clauses import clause

POINT = Checkpoint(0, bytes(32), b"\x02" * 32)


@pytest.fixture(params=["memory", "SQLite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChainStore]:
    found: ChainStore = (
        MemoryChainStore() if request.param == "memory" else SqliteChainStore(tmp_path / "chain")
    )
    yield found
    found.close()


def items(store: ChainStore, table: Table, **bounds: object) -> list[tuple[bytes, bytes]]:
    with store.snapshot() as snapshot:
        return list(snapshot.items(table, **bounds))  # type: ignore[arg-type]


def test_what_is_written_is_read_in_each_table(store: ChainStore) -> None:
    for table in Table:
        if table is not Table.SETTINGS:
            store.write({table: {b"k": table.encode(), b"": b"empty key"}}, POINT)
    for table in Table:
        if table is not Table.SETTINGS:
            assert store.get(table, b"k") == table.encode()
            assert items(store, table) == [(b"", b"empty key"), (b"k", table.encode())]
        assert store.get(table, b"other") is None


def test_a_value_is_replaced_and_taken_away(store: ChainStore) -> None:
    store.write({Table.RECORDS: {b"a": b"1", b"b": b"2"}}, POINT)
    store.write({Table.RECORDS: {b"a": b"one", b"b": None}}, POINT)
    assert items(store, Table.RECORDS) == [(b"a", b"one")]
    store.write({Table.RECORDS: {b"b": b"again", b"c": None}}, POINT)
    assert items(store, Table.RECORDS) == [(b"a", b"one"), (b"b", b"again")]
    with store.snapshot() as snapshot:
        assert snapshot.count(Table.RECORDS) == 2
        assert snapshot.newest(Table.RECORDS) == (b"b", b"again")
        assert snapshot.newest(Table.EVENTS) is None
        assert snapshot.get(Table.RECORDS, b"c") is None


def test_an_empty_value_is_a_value(store: ChainStore) -> None:
    store.write({Table.CONTENTS: {b"k": b""}}, POINT)
    assert store.get(Table.CONTENTS, b"k") == b""


def test_many_values_are_read_at_once(store: ChainStore) -> None:
    values = {n.to_bytes(2, "big") * 16: bytes([n % 7]) * (n % 5) for n in range(3000)}
    store.write({Table.RECORDS: {**values, b"": b"of no key"}}, POINT)
    wanted = [*list(values)[100:2900:3], b"", b"absent", bytes(33)]
    expected = {key: values[key] for key in wanted if key in values} | {b"": b"of no key"}
    assert store.get_many(Table.RECORDS, wanted) == expected
    assert store.get_many(Table.RECORDS, [*wanted, *wanted]) == expected
    assert store.get_many(Table.RECORDS, []) == {}
    assert store.get_many(Table.PAGES, wanted) == {}
    with store.snapshot() as snapshot:
        store.write({Table.RECORDS: {b"absent": b"late"}}, POINT)
        assert snapshot.get_many(Table.RECORDS, wanted) == expected
    assert store.get_many(Table.RECORDS, [b"absent"]) == {b"absent": b"late"}


def test_entries_are_read_in_order_within_bounds(store: ChainStore) -> None:
    keys = [bytes([n]) for n in range(0, 250, 5)]
    store.write({Table.EVENTS: {key: key * 2 for key in reversed(keys)}}, POINT)
    assert [key for key, _ in items(store, Table.EVENTS)] == keys
    assert items(store, Table.EVENTS, first=b"\x0a", last=b"\x14") == [
        (b"\x0a", b"\x0a\x0a"),
        (b"\x0f", b"\x0f\x0f"),
        (b"\x14", b"\x14\x14"),
    ]
    assert len(items(store, Table.EVENTS, first=b"\x0b", limit=4)) == 4
    assert items(store, Table.EVENTS, first=b"\xff") == []
    assert items(store, Table.EVENTS, limit=0) == []


def test_more_than_one_portion_of_entries_is_read(store: ChainStore) -> None:
    store.write({Table.PAGES: {n.to_bytes(4, "big"): b"x" for n in range(2500)}}, POINT)
    found = items(store, Table.PAGES)
    assert [key for key, _ in found] == [n.to_bytes(4, "big") for n in range(2500)]
    assert len(items(store, Table.PAGES, limit=1500)) == 1500


@clause("D16")
def test_a_snapshot_does_not_see_later_writes(store: ChainStore) -> None:
    store.write({Table.RECORDS: {b"a": b"old", b"gone": b"there"}}, POINT)
    with store.snapshot() as before:
        store.write({Table.RECORDS: {b"a": b"new", b"b": b"new", b"gone": None}}, POINT)
        assert before.get(Table.RECORDS, b"a") == b"old"
        assert before.get(Table.RECORDS, b"b") is None
        assert before.get(Table.RECORDS, b"gone") == b"there"
        assert before.count(Table.RECORDS) == 2
        with store.snapshot() as after:
            assert after.get(Table.RECORDS, b"a") == b"new"
            assert after.get(Table.RECORDS, b"gone") is None


@clause("D11")
def test_fifty_threads_write_and_read_at_once(store: ChainStore) -> None:
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(4):
                key = bytes([number, step])
                store.write({Table.RECEIPTS: {key: key}, Table.EVENTS: {key: key}}, POINT)
                with store.snapshot() as snapshot:
                    receipts = {key for key, _ in snapshot.items(Table.RECEIPTS)}
                    assert receipts == {key for key, _ in snapshot.items(Table.EVENTS)}
        except BaseException as fault:  # noqa: BLE001 - told by the main thread
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(items(store, Table.RECEIPTS)) == 200


def test_a_closed_store_may_be_closed_again(store: ChainStore) -> None:
    store.close()
    store.close()


_KEYS = st.binary(max_size=3)
_WRITES = st.dictionaries(
    st.sampled_from([Table.RECORDS, Table.PAGES]),
    st.dictionaries(_KEYS, st.none() | st.binary(max_size=20), max_size=6),
    max_size=2,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=st.lists(_WRITES, max_size=12))
def test_both_stores_give_what_a_dictionary_gives(
    tmp_path_factory: pytest.TempPathFactory, history: list[Writes]
) -> None:
    disk = SqliteChainStore(tmp_path_factory.mktemp("store"))
    memory = MemoryChainStore()
    model: dict[Table, dict[bytes, bytes]] = {Table.RECORDS: {}, Table.PAGES: {}}
    try:
        for writes in history:
            disk.write(writes, POINT)
            memory.write(writes, POINT)
            for table, changes in writes.items():
                for key, value in changes.items():
                    if value is None:
                        model[table].pop(key, None)
                    else:
                        model[table][key] = value
        for table, values in model.items():
            expected = sorted(values.items())
            assert items(disk, table) == expected
            assert items(memory, table) == expected
    finally:
        disk.close()
