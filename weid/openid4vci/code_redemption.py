"""From a code to a token: one token for one code, however many ask at once (IP-03 to IP-05)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weid.clock import Clock
from weid.errors import ProtocolError
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
from weid.openid4vci.reply import busy
from weid.openid4vci.token import TokenRequest


@dataclass(frozen=True, slots=True)
class CodeRedemption:
    """The transitions from an offer to a token over one issuer's sessions."""

    sessions: IssuanceSessions
    clock: Clock
    observe: Observe

    def redeem_code(self, request: TokenRequest, *, secret: str, lifetime: int) -> str:
        """Turn a code into an access token, whose secret part is given; return the token.

        Raises:
            ProtocolError: invalid_grant (unknown, used, expired or dead code, wrong transaction
                code) or invalid_request (a transaction code is missing, or none is expected).
        """
        issuance_id = issuance_of_code(request.code)
        for _ in range(ATTEMPTS):
            stored = self.sessions.load(issuance_id)
            offered = self._require_offered(stored, issuance_id)
            _require_tx_code_form(request, offered)
            if stored is None:  # told to the type checker: _require_offered has refused it
                raise _invalid_grant()
            if not _tx_code_matches(request, offered):
                if self._count_failure(stored, offered):
                    raise ProtocolError("invalid_grant", "the transaction code does not match")
                continue
            token = TokenIssued(
                offered.configuration_id,
                offered.approved,
                hash_token(secret),
                self.clock.now() + lifetime,
            )
            if self.sessions.replace(stored, token):
                self.observe("token_issued", issuance_id)
                return f"{issuance_id}.{secret}"
        raise busy()

    def _require_offered(self, stored: Stored | None, issuance_id: str) -> Offered:
        if stored is None:
            raise _invalid_grant()
        if not isinstance(stored.session, Offered):
            self.observe("code_used_again", issuance_id)
            raise _invalid_grant()
        return stored.session

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


def _tx_code_matches(request: TokenRequest, offered: Offered) -> bool:
    if not offered.tx_code_hash:
        return True
    return same(offered.tx_code_hash, hash_tx_code(request.tx_code or "", code=request.code))


def _invalid_grant() -> ProtocolError:
    return ProtocolError("invalid_grant", "the code is not valid, or not any more")
