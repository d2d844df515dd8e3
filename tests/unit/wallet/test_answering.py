"""Requests of verifiers by link: answered when a person agrees, refused where not to be believed."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.clauses import clause
from tests.support.policies import publish
from tests.support.world import CLAIMS, START, World, seeded
from tests.unit.openid4vp.asking import (
    BASE,
    HOST,
    ROOT,
    ROOT_KEY,
    SIGNER,
    STRANGER,
    TRUST,
    Desk,
    identity,
    named_above,
    read,
)
from tests.unit.wallet.holding import new_wallet
from weid.crypto.jws import create_jws
from weid.crypto.signer import InMemorySigner
from weid.did.methods.weid import WeidMethod
from weid.did.resolver import UniversalResolver
from weid.did.syntax import DidUrl
from weid.encoding import base64url_encode, json_dumps
from weid.errors import (
    CannotDiscloseError,
    CredentialNotHeldError,
    MalformedError,
    ProtocolError,
    SeveralAnswerError,
    TransportError,
    WalletError,
    WeidError,
)
from weid.issuer import ASSERTION_KEY
from weid.oauth.reply import Reply
from weid.openid4vp.did_keys import keys_by
from weid.openid4vp.request import RequestReference, create_request_uri
from weid.openid4vp.request_object import AUDIENCE, RequestTrust, create_request_object
from weid.openid4vp.transaction_types import TransactionType
from weid.openid4vp.verifier_identity import DidIdentity, UnsignedIdentity
from weid.transport import GuardedTransport
from weid.verification.dcql import DcqlQuery
from weid.verification.stated_purpose import FORMAT as PURPOSE
from weid.verification.stated_purpose import StatedPurpose
from weid.verification.transaction_data import TransactionData
from weid.wallet.consent import Consent
from weid.wallet.contents import UseKind
from weid.wallet.policies import RecordsOf

PAYMENT = TransactionType("Pay", {"amount": "Amount"})


class Visit:
    """A wallet with the diploma of a world, at a verifier's desk."""

    def __init__(self, folder, who=None, *, world: World | None = None, names=None) -> None:
        self.desk = Desk(world or World.begin(), who)
        self.wallet = new_wallet(folder, clock=self.desk.world.clock, names=names)
        self.trust = TRUST
        self.asked: list[Consent] = []

    def hold(self, **changes: object) -> str:
        key = self.wallet.new_key()
        made = self.desk.world.issuer.issue(
            self.desk.world.template, {**CLAIMS, **changes}, holder_key=key
        )
        return self.wallet.add(made).id

    def agree(self, consent: Consent) -> bool:
        self.asked.append(consent)
        return True

    def answer(self, link: str, **options: object):
        given = {"agree": self.agree, **options}
        return self.wallet.answer(link, transport=self.desk.transport, trust=self.trust, **given)

    def posted(self) -> list[dict[str, str]]:
        return [
            dict(parse_qsl(body.decode()))
            for method, url, body in self.desk.transport.asked
            if method == "POST" and "/responses/" in url
        ]


@pytest.fixture
def visit(tmp_path):
    made = Visit(tmp_path)
    with made.wallet:
        yield made


# --- Answered ----------------------------------------------------------------------------------


@clause("PP-80", "PP-82")
@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("post", [True, False])
def test_a_request_is_answered_when_the_person_agrees(visit, encrypted, post):
    held = visit.hold()
    visit.desk.endpoints.post_requests = post
    begun = visit.desk.begin(encrypted=encrypted)
    answered = visit.answer(begun.link)
    assert visit.desk.state(begun)["state"] == "answered"
    assert [one.id for one in answered.presented] == [held]
    (use,) = answered.presented[0].uses
    assert (use.kind, use.claims) == (UseKind.PRESENTED, ("degree", "name"))
    (consent,) = visit.asked
    text = consent.text()
    assert "An authority that you trust certified it." in text
    assert f"The answer goes to \u2068{HOST}\u2069." in text
    assert {item.label for item in consent.shown} >= {"\u2068name\u2069", "\u2068degree\u2069"}
    assert text.endswith("Show these claims to this verifier?")
    assert ("response" in visit.posted()[0]) is encrypted


@clause("PP-82")
def test_the_person_goes_on_where_the_verifier_says(visit):
    visit.hold()
    begun = visit.desk.begin(return_to=f"https://{HOST}/done")
    assert visit.answer(begun.link).place.startswith(f"https://{HOST}/done?response_code=")


