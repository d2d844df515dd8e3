"""The node's API: what it answers, what it refuses, and that its description is complete."""

from __future__ import annotations

import json
import re
import threading

import jsonschema_rs
import pytest

from registry_chain.node.api.openapi import openapi_path
from registry_chain.node.app import create_app
from registry_chain.node.settings import NodeSettings, RateLimit
from registry_chain.node.webhooks.opening import with_webhooks
from registry_chain.storage.errors import StoreFullError
from tests.support.clauses import clause
from tests.support.node_world import BATCH, CPT, URI, node_world
from weid import limits
from weid.encoding import base64url_decode, base64url_encode
from weid.errors import RegistryUnavailableError
from weid.registry.operations import AnchorEvidence
from weid.registry.signing import sign_transaction
from weid.registry.state_keys import anchor_id, record_id, status_id
from weid.registry.transaction import Transaction
from weid.registry.wire import decode_record, encode_signed


@pytest.fixture(scope="module")
def world():
    return node_world()


@pytest.fixture(scope="module")
def client(world):
    return world.app().test_client()


def signed_by(world, digest):
    author = world.issuer
    transaction = Transaction(
        network="local",
        author=author.did,
        author_keys=author.key_ids,
        sequence=world.registry.next_sequence(author.did),
        valid_until=world.clock.now() + 300,
        operations=(AnchorEvidence(digest),),
    )
    return sign_transaction(transaction, author.signers)


def asked(world):
    """Every GET of the API with a request that is answered."""
    record = world.registry.template(CPT, 1)
    did = world.registry.did(world.issuer_did)
    name = base64url_encode(world.issuer_did.encode())
    receipt = base64url_encode(world.receipt.transaction_id)
    return {
        "/v1/status": "/v1/status",
        "/v1/genesis": "/v1/genesis",
        "/v1/light-blocks/latest": "/v1/light-blocks/latest",
        "/v1/light-blocks/{height}": "/v1/light-blocks/2",
        "/v1/blocks/{height}": "/v1/blocks/2",
        "/v1/records/{namespace}/{record_id}": f"/v1/records/did/{name}",
        "/v1/lists/{list_id}": f"/v1/lists/{base64url_encode(b'templates')}",
        "/v1/history/{digest}": f"/v1/history/{base64url_encode(did.version.previous)}",
        "/v1/contents/{digest}": f"/v1/contents/{base64url_encode(record.digest)}",
        "/v1/receipts/{transaction_id}": f"/v1/receipts/{receipt}",
        "/v1/transactions/{transaction_id}": f"/v1/transactions/{receipt}",
        "/1.0/identifiers/{identifier}": f"/1.0/identifiers/{world.issuer_did}",
        "/v1/log/consistency": "/v1/log/consistency?first=2",
        "/events": "/events?after=0&limit=3",
        "/v1/events/stream": "/v1/events/stream?after=0",
        "/.well-known/weid-webhooks": "/.well-known/weid-webhooks",
        "/healthz": "/healthz",
        "/readyz": "/readyz",
        "/metrics": "/metrics",
    }


# --- The description ------------------------------------------------------------------------------


