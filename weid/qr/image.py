"""Codes as pictures: drawing them, and reading one from bytes that a stranger sent.

Reading needs Pillow and zxing-cpp (`pip install '.[qr]'`), loaded only here. A picture is hostile
input: its size in bytes, its kind by its first bytes and its size in pixels by its header are
checked before anything is decoded, and only the formats of the table are ever tried.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from weid import limits
from weid.errors import MalformedError, NoCodeError, SeveralCodesError, WeidError
from weid.qr.draw import draw_png, draw_svg, draw_text

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["draw_png", "draw_svg", "draw_text", "read_image"]

_MAGIC: Final = (
    ("PNG", b"\x89PNG\r\n\x1a\n", b""),
    ("JPEG", b"\xff\xd8\xff", b""),
    ("GIF", b"GIF87a", b""),
    ("GIF", b"GIF89a", b""),
    ("WEBP", b"RIFF", b"WEBP"),
)
_REDUCED_SIDE: Final = 2000
"""Larger pictures are read reduced as well: noise averages out."""
_HINT: Final = "Take the picture again: straight, near, sharp and without reflections."


def read_image(data: bytes) -> str:
    """Return the text of the one QR code in a picture (PNG, JPEG, GIF or WebP).

    Of a moving picture the first frame counts. The text is a stranger's: see
    `weid.qr.content.classify_content`.

    Raises:
        MalformedError: not such a picture, damaged, or past a limit.
        NoCodeError: no code that can be read.
        SeveralCodesError: several codes with different texts.
        WeidError: the extra that reads pictures is not installed.
    """
    picture = _open(data)
    texts = _read(picture)
    if max(picture.size) > _REDUCED_SIDE:
        texts |= _read(_reduce(picture))
    if len(texts) > 1:
        raise SeveralCodesError(
            f"the picture shows {len(texts)} codes",
            hint="Which one is meant? Cut the picture so that it shows only that code.",
        )
    if texts:
        return texts.pop()
    raise NoCodeError("no code was found in the picture", hint=_HINT)


def _open(data: bytes) -> Image.Image:
    """Return the picture in shades of grey, within every limit."""
    if len(data) > limits.IMAGE_BYTES:
        raise MalformedError(f"the picture is larger than {limits.IMAGE_BYTES} bytes")
    kind = next((k for k, a, b in _MAGIC if data.startswith(a) and data[8:12].startswith(b)), None)
    if kind is None:
        raise MalformedError(
            "the file is not a PNG, JPEG, GIF or WebP picture",
            hint="Upload a photo or a screenshot of the code.",
        )
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError:
        raise _missing() from None
    try:
        picture: Image.Image = Image.open(io.BytesIO(data), formats=[kind])
        if picture.width * picture.height > limits.IMAGE_PIXELS:
            raise MalformedError(f"the picture has more than {limits.IMAGE_PIXELS} pixels")
        if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
            paper = Image.new("RGBA", picture.size, "white")
            paper.alpha_composite(picture.convert("RGBA"))
            picture = paper
        return picture.convert("L")
    except MalformedError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise MalformedError(f"the picture has more than {limits.IMAGE_PIXELS} pixels") from None
    except Exception:  # noqa: BLE001 - a decoder fed with hostile bytes raises anything
        raise MalformedError("the picture is damaged", hint=_HINT) from None


def _reduce(picture: Image.Image) -> Image.Image:
    largest = max(picture.size)
    width, height = (max(1, length * _REDUCED_SIDE // largest) for length in picture.size)
    return picture.resize((width, height))


def _read(picture: Image.Image) -> set[str]:
    try:
        import zxingcpp  # noqa: PLC0415 - an extra
    except ImportError:
        raise _missing() from None
    if min(picture.size) < 21:  # fewer pixels than the smallest symbol has modules
        return set()
    pixels = memoryview(picture.tobytes()).cast("B", shape=[picture.height, picture.width])
    found = zxingcpp.read_barcodes(
        pixels,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]),
        text_mode=zxingcpp.TextMode.Plain,
    )
    return {code.text for code in found if code.valid}


def _missing() -> WeidError:
    return WeidError(
        "reading pictures needs Pillow and zxing-cpp, which are not installed",
        hint="Install them with: pip install '.[qr]'",
    )
