"""Prover: asks sources, and gives back only what a believed header commits to (R40, R41, B26).

The machinery behind `ProvedReader`, by the rules that stand there. It knows records and lists by
namespace and id only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar, cast

from weid.clock import Clock
from weid.errors import MalformedError, NodeBehindError, ProofError, RegistryUnavailableError
from weid.registry.answers import ListAnswer, ReceiptAnswer, StateRoots
from weid.registry.light_client import LightClient
from weid.registry.list_proofs import FIRST_KEY, ListPage, verify_complete_list
from weid.registry.log_proofs import verify_log_consistency, verify_receipt
from weid.registry.nodes import NodeReport, Nodes
from weid.registry.pinned_genesis import PinnedGenesis, parse_genesis
from weid.registry.proof_source import ProofSource
from weid.registry.proofs import StateProof, verify_state_proof
from weid.registry.records import DidRecord, Head, Receipt, Record, TrustRecordT
from weid.registry.state_keys import NAMESPACE_OF, list_namespace, record_key, state_key
from weid.registry.trusted_heads import MemoryTrustedHeads, TrustedHeadStore
from weid.registry.trusted_state import TrustedState
from weid.registry.wire import decode_index, decode_record, value_hash
from weid.registry.witnesses import Witnesses

_ATTEMPTS: Final = 6
"""Times that an answer is asked for while blocks keep coming between head and answer."""
_CACHED: Final = 4096

_R = TypeVar("_R", bound=Record)
_A = TypeVar("_A", bound="_Rooted")
_T = TypeVar("_T")


class _Rooted(Protocol):
    """An answer that names the state which it is proved against."""

    @property
    def roots(self) -> StateRoots: ...


class Prover:
    """Believed answers from sources, of which each is tried until one proves itself.

    The arguments are those of `ProvedReader`. Shared by many threads.
    """

    def __init__(  # noqa: PLR0913 - what trust rests on, each named
        self,
        sources: Sequence[ProofSource],
        *,
        genesis_hash: bytes,
        clock: Clock,
        head_store: TrustedHeadStore | None,
        max_head_age: int | None,
        trust_period: int | None,
        head_refresh: int,
        witnesses: int = 1,
        node_changed: Callable[[NodeReport], None] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        if not sources:
            raise ValueError("a proved reader needs at least one source")
        self._nodes = Nodes(sources, clock=clock, changed=node_changed, sleep=sleep)
        self._witnesses = witnesses
        self._genesis_hash = genesis_hash
        self._clock = clock
        self._head_store = MemoryTrustedHeads() if head_store is None else head_store
        self._max_head_age = max_head_age
        self._trust_period = trust_period
        self._head_refresh = head_refresh
        self._pinned: PinnedGenesis | None = None
        self._state: TrustedState | None = None
        self._cache: dict[tuple[str, bytes], Record | None] = {}
        self._cached_under: bytes = b""
        self._lock = threading.Lock()

    @property
    def sources(self) -> tuple[ProofSource, ...]:
        """Whom this asks, in the order of preference."""
        return self._nodes.sources

    @property
    def nodes(self) -> Nodes:
        """Whom this asks, and what is known of each."""
        return self._nodes

    def genesis(self) -> PinnedGenesis:
        """Return what the genesis says; it is asked for once."""
        if self._pinned is None:
            self._pinned = self.from_any(
                lambda source: parse_genesis(
                    source.genesis(), expected_genesis_hash=self._genesis_hash
                )
            )
        return self._pinned

    def reuse_heads(self, seconds: int) -> None:
        """Set for how many seconds a head is used again without asking."""
        self._head_refresh = seconds
        if self._state is not None:
            self._state.reuse(seconds)

    def ask_again(self, height: int) -> None:
        """Ask for the next head, and for each until one is above a height."""
        if self._state is not None:
            self._state.ask_again(height)

    def head(self) -> Head:
        """Return the newest head that can be believed (NA-05)."""
        return self.from_any(self._trusted().head)

    def record(self, kind: type[_R], record_id: bytes) -> _R | None:
        """Return a record, or None where it is proved that there is none (NA-06)."""
        namespace = NAMESPACE_OF[kind]
        key = (namespace, record_id)
        state = self._trusted()
        newest = state.newest()
        if (
            state.asked_just_now()
            and newest is not None
            and newest.app_hash == self._cached_under
            and key in self._cache
        ):
            return cast("_R | None", self._cache[key])

        def ask(source: ProofSource) -> Record | None:
            answer, head = self._rooted(source, lambda: source.record(namespace, record_id))
            record = _proved_record(answer.roots, namespace, record_id, answer.value, answer.proof)
            self._remember(head, key, record)
            return record

        return cast("_R | None", self.from_any(ask))

    def as_of(
        self, record: DidRecord, version: int | None, at_time: int | None
    ) -> DidRecord | None:
        """Return a DID's record as a version, or at a time, had it (NA-07)."""
        former: list[bytes] = []
        while True:
            place = record.version
            if (version is None or place.number == version) and (
                at_time is None or place.time <= at_time
            ):
                return record
            if place.number <= max(1, version or 1):
                return None
            if not former:
                former = self._former(place.previous)
            data = former.pop(0)
            if value_hash(data) != place.previous:
                raise ProofError("a former version is not the one that the later version names")
            earlier = _decoded(NAMESPACE_OF[DidRecord], data)
            if not isinstance(earlier, DidRecord) or (
                earlier.version.number != place.number - 1 or earlier.did != record.did
            ):
                raise ProofError("a former version does not stand before the later one")
            record = earlier

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return what stood when a record's last compromise ended, None without one (NA-07)."""
        if not record.before:
            return None
        earlier = _decoded(NAMESPACE_OF[type(record)], self._former(record.before)[0])
        if (
            not isinstance(earlier, type(record))
            or earlier.version.number >= record.version.number
            or record_key(earlier) != record_key(record)
        ):
            raise ProofError("a former version does not stand before the later one")
        return earlier

    def _former(self, digest: bytes) -> list[bytes]:
        def ask(source: ProofSource) -> list[bytes]:
            versions = list(source.history(digest).versions)
            if not versions or value_hash(versions[0]) != digest:
                raise ProofError("the former version that was asked for is not in the answer")
            return versions

        return self.from_any(ask)

    def records(self, kind: type[_R], list_id: str) -> list[_R]:
        """Return every record of a list, complete (NA-08)."""
        found = self.records_of(list_id)
        if not all(isinstance(record, kind) for record in found):
            raise ProofError("the list has records of another kind")
        return cast("list[_R]", found)

    def records_of(self, list_id: str) -> list[Record]:
        """Return every record of a list, complete, of whatever kind it is a list of."""

        def ask(source: ProofSource) -> list[Record]:
            for _ in range(_ATTEMPTS):
                records = self._whole_list(source, list_id)
                if records is not None:
                    return records
            raise RegistryUnavailableError(
                "the list changes faster than it can be read", hint="try again in a moment"
            )

        return self.from_any(ask)

    def _whole_list(self, source: ProofSource, list_id: str) -> list[Record] | None:
        """Return a list's records, or None where its state changed while it was read."""
        pages: list[ListPage] = []
        index: bytes | None = None
        start = FIRST_KEY
        while not pages or not pages[-1].proof.last:
            answer, _ = self._rooted(source, _page_of(source, list_id, start))
            if pages and answer.index != index:
                return None
            index = answer.index
            record = _proved_record(
                answer.roots, "index", list_id.encode(), answer.index, answer.proof
            )
            if record is None:
                return []
            listed = decode_index(answer.index or b"")
            page = answer.page
            if page is None or page.proof.start != start:
                raise ProofError("the answer does not have the page of the list that was asked for")
            if not page.proof.last and page.proof.end <= start:
                raise ProofError("the pages of the list do not lead to its end")
            pages.append(page)
            start = page.proof.end
            if not page.proof.last and (not page.entries or _held(pages) > listed.count):
                # Else a node could have pages asked for without end.
                raise ProofError("the pages of the list hold more than its index says")
        verify_complete_list(listed, pages)
        return [_listed(list_id, key, value) for page in pages for key, value in page.entries]

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """Return a receipt that stands in the log (NA-10); None: no source knows one."""

        def ask(source: ProofSource) -> Receipt | None:
            first = source.receipt(transaction_id)
            if first is None:
                return None
            again = [first]
            answer, _ = self._rooted(
                source,
                lambda: again.pop() if again else _still_there(source.receipt(transaction_id)),
            )
            if answer.receipt.transaction_id != transaction_id:
                raise ProofError("the receipt is of another transaction")
            verify_receipt(answer.roots.log_root, answer.receipt, answer.proof)
            return answer.receipt

        return self.from_any(ask, none_is_last=True)

    def log(self, first: int, first_root: bytes) -> tuple[int, bytes]:
        """Return size and root of the log, which began as the given one (NA-11)."""

        def ask(source: ProofSource) -> tuple[int, bytes]:
            answer, _ = self._rooted(source, lambda: source.consistency(first))
            if answer.first != first:
                raise ProofError("the log proof begins at another size than was asked for")
            verify_log_consistency(first_root, answer.roots.log_root, answer.proof)
            return answer.roots.log_size, answer.roots.log_root

        return self.from_any(ask)

    def content(self, digest: bytes) -> bytes | None:
        """Return the document with this SHA-256; None: no source keeps it (NA-09)."""

        def ask(source: ProofSource) -> bytes | None:
            content = source.content(digest)
            if content is not None and value_hash(content) != digest:
                raise ProofError("the template document is not the one that was published")
            return content

        return self.from_any(ask, none_is_last=True)

    # --- Heads and sources -----------------------------------------------------------------------

    def _rooted(self, source: ProofSource, ask: Callable[[], _A]) -> tuple[_A, Head]:
        """Return an answer whose app hash a believed head carries, and that head.

        Blocks may be sealed between a head and an answer, so that one is asked for again.
        """
        state = self._trusted()
        newest = state.newest()
        floor = 0 if newest is None else newest.height
        for _ in range(_ATTEMPTS):
            answer = ask()
            app_hash = answer.roots.app_hash
            head = state.carrying(app_hash, least_height=floor)
            if head is None:
                known = state.newest()
                behind = known is not None and answer.roots.height <= known.height
                # A height that is known already says nothing new: ask for the newest instead.
                state.advance(source, None if behind else answer.roots.height)
                head = state.carrying(app_hash, least_height=floor)
            if head is not None:
                return answer, head
        known = state.newest()
        if known is not None and answer.roots.height < known.height:
            raise NodeBehindError(
                f"the node answers from height {answer.roots.height}, which is older than "
                f"height {known.height}, which is known",
                hint="ask another node",
            )
        raise ProofError("the answer does not lead to the app hash of a believed header")

    def _remember(self, head: Head, key: tuple[str, bytes], record: Record | None) -> None:
        with self._lock:
            if head.app_hash != self._cached_under or len(self._cache) >= _CACHED:
                self._cache, self._cached_under = {}, head.app_hash
            self._cache[key] = record

    def from_any(self, ask: Callable[[ProofSource], _T], *, none_is_last: bool = False) -> _T:
        """Return the first answer that proves itself, of any node; see `Nodes.first`."""
        return self._nodes.first(
            ask, none_is_last=none_is_last, worth_waiting=self._knows_a_fresh_head
        )

    def _knows_a_fresh_head(self) -> bool:
        # Where the whole registry stands still, waiting for one node helps nobody.
        return self._state is not None and self._state.is_fresh()

    def _trusted(self) -> TrustedState:
        state = self._state
        if state is not None:
            return state
        client = LightClient(
            self.genesis().root,
            clock=self._clock,
            heads=self._head_store,
            trust_period=self._trust_period,
            max_head_age=self._max_head_age,
        )
        with self._lock:
            if self._state is None:
                self._state = TrustedState(
                    client,
                    nodes=self._nodes,
                    witnesses=Witnesses(
                        self._nodes,
                        client,
                        heads=self._head_store,
                        clock=self._clock,
                        count=self._witnesses,
                        interval=self._head_refresh,
                    ),
                    clock=self._clock,
                    refresh=self._head_refresh,
                    max_head_age=self._max_head_age,
                )
            return self._state


def _page_of(source: ProofSource, list_id: str, start: bytes) -> Callable[[], ListAnswer]:
    return lambda: source.list_page(list_id, start)


def _held(pages: list[ListPage]) -> int:
    return sum(len(page.entries) for page in pages)


def _still_there(answer: ReceiptAnswer | None) -> ReceiptAnswer:
    if answer is None:
        raise RegistryUnavailableError("the node no longer shows the receipt")
    return answer


def _proved_record(
    roots: StateRoots, namespace: str, record_id: bytes, value: bytes | None, proof: StateProof
) -> Record | None:
    verify_state_proof(roots.smt_root, state_key(namespace, record_id), value, proof)
    return None if value is None else _decoded(namespace, value)


def _listed(list_id: str, key: bytes, value: bytes) -> Record:
    record = _decoded(list_namespace(list_id), value)
    if record_key(record) != key:
        raise ProofError("the list has a record under another record's key")
    return record


def _decoded(namespace: str, value: bytes) -> Record:
    try:
        return decode_record(namespace, value)
    except MalformedError as error:
        raise ProofError(f"a record is proved but cannot be read: {error.message}") from None
