"""The API for programs: the same services as the pages, by a token and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from issuer_app.cli.main import cli
from issuer_app.web.access import API
from tests.apps.issuer.support import ORIGIN, ROLES, add_organisation, people, rows_csv
from tests.support.clauses import clause
from weid.clock import FixedClock


class Program:
    """A client of the API with a token of a user."""

    def __init__(self, office, login, *, days=1, name="tests"):
        self.office = office
        made = office.services.api_tokens.create(office.person, login, name=name, days=days)
        self.id, self.token = made.id, made.text

    def call(self, method, path, *, body=None, token=None, **options):
        headers = options.pop("headers", {})
        if token != "":
            headers["Authorization"] = f"Bearer {token or self.token}"
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body)
        client = self.office.app.test_client()
        return client.open(
            f"/api/v1/{path}", method=method, base_url=ORIGIN, headers=headers, **options
        )

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body=body or {}, **options)

    def upload(self, content, *, to="batches", template="residence-test", **asked):
        asked = {"template": template, "name": "rows.csv", **asked}
        return self.call("POST", to, body=content, query_string=asked)

    def issue(self, content):
        """Upload, send and issue; return the batch."""
        batch = self.upload(content).json
        self.post(f"batches/{batch['id']}/issue", {"version": batch["version"]})
        self.office.job.run_once()
        return self.get(f"batches/{batch['id']}").json


@pytest.fixture
def officer(office):
    return Program(office, "officer")


def calls(office):
    """Yield (endpoint, path, method) of every route of the API, with identifiers that exist."""
    certificate = office.certificates()[0]
    values = {"batch_id": certificate["batch_id"], "certificate_id": certificate["id"]}
    values |= {"action": "suspend", "decision": "approve"}
    adapter = office.app.url_map.bind("issuer.example", url_scheme="https")
    for rule in office.app.url_map.iter_rules():
        if rule.endpoint in API:
            path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
            method = "POST" if "POST" in rule.methods else "GET"
            yield rule.endpoint, path.removeprefix("/api/v1/"), method


@clause("W1", "W2")
def test_every_route_for_every_role(office):
    office.issue(rows_csv(*people(2)))
    found = list(calls(office))
    assert {endpoint for endpoint, _, _ in found} == set(API)
    for role in ROLES:
        program = Program(office, role)
        for endpoint, path, method in found:
            status = program.call(method, path, body=b"{}").status_code
            if role in {str(one) for one in API[endpoint]}:
                assert status not in {302, 401, 403, 500}, (endpoint, role, status)
            else:
                assert status == 403, (endpoint, role, status)


@clause("W1", "W3")
def test_a_cookie_opens_nothing_and_no_token_is_401_in_json(office, officer):
    browser = office.browser("officer")
    office.issue(rows_csv(*people(1)))
    for endpoint, path, method in calls(office):
        answer = browser.client.open(
            f"/api/v1/{path}", method=method, base_url=ORIGIN, headers={"Origin": ORIGIN}
        )
        assert answer.status_code == 401, endpoint
        assert answer.json["error"] == "invalid_token"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "header",
    {
        "another scheme": "Basic {token}",
        "no scheme": "{token}",
        "a letter less": "Bearer {short}",
        "a letter more": "Bearer {token}x",
        "two of them": "Bearer {token} {token}",
        "something long": "Bearer " + "x" * 5000,
        "nothing": "",
    }.values(),
)
def test_what_is_not_the_token_is_nobody(office, officer, header):
    sent = header.format(token=officer.token, short=officer.token[:-1])
    answer = officer.get("me", token="", headers={"Authorization": sent})
    assert answer.status_code == 401
    assert officer.get("me").status_code == 200


@clause("W2")
def test_another_organisations_objects_do_not_exist(office):
    office.issue(rows_csv(*people(1)))
    other = add_organisation(office.database, "Other office")
    office.add_user("stranger", *ROLES, organisation=other)
    person = type(office.person)("", other, "", "server", frozenset())
    made = office.services.api_tokens.create(person, "stranger", name="x", days=1)
    stranger = Program(office, "officer")
    for endpoint, path, method in calls(office):
        if re.search("[0-9a-f]{32}", path):
            body = {"version": 1, "faulty": 0, "reason": "under_review"}
            answer = stranger.call(method, path, body=body, token=made.text)
            assert answer.status_code == 404, endpoint
    assert stranger.get("certificates", token=made.text).json["certificates"] == []
    assert stranger.get("templates", token=made.text).json["templates"] == []
    office.services.api_tokens.revoke(office.person, stranger.id)
    with pytest.raises(Exception, match="there is no token"):
        office.services.api_tokens.revoke(office.person, made.id)


@clause("W23")
def test_a_token_is_kept_as_a_hash_ends_and_can_be_revoked(office, officer):
    stored = office.database.query("SELECT * FROM api_tokens")
    assert officer.token not in json.dumps(stored)
    assert officer.get("me").json["name"] == "Officer (token tests)"
    short = Program(office, "officer", name="short")
    office.clock.advance(86_400)
    assert short.get("me").status_code == 401
    long = Program(office, "officer", name="long", days=10)
    assert long.get("me").status_code == 200
    office.services.api_tokens.revoke(office.person, long.id)
    assert long.get("me").status_code == 401


def test_a_token_ends_with_its_user(office, officer):
    user = office.database.first("SELECT id, version FROM users WHERE login = 'officer'")
    office.services.accounts.disable_user(
        office.person, user["id"], expected_version=user["version"]
    )
    assert officer.get("me").status_code == 401


@clause("W29")
def test_a_flood_is_slowed_down_whatever_the_token(new_office):
    office = new_office(api_calls_per_minute=3, recognized=False)
    officer = Program(office, "officer")
    assert [officer.get("me", token="x").status_code for _ in range(4)] == [401, 401, 401, 429]
    answer = officer.get("me")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 60
    office.clock.advance(60)
    assert officer.get("me").status_code == 200


def test_a_batch_from_the_file_to_its_offers(office, officer):
    content = rows_csv(*people(3))
    batch = officer.upload(content).json
    assert (batch["state"], batch["row_count"], batch["faulty_count"]) == ("checked", 3, 0)
    assert officer.upload(content).json["id"] == batch["id"]
    stale = officer.post(f"batches/{batch['id']}/issue", {"version": 99})
    assert (stale.status_code, stale.json["error"]) == (409, "conflict")
    sent = officer.post(f"batches/{batch['id']}/issue", {"version": batch["version"]})
    assert sent.json["state"] == "approved"
    office.job.run_once()
    done = officer.get(f"batches/{batch['id']}").json
    assert (done["state"], done["progress"]["offered"]) == ("issued", 3)
    offers = officer.get(f"batches/{batch['id']}/offers").json["offers"]
    assert [offer["row"] for offer in offers] == [2, 3, 4]
    assert all(offer["offer"].startswith("openid-credential-offer://") for offer in offers)
    actions = office.database.query(
        "SELECT action, user_name FROM audit_entries WHERE user_name LIKE '%token%'"
    )
    assert [entry["action"] for entry in actions] == [
        "batch_uploaded",
        "batch_sent",
        "batch_approved",
        "offers_downloaded",
    ]
    assert {entry["user_name"] for entry in actions} == {"Officer (token tests)"}


def test_a_dry_run_keeps_nothing_and_repeats_no_cell(office, officer):
    content = rows_csv(*people(1), ("", "R-2", "1990-02-30"))
    found = officer.upload(content, to="checks").json
    assert (found["rows"], found["faulty"]) == (2, 1)
    assert sorted((one["row"], one["column"], one["code"]) for one in found["findings"]) == [
        (3, "born", "claim_refused"),
        (3, "name", "cell_required"),
        (3, "number", "claim_refused"),
    ]
    assert "1990-02-30" not in json.dumps(found)
    assert office.database.query("SELECT * FROM batches") == []
    assert office.database.query("SELECT * FROM batch_rows") == []


def test_faulty_rows_are_listed_and_left_out_when_that_is_said(office, officer):
    batch = officer.upload(rows_csv(*people(2), ("", "R-2", ""))).json
    assert batch["state"] == "draft"
    found = officer.get(f"batches/{batch['id']}").json
    assert {one["row"] for one in found["findings"]} == {4}
    wrong = officer.post(f"batches/{batch['id']}/leave-out", {"version": 1, "faulty": 2})
    assert wrong.status_code == 409
    left = officer.post(f"batches/{batch['id']}/leave-out", {"version": 1, "faulty": 1})
    assert left.json["state"] == "checked"


def test_two_persons_decide_and_nobody_alone_with_two_tokens(new_office):
    office = new_office(policy="two_person")
    office.add_user("both", "officer", "approver")
    both, approver = Program(office, "both"), Program(office, "approver")
    again = Program(office, "both", name="a second token")
    batch = both.upload(rows_csv(*people(1))).json
    sent = both.post(f"batches/{batch['id']}/issue", {"version": 1}).json
    assert sent["state"] == "checked"
    for own in (both, again):
        answer = own.post(f"batches/{batch['id']}/approve", {"version": sent["version"]})
        assert answer.status_code == 403
    back = approver.post(
        f"batches/{batch['id']}/return", {"version": sent["version"], "note": "look again"}
    ).json
    sent = both.post(f"batches/{batch['id']}/issue", {"version": back["version"]}).json
    done = approver.post(f"batches/{batch['id']}/approve", {"version": sent["version"]})
    assert done.json["state"] == "approved"


def test_a_certificate_is_found_changed_and_has_its_offer(office, officer):
    officer.issue(rows_csv(*people(2)))
    found = officer.get("certificates?q=Person 00002").json["certificates"]
    assert [one["label"] for one in found] == ["Person 00002"]
    path = f"certificates/{found[0]['id']}"
    offer = officer.get(f"{path}/offer").json["offer"]
    assert officer.get(f"{path}/offer").json["offer"] == offer
    assert officer.post(f"{path}/offer").json["offer"] not in {offer, ""}
    shown = officer.get(path).json
    assert shown["claims"]["name"] == "Person 00002"
    assert "credential" not in shown
    assert "anchor_salt" not in shown
    said = {"version": shown["version"], "reason": "under_review", "note": "n"}
    assert officer.post(f"{path}/suspend", said).json["status"] == "suspended"
    again = officer.post(f"{path}/suspend", said)
    assert again.status_code == 409
    assert "already suspended, since" in again.json["message"]
    said = {"version": 2, "reason": "boredom"}
    refused = officer.post(f"{path}/revoke", said)
    assert refused.status_code == 422
    assert refused.json["problems"][0]["field"] == "reason"
    said = {"version": 2, "reason": "data_wrong"}
    assert officer.post(f"{path}/revoke", said).json["status"] == "revoked"
    events = officer.get(path).json["events"]
    assert [event["action"] for event in events] == ["reserved", "suspended", "revoked"]
    assert officer.get(f"{path}/offer").status_code == 409


@clause("IP-82")
def test_a_program_gets_the_offer_of_the_next_certificate_that_nobody_has_seen(office, officer):
    officer.issue(rows_csv(*people(3)))
    downloaded = officer.issue(rows_csv(*people(1, start=10)))["id"]
    officer.get(f"batches/{downloaded}/offers")
    first, second, third = (one["id"] for one in oldest_first(officer, 3))
    officer.get(f"certificates/{first}/offer")
    wanted = {"configurations": ["residence-test_1"]}
    one = officer.post("offers", wanted).json
    assert one["id"] == second
    assert officer.get(f"certificates/{second}/offer").json["offer"] == one["offer"]
    other = officer.post("offers", {**wanted, "tx_code": "yes"}).json
    assert other["id"] == third
    assert len(other["tx_code"]) == 6
    none = officer.post("offers", wanted)
    assert none.status_code == 409
    assert "nobody has seen" in none.json["message"]
    for unknown in ([], ["another_1"], ["residence-test_1-x5c"]):
        refused = officer.post("offers", {"configurations": unknown})
        assert refused.status_code in {409, 422}, unknown


def oldest_first(officer, count):
    """Return certificates in the order of their rows."""
    found = officer.get("certificates").json["certificates"]
    return sorted(found, key=lambda one: one["label"])[:count]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"version": 1, "version": 2}', 400), (b"{}", 409), (b"", 409)],
)
def test_a_body_that_is_no_object_changes_nothing(office, officer, body, status):
    batch = officer.upload(rows_csv(*people(1))).json
    answer = officer.call("POST", f"batches/{batch['id']}/issue", body=body)
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert officer.get(f"batches/{batch['id']}").json["state"] == "checked"


@clause("W16", "W24")
def test_what_is_not_there_or_too_large_is_json_without_the_machine(office, officer):
    for path, status in (("batches/x", 404), ("certificates/x", 404), ("me/more", 404)):
        answer = officer.get(path)
        assert answer.status_code == status
        assert "issuer_app" not in answer.get_data(as_text=True)
    large = office.settings.max_upload_bytes + 200_000
    answer = officer.call(
        "POST", "checks", body=b"x", environ_overrides={"CONTENT_LENGTH": str(large)}
    )
    assert answer.status_code in {404, 413}


def test_the_command_makes_lists_and_revokes_tokens(new_office, tmp_path, monkeypatch):
    office = new_office(recognized=False)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"public_url": ORIGIN, "data_dir": str(tmp_path)}))
    monkeypatch.setattr("issuer_app.cli.tokens.SystemClock", lambda: FixedClock(office.clock.now()))

    def run(*arguments):
        return CliRunner().invoke(cli, ["--settings", str(settings), *arguments])

    made = run("create-token", "officer", "--name", "nightly run", "--days", "30")
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    program = Program(office, "officer")
    assert program.get("me", token=token).json["name"] == "Officer (token nightly run)"
    assert run("create-token", "officer", "--name", "nightly run").exit_code != 0
    assert run("create-token", "nobody", "--name", "x").exit_code != 0
    listed = json.loads(run("list-tokens", "--json").stdout)
    assert [row["name"] for row in listed] == ["nightly run", "tests"]
    assert token not in json.dumps(listed)
    assert run("revoke-token", listed[0]["id"]).exit_code == 0
    assert program.get("me", token=token).status_code == 401
    assert "nightly run" in run("list-tokens").stdout
