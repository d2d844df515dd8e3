"""What the commands leave in folders, and what they say of a folder that is not right."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from registry_chain.cli.counting import counted
from registry_chain.cli.folder import DATABASE
from registry_chain.cli.undoing import leaving_nothing
from registry_chain.storage import sqlite, sqlite_opening
from tests.support.chain_folders import open_chain, tree
from tests.support.clauses import clause


def test_the_database_has_the_name_that_the_store_gives_it():
    assert DATABASE == sqlite_opening.DATABASE


# --- A failed restore leaves nothing --------------------------------------------------------------


def empty(folder):
    folder.mkdir()


def no_database(folder):
    folder.mkdir()
    (folder / DATABASE).write_bytes(b"not a database, and long enough to be looked at" * 100)


def another_database(folder):
    folder.mkdir()
    with sqlite3.connect(folder / DATABASE) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()


def a_store_without_genesis(folder):
    sqlite.SqliteChainStore(folder).close()


SOURCES = {
    "none": lambda _: None,
    "an empty folder": empty,
    "no database": no_database,
    "a database of something else": another_database,
    "a store without genesis": a_store_without_genesis,
}


@clause("D10")
@pytest.mark.parametrize("with_genesis", [True, False], ids=["genesis", "no genesis"])
@pytest.mark.parametrize("what", SOURCES)
@pytest.mark.parametrize("target", ["new/deep/target", "there", "founded"])
def test_a_restore_that_fails_leaves_nothing(chain, founded, tmp_path, what, target, with_genesis):
    SOURCES[what](tmp_path / "source")
    if with_genesis and what != "none":
        shutil.copy(founded / "genesis.json", tmp_path / "source" / "genesis.json")
    (tmp_path / "there").mkdir()
    place = founded if target == "founded" else tmp_path / target
    before = tree(tmp_path)
    code, out, err = chain("restore", tmp_path / "source", place)
    assert (code, out) == (1, "")
    assert "\nTry: " in err
    assert tree(tmp_path) == before


@clause("D10")
def test_a_backup_of_another_registry_is_not_restored_over_this_one(chain, found, backup, tmp_path):
    found(tmp_path / "other", "other")
    before = tree(tmp_path / "other")
    code, _, err = chain("restore", backup, tmp_path / "other")
    assert code == 1
    assert "another registry" in err
    assert tree(tmp_path / "other") == before
    assert set(tree(backup)) == {"chain.db", "checkpoint", "genesis.json", "lock"}


@clause("D10")
def test_a_wrong_expected_block_leaves_nothing(chain, backup, tmp_path):
    code, _, err = chain(
        "restore", backup, tmp_path / "new", "--expected-height", 1, "--expected-hash", "00" * 32
    )
    assert code == 1
    assert "expected block" in err
    assert not (tmp_path / "new").exists()


def test_a_node_s_folder_is_told_from_a_backup(chain, begun, tmp_path):
    code, _, err = chain("restore", begun, tmp_path / "new")
    assert code == 1
    assert f"registry-chain backup {begun} BACKUP" in err
    assert not (tmp_path / "new").exists()


@clause("D10")
def test_a_restored_node_has_genesis_and_chain_and_only_its_owner_may_look(
    chain, begun, backup, tmp_path
):
    code, _, err = chain("restore", backup, tmp_path / "a" / "new")
    assert code == 0, err
    new = tmp_path / "a" / "new"
    assert (new / "genesis.json").read_bytes() == (begun / "genesis.json").read_bytes()
    assert new.stat().st_mode & 0o077 == 0
    assert chain("verify", new)[:2] == (0, "intact up to height 1\n")


def test_a_backup_that_fails_leaves_nothing(chain, founded, begun, tmp_path, monkeypatch):
    def refuse(_source, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("registry_chain.cli.backup._backup_of_stopped", refuse)
    before = set(tree(tmp_path))
    code, _, err = chain("backup", begun, tmp_path / "x" / "y" / "backup")
    assert code == 1
    assert "No space left" in err
    assert set(tree(tmp_path)) == before


def test_an_export_that_fails_leaves_no_file(chain, begun, tmp_path, monkeypatch):
    def lines(_store):
        yield b"{}\n"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("registry_chain.cli.export.export_lines", lines)
    code, _, err = chain("export", begun, "--output", tmp_path / "chain.jsonl")
    assert code == 1
    assert "No space left" in err
    assert not (tmp_path / "chain.jsonl").exists()


def test_an_export_says_how_many_lines_it_wrote_and_is_not_written_over(chain, begun, tmp_path):
    code, out, err = chain("export", begun, "-o", tmp_path / "chain.jsonl")
    assert (code, out, err) == (0, "", "2 lines\n")
    before = (tmp_path / "chain.jsonl").read_bytes()
    code, _, err = chain("export", begun, "-o", tmp_path / "chain.jsonl")
    assert code == 1
    assert "exists already" in err
    assert (tmp_path / "chain.jsonl").read_bytes() == before


def test_an_export_into_a_file_has_its_result_as_json_too(chain, begun, tmp_path):
    file = tmp_path / "chain.jsonl"
    code, out, _ = chain("export", begun, "-o", file, "--json")
    assert (code, json.loads(out)) == (0, {"file": str(file), "lines": 2})
    assert len(file.read_bytes().splitlines()) == 2


def test_what_was_there_before_stays(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("kept")
    paths = [tmp_path / "there", tmp_path / "there" / "file", tmp_path / "new" / "file"]

    def work():
        with leaving_nothing(*paths):
            paths[2].parent.mkdir()
            paths[2].write_text("made")
            (tmp_path / "there" / "by another").write_text("not ours")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    assert set(tree(tmp_path)) == {"there", "there/file", "there/by another"}


@pytest.mark.parametrize(("number", "said"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines")])
def test_a_number_has_its_noun(number, said):
    assert counted(number, "line") == said


# --- A chain that another process has open --------------------------------------------------------


@pytest.mark.parametrize("command", ["verify", "export"])
def test_a_running_node_is_told_with_both_ways_on(chain, begun, command):
    with open_chain(begun):
        (begun / "address").write_text("http://127.0.0.1:8700\n")
        code, out, err = chain(command, begun)
    assert (code, out) == (1, "")
    what, next_step = err.splitlines()
    assert what == f"registry-chain: the node in {begun} is running (http://127.0.0.1:8700)"
    assert "stop it first" in next_step
    assert f"registry-chain backup {begun} COPY" in next_step
    assert f"registry-chain {command} COPY" in next_step


def test_another_command_that_looks_at_the_chain_is_not_called_a_node(chain, begun):
    with open_chain(begun):
        code, _, err = chain("verify", begun)
    assert code == 1
    assert f"another command has the chain in {begun} open" in err


def test_a_node_that_is_running_and_takes_no_orders_is_not_copied(chain, begun, tmp_path):
    with open_chain(begun):
        code, _, err = chain("backup", begun, tmp_path / "backup")
    assert code == 1
    assert "stop it first" in err
    assert "registry-chain backup" not in err
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("command", ["verify", "export"])
def test_a_backup_is_looked_at_like_a_node(chain, backup, command):
    code, out, err = chain(command, backup)
    assert code == 0, err
    assert out


@pytest.mark.parametrize("command", ["verify", "replay", "export", "status"])
def test_a_backup_that_cannot_be_written_is_said_to_need_copying(
    chain, backup, command, monkeypatch
):
    """As in a folder of another user; whoever runs the tests may be allowed everything."""
    before = tree(backup)
    system_open, access = os.open, os.access

    def opened(path, flags, *more, **named):
        if flags & os.O_CREAT and Path(path).parent == backup:
            raise OSError(errno.EACCES, "Permission denied")
        return system_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
    code, out, err = chain(command, backup)
    assert (code, out) == (1, "")
    assert f"{backup} cannot be written" in err
    assert f"cp -r {backup} COPY" in err
    assert tree(backup) == before


def test_a_node_that_listens_elsewhere_is_told_to_be_running(chain, begun):
    with open_chain(begun):
        (begun / "address").write_text("http://192.0.2.1:8700\n")
        code, out, err = chain("status", begun)
    assert (code, out) == (20, "")
    assert f"the node in {begun} is running (http://192.0.2.1:8700)" in err
    assert "--node URL --genesis" in err


# --- Damage is reported, not tripped over ---------------------------------------------------------


def lose_database(chain_folder):
    (chain_folder / "chain.db").unlink()


def write_over(chain_folder):
    (chain_folder / "chain.db").write_bytes(b"\xff" * 8192)


def lose_genesis(chain_folder):
    with sqlite3.connect(chain_folder / "chain.db") as connection:
        connection.execute("DELETE FROM settings WHERE key = ?", (b"genesis",))
    connection.close()


def damage_name(chain_folder):
    with sqlite3.connect(chain_folder / "chain.db") as connection:
        connection.execute("INSERT INTO settings VALUES (?, ?)", (b"\xffname\x1b", b"value"))
    connection.close()


def damage_checkpoint(chain_folder):
    data = bytearray((chain_folder / "checkpoint").read_bytes())
    (chain_folder / "checkpoint").write_bytes(bytes(byte ^ 1 for byte in data))


DAMAGE = {
    "written over": write_over,
    "without its genesis": lose_genesis,
    "with a setting of a damaged name": damage_name,
    "with a damaged checkpoint": damage_checkpoint,
}


@clause("D7")
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_chain_is_reported_and_left_as_it_is(chain, begun, what):
    DAMAGE[what](begun / "chain")
    before = {name for name in tree(begun) if not name.endswith(("-wal", "-shm"))}
    code, out, err = chain("verify", begun, "--json")
    assert code == 1, err
    told = json.loads(out)
    assert told["intact"] is False
    assert told["faults"]
    assert "Traceback" not in err
    assert f"{len(told['faults'])} fault" in err
    assert ("1 fault was found" in err) is (len(told["faults"]) == 1)
    assert {name for name in tree(begun) if not name.endswith(("-wal", "-shm"))} == before


@clause("D7")
@pytest.mark.parametrize("command", ["verify", "export", "status"])
def test_a_chain_without_its_database_is_not_made_anew(chain, begun, command):
    lose_database(begun / "chain")
    before = tree(begun)
    code, out, err = chain(command, begun)
    assert (code, out) == (1, "")
    assert "has lost its database" in err
    assert "registry-chain restore" in err
    assert tree(begun) == before


ON_ANOTHER_GENESIS = {
    "start": ("start", "DIR", "--port", "0"),
    "status": ("status", "DIR"),
    "verify": ("verify", "DIR"),
    "export": ("export", "DIR"),
    "backup": ("backup", "DIR", "NEW"),
}


@pytest.mark.parametrize("what", ON_ANOTHER_GENESIS)
def test_a_chain_of_another_genesis_is_told(chain, begun, found, tmp_path, what):
    other = found(tmp_path / "other", "other")
    shutil.copy(other / "genesis.json", begun / "genesis.json")
    places = {"DIR": begun, "NEW": tmp_path / "new"}
    code, out, err = chain(*(places.get(word, word) for word in ON_ANOTHER_GENESIS[what]))
    assert (code, out) == (1, "")
    assert "another genesis" in err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["status", "export"])
def test_a_store_that_has_no_genesis_yet_belongs_to_a_node_that_never_started(
    chain, founded, command
):
    sqlite.SqliteChainStore(founded / "chain").close()
    code, out, err = chain(command, founded)
    assert (code, out) == (1, "")
    assert f"registry-chain start {founded}" in err


# --- Starting -------------------------------------------------------------------------------------


def test_a_node_without_its_sealing_key_is_not_started(chain, begun):
    (begun / "sealing.key").unlink()
    code, out, err = chain("start", begun, "--port", "0")
    assert (code, out) == (1, "")
    assert f"{begun / 'sealing.key'} is not there" in err
    assert "bring it back" in err


def test_a_descriptor_that_is_not_open_is_a_wrong_call(chain, founded):
    code, out, err = chain("start", founded, "--port", "0", "--ready-fd", "987654")
    assert (code, out) == (2, "")
    assert "--ready-fd: 987654 is not open" in err
    assert not (founded / "chain").exists()


def test_a_lost_chain_is_not_begun_anew(chain, begun):
    (begun / "begun").touch()  # as its first start does
    shutil.move(begun / "chain", begun / "elsewhere")
    before = tree(begun)
    code, out, err = chain("start", begun, "--port", "0")
    assert (code, out) == (1, "")
    assert "is gone" in err
    assert "registry-chain restore" in err
    assert tree(begun) == before, "nothing was begun"
