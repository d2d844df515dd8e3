"""No lie of a node passes: every method of a registry reader, against every kind of lie.

A reader may say less than the truth (that it does not know, that the node lies); it may never say
anything else than the truth.
"""

# ruff: noqa: ARG005 - lies share one signature, and few need all of it
from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from registry_chain.reader import CommittedReader
from tests.support.clauses import clause
from tests.support.lying_source import FrozenStore, LyingSource
from tests.support.network_nodes import admission, holds, node_id
from tests.support.node_world import BATCH, CPT, EVIDENCE, URI, node_world, template_document
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import NotFoundError, ProofError, RegistryUnavailableError
from weid.registry.author import create_did
from weid.registry.list_proofs import ListPage
from weid.registry.node_operations import (
    ChangeNode,
    HandOver,
    NodeRole,
    ScheduleRules,
)
from weid.registry.operations import (
    AnchorBatch,
    AnchorEvidence,
    PublishStatusList,
    PublishTemplate,
    UpdateDid,
)
from weid.registry.policy_operations import PublishPolicy, WithdrawPolicy
from weid.registry.proofs import EMPTY, StateProof
from weid.registry.proved_reader import ProvedReader
from weid.registry.registry import RegistryReader
from weid.registry.state_keys import ROLES, TEMPLATES, anchor_id, status_id
from weid.registry.transaction import proposal_id

FORGER = PrivateKey.from_seed(b"\x55" * 32)
NODE = node_id("harbour")


@pytest.fixture(scope="module")
def world():
    world = node_world()
    proposed = world.registry.governor.set_parameter("max_time_lag", 90)
    world.proposal = proposal_id(proposed.transaction_id, 0)
    # Another who says the same of the same names: never the answer to a question about the issuer.
    registry = world.registry
    registry.governor.recognize(registry.governor.did, CPT)
    registry.endorser.submit(
        PublishStatusList(URI, CPT, 1, 131_072, 1, b"\x44" * 32),
        AnchorBatch(BATCH, 11),
        AnchorEvidence(EVIDENCE, "theirs"),
    )
    registry.governor.decide(
        admission(
            NODE,
            NodeRole.VALIDATOR,
            "Harbour",
            "",
            holds(InMemorySigner(FORGER)),
            10,
            network="local",
        )
    )
    document = b'{"policy_id":"library","uri":"urn:weid:local:policy:library:1","version":1}'
    world.issuer.submit(PublishPolicy("library", 1, document))
    world.past = CommittedReader(FrozenStore(world.registry.engine.application.store))
    world.past_time = world.clock.now()
    # From here on the frozen past differs from the present in every record and list.
    world.clock.advance(40)
    world.issuer.submit(UpdateDid(world.issuer_did, 2, services=()))
    world.issuer.submit(PublishTemplate("licence", 1, template_document("licence", 1, "Licence")))
    world.issuer.submit(WithdrawPolicy("library", 1))
    registry.governor.derecognize(registry.governor.did, CPT, compromised_since=world.clock.now())
    registry.governor.recognize(registry.governor.did, CPT)
    issuer, _ = create_did(
        registry, [InMemorySigner(FORGER)], clock=world.clock, endorser=registry.endorser
    )
    registry.governor.recognize(issuer, CPT)
    registry.endorser.submit(AnchorEvidence(EVIDENCE, "theirs too"))
    registry.governor.decide(ChangeNode(NODE, name="Harbour office"))
    registry.governor.decide(ScheduleRules(2, 10_000))
    registry.head()
    # The last thing that this engine does.
    registry.governor.decide(HandOver())
    return world


def reader_of(world, lies=None, *, source=None, warm=True):
    """Return a reader over a node that lies, after it has come to believe the true head."""
    lying = LyingSource(source or world.source, {})
    reader = ProvedReader([lying], genesis_hash=world.registry.genesis_hash, clock=world.clock)
    if warm:
        reader.head()
    lying.lies = lies or {}
    return reader


# --- How each method of a reader is asked, and which answer of the node it rests on ---------------

