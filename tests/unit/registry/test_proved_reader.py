"""ProvedReader beyond lies: pages of long lists, blocks in between, memory, many threads."""

# ruff: noqa: ARG005 - lies share one signature, and few need all of it
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

import pytest

from tests.support.clauses import clause
from tests.support.lying_source import LyingSource
from tests.support.node_world import CPT, node_world
from weid.encoding import json_dumps, json_loads
from weid.errors import MalformedError, ProofError, RegistryUnavailableError
from weid.registry.answers import (
    ConsistencyAnswer,
    HistoryAnswer,
    ListAnswer,
    ReceiptAnswer,
    RecordAnswer,
)
from weid.registry.list_proofs import FIRST_KEY
from weid.registry.operations import PublishStatusList, UpdateDid
from weid.registry.pinned_genesis import parse_genesis
from weid.registry.proved_reader import TRUST_PERIOD, ProvedReader
from weid.registry.trusted_heads import FileTrustedHeads, MemoryTrustedHeads


@pytest.fixture
def world():
    return node_world()


def reader_of(world, source=None, **options):
    return ProvedReader(
        [source or world.source],
        genesis_hash=world.registry.genesis_hash,
        clock=world.clock,
        **options,
    )


@clause("NA-05", "LC-TIME")
def test_a_remembered_head_past_the_trust_period_vouches_for_nothing(world):
    heads = MemoryTrustedHeads()
    reader_of(world, head_store=heads).head()
    world.clock.advance(TRUST_PERIOD + 60)
    newest = world.registry.head()
    with pytest.raises(ProofError, match="expired"):
        reader_of(world, head_store=heads).head()
    assert reader_of(world).head() == newest, "a genesis that is pinned now"
    longer = reader_of(world, head_store=heads, trust_period=2 * TRUST_PERIOD)
    assert longer.head() == newest


@clause("NA-08")
def test_a_list_of_many_pages_is_read_whole(world):
    for number in range(2, 12):
        world.issuer.submit(
            PublishStatusList(
                f"https://university.example/status/{number}",
                CPT,
                1,
                131_072,
                1,
                bytes([number]) * 32,
            )
        )
    small = LyingSource(
        world.source,
        {"list_page": lambda truth, answer, name, start: truth.list_page(name, start, limit=3)},
    )
    found = reader_of(world, small).status_lists(world.issuer_did)
    assert found == world.registry.status_lists(world.issuer_did)
    assert len(found) == 11

    def cut(truth, answer, name, start):
        answer = truth.list_page(name, start, limit=3)
        if start != FIRST_KEY:
            return answer
        last = replace(answer.page, proof=replace(answer.page.proof, end=b""))
        return replace(answer, page=last)

    with pytest.raises(ProofError):
        reader_of(world, LyingSource(world.source, {"list_page": cut})).status_lists(
            world.issuer_did
        )


@clause("NA-08", "R40")
@pytest.mark.parametrize("entries", [0, 1, 3])
def test_a_node_cannot_have_pages_asked_for_without_end(world, entries):
    asked = []

    def endless(truth, answer, name, start):
        asked.append(start)
        end = (int.from_bytes(start, "big") + 1).to_bytes(32, "big")
        proof = replace(answer.page.proof, start=start, end=end)
        shown = truth.list_page(name, FIRST_KEY).page.entries[:1] * entries
        return replace(answer, page=replace(answer.page, entries=shown, proof=proof))

    lying = LyingSource(world.source, {"list_page": endless})
    with pytest.raises(ProofError, match="more than its index says"):
        reader_of(world, lying).status_lists(world.issuer_did)
    assert len(asked) <= len(world.registry.status_lists(world.issuer_did)) + 1


@clause("NA-05")
def test_blocks_between_head_and_answer_are_followed(world):
    version = [2]

    def move_on(truth, answer, *args):
        world.issuer.submit(UpdateDid(world.issuer_did, version[0], services=()))
        version[0] += 1
        return answer

    reader = reader_of(world, LyingSource(world.source, {"light_block": move_on}))
    assert reader.did(world.issuer_did).version.number >= 2
    assert reader.organisation(world.issuer_did).name == "University of Examples"


