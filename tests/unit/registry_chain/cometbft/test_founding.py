"""CometBFT's genesis from ours, and the keys of a node."""

from __future__ import annotations

import base64
import json
import stat

import pytest

from registry_chain.engines.cometbft.founding import (
    ChainEnd,
    NodeKeys,
    block_max_bytes,
    comet_genesis,
    initial_height_of,
    node_id,
    read_public_keys,
    write_keys,
)
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.parameters import PARAMETERS
from tests.support.clauses import clause
from weid import limits
from weid.crypto.keys import PrivateKey
from weid.errors import KeyFileError, MalformedError
from weid.registry.headers import address
from weid.registry.operations import Inception
from weid.registry.validators import Validator, ValidatorSet

GOVERNOR = Inception(
    network="example",
    controllers=(PrivateKey.from_seed(b"\x01" * 32).public.raw,),
    threshold=1,
    next_keys=b"",
    recovery_keys=(),
    salt=bytes(16),
)
KEYS = [PrivateKey.from_seed(bytes([number]) * 32).public.raw for number in (2, 3)]


def genesis(**changes):
    members = {
        "network": "example",
        "chain_id": "weid-example-1",
        "genesis_time": 1_700_000_000,
        "governors": (GenesisGovernor(GOVERNOR, "Ministry"),),
        "validators": (GenesisValidator(KEYS[0], 10), GenesisValidator(KEYS[1], 3)),
        "initial_height": 1,
    }
    return Genesis(**{**members, **changes})


def body(made=None, **moved):
    return json.loads(comet_genesis(made or genesis(), {KEYS[0]: "north"}, **moved))


@clause("NT-04")
def test_it_follows_from_our_genesis():
    ours = genesis(initial_height=41)
    made = body(ours)
    assert made["chain_id"] == "weid-example-1"
    assert made["genesis_time"] == "2023-11-14T22:13:20Z"
    assert made["initial_height"] == "41"
    assert made["app_hash"] == ""
    assert made["app_state"] == {"genesis_hash": ours.genesis_hash.hex()}
    assert [(each["power"], each["name"]) for each in made["validators"]] == [
        ("10", "north"),
        ("3", ""),
    ]
    first = made["validators"][0]
    assert base64.b64decode(first["pub_key"]["value"]) == KEYS[0]
    assert first["pub_key"]["type"] == "tendermint/PubKeyEd25519"
    assert first["address"] == address(KEYS[0]).hex().upper()
    assert comet_genesis(ours, {}) == comet_genesis(ours, {})


@clause("NT-04")
def test_a_chain_that_moves_says_where_it_stood():
    left = ChainEnd(
        height=7,
        time_ns=1_800_000_000_999_999_999,
        header_hash=b"\x0a" * 32,
        app_hash=b"\x0b" * 32,
        validators=ValidatorSet.of([Validator(KEYS[1], 5)]),
    )
    made = body(moved=left)
    assert made["initial_height"] == "8"
    assert made["genesis_time"].startswith("2027-01-15T08:00:01")
    assert [each["power"] for each in made["validators"]] == ["5"]
    assert made["app_state"]["last_header_hash"] == "0a" * 32
    assert made["app_state"]["app_hash"] == "0b" * 32


@clause("NT-04")
@pytest.mark.parametrize(("size", "count"), [("default", "default"), ("most", "most")])
def test_our_largest_block_has_room(size, count):
    parameters = {
        "max_block_bytes": getattr(PARAMETERS["max_block_bytes"], size),
        "max_block_transactions": getattr(PARAMETERS["max_block_transactions"], count),
    }
    most = block_max_bytes(genesis(parameters=parameters).parameter)
    # As CometBFT counts: frame, header, commit of all validators, evidence; see types/block.go.
    around = 11 + 626 + 94 + 144 * limits.VALIDATORS
    evidence = int(body()["consensus_params"]["evidence"]["max_bytes"])
    room = most - around - evidence - 5 * parameters["max_block_transactions"]
    assert room >= parameters["max_block_bytes"]
    assert most <= 104_857_600


