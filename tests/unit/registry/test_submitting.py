"""Submitting to several nodes, of which some are down, behind, lying or late with their receipts."""

from __future__ import annotations

import json

import pytest
from flask import Response

from registry_chain.reader import CommittedReader
from tests.support.clauses import clause
from tests.support.flask_transport import FlaskTransport
from tests.support.lying_source import FrozenStore
from tests.support.node_world import node_world
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode
from weid.registry.http_client import HttpRegistry
from weid.registry.operations import AnchorEvidence
from weid.registry.signing import sign_transaction
from weid.registry.transaction import Transaction

DIGEST = b"\x61" * 32


@pytest.fixture
def world():
    return node_world()


def registry_of(world, *, sleep=lambda _: None, down=(), **apps):
    transport = FlaskTransport(**apps)
    transport.down = {f"https://{name}.example" for name in down}
    registry = HttpRegistry(
        *(f"https://{name}.example" for name in apps),
        genesis_hash=world.registry.genesis_hash,
        transport=transport,
        clock=world.clock,
        sleep=sleep,
    )
    return registry, transport


def anchoring(world, *, digest=DIGEST, network="local"):
    author = world.issuer
    transaction = Transaction(
        network=network,
        author=author.did,
        author_keys=author.key_ids,
        sequence=world.registry.next_sequence(author.did),
        valid_until=world.clock.now() + 300,
        operations=(AnchorEvidence(digest),),
    )
    return sign_transaction(transaction, author.signers)


def answering(world, status, body, *, endpoint="submitTransaction"):
    """Return a node's app that answers one thing to one kind of question."""
    app = world.app()
    app.view_functions[endpoint] = lambda **_: Response(body, status, mimetype="application/json")
    return app


def refusing(world, code=ResultCode.SEQUENCE_NOT_NEXT):
    problem = {"code": "not_admitted", "message": "no", "hint": "", "result_code": int(code)}
    return answering(world, 422, json.dumps(problem))


def posted(transport):
    return [url.split("/")[2] for method, url in transport.asked if method == "POST"]


def states(registry):
    return [str(node.state) for node in registry.nodes_report()]


@clause("NA-12", "NA-13")
@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b'{"code":"unavailable"}'), (404, b"<html>"), (500, b""), (422, b"<html>no</html>")],
)
def test_the_next_node_gets_the_same_transaction_when_one_says_nothing_certain(world, status, body):
    registry, transport = registry_of(
        world, a=answering(world, status, body), b=world.app(), c=world.app(), down=("c",)
    )
    receipt = registry.submit(anchoring(world))
    assert receipt == world.registry.receipt(receipt.transaction_id)
    assert posted(transport) == ["a.example", "b.example"]
    # The one that took it is asked first from now on.
    registry.submit(anchoring(world, digest=b"\x62" * 32))
    assert posted(transport) == ["a.example", "b.example", "b.example"]


@clause("NA-12")
def test_no_node_that_takes_it_is_nothing_certain(world):
    registry, transport = registry_of(world, a=world.app(), b=world.app(), down=("a", "b"))
    with pytest.raises(RegistryUnavailableError):
        registry.submit(anchoring(world))
    assert posted(transport) == ["a.example", "b.example"]
    assert states(registry) == ["unreachable", "unreachable"]


def problem(message, hint="ask another node"):
    return json.dumps({"code": "unavailable", "message": message, "hint": hint})


@clause("NA-12")
def test_a_nodes_own_words_are_shown_and_that_it_may_still_be_done(world):
    registry, _ = registry_of(world, a=answering(world, 503, problem("the registry moved")))
    signed = anchoring(world)
    with pytest.raises(RegistryUnavailableError) as refused:
        registry.submit(signed)
    message, hint = refused.value.message, refused.value.hint
    assert "the registry moved; the transaction may still be carried out" in message
    assert signed.id.hex() in message
    assert hint.startswith("submit the same transaction again")
    assert "ask another node" in hint
    assert "address" not in hint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"message":7}', b'{"message":"\\n"}', b"{"])
def test_a_refusal_that_nobody_can_read_still_says_to_submit_it_again(world, body):
    registry, _ = registry_of(world, a=answering(world, 500, body))
    with pytest.raises(RegistryUnavailableError, match=r"status 500; the transaction") as refused:
        registry.submit(anchoring(world))
    assert refused.value.hint == "submit the same transaction again; it is done at most once"


def test_a_nodes_words_are_one_printable_line_of_bounded_length(world):
    hostile = "no\x1b[2J\r\nroot# \u202e" + "x" * 2000
    registry, _ = registry_of(world, a=answering(world, 503, problem(hostile, hostile)))
    with pytest.raises(RegistryUnavailableError) as refused:
        registry.submit(anchoring(world))
    for said in (refused.value.message, refused.value.hint):
        assert said.isprintable()
        assert "no [2J root# x" in said
        assert said.count("x") < 320


def test_what_a_node_says_to_a_reader_is_shown_with_its_hint(world):
    body = problem("the store is damaged", "bring a backup back")
    app = answering(world, 503, body, endpoint="readNewestLightBlock")
    registry, _ = registry_of(world, a=app)
    with pytest.raises(RegistryUnavailableError, match="the store is damaged") as refused:
        registry.head()
    assert refused.value.hint == "bring a backup back"


