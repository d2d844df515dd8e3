"""The home folder and its files: for their owner only, whole or not at all."""

from __future__ import annotations

import stat

import pytest

from tests.support.clauses import clause
from tests.support.cli_world import PASSPHRASE
from weid.cli import home
from weid.cli.home import make_folder, read_private, write_private
from weid.errors import WeidError

GENESIS = "ab" * 32


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@clause("W25")
def test_what_commands_make_is_for_its_owner_only(shell):
    shell.secret("pass")
    assert shell.run("wallet", "create", "--passphrase-file", "pass")[0] == 0
    assert (
        shell.run("trust", "add", "test", "--genesis", GENESIS, "--node", "https://[::1]")[0] == 0
    )
    assert shell.run("key", "generate", "a.key", "--passphrase-file", "pass")[0] == 0
    assert mode(shell.home) == 0o700
    for name in ("wallet.weid", "trust.json"):
        assert mode(shell.home / name) == 0o600, name
    assert mode(shell.folder / "a.key") == 0o600


@clause("W25")
@pytest.mark.parametrize("bits", [0o604, 0o620, 0o640, 0o644, 0o666])
def test_a_secret_file_open_to_others_is_refused(shell, bits):
    shell.secret("pass")
    (shell.folder / "pass").chmod(bits)
    code, out, err = shell.run("key", "generate", "a.key", "--passphrase-file", "pass")
    assert (code, out) == (1, "")
    assert "open to other users" in err
    assert err.splitlines()[-1].startswith("Try: chmod 600 pass")
    assert PASSPHRASE not in err
    assert not (shell.folder / "a.key").exists()


def test_a_pipe_is_nobody_elses_to_open(tmp_path):
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    writer = threading.Thread(target=lambda: pipe.write_text("a secret\n"))
    writer.start()
    assert read_private(pipe, what="the test") == "a secret"
    writer.join()


def test_an_empty_secret_is_none(tmp_path):
    path = tmp_path / "empty"
    path.touch(0o600)
    with pytest.raises(WeidError, match="empty") as told:
        read_private(path, what="the test")
    assert told.value.hint == "name the file that holds the test"


def test_a_secret_file_that_is_no_text_is_told_without_a_byte_of_it(shell):
    (shell.folder / "pass").touch(0o600)
    (shell.folder / "pass").write_bytes("密碼 of Windows".encode("utf-16"))
    code, out, err = shell.run("key", "generate", "a.key", "--passphrase-file", "pass")
    assert (code, out) == (1, "")
    assert "pass with the passphrase is not text in UTF-8" in err
    assert len(err.splitlines()) == 2
    assert not (shell.folder / "a.key").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "settings"
    write_private(path, "old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(home.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    make_folder(folder)
    assert mode(folder) == 0o755


def test_doctor_mends_an_open_home(shell):
    shell.home.mkdir(mode=0o755)
    code, out, _ = shell.run("doctor")
    assert code == 1
    assert f"Try: chmod 700 {shell.home}" in out


def test_an_unwritable_place_is_told_with_what_to_do(shell):
    shell.secret("pass")
    code, _, err = shell.run("template", "init", "no/such/folder/draft.json")
    assert code == 1
    assert "no/such/folder/draft.json: No such file" in err
    assert err.splitlines()[-1].startswith("Try: ")


@clause("PP-76")
def test_what_gives_names_to_the_wallets_commands_knows_policies_too(tmp_path):
    from weid.cli.output import Session
    from weid.cli.registries import NamesInRegistries
    from weid.errors import NotFoundError
    from weid.verification.policy_reference import PolicyReference
    from weid.wallet.policies import PolicyRecords

    names = NamesInRegistries(Session(home=tmp_path))
    assert isinstance(names, PolicyRecords)
    with pytest.raises(NotFoundError, match="not trusted"):
        names.policy_record(PolicyReference("test", "library-card", 1, bytes(32)))
