"""Why a check ended as it did: a fixed code, one plain sentence and a hint for each.

Codes are stable and never used again for something else; pages translate by code, programs decide
by code, and only the English wording below may change. Parameters are names of fields, times and
the like: never the value of a claim, never a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from weid.encoding import JsonObject

_PARAMETER_CHARS: Final = 300
"""Longest parameter that is shown: a few names or one sentence."""


@dataclass(frozen=True, slots=True)
class ReasonText:
    """The English words of a code; `{name}` stands for a parameter."""

    sentence: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of the table with its parameters."""

    code: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.parameters:
            shown = {name: _printable(text) for name, text in self.parameters.items()}
            object.__setattr__(self, "parameters", shown)

    @property
    def sentence(self) -> str:
        """The English sentence, with its parameters filled in."""
        return REASONS[self.code].sentence.format_map(self.parameters)

    @property
    def hint(self) -> str | None:
        """What a person may do next, or None."""
        text = REASONS[self.code].hint
        return None if text is None else text.format_map(self.parameters)

    def to_json(self) -> JsonObject:
        """Return code, sentence, hint and parameters as a JSON object."""
        value: JsonObject = {"code": self.code, "detail": self.sentence}
        if self.hint is not None:
            value["hint"] = self.hint
        if self.parameters:
            value["parameters"] = dict(self.parameters)
        return value


def _printable(text: str) -> str:
    """Return text with everything unprintable escaped, cut where it is too long.

    Some parameters were written by whoever made the presentation: names of claims, above all. No
    line break, terminal command or change of direction may come from there (clause VF-06).
    """
    if not text.isprintable():
        # Nothing past the limit is shown, so that nothing past it needs escaping.
        head = text[: _PARAMETER_CHARS + 1]
        text = "".join(c if c.isprintable() else _escaped(c) for c in head)
    return text if len(text) <= _PARAMETER_CHARS else text[: _PARAMETER_CHARS - 1] + "…"


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def reason(code: str, **parameters: object) -> Reason:
    """Return a reason of the table with parameters as text.

    Raises:
        KeyError: the code is not in the table.
    """
    plain = _PLAIN[code]
    if not parameters:
        return plain
    return Reason(code, {name: str(value) for name, value in parameters.items()})


_NEW_COPY: Final = "Ask the holder to have the issuer issue a new copy."
_ASK_AGAIN: Final = "Make a new request and ask the holder to answer it."
_TRY_LATER: Final = "Nothing is known to be wrong with it. Try again when the connection is back."
_REFUSE: Final = "Do not rely on it."
_ASK_BY_POLICY: Final = "Make a new request by a policy that is published and in force."
_OTHER_LIST_SERVED: Final = (
    "An old list is being served, or a changed one. Try again; tell the issuer if it stays."
)

