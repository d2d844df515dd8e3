from __future__ import annotations

import time

import pytest

from tests.support.clauses import clause
from tests.support.sd_jwts import digest, disclosure
from weid import limits
from weid.credential.claim_path import ClaimPath
from weid.credential.reconstruction import find_values, reconstruct_claims
from weid.errors import MalformedError

NAME = disclosure("salt-1", "name", "Ada")
BORN = disclosure("salt-2", "born", "1815-12-10")
CITY = disclosure("salt-3", "city", "London")
ADDRESS = disclosure("salt-4", "address", {"_sd": [digest(CITY)], "country": "GB"})
FIRST = disclosure("salt-5", "first")
DECOY = "A" * 43


def element(text):
    return {"...": digest(text)}


ACCEPTED = {
    "nothing is withheld": ({"a": 1}, [], {"a": 1}),
    "a member is disclosed": ({"_sd": [digest(NAME)]}, [NAME], {"name": "Ada"}),
    "a member is kept back": ({"_sd": [digest(NAME)], "x": 1}, [], {"x": 1}),
    "a decoy stands among the digests": ({"_sd": [digest(NAME), DECOY]}, [NAME], {"name": "Ada"}),
    "a member of an object inside": ({"a": {"_sd": [digest(NAME)]}}, [NAME], {"a": {"name": "Ada"}}),
    "a disclosure inside a disclosure": (
        {"_sd": [digest(ADDRESS)]}, [ADDRESS, CITY], {"address": {"country": "GB", "city": "London"}},
    ),
    "only the outer one of two": ({"_sd": [digest(ADDRESS)]}, [ADDRESS], {"address": {"country": "GB"}}),
    "an element is disclosed": ({"l": ["a", element(FIRST), "b"]}, [FIRST], {"l": ["a", "first", "b"]}),
    "an element is kept back": ({"l": ["a", element(FIRST), "b"]}, [], {"l": ["a", "b"]}),
    "an object in an array in an array": (
        {"l": [[{"_sd": [digest(NAME)]}], 1]}, [NAME], {"l": [[{"name": "Ada"}], 1]},
    ),
    "the hash is named": ({"_sd_alg": "sha-256", "_sd": [digest(NAME)]}, [NAME], {"name": "Ada"}),
    "an empty array of digests": ({"_sd": [], "a": {}}, [], {"a": {}}),
}  # fmt: skip


@clause("C18", "CP-10", "CP-12")
@pytest.mark.parametrize(("payload", "disclosures", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_claims_are_put_together(payload, disclosures, expected):
    before = repr(payload)
    assert reconstruct_claims(payload, disclosures).claims == expected
    assert repr(payload) == before, "the payload is not altered"


@clause("C26", "CP-14")
@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "", "a.b", "姓名", "_sd2", "....", "toString"]
)
def test_any_other_name_is_plain_data(name):
    text = disclosure("salt", name, {name: 1})
    payload = {"_sd": [digest(text)], "plain": {name: 2}}
    assert reconstruct_claims(payload, [text]).claims == {name: {name: 1}, "plain": {name: 2}}


def member(*parts):
    text = disclosure(*parts)
    return {"_sd": [digest(text)]}, [text]


def element_of(*parts):
    text = disclosure(*parts)
    return {"l": [element(text)]}, [text]


def raw(encoded):
    return {"_sd": [digest(encoded)]}, [encoded]


