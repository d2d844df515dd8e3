"""Whether what clients saw of a register can have happened one thing after the other.

The register is the version of one DID: each update names the version that it expects, so that the
chain gives every version to at most one update. That order is known at the end, and with it the
question has an exact answer: a history is linearizable if no operation stands before one that was
over when it began. Reads are proved, but may be of a block that is no longer the newest: they are
judged by what they promise, which is that a client never goes back (not behind what it wrote
itself), and that nobody reads what was not yet written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How an operation ended for its client."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Event:
    """One operation of one client; times are of one clock that never goes back.

    A write sets `value` where the version is `version`; a read found both.
    """

    client: int
    kind: str
    version: int
    value: str
    began: float
    ended: float
    result: Result

    @property
    def place(self) -> int:
        """The version that it stands at in the order of all."""
        return self.version + 1 if self.kind == "write" else self.version


def find_faults(history: Sequence[Event], versions: Mapping[int, str]) -> Iterator[str]:
    """Yield every way in which the history contradicts the register's versions on the chain."""
    writer_of = {each.value: each for each in history if each.kind == "write"}
    for version, value in sorted(versions.items()):
        writer = writer_of.get(value)
        if writer is None:
            yield f"version {version} is {value!r}, which nobody wrote"
        elif writer.place != version:
            yield f"version {version} is what was to become version {writer.place}: {writer}"
        elif writer.result is Result.FAILED:
            yield f"version {version} is what was refused: {writer}"
    counted = [each for each in history if _has_happened(each, versions)]
    for each in counted:
        if versions.get(each.place) != each.value:
            yield f"acknowledged or read, and not on the chain: {each}"
    yield from _out_of_order(counted)


def _has_happened(event: Event, versions: Mapping[int, str]) -> bool:
    if event.result is Result.UNKNOWN and event.kind == "write":
        return versions.get(event.place) == event.value
    return event.result is Result.OK


def _out_of_order(events: Sequence[Event]) -> Iterator[str]:
    """Yield each operation that stands before one that was over when it began."""
    over = sorted(
        (each for each in events if each.result is Result.OK), key=lambda each: each.ended
    )
    highest: dict[int | None, Event] = {}
    at = 0
    for later in sorted(events, key=lambda each: each.began):
        while at < len(over) and over[at].ended < later.began:
            _raise(highest, over[at])
            at += 1
        # A read may be of an older block than another client's; a write never is.
        earlier = highest.get(None if later.kind == "write" else later.client)
        if earlier is not None and _is_before(later, earlier):
            yield f"{later} stands before {earlier}, which was over"


def _raise(highest: dict[int | None, Event], event: Event) -> None:
    for whose in (None, event.client):
        known = highest.get(whose)
        if known is None or event.place > known.place:
            highest[whose] = event


def _is_before(later: Event, earlier: Event) -> bool:
    if later.kind == "write":
        return later.place <= earlier.place
    return later.place < earlier.place