@clause("NA-18")
def test_every_route_is_described_and_every_description_has_its_route(world):
    app = world.app()
    description = app.test_client().get("/openapi.json").json
    described = {
        (method.upper(), path) for path, item in description["paths"].items() for method in item
    }
    routed = {
        (method, openapi_path(rule.rule))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith(("page.", "twin."))
        and rule.endpoint not in {"asset", "openapi"}
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == routed
    for path, item in description["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]


@clause("NA-18", "NA-01")
def test_every_answer_is_of_the_described_form(world, tmp_path):
    parts = with_webhooks(world.parts(settings=NodeSettings(stream_seconds=0.0)), tmp_path)
    parts.webhooks.keys.signer()
    client = create_app(parts, lambda: None).test_client()
    description = client.get("/openapi.json").json
    requests = asked(world)
    assert set(requests) == {p for p, item in description["paths"].items() if "get" in item}
    for path, request in requests.items():
        reply = client.get(request)
        assert reply.status_code == 200, path
        content = description["paths"][path]["get"]["responses"]["200"]["content"]
        assert reply.mimetype in content, path
        if reply.mimetype == "application/json":
            schema = {
                **content["application/json"]["schema"],
                "components": description["components"],
            }
            jsonschema_rs.validate(schema, reply.json)
    parts.webhooks.kept.close()


@clause("NA-06", "ST-01", "OP-13")
def test_what_somebody_says_of_a_name_is_read_by_who_says_it(world, client):
    did, other = world.issuer_did, world.registry.governor.did
    ids = {
        "status": lambda who: status_id(who, URI),
        "batch": lambda who: anchor_id(who, BATCH),
    }
    for namespace, name in ids.items():
        path = f"/v1/records/{namespace}/"
        value = client.get(path + base64url_encode(name(did))).json["value"]
        record = decode_record(namespace, base64url_decode(value, what="the record"))
        assert record_id(record) == name(did)
        for unsaid in (name(other), name(did).removeprefix(did.encode() + b"/")):
            assert client.get(path + base64url_encode(unsaid)).json["value"] is None


REFUSED = {
    "a record of no kind": ("/v1/records/money/AA", 404),
    "a record id that is not base64url": ("/v1/records/did/a.b", 400),
    "a record id in a second spelling": ("/v1/records/did/AB", 400),
    "a record id that is too long": ("/v1/records/did/" + "A" * 4000, 400),
    "a block that is not there": ("/v1/light-blocks/99999", 404),
    "block 0": ("/v1/light-blocks/0", 404),
    "a block of letters": ("/v1/light-blocks/x", 404),
    "a block with too many digits": ("/v1/blocks/" + "9" * 30, 404),
    "a digest that is too short": ("/v1/history/AAAA", 400),
    "an unknown digest": ("/v1/history/" + "A" * 43, 404),
    "an unknown document": ("/v1/contents/" + "A" * 43, 404),
    "an unknown receipt": ("/v1/receipts/" + "A" * 43, 404),
    "an unknown transaction": ("/v1/transactions/" + "A" * 43, 404),
    "a list id that is not text": ("/v1/lists/" + base64url_encode(b"\xff"), 400),
    "a list start of another length": ("/v1/lists/AA?start=AA", 400),
    "a log size that is not a number": ("/v1/log/consistency?first=x", 400),
    "a negative log size": ("/v1/log/consistency?first=-1", 400),
    "an event position of words": ("/events?after=now", 400),
    "an event position past 64 bits": ("/events?after=99999999999999999999", 400),
    "a path that does not exist": ("/v1/nothing", 404),
    "SQL in an id": ("/v1/records/did/';DROP TABLE records--", 400),
}


@clause("NA-02", "W21", "W24")
@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_question_is_refused_with_code_message_and_hint(client, what):
    path, status = REFUSED[what]
    reply = client.get(path)
    assert reply.status_code == status
    assert set(reply.json) == {"code", "message", "hint"}
    assert all(reply.json.values())
    assert reply.headers["Cache-Control"] == "no-store"


@clause("NA-08")
def test_a_list_that_was_never_begun_is_proved_empty(client):
    reply = client.get("/v1/lists/" + base64url_encode(b"issuers/nobody"))
    assert reply.json["index"] is None
    assert reply.json["page"] is None


# --- Submitting -----------------------------------------------------------------------------------


@clause("NA-12")
def test_a_transaction_is_recorded_once(world, client):
    data = encode_signed(signed_by(world, b"\x71" * 32))
    first = client.post("/v1/transactions", data=data, content_type="application/cbor")
    again = client.post("/v1/transactions", data=data, content_type="application/cbor")
    assert first.status_code == again.status_code == 200
    assert first.json == again.json
    assert first.json["code"] == 0


BODIES = {
    "nothing": (b"", "application/cbor", 422),
    "JSON": (b"{}", "application/json", 415),
    "a form": (b"a=b", "application/x-www-form-urlencoded", 415),
    "text": (b"hello", "text/plain", 415),
    "other CBOR": (b"\x80", "application/cbor", 422),
    "an endless array": (b"\x9f" * 1000, "application/cbor", 422),
    "deep CBOR": (b"\x81" * 50_000, "application/cbor", 422),
    "one byte too many": (b"\x00" * (2 * limits.TRANSACTION_BYTES + 1), "application/cbor", 413),
    "a large but permitted body": (b"\x00" * 2 * limits.TRANSACTION_BYTES, "application/cbor", 422),
}


@clause("NA-12", "W3", "W16", "W17", "B21")
@pytest.mark.parametrize("what", BODIES)
def test_what_is_no_transaction_is_refused(client, what):
    body, kind, status = BODIES[what]
    reply = client.post("/v1/transactions", data=body, content_type=kind)
    assert reply.status_code == status
    assert reply.json["code"]
    if status == 422:
        assert reply.json["result_code"] == 1


@clause("NA-12")
def test_a_closing_node_takes_nothing(world):
    parts = world.parts()
    app = world.app(closing=parts.closing)
    parts.closing.set()
    data = encode_signed(signed_by(world, b"\x72" * 32))
    reply = app.test_client().post("/v1/transactions", data=data, content_type="application/cbor")
    assert reply.status_code == 503
    assert reply.json["code"] == "unavailable"
    assert app.test_client().get("/readyz").status_code == 503
    assert app.test_client().get("/healthz").status_code == 200


class FullEngine:
    def __init__(self, engine, error):
        self._engine = engine
        self._error = error

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def submit(self, transaction):
        raise self._error


@clause("NA-12", "B21", "D4")
def test_a_full_queue_and_a_full_disk_say_so(world):
    data = encode_signed(signed_by(world, b"\x73" * 32))
    table = {
        "mempool_full": RegistryUnavailableError("too many transactions are waiting"),
        "storage_full": StoreFullError("storage full"),
    }
    for code, error in table.items():
        app = world.app(engine=FullEngine(world.registry.engine, error))
        reply = app.test_client().post(
            "/v1/transactions", data=data, content_type="application/cbor"
        )
        assert (reply.status_code, reply.json["code"]) == (503, code)
        assert int(reply.headers["Retry-After"]) >= 1


# --- Events ---------------------------------------------------------------------------------------


@clause("EV-01", "EV-03", "EV-02")
def test_the_feed_is_read_on_from_any_position_without_gap_or_repetition(client):
    whole = client.get("/events").json["events"]
    assert [event["position"] for event in whole] == list(range(len(whole)))
    read, after = [], -1
    while True:
        page = client.get(f"/events?after={after}&limit=2").json
        read += page["events"]
        after = page["last"]
        if not page["more"]:
            break
    assert read == whole
    nothing = client.get(f"/events?after={after}").json
    assert (nothing["events"], nothing["last"], nothing["more"]) == ([], after, False)
    beyond = client.get("/events?after=1000000").json
    assert (beyond["events"], beyond["last"]) == ([], 1_000_000)


@clause("EV-02")
def test_an_event_names_a_transaction_that_can_be_proved(world, client):
    event = client.get("/events").json["events"][-1]
    receipt = world.registry.receipt(bytes.fromhex(event["transaction"]))
    assert receipt.height == event["height"]


@clause("EV-04", "W28")
def test_waiting_ends_with_the_event_or_with_time(world):
    app = world.app()
    last = app.test_client().get("/events").json["events"][-1]["position"]
    answered = []

    def wait():
        answered.append(app.test_client().get(f"/events?after={last}&wait=10").json)

    thread = threading.Thread(target=wait)
    thread.start()
    world.issuer.submit(AnchorEvidence(b"\x74" * 32))
    thread.join(20)
    assert answered[0]["events"][0]["position"] == last + 1
    ticks = iter(range(0, 100_000, 7))
    app = world.app(monotonic=lambda: float(next(ticks)))
    page = app.test_client().get(f"/events?after={last + 1}&wait=20").json
    assert page["events"] == []


@clause("EV-04", "W28")
def test_who_finds_no_waiting_place_is_answered_at_once(world):
    app = world.app(settings=NodeSettings(waiting=0))
    last = app.test_client().get("/events").json["events"][-1]["position"]
    page = app.test_client().get(f"/events?after={last}&wait=20").json
    assert page["events"] == []


# --- Limits, headers, health ----------------------------------------------------------------------


@clause("NA-15", "B21", "W29")
def test_too_many_requests_of_one_peer_are_refused_and_others_not(world):
    clock = [0.0]
    settings = NodeSettings(
        read_limit=RateLimit(rate=1, burst=3), submit_limit=RateLimit(rate=1, burst=1)
    )
    client = world.app(settings=settings, monotonic=lambda: clock[0]).test_client()

    def ask(peer, path="/v1/status", **headers):
        return client.get(path, environ_base={"REMOTE_ADDR": peer}, headers=headers).status_code

    assert [ask("192.0.2.1") for _ in range(5)] == [200, 200, 200, 429, 429]
    assert ask("192.0.2.1", **{"X-Forwarded-For": "198.51.100.9"}) == 429
    assert ask("192.0.2.2") == 200
    assert ask("192.0.2.1", "/healthz") == 200
    assert ask("192.0.2.1", "/nowhere") == 429
    reply = client.get("/v1/status", environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert reply.json["code"] == "too_many_requests"
    assert reply.headers["Retry-After"] == "1"
    page = client.get("/", environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert page.status_code == 429
    assert page.mimetype == "text/html"
    clock[0] += 2
    assert [ask("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    posts = [
        client.post(
            "/v1/transactions",
            data=b"",
            content_type="application/cbor",
            environ_base={"REMOTE_ADDR": "192.0.2.7"},
        ).status_code
        for _ in range(2)
    ]
    assert posts == [422, 429]


@clause("W20", "W24", "NA-16")
def test_security_headers_are_on_every_route_and_every_refusal(world):
    app = world.app(settings=NodeSettings(stream_seconds=0.0))
    client = app.test_client()
    paths = [*asked(world).values(), "/openapi.json", "/", "/blocks", "/templates", "/governance"]
    paths += [
        "/nothing",
        "/v1/nothing",
        "/static/explorer.css",
        "/v1/records/did/a.b",
        "/index.json",
    ]
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "PUT"):
            reply = client.open(path, method=method)
            policy = reply.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            assert reply.headers["X-Frame-Options"] == "DENY"
            assert reply.headers["Referrer-Policy"] == "no-referrer"
            assert "Server" not in reply.headers
            assert b"Traceback" not in reply.data
            assert b"erkzeug" not in reply.data


@clause("W18", "NA-16")
def test_the_host_header_changes_nothing(world):
    client = world.app().test_client()
    for path in ("/", f"/templates/{CPT}", "/v1/status", "/nothing", "/openapi.json"):
        for headers in (
            {"Host": "evil.example"},
            {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        ):
            reply = client.get(path, headers=headers)
            assert b"evil.example" not in reply.data
            assert "evil.example" not in str(reply.headers)


@clause("W24", "NA-02")
def test_a_fault_of_ours_says_nothing_of_the_inside(world, caplog):
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("secret path /srv/registry")

    app = world.app(source=Broken())
    reply = app.test_client().get("/v1/genesis")
    assert reply.status_code == 500
    assert reply.json["code"] == "failed"
    assert b"secret" not in reply.data
    assert "secret path" in caplog.text


@clause("NA-14")
def test_readiness_ends_when_no_block_comes(world):
    client = world.app().test_client()
    assert client.get("/readyz").status_code == 200
    world.clock.advance(500)
    try:
        reply = client.get("/readyz")
        assert reply.status_code == 503
        assert client.get("/healthz").status_code == 200
        assert b"weid_head_age_seconds 5" in client.get("/metrics").data
    finally:
        world.clock.advance(-500)


@clause("NA-14", "W23")
def test_metrics_count_and_name_nobody(world):
    app = world.app()
    client = app.test_client()
    client.get("/v1/status")
    client.get(f"/dids/{world.issuer_did}")
    client.get("/v1/nothing")
    text = client.get("/metrics").data.decode()
    assert 'weid_http_requests_total{route="readStatus",status="200"} 1' in text
    assert 'weid_http_requests_total{route="none",status="404"} 1' in text
    assert f"weid_height {world.registry.engine.head().height}" in text
    assert world.issuer_did not in text
    for line in text.splitlines():
        assert re.match(r"#|[a-z_]+(\{[^}]*\})? [0-9.e+]+$", line), line


@clause("NA-17")
def test_answers_may_be_read_from_other_origins_and_pages_may_not(client):
    reply = client.get("/v1/status")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in client.get("/").headers


def test_status_says_which_registry_this_is(world, client):
    status = client.get("/v1/status").json
    assert status["genesis_hash"] == world.registry.genesis_hash.hex()
    assert status["network"] == "local"
    assert json.dumps(status)
