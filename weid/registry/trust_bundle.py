"""TrustBundle: what a verifier needs of a registry, in a file, proved like a node's answers."""

from __future__ import annotations

from pathlib import Path

from weid.clock import Clock, SystemClock
from weid.errors import MalformedError, NotFoundError, ProofError
from weid.registry.bundle_export import export_bundle
from weid.registry.bundle_file import BUNDLE_BYTES, BundleFile
from weid.registry.light_client import LightClient
from weid.registry.pinned_genesis import parse_genesis
from weid.registry.proved_reader import TRUST_PERIOD, ProvedReader
from weid.registry.records import NAMESPACES
from weid.registry.trusted_heads import MemoryTrustedHeads, TrustedHeadStore

__all__ = ["TrustBundle", "export_bundle"]


class TrustBundle(ProvedReader):
    """A registry reader over a bundle file, for verifying without a network.

    Whoever handed the file over is not trusted: everything in it is proved against its newest
    header, whose commit the light client verifies from the genesis that `genesis_hash` names. A
    file whose header is below, or beside, one that `head_store` remembers is refused. How old it
    may be is for the trust policy to say; `age` tells. A remembered head older than `trust_period`
    seconds vouches for no newer bundle; None takes any. It also gives status tokens.

    What the bundle does not cover raises `RegistryUnavailableError`: not covered is not absent.

    Raises:
        MalformedError: the file is damaged.
        ProofError: it is of another registry, was changed, or is older than what was seen.
    """

    def __init__(
        self,
        data: bytes,
        *,
        genesis_hash: bytes,
        clock: Clock | None = None,
        head_store: TrustedHeadStore | None = None,
        trust_period: int | None = TRUST_PERIOD,
    ) -> None:
        clock = clock or SystemClock()
        heads = head_store or MemoryTrustedHeads()
        self._clock = clock
        self._file = BundleFile.from_bytes(data)
        _follow(self._file, genesis_hash, clock, heads, trust_period)
        super().__init__(
            [self._file],
            genesis_hash=genesis_hash,
            clock=clock,
            head_store=heads,
            max_head_age=None,
            trust_period=trust_period,
        )
        self.check()

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        genesis_hash: bytes,
        clock: Clock | None = None,
        head_store: TrustedHeadStore | None = None,
        trust_period: int | None = TRUST_PERIOD,
    ) -> TrustBundle:
        """Open a bundle file; see the class for what is refused.

        Raises:
            NotFoundError: there is no such file.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                data = file.read(BUNDLE_BYTES + 1)
        except OSError as error:
            raise NotFoundError(
                f"the trust bundle {path} cannot be read: {error.strerror}",
                hint="export one with `weid trust export FILE` where there is a network",
            ) from None
        if len(data) > BUNDLE_BYTES:
            raise MalformedError(f"the trust bundle is larger than {BUNDLE_BYTES} bytes")
        return cls(
            data,
            genesis_hash=genesis_hash,
            clock=clock,
            head_store=head_store,
            trust_period=trust_period,
        )

    def age(self) -> int:
        """Return how old the bundle's head is, in seconds, by its header time."""
        return max(0, self._clock.now() - self.head().time)

    def status_token(self, uri: str) -> str | None:
        """Return the signed status list token that the bundle has for a URI, or None.

        Its signature, its freshness and its digest are for the verifier to check.
        """
        return self._file.status_tokens.get(uri)

    def check(self) -> None:
        """Prove every record and list in the file.

        Raises:
            ProofError: one does not hold; nothing of such a file should be used.
        """
        for namespace, record_id in self._file.records:
            if namespace not in NAMESPACES:
                raise ProofError(f"the trust bundle has a record of an unknown kind: {namespace}")
            self._prover.record(NAMESPACES[namespace], record_id)
        for list_id in dict.fromkeys(list_id for list_id, _ in self._file.lists):
            self._prover.records_of(list_id)


def _follow(
    file: BundleFile,
    genesis_hash: bytes,
    clock: Clock,
    heads: TrustedHeadStore,
    trust_period: int | None,
) -> None:
    """Believe the bundle's blocks one after the other, or refuse the file (TB-02)."""
    pinned = parse_genesis(file.genesis_bytes, expected_genesis_hash=genesis_hash)
    client = LightClient(pinned.root, clock=clock, heads=heads, trust_period=trust_period)
    seen = client.newest
    newest = file.blocks[-1].header.height
    if seen is not None and seen.header.height > newest:
        raise ProofError(
            f"the trust bundle is of height {newest}, and height {seen.header.height} has been "
            "seen already",
            hint="import a newer bundle",
        )
    for block in file.blocks:
        known = client.newest
        if known is None or block.header.height > known.header.height or block is file.blocks[-1]:
            client.accept(block)
