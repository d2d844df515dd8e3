from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.clauses import clause
from tests.unit.qr.sd_jwt_texts import CLAIMS, part, sd_jwt
from weid import limits
from weid.cbor import cbor_encode
from weid.encoding import base64url_encode, json_dumps
from weid.errors import MalformedError
from weid.qr.base45 import ALPHABET, base45_encode
from weid.qr.dictionary import DICTIONARY_V1, DICTIONARY_V1_SHA256
from weid.qr.envelope import CODE_CHARACTERS, decode_envelope, encode_envelope
from weid.qr.symbol import make_symbol

SPEC = Path(__file__).parents[3] / "specs" / "qr.md"
REQUEST = json.dumps(
    {
        "response_type": "vp_token",
        "client_id": "https://counter.verifier.example",
        "nonce": base64url_encode(bytes(range(16))),
        "dcql_query": {"credentials": [{"id": "diploma", "format": "dc+sd-jwt"}]},
    },
    ensure_ascii=False,
)


def pack(skeleton: object, tail: bytes = b"", *, prefix: str = "WI1:") -> str:
    """A code as anybody could make it."""
    return pack_bytes(cbor_encode(skeleton), tail, prefix=prefix)


def pack_bytes(skeleton: bytes, tail: bytes = b"", *, prefix: str = "WI1:") -> str:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=DICTIONARY_V1)
    return prefix + base45_encode(deflate.compress(skeleton) + deflate.flush() + tail)


# --- Lossless ---------------------------------------------------------------------------------


@clause("QR-01", "QR-03")
@pytest.mark.parametrize(
    "text",
    {
        "a presentation of three of six claims": sd_jwt(),
        "a presentation of nothing": sd_jwt(shown=()),
        "a credential without key binding": sd_jwt(shown=tuple(CLAIMS), key_binding=False),
        "a credential without claims to withhold": sd_jwt({}, (), key_binding=False),
        "a request": REQUEST,
    }.values(),
)
def test_a_text_comes_back_exactly(text):
    code = encode_envelope(text)
    assert code.startswith("WI1:")
    assert set(code[4:]) <= set(ALPHABET)
    assert decode_envelope(code) == text


JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
).map(lambda value: json_dumps(value).decode())
SEGMENT = st.one_of(
    JSON_TEXT,
    st.text(max_size=60).filter(lambda text: not any(chr(mark) in text for mark in range(1, 8))),
    st.sampled_from([16, 32])
    .flatmap(lambda n: st.binary(min_size=n, max_size=n))
    .map(lambda data: f'{{"x":"{base64url_encode(data)}"}}'),
).map(lambda text: base64url_encode(text.encode()))
SIGNATURE = st.binary(min_size=64, max_size=64).map(base64url_encode)
JWS = st.tuples(SEGMENT.filter(bool), SEGMENT.filter(bool), SIGNATURE).map(".".join)


@clause("QR-01", "QR-04")
@given(JWS, st.lists(SEGMENT.filter(bool), max_size=4), st.just("") | JWS)
def test_any_sd_jwt_comes_back_exactly(jws, disclosures, key_binding):
    text = "~".join([jws, *disclosures, key_binding])
    assert decode_envelope(encode_envelope(text)) == text


@clause("QR-06")
def test_nested_disclosures_and_repeated_words_come_back():
    child = part([base64url_encode(bytes(16)), "city", "澳門"])
    digest = base64url_encode(hashlib.sha256(child.encode()).digest())
    parent = part([base64url_encode(bytes(16)), "address", {"_sd": [digest]}])
    outer = base64url_encode(hashlib.sha256(parent.encode()).digest())
    head = part({"alg": "EdDSA", "typ": "dc+sd-jwt"})
    jws = f"{head}.{part({'_sd': [outer, outer, digest]})}.{base64url_encode(bytes(64))}"
    for order in ([parent, child], [child, parent], [child, child, parent]):
        text = "~".join([jws, *order, ""])
        assert decode_envelope(encode_envelope(text)) == text


@clause("QR-06", "QR-07")
def test_what_can_be_computed_costs_nothing():
    few, all_shown = encode_envelope(sd_jwt()), encode_envelope(sd_jwt(shown=tuple(CLAIMS)))
    # Three more claims with their salts (48 bytes) replace three digests of 96 bytes.
    assert len(all_shown) < len(few) + 80


@clause("QR-10")
def test_three_of_six_claims_fit_version_16():
    text = sd_jwt()
    assert len(text) > 1700
    assert make_symbol(encode_envelope(text)).version <= 16
    assert make_symbol(encode_envelope(sd_jwt(shown=tuple(CLAIMS)))).version <= 17
    twelve = {**CLAIMS, **{f"field_{n}": f"value {n}" for n in range(6)}}
    assert make_symbol(encode_envelope(sd_jwt(twelve))).version <= 19


