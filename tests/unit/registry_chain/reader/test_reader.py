"""Reading committed state: with proofs against the newest header, and as values."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_chain.storage.errors import StoreDamagedError
from registry_chain.storage.store import Checkpoint, Table
from tests.support.chain_world import NOW, ChainWorld, batch_root, sqlite_world
from tests.support.clauses import clause
from tests.support.rich_chain import document, rich_chain
from weid.errors import NotFoundError, ProofError, RegistryUnavailableError
from weid.registry.light_client import LightClient
from weid.registry.list_proofs import FIRST_KEY
from weid.registry.log_proofs import verify_log_consistency
from weid.registry.operations import AnchorEvidence, NewService, Role, UpdateDid
from weid.registry.proofs import verify_state_proof
from weid.registry.proved_reader import ProvedReader
from weid.registry.state_keys import anchor_id, state_key


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainWorld]:
    made = rich_chain(tmp_path_factory.mktemp("chain") / "store")
    yield made
    made.engine.close()


@pytest.fixture
def proved(world: ChainWorld) -> ProvedReader:
    return ProvedReader([world.reader], genesis_hash=world.genesis.genesis_hash, clock=world.clock)


@clause("R40", "LC-PROOF")
def test_values_and_proved_answers_are_the_same(world: ChainWorld, proved: ProvedReader) -> None:
    records = world.records
    for did in (world.did, world.governor(1), "did:weid:testnet:nobody"):
        assert proved.did(did) == records.did(did)
        assert proved.roles(did) == records.roles(did)
        assert proved.organisation(did) == records.organisation(did)
    for number in range(45):
        assert proved.batch(world.did, batch_root(number)) == records.batch(
            world.did, batch_root(number)
        )
    for version in (1, 2, 3):
        assert proved.template("diploma", version) == records.template("diploma", version)
    assert proved.templates() == records.templates() != ()
    assert proved.role_holders() == records.role_holders()
    assert proved.proposals() == records.proposals() != ()
    assert proved.recognized_issuers("diploma") == records.recognized_issuers("diploma") == ()
    assert proved.status_lists(world.did) == records.status_lists(world.did) == ()
    assert proved.parameter("max_time_lag") == records.parameter("max_time_lag")
    assert proved.evidence(b"\x21" * 32) == records.evidence(b"\x21" * 32)
    assert proved.evidence(bytes(32)) == records.evidence(bytes(32)) == ()
    for did in (world.did, world.governor(1), "did:weid:testnet:nobody"):
        digest = b"\x21" * 32
        assert proved.evidence_by(did, digest) == records.evidence_by(did, digest)
        assert proved.evidence_by(did, bytes(32)) is records.evidence_by(did, bytes(32)) is None
    assert proved.recognition(world.did, "diploma") == records.recognition(world.did, "diploma")
    assert proved.accreditation(world.did, "x") == records.accreditation(world.did, "x")
    assert proved.head() == records.head() == world.engine.head()
    assert proved.network == records.network
    assert proved.genesis_hash == records.genesis_hash
    account = proved.account(world.did)
    assert account is not None
    assert account.next_sequence == records.next_sequence(world.did)
    assert records.next_sequence("did:weid:testnet:nobody") == 0
    assert len(records.organisations()) == 3


@clause("R40", "B26")
def test_every_answer_is_against_the_newest_header(world: ChainWorld) -> None:
    header = world.reader.light_block(None).header
    for namespace, record_id in (
        ("batch", anchor_id(world.did, batch_root(1))),
        ("batch", anchor_id(world.did, batch_root("never"))),
        ("did", world.did.encode()),
    ):
        answer = world.reader.record(namespace, record_id)
        assert answer.roots.app_hash == header.app_hash
        assert answer.roots.height == header.height
        key = state_key(namespace, record_id)
        verify_state_proof(answer.roots.smt_root, key, answer.value, answer.proof)
        with pytest.raises(ProofError):
            verify_state_proof(answer.roots.smt_root, state_key("did", b"x"), b"x", answer.proof)


def test_templates_documents_come_by_their_digest(world: ChainWorld, proved: ProvedReader) -> None:
    record = world.records.template("diploma", 2)
    assert record is not None
    assert world.records.template_document(record) == document(2)
    assert proved.template_document(record) == document(2)
    other = dataclasses.replace(record, digest=b"\x01" * 32)
    for reader in (world.records, proved):
        with pytest.raises(NotFoundError):
            reader.template_document(other)


@clause("R40")
def test_former_versions_lead_from_todays_record(tmp_path: Path) -> None:
    world = sqlite_world(tmp_path)
    proved = ProvedReader(
        [world.reader], genesis_hash=world.genesis.genesis_hash, clock=world.clock
    )
    times = [world.engine.head().time]
    for number in range(1, 71):
        world.clock.advance(10)
        service = NewService("site", "LinkedDomains", f"https://example.org/{number}")
        world.submit(world.sign(UpdateDid(world.did, number, services=(service,))))
        times.append(world.engine.head().time)
    for reader in (world.records, proved):
        for version in (1, 2, 6, 70, 71):
            record = reader.did(world.did, version=version)
            assert record is not None
            assert record.version.number == version
            assert reader.did(world.did, at_time=times[version - 1]) == record
            assert reader.did(world.did, at_time=times[version - 1] + 9) == record
        assert reader.did(world.did, version=72) is None
        assert reader.did(world.did, at_time=NOW - 1) is None
        assert reader.did("did:weid:testnet:nobody", version=1) is None
    newest = world.records.did(world.did)
    assert newest is not None
    page = world.reader.history(newest.version.previous).versions
    assert len(page) == 64, "a page is bounded"
    assert world.reader.history(b"\x01" * 32).versions == ()
    world.engine.close()


def test_lists_come_in_pages_that_follow_each_other(world: ChainWorld) -> None:
    seen = []
    start = FIRST_KEY
    while True:
        answer = world.reader.list_page("roles", start, limit=1)
        assert answer.page is not None
        seen += [key for key, _ in answer.page.entries]
        if answer.page.proof.last:
            break
        start = answer.page.proof.end
    assert len(seen) == len(world.records.role_holders())
    assert seen == sorted(seen)
    empty = world.reader.list_page("issuers/never", FIRST_KEY)
    assert (empty.index, empty.page) == (None, None)


def test_the_log_grows_by_proof(world: ChainWorld) -> None:
    whole = world.reader.consistency(0)
    size = whole.roots.log_size
    for first in (1, size // 2, size):
        answer = world.reader.consistency(first)
        assert answer.roots.log_size == size
    same = world.reader.consistency(size)
    verify_log_consistency(same.roots.log_root, same.roots.log_root, same.proof)
    for wrong in (-1, size + 1):
        with pytest.raises(RegistryUnavailableError):
            world.reader.consistency(wrong)


def test_receipts_are_proved_and_unknown_ones_are_none(world: ChainWorld) -> None:
    assert world.reader.receipt(b"\x01" * 32) is None
    assert world.records.receipt(b"\x01" * 32) is None
    for stored in world.reader.events(first=0, limit=1000):
        answer = world.reader.receipt(stored.event.transaction_id)
        assert answer is not None
        assert answer.receipt == world.records.receipt(stored.event.transaction_id)
        assert answer.receipt.height == stored.height


def test_the_feed_is_in_order_and_read_on_from_any_position(world: ChainWorld) -> None:
    events = world.reader.events(first=0, limit=1000)
    assert [event.position for event in events] == list(range(world.reader.event_count()))
    assert world.reader.events(first=5, limit=3) == events[5:8]
    assert world.reader.events(first=len(events), limit=3) == []
    heights = [event.height for event in events]
    assert heights == sorted(heights)


def test_blocks_are_read_with_their_transactions(world: ChainWorld) -> None:
    block = world.reader.block(2)
    assert block is not None
    assert len(block.transactions) == 1
    assert world.reader.block(10**6) is None
    assert world.reader.height() == world.engine.head().height


@clause("D7")
def test_what_is_damaged_is_refused_when_it_is_read(tmp_path: Path) -> None:
    world = rich_chain(tmp_path)
    point = Checkpoint(world.engine.head().height, world.engine.head().block_hash, bytes(32))
    record = world.records.template("diploma", 1)
    evidence = world.records.evidence_by(world.did, b"\x21" * 32)
    assert record is not None
    assert evidence is not None
    receipt = world.reader.events(first=0, limit=1)[0].event.transaction_id
    for table, key, read in (
        (Table.CONTENTS, record.digest, lambda: world.records.template_document(record)),
        (
            Table.VERSIONS,
            evidence.version.previous,
            lambda: world.reader.history(evidence.version.previous),
        ),
        (Table.RECEIPTS, receipt, lambda: world.records.receipt(receipt)),
        (
            Table.RECORDS,
            state_key("template", b"diploma/1"),
            lambda: world.records.template("diploma", 1),
        ),
    ):
        world.store.write({table: {key: b"\x81\x02"}}, point)
        with pytest.raises(StoreDamagedError) as found:
            read()
        assert (found.value.table, found.value.key) == (table, key)
    missing = state_key("template", b"diploma/1")
    world.store.write({Table.RECORDS: {missing: None}}, point)
    with pytest.raises(StoreDamagedError):
        world.records.templates()
    world.engine.close()


@clause("D11", "R40")
def test_readers_prove_while_the_engine_writes(tmp_path: Path) -> None:
    world = sqlite_world(tmp_path)
    faults: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        client = LightClient(world.trust_root(), clock=world.clock)
        reader = ProvedReader(
            [world.reader], genesis_hash=world.genesis.genesis_hash, clock=world.clock
        )
        try:
            while not done.is_set():
                client.update(world.reader)
                reader.batch(world.did, batch_root(0))
                reader.role_holders()
        except BaseException as fault:  # noqa: BLE001 - told by the main thread
            faults.append(fault)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        world.submit(world.anchor(number))
    done.set()
    for thread in threads:
        thread.join()
    assert not faults
    world.engine.close()


def test_evidence_keeps_its_versions(world: ChainWorld) -> None:
    record = world.records.evidence_by(world.did, b"\x21" * 32)
    assert record is not None
    assert [note.text for note in record.notes] == ["note 0", "again", "and again"]
    assert record.version.number == 3
    assert len(world.reader.history(record.version.previous).versions) == 2
    others = sorted((world.governor(1), world.governor(2)))
    assert [one.signer for one in world.records.evidence(b"\x21" * 32)] == [world.did, *others]
    roles = world.records.roles(world.governor(1))
    assert roles is not None
    assert Role.ISSUER in roles.roles
    assert AnchorEvidence(b"", "").note == ""
