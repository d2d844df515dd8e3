"""Issuing approved batches: a few hundred rows in one write, until none is left.

In one write a row gets its status index and becomes a certificate: signed at once where the
holder's key is known or the form is paper, otherwise offered to a wallet. After a kill the rows
without a certificate are simply the ones still to do; unique constraints on (batch, row, form) and
on (list, index) make a second certificate or a second use of an index impossible.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Final

from issuer_app.errors import AppError
from issuer_app.services.agency import Agency, NewCredential
from issuer_app.services.anchoring import Anchoring
from issuer_app.services.audit import AuditLog
from issuer_app.services.configurations import configuration_id
from issuer_app.services.offers import Offers
from issuer_app.services.people import SERVER_NAME, server_person
from issuer_app.services.row_checks import claims_hash
from issuer_app.services.signing import SALT_BYTES
from issuer_app.services.status_lists import StatusLists
from issuer_app.services.template_view import TemplateView
from issuer_app.services.templates import Templates
from issuer_app.services.trouble import words_of
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.errors import WeidError

CHUNK: Final = 500
"""Certificates of one write: long enough to be quick, short enough for others to get a turn."""


class DamagedRowError(AppError):
    """A stored row is not what was checked; nothing of its batch goes on."""


class Issuing:
    """Carries out approved batches of one organisation."""

    def __init__(  # noqa: PLR0913 - the services that a certificate passes
        self,
        database: Database,
        audit: AuditLog,
        agency: Agency,
        templates: Templates,
        *,
        status_lists: StatusLists,
        offers: Offers,
        anchoring: Anchoring,
        clock: Clock,
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._templates = templates
        self._status_lists = status_lists
        self._offers = offers
        self._anchoring = anchoring
        self._clock = clock
        self._paused = paused

    def run(self) -> None:
        """Issue every batch that is approved, oldest first; one in trouble waits, others go on.

        While issuing is paused nothing is issued, and all wait.

        Raises:
            WeidError: the last trouble, after every batch had its turn.
        """
        if self._paused():
            return
        trouble: WeidError | None = None
        for batch in self._database.query(
            "SELECT id, template_id, form, state FROM batches WHERE organisation = ?"
            " AND state IN ('approved', 'issuing') ORDER BY approved_at, rowid",
            (self._agency.organisation,),
        ):
            try:
                self._issue(batch)
            except WeidError as error:
                trouble = error
                self._note_trouble(batch["id"], words_of(error))
        if trouble is not None:
            raise trouble

    def _issue(self, batch: Row) -> None:
        if batch["state"] == "approved":
            with self._database.write():
                self._set_state(batch["id"], "issuing")
        view = self._templates.own_view(batch["template_id"])
        for form in ("wallet", "paper") if batch["form"] == "both" else (batch["form"],):
            while self._issue_some(batch["id"], view, form):
                pass
        self._anchoring.run()
        self._anchoring.require_anchored(batch["id"])
        with self._database.write():
            self._database.execute(
                "UPDATE batches SET issued_at = ? WHERE id = ?", (self._clock.now(), batch["id"])
            )
            self._set_state(batch["id"], "issued")
            number = self._database.value(
                "SELECT count(*) FROM certificates WHERE batch_id = ?", (batch["id"],)
            )
            person = server_person(self._agency.organisation)
            self._audit.record(person, "batch_issued", batch["id"], certificates=number)

    def _set_state(self, batch_id: str, state: str) -> None:
        self._database.execute(
            "UPDATE batches SET state = ?, trouble = '', version = version + 1 WHERE id = ?",
            (state, batch_id),
        )

    def _note_trouble(self, batch_id: str, kind: str) -> None:
        with self._database.write():
            self._database.execute("UPDATE batches SET trouble = ? WHERE id = ?", (kind, batch_id))

    def _issue_some(self, batch_id: str, view: TemplateView, form: str) -> bool:
        """Make certificates of the next rows in one write; False when no row is left."""
        # Outside the write: it may have to publish a new list first.
        status_list = self._status_lists.list_for(view.template.cpt_id)
        with self._database.write():
            rows = self._database.query(
                "SELECT id, row_number, claims, claims_hash, holder_jwk FROM batch_rows"
                " WHERE batch_id = ? AND state = 'ready' AND NOT EXISTS"
                " (SELECT 1 FROM certificates WHERE row_id = batch_rows.id AND batch_id = ?"
                " AND form = ?) ORDER BY row_number LIMIT ?",
                (batch_id, batch_id, form, CHUNK),
            )
            if not rows:
                return False
            places = self._status_lists.reserve(status_list, len(rows))
            certificates = list(self._certificates(batch_id, view, form, status_list, rows, places))
            self._database.insert_many("certificates", certificates)
            self._note_events(certificates)
            for certificate in certificates:
                if certificate["state"] == "offered":
                    self._offers.open(
                        self._agency.organisation,
                        certificate["id"],
                        configuration_id(view.template),
                    )
            self._database.execute("UPDATE batches SET trouble = '' WHERE id = ?", (batch_id,))
        return True

    def _certificates(
        self,
        batch_id: str,
        view: TemplateView,
        form: str,
        status_list: Row,
        rows: list[Row],
        places: list[int],
    ) -> Iterator[Row]:
        now = self._clock.now()
        for row, place in zip(rows, places, strict=True):
            claims = json.loads(row["claims"])
            if claims_hash(claims) != row["claims_hash"]:
                raise DamagedRowError(f"row {row['row_number']} was changed after its check")
            holder_jwk = row["holder_jwk"] if form == "wallet" else None
            at_once = form == "paper" or holder_jwk is not None
            credential = None
            if at_once:
                holder = PublicKey.from_jwk(json.loads(holder_jwk)) if holder_jwk else None
                credential = self._agency.sign(
                    NewCredential(
                        view.template, claims, holder, status_list["uri"], place, paper=not holder
                    )
                )
            yield {
                "id": new_id(),
                "organisation": self._agency.organisation,
                "batch_id": batch_id,
                "row_id": row["id"],
                "row_number": row["row_number"],
                "template_id": view.id,
                "form": form,
                "state": "signed" if at_once else "offered",
                "status": "valid",
                "label": view.label_of(claims),
                "search_text": view.search_text(claims),
                "claims": row["claims"],
                "holder_jwk": holder_jwk,
                "list_id": status_list["id"],
                "list_index": place,
                "credential": credential,
                "anchor_salt": secrets.token_bytes(SALT_BYTES) if at_once else None,
                "reserved_at": now,
                "signed_at": now if at_once else None,
            }

    def _note_events(self, certificates: list[Row]) -> None:
        self._database.insert_many(
            "certificate_events",
            [
                {
                    "id": new_id(),
                    "organisation": certificate["organisation"],
                    "certificate_id": certificate["id"],
                    "at": certificate["reserved_at"],
                    "user_name": SERVER_NAME,
                    "action": "signed" if certificate["state"] == "signed" else "reserved",
                    "reason": "",
                    "note": "",
                }
                for certificate in certificates
            ],
        )
