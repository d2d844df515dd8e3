"""A QR symbol → SVG, PNG or terminal text. Always dark on light, with the quiet zone."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from weid import limits
from weid.qr.symbol import QUIET_ZONE, Correction, Symbol, make_symbol

MODULE_PIXELS: Final = 8
"""Side of a module in a PNG: twice what a hand-held camera needs at arm's length."""


def draw_svg(
    text: str,
    *,
    correction: Correction | None = None,
    max_version: int = limits.QR_PRESENTATION_VERSION,
    label: str = "QR code",
) -> str:
    """Return the text's QR code as an SVG that scales; `label` is what a screen reader says.

    Raises:
        MalformedError: the text does not fit a symbol of `max_version`.
    """
    symbol = make_symbol(text, correction=correction, max_version=max_version)
    side = len(symbol.rows) + 2 * QUIET_ZONE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img"'
        f' aria-label="{_escape(label)}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>'
        f'<path fill="#000" d="{_path(symbol)}"/></svg>'
    )


def draw_png(
    text: str,
    *,
    correction: Correction | None = None,
    max_version: int = limits.QR_PRESENTATION_VERSION,
    module_pixels: int = MODULE_PIXELS,
) -> bytes:
    """Return the text's QR code as a PNG of one bit for each pixel.

    Raises:
        MalformedError: the text does not fit a symbol of `max_version`.
    """
    symbol = make_symbol(text, correction=correction, max_version=max_version)
    side = (len(symbol.rows) + 2 * QUIET_ZONE) * module_pixels
    margin = "1" * (QUIET_ZONE * module_pixels)
    light = _scanline("1" * side)
    lines = [light] * (QUIET_ZONE * module_pixels)
    for row in symbol.rows:
        dots = "".join(("0" if dark else "1") * module_pixels for dark in row)
        lines += [_scanline(margin + dots + margin)] * module_pixels
    lines += [light] * (QUIET_ZONE * module_pixels)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"".join(lines), 9))
        + _chunk(b"IEND", b"")
    )


def draw_text(text: str, *, correction: Correction = "L", max_version: int = 8) -> str:
    """Return the text's QR code in half blocks for a terminal of 80 by 24 or more.

    Only short codes (by reference) fit a terminal, hence the small `max_version`. The characters
    draw what is *light*, for the usual dark terminal.

    Raises:
        MalformedError: the text does not fit a symbol of `max_version`.
    """
    symbol = make_symbol(text, correction=correction, max_version=max_version)
    width = len(symbol.rows) + 4
    # Two modules of quiet zone: the terminal's own lines above and below give the rest.
    empty = (False,) * width
    rows = [
        empty,
        empty,
        *((False, False, *row, False, False) for row in symbol.rows),
        empty,
        empty,
    ]
    if len(rows) % 2:
        rows.append(empty)
    blocks = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
    lines = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(blocks[pair] for pair in zip(above, below, strict=True)) for above, below in lines
    )


def _path(symbol: Symbol) -> str:
    """Return one closed rectangle for each run of dark modules in a row."""
    parts = []
    for y, row in enumerate(symbol.rows, QUIET_ZONE):
        x = 0
        while x < len(row):
            run = 1
            while x + run < len(row) and row[x + run] == row[x]:
                run += 1
            if row[x]:
                parts.append(f"M{x + QUIET_ZONE} {y}h{run}v1h-{run}z")
            x += run
    return "".join(parts)


def _scanline(bits: str) -> bytes:
    padded = bits + "1" * (-len(bits) % 8)
    return b"\x00" + int(padded, 2).to_bytes(len(padded) // 8, "big")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _escape(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text
