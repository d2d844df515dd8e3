from __future__ import annotations

import pytest

from tests.support.clauses import clause
from tests.support.sd_jwts import ISSUER, ISSUER_KEY, KID, NOW, STRANGER_KEY, encode, jws
from weid import limits
from weid.credential.status_list import StatusList, create_status_token, parse_status_token
from weid.crypto.jws import verify_jws
from weid.errors import CryptoError, InvalidSignatureError, MalformedError

URI = "https://issuer.example/status/1"
LIST = {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}


def token(*, header=None, key=ISSUER_KEY, **members):
    said = {"sub": URI, "iat": NOW, "exp": NOW + 3600, "ttl": 600, "status_list": LIST, **members}
    said = {name: value for name, value in said.items() if value is not ...}
    return jws(
        said, header=header or {"alg": "EdDSA", "typ": "statuslist+jwt", "kid": KID}, key=key
    )


def make(**options):
    options = {
        "uri": URI,
        "issued_at": NOW,
        "ttl": 600,
        "expires_at": NOW + 3600,
        "kid": KID,
        "signer": ISSUER,
        **options,
    }
    return create_status_token(StatusList.create().set(5, 1), **options)


@clause("CP-45")
def test_what_is_made_is_read_and_verifies():
    found = parse_status_token(make())
    verify_jws(found.jws, ISSUER_KEY.public)
    found.check(expected_uri=URI, now=NOW)
    assert (found.key_id, found.uri, found.issued_at, found.expires_at, found.ttl) == (
        KID,
        URI,
        NOW,
        NOW + 3600,
        600,
    )
    assert found.statuses().get(5) == 1
    assert found.statuses().size == limits.STATUS_LIST_MIN_ENTRIES


@pytest.mark.parametrize("options", [{"ttl": 0}, {"expires_at": NOW}, {"uri": "no uri"}], ids=str)
def test_a_token_that_nobody_could_use_is_not_made(options):
    with pytest.raises(MalformedError):
        make(**options)


REFUSED = {
    # S4
    "sub missing": token(sub=...), "sub null": token(sub=None), "sub a number": token(sub=1),
    "typ JWT": token(header={"alg": "EdDSA", "typ": "JWT"}), "typ missing": token(header={"alg": "EdDSA"}),
    "typ of a CWT": token(header={"alg": "EdDSA", "typ": "statuslist+cwt"}),
    "iat missing": token(iat=...), "iat a text": token(iat=str(NOW)), "iat true": token(iat=True), "iat negative": token(iat=-1),
    "exp a text": token(exp="never"), "exp null": token(exp=None),
    "ttl 0": token(ttl=0), "ttl a text": token(ttl="600"), "ttl negative": token(ttl=-1), "ttl null": token(ttl=None),
    "no list": token(status_list=...),
    # S5
    "alg none": token(header={"alg": "none", "typ": "statuslist+jwt"}),
    "alg HS256": token(header={"alg": "HS256", "typ": "statuslist+jwt"}),
    "crit": token(header={"alg": "EdDSA", "typ": "statuslist+jwt", "crit": ["x"], "x": 1}),
    "kid a number": token(header={"alg": "EdDSA", "typ": "statuslist+jwt", "kid": 1}),
    "a credential": jws({"sub": URI, "iat": NOW, "status_list": LIST}),
    "too large": token(x="x" * limits.STATUS_TOKEN_BYTES),
}  # fmt: skip


@clause("S4", "S5", "CP-45")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_token_is_refused(text):
    with pytest.raises((MalformedError, CryptoError)):
        parse_status_token(text)


@clause("S5")
def test_a_strangers_or_a_changed_token_does_not_verify():
    with pytest.raises(InvalidSignatureError):
        verify_jws(parse_status_token(token(key=STRANGER_KEY)).jws, ISSUER_KEY.public)
    head, _, tail = token().split(".")
    other = encode({"sub": URI, "iat": NOW, "status_list": {"bits": 1, "lst": "eNpjYAAAAAIAAQ"}})
    with pytest.raises(InvalidSignatureError):
        verify_jws(parse_status_token(f"{head}.{other}.{tail}").jws, ISSUER_KEY.public)


@clause("S8", "CP-45")
def test_a_bad_list_is_found_only_when_it_is_inflated():
    found = parse_status_token(token(status_list={"bits": 3, "lst": "AAAA"}))
    with pytest.raises(MalformedError):
        found.statuses()
    assert parse_status_token(token(status_list=None)).status_list is None


TIMES = {
    "at once": ({}, 0, True),
    "until ttl ends": ({}, 600 + limits.LEEWAY - 1, True),
    "after ttl": ({}, 600 + limits.LEEWAY, False),
    "before exp without ttl": ({"ttl": ...}, 3600 + limits.LEEWAY - 1, True),
    "after exp without ttl": ({"ttl": ...}, 3600 + limits.LEEWAY, False),
    "after exp within ttl": ({"ttl": 10_000}, 3600 + limits.LEEWAY, False),
    "within ttl without exp": ({"exp": ..., "ttl": 10_000}, 9000, True),
    "a day without ttl and exp": ({"exp": ..., "ttl": ...}, limits.STATUS_TOKEN_AGE, True),
    "more than a day without either": ({"exp": ..., "ttl": ...}, limits.STATUS_TOKEN_AGE + limits.LEEWAY, False),
    "as far ahead as clocks differ": ({}, -limits.LEEWAY, True),
    "from the future": ({}, -limits.LEEWAY - 1, False),
}  # fmt: skip


@clause("S4", "CP-46")
@pytest.mark.parametrize(("members", "later", "accepted"), TIMES.values(), ids=TIMES)
def test_a_token_has_its_time(members, later, accepted):
    found = parse_status_token(token(**members))
    if accepted:
        found.check(expected_uri=URI, now=NOW + later)
    else:
        with pytest.raises(MalformedError):
            found.check(expected_uri=URI, now=NOW + later)


@clause("S4", "CP-46")
@pytest.mark.parametrize(
    "uri", [URI + "/", URI[:-1], URI.upper(), "https://other.example/status/1"]
)
def test_a_token_of_another_list_is_refused(uri):
    with pytest.raises(MalformedError, match="another list"):
        parse_status_token(token()).check(expected_uri=uri, now=NOW)
