"""Trusting a registry anew: only from a block that a person names, and never in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clauses import clause
from tests.support.light_chain import START, LightChain, key
from weid import limits
from weid.clock import FixedClock
from weid.errors import MalformedError, ProofError, RegistryUnavailableError
from weid.registry.light_block import LightBlock
from weid.registry.light_client import LightClient
from weid.registry.trust_reset import TrustedPoint, find_trusted_block, shows_another_past
from weid.registry.trusted_heads import FileTrustedHeads

ONE = key("one")
NOW = FixedClock(START + 100)


def grown(blocks: int, *, label: str = "") -> LightChain:
    chain = LightChain(ONE, label=label) if label else LightChain(ONE)
    chain.grow(blocks)
    return chain


def point_of(block: LightBlock) -> TrustedPoint:
    return TrustedPoint(block.header.height, block.header.hash())


@clause("LC-RESET")
def test_a_point_is_a_height_and_a_hash() -> None:
    assert TrustedPoint.parse(f"12:{'ab' * 32}") == TrustedPoint(12, b"\xab" * 32)


@clause("LC-RESET")
@pytest.mark.parametrize(
    "text",
    ["", "12", "ab" * 32, f"0:{'ab' * 32}", f"-1:{'ab' * 32}", f"12:{'AB' * 32}", f"12:{'ab' * 31}",
     f" 12:{'ab' * 32}", f"12:{'ab' * 32}\n", f"\u0661:{'ab' * 32}", f"{'9' * 19}:{'ab' * 32}"],
)  # fmt: skip
def test_nothing_else_is_a_point(text: str) -> None:
    with pytest.raises(MalformedError, match="HEIGHT:HASH"):
        TrustedPoint.parse(text)


@clause("LC-RESET")
def test_the_block_that_was_named_is_found() -> None:
    chain = grown(9)
    block = chain.blocks[6]
    assert find_trusted_block(chain, chain.root, point_of(block), clock=NOW) == block


@clause("LC-RESET")
def test_another_block_than_the_one_named_is_refused() -> None:
    chain, fork = grown(9), grown(9, label="fork")
    with pytest.raises(ProofError, match="another block at height 7"):
        find_trusted_block(fork, chain.root, point_of(chain.blocks[6]), clock=NOW)


@clause("LC-RESET")
def test_a_hash_that_the_genesis_does_not_lead_to_is_refused() -> None:
    chain, strangers = grown(9), LightChain(key("other"))
    strangers.grow(9)
    with pytest.raises(ProofError):
        find_trusted_block(strangers, chain.root, point_of(strangers.blocks[6]), clock=NOW)


@clause("LC-RESET")
def test_a_source_that_gives_another_height_is_caught() -> None:
    chain = grown(9)

    class Liar:
        def light_block(self, height: int | None) -> LightBlock:
            return chain.blocks[3]

    with pytest.raises(ProofError, match="another height"):
        find_trusted_block(Liar(), chain.root, point_of(chain.blocks[6]), clock=NOW)


@clause("LC-RESET", "LC-TIME")
def test_a_block_that_is_too_old_itself_begins_nothing() -> None:
    chain = grown(9)
    block = chain.blocks[-1]
    last = block.header.time + limits.TRUST_PERIOD
    in_time, late = FixedClock(last), FixedClock(last + 1)
    assert find_trusted_block(chain, chain.root, point_of(block), clock=in_time) == block
    with pytest.raises(ProofError, match="vouches for nothing"):
        find_trusted_block(chain, chain.root, point_of(block), clock=late)


@clause("LC-RESET")
def test_another_past_than_was_remembered_is_seen() -> None:
    chain, fork = grown(9), grown(9, label="fork")
    remembered = chain.blocks[4]
    assert not shows_another_past(chain, remembered)
    assert shows_another_past(fork, remembered)

    class Silent:
        def light_block(self, height: int | None) -> LightBlock:
            raise RegistryUnavailableError("not now")

    assert not shows_another_past(Silent(), remembered)


@clause("LC-RESET", "LC-HEADS")
def test_a_head_is_replaced_whatever_was_remembered_and_the_former_is_kept(tmp_path: Path) -> None:
    chain = grown(9)
    heads, name = FileTrustedHeads(tmp_path), chain.root.genesis_hash
    heads.replace(name, chain.blocks[8])
    assert heads.load(name) == chain.blocks[8]
    heads.replace(name, chain.blocks[4])
    assert heads.load(name) == chain.blocks[4]
    assert b'"height":"9"' in (tmp_path / f"{name.hex()}.former-1.json").read_bytes()
    (tmp_path / f"{name.hex()}.json").write_bytes(b"damaged")
    heads.replace(name, chain.blocks[6])
    assert heads.load(name) == chain.blocks[6]
    assert (tmp_path / f"{name.hex()}.former-2.json").read_bytes() == b"damaged"
    # The highest head that was ever believed is still to be found.
    assert b'"height":"9"' in (tmp_path / f"{name.hex()}.former-1.json").read_bytes()
    client = LightClient(chain.root, clock=NOW, heads=heads)
    assert client.update(chain).height == 9
