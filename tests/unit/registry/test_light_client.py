"""What the light client follows and what it refuses, on chains that the test seals itself."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from pathlib import Path

import pytest

from tests.support.clauses import clause
from tests.support.light_chain import CHAIN, START, LightChain, commit, key, validators
from weid.clock import FixedClock
from weid.errors import ForkError, MalformedError, ProofError, RegistryUnavailableError
from weid.registry.light_block import LightBlock
from weid.registry.light_client import LightClient, TrustRoot
from weid.registry.proved_reader import TRUST_PERIOD
from weid.registry.trusted_heads import (
    FileTrustedHeads,
    HeadConflict,
    MemoryTrustedHeads,
    TrustedHeadStore,
)
from weid.registry.validators import Validator, ValidatorSet

FOUR = tuple(key(name) for name in ("anna", "bela", "carl", "dora"))
ONE = key("one")
CHAIN_OF_90 = LightChain(ONE)
CHAIN_OF_90.grow(90)
TWO = key("two")


def client_of(
    chain: LightChain, *, heads: TrustedHeadStore | None = None, after: int = 1000, **options: int
) -> LightClient:
    clock = FixedClock(START + after)
    return LightClient(chain.root, clock=clock, heads=heads, **options)


# --- Following -----------------------------------------------------------------------------------


@clause("LC-ADJACENT", "LC-SKIPPING")
def test_a_chain_with_one_sealer_is_followed_across_a_key_rotation_by_bisection() -> None:
    chain = LightChain(ONE)
    chain.grow(20, next_keys=(key("two"),))
    chain.grow(30, next_keys=(key("three"),))
    chain.grow(10)
    client = client_of(chain)
    head = client.update(chain)
    assert head.height == 60
    assert head.block_hash == chain.blocks[-1].header.hash()
    assert len(chain.asked) < 30, "bisection, not a walk"


@clause("LC-SKIPPING")
def test_an_unchanged_set_needs_one_question() -> None:
    chain = LightChain(*FOUR)
    chain.grow(500)
    client_of(chain).update(chain)
    assert chain.asked == [None]


@clause("LC-SKIPPING")
def test_a_set_announced_by_the_trusted_header_is_believed_far_ahead() -> None:
    chain = LightChain(ONE)
    chain.grow(5, next_keys=(key("two"),))
    client = client_of(chain)
    client.update(chain)
    chain.grow(40)
    chain.asked.clear()
    client.update(chain)
    assert chain.asked == [None]


def test_the_same_newest_block_again_is_no_news() -> None:
    chain = LightChain(ONE)
    chain.grow(3)
    client = client_of(chain)
    assert client.update(chain) == client.update(chain)
    assert client.newest == chain.blocks[-1]
    assert client.root == chain.root


# --- Refusing ------------------------------------------------------------------------------------


@clause("B23", "LC-SKIPPING")
def test_a_header_of_strangers_is_refused_when_nothing_links_it() -> None:
    chain = LightChain(*FOUR)
    chain.grow(5)
    strangers = LightChain(*(key(f"stranger {n}") for n in range(4)))
    strangers.grow(9)
    client = client_of(chain)
    client.update(chain)
    with pytest.raises(ProofError, match="one third"):
        client.accept(strangers.blocks[-1])


@clause("B23", "LC-SKIPPING")
def test_one_third_of_the_trusted_power_is_not_enough() -> None:
    three = FOUR[:3]
    chain = LightChain(*three)
    chain.grow(2, next_keys=(three[0], key("x"), key("y")))
    chain.grow(1, next_keys=(three[0], key("p"), key("q")))
    chain.grow(5)
    # One of three trusted ones signed the newest: exactly a third, so what is between is needed.
    client = client_of(chain)
    client.accept(chain.blocks[0])
    with pytest.raises(ProofError, match="one third"):
        client.accept(chain.blocks[-1])
    assert client.update(chain).height == 8


@clause("B23", "LC-ADJACENT")
def test_the_next_header_must_be_of_the_announced_set_even_if_all_trusted_ones_signed() -> None:
    chain = LightChain(*FOUR)
    chain.grow(3)
    forged = LightChain(*FOUR)
    forged.grow(3, next_keys=(*FOUR, key("intruder")))
    forged.grow(1)
    client = client_of(chain)
    client.accept(chain.blocks[-1])
    with pytest.raises(ProofError, match="not those announced"):
        client.accept(forged.blocks[-1])


@clause("B23", "LC-ADJACENT", "LC-ROOT")
def test_the_first_header_must_be_of_the_genesis_set() -> None:
    other = LightChain(key("other"))
    other.grow(1)
    chain = LightChain(ONE)
    with pytest.raises(ProofError, match="not those announced"):
        client_of(chain).accept(other.blocks[0])


@clause("B23", "LC-COMMIT")
def test_two_of_four_signatures_are_refused() -> None:
    chain = LightChain(*FOUR)
    chain.grow(1, signers=FOUR[:2])
    with pytest.raises(ProofError, match="two thirds"):
        client_of(chain).update(chain)


@clause("B23", "LC-TIME")
def test_a_header_from_the_future_is_refused_past_the_drift() -> None:
    chain = LightChain(ONE)
    chain.grow(100)
    assert client_of(chain, after=100 - 60).update(chain).height == 100
    with pytest.raises(ProofError, match="in the future") as refused:
        client_of(chain, after=100 - 61).update(chain)
    assert refused.value.hint is not None
    with pytest.raises(ProofError, match="in the future"):
        client_of(chain, after=94, drift=5).update(chain)


@clause("B23", "LC-TIME")
def test_time_must_rise() -> None:
    chain = LightChain(ONE)
    chain.grow(2)
    chain.grow(1, time_ns=chain.blocks[-1].header.time_ns)
    client = client_of(chain)
    client.accept(chain.blocks[1])
    with pytest.raises(ProofError, match="not after"):
        client.accept(chain.blocks[2])


@clause("B23", "LC-TIME")
def test_trust_ends_with_its_period() -> None:
    chain = LightChain(ONE)
    chain.grow(10)
    heads = MemoryTrustedHeads()
    LightClient(chain.root, clock=FixedClock(START + 100), heads=heads).update(chain)
    seen = chain.blocks[-1].header.time
    chain.grow(1)
    in_time, late = (
        LightClient(chain.root, clock=FixedClock(now), heads=store, trust_period=1000)
        for now, store in ((seen + 1000, deepcopy(heads)), (seen + 1002, heads))
    )
    in_time.update(chain)
    with pytest.raises(ProofError, match="expired") as refused:
        late.update(chain)
    assert refused.value.hint is not None
    with pytest.raises(ProofError, match="expired"):
        late.accept(chain.blocks[-1])
    pinned_now = LightClient(chain.root, clock=FixedClock(seen + 9000), trust_period=1000)
    assert pinned_now.update(chain).height == chain.blocks[-1].header.height


@clause("LC-TIME")
def test_a_remembered_head_vouches_for_thirty_days_unless_said_otherwise() -> None:
    chain = LightChain(ONE)
    chain.grow(3)
    heads = MemoryTrustedHeads()
    client_of(chain, heads=heads).update(chain)
    # Its nanoseconds are rounded up to a whole second.
    ends = -(-chain.blocks[-1].header.time_ns // 10**9) + 30 * 86_400
    chain.grow(1)
    in_time = LightClient(chain.root, clock=FixedClock(ends), heads=deepcopy(heads))
    assert in_time.update(chain).height == 4
    late = LightClient(chain.root, clock=FixedClock(ends + 1), heads=deepcopy(heads))
    with pytest.raises(ProofError, match="trust period has expired") as refused:
        late.update(chain)
    assert "weid trust reset" in str(refused.value.hint)
    for_ever = LightClient(
        chain.root, clock=FixedClock(ends + 1), heads=deepcopy(heads), trust_period=None
    )
    assert for_ever.update(chain).height == 4


@clause("B23", "LC-TIME", "LC-ROTATE")
def test_a_key_that_was_rotated_out_convinces_no_client_past_the_trust_period() -> None:
    honest, heads = LightChain(ONE), MemoryTrustedHeads()
    honest.grow(3)
    LightClient(honest.root, clock=FixedClock(START + 100), heads=heads).update(honest)
    forged = deepcopy(honest)
    honest.grow(1, next_keys=(TWO,))
    forged.grow(200)
    year = FixedClock(START + 365 * 86_400)
    late = LightClient(honest.root, clock=year, heads=heads, trust_period=TRUST_PERIOD)
    with pytest.raises(ProofError, match="expired"):
        late.update(forged)


@clause("LC-AGE")
def test_an_old_head_is_no_answer_when_the_policy_wants_a_fresh_one() -> None:
    chain = LightChain(ONE)
    chain.grow(10)
    fresh = client_of(chain, after=40, max_head_age=30)
    assert fresh.update(chain) == fresh.require_fresh()
    stale = client_of(chain, after=41, max_head_age=30)
    with pytest.raises(RegistryUnavailableError, match="too old"):
        stale.update(chain)
    with pytest.raises(RegistryUnavailableError, match="too old"):
        stale.require_fresh()
    with pytest.raises(RegistryUnavailableError, match="no head"):
        client_of(chain).require_fresh()


@clause("B23", "LC-ROOT")
def test_another_chain_with_the_same_keys_is_refused() -> None:
    chain = LightChain(ONE)
    other = LightChain(ONE, chain_id="test-chain-2")
    other.grow(3)
    with pytest.raises(ProofError, match="of chain"):
        client_of(chain).update(other)


@clause("LC-SKIPPING")
def test_a_source_that_answers_another_height_is_caught() -> None:
    chain = LightChain(ONE)
    chain.grow(4, next_keys=(key("two"),))
    chain.grow(4)

    class Liar:
        def light_block(self, height: int | None) -> LightBlock:
            return chain.light_block(None if height is None else height - 1)

    with pytest.raises(ProofError, match="another height than asked"):
        client_of(chain).update(Liar())


@clause("B23", "LC-SKIPPING")
def test_a_bisection_that_ends_at_strangers_is_refused() -> None:
    chain = LightChain(ONE)
    chain.grow(4)
    other = LightChain(key("other"))
    other.grow(8)
    chain.blocks += other.blocks[4:]
    with pytest.raises(ProofError, match="not those announced"):
        client_of(chain).update(chain)


# --- Heads remembered ----------------------------------------------------------------------------


@pytest.fixture(params=["memory", "files"])
def heads(request: pytest.FixtureRequest, tmp_path: Path) -> TrustedHeadStore:
    return MemoryTrustedHeads() if request.param == "memory" else FileTrustedHeads(tmp_path / "h")


@clause("B15", "LC-HEADS")
def test_a_lower_head_is_refused_and_both_are_kept(heads: TrustedHeadStore) -> None:
    chain = LightChain(ONE)
    chain.grow(9)
    client_of(chain, heads=heads).update(chain)
    again = client_of(chain, heads=heads)
    with pytest.raises(ProofError, match="height 5 after height 9"):
        again.accept(chain.blocks[4])
    (kept,) = heads.conflicts(chain.root.genesis_hash)
    assert (kept.remembered, kept.refused) == (chain.blocks[8], chain.blocks[4])
    assert heads.load(chain.root.genesis_hash) == chain.blocks[8]


@clause("B15", "LC-HEADS")
def test_two_blocks_of_one_key_at_one_height_are_kept_as_proof_of_the_fork(
    heads: TrustedHeadStore,
) -> None:
    chain = LightChain(ONE)
    fork = LightChain(ONE, label="fork")
    chain.grow(9)
    fork.grow(9)
    client_of(chain, heads=heads).update(chain)
    with pytest.raises(ForkError, match="two different blocks at height 9"):
        client_of(chain, heads=heads).update(fork)
    (kept,) = heads.conflicts(chain.root.genesis_hash)
    assert {kept.remembered, kept.refused} == {chain.blocks[8], fork.blocks[8]}


@clause("LC-HEADS")
def test_what_strangers_sealed_is_no_evidence(heads: TrustedHeadStore) -> None:
    chain = LightChain(ONE)
    chain.grow(9)
    strangers = LightChain(key("other"))
    strangers.grow(5)
    client_of(chain, heads=heads).update(chain)
    with pytest.raises(ProofError, match="nor sealed by its set"):
        client_of(chain, heads=heads).update(strangers)
    unsigned = dataclasses.replace(
        chain.blocks[2], commit=commit(chain.blocks[2].header, (ONE,), ())
    )
    with pytest.raises(ProofError):
        client_of(chain, heads=heads).accept(unsigned)
    assert heads.conflicts(chain.root.genesis_hash) == ()


@clause("LC-HEADS")
def test_heads_of_two_registries_do_not_meet(heads: TrustedHeadStore) -> None:
    chain = LightChain(ONE)
    chain.grow(9)
    client_of(chain, heads=heads).update(chain)
    other = dataclasses.replace(chain.root, genesis_hash=b"\x33" * 32)
    assert heads.load(other.genesis_hash) is None
    assert LightClient(other, clock=FixedClock(START + 99), heads=heads).newest is None


@clause("LC-HEADS")
def test_a_head_remembered_by_another_process_is_seen(heads: TrustedHeadStore) -> None:
    chain = LightChain(ONE)
    chain.grow(3)
    first, second = client_of(chain, heads=heads), client_of(chain, heads=heads)
    first.update(chain)
    chain.grow(3)
    second.update(chain)
    chain.blocks.pop()
    with pytest.raises(ProofError, match="height 5 after height 6"):
        first.update(chain)


@clause("LC-HEADS")
def test_evidence_is_bounded_and_leaves_room_for_forks(heads: TrustedHeadStore) -> None:
    heads.advance(b"g", CHAIN_OF_90.blocks[89])
    # Anybody can show old blocks: they take half of the room, and each pair one place.
    for number in (0, 0, *range(40)):
        with pytest.raises(ProofError, match="after height"):
            heads.advance(b"g", CHAIN_OF_90.blocks[number])
    assert len(heads.conflicts(b"g")) == 32
    for number in range(40):
        fork = LightBlock(
            dataclasses.replace(CHAIN_OF_90.blocks[89].header, app_version=100 + number),
            CHAIN_OF_90.blocks[89].commit,
            CHAIN_OF_90.blocks[89].validators,
        )
        with pytest.raises(ProofError, match="two different blocks"):
            heads.advance(b"g", fork)
    assert len(heads.conflicts(b"g")) == 64
    heads.keep(b"g", HeadConflict(CHAIN_OF_90.blocks[0], CHAIN_OF_90.blocks[0]))
    assert len(heads.conflicts(b"g")) == 64


@clause("LC-HEADS")
def test_head_files_are_replaced_whole_and_damage_is_no_fresh_start(tmp_path: Path) -> None:
    heads = FileTrustedHeads(tmp_path / "deep" / "h")
    chain = LightChain(ONE)
    chain.grow(2)
    genesis = chain.root.genesis_hash
    heads.advance(genesis, chain.blocks[0])
    heads.advance(genesis, chain.blocks[0])
    heads.advance(genesis, chain.blocks[1])
    names = sorted(path.name for path in (tmp_path / "deep" / "h").iterdir())
    assert names == [f"{genesis.hex()}.json", f"{genesis.hex()}.lock"]
    head = tmp_path / "deep" / "h" / names[0]
    whole = head.read_bytes()
    for damage in (b"", whole[:-20], whole.replace(b'"height"', b'"heiGht"', 1), b"[]"):
        head.write_bytes(damage)
        with pytest.raises(MalformedError):
            client_of(chain, heads=heads)
        with pytest.raises(MalformedError):
            heads.advance(genesis, chain.blocks[1])
    head.write_bytes(whole)
    with pytest.raises(ProofError):
        heads.advance(genesis, chain.blocks[0])
    (tmp_path / "deep" / "h" / f"{genesis.hex()}.conflict-1.json").write_bytes(b"{}")
    with pytest.raises(MalformedError, match="not ours"):
        heads.conflicts(genesis)


@clause("LC-HEADS")
def test_a_failed_write_leaves_the_old_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = FileTrustedHeads(tmp_path)
    chain = LightChain(ONE)
    chain.grow(2)
    heads.advance(b"g", chain.blocks[0])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        heads.advance(b"g", chain.blocks[1])
    monkeypatch.undo()
    assert heads.load(b"g") == chain.blocks[0]
    assert not list(tmp_path.glob(".new-*"))


@clause("LC-ROOT")
def test_a_remembered_head_of_another_chain_is_refused() -> None:
    heads = MemoryTrustedHeads()
    chain = LightChain(ONE, chain_id="chain-a")
    chain.grow(1)
    heads.advance(chain.root.genesis_hash, chain.blocks[0])
    other = TrustRoot(chain.root.genesis_hash, CHAIN, chain.root.validators, START)
    with pytest.raises(ProofError, match="another chain"):
        LightClient(other, clock=FixedClock(START), heads=heads)


@clause("LC-VALIDATORS")
def test_a_set_sorts_itself_by_power_then_address() -> None:
    keys = [key(str(n)).public.raw for n in range(5)]
    one = ValidatorSet.of([Validator(raw, power) for power, raw in enumerate(keys, 1)])
    other = ValidatorSet.of([Validator(raw, p) for p, raw in reversed(list(enumerate(keys, 1)))])
    assert one == other
    assert [v.power for v in one.validators] == [5, 4, 3, 2, 1]
    equal = validators(*(key(str(n)) for n in range(5)))
    assert [v.address for v in equal.validators] == sorted(v.address for v in equal.validators)
    assert equal.total_power == 5
