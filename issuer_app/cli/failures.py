"""From an error to an exit code and two lines on stderr: what is wrong, and what to do next.

| code | means |
|---|---|
| 1 | refused, or not possible now |
| 2 | called wrongly, or set up wrongly |
"""

from __future__ import annotations

import sqlite3
from typing import Final

import click
from flask import Flask
from flask_babel import Babel

from issuer_app.errors import AppError, SettingsError
from issuer_app.web.sentences import problem_sentence
from weid.errors import RegistryUnavailableError, TransactionRejectedError, WeidError
from weid.registry.codes import ResultCode

REFUSED: Final = 1
SET_UP_WRONGLY: Final = 2
NEXT_STEP: Final = "issuer-app --help lists the commands; each has a --help of its own."
_HINTS: Final = {
    "login_form": "take a name such as maria.chan",
    "login_taken": "choose another name, or give that user another password: "
    "issuer-app set-password LOGIN",
    "name_missing": "give --name, or leave it out to use the sign-in name",
    "password_form": "put another one into the file, or leave --password-file out: then a random "
    "password is made",
    "roles_missing": "give --role, once for each role: officer, approver, auditor, admin",
    "token_name": "give a shorter --name without line breaks",
    "token_days": "give other --days",
    "template_unusable": "weid template check FILE says more",
}
"""Problem → what to do about it on the command line; the sentence itself is that of the pages."""
_REFUSALS: Final[dict[int, str]] = {
    ResultCode.ENDORSEMENT_REQUIRED: "have a registrar endorse it: issuer-app init --endorser-did "
    "DID --endorser-key FILE --endorser-passphrase-file FILE …",
    ResultCode.ENDORSER_NOT_AUTHORISED: "name an endorser who is registrar or governor.",
}


def tell(error: Exception) -> int:
    """Print an error with what to do next; return its exit code."""
    what, next_step = _words(error)
    click.echo(f"issuer-app: {what}", err=True)
    click.echo(f"Try: {next_step}", err=True)
    return SET_UP_WRONGLY if isinstance(error, SettingsError) else REFUSED


def _words(error: Exception) -> tuple[str, str]:
    if isinstance(error, AppError) and error.problems:
        hints = (_HINTS.get(problem.code, "") for problem in error.problems)
        return _sentences(error), "; ".join(hint for hint in hints if hint) or NEXT_STEP
    if isinstance(error, WeidError):
        return error.message, error.hint or _general_hint(error)
    if isinstance(error, sqlite3.Error):
        return (
            f"the store cannot be used: {error}",
            "look at issuer.sqlite in data_dir: its owner, the free space, a backup.",
        )
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        what = error.strerror or str(error)
        return f"{place}{what}", "look at the path, its owner and the free space."
    return str(error), NEXT_STEP


def _sentences(error: AppError) -> str:
    """Return the sentences of the pages, in English."""
    words = Flask("issuer_app")
    Babel(words, default_locale="en")
    with words.app_context():
        return " ".join(problem_sentence(problem) for problem in error.problems)


def _general_hint(error: WeidError) -> str:
    if isinstance(error, TransactionRejectedError):
        return _REFUSALS.get(
            error.code, "ask the registry's governors about roles and recognition."
        )
    if isinstance(error, RegistryUnavailableError):
        return "look at node_url in the settings and whether the node runs, then run it again."
    return NEXT_STEP