RECORDS = {
    "did": lambda r, w: r.did(w.issuer_did),
    "organisation": lambda r, w: r.organisation(w.issuer_did),
    "roles": lambda r, w: r.roles(w.issuer_did),
    "template": lambda r, w: r.template(CPT, 1),
    "policy": lambda r, w: r.policy("library", 1),
    "recognition": lambda r, w: r.recognition(w.issuer_did, CPT),
    "accreditation": lambda r, w: r.accreditation(w.issuer_did, CPT),
    "status_list": lambda r, w: r.status_list(w.issuer_did, URI),
    "evidence_by": lambda r, w: r.evidence_by(w.issuer_did, EVIDENCE),
    "batch": lambda r, w: r.batch(w.issuer_did, BATCH),
    "proposal": lambda r, w: r.proposal(w.proposal),
    "parameter": lambda r, w: r.parameter("max_time_lag"),
    "node": lambda r, w: r.node(NODE),
    "pending_rules": lambda r, w: r.pending_rules(),
    "handover": lambda r, w: r.handover(),
}
LISTS = {
    "templates": lambda r, w: r.templates(),
    "policies": lambda r, w: r.policies(),
    "recognized_issuers": lambda r, w: r.recognized_issuers(CPT),
    "status_lists": lambda r, w: r.status_lists(w.issuer_did),
    "evidence": lambda r, w: r.evidence(EVIDENCE),
    "role_holders": lambda r, w: r.role_holders(),
    "nodes": lambda r, w: r.nodes(),
}
OTHERS = {
    "network": lambda r, w: r.network,
    "genesis_hash": lambda r, w: r.genesis_hash,
    "head": lambda r, w: r.head(),
    "template_document": lambda r, w: r.template_document(w.registry.template(CPT, 1)),
    "former": lambda r, w: r.former(w.registry.recognition(w.registry.governor.did, CPT)),
    "receipt": lambda r, w: r.receipt(w.receipt.transaction_id),
}
ASKED = {**RECORDS, **LISTS, **OTHERS}


def flip(data, at=-1):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def grown(data):
    return data + b"\x00"


def with_roots(**changes):
    return lambda truth, answer, *args: replace(answer, roots=replace(answer.roots, **changes))


def past(name):
    def lie(truth, answer, *args, world=None):
        return getattr(world.past, name)(*args)

    lie.needs_world = True
    return lie


RECORD_LIES = {
    "changes the last byte of the record": lambda t, a, *x: replace(a, value=flip(a.value)),
    "changes the first byte of the record": lambda t, a, *x: replace(a, value=flip(a.value, 0)),
    "adds a byte to the record": lambda t, a, *x: replace(a, value=grown(a.value)),
    "says that there is none": lambda t, a, *x: replace(a, value=None),
    "says that there is none, and shows the record's own leaf as the other": lambda t, a, *x: (
        replace(a, value=None, proof=replace(a.proof, other=(EVIDENCE, EVIDENCE)))
    ),
    "says that there is none in an empty tree": lambda t, a, *x: replace(
        a, value=None, proof=StateProof(())
    ),
    "shows the absence of another record": lambda t, a, ns, key: t.record(ns, b"nobody/1"),
    "gives another record with its true proof": lambda t, a, ns, key: t.record(
        "parameter" if ns != "parameter" else "did", b"max_time_lag"
    ),
    "gives the record with another record's proof": lambda t, a, ns, key: replace(
        a, proof=t.record("index", TEMPLATES.encode()).proof
    ),
    "leaves out a hash of the proof": lambda t, a, *x: replace(
        a, proof=replace(a.proof, siblings=a.proof.siblings[1:])
    ),
    "adds a hash to the proof": lambda t, a, *x: replace(
        a, proof=replace(a.proof, siblings=(*a.proof.siblings, EMPTY))
    ),
    "makes up a state of its own": with_roots(smt_root=b"\x07" * 32),
    "names another size of the log": with_roots(log_size=1),
    "names another root of the log": with_roots(log_root=b"\x07" * 32),
    "names a height that does not exist": with_roots(height=10**6, smt_root=b"\x07" * 32),
    "answers from an older state": past("record"),
}

