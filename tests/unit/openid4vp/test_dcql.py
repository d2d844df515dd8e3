"""Queries: reading, writing, refusing, choosing claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from weid import limits
from weid.credential.claim_path import ClaimPath, Step
from weid.credential.reconstruction import find_values
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.openid4vp.dcql import ClaimQuery, CredentialQuery, DcqlQuery, select_claims
from weid.verification import dcql
from weid.verification.selection import keep_only

CLAIMS: JsonObject = {
    "name": "Ada",
    "age": 36,
    "member": True,
    "address": {"city": "London", "street": "St James's Square"},
    "degrees": [{"title": "BSc", "year": 1836}, {"title": "MSc", "year": 1838}],
}


def query(**changes: JsonValue) -> JsonObject:
    return {
        "credentials": [
            {
                "id": "diploma",
                "format": "dc+sd-jwt",
                "meta": {"vct_values": ["urn:weid:test:cpt:diploma:1"]},
                **changes,
            }
        ]
    }


@clause("PP-01", "PP-04")
def test_a_whole_query_survives_writing_and_reading():
    value = query(
        claims=[{"id": "a", "path": ["name"]}, {"id": "b", "path": ["degrees", None, "title"]}],
        claim_sets=[["a", "b"], ["a"]],
        multiple=True,
        require_cryptographic_holder_binding=False,
    )
    value["credential_sets"] = [{"options": [["diploma"]], "required": False}]
    assert DcqlQuery.from_json(value).to_json() == value


@clause("PP-02")
def test_a_claim_with_and_without_id_and_values_survives():
    value = query(
        claims=[{"path": ["name"], "values": ["Ada", 1, True]}, {"id": "b", "path": ["age"]}]
    )
    read = DcqlQuery.from_json(value)
    assert read.to_json() == value
    assert read.credentials[0].claims[1].accepts("anything")


@clause("PP-06")
def test_a_set_that_is_required_is_written_short():
    value = query()
    value["credential_sets"] = [{"options": [["diploma"]], "required": True}]
    written = DcqlQuery.from_json(value).to_json()
    assert written["credential_sets"] == [{"options": [["diploma"]]}]


@clause("PP-01")
def test_unknown_members_are_ignored():
    value = query(future=[{"type": "x"}], nobody="knows")
    assert DcqlQuery.from_json(value).to_json() == query()


REFUSED: dict[str, JsonValue] = {
    "not an object": [],
    "no credentials": {},
    "credentials empty": {"credentials": []},
    "credentials not an array": {"credentials": {}},
    "a credential that is text": {"credentials": ["x"]},
    "no id": {"credentials": [{"format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}}]},
    "id with a space": query(id="a b"),
    "id empty": query(id=""),
    "id a number": query(id=1),
    "id too long": query(id="a" * 65),
    "two of one id": {"credentials": query()["credentials"] * 2},  # type: ignore[operator]
    "no format": query(format=None),
    "an empty format": query(format=""),
    "trusted_authorities empty": query(trusted_authorities=[]),
    "a trusted authority that is text": query(trusted_authorities=["aki"]),
    "a trusted authority without a type": query(trusted_authorities=[{"values": ["x"]}]),
    "a trusted authority without values": query(trusted_authorities=[{"type": "aki"}]),
    "a trusted authority of numbers": query(trusted_authorities=[{"type": "aki", "values": [1]}]),
    "no meta": query(meta=None),
    "no types": query(meta={}),
    "types empty": query(meta={"vct_values": []}),
    "a type that is a number": query(meta={"vct_values": [1]}),
    "an empty type": query(meta={"vct_values": [""]}),
    "claims empty": query(claims=[]),
    "a claim that is text": query(claims=["name"]),
    "a claim without a path": query(claims=[{"id": "a"}]),
    "an empty path": query(claims=[{"path": []}]),
    "a path of an object": query(claims=[{"path": [{}]}]),
    "a path of true": query(claims=[{"path": [True]}]),
    "a path of -1": query(claims=[{"path": ["a", -1]}]),
    "a path of 1.5": query(claims=[{"path": ["a", 1.5]}]),
    "a path too deep": query(claims=[{"path": ["a"] * (limits.JSON_DEPTH + 1)}]),
    "two claims of one id": query(claims=[{"id": "a", "path": ["a"]}, {"id": "a", "path": ["b"]}]),
    "values empty": query(claims=[{"path": ["a"], "values": []}]),
    "values of null": query(claims=[{"path": ["a"], "values": [None]}]),
    "values of 1.5": query(claims=[{"path": ["a"], "values": [1.5]}]),
    "claim_sets without claims": query(claim_sets=[["a"]]),
    "claim_sets with an unknown id": query(claims=[{"id": "a", "path": ["a"]}], claim_sets=[["b"]]),
    "claim_sets with an empty set": query(claims=[{"id": "a", "path": ["a"]}], claim_sets=[[]]),
    "multiple as text": query(multiple="yes"),
    "credential_sets empty": {**query(), "credential_sets": []},
    "credential_sets with an unknown id": {
        **query(),
        "credential_sets": [{"options": [["passport"]]}],
    },
    "credential_sets without options": {**query(), "credential_sets": [{}]},
    "credential_sets required as text": {
        **query(),
        "credential_sets": [{"options": [["diploma"]], "required": "no"}],
    },
    "17 credentials": {
        "credentials": [
            {"id": f"c{n}", "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}}
            for n in range(dcql.MAX_CREDENTIALS + 1)
        ]
    },
    "129 claims": query(claims=[{"path": [f"c{n}"]} for n in range(dcql.MAX_CLAIMS + 1)]),
}


@clause("PP-01", "PP-02", "PP-03", "V14")
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_a_query_is_refused_with(value: JsonValue):
    with pytest.raises(MalformedError):
        DcqlQuery.from_json(value)


@clause("PP-03", "V14")
def test_a_query_at_the_limits_is_read():
    claims = [{"path": [f"c{n}"]} for n in range(dcql.MAX_CLAIMS)]
    credentials = [
        {
            "id": f"c{n}",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["x"]},
            "claims": claims,
        }
        for n in range(dcql.MAX_CREDENTIALS)
    ]
    read = DcqlQuery.from_json({"credentials": credentials})  # type: ignore[dict-item]
    assert len(read.credentials) == dcql.MAX_CREDENTIALS


ACCEPTED: dict[str, tuple[ClaimQuery, bool]] = {
    "no values asked": (ClaimQuery(ClaimPath(("age",))), True),
    "the value": (ClaimQuery(ClaimPath(("age",)), None, (35, 36)), True),
    "another value": (ClaimQuery(ClaimPath(("age",)), None, (35,)), False),
    "the value as text": (ClaimQuery(ClaimPath(("age",)), None, ("36",)), False),
    "1 for true": (ClaimQuery(ClaimPath(("member",)), None, (1,)), False),
    "true for true": (ClaimQuery(ClaimPath(("member",)), None, (True,)), True),
    "one of several elements": (
        ClaimQuery(ClaimPath(("degrees", None, "year")), None, (1838,)),
        True,
    ),
}


@clause("PP-02", "PP-05")
@pytest.mark.parametrize(("claim", "answered"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_values_match_by_type_and_value(claim: ClaimQuery, answered: bool):  # noqa: FBT001
    selection = select_claims(CLAIMS, CredentialQuery("q", ("t",), (claim,)))
    assert selection.answered is answered
    assert selection.unaccepted == (() if answered else (claim.path,))


@clause("PP-04")
def test_the_first_claim_set_that_can_be_answered_is_taken():
    claims = (
        ClaimQuery(ClaimPath(("passport",)), "p"),
        ClaimQuery(ClaimPath(("name",)), "n"),
        ClaimQuery(ClaimPath(("age",)), "a"),
    )
    credential = CredentialQuery("q", ("t",), claims, (("p", "n"), ("n",), ("a",)))
    assert [claim.id for claim in select_claims(CLAIMS, credential).chosen] == ["n"]


@clause("PP-04")
def test_when_no_claim_set_can_be_answered_the_most_wanted_one_is_named():
    claims = (ClaimQuery(ClaimPath(("passport",)), "p"), ClaimQuery(ClaimPath(("visa",)), "v"))
    credential = CredentialQuery("q", ("t",), claims, (("p",), ("v",)))
    assert select_claims(CLAIMS, credential).missing == (("passport",),)


@clause("PP-04")
def test_without_claims_nothing_is_asked_for():
    assert select_claims(CLAIMS, CredentialQuery("q", ("t",))).chosen == ()


KEPT: dict[str, tuple[list[tuple[Step, ...]], JsonObject]] = {
    "nothing": ([], {}),
    "a name": ([("name",)], {"name": "Ada"}),
    "part of an object": ([("address", "city")], {"address": {"city": "London"}}),
    "a whole object beside a part of it": (
        [("address", "city"), ("address",)],
        {"address": CLAIMS["address"]},
    ),
    "one element": ([("degrees", 1)], {"degrees": [{"title": "MSc", "year": 1838}]}),
    "a member of every element": (
        [("degrees", None, "title")],
        {"degrees": [{"title": "BSc"}, {"title": "MSc"}]},
    ),
    "a path into a text": ([("name", "x")], {}),
    "a path to nowhere": ([("address", "x"), ("nobody",)], {}),
}


@clause("P15", "VF-30")
@pytest.mark.parametrize(("paths", "kept"), KEPT.values(), ids=KEPT.keys())
def test_only_what_paths_lead_to_is_kept(paths: list[tuple[Step, ...]], kept: JsonObject):
    assert keep_only(CLAIMS, paths) == kept


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
_PATHS = st.lists(
    st.lists(st.text(max_size=3) | st.integers(0, 3) | st.none(), min_size=1, max_size=4).map(
        tuple
    ),
    max_size=4,
)


@clause("P15")
@given(st.dictionaries(st.text(max_size=3), _JSON, max_size=4), _PATHS)
def test_what_is_kept_is_all_that_was_asked_for(claims: JsonObject, paths: list[tuple[Step, ...]]):
    kept = keep_only(claims, paths)
    for path in paths:
        if all(isinstance(step, str) for step in path):
            assert list(find_values(kept, path)) == list(find_values(claims, path))


@clause("PP-06")
def test_without_credential_sets_every_credential_is_needed():
    both = DcqlQuery((CredentialQuery("a", ("t",)), CredentialQuery("b", ("t",))))
    assert both.missing(frozenset({"a"})) == "b"
    assert both.missing(frozenset({"a", "b"})) is None


@clause("PP-06")
def test_one_option_of_each_required_set_is_enough():
    value = {
        "credentials": [
            {"id": name, "format": "dc+sd-jwt", "meta": {"vct_values": ["t"]}} for name in "abc"
        ],
        "credential_sets": [
            {"options": [["a", "b"], ["c"]]},
            {"options": [["b"]], "required": False},
        ],
    }
    read = DcqlQuery.from_json(value)  # type: ignore[arg-type]
    assert read.missing(frozenset({"c"})) is None
    assert read.missing(frozenset({"a", "b"})) is None
    assert read.missing(frozenset({"a"})) == "a and b or c"
    assert read.credential("c") is not None
    assert read.credential("d") is None