@clause("PP-82")
def test_who_asks_by_a_did_has_the_name_that_the_registry_has(tmp_path):
    world = World.begin()
    url = DidUrl.parse(f"{world.issuer.did}#{ASSERTION_KEY}")
    visit = Visit(tmp_path, DidIdentity(url, world.signer), world=world, names=world.registry)
    resolver = UniversalResolver({"weid": WeidMethod([world.registry])})
    visit.trust = RequestTrust(resolve_key=keys_by(resolver))
    with visit.wallet:
        visit.hold()
        visit.answer(visit.desk.begin().link)
    text = visit.asked[0].text()
    assert "Asked by \u2068Test University\u2069 (confirmed by the registry)." in text


@clause("PP-82")
def test_an_unconfirmed_verifier_is_said_to_be_one(tmp_path):
    visit = Visit(tmp_path, UnsignedIdentity())
    with visit.wallet:
        visit.hold()
        visit.answer(visit.desk.begin(encrypted=False).link)
    text = visit.asked[0].text()
    assert "Nobody whom you trust says who that is" in text
    assert HOST in text


@clause("PP-83", "V14")
def test_who_declines_sends_a_refusal_and_no_claims(visit):
    visit.hold()
    begun = visit.desk.begin()
    with pytest.raises(WalletError, match="not shown"):
        visit.answer(begun.link, agree=lambda _: False)
    (form,) = visit.posted()
    assert form["error"] == "access_denied"
    assert set(form) <= {"error", "state"}
    assert visit.wallet.credentials()[0].uses == ()


@clause("PP-83")
def test_who_has_no_such_credential_says_the_same(visit):
    begun = visit.desk.begin()
    with pytest.raises(CredentialNotHeldError):
        visit.answer(begun.link)
    (form,) = visit.posted()
    assert form["error"] == "access_denied"
    assert visit.asked == []


@clause("PP-83")
def test_a_verifier_who_does_not_hear_the_refusal_changes_nothing(visit):
    begun = visit.desk.begin()
    visit.desk.transport.change = lambda reply: (
        reply if reply.body.startswith(b"ey") else Reply(500, {}, b"")
    )
    with pytest.raises(CredentialNotHeldError):
        visit.answer(begun.link)


@clause("PP-83")
def test_which_of_two_certificates_is_for_the_person_to_say(visit):
    visit.hold()
    second = visit.hold(degree="Physics")
    begun = visit.desk.begin()
    with pytest.raises(SeveralAnswerError) as caught:
        visit.answer(begun.link)
    assert second in caught.value.hint
    assert visit.posted() == [], "the request stays open"
    (used,) = visit.answer(begun.link, credential_ids=[second]).presented
    assert used.id == second


@clause("PP-81")
def test_copies_go_out_once_each_in_turn(visit):
    made = []
    for _ in range(3):
        key = visit.wallet.new_key()
        one = visit.desk.world.issuer.issue(visit.desk.world.template, CLAIMS, holder_key=key)
        made.append(visit.wallet.add(one, batch="b").id)
    used = [visit.answer(visit.desk.begin().link).presented[0].id for _ in range(4)]
    assert used == [*made, made[0]]


@clause("PP-81")
def test_a_copy_that_was_named_stands_for_its_certificate(visit):
    ids = []
    for _ in range(2):
        key = visit.wallet.new_key()
        one = visit.desk.world.issuer.issue(visit.desk.world.template, CLAIMS, holder_key=key)
        ids.append(visit.wallet.add(one, batch="b").id)
    request = visit.desk.world.verifier().request(visit.desk.world.template, "name")
    for _ in range(2):
        visit.wallet.present(request, credential_id=ids[0])
    assert [len(held.uses) for held in visit.wallet.copies(ids[0])] == [1, 1]


# --- What it is for ------------------------------------------------------------------------------


@clause("PP-79")
@pytest.mark.parametrize("who", [None, UnsignedIdentity()])
def test_what_a_verifier_says_that_it_is_for_is_told_as_not_confirmed(tmp_path, who):
    visit = Visit(tmp_path, who)
    with visit.wallet:
        visit.hold()
        purpose = StatedPurpose.create({"zh-Hant": "核實學位。", "en": "To check a degree."})
        visit.answer(visit.desk.begin(purpose=purpose, encrypted=who is None).link)
    said = "\u2068To check a degree.\u2069 (not confirmed)."
    assert f"It says that this is for: {said}" in visit.asked[0].text()