@clause("NA-08")
def test_a_list_that_changes_between_its_pages_is_begun_again(world):
    for number in range(2, 6):
        uri = f"https://university.example/status/{number}"
        world.issuer.submit(PublishStatusList(uri, CPT, 1, 131_072, 1, bytes([number]) * 32))
    left = [1]

    def page(truth, answer, name, start):
        if start != FIRST_KEY and left[0]:
            left[0] -= 1
            uri = "https://university.example/status/99"
            world.issuer.submit(PublishStatusList(uri, CPT, 1, 131_072, 1, b"\x99" * 32))
        return truth.list_page(name, start, limit=2)

    found = reader_of(world, LyingSource(world.source, {"list_page": page})).status_lists(
        world.issuer_did
    )
    assert found == world.registry.status_lists(world.issuer_did)
    assert len(found) == 6


@clause("B26", "NA-05")
def test_a_restart_remembers_the_head_and_refuses_an_older_history(world, tmp_path):
    reader = reader_of(world, head_store=FileTrustedHeads(tmp_path))
    seen = reader.head()
    stuck = LyingSource(
        world.source, {"light_block": lambda truth, block, height: truth.light_block(3)}
    )
    with pytest.raises(ProofError):
        reader_of(world, stuck, head_store=FileTrustedHeads(tmp_path)).head()
    again = reader_of(world, head_store=FileTrustedHeads(tmp_path))
    assert again.head() == seen


def test_many_threads_share_one_reader(world):
    reader = reader_of(world)
    version = [2]
    writing = Lock()

    def read(number):
        if number % 10 == 0:
            with writing:
                world.issuer.submit(UpdateDid(world.issuer_did, version[0], services=()))
                version[0] += 1
        did = reader.did(world.issuer_did)
        return did.did, reader.head().height

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(read, range(80)))
    assert {did for did, _ in results} == {world.issuer_did}
    assert reader.did(world.issuer_did).version.number == version[0]


def test_a_record_read_under_one_head_is_not_given_under_the_next(world):
    reader = reader_of(world, head_refresh=10)
    reader.head()
    assert reader.did(world.issuer_did).version.number == 2
    world.issuer.submit(UpdateDid(world.issuer_did, 2, services=()))
    assert reader.did(world.issuer_did).version.number == 2
    world.clock.advance(10)
    assert reader.did(world.issuer_did).version.number == 3


def test_no_source_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least one"):
        ProvedReader([], genesis_hash=bytes(32), clock=None)


@clause("NA-03", "R40")
def test_a_genesis_is_the_one_that_its_hash_names(world):
    body = world.source.genesis()
    pinned = parse_genesis(body, expected_genesis_hash=world.registry.genesis_hash)
    assert pinned.network == "local"
    with pytest.raises(ProofError):
        parse_genesis(body + b"\x00", expected_genesis_hash=world.registry.genesis_hash)
    with pytest.raises(ProofError):
        parse_genesis(body, expected_genesis_hash=bytes(32))


ANSWERS = {
    RecordAnswer: lambda s, w: s.record("did", w.issuer_did.encode()),
    ListAnswer: lambda s, w: s.list_page("templates", FIRST_KEY),
    HistoryAnswer: lambda s, w: s.history(w.registry.did(w.issuer_did).version.previous),
    ReceiptAnswer: lambda s, w: s.receipt(w.receipt.transaction_id),
    ConsistencyAnswer: lambda s, w: s.consistency(3),
}


def _changes(value):
    """Yield JSON values with one member gone or of another kind, at every place."""
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, member in list(members):
        for other in (None, True, 1.5, -1, 2**70, "~", "A", [], {}):
            changed = value.copy()
            changed[name] = other
            yield changed
        if isinstance(value, dict):
            yield {key: item for key, item in value.items() if key != name}
        for inner in _changes(member):
            changed = value.copy()
            changed[name] = inner
            yield changed


@clause("NA-01", "W17")
@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_an_answers_json_is_read_back_and_every_other_form_is_malformed(world, kind):
    answer = ANSWERS[kind](world.source, world)
    body = json_loads(json_dumps(answer.to_json()), what="it")
    assert kind.from_json(body) == answer
    for other in (None, [], "x", 1):
        with pytest.raises(MalformedError):
            kind.from_json(other)
    for changed in _changes(body):
        try:
            read = kind.from_json(changed)
        except MalformedError:
            continue
        assert read.to_json() == changed or isinstance(changed, dict)


def test_an_unreachable_source_is_not_a_liar(world):
    class Down:
        def __getattr__(self, name):
            def refuse(*args):
                raise RegistryUnavailableError("down")

            return refuse

    with pytest.raises(RegistryUnavailableError, match="down"):
        reader_of(world, Down()).head()
