"""`weid verifier request --dcql` and `status` at a running application, and its API."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.apps.verifier.online import QUERY, TOKEN, Wallet, build, secret_file
from tests.support.clauses import clause
from tests.support.cli_world import Server, Shell
from tests.support.world import AUDIENCE, World
from weid.crypto.signer import InMemorySigner
from weid.errors import MalformedError, ProtocolError
from weid.holder import Holder
from weid.transport import GuardedTransport

API = "/api/v1/presentations"
GOOD = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def world():
    return World.begin()


@pytest.fixture
def app(world, tmp_path):
    return build(world, tmp_path)


@pytest.fixture
def client(app):
    return app.test_client()


def begin(client, **body):
    return client.post(API, base_url=AUDIENCE, headers=GOOD, json={"dcql": QUERY, **body})


def look(client, session_id, **asked):
    return client.get(f"{API}/{session_id}", base_url=AUDIENCE, headers=GOOD, query_string=asked)


@pytest.mark.parametrize("mode", ["direct_post.jwt", "direct_post", None])
def test_a_program_asks_and_gets_the_report_and_what_was_asked_for(world, app, client, mode):
    made = begin(client, mode=mode)
    assert made.status_code == 201
    assert set(made.json) == {"id", "request", "expires_at"}
    assert look(client, made.json["id"]).json["state"] == "requested"
    wallet = Wallet(world, app)
    asked = wallet.read(made.json["request"])
    assert (asked.request.encryption is None) == (mode == "direct_post")
    wallet.client.answer(asked, wallet.texts(asked))
    found = look(client, made.json["id"]).json
    assert found["state"] == "answered"
    assert found["report"]["verdict"] == "accepted"
    (one,) = found["presentations"]["diploma"]
    assert one["claims"] == {"name": "Ada Lovelace", "degree": "Mathematics"}
    reply = client.delete(f"{API}/{made.json['id']}", base_url=AUDIENCE, headers=GOOD)
    assert reply.status_code == 204
    assert "Lovelace" not in look(client, made.json["id"]).text
    again = client.delete(f"{API}/{made.json['id']}", base_url=AUDIENCE, headers=GOOD)
    assert again.status_code == 404


@clause("PP-55")
def test_on_the_same_device_even_the_outcome_needs_the_code(world, app, client):
    made = begin(client, same_device=True, return_to="https://shop.example/back?order=1").json
    place = Wallet(world, app).answer(made["request"])
    assert place.startswith("https://shop.example/back?order=1&response_code=")
    found = look(client, made["id"]).json
    assert found == {"state": "answered", "answered_again": False}
    assert look(client, made["id"], response_code="wrong").status_code == 403
    code = place.rpartition("=")[2]
    assert look(client, made["id"], response_code=code).json["report"]["verdict"] == "accepted"


@clause("V5")
@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_without_the_token_nothing_is_told(client, header):
    made = begin(client).json
    headers = {} if header is None else {"Authorization": header}
    for reply in (
        client.post(API, base_url=AUDIENCE, headers=headers, json={"dcql": QUERY}),
        client.get(f"{API}/{made['id']}", base_url=AUDIENCE, headers=headers),
        client.delete(f"{API}/{made['id']}", base_url=AUDIENCE, headers=headers),
    ):
        assert (reply.status_code, reply.json["error"]) == (401, "invalid_token")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert look(client, made["id"]).json["state"] == "requested"


def test_without_a_token_file_there_is_no_api(world, tmp_path):
    client = build(world, tmp_path, api_token_file=None).test_client()
    assert begin(client).status_code == 404


def test_the_id_in_the_link_is_not_the_programs(world, app, client):
    made = begin(client).json
    request_id = made["request"].rpartition("%2F")[2]
    assert look(client, request_id).status_code == 404
    assert look(client, f"vp_{request_id}").status_code == 404


def test_an_id_is_never_taken_for_an_option(client):
    made = begin(client).json
    assert made["id"].startswith("vp_")
    assert look(client, made["id"].removeprefix("vp_")).status_code == 404


BODIES = {
    "no JSON": (b"{", 422),
    "a list": (b"[]", 422),
    "no query": (b"{}", 422),
    "a member twice": (b'{"dcql": {}, "dcql": {}}', 422),
    "a query that is none": (b'{"dcql": {"credentials": []}}', 422),
    "another mode": (json.dumps({"dcql": QUERY, "mode": "fragment"}).encode(), 422),
    "a mode that is no text": (json.dumps({"dcql": QUERY, "mode": 1}).encode(), 422),
    "a page that is none": (
        json.dumps({"dcql": QUERY, "same_device": True, "return_to": "javascript:x"}).encode(), 422),
    "too much": (b" " * 200_000, 413),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_what_cannot_be_asked_is_refused_as_json(client, body, status):
    reply = client.post(API, base_url=AUDIENCE, headers=GOOD, data=body)
    assert reply.status_code == status
    assert reply.json["message"]


@clause("PP-79")
@pytest.mark.parametrize(
    ("given", "told"),
    [("To lend a book.", "To lend a book."), ({"en": "A loan.", "zh-Hant": "借書"}, "A loan.")],
)
def test_a_program_says_what_it_asks_for(world, app, client, given, told):
    made = begin(client, purpose=given).json
    assert Wallet(world, app).read(made["request"]).request.purpose.texts.name("en") == told


@clause("PP-79")
@pytest.mark.parametrize("given", [1, ["x"], {"en": 1}, {"nowhere at all": "x"}, ""])
def test_a_purpose_that_nobody_can_read_is_refused(client, given):
    assert begin(client, purpose=given).status_code == 422


# --- Transactions --------------------------------------------------------------------------------

AGREEMENT = {
    "type": "urn:weid:transaction:agreement:1",
    "credential_ids": ["diploma"],
    "text": "I agree to the rules of the library.",
}


def agree(world: World, wallet: Wallet, link: str) -> None:
    """Answer a request as a wallet whose holder agrees to all its transactions."""
    asked = wallet.read(link)
    text = Holder.present(
        world.credential,
        asked.request,
        signer=InMemorySigner(world.holder),
        clock=world.clock,
        agreed_to=asked.request.transaction_data,
    )
    wallet.client.answer(asked, {"diploma": [text]})


@clause("PP-86")
def test_a_program_has_somebody_agree_to_a_transaction(world, app, client):
    made = begin(client, transaction_data=[AGREEMENT]).json
    wallet = Wallet(world, app)
    (entry,) = wallet.read(made["request"]).request.transaction_data
    assert entry.members == AGREEMENT
    agree(world, wallet, made["request"])
    report = look(client, made["id"]).json["report"]
    assert report["transactions"] == [
        {
            "type": AGREEMENT["type"],
            "agreed_by": "diploma",
            "hash": entry.hash("sha-256"),
            "hash_algorithm": "sha-256",
        }
    ]
    checks = {one["name"]: one for one in report["reports"]["diploma"][0]["checks"]}
    assert checks["request_binding"]["code"] == "request_binding_agreed"


@clause("PP-86", "V15")
def test_an_answer_without_the_agreement_is_not_accepted(world, app, client):
    made = begin(client, transaction_data=[AGREEMENT]).json
    wallet = Wallet(world, app)
    asked = wallet.read(made["request"])
    text = world.present(replace(asked.request, transaction_data=()))
    with pytest.raises(ProtocolError):
        wallet.client.answer(asked, {"diploma": [text]})
    found = look(client, made["id"]).json
    assert found["state"] == "not_accepted"
    assert "transactions" not in found["report"]


TRANSACTIONS = {
    "no array": AGREEMENT,
    "no objects": ["text"],
    "none": [],
    "no type": [{"credential_ids": ["diploma"]}],
    "a credential that is not asked for": [{**AGREEMENT, "credential_ids": ["other"]}],
    "a member that its type does not have": [{**AGREEMENT, "more": "x"}],
    "more than anybody reads": [{**AGREEMENT, "text": "x" * 1001}],
    "too many": [AGREEMENT] * 9,
}


@clause("PP-86")
@pytest.mark.parametrize("given", TRANSACTIONS.values(), ids=TRANSACTIONS)
def test_transactions_that_cannot_be_agreed_to_are_refused(client, given):
    reply = begin(client, transaction_data=given)
    assert (reply.status_code, bool(reply.json["message"])) == (422, True)


# --- The command ---------------------------------------------------------------------------------


@pytest.fixture
def counter(world, tmp_path):
    server = Server(lambda url: build(world, tmp_path, url))
    yield server.url
    server.close()


@pytest.fixture
def shell(tmp_path, counter):
    folder = tmp_path / "shell"
    folder.mkdir()
    shell = Shell(folder)
    shell.secret("api.token", TOKEN)
    shell.environ |= {"WEID_VERIFIER_APP": counter, "WEID_VERIFIER_TOKEN_FILE": "api.token"}
    (folder / "query.json").write_text(json.dumps(QUERY))
    return shell


LOCAL = "--unsafe-loopback-http"


@pytest.fixture
def wallet(world):
    return Wallet(world, transport=GuardedTransport(allow_loopback_http=True))


def test_a_script_asks_and_sees_state_and_report(shell, wallet):
    made = shell.json("verifier", "request", "--dcql", "query.json", LOCAL)
    assert made["request"].startswith("openid4vp://")
    assert shell.json("verifier", "status", made["id"], LOCAL)["state"] == "requested"
    wallet.answer(made["request"])
    found = shell.json("verifier", "status", made["id"], LOCAL)
    assert (found["state"], found["report"]["verdict"]) == ("answered", "accepted")
    assert "Lovelace" in json.dumps(found["presentations"])
    code, out, _ = shell.run("verifier", "status", made["id"], LOCAL)
    assert code == 0
    assert out.splitlines()[0] == "answered: valid"
    assert "passed       issuer_signature" in out


@clause("PP-86")
def test_a_script_has_somebody_agree_to_a_transaction(world, shell, wallet):
    (shell.folder / "rules.json").write_text(json.dumps(AGREEMENT))
    words = ("--dcql", "query.json", "--transaction-data", "rules.json")
    made = shell.json("verifier", "request", *words, LOCAL)
    agree(world, wallet, made["request"])
    _, out, _ = shell.run("verifier", "status", made["id"], LOCAL)
    assert f"agreed to {AGREEMENT['type']} by diploma: sha-256 " in out


def test_mode_and_same_device(shell, wallet):
    made = shell.json(
        "verifier", "request", "--dcql", "query.json", "--mode", "direct_post", "--same-device", LOCAL
    )  # fmt: skip
    asked = wallet.read(made["request"])
    assert asked.request.encryption is None
    place = wallet.client.answer(asked, wallet.texts(asked))
    assert "report" not in shell.json("verifier", "status", made["id"], LOCAL)
    found = shell.json("verifier", "status", made["id"], "--returned-to", place, LOCAL)
    assert found["report"]["verdict"] == "accepted"


def test_a_refusal_is_told(shell, wallet):
    made = shell.json("verifier", "request", "--dcql", "query.json", LOCAL)
    wallet.client.refuse(wallet.read(made["request"]))
    _, out, _ = shell.run("verifier", "status", made["id"], LOCAL)
    assert out == "refused\n  a wallet says: access_denied; the request stays open\n"


def test_the_link_can_be_drawn(shell):
    code, out, err = shell.run(
        "verifier", "request", "--dcql", "query.json", "--qr", "a.svg", LOCAL
    )
    assert code == 0, err
    assert out.startswith("openid4vp://")
    assert (shell.folder / "a.svg").read_text().startswith("<svg")
    assert "weid verifier status" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("request", "--dcql", "query.json", "diploma:1"), 2, "go without TEMPLATE"),
        (("request", "--dcql", "query.json", "--out", "x"), 2, "go without TEMPLATE"),
        (
            ("request", "diploma:1", "name", "--mode", "direct_post"),
            2,
            "go with --dcql",
        ),
        (("request", "diploma:1", "name", "--same-device"), 2, "go with --dcql"),
        (("request", "diploma:1", "name", "--transaction-data", "query.json"), 2, "go with --dcql"),
        (("request",), 2, "or --dcql FILE"),
        (("request", "diploma:1", "name"), 2, "--audience"),
        (("status", "nothing"), 1, "no longer open"),
        (("status", "nothing", "--returned-to", "https://shop.example"), 1, "no response_code"),
        (("request", "--dcql", "api.token"), 1, "api.token"),
    ],
)
def test_what_is_typed_wrongly_is_told(shell, words, code, said):
    found, _, err = shell.run("verifier", *words, LOCAL)
    assert (found, said in err) == (code, True), err
    assert "Try: " in err


def test_a_wrong_token_is_told_with_what_to_do(shell):
    shell.secret("api.token", "wrong" * 10)
    code, _, err = shell.run("verifier", "request", "--dcql", "query.json", LOCAL)
    assert code == 1
    assert "api_token_file" in err


def test_a_token_that_others_may_read_is_not_used(shell):
    (shell.folder / "api.token").chmod(0o644)
    code, _, err = shell.run("verifier", "request", "--dcql", "query.json", LOCAL)
    assert code == 1
    assert "chmod 600" in err


def test_without_an_application_it_says_which_options(shell):
    shell.environ.pop("WEID_VERIFIER_APP")
    code, _, err = shell.run("verifier", "status", "x")
    assert code == 2
    assert "WEID_VERIFIER_APP" in err


@clause("W25")
def test_an_application_whose_token_is_short_or_open_does_not_start(world, tmp_path):
    for content, mode in ((b"short", 0o600), (TOKEN.encode(), 0o640), (b"a b" * 20, 0o600)):
        path = secret_file(tmp_path / f"{mode}-{len(content)}", content, mode)
        with pytest.raises(MalformedError):
            build(world, tmp_path, api_token_file=str(path))
