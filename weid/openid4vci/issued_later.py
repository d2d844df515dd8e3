"""What a wallet asks after its credential request: deferred credentials, notices (IP-55 to IP-59).

Both need the access token, and find only what that token covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Final

from pydantic import Field

from weid.encoding import json_loads_object
from weid.errors import MalformedError, ProtocolError
from weid.oauth.reply import EndpointRequest, TooOftenError, busy
from weid.openid4vci.access import OpenedToken
from weid.openid4vci.credential_session import Awaited, CredentialsIssued, StoredCredential
from weid.openid4vci.events import NotifiedEvent, ObserveNotice, WalletNotice
from weid.openid4vci.issuance_session import ATTEMPTS, same
from weid.openid4vci.message import Message
from weid.openid4vci.redemption import Approval, Redemption

ASKED: Final = 3
"""How often a wallet may ask within one interval: clocks differ, and answers get lost."""
NOTICE_BYTES: Final = 8 * 1024
_DESCRIPTION_CHARACTERS: Final = 300
_LAST: Final = "credential_deleted"


class NoticeRequest(Message):
    """A wallet's notice of what became of its credentials (section 11.1)."""

    notification_id: Annotated[str, Field(min_length=1, max_length=512)]
    event: NotifiedEvent
    event_description: Annotated[str, Field(max_length=4096)] | None = None


@dataclass(frozen=True, slots=True)
class IssuedLater:
    """Deferred credentials and notices of one issuer."""

    redemption: Redemption
    observe_notice: ObserveNotice

    def collect(self, opened: OpenedToken, transaction_id: str) -> CredentialsIssued | Awaited:
        """Return the credentials of a transaction, if they may be made by now.

        Raises:
            TooOftenError: asked more often than the interval says.
            ProtocolError: invalid_transaction_id: not one of this token's, or over; or the
                issuer's refusal.
        """
        for _ in range(ATTEMPTS):
            stored = self._transaction(opened, transaction_id)
            if isinstance(stored.state, CredentialsIssued):
                return stored.state
            if not isinstance(stored.state, Awaited):
                break
            counted = self._count(stored.state)
            if not self.redemption.sessions.replace(stored, counted):
                continue
            again = self.redemption.sessions.load(stored.issuance_id, stored.configuration_id)
            if again is None:
                break
            return self.redemption.settle(
                approval_of(opened, again.configuration_id), again, counted
            )
        raise busy()

    def notice(self, opened: OpenedToken, request: EndpointRequest) -> None:
        """Keep what a wallet tells; the same again is nothing new, and nothing follows an end.

        Raises:
            ProtocolError: invalid_notification_request or invalid_notification_id.
        """
        told = _read_notice(request)
        for _ in range(ATTEMPTS):
            stored, issued = self._issued(opened, told.notification_id)
            if told.event in issued.notified or _LAST in issued.notified:
                return
            changed = replace(issued, notified=[*issued.notified, told.event])
            if self.redemption.sessions.replace(stored, changed):
                words = (told.event_description or "")[:_DESCRIPTION_CHARACTERS]
                self.observe_notice(
                    WalletNotice(stored.issuance_id, stored.configuration_id, told.event, words)
                )
                return
        raise busy()

    # --- How -------------------------------------------------------------------------------------

    def _states(self, opened: OpenedToken) -> Iterator[StoredCredential]:
        for name in opened.session.approved:
            stored = self.redemption.sessions.load(opened.issuance_id, name)
            if stored is not None:
                yield stored

    def _transaction(self, opened: OpenedToken, transaction_id: str) -> StoredCredential:
        for stored in self._states(opened):
            state = stored.state
            if isinstance(state, Awaited) and same(state.transaction_id, transaction_id):
                return stored
            if (
                isinstance(state, CredentialsIssued)
                and state.transaction_id
                and same(state.transaction_id, transaction_id)
                # The wallet has them, and said so: the transaction is over (section 8.3).
                and not state.notified
            ):
                return stored
        raise ProtocolError("invalid_transaction_id", "there is no such transaction, or no more")

    def _issued(
        self, opened: OpenedToken, notification_id: str
    ) -> tuple[StoredCredential, CredentialsIssued]:
        for stored in self._states(opened):
            state = stored.state
            if isinstance(state, CredentialsIssued) and same(
                state.notification_id, notification_id
            ):
                return stored, state
        raise ProtocolError("invalid_notification_id", "there is no such notification id")

    def _count(self, awaited: Awaited) -> Awaited:
        now = self.redemption.clock.now()
        if now >= awaited.window_ends:
            return replace(awaited, window_ends=now + awaited.interval, asked=1)
        if awaited.asked >= ASKED:
            raise TooOftenError(retry_after=awaited.window_ends - now)
        return replace(awaited, asked=awaited.asked + 1)


def approval_of(opened: OpenedToken, configuration_id: str) -> Approval:
    """Return what a token covers of one configuration, which must be one of its own."""
    approved = opened.session.approved[configuration_id]
    return Approval(
        opened.issuance_id,
        configuration_id,
        approved if isinstance(approved, dict) else {},
        opened.session.expires_at,
    )


def _read_notice(request: EndpointRequest) -> NoticeRequest:
    content_type = request.header("Content-Type").partition(";")[0].strip().lower()
    try:
        if content_type != "application/json":
            raise MalformedError("the notice is not JSON (application/json)")
        value = json_loads_object(request.body, what="the notice", max_bytes=NOTICE_BYTES)
        return NoticeRequest.from_json(value, what="the notice")
    except MalformedError as error:
        raise ProtocolError("invalid_notification_request", error.message) from None
