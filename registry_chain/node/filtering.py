"""Which events somebody wants: by their names, and by how their subject begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from registry_chain.state_machine.events import EVENT_NAMES
from registry_chain.storage.stored_event import StoredEvent
from weid.errors import MalformedError

NAMES: Final = EVENT_NAMES
"""Every name that an event can have."""
_SUBJECT_CHARS: Final = 2_500


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Events of these names (empty: all) whose subject begins so."""

    names: frozenset[str] = frozenset()
    subject: str = ""

    @classmethod
    def of(cls, names: Iterable[str], subject: str) -> EventFilter:
        """Return a filter that somebody asks for.

        Raises:
            MalformedError: a name that no event has, which would be waited for in vain, or a
                subject that is too long.
        """
        asked = frozenset(names)
        if not asked <= NAMES:
            raise MalformedError(
                "no event has a name that is asked for",
                hint=f"the names are: {', '.join(sorted(NAMES))}",
            )
        if len(subject) > _SUBJECT_CHARS:
            raise MalformedError("the beginning of a subject is too long")
        return cls(asked, subject)

    def takes(self, stored: StoredEvent) -> bool:
        """Return whether an event is wanted."""
        event = stored.event
        named = not self.names or event.name in self.names
        return named and event.subject.startswith(self.subject)
