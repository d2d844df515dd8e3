"""Offers of issuers that we did not write, with everything that the standard lets them do."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.support.clauses import clause
from tests.support.world import CLAIMS, seeded
from tests.unit.wallet.holding import PASSPHRASE, new_wallet
from tests.unit.wallet.peer_issuer import ISSUER, REDIRECT, SERVER, PeerIssuer
from weid.crypto.signer import InMemorySigner
from weid.errors import (
    MalformedError,
    ProtocolError,
    RejectedError,
    TransportError,
    WalletError,
)
from weid.openid4vci.wallet_authorization import AppIdentity
from weid.transport import HttpReply
from weid.verification.policy import TrustPolicy
from weid.wallet.acceptance import Browser
from weid.wallet.wallet import Wallet

ME = AppIdentity("weid-wallet", REDIRECT)


@pytest.fixture
def peer():
    return PeerIssuer()


@pytest.fixture
def wallet(tmp_path, peer):
    with new_wallet(tmp_path, clock=peer.world.clock) as made:
        yield made


def trust(peer: PeerIssuer) -> TrustPolicy:
    return peer.world.policy()


def accept(wallet: Wallet, peer: PeerIssuer, *ids: str, by_page: bool = False, **options):
    return wallet.accept_all(
        peer.offer(*ids, by_page=by_page), transport=peer, trust=trust(peer), **options
    )


def keys_of(wallet: Wallet) -> set[str]:
    return set(wallet._contents.keys)


# --- Finding the issuer ------------------------------------------------------------------------


@clause("IP-17", "I19")
def test_metadata_is_found_in_either_order_of_its_well_known_place(wallet, peer):
    peer.places = {
        f"{ISSUER}/.well-known/openid-credential-issuer": peer.metadata,
        f"{SERVER}/.well-known/openid-configuration": peer.server,
    }
    assert accept(wallet, peer).first().source == ISSUER


@clause("IP-16")
def test_an_offer_by_the_scheme_of_haip_is_one(wallet, peer):
    offer = peer.offer().replace("openid-credential-offer://", "haip-vci://")
    assert wallet.accept(offer, transport=peer, trust=trust(peer)).source == ISSUER


@clause("I19")
def test_the_second_place_is_not_asked_behind_a_first_that_lies(wallet, peer):
    first = "https://peer.example/.well-known/openid-credential-issuer/t"
    peer.places[first] = {**peer.metadata, "credential_issuer": "https://evil.example"}
    peer.places[f"{ISSUER}/.well-known/openid-credential-issuer"] = peer.metadata
    with pytest.raises(MalformedError, match="another credential issuer"):
        accept(wallet, peer)
    assert all(method == "GET" for method, _ in peer.sent)


@clause("I19", "IP-17")
@pytest.mark.parametrize(
    "name", ["deferred_credential_endpoint", "notification_endpoint", "nonce_endpoint"]
)
@pytest.mark.parametrize("place", ["http://peer.example/x", "https://169.254.169.254/x"])
def test_no_endpoint_may_be_plain_or_an_address(wallet, peer, name, place):
    peer.metadata[name] = place
    with pytest.raises(MalformedError):
        accept(wallet, peer)


@clause("I19", "IP-17")
@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "pushed_authorization_request_endpoint"]
)
def test_no_endpoint_of_the_server_may_be_plain(wallet, peer, name):
    peer.server[name] = "http://login.peer.example/x"
    with pytest.raises(MalformedError):
        accept(wallet, peer, by_page=True)


@clause("I18", "IP-22")
def test_a_person_sees_who_offers_what_before_anything_is_redeemed(wallet, peer):
    asked = []
    with pytest.raises(WalletError, match="not accepted"):
        accept(wallet, peer, "diploma", agree=lambda consent: asked.append(consent.text()))
    assert "peer.example" in asked[0]
    assert "Did you expect this offer?" in asked[0]
    assert all(method == "GET" for method, _ in peer.sent)


# --- Tokens ------------------------------------------------------------------------------------


@clause("IP-72")
def test_a_token_is_bound_to_a_key_where_the_server_wants_that(wallet, peer):
    peer.wants_dpop()
    assert accept(wallet, peer).first()
    posts = [url.rpartition("/")[2] for method, url in peer.sent if method == "POST"]
    # The token server and the issuer each say once which nonce they want.
    assert posts == ["token", "token", "nonce", "credential", "credential", "notification"]


@clause("IP-72")
def test_a_server_that_never_takes_its_own_nonce_is_not_asked_without_end(wallet, peer):
    peer.wants_dpop()
    body = b'{"error":"use_dpop_nonce"}'
    headers = {"content-type": "application/json", "dpop-nonce": "again"}
    peer.refuse["token"] = HttpReply(400, headers, body)
    with pytest.raises(ProtocolError, match="use_dpop_nonce"):
        accept(wallet, peer)
    assert [url for method, url in peer.sent if method == "POST"] == [f"{SERVER}/token"] * 2


@clause("IP-73")
def test_a_credential_is_asked_for_by_the_identifier_that_the_server_gave(wallet, peer):
    peer.details = [
        {
            "type": "openid_credential",
            "credential_configuration_id": "diploma",
            "credential_identifiers": ["diploma-of-ada", "another"],
        }
    ]
    accept(wallet, peer).first()
    (order,) = peer.orders
    assert order["credential_identifier"] == "diploma-of-ada"
    assert "credential_configuration_id" not in order


# --- Signing in --------------------------------------------------------------------------------


@clause("IP-70")
@pytest.mark.parametrize("pushed", [True, False])
def test_a_person_signs_in_with_the_issuer(wallet, peer, pushed):
    if not pushed:
        del peer.server["pushed_authorization_request_endpoint"]
    peer.wants_dpop()
    opened = []

    def visit(url: str) -> str:
        opened.append(url)
        return peer.visit(url)

    held = accept(wallet, peer, by_page=True, browser=Browser(ME, visit)).first()
    assert held.credential.vct == peer.world.template.vct
    assert ("state=" in opened[0]) is not pushed
    asked = peer.asked
    assert asked["scope"] == "diploma"
    assert asked["issuer_state"] == "state-of-offer"
    assert asked["resource"] == ISSUER
    assert asked["code_challenge_method"] == "S256"
    assert asked["client_id"] == "weid-wallet"
    assert len(asked["dpop_jkt"]) == 43


@clause("IP-70")
def test_what_has_no_scope_is_asked_for_in_detail(wallet, peer):
    del peer.metadata["credential_configurations_supported"]["diploma"]["scope"]
    accept(wallet, peer, by_page=True, browser=Browser(ME, peer.visit)).first()
    details = json.loads(peer.asked["authorization_details"])
    assert details == [{"type": "openid_credential", "credential_configuration_id": "diploma"}]


def answer(**changes: str | None) -> str:
    return urlencode({k: v for k, v in changes.items() if v is not None})


BAD_ANSWERS = {
    "another state": ({"state": "x"}, "state differs"),
    "no state": ({"state": None}, "state differs"),
    "another server": ({"iss": "https://evil.example"}, "another authorization server"),
    "no server, although it says so": ({"iss": None}, "another authorization server"),
    "no code": ({"code": None}, "no code"),
}


@clause("IP-71", "I16")
@pytest.mark.parametrize(("changes", "words"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_to_another_sign_in_is_not_taken(wallet, peer, changes, words):
    def visit(url: str) -> str:
        peer.visit(url)
        members = {"code": "a-1", "state": peer.pushed["state"], "iss": SERVER}
        return f"{REDIRECT}?{answer(**(members | changes))}"

    with pytest.raises(MalformedError, match=words):
        accept(wallet, peer, by_page=True, browser=Browser(ME, visit))
    assert ("POST", f"{SERVER}/token") not in peer.sent
    assert not keys_of(wallet) or not wallet.credentials()


@clause("IP-71")
@pytest.mark.parametrize(
    "place",
    ["http://127.0.0.1:8124/cb?code=a-1", "https://evil.example/cb?code=a-1", "x" * 9000],
)
def test_an_answer_at_another_place_is_not_taken(wallet, peer, place):
    with pytest.raises(MalformedError):
        accept(wallet, peer, by_page=True, browser=Browser(ME, lambda _: place))


@clause("IP-71")
def test_an_issuer_that_sends_the_person_away_is_told_in_its_words(wallet, peer):
    def visit(url: str) -> str:
        peer.visit(url)
        told = {"error": "access_denied", "error_description": "not you\n", "iss": SERVER}
        return f"{REDIRECT}?{urlencode({**told, 'state': peer.pushed['state']})}"

    with pytest.raises(ProtocolError) as caught:
        accept(wallet, peer, by_page=True, browser=Browser(ME, visit))
    assert caught.value.code == "access_denied"
    assert caught.value.description == "\u2068not you\\u000a\u2069"


@clause("IP-70")
def test_a_server_without_s256_gets_no_request(wallet, peer):
    peer.server["code_challenge_methods_supported"] = ["plain"]
    with pytest.raises(WalletError, match="S256"):
        accept(wallet, peer, by_page=True, browser=Browser(ME, peer.visit))


@clause("IP-70")
def test_without_a_browser_a_sign_in_is_refused_in_words(wallet, peer):
    with pytest.raises(WalletError, match="sign-in"):
        accept(wallet, peer, by_page=True)
    assert not keys_of(wallet)


# --- Copies ------------------------------------------------------------------------------------


@clause("IP-74")
def test_a_certificate_comes_in_copies_each_for_a_key_of_its_own(wallet, peer):
    peer.batches(3)
    asked = []

    def agree(consent) -> bool:
        asked.append(consent.text())
        return True

    kept = accept(wallet, peer, agree=agree).kept
    assert len(kept) == 3
    assert len({held.key for held in kept}) == 3
    assert {held.batch for held in kept} == {kept[0].id}
    assert wallet.credentials() == kept[:1]
    assert wallet.copies(kept[1].id) == kept
    assert len(asked) == 2
    assert "in 3 copies" in asked[1]
    assert keys_of(wallet) == {held.key for held in kept}


@clause("IP-74")
@pytest.mark.parametrize(("size", "wanted", "number"), [(50, 10, 10), (5, 2, 2), (2, 10, 2)])
def test_no_more_copies_are_asked_for_than_both_sides_want(wallet, peer, size, wanted, number):
    peer.batches(size)
    accept(wallet, peer, copies=wanted).first()
    assert len(peer.orders[0]["proofs"]["jwt"]) == number


@clause("IP-74")
def test_two_configurations_of_one_certificate_are_copies_too(wallet, peer):
    asked = []

    def agree(consent) -> bool:
        asked.append(consent.kind)
        return True

    kept = accept(wallet, peer, "diploma", "diploma_again", agree=agree).kept
    (listed,) = wallet.credentials()
    held = wallet.copies(listed.id)
    assert len(kept) == len(held) == 2
    assert {one.batch for one in held} == {held[0].id}
    assert len(asked) == 2, "what says the same is asked about once"
    wallet.remove(held[1].id)
    assert wallet.credentials() == ()
    assert not keys_of(wallet)


@clause("IP-74")
def test_copies_that_say_different_things_are_not_kept(wallet, peer):
    peer.batches(2)
    peer.claims = lambda number: {**CLAIMS, "name": f"Ada {number}"}
    outcome = accept(wallet, peer)
    with pytest.raises(MalformedError, match="different things"):
        outcome.first()
    assert wallet.credentials() == ()
    assert [one["event"] for one in peer.notices] == ["credential_failure"]


@clause("IP-74", "IP-21")
def test_copies_for_one_key_are_not_taken(wallet, peer):
    peer.batches(2)
    made = peer._closed

    def doubled(status: int, value: dict) -> HttpReply:
        entries = [value["credentials"][0]] * 2
        return made(status, {**value, "credentials": entries})

    peer._closed = doubled
    with pytest.raises(MalformedError, match="several credentials for one key"):
        accept(wallet, peer).first()


@clause("IP-74")
def test_fewer_copies_than_asked_for_leave_no_keys_behind(wallet, peer):
    peer.batches(3)
    made = peer._closed
    peer._closed = lambda status, value: made(
        status, {**value, "credentials": value["credentials"][1:2]}
    )
    (held,) = accept(wallet, peer).kept
    assert held.batch == ""
    assert keys_of(wallet) == {held.key}


# --- Later -------------------------------------------------------------------------------------


@clause("IP-76")
def test_what_is_not_decided_is_asked_for_again_when_the_issuer_says(wallet, peer):
    peer.undecided = 2
    waited = []

    def wait(seconds: int) -> bool:
        waited.append(seconds)
        peer.world.clock.advance(seconds)
        return True

    assert accept(wallet, peer, wait=wait).first()
    assert waited == [30, 30]
    assert wallet.awaited() == ()


@clause("IP-76")
def test_what_nobody_waits_for_is_collected_another_day(wallet, peer, tmp_path):
    peer.undecided = 2
    peer.wants_dpop()
    peer.batches(2)
    outcome = accept(wallet, peer)
    (awaited,) = outcome.awaited
    with pytest.raises(WalletError, match="not decided"):
        outcome.first()
    wallet.close()
    with Wallet.open(
        tmp_path / "ada.wallet", passphrase=PASSPHRASE, clock=peer.world.clock
    ) as again:
        assert [one.id for one in again.awaited()] == [awaited.id]
        sent = len(peer.sent)
        assert not again.collect(transport=peer, trust=trust(peer)).kept
        assert len(peer.sent) == sent, "nobody is asked before it is time"
        peer.world.clock.advance(30)
        assert not again.collect(transport=peer, trust=trust(peer)).kept
        peer.world.clock.advance(30)
        kept = again.collect(transport=peer, trust=trust(peer)).kept
        assert len(kept) == 2
        assert again.awaited() == ()
        assert keys_of(again) == {held.key for held in kept}


@clause("IP-76")
def test_a_request_that_was_denied_is_not_asked_again(wallet, peer):
    peer.undecided = 1
    accept(wallet, peer)
    peer.world.clock.advance(30)
    body = b'{"error":"credential_request_denied"}'
    peer.refuse["deferred"] = HttpReply(400, {"content-type": "application/json"}, body)
    (error,) = wallet.collect(transport=peer, trust=trust(peer)).refused
    assert isinstance(error, ProtocolError)
    assert wallet.awaited() == ()
    assert not keys_of(wallet)


@clause("IP-76")
def test_an_issuer_that_is_away_is_asked_another_time(wallet, peer):
    peer.undecided = 1
    accept(wallet, peer)
    peer.world.clock.advance(30)

    def away(*_: object) -> HttpReply:
        raise TransportError("peer.example cannot be reached")

    peer._deferred = away
    (error,) = wallet.collect(transport=peer, trust=trust(peer)).refused
    assert isinstance(error, TransportError)
    assert len(wallet.awaited()) == 1


# --- Telling -----------------------------------------------------------------------------------


@clause("IP-77")
def test_the_issuer_hears_what_became_of_its_credential(wallet, peer):
    accept(wallet, peer).first()
    assert peer.notices == [{"notification_id": "n-1", "event": "credential_accepted"}]
    with pytest.raises(WalletError, match="not kept"):
        accept(wallet, peer, agree=lambda consent: consent.kind == "offer").first()
    assert peer.notices[1]["event"] == "credential_deleted"


@clause("IP-77", "IP-35")
def test_what_nobody_trusted_made_is_not_kept_and_the_issuer_hears_so(wallet, peer):
    stranger = InMemorySigner(seeded(99))
    peer.made = lambda credential: peer.world.sign_again(credential.text, signer=stranger)
    with pytest.raises(RejectedError):
        accept(wallet, peer).first()
    assert wallet.credentials() == ()
    assert peer.notices[0]["event"] == "credential_failure"


@clause("IP-77")
def test_an_issuer_that_does_not_listen_changes_nothing(wallet, peer):
    def away(*_: object) -> HttpReply:
        raise TransportError("peer.example cannot be reached")

    peer._notification = away
    assert accept(wallet, peer).first()


# --- Encrypted ---------------------------------------------------------------------------------


@clause("IP-75")
@pytest.mark.parametrize("required", [True, False])
def test_messages_are_encrypted_where_the_issuer_takes_that(wallet, peer, required):
    peer.encrypts(required=required)
    peer.undecided = 1
    assert accept(wallet, peer, wait=lambda _: True).first()
    assert peer.response_key is not None


@clause("IP-75")
def test_each_response_has_a_key_of_its_own(wallet, peer):
    peer.encrypts()
    keys = []
    for _ in range(2):
        accept(wallet, peer).first()
        keys.append(peer.response_key)
    assert keys[0] != keys[1]


@clause("IP-75")
def test_a_response_that_comes_plain_is_not_taken(wallet, peer):
    peer.encrypts()
    closed = PeerIssuer._closed

    def plain(status: int, value: dict) -> HttpReply:
        peer.response_key = None
        return closed(peer, status, value)

    peer._closed = plain
    with pytest.raises(MalformedError, match="not encrypted"):
        accept(wallet, peer).first()


@clause("IP-75")
@pytest.mark.parametrize(
    ("member", "changes"),
    [
        ("credential_request_encryption", {"jwks": {"keys": []}}),
        ("credential_request_encryption", {"enc_values_supported": ["A128CBC-HS256"]}),
        ("credential_response_encryption", {"alg_values_supported": ["RSA-OAEP"]}),
    ],
)
def test_an_encryption_that_is_required_and_not_ours_is_refused(wallet, peer, member, changes):
    peer.encrypts()
    peer.metadata[member].update(changes)
    with pytest.raises(WalletError, match="encryption"):
        accept(wallet, peer).first()
    assert peer.orders == []
