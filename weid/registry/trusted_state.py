"""Which states a reader believes: app hashes of headers that its light client has verified.

Shared by many threads. Asking a node happens outside the lock, believing inside it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from weid.clock import Clock
from weid.errors import ProofError
from weid.registry.light_block import LightBlock
from weid.registry.light_client import HeaderSource, LightClient
from weid.registry.records import Head

_HEADS_KEPT: Final = 64


class TrustedState:
    """The newest believed head, and the ones just before it.

    `refresh` is for how many seconds a head is given again without asking for a newer one; with 0
    every call of `head` asks.
    """

    def __init__(
        self,
        client: LightClient,
        *,
        clock: Clock,
        refresh: int,
        max_head_age: int | None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._refresh = refresh
        self._max_head_age = max_head_age
        self._lock = threading.Lock()
        self._asked_at: int | None = None
        # By app hash, the newest header that carries it; oldest first.
        self._believed: OrderedDict[bytes, Head] = OrderedDict()
        if client.newest is not None:
            self._believe(client.newest.head())

    def newest(self) -> Head | None:
        """Return the newest believed head, without asking anybody."""
        block = self._client.newest
        return None if block is None else block.head()

    def asked_just_now(self) -> bool:
        """Return whether the newest head was asked for within `refresh`."""
        return (
            self._asked_at is not None
            and self._clock.now() - self._asked_at < self._refresh
            and self._is_fresh(self.newest())
        )

    def head(self, source: HeaderSource) -> Head:
        """Return a head that was asked for within `refresh`, or ask for it.

        Raises:
            ProofError: what the source shows cannot be believed.
            RegistryUnavailableError: no answer, or nothing newer than `max_head_age`.
        """
        if self.asked_just_now():
            return self._client.require_fresh()
        return self.advance(source, None)

    def advance(self, source: HeaderSource, height: int | None) -> Head:
        """Ask for the header at a height, or for the newest, and believe it or refuse it."""
        before = self.newest()
        block = source.light_block(height)
        if height is not None and block.header.height != height:
            raise ProofError("the node gave a header of another height than was asked for")
        with self._lock:
            newest = self.newest()
            if (
                before is not None
                and newest is not None
                and before.height <= block.header.height < newest.height
            ):
                # Another thread moved on while this one was asking: nobody lied.
                return self._client.require_fresh()
            head = self._client.update(_Shown(block, source))
            if height is None:
                self._asked_at = self._clock.now()
            self._believe(head)
        return head

    def carrying(self, app_hash: bytes, *, least_height: int) -> Head | None:
        """Return a believed and fresh head that carries this app hash, if there is one."""
        head = self._believed.get(app_hash)
        if head is None or head.height < least_height or not self._is_fresh(head):
            return None
        return head

    def _believe(self, head: Head) -> None:
        self._believed.pop(head.app_hash, None)
        self._believed[head.app_hash] = head
        while len(self._believed) > _HEADS_KEPT:
            self._believed.popitem(last=False)

    def _is_fresh(self, head: Head | None) -> bool:
        if head is None:
            return False
        return self._max_head_age is None or head.time + self._max_head_age >= self._clock.now()


class _Shown:
    """A header that was fetched already, and the source for those in between."""

    def __init__(self, block: LightBlock, source: HeaderSource) -> None:
        self._block = block
        self._source = source

    def light_block(self, height: int | None) -> LightBlock:
        return self._block if height is None else self._source.light_block(height)
