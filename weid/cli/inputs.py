"""What a person hands in: a file, stdin or a picture, as the text that it holds."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from weid import limits
from weid.errors import MalformedError

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8")
INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


def read_input(source: Path) -> str:
    """Return the text of a file, of stdin (`-`), or of the code in a picture.

    A WI1 or WI3 code is unpacked, so that what comes back is a presentation, a credential or a
    request in its own format.

    Raises:
        MalformedError: too large, not text, or a picture without exactly one code.
    """
    data = _bytes(source)
    if data.startswith(_PICTURES):
        from weid.qr.image import read_image  # noqa: PLC0415 - only for pictures

        text = read_image(data)
    else:
        text = _text(data, source)
    if text.startswith(("WI1:", "WI3:")):
        from weid.qr.envelope import decode_envelope  # noqa: PLC0415 - only for codes

        return decode_envelope(text)
    return text


def _bytes(source: Path) -> bytes:
    limit = limits.IMAGE_BYTES
    if str(source) == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        with source.open("rb") as file:
            data = file.read(limit + 1)
    if len(data) > limit:
        raise MalformedError(f"{source} is larger than {limit} bytes")
    return data


def _text(data: bytes, source: Path) -> str:
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise MalformedError(
            f"{source} is neither text nor a picture that we read",
            hint="hand in a PNG or JPEG of the code, or the text itself.",
        ) from None
    if not text:
        raise MalformedError(f"{source} is empty")
    return text