REASONS: Final[Mapping[str, ReasonText]] = MappingProxyType(
    {
        # --- passed -------------------------------------------------------------------------
        "format_good": ReasonText("is a well-formed SD-JWT VC"),
        "w3c_format_good": ReasonText("is a well-formed W3C credential whose terms are defined"),
        "issuer_key_good": ReasonText("the key was in force when it was signed"),
        "issuer_key_proved_earlier": ReasonText(
            "the key was compromised later; the issuance is anchored before that"
        ),
        "issuer_signature_good": ReasonText("the issuer's signature holds"),
        "issuer_recognition_good": ReasonText("the issuer is recognized for this template"),
        "issuer_listed": ReasonText("the trust policy lists the issuer for this type"),
        "disclosure_integrity_good": ReasonText("each disclosed claim is the one that was signed"),
        "nothing_withheld": ReasonText("all that was signed is shown, in its place"),
        "template_conformance_good": ReasonText("the claims conform to the published template"),
        "validity_period_good": ReasonText("is within its validity period"),
        "status_good": ReasonText("is neither revoked nor suspended, by the list of {time}"),
        "status_good_kept": ReasonText(
            "is neither revoked nor suspended, by the list of {time} as read at {read_at}"
        ),
        "status_not_used": ReasonText("names no status; the trust policy allows that"),
        "key_binding_good": ReasonText("presented with the holder's key"),
        "key_binding_not_used": ReasonText("is not bound to a key; the trust policy allows that"),
        "request_binding_good": ReasonText("answers this request, for the first time"),
        "request_binding_agreed": ReasonText(
            "answers this request, for the first time, and agrees to its transaction data"
        ),
        "shown_fresh": ReasonText("was made just now and not seen before"),
        "requested_claims_good": ReasonText("has every claim that was asked for"),
        # --- any check ----------------------------------------------------------------------
        "needs_earlier": ReasonText("not checked, because {check} did not pass"),
        "internal_error": ReasonText(
            "the check itself broke ({error})", "Report this to whoever runs this verifier."
        ),
        "check_missing": ReasonText(
            "the checks made are not the ones that the policy calls for",
            "Report this to whoever runs this verifier.",
        ),
        "registry_unavailable": ReasonText("the registry cannot be reached now", _TRY_LATER),
        "registry_unproved": ReasonText(
            "the registry's answer does not prove itself",
            "The node may be faulty or hostile: ask another node.",
        ),
        "registry_too_old": ReasonText(
            "the newest known state of the registry is {age} old, more than the policy allows",
            "Import a newer trust bundle, or go online.",
        ),
        # --- format -------------------------------------------------------------------------
        "malformed": ReasonText("{problem}", "Scan or copy it again; part of it may be missing."),
        # --- issuer_key ---------------------------------------------------------------------
        "issuer_malformed": ReasonText("iss is not a DID that we can use", _REFUSE),
        "key_id_malformed": ReasonText("kid is not the DID URL of a key", _REFUSE),
        "key_id_of_another": ReasonText("kid names a key of another DID than iss", _REFUSE),
        "network_not_trusted": ReasonText(
            "the issuer's registry network is not in the trust policy",
            "If you mean to trust that network, add it to the trust policy.",
        ),
        "did_method_not_trusted": ReasonText(
            "the issuer is not in a trusted registry, nor listed by the trust policy", _REFUSE
        ),
        "issuer_unknown": ReasonText("the registry has no such issuer", _REFUSE),
        "issuer_deactivated": ReasonText("the issuer's DID was deactivated at {time}", _NEW_COPY),
        "issued_before_registration": ReasonText(
            "is dated before its issuer was registered ({time})", _REFUSE
        ),
        "key_unknown": ReasonText("the issuer's DID has no such key", _REFUSE),
        "key_purpose_wrong": ReasonText("the key is not one for signing credentials", _REFUSE),
        "key_not_yet_valid": ReasonText(
            "is dated before its key entered the registry ({time})", _REFUSE
        ),
        "key_retired": ReasonText("is dated after its key was retired ({time})", _REFUSE),
        "key_compromised": ReasonText(
            "the issuer's key is marked compromised since {time}, and no anchor proves that this "
            "was issued before",
            "Ask the holder to present it with its issuance anchor, or to have it issued again.",
        ),
        "key_unusable": ReasonText("the issuer's key cannot be used", _REFUSE),
        "chain_malformed": ReasonText("the certificate chain cannot be used: {problem}", _REFUSE),
        "chain_beside_key_id": ReasonText(
            "two things name the issuer's key, kid and a certificate chain", _REFUSE
        ),
        "chain_self_signed": ReasonText("the issuer's certificate is self-signed", _REFUSE),
        "chain_broken": ReasonText(
            "a certificate of the chain was not issued by the next one", _REFUSE
        ),
        "chain_names_no_key": ReasonText(
            "the issuer's certificate does not name a key of a DID", _REFUSE
        ),
        "chain_names_several": ReasonText(
            "the issuer's certificate names more than one DID or key", _REFUSE
        ),
        "chain_of_another": ReasonText("the certificate names another issuer", _REFUSE),
        "chain_key_other": ReasonText(
            "the certificate has another key than the registry has for the issuer", _REFUSE
        ),
        "chain_not_in_force": ReasonText(
            "is dated outside the time of the issuer's certificate", _NEW_COPY
        ),
        "chain_not_trusted": ReasonText(
            "the certificate chain leads to no certificate authority of the trust policy now",
            "If you mean to trust that authority, add it to the trust policy.",
        ),
        # --- issuer_signature ---------------------------------------------------------------
        "signature_wrong": ReasonText(
            "the issuer's signature does not hold", "It was changed, or forged. Do not rely on it."
        ),
        "algorithm_wrong": ReasonText("the algorithm is not the one of the key", _REFUSE),
        "suite_missing": ReasonText(
            "this verifier lacks the library that the proof's cryptosuite needs",
            "Nothing is known to be wrong with it. Install the extra 'w3c' where it is verified.",
        ),
        # --- issuer_recognition -------------------------------------------------------------
        "type_malformed": ReasonText("vct does not name a template of the issuer's network"),
        "issuer_not_recognized": ReasonText(
            "the issuer is not recognized for this template",
            "Anyone can sign; only recognized issuers count. Do not rely on it.",
        ),
        "issuer_not_listed": ReasonText("the issuer is not listed for this type", _REFUSE),
        "issuer_not_accepted": ReasonText(
            "the issuer is none of those that are accepted here for this type",
            "Ask for a certificate of an issuer that is accepted.",
        ),
        "issuer_compromised": ReasonText(
            "the issuer's recognition ended for a compromise since {time}, and no anchor proves "
            "that this was issued before",
            _NEW_COPY,
        ),
        "issuer_derecognized": ReasonText(
            "the issuer's recognition has ended since",
            "It was issued while the issuer was recognized. Check that you still accept it.",
        ),
        "accreditor_derecognized": ReasonText(
            "an accreditation above the issuer has ended since",
            "It was issued while the accreditation stood. Check that you still accept it.",
        ),
        # --- disclosure_integrity -----------------------------------------------------------
        "disclosure_wrong": ReasonText(
            "{problem}", "A claim was added, changed or moved. Do not rely on it."
        ),
        # --- template_conformance -----------------------------------------------------------
        "template_unknown": ReasonText("the registry has no such template", _REFUSE),
        "template_unavailable": ReasonText("the template's text is not kept here", _TRY_LATER),
        "template_mismatch": ReasonText(
            "vct#integrity is not the digest of the published template", _REFUSE
        ),
        "template_unusable": ReasonText("the published template cannot be read", _TRY_LATER),
        "template_deactivated": ReasonText(
            "was issued after its template was deactivated ({time})", _REFUSE
        ),
        "claims_do_not_conform": ReasonText("does not conform to its template at {paths}", _REFUSE),
        # --- validity_period ----------------------------------------------------------------
        "not_yet_valid": ReasonText("is valid only from {time}", "Look again from that time."),
        "expired": ReasonText("expired at {time}", _NEW_COPY),
        "issued_in_future": ReasonText("is dated in the future", "Check this machine's clock."),
        "expiry_missing": ReasonText("has no end of validity", _NEW_COPY),
        "lifetime_too_long": ReasonText("is valid for longer than the policy allows", _NEW_COPY),
        # --- status -------------------------------------------------------------------------
        "status_missing": ReasonText("names no status list, which the policy requires", _NEW_COPY),
        "status_malformed": ReasonText("the status reference cannot be used: {problem}", _NEW_COPY),
        "status_list_unknown": ReasonText("the registry has no such status list", _REFUSE),
        "status_list_of_another": ReasonText(
            "the status list is not this issuer's list for this template", _REFUSE
        ),
        "status_list_wrong": ReasonText(
            "the status list cannot be trusted: {problem}", _OTHER_LIST_SERVED
        ),
        "status_rolled_back": ReasonText(
            "the status list served is not the one that the registry holds", _OTHER_LIST_SERVED
        ),
        "status_unreachable": ReasonText("the status list cannot be reached now", _TRY_LATER),
        "status_too_old": ReasonText("the newest status list is past its time", _TRY_LATER),
        "status_out_of_range": ReasonText("the status index is past the end of the list", _REFUSE),
        "revoked": ReasonText("was revoked by its issuer", "Ask the holder to turn to the issuer."),
        "suspended": ReasonText(
            "is suspended by its issuer",
            "It may become valid again; the holder can ask the issuer.",
        ),
        "status_not_valid": ReasonText("has a status that does not mean valid", _REFUSE),
        "status_superseded": ReasonText(
            "the status list is being replaced just now", "In a minute the newer list can be had."
        ),
        # --- key_binding --------------------------------------------------------------------
        "key_binding_missing": ReasonText(
            "the holder's key binding is missing",
            "A copy without the holder's key proves nothing about who shows it. " + _ASK_AGAIN,
        ),
        "holder_key_missing": ReasonText("is not bound to a holder's key", _NEW_COPY),
        "holder_key_unusable": ReasonText("the holder's key cannot be used: {problem}", _NEW_COPY),
        "unbound_not_allowed": ReasonText(
            "is bound to no holder's key, and the trust policy does not accept that", _ASK_AGAIN
        ),
        "key_binding_wrong": ReasonText(
            "the key binding does not hold: {problem}",
            "It was changed, or presented by someone without the holder's key.",
        ),
        # --- request_binding ----------------------------------------------------------------
        "nonce_wrong": ReasonText("answers another request", _ASK_AGAIN),
        "audience_wrong": ReasonText("was made for another verifier", _ASK_AGAIN),
        "too_old": ReasonText("was made {age} ago, which is too long", _ASK_AGAIN),
        "made_in_future": ReasonText(
            "is dated in the future", "Check the clocks of this machine and of the wallet."
        ),
        "request_expired": ReasonText("the request had expired at {time}", _ASK_AGAIN),
        "request_endless": ReasonText(
            "the request does not say until when it may be answered", _ASK_AGAIN
        ),
        "transaction_not_agreed": ReasonText(
            "does not agree to the transaction that was asked for", _ASK_AGAIN
        ),
        "already_used": ReasonText("was presented before", _ASK_AGAIN),
        "shown_not_allowed": ReasonText(
            "is a shown code, and the trust policy does not allow those", _ASK_AGAIN
        ),
        # --- requested_claims ---------------------------------------------------------------
        "type_not_requested": ReasonText("is of another type than was asked for", _ASK_AGAIN),
        "authority_not_requested": ReasonText(
            "comes from another authority than was asked for", _ASK_AGAIN
        ),
        "claims_missing": ReasonText("lacks what was asked for: {paths}", _ASK_AGAIN),
        "values_not_accepted": ReasonText(
            "has other values than were asked for at {paths}", _ASK_AGAIN
        ),
        "claims_forbidden": ReasonText(
            "shows what the policy of the request forbids: {paths}",
            "Ask the holder to show it again without that.",
        ),
        "policy_not_published": ReasonText(
            "the request names a presentation policy that no trusted registry has", _ASK_BY_POLICY
        ),
        "policy_not_followed": ReasonText(
            "the request asks for something else than the policy that it names", _ASK_BY_POLICY
        ),
        "policy_withdrawn": ReasonText(
            "the presentation policy of the request was withdrawn", _ASK_BY_POLICY
        ),
        "policy_over": ReasonText(
            "the purpose of the request's presentation policy is over", _ASK_BY_POLICY
        ),
        # --- warnings -----------------------------------------------------------------------
        "registry_state_old": ReasonText(
            "the newest known state of the registry is {age} old",
            "A revocation since then is not known here. Import a newer trust bundle, or go online.",
        ),
        "not_bound_to_this_verifier": ReasonText(
            "the holder did not answer a request of yours",
            "The same code can be shown elsewhere at the same moment. Check the person's identity.",
        ),
        "not_bound_to_holder": ReasonText(
            "anyone can hold a copy of it",
            "The certificate is genuine. Check that it belongs to this person.",
        ),
        # --- several credentials in one answer ------------------------------------------------
        "credential_missing": ReasonText("no credential answers {query}", _ASK_AGAIN),
        "credential_not_asked": ReasonText("an answer to nothing that was asked", _ASK_AGAIN),
        "too_many_credentials": ReasonText("more than one credential answers {query}", _ASK_AGAIN),
        "answer_not_accepted": ReasonText(
            "another part of the same answer did not pass", _ASK_AGAIN
        ),
        "holders_not_linked": ReasonText(
            "nothing shows that the credentials belong to one person",
            "Ask in one request for a claim that all of them have, and link by it.",
        ),
    }
)
"""Code → words, for every code that a report can carry."""

_PLAIN: Final = {code: Reason(code) for code in REASONS}
