from __future__ import annotations

import inspect
import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clauses import clause
from tests.support.sd_jwts import ISSUER, ISSUER_KEY, P256_KEY, digest, disclosure, jws, sd_jwt
from weid import limits
from weid.credential.claim_path import ClaimPath, path_tree
from weid.credential.concealment import conceal
from weid.credential.sd_jwt import SdJwt, choose, issue_sd_jwt, reconstruct
from weid.crypto.jws import verify_jws
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_decode, json_loads
from weid.errors import CannotDiscloseError, MalformedError, UnsupportedAlgorithmError, WeidError

CLAIMS = {
    "name": "歐陽曉彤",
    "age": 35,
    "address": {"city": "Macao", "street": "Rua Um", "geo": {"lat": 22.19}},
    "degrees": [{"name": "BSc"}, {"name": "MSc"}],
    "none": None,
}


def issue(*paths, claims=None, **options):
    options = {"signer": ISSUER, "typ": "dc+sd-jwt", "kid": "k", **options}
    return issue_sd_jwt(claims or CLAIMS, disclosable=paths, **options)


# --- parsing -----------------------------------------------------------------------------------------


@clause("CP-01", "CP-02")
@pytest.mark.parametrize("key", [ISSUER_KEY, P256_KEY], ids=["EdDSA", "ES256"])
def test_what_is_issued_is_read_and_verifies(key):
    text = issue("name", "address.city", signer=InMemorySigner(key))
    parsed = SdJwt.parse(text)
    verify_jws(parsed.issuer_jws, key.public)
    assert parsed.text == parsed.bound_text == text
    assert parsed.key_binding is None
    assert parsed.issuer_jws.header == {"alg": key.public.algorithm, "typ": "dc+sd-jwt", "kid": "k"}
    assert len(parsed.disclosures) == 2
    assert parsed.payload()["_sd_alg"] == "sha-256"
    assert reconstruct(parsed).claims == CLAIMS
    assert reconstruct(parsed) is reconstruct(parsed), "made once"


def test_the_key_binding_is_what_follows_the_last_tilde():
    parsed = SdJwt.parse(sd_jwt({}) + "a.b.c")
    assert parsed.key_binding == "a.b.c"
    assert parsed.bound_text == sd_jwt({})


