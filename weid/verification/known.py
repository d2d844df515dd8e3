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

from weid import limits
from weid.credential.status_list import StatusList
from weid.credential.template import CredentialTemplate
from weid.registry.records import AccreditationRecord, Head, RecognitionRecord, TrustRecordT
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
    """The most recently used values of a kind, up to a number and a weight.

    `weigh` says what a value weighs, such as its bytes, nothing unless given; all that are kept
    weigh at most `most_weight` together.
    """

    def __init__(
        self,
        most: int,
        *,
        weigh: Callable[[_V], int] = lambda _: 0,
        most_weight: int = 0,
    ) -> None:
        self._most = most
        self._weigh = weigh
        self._most_weight = most_weight
        self._weight = 0
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
        """Keep a value, dropping the least recently used ones when there is too much."""
        with self._lock:
            former = self._values.pop(key, None)
            if former is not None:
                self._weight -= self._weigh(former)
            self._values[key] = value
            self._weight += self._weigh(value)
            while len(self._values) > self._most or self._weight > self._most_weight:
                _, dropped = self._values.popitem(last=False)
                self._weight -= self._weigh(dropped)


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

    def former(self, record: TrustRecordT) -> TrustRecordT | None:
        """Return what stood when a record's last compromise ended, None without one (ST-16)."""
        ask = self.reader.former
        return self.get(("former", record.before), lambda: ask(record))


class Known:
    """All of it, for one verifier."""

    def __init__(self) -> None:
        self.templates: Recent[CredentialTemplate] = Recent(_TEMPLATES)
        self.status_lists: Recent[KnownStatusList] = Recent(
            _STATUS_LISTS,
            # A host says how large its list is: a count alone would bound nothing.
            weigh=lambda known: len(known.statuses.raw),
            most_weight=limits.STATUS_LISTS_KEPT,
        )
        self._answers: dict[int, Answers] = {}

    def answers(self, reader: RegistryReader) -> Answers:
        """Return the answers of a reader."""
        found = self._answers.get(id(reader))
        if found is None or found.reader is not reader:
            found = self._answers[id(reader)] = Answers(reader)
        return found
