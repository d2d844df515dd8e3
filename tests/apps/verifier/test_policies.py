"""Asking wallets online by a policy that is published in the registry."""

from __future__ import annotations

import html
import json

import pytest

from tests.apps.verifier.online import QUERY, TOKEN, Clerk, Wallet, build
from tests.support.clauses import clause
from tests.support.cli_world import Server, Shell
from tests.support.policies import DIPLOMA, publish
from tests.support.world import AUDIENCE, World
from verifier_app.policies_seen import PoliciesSeen
from weid.errors import MalformedError, ProtocolError, RegistryUnavailableError
from weid.registry.policy_operations import WithdrawPolicy
from weid.transport import GuardedTransport

API = "/api/v1/presentations"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
URI = "urn:weid:test:policy:library-card:1"


@pytest.fixture
def world():
    return World.begin()


@pytest.fixture
def app(world, tmp_path):
    return build(world, tmp_path)


def withdraw(world: World, version: int = 1) -> None:
    world.issuer.author.submit(WithdrawPolicy("library-card", version))


# --- The page ------------------------------------------------------------------------------------


@clause("PP-78")
def test_a_clerk_chooses_a_policy_that_is_told_in_words(world, app):
    publish(world)
    clerk = Clerk(app)
    page = html.unescape(clerk.get("/wallets/").text)
    for said in (
        "Library card", "To give you a library card.", "Test University", "1 year 6 months", URI,
        "As the person likes", "May not be shown",
    ):  # fmt: skip
        assert said in page, said
    path = clerk.begin(wish=None, policy=URI)
    waiting = html.unescape(clerk.get(path).text)
    assert "Library card" in waiting
    assert "May not be shown" in waiting
    wallet = Wallet(world, app)
    asked = wallet.read(clerk.link(path))
    assert asked.request.policy.policy_id == "library-card"
    wallet.client.answer(asked, wallet.texts(asked))
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text


def test_the_words_are_there_in_chinese(world, app):
    texts = [{"locale": "en", "text": "Card"}, {"locale": "zh-Hant", "text": "讀者證"}]
    publish(world, name=texts)
    clerk = Clerk(app)
    clerk.post("/language", language="zh-Hant", back="/")
    page = clerk.get("/wallets/").text
    for said in ("讀者證", "必須提供", "不得出示", "1 年 6 個月", "公布者"):
        assert said in page, said


@clause("PP-75", "PP-78")
def test_an_answer_that_shows_what_the_policy_forbids_is_not_accepted(world, app):
    publish(world, credential={"forbidden": [["degree"]], "optional": []})
    clerk = Clerk(app)
    path = clerk.begin(wish=None, policy="library-card")
    wallet = Wallet(world, app)
    asked = wallet.read(clerk.link(path))
    text = world.present(world.verifier().request(world.template, "name", "degree"))
    with pytest.raises(ProtocolError):
        wallet.client.answer(asked, {"diploma": [text]})
    assert clerk.state(path)["state"] == "not_accepted"


@clause("PP-78")
def test_an_answer_is_kept_no_longer_than_the_policy_says(world, app):
    publish(world, retention="PT2M")
    clerk = Clerk(app)
    path = clerk.begin(wish=None, policy=URI)
    Wallet(world, app).answer(clerk.link(path))
    assert "after 2 minutes" in clerk.get(f"{path}/result").text
    world.clock.advance(121)
    assert "Lovelace" not in clerk.get(f"{path}/result").text


@clause("PP-78")
def test_a_policy_that_is_withdrawn_or_over_is_not_offered(world, app):
    publish(world)
    publish(world, valid_until=world.clock.now() + 60)
    clerk = Clerk(app)
    assert "library-card:2" in clerk.get("/wallets/").text
    world.clock.advance(60)
    page = clerk.get("/wallets/").text
    assert "library-card:1" in page
    assert "library-card:2" not in page
    withdraw(world)
    assert "library-card" not in clerk.get("/wallets/").text
    reply = clerk.post("/wallets/", policy=URI)
    assert reply.status_code == 400
    assert "no longer in force" in reply.text


