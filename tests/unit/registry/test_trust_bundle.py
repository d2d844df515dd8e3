"""Trust bundles: complete, of one state, and refused when changed, foreign or rolled back."""

from __future__ import annotations

import json
import random as seeded
from dataclasses import replace

import pytest

from registry_chain import LocalRegistry
from tests.support.clauses import clause
from tests.support.node_world import CPT, URI, node_world, template_document
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import MalformedError, NotFoundError, ProofError, RegistryUnavailableError
from weid.registry.author import create_did
from weid.registry.authority import Authority, issuer_authority
from weid.registry.bundle_export import BundleScope, export_from
from weid.registry.bundle_file import BundleFile
from weid.registry.operations import RecognizeIssuer, UpdateDid
from weid.registry.policy_operations import PublishPolicy
from weid.registry.proved_reader import ProvedReader
from weid.registry.trust_bundle import TrustBundle, export_bundle
from weid.registry.trusted_heads import FileTrustedHeads, MemoryTrustedHeads


@pytest.fixture(scope="module")
def world():
    return node_world()


class Tokens:
    def status_token(self, uri):
        return "token-of-" + uri if uri == URI else None


def reader_of(world):
    return ProvedReader([world.source], genesis_hash=world.registry.genesis_hash, clock=world.clock)


def exported(world, **options):
    return export_bundle(reader_of(world), clock=world.clock, **options)


def opened(world, data, **options):
    return TrustBundle(data, genesis_hash=world.registry.genesis_hash, clock=world.clock, **options)


@clause("TB-01", "TB-06", "TB-05")
def test_a_bundle_answers_what_a_verifier_asks(world):
    bundle = opened(world, exported(world, status_tokens=Tokens()))
    local, did = world.registry, world.issuer_did
    assert bundle.network == "local"
    assert bundle.head() == local.head()
    assert bundle.did(did) == local.did(did)
    assert bundle.did(did, version=1) == local.did(did, version=1)
    assert bundle.organisation(did) == local.organisation(did)
    assert bundle.recognition(did, CPT) == local.recognition(did, CPT)
    assert bundle.recognized_issuers(CPT) == local.recognized_issuers(CPT)
    assert bundle.templates() == local.templates()
    assert bundle.template(CPT, 2) is None
    record = bundle.template(CPT, 1)
    assert bundle.template_document(record) == template_document()
    assert bundle.status_list(did, URI) == local.status_list(did, URI)
    assert bundle.status_lists(did) == local.status_lists(did)
    assert bundle.parameter("max_time_lag") == local.parameter("max_time_lag")
    assert bundle.nodes() == local.nodes() == ()
    assert bundle.pending_rules() is None
    assert bundle.handover() is None
    assert bundle.status_token(URI) == "token-of-" + URI
    assert bundle.status_token("https://elsewhere.example/1") is None


@clause("TB-05", "OP-30")
def test_the_whole_registry_takes_its_policies_along():
    world = node_world()
    document = b'{"policy_id":"library","uri":"urn:weid:local:policy:library:1","version":1}'
    world.issuer.submit(PublishPolicy("library", 1, document))
    world.registry.head()
    bundle = opened(world, exported(world))
    assert bundle.policies() == world.registry.policies() != ()
    assert bundle.policy("library", 1).document == document
    with pytest.raises(RegistryUnavailableError, match="bundle"):
        bundle.policy("library", 2)


@clause("TB-04")
def test_what_it_does_not_cover_is_unavailable_and_never_absent(world):
    bundle = opened(world, exported(world, scope=BundleScope(templates=())))
    for ask in (
        lambda: bundle.did(world.issuer_did),
        lambda: bundle.template(CPT, 1),
        bundle.templates,
        lambda: bundle.receipt(world.receipt.transaction_id),
        bundle.log,
    ):
        with pytest.raises(RegistryUnavailableError, match="bundle"):
            ask()


