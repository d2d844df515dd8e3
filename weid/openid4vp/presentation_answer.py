"""What becomes of an answer: verified, and then of all that race exactly one settles the session.

Clauses PP-48, PP-49, PP-58 and PP-59 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, urlsplit

from weid.clock import Clock
from weid.encoding import JsonObject, json_dumps
from weid.errors import ProtocolError
from weid.oauth.reply import TooOftenError
from weid.openid4vp.presentation_result import report_json, result_json
from weid.openid4vp.presentation_session import (
    TRIES,
    TRIES_SECONDS,
    Answered,
    PresentationSessions,
    Requested,
    Stored,
    hash_secret,
)
from weid.openid4vp.response import ErrorResponse, PresentationResponse
from weid.verification.answer import AnswerReport
from weid.verification.report import Verdict
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

REPORT_BYTES: Final = 128 * 1024
"""What is kept of an answer that is not accepted: past it the verdict alone, no details."""
_SOURCE_CHARS: Final = 16
"""Enough to tell sources of one request apart; their addresses are not kept."""
_BROKEN: Final[JsonObject] = {"verdict": "error", "conclusion": "Could not check", "problems": []}


class _SessionDecides:
    """A replay memory that lets all pass: the session's one transition makes the nonce count."""

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Return True."""
        del key, until, now
        return True


@dataclass(frozen=True, slots=True)
class Posted:
    """What a wallet posted, the response code that it will get, and from where it came."""

    answer: PresentationResponse | ErrorResponse = field(repr=False)
    code: str = field(default="", repr=False)
    source: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """Settles sessions with what wallets post."""

    sessions: PresentationSessions
    verifier: Verifier
    clock: Clock
    observe: Callable[[str, str], None]

    def settle(
        self, stored: Stored, session: Requested, posted: Posted, request: PresentationRequest
    ) -> None:
        """Settle a session with an answer that is accepted; note what else came, an error too.

        Raises:
            TooOftenError: too much of this source ended nothing within a minute.
            ProtocolError: not accepted; or another answer was quicker (409).
        """
        source = hash_secret(f"{stored.request_id}:{posted.source}")[:_SOURCE_CHARS]
        self._require_turn(session, source)
        answer = posted.answer
        if isinstance(answer, ErrorResponse):
            self._note_declined(stored, source, answer.error)
            return
        report = self._verify(stored, source, answer, request)
        if not report.accepted:
            self._note_attempt(stored, source, report_json(report))
            raise _not_accepted(report)
        now = self.clock.now()
        code_hash = hash_secret(posted.code) if posted.code else ""
        result = result_json(report)
        until = now + session.keep_for
        self._replace(stored, Answered(session.session_hash, result, code_hash, now, until))
        self.observe("answered", stored.request_id)

    def note_again(self, stored: Stored) -> None:
        """Note that a further answer came to a request that is answered (for staff to see)."""
        session = stored.session
        if isinstance(session, Answered) and not session.answered_again:
            self.sessions.replace(stored, replace(session, answered_again=True))
            self.observe("answered_again", stored.request_id)

    def _require_turn(self, session: Requested, source: str) -> None:
        now = self.clock.now()
        if session.tries_of(source, now=now) >= TRIES:
            raise TooOftenError(retry_after=session.tries_since + TRIES_SECONDS - now)

    def _verify(
        self,
        stored: Stored,
        source: str,
        answer: PresentationResponse,
        request: PresentationRequest,
    ) -> AnswerReport:
        verifier = self.verifier.named(request.audience, replay_memory=_SessionDecides())
        try:
            return verifier.verify_answer(answer.presentations, request)
        except Exception:  # noqa: BLE001 - clause PP-49: whatever breaks, it was not accepted
            self._note_attempt(stored, source, _BROKEN)
            raise ProtocolError("server_error", "the answer could not be checked") from None

    def _replace(self, stored: Stored, new: Answered) -> None:
        """Settle an open session, whatever became of it meanwhile short of being settled."""
        current: Stored | None = stored
        while current is not None and isinstance(current.session, Requested):
            if self.sessions.replace(current, new):
                return
            current = self.sessions.load(stored.request_id, now=self.clock.now())
        if current is not None:
            self.note_again(current)
        raise _answered_already()

    def _note_attempt(self, stored: Stored, source: str, report: JsonObject) -> None:
        if len(json_dumps(report)) > REPORT_BYTES:
            report = {**report, "problems": [], "reports": {}}
        self._note(
            stored,
            source,
            lambda session: replace(
                session, attempts=session.attempts + 1, last_attempt=report, declined=""
            ),
        )
        self.observe("not_accepted", stored.request_id)

    def _note_declined(self, stored: Stored, source: str, error: str) -> None:
        current = self._note(stored, source, lambda session: replace(session, declined=error))
        if current is not None:
            self.note_again(current)
            raise _answered_already()
        self.observe("refused", stored.request_id)

    def _note(
        self, stored: Stored, source: str, change: Callable[[Requested], Requested]
    ) -> Stored | None:
        """Note in an open session what ended nothing; return one that was settled meanwhile."""
        current: Stored | None = stored
        while current is not None and isinstance(current.session, Requested):
            session, now = current.session, self.clock.now()
            noted = replace(change(session), **session.counted(source, now=now))  # type: ignore[arg-type]
            if self.sessions.replace(current, noted):
                return None
            current = self.sessions.load(stored.request_id, now=self.clock.now())
        return current


def _answered_already() -> ProtocolError:
    return ProtocolError("invalid_request", "the request is answered already", status=409)


def _not_accepted(report: AnswerReport) -> ProtocolError:
    if report.verdict is Verdict.UNDETERMINED:
        # Not the wallet's fault, and it may try again; but nothing broke here either.
        return ProtocolError("temporarily_unavailable", "the answer cannot be checked now")
    return ProtocolError("invalid_request", "the answer was not accepted")


def code_of(return_to: str, code: str) -> str:
    """Return the page that a wallet sends the browser back to, with the response code."""
    mark = "&" if urlsplit(return_to).query else "?"
    return f"{return_to}{mark}response_code={quote(code)}"
