"""The light client against recordings of real CometBFT nodes, and against every lie about them."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.errors import MalformedError, ProofError, WeidError
from weid.registry.comet_encoding import parse_time
from weid.registry.light_block import LightBlock
from weid.registry.light_client import LightClient, TrustRoot, verify_commit
from weid.registry.past_headers import verify_past
from weid.registry.validators import ValidatorSet

_FIXTURES = Path(__file__).parents[2] / "fixtures" / "cometbft"
RECORDINGS = {
    "CometBFT 0.38.25": "cometbft.light.json",
    "CometBFT 0.39.4": "cometbft39.light.json",
}


class Recording:
    def __init__(self, name: str) -> None:
        whole = json.loads((_FIXTURES / RECORDINGS[name]).read_text())
        self.raw: list[dict[str, Any]] = list(whole["blocks"].values())
        self.blocks = [LightBlock.from_json(block) for block in self.raw]
        genesis = whole["genesis"]
        start = parse_time(genesis["genesis_time"], what="genesis_time") // 10**9
        self.root = TrustRoot(
            b"\x22" * 32, genesis["chain_id"], ValidatorSet.from_json(genesis["validators"]), start
        )
        self.clock = FixedClock(self.blocks[-1].header.time + 1)

    def client(self) -> LightClient:
        return LightClient(self.root, clock=self.clock)


@pytest.fixture(params=RECORDINGS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param)


@clause("LC-HEADER", "LC-COMMIT", "LC-VALIDATORS", "LC-VOTE", "LC-ADJACENT", "LC-ENC")
def test_every_recorded_block_is_believed_one_after_the_other(recording: Recording) -> None:
    client = recording.client()
    for block in recording.blocks:
        assert client.accept(block) == block.head()
    sizes = {len(block.validators.validators) for block in recording.blocks}
    assert sizes == {3, 4}, "the recording has a change of validators"


@clause("LC-SKIPPING")
def test_the_last_recorded_block_is_believed_at_once(recording: Recording) -> None:
    client = recording.client()
    assert client.accept(recording.blocks[-1]).height == len(recording.blocks)


@clause("LC-COMMIT")
def test_each_header_names_the_commit_and_block_before_it(recording: Recording) -> None:
    for before, block in zip(recording.blocks, recording.blocks[1:], strict=False):
        assert block.header.last_commit_hash == before.commit.hash()
        assert block.header.last_block_id == before.commit.block_id


@clause("LC-JSON")
def test_blocks_are_written_as_they_were_read(recording: Recording) -> None:
    for raw, block in zip(recording.raw, recording.blocks, strict=True):
        written = block.to_json()
        assert written["signed_header"] == raw["signed_header"]
        assert LightBlock.from_json(written) == block


def test_a_block_before_the_newest_is_verified_by_its_hash(recording: Recording) -> None:
    client = recording.client()
    client.accept(recording.blocks[-1])
    below = recording.blocks[-1]
    for block in reversed(recording.blocks[:-1]):
        assert verify_past(client, block, below=below).height == block.header.height
        below = block
    with pytest.raises(ProofError, match="not the one before"):
        verify_past(client, recording.blocks[0])


# --- Lies: each changes a parsed JSON block --------------------------------------------------------


def _header(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(block: dict[str, Any]) -> None:
        block["signed_header"]["header"][name] = value

    return change


def _commit(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(block: dict[str, Any]) -> None:
        block["signed_header"]["commit"][name] = value

    return change


def _signature(index: int, name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(block: dict[str, Any]) -> None:
        block["signed_header"]["commit"]["signatures"][index][name] = value

    return change


def _absent(*indices: int) -> Callable[[dict[str, Any]], None]:
    def change(block: dict[str, Any]) -> None:
        for index in indices:
            block["signed_header"]["commit"]["signatures"][index] = {
                "block_id_flag": 1,
                "validator_address": "",
                "timestamp": "0001-01-01T00:00:00Z",
                "signature": None,
            }

    return change


def _swap(block: dict[str, Any]) -> None:
    signatures = block["signed_header"]["commit"]["signatures"]
    signatures[0], signatures[1] = signatures[1], signatures[0]


def _double(block: dict[str, Any]) -> None:
    signatures = block["signed_header"]["commit"]["signatures"]
    signatures[1] = copy.deepcopy(signatures[0])


def _more_power(block: dict[str, Any]) -> None:
    block["validators"][0]["voting_power"] = "100"


def _fewer_validators(block: dict[str, Any]) -> None:
    del block["validators"][1:]
    del block["signed_header"]["commit"]["signatures"][1:]


def _short_commit(block: dict[str, Any]) -> None:
    del block["signed_header"]["commit"]["signatures"][3:]


_ZEROS = "00" * 32
LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another app hash": _header("app_hash", "AA" * 32),
    "no app hash": _header("app_hash", ""),
    "another height": _header("height", "6"),
    "another time": _header("time", "2026-11-20T16:46:57.249565778Z"),
    "another chain": _header("chain_id", "chain-other"),
    "another application version": _header("version", {"block": "11", "app": "2"}),
    "another block before": _header(
        "last_block_id", {"hash": _ZEROS, "parts": {"total": 1, "hash": _ZEROS}}
    ),
    "other validators named": _header("validators_hash", _ZEROS),
    "other validators announced": _header("next_validators_hash", _ZEROS),
    "other transactions": _header("data_hash", _ZEROS),
    "another proposer": _header("proposer_address", "00" * 20),
    "a commit for another height": _commit("height", "6"),
    "a commit of another round": _commit("round", 1),
    "a commit for another block": _commit(
        "block_id", {"hash": _ZEROS, "parts": {"total": 1, "hash": _ZEROS}}
    ),
    "a signature at another time": _signature(0, "timestamp", "2026-11-20T16:47:00.000000001Z"),
    "a signature under another name": _signature(0, "validator_address", "00" * 20),
    "two of four signed": _absent(0, 2),
    "nobody signed": _absent(0, 1, 2, 3),
    "signatures in each other's places": _swap,
    "one signature twice": _double,
    "more power for one validator": _more_power,
    "a set of one": _fewer_validators,
    "fewer entries than validators": _short_commit,
}


@clause("B23", "R40", "LC-COMMIT", "LC-HEADER")
@pytest.mark.parametrize("lie", LIES)
def test_a_recorded_block_with_one_lie_is_refused(recording: Recording, lie: str) -> None:
    for height in (5, 6):
        changed = copy.deepcopy(recording.raw[height - 1])
        LIES[lie](changed)
        if changed == recording.raw[height - 1]:
            continue
        block = LightBlock.from_json(changed)
        with pytest.raises(ProofError):
            verify_commit(recording.root.chain_id, block)
        with pytest.raises(ProofError):
            recording.client().accept(block)


@clause("B23", "LC-COMMIT")
def test_three_of_four_suffice(recording: Recording) -> None:
    changed = copy.deepcopy(recording.raw[4])
    _absent(2)(changed)
    verify_commit(recording.root.chain_id, LightBlock.from_json(changed))


@clause("B23", "LC-ROOT")
def test_a_recording_of_another_chain_is_refused() -> None:
    ours, theirs = (Recording(name) for name in RECORDINGS)
    client = LightClient(ours.root, clock=theirs.clock)
    with pytest.raises(ProofError, match="of chain"):
        client.accept(theirs.blocks[0])


@clause("B23", "LC-COMMIT")
def test_every_flipped_bit_of_a_signature_is_refused() -> None:
    recording = Recording("CometBFT 0.38.25")
    block = recording.blocks[2]
    for bit in range(0, 512, 37):
        entry = block.commit.signatures[1]
        flipped = bytearray(entry.signature)
        flipped[bit // 8] ^= 1 << bit % 8
        entries = list(block.commit.signatures)
        entries[1] = dataclasses.replace(entry, signature=bytes(flipped))
        commit = dataclasses.replace(block.commit, signatures=tuple(entries))
        with pytest.raises(ProofError, match="does not verify"):
            verify_commit(recording.root.chain_id, dataclasses.replace(block, commit=commit))


MALFORMED: dict[str, Callable[[dict[str, Any]], None]] = {
    "no header": lambda b: b["signed_header"].pop("header"),
    "no signed header": lambda b: b.pop("signed_header"),
    "no validators": lambda b: b.pop("validators"),
    "an empty set": lambda b: b["validators"].clear(),
    "a height that is a float": _header("height", 5.0),
    "no height": lambda b: b["signed_header"]["header"].pop("height"),
    "a negative height": _header("height", "-5"),
    "a height that is true": _header("height", True),
    "a height past 64 bits": _header("height", "9" * 19),
    "a height in full-width digits": _header("height", "\uff15"),
    "a time with an offset": _header("time", "2026-11-20T16:46:57+00:00"),
    "a thirteenth month": _header("time", "2026-13-20T16:46:57Z"),
    "ten digits of a second": _header("time", "2026-11-20T16:46:57.1234567890Z"),
    "a hash of 31 bytes": _header("data_hash", "00" * 31),
    "a hash with spaces": _header("data_hash", " 0" * 32),
    "a hash that is no hexadecimal": _header("data_hash", "zz" * 32),
    "a chain id of 51 letters": _header("chain_id", "a" * 51),
    "an unknown flag": _signature(0, "block_id_flag", 4),
    "an absent one that signs": _signature(0, "block_id_flag", 1),
    "a signature of 63 bytes": _signature(0, "signature", "A" * 84),
    "a signature in base64url": _signature(0, "signature", "_" * 86 + "=="),
    "a header that is a list": lambda b: b["signed_header"].update(header=[]),
    "257 signatures": lambda b: b["signed_header"]["commit"].update(signatures=[{}] * 257),
    "no power": lambda b: b["validators"][0].pop("voting_power"),
    "a power of zero": lambda b: b["validators"][0].update(voting_power="0"),
    "a power past the bound": lambda b: b["validators"][0].update(voting_power=str(2**61)),
    "a power of twenty digits": lambda b: b["validators"][0].update(voting_power="1" * 20),
    "a validator twice": lambda b: b["validators"].append(b["validators"][0]),
    "a key of another type": lambda b: b["validators"][0]["pub_key"].update(type="secp256k1"),
    "no key": lambda b: b["validators"][0].pop("pub_key"),
    "a key that is a number": lambda b: b["validators"][0]["pub_key"].update(value=1),
    "the identity as a key": lambda b: b["validators"][0].update(
        pub_key={"type": "tendermint/PubKeyEd25519", "value": "AQ" + "A" * 41 + "="}
    ),
    "an address of another key": lambda b: b["validators"][0].update(address="00" * 20),
    "a validator that is a text": lambda b: b["validators"].append("x"),
    "257 validators": lambda b: b.update(validators=b["validators"] * 65),
}


@clause("LC-JSON")
@pytest.mark.parametrize("fault", MALFORMED)
def test_what_is_not_a_light_block_is_malformed(fault: str) -> None:
    changed = copy.deepcopy(Recording("CometBFT 0.38.25").raw[4])
    MALFORMED[fault](changed)
    with pytest.raises(MalformedError):
        LightBlock.from_json(changed)


def test_a_light_block_is_an_object() -> None:
    for value in (None, [], "x", 1):
        with pytest.raises(WeidError):
            LightBlock.from_json(value)
