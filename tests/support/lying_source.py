"""A source that answers truly but for what one lie changes, and one that is stuck in the past."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field


@dataclass
class LyingSource:
    """Passes every call on; `lies` maps a method's name to what is done to its answer.

    A lie is a function of (the true source, the true answer, the arguments).
    """

    truth: object
    lies: dict = field(default_factory=dict)

    def _answer(self, name, *arguments):
        answer = getattr(self.truth, name)(*arguments)
        lie = self.lies.get(name)
        return answer if lie is None else lie(self.truth, answer, *arguments)

    def genesis(self):
        return self._answer("genesis")

    def light_block(self, height):
        return self._answer("light_block", height)

    def record(self, namespace, record_id):
        return self._answer("record", namespace, record_id)

    def list_page(self, list_id, start):
        return self._answer("list_page", list_id, start)

    def history(self, digest):
        return self._answer("history", digest)

    def content(self, digest):
        return self._answer("content", digest)

    def receipt(self, transaction_id):
        return self._answer("receipt", transaction_id)

    def consistency(self, first):
        return self._answer("consistency", first)


class FrozenStore:
    """A chain store as it was when this was made."""

    def __init__(self, store):
        with store.snapshot() as snapshot:
            self._snapshot = snapshot

    def snapshot(self):
        return nullcontext(self._snapshot)

    def get(self, table, key):
        return self._snapshot.get(table, key)