LIST_LIES = {
    "leaves out a record": lambda t, a, *x: replace(
        a, page=ListPage(a.page.entries[1:], a.page.proof)
    ),
    "changes a record": lambda t, a, *x: replace(
        a,
        page=ListPage(
            ((a.page.entries[0][0], flip(a.page.entries[0][1])), *a.page.entries[1:]), a.page.proof
        ),
    ),
    "puts a record in twice": lambda t, a, *x: replace(
        a, page=ListPage((*a.page.entries, a.page.entries[-1]), a.page.proof)
    ),
    "adds a record of its own": lambda t, a, *x: replace(
        a, page=ListPage(((bytes(31) + b"\1", b"\x81\x01"), *a.page.entries), a.page.proof)
    ),
    "puts a record under another key": lambda t, a, *x: replace(
        a,
        page=ListPage(
            ((flip(a.page.entries[0][0]), a.page.entries[0][1]), *a.page.entries[1:]),
            a.page.proof,
        ),
    ),
    "says that the list was never begun": lambda t, a, *x: replace(a, index=None, page=None),
    "gives no page": lambda t, a, *x: replace(a, page=None),
    "changes the index record": lambda t, a, *x: replace(a, index=flip(a.index)),
    "gives another list": lambda t, a, list_id, start: t.list_page(
        ROLES if list_id != ROLES else TEMPLATES, start
    ),
    "gives another list's page under this index": lambda t, a, list_id, start: replace(
        a, page=t.list_page(ROLES if list_id != ROLES else TEMPLATES, start).page
    ),
    "says that the page is not the last": lambda t, a, *x: replace(
        a, page=replace(a.page, proof=replace(a.page.proof, end=b"\xff" * 32))
    ),
    "begins after the first key": lambda t, a, list_id, start: replace(
        a, page=replace(a.page, proof=replace(a.page.proof, start=b"\x80" + bytes(31)))
    ),
    "makes up a state of its own": with_roots(smt_root=b"\x07" * 32),
    "answers from an older state": past("list_page"),
}


def resealed(truth, block, *args):
    """Return the header with another app hash, sealed by a key that nobody trusts."""
    del truth, args
    header = replace(block.header, app_hash=b"\x07" * 32)
    return replace(block, header=header)


def later(truth, block, *args):
    """Return a header that was moved one height up without a new seal."""
    del truth, args
    return replace(block, header=replace(block.header, height=block.header.height + 1))