TEXT = "WyJzYWx0IiwibmFtZSIsIkFkYSJd"  # ["salt","name","Ada"]
REFUSED = {
    # C17: disclosures that belong nowhere, or are spelt in another way
    "unreferenced": ({"_sd": [DECOY]}, [NAME]),
    "changed": ({"_sd": [digest(NAME)]}, [disclosure("salt-1", "name", "Eve")]),
    "of another credential": ({"_sd": [digest(BORN)]}, [NAME]),
    "twice": ({"_sd": [digest(NAME)]}, [NAME, NAME]),
    "padded": raw(TEXT + "="),
    "with stray bits": raw(disclosure("s", "n", "xy")[:-1] + "B"),
    "in the standard alphabet": raw("+" + TEXT[1:]),
    "no ASCII": raw(TEXT + "é"),
    # C18, one digest twice
    "in one array": ({"_sd": [digest(NAME), digest(NAME)]}, [NAME]),
    "on two levels": ({"_sd": [digest(NAME)], "a": {"_sd": [digest(NAME)]}}, [NAME]),
    "as member and as element": ({"_sd": [digest(NAME)], "l": [element(NAME)]}, [NAME]),
    "as two elements": ({"l": [element(FIRST), element(FIRST)]}, [FIRST]),
    "in a disclosure": (
        {"_sd": [digest(ADDRESS), digest(CITY)]}, [ADDRESS, CITY],
    ),
    "an undisclosed decoy": ({"_sd": [DECOY], "a": {"_sd": [DECOY]}}, []),
    # C19, names
    "named _sd": member("s", "_sd", ["x"]),
    "named ...": member("s", "...", "x"),
    "named _sd_alg": member("s", "_sd_alg", "sha-256"),
    "named as a plain claim": ({"_sd": [digest(NAME)], "name": "Eve"}, [NAME]),
    "two of one name": (
        {"_sd": [digest(NAME), digest(disclosure("s", "name", "Eve"))]}, [NAME, disclosure("s", "name", "Eve")],
    ),
    # C20, shapes
    "two parts for a member": member("s", "x"),
    "three parts for an element": element_of("s", "n", "x"),
    "no parts": member(),
    "one part": member("s"),
    "four parts": member("s", "n", "v", "w"),
    "an object": raw("e30"),
    "a text": raw("ImFiYyI"),
    "a number": raw("MTI"),
    "trailing bytes": raw("WyJzIiwibiIsMV14"),
    "a salt that is a number": member(1, "n", "v"),
    "a salt that is null for an element": element_of(None, "v"),
    "a name that is a number": member("s", 1, "v"),
    "a name that is null": member("s", None, "v"),
    "duplicate members inside": raw("WyJzIiwibiIseyJhIjoxLCJhIjoyfV0"),
    "NaN inside": raw("WyJzIiwibiIsTmFOXQ"),
    # C21: a child without its parent
    "a child without its parent": ({"_sd": [digest(ADDRESS)]}, [CITY]),
    # C22: digests in the wrong form
    "_sd is a text": ({"_sd": digest(NAME)}, []),
    "_sd is an object": ({"_sd": {}}, []),
    "_sd is a number": ({"_sd": 1}, []),
    "_sd is null": ({"_sd": None}, []),
    "_sd is mixed": ({"_sd": [DECOY, 1]}, []),
    "_sd holds null": ({"_sd": [None]}, []),
    "_sd holds an array": ({"_sd": [[DECOY]]}, []),
    "_sd of an object inside is null": ({"a": {"_sd": None}}, []),
    "... outside an array": ({"...": DECOY}, []),
    "... in an object inside": ({"a": {"...": DECOY}}, []),
    "... beside another member": ({"l": [{"...": DECOY, "x": 1}]}, []),
    "... beside digests": ({"l": [{"...": DECOY, "_sd": []}]}, []),
    "... is a number": ({"l": [{"...": 1}]}, []),
    "... is null": ({"l": [{"...": None}]}, []),
    # C23: the hash
    "md5": ({"_sd_alg": "md5"}, []),
    "sha-1": ({"_sd_alg": "sha-1"}, []),
    "sha-256-32": ({"_sd_alg": "sha-256-32"}, []),
    "SHA-256": ({"_sd_alg": "SHA-256"}, []),
    "sha-512": ({"_sd_alg": "sha-512"}, []),
    "no hash, null": ({"_sd_alg": None}, []),
    "no hash, a number": ({"_sd_alg": 256}, []),
    "no hash, an array": ({"_sd_alg": ["sha-256"]}, []),
    "a hash below the top": ({"a": {"_sd_alg": "sha-256"}}, []),
    "a hash in a disclosure": member("s", "a", {"_sd_alg": "sha-256"}),
}  # fmt: skip


