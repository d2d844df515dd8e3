from __future__ import annotations

import io
import random
import struct
import time
import xml.etree.ElementTree as ET
import zlib

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from tests.support.clauses import clause
from tests.unit.qr.sd_jwt_texts import sd_jwt
from weid import limits
from weid.errors import MalformedError, NoCodeError, SeveralCodesError
from weid.qr.draw import draw_png, draw_svg, draw_text
from weid.qr.envelope import encode_envelope
from weid.qr.image import read_image
from weid.qr.symbol import make_symbol

CODE = encode_envelope(sd_jwt())
LINK = "openid4vp://?client_id=https%3A%2F%2Fv.example&request_uri=https%3A%2F%2Fv.example%2Fr%2F1"


def picture(text: str = CODE, module_pixels: int = 8) -> Image.Image:
    return Image.open(io.BytesIO(draw_png(text, module_pixels=module_pixels))).convert("L")


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# --- Drawing ----------------------------------------------------------------------------------


@clause("QR-12")
@pytest.mark.parametrize("text", [CODE, LINK, "澳門", "0123456789", "A"])
def test_what_is_drawn_reads_back(text):
    assert read_image(draw_png(text)) == text


@clause("QR-10", "QR-12")
def test_a_code_uses_the_alphanumeric_mode():
    symbol = make_symbol(CODE)
    with pytest.raises(MalformedError, match="would be larger"):
        make_symbol(CODE.lower(), correction="L", max_version=symbol.version)


@clause("QR-12")
def test_correction_is_low_on_screens_and_medium_elsewhere():
    assert make_symbol(CODE) == make_symbol(CODE, correction="L")
    assert make_symbol(LINK) == make_symbol(LINK, correction="M")
    paper = encode_envelope(sd_jwt({}, (), key_binding=False, cnf=False), paper=True)
    assert make_symbol(paper) == make_symbol(paper, correction="M")


@clause("QR-12")
def test_the_quiet_zone_is_four_modules():
    image = picture(module_pixels=1)
    side = len(make_symbol(CODE).rows)
    assert image.size == (side + 8, side + 8)
    assert ImageOps.invert(image).getbbox() == (4, 4, side + 4, side + 4)


@clause("QR-12")
def test_the_svg_draws_the_same_modules():
    svg = ET.fromstring(draw_svg(CODE, label='<"Ada"> & co'))  # noqa: S314 - our own text
    assert svg.get("aria-label") == '<"Ada"> & co'
    side = int(svg.get("viewBox").split()[2])
    image = Image.new("L", (side, side), 255)
    dark = svg.findall("{http://www.w3.org/2000/svg}path")[1]
    for run in dark.get("d").removesuffix("z").split("z"):
        x, y, length = (
            int(n) for n in run.replace("M", "").replace("h", " ").split("v")[0].split()
        )
        ImageDraw.Draw(image).line((x, y, x + length - 1, y), fill=0)
    assert ImageChops.difference(image, picture(module_pixels=1)).getbbox() is None
    assert "style" not in draw_svg(CODE)


@clause("QR-12")
def test_the_terminal_gets_small_codes_only():
    lines = draw_text(LINK).splitlines()
    side = len(make_symbol(LINK, correction="L").rows)
    assert len(lines) <= 24
    image = Image.new("L", (side + 4, len(lines) * 2), 0)
    for y, line in enumerate(lines):
        for x, block in enumerate(line):
            image.putpixel((x, 2 * y), 255 if block in "█▀" else 0)
            image.putpixel((x, 2 * y + 1), 255 if block in "█▄" else 0)
    framed = ImageOps.expand(image.resize((image.width * 4, image.height * 4), 0), 16, 255)
    assert read_image(saved(framed)) == LINK
    with pytest.raises(MalformedError, match="version 8"):
        draw_text(CODE)


@clause("QR-12")
@pytest.mark.parametrize(
    ("text", "words"), [("", "no text"), ("x" * 4000, "larger than version 25")]
)
def test_what_cannot_be_drawn_is_refused(text, words):
    with pytest.raises(MalformedError, match=words):
        draw_svg(text)


# --- Reading: pictures as people take them ------------------------------------------------------


