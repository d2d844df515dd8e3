"""The simplest answer to "what was approved for this person": an officer's offer, and its code.

It asks no identity of its own. Who holds the offer (its `issuer_state`) and has the transaction
code that travelled by another way is who the officer meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from weid.errors import ProtocolError
from weid.openid4vci.authorization_policy import (
    Approval,
    AuthorizationQuestion,
    OfferedBefore,
    TryAgainError,
)
from weid.openid4vci.circumstances import Circumstances
from weid.openid4vci.code_redemption import CodeRedemption
from weid.openid4vci.issuance_session import issuance_of_issuer_state

REFERENCE: Final = "reference"
"""The answer that takes the place of `issuer_state` where the wallet brought none."""
TX_CODE: Final = "tx_code"


@dataclass(frozen=True, slots=True)
class OfferApproval:
    """A `FindApproval` over the offers of this issuer."""

    circumstances: Circumstances

    def __call__(self, question: AuthorizationQuestion, answers: Mapping[str, str], /) -> Approval:
        """Return the offer that the person holds.

        Raises:
            TryAgainError: the reference or the transaction code does not fit.
        """
        here = self.circumstances
        issuer_state = question.issuer_state or answers.get(REFERENCE, "").strip()
        issuance_id = issuance_of_issuer_state(issuer_state)
        redemption = CodeRedemption(here.issuances, here.clock, here.observe)
        try:
            redemption.judge_tx_code(issuance_id, answers.get(TX_CODE, ""), secret=issuer_state)
        except ProtocolError as error:
            raise TryAgainError(error.description) from None
        return OfferedBefore(issuance_id)
