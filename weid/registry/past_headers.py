"""Headers below one that a light client believes, by their hashes and across a hand-over (LC-PAST).

A header names the one before it by its hash, so that nothing else is needed to go back, one at a
time. The first header after a hand-over names none: there is no block of its engine before it.
Then the header before is the last of the engine that handed over, and four things bind it to
the one that is believed: height, announced validators, state and time. Who sealed it is judged from
the pinned genesis on, as for whoever begins there.
"""

from __future__ import annotations

from weid.errors import ProofError
from weid.registry.headers import NO_BLOCK
from weid.registry.light_block import LightBlock
from weid.registry.light_client import HeaderSource, LightClient, verify_commit
from weid.registry.records import Head


def verify_past(
    client: LightClient,
    block: LightBlock,
    *,
    below: LightBlock | None = None,
    source: HeaderSource | None = None,
) -> Head:
    """Verify the block just below a believed one; nothing is believed or remembered by it.

    `below` is that believed block, the client's newest when not given. `source` is asked, at a
    hand-over only, for the headers that lead from the genesis to the block.

    Raises:
        ProofError: it is not the block before, or a hand-over lies between and no source is given.
        RegistryUnavailableError: headers from the genesis on cannot be had.
    """
    later = client.newest if below is None else below
    if later is None:
        raise ProofError("no header is trusted yet")
    if later.header.last_block_id != NO_BLOCK:
        if later.header.last_block_id.hash != block.header.hash():
            raise ProofError("the header is not the one before the trusted header")
        verify_commit(client.root.chain_id, block)
        return block.head()
    if later.header.height <= client.root.initial_height:
        raise ProofError("there is no header before the first one")
    _require_handed_over(block, later)
    if source is None:
        raise ProofError(
            "the header is the last one before a hand-over, and no hash names it",
            hint="give a source of the headers from the genesis on",
        )
    client.judge(block, source, since=None)
    return block.head()


def _require_handed_over(block: LightBlock, later: LightBlock) -> None:
    """Require that one header is the last before a hand-over, and the other the first after it.

    The last block of an engine that handed over has no transactions (LC-PROOF): it has the state
    that its successor begins with.
    """
    last, first = block.header, later.header
    if (
        last.height + 1 != first.height
        or last.next_validators_hash != first.validators_hash
        or last.app_hash != first.app_hash
        or last.time_ns >= first.time_ns
    ):
        raise ProofError("the header is not the one that was handed over from")