@clause("TB-05")
def test_a_scope_takes_its_templates_issuers_and_anchors(world):
    scope = BundleScope(
        templates=(CPT,),
        issuers=(world.registry.governor.did,),
        batches=((world.issuer_did, b"\x22" * 32), (world.issuer_did, b"\x23" * 32)),
        evidence=(b"\x11" * 32, b"\x12" * 32),
    )
    bundle = opened(world, exported(world, scope=scope))
    assert bundle.recognized_issuers(CPT) == world.registry.recognized_issuers(CPT)
    assert bundle.recognition(world.registry.governor.did, CPT) is None
    assert bundle.did(world.registry.governor.did) == world.registry.did(
        world.registry.governor.did
    )
    assert bundle.batch(world.issuer_did, b"\x22" * 32).count == 10
    assert bundle.batch(world.issuer_did, b"\x23" * 32) is None
    with pytest.raises(RegistryUnavailableError):
        bundle.batch(world.registry.governor.did, b"\x22" * 32)
    assert bundle.evidence(b"\x11" * 32) == world.registry.evidence(b"\x11" * 32)
    assert bundle.evidence_by(world.issuer_did, b"\x11" * 32).notes[0].text == "contract"
    assert bundle.evidence(b"\x12" * 32) == ()
    with pytest.raises(RegistryUnavailableError):
        bundle.templates()


@clause("TB-05", "ST-16")
def test_what_stood_before_a_compromise_is_known_offline():
    world = node_world()
    local, did = world.registry, world.issuer_did
    world.clock.advance(100)
    since = world.clock.now() - 50
    local.governor.derecognize(did, CPT, compromised_since=since)
    local.governor.end_accreditation(did, CPT, compromised_since=since)
    world.clock.advance(100)
    local.governor.recognize(did, CPT)
    bundle = opened(world, exported(world, scope=BundleScope(templates=(CPT,))))
    before = issuer_authority(bundle, did, CPT, since - 10, lag=60)
    assert before == issuer_authority(local, did, CPT, since - 10, lag=60)
    assert (before.recognized, before.compromised_since) == (True, since)
    assert issuer_authority(bundle, did, CPT, world.clock.now(), lag=60) == Authority(True)


@clause("TB-05", "ST-16")
def test_accreditors_of_former_windows_are_in_the_bundle_too():
    world = node_world()
    local, did, clock = world.registry, world.issuer_did, world.clock
    school, _ = create_did(
        local, [InMemorySigner(PrivateKey.from_seed(b"\x31" * 32))], clock=clock,
        endorser=local.endorser,
    )  # fmt: skip
    clock.advance(100)
    world.issuer.submit(RecognizeIssuer(school, CPT, clock.now()))
    clock.advance(100)
    local.governor.derecognize(school, CPT, compromised_since=clock.now() - 10)
    clock.advance(100)
    local.governor.recognize(school, CPT)
    local.governor.derecognize(did, CPT)
    bundle = opened(world, exported(world, scope=BundleScope(templates=(CPT,))))
    before = issuer_authority(bundle, school, CPT, clock.now() - 150, lag=60)
    assert (before.recognized, before.path) == (True, (did,))
    assert before == issuer_authority(local, school, CPT, clock.now() - 150, lag=60)


@clause("TB-05", "ST-16", "C32")
def test_what_stood_before_a_compromise_is_not_pushed_out_of_the_bundle():
    world = node_world()
    local, did, clock = world.registry, world.issuer_did, world.clock
    clock.advance(100)
    since = clock.now() - 50
    local.governor.derecognize(did, CPT, compromised_since=since)
    clock.advance(100)
    local.governor.recognize(did, CPT, valid_until=clock.now() + 10)
    clock.advance(100)
    start = clock.now()
    school, author = create_did(
        local, [InMemorySigner(PrivateKey.from_seed(b"\x31" * 32))], clock=clock,
        endorser=local.endorser,
    )  # fmt: skip
    local.governor.accredit(school, CPT)
    author.submit(*(RecognizeIssuer(did, CPT, start + n) for n in range(300)))
    bundle = opened(world, exported(world, scope=BundleScope(templates=(CPT,))))
    for reader in (local, reader_of(world), bundle):
        before = issuer_authority(reader, did, CPT, since - 10, lag=60)
        assert (before.recognized, before.compromised_since) == (True, since)


