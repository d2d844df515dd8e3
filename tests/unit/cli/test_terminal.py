"""With a person at a terminal: passphrases unseen, questions that can be declined."""

from __future__ import annotations

import os
import pty
import select
import sys
import time

import pytest

from tests.support.clauses import clause
from tests.support.cli_world import PASSPHRASE

SECONDS = 60


class Terminal:
    """A command with a terminal of its own; everything that the person sees is in `seen`."""

    def __init__(self, shell, *arguments):
        self.seen = ""
        self._pid, self._file = pty.fork()
        if self._pid == 0:  # pragma: no cover - the command itself
            os.chdir(shell.folder)
            command = [sys.executable, "-m", "weid.cli", *arguments]
            os.execve(sys.executable, command, shell.environ)  # noqa: S606 - our own command

    def wait_for(self, text):
        """Read until the text is on the screen."""
        end = time.monotonic() + SECONDS
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            self._read(0.2)

    def _read(self, wait):
        if select.select([self._file], [], [], wait)[0]:
            try:
                self.seen += os.read(self._file, 65536).decode()
            except OSError:  # the other end is closed
                return False
        return True

    def type(self, text):
        os.write(self._file, text.encode() + b"\n")

    def code(self):
        """Return the exit code once the command has ended."""
        end = time.monotonic() + SECONDS
        while self._read(0.05):
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            assert time.monotonic() < end, self.seen
            if pid:
                self._read(0)
                break
        else:
            _, status = os.waitpid(self._pid, 0)
        os.close(self._file)
        return os.waitstatus_to_exitcode(status)


@clause("W25")
def test_a_new_passphrase_is_typed_twice_and_never_seen(shell):
    screen = Terminal(shell, "key", "generate", "a.key")
    screen.wait_for("Passphrase: ")
    screen.type(PASSPHRASE)
    screen.wait_for("Repeat for confirmation: ")
    screen.type(PASSPHRASE)
    assert screen.code() == 0, screen.seen
    assert PASSPHRASE not in screen.seen
    shell.secret("pass")
    assert shell.run("key", "public", "a.key", "--passphrase-file", "pass")[0] == 0


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_what_cannot_be_undone_is_asked_first(shell, answer, code):
    from tests.support.world import World
    from weid.wallet.wallet import Wallet

    shell.secret("pass")
    shell.home.mkdir(mode=0o700)
    world = World.begin()
    with Wallet.create(shell.home / "wallet.weid", passphrase=PASSPHRASE) as wallet:
        key = wallet.new_key()
        claims = {"name": "Ada", "degree": "Mathematics", "number": "D-1"}
        held = wallet.add(world.issuer.issue(world.template, claims, holder_key=key))
    screen = Terminal(shell, "wallet", "remove", held.id, "--passphrase-file", "pass")
    screen.wait_for("for ever? [y/N]: ")
    screen.type(answer)
    assert screen.code() == code
    left = shell.json("wallet", "list", "--passphrase-file", "pass")
    assert len(left) == code


@clause("Q13")
def test_a_long_consent_is_read_to_its_end_before_it_is_asked(shell):
    from tests.support.world import World
    from weid.wallet.wallet import Wallet

    shell.secret("pass")
    shell.home.mkdir(mode=0o700)
    world = World.begin()
    with Wallet.create(shell.home / "wallet.weid", passphrase=PASSPHRASE) as wallet:
        key = wallet.new_key()
    languages = [f"x-{number}" for number in range(60)]
    claims = {"name": "Ada", "degree": "D", "number": "D-1", "languages": languages}
    credential = world.issuer.issue(world.template, claims, holder_key=key)
    (shell.folder / "certificate.txt").write_text(credential.text)
    screen = Terminal(
        shell, "wallet", "add", "certificate.txt", "--unverified", "--passphrase-file", "pass"
    )
    for _ in range(3):
        screen.wait_for("more: press Enter")
        assert "Keep it?" not in screen.seen
        screen.seen = screen.seen.replace("more: press Enter", "")
        screen.type("")
    screen.wait_for("Keep it?")
    screen.wait_for("[y/N]: ")
    screen.type("y")
    assert screen.code() == 0, screen.seen
    assert len(shell.json("wallet", "list", "--passphrase-file", "pass")) == 1
