"""A backup on a medium that cannot be written, such as a disk that is mounted for reading."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest

from registry_chain.storage.folder_lock import take_lock
from registry_chain.storage.sqlite import SqliteChainStore
from tests.support.chain_folders import open_chain, tree
from tests.support.clauses import clause

# In a mount namespace of its own, so that nothing of it is left when the command ends.
_MOUNT = (
    'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && ! touch "$1/x" 2>/dev/null '
    '&& shift && exec "$@"'
)
_INSIDE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh")


def can_mount(folder):
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*_INSIDE, folder, "true"], check=False, capture_output=True)
    return tried.returncode == 0


@pytest.fixture
def medium(tmp_path_factory):
    """Run a command while a folder is mounted for reading only."""
    if not can_mount(tmp_path_factory.mktemp("mounted")):
        pytest.skip("this machine lets nobody mount a folder for reading only")

    def run(folder, *command):
        words = [*_INSIDE, folder, sys.executable, "-m", "registry_chain.cli.main", *command]
        return subprocess.run(
            [str(word) for word in words],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


COMMANDS = {
    "verify": ("verify",),
    "verify --replay": ("verify", "--replay"),
    "replay": ("replay",),
    "export": ("export",),
    "status": ("status",),
}


@clause("SS-17")
@pytest.mark.parametrize("what", COMMANDS)
def test_a_backup_is_looked_at_where_it_cannot_be_written(medium, chain, backup, what):
    before = tree(backup)
    command, *options = COMMANDS[what]
    done = medium(backup, command, backup, *options)
    assert done.returncode == 0, done.stderr
    assert tree(backup) == before
    code, out, _ = chain(command, backup, *options)
    assert (code, out) == (0, done.stdout)


@clause("SS-17")
def test_a_backup_is_brought_back_from_where_it_cannot_be_written(medium, chain, backup, tmp_path):
    back = tmp_path / "back"
    done = medium(backup, "--json", "restore", backup, back)
    assert done.returncode == 0, done.stderr
    code, out, _ = chain("--json", "verify", back, "--replay")
    assert (code, json.loads(out)["height"]) == (0, json.loads(done.stdout)["height"])


@clause("SS-17")
def test_damage_is_found_there_too(medium, backup):
    connection = sqlite3.connect(backup / "chain.db")
    with connection:
        connection.execute(
            "UPDATE records SET value = x'00' WHERE key = (SELECT max(key) FROM records)"
        )
    connection.close()
    assert medium(backup, "verify", backup).returncode == 1


@clause("SS-17")
@pytest.mark.parametrize("command", ["verify", "export"])
def test_what_was_not_closed_is_refused_and_not_read_without_its_end(
    medium, begun, tmp_path, command
):
    copy = tmp_path / "copy"
    with open_chain(begun):
        shutil.copytree(begun, copy)
    (copy / "chain" / "chain.db-wal").write_bytes(b"\0" * 4096)
    done = medium(copy, command, copy)
    assert done.returncode == 1
    assert "was not closed" in done.stderr
    assert "copy the folder" in done.stderr


@clause("SS-17")
@pytest.mark.parametrize("command", ["verify", "export"])
def test_a_node_that_writes_by_another_mount_is_told_to_be_running(medium, begun, command):
    with open_chain(begun):
        done = medium(begun, command, begun)
    assert done.returncode in {1, 20}
    assert "another command has the chain in" in done.stderr


@clause("SS-17")
def test_nobody_writes_as_long_as_it_is_read(medium, begun, tmp_path):
    """The lock of a reader keeps a node from starting in the same folder by another mount."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, pathlib\n"
        "from registry_chain.storage.sqlite import SqliteChainStore\n"
        "store = SqliteChainStore(pathlib.Path(sys.argv[1]), reading=True)\n"
        "print('open', flush=True)\n"
        "sys.stdin.readline()\n"
        "store.close()\n"
    )
    place = begun / "chain"
    words = [*_INSIDE, place, sys.executable, program, place]
    with subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        with pytest.raises(Exception, match="another process has the store"):
            take_lock(place)
        reader.stdin.write("\n")
        reader.stdin.close()
        assert reader.wait(timeout=60) == 0
    SqliteChainStore(place).close()
