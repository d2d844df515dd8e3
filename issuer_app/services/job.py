"""The background work of one server: issue, republish, anchor, tidy up; it survives anything.

What is to do stands in the store, so that a killed process goes on where it was. A registry that
does not answer delays the work and loses none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from issuer_app.services.audit import AuditLog
from issuer_app.services.trouble import words_of
from weid.errors import WeidError

_LOG: Final = logging.getLogger("issuer_app.job")
TROUBLE_SECONDS: Final = 5.0
"""Longest wait after a round with trouble."""


class Job:
    """Runs the steps in turn, in a thread or when a test says so.

    Without a deed that wakes it, a round begins `round_seconds` after the one before.
    """

    def __init__(self, audit: AuditLog, *, round_seconds: float) -> None:
        self._audit = audit
        self._round_seconds = round_seconds
        self._steps: tuple[tuple[str, Callable[[], object]], ...] = ()
        self._event = threading.Event()
        self._stopping = threading.Event()
        self._one_round = threading.Lock()
        self._thread: threading.Thread | None = None
        self.last_trouble = ""
        """The kind of the last round's error, empty when all went well."""
        self._troubles: dict[str, str] = {}

    def carry_out(self, *steps: tuple[str, Callable[[], object]]) -> None:
        """Say what a round does, in this order."""
        self._steps = steps

    def wake(self) -> None:
        """Begin the next round now."""
        self._event.set()

    def run_once(self) -> None:
        """Run every step once; a step that fails does not keep the others from running."""
        with self._one_round:
            self._round()

    def _round(self) -> None:
        trouble = ""
        for name, step in self._steps:
            if self._stopping.is_set():
                return
            trouble = self._carry_out(name, step) or trouble
        self._audit.remember()
        self.last_trouble = trouble

    def _carry_out(self, name: str, step: Callable[[], object]) -> str:
        """Run a step and return its trouble; what lasts is logged when it begins and ends."""
        before = self._troubles.pop(name, "")
        try:
            step()
        except WeidError as error:
            trouble, level, said = words_of(error), logging.WARNING, "%s waits: %s"
        except Exception as error:  # noqa: BLE001 - the other steps go on
            # The text of an unknown error may hold a citizen's data: only its kind is logged.
            trouble, level, said = type(error).__name__, logging.ERROR, "%s failed: %s"
        else:
            if before:
                _LOG.info("%s: goes on again", name)
            return ""
        self._troubles[name] = trouble
        if trouble != before:
            _LOG.log(level, said, name, trouble)
        return trouble

    def start(self) -> None:
        """Run rounds in a thread until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="issuer-job", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._event.clear()
            try:
                self.run_once()
            except Exception as error:  # noqa: BLE001 - the job outlives a full disk
                self.last_trouble = type(error).__name__
                _LOG.error("the round failed: %s", self.last_trouble)
            longest = TROUBLE_SECONDS if self.last_trouble else self._round_seconds
            self._event.wait(longest)

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stopping.set()
        self._event.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    @property
    def running(self) -> bool:
        """Whether the thread lives; True where none was asked for."""
        return self._thread is None or self._thread.is_alive()
