"""Which keys we take, in which spelling, and what they verify."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from nacl import bindings

from tests.support.clauses import clause
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.encoding import base58_encode, base64url_encode
from weid.errors import (
    InvalidSignatureError,
    MalformedError,
    UnsupportedAlgorithmError,
    WeidError,
)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256 = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
SEED = bytes(range(32))
ED = PrivateKey.from_seed(SEED)
EC = PrivateKey.from_seed(SEED, KeyKind.P256)
DH = PrivateKey.from_seed(SEED, KeyKind.X25519)
SIGNERS = {"Ed25519": ED, "P-256": EC}
ALL = {**SIGNERS, "X25519": DH}


def point(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def b64(number: int, size: int = 32) -> str:
    return base64url_encode(number.to_bytes(size, "big"))


# --- Published vectors ---------------------------------------------------------------------------


def test_ed25519_signs_as_rfc_8032_clause_7_1_shows():
    key = PrivateKey.from_seed(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert key.public.raw.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert key.sign(b"") == signature
    key.public.verify(signature, b"")


def test_the_thumbprint_is_that_of_rfc_8037_appendix_a_3():
    key = PublicKey.from_jwk(
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    )
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_p256_signs_as_rfc_6979_appendix_a_2_5_shows():
    secret = bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
    key = PrivateKey.from_seed(secret, KeyKind.P256)
    assert key.sign(b"sample").hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


def test_p256_verifies_the_signature_of_rfc_7515_appendix_a_3():
    key = PublicKey.from_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    )
    signature = bytes.fromhex(
        "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665"
        "c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5"
    )
    key.verify(
        signature,
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", KeyKind.ED25519),
        ("zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", KeyKind.P256),
    ],
)
def test_multikeys_of_the_did_key_specification_are_read(text, kind):
    key = PublicKey.from_multikey(text)
    assert key.kind is kind
    assert key.to_multikey() == text


# --- Spellings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("private", ALL.values(), ids=ALL)
def test_every_spelling_leads_back_to_the_same_key(private):
    key = private.public
    same = {
        PublicKey(key.kind, key.raw),
        PublicKey.from_jwk(key.to_jwk()),
        PublicKey.from_multicodec(key.to_multicodec()),
        PublicKey.from_multikey(key.to_multikey()),
        PrivateKey.from_jwk(private.to_private_jwk()).public,
        pickle.loads(pickle.dumps(key)),  # noqa: S301 - our own bytes
        pickle.loads(pickle.dumps(private)).public,  # noqa: S301 - our own bytes
        copy.deepcopy(key),
    }
    assert same == {key}
    key.check_subgroup()


@pytest.mark.parametrize("private", ALL.values(), ids=ALL)
def test_jwcrypto_reads_our_jwks_and_finds_the_same_thumbprint(private):
    theirs = JWK.from_json(json.dumps(private.to_private_jwk()))
    assert theirs.thumbprint() == private.public.thumbprint()
    assert PublicKey.from_jwk(json.loads(theirs.export_public())) == private.public
    assert PrivateKey.from_jwk(json.loads(theirs.export_private())).public == private.public


def test_keys_are_equal_by_kind_and_bytes():
    assert ED.public != DH.public
    assert PublicKey(KeyKind.ED25519, ED.public.raw) == ED.public
    assert len({ED.public, PublicKey(KeyKind.ED25519, ED.public.raw)}) == 1


def test_a_key_has_the_point_of_its_own_bytes_and_takes_no_other():
    other = PrivateKey.from_seed(bytes(31) + b"\x01", KeyKind.P256)
    with pytest.raises(TypeError):
        PublicKey(KeyKind.P256, EC.public.raw, other.public._point)  # type: ignore[call-arg]


def test_points_of_either_parity_are_the_same_key_in_every_spelling():
    signs = set()
    for number in range(1, 9):
        private = PrivateKey.from_seed(number.to_bytes(32, "big"), KeyKind.P256)
        key = PublicKey.from_jwk(private.public.to_jwk())
        assert key == private.public == PublicKey(KeyKind.P256, key.raw)
        assert hash(key) == hash(private.public)
        assert repr(key) == repr(private.public)
        assert key.to_jwk() == private.public.to_jwk()
        key.verify(private.sign(b"m"), b"m")
        assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301 - our own bytes
        signs.add(key.raw[0])
    assert signs == {2, 3}


def test_agreeing_members_of_a_jwk_are_taken():
    jwk = ED.public.to_jwk()
    for more in (
        {"kid": "k", "use": "sig", "alg": "EdDSA", "key_ops": ["verify"]},
        {"alg": "Ed25519", "x5t": "anything"},
    ):
        assert PublicKey.from_jwk({**jwk, **more}) == ED.public
    assert PublicKey.from_jwk({**EC.public.to_jwk(), "alg": "ES256"}) == EC.public
    agreement = {**DH.public.to_jwk(), "use": "enc", "alg": "ECDH-ES+A256KW", "key_ops": []}
    assert PublicKey.from_jwk(agreement) == DH.public


# --- Refusals where a key enters -----------------------------------------------------------------

SMALL_ORDER = {
    f"y of a small-order point ({y:x}), sign {sign}": point(y, sign)
    for y in (0, 1, P - 1, ORDER_8, P - ORDER_8)
    for sign in (0, 1)
}
NOT_CANONICAL = {
    f"y = p + {more}, sign {sign}": point(P + more, sign) for more in range(19) for sign in (0, 1)
}


@clause("DW-08", "R13", "P8")
@pytest.mark.parametrize("raw", [*SMALL_ORDER.values(), *NOT_CANONICAL.values()],
                         ids=[*SMALL_ORDER, *NOT_CANONICAL])  # fmt: skip
def test_small_order_and_second_spellings_of_ed25519_are_refused_everywhere(raw):
    entries = (
        lambda: PublicKey(KeyKind.ED25519, raw),
        lambda: PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(raw)}),
        lambda: PublicKey.from_multicodec(b"\xed\x01" + raw),
        lambda: PublicKey.from_multikey("z" + base58_encode(b"\xed\x01" + raw)),
    )
    for enter in entries:
        with pytest.raises(MalformedError):
            enter()


def test_the_small_order_points_are_all_eight():
    """Adding a point to itself eight times gives the identity, for each y that the list names."""
    identity = point(1)
    for raw in (point(0), point(0, 1), point(1), point(P - 1), *(
        point(y, sign) for y in (ORDER_8, P - ORDER_8) for sign in (0, 1)
    )):  # fmt: skip
        doubled = raw
        for _ in range(3):
            doubled = bindings.crypto_core_ed25519_add(doubled, doubled)
        assert doubled == identity


@clause("DW-08", "R13")
def test_a_key_of_mixed_order_is_refused_where_it_is_registered():
    mixed = bindings.crypto_core_ed25519_add(ED.public.raw, point(ORDER_8))
    key = PublicKey(KeyKind.ED25519, mixed)
    with pytest.raises(MalformedError, match="prime-order"):
        key.check_subgroup()


def test_an_ed25519_key_off_the_curve_is_refused_at_registration_and_verifies_nothing():
    off = next(
        point(y) for y in range(2, 50) if not bindings.crypto_core_ed25519_is_valid_point(point(y))
    )
    key = PublicKey(KeyKind.ED25519, off)
    with pytest.raises(MalformedError):
        key.check_subgroup()
    with pytest.raises(InvalidSignatureError):
        key.verify(ED.sign(b"m"), b"m")


X25519_LOW = {
    "zero": 0,
    "one": 1,
    "minus one": P - 1,
    "order 8, first": 0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    "order 8, second": 0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    "p, a second zero": P,
    "p + 1, a second one": P + 1,
    "the top bit set": 9 | 1 << 255,
}


@pytest.mark.parametrize("u", X25519_LOW.values(), ids=X25519_LOW)
def test_x25519_keys_of_low_order_or_second_spelling_are_refused(u):
    raw = u.to_bytes(32, "little")
    if u < P:
        with pytest.raises(Exception, match=r".+"):
            bindings.crypto_scalarmult(SEED, raw)  # libsodium says the same
    with pytest.raises(MalformedError):
        PublicKey(KeyKind.X25519, raw)


GOOD_X = int.from_bytes(EC.public.raw[1:], "big")
EC_JWK = EC.public.to_jwk()
BAD_P256 = {
    "a point beside the curve": {"y": b64(5)},
    "zero, zero": {"x": b64(0), "y": b64(0)},
    "x not below p": {"x": b64(P256), "y": EC_JWK["y"]},
    "x that is p more than another": {"x": b64(P256 + 5), "y": b64(5)},
    "31 bytes": {"x": b64(5, 31)},
    "33 bytes with a leading zero": {"x": b64(GOOD_X, 33)},
    "no y": {"y": None},
    "y a number": {"y": 5},
}


@clause("DW-08", "R14", "P8")
@pytest.mark.parametrize("change", BAD_P256.values(), ids=BAD_P256)
def test_points_that_are_not_of_p256_are_refused(change):
    with pytest.raises(MalformedError):
        PublicKey.from_jwk({**EC_JWK, **change})


@clause("R14")
@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"\x00" * 33, b"\x05" + bytes(32), b"\x02" + b"\xff" * 32,
     b"\x02" + (P256 + 5).to_bytes(32, "big"), b"\x04" + bytes(64), EC.public.raw + b"\0"],
)  # fmt: skip
def test_compressed_points_that_are_none_are_refused(raw):
    with pytest.raises(MalformedError):
        PublicKey(KeyKind.P256, raw)
    with pytest.raises(MalformedError):
        PublicKey.from_multicodec(b"\x80\x24" + raw)


FOREIGN = {
    "RSA": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "oct": {"kty": "oct"},
    "secp256k1": {**EC_JWK, "crv": "secp256k1"},
    "P-384": {**EC_JWK, "crv": "P-384"},
    "Ed448": {**ED.public.to_jwk(), "crv": "Ed448"},
    "an Edwards curve as EC": {**ED.public.to_jwk(), "kty": "EC"},
    "P-256 as OKP": {**EC_JWK, "kty": "OKP"},
    "curve in lower case": {**ED.public.to_jwk(), "crv": "ed25519"},
    "curve missing": {"kty": "OKP", "x": "AA"},
    "curve a list": {**ED.public.to_jwk(), "crv": ["Ed25519"]},
}


@clause("R15", "P8", "R14")
@pytest.mark.parametrize("jwk", FOREIGN.values(), ids=FOREIGN)
def test_other_kinds_of_key_are_unsupported(jwk):
    with pytest.raises(UnsupportedAlgorithmError):
        PublicKey.from_jwk(jwk)


@clause("R15")
def test_other_multicodec_prefixes_are_unsupported():
    for prefix in (b"\xe7\x01", b"\x85\x24", b"\x81\x24", b"\xed\x00", b""):
        with pytest.raises(UnsupportedAlgorithmError):
            PublicKey.from_multicodec(prefix + ED.public.raw)


@clause("R15")
def test_an_x25519_key_neither_signs_nor_verifies():
    for attempt in (
        lambda: DH.public.algorithm,
        lambda: DH.sign(b"m"),
        lambda: DH.public.verify(bytes(64), b"m"),
    ):
        with pytest.raises(UnsupportedAlgorithmError):
            attempt()


@clause("R16", "P8")
@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_member_in_a_public_jwk_is_refused_and_the_caller_told_that_it_is_burnt(member):
    with pytest.raises(MalformedError) as refused:
        PublicKey.from_jwk({**ED.public.to_jwk(), member: "AA"})
    assert "burnt" in (refused.value.hint or "")


MALFORMED_JWK = {
    "text": "jwk",
    "a list": [],
    "nothing": None,
    "empty": {},
    "kty a number": {"kty": 1},
    "padded": {**ED.public.to_jwk(), "x": ED.public.to_jwk()["x"] + "="},
    "the other alphabet": {**ED.public.to_jwk(), "x": "+" + ED.public.to_jwk()["x"][1:]},
    "31 bytes": {**ED.public.to_jwk(), "x": base64url_encode(bytes(31))},
    "33 bytes": {**ED.public.to_jwk(), "x": base64url_encode(bytes(33))},
    "alg of the other curve": {**ED.public.to_jwk(), "alg": "ES256"},
    "alg a list": {**ED.public.to_jwk(), "alg": ["EdDSA"]},
    "ES256 key for EdDSA": {**EC_JWK, "alg": "EdDSA"},
    "agreement key for EdDSA": {**DH.public.to_jwk(), "alg": "EdDSA"},
    "use enc": {**ED.public.to_jwk(), "use": "enc"},
    "agreement key to sign": {**DH.public.to_jwk(), "use": "sig"},
    "key_ops text": {**ED.public.to_jwk(), "key_ops": "verify"},
    "key_ops of another kind": {**ED.public.to_jwk(), "key_ops": ["encrypt"]},
    "key_ops of numbers": {**ED.public.to_jwk(), "key_ops": [1]},
    "kid a number": {**ED.public.to_jwk(), "kid": 1},
}


@clause("P8")
@pytest.mark.parametrize("jwk", MALFORMED_JWK.values(), ids=MALFORMED_JWK)
def test_malformed_jwks_are_refused(jwk):
    with pytest.raises(MalformedError):
        PublicKey.from_jwk(jwk)


@pytest.mark.parametrize(
    "text",
    ["", "z", "m6MkiTBz", "Z6MkiTBz", " " + ED.public.to_multikey(), ED.public.to_multikey() + "\n",
     ED.public.to_multikey() + " ", "z0OIl", "zé", "z1" + ED.public.to_multikey()[1:],
     "z" + "2" * 5000],
)  # fmt: skip
def test_malformed_multikeys_are_refused(text):
    with pytest.raises(WeidError):
        PublicKey.from_multikey(text)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_key_or_a_typed_refusal(data):
    for enter in (
        PublicKey.from_multicodec,
        lambda raw: PublicKey(KeyKind.ED25519, raw),
        lambda raw: PublicKey(KeyKind.P256, raw),
        lambda raw: PublicKey(KeyKind.X25519, raw),
    ):
        try:
            key = enter(data)
        except WeidError:
            continue
        assert PublicKey.from_multikey(key.to_multikey()) == key


# --- Private keys --------------------------------------------------------------------------------


def test_a_private_key_never_prints_itself():
    for private in ALL.values():
        shown = repr(private) + str(private)
        assert SEED.hex() not in shown
        assert base64url_encode(SEED) not in shown
        assert private.secret_bytes() == SEED


BAD_PRIVATE = {
    "no d": ED.public.to_jwk(),
    "d too short": {**ED.public.to_jwk(), "d": "AA"},
    "d of another key": {**ED.public.to_jwk(), "d": base64url_encode(bytes(32))},
    "scalar zero": {**EC_JWK, "d": b64(0)},
    "scalar n": {**EC_JWK, "d": b64(N256)},
    "text": "d",
}


@pytest.mark.parametrize("jwk", BAD_PRIVATE.values(), ids=BAD_PRIVATE)
def test_private_jwks_that_do_not_fit_are_refused(jwk):
    with pytest.raises(MalformedError):
        PrivateKey.from_jwk(jwk)


def test_a_secret_of_another_length_is_refused():
    for kind in KeyKind:
        for size in (0, 31, 33, 64):
            with pytest.raises(MalformedError):
                PrivateKey(kind, bytes(size))


def test_generate_takes_its_bytes_from_the_given_source():
    drawn = iter([SEED])
    assert PrivateKey.generate(random=lambda _: next(drawn)).public == ED.public
    assert PrivateKey.generate().public != PrivateKey.generate().public


def test_a_p256_secret_is_drawn_again_until_it_is_a_scalar():
    drawn = iter([bytes(32), N256.to_bytes(32, "big"), b"\xff" * 32, SEED])
    assert PrivateKey.generate(KeyKind.P256, random=lambda _: next(drawn)).public == EC.public


# --- Signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("private", SIGNERS.values(), ids=SIGNERS)
def test_a_signature_verifies_and_any_change_does_not(private):
    signature = private.sign(b"message")
    assert len(signature) == 64
    assert signature == private.sign(b"message")
    private.public.verify(signature, b"message")
    with pytest.raises(InvalidSignatureError):
        private.public.verify(signature, b"messagf")
    for place in range(64):
        changed = bytearray(signature)
        changed[place] ^= 1
        with pytest.raises(InvalidSignatureError):
            private.public.verify(bytes(changed), b"message")


@clause("R10")
def test_the_twin_of_an_ed25519_signature_with_s_plus_l_is_refused():
    signature = ED.sign(b"m")
    s = int.from_bytes(signature[32:], "little")
    for times in range(1, 16):
        if s + times * L < 2**256:
            twin = signature[:32] + (s + times * L).to_bytes(32, "little")
            with pytest.raises(InvalidSignatureError):
                ED.public.verify(twin, b"m")


@clause("R13")
def test_a_signature_whose_r_is_of_small_order_is_refused():
    for y in (0, 1, P - 1, ORDER_8):
        with pytest.raises(InvalidSignatureError):
            ED.public.verify(point(y) + bytes(32), b"m")


@clause("R11")
def test_the_high_s_twin_of_es256_verifies_so_it_names_nothing():
    signature = EC.sign(b"m")
    s = int.from_bytes(signature[32:], "big")
    twin = signature[:32] + (N256 - s).to_bytes(32, "big")
    assert twin != signature
    EC.public.verify(twin, b"m")


ZERO, ORDER = bytes(32), N256.to_bytes(32, "big")
GOOD = EC.sign(b"m")
BAD_FORM = {
    "empty": b"",
    "63 bytes": GOOD[:-1],
    "65 bytes": GOOD + b"\0",
    "DER": bytes.fromhex("3044") + b"\x02\x20" + GOOD[:32] + b"\x02\x20" + GOOD[32:],
    "r and s zero": bytes(64),
    "r zero": ZERO + GOOD[32:],
    "s zero": GOOD[:32] + ZERO,
    "r = n": ORDER + GOOD[32:],
    "s = n": GOOD[:32] + ORDER,
    "all ones": b"\xff" * 64,
}


@clause("R12")
@pytest.mark.parametrize("signature", BAD_FORM.values(), ids=BAD_FORM)
def test_signatures_of_another_form_are_refused(signature):
    for private in SIGNERS.values():
        with pytest.raises(InvalidSignatureError):
            private.public.verify(signature, b"m")