# --- What encoding refuses --------------------------------------------------------------------

HEAD, BODY, SIGN = sd_jwt().split("~")[0].split(".")
REFUSED_TEXTS = {
    "nothing": "",
    "a word": "hello",
    "a JWS without a tilde": f"{HEAD}.{BODY}.{SIGN}",
    "unused bits that are not zero": f"{HEAD}.{BODY}.{SIGN[:-1]}B~",
    "padding": f"{HEAD}.{BODY}=.{SIGN}~",
    "a signature of 63 bytes": f"{HEAD}.{BODY}.{base64url_encode(bytes(63))}~",
    "two segments": f"{HEAD}.{BODY}~",
    "no JWS": "~",
    "a payload that is no text": f"{HEAD}.{base64url_encode(bytes([255]))}.{SIGN}~",
    "a control character": f"{HEAD}.{base64url_encode(b'{1}'.replace(b'1', bytes([2])))}.{SIGN}~",
    "a control character in a request": '{"a":"\x05"}',
    "half a character": '{"a":"\ud800"}',
    "a character outside ASCII in base64url": f"{HEAD}.{BODY}.{SIGN}~é~",
    "more disclosures than a verifier takes": f"{HEAD}.{BODY}.{SIGN}~" + "e30~" * 257,
    "more than a presentation": '{"a":"' + "x" * limits.PRESENTATION_BYTES + '"}',
    "more than a code holds": '{"a":"' + "".join(chr(0x4E00 + n) for n in range(9000)) + '"}',
}


@clause("QR-01", "QR-09")
@pytest.mark.parametrize("text", REFUSED_TEXTS.values(), ids=REFUSED_TEXTS)
def test_a_text_that_would_not_come_back_is_refused(text):
    with pytest.raises(MalformedError):
        encode_envelope(text)


# --- What decoding refuses --------------------------------------------------------------------

REFUSED_CODES = {
    "nothing": "",
    "another prefix": "WI2:" + pack([2, "{}"])[4:],
    "a health certificate": "HC1:6BF",
    "lower-case prefix": "wi1:" + pack([2, "{}"])[4:],
    "no base45": "WI1:abc",
    "an empty body": "WI1:",
    "no DEFLATE": "WI1:" + base45_encode(b"\xff" * 40),
    "a DEFLATE stream cut off": pack([2, '{"a":"' + "b" * 90 + '"}'])[:-6],
    "a code longer than any": "WI1:" + "0" * CODE_CHARACTERS,
    "no array": pack({"a": 1}),
    "an empty array": pack([]),
    "a kind that is text": pack(["0", "{}"]),
    "a kind that is true": pack([True, "{}", "{}"]),
    "an unknown kind": pack([3, "{}"]),
    "a negative kind": pack([-1, "{}"]),
    "a part that is bytes": pack([2, b"{}"]),
    "a nested array": pack([2, ["{}"]]),
    "two requests": pack([2, "{}", "{}"]),
    "an SD-JWT without payload": pack([0, "{}"]),
    "key binding without its payload": pack([1, "{}", "{}", "{}"], bytes(128)),
    "CBOR in a second spelling": pack_bytes(b"\x82\x18\x02\x62{}"),
    "bytes after the CBOR": pack_bytes(cbor_encode([2, "{}"]) + b"\x00"),
    "a tag": pack_bytes(b"\xc1\x02"),
    "no signature": pack([0, "{}", "{}"]),
    "a tail too long": pack([0, "{}", "{}"], bytes(65)),
    "a tail too short for its marks": pack([2, '{"a":"\x02"}'], bytes(31)),
    "a tail in a request without marks": pack([2, "{}"], b"\x00"),
    "a reference to no disclosure": pack([0, "{}", '{"_sd":["\x050"]}'], bytes(64)),
    "a reference from a header": pack([0, '{"a":"\x050"}', "{}", "[1]"], bytes(64)),
    "a disclosure that refers to itself": pack([0, "{}", "{}", '["\x050"]'], bytes(64)),
    "a disclosure that refers to one before it": pack(
        [0, "{}", "{}", "[]", '["\x050"]'], bytes(64)
    ),
    "a reference without a number": pack([0, "{}", "{\x05", "[]"], bytes(64)),
    "sd_hash without key binding": pack([0, "{}", '{"a":"\x04"}'], bytes(64)),
    "sd_hash in a request": pack([2, '{"a":"\x04"}']),
    "an identifier repeated before it is named": pack([2, '{"a":"\x07"}']),
    "more disclosures than a verifier takes": pack([0, "{}", "{}", *["[]"] * 257], bytes(64)),
}


