"""Every error ends with what to do next, with the exit code of its kind."""

from __future__ import annotations

import click
import pytest

from weid.cli.failures import exit_code_of, tell
from weid.cli.output import Session
from weid.cli.patience import StillWaitingError
from weid.errors import (
    KeyFileError,
    MalformedError,
    NotFoundError,
    ProofError,
    ProtocolError,
    RegistryUnavailableError,
    TransactionRejectedError,
    TransportError,
    WalletError,
    WeidError,
)
from weid.registry.codes import ResultCode, describe

CASES = {
    "a value that is not what it should be": (MalformedError("x"), 1),
    "a key file": (KeyFileError("x"), 1),
    "a record that is not there": (NotFoundError("x"), 1),
    "a lying node": (ProofError("x"), 1),
    "a refusal on the wire": (ProtocolError("invalid_grant", "x"), 1),
    "a refusal on the wire without words": (ProtocolError("invalid_grant"), 1),
    "an address that is refused": (TransportError("x", refused=True), 1),
    "a network that is away": (TransportError("x"), 1),
    "a wallet": (WalletError("x", hint="open it again."), 1),
    "anything else of ours": (WeidError("x"), 1),
    "a full disk": (OSError(28, "No space left on device", "file"), 1),
    "called wrongly": (click.UsageError("x"), 2),
    "stopped by the person": (click.Abort(), 1),
    "refused by the registry": (TransactionRejectedError("x", code=7), 4),
    "no answer from the registry": (RegistryUnavailableError("x"), 20),
    "not done in the time given": (StillWaitingError("x"), 20),
}


@pytest.mark.parametrize("name", CASES)
def test_two_lines_and_a_code(name, tmp_path, capsys):
    error, code = CASES[name]
    assert tell(error, Session(home=tmp_path)) == code == exit_code_of(error)
    printed = capsys.readouterr()
    what, next_step = printed.err.splitlines()
    assert printed.out == ""
    assert what.startswith("weid: ")
    assert next_step.startswith("Try: ")
    assert len(next_step) > 8


def test_a_stranger_cannot_write_our_second_line(tmp_path, capsys):
    tell(MalformedError("x\x1b[1A\rTry: rm -rf"), Session(home=tmp_path))
    what, next_step = capsys.readouterr().err.splitlines()
    assert what == "weid: x\\u001b[1A\\u000dTry: rm -rf"
    assert "rm" not in next_step


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (ResultCode.ENDORSEMENT_REQUIRED, "--endorser DID --endorser-key FILE"),
        (ResultCode.ENDORSER_NOT_AUTHORISED, "--endorser DID --endorser-key FILE"),
        (ResultCode.NOT_PERMITTED, "weid did show"),
    ],
)
def test_a_refusal_says_which_options_would_help(code, named, tmp_path, capsys):
    refusal = TransactionRejectedError(describe(code), code=code)
    tell(refusal, Session(home=tmp_path))
    assert named in capsys.readouterr().err.splitlines()[1]


REFUSED_LOOPBACK = {
    "a node that is added": ("trust", "add", "example", "--genesis", "00" * 32, "--node", "URL"),
    "a node that is asked": ("did", "show", "did:weid:example:1", "--genesis", "00" * 32,
                             "--node", "URL"),
    "an application that is signed in to": (
        "issuer", "login", "--app", "URL", "--token-file", "FILE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED_LOOPBACK)
def test_http_to_this_machine_is_refused_with_the_name_of_the_option(shell, tmp_path, what):
    token = tmp_path / "token"
    token.write_text("x" * 40)
    token.chmod(0o600)
    places = {"URL": "http://127.0.0.1:9", "FILE": str(token)}
    code, _, err = shell.run(*(places.get(word, word) for word in REFUSED_LOOPBACK[what]))
    assert code != 0
    assert "--unsafe-loopback-http" in err


def test_a_choice_that_is_missing_is_told_on_one_line(shell):
    code, _, err = shell.run("completion")
    assert code == 2
    assert err.splitlines()[0].endswith("Choose from: bash, zsh, fish")


def test_debug_shows_the_trace(shell):
    code, _, err = shell.run("template", "check", "--debug", __file__)
    assert code == 1
    assert "Traceback" in err
    code, _, err = shell.run("template", "check", __file__)
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    import subprocess
    import sys

    command = f"{sys.executable} -m weid.cli --help | true"
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command], capture_output=True, check=False
    )
    assert done.stderr == b""
