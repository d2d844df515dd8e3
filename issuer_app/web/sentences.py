"""The sentences behind codes: what is wrong with a file, a cell or a form, and what to do.

Services speak in codes; only here do they become words, so that every language is one catalog.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _l

from issuer_app.errors import Problem
from issuer_app.services.people import SERVER_NAME, WALLET_NAME
from issuer_app.web.expected import expected_words
from issuer_app.web.language import moment

PROBLEMS: Final[Mapping[str, LazyString]] = {
    # Sign-in and users
    "sign_in_refused": _l(
        "The sign-in name and password do not fit, or there were too many tries."
        " Wait a little, then try again."
    ),
    "login_form": _l("A sign-in name has 2 to 64 of the characters a-z, 0-9 and . _ @ -"),
    "login_taken": _l("This sign-in name is taken."),
    "name_missing": _l("Enter the person's name."),
    "password_form": _l(
        "A password has at least %(least)s characters and is not the sign-in name."
    ),
    "roles_missing": _l("Choose at least one role."),
    "own_access": _l("Nobody can end his or her own access."),
    "access_ended": _l("The access of this user has ended already."),
    # The page for a citizen's wallet
    "offer_code_wrong": _l(
        "This does not fit, or the offer is used or has run out. After five wrong codes it is dead;"
        " then ask the office for a new one."
    ),
    "authorization_gone": _l(
        "This request was answered before or is too old. Begin again in your wallet."
    ),
    "authorization_refused": _l(
        "The wallet's request cannot be used, or was used before. Begin again in your wallet."
    ),
    # API tokens
    "token_name": _l("Name the token in at most %(most)s characters."),
    "token_days": _l("A token lives between 1 and %(most)s days."),
    # Files as a whole
    "file_missing": _l("Choose a CSV or XLSX file."),
    "file_empty": _l("The file is empty."),
    "file_kind": _l("This is neither a CSV nor an XLSX file. Save the table as one of these two."),
    "file_too_large": _l("The file is larger than %(most)s MB. Divide it."),
    "encoding_unknown": _l(
        "The text is not in UTF-8 (line %(line)s). Save the file as “CSV UTF-8” or XLSX,"
        " or choose its encoding."
    ),
    "encoding_wrong": _l("The text is not in the chosen encoding (line %(line)s)."),
    "nul_character": _l("Line %(line)s holds a NUL character: the file is damaged or is not text."),
    "quotes_unbalanced": _l("A quotation mark that opens in or before row %(row)s does not close."),
    "cell_too_large": _l("Row %(row)s has a cell that is too long to be meant."),
    "header_missing": _l("The first row must hold the names of the columns."),
    "header_empty": _l("Column %(column)s has no name in the first row."),
    "header_twice": _l("The column “%(name)s” is there twice."),
    "too_many_columns": _l("There are more than %(most)s columns."),
    "too_many_rows": _l("There are more than %(most)s rows. Divide the file."),
    "no_rows": _l("There are no rows below the column names."),
    "workbook_too_large": _l("The workbook unpacks to more than we accept. Save only the table."),
    "workbook_unreadable": _l(
        "The workbook cannot be read. Save it again as XLSX, without password."
    ),
    "column_unknown": _l("The template has no column “%(name)s”."),
    "column_twice": _l("The column “%(name)s” means a field that is already there."),
    "column_missing": _l("The column “%(name)s” is missing."),
    "form_unknown": _l("Choose what to make: for the wallet, on paper, or both."),
    "holder_key_paper": _l(
        "A file with the column holder_jwk cannot make paper certificates only."
    ),
    # Batches
    "own_batch": _l("Nobody approves or returns what he or she uploaded."),
    "batch_state": _l("This does not fit the state of the batch any more: %(state)s."),
    # Changes to certificates
    "already_suspended": _l("This certificate is already suspended, since %(since)s."),
    "already_revoked": _l("This certificate was revoked for good on %(since)s already."),
    "revoked_no_suspend": _l(
        "This certificate was revoked for good on %(since)s and cannot be suspended."
    ),
    "revoked_no_reinstate": _l(
        "This certificate was revoked for good on %(since)s and cannot be reinstated."
    ),
    "not_suspended": _l("This certificate is in force; there is nothing to reinstate."),
    "decision_gone": _l("No wallet waits for a decision on this certificate, or not any more."),
    "own_offer": _l("Where two persons decide, nobody decides on his or her own offer."),
    "copy_unknown": _l("There is no such copy of this certificate to offer now."),
    "offer_none": _l("No certificate of this kind is left whose offer nobody has seen."),
    "offer_gone": _l("This certificate has no offer any more: it is signed, or not in force."),
    "paper_missing": _l("This certificate was not made for paper."),
    "reason_missing": _l("Choose a reason."),
    "note_too_long": _l("The note is longer than %(most)s characters."),
    "template_unusable": _l("This is not a usable template file: %(why)s"),
    "template_missing": _l("Choose a template."),
}
"""Problems of a whole form or file."""

FINDINGS: Final[Mapping[str, LazyString]] = {
    "cell_required": _l("must not be empty"),
    "cell_integer": _l("must be a whole number"),
    "cell_number": _l("must be a number such as 3.5"),
    "cell_boolean": _l("must be yes or no"),
    "cell_list": _l("must be a list separated by semicolons, without empty items"),
    "cell_too_long": _l("is too long"),
    "cell_control_character": _l("holds a line break or a control character"),
    "cell_formula": _l("is a formula; paste its value instead"),
    "cell_formula_like": _l("begins like a formula; it is kept as text"),
    "cells_past_header": _l("there are values right of the last column name"),
    "cells_missing": _l("the row ends before the last column"),
    "claim_refused": _l("does not follow the template"),
    "same_as_row": _l("the same data as row %(detail)s"),
    "issued_before": _l("a certificate with the same data was issued before"),
    "holder_key_refused": _l("is not the public key of a wallet"),
    "holder_key_twice": _l("the same wallet key as row %(detail)s"),
}
"""Findings on one row."""

STATES: Final[Mapping[str, LazyString]] = {
    "draft": _l("Needs correction"),
    "checked": _l("Checked"),
    "approved": _l("Approved"),
    "issuing": _l("Being issued"),
    "issued": _l("Issued"),
    "discarded": _l("Discarded"),
}
STATUSES: Final[Mapping[str, LazyString]] = {
    "valid": _l("In force"),
    "suspended": _l("Suspended"),
    "revoked": _l("Revoked"),
}
DELIVERY: Final[Mapping[str, LazyString]] = {
    "reserved": _l("Being made"),
    "offered": _l("Waiting for the wallet"),
    "signed": _l("Signed"),
}
FORMS: Final[Mapping[str, LazyString]] = {
    "wallet": _l("For the wallet"),
    "paper": _l("On paper"),
    "both": _l("For the wallet and on paper"),
}
ROLES: Final[Mapping[str, LazyString]] = {
    "officer": _l("Officer: uploads, issues, revokes"),
    "approver": _l("Approver: approves what another person prepared"),
    "auditor": _l("Auditor: reads the audit log"),
    "admin": _l("Administrator: adds users and templates"),
}
REASONS: Final[Mapping[str, LazyString]] = {
    "data_wrong": _l("The data on it is wrong"),
    "key_lost": _l("The holder lost the phone or the key"),
    "superseded": _l("It is replaced by a newer certificate"),
    "right_ended": _l("The holder no longer has the right it states"),
    "obtained_wrongly": _l("It was obtained wrongly"),
    "under_review": _l("It is under review"),
    "holder_request": _l("The holder asked for it"),
    "review_ended": _l("The review ended in the holder's favour"),
    "mistake": _l("It was suspended by mistake"),
}
ACTIONS: Final[Mapping[str, LazyString]] = {
    "signed_in": _l("signed in"),
    "signed_out": _l("signed out"),
    "sign_in_refused": _l("sign-in refused"),
    "user_added": _l("user added"),
    "user_disabled": _l("user's access ended"),
    "password_set": _l("password set"),
    "organisation_added": _l("organisation set up"),
    "api_token_created": _l("API token made"),
    "w3c_credential_signed": _l("W3C credential signed for a test suite"),
    "w3c_status_changed": _l("Status of a W3C credential changed"),
    "api_token_revoked": _l("API token revoked"),
    "template_published": _l("template published"),
    "batch_uploaded": _l("file uploaded"),
    "batch_rows_left_out": _l("faulty rows left out"),
    "batch_discarded": _l("batch discarded"),
    "batch_sent": _l("batch sent for approval"),
    "batch_approved": _l("batch approved"),
    "batch_returned": _l("batch returned"),
    "batch_issued": _l("batch issued"),
    "batch_anchored": _l("issuing run anchored in the registry"),
    "batch_anchor_refused": _l("anchoring of an issuing run refused by the registry"),
    "offers_downloaded": _l("list of offers downloaded"),
    "offer_shown": _l("offer shown"),
    "offer_renewed": _l("offer made anew"),
    "offer_for_decision": _l("offer made anew, with a decision when the wallet comes"),
    "offer_redeemed": _l("offer redeemed"),
    "decision_asked": _l("a wallet came and waits for a decision"),
    "decision_approved": _l("approved that the wallet gets the certificate"),
    "decision_refused": _l("refused that the wallet gets the certificate"),
    "offer_tx_code_wrong": _l("offer: wrong transaction code"),
    "offer_offer_dead": _l("offer: dead after too many wrong codes"),
    "offer_code_used_again": _l("offer: used code tried again"),
    "offer_key_refused": _l("offer: another key tried"),
    "paper_shown": _l("paper form shown"),
    "certificate_signed": _l("certificate signed"),
    "certificate_reserved": _l("certificate prepared"),
    "certificate_accepted": _l("the wallet keeps the certificate"),
    "certificate_not_kept": _l("the wallet could not keep the certificate"),
    "certificate_deleted": _l("deleted from the wallet"),
    "certificate_decision_asked": _l("a wallet came and waits for a decision"),
    "certificate_decision_approved": _l("approved that the wallet gets the certificate"),
    "certificate_decision_refused": _l("refused that the wallet gets the certificate"),
    "certificate_revoked": _l("certificate revoked"),
    "certificate_suspended": _l("certificate suspended"),
    "certificate_reinstated": _l("certificate reinstated"),
    "status_list_published": _l("status list published"),
    "status_list_not_published": _l("status list could not be published"),
    "audit_exported": _l("audit log exported"),
    "audit_checked": _l("audit log checked"),
}


DETAILS: Final[Mapping[str, LazyString]] = {
    "certificates": _l("certificates"),
    "days": _l("days"),
    "failures": _l("failures in a row"),
    "faulty": _l("faulty rows"),
    "form": _l("form"),
    "offers": _l("offers"),
    "policy": _l("policy"),
    "reason": _l("reason"),
    "roles": _l("roles"),
    "root": _l("root"),
    "rows": _l("rows"),
    "sequence": _l("number of the list"),
    "template": _l("template"),
    "user": _l("user"),
    "version": _l("version"),
}
"""What the details of an entry in the audit log are called."""
POLICIES: Final[Mapping[str, LazyString]] = {
    "one_person": _l("one person decides"),
    "two_person": _l("two persons decide"),
}


def audit_detail(name: str, value: str | int) -> str:
    """Return a detail of an entry in the audit log in the reader's language."""
    shown = str(value)
    if name == "roles":
        shown = ", ".join(role_name(role) for role in shown.split())
    elif name in {"form", "reason", "policy"}:
        shown = words(name, shown)
    return f"{DETAILS.get(name, name)}: {shown}"