@clause(
    "C17", "C18", "C19", "C20", "C21", "C22", "C23", "CP-11", "CP-12", "CP-13", "CP-14", "CP-15"
)
@pytest.mark.parametrize(("payload", "disclosures"), REFUSED.values(), ids=REFUSED)
def test_what_breaks_a_rule_is_refused(payload, disclosures):
    with pytest.raises(MalformedError):
        reconstruct_claims(payload, disclosures)


def test_places_and_withheld_digests_are_told():
    payload = {"_sd": [digest(ADDRESS), DECOY], "l": [element(FIRST), {"...": "B" * 43}]}
    found = reconstruct_claims(payload, [FIRST, CITY, ADDRESS])
    assert found.paths == (("l", 0), ("address", "city"), ("address",))
    assert found.disclosed == {
        ClaimPath(("l", 0)),
        ClaimPath(("address", "city")),
        ClaimPath(("address",)),
    }
    assert found.withheld == 2


def nested(levels):
    """Return a payload whose disclosures lie inside each other, one level for each."""
    texts, value = [], "end"
    for level in range(levels):
        text = disclosure("s", f"n{level}", value)
        texts.append(text)
        value = {"_sd": [digest(text)]}
    return value, texts


@clause("C25", "CP-16")
def test_disclosures_nest_up_to_the_limit():
    payload, texts = nested(limits.JSON_DEPTH)
    assert len(reconstruct_claims(payload, texts).places) == limits.JSON_DEPTH
    payload, texts = nested(limits.JSON_DEPTH + 1)
    with pytest.raises(MalformedError, match="deeper"):
        reconstruct_claims(payload, texts)


@clause("C25", "CP-16")
def test_elements_nest_up_to_the_limit():
    value, texts = "end", []
    for _ in range(limits.JSON_DEPTH + 1):
        text = disclosure("s", value)
        texts.append(text)
        value = [element(text)]
    with pytest.raises(MalformedError, match="deeper"):
        reconstruct_claims({"a": value}, texts)


@clause("C25", "CP-16")
def test_digests_up_to_the_limit():
    digests = [f"{number:043d}" for number in range(limits.DIGESTS + 1)]
    assert reconstruct_claims({"_sd": digests[:-1]}, []).withheld == limits.DIGESTS
    with pytest.raises(MalformedError, match="digests"):
        reconstruct_claims({"_sd": digests}, [])


@clause("C25", "CP-16")
def test_disclosures_up_to_the_limit():
    texts = [disclosure("s", f"n{number}", number) for number in range(limits.DISCLOSURES + 1)]
    payload = {"_sd": [digest(text) for text in texts]}
    assert len(reconstruct_claims(payload, texts[:-1]).claims) == limits.DISCLOSURES
    with pytest.raises(MalformedError, match="disclosures"):
        reconstruct_claims(payload, texts)


@clause("C25", "CP-16")
def test_the_work_is_linear():
    """Digests and plain members by the thousand cost what they cost one by one, not the square."""

    def cost(count):
        payload = {
            "_sd": [f"{n:043d}" for n in range(count)],
            "l": [{"a": [n]} for n in range(count)],
        }
        start = time.process_time()
        for _ in range(5):
            reconstruct_claims(payload, [])
        return time.process_time() - start

    assert cost(2000) < 60 * max(cost(200), 1e-4)


FOUND = {
    "the whole": ((), [{"a": [{"b": 1}, {"b": 2}, {"c": 3}]}]),
    "every element's member": (("a", None, "b"), [1, 2]),
    "one element": (("a", 1, "b"), [2]),
    "past the end": (("a", 7), []),
    "a name of an array": (("a", "b"), []),
    "an index of an object": ((0,), []),
    "nothing": (("z",), []),
}  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), FOUND.values(), ids=FOUND)
def test_values_are_found_at_a_path(path, expected):
    assert list(find_values({"a": [{"b": 1}, {"b": 2}, {"c": 3}]}, path)) == expected
