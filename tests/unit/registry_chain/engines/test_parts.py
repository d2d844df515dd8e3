"""The parts of the embedded engine: queue, seals, key files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry_chain.engines.embedded.node_key import create_node_key, load_node_key
from registry_chain.engines.embedded.sealing import (
    CONSENSUS_HASH,
    ChainTip,
    next_time,
    seal,
    sole_validator,
)
from registry_chain.engines.waiting import Waiting, WaitingTransactions
from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.sealed_block import (
    SealedBlock,
    decode_block,
    decode_validators,
    encode_block,
    encode_validators,
    results_root,
    transactions_root,
)
from tests.support.chain_world import signer
from tests.support.clauses import clause
from tests.support.light_chain import LightChain, key, validators
from weid.crypto.key_file import save_key_file
from weid.crypto.keys import KeyKind, PrivateKey
from weid.errors import KeyFileError, RegistryUnavailableError, UnsupportedAlgorithmError
from weid.registry.comet_encoding import NANOSECONDS, merkle_root
from weid.registry.light_block import LightBlock
from weid.registry.light_client import verify_commit

# --- The queue -----------------------------------------------------------------------------------


def waiting(name: str, size: int = 100) -> Waiting:
    return Waiting(hashlib.sha256(name.encode()).digest(), bytes(size))


@clause("R37")
def test_the_queue_is_bounded_in_number_and_bytes() -> None:
    queue = WaitingTransactions(transactions=3, size=1000)
    for name in "abc":
        queue.add(waiting(name))
    with pytest.raises(RegistryUnavailableError, match="too many"):
        queue.add(waiting("d"))
    taken = queue.take(transactions=2, size=10**6)
    with pytest.raises(RegistryUnavailableError):
        queue.add(waiting("d"))
    queue.done(taken)
    queue.done(taken)
    queue.add(waiting("d"))
    with pytest.raises(RegistryUnavailableError):
        queue.add(waiting("e", size=900))


@clause("R1")
def test_one_id_waits_once_until_its_fate_is_known() -> None:
    queue = WaitingTransactions()
    first = queue.add(waiting("a"))
    assert queue.add(waiting("a")) is first
    assert len(queue) == 1
    taken = queue.take(transactions=10, size=10**6)
    assert queue.add(waiting("a")) is first
    assert queue.find(taken[0].transaction_id) is first
    queue.done(taken)
    assert queue.find(taken[0].transaction_id) is None
    assert queue.add(waiting("a")) is not first


def test_a_batch_is_in_order_and_bounded_but_never_empty() -> None:
    queue = WaitingTransactions()
    for name in "abcde":
        queue.add(waiting(name))
    assert [len(queue.take(transactions=2, size=10**6)) for _ in range(3)] == [2, 2, 1]
    for name in "fgh":
        queue.add(waiting(name, size=600))
    assert len(queue.take(transactions=10, size=1000)) == 1
    assert len(queue.take(transactions=10, size=10)) == 1


def test_a_closed_queue_takes_no_more_and_keeps_what_waits() -> None:
    queue = WaitingTransactions()
    first = queue.add(waiting("a"))
    queue.close("closing")
    queue.close("again")
    with pytest.raises(RegistryUnavailableError, match="closing"):
        queue.add(waiting("b"))
    assert queue.add(waiting("a")) is first
    assert len(queue.take(transactions=1, size=100)) == 1


@pytest.mark.parametrize(("transactions", "size"), [(2, 10**6), (10, 1000), (10, 10), (10, 0)])
def test_what_is_at_the_front_is_what_is_taken_next(transactions: int, size: int) -> None:
    queue = WaitingTransactions()
    assert queue.front(transactions=transactions, size=size) == []
    for number in range(5):
        queue.add(Waiting(bytes([number]) * 32, bytes([number]) * 400))
    while len(queue):
        front = queue.front(transactions=transactions, size=size)
        assert front == [one.data for one in queue.take(transactions=transactions, size=size)]


# --- Seals ---------------------------------------------------------------------------------------


def tip(sealer: PrivateKey, time_ns: int = 5 * NANOSECONDS) -> ChainTip:
    return ChainTip(
        "c", 0, time_ns, None, b"\x01" * 32, merkle_root(()), sole_validator(signer(sealer))
    )


@clause("LC-SEAL")
def test_a_seal_is_a_commit_of_the_one_validator() -> None:
    sealer = key("s")
    start = tip(sealer)
    block = seal(
        start,
        [b"one", b"two"],
        time_ns=next_time(start, 9),
        signer=signer(sealer),
        next_validators=start.validators,
    )
    verify_commit("c", LightBlock(block.header, block.commit, start.validators))
    assert block.header.data_hash == transactions_root([b"one", b"two"])
    assert block.commit.block_id.parts_hash == block.header.hash()
    assert block.header.time == 9


@clause("LC-SEAL", "D13")
def test_header_time_is_the_clocks_second_but_always_later_than_before() -> None:
    sealer = key("s")
    assert next_time(tip(sealer, 5 * NANOSECONDS), 6) == 6 * NANOSECONDS
    assert next_time(tip(sealer, 6 * NANOSECONDS), 6) == 6 * NANOSECONDS + 1
    assert next_time(tip(sealer, 6 * NANOSECONDS + 7), 6) == 6 * NANOSECONDS + 8
    assert next_time(tip(sealer, 600 * NANOSECONDS), 6) == 600 * NANOSECONDS + 1


@clause("LC-SEAL")
def test_the_roots_are_cometbfts() -> None:
    # The consensus hash that the recorded nodes have, for their own parameters, is made the same
    # way: SHA-256 of {max bytes, max gas}.
    assert len(CONSENSUS_HASH) == 32
    assert transactions_root([]) == hashlib.sha256(b"").digest() == results_root([])
    one = hashlib.sha256(b"\x00" + hashlib.sha256(b"tx").digest()).digest()
    assert transactions_root([b"tx"]) == one
    # ExecTxResult with code 5 and data "d"; nothing at all for a result of zero and no data.
    assert results_root([(5, b"d")]) == hashlib.sha256(b"\x00\x08\x05\x12\x01d").digest()
    assert results_root([(0, b"")]) == hashlib.sha256(b"\x00").digest()


def test_only_ed25519_seals() -> None:
    with pytest.raises(UnsupportedAlgorithmError):
        sole_validator(signer(PrivateKey.generate(KeyKind.P256)))


@clause("D7")
def test_a_block_is_read_as_it_was_written_or_not_at_all() -> None:
    chain = LightChain(key("a"), key("b"))
    light = chain.grow(3)
    block = SealedBlock(light.header, light.commit, (b"", b"one", b"two" * 1000))
    data = encode_block(block)
    assert decode_block(data, height=3) == block
    assert decode_block(data, height=3, with_transactions=False).transactions == ()
    for bad in (b"", data[:-1], data + b"\0", b"\xff" * 50, data[:4] + b"\x80" + data[5:]):
        with pytest.raises(StoreDamagedError) as found:
            decode_block(bad, height=3)
        assert found.value.height == 3
    with pytest.raises(StoreDamagedError):
        decode_block(data, height=4)
    found_set = validators(key("a"), key("b"))
    raw = encode_validators(found_set)
    assert decode_validators(raw, expected_hash=found_set.hash()) == found_set
    for bad_set in (b"", raw[:-1], b"\x80", b"\x81\x01", encode_validators(validators(key("c")))):
        with pytest.raises(StoreDamagedError):
            decode_validators(bad_set, expected_hash=found_set.hash())


# --- Key files -----------------------------------------------------------------------------------


@clause("W25")
def test_a_plain_key_file_is_only_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    made = create_node_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_node_key(path).public == made.public
    with pytest.raises(KeyFileError, match="exists already"):
        create_node_key(path)
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(KeyFileError, match="by others"):
            load_node_key(path)


def test_an_encrypted_key_file_opens_with_its_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    made = create_node_key(path, passphrase="correct horse")
    assert load_node_key(path, passphrase="correct horse").public == made.public
    with pytest.raises(KeyFileError):
        load_node_key(path, passphrase="wrong horse!")
    with pytest.raises(KeyFileError, match="not a plain") as refused:
        load_node_key(path)
    assert refused.value.hint is not None
    assert "passphrase" in refused.value.hint


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_node_key(tmp_path / "nothing")
    with pytest.raises(KeyFileError):
        load_node_key(tmp_path)
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_node_key(tmp_path / "no folder" / "key")
    path = tmp_path / "key"
    for body in (b"", b"{}", b"[1]", b'{"format":"weid-node-key/1","key":{}}'):
        path.write_bytes(body)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match="not a plain node key"):
            load_node_key(path)
    path.unlink()
    save_key_file(path, PrivateKey.generate(KeyKind.P256), "correct horse")
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        load_node_key(path, passphrase="correct horse")
