"""Anchoring: what was signed since the last run becomes leaves of one Merkle root in the registry.

The run is written down before the registry is asked, so that after a crash the same root is asked
for again and no certificate falls between two runs.
"""

from __future__ import annotations

import threading
from typing import Final

from issuer_app.services.agency import Agency
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import server_person
from issuer_app.store.database import Database, Row, new_id
from weid import limits
from weid.clock import Clock
from weid.encoding import JsonObject, base64url_encode
from weid.registry.batch_tree import build_batch, issuance_leaf

LEAVES: Final = limits.BATCH_ROWS


class Anchoring:
    """Anchors the signed certificates of one organisation."""

    def __init__(
        self, database: Database, audit: AuditLog, agency: Agency, *, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._clock = clock
        self._one_run = threading.Lock()

    def run(self) -> int:
        """Anchor everything that waits and return how many certificates that were.

        Raises:
            RegistryError: the registry does not answer or refuses; the next run goes on.
        """
        with self._one_run:
            done = self._finish()
            while (number := self._gather()) > 0:
                self._finish()
                done += number
            return done

    def _gather(self) -> int:
        """Make a run of the certificates without one, in one write."""
        organisation = self._agency.organisation
        with self._database.write():
            waiting = self._database.query(
                "SELECT id, credential, anchor_salt FROM certificates WHERE organisation = ?"
                " AND state = 'signed' AND anchor_id IS NULL LIMIT ?",
                (organisation, LEAVES),
            )
            if not waiting:
                return 0
            batch = build_batch([_leaf(row) for row in waiting])
            anchor_id = new_id()
            self._database.insert(
                "anchors",
                {
                    "id": anchor_id,
                    "organisation": organisation,
                    "root": batch.root,
                    "leaf_count": batch.count,
                    "made_at": self._clock.now(),
                },
            )
            self._database.execute_many(
                "UPDATE certificates SET anchor_id = ?, anchor_proof = ? WHERE id = ?",
                (
                    (anchor_id, proof.to_bytes(), row["id"])
                    for row, proof in zip(waiting, batch.proofs, strict=True)
                ),
            )
        return len(waiting)

    def _finish(self) -> int:
        """Put every run that is written down into the registry."""
        organisation, done = self._agency.organisation, 0
        for run in self._database.query(
            "SELECT id, root, leaf_count FROM anchors WHERE organisation = ?"
            " AND anchored_at IS NULL ORDER BY made_at, rowid",
            (organisation,),
        ):
            self._agency.anchor(run["root"], run["leaf_count"])
            with self._database.write():
                self._database.execute(
                    "UPDATE anchors SET anchored_at = ? WHERE id = ?",
                    (self._clock.now(), run["id"]),
                )
                self._audit.record(
                    server_person(organisation),
                    "batch_anchored",
                    run["id"],
                    certificates=run["leaf_count"],
                    root=run["root"].hex(),
                )
            done += run["leaf_count"]
        return done

    def anchor_of(self, certificate_id: str) -> JsonObject | None:
        """Return salt and proof of an anchored certificate, for its holder's wallet."""
        found = self._database.first(
            "SELECT anchor_salt, anchor_proof, root FROM certificates"
            " JOIN anchors ON anchors.id = anchor_id"
            " WHERE certificates.id = ? AND certificates.organisation = ?"
            " AND anchored_at IS NOT NULL",
            (certificate_id, self._agency.organisation),
        )
        if found is None:
            return None
        return {
            "salt": base64url_encode(found["anchor_salt"]),
            "root": base64url_encode(found["root"]),
            "proof": base64url_encode(found["anchor_proof"]),
        }


def _leaf(row: Row) -> bytes:
    signing_input = row["credential"].partition("~")[0].rpartition(".")[0]
    return issuance_leaf(row["anchor_salt"], signing_input.encode("ascii"))