def test_policies_of_others_are_not_asked_by_where_the_settings_name_publishers(world, tmp_path):
    publish(world)
    other = build(world, tmp_path, policy_publishers=["did:weid:test:zQm"])
    clerk = Clerk(other)
    assert "Library card" not in clerk.get("/wallets/").text
    assert clerk.post("/wallets/", policy=URI).status_code == 404
    own = build(world, tmp_path, policy_publishers=[world.issuer.did])
    assert "Library card" in Clerk(own).get("/wallets/").text


def test_a_registry_that_is_away_offers_no_policy(world):
    class Away:
        def policies(self):
            raise RegistryUnavailableError("no route")

    seen = PoliciesSeen({"test": Away(), "other": world.registry}, clock=world.clock)
    publish(world)
    assert [one.uri for one in seen.in_force()] == [URI]


@pytest.mark.parametrize("name", ["", "Library", "urn:weid:test:policy:library-card:0", "a b", "é"])
def test_what_names_no_policy_is_refused(world, name):
    seen = PoliciesSeen({"test": world.registry}, clock=world.clock)
    with pytest.raises(MalformedError, match="not the name"):
        seen.named(name)


# --- The API and the command ---------------------------------------------------------------------


@clause("PP-78")
@pytest.mark.parametrize("name", ["library-card", "library-card:1", URI])
def test_a_program_asks_by_a_policy(world, app, name):
    publish(world)
    client = app.test_client()
    made = client.post(API, base_url=AUDIENCE, headers=GOOD, json={"policy": name})
    assert made.status_code == 201, made.text
    asked = Wallet(world, app).read(made.json["request"]).request
    assert asked.policy.version == 1
    assert asked.query.credentials[0].types == (DIPLOMA,)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"policy": "library-card", "dcql": QUERY}, 422),
        ({"policy": "library-card:7"}, 404),
        ({"policy": "urn:weid:other:policy:library-card:1"}, 404),
        ({"policy": 1}, 422),
        ({"policy": "no policy"}, 422),
        ({}, 422),
    ],
)
def test_a_program_that_names_no_policy_is_told(world, app, body, status):
    publish(world)
    client = app.test_client()
    reply = client.post(API, base_url=AUDIENCE, headers=GOOD, json=body)
    assert (reply.status_code, bool(reply.json["message"])) == (status, True)


@pytest.fixture
def shell(world, tmp_path):
    server = Server(lambda url: build(world, tmp_path, url))
    folder = tmp_path / "shell"
    folder.mkdir()
    shell = Shell(folder)
    shell.secret("api.token", TOKEN)
    shell.environ |= {"WEID_VERIFIER_APP": server.url, "WEID_VERIFIER_TOKEN_FILE": "api.token"}
    (folder / "query.json").write_text(json.dumps(QUERY))
    yield shell
    server.close()


LOCAL = "--unsafe-loopback-http"


def test_a_script_asks_by_a_policy(world, shell):
    publish(world)
    made = shell.json("verifier", "request", "--policy", "library-card:1", LOCAL)
    wallet = Wallet(world, transport=GuardedTransport(allow_loopback_http=True))
    wallet.answer(made["request"])
    found = shell.json("verifier", "status", made["id"], LOCAL)
    assert (found["state"], found["report"]["verdict"]) == ("answered", "accepted")


def test_a_policy_and_a_query_are_not_asked_together(shell):
    code, _, err = shell.run(
        "verifier", "request", "--policy", "library-card:1", "--dcql", "query.json", LOCAL
    )
    assert (code, "not both" in err) == (2, True)


def test_a_policy_that_nobody_published_is_told(shell):
    code, _, err = shell.run("verifier", "request", "-p", "library-card:1", LOCAL)
    assert (code, "No trusted registry has such a policy." in err) == (1, True)
