"""The files of the sealing key: whatever is cut off, the key that the chain announced is there."""

from __future__ import annotations

import pytest

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.engines.embedded.node_key import create_node_key, load_node_key
from registry_chain.engines.embedded.sealing_keys import (
    SealingKeys,
    announced_key,
    is_encrypted,
)
from registry_chain.state_machine.genesis import GenesisValidator
from registry_chain.storage.memory import MemoryChainStore
from tests.support.chain_world import NOW, genesis
from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.errors import KeyFileError, RegistryUnavailableError

PASSPHRASE = "correct horse battery"


class Node:
    """A node's key files and its chain, which is begun with the first key."""

    def __init__(self, folder, passphrase=None):
        self.file = folder / "sealing.key"
        self.passphrase = passphrase
        first = create_node_key(self.file, passphrase=passphrase)
        self.store = MemoryChainStore()
        founded = genesis(validators=(GenesisValidator(first.public.raw, 1),))
        RegistryApplication(self.store).init_chain(founded)
        self.clock = FixedClock(NOW)
        self.engine = None

    def start(self):
        """Start as the command does: the keys, and an engine that seals; the one before ends."""
        self.stop()
        keys = SealingKeys(self.file, self.passphrase)
        signer = keys.signer_for(announced_key(self.store))
        engine = EmbeddedEngine(RegistryApplication(self.store), signer, clock=self.clock)
        self.engine = engine
        return keys, engine

    def stop(self):
        if self.engine is not None:
            self.engine.close()
        self.engine = None

    def seals(self):
        """Start, make a block, and return which public key sealed it."""
        keys, engine = self.start()
        before = engine.head().height
        self.clock.advance(60)
        engine.keep_fresh()
        assert engine.wait_above(before, timeout=30) > before
        return load_node_key(keys.file, passphrase=self.passphrase).public.raw

    def names(self):
        return sorted(path.name for path in self.file.parent.iterdir())


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    yield node
    node.stop()


@clause("LC-ROTATE")
def test_a_change_that_is_done_leaves_the_former_key_beside_the_new_one(node):
    keys, engine = node.start()
    first = announced_key(node.store)
    successor = keys.successor()
    engine.rotate_sealing_key(successor)
    former = keys.switch()
    assert announced_key(node.store) == successor.public_key.raw != first
    assert load_node_key(former).public.raw == first
    assert load_node_key(node.file).public == successor.public_key
    assert node.names() == ["sealing.key", "sealing.key.old-1"]
    assert {path.stat().st_mode & 0o777 for path in node.file.parent.iterdir()} == {0o600}
    assert node.seals() == successor.public_key.raw


@clause("LC-ROTATE")
def test_cut_off_before_the_announcement_the_old_key_seals_and_the_new_one_is_taken_again(node):
    keys, _ = node.start()
    made = keys.successor()
    assert node.seals() == announced_key(node.store) != made.public_key.raw
    keys, engine = node.start()
    assert keys.successor().public_key == made.public_key
    engine.rotate_sealing_key(made)
    keys.switch()
    assert node.seals() == made.public_key.raw


@clause("LC-ROTATE")
def test_cut_off_after_the_announcement_the_next_start_takes_the_new_key(node):
    keys, engine = node.start()
    successor = keys.successor()
    engine.rotate_sealing_key(successor)
    assert node.names() == ["sealing.key", "sealing.key.next"]
    assert node.seals() == successor.public_key.raw
    assert node.names() == ["sealing.key", "sealing.key.old-1"]


@clause("LC-ROTATE")
def test_cut_off_between_the_two_names_the_next_start_takes_the_new_key(node):
    keys, engine = node.start()
    successor = keys.successor()
    engine.rotate_sealing_key(successor)
    node.file.with_name("sealing.key.old-1").hardlink_to(node.file)
    assert node.seals() == successor.public_key.raw
    assert "sealing.key.next" not in node.names()


@clause("LC-ROTATE")
def test_a_backup_from_before_the_change_goes_on_with_the_former_key(node):
    _, engine = node.start()
    first = announced_key(node.store)
    founded = engine.application.genesis
    keys, engine = node.start()
    engine.rotate_sealing_key(keys.successor())
    keys.switch()
    node.stop()
    node.store = MemoryChainStore()
    RegistryApplication(node.store).init_chain(founded)
    assert node.seals() == first


@clause("LC-ROTATE")
def test_the_successor_of_an_encrypted_key_is_encrypted_with_the_same_passphrase(tmp_path):
    node = Node(tmp_path, PASSPHRASE)
    keys, _ = node.start()
    successor = keys.successor()
    assert is_encrypted(keys.next_file)
    assert load_node_key(keys.next_file, passphrase=PASSPHRASE).public == successor.public_key
    with pytest.raises(KeyFileError):
        SealingKeys(node.file, "another passphrase").require()
    node.stop()


def test_without_the_announced_key_the_engine_says_so(node, tmp_path):
    keys, engine = node.start()
    engine.rotate_sealing_key(keys.successor())
    keys.next_file.unlink()
    with pytest.raises(KeyFileError, match="not the one that the chain announced"):
        node.start()


def test_no_announcement_no_change(node):
    keys, engine = node.start()
    engine.close()
    with pytest.raises(RegistryUnavailableError):
        engine.rotate_sealing_key(keys.successor())
    assert node.seals() != load_node_key(keys.next_file).public.raw