@clause("Q8", "QR-08", "QR-09")
@pytest.mark.parametrize("code", REFUSED_CODES.values(), ids=REFUSED_CODES)
def test_a_hostile_code_is_refused(code):
    with pytest.raises(MalformedError):
        decode_envelope(code)


@clause("Q8", "QR-08")
def test_a_bomb_is_not_inflated():
    """4,296 characters hold 2,860 bytes, which DEFLATE can blow up a thousandfold."""
    bomb = pack_bytes(b"\x00" * 2_500_000)
    assert len(bomb) < CODE_CHARACTERS
    with pytest.raises(MalformedError, match="inflates past 32768 bytes"):
        decode_envelope(bomb)


@clause("Q8", "QR-08")
def test_the_limit_is_exact():
    fits = '{"a":"' + "b" * (limits.QR_INFLATED_BYTES - 13) + '"}'
    assert len(cbor_encode([2, fits])) == limits.QR_INFLATED_BYTES
    assert decode_envelope(encode_envelope(fits)) == fits
    with pytest.raises(MalformedError):
        encode_envelope(fits.replace("b", "bb", 1))
    with pytest.raises(MalformedError, match="inflates past"):
        decode_envelope(pack([2, fits.replace("b", "bb", 1)]))


@clause("Q8", "QR-08")
def test_references_cannot_grow_a_text_past_a_presentation():
    code = pack([0, "{}", "{" + "\x050" * 12_000 + "}", "[]"], bytes(64))
    assert len(code) < CODE_CHARACTERS
    with pytest.raises(MalformedError, match="larger than 65536"):
        decode_envelope(code)


@given(st.text(max_size=200))
def test_any_text_is_decoded_or_refused(text):
    for candidate in (text, "WI1:" + text):
        try:
            decode_envelope(candidate)
        except MalformedError:
            continue


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_refused(data):
    try:
        text = decode_envelope("WI1:" + base45_encode(data))
    except MalformedError:
        return
    assert isinstance(text, str)


MARKED = st.lists(
    st.sampled_from([*map(chr, range(1, 8)), "0", "1", '"', "{", "}", "é"]), max_size=20
).map("".join)


@given(st.integers(-1, 4), st.lists(MARKED, max_size=6), st.binary(max_size=300))
@example(0, ["", ""], bytes(64))
def test_any_skeleton_is_decoded_or_refused(kind, texts, tail):
    try:
        text = decode_envelope(pack([kind, *texts], tail))
    except MalformedError:
        return
    if not text.startswith("{") and kind == 2:
        return  # a request that is no object: whoever parses it refuses it
    try:
        again = encode_envelope(text)
    except MalformedError:
        return
    assert decode_envelope(again) == text


@given(st.data())
def test_a_changed_character_never_crashes(data):
    code = encode_envelope(sd_jwt())
    at = data.draw(st.integers(4, len(code) - 1))
    changed = code[:at] + data.draw(st.sampled_from(ALPHABET)) + code[at + 1 :]
    try:
        assert isinstance(decode_envelope(changed), str)
    except MalformedError:
        return


# --- Paper, dictionary ------------------------------------------------------------------------


@clause("QR-11")
def test_paper_takes_a_credential_that_withholds_nothing_and_is_bound_to_no_key():
    paper = sd_jwt({}, (), key_binding=False, cnf=False)
    code = encode_envelope(paper, paper=True)
    assert code.startswith("WI3:")
    assert decode_envelope(code) == paper
    assert code[4:] == encode_envelope(paper)[4:]


PAPER_REFUSED = {
    "with a bound key": sd_jwt({}, (), key_binding=False),
    "with disclosures": sd_jwt(key_binding=False, cnf=False),
    "with key binding": sd_jwt({}, (), cnf=False),
    "a request": REQUEST,
}


@clause("QR-11")
@pytest.mark.parametrize("text", PAPER_REFUSED.values(), ids=PAPER_REFUSED)
def test_paper_refuses_all_else(text):
    with pytest.raises(MalformedError):
        encode_envelope(text, paper=True)
    with pytest.raises(MalformedError):
        decode_envelope("WI3:" + encode_envelope(text)[4:])


@clause("QR-05")
def test_the_dictionary_is_frozen():
    digest = hashlib.sha256(DICTIONARY_V1).hexdigest()
    assert digest == DICTIONARY_V1_SHA256
    assert digest in SPEC.read_text(encoding="utf-8")
