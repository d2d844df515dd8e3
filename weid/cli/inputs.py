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


def read_answer(source: Path) -> str:
    """Return what `read_input` does, unless it is a request or an offer: those answer nothing.

    Raises:
        MalformedError: as `read_input`, or what was handed in is what was to be answered.
    """
    text = read_input(source)
    kind = _question(text)
    if kind is not None:
        raise MalformedError(
            f"{source} is {kind}, not an answer",
            hint="hand in what the wallet made of it: the text that it wrote or the code that it "
            "shows.",
        )
    return text


def _question(text: str) -> str | None:
    """Return what a text asks, in words; None where it asks nothing."""
    from weid.encoding import json_loads_object  # noqa: PLC0415 - with a text only

    if text.startswith("openid-credential-offer://"):
        return "the offer of a certificate"
    if text.startswith("openid4vp://"):
        return "a request for certificates"
    try:
        members = json_loads_object(text, what="the text") if text.startswith("{") else {}
    except MalformedError:
        return None
    return "a request for certificates" if "dcql_query" in members else None


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