GOOD = jws({"a": 1})
HEAD, BODY, TAIL = GOOD.split(".")
HEADER = {"alg": "EdDSA", "typ": "dc+sd-jwt"}
MALFORMED = {
    # C11
    "no tilde": GOOD,
    "two segments": f"{HEAD}.{BODY}~",
    "four segments": f"{GOOD}.{TAIL}~",
    "five segments": f"{GOOD}.{TAIL}.{TAIL}~",
    "an empty payload": f"{HEAD}..{TAIL}~",
    "an empty signature": f"{HEAD}.{BODY}.~",
    "nothing": "~",
    "JSON serialization": '{"payload":"e30","protected":"e30","signature":""}~',
    # C17
    "a disclosure that is not ASCII": f"{GOOD}~é~",
    "a disclosure with half a character": f"{GOOD}~\ud800~",
    "an empty disclosure": f"{GOOD}~~",
    "an empty disclosure between others": f"{GOOD}~{disclosure('s', 'n', 1)}~~{disclosure('s', 'm', 1)}~",
    # C10
    "a padded segment": f"{HEAD}.{BODY}=.{TAIL}~",
    "the standard alphabet": f"{HEAD}.{BODY}.{TAIL[:-4]}+/+/~",
    "a line break": f"{HEAD}.{BODY}\n.{TAIL}~",
    "a blank": f"{HEAD} .{BODY}.{TAIL}~",
    "stray bits": f"{HEAD}.{BODY}.{TAIL[:-1]}{'B' if TAIL[-1] == 'A' else chr(ord(TAIL[-1]) + 1)}~",
    # C7
    "crit with a name": sd_jwt({}, header={**HEADER, "crit": ["exp"], "exp": 1}),
    "crit with b64": sd_jwt({}, header={**HEADER, "crit": ["b64"], "b64": False}),
    "crit empty": sd_jwt({}, header={**HEADER, "crit": []}),
    "crit no array": sd_jwt({}, header={**HEADER, "crit": "exp"}),
    "b64 alone": sd_jwt({}, header={**HEADER, "b64": False}),
    # C12
    "typ missing": sd_jwt({}, header={"alg": "EdDSA"}),
    "typ null": sd_jwt({}, header={"alg": "EdDSA", "typ": None}),
    # C8
    "alg twice": sd_jwt({}, header=b'{"alg":"none","alg":"EdDSA","typ":"dc+sd-jwt"}'),
    "kid twice": sd_jwt({}, header=b'{"alg":"EdDSA","typ":"x","kid":"a","kid":"b"}'),
    "alg twice, once escaped": sd_jwt({}, header=b'{"alg":"EdDSA","\\u0061lg":"EdDSA","typ":"x"}'),
    "iss twice": sd_jwt(b'{"iss":"a","iss":"b"}'),
    "exp twice": sd_jwt(b'{"exp":1,"exp":2}'),
    "vct twice, once escaped": sd_jwt(b'{"vct":"a","\\u0076ct":"b"}'),
    "_sd twice": sd_jwt(b'{"_sd":[],"_sd":[]}'),
    "cnf twice": sd_jwt(b'{"cnf":{},"cnf":{}}'),
    "status twice": sd_jwt(b'{"status":1,"status":1}'),
    "a member twice inside": sd_jwt(b'{"cnf":{"jwk":1,"jwk":2}}'),
    # C9
    "NaN": sd_jwt(b'{"a":NaN}'),
    "Infinity": sd_jwt(b'{"a":-Infinity}'),
    "1e999": sd_jwt(b'{"a":1e999}'),
    "a lone surrogate": sd_jwt(b'{"a":"\\ud800"}'),
    "a byte order mark": sd_jwt(b'\xef\xbb\xbf{"a":1}'),
    "UTF-16": sd_jwt('{"a":1}'.encode("utf-16")),
    "bad UTF-8": sd_jwt(b'{"a":"\xff"}'),
    "a comment": sd_jwt(b'{"a":1}//'),
    "an array at the top": sd_jwt(b"[]"),
    "a text at the top": sd_jwt(b'"a"'),
    "20000 levels": sd_jwt(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "a long integer": sd_jwt(b'{"a":' + b"9" * 20_000 + b"}"),
    # C25
    "too large": sd_jwt({"a": "x" * limits.PRESENTATION_BYTES}),
    "too many disclosures": "~".join([GOOD, *["WzFd"] * (limits.DISCLOSURES + 1), ""]),
    "1.4 MB": GOOD + "~" + "W" * 1_400_000,
}  # fmt: skip


@clause("C7", "C8", "C9", "C10", "C11", "C12", "C17", "C25", "CP-01", "CP-02")
@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_sd_jwt_is_refused(text):
    with pytest.raises(MalformedError):
        SdJwt.parse(text)


@clause("C1", "C2", "CP-02")
@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "nOnE",
        "",
        "HS256",
        "HS512",
        "RS256",
        "ES384",
        "eddsa",
        "es256",
        "Ed25519",
        None,
        [],
        ["EdDSA"],
        {},
        1,
        True,
    ],
    ids=repr,
)
def test_any_other_algorithm_is_refused(alg):
    with pytest.raises(UnsupportedAlgorithmError):
        SdJwt.parse(sd_jwt({}, header={"alg": alg, "typ": "dc+sd-jwt"}))
    with pytest.raises(UnsupportedAlgorithmError):
        SdJwt.parse(sd_jwt({}, header={"typ": "dc+sd-jwt"}))


@clause("C25", "CP-01")
def test_disclosures_up_to_the_limit_are_read():
    assert (
        len(SdJwt.parse("~".join([GOOD, *["WzFd"] * limits.DISCLOSURES, ""])).disclosures)
        == limits.DISCLOSURES
    )


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: data.decode("latin-1")))
def test_no_text_gets_anything_but_a_refusal(text):
    with pytest.raises(WeidError):
        SdJwt.parse(text)
    with pytest.raises(WeidError):
        reconstruct(SdJwt.parse(f"{GOOD}~{text}~"))


# --- issuing -----------------------------------------------------------------------------------------


@clause("CP-10")
def test_everything_can_be_withheld_and_disclosed_again():
    paths = [
        "name",
        "none",
        "address",
        "address.city",
        "address.geo.lat",
        "degrees",
        "degrees[]",
        "degrees[].name",
    ]
    parsed = SdJwt.parse(issue(*paths))
    assert set(parsed.payload()) == {"_sd", "_sd_alg", "age"}
    assert reconstruct(parsed).claims == CLAIMS
    assert len(parsed.disclosures) == 10
    bare = SdJwt.parse(parsed.issuer_jws.text + "~")
    assert reconstruct(bare).claims == {"age": 35}


@clause("CP-10")
def test_an_element_may_be_named_by_its_index_and_by_all():
    parsed = SdJwt.parse(issue("degrees[0].name", "degrees[]", "degrees[1]", "degrees[].name"))
    assert set(reconstruct(parsed).paths) == {
        ("degrees", 0),
        ("degrees", 0, "name"),
        ("degrees", 1),
        ("degrees", 1, "name"),
    }
    only = SdJwt.parse(issue("degrees[0]"))
    assert reconstruct(only).paths == (("degrees", 0),)


@clause("C25")
def test_claims_without_end_are_not_issued():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(MalformedError):
        issue(claims={"a": deep})