OTHER_LIES = {
    "former": {
        "history": {
            "knows nothing of the past": lambda t, a, d: replace(a, versions=()),
            "changes the past": lambda t, a, d: replace(a, versions=(flip(a.versions[0]),)),
            "shows what is no record": lambda t, a, d: replace(a, versions=(b"\xa0",)),
        },
    },
    "network": {
        "genesis": {
            "changes a byte of the genesis": lambda t, a: flip(a, 20),
            "adds a byte to the genesis": lambda t, a: grown(a),
            "gives nothing": lambda t, a: b"",
        },
    },
    "genesis_hash": {},
    "head": {
        "light_block": {
            "changes the app hash": resealed,
            "moves the header up": later,
            "makes the header later": lambda t, b, h: replace(
                b, header=replace(b.header, time_ns=b.header.time_ns + 10**9)
            ),
            "changes the signature": lambda t, b, h: replace(
                b,
                commit=replace(
                    b.commit,
                    signatures=tuple(
                        replace(s, signature=flip(s.signature)) for s in b.commit.signatures
                    ),
                ),
            ),
            "leaves out the signatures": lambda t, b, h: replace(
                b, commit=replace(b.commit, signatures=())
            ),
            "names other validators": lambda t, b, h: replace(
                b,
                validators=type(b.validators).of(
                    [replace(b.validators.validators[0], public_key=FORGER.public.raw)]
                ),
            ),
            "shows an older head": lambda t, b, h: t.light_block(2),
            "takes another chain's name": lambda t, b, h: replace(
                b, header=replace(b.header, chain_id="other")
            ),
        },
    },
    "template_document": {
        "content": {
            "changes the document": lambda t, a, d: flip(a),
            "cuts the document": lambda t, a, d: a[:-1],
            "gives another document": lambda t, a, d: template_document("licence", 1, "Licence"),
            "gives nothing": lambda t, a, d: b"",
            "says that it is not kept": lambda t, a, d: None,
        },
    },
    "receipt": {
        "receipt": {
            "changes the result code": lambda t, a, i: replace(
                a, receipt=replace(a.receipt, code=103)
            ),
            "changes the data": lambda t, a, i: replace(
                a, receipt=replace(a.receipt, data=b"\x01")
            ),
            "names another position": lambda t, a, i: replace(
                a, receipt=replace(a.receipt, position=0)
            ),
            "names a height in the future": lambda t, a, i: replace(
                a, receipt=replace(a.receipt, height=10**6)
            ),
            "names the block before": lambda t, a, i: replace(
                a, receipt=replace(a.receipt, height=a.receipt.height - 1)
            ),
            "names the block after": lambda t, a, i: replace(
                a, receipt=replace(a.receipt, height=a.receipt.height + 1)
            ),
            "names no block": lambda t, a, i: replace(a, receipt=replace(a.receipt, height=0)),
            "gives another transaction's receipt": lambda t, a, i: t.receipt(
                t.events(first=0, limit=1)[0].event.transaction_id
            ),
            "puts the id on another receipt": lambda t, a, i: replace(
                t.receipt(t.events(first=0, limit=1)[0].event.transaction_id), receipt=a.receipt
            ),
            "leaves out a hash of the proof": lambda t, a, i: replace(a, path=a.path[1:]),
            "makes up a state of its own": with_roots(log_root=b"\x07" * 32),
            "answers from an older state": past("receipt"),
        },
    },
}

TABLE = [
    *[(name, "record", what, lie) for name in RECORDS for what, lie in RECORD_LIES.items()],
    *[(name, "list_page", what, lie) for name in LISTS for what, lie in LIST_LIES.items()],
    *[
        (name, answer, what, lie)
        for name, answers in OTHER_LIES.items()
        for answer, lies in answers.items()
        for what, lie in lies.items()
    ],
]


def bound(world, lie):
    if getattr(lie, "needs_world", False):
        return lambda truth, answer, *args: lie(truth, answer, *args, world=world)
    return lie


@clause("B26", "R40", "R41", "NA-06", "NA-08", "NA-10", "NA-09", "NA-05")
@pytest.mark.parametrize(
    ("method", "answer", "lie"),
    [(method, answer, lie) for method, answer, _, lie in TABLE],
    ids=[f"{method}: the node {what}" for method, _, what, _ in TABLE],
)
def test_a_lie_is_refused(world, method, answer, lie):
    truth = ASKED[method](reader_of(world), world)
    reader = reader_of(world, {answer: bound(world, lie)}, warm=answer != "genesis")
    try:
        said = ASKED[method](reader, world)
    except (ProofError, RegistryUnavailableError, NotFoundError):
        return
    # Where the record did not change, the older state's answer is refused all the same.
    pytest.fail(f"the reader believed {said!r}; the truth is {truth!r}")


OF_ONE_DID = {
    "status_list": lambda did: status_id(did, URI),
    "batch": lambda did: anchor_id(did, BATCH),
    "evidence_by": lambda did: anchor_id(did, EVIDENCE),
}


@clause("NA-06", "ST-01", "R40")
@pytest.mark.parametrize("method", OF_ONE_DID)
def test_what_another_did_says_of_the_same_name_is_no_answer(world, method):
    """The other's record is there, and proved; it is not the one that was asked for."""
    other = world.registry.governor.did
    theirs = {"status_list": URI, "batch": BATCH, "evidence_by": EVIDENCE}[method]
    assert getattr(reader_of(world), method)(other, theirs) is not None

    def swap(truth, answer, namespace, record_id):
        return truth.record(namespace, OF_ONE_DID[method](other))

    with pytest.raises(ProofError):
        ASKED[method](reader_of(world, {"record": swap}), world)


