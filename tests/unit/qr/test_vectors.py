from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.support.clauses import clause
from tools.vectors.qr import FILES
from weid.errors import MalformedError
from weid.qr.dictionary import DICTIONARY_V1
from weid.qr.envelope import decode_envelope, encode_envelope

VECTORS = Path(__file__).parents[3] / "specs" / "vectors"
GOOD = json.loads((VECTORS / "qr/decode.json").read_text(encoding="utf-8"))["decode"]
BAD = json.loads((VECTORS / "qr/refuse.json").read_text(encoding="utf-8"))["refuse"]


@clause("QR-01", "QR-03", "QR-04")
@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["case"])
def test_a_code_decodes_to_its_text(case):
    assert decode_envelope(case["stored"]) == case["text"]
    assert decode_envelope(case.get("compressed", case["stored"])) == case["text"]
    paper = case["stored"].startswith("WI3:")
    assert decode_envelope(encode_envelope(case["text"], paper=paper)) == case["text"]


@clause("Q8", "QR-02", "QR-06", "QR-07", "QR-09", "QR-11")
@pytest.mark.parametrize("case", BAD, ids=lambda case: case["fault"])
def test_a_bad_code_is_refused(case):
    with pytest.raises(MalformedError):
        decode_envelope(case["code"])


@clause("QR-05")
def test_the_published_dictionary_is_ours():
    published = json.loads((VECTORS / "qr/dictionary-v1.json").read_text(encoding="utf-8"))
    data = base64.b64decode(published["base64"])
    assert data == DICTIONARY_V1
    assert hashlib.sha256(data).hexdigest() == published["sha256"]


@pytest.mark.parametrize("name", FILES)
def test_the_vectors_are_made_identically(name):
    assert FILES[name]() == (VECTORS / name).read_text(encoding="utf-8")
