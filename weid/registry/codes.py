"""Result codes of transactions: the numbers are consensus, the sentences are only for people.

Three families. Below 100 a transaction was not admitted: it leaves no trace, burns no sequence and
may be sent again. From 100 a rule refused it: the sequence is burnt and a receipt is kept. A number
never changes meaning and is never used again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ResultCode(IntEnum):
    """What became of a transaction; 0 is done (clause TX-16)."""

    OK = 0
    # Not admitted: no trace.
    MALFORMED = 1
    TOO_LARGE = 2
    WRONG_NETWORK = 3
    TOO_LATE = 4
    AUTHOR_UNKNOWN = 5
    AUTHOR_DEACTIVATED = 6
    KEY_UNKNOWN = 7
    KEY_NOT_IN_FORCE = 8
    KEY_NOT_AUTHORISED = 9
    SIGNATURE_INVALID = 10
    SEQUENCE_USED = 11
    SEQUENCE_NOT_NEXT = 12
    ENDORSEMENT_REQUIRED = 13
    ENDORSER_NOT_AUTHORISED = 14
    AUTHOR_NOT_DERIVED = 15
    BUDGET_SPENT = 20
    BLOCK_FULL = 21
    AUTHOR_LIMIT = 22
    # Refused by a rule: recorded.
    NOT_PERMITTED = 100
    ONLY_BY_PROPOSAL = 101
    THRESHOLD_NOT_MET = 102
    FIELD_INVALID = 103
    STALE_VERSION = 104
    NO_CHANGE = 105
    RECORD_TOO_LARGE = 106
    DID_EXISTS = 110
    DID_UNKNOWN = 111
    DID_DEACTIVATED = 112
    KEY_INVALID = 113
    KEY_EXISTS = 114
    KEY_MISSING = 115
    KEY_CONTROLS = 116
    POSSESSION_NOT_PROVED = 117
    COMMITMENT_NOT_MET = 118
    SERVICE_INVALID = 119
    TOO_MANY_KEYS = 120
    TEMPLATE_EXISTS = 130
    TEMPLATE_UNKNOWN = 131
    TEMPLATE_VERSION_GAP = 132
    TEMPLATE_INVALID = 133
    TEMPLATE_DEACTIVATED = 134
    ISSUER_NOT_RECOGNIZED = 140
    STATUS_SEQUENCE = 142
    STATUS_SHAPE_CHANGED = 143
    EVIDENCE_FULL = 150
    BATCH_EXISTS = 151
    ALREADY_RECOGNIZED = 160
    NOT_RECOGNIZED = 161
    OUT_OF_SCOPE = 162
    WINDOW_INVALID = 163
    ROLE_HELD = 170
    ROLE_NOT_HELD = 171
    GOVERNANCE_PROTECTED = 172
    PARAMETER_UNKNOWN = 173
    PARAMETER_OUT_OF_RANGE = 174
    PROPOSAL_UNKNOWN = 175
    PROPOSAL_CLOSED = 176
    ALREADY_APPROVED = 177
    RULES_ARE_SCHEDULED = 178
    NODE_UNKNOWN = 180
    NODE_ID_USED = 181
    VALIDATOR_KEY_USED = 182
    NODE_STATUS = 183
    POWER_INVALID = 184
    LAST_VALIDATOR = 185
    TOO_MANY_VALIDATORS = 186
    RULES_NOT_NEWER = 187
    HEIGHT_TOO_SOON = 188
    HANDED_OVER = 189
    POLICY_EXISTS = 190
    POLICY_UNKNOWN = 191
    POLICY_VERSION_GAP = 192
    POLICY_INVALID = 193
    POLICY_WITHDRAWN = 194

    @property
    def recorded(self) -> bool:
        """Whether a transaction with this code burns its sequence and has a receipt."""
        return self == ResultCode.OK or self >= _FIRST_RECORDED

    @property
    def sentence(self) -> str:
        """One English sentence for a person."""
        return SENTENCES[self]


_FIRST_RECORDED: Final = 100

SENTENCES: Final[dict[ResultCode, str]] = {
    ResultCode.OK: "The transaction was carried out.",
    ResultCode.MALFORMED: "The transaction is not in the registry's format.",
    ResultCode.TOO_LARGE: "The transaction is larger than the registry takes.",
    ResultCode.WRONG_NETWORK: "The transaction was signed for another network.",
    ResultCode.TOO_LATE: "The transaction's time had passed before it reached a block.",
    ResultCode.AUTHOR_UNKNOWN: "The author's DID is not registered.",
    ResultCode.AUTHOR_DEACTIVATED: "The author's DID, or its endorser's, is deactivated.",
    ResultCode.KEY_UNKNOWN: "The transaction names a key that its signer's DID does not have.",
    ResultCode.KEY_NOT_IN_FORCE: "The transaction is signed by a key that is retired or marked.",
    ResultCode.KEY_NOT_AUTHORISED: "The transaction is signed by a key of another purpose.",
    ResultCode.SIGNATURE_INVALID: "A signature of the transaction does not verify.",
    ResultCode.SEQUENCE_USED: "The author's sequence number is already used.",
    ResultCode.SEQUENCE_NOT_NEXT: "The author's sequence number is not the next one.",
    ResultCode.ENDORSEMENT_REQUIRED: "An author without a role needs an endorser.",
    ResultCode.ENDORSER_NOT_AUTHORISED: "The endorser is neither registrar nor governor.",
    ResultCode.AUTHOR_NOT_DERIVED: "The author's DID is not the one that its inception derives.",
    ResultCode.BUDGET_SPENT: "The budget for open registration is spent; ask a registrar.",
    ResultCode.BLOCK_FULL: "The block is full; send the transaction again.",
    ResultCode.AUTHOR_LIMIT: "The author has reached its limit for one block; send it again.",
    ResultCode.NOT_PERMITTED: "The author may not do this.",
    ResultCode.ONLY_BY_PROPOSAL: "This is done by a governance proposal only.",
    ResultCode.THRESHOLD_NOT_MET: "Too few controlling keys signed.",
    ResultCode.FIELD_INVALID: "A field has a value that it cannot have.",
    ResultCode.STALE_VERSION: "The record changed in the meantime; read it again.",
    ResultCode.NO_CHANGE: "The operation changes nothing.",
    ResultCode.RECORD_TOO_LARGE: "The record would become larger than the registry keeps.",
    ResultCode.DID_EXISTS: "The DID is registered already.",
    ResultCode.DID_UNKNOWN: "There is no such DID.",
    ResultCode.DID_DEACTIVATED: "The DID is deactivated, for ever.",
    ResultCode.KEY_INVALID: "A key is not one that the registry takes.",
    ResultCode.KEY_EXISTS: "The DID has, or once had, that key or key id.",
    ResultCode.KEY_MISSING: "The DID has no such key.",
    ResultCode.KEY_CONTROLS: "A controlling key leaves by rotation only.",
    ResultCode.POSSESSION_NOT_PROVED: "A new key did not prove that its owner has it.",
    ResultCode.COMMITMENT_NOT_MET: "The new controllers are not those that were committed to.",
    ResultCode.SERVICE_INVALID: "A service is not one that the registry takes.",
    ResultCode.TOO_MANY_KEYS: "The DID would have more keys than the registry keeps.",
    ResultCode.TEMPLATE_EXISTS: "That template version is published and cannot change.",
    ResultCode.TEMPLATE_UNKNOWN: "There is no such template version.",
    ResultCode.TEMPLATE_VERSION_GAP: "Template versions count from 1 without a gap.",
    ResultCode.TEMPLATE_INVALID: "The template's document does not fit its id and version.",
    ResultCode.TEMPLATE_DEACTIVATED: "That template version is deactivated already.",
    ResultCode.ISSUER_NOT_RECOGNIZED: "The author is not a recognized issuer of that template.",
    ResultCode.STATUS_SEQUENCE: "The status list's sequence does not follow the last one.",
    ResultCode.STATUS_SHAPE_CHANGED: "A status list keeps its template, bits and size.",
    ResultCode.EVIDENCE_FULL: "The author has made all the notes on that digest that it can.",
    ResultCode.BATCH_EXISTS: "The author has anchored that batch root already.",
    ResultCode.ALREADY_RECOGNIZED: "Somebody else's recognition is in force.",
    ResultCode.NOT_RECOGNIZED: "There is no such recognition or accreditation to end.",
    ResultCode.OUT_OF_SCOPE: "The author's own accreditation does not reach that far.",
    ResultCode.WINDOW_INVALID: "The time window or date cannot be.",
    ResultCode.ROLE_HELD: "The DID has that role already.",
    ResultCode.ROLE_NOT_HELD: "The DID does not have that role.",
    ResultCode.GOVERNANCE_PROTECTED: "Too few governors would remain for the threshold.",
    ResultCode.PARAMETER_UNKNOWN: "There is no such chain parameter.",
    ResultCode.PARAMETER_OUT_OF_RANGE: "The chain parameter cannot have that value.",
    ResultCode.PROPOSAL_UNKNOWN: "There is no such proposal.",
    ResultCode.PROPOSAL_CLOSED: "The proposal has expired or is carried out.",
    ResultCode.ALREADY_APPROVED: "This governor approved the proposal already.",
    ResultCode.RULES_ARE_SCHEDULED: "The version of the rules is scheduled, not set.",
    ResultCode.NODE_UNKNOWN: "There is no such node.",
    ResultCode.NODE_ID_USED: "That node id is, or was, a node's already.",
    ResultCode.VALIDATOR_KEY_USED: "That validator key is, or was, a node's already.",
    ResultCode.NODE_STATUS: "The node's status does not allow that.",
    ResultCode.POWER_INVALID: "A validator has a key and a power in range, no other node a power.",
    ResultCode.LAST_VALIDATOR: "No active validator would remain, or there is none.",
    ResultCode.TOO_MANY_VALIDATORS: "There are as many validators as the registry takes.",
    ResultCode.RULES_NOT_NEWER: "That version of the rules is not newer than the one in force.",
    ResultCode.HEIGHT_TOO_SOON: "The rules cannot change so soon: nodes must be upgraded first.",
    ResultCode.HANDED_OVER: "The chain was handed over already.",
    ResultCode.POLICY_EXISTS: "That policy version is published and cannot change.",
    ResultCode.POLICY_UNKNOWN: "There is no such policy version.",
    ResultCode.POLICY_VERSION_GAP: "Policy versions count from 1 without a gap.",
    ResultCode.POLICY_INVALID: "The policy's document does not fit its id and version.",
    ResultCode.POLICY_WITHDRAWN: "That policy version is withdrawn already.",
}
"""A sentence for each code; a test requires that none is missing."""


def describe(code: int) -> str:
    """Return the sentence of a code, also of one that this version does not know."""
    try:
        return ResultCode(code).sentence
    except ValueError:
        return f"The registry answered with result code {code}."