def test_the_truth_passes(world):
    reader = reader_of(world)
    for method, ask in ASKED.items():
        assert ask(reader, world) is not None, method


def test_every_method_of_a_reader_has_its_lies():
    """A new method of RegistryReader needs a row here before anybody may rest on it."""
    methods = {
        name
        for name, member in inspect.getmembers(RegistryReader)
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }
    assert methods == set(ASKED)
    lied = {method for method, *_ in TABLE}
    assert methods - lied == {"genesis_hash"}, "only what the reader was given needs no lie"


@clause("NA-07", "R40")
@pytest.mark.parametrize(
    "lie",
    [
        lambda t, a, d: replace(a, versions=()),
        lambda t, a, d: replace(a, versions=(flip(a.versions[0]),)),
        lambda t, a, d: replace(a, versions=a.versions[1:] or a.versions[::-1] * 2),
        lambda t, a, d: replace(a, versions=(a.versions[-1],)),
        lambda t, a, d: replace(a, versions=(a.versions[0], flip(a.versions[-1]))),
        lambda t, a, d: replace(a, versions=(a.versions[0], b"\xa0")),
    ],
    ids=["nothing", "changed", "another order", "one left out", "second changed", "no record"],
)
def test_a_lie_about_the_past_is_refused(world, lie):
    truth = reader_of(world).did(world.issuer_did, version=1)
    assert truth.version.number == 1
    reader = reader_of(world, {"history": lie})
    with pytest.raises((ProofError, RegistryUnavailableError)):
        reader.did(world.issuer_did, version=1)


@clause("NA-07")
def test_a_time_gives_the_version_in_force_then(world):
    reader = reader_of(world)
    versions = [reader.did(world.issuer_did, version=n) for n in (1, 2, 3)]
    assert [v.version.number for v in versions] == [1, 2, 3]
    for version in versions:
        assert reader.did(world.issuer_did, at_time=version.version.time) == version
        local = world.registry.did(world.issuer_did, at_time=version.version.time)
        assert local == version
    assert reader.did(world.issuer_did, at_time=versions[0].version.time - 1) is None
    assert reader.did(world.issuer_did, version=4) is None
    assert reader.did(world.issuer_did, version=0) is None


@clause("V20", "NA-05", "B26")
def test_a_node_stuck_in_the_past_is_too_old_for_a_client_that_remembers_nothing(world):
    reader = reader_of(world, source=world.past, warm=False)
    assert reader.head().height < world.registry.head().height
    world_clock_was = world.clock.now()
    world.clock.advance(200)
    try:
        for method in set(ASKED) - {"network", "genesis_hash", "template_document", "former"}:
            with pytest.raises(RegistryUnavailableError, match="too old"):
                ASKED[method](reader_of(world, source=world.past, warm=False), world)
    finally:
        world.clock.advance(world_clock_was - world.clock.now())


@clause("NA-05", "B23")
def test_a_head_below_one_that_was_seen_is_refused(world):
    reader = reader_of(world)
    reader._prover.sources[0].truth = world.past
    with pytest.raises(ProofError):
        reader.head()


@clause("NA-11")
def test_a_log_that_was_rewritten_cannot_be_proved(world):
    size, root = reader_of(world, source=world.past, warm=False).log()
    now = reader_of(world).log(since=(size, root))
    assert now[0] > size
    lies = [
        lambda t, a, f: replace(a, path=a.path[1:]),
        lambda t, a, f: replace(a, first=f - 1),
        lambda t, a, f: t.consistency(f - 1),
        lambda t, a, f: replace(a, roots=replace(a.roots, log_root=b"\x07" * 32)),
    ]
    for lie in lies:
        with pytest.raises((ProofError, RegistryUnavailableError)):
            reader_of(world, {"consistency": lie}).log(since=(size, root))
    with pytest.raises(ProofError):
        reader_of(world).log(since=(size, b"\x07" * 32))
