"""The check `format`: what is not one strict SD-JWT VC goes no further."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.reports import stop
from tests.support.world import START, World
from weid import limits
from weid.encoding import JsonObject, base64url_encode
from weid.verification.report import Outcome


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64url_encode(data)


def jws(world: World, header: JsonObject, payload: object | None = None, key: bytes = b"") -> str:
    """Return a JWS that no strict signer makes: unsigned, or keyed with what is public."""
    body = f"{part(header)}.{part(world.payload if payload is None else payload)}"
    signature = hmac.new(key, body.encode(), hashlib.sha256).digest() if key else b""
    return f"{body}.{part(signature)}~"


def head(world: World, **changes: object) -> JsonObject:
    header = json.loads(base64.urlsafe_b64decode(world.credential.text.split(".")[0] + "=="))
    return {name: v for name, v in {**header, **changes}.items() if v is not None}


def raw(world: World, payload: bytes) -> str:
    return world.sign_again(world.forge(withheld=()), payload=payload)


def swap(world: World, old: bytes, new: bytes) -> str:
    """Return a credential whose payload bytes are changed and signed by the issuer."""
    payload = json.dumps(world.payload, separators=(",", ":")).encode()
    assert old in payload
    return raw(world, payload.replace(old, new, 1))


def public_x(world: World) -> bytes:
    return world.signer.public_key.raw


Make = Callable[[World], str]

ALGORITHMS: dict[str, Make] = {
    **{
        f"alg {name}": lambda w, name=name: jws(w, head(w, alg=name))
        for name in ("none", "None", "nOnE", "", "eddsa", "RS256", "ES384", "Ed25519")
    },
    "alg missing": lambda w: jws(w, head(w, alg=None)),
    "alg a number": lambda w: jws(w, head(w, alg=1)),
    "alg an array": lambda w: jws(w, head(w, alg=["EdDSA"])),
    "HS256 keyed with the public key": lambda w: jws(w, head(w, alg="HS256"), key=public_x(w)),
    "HS256 keyed with the JWK": lambda w: jws(
        w, head(w, alg="HS256"), key=json.dumps(w.signer.public_key.to_jwk()).encode()
    ),
}

HEADERS: dict[str, Make] = {
    **{
        f"crit {value}": lambda w, value=value: jws(w, head(w, crit=value))
        for value in (["unknown"], [], "exp", ["b64"])
    },
    "b64 false": lambda w: jws(w, head(w, b64=False)),
    "typ missing": lambda w: jws(w, head(w, typ=None)),
    **{
        f"typ {name}": lambda w, name=name: w.sign_again(w.forge(), header={"typ": name})
        for name in ("JWT", "kb+jwt", "statuslist+jwt", "vc+sd-jwt", "DC+SD-JWT")
    },
    "kid an object": lambda w: jws(w, head(w, kid={})),
    "kid an array": lambda w: jws(w, head(w, kid=["x"])),
    "alg twice": lambda w: jws(w, {}).replace(
        part({}), part(b'{"alg":"none","alg":"EdDSA","typ":"dc+sd-jwt"}'), 1
    ),
    "alg twice by an escape": lambda w: jws(w, {}).replace(
        part({}), part(b'{"\\u0061lg":"none","alg":"EdDSA","typ":"dc+sd-jwt"}'), 1
    ),
}

PAYLOADS: dict[str, Make] = {
    **{
        f"{name} twice": lambda w, name=name: swap(
            w, b'"number":', b'"' + name + b'":1,"' + name + b'":1,"number":'
        )
        for name in (b"degree", b"_sd", b"cnf2")
    },
    "iss twice": lambda w: swap(w, b'"iss":', b'"iss":"did:weid:test:x","iss":'),
    "iss twice by an escape": lambda w: swap(w, b'"iss":', b'"\\u0069ss":"did:x","iss":'),
    "exp twice": lambda w: swap(w, b'"exp":', b'"exp":1,"exp":'),
    "a name twice below": lambda w: swap(w, b'"city":', b'"city":"Paris","city":'),
    "NaN": lambda w: swap(w, b'"London"', b"NaN"),
    "Infinity": lambda w: swap(w, b'"London"', b"-Infinity"),
    "1e999": lambda w: swap(w, b'"London"', b"1e999"),
    "a lone surrogate": lambda w: swap(w, b"London", b"\\ud800"),
    "bad UTF-8": lambda w: swap(w, b"London", b"\xff"),
    "a comment": lambda w: swap(w, b'"London"', b'/* */"London"'),
    "an integer of 20 000 digits": lambda w: swap(w, b'"London"', b"1" * 20_000),
    "a byte order mark": lambda w: raw(w, b"\xef\xbb\xbf{}"),
    "UTF-16": lambda w: raw(w, '{"iss":"x"}'.encode("utf-16")),
    "bytes after the object": lambda w: raw(w, b'{"iss":"x"}x'),
    "50 000 levels": lambda w: raw(w, b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "an array": lambda w: raw(w, b"[]"),
    "a text": lambda w: raw(w, b'"x"'),
}

SPELLINGS: dict[str, Make] = {
    "padding": lambda w: w.credential.text.replace(".", "=.", 1),
    "a plus": lambda w: "+" + w.credential.text[1:],
    "a slash": lambda w: "/" + w.credential.text[1:],
    "a newline": lambda w: w.credential.text.replace(".", "\n.", 1),
    "a blank before": lambda w: " " + w.credential.text,
    "two segments": lambda w: w.credential.text.replace(".", "", 1),
    "four segments": lambda w: w.credential.text.replace("~", ".x~", 1),
    "an empty payload": lambda w: "..".join(w.credential.text.split(".", 2)[::2]),
    "no tilde": lambda w: w.credential.text.split("~")[0],
    "a JSON serialization": lambda _: '{"payload":"x","signatures":[]}',
    "nothing": lambda _: "",
    "a full-width tilde": lambda w: w.credential.text.replace("~", "\uff5e", 1),
    "an empty disclosure": lambda w: w.credential.text.replace("~", "~~", 1),
    "too long": lambda w: w.credential.text + "a" * limits.PRESENTATION_BYTES,
    "257 disclosures": lambda w: w.credential.text.split("~")[0] + "~" + "WyJhIl0~" * 257,
}

CLAIMS_OF_THEIR_KIND: dict[str, Make] = {
    **{
        f"{name} missing": lambda w, name=name: w.forge(without=(name,))
        for name in ("iss", "vct", "iat")
    },
    **{
        f"vct {value!r}": lambda w, value=value: w.forge({"vct": value})
        for value in (1, ["x"], {}, None, "")
    },
    **{f"iss {value!r}": lambda w, value=value: w.forge({"iss": value}) for value in (1, [], "")},
    **{
        f"exp {value!r}": lambda w, value=value: w.forge({"exp": value})
        for value in (-1, "1893456000", True, None, [1], 1.5, 2**53, 1e30)
    },
    **{
        f"nbf {value!r}": lambda w, value=value: w.forge({"nbf": value})
        for value in (-1, "0", False, None)
    },
    **{
        f"iat {value!r}": lambda w, value=value: w.forge({"iat": value})
        for value in (-1, "0", True, None, 1.0)
    },
    "an audience": lambda w: w.forge({"aud": "https://other.example"}),
}


@clause("VF-20", "C1", "C2", "C7", "C8", "C12")
@pytest.mark.parametrize(
    "make", [*ALGORITHMS.values(), *HEADERS.values()], ids=[*ALGORITHMS, *HEADERS]
)
def test_a_header_is_refused_with(world: World, make: Make):
    assert stop(world.verify(make(world))) == ("format", "malformed")


@clause("VF-20", "C8", "C9")
@pytest.mark.parametrize("make", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_is_refused_with(world: World, make: Make):
    assert stop(world.verify(make(world))) == ("format", "malformed")


@clause("VF-20", "C10", "C11", "C25")
@pytest.mark.parametrize("make", SPELLINGS.values(), ids=SPELLINGS)
def test_a_text_is_refused_with(world: World, make: Make):
    verifier = world.verifier()
    request = verifier.request(world.template, "name")
    assert stop(verifier.verify(make(world), request)) == ("format", "malformed")


@clause("VF-20", "C13", "C14", "C15", "C16", "C24")
@pytest.mark.parametrize("make", CLAIMS_OF_THEIR_KIND.values(), ids=CLAIMS_OF_THEIR_KIND)
def test_a_credential_is_refused_with(world: World, make: Make):
    assert stop(world.verify(make(world))) == ("format", "malformed")


@clause("VF-11")
def test_after_a_bad_format_everything_else_is_skipped(world: World):
    report = world.verify("x~")
    assert [check.outcome for check in report.checks[1:]] == [Outcome.SKIPPED] * 10
    assert {check.reason.code for check in report.checks[1:]} == {"needs_earlier"}
    assert report.exit_code == 1


@clause("C26")
def test_names_that_mean_something_to_programs_are_plain_data(world: World):
    names = ("__proto__", "constructor", "", "a.b", "\u59d3\u540d")
    claims = {**world.payload, **dict.fromkeys(names, "x")}
    report = world.verify(world.forge(claims, withheld=()))
    # Plain data: well-formed, and refused only because the template does not have them.
    assert report.check("disclosure_integrity").passed  # type: ignore[union-attr]
    assert stop(report) == ("template_conformance", "claims_do_not_conform")


def test_the_world_is_accepted(world: World):
    assert world.verify().accepted
    assert world.verify(world.forge()).accepted
    assert world.clock.now() == START