@clause("NA-12", "R41")
def test_one_nodes_word_is_not_enough_to_give_a_transaction_up(world):
    registry, transport = registry_of(world, a=refusing(world), b=world.app(), c=world.app())
    signed = anchoring(world)
    assert registry.submit(signed) == world.registry.receipt(signed.id)
    assert posted(transport) == ["a.example", "b.example"]


@clause("NA-12")
def test_two_nodes_that_refuse_without_a_trace_are_believed_and_no_third_is_asked(world):
    registry, transport = registry_of(world, a=world.app(), b=world.app(), c=world.app())
    with pytest.raises(TransactionRejectedError) as refused:
        registry.submit(anchoring(world, network="other"))
    assert (refused.value.code, refused.value.receipt) == (ResultCode.WRONG_NETWORK, None)
    assert posted(transport) == ["a.example", "b.example"]


@clause("NA-12")
def test_the_only_node_that_answers_is_taken_at_its_word(world):
    registry, transport = registry_of(
        world, a=world.app(), b=refusing(world), c=world.app(), down=("a", "c")
    )
    with pytest.raises(TransactionRejectedError) as refused:
        registry.submit(anchoring(world))
    assert refused.value.code == ResultCode.SEQUENCE_NOT_NEXT
    assert posted(transport) == ["a.example", "b.example", "c.example"]


@clause("NA-12")
def test_a_transaction_that_got_through_before_is_found_wherever_it_is_refused(world):
    signed = anchoring(world)
    receipt = registry_of(world, a=world.app())[0].submit(signed)
    registry, transport = registry_of(
        world, a=refusing(world, ResultCode.SEQUENCE_USED), b=world.app()
    )
    assert registry.submit(signed) == receipt
    assert posted(transport) == ["a.example"]


@clause("NA-12", "NA-13")
def test_what_got_through_at_a_node_that_fell_silent_is_waited_for_and_not_called_refused(world):
    truth = world.app()
    silent = world.app()

    def record_and_fall_silent():
        truth.view_functions["submitTransaction"]()
        return Response(b"", 504)

    silent.view_functions["submitTransaction"] = record_and_fall_silent
    slept = []
    second = late(world, 5)
    second.view_functions["submitTransaction"] = refusing(
        world, ResultCode.SEQUENCE_USED
    ).view_functions["submitTransaction"]
    registry, transport = registry_of(world, sleep=slept.append, a=silent, b=second)
    transport.apps["https://a.example"].view_functions["readReceipt"] = answering(
        world, 503, b"", endpoint="readReceipt"
    ).view_functions["readReceipt"]
    signed = anchoring(world)
    assert registry.submit(signed) == world.registry.receipt(signed.id)
    assert slept
    assert sum(slept) < 6


@clause("NA-12")
def test_a_number_that_another_transaction_used_is_said_at_once(world):
    slept = []
    registry, _ = registry_of(world, sleep=slept.append, a=world.app(), b=world.app())
    signed = anchoring(world)
    registry.submit(anchoring(world, digest=b"\x63" * 32))
    with pytest.raises(TransactionRejectedError) as refused:
        registry.submit(signed)
    assert refused.value.code == ResultCode.SEQUENCE_USED
    assert slept == []


def late(world, times):
    """Return an app whose receipts are found only when they were asked for `times` times."""
    app = world.app()
    truth = app.view_functions["readReceipt"]
    asked = []

    def receipt(**arguments):
        asked.append(1)
        if len(asked) <= times:
            return Response(b'{"code":"not_found"}', 404, mimetype="application/json")
        return truth(**arguments)

    app.view_functions["readReceipt"] = receipt
    return app


@clause("NA-12")
@pytest.mark.parametrize("times", [0, 1, 5, 10])
def test_a_receipt_that_is_proved_a_block_later_is_waited_for(world, times):
    slept = []
    registry, _ = registry_of(world, sleep=slept.append, a=late(world, times))
    signed = anchoring(world)
    assert registry.submit(signed) == world.registry.receipt(signed.id)
    assert len(slept) == times
    assert sum(slept) <= 20.1


@clause("NA-12")
def test_a_receipt_is_not_waited_for_without_end(world):
    slept = []
    registry, _ = registry_of(world, sleep=slept.append, a=late(world, 1000))
    with pytest.raises(RegistryUnavailableError, match="no receipt yet"):
        registry.submit(anchoring(world))
    assert 15 < sum(slept) < 25


@clause("NA-05", "NA-13")
def test_what_was_written_at_one_node_is_never_missed_at_another(world):
    behind = CommittedReader(FrozenStore(world.registry.engine.application.store))
    old = world.app(source=behind)
    registry, transport = registry_of(world, a=world.app(), b=old)
    did = world.issuer_did
    receipt = registry.submit(anchoring(world))
    transport.down = {"https://a.example"}
    for ask in (
        registry.head,
        lambda: registry.evidence_by(did, DIGEST),
        lambda: registry.evidence(DIGEST),
    ):
        with pytest.raises(RegistryUnavailableError):
            ask()
    assert states(registry) == ["unreachable", "lagging"]
    transport.down = set()
    assert registry.evidence_by(did, DIGEST).signer == did
    assert registry.head().height > receipt.height
