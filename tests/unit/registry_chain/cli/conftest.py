"""The command in this process, and folders to give it."""

from __future__ import annotations

import pytest

from registry_chain.cli.main import main
from tests.support.chain_folders import begin_chain
from weid.crypto.key_file import KeyFileCost, save_key_file
from weid.crypto.keys import PrivateKey

PASSPHRASE = "correct horse battery"


@pytest.fixture
def chain(capsys):
    """Run the command in this process: exit code, stdout, stderr."""

    def run(*arguments):
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def passphrase_file(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def found(chain):
    """Found a registry whose governor brings its own key, which is quick."""
    key = PrivateKey.from_seed(b"\x01" * 32).public.to_multikey()

    def make(folder, network="example"):
        code, _, err = chain(
            "init", folder, "--network", network, "--governor", f"Ministry={key}", "--quiet"
        )
        assert (code, err) == (0, "")
        return folder

    return make


@pytest.fixture
def founded(found, tmp_path):
    """The folder of a node that was founded and never started."""
    return found(tmp_path / "node")


@pytest.fixture
def begun(founded):
    """The folder of a node that has its first block and is stopped."""
    begin_chain(founded)
    return founded


@pytest.fixture
def backup(chain, begun, tmp_path):
    """A backup of that node."""
    code, _, err = chain("backup", begun, tmp_path / "backup")
    assert code == 0, err
    return tmp_path / "backup"


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "some.key"
    key = PrivateKey.from_seed(b"\x02" * 32)
    save_key_file(path, key, PASSPHRASE, cost=KeyFileCost(1, 8))
    return path
