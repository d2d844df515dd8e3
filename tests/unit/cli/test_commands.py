"""What holds for every command there is."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from issuer_app.services.certificates import REASONS
from tests.support.clauses import clause
from tests.support.cli_commands import ALL
from weid.cli import issuer_certificates
from weid.cli.main import COMMANDS, main


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_takes_the_shared_options_and_says_what_it_does(words):
    command = ALL[words]
    context = click.Context(command, help_option_names=["-h", "--help"])
    options = {name for parameter in command.get_params(context) for name in parameter.opts}
    assert {"--json", "-q", "--quiet", "--home", "--debug", "-h", "--help"} <= options
    assert command.help
    assert command.help.splitlines()[0].endswith(".")


@clause("W25")
@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_no_secret_is_an_argument_and_no_private_key_is_shown(words):
    for parameter in ALL[words].params:
        for name in parameter.opts:
            assert "private" not in name or name == "--private-host"
            # A switch carries nothing that could be one.
            if isinstance(parameter, click.Option) and parameter.is_flag:
                continue
            if any(word in name for word in ("pass", "token", "code", "secret")):
                assert name.endswith("-file"), name


def test_the_line_of_the_table_is_there_for_every_noun():
    assert all(line for _, line in COMMANDS.values())


def test_the_reasons_are_those_of_the_application():
    assert dict(REASONS) == issuer_certificates.REASONS


HEAVY = (
    "flask",
    "jinja2",
    "pydantic",
    "jwcrypto",
    "openpyxl",
    "qrcode",
    "PIL",
    "zxingcpp",
    "requests",
)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["verify", "--help"], ["verify", "-", "--shown"]]
)
def test_verifying_imports_only_what_it_needs(arguments, tmp_path):
    program = (
        "import sys\nfrom weid.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"x",
        capture_output=True,
        env={"WEID_HOME": str(tmp_path)},
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.decode().splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(
    "module",
    ["weid.cli.main", "registry_chain.cli.main", "issuer_app.cli.main", "verifier_app.serve"],
)
def test_a_command_runs_as_a_module_too(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


INTERRUPTED = """
import sys
interrupted = sys.argv[2]
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == interrupted:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from importlib import import_module
module = import_module(sys.argv[1])
sys.argv[1:] = sys.argv[3:]
module.main()
"""


@pytest.mark.parametrize(
    ("module", "interrupted", "command"),
    [
        ("weid.cli.main", "weid.cli.doctor", "doctor"),
        ("registry_chain.cli.main", "registry_chain.cli.status", "status"),
        ("issuer_app.serve", "issuer_app.cli.main", "init"),
        ("verifier_app.serve", "verifier_app.command", "--help"),
    ],
)
def test_who_stops_a_command_while_it_is_imported_sees_no_trace(
    module, interrupted, command, tmp_path
):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, interrupted, command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "WEID_HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "stopped" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_stops_a_command_outside_of_it_sees_no_trace(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("weid.cli.main.weid.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    assert "weid: stopped" in capsys.readouterr().err