@clause("TB-01")
def test_the_same_registry_gives_the_same_bytes(world):
    assert exported(world) == exported(world)
    data = exported(world)
    assert BundleFile.from_bytes(data).to_bytes() == data


@clause("V22", "TB-07")
def test_it_knows_its_age_and_leaves_the_judgement_to_the_policy(world):
    bundle = opened(world, exported(world))
    age = bundle.age()
    world.clock.advance(8 * 86_400)
    try:
        assert bundle.age() == age + 8 * 86_400
        assert bundle.did(world.issuer_did) is not None
    finally:
        world.clock.advance(-8 * 86_400)


@clause("V22", "TB-02")
def test_a_bundle_below_the_highest_head_seen_is_refused(tmp_path):
    world = node_world()
    heads = FileTrustedHeads(tmp_path)
    old = exported(world)
    opened(world, old, head_store=heads)
    world.clock.advance(20)
    world.issuer.submit(UpdateDid(world.issuer_did, 2, services=()))
    new = exported(world)
    bundle = opened(world, new, head_store=heads)
    assert bundle.did(world.issuer_did).version.number == 3
    with pytest.raises(ProofError, match="has been seen"):
        opened(world, old, head_store=FileTrustedHeads(tmp_path))
    opened(world, new, head_store=FileTrustedHeads(tmp_path))
    opened(world, old)


@clause("V22", "TB-02", "LC-TIME")
def test_a_remembered_head_past_the_trust_period_vouches_for_no_newer_bundle(tmp_path):
    world = node_world()
    heads = FileTrustedHeads(tmp_path)
    old = exported(world)
    opened(world, old, head_store=heads)
    world.clock.advance(1000)
    world.registry.head()
    new = exported(world)
    opened(world, old, head_store=heads, trust_period=900)
    with pytest.raises(ProofError, match="expired"):
        opened(world, new, head_store=heads, trust_period=900)
    assert opened(world, new, head_store=heads).head() == world.registry.head()


@clause("V22", "TB-02")
def test_a_bundle_beside_a_head_that_was_seen_is_refused():
    world = node_world()
    fork = node_world()
    assert fork.registry.genesis_hash == world.registry.genesis_hash
    world.clock.advance(7)
    fork.clock.advance(9)
    world.issuer.submit(UpdateDid(world.issuer_did, 2, services=()))
    fork.issuer.submit(UpdateDid(fork.issuer_did, 2, services=()))
    assert fork.registry.head().height == world.registry.head().height
    heads = MemoryTrustedHeads()
    opened(world, exported(world), head_store=heads)
    with pytest.raises(ProofError):
        opened(fork, exported(fork), head_store=heads)
    assert len(heads.conflicts(world.registry.genesis_hash)) == 1


@clause("V22", "TB-02")
def test_a_bundle_of_another_registry_is_refused(world):
    other = LocalRegistry(clock=world.clock)
    data = export_from([other.committed], genesis_hash=other.genesis_hash, clock=world.clock)
    with pytest.raises(ProofError, match="genesis"):
        opened(world, data)


@clause("V22", "TB-03")
def test_any_change_of_the_file_is_refused_or_without_effect(world):
    """Each of many single-character changes either is refused or changes no answer."""
    data = exported(world)
    good = BundleFile.from_bytes(data)
    rng = seeded.Random(7)
    refused = 0
    for _ in range(150):
        at = rng.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ (1 << rng.randrange(7))]) + data[at + 1 :]
        try:
            bundle = opened(world, changed)
        except (MalformedError, ProofError, RegistryUnavailableError):
            refused += 1
            continue
        file = bundle._file
        # Spaces, and names that nothing asks for, may differ; what answers may not.
        assert dict(file.records) == {k: v for k, v in good.records.items() if k in file.records}
        assert dict(file.lists) == {k: v for k, v in good.lists.items() if k in file.lists}
        assert file.blocks[-1].header == good.blocks[-1].header
    assert refused > 100


