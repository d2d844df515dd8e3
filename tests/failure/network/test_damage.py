"""Files that are not what was written: one node is hurt, and the others go on meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from registry_chain.storage.integrity import find_damage
from tests.failure.network.drill import Drill
from tests.failure.network.nodes import Node, until
from tests.failure.network.selection import in_the_long_list
from tests.support.clauses import clause
from weid.errors import WeidError

pytestmark = pytest.mark.faults


def failed(node: Node) -> str:
    """Wait until a node has given up, and return what it said; it is not running any more."""
    until(lambda: node.process is not None and node.process.poll() is not None, "it gives up")
    assert node.gone() == 1
    status = node.status()
    assert status["state"] == "failed", status
    return str(status["last_reason"])


def set_up_anew(node: Node) -> None:
    """Let a node begin again from its peers: everything goes but its keys and what it signed."""
    signed = (node.comet / "data" / "priv_validator_state.json").read_bytes()
    for path in (node.comet / "data", node.folder / "chain"):
        shutil.rmtree(path)
    (node.folder / "begun").unlink()
    (node.comet / "data").mkdir(mode=0o700)
    (node.comet / "data" / "priv_validator_state.json").write_bytes(signed)


# --- CometBFT's files ----------------------------------------------------------------------------


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 7])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 0x10
    path.write_bytes(bytes(data))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@clause("B10")
@pytest.mark.parametrize(
    "hurt",
    [
        pytest.param(_cut, id="cut short", marks=in_the_long_list),
        pytest.param(_flip, id="a bit"),
        pytest.param(_empty, id="emptied", marks=in_the_long_list),
    ],
)
def test_the_log_of_consensus_is_damaged(drill: Drill, hurt: Callable[[Path], None]) -> None:
    node = drill.cluster.validators[0]
    node.kill()
    hurt(node.comet / "data" / "cs.wal" / "wal")
    drill.goes_on()
    drill.recovered()


@clause("B11", "NT-10")
def test_the_store_of_blocks_is_damaged(drill: Drill) -> None:
    node = drill.cluster.validators[1]
    node.kill()
    for path in (node.comet / "data" / "blockstore.db").glob("MANIFEST-*"):
        _flip(path)
        path.write_bytes(path.read_bytes()[:-3] + b"???")
    node.start()
    reason = failed(node)
    assert "CometBFT's files are damaged" in reason
    drill.goes_on()
    set_up_anew(node)
    drill.recovered("set up anew from its peers")


def _size(row: tuple[bytes, bytes]) -> int:
    return len(row[1])


# --- Our own -------------------------------------------------------------------------------------


def change_one_byte(node: Node, did: str) -> None:
    """Change the record of a DID below the program, as a disk does that lies."""
    with closing(sqlite3.connect(node.folder / "chain" / "chain.db", timeout=60)) as database:
        rows = database.execute("SELECT key, value FROM records").fetchall()
        key, value = max((each for each in rows if did.encode() in each[1]), key=_size)
        at = value.index(did.encode()) + len(did) + 10  # in its first key
        changed = value[:at] + bytes([value[at] ^ 1])
        database.execute("UPDATE records SET value = ? WHERE key = ?", (changed, key))
        database.commit()


@clause("B12", "NT-10")
def test_a_byte_of_the_state_is_changed_while_the_node_is_stopped(drill: Drill) -> None:
    node = drill.cluster.validators[2]
    assert node.stop() == 0
    change_one_byte(node, drill.clients.register)
    node.start()
    reason = failed(node)
    # Found by the look at the start, or else with the next block that uses the record.
    assert "table records, key " in reason or "not the one that the network agreed on" in reason
    drill.goes_on()
    set_up_anew(node)
    drill.recovered("set up anew from its peers")


@clause("B12", "B26", "R40")
def test_a_byte_that_is_changed_while_the_node_runs_is_believed_by_nobody(drill: Drill) -> None:
    node = drill.cluster.validators[2]
    drill.goes_on()
    did = drill.clients.ledger.entries[0]
    genuine = drill.clients.registry(0).did(did)
    drill.cluster.caught_up([node])
    change_one_byte(node, did)
    with pytest.raises(WeidError):
        node.reader(drill.cluster.genesis.genesis_hash).did(did)
    others = drill.clients.registry(2)
    assert others.did(did) == genuine
    drill.goes_on()
    assert node.stop() == 0
    store = node.store()
    try:
        assert any(damage.table == "records" for damage in find_damage(store))
    finally:
        store.close()
    set_up_anew(node)
    drill.recovered("set up anew from its peers")


@clause("B13")
def test_the_registry_is_taken_back_with_its_checkpoint(drill: Drill, tmp_path: Path) -> None:
    node = drill.cluster.validators[3]
    node.kill()
    shutil.copytree(node.folder / "chain", tmp_path / "earlier")
    node.start()
    drill.cluster.caught_up([node])
    drill.goes_on(5)
    node.kill()
    shutil.rmtree(node.folder / "chain")
    shutil.copytree(tmp_path / "earlier", node.folder / "chain")
    drill.recovered("CometBFT runs the blocks again")


@in_the_long_list
@clause("B13", "D9", "NT-10")
def test_the_registry_is_taken_back_without_its_checkpoint(drill: Drill, tmp_path: Path) -> None:
    node = drill.cluster.validators[3]
    assert node.stop() == 0
    shutil.copytree(node.folder / "chain", tmp_path / "earlier")
    node.start()
    drill.cluster.caught_up([node])
    drill.goes_on(5)
    assert node.stop() == 0
    chain = node.folder / "chain"
    shutil.copytree(chain, tmp_path / "newest")
    checkpoint = (chain / "checkpoint").read_bytes()
    shutil.rmtree(chain)
    shutil.copytree(tmp_path / "earlier", chain)
    (chain / "checkpoint").write_bytes(checkpoint)
    node.start()
    assert "went back" in failed(node)
    drill.goes_on()
    shutil.rmtree(chain)
    shutil.copytree(tmp_path / "newest", chain)
    drill.recovered("the newer database is brought back")


@clause("B13", "NT-10")
def test_cometbft_is_taken_back_and_the_registry_is_ahead(drill: Drill, tmp_path: Path) -> None:
    node = drill.cluster.validators[3]
    assert node.stop() == 0
    data = node.comet / "data"
    shutil.copytree(data, tmp_path / "earlier")
    node.start()
    drill.cluster.caught_up([node])
    drill.goes_on(5)
    assert node.stop() == 0
    # What it has signed must never be taken back.
    signed = (data / "priv_validator_state.json").read_bytes()
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "earlier", data)
    (data / "priv_validator_state.json").write_bytes(signed)
    node.start()
    assert "store is ahead of CometBFT's" in failed(node)
    drill.goes_on()
    set_up_anew(node)
    drill.recovered("set up anew from its peers")
