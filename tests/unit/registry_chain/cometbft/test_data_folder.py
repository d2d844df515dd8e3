"""CometBFT's data: copied and set aside without what was signed, which is never taken back."""

from __future__ import annotations

import json

import pytest

from registry_chain.engines.cometbft.data_folder import (
    COPIED,
    DataRefusedError,
    bring_data,
    copy_data,
    require_signed,
    set_data_aside,
    sign_only_from,
    signed_height,
)
from tests.support.clauses import clause
from weid.errors import KeyFileError

STATE = {"height": "41", "round": 0, "step": 3, "signature": "c2ln", "signbytes": "00"}


@pytest.fixture
def home(tmp_path):
    data = tmp_path / "comet" / "data"
    for name in (*COPIED, "cs.wal"):
        (data / name).mkdir(parents=True)
        (data / name / "000001.log").write_text(name)
        (data / name / "LOCK").touch()
    (data / "priv_validator_state.json").write_text(json.dumps(STATE))
    return tmp_path / "comet"


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@clause("NT-20")
def test_a_copy_has_what_is_the_chain_s_and_nothing_that_is_the_node_s(home, tmp_path):
    copy_data(home, tmp_path / "copy")
    assert files(tmp_path / "copy") == sorted(f"{name}/000001.log" for name in COPIED)


@clause("NT-20")
def test_a_copy_comes_back_only_where_there_is_no_data_and_leaves_what_was_signed(home, tmp_path):
    copy_data(home, tmp_path / "copy")
    with pytest.raises(DataRefusedError, match="has data"):
        bring_data(tmp_path / "copy", home)
    set_data_aside(home)
    bring_data(tmp_path / "copy", home)
    assert (home / "data" / "state.db" / "000001.log").read_text() == "state.db"
    assert json.loads((home / "data" / "priv_validator_state.json").read_text()) == STATE


@clause("NT-20")
def test_a_copy_that_lacks_a_part_is_refused(home, tmp_path):
    copy_data(home, tmp_path / "copy")
    set_data_aside(home)
    (tmp_path / "copy" / "state.db" / "000001.log").unlink()
    (tmp_path / "copy" / "state.db").rmdir()
    with pytest.raises(DataRefusedError, match="cannot be copied"):
        bring_data(tmp_path / "copy", home)


@clause("NT-21")
def test_data_is_set_aside_without_what_was_signed_as_often_as_it_must_be(home):
    first = set_data_aside(home)
    assert files(home / "data") == ["priv_validator_state.json"]
    assert "cs.wal/000001.log" in files(first)
    (home / "data" / "state.db").mkdir()
    assert set_data_aside(home) != first
    assert signed_height(home) == 41


@clause("NT-22")
@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", '{"height": 41}', '{"height": "x"}', '{"height": "' + "9" * 5000 + '"}'],
    ids=range(7),
)
def test_what_was_signed_must_be_known(home, text):
    path = home / "data" / "priv_validator_state.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert signed_height(home) is None
    with pytest.raises(KeyFileError, match="what this node's key has signed") as found:
        require_signed(home)
    assert "--nothing-signed-from" in (found.value.hint or "")


@clause("NT-22")
def test_below_the_height_that_a_person_names_nothing_can_be_signed(home):
    path = home / "data" / "priv_validator_state.json"
    sign_only_from(home, 1000)
    assert signed_height(home) == 999
    # CometBFT signs only above (height, round, step): there is nothing above this at 999.
    assert json.loads(path.read_text()) == {"height": "999", "round": 2**31 - 1, "step": 3}
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.with_name("priv_validator_state.json.old-1")
    assert json.loads(kept.read_text()) == STATE
    require_signed(home)
