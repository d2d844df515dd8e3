"""Asking wallets online: OpenID4VP 1.0 for this counter's pages and for programs.

The protocol is the library's (`PresentationEndpoints`); here is what a page needs beside it. All
is kept in memory, an answer until its purpose ends and not a second longer.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from verifier_app.answer_view import AnswerView
from verifier_app.asking import (
    Asked,
    AskedCertificate,
    OfferedTemplate,
    certificates_of,
    offered,
    query_of_fields,
    query_of_text,
    query_of_wish,
)
from verifier_app.languages import told
from verifier_app.policies_seen import PoliciesSeen, SeenPolicy
from verifier_app.policy_view import PolicyView, policy_view
from verifier_app.settings import Wish
from verifier_app.templates_seen import TemplatesSeen
from verifier_app.wallet_settings import WalletSettings
from weid.clock import Clock
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import ProtocolError
from weid.oauth.reply import Reply
from weid.openid4vp.presentation_endpoints import NewPresentation, PresentationEndpoints
from weid.openid4vp.presentation_session import GRACE
from weid.qr.draw import draw_svg
from weid.sessions import SessionStore
from weid.verification.dcql import DcqlQuery
from weid.verification.stated_purpose import StatedPurpose
from weid.verification.transaction_data import TransactionData

PATH: Final = "/openid4vp"
"""Below the public address: where wallets read requests and post answers."""
RETURN_PATH: Final = "/wallets/return"
"""Where a wallet on the same device sends the browser back to."""
KNOWN_SESSIONS: Final = 50_000
"""Sessions kept at once; past that nobody may ask until some have ended."""
CODE_CHARS: Final = 1200
"""The longest link that is drawn: it still fits a code that phones can read from a screen."""
_STATUS_BYTES: Final = 4 * 1024 * 1024
_QR_VERSION: Final = 25
_LOG: Final = logging.getLogger("verifier_app.wallets")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be asked, before anybody is asked."""

    query: DcqlQuery
    title: Mapping[str, str] = field(default_factory=dict)
    purpose: Mapping[str, str] = field(default_factory=dict)
    policy: SeenPolicy | None = None


@dataclass(frozen=True, slots=True)
class PresentationView:
    """A request as its page shows it in one language; the minutes are begun ones.

    `has_code` is false where the link is too long for a code, as that of an unsigned request may
    be. `state` is a word of the library's status; `attempt` the report on an answer that was not
    accepted; `error` the code of a wallet that said no, where that came last; `policy` the one that
    it asks by.
    """

    title: str
    purpose: str
    certificates: list[AskedCertificate]
    link: str
    has_code: bool
    same_device: bool
    minutes_left: int
    state: str
    attempt: AnswerView | None
    error: str
    policy: PolicyView | None


