"""The state while a block is applied: committed records below, what was written so far above.

Rules read and write records here; nothing reaches the committed state. A version that is replaced,
also within the block, stays reachable by its hash, because the next version names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar, cast

from registry_chain.state_machine.block import Event
from registry_chain.state_machine.errors import StateDamagedError
from registry_chain.state_machine.parameters import PARAMETERS
from registry_chain.state_machine.state import CommittedState
from weid.registry.records import NAMESPACES, CounterRecord, ParameterRecord, Record, Version
from weid.registry.state_keys import NAMESPACE_OF, record_id, state_key
from weid.registry.wire import decode_stored_record, encode_record, value_hash

_R = TypeVar("_R", bound=Record)
_Place: TypeAlias = tuple[type[Any], bytes]

UNVERSIONED: Final = frozenset(
    kind for kind in NAMESPACES.values() if "version" not in kind.__dataclass_fields__
)
"""Records without history: accounts, indexes, counters."""


_REMEMBERED_BYTES: Final = 1024
"""Records up to this size are remembered as read: the same authors act in block after block."""


def _read_record(namespace: str, raw: bytes) -> Record:
    small = len(raw) <= _REMEMBERED_BYTES
    return _remembered(namespace, raw) if small else decode_stored_record(namespace, raw)


# A function of its bytes, and its values are frozen.
_remembered = lru_cache(maxsize=4096)(decode_stored_record)


class Entry:
    """One state of one record: as committed, or as written over `before`."""

    __slots__ = ("_hash", "_raw", "before", "key", "record")

    def __init__(
        self, key: bytes, record: Record | None, raw: bytes | None, before: Entry | None = None
    ) -> None:
        self.key = key
        self.record = record
        self.before = before
        self._raw = raw
        self._hash = b""

    @property
    def raw(self) -> bytes:
        """The record's bytes."""
        if self._raw is None:
            self._raw = encode_record(cast("Record", self.record))
        return self._raw

    @property
    def hash(self) -> bytes:
        """SHA-256 of the record's bytes."""
        if not self._hash:
            self._hash = value_hash(self.raw)
        return self._hash

    def superseded(self) -> Iterator[Entry]:
        """Yield the states that this one replaced and that history keeps, newest first."""
        entry = self.before
        while entry is not None and entry.record is not None:
            yield entry
            entry = entry.before


class StagedState:
    """Records as they stand at one place of a block."""

    def __init__(self, state: CommittedState, *, height: int, time: int) -> None:
        self.height = height
        self.time = time
        self.network = state.summary.network
        self.events: list[Event] = []
        self.contents: dict[bytes, bytes] = {}
        self.opened = 0
        self._state = state
        self._entries: dict[_Place, Entry] = {}
        self._journal: list[tuple[_Place, Entry]] = []
        self._marks: tuple[int, int] = (0, 0)

    @property
    def committed(self) -> CommittedState:
        """The state that the block begins with."""
        return self._state

    def expect(self, places: Iterable[_Place]) -> None:
        """Read many records at once that will be asked for one by one."""
        keys = {
            place: state_key(NAMESPACE_OF[place[0]], place[1])
            for place in places
            if place not in self._entries
        }
        found = self._state.get_many(keys.values())
        for place, key in keys.items():
            self._entries[place] = self._read_entry(place[0], key, found[key])

    def entry(self, kind: type[Any], identity: bytes) -> Entry:
        """Return the present state of a record, whether it exists or not."""
        place = (kind, identity)
        entry = self._entries.get(place)
        if entry is None:
            key = state_key(NAMESPACE_OF[kind], identity)
            entry = self._entries[place] = self._read_entry(kind, key, self._state.get(key))
        return entry

    @staticmethod
    def _read_entry(kind: type[Any], key: bytes, raw: bytes | None) -> Entry:
        if raw is None:
            return Entry(key, None, None)
        try:
            return Entry(key, _read_record(NAMESPACE_OF[kind], raw), raw)
        except Exception as error:
            # They were written by this program: whatever a changed byte makes of their reader.
            raise StateDamagedError(key) from error

    def read(self, kind: type[_R], identity: bytes) -> _R | None:
        """Return a record, or None where there is none."""
        return cast("_R | None", self.entry(kind, identity).record)

    def next_version(self, kind: type[Any], identity: bytes) -> Version:
        """Return the version that a record will have when it is written now."""
        entry = self.entry(kind, identity)
        if entry.record is None:
            return Version(1, self.height, self.time)
        present: Version = entry.record.version  # type: ignore[union-attr]  # kinds with history
        return Version(present.number + 1, self.height, self.time, entry.hash)

    def write(self, record: Record) -> Entry:
        """Write a record; it is what the next read gives."""
        kind = type(record)
        place = (kind, record_id(record))
        before = self.entry(*place)
        kept = before.before if kind in UNVERSIONED and before.before is not None else before
        entry = self._entries[place] = Entry(before.key, record, None, kept)
        self._journal.append((place, before))
        return entry

    def begin(self) -> None:
        """Begin a part that is done whole or not at all."""
        self._journal.clear()
        self._marks = (len(self.events), len(self.contents))

    def roll_back(self) -> None:
        """Undo everything since `begin`."""
        for place, before in reversed(self._journal):
            self._entries[place] = before
        self._journal.clear()
        events, contents = self._marks
        del self.events[events:]
        for digest in list(self.contents)[contents:]:
            del self.contents[digest]

    def written(self) -> Iterator[Entry]:
        """Yield the present state of every record that was written."""
        for entry in self._entries.values():
            if entry.before is not None:
                yield entry

    # --- Numbers that rules ask for ---------------------------------------------------------------

    def parameter(self, name: str) -> int:
        """Return a chain parameter's value."""
        record = self.read(ParameterRecord, name.encode())
        return PARAMETERS[name].default if record is None else record.value

    def counter(self, name: str, period: int = 0) -> int:
        """Return a counter's value in a period; it begins at 0 in each."""
        record = self.read(CounterRecord, name.encode())
        return record.value if record is not None and record.period == period else 0

    def count(self, name: str, by: int = 1, period: int = 0) -> None:
        """Add to a counter."""
        self.write(CounterRecord(name, period, self.counter(name, period) + by))