def role_name(role: str) -> str:
    """Return what a role is called, without what it may do."""
    return re.split("[:\uff1a]", words("role", role), maxsplit=1)[0]


def problem_sentence(problem: Problem) -> str:
    """Return the sentence of a problem, in the reader's language."""
    sentence = PROBLEMS.get(problem.code)
    if sentence is None:
        return str(gettext("This cannot be used."))
    return _fill(f"{sentence}", problem.details)


def finding_sentence(finding: Mapping[str, Any]) -> str:
    """Return the sentence of a finding (its column is shown beside it)."""
    sentence = FINDINGS.get(str(finding["code"]))
    if sentence is None:
        return str(gettext("This cannot be used."))
    return _fill(f"{sentence}", {"detail": finding.get("detail", "")})


def finding_text(finding: Mapping[str, Any]) -> str:
    """Return the sentence of a finding with what is expected, if that is known."""
    detail, code = finding.get("detail", ""), str(finding["code"])
    sentence = finding_sentence(finding)
    if not detail or code in _NAMING_A_ROW:
        return sentence
    return f"{sentence} ({expected_words(str(detail))})"


_NAMING_A_ROW: Final = frozenset({"same_as_row", "holder_key_twice"})


def who(name: str) -> str:
    """Return who did something; the server and wallets in the reader's language."""
    return str(_WHO.get(name, name))


_WHO: Final[Mapping[str, LazyString]] = {
    SERVER_NAME: _l("this server"),
    WALLET_NAME: _l("a citizen's wallet"),
}


def _fill(sentence: str, details: Mapping[str, str | int]) -> str:
    for name, value in details.items():
        shown = _SHOWN[name](value) if name in _SHOWN else str(value)
        sentence = sentence.replace(f"%({name})s", shown)
    return sentence


_SHOWN: Final[Mapping[str, Callable[[Any], str]]] = {
    "since": moment,
    "state": lambda state: words("state", state),
}
"""Details that are not shown as they stand."""


def words(kind: str, code: str) -> str:
    """Return the words of a code of one of the tables above; the code itself if unknown."""
    return str(_TABLES[kind].get(code, code))


_TABLES: Final[Mapping[str, Mapping[str, LazyString]]] = {
    "state": STATES,
    "status": STATUSES,
    "delivery": DELIVERY,
    "form": FORMS,
    "role": ROLES,
    "reason": REASONS,
    "action": ACTIONS,
    "policy": POLICIES,
}