@pytest.mark.parametrize("decoys", [-1, 256])
def test_no_other_number_of_decoys(decoys):
    with pytest.raises(MalformedError, match="decoys"):
        issue("name", decoys=decoys)


def test_nothing_to_withhold_leaves_no_mark():
    assert set(SdJwt.parse(issue()).payload()) == set(CLAIMS)


@pytest.mark.parametrize(
    "path", ["names", "address.zip", "degrees[2]", "degrees[].title", "name.x"]
)
def test_a_path_to_nothing_is_an_error(path):
    with pytest.raises(MalformedError, match="no claim"):
        issue("name", path)


@clause("C19", "CP-14")
@pytest.mark.parametrize(
    "claims",
    [
        {"_sd": []},
        {"...": 1},
        {"_sd_alg": "x"},
        {"a": {"_sd": 1}},
        {"a": [{"...": 1}]},
        {"a": [[{"b": {"_sd_alg": 1}}]]},
    ],
    ids=repr,
)
def test_a_claim_with_a_reserved_name_is_not_issued(claims):
    with pytest.raises(MalformedError, match="reserved"):
        issue(claims=claims)
    with pytest.raises(MalformedError, match="reserved"):
        issue("b", claims={"b": claims})


def test_more_claims_than_a_verifier_takes_are_not_withheld():
    claims = {"list": list(range(limits.DISCLOSURES + 1))}
    with pytest.raises(MalformedError, match="withheld"):
        issue("list[]", claims=claims)


@clause("C27", "CP-17")
def test_salts_are_of_128_bits_and_never_repeat():
    asked = []

    def random(count):
        asked.append(count)
        return secrets.token_bytes(count)

    salts = []
    for _ in range(200):
        parsed = SdJwt.parse(issue(*CLAIMS, random=random))
        salts += [
            json_loads(base64url_decode(text, what="x"), what="x")[0] for text in parsed.disclosures
        ]
    assert len(set(salts)) == len(salts) == 200 * len(CLAIMS)
    assert {len(salt) for salt in salts} == {22}
    assert {len(base64url_decode(salt, what="salt")) for salt in salts} == {16}
    assert sum(asked) >= 16 * len(salts)


@clause("C27", "CP-17")
def test_a_million_salts_are_distinct():
    claims = {f"c{number}": number for number in range(250)}
    plan = tuple(ClaimPath((name,)) for name in claims)
    tree = path_tree(plan)
    seen = set()
    for _ in range(4000):
        _, texts = conceal(claims, tree, random=secrets.token_bytes, decoys=0)
        # The salt is the first 22 characters after '["', which base64 keeps in the first 32.
        seen.update(text[:32] for text in texts)
    assert len(seen) == 1_000_000


@clause("C27")
def test_salts_come_from_the_operating_system_by_default():
    assert inspect.signature(issue_sd_jwt).parameters["random"].default is secrets.token_bytes


@clause("C28", "CP-18")
def test_the_order_of_digests_says_nothing():
    """Over many issues each claim's digest stands at each place about equally often."""
    places = Counter()
    for _ in range(600):
        parsed = SdJwt.parse(issue("name", "age", "none", decoys=0))
        order = parsed.payload()["_sd"]
        by_name = {
            json_loads(base64url_decode(t, what="x"), what="x")[1]: digest(t)
            for t in parsed.disclosures
        }
        places["name", order.index(by_name["name"])] += 1
    assert all(120 < places["name", place] < 280 for place in range(3))


@clause("C28", "CP-18")
def test_the_number_of_decoys_varies():
    counts = Counter(
        len(SdJwt.parse(issue("name", "age")).payload()["_sd"]) - 2 for _ in range(400)
    )
    assert set(counts) == {0, 1, 2, 3}
    assert min(counts.values()) > 50
    assert {len(SdJwt.parse(issue("name", decoys=0)).payload()["_sd"]) for _ in range(20)} == {1}


# --- choosing ----------------------------------------------------------------------------------------

WHOLE = ("name", "address", "address.city", "address.geo", "degrees[]", "degrees[].name")
CHOSEN = {
    "nothing": ([], {"age": 35, "none": None, "degrees": []}),
    "one claim": (["name"], {"age": 35, "none": None, "degrees": [], "name": "歐陽曉彤"}),
    "what is always disclosed": (["age"], {"age": 35, "none": None, "degrees": []}),
    "a claim inside brings what holds it": (
        ["address.city"], {"age": 35, "none": None, "degrees": [], "address": {"street": "Rua Um", "city": "Macao"}},
    ),
    "a claim brings what is inside it": (
        ["address"], {"age": 35, "none": None, "degrees": [], "address": CLAIMS["address"]},
    ),
    "a plain claim inside a withheld one": (
        ["address.geo.lat"], {"age": 35, "none": None, "degrees": [], "address": {"street": "Rua Um", "geo": {"lat": 22.19}}},
    ),
    "one element": (["degrees[1]"], {"age": 35, "none": None, "degrees": [{"name": "MSc"}]}),
    "a claim of every element": (["degrees[].name"], {"age": 35, "none": None, "degrees": CLAIMS["degrees"]}),
    "the whole array": (["degrees"], {"age": 35, "none": None, "degrees": CLAIMS["degrees"]}),
    "an element and every element": (["degrees[0].name", "degrees[]"], {"age": 35, "none": None, "degrees": CLAIMS["degrees"]}),
}  # fmt: skip


