"""The query language in full, for the wallet that chooses and the verifier that checks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.certificates import Authority, x5c
from tests.support.clauses import clause
from tests.unit.openid4vp.asking import (
    LEAF,
    ROOT,
    ROOT_KEY,
    STRANGER,
    Desk,
    named_above,
    read,
    world,
)
from weid.credential.claim_path import ClaimPath, Step
from weid.credential.credential import TYP
from weid.credential.reconstruction import find_values
from weid.credential.sd_jwt import SdJwt, choose, issue_sd_jwt, reconstruct
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject, JsonValue, base64url_encode
from weid.errors import CredentialNotHeldError
from weid.holder import Holder, _check_shown
from weid.issuer import ASSERTION_KEY
from weid.openid4vp.dcql import ClaimQuery, CredentialQuery, DcqlQuery, select_claims
from weid.openid4vp.response import PresentationResponse
from weid.verification.trusted_authorities import comes_from_authority
from weid.verification.type_names import MAX_ANCESTORS, names_of_type

SIGN = InMemorySigner(world().holder)


def asking(*paths: tuple[Step, ...], **members: Any) -> CredentialQuery:
    return CredentialQuery("q", ("t",), tuple(ClaimQuery(ClaimPath(p)) for p in paths), **members)


# --- Paths --------------------------------------------------------------------------------------

MIXED: JsonObject = {
    "list": [{"a": 1}, {"b": 2}, {"a": 3}],
    "odd": [{"a": 1}, "text"],
    "lists": [[1, 2], [3]],
    "object": {"a": {"b": None}},
    "empty": [],
}
PATHS: dict[str, tuple[tuple[Step, ...], bool]] = {
    "a member of those elements that have it": (("list", None, "a"), True),
    "a member that no element has": (("list", None, "c"), False),
    "a member of elements of two kinds": (("odd", None, "a"), False),
    "each element of each list": (("lists", None, None), True),
    "the second of each list that has one": (("lists", None, 1), True),
    "a place that no list has": (("lists", None, 2), False),
    "a place": (("lists", 1, 0), True),
    "a place past the end": (("lists", 2), False),
    "a value of null": (("object", "a", "b"), True),
    "an element of an object": (("object", None), False),
    "a place in an object": (("object", 0), False),
    "a name in a list": (("list", "a"), False),
    "any of no elements": (("empty", None), False),
}


@clause("PP-30", "PP-05")
@pytest.mark.parametrize(("path", "found"), PATHS.values(), ids=PATHS.keys())
def test_a_path_leads_somewhere_or_nowhere(path: tuple[Step, ...], found):
    assert select_claims(MIXED, asking(path)).answered is found


@clause("PP-30")
def test_a_claim_that_points_where_an_earlier_one_does_is_ignored():
    twice = (
        ClaimQuery(ClaimPath(("object",)), "a"),
        ClaimQuery(ClaimPath(("object",)), "b", ("never",)),
    )
    found = select_claims(MIXED, CredentialQuery("q", ("t",), twice))
    assert [claim.id for claim in found.chosen] == ["a"]


# --- Which credentials ----------------------------------------------------------------------------


def sets(*options: tuple[tuple[str, ...], ...], optional: bool = False) -> DcqlQuery:
    value: JsonObject = {
        "credentials": [
            {"id": name, "format": "dc+sd-jwt", "meta": {"vct_values": ["t"]}} for name in "abcd"
        ],
        "credential_sets": [
            {"options": [list(ids) for ids in several], "required": place == 0 or not optional}
            for place, several in enumerate(options)
        ],
    }
    return DcqlQuery.from_json(value)


@clause("PP-06", "PP-31")
def test_the_first_option_that_can_be_answered_whole_is_taken():
    query = sets((("a", "b"), ("c",), ("d",)))
    assert query.choose(frozenset("abcd")) == ("a", "b")
    assert query.choose(frozenset("acd")) == ("c",)
    assert query.choose(frozenset("bd")) == ("d",)
    assert query.choose(frozenset("ab")) == ("a", "b")
    assert query.choose(frozenset("a")) is None
    plain = replace(query, credential_sets=())
    assert plain.choose(frozenset("abcd")) == ("a", "b", "c", "d")
    assert plain.choose(frozenset("abc")) is None


@clause("PP-06", "PP-31")
def test_what_need_not_be_shown_is_not_shown():
    query = sets((("a",),), (("b",), ("c",)), optional=True)
    assert query.choose(frozenset("abc")) == ("a",)
    assert sets((("a",),), (("b",), ("c",))).choose(frozenset("abc")) == ("a", "b")
    assert sets((("a",),), (("b",), ("c",))).choose(frozenset("a")) is None


@clause("PP-01", "PP-31")
def test_a_credential_of_another_format_can_stand_beside_ours():
    desk = Desk()
    mdoc: JsonObject = {"id": "mdoc", "format": "mso_mdoc", "meta": {"doctype_value": "x"},
                        "claims": [{"path": ["ns", "name"]}], "multiple": True}  # fmt: skip
    query = DcqlQuery.from_json(
        {
            "credentials": [mdoc, desk.asked("name")],
            "credential_sets": [{"options": [["mdoc"], ["diploma"]]}],
        }
    )
    request = replace(desk.wallet.read_request(desk.begin().link).request, query=query)
    answers = Holder.answers([desk.world.credential], request)
    assert [one.query.id for one in Holder.plan(answers, request)] == ["diploma"]
    assert DcqlQuery.from_json(query.to_json()) == query
    alone = replace(request, query=DcqlQuery.from_json({"credentials": [mdoc]}))
    with pytest.raises(CredentialNotHeldError, match="as a whole"):
        Holder.plan(Holder.answers([desk.world.credential], alone), alone)


@clause("PP-31")
def test_several_may_answer_where_the_query_says_so():
    desk = Desk()
    for multiple, status in ((True, 200), (False, 400)):
        begun = desk.endpoints.begin(desk.query(multiple=multiple), encrypted=False)
        request = desk.wallet.read_request(begun.link).request
        two = tuple(desk.world.present(request, desk.world.issue()) for _ in range(2))
        answer = PresentationResponse({"diploma": two}, request.state)
        assert desk.post(begun, answer.to_form()).status == status


# --- Holder binding -------------------------------------------------------------------------------


@clause("PP-65", "P1")
def test_the_holders_key_may_be_waived_by_the_request_and_the_policy_together():
    for waived, options, status in (
        (True, {"accept_unbound_credentials": True}, 200),
        (True, {}, 400),
        (False, {"accept_unbound_credentials": True}, 400),
    ):
        desk = Desk(**options)
        query = desk.query(require_cryptographic_holder_binding=not waived)
        begun = desk.endpoints.begin(query, encrypted=False)
        request = desk.wallet.read_request(begun.link).request
        bare = desk.world.present(request)
        bare = bare[: bare.rindex("~") + 1]
        answer = PresentationResponse({"diploma": (bare,)}, request.state).to_form()
        assert desk.post(begun, answer).status == status
        if status == 200:
            (one,) = desk.endpoints.result(begun.session_id)["presentations"]["diploma"]  # type: ignore[index,call-overload]
            assert one["warnings"] == ["not_bound_to_holder"]


@clause("PP-65", "P6")
def test_a_key_binding_that_need_not_be_there_is_checked_all_the_same():
    desk = Desk(accept_unbound_credentials=True)
    begun = desk.endpoints.begin(
        desk.query(require_cryptographic_holder_binding=False), encrypted=False
    )
    other = desk.wallet.read_request(desk.begin().link).request
    request = desk.wallet.read_request(begun.link).request
    for asked, status in ((other, 400), (request, 200)):
        text = desk.world.present(replace(asked, query=request.query))
        answer = PresentationResponse({"diploma": (text,)}, request.state)
        assert desk.post(begun, answer.to_form()).status == status


@clause("PP-65")
def test_a_credential_without_a_holders_key_answers_only_where_it_need_not_have_one():
    desk = Desk(accept_unbound_credentials=True)
    unbound = desk.world.issuer.issue(
        desk.world.template, {"name": "A", "degree": "B", "number": "1"}, holder_key=None
    )
    strict = desk.wallet.read_request(desk.begin().link).request
    assert Holder.answers([unbound], strict) == ()
    begun = desk.endpoints.begin(desk.query(require_cryptographic_holder_binding=False))
    asked = desk.wallet.read_request(begun.link)
    text = Holder.present(unbound, asked.request, signer=SIGN, clock=desk.world.clock)
    assert text.endswith("~")
    assert desk.wallet.answer(asked, {"diploma": [text]}) is None
    assert desk.state(begun)["state"] == "answered"


# --- Types ----------------------------------------------------------------------------------------

TYPES: dict[str, JsonObject] = {
    "child": {"vct": "child", "extends": "parent", "extends#integrity": "sha256-x",
              "aka_vcts": ["kid", 1, "junior"]},
    "parent": {"vct": "parent", "extends": "root", "aka_vcts": "text"},
    "root": {"vct": "root", "extends": "child", "aka_vcts": ["top"]},
    "liar": {"vct": "other", "aka_vcts": ["top"]},
    "odd": {"vct": "odd", "extends": 1},
    **{f"t{n}": {"vct": f"t{n}", "extends": f"t{n + 1}"} for n in range(40)},
}  # fmt: skip


@clause("PP-32")
def test_a_type_goes_by_the_names_of_its_metadata():
    asked: list[tuple[str, str | None]] = []

    def metadata(vct: str, integrity: str | None) -> JsonObject | None:
        asked.append((vct, integrity))
        return TYPES.get(vct)

    names = {"child", "kid", "junior", "parent", "root", "top"}
    assert names_of_type("child", metadata) == names
    assert asked == [("child", None), ("parent", "sha256-x"), ("root", None)]
    assert names_of_type("liar", metadata) == {"liar"}
    assert names_of_type("odd", metadata) == {"odd"}
    assert names_of_type("nobody", metadata) == {"nobody"}
    assert names_of_type("child", None) == {"child"}
    assert len(names_of_type("t0", metadata)) == MAX_ANCESTORS + 1


@clause("PP-32", "VF-30", "P17")
@pytest.mark.parametrize("believed", [True, False])
def test_a_type_by_another_name_answers_who_believes_its_metadata(believed):
    vct = world().template.vct

    def metadata(asked: str, _integrity: str | None) -> JsonObject | None:
        return {"vct": vct, "aka_vcts": ["https://types.example/diploma"]} if asked == vct else None

    desk = Desk(**({"type_metadata": metadata} if believed else {}))
    query = desk.query(meta={"vct_values": ["https://types.example/diploma"]})
    begun = desk.endpoints.begin(query)
    asked = desk.wallet.read_request(begun.link)
    held = [desk.world.credential]
    assert Holder.answers(held, asked.request) == ()
    assert len(Holder.answers(held, asked.request, type_metadata=metadata)) == 1
    text = Holder.present(
        held[0], asked.request, signer=SIGN, clock=desk.world.clock, type_metadata=metadata
    )
    if believed:
        assert desk.wallet.answer(asked, {"diploma": [text]}) is None
    else:
        with pytest.raises(Exception, match="not accepted"):
            desk.wallet.answer(asked, {"diploma": [text]})


# --- Authorities ----------------------------------------------------------------------------------

AKI, OTHER_AKI = (
    base64url_encode(read(one).authority_key_id or b"") for one in (LEAF, STRANGER.certificate)
)


def authorities(*entries: tuple[str, str]) -> CredentialQuery:
    value: list[JsonValue] = [{"type": kind, "values": [one]} for kind, one in entries]
    asked: JsonObject = {"id": "q", "format": "dc+sd-jwt", "meta": {"vct_values": ["t"]}}
    query = DcqlQuery.from_json({"credentials": [{**asked, "trusted_authorities": value}]})
    assert query.to_json()["credentials"][0]["trusted_authorities"] == value  # type: ignore[index,call-overload]
    return query.credentials[0]


HEADER: JsonObject = {"x5c": x5c(LEAF, ROOT.certificate)}
FITS: dict[str, tuple[CredentialQuery, JsonObject, bool]] = {
    "the authority": (authorities(("aki", AKI)), HEADER, True),
    "one of two": (authorities(("aki", OTHER_AKI), ("aki", AKI)), HEADER, True),
    "beside a list that we do not have": (
        authorities(("etsi_tl", "x"), ("aki", AKI)),
        HEADER,
        True,
    ),
    "another authority": (authorities(("aki", OTHER_AKI)), HEADER, False),
    "a federation": (authorities(("openid_federation", "https://ta.example")), HEADER, False),
    "a trusted list": (authorities(("etsi_tl", "https://lotl.example")), HEADER, False),
    "a type that nobody knows": (authorities(("future", AKI)), HEADER, False),
    "no certificates": (authorities(("aki", AKI)), {"kid": "did:weid:test:x#1"}, False),
    "certificates that are none": (authorities(("aki", AKI)), {"x5c": ["AAAA"]}, False),
    "nobody in particular": (CredentialQuery("q", ("t",)), {}, True),
}


@clause("PP-33")
@pytest.mark.parametrize(("query", "header", "fits"), FITS.values(), ids=FITS.keys())
def test_a_credential_comes_from(query: CredentialQuery, header: JsonObject, fits):
    assert comes_from_authority(header, query) is fits


@clause("PP-33", "VF-30")
def test_wallet_and_verifier_both_look_for_the_authority():
    desk = Desk()
    good: JsonObject = {"type": "aki", "values": [AKI]}
    its = desk.world
    kid = f"{its.issuer.did}#{ASSERTION_KEY}"
    leaf = ROOT.leaf(its.keys.assertion.public, kid, extra=named_above(ROOT_KEY))
    plain = issue_sd_jwt(
        its.payload, disclosable=its.template.withholdable, signer=its.signer, typ=TYP
    )
    of_root = its.sign_again(plain, header={"x5c": x5c(leaf)})
    for text, fits in ((of_root, True), (its.forge(), False)):
        begun = desk.endpoints.begin(desk.query(trusted_authorities=[good]), encrypted=False)
        request = desk.wallet.read_request(begun.link).request
        answer = PresentationResponse({"diploma": (desk.world.bind(text, request),)}, request.state)
        assert desk.post(begun, answer.to_form()).status == (200 if fits else 400)
        if not fits:
            assert "authority_not_requested" in json.dumps(desk.state(begun))
            assert Holder.answers([desk.world.credential], request) == ()


X5C: dict[str, JsonValue] = {
    "text": "x", "nothing": [], "a number": [1], "no base64": ["?"], "too many": ["AA=="] * 9,
    "too long": ["A" * 20_000], "no chain": x5c(LEAF, STRANGER.certificate),
    "without identifiers": x5c(Authority.root().leaf(world().holder.public)),
}  # fmt: skip


@clause("PP-33", "C3")
@pytest.mark.parametrize("value", X5C.values(), ids=X5C.keys())
def test_no_authority_is_found_in_certificates_that_are(value: JsonValue):
    assert not comes_from_authority({"x5c": value}, authorities(("aki", AKI)))


# --- A property: never more than asked, always enough -------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "y"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
STEPS = st.none() | st.integers(0, 2) | NAMES
QUERY_PATHS = st.tuples(NAMES, st.lists(STEPS, max_size=3)).map(lambda p: ClaimPath((p[0], *p[1])))


def places(value: JsonValue, here: tuple[Step, ...] = ()) -> list[tuple[Step, ...]]:
    """Return every place in a value but its root."""
    inner: list[tuple[Step, JsonValue]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found: list[tuple[Step, ...]] = []
    for step, member in inner:
        found += [(*here, step), *places(member, (*here, step))]
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[JsonObject, list[tuple[Step, ...]], CredentialQuery]:
    claims: JsonObject = draw(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
    withheld = draw(st.lists(st.sampled_from(places(claims)), unique=True, max_size=8))
    wanted: list[ClaimQuery] = []
    for place in range(draw(st.integers(0, 4))):
        path = draw(QUERY_PATHS | st.sampled_from(places(claims)).map(ClaimPath))
        scalars = st.sampled_from(["x", "y", 0, 1, True, False])
        values = tuple(draw(st.lists(scalars, max_size=2)))
        wanted.append(ClaimQuery(path, f"c{place}", values))
    ids = [str(claim.id) for claim in wanted]
    some = st.lists(st.sampled_from(ids or ["-"]), min_size=1, max_size=3, unique=True)
    several = draw(st.lists(some.map(tuple), max_size=3)) if ids else []
    return claims, withheld, CredentialQuery("q", ("t",), tuple(wanted), tuple(several))


@clause("PP-04", "PP-17", "PP-30", "PP-64", "P15", "P16", "V14")
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(cases())
def test_what_is_chosen_satisfies_the_query_and_discloses_nothing_beside_it(case):
    claims, withheld, query = case
    text = issue_sd_jwt(
        claims, disclosable=[ClaimPath(p) for p in withheld], signer=SIGN, typ="t", kid="k"
    )
    held = SdJwt.parse(text)
    found = select_claims(reconstruct(held).claims, query)
    if not found.answered:
        return
    asked = [claim.path for claim in found.chosen]
    shown = choose(held, asked)
    try:
        _check_shown(shown, query)
    except CredentialNotHeldError:
        # Only an element that is named by its place can be lost by showing less.
        assert any(isinstance(step, int) for path in asked for step in path)
        return
    seen = reconstruct(SdJwt.parse(shown))
    # Enough: what the verifier sees answers the query.
    assert select_claims(seen.claims, query).answered
    # No more: every disclosure lies at, above or below something that was asked for.
    disclosed = set(SdJwt.parse(shown).disclosures)
    for text_of, place in zip(held.disclosures, reconstruct(held).places, strict=True):
        if text_of in disclosed:
            here = ClaimPath(place)
            assert any(here.is_within(path) or _leads_through(path, place) for path in asked), (
                f"{here} was not asked for"
            )
    # And of alternatives the first that can be answered.
    if query.claim_sets:
        whole = reconstruct(held).claims
        firsts = [
            one
            for one in query.alternatives()
            if select_claims(whole, replace(query, claims=one, claim_sets=())).answered
        ]
        assert {claim.path for claim in found.chosen} == {claim.path for claim in firsts[0]}


def _leads_through(path: tuple[Step, ...], place: tuple[Step, ...]) -> bool:
    return len(place) <= len(path) and all(
        wanted == step or (wanted is None and isinstance(step, int))
        for wanted, step in zip(path, place, strict=False)
    )


@clause("PP-64")
def test_an_element_by_its_place_is_not_shown_as_another_one():
    claims: JsonObject = {"list": ["first", "second"]}
    disclosable = [ClaimPath(("list", 0)), ClaimPath(("list", 1))]
    held = SdJwt.parse(issue_sd_jwt(claims, disclosable=disclosable, signer=SIGN, typ="t", kid="k"))
    query = asking(("list", 1))
    shown = choose(held, [query.claims[0].path])
    assert list(find_values(reconstruct(SdJwt.parse(shown)).claims, ("list", None))) == ["second"]
    with pytest.raises(CredentialNotHeldError, match="showing more"):
        _check_shown(shown, query)
    _check_shown(choose(held, [ClaimPath(("list", None))]), asking(("list", None)))