TAMPERED = {
    "a record's value gone": lambda b: next(
        a for _, _, a in b["records"] if a["value"] is not None
    ).update(value=None),
    "a record under another's name": lambda b: b["records"][0].__setitem__(
        1, b["records"][1][1] + "AA"
    ),
    "an unknown kind of record": lambda b: b["records"][0].__setitem__(0, "money"),
    "a list's entry left out": lambda b: next(
        a for _, _, a in b["lists"] if a["page"] and a["page"]["entries"]
    )["page"]["entries"].pop(),
    "no blocks": lambda b: b["blocks"].clear(),
    "another format": lambda b: b.update(format="weid-trust-bundle/9"),
    "another height": lambda b: b["blocks"][-1]["signed_header"]["header"].update(height="9999"),
    "a block twice": lambda b: b["blocks"].append(b["blocks"][0]),
}


@clause("V22", "TB-03")
@pytest.mark.parametrize("what", TAMPERED)
def test_a_tampered_bundle_is_refused_with_a_reason(world, what):
    body = json.loads(exported(world))
    TAMPERED[what](body)
    data = json.dumps(body).encode()
    with pytest.raises((MalformedError, ProofError, RegistryUnavailableError)) as refused:
        opened(world, data)
    assert refused.value.message


@clause("TB-06")
def test_a_registry_that_changes_while_it_is_exported_is_read_again(world):
    """All answers of one bundle lead to the same head, or there is no bundle."""
    moving = node_world()
    version = [2]

    class Restless:
        def __init__(self, source, times):
            self.source = source
            self.times = times

        def __getattr__(self, name):
            return getattr(self.source, name)

        def list_page(self, list_id, start):
            if self.times:
                self.times -= 1
                moving.clock.advance(1)
                moving.issuer.submit(UpdateDid(moving.issuer_did, version[0], services=()))
                version[0] += 1
            return self.source.list_page(list_id, start)

    def export(times):
        return export_from(
            [Restless(moving.source, times)],
            genesis_hash=moving.registry.genesis_hash,
            clock=moving.clock,
        )

    first = export(1)
    assert len({a.roots.app_hash for a in BundleFile.from_bytes(first).records.values()}) == 1
    opened(moving, first)


@clause("TB-01")
def test_a_file_that_is_not_there_or_no_bundle_says_so(world, tmp_path):
    options = {"genesis_hash": world.registry.genesis_hash, "clock": world.clock}
    with pytest.raises(NotFoundError) as missing:
        TrustBundle.open(tmp_path / "none.json", **options)
    assert "weid trust export" in missing.value.hint
    path = tmp_path / "bundle.json"
    for data in (b"", b"{}", b"[]", b"\x00" * 100, b"{" * 5000):
        path.write_bytes(data)
        with pytest.raises(MalformedError):
            TrustBundle.open(path, **options)
    path.write_bytes(exported(world))
    assert TrustBundle.open(path, **options).did(world.issuer_did) is not None


@clause("TB-02")
def test_blocks_lead_from_the_genesis_over_a_rotation_of_the_sealing_key():
    world = node_world()
    successor = InMemorySigner(PrivateKey.from_seed(b"\x66" * 32))
    for _ in range(12):
        world.clock.advance(31)
        world.registry.head()
    world.registry.engine.rotate_sealing_key(successor)
    for _ in range(5):
        world.clock.advance(31)
        world.registry.head()
    data = exported(world)
    assert len(BundleFile.from_bytes(data).blocks) > 1
    assert opened(world, data).head() == world.registry.head()
    without = replace(BundleFile.from_bytes(data), blocks=BundleFile.from_bytes(data).blocks[-1:])
    with pytest.raises(ProofError):
        opened(world, without.to_bytes())
