# ruff: noqa: RUF001 - look-alike characters are what is tested
from __future__ import annotations

import base64

import pytest

from tests.support.clauses import clause
from weid.credential.claim_formats import is_photo, is_resident_id

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
JPEG = b"\xff\xd8\xff\xe0rest"


def photo(data, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


IDS = {
    # The region 990000 is given to nobody: these are synthetic and right only by their arithmetic.
    "a number": ("99000019900307001X", None),
    "a wrong check character": ("990000199003070011", False),
    "a day that does not exist": ("99000019900231001X", False),
    "full-width digits": ("９９００００１９９００３０７００１Ｘ", False),
    "a small x": ("99000019900307001x", False),
    "fifteen digits": ("990000900307001", False),
    "blanks around": (" 99000019900307001X", False),
    "a line break after": ("99000019900307001X\n", False),
    "nothing": ("", False),
}  # fmt: skip


def checked(first17):
    """Return the check character by the definition: the sum over all 18 is 1 modulo 11."""
    for last in "0123456789X":
        value = 10 if last == "X" else int(last)
        total = sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(first17)) + value
        if total % 11 == 1:
            return first17 + last
    raise AssertionError


@clause("C40", "CP-35")
@pytest.mark.parametrize(("text", "expected"), IDS.values(), ids=IDS)
def test_an_identification_number_has_its_check_character(text, expected):
    if expected is None:
        text = checked(text[:17])
        expected = True
    assert is_resident_id(text) is expected


@clause("C40")
def test_one_check_character_fits_and_ten_do_not():
    right = checked("99000019900307001")
    assert [is_resident_id(right[:17] + last) for last in "0123456789X"].count(True) == 1
    swapped = right[0:14] + right[15] + right[14] + right[16:]
    assert swapped == right or not is_resident_id(swapped)


PHOTOS = {
    "a PNG": (photo(PNG), True),
    "a JPEG": (photo(JPEG, "jpeg"), True),
    "a text": ("data:text/html;base64,PGI+", False),
    "a drawing": ("data:image/svg+xml;base64,PHN2Zz4=", False),
    "a page that says it is a PNG": (photo(b"<script>alert(1)</script>"), False),
    "a PNG that says it is a JPEG": (photo(PNG, "jpeg"), False),
    "not in base64": ("data:image/png,xyz", False),
    "in broken base64": ("data:image/png;base64,iVBORw0KG", False),
    "with a parameter": ("data:image/png;charset=x;base64,iVBORw0KGgo=", False),
    "an address": ("https://example.org/photo.png", False),
    "large": (photo(PNG + bytes(40_000)), False),
    "as large as allowed": (photo(PNG + bytes(36_000)), True),
}  # fmt: skip


@clause("C38", "CP-35")
@pytest.mark.parametrize(("text", "expected"), PHOTOS.values(), ids=PHOTOS)
def test_a_photo_is_a_picture(text, expected):
    assert is_photo(text) is expected
