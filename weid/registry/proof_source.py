"""Where a proved reader gets its answers: a small protocol, believed in nothing.

A node's API, a file and a registry in this process all speak it. None may stand only for "there
is none" where the docstring says so; what cannot be answered is a `RegistryUnavailableError`.
"""

from __future__ import annotations

from typing import Protocol

from weid.registry.answers import (
    ConsistencyAnswer,
    HistoryAnswer,
    ListAnswer,
    ReceiptAnswer,
    RecordAnswer,
)
from weid.registry.light_block import LightBlock


class ProofSource(Protocol):
    """Answers of one registry with their proofs.

    Every method may raise `RegistryUnavailableError` (no answer now) or `MalformedError` (an
    answer that cannot be read).
    """

    def genesis(self) -> bytes:
        """Return the genesis in its canonical bytes."""
        ...

    def light_block(self, height: int | None) -> LightBlock:
        """Return the sealed header at a height, or the newest."""
        ...

    def record(self, namespace: str, record_id: bytes) -> RecordAnswer:
        """Return a record or its absence, with proof."""
        ...

    def list_page(self, list_id: str, start: bytes) -> ListAnswer:
        """Return a page of a complete list, from a key (32 bytes) on."""
        ...

    def history(self, digest: bytes) -> HistoryAnswer:
        """Return the former version whose SHA-256 is `digest`, and some before it."""
        ...

    def content(self, digest: bytes) -> bytes | None:
        """Return the template document whose SHA-256 is `digest`; None: not kept here."""
        ...

    def receipt(self, transaction_id: bytes) -> ReceiptAnswer | None:
        """Return a receipt with its place in the log; None: not known here."""
        ...

    def consistency(self, first: int) -> ConsistencyAnswer:
        """Return the proof that the log of `first` leaves begins the log as it is now."""
        ...
