"""What waits for a person on the start page."""

from __future__ import annotations

from dataclasses import dataclass, field

from issuer_app.services.anchoring import Anchoring, RefusedRuns
from issuer_app.services.batch_pages import BatchPages
from issuer_app.services.certificates import Certificates
from issuer_app.services.decisions import Decisions
from issuer_app.services.people import Person, Role
from issuer_app.services.status_lists import StatusLists, UnpublishedLists
from issuer_app.store.database import Row


@dataclass(frozen=True, slots=True)
class HomePage:
    """Batches by what they wait for, and the numbers of the week."""

    sees_batches: bool
    drafts: list[Row]
    to_approve: list[Row]
    running: list[Row]
    troubled: list[Row]
    refused_runs: list[RefusedRuns] = field(default_factory=list)
    unpublished_lists: list[UnpublishedLists] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    issued_week: int = 0
    waiting_offers: int = 0
    revoked_week: int = 0


class Home:
    """Gathers the start page."""

    def __init__(
        self,
        batches: BatchPages,
        certificates: Certificates,
        anchoring: Anchoring,
        status_lists: StatusLists,
        decisions: Decisions,
    ) -> None:
        self._batches = batches
        self._certificates = certificates
        self._anchoring = anchoring
        self._status_lists = status_lists
        self._decisions = decisions

    def of(self, person: Person) -> HomePage:
        """Return what waits for the person; nothing about citizens for other roles."""
        refused = self._anchoring.refused(person)
        unpublished = self._status_lists.unpublished(person)
        if not person.may(Role.OFFICER, Role.APPROVER):
            return HomePage(
                sees_batches=False,
                drafts=[],
                to_approve=[],
                running=[],
                troubled=[],
                refused_runs=refused,
                unpublished_lists=unpublished,
            )
        batches = self._batches.list_all(person)
        waiting = [row for row in batches if row["state"] == "checked" and row["sent_at"]]
        approver = person.may(Role.APPROVER)
        mine = [row for row in waiting if approver and row["created_by"] != person.id]
        return HomePage(
            sees_batches=True,
            drafts=[
                row
                for row in batches
                if row["state"] in {"draft", "checked"} and row not in waiting
            ],
            to_approve=mine,
            running=[
                row
                for row in batches
                if (row["state"] in {"approved", "issuing"} and not row["trouble"])
                or (row in waiting and row not in mine)
            ],
            troubled=[row for row in batches if row["trouble"]],
            refused_runs=refused,
            unpublished_lists=unpublished,
            decisions=self._decisions.waiting(person),
            **self._certificates.numbers(person),
        )
