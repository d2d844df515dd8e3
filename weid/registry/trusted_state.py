"""Which states a reader believes: app hashes of headers that its light client has verified.

Shared by many threads. Asking a node happens outside the lock, believing inside it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from weid.clock import Clock
from weid.errors import ForkError, MalformedError, NodeBehindError, ProofError, UndecidableError
from weid.registry.light_block import LightBlock
from weid.registry.light_client import HeaderSource, LightClient
from weid.registry.nodes import Nodes
from weid.registry.records import Head
from weid.registry.witnesses import Witnesses

_HEADS_KEPT: Final = 64


class TrustedState:
    """The newest believed head, and the ones just before it.

    `refresh` is for how many seconds a head is given again without asking for a newer one; with 0
    every call of `head` asks. Where `witnesses` find a fork, nothing is believed any more.
    """

    def __init__(
        self,
        client: LightClient,
        *,
        nodes: Nodes,
        witnesses: Witnesses,
        clock: Clock,
        refresh: int,
        max_head_age: int | None,
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._witnesses = witnesses
        self._fork: ForkError | None = None
        self._clock = clock
        self._refresh = refresh
        self._max_head_age = max_head_age
        self._lock = threading.Lock()
        self._asked_at: int | None = None
        self._told_of = 0
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
        newest = self.newest()
        return (
            self._fork is None
            and self._asked_at is not None
            and newest is not None
            and newest.height > self._told_of
            and self._clock.now() - self._asked_at < self._refresh
            and self._is_fresh(self.newest())
        )

    def reuse(self, seconds: int) -> None:
        """Set for how many seconds a head is given again without asking; 0: for none."""
        self._refresh = seconds

    def ask_again(self, height: int) -> None:
        """Ask for the next head, and for each until one is above a height that somebody told of.

        Believed in nothing: a height that never comes only has every head asked for.
        """
        self._told_of = height
        self._asked_at = None

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
        self._nodes.shows(source, block.header.height, newest=height is None)
        with self._lock:
            if self._fork is not None:
                raise self._fork
            newest = self._recall()
            if newest is not None and block.header.height < newest.height:
                known = 0 if before is None else before.height
                if height is not None or known <= block.header.height:
                    # Another thread or process moved on while this one was asking: nobody lied.
                    return self._client.require_fresh()
                if len(self._nodes) > 1:
                    # Others are ahead: it is this node that is late, not history that changed.
                    raise NodeBehindError(
                        f"the node is at height {block.header.height}, and height "
                        f"{newest.height} is known",
                        hint="ask another node, or try again when this one has caught up",
                    )
            try:
                head = self._client.update(
                    _Shown(block, source),
                    confirm=lambda verified: self._witnesses.compare(verified, source),
                )
            except ForkError as fork:
                # With one node only, a history that was begun anew has to be waited for.
                self._fork = fork if len(self._nodes) > 1 else None
                raise
            if height is None:
                self._asked_at = self._clock.now()
            self._believe(head)
        return head

    def carrying(self, app_hash: bytes, *, least_height: int) -> Head | None:
        """Return a believed and fresh head that carries this app hash, if there is one."""
        if self._fork is not None:
            raise self._fork
        head = self._believed.get(app_hash)
        if head is None or head.height < least_height or not self._is_fresh(head):
            return None
        return head

    def _recall(self) -> Head | None:
        """Return the newest head, also where another process has come to believe it."""
        before = self._client.newest
        try:
            self._client.recall()
        except MalformedError as error:
            raise UndecidableError(error.message, hint=error.hint) from None
        newest = self._client.newest
        if newest is not None and newest is not before:
            self._believe(newest.head())
        return self.newest()

    def _believe(self, head: Head) -> None:
        self._believed.pop(head.app_hash, None)
        self._believed[head.app_hash] = head
        while len(self._believed) > _HEADS_KEPT:
            self._believed.popitem(last=False)

    def is_fresh(self) -> bool:
        """Return whether the newest believed head is no older than `max_head_age`."""
        return self._is_fresh(self.newest())

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
