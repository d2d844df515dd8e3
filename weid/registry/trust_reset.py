"""Beginning to trust a registry anew from a block whose hash a person got from elsewhere.

A remembered head that is older than the trust period vouches for nothing any more, because the
keys that sealed it may be anybody's by now. Nothing that nodes say can take its place: somebody
has to learn a present block's hash by another way. Clause LC-RESET.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from weid import limits
from weid.clock import Clock, format_time
from weid.errors import MalformedError, ProofError, RegistryUnavailableError
from weid.registry.light_block import LightBlock
from weid.registry.light_client import HeaderSource, LightClient, TrustRoot

_POINT: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class TrustedPoint:
    """A block as somebody named it: its height and its hash (32 bytes)."""

    height: int
    block_hash: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read HEIGHT:HASH.

        Raises:
            MalformedError: not a height from 1 and 64 lower-case hexadecimal digits.
        """
        found = _POINT.fullmatch(text)
        if found is None:
            raise MalformedError(
                "the block is not HEIGHT:HASH, a number and 64 lower-case hexadecimal digits",
                hint="ask the registry's operator; `registry-chain status --json` prints both.",
            )
        return cls(int(found[1]), bytes.fromhex(found[2]))


def find_trusted_block(
    source: HeaderSource,
    root: TrustRoot,
    point: TrustedPoint,
    *,
    clock: Clock,
    trust_period: int = limits.TRUST_PERIOD,
) -> LightBlock:
    """Return the block that somebody named, as the source shows it and the genesis leads to it.

    Raises:
        ProofError: the source shows another block there, one that its chain did not seal, or one
            that is itself older than `trust_period` seconds.
        RegistryUnavailableError: the source does not answer.
    """
    block = source.light_block(point.height)
    if block.header.height != point.height:
        raise ProofError("the source gave a header of another height than asked for")
    if block.header.hash() != point.block_hash:
        raise ProofError(
            f"the registry shows another block at height {point.height} than the one you name",
            hint="do not go on: one of the two is not the registry you mean; ask its operator.",
        )
    LightClient(root, clock=clock).update(_Beginning(block, source))
    ended = block.header.time + trust_period
    if ended < clock.now():
        raise ProofError(
            f"the block at height {point.height} vouches for nothing since {format_time(ended)}",
            hint="ask the registry's operator for a block of today.",
        )
    return block


def shows_another_past(source: HeaderSource, remembered: LightBlock) -> bool:
    """Return whether the source now shows another block where one was believed once.

    A source that cannot say counts as one that shows the same.
    """
    try:
        shown = source.light_block(remembered.header.height)
    except (RegistryUnavailableError, MalformedError):
        return False
    return shown.header.hash() != remembered.header.hash()


class _Beginning:
    """A block that stands for the newest, and the source for those before it."""

    def __init__(self, block: LightBlock, source: HeaderSource) -> None:
        self._block = block
        self._source = source

    def light_block(self, height: int | None) -> LightBlock:
        return self._block if height is None else self._source.light_block(height)
