"""What every page knows: who is signed in, the menu, notices, and the words behind codes."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Flask, g, render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from issuer_app.errors import Problem
from issuer_app.services.people import Person, Role
from issuer_app.web.access import ROLES
from issuer_app.web.sentences import (
    audit_detail,
    finding_text,
    problem_sentence,
    role_name,
    who,
    words,
)
from issuer_app.wiring import services

_MENU: Final = (
    ("home.show", _l("Start")),
    ("batches.list_all", _l("Batches")),
    ("certificates.list_all", _l("Certificates")),
    ("templates.list_all", _l("Templates")),
    ("audit.show", _l("Audit log")),
    ("users.list_all", _l("Users")),
)
NOTICES: Final[dict[str, LazyString]] = {
    "left_out": _l("The faulty rows are left out. The others can be issued."),
    "discarded": _l("The file was discarded."),
    "sent": _l("The batch was sent for approval."),
    "returned": _l("The batch went back to its officer."),
    "changed": _l("Done. Within a minute everybody who checks the certificate sees it."),
    "decided": _l("Done. The wallet learns of it when it asks again, within a minute."),
    "published": _l("The template was published in the registry."),
    "user_added": _l("The user was added."),
    "user_disabled": _l("The user's access ended."),
    "signed_out": _l("You are signed out."),
}
"""Sentences after a deed; a page shows one by its code only."""


class ShownPerson:
    """The signed-in person as pages ask about them."""

    def __init__(self, person: Person) -> None:
        self.id = person.id
        self.name = person.name
        self.may_officer = person.may(Role.OFFICER)
        self.may_approver = person.may(Role.APPROVER)
        self.may_admin = person.may(Role.ADMIN)
        self.may_files = person.may(*ROLES["templates.empty_file"])


def show_page(name: str, *, status: int = 200, **values: Any) -> tuple[str, int]:
    """Render a page; `problems` is there even when there are none."""
    values.setdefault("problems", ())
    return render_template(name, **values), status


def show_problems(name: str, problems: tuple[Problem, ...], **values: Any) -> tuple[str, int]:
    """Render a form again with what is wrong in it."""
    return show_page(name, status=422, problems=problems, **values)


def install_pages(app: Flask) -> None:
    """Give templates their globals."""
    app.jinja_env.globals.update(
        words=words,
        who=who,
        problem_sentence=problem_sentence,
        audit_detail=audit_detail,
        finding_text=finding_text,
        role_name=role_name,
    )
    app.jinja_env.filters["iso"] = lambda seconds: dt.datetime.fromtimestamp(
        seconds, dt.UTC
    ).isoformat()

    @app.context_processor
    def shared() -> dict[str, Any]:
        person = g.get("person")
        return {
            "person": ShownPerson(person) if person else None,
            "menu": [item for item in _MENU if person and person.may(*ROLES[item[0]])],
            "notice": NOTICES.get(request.args.get("notice", "")),
            "organisation_name": services().organisation_name,
            "idle_minutes": services().settings.idle_minutes,
        }