class Presentations:
    """The requests of one verifier to wallets; safe to share between threads."""

    def __init__(  # noqa: PLR0913 - what a request is made of
        self,
        endpoints: PresentationEndpoints,
        *,
        public_url: str,
        settings: WalletSettings,
        wishes: Mapping[str, Wish],
        templates: TemplatesSeen,
        policies: PoliciesSeen,
        token: str | None = None,
    ) -> None:
        self.endpoints = endpoints
        self.token = token
        self._return_to = public_url + RETURN_PATH
        self._settings = settings
        self._wishes = wishes
        self._templates = templates
        self._policies = policies
        self._clock: Clock = endpoints.clock
        self._store: SessionStore = endpoints.sessions
        self._ends: deque[int] = deque()
        self._lock = threading.Lock()

    # --- what can be asked -----------------------------------------------------------------------

    def templates(self, language: str) -> list[OfferedTemplate]:
        """Return the published templates of which fields can be asked for."""
        return offered(self._templates, language)

    def wish(self, wish_id: str) -> Wanted:
        """Return a saved request.

        Raises:
            ProtocolError: 404: there is none of that id.
            RegistryError: its template cannot be read.
        """
        wish = self._wishes.get(wish_id)
        if wish is None:
            raise ProtocolError("not_found", told("There is no such saved request."), status=404)
        return Wanted(query_of_wish(wish, self._templates), wish.title, wish.purpose)

    def policies(self, language: str) -> list[PolicyView]:
        """Return the published policies that can be asked by now, in words."""
        return [policy_view(seen, self._templates, language) for seen in self._policies.in_force()]

    def policy(self, name: str) -> Wanted:
        """Return what a published policy asks for; raises what `PoliciesSeen.named` does."""
        seen = self._policies.named(name)
        policy = seen.policy
        return Wanted(policy.query(), policy.name.names, policy.purpose.names, seen)

    def fields(self, network: str, cpt_id: str, version: int, fields: list[str]) -> Wanted:
        """Return what was ticked of one template; raises what `query_of_fields` does."""
        return Wanted(query_of_fields(network, cpt_id, version, fields, self._templates))

    def text(self, text: str) -> Wanted:
        """Return a query in DCQL; raises what `query_of_text` does."""
        return Wanted(query_of_text(text))

    def query(self, value: JsonValue, purpose: Mapping[str, str]) -> Wanted:
        """Return a query in DCQL that was read from JSON; MalformedError where it is none.

        `purpose` is what the wallet is told that it is for, by locale.
        """
        return Wanted(DcqlQuery.from_json(value), purpose=purpose)

    # --- asking ----------------------------------------------------------------------------------

    def begin(
        self,
        wanted: Wanted,
        *,
        same_device: bool = False,
        encrypted: bool | None = None,
        return_to: str | None = None,
        transactions: tuple[TransactionData, ...] = (),
    ) -> NewPresentation:
        """Begin a presentation; `encrypted` None as the settings say.

        `return_to` is for a program with a page of its own for the same device; `transactions`
        are what the person is to agree to.

        Raises:
            MalformedError: the query is for what is not verified here, or a transaction names no
                credential of it.
            ProtocolError: 503: too many are open.
        """
        self._require_room()
        own = self._settings.encrypted if encrypted is None else encrypted
        place = (return_to or self._return_to) if same_device else None
        policy = wanted.policy
        keep_for = self._keep_for(policy)
        begun = self.endpoints.begin(
            wanted.query,
            encrypted=own,
            return_to=place,
            transactions=transactions,
            policy=None if policy is None else policy.policy.reference,
            purpose=_stated(wanted),
            lifetime=self._settings.request_seconds,
            keep_for=keep_for,
        )
        asked = Asked(
            link=begun.link,
            query=wanted.query.to_json(),
            same_device=same_device,
            expires_at=begun.expires_at,
            title=wanted.title,
            purpose=wanted.purpose,
            keep_for=keep_for,
            policy=None if policy is None else policy.to_json(),
        )
        until = begun.expires_at + keep_for
        self._store.create(_key(begun.session_id), asked.to_bytes(), expires_at=until)
        with self._lock:
            self._ends.append(until + GRACE)
        return begun

    # --- following -------------------------------------------------------------------------------

    def view(self, session_id: str, language: str) -> PresentationView:
        """Return what the page of a request shows.

        Raises:
            ProtocolError: 404: there is no such request of this browser.
        """
        asked, progress = self._asked(session_id), self.progress(session_id)
        report = progress.get("report")
        unaccepted = progress["state"] != "answered" and isinstance(report, dict)
        policy = None if asked.policy is None else SeenPolicy.from_json(asked.policy)
        return PresentationView(
            title=policy.policy.name.name(language) if policy else _in(asked.title, language),
            purpose=(
                policy.policy.purpose.name(language) if policy else _in(asked.purpose, language)
            ),
            certificates=certificates_of(asked.query, self._templates, language),
            link=asked.link,
            has_code=len(asked.link) <= CODE_CHARS,
            same_device=asked.same_device,
            minutes_left=max(1, -(-(asked.expires_at - self._clock.now()) // 60)),
            state=str(progress["state"]),
            attempt=AnswerView(report, self._templates) if unaccepted else None,  # type: ignore[arg-type]
            error=str(progress.get("error", "")),
            policy=None if policy is None else policy_view(policy, self._templates, language),
        )

    def picture(self, session_id: str, *, label: str) -> str:
        """Return the code of a request as SVG; `label` is what a screen reader says.

        Raises:
            ProtocolError: 404: there is no such request of this browser, or its link is too long
                for a code (an unsigned request may be).
        """
        link = self._asked(session_id).link
        if len(link) > CODE_CHARS:
            raise _gone()
        return draw_svg(link, correction="L", max_version=_QR_VERSION, label=label)

    def status(self, session_id: str) -> Reply:
        """Answer the page that waits."""
        return self.endpoints.status(session_id)

    def progress(self, session_id: str) -> JsonObject:
        """Return the state in a word and what belongs to it, never a claim.

        Raises:
            ProtocolError: 404: there is no such session.
        """
        reply = self.endpoints.status(session_id)
        if reply.status != 200:
            raise _gone()
        return json_loads_object(
            reply.body, what="the status", max_bytes=_STATUS_BYTES, max_depth=64
        )

    def answer(self, session_id: str, response_code: str) -> AnswerView:
        """Return the accepted answer.

        Raises:
            ProtocolError: 404 over, 409 none, 403 without the code that belongs to it.
        """
        try:
            result = self.endpoints.result(session_id, response_code=response_code)
        except ProtocolError as error:
            if error.status == 403:
                raise not_brought_back() from None
            raise
        return AnswerView(result, self._templates)

    def keep_minutes(self, session_id: str) -> int:
        """Return for how many minutes an answer can be looked at at most; begun ones count.

        Raises:
            ProtocolError: 404: there is no such request of this browser.
        """
        return max(1, -(-self._asked(session_id).keep_for // 60))

    def returned(self, session_ids: Mapping[str, str], response_code: str) -> str | None:
        """Return of which of a browser's requests a wallet brought it back, by request id.

        `session_ids` are by request id, the newest last. Where no answer has that code it is the
        newest on this device to which a wallet said no; else None.
        """
        refused = None
        for request_id, session_id in reversed(list(session_ids.items())):
            try:
                if not self._asked(session_id).same_device:
                    continue
                if self.progress(session_id)["state"] == "refused":
                    refused = refused or request_id
                else:
                    self.endpoints.result(session_id, response_code=response_code)
                    return request_id
            except ProtocolError:
                continue
        return refused

    def forget(self, session_id: str) -> bool:
        """Forget an answer: its purpose is over. False where there is none."""
        self._store.take(_key(session_id))
        return self.endpoints.forget(session_id)

    def tidy(self) -> int:
        """Remove what is past its time; return how many records that were."""
        return self.endpoints.remove_expired()

    def _keep_for(self, policy: SeenPolicy | None) -> int:
        """Return how long an answer is kept: never longer than its policy says."""
        most = self._settings.keep_seconds
        if policy is None:
            return most
        now = self._clock.now()
        return min(most, policy.policy.retention.after(now) - now)

    def _asked(self, session_id: str) -> Asked:
        raw = self._store.load(_key(session_id)) if session_id else None
        if raw is None:
            raise _gone()
        return Asked.from_bytes(raw)

    def _require_room(self) -> None:
        now = self._clock.now()
        with self._lock:
            while self._ends and self._ends[0] <= now:
                self._ends.popleft()
            full = len(self._ends) >= KNOWN_SESSIONS
        if full:
            raise ProtocolError(
                "temporarily_unavailable",
                told("Too many requests are open now."),
                status=503,
                hint=told("Wait a few minutes, then try again."),
            )


def note(event: str, request_id: str) -> None:
    """Log what became of a request: nothing of the answer, and not enough of the id to use it."""
    _LOG.info("presentation %s: %s", request_id[:8], event)


def _stated(wanted: Wanted) -> StatedPurpose | None:
    """Return what the wallet is told by us; of a policy it reads the registry's words."""
    plain = wanted.policy is None and bool(wanted.purpose)
    return StatedPurpose.create(wanted.purpose) if plain else None


def _key(session_id: str) -> str:
    return f"asked-of:{session_id}"


def _in(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or texts.get("en", "")


def not_brought_back() -> ProtocolError:
    """Return the refusal of a browser that no wallet brought back to its own request."""
    return ProtocolError(
        "access_denied",
        told("This browser did not make that request."),
        status=403,
        hint=told("Begin again in this browser, and open the wallet from here."),
    )


def _gone() -> ProtocolError:
    return ProtocolError(
        "not_found",
        told("This request is no longer open."),
        status=404,
        hint=told("Make a new request."),
    )
