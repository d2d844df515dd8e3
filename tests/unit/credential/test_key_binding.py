from __future__ import annotations

import hashlib
import hmac

import pytest

from tests.support.clauses import clause
from tests.support.sd_jwts import (
    HOLDER,
    HOLDER_KEY,
    ISSUER_KEY,
    KID,
    NOW,
    P256_KEY,
    STRANGER_KEY,
    claims,
    digest,
    disclosure,
    encode,
    jws,
    sd_jwt,
)
from weid import limits
from weid.clock import FixedClock
from weid.credential.key_binding import (
    KeyBinding,
    check_key_binding,
    create_key_binding,
    sd_hash,
    verify_key_binding,
)
from weid.credential.sd_jwt import SdJwt
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode, json_loads_object
from weid.errors import CryptoError, InvalidSignatureError, MalformedError

NAME = disclosure("s1", "name", "Ada")
BORN = disclosure("s2", "born", "1815-12-10")
CREDENTIAL = sd_jwt(claims(_sd=[digest(NAME), digest(BORN)]), NAME, BORN)
AUDIENCE = "https://verifier.example"
NONCE = "n-0S6_WzA2Mj"


def bind(text=CREDENTIAL, *, key=HOLDER_KEY, header=None, **members):
    """Return a presentation whose key binding says anything; None takes a member away."""
    said = {"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sd_hash(text), **members}
    said = {name: value for name, value in said.items() if value is not None}
    header = header or {"alg": key.public.algorithm, "typ": "kb+jwt"}
    return text + jws(said, header=header, key=key)


def check(text, *, key=HOLDER_KEY, now=NOW, **options):
    return check_key_binding(
        SdJwt.parse(text),
        key.public,
        expected_audience=AUDIENCE,
        expected_nonce=NONCE,
        now=now,
        **options,
    )


@clause("CP-20", "CP-21", "CP-22", "CP-23")
@pytest.mark.parametrize("key", [HOLDER_KEY, P256_KEY], ids=["EdDSA", "ES256"])
def test_what_is_bound_is_accepted(key):
    binding = create_key_binding(
        CREDENTIAL,
        audience=AUDIENCE,
        nonce=NONCE,
        signer=InMemorySigner(key),
        clock=FixedClock(NOW),
    )
    found = check(CREDENTIAL + binding, key=key)
    assert (found.audience, found.nonce, found.issued_at) == (AUDIENCE, NONCE, NOW)
    assert found.jws.header == {"alg": key.public.algorithm, "typ": "kb+jwt"}
    assert set(json_loads_object(found.jws.payload, what="x")) == {"iat", "aud", "nonce", "sd_hash"}


def test_bound_by_hand_is_the_same():
    assert check(bind()).sd_hash == sd_hash(CREDENTIAL)
    assert check(bind(nbf=NOW, exp=NOW + 1)).expires_at == NOW + 1


@pytest.mark.parametrize(
    ("text", "audience", "nonce"),
    [
        (bind(), AUDIENCE, NONCE),
        ("a.b.c", AUDIENCE, NONCE),
        (CREDENTIAL, "", NONCE),
        (CREDENTIAL, AUDIENCE, ""),
    ],
    ids=["bound already", "no tilde", "no audience", "no nonce"],
)
def test_what_cannot_be_bound_is_an_error(text, audience, nonce):
    with pytest.raises(MalformedError):
        create_key_binding(
            text, audience=audience, nonce=nonce, signer=HOLDER, clock=FixedClock(NOW)
        )


OTHER = sd_jwt(claims(_sd=[digest(NAME)]), NAME)
WITHOUT_BORN = CREDENTIAL.replace(f"~{BORN}~", "~")
REFUSED = {
    # P1
    "stripped": CREDENTIAL,
    # P2
    "another nonce": bind(nonce="other"),
    "no nonce": bind(nonce=None),
    "a nonce that is a number": bind(nonce=1),
    "a nonce that is an array": bind(nonce=[NONCE]),
    "a nonce with a suffix": bind(nonce=NONCE + "x"),
    "a nonce with a NUL": bind(nonce=NONCE + "\0"),
    "a nonce in other case": bind(nonce=NONCE.lower()),
    "an empty nonce": bind(nonce=""),
    # P3
    "another audience": bind(aud="https://other.example"),
    "no audience": bind(aud=None),
    "an audience in an array": bind(aud=[AUDIENCE]),
    "a prefix of the audience": bind(aud=AUDIENCE[:-1]),
    "an audience in other case": bind(aud=AUDIENCE.upper()),
    "an audience with a slash more": bind(aud=AUDIENCE + "/"),
    # P4
    "no sd_hash": bind(sd_hash=None),
    "sd_hash by its old name": bind(sd_hash=None, _sd_hash=sd_hash(CREDENTIAL)),
    "sd_hash an array": bind(sd_hash=[sd_hash(CREDENTIAL)]),
    "sd_hash over the JWT alone": bind(sd_hash=sd_hash(CREDENTIAL.split("~", maxsplit=1)[0])),
    "sd_hash without the last tilde": bind(sd_hash=sd_hash(CREDENTIAL[:-1])),
    "sd_hash by SHA-512": bind(sd_hash=base64url_encode(hashlib.sha512(CREDENTIAL.encode()).digest())),
    "sd_hash in hex": bind(sd_hash=hashlib.sha256(CREDENTIAL.encode()).hexdigest()),
    "sd_hash padded": bind(sd_hash=sd_hash(CREDENTIAL) + "="),
    "sd_hash not ASCII": bind(sd_hash="é" * 43),
    # P5
    "a disclosure added": bind(WITHOUT_BORN).replace("~", f"~{BORN}~", 1),
    "a disclosure removed": bind().replace(f"~{BORN}~", "~"),
    "disclosures reordered": bind().replace(f"~{NAME}~{BORN}~", f"~{BORN}~{NAME}~"),
    # P6
    "alg none": bind(header={"alg": "none", "typ": "kb+jwt"}),
    "alg HS256": bind(header={"alg": "HS256", "typ": "kb+jwt"}),
    "the algorithm of another key": bind(header={"alg": "ES256", "typ": "kb+jwt"}),
    "signed by a thief": bind(key=STRANGER_KEY),
    "signed by a thief with his jwk": bind(
        key=STRANGER_KEY, header={"alg": "EdDSA", "typ": "kb+jwt", "jwk": STRANGER_KEY.public.to_jwk()}
    ),
    "signed by the issuer": bind(key=ISSUER_KEY),
    # P7
    "no iat": bind(iat=None),
    "iat a text": bind(iat=str(NOW)),
    "iat true": bind(iat=True),
    "iat a fraction": bind(iat=NOW + 0.5),
    "iat negative": bind(iat=-1),
    "exp a text": bind(exp="never"),
    "exp past": bind(exp=NOW - limits.LEEWAY),
    "nbf in the future": bind(nbf=NOW + limits.LEEWAY + 1),
    # P9
    "of another credential of the same holder": CREDENTIAL + bind(OTHER).rsplit("~", 1)[1],
    "an issuer's JWT": CREDENTIAL + jws(claims(), key=HOLDER_KEY),
    "a status list's typ": bind(header={"alg": "EdDSA", "typ": "statuslist+jwt"}),
    "typ missing": bind(header={"alg": "EdDSA"}),
    "typ in other case": bind(header={"alg": "EdDSA", "typ": "KB+JWT"}),
    "two of them": bind() + "." + bind().rsplit("~", 1)[1],
    "two of them with a tilde": bind() + "~" + bind().rsplit("~", 1)[1],
    "crit": bind(header={"alg": "EdDSA", "typ": "kb+jwt", "crit": ["exp"], "exp": 1}),
}  # fmt: skip


@clause("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P9", "CP-20", "CP-21", "CP-22", "CP-23", "CP-24")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_does_not_bind_is_refused(text):
    with pytest.raises((MalformedError, CryptoError)):
        check(text)


@clause("P6")
def test_a_public_key_is_no_shared_secret():
    header = encode({"alg": "HS256", "typ": "kb+jwt"})
    said = {"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sd_hash(CREDENTIAL)}
    signing_input = f"{header}.{encode(said)}"
    for secret in (HOLDER_KEY.public.raw, str(HOLDER_KEY.public.to_jwk()).encode(), b""):
        tag = hmac.new(secret, signing_input.encode(), "sha256").digest()
        with pytest.raises(CryptoError):
            check(f"{CREDENTIAL}{signing_input}.{base64url_encode(tag)}")


@clause("P6", "CP-22")
def test_the_signature_is_told_apart_from_the_form():
    with pytest.raises(InvalidSignatureError):
        verify_key_binding(SdJwt.parse(bind(key=STRANGER_KEY)), HOLDER_KEY.public)


TIMES = {
    "now": (0, True),
    "as old as allowed": (-limits.KEY_BINDING_AGE, True),
    "a second older": (-limits.KEY_BINDING_AGE - 1, False),
    "as far ahead as clocks differ": (limits.LEEWAY, True),
    "a second further": (limits.LEEWAY + 1, False),
}  # fmt: skip


@clause("P7", "CP-24")
@pytest.mark.parametrize(("shift", "accepted"), TIMES.values(), ids=TIMES)
def test_the_binding_is_of_now(shift, accepted):
    text = bind(iat=NOW + shift)
    if accepted:
        assert check(text).issued_at == NOW + shift
    else:
        with pytest.raises(MalformedError):
            check(text)


@clause("P7")
def test_the_age_is_the_verifiers_to_say():
    with pytest.raises(MalformedError, match="older than 10 seconds"):
        check(bind(iat=NOW - 11), max_age=10)


def test_a_key_binding_alone_is_read():
    text = bind().rsplit("~", 1)[1]
    assert KeyBinding.parse(text).jws.text == text
    with pytest.raises(MalformedError):
        KeyBinding.parse(KID)