@clause("NT-04")
def test_evidence_counts_as_long_as_light_clients_believe():
    parameters = body()["consensus_params"]
    assert parameters["block"]["max_gas"] == "-1"
    assert parameters["validator"]["pub_key_types"] == ["ed25519"]
    assert int(parameters["evidence"]["max_age_duration"]) == limits.TRUST_PERIOD * 10**9
    assert int(parameters["evidence"]["max_age_num_blocks"]) > 0
    assert 0 < int(parameters["evidence"]["max_bytes"]) < 2**20


def keys(start=1):
    seeds = iter(bytes([number]) * 32 for number in range(start, start + 2))
    return NodeKeys.generate(lambda size: next(seeds)[:size])


@clause("NT-05")
def test_keys_come_from_the_source_and_lie_in_files_of_their_owner(tmp_path):
    made = keys()
    write_keys(tmp_path, made)
    assert made.node.public == PrivateKey.from_seed(b"\x01" * 32).public
    assert made.validator.public == PrivateKey.from_seed(b"\x02" * 32).public
    files = [*(tmp_path / "config").iterdir(), *(tmp_path / "data").iterdir()]
    assert {path.name for path in files} == {
        "node_key.json", "priv_validator_key.json", "priv_validator_state.json",
    }  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert read_public_keys(tmp_path) == (made.node.public, made.validator.public)


@clause("NT-05")
def test_the_form_is_cometbft_s(tmp_path):
    made = keys()
    write_keys(tmp_path, made)
    node = json.loads((tmp_path / "config" / "node_key.json").read_text())
    assert node["priv_key"]["type"] == "tendermint/PrivKeyEd25519"
    private = base64.b64decode(node["priv_key"]["value"])
    assert private == b"\x01" * 32 + made.node.public.raw
    voting = json.loads((tmp_path / "config" / "priv_validator_key.json").read_text())
    assert voting["address"] == address(made.validator.public.raw).hex().upper()
    state = json.loads((tmp_path / "data" / "priv_validator_state.json").read_text())
    assert state == {"height": "0", "round": 0, "step": 0}


@clause("NT-05")
def test_the_id_is_that_which_cometbft_gives_a_key():
    # From `cometbft init`: the address of a validator is made as the id of a node is.
    raw = base64.b64decode("cGnE0q3RHVI4N0psb6j5Qa+JS7zbS92C+kCImtgJ5Mo=")
    assert address(raw).hex().upper() == "CB70889D8E876F811CB18C13C6AAE89AD365F5B2"
    public = PrivateKey.from_seed(b"\x01" * 32).public
    assert node_id(public) == address(public.raw)
    assert len(node_id(public)) == 20


@clause("NT-05")
def test_keys_are_never_overwritten(tmp_path):
    write_keys(tmp_path, keys())
    before = (tmp_path / "config" / "node_key.json").read_bytes()
    with pytest.raises(KeyFileError):
        write_keys(tmp_path, keys(5))
    assert (tmp_path / "config" / "node_key.json").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text("{"),
        lambda path: path.write_text('{"priv_key": 3}'),
        lambda path: path.write_text('{"priv_key": {"value": "AAAA"}}'),
        lambda path: path.write_text(
            json.dumps({"priv_key": {"value": base64.b64encode(bytes(64)).decode()}})
        ),
        lambda path: path.chmod(0o644),
    ],
)
def test_a_key_file_that_is_none_is_refused(tmp_path, damage):
    write_keys(tmp_path, keys())
    damage(tmp_path / "config" / "node_key.json")
    with pytest.raises(KeyFileError) as refused:
        read_public_keys(tmp_path)
    assert "node_key.json" in refused.value.message


def test_keys_do_not_show_themselves():
    assert base64.b64encode(b"\x01" * 32).decode()[:20] not in repr(keys())
    assert "\\x01\\x01" not in repr(keys())


@pytest.mark.parametrize("height", [b'"x"', b"null", b'"' + b"9" * 5000 + b'"'], ids=range(3))
def test_a_genesis_of_no_height_is_refused(height):
    assert initial_height_of(b'{"initial_height": "41"}') == 41
    with pytest.raises(MalformedError, match="initial_height"):
        initial_height_of(b'{"initial_height": ' + height + b"}")
