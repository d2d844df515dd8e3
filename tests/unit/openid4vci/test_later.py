"""Deferred credentials and notices."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.authorizing import Walk
from tests.unit.openid4vci.issuing import ADA, Setting
from tests.unit.openid4vci.test_batch import SIGNERS, batch, texts
from tests.unit.openid4vci.test_endpoints import body, code_of, error, form, together, token_of
from weid.errors import ProtocolError
from weid.oauth.reply import EndpointRequest, Reply
from weid.openid4vci.redemption import Pending


def posting(token: str, **members: object) -> EndpointRequest:
    return EndpointRequest(
        body=json.dumps(members).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )


class Waiting:
    """An issuance whose approval is awaited, with two keys."""

    def __init__(self, **options: object) -> None:
        self.setting = Setting()
        self.setting.office.pending = Pending(30)
        self.token = token_of(self.setting, **options)
        self.first = self.setting.endpoints.credential(batch(self.setting, self.token, SIGNERS[:2]))
        self.transaction_id = body(self.first)["transaction_id"]

    def collect(self, **options: str) -> Reply:
        token = options.get("token", self.token)
        transaction_id = options.get("transaction_id", self.transaction_id)
        return self.setting.endpoints.deferred_credential(
            posting(token, transaction_id=transaction_id)
        )


@clause("I17", "IP-55")
def test_what_is_not_decided_is_awaited_with_a_transaction_id_and_comes_later():
    waiting = Waiting()
    assert waiting.first.status == 202
    assert body(waiting.first) == {"transaction_id": waiting.transaction_id, "interval": 30}
    assert len(waiting.transaction_id) == 22
    again = waiting.collect()
    assert (again.status, body(again)) == (202, body(waiting.first))
    waiting.setting.office.pending = None
    given = waiting.collect()
    found = texts(given)
    assert len(found) == 2
    assert set(body(given)) == {"credentials", "notification_id"}
    # The answer may be lost: it is repeated, and nothing new is made.
    calls = len(waiting.setting.office.calls)
    assert waiting.collect().body == given.body
    assert len(waiting.setting.office.calls) == calls
    assert waiting.setting.named()[-2:] == ["approval_awaited", "credential_issued"]


@clause("I17", "IP-55")
def test_the_same_request_while_it_is_awaited_is_the_same_transaction():
    waiting = Waiting()
    endpoints, setting = waiting.setting.endpoints, waiting.setting
    again = endpoints.credential(batch(setting, waiting.token, SIGNERS[:2]))
    assert (again.status, body(again)) == (202, body(waiting.first))
    other = endpoints.credential(batch(setting, waiting.token, SIGNERS[2:4]))
    assert error(other) == (400, "credential_request_denied")
    setting.office.pending = None
    assert waiting.collect().status == 200
    direct = endpoints.credential(batch(setting, waiting.token, SIGNERS[:2]))
    assert direct.body == waiting.collect().body


@clause("I20", "IP-56")
def test_a_transaction_is_of_its_token_alone():
    waiting = Waiting()
    setting = waiting.setting
    stranger = token_of(setting)
    replies = [
        waiting.collect(token=stranger),
        waiting.collect(transaction_id="x" * 22),
        waiting.collect(transaction_id=""),
    ]
    assert [error(reply)[1] for reply in replies] == [
        "invalid_transaction_id",
        "invalid_transaction_id",
        "invalid_credential_request",
    ]
    assert error(waiting.collect(token="x.y")) == (401, "invalid_token")
    bare = EndpointRequest(
        body=b'{"transaction_id":"x"}', headers={"Content-Type": "application/json"}
    )
    assert setting.endpoints.deferred_credential(bare).status == 401
    assert len(setting.office.calls) == 1


@clause("I20", "IP-56")
def test_who_asks_far_too_often_is_told_to_wait():
    waiting = Waiting()
    assert [waiting.collect().status for _ in range(5)] == [202, 202, 202, 429, 429]
    refused = waiting.collect()
    assert error(refused) == (429, "slow_down")
    assert refused.headers["Retry-After"] == "30"
    calls = len(waiting.setting.office.calls)
    waiting.setting.clock.advance(29)
    assert waiting.collect().headers["Retry-After"] == "1"
    assert len(waiting.setting.office.calls) == calls
    waiting.setting.clock.advance(1)
    waiting.setting.office.pending = None
    assert waiting.collect().status == 200


@clause("I20", "I22", "IP-56")
def test_many_who_collect_at_once_get_one_set_of_credentials():
    waiting = Waiting()
    waiting.setting.office.pending = None
    replies: list[Reply] = []
    together(8, lambda _: replies.append(waiting.collect()))
    assert {reply.status for reply in replies} <= {200, 429}
    assert len({reply.body for reply in replies if reply.status == 200}) == 1
    assert waiting.setting.named().count("credential_issued") == 1


@clause("I17", "IP-55")
def test_a_refusal_is_told_and_stays_until_the_end():
    waiting = Waiting()
    waiting.setting.office.refusal = ProtocolError("credential_request_denied", "refused")
    for _ in range(2):
        assert error(waiting.collect()) == (400, "credential_request_denied")
    # What was awaited for these keys is not open to others.
    other = batch(waiting.setting, waiting.token, SIGNERS[3:4])
    reply = waiting.setting.endpoints.credential(other)
    assert error(reply) == (400, "credential_request_denied")


@clause("IP-57")
def test_a_token_lasts_as_long_as_its_offer_says():
    setting = Setting()
    setting.office.pending = Pending(3600)
    offer = setting.endpoints.offer("diploma", ADA, token_seconds=14 * 86_400)
    given = body(setting.endpoints.token(form(code=code_of(offer))))
    assert given["expires_in"] == 14 * 86_400
    token = given["access_token"]
    reply = setting.endpoints.credential(batch(setting, token, SIGNERS[:1]))
    transaction_id = body(reply)["transaction_id"]
    setting.clock.advance(14 * 86_400 - 1)
    request = posting(token, transaction_id=transaction_id)
    assert setting.endpoints.deferred_credential(request).status == 202
    setting.office.pending = None
    assert setting.endpoints.deferred_credential(request).status == 200
    setting.clock.advance(1)
    assert setting.endpoints.deferred_credential(request).status == 401


# --- Notices ------------------------------------------------------------------------------------


class Issued:
    """Credentials that a wallet has, with their notification id."""

    def __init__(self) -> None:
        self.setting = Setting()
        self.token = token_of(self.setting)
        reply = self.setting.endpoints.credential(batch(self.setting, self.token, SIGNERS[:2]))
        self.notification_id = body(reply)["notification_id"]
        self.reply = reply

    def tell(self, event: object, **members: object) -> Reply:
        token = members.pop("token", self.token)
        value = {"notification_id": self.notification_id, "event": event, **members}
        return self.setting.endpoints.notification(posting(token, **value))

    def told(self) -> list[str]:
        return [notice.event for notice in self.setting.notices]


@clause("I21", "IP-58")
def test_a_notice_is_kept_once_however_often_it_comes():
    issued = Issued()
    for _ in range(3):
        reply = issued.tell("credential_accepted", event_description="kept")
        assert (reply.status, reply.body) == (204, b"")
    (notice,) = issued.setting.notices
    assert (notice.configuration_id, notice.event, notice.description) == (
        "diploma",
        "credential_accepted",
        "kept",
    )
    assert issued.setting.events[-1][1] == notice.issuance_id
    replies: list[Reply] = []
    together(8, lambda _: replies.append(issued.tell("credential_deleted")))
    assert {reply.status for reply in replies} == {204}
    assert issued.told() == ["credential_accepted", "credential_deleted"]
    # Nothing comes back to life.
    assert issued.tell("credential_failure").status == 204
    assert issued.told() == ["credential_accepted", "credential_deleted"]


@clause("I21", "IP-58")
def test_a_notice_needs_the_token_of_its_credentials():
    issued = Issued()
    stranger = token_of(issued.setting)
    foreign = issued.tell("credential_deleted", token=stranger)
    assert error(foreign) == (400, "invalid_notification_id")
    assert error(issued.tell("credential_deleted", token="x.y")) == (401, "invalid_token")
    unknown = issued.tell("credential_deleted", notification_id="x")
    assert error(unknown) == (400, "invalid_notification_id")
    assert issued.setting.notices == []
    again = issued.setting.endpoints.credential(batch(issued.setting, issued.token, SIGNERS[:2]))
    assert again.body == issued.reply.body


@clause("I21", "IP-58")
@pytest.mark.parametrize(
    "members",
    [
        {"event": "credential_stolen"},
        {"event": None},
        {"event": ["credential_accepted"]},
        {"event": "credential_accepted", "notification_id": 1},
        {"event": "credential_accepted", "event_description": {"a": 1}},
        {"event": "credential_accepted", "event_description": "x" * 9000},
    ],
)
def test_a_notice_that_says_nothing_known_is_refused(members):
    issued = Issued()
    reply = issued.tell(**members)
    assert error(reply) == (400, "invalid_notification_request")
    assert issued.setting.notices == []


@clause("IP-58")
def test_the_words_of_a_notice_are_cut():
    issued = Issued()
    issued.tell("credential_failure", event_description="x" * 4000)
    (notice,) = issued.setting.notices
    assert len(notice.description) == 300


@clause("IP-56", "IP-58")
def test_a_transaction_is_over_when_the_wallet_says_that_it_has_the_credentials():
    waiting = Waiting()
    waiting.setting.office.pending = None
    notification_id = body(waiting.collect())["notification_id"]
    told = posting(waiting.token, notification_id=notification_id, event="credential_accepted")
    assert waiting.setting.endpoints.notification(told).status == 204
    assert error(waiting.collect()) == (400, "invalid_transaction_id")


@clause("I23", "IP-13", "IP-66")
def test_paused_issuing_answers_503_at_these_endpoints_too():
    waiting = Waiting()
    setting = waiting.setting
    setting.paused = True
    for reply in (
        waiting.collect(),
        setting.endpoints.notification(posting(waiting.token, notification_id="x", event="x")),
        setting.endpoints.push(EndpointRequest()),
        setting.endpoints.challenge(),
        setting.endpoints.authorize(""),
    ):
        assert error(reply) == (503, "temporarily_unavailable")
        assert reply.headers["Retry-After"] == "60"
    setting.paused = False
    assert waiting.collect().status == 202


@clause("I20", "I21", "IP-44", "IP-56")
def test_a_token_that_is_bound_to_a_key_needs_its_proof_at_these_endpoints_too():
    walk = Walk()
    walk.setting.office.pending = Pending(30)
    offer = walk.endpoints.offer("diploma", ADA)
    asked = form(code=code_of(offer))
    bound = EndpointRequest(body=asked.body, headers={**asked.headers, **walk.dpop("/token")})
    token = body(walk.endpoints.token(bound))["access_token"]

    def ask(path: str, scheme: str, headers: dict[str, str], **members: str) -> Reply:
        request = EndpointRequest(
            body=json.dumps(members).encode(),
            headers={
                "Authorization": f"{scheme} {token}",
                "Content-Type": "application/json",
                **headers,
            },
        )
        endpoints = walk.endpoints
        found = {
            "/deferred-credential": endpoints.deferred_credential,
            "/notification": endpoints.notification,
        }
        return found[path](request)

    for path in ("/deferred-credential", "/notification"):
        good = walk.dpop(path, access_token=token)
        other = walk.dpop("/credential", access_token=token)
        stranger = walk.dpop(path, SIGNERS[3], access_token=token)
        members = {"transaction_id": "x", "notification_id": "x", "event": "credential_deleted"}
        assert ask(path, "Bearer", {}, **members).status == 401
        assert ask(path, "Bearer", good, **members).status == 401
        assert ask(path, "DPoP", {}, **members).status == 401
        assert ask(path, "DPoP", other, **members).status == 401
        assert ask(path, "DPoP", stranger, **members).status == 401
        right = ask(path, "DPoP", walk.dpop(path, access_token=token), **members)
        assert error(right)[1] in ("invalid_transaction_id", "invalid_notification_id")
