"""Drawing codes to files for the commands that have --qr."""

from __future__ import annotations

from pathlib import Path

import click

from weid.cli.output import Session


def draw(text: str, file: Path, session: Session, *, paper: bool = False) -> None:
    """Draw the envelope of a text as PNG or SVG, by the name of the file."""
    from weid.qr.envelope import encode_envelope  # noqa: PLC0415 - only for pictures

    draw_plain(encode_envelope(text, paper=paper), file, session)


def draw_plain(text: str, file: Path, session: Session) -> None:
    """Draw a text as it is as PNG or SVG, by the name of the file."""
    from weid.qr.draw import draw_png, draw_svg  # noqa: PLC0415 - only for pictures

    if file.suffix == ".png":
        file.write_bytes(draw_png(text))
    elif file.suffix == ".svg":
        file.write_text(draw_svg(text), encoding="utf-8")
    else:
        raise click.UsageError(f"{file} must end in .png or .svg")
    session.say(f"Code drawn to {file}.")
