"""What the pages of docs/ tell to type is there: commands, options, settings, files, links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from issuer_app.cli.main import cli as issuer_app
from issuer_app.settings import Settings
from registry_chain.cli.main import registry_chain
from verifier_app.command import serve as verifier_app
from weid.cli.main import weid

ROOT = Path(__file__).parents[2]
PAGES = ("operating.md", "officers.md", "verifiers.md")
PROGRAMS = {
    "weid": weid,
    "registry-chain": registry_chain,
    "issuer-app": issuer_app,
    "verifier-app": verifier_app,
}
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_END = re.compile(r"\s(?:#|[|<]|\d<|&&)\s?")


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def lines_of(page: str) -> list[str]:
    """Return every command line of a page: those of its console blocks and those in its text."""
    text = text_of(page)
    blocks = "".join(_CONSOLE.findall(text)).replace("\\\n", " ")
    typed = [line[2:] for line in blocks.splitlines() if line.startswith("$ ")]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    spans = [" ".join(span.split()) for span in _SPAN.findall(prose)]
    lines = [_END.split(line, maxsplit=1)[0] for line in typed + spans]
    return [line for line in lines if line.split(" ")[0] in PROGRAMS and " " in line]


def options_of(command: click.Command) -> set[str]:
    # Named, because click remembers the help option that it makes here, for other tests too.
    context = click.Context(command, help_option_names=["-h", "--help"])
    options = command.get_params(context)
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


LINES = [(page, line) for page in PAGES for line in lines_of(page)]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}: {line}" for page, line in LINES])
def test_a_command_of_a_page_exists_with_its_options(page: str, line: str):
    del page
    first, *words = re.sub(r'"[^"]*"', "TEXT", line).split()
    command: click.Command = PROGRAMS[first]
    known = options_of(command) | {"--help"}
    values = 0
    for word in words:
        if word.startswith("-"):
            assert word in known, f"{command.name} has no {word}"
            values = 1 if word == "--settings" else 0
        elif values:
            values = 0
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{command.name} has no command {word}"
            command = found
            known = options_of(command) | {"--help"}


def test_there_are_commands_of_every_program_to_look_at():
    assert {line.split()[0] for _, line in LINES} == set(PROGRAMS)


def test_the_settings_of_the_issuer_that_a_page_names_exist():
    named = set(re.findall(r"`(passphrase_\w+) = ", text_of("operating.md")))
    assert named == {"passphrase_file", "passphrase_descriptor"}
    assert named <= set(Settings.model_fields)


@pytest.mark.parametrize("page", [*(f"docs/{page}" for page in PAGES), "README.md"])
def test_links_of_a_page_lead_somewhere(page: str):
    file = ROOT / page
    for target in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target


def test_links_within_the_operators_page_name_a_heading():
    text = text_of("operating.md")
    headings = {
        re.sub(r"[^a-z0-9-]", "", line.lstrip("# ").lower().replace(" ", "-"))
        for line in text.splitlines()
        if line.startswith("## ")
    }
    together = text + text_of("verifiers.md")
    named = set(re.findall(r"\((?:operators\.md)?#([a-z-]+)\)", together))
    assert named
    assert named <= headings
