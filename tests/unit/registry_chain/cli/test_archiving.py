"""Archiving, pruning and replaying the chain of a stopped node from the command line."""

from __future__ import annotations

import json

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.engines.embedded.node_key import load_node_key
from registry_chain.state_sync import SnapshotMaker
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import Table
from tests.support.chain_folders import open_chain, tree
from tests.support.clauses import clause
from weid.clock import SystemClock
from weid.crypto.signer import InMemorySigner


def grow(folder, blocks):
    """Seal empty blocks, as a node does that nobody asks for anything."""
    with open_chain(folder) as store:
        signer = InMemorySigner(load_node_key(folder / "sealing.key"))
        engine = InlineEngine(RegistryApplication(store), signer, clock=SystemClock())
        for _ in range(blocks):
            engine._persist(engine._sealer.seal_heartbeat())


@pytest.fixture
def grown(begun):
    grow(begun, 19)
    return begun


def heights(folder):
    with open_chain(folder) as store, store.snapshot() as snapshot:
        return [int.from_bytes(key, "big") for key, _ in snapshot.items(Table.BLOCKS)]


@clause("SS-14", "SS-13")
def test_old_blocks_move_into_a_file_that_the_genesis_vouches_for(chain, grown, tmp_path):
    file = tmp_path / "old"
    code, out, err = chain("archive", grown, file, "--below", 11, "--force", "--compact", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["first"], facts["last"], facts["pruned"]) == (1, 10, 10)
    assert facts["anchored"]
    assert heights(grown) == list(range(11, 21))
    code, out, _ = chain("verify-archive", file, "--genesis", grown / "genesis.json")
    assert code == 0
    assert out.startswith("blocks 1 to 10, ")
    assert chain("verify", grown)[:2] == (0, "intact up to height 20\n")
    later = tmp_path / "later"
    assert chain("archive", grown, later, "--below", 20, "--force")[0] == 0
    assert heights(grown) == [20]
    code, _, err = chain("verify-archive", later, "--genesis", grown / "genesis.json")
    assert code != 0
    assert "the genesis alone does not vouch" in err
    both = ("verify-archive", later, file, "--genesis", grown / "genesis.json", "--json")
    code, out, _ = chain(*both)
    assert code == 0
    last_hash = json.loads(out)["last_hash"]
    options = ("--genesis", grown / "genesis.json", "--expected-hash")
    assert chain("verify-archive", later, *options, last_hash)[0] == 0
    code, _, err = chain("verify-archive", later, *options, "00" * 32)
    assert code != 0
    assert last_hash in err


@clause("SS-14")
def test_what_light_clients_need_is_not_taken_out(chain, grown, tmp_path):
    before = heights(grown)
    for how in (("--below", 5), ("--older-than", 0)):
        code, _, err = chain("archive", grown, tmp_path / "old", *how)
        assert code != 0
        assert "--force" in err
    assert not (tmp_path / "old").exists()
    assert chain("archive", grown, tmp_path / "old")[0] == 2
    assert chain("archive", grown, tmp_path / "old", "--below", 5, "--older-than", 3)[0] == 2
    code, _, err = chain("archive", grown, tmp_path / "old", "--below", 21, "--force")
    assert code != 0
    assert "from height 20 on must stay" in err
    assert "--force" not in err
    code, _, err = chain("archive", grown, tmp_path / "old", "--below", 21)
    assert code != 0
    assert "nothing to archive" in err
    assert "--below 1 " not in err
    assert heights(grown) == before
    assert chain("archive", grown, tmp_path / "old", "--below", 5, "--force", "--keep")[0] == 0
    assert heights(grown) == before
    there = (tmp_path / "old").read_bytes()
    code, _, err = chain("archive", grown, tmp_path / "old", "--below", 5, "--force")
    assert code != 0
    assert "exists already" in err
    assert (tmp_path / "old").read_bytes() == there
    assert heights(grown) == before


@clause("SS-13")
def test_a_changed_archive_is_refused(chain, grown, tmp_path):
    file = tmp_path / "old"
    chain("archive", grown, file, "--below", 5, "--force")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    code, _, err = chain("verify-archive", file, "--genesis", grown / "genesis.json")
    assert code == 1
    assert "damaged" in err
    none = tmp_path / "none"
    assert chain("verify-archive", none, "--genesis", grown / "genesis.json")[0] == 1
    assert chain("verify-archive", file, "--genesis", none)[0] == 1
    code, _, err = chain("verify-archive", file, "--genesis", file)
    assert code == 1
    assert f"{file}: the genesis is not" in err
    genesis = grown / "genesis.json"
    assert chain("verify-archive", file, "--genesis", genesis, "--expected-hash", "zz")[0] == 2


@clause("SS-16", "B17")
def test_the_chain_is_applied_again_with_its_archives_or_from_a_snapshot(chain, grown, tmp_path):
    code, out, err = chain("replay", grown)
    assert (code, out) == (0, "the same up to height 20\n"), err
    store = SqliteChainStore(grown / "chain")
    SnapshotMaker(store, grown / "chain" / "snapshots").make()
    store.close()
    grow(grown, 3)
    file = tmp_path / "old"
    assert chain("archive", grown, file, "--below", 15, "--force")[0] == 0
    code, _, err = chain("replay", grown)
    assert code != 0
    assert "give the archives of heights 1 to 14" in err
    assert chain("replay", grown, "--archive", file)[:2] == (0, "the same up to height 23\n")
    again = chain("replay", grown, "--from-snapshot", 20, "--json")
    assert again[0] == 0
    assert json.loads(again[1])["same"]
    code, _, err = chain("replay", grown, "--from-snapshot", 7)
    assert code == 1
    assert "has snapshots of 20" in err
    before = tree(grown)
    assert chain("replay", grown, "--archive", tmp_path / "none")[0] == 1
    assert tree(grown).keys() == before.keys()


@clause("SS-16", "B12")
def test_a_difference_is_told_with_its_height(chain, grown):
    with open_chain(grown) as store, store.snapshot() as snapshot:
        key, value = next(iter(snapshot.items(Table.RECORDS)))
    import sqlite3

    database = sqlite3.connect(grown / "chain" / "chain.db")
    with database:
        database.execute("UPDATE records SET value = ? WHERE key = ?", (value + b"\0", key))
    database.close()
    code, out, err = chain("replay", grown)
    assert code == 1
    assert out == f"table records differs at key {key.hex()}\n"
    assert "not what its blocks make" in err


@clause("SS-14")
def test_compacting_gives_space_back(chain, begun, tmp_path):
    grow(begun, 400)
    size = (begun / "chain" / "chain.db").stat().st_size
    code, out, err = chain(
        "archive", begun, tmp_path / "old", "--below", 395, "--force", "--compact", "--json"
    )
    assert code == 0, err
    freed = json.loads(out)["bytes_freed"]
    assert freed > 0
    assert (begun / "chain" / "chain.db").stat().st_size == size - freed or freed > size / 4
    assert chain("verify", begun)[0] == 0


def test_archives_are_of_use_only_where_blocks_go_and_where_they_can_lie(
    chain, passphrase_file, tmp_path
):
    for words, said in (
        (("--archives", tmp_path / "old"), "--keep-days"),
        (("--keep-days", 60, "--archives", passphrase_file / "old"), str(passphrase_file)),
    ):
        code, out, err = chain("start", tmp_path / "none", *words)
        assert (code, out) == (2, "")
        assert said in err
        assert not (tmp_path / "old").exists()