def noisy(image: Image.Image, amount: int) -> Image.Image:
    noise = random.Random(3).randbytes(image.width * image.height)
    grain = Image.frombytes("L", image.size, noise).point(lambda v: v * amount // 255)
    return ImageChops.subtract(image, grain)


def perspective(image: Image.Image) -> Image.Image:
    w, h = image.size
    corners = (-w * 0.05, -h * 0.02, -w * 0.02, h * 1.06, w * 1.04, h * 1.02, w * 1.02, -h * 0.05)
    return image.transform(
        (w, h), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=255
    )


def shadow(image: Image.Image) -> Image.Image:
    gradient = Image.linear_gradient("L").resize(image.size).point(lambda v: 110 + v // 2)
    return ImageChops.multiply(image, gradient)


def scratched(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).line((image.width // 3, 0, image.width // 3 + 40, image.height), 255, 5)
    return image


def logo(image: Image.Image, share: float) -> Image.Image:
    side = int(image.width * share)
    at = (image.width - side) // 2
    image.paste(128, (at, at, at + side, at + side))
    return image


def on_a_page(image: Image.Image) -> Image.Image:
    page = Image.new("L", (1654, 2339), 250)  # A4 at 200 dots per inch
    page.paste(image.resize((420, 420)), (1100, 1750))
    return noisy(page, 30)


MUST_READ = {
    "turned by 8 degrees": lambda i: i.rotate(8, Image.Resampling.BICUBIC, True, fillcolor=255),
    "turned by 90 degrees": lambda i: i.transpose(Image.Transpose.ROTATE_90),
    "turned by 37 degrees": lambda i: i.rotate(37, Image.Resampling.BICUBIC, True, fillcolor=255),
    "four pixels for a module": lambda i: i.resize((i.width // 2, i.height // 2)),
    "noisy": lambda i: noisy(i, 90),
    "blurred": lambda i: i.filter(ImageFilter.GaussianBlur(2)),
    "seen from the side": perspective,
    "in a shadow": shadow,
    "scratched": scratched,
    "on an A4 scan": on_a_page,
    "in colour": lambda i: ImageOps.colorize(i, "navy", "ivory"),
    "with transparency": lambda i: Image.merge(
        "LA", (Image.new("L", i.size, 0), ImageOps.invert(i))
    ),
}
MAY_FAIL = {
    "far too small": lambda i: i.resize((100, 100)),
    "very blurred": lambda i: i.filter(ImageFilter.GaussianBlur(9)),
    "very noisy": lambda i: noisy(i, 255),
    "behind a large logo": lambda i: logo(i, 0.4),
    "behind a small logo": lambda i: logo(i, 0.1),
    "inverted": ImageOps.invert,
    "mirrored": ImageOps.mirror,
    "without quiet zone": lambda i: i.crop((32, 32, i.width - 32, i.height - 32)),
    "half of it": lambda i: i.crop((0, 0, i.width, i.height // 2)),
}


@clause("Q1")
@pytest.mark.parametrize("spoil", MUST_READ.values(), ids=MUST_READ)
def test_a_picture_as_people_take_it_is_read(spoil):
    assert read_image(saved(spoil(picture()))) == CODE


@clause("Q1")
@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP"])
def test_every_format_is_read(kind):
    options = {"quality": 35} if kind == "JPEG" else {}
    assert read_image(saved(picture(), kind, **options)) == CODE


@clause("Q1", "Q2")
@pytest.mark.parametrize("spoil", MAY_FAIL.values(), ids=MAY_FAIL)
def test_a_bad_picture_is_read_rightly_or_not_at_all(spoil):
    try:
        text = read_image(saved(spoil(picture())))
    except NoCodeError:
        return
    assert text == CODE


# --- Reading: pictures made to harm -----------------------------------------------------------


def png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    )


HARMFUL = {
    "0 bytes": b"",
    "HTML named png": b"<!doctype html><script>alert(1)</script>",
    "an SVG": draw_svg(LINK).encode(),
    "a PDF": b"%PDF-1.7\n",
    "a BMP": saved(picture(), "BMP"),
    "a TIFF": saved(picture(), "TIFF"),
    "a truncated PNG": draw_png(CODE)[:700],
    "a truncated JPEG": saved(picture(), "JPEG")[:2000],
    "a PNG bomb": png_of_size(100_000, 100_000),
    "a PNG one row past the limit": png_of_size(5000, 4001),
    "a PNG of no width": png_of_size(0, 10),
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "a GIF of nothing": b"GIF89a",
    "a WebP of nothing": b"RIFF\x00\x00\x00\x00WEBP",
    "more bytes than allowed": b"\x89PNG\r\n\x1a\n" + bytes(limits.IMAGE_BYTES),
}
EMPTY = {
    "blank": saved(Image.new("L", (3000, 2000), 255)),
    "black": saved(Image.new("L", (800, 600), 0)),
    "one pixel": saved(Image.new("L", (1, 1), 255)),
    "noise": saved(Image.frombytes("L", (1000, 1000), random.Random(5).randbytes(10**6))),
    "half a symbol": saved(picture().crop((0, 0, 350, 700))),
}


@clause("Q3", "QR-13")
@pytest.mark.parametrize("data", HARMFUL.values(), ids=HARMFUL)
def test_what_is_no_picture_is_refused_at_once(data):
    began = time.thread_time()
    with pytest.raises(MalformedError) as caught:
        read_image(data)
    assert not isinstance(caught.value, NoCodeError)
    assert time.thread_time() - began < 1


@clause("Q3")
@pytest.mark.parametrize("data", EMPTY.values(), ids=EMPTY)
def test_a_picture_without_a_code_says_so(data):
    with pytest.raises(NoCodeError, match="no code") as caught:
        read_image(data)
    assert "again" in caught.value.hint


@clause("Q5")
def test_two_codes_in_one_picture_are_asked_about():
    one, other = picture(CODE, 6), picture(LINK, 6)
    both = Image.new("L", (one.width + other.width, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))
    with pytest.raises(SeveralCodesError) as caught:
        read_image(saved(both))
    assert "Which one" in caught.value.hint


@clause("Q5")
def test_the_same_code_twice_is_one():
    one = picture(LINK, 6)
    both = Image.new("L", (one.width * 2, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    assert read_image(saved(both)) == LINK


@clause("Q5")
def test_a_small_second_code_in_a_large_picture_is_seen():
    page = Image.new("L", (4000, 3000), 255)
    page.paste(picture(CODE, 20), (100, 100))
    page.paste(picture(LINK, 4), (3000, 2500))
    with pytest.raises(SeveralCodesError):
        read_image(saved(page))
