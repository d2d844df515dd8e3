"""What holds for every command there is."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from issuer_app.services.certificates import REASONS
from tests.support.clauses import clause
from tests.support.cli_commands import ALL
from weid.cli import issuer_certificates
from weid.cli.main import COMMANDS


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
