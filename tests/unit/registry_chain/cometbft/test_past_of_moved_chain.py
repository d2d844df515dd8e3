"""What lies before a hand-over, verified by clients that are pinned after it, before it, or at none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.chain_world import NOW, SEALER, ChainWorld, batch_root
from tests.support.clauses import clause
from tests.support.light_chain import commit, key, validators
from tests.unit.registry_chain.cometbft.test_moving import hand_over, moved_network
from weid.clock import FixedClock
from weid.errors import ProofError
from weid.registry.headers import Header
from weid.registry.light_block import LightBlock
from weid.registry.light_client import LightClient
from weid.registry.past_headers import verify_past
from weid.registry.proofs import verify_state_proof
from weid.registry.records import BatchRecord, Head
from weid.registry.state_keys import NAMESPACE_OF, anchor_id, state_key


class Moved:
    """A registry that a sealer began, with an answer of that time, and four nodes that go on."""

    def __init__(self) -> None:
        self.world = ChainWorld()
        self.clock = FixedClock(NOW + 200)
        self.before = LightClient(self.world.trust_root(), clock=self.clock)
        self.world.submit(self.world.anchor("before"))
        # As a reader kept it who asked long before the registry moved.
        namespace = NAMESPACE_OF[BatchRecord]
        identity = anchor_id(self.world.did, batch_root("before"))
        self.key = state_key(namespace, identity)
        self.kept = self.world.reader.record(namespace, identity)
        self.before.update(self.world.reader)
        hand_over(self.world)
        network, nodes, self.end = moved_network(self.world)
        for _ in range(3):
            network.decide()
            for node in nodes:
                node.settle()
        self.source = nodes[0].reader()

    def after(self) -> LightClient:
        """Return a client whose first head is one of after the hand-over."""
        client = LightClient(self.world.trust_root(), clock=self.clock)
        client.update(self.source)
        return client

    def back_to(self, client: LightClient, height: int) -> Head:
        """Go back from a client's newest head to a height, one header at a time."""
        below = client.newest
        assert below is not None
        head = below.head()
        while head.height > height:
            block = self.source.light_block(head.height - 1)
            head = verify_past(client, block, below=below, source=self.source)
            below = block
        return head


@pytest.fixture(scope="module")
def moved() -> Moved:
    return Moved()


@clause("LC-PAST", "CN-30")
def test_a_record_of_before_the_hand_over_is_verified_by_clients_of_after_and_before(
    moved: Moved,
) -> None:
    moved.before.update(moved.source)
    for client in (moved.after(), moved.before):
        newest = client.newest
        assert newest is not None
        assert newest.header.height == moved.end.height + 3
        kept = moved.kept
        head = moved.back_to(client, kept.roots.height)
        assert head.app_hash == kept.roots.app_hash
        assert kept.value is not None
        verify_state_proof(kept.roots.smt_root, moved.key, kept.value, kept.proof)
        # Nothing of the past is believed to be the present.
        assert client.newest is newest
    assert moved.back_to(moved.after(), 1).height == 1


@clause("LC-PAST")
def test_there_is_nothing_before_the_first_header(moved: Moved) -> None:
    first = moved.source.light_block(1)
    with pytest.raises(ProofError, match="no header before the first"):
        verify_past(moved.after(), first, below=first, source=moved.source)


@clause("LC-PAST")
def test_the_last_header_before_a_hand_over_needs_a_source(moved: Moved) -> None:
    first = moved.source.light_block(moved.end.height + 1)
    last = moved.source.light_block(moved.end.height)
    with pytest.raises(ProofError, match="no hash names it"):
        verify_past(moved.after(), last, below=first)


LIES: dict[str, Callable[[Header], Header]] = {
    "another height": lambda header: replace(header, height=header.height - 1),
    "another state": lambda header: replace(header, app_hash=b"\x07" * 32),
    "other validators announced": lambda header: replace(header, next_validators_hash=b"\x07" * 32),
    "a later time": lambda header: replace(header, time_ns=header.time_ns + 10**9),
}


@clause("LC-PAST", "LC-HANDOVER")
@pytest.mark.parametrize("what", LIES)
def test_another_last_header_is_refused_whoever_sealed_it(moved: Moved, what: str) -> None:
    first = moved.source.light_block(moved.end.height + 1)
    last = moved.source.light_block(moved.end.height)
    header = LIES[what](last.header)
    forged = LightBlock(header, commit(header, (SEALER,), (SEALER,)), last.validators)
    with pytest.raises(ProofError, match="not the one that was handed over from"):
        verify_past(moved.after(), forged, below=first, source=moved.source)


@clause("LC-PAST")
def test_a_last_header_that_the_sealer_did_not_seal_is_refused(moved: Moved) -> None:
    first = moved.source.light_block(moved.end.height + 1)
    last = moved.source.light_block(moved.end.height)
    stranger = key("stranger")
    theirs = validators(stranger)
    header = replace(last.header, validators_hash=theirs.hash())
    forged = LightBlock(header, commit(header, (stranger,), (stranger,)), theirs)
    with pytest.raises(ProofError):
        verify_past(moved.after(), forged, below=first, source=moved.source)
    unsigned = replace(last, commit=commit(last.header, (SEALER,), ()))
    with pytest.raises(ProofError):
        verify_past(moved.after(), unsigned, below=first, source=moved.source)