@clause("P15", "CP-19")
@pytest.mark.parametrize(("paths", "expected"), CHOSEN.values(), ids=CHOSEN)
def test_only_what_is_chosen_is_disclosed(paths, expected):
    issued = SdJwt.parse(issue(*WHOLE))
    chosen = SdJwt.parse(choose(issued, paths))
    assert reconstruct(chosen).claims == expected
    assert chosen.issuer_jws.text == issued.issuer_jws.text
    kept = [text for text in issued.disclosures if text in chosen.disclosures]
    assert list(chosen.disclosures) == kept, "the order is kept"


@clause("P16", "CP-19")
@pytest.mark.parametrize("path", ["names", "address.zip", "degrees[5]", "_sd", ("degrees", "0")])
def test_what_is_not_there_cannot_be_chosen(path):
    with pytest.raises(CannotDiscloseError):
        choose(SdJwt.parse(issue(*WHOLE)), [path])


def test_what_was_left_out_cannot_be_chosen_again():
    less = choose(SdJwt.parse(issue("name", "age")), ["name"])
    with pytest.raises(CannotDiscloseError):
        choose(SdJwt.parse(less), ["age"])


@clause("P15", "CP-19")
@given(st.sets(st.sampled_from([*CLAIMS, "iss", "names"]), max_size=4))
def test_a_choice_is_the_same_whether_all_was_put_together_or_not(names):
    text = issue(
        "name", "none", "address", "address.city", "degrees[]", claims={**CLAIMS, "iss": "i"}
    )
    fresh, whole = SdJwt.parse(text), SdJwt.parse(text)
    reconstruct(whole)
    chosen = []
    for held in (fresh, whole):
        try:
            chosen.append(choose(held, sorted(names)))
        except CannotDiscloseError:
            chosen.append("nothing")
    assert chosen[0] == chosen[1]


NAME = disclosure("s1", "name", "Ada")
INNER = disclosure("s2", "name", "inside")
AGAIN = disclosure("s3", "name", "Eve")
ELEMENT = disclosure("s4", "name")


@clause("P15", "P16")
def test_a_member_further_down_is_not_chosen_for_one_at_the_top():
    payload = {"_sd": [digest(NAME)], "child": {"_sd": [digest(INNER)]}}
    chosen = choose(SdJwt.parse(sd_jwt(payload, INNER, NAME)), ["name"])
    assert SdJwt.parse(chosen).disclosures == (NAME,)
    with pytest.raises(CannotDiscloseError):
        choose(SdJwt.parse(sd_jwt(payload, INNER)), ["name"])


NOT_CHOSEN = {
    "two of one name": ({"_sd": [digest(NAME), digest(AGAIN)]}, (NAME, AGAIN)),
    "two of one name, and another asked for": (
        {"_sd": [digest(NAME), digest(AGAIN)]}, (NAME, AGAIN), "name", "other",
    ),
    "the same twice": ({"_sd": [digest(NAME)]}, (NAME, NAME)),
    "no digest": ({"_sd": [digest(AGAIN)]}, (NAME,)),
    "a plain claim of that name": ({"_sd": [digest(NAME)], "name": "Eve"}, (NAME,)),
    "another hash": ({"_sd": [digest(NAME)], "_sd_alg": "sha-512"}, (NAME,)),
    "digests that are no array": ({"_sd": {digest(NAME): 1}}, (NAME,)),
    "an element": ({"_sd": [digest(ELEMENT)]}, (ELEMENT,)),
    "another disclosure of no form": ({"_sd": [digest(NAME)]}, (NAME, "e30")),
    "something reserved inside": (
        {"_sd": [digest(disclosure("s", "name", {"...": "x"}))]},
        (disclosure("s", "name", {"...": "x"}),),
    ),
}  # fmt: skip


@clause("P15", "C17")
@pytest.mark.parametrize("case", NOT_CHOSEN.values(), ids=NOT_CHOSEN)
def test_nothing_is_chosen_that_breaks_a_rule(case):
    payload, disclosures, *names = case
    with pytest.raises(MalformedError):
        choose(SdJwt.parse(sd_jwt(payload, *disclosures)), names or ["name"])
