"""What a verifier keeps between two presentations, so that the second is quick.

Registry answers for as long as the head is the same; templates by the digest of their text; status
lists by URI, each to be compared with the registry's digest whenever it is used. Nothing here is
trusted for longer than its source was.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from weid.credential.status_list import StatusList
from weid.credential.template import CredentialTemplate
from weid.registry.records import AccreditationRecord, Head, RecognitionRecord
from weid.registry.registry import RegistryReader

_TEMPLATES: Final = 256
_STATUS_LISTS: Final = 64
_ANSWERS: Final = 4096
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class KnownStatusList:
    """A status list whose token was verified.

    `digest` covers its content; `issued_at` and `usable_until` are the token's times, `read_at` is
    when it was read here (seconds).
    """

    statuses: StatusList
    digest: bytes
    issued_at: int
    usable_until: int
    read_at: int


class Recent(Generic[_V]):
    """The most recently used values of a kind, up to a number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, _V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> _V | None:
        """Return the value of a key, or None."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: _V) -> None:
        """Keep a value, dropping the least recently used one when there are too many."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)


class Answers:
    """Registry answers under one head: asked once, given again until the head moves.

    A reader whose head has no app hash (values in memory) is asked every time.
    """

    def __init__(self, reader: RegistryReader) -> None:
        self.reader = reader
        self._of: bytes = b""
        self._values: dict[Hashable, object] = {}

    def head(self) -> Head:
        """Return the reader's head; what was answered under another one is dropped."""
        head = self.reader.head()
        if head.app_hash != self._of or len(self._values) > _ANSWERS:
            self._of, self._values = head.app_hash, {}
        return head

    def get(self, key: Hashable, ask: Callable[[], _V]) -> _V:
        """Return the answer to a question, asking the registry if it is not known."""
        if not self._of:
            return ask()
        values = self._values
        if key not in values:
            values[key] = ask()
        return values[key]  # type: ignore[return-value]  # a key names one kind of question

    def recognition(self, issuer: str, cpt_id: str) -> RecognitionRecord | None:
        """Return an issuer's recognition for a template."""
        ask = self.reader.recognition
        return self.get(("recognition", issuer, cpt_id), lambda: ask(issuer, cpt_id))

    def accreditation(self, accreditor: str, cpt_id: str) -> AccreditationRecord | None:
        """Return a DID's accreditation for a template."""
        ask = self.reader.accreditation
        return self.get(("accreditation", accreditor, cpt_id), lambda: ask(accreditor, cpt_id))


class Known:
    """All of it, for one verifier."""

    def __init__(self) -> None:
        self.templates: Recent[CredentialTemplate] = Recent(_TEMPLATES)
        self.status_lists: Recent[KnownStatusList] = Recent(_STATUS_LISTS)
        self._answers: dict[int, Answers] = {}

    def answers(self, reader: RegistryReader) -> Answers:
        """Return the answers of a reader."""
        found = self._answers.get(id(reader))
        if found is None or found.reader is not reader:
            found = self._answers[id(reader)] = Answers(reader)
        return found
