"""`registry-chain export`: the whole chain, for auditors and other programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from registry_chain.cli.command import ChainCommand
from registry_chain.cli.counting import counted
from registry_chain.cli.folder import FOLDER, NodeFolder, copy_first
from registry_chain.cli.undoing import leaving_nothing
from registry_chain.snapshot import export_lines
from weid.cli.output import Console, pass_console
from weid.errors import MalformedError


@click.command(cls=ChainCommand)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="New file to write to (default: stdout).",
)
@pass_console
def export(console: Console, *, folder: Path, output: Path | None) -> None:
    """Write the chain of the stopped node in DIR: the genesis, then a line of JSON a block.

    DIR may also be a backup. Every line has what is needed to check it: header, seal, transactions
    and their results.
    """
    store = NodeFolder(folder).open_store(reading=True, meanwhile=copy_first(folder, "export"))
    try:
        if output is None:
            lines = _write(export_lines(store), sys.stdout.buffer)
        else:
            lines = _write_new(export_lines(store), output)
    finally:
        store.close()
    console.say(counted(lines, "line"))
    if output is not None:  # else stdout has the chain
        console.show("", {"file": str(output), "lines": lines})


def _write_new(lines: Iterator[bytes], output: Path) -> int:
    with leaving_nothing(output):
        try:
            with output.open("xb") as file:
                return _write(lines, file)
        except FileExistsError:
            raise MalformedError(f"{output} exists already", hint="name a new file") from None


def _write(lines: Iterator[bytes], file: IO[bytes]) -> int:
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    file.flush()
    return count
