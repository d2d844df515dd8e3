"""PlainRegistry says what was put in, and nothing that could pass for proof."""

from __future__ import annotations

import inspect

import pytest

from tests.support.node_world import BATCH, CPT, EVIDENCE, URI, node_world, template_document
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.errors import NotFoundError
from weid.registry.operations import AnchorEvidence
from weid.registry.plain import PlainRegistry
from weid.registry.records import AccountRecord, IndexRecord, TemplateRecord, Version
from weid.registry.registry import RegistryReader

DID = "did:weid:office:2UzHM"


@pytest.fixture
def registry():
    return PlainRegistry("office", clock=FixedClock(1000))


def test_it_reads_like_every_registry():
    for name, member in inspect.getmembers(RegistryReader):
        if callable(member) and not name.startswith("_"):
            ours = inspect.signature(getattr(PlainRegistry, name))
            assert list(ours.parameters) == list(inspect.signature(member).parameters), name


def test_what_was_vouched_for_is_there(registry):
    key = PrivateKey.from_seed(b"\x01" * 32).public
    registry.add_issuer(DID, key, key_id="sign", name="Office")
    registry.add_template(CPT, 1, publisher=DID, document=template_document())
    registry.recognize(DID, CPT, valid_until=5000)
    assert registry.did(DID).keys[0].multikey == key.to_multicodec()
    assert registry.organisation(DID).name == "Office"
    record = registry.template(CPT, 1)
    assert registry.template_document(record) == template_document()
    assert registry.templates() == (record,)
    registry.add_policy("library-card", 1, publisher=DID, document=b"{}")
    assert registry.policy("library-card", 1).document == b"{}"
    assert registry.policies() == (registry.policy("library-card", 1),)
    assert registry.recognition(DID, CPT).valid_until == 5000
    assert [r.issuer for r in registry.recognized_issuers(CPT)] == [DID]


def test_what_was_not_is_none_or_empty(registry):
    assert registry.did(DID) is None
    assert registry.organisation(DID) is None
    assert registry.roles(DID) is None
    assert registry.template(CPT, 1) is None
    assert registry.recognition(DID, CPT) is None
    assert registry.accreditation(DID, CPT) is None
    assert registry.status_list(DID, URI) is None
    assert registry.evidence(bytes(32)) == ()
    assert registry.evidence_by(DID, bytes(32)) is None
    assert registry.batch(DID, bytes(32)) is None
    assert registry.proposal(bytes(32)) is None
    assert registry.parameter("max_time_lag") is None
    assert registry.receipt(bytes(32)) is None
    assert registry.policy("library-card", 1) is None
    assert registry.policies() == ()
    assert registry.templates() == registry.recognized_issuers(CPT) == ()
    assert registry.status_lists(DID) == registry.role_holders() == registry.nodes() == ()
    assert registry.node(bytes(20)) is None
    assert registry.pending_rules() is None
    assert registry.handover() is None


def test_it_holds_the_records_of_a_real_registry_with_their_versions():
    world = node_world()
    local, did = world.registry, world.issuer_did
    local.endorser.submit(AnchorEvidence(EVIDENCE, "seen"))
    plain = PlainRegistry(
        "local",
        [
            local.did(did, version=1),
            local.did(did),
            local.status_list(did, URI),
            local.batch(did, BATCH),
            *local.evidence(EVIDENCE),
            *local.role_holders(),
            *local.recognized_issuers(CPT),
        ],
        clock=world.clock,
    )
    assert plain.did(did) == local.did(did)
    assert plain.did(did, version=1) == local.did(did, version=1)
    assert plain.did(did, at_time=local.did(did, version=1).version.time).version.number == 1
    assert plain.did(did, at_time=0) is None
    assert plain.status_lists(did) == local.status_lists(did)
    assert plain.status_list(did, URI) == local.status_list(did, URI)
    assert plain.batch(did, BATCH) == local.batch(did, BATCH)
    assert plain.evidence(EVIDENCE) == local.evidence(EVIDENCE)
    assert len(local.evidence(EVIDENCE)) == 2
    for signer in (did, local.governor.did):
        assert plain.evidence_by(signer, EVIDENCE) == local.evidence_by(signer, EVIDENCE)
        assert plain.evidence_by(signer, EVIDENCE).signer == signer
    assert plain.status_list(local.governor.did, URI) is None
    assert plain.batch(local.governor.did, BATCH) is None
    assert plain.role_holders() == local.role_holders()


def test_it_looks_like_no_chain(registry):
    head = registry.head()
    assert (head.height, head.time, head.app_hash, head.block_hash) == (0, 1000, b"", b"")
    assert len(registry.genesis_hash) == 32
    assert registry.genesis_hash != PlainRegistry("other").genesis_hash


def test_a_document_that_was_not_put_in_is_not_found(registry):
    with pytest.raises(NotFoundError):
        registry.template_document(TemplateRecord(CPT, 1, DID, bytes(32), None, Version(1, 0, 0)))


@pytest.mark.parametrize("record", [AccountRecord(DID, 1), IndexRecord("templates", 1, bytes(32))])
def test_the_chains_own_records_are_not_for_vouching(registry, record):
    with pytest.raises(TypeError):
        registry.put(record)
