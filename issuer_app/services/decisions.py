"""Offers that need a decision when a wallet comes: asked, decided by a person, told to the wallet.

    needed ──a wallet comes──► waiting ──a person──► approved or refused

Nothing is signed before the approval. A decision is for one offer: a new offer needs a new one.
"""

from __future__ import annotations

from typing import Final

from issuer_app.errors import ConflictError, ForbiddenError, MissingError, Problem
from issuer_app.services.audit import AuditLog
from issuer_app.services.batch_pages import BatchPages
from issuer_app.services.certificates import Certificates
from issuer_app.services.people import Person, Role, wallet_person
from issuer_app.store.database import Database, Row
from weid.clock import Clock

WAIT_SECONDS: Final = 30
"""How long a wallet is told to wait before it asks again."""
TOKEN_SECONDS: Final = 14 * 86_400
"""How long a wallet may wait for a decision."""
_DONE: Final = {"approve": "approved", "refuse": "refused"}


class Decisions:
    """What persons decide about wallets that have come."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        batches: BatchPages,
        certificates: Certificates,
        *,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._batches = batches
        self._certificates = certificates
        self._clock = clock

    def ask(self, organisation: str, certificate_id: str) -> str:
        """Return what was decided on a certificate's offer, for a wallet that has come.

        It is empty where no decision is needed. The first to ask begins the wait.
        """
        with self._database.write():
            decision = str(
                self._database.value(
                    "SELECT decision FROM offers WHERE certificate_id = ? AND organisation = ?",
                    (certificate_id, organisation),
                )
                or ""
            )
            if decision != "needed":
                return decision
            self._database.execute(
                "UPDATE offers SET decision = 'waiting', asked_at = ? WHERE certificate_id = ?",
                (self._clock.now(), certificate_id),
            )
            person = wallet_person(organisation)
            self._certificates.note_event(person, certificate_id, "decision_asked")
            self._audit.record(person, "decision_asked", certificate_id)
            return "waiting"

    def waiting(self, person: Person) -> list[Row]:
        """Return the certificates whose wallets wait, the longest first."""
        return self._database.query(
            "SELECT certificate_id, label, asked_at, made_by FROM offers"
            " JOIN certificates ON certificates.id = certificate_id"
            " WHERE offers.organisation = ? AND decision = 'waiting'"
            " AND certificates.status = 'valid' AND certificates.state = 'offered'"
            " ORDER BY asked_at, certificate_id",
            (person.organisation,),
        )

    def of(self, person: Person, certificate_id: str) -> Row:
        """Return `decision` on a certificate's offer, `asked_at`, and whether the person `may`."""
        found = self._database.first(
            "SELECT decision, asked_at, made_by FROM offers"
            " WHERE certificate_id = ? AND organisation = ?",
            (certificate_id, person.organisation),
        )
        if found is None:
            return {"decision": "", "asked_at": None, "may": False}
        may = found["decision"] == "waiting" and self._may(person, found["made_by"])
        return {"decision": found["decision"], "asked_at": found["asked_at"], "may": may}

    def decide(self, person: Person, certificate_id: str, action: str) -> None:
        """Approve or refuse that the wallet which waits gets the certificate.

        Raises:
            MissingError: no such certificate, or no such action.
            ConflictError: no wallet waits, or it was decided before.
            ForbiddenError: the policy asks for an approver who did not make the offer.
        """
        if action not in _DONE:
            raise MissingError("no such action")
        with self._database.write():
            certificate = self._certificates.find(person, certificate_id)
            offer = self._database.first(
                "SELECT decision, made_by FROM offers WHERE certificate_id = ?"
                " AND organisation = ?",
                (certificate_id, person.organisation),
            )
            waits = offer is not None and offer["decision"] == "waiting"
            if not waits or offer is None or certificate["status"] != "valid":
                raise ConflictError("no wallet waits for a decision", Problem("decision_gone"))
            if not self._may(person, offer["made_by"]):
                raise ForbiddenError("nobody decides on an own offer", Problem("own_offer"))
            self._database.execute(
                "UPDATE offers SET decision = ?, decided_at = ?, decided_by = ?"
                " WHERE certificate_id = ?",
                (_DONE[action], self._clock.now(), person.id, certificate_id),
            )
            done = f"decision_{_DONE[action]}"
            self._certificates.note_event(person, certificate_id, done)
            self._audit.record(person, done, certificate_id, policy=self._batches.policy(person))

    def _may(self, person: Person, made_by: str) -> bool:
        if self._batches.policy(person) == "one_person":
            return person.may(Role.OFFICER, Role.APPROVER)
        return person.may(Role.APPROVER) and person.id != made_by
