"""What `weid trust reset` finds out and says before a person decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from weid.cli.output import Session
from weid.cli.registries import open_sources
from weid.cli.registry_options import RegistryOptions
from weid.cli.trust_settings import NetworkTrust
from weid.clock import format_time
from weid.errors import MalformedError, RegistryError, RegistryUnavailableError

if TYPE_CHECKING:
    from weid.registry.light_block import LightBlock
    from weid.registry.proof_source import ProofSource
    from weid.registry.trust_reset import TrustedPoint
    from weid.registry.trusted_heads import FileTrustedHeads


def find_beginning(
    session: Session, trust: NetworkTrust, options: RegistryOptions, point: TrustedPoint
) -> tuple[ProofSource, LightBlock]:
    """Return the block that a person named and the source that shows it, the first that does.

    Raises:
        RegistryError, MalformedError: none does; the first one's reason.
    """
    from weid.registry.pinned_genesis import parse_genesis  # noqa: PLC0415 - imported when used
    from weid.registry.trust_reset import find_trusted_block  # noqa: PLC0415 - same

    problem: RegistryError | MalformedError | None = None
    for source in open_sources(trust, options):
        try:
            root = parse_genesis(source.genesis(), expected_genesis_hash=trust.genesis_hash).root
            return source, find_trusted_block(source, root, point, clock=session.clock)
        except (RegistryError, MalformedError) as error:
            problem = problem or error
    raise problem or RegistryUnavailableError(
        f"no node of the network {trust.name} is known",
        hint=f"weid trust add {trust.name} --genesis HASH --node https://…",
    )


def remembered_head(heads: FileTrustedHeads, genesis_hash: bytes) -> LightBlock | None:
    """Return the head remembered until now, None where there is none that can be read."""
    try:
        return heads.load(genesis_hash)
    except MalformedError:
        return None


def describe_reset(
    trust: NetworkTrust, before: LightBlock | None, source: ProofSource, block: LightBlock
) -> Iterator[str]:
    """Yield what a person must know before a registry is trusted anew, by lines."""
    from weid.registry.trust_reset import shows_another_past  # noqa: PLC0415 - imported when used

    yield f"Network {trust.name}, known by its genesis hash {trust.genesis_hash.hex()}."
    known = "nothing that can be read" if before is None else _words(before)
    yield f"Remembered until now: {known}."
    yield f"From now on: {_words(block)}."
    if before is not None and block.header.height < before.header.height:
        yield "CAREFUL: this goes back to a block before the remembered one."
    if before is not None and shows_another_past(source, before):
        yield (
            f"CAREFUL: at height {before.header.height} the registry shows another block now than "
            "the one remembered. Ask its operator why before you go on."
        )
    yield "Go on only if height and hash came from the operator, by another way than from a node."


def _words(block: LightBlock) -> str:
    header = block.header
    return f"block {header.height} of {format_time(header.time)}, hash {header.hash().hex()}"
