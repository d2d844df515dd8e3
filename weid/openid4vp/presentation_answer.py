"""What becomes of an answer: verified, and then of all that race exactly one settles the session.

Clauses PP-48, PP-49, PP-58 and PP-59 of specs/presentation-profile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, urlsplit

from weid.clock import Clock
from weid.encoding import JsonObject
from weid.errors import ProtocolError
from weid.openid4vp.presentation_result import report_json, result_json
from weid.openid4vp.presentation_session import (
    Answered,
    PresentationSessions,
    Requested,
    Stored,
    WalletRefused,
    hash_secret,
)
from weid.openid4vp.response import ErrorResponse, PresentationResponse
from weid.verification.answer import AnswerReport
from weid.verification.report import Verdict
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

MAX_ATTEMPTS: Final = 50
"""Answers that are verified for one request: a stranger with its code cannot keep us at work."""
_BROKEN: Final[JsonObject] = {"verdict": "error", "conclusion": "Could not check", "problems": []}


class _SessionDecides:
    """A replay memory that lets all pass: the session's one transition makes the nonce count."""

    def remember(self, key: str, *, until: int, now: int) -> bool:
        """Return True."""
        del key, until, now
        return True


@dataclass(frozen=True, slots=True)
class Answers:
    """Settles sessions with what wallets post."""

    sessions: PresentationSessions
    verifier: Verifier
    clock: Clock
    observe: Callable[[str, str], None]

    def settle(
        self,
        stored: Stored,
        session: Requested,
        answer: PresentationResponse | ErrorResponse,
        request: PresentationRequest,
        code: str,
    ) -> None:
        """Settle a session with an answer or an error; `code` is what the wallet will get.

        Raises:
            ProtocolError: not accepted; or another answer was quicker (409).
        """
        code_hash = hash_secret(code) if code else ""
        if isinstance(answer, ErrorResponse):
            until = self.clock.now() + session.keep_for
            refused = WalletRefused(session.session_hash, answer.error, code_hash, until)
            self._replace(stored, refused)
            self.observe("refused", stored.request_id)
            return
        if session.attempts >= MAX_ATTEMPTS:
            raise ProtocolError("invalid_request", "too many answers were not accepted")
        report = self._verify(stored, answer, request)
        if not report.accepted:
            self._note_attempt(stored, report_json(report))
            raise _not_accepted(report)
        now = self.clock.now()
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

    def _verify(
        self, stored: Stored, answer: PresentationResponse, request: PresentationRequest
    ) -> AnswerReport:
        verifier = self.verifier.named(request.audience, replay_memory=_SessionDecides())
        try:
            return verifier.verify_answer(answer.presentations, request)
        except Exception:  # noqa: BLE001 - clause PP-49: whatever breaks, it was not accepted
            self._note_attempt(stored, _BROKEN)
            raise ProtocolError("server_error", "the answer could not be checked") from None

    def _replace(self, stored: Stored, new: Answered | WalletRefused) -> None:
        """Settle an open session, whatever became of it meanwhile short of being settled."""
        current: Stored | None = stored
        while current is not None and isinstance(current.session, Requested):
            if self.sessions.replace(current, new):
                return
            current = self.sessions.load(stored.request_id, now=self.clock.now())
        if current is not None:
            self.note_again(current)
        raise ProtocolError("invalid_request", "the request is answered already", status=409)

    def _note_attempt(self, stored: Stored, report: JsonObject) -> None:
        current: Stored | None = stored
        while current is not None and isinstance(current.session, Requested):
            session = current.session
            noted = replace(session, attempts=session.attempts + 1, last_attempt=report)
            if self.sessions.replace(current, noted):
                break
            current = self.sessions.load(stored.request_id, now=self.clock.now())
        self.observe("not_accepted", stored.request_id)


def _not_accepted(report: AnswerReport) -> ProtocolError:
    if report.verdict is Verdict.UNDETERMINED:
        # Not the wallet's fault, and it may try again; but nothing broke here either.
        return ProtocolError("temporarily_unavailable", "the answer cannot be checked now")
    return ProtocolError("invalid_request", "the answer was not accepted")


def code_of(return_to: str, code: str) -> str:
    """Return the page that a wallet sends the browser back to, with the response code."""
    mark = "&" if urlsplit(return_to).query else "?"
    return f"{return_to}{mark}response_code={quote(code)}"