@clause("PP-76", "PP-79")
def test_the_policy_of_a_request_by_link_is_told_from_the_registry_alone(tmp_path):
    world = World.begin()
    visit = Visit(tmp_path, world=world, names=RecordsOf(world.registry))
    policy = publish(world)
    with visit.wallet:
        visit.hold()
        begun = visit.desk.endpoints.begin(
            policy.query(),
            policy=policy.reference,
            purpose=StatedPurpose.create({"en": "Something else."}),
        )
        visit.answer(begun.link)
    text = visit.asked[0].text()
    assert "Purpose: \u2068To give you a library card.\u2069" in text
    assert "Not wanted: \u2068born\u2069" in text
    assert "Something else" not in text


@clause("PP-17", "PP-72")
def test_what_a_policy_asks_for_and_does_not_need_can_be_left_out(tmp_path):
    world = World.begin()
    visit = Visit(tmp_path, world=world, names=RecordsOf(world.registry))
    policy = publish(world)

    def begin():
        return visit.desk.endpoints.begin(policy.query(), policy=policy.reference)

    with visit.wallet:
        visit.hold()
        begun = begin()
        visit.answer(begun.link, disclose=["name", "degree"])
        result = visit.desk.endpoints.result(begun.session_id)
        assert set(result["presentations"]["diploma"][0]["claims"]) == {"name", "degree"}
        for wrong in (["degree"], ["name", "born"]):
            open_still = begin()
            with pytest.raises(CannotDiscloseError):
                visit.answer(open_still.link, disclose=wrong)
            assert visit.desk.state(open_still)["state"] == "fetched"


@clause("PP-79")
def test_verifier_info_of_other_formats_is_passed_over():
    other = {"format": "jwt", "data": "eyJ"}
    assert StatedPurpose.find([other]) is None
    mine = StatedPurpose.create({"en": "A loan."})
    found = StatedPurpose.find([other, mine.to_json()])
    assert found is not None
    assert found.texts.name("pt") == "A loan."


@clause("PP-79")
@pytest.mark.parametrize(
    "value",
    [
        {}, [], "text", [1], [{}], [{"format": 1}], [{"format": "x"}] * 17,
        [{"format": PURPOSE}], [{"format": PURPOSE, "data": "text"}],
        [{"format": PURPOSE, "data": {"purpose": []}}],
        [{"format": PURPOSE, "data": {"purpose": [{"locale": "en", "text": ""}]}}],
    ],
)  # fmt: skip
def test_verifier_info_that_cannot_be_read_is_refused(value):
    with pytest.raises(MalformedError):
        StatedPurpose.find(value)


# --- Transactions ------------------------------------------------------------------------------


@clause("PP-53", "PP-52")
def test_a_transaction_is_shown_and_agreed_to(visit):
    visit.hold()
    entry = TransactionData.create("pay", ["diploma"], {"amount": "12 MOP"})
    begun = visit.desk.begin(transactions=(entry,))
    visit.answer(begun.link, transactions={"pay": PAYMENT})
    text = visit.asked[0].text()
    assert "You would also agree to: Pay; Amount: \u206812 MOP\u2069" in text
    assert visit.asked[0].question.endswith("and agree?")
    assert visit.desk.state(begun)["state"] == "answered"


@clause("PP-53", "PP-83")
def test_a_transaction_that_cannot_be_shown_is_refused_by_its_code(visit):
    visit.hold()
    entry = TransactionData.create("pay", ["diploma"], {"amount": "12 MOP"})
    begun = visit.desk.begin(transactions=(entry,))
    with pytest.raises(ProtocolError, match="invalid_transaction_data"):
        visit.answer(begun.link)
    assert visit.posted()[0]["error"] == "invalid_transaction_data"
    assert visit.asked == []


# --- Not to be believed ------------------------------------------------------------------------


def refused(visit: Visit, link: str, **options: object) -> WeidError:
    """Require that nothing is shown and nothing sent."""
    with pytest.raises(WeidError) as caught:
        visit.answer(link, **options)
    assert visit.asked == []
    assert visit.posted() == []
    assert all(held.uses == () for held in visit.wallet.credentials())
    return caught.value


def changed(link: str, **parameters: str) -> str:
    found = dict(parse_qsl(urlsplit(link).query)) | parameters
    return f"openid4vp://?{urlencode(found)}"


