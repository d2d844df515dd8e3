"""HttpRegistry over a real node's app: reading with proofs, submitting once, failing over."""

from __future__ import annotations

import inspect
import json

import pytest
from flask import Flask, Response

from tests.support.clauses import clause
from tests.support.flask_transport import FlaskTransport
from tests.support.lying_source import LyingSource
from tests.support.node_world import CPT, URI, node_world, seeded_bytes
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import (
    ProofError,
    RegistryUnavailableError,
    TransactionRejectedError,
)
from weid.registry.author import Author, create_did
from weid.registry.codes import ResultCode
from weid.registry.http_client import HttpRegistry
from weid.registry.operations import AnchorEvidence, GrantRole, Role
from weid.registry.registry import Registry
from weid.registry.signing import sign_transaction
from weid.registry.transaction import SignedTransaction, Transaction
from weid.registry.trusted_heads import MemoryTrustedHeads


@pytest.fixture
def world():
    return node_world()


def registry_of(world, *names, transport=None, **options):
    transport = transport or FlaskTransport(node=world.app())
    urls = [f"https://{name}.example" for name in names or ("node",)]
    return HttpRegistry(
        *urls,
        genesis_hash=world.registry.genesis_hash,
        transport=transport,
        clock=world.clock,
        sleep=lambda _: None,
        **options,
    )


@clause("NA-05", "LC-TIME")
def test_its_trust_period_is_the_callers_to_set(world):
    heads = MemoryTrustedHeads()
    registry_of(world, head_store=heads).head()
    world.clock.advance(1000)
    newest = world.registry.head()
    with pytest.raises(ProofError, match="expired"):
        registry_of(world, head_store=heads, trust_period=900).head()
    assert registry_of(world, head_store=heads).head() == newest


def signed_by(world, author, sequence, *operations, network="local"):
    transaction = Transaction(
        network=network,
        author=author.did,
        author_keys=author.key_ids,
        sequence=sequence,
        valid_until=world.clock.now() + 300,
        operations=operations,
    )
    return sign_transaction(transaction, author.signers)


def test_it_is_a_whole_registry():
    for name, member in inspect.getmembers(Registry):
        if callable(member) and not name.startswith("_"):
            ours = inspect.signature(getattr(HttpRegistry, name))
            assert list(ours.parameters) == list(inspect.signature(member).parameters), name


@clause("NA-03", "NA-04", "NA-06", "NA-08", "NA-09", "NA-10", "NA-01")
def test_every_answer_is_the_registrys_own(world):
    http, local = registry_of(world), world.registry
    did = world.issuer_did
    assert http.network == local.network
    assert http.genesis_hash == local.genesis_hash
    assert http.head() == local.head()
    assert http.did(did) == local.did(did)
    assert http.did(did, version=1) == local.did(did, version=1)
    assert http.organisation(did) == local.organisation(did)
    assert http.recognition(did, CPT) == local.recognition(did, CPT)
    assert http.templates() == local.templates()
    assert http.recognized_issuers(CPT) == local.recognized_issuers(CPT)
    assert http.status_list(did, URI) == local.status_list(did, URI)
    record = http.template(CPT, 1)
    assert http.template_document(record) == local.template_document(record)
    assert http.receipt(world.receipt.transaction_id) == world.receipt
    assert http.did("did:weid:local:2UzHM") is None
    assert http.recognized_issuers("nobody") == ()
    assert http.receipt(bytes(32)) is None


@clause("NA-12")
def test_an_author_writes_over_http_and_reads_it_back(world):
    http = registry_of(world)
    did, author = create_did(
        http,
        [InMemorySigner(PrivateKey.generate(random=seeded_bytes()))],
        clock=world.clock,
        random=seeded_bytes(),
    )
    assert http.did(did) == world.registry.did(did)
    assert http.next_sequence(did) == 1
    world.registry.governor.grant(did, Role.ISSUER)
    receipt = author.submit(AnchorEvidence(b"\x44" * 32, "over http"))
    assert receipt == world.registry.receipt(receipt.transaction_id)
    assert http.evidence_by(did, b"\x44" * 32).notes[0].text == "over http"


@clause("NA-12", "R41")
def test_submitting_twice_is_done_once(world):
    http = registry_of(world)
    author = Author(world.issuer_did, world.issuer.signers, http, world.clock)
    signed = signed_by(
        world, author, http.next_sequence(author.did), AnchorEvidence(b"\x45" * 32, "")
    )
    first = http.submit(signed)
    world.clock.advance(5)
    assert http.submit(signed) == first
    assert len(http.evidence_by(author.did, b"\x45" * 32).notes) == 1


