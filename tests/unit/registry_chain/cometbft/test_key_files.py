"""New keys of a node beside the present ones: no moment without a key, none lost."""

from __future__ import annotations

import json
import secrets

import pytest

from registry_chain.engines.cometbft.founding import NodeKeys, read_public_keys, write_keys
from registry_chain.engines.cometbft.key_files import NodeKeyFiles, Which
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey
from weid.errors import KeyFileError


@pytest.fixture
def keys():
    return NodeKeys.generate(secrets.token_bytes)


@pytest.fixture
def home(tmp_path, keys):
    write_keys(tmp_path, keys)
    return tmp_path


@clause("NT-19")
@pytest.mark.parametrize("which", list(Which))
def test_a_new_key_waits_beside_the_present_one_and_takes_its_place(home, keys, which):
    files = NodeKeyFiles(home)
    before, new = files.present(which), PrivateKey.generate()
    assert before == (keys.node if which is Which.NODE else keys.validator).public
    assert files.pending() == {}
    files.make(which, new)
    assert files.pending() == {which: new.public}
    assert files.present(which) == before
    former = files.switch(which)
    assert files.present(which) == new.public
    assert files.pending() == {}
    assert former.stat().st_mode & 0o777 == 0o600
    assert read_public_keys(home)[0 if which is Which.NODE else 1] == new.public


@clause("NT-19")
def test_what_was_signed_stays_with_the_new_key(home):
    path = home / "data" / "priv_validator_state.json"
    path.write_text(json.dumps({"height": "7", "round": 1, "step": 3}))
    files = NodeKeyFiles(home)
    files.make(Which.VALIDATOR, PrivateKey.generate())
    files.switch(Which.VALIDATOR)
    assert json.loads(path.read_text()) == {"height": "7", "round": 1, "step": 3}


@clause("NT-19", "NT-05")
def test_a_key_that_waits_is_never_overwritten(home):
    files = NodeKeyFiles(home)
    files.make(Which.NODE, PrivateKey.generate())
    waiting = files.pending()
    with pytest.raises(KeyFileError, match="cannot be written"):
        files.make(Which.NODE, PrivateKey.generate())
    assert files.pending() == waiting


@clause("NT-19")
def test_every_former_key_is_kept(home):
    files = NodeKeyFiles(home)
    formers = set()
    for _ in range(3):
        files.make(Which.NODE, PrivateKey.generate())
        formers.add(files.switch(Which.NODE).name)
    assert formers == {f"node_key.json.old-{number}" for number in (1, 2, 3)}


@clause("NT-19")
def test_without_a_new_key_the_present_one_stays(home, keys):
    files = NodeKeyFiles(home)
    with pytest.raises(KeyFileError, match="cannot take the place"):
        files.switch(Which.VALIDATOR)
    assert files.present(Which.VALIDATOR) == keys.validator.public
