"""The light client on chains of many validators: borders, changes of the set, a chain handed over."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings

from tests.support.clauses import clause
from tests.support.light_chain import START, LightChain, commit, key
from weid.clock import FixedClock
from weid.crypto import ed25519
from weid.errors import (
    InvalidSignatureError,
    NodeBehindError,
    ProofError,
    RegistryUnavailableError,
    UndecidableError,
)
from weid.registry.comet_encoding import NANOSECONDS
from weid.registry.headers import NO_BLOCK, CommitSignature, VoteFlag, address, sign_bytes
from weid.registry.light_block import LightBlock
from weid.registry.light_client import LightClient, trusted_power, verify_commit
from weid.registry.trusted_heads import MemoryTrustedHeads
from weid.registry.validators import Validator, ValidatorSet

PEOPLE = tuple(key(f"validator {number}") for number in range(12))
FOUR = PEOPLE[:4]


def client_of(chain: LightChain, *, after: int = 1000, **options: object) -> LightClient:
    return LightClient(chain.root, clock=FixedClock(START + after), **options)


def sealed(chain: LightChain, **options: object) -> LightBlock:
    return chain.grow(**options)


# --- Commits -------------------------------------------------------------------------------------


@clause("B23", "LC-COMMIT")
@pytest.mark.parametrize(
    ("powers", "believed"),
    [
        ((2, 1), False),  # exactly two thirds
        ((200, 100), False),
        ((201, 100), True),
        ((67, 33), True),
        ((66, 33), False),
        ((2**59, 2**58), False),
        ((2**59 + 1, 2**58), True),
    ],
)
def test_two_thirds_are_counted_exactly(powers: tuple[int, int], *, believed: bool) -> None:
    signing, silent = FOUR[:2]
    given = {signing.public.raw: powers[0], silent.public.raw: powers[1]}
    chain = LightChain(signing, silent, powers=given)
    block = sealed(chain, signers=(signing,))
    if believed:
        assert client_of(chain).accept(block).height == 1
    else:
        with pytest.raises(ProofError, match="two thirds"):
            client_of(chain).accept(block)


@clause("B23", "LC-COMMIT")
def test_votes_for_nil_and_absent_ones_give_no_power_and_do_no_harm() -> None:
    chain = LightChain(*PEOPLE[:7])
    block = sealed(chain, signers=PEOPLE[:5], nil=(PEOPLE[5],), commit_round=3)
    flags = sorted(entry.flag for entry in block.commit.signatures)
    assert flags == [VoteFlag.ABSENT, *[VoteFlag.COMMIT] * 5, VoteFlag.NIL]
    assert client_of(chain).accept(block).height == 1
    few = LightChain(*PEOPLE[:7])
    with pytest.raises(ProofError, match="two thirds"):
        client_of(few).accept(sealed(few, signers=PEOPLE[:4], nil=PEOPLE[4:7], commit_round=3))


@clause("B23", "LC-COMMIT", "LC-VOTE")
def test_a_vote_for_nil_that_says_commit_is_refused() -> None:
    chain = LightChain(*FOUR)
    block = sealed(chain, signers=FOUR[:3], nil=FOUR[3:])
    entries = tuple(
        dataclasses.replace(entry, flag=VoteFlag.COMMIT) for entry in block.commit.signatures
    )
    forged = dataclasses.replace(block.commit, signatures=entries)
    with pytest.raises(ProofError, match="does not verify"):
        client_of(chain).accept(dataclasses.replace(block, commit=forged))


@clause("B23", "LC-COMMIT", "LC-VOTE")
@pytest.mark.parametrize("change", ["round", "parts", "chain"])
def test_what_was_signed_is_round_parts_and_chain_too(change: str) -> None:
    chain = LightChain(*FOUR)
    block = sealed(chain, commit_round=2)
    whole = block.commit
    if change == "round":
        other = dataclasses.replace(whole, round=0)
    elif change == "parts":
        other = dataclasses.replace(
            whole, block_id=dataclasses.replace(whole.block_id, parts_total=2)
        )
    else:
        elsewhere = LightChain(*FOUR, chain_id="another")
        votes = commit(
            dataclasses.replace(block.header, chain_id="another"), FOUR, FOUR, commit_round=2
        )
        assert elsewhere.chain_id == "another"
        other = dataclasses.replace(whole, signatures=votes.signatures)
    with pytest.raises(ProofError, match="does not verify"):
        client_of(chain).accept(dataclasses.replace(block, commit=other))


_ORDER = 2**252 + 27742317777372353535851937790883648493
# Points of small order: the identity, and those of order 2, 4 and 8.
_TORSION = [
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes(32),
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7.to_bytes(32, "little"),
]


def odd_signature(name: str, torsion: bytes, message: bytes, *, alone: bool = False) -> bytes:
    """Return a signature of `key(name)` that CometBFT takes and RFC 8032 without cofactor does not.

    `alone`: the commitment is nothing but the point of small order.
    """
    half = bytearray(hashlib.sha512(hashlib.sha256(name.encode()).digest()).digest()[:32])
    half[0] &= 248
    half[31] = half[31] & 63 | 64
    secret = int.from_bytes(half, "little")
    nonce = 0 if alone else int.from_bytes(hashlib.sha512(message).digest(), "little") % _ORDER
    commitment = torsion
    if not alone:
        base = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
        commitment = bindings.crypto_core_ed25519_add(base, torsion)
    asked = hashlib.sha512(commitment + key(name).public.raw + message).digest()
    scalar = (nonce + int.from_bytes(asked, "little") * secret) % _ORDER
    return bytes(commitment + scalar.to_bytes(32, "little"))


@clause("B23", "LC-VOTE", "LC-COMMIT")
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("torsion", _TORSION, ids=["identity", "order 2", "order 4", "order 8"])
def test_one_validator_cannot_stop_clients_by_a_vote_that_only_its_peers_verify(
    torsion: bytes, *, alone: bool
) -> None:
    chain = LightChain(*FOUR)
    block = sealed(chain)
    entries = list(block.commit.signatures)
    at = [e.validator_address for e in entries].index(address(FOUR[2].public.raw))
    message = sign_bytes(chain.chain_id, block.commit, entries[at].time_ns)
    odd = odd_signature("validator 2", torsion, message, alone=alone)
    if alone or torsion != _TORSION[0]:
        with pytest.raises(InvalidSignatureError):
            FOUR[2].public.verify(odd, message)
    ours = FOUR[2].public.raw
    ed25519.verify_vote(ours, odd, message)
    entries[at] = dataclasses.replace(entries[at], signature=odd)
    odd_commit = dataclasses.replace(block.commit, signatures=tuple(entries))
    assert client_of(chain).accept(dataclasses.replace(block, commit=odd_commit)).height == 1
    larger = int.from_bytes(odd[32:], "little") + _ORDER
    for forged in (
        odd[:31] + bytes([odd[31] ^ 1]) + odd[32:],
        odd[:40] + bytes([odd[40] ^ 1]) + odd[41:],
        odd[:32] + larger.to_bytes(32, "little"),
        odd[:32] + bytes(32),
        odd[:63],
        odd + b"\x00",
    ):
        with pytest.raises(InvalidSignatureError):
            ed25519.verify_vote(ours, forged, message)
    with pytest.raises(InvalidSignatureError):
        ed25519.verify_vote(ours, odd, message + b"x")
    with pytest.raises(InvalidSignatureError):
        ed25519.verify_vote(FOUR[1].public.raw, odd, message)


@clause("B23", "LC-COMMIT")
def test_one_signature_in_several_places_counts_for_nobody() -> None:
    chain = LightChain(*FOUR)
    block = sealed(chain, signers=FOUR[:1])
    one = next(e for e in block.commit.signatures if e.flag is VoteFlag.COMMIT)
    places = block.validators.validators
    under_all = tuple(
        CommitSignature(VoteFlag.COMMIT, place.address, one.time_ns, one.signature)
        for place in places
    )
    for entries in ((one,) * 4, under_all):
        forged = dataclasses.replace(block.commit, signatures=entries)
        with pytest.raises(ProofError):
            verify_commit(chain.chain_id, dataclasses.replace(block, commit=forged))


@clause("B23", "LC-COMMIT", "LC-VALIDATORS")
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=9))
def test_a_commit_carries_exactly_above_two_thirds(votes: list[tuple[int, bool]]) -> None:
    keys = PEOPLE[: len(votes)]
    powers = {k.public.raw: power for k, (power, _) in zip(keys, votes, strict=True)}
    chain = LightChain(*keys, powers=powers)
    signers = tuple(k for k, (_, signs) in zip(keys, votes, strict=True) if signs)
    block = sealed(chain, signers=signers)
    signed = sum(power for power, signs in votes if signs)
    if signed * 3 > sum(power for power, _ in votes) * 2:
        verify_commit(chain.chain_id, block)
    else:
        with pytest.raises(ProofError, match="two thirds"):
            verify_commit(chain.chain_id, block)


# --- Changes of the set ----------------------------------------------------------------------------


@clause("B23", "LC-SKIPPING")
@pytest.mark.parametrize(("kept", "believed"), [((1, 2), False), ((2, 4), False), ((2, 3), True)])
def test_one_third_is_counted_in_the_trusted_sets_powers(
    kept: tuple[int, int], *, believed: bool
) -> None:
    # `kept` is the power of the one who stays, in the trusted set, and that of those who leave.
    stays, leaves, comes = PEOPLE[0], PEOPLE[1], PEOPLE[2:5]
    powers = {stays.public.raw: kept[0], leaves.public.raw: kept[1]}
    chain = LightChain(stays, leaves, powers=powers)
    chain.grow(2, next_keys=PEOPLE[5:8])
    chain.grow(2, next_keys=(stays, *comes))
    chain.grow(3)
    client = client_of(chain)
    client.accept(chain.blocks[0])
    if believed:
        assert client.accept(chain.blocks[-1]).height == 7
    else:
        with pytest.raises(ProofError, match="one third"):
            client.accept(chain.blocks[-1])


@clause("B23", "LC-SKIPPING")
def test_trusted_power_counts_keys_that_signed_not_names_and_not_those_who_stayed_silent() -> None:
    chain = LightChain(*FOUR)
    block = sealed(chain, signers=FOUR[:3])
    assert trusted_power(block, ValidatorSet.of([Validator(FOUR[3].public.raw, 9)])) == 0
    trusted = ValidatorSet.of([Validator(k.public.raw, 7) for k in (FOUR[0], FOUR[3], PEOPLE[7])])
    assert trusted_power(block, trusted) == 7


@clause("LC-SKIPPING", "LC-ADJACENT")
def test_a_hundred_validators_who_all_change_are_followed_by_bisection() -> None:
    many = tuple(key(f"many {number}") for number in range(104))
    chain = LightChain(*many[:4])
    chain.grow(3, next_keys=many[4:104])
    chain.grow(2, next_keys=many[:7])
    chain.grow(40)
    client = client_of(chain)
    assert client.update(chain).height == 45
    assert len(chain.asked) < 12


@clause("LC-SKIPPING")
@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sets(st.integers(0, 11), min_size=1, max_size=7)),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 40),
)
def test_every_history_of_changes_is_followed_from_everywhere(
    changes: list[tuple[int, set[int]]], begin: int
) -> None:
    chain = LightChain(*FOUR)
    for count, members in changes:
        chain.grow(count, next_keys=tuple(PEOPLE[number] for number in sorted(members)))
    chain.grow(2)
    newest = len(chain.blocks)
    heads = MemoryTrustedHeads()
    known = begin % (newest + 1)
    if known:
        heads.advance(chain.root.genesis_hash, chain.blocks[known - 1])
    assert client_of(chain, heads=heads).update(chain).height == newest
    # And whatever strangers put in its place is not.
    strangers = LightChain(*(key(f"stranger {number}") for number in range(4)))
    strangers.grow(newest + 1)
    mixed = chain.copy()
    mixed.blocks = [*chain.blocks[: newest // 2], *strangers.blocks[newest // 2 :]]
    with pytest.raises(ProofError):
        client_of(chain).update(mixed)


@clause("B23", "LC-ADJACENT", "LC-SKIPPING")
def test_a_third_of_the_set_cannot_announce_another_one_by_itself() -> None:
    honest = LightChain(*FOUR)
    honest.grow(3)
    # One of four signs with three friends: a quarter of the trusted power.
    forged = honest.copy(label="forged")
    forged.keys = (FOUR[0], *PEOPLE[8:11])
    forged.grow(2)
    client = client_of(honest)
    client.accept(honest.blocks[-1])
    with pytest.raises(ProofError, match="not those announced"):
        client.update(forged)


@clause("LC-HANDOVER", "LC-ADJACENT")
@pytest.mark.parametrize("begin", [0, 5, 19, 20, 23])
def test_a_chain_handed_over_to_four_is_followed_without_a_new_pin(begin: int) -> None:
    chain = LightChain(PEOPLE[11])
    chain.grow(20, next_keys=FOUR)
    # The other engine begins anew: no block before, a genesis time of its own.
    later = chain.blocks[-1].header.time_ns + 7 * NANOSECONDS + 1
    chain.grow(1, last_block_id=NO_BLOCK, time_ns=later)
    for second in range(1, 10):
        chain.grow(1, time_ns=later + second * NANOSECONDS)
    heads = MemoryTrustedHeads()
    if begin:
        heads.advance(chain.root.genesis_hash, chain.blocks[begin - 1])
    client = client_of(chain, heads=heads)
    assert client.update(chain).height == 30
    assert client.newest == chain.blocks[-1]


@clause("B23", "LC-HANDOVER")
def test_the_first_header_after_a_handover_must_be_later_and_of_those_announced() -> None:
    chain = LightChain(PEOPLE[11])
    chain.grow(20, next_keys=FOUR)
    early, others = chain.copy(), chain.copy()
    early.grow(1, last_block_id=NO_BLOCK, time_ns=chain.blocks[-1].header.time_ns)
    others.keys = (*FOUR[:3], PEOPLE[9])
    others.grow(1, last_block_id=NO_BLOCK)
    # The sealer of before goes on as if nothing had been handed over.
    alone = chain.copy()
    alone.keys = (PEOPLE[11],)
    alone.grow(1)
    for forged, why in ((early, "not after"), (others, "announced"), (alone, "announced")):
        client = client_of(chain)
        client.accept(chain.blocks[-1])
        with pytest.raises(ProofError, match=why):
            client.accept(forged.blocks[-1])


# --- What is no lie --------------------------------------------------------------------------------


@clause("LC-HEADS")
def test_a_lower_head_of_many_validators_is_behind_and_no_evidence() -> None:
    chain = LightChain(*FOUR)
    chain.grow(9, next_keys=PEOPLE[4:8])
    chain.grow(3)
    heads = MemoryTrustedHeads()
    heads.advance(chain.root.genesis_hash, chain.blocks[-1])
    client = client_of(chain, heads=heads)
    for lower in (10, 4):
        # Also where nobody of its set is left.
        with pytest.raises(NodeBehindError, match=f"at height {lower}, and height 12"):
            client.accept(chain.blocks[lower - 1])
    assert heads.conflicts(chain.root.genesis_hash) == ()
    assert client.newest == chain.blocks[-1]
    unsigned = dataclasses.replace(
        chain.blocks[3], commit=commit(chain.blocks[3].header, FOUR, FOUR[:2])
    )
    with pytest.raises(ProofError, match="two thirds"):
        client.accept(unsigned)


@clause("LC-HEADS")
def test_a_lower_head_of_one_validator_on_cometbft_is_behind_too() -> None:
    chain = LightChain(PEOPLE[0])
    chain.grow(9)
    parts = dataclasses.replace(chain.blocks[-1].commit.block_id, parts_hash=b"\x01" * 32)
    seal = dataclasses.replace(chain.blocks[-1].commit, block_id=parts)
    heads = MemoryTrustedHeads()
    heads.advance(chain.root.genesis_hash, dataclasses.replace(chain.blocks[-1], commit=seal))
    with pytest.raises(NodeBehindError, match="at height 4"):
        client_of(chain, heads=heads).accept(chain.blocks[3])


@clause("B15", "B23", "LC-HEADS")
def test_two_blocks_of_many_validators_at_one_height_are_a_fork() -> None:
    chain = LightChain(*FOUR)
    chain.grow(9)
    fork = chain.copy(label="fork")
    fork.blocks.pop()
    fork.grow(1)
    heads = MemoryTrustedHeads()
    client = client_of(chain, heads=heads)
    client.accept(chain.blocks[-1])
    with pytest.raises(ProofError, match="two different blocks"):
        client.accept(fork.blocks[-1])
    (kept,) = heads.conflicts(chain.root.genesis_hash)
    assert (kept.remembered, kept.refused) == (chain.blocks[-1], fork.blocks[-1])


@clause("LC-HEADS")
def test_another_process_that_moves_on_meanwhile_makes_nobody_a_liar() -> None:
    chain = LightChain(*FOUR)
    chain.grow(9)
    heads = MemoryTrustedHeads()

    class Slow:
        def light_block(self, height: int | None) -> LightBlock:
            return chain.blocks[4] if height is None else chain.blocks[height - 1]

    def meanwhile(_: LightBlock) -> None:
        heads.advance(chain.root.genesis_hash, chain.blocks[8])

    client = client_of(chain, heads=heads)
    assert client.update(Slow(), confirm=meanwhile).height == 9
    assert heads.conflicts(chain.root.genesis_hash) == ()


@clause("LC-TIME", "LC-BLAME")
def test_an_expired_memory_and_a_slow_clock_accuse_no_node() -> None:
    chain = LightChain(*FOUR)
    chain.grow(9)
    heads = MemoryTrustedHeads()
    heads.advance(chain.root.genesis_hash, chain.blocks[0])
    with pytest.raises(UndecidableError, match="expired"):
        client_of(chain, heads=heads, after=500, trust_period=100).update(chain)
    with pytest.raises(UndecidableError, match="in the future"):
        client_of(chain, after=-100).update(chain)


@clause("LC-SKIPPING")
def test_a_node_cannot_keep_a_reader_busy_with_headers_in_between() -> None:
    chain = LightChain(*FOUR)
    for number in range(30):
        chain.grow(2, next_keys=tuple(key(f"term {number} {seat}") for seat in range(4)))
    clock = FixedClock(START + 1000)

    class Slow:
        def light_block(self, height: int | None) -> LightBlock:
            clock.advance(12)
            return chain.light_block(height)

    with pytest.raises(RegistryUnavailableError, match="too long"):
        LightClient(chain.root, clock=clock).update(Slow())
    assert len(chain.asked) < 10