@clause("V9", "PP-84")
@pytest.mark.parametrize(
    "client_id", [HOST, f"https://{HOST}", "pre-registered", "verifier_attestation:x", ":"]
)
def test_a_verifier_without_a_prefix_that_we_take_is_refused(visit, client_id):
    visit.hold()
    assert isinstance(
        refused(visit, changed(visit.desk.begin().link, client_id=client_id)), WeidError
    )


@clause("V9", "PP-84")
def test_another_verifiers_request_object_is_not_taken(visit, tmp_path):
    visit.hold()
    other = InMemorySigner(seeded(81))
    other_leaf = ROOT.leaf(other.public_key, dns=("other.example",), extra=named_above(ROOT_KEY))
    link = visit.desk.begin().link
    other_id = f"x509_hash:{read(other_leaf).thumbprint}"
    error = refused(visit, changed(link, client_id=other_id))
    assert "another verifier" in error.message


@clause("V10", "PP-84")
@pytest.mark.parametrize(
    "place",
    [
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://verifier.example/r",
        "https://127.0.0.1/r",
        "https://[::1]/r",
        "https://10.0.0.1/r",
        "http://127.0.0.1:80/r",
    ],
)
def test_a_request_at_an_inner_address_is_not_fetched(visit, place):
    visit.hold()
    dialed = []

    def dial(address: str, port: int, timeout: float):
        dialed.append((address, port, timeout))
        raise OSError

    guarded = GuardedTransport(dial=dial, look_up=lambda host, _port: [host.strip("[]")])
    link = RequestReference(identity().client_id(BASE).text, place).to_link()
    with pytest.raises(TransportError) as caught:
        visit.wallet.answer(link, transport=guarded, trust=TRUST, agree=visit.agree)
    assert caught.value.refused
    assert dialed == []
    assert visit.asked == []


@clause("V10", "PP-84")
@pytest.mark.parametrize("addresses", [["10.0.0.7"], ["93.184.215.14", "127.0.0.1"], ["fd00::1"]])
def test_a_name_that_leads_inside_is_not_followed(visit, addresses):
    """The address that was judged is the one that is dialled: nothing is looked up twice."""
    visit.hold()
    guarded = GuardedTransport(look_up=lambda _host, _port: addresses)
    link = RequestReference(identity().client_id(BASE).text, f"{BASE}/requests/1").to_link()
    with pytest.raises(TransportError) as caught:
        visit.wallet.answer(link, transport=guarded, trust=TRUST)
    assert caught.value.refused


@clause("V11", "PP-84")
@pytest.mark.parametrize("nonce", [None, "another-nonce", ""])
def test_a_request_that_was_not_made_for_this_wallet_is_refused(visit, nonce):
    visit.hold()
    visit.desk.endpoints.post_requests = True
    begun = visit.desk.begin()
    request = visit.desk.wallet.read_request(begun.link).request
    text = create_request_object(request, identity(), wallet_nonce=nonce)
    visit.desk.transport.asked.clear()
    visit.desk.transport.change = lambda reply: replace(reply, body=text.encode())
    error = refused(visit, begun.link)
    assert "wallet_nonce" in error.message


def altered(visit: Visit, make) -> str:
    """Return the link of a request whose object `make` made anew from the real one."""
    begun = visit.desk.begin()
    request = visit.desk.wallet.read_request(begun.link).request
    text = make(request)
    visit.desk.transport.asked.clear()
    visit.desk.transport.change = lambda reply: replace(reply, body=text.encode())
    return begun.link


def signed(request, *, typ="oauth-authz-req+jwt", header=None, signer=SIGNER, **members) -> str:
    made = {**request.to_json(), "aud": AUDIENCE, **members}
    payload = {name: value for name, value in made.items() if value is not None}
    chain = {"x5c": identity().chain.to_x5c()} if header is None else header
    return create_jws({"typ": typ, **chain}, json_dumps(payload), signer)


def unsigned(request) -> str:
    head, body, _ = signed(request).split(".")
    del head
    return f"{base64url_encode(json_dumps({'alg': 'none', 'typ': 'oauth-authz-req+jwt'}))}.{body}."