@clause("NA-12")
def test_a_refusal_comes_with_its_code_and_where_recorded_its_proved_receipt(world):
    http = registry_of(world)
    author = world.issuer
    sequence = http.next_sequence(author.did)
    with pytest.raises(TransactionRejectedError) as refused:
        http.submit(signed_by(world, author, sequence, GrantRole(author.did, Role.GOVERNOR)))
    assert refused.value.code >= 100
    assert refused.value.receipt.code == refused.value.code
    assert http.next_sequence(author.did) == sequence + 1
    other = signed_by(world, author, sequence + 1, AnchorEvidence(b"\x46" * 32), network="other")
    with pytest.raises(TransactionRejectedError) as refused:
        http.submit(other)
    assert (refused.value.code, refused.value.receipt) == (ResultCode.WRONG_NETWORK, None)
    good = signed_by(world, author, sequence + 1, AnchorEvidence(b"\x46" * 32))
    forged = SignedTransaction(good.payload, (bytes(64),))
    with pytest.raises(TransactionRejectedError) as refused:
        http.submit(forged)
    assert (refused.value.code, refused.value.receipt) == (ResultCode.SIGNATURE_INVALID, None)
    assert http.receipt(good.id) is None


@clause("V20", "NA-13")
def test_the_next_node_is_asked_when_one_is_down_or_lies(world):
    def forged(truth, answer, *args):
        return type(answer)(answer.roots, b"\x81\x01", answer.proof)

    liar = world.app(source=LyingSource(world.source, {"record": forged}))
    transport = FlaskTransport(down=world.app(), liar=liar, good=world.app())
    transport.down.add("https://down.example")
    http = registry_of(world, "down", "liar", "good", transport=transport)
    assert http.did(world.issuer_did) == world.registry.did(world.issuer_did)
    assert {url.split("/")[2] for _, url in transport.asked} == {
        "down.example",
        "liar.example",
        "good.example",
    }
    transport.asked.clear()
    assert http.organisation(world.issuer_did).name == "University of Examples"
    assert {url.split("/")[2] for _, url in transport.asked} == {"good.example"}
    transport.down |= {"https://good.example"}
    with pytest.raises(ProofError):
        http.template(CPT, 1)
    transport.down |= {"https://liar.example"}
    with pytest.raises(RegistryUnavailableError):
        http.template(CPT, 1)


ANSWERS = {
    "a page of a captive portal": (200, "text/html", b"<html>log in</html>"),
    "an empty body": (200, "application/json", b""),
    "another JSON": (200, "application/json", b"[]"),
    "a 404 of some other server": (404, "text/html", b"not here"),
    "a 500": (500, "text/html", b"oops"),
    "a 429": (429, "application/json", b"{}"),
    "JSON with a name twice": (200, "application/json", b'{"genesis":"","genesis":""}'),
    "deep JSON": (200, "application/json", b"[" * 100_000),
}


@clause("V20", "W17")
@pytest.mark.parametrize("what", ANSWERS)
def test_what_is_not_a_node_is_never_believed_and_never_a_crash(world, what):
    status, kind, body = ANSWERS[what]
    app = Flask("elsewhere")
    app.add_url_rule("/", "x", lambda: "")
    app.register_error_handler(404, lambda _: Response(body, status, mimetype=kind))
    http = registry_of(world, transport=FlaskTransport(node=app))
    for ask in (
        lambda: http.network,
        http.head,
        lambda: http.did(world.issuer_did),
        lambda: http.receipt(bytes(32)),
    ):
        with pytest.raises((ProofError, RegistryUnavailableError)):
            ask()


def test_a_404_of_some_other_server_is_not_an_absent_receipt_or_document(world):
    http = registry_of(world)
    http.head()
    app = Flask("elsewhere")
    app.register_error_handler(404, lambda _: Response(b"gone", 404))
    http._nodes[0]._transport.apps = {"https://node.example": app}
    with pytest.raises(RegistryUnavailableError):
        http.receipt(bytes(32))
    with pytest.raises(RegistryUnavailableError):
        http.template_document(world.registry.template(CPT, 1))


@clause("NA-12")
def test_a_node_that_claims_to_have_recorded_is_not_believed_without_proof(world):
    author = world.issuer
    sequence = world.registry.next_sequence(author.did)
    signed = signed_by(world, author, sequence, AnchorEvidence(b"\x47" * 32))
    app = world.app()

    def swallow():
        return Response(json.dumps({"code": 0}), mimetype="application/json")

    app.view_functions["submitTransaction"] = swallow
    http = registry_of(world, transport=FlaskTransport(node=app))
    with pytest.raises(RegistryUnavailableError, match="no receipt"):
        http.submit(signed)
    assert world.registry.receipt(signed.id) is None


def test_head_refresh_spares_questions_within_its_seconds_and_not_longer(world):
    transport = FlaskTransport(node=world.app())
    http = registry_of(world, transport=transport, head_refresh=5)
    http.head()
    http.did(world.issuer_did)
    transport.asked.clear()
    http.head()
    http.did(world.issuer_did)
    http.did(world.issuer_did)
    assert transport.asked == []
    world.clock.advance(5)
    http.did(world.issuer_did)
    http.head()
    assert len(transport.asked) == 2


def test_an_address_that_is_no_plain_https_url_is_unavailable(world):
    http = HttpRegistry(
        "http://127.0.0.1:1", genesis_hash=world.registry.genesis_hash, clock=world.clock
    )
    with pytest.raises(RegistryUnavailableError, match="https"):
        http.head()
