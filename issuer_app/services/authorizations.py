"""The page on which a citizen tells which offer is theirs, before their wallet gets its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from issuer_app.errors import InputRefusedError, MissingError, Problem
from issuer_app.services.wallet_endpoints import WalletEndpoints
from weid.errors import ProtocolError
from weid.openid4vci.authorization_policy import AuthorizationQuestion, TryAgainError
from weid.openid4vci.metadata import pick_name


@dataclass(frozen=True, slots=True)
class ShownAuthorization:
    """What the page shows of a wallet's request.

    `wallet` is how the wallet is known; `wallet_name` what its maker calls it. `reference_needed`
    is true where the wallet brought no offer. `listed` says that the office knows the wallet. The
    citizen is sent to `host`, or, where that is empty, to the app of `scheme`; to a program of
    this very machine where that is `http`. `form_target` is the same as a content policy names it.
    """

    id: str
    wallet: str
    wallet_name: str
    credentials: tuple[str, ...]
    reference_needed: bool
    listed: bool
    host: str
    scheme: str
    form_target: str


class Authorizations:
    """Shows wallets' requests to their citizens and passes on what they answer."""

    def __init__(self, wallets: WalletEndpoints) -> None:
        self._endpoints = wallets.endpoints

    def shown(self, authorization_id: str, languages: Sequence[str]) -> ShownAuthorization:
        """Return a request that waits for its citizen.

        Raises:
            MissingError: there is none, or not any more.
        """
        try:
            question = self._endpoints.authorization.question(authorization_id)
        except ProtocolError as error:
            raise _missing() from error
        return ShownAuthorization(
            authorization_id,
            question.client_id,
            question.wallet_name,
            self._names(question, languages[0]),
            question.issuer_state is None,
            any(each.client_id == question.client_id for each in self._endpoints.policy.clients),
            *_target(question.redirect_uri),
        )

    def answer(self, authorization_id: str, answers: Mapping[str, str]) -> str:
        """Pass on what the citizen typed; return where the browser goes.

        Raises:
            InputRefusedError: it does not fit; they may try again.
            MissingError: the request was answered before, or is too old.
        """
        try:
            reply = self._endpoints.authorization.decide(authorization_id, answers)
        except TryAgainError:
            raise InputRefusedError(Problem("offer_code_wrong", "tx_code")) from None
        except ProtocolError as error:
            raise _missing() from error
        return reply.headers["Location"]

    def decline(self, authorization_id: str) -> str:
        """Send the wallet away; return where the browser goes.

        Raises:
            MissingError: the request was answered before, or is too old.
        """
        try:
            return self._endpoints.authorization.refuse(authorization_id).headers["Location"]
        except ProtocolError as error:
            raise _missing() from error

    def _names(self, question: AuthorizationQuestion, language: str) -> tuple[str, ...]:
        known = self._endpoints.configurations()
        found = [known[name] for name in question.configuration_ids if name in known]
        return tuple(
            pick_name(one.credential_metadata.display, language) or one.vct
            if one.credential_metadata
            else one.vct
            for one in found
        )


def _target(redirect_uri: str) -> tuple[str, str, str]:
    """Return host, scheme, and both as a content policy names them."""
    parts = urlsplit(redirect_uri)
    web = parts.scheme in {"https", "http"}
    policy = f"{parts.scheme}://{parts.netloc}" if web else f"{parts.scheme}:"
    return parts.netloc if parts.scheme == "https" else "", parts.scheme, policy


def _missing() -> MissingError:
    return MissingError("there is no such request", Problem("authorization_gone"))
