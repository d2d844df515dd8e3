"""From an approval to a token: one token for one code, however many ask at once (IP-03 to IP-05).

What was approved is an `Offered` session; a pre-authorized code or the authorization page leads
to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from weid.clock import Clock
from weid.errors import ProtocolError
from weid.oauth.reply import busy
from weid.openid4vci.events import Observe
from weid.openid4vci.issuance_session import (
    ATTEMPTS,
    TX_CODE_FAILURES,
    Expired,
    IssuanceSessions,
    Offered,
    Stored,
    TokenIssued,
    hash_token,
    hash_tx_code,
    issuance_of_code,
    same,
)
from weid.openid4vci.token import TokenRequest


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be given out: its secret part, the key it is bound to, its life in seconds.

    `configuration_ids` are those that the wallet asks for; empty means whatever was approved.
    """

    secret: str = field(repr=False)
    lifetime: int
    key: str = ""
    configuration_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that was given out, for which configurations, and for how many seconds."""

    text: str = field(repr=False)
    configuration_ids: tuple[str, ...]
    lifetime: int


@dataclass(frozen=True, slots=True)
class CodeRedemption:
    """The transitions from an offer to a token over one issuer's sessions."""

    sessions: IssuanceSessions
    clock: Clock
    observe: Observe

    def redeem_code(self, request: TokenRequest, token: NewToken) -> GivenToken:
        """Turn a pre-authorized code into an access token.

        Raises:
            ProtocolError: invalid_grant (unknown, used, expired or dead code, wrong transaction
                code), invalid_request (a transaction code is missing, or none is expected), or
                invalid_authorization_details.
        """
        issuance_id = issuance_of_code(request.code)
        for _ in range(ATTEMPTS):
            stored, offered = self._load(issuance_id)
            _require_tx_code_form(request, offered)
            if not _tx_code_matches(offered, request.tx_code, request.code):
                if self._count_failure(stored, offered):
                    raise ProtocolError("invalid_grant", "the transaction code does not match")
                continue
            given = self._give(stored, offered, token)
            if given is not None:
                return given
        raise busy()

    def redeem_approval(self, issuance_id: str, token: NewToken) -> GivenToken:
        """Turn what the authorization page approved into an access token.

        Raises:
            ProtocolError: invalid_grant or invalid_authorization_details.
        """
        for _ in range(ATTEMPTS):
            stored, offered = self._load(issuance_id)
            given = self._give(stored, offered, token)
            if given is not None:
                return given
        raise busy()

    def judge_tx_code(self, issuance_id: str, typed: str, *, secret: str) -> None:
        """Judge a transaction code that was typed on a page, where the offer has one.

        `secret` is what the code's hash is keyed with. Wrong ones count as at the token endpoint.

        Raises:
            ProtocolError: invalid_grant: wrong, or there is no such offer any more.
        """
        for _ in range(ATTEMPTS):
            stored, offered = self._load(issuance_id)
            if _tx_code_matches(offered, typed, secret):
                return
            if not typed.strip() or self._count_failure(stored, offered):
                raise ProtocolError("invalid_grant", "the transaction code does not match")
        raise busy()

    def _load(self, issuance_id: str) -> tuple[Stored, Offered]:
        stored = self.sessions.load(issuance_id)
        if stored is None:
            raise _invalid_grant()
        if not isinstance(stored.session, Offered):
            self.observe("code_used_again", issuance_id)
            raise _invalid_grant()
        return stored, stored.session

    def _give(self, stored: Stored, offered: Offered, token: NewToken) -> GivenToken | None:
        approved = {
            name: value
            for name, value in offered.approved.items()
            if not token.configuration_ids or name in token.configuration_ids
        }
        if not approved:
            raise ProtocolError("invalid_authorization_details", "another credential was approved")
        lifetime = offered.token_seconds or token.lifetime
        issued = TokenIssued(
            approved, hash_token(token.secret, key=token.key), self.clock.now() + lifetime
        )
        if not self.sessions.replace(stored, issued):
            return None
        self.observe("token_issued", stored.issuance_id)
        return GivenToken(f"{stored.issuance_id}.{token.secret}", tuple(approved), lifetime)

    def _count_failure(self, stored: Stored, offered: Offered) -> bool:
        failures = offered.failures + 1
        dead = failures >= TX_CODE_FAILURES
        counted = self.sessions.replace(
            stored,
            Expired("too many wrong transaction codes")
            if dead
            else replace(offered, failures=failures),
        )
        if counted:
            self.observe("offer_dead" if dead else "tx_code_wrong", stored.issuance_id)
        return counted


def _require_tx_code_form(request: TokenRequest, offered: Offered) -> None:
    if offered.tx_code_hash and not request.tx_code:
        raise ProtocolError("invalid_request", "tx_code is missing")
    if request.tx_code is not None and not offered.tx_code_hash:
        raise ProtocolError("invalid_request", "no tx_code is expected")


def _tx_code_matches(offered: Offered, typed: str | None, secret: str) -> bool:
    if not offered.tx_code_hash:
        return True
    return same(offered.tx_code_hash, hash_tx_code(typed or "", code=secret))


def _invalid_grant() -> ProtocolError:
    return ProtocolError("invalid_grant", "the code is not valid, or not any more")
