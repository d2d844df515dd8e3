"""Write docs/commands.md from the help texts of `weid`; with --check, only compare.

Run: python -m tools.command_pages [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from weid.cli.main import weid

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
WIDTH = 96
BEGINNING = """\
# The `weid` command

One page for every command, made from the help texts by `python -m tools.command_pages`: change
those, not this.

Data goes to stdout, everything else to stderr, and every error ends with a line that says what to
do next. `--json` prints the result as one JSON value. Files that hold a secret (passphrases,
tokens) must be readable by their owner only. The environment variables are `WEID_HOME`,
`WEID_PASSPHRASE`, `WEID_ISSUER_APP`, `WEID_ISSUER_TOKEN_FILE`, `WEID_VERIFIER_APP` and
`WEID_VERIFIER_TOKEN_FILE`.

| exit code | means |
|---|---|
| 0 | accepted, or done |
| 1 | any other failure |
| 2 | called wrongly |
| 4 | refused by the registry |
| 10 | the signature or a disclosed claim is not what was signed |
| 11 | revoked, suspended, or the status list does not hold |
| 12 | outside its validity period |
| 13 | the issuer's key or recognition |
| 14 | the holder's key, or not an answer to this request |
| 20 | could not be checked now, or did not end in the time given |
"""


def page() -> str:
    """Return the whole page."""
    parts = [BEGINNING]
    for depth, words, text in _pages(weid, ("weid",)):
        heading = "#" * min(depth + 1, 4)
        parts.append(f"{heading} {' '.join(words)}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


def _pages(
    command: click.Command, words: tuple[str, ...]
) -> Iterator[tuple[int, tuple[str, ...], str]]:
    context = click.Context(
        command,
        info_name=" ".join(words),
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield len(words), words, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _pages(inner, (*words, name))


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in arguments:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.name} is not what the help texts say: run python -m tools.command_pages")
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
