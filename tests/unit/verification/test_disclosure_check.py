"""The check `disclosure_integrity`: what is disclosed is what was signed, in its place, once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.reports import stop
from tests.support.world import World
from weid import limits
from weid.credential.disclosure import disclosure_digest
from weid.encoding import JsonObject, JsonValue, base64url_encode, json_dumps


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


def disclosure(*parts: JsonValue) -> str:
    return base64url_encode(json_dumps(list(parts)))


def encoded(data: bytes) -> str:
    return base64url_encode(data)


SALT = "c2FsdHNhbHRzYWx0c2FsdA"
NAME = disclosure(SALT, "name", "Eve")
ELEMENT = disclosure(SALT, "de")


def digest(text: str) -> str:
    return disclosure_digest(text)


def signed(world: World, changes: JsonObject, *disclosures: str) -> str:
    """Return a credential that the issuer signed with digests of its own making."""
    text = world.forge({"_x": 1}, withheld=())
    payload: JsonObject = {**world.payload, "_sd_alg": "sha-256", **changes}
    jws = world.sign_again(text, payload=json_dumps(payload)).split("~")[0]
    return "~".join([jws, *disclosures, ""])


def drop(world: World, name: str, changes: JsonObject, *disclosures: str) -> str:
    """Return the same without some plain claims of the world, by name."""
    payload = {key: value for key, value in world.payload.items() if key not in name.split()}
    text = world.forge({"_x": 1}, withheld=())
    body = json_dumps({**payload, "_sd_alg": "sha-256", **changes})
    jws = world.sign_again(text, payload=body).split("~")[0]
    return "~".join([jws, *disclosures, ""])


CASES: dict[str, Callable[[World], str]] = {
    # C17
    "unreferenced": lambda w: signed(w, {}, NAME),
    "changed": lambda w: drop(w, "name", {"_sd": [digest(NAME)]}, disclosure(SALT, "name", "Eva")),
    "twice": lambda w: drop(w, "name", {"_sd": [digest(NAME)]}, NAME, NAME),
    "padded": lambda w: drop(w, "name", {"_sd": [digest(NAME + "=")]}, NAME + "="),
    # C18
    "whose digest stands twice": lambda w: drop(w, "name", {"_sd": [digest(NAME)] * 2}, NAME),
    "whose digest stands at two levels": lambda w: drop(
        w, "name", {"_sd": [digest(NAME)], "address": {"_sd": [digest(NAME)]}}, NAME
    ),
    "whose digest stands in _sd and in an array": lambda w: drop(
        w, "name", {"_sd": [digest(NAME)], "languages": [{"...": digest(NAME)}]}, NAME
    ),
    "whose digest stands twice in an array": lambda w: signed(
        w, {"languages": [{"...": digest(ELEMENT)}, {"...": digest(ELEMENT)}]}, ELEMENT
    ),
    "whose own digest it holds": lambda w: drop(
        w,
        "address",
        {"_sd": [digest(disclosure(SALT, "address", {"_sd": [digest(NAME)]})), digest(NAME)]},
        disclosure(SALT, "address", {"_sd": [digest(NAME)]}),
        NAME,
    ),
    "beside a decoy that stands twice": lambda w: signed(w, {"_sd": ["A" * 43, "A" * 43]}),
    # C19
    "named _sd": lambda w: signed(
        w, {"_sd": [digest(disclosure(SALT, "_sd", []))]}, disclosure(SALT, "_sd", [])
    ),
    "named ...": lambda w: signed(
        w, {"_sd": [digest(disclosure(SALT, "...", "x"))]}, disclosure(SALT, "...", "x")
    ),
    "with the name of a plain claim": lambda w: signed(w, {"_sd": [digest(NAME)]}, NAME),
    "with the name of another": lambda w: drop(
        w,
        "name",
        {"_sd": [digest(NAME), digest(disclosure(SALT, "name", "Ada"))]},
        NAME,
        disclosure(SALT, "name", "Ada"),
    ),
    # C20
    "of an element used as a member": lambda w: signed(w, {"_sd": [digest(ELEMENT)]}, ELEMENT),
    "of a member used as an element": lambda w: signed(
        w, {"languages": [{"...": digest(NAME)}]}, NAME
    ),
    **{
        f"that is {what}": lambda w, text=text: signed(w, {"_sd": [digest(text)]}, text)
        for what, text in {
            "empty": encoded(b"[]"),
            "one element": disclosure(SALT),
            "four elements": disclosure(SALT, "a", "b", "c"),
            "an object": encoded(b'{"a":1}'),
            "a text": encoded(b'"abc"'),
            "a number": encoded(b"7"),
            "followed by bytes": encoded(b'["' + SALT.encode() + b'","a","b"]x'),
            "without a text as salt": disclosure(1, "a", "b"),
            "without a text as name": disclosure(SALT, 1, "b"),
            "NaN": encoded(b'["' + SALT.encode() + b'","a",NaN]'),
        }.items()
    },
    # C21
    "without its parent": lambda w: drop(
        w,
        "address",
        {"_sd": [digest(disclosure(SALT, "address", {"_sd": [digest(NAME)]}))]},
        NAME,
    ),
    # C22
    **{
        f"under _sd {value!r}": lambda w, value=value: signed(w, {"_sd": value})
        for value in ("x", {}, 1, None, ["x", 1], [None])
    },
    "under ... outside an array": lambda w: signed(w, {"address": {"...": digest(NAME)}}),
    "under ... with a second key": lambda w: signed(
        w, {"languages": [{"...": digest(ELEMENT), "a": 1}]}, ELEMENT
    ),
    "under ... of a number": lambda w: signed(w, {"languages": [{"...": 1}]}),
    # C23
    **{
        f"by {value!r}": lambda w, value=value: signed(w, {"_sd_alg": value})
        for value in ("md5", "sha-1", "sha-256-32", "SHA-256", None, 256, "none")
    },
    "_sd_alg below the top": lambda w: signed(w, {"address": {"_sd_alg": "sha-256"}}),
    # C24
    **{
        f"of {name}": lambda w, name=name: drop(
            w,
            name,
            {"_sd": [digest(disclosure(SALT, name, w.payload[name]))]},
            disclosure(SALT, name, w.payload[name]),
        )
        for name in ("exp", "cnf", "status", "vct#integrity")
    },
    "of nbf": lambda w: signed(
        w, {"_sd": [digest(disclosure(SALT, "nbf", 1))]}, disclosure(SALT, "nbf", 1)
    ),
    "of cnf.jwk": lambda w: signed(
        w,
        {"cnf": {"_sd": [digest(disclosure(SALT, "jwk", w.holder.public.to_jwk()))]}},
        disclosure(SALT, "jwk", w.holder.public.to_jwk()),
    ),
    # C25
    "among 2 049 digests": lambda w: signed(
        w, {"_sd": [encoded(n.to_bytes(24, "big")) for n in range(limits.DIGESTS + 1)]}
    ),
}


@clause("VF-24", "C17", "C18", "C19", "C20", "C21", "C22", "C23", "C24", "C25")
@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_a_disclosure_is_refused(world: World, make: Callable[[World], str]):
    report = world.verify(make(world), "number")
    assert stop(report) in {
        ("disclosure_integrity", "disclosure_wrong"),
        ("format", "malformed"),  # 2 049 digests alone are past the size of a presentation
    }, json.dumps(report.to_json())
    assert report.exit_code in {1, 10}


@clause("VF-24")
def test_withheld_elements_and_members_are_simply_not_there(world: World):
    text = drop(world, "name born", {"_sd": [digest(NAME), "A" * 43]}, NAME)
    report = world.verify(text, "name")
    assert dict(report.require().claims) == {"name": "Eve"}