OBJECTS = {
    "typ JWT": lambda request: signed(request, typ="JWT"),
    "no signature": unsigned,
    "another audience": lambda request: signed(request, aud="https://other.example"),
    "no audience": lambda request: signed(request, aud=None),
    "expired": lambda request: signed(request, exp=START - 1000, iat=START - 2000),
    "from the future": lambda request: signed(request, iat=START + 5000, exp=START + 6000),
    "without an end": lambda request: signed(request, iat=None, exp=None),
    "of another key": lambda request: signed(request, signer=InMemorySigner(seeded(88))),
    "without a chain": lambda request: signed(request, header={}),
    "of another client": lambda request: signed(request, client_id="x509_hash:abc"),
    "no JWS": lambda _: "not.a.jws",
    "text": lambda _: "{}",
}


@clause("V12", "PP-84")
@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_a_request_object_that_is_not_whole_is_refused(visit, make):
    visit.hold()
    refused(visit, altered(visit, make))


@clause("V12", "PP-84")
def test_a_request_that_its_verifier_would_have_signed_is_not_taken_unsigned(visit):
    visit.hold()
    begun = visit.desk.begin(encrypted=False)
    request = visit.desk.wallet.read_request(begun.link).request
    visit.desk.transport.asked.clear()
    error = refused(visit, create_request_uri(request))
    assert "not signed" in error.message


@clause("V13", "PP-84")
@pytest.mark.parametrize("named", [None, HOST])
def test_an_answer_goes_nowhere_else_than_to_who_asks(tmp_path, named):
    visit = Visit(tmp_path, identity(named))
    # A stranger's certificate vouches for the hosts in it, and for no other.
    visit.trust = TRUST if named else RequestTrust(accept_unconfirmed=True)
    with visit.wallet:
        visit.hold()
        link = altered(
            visit, lambda request: signed(request, response_uri="https://evil.example/take")
        )
        error = refused(visit, link)
    assert "another host" in error.message


@clause("V13", "PP-84")
def test_an_unsigned_request_is_answered_only_at_the_place_that_it_names(tmp_path):
    visit = Visit(tmp_path, UnsignedIdentity())
    with visit.wallet:
        visit.hold()
        link = visit.desk.begin(encrypted=False).link
        refused(visit, changed(link, response_uri="https://evil.example/take"))


@clause("V9", "PP-84")
def test_a_verifier_whom_nobody_trusted_certified_is_refused_unless_told_else(tmp_path):
    leaf = STRANGER.leaf(SIGNER.public_key, dns=(HOST,))
    visit = Visit(tmp_path, identity(leaf=leaf))
    with visit.wallet:
        visit.hold()
        refused(visit, visit.desk.begin().link)
        visit.trust = RequestTrust(accept_unconfirmed=True)
        visit.answer(visit.desk.begin().link)
    assert "Nobody whom you trust" in visit.asked[0].text()


@clause("V14", "PP-84")
def test_a_thousand_questions_are_not_even_read(visit):
    visit.hold()
    one = {"format": "dc+sd-jwt", "meta": {"vct_values": ["t"]}}
    many = {"credentials": [{**one, "id": f"q{number}"} for number in range(1000)]}
    link = altered(visit, lambda request: signed(request, dcql_query=many))
    assert "credentials" in refused(visit, link).message


@clause("V14", "PP-82")
def test_who_asks_for_everything_is_shown_asking_for_everything(visit):
    visit.hold()
    query = visit.desk.query(*CLAIMS)
    begun = visit.desk.endpoints.begin(query)
    with pytest.raises(WalletError):
        visit.answer(begun.link, agree=lambda consent: visit.asked.append(consent))
    (consent,) = visit.asked
    assert all(name in consent.text() for name in CLAIMS)
    assert consent.hidden == ()
    assert "error" in visit.posted()[0]


@clause("PP-80")
def test_a_request_with_alternatives_is_answered_as_a_whole(visit):
    visit.hold()
    first = visit.desk.asked()
    second = {**visit.desk.asked(), "id": "licence", "meta": {"vct_values": ["urn:other"]}}
    query = {
        "credentials": [second, first],
        "credential_sets": [{"options": [["licence"], ["diploma"]]}],
    }
    begun = visit.desk.endpoints.begin(DcqlQuery.from_json(query))
    visit.answer(begun.link)
    assert visit.desk.state(begun)["state"] == "answered"


def test_links_that_are_none_are_refused(visit):
    for link in ("", "https://verifier.example", "openid4vp://?", "openid4vp://?a=%zz"):
        with pytest.raises((MalformedError, ProtocolError)):
            visit.answer(link)
