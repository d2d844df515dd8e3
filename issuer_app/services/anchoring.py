"""Anchoring: what was signed since the last run becomes leaves of one Merkle root in the registry.

The run is written down before the registry is asked, so that after a crash the same root is asked
for again and no certificate falls between two runs. A run that the registry refuses keeps no other
from its turn: its trouble is written down for people to see, and it is tried again, less and less
often, because every refusal may be recorded in the chain.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from issuer_app.services.agency import Agency
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person, server_person
from issuer_app.services.trouble import words_of
from issuer_app.store.database import Database, Row, new_id
from weid import limits
from weid.clock import Clock
from weid.encoding import JsonObject, base64url_encode
from weid.errors import RegistryError, RegistryUnavailableError, WeidError
from weid.registry.batch_tree import build_batch, issuance_leaf

LEAVES: Final = limits.BATCH_ROWS
FIRST_WAIT: Final = 5
"""Seconds until a refused run is tried again; doubled by each further refusal."""
LONGEST_WAIT: Final = 3600
_LOG: Final = logging.getLogger("issuer_app.anchoring")


@dataclass(frozen=True, slots=True)
class RefusedRuns:
    """Runs that the registry refuses for one reason: why, since when, of how many certificates."""

    trouble: str
    since: int
    certificates: int


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long a refused run rests (seconds), and until when."""

    seconds: int
    until: int


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
        # In memory: after a restart every run is tried at once.
        self._waits: dict[str, _Wait] = {}

    def run(self) -> int:
        """Anchor everything that waits and return how many certificates that were.

        Runs that are refused stay behind with their trouble; the others go on.

        Raises:
            RegistryUnavailableError: the registry does not answer; the next run goes on.
        """
        with self._one_run:
            return self._run()

    def run_for(self, ids: Collection[str]) -> None:
        """Anchor certificates or copies that were just signed, with all that waits beside them.

        Who had to wait for another's run mostly finds its own in that one, and asks for nothing.

        Raises:
            RegistryUnavailableError: the registry does not answer; a later run goes on.
        """
        with self._one_run:
            if not self._are_anchored(ids):
                self._run()

    def _run(self) -> int:
        done = self._finish()
        gathered = LEAVES
        # What is signed meanwhile is the next run's: whoever waits for this one has a wallet
        # waiting, and under load there would always be more.
        while gathered == LEAVES:
            gathered = self._gather()
            if gathered:
                done += self._finish()
        return done

    def _are_anchored(self, ids: Collection[str]) -> bool:
        return all(self.anchor_of(one) is not None for one in ids)

    def _gather(self) -> int:
        """Make a run of the certificates without one, in one write."""
        organisation = self._agency.organisation
        with self._database.write():
            waiting = self._database.query(
                "SELECT id, credential, anchor_salt FROM signed_texts WHERE organisation = ?"
                " AND anchor_id IS NULL LIMIT ?",
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
            proofs = [
                (anchor_id, proof.to_bytes(), row["id"])
                for row, proof in zip(waiting, batch.proofs, strict=True)
            ]
            # Ids are of one table only: in the other nothing is found.
            for table in ("certificates", "copies"):
                self._database.execute_many(
                    f"UPDATE {table} SET anchor_id = ?, anchor_proof = ? WHERE id = ?",  # noqa: S608 - constants
                    proofs,
                )
        return len(waiting)

    def _finish(self) -> int:
        """Put every run that is written down into the registry, except those that rest."""
        done = 0
        for run in self._database.query(
            "SELECT id, root, leaf_count, trouble FROM anchors WHERE organisation = ?"
            " AND anchored_at IS NULL ORDER BY made_at, rowid",
            (self._agency.organisation,),
        ):
            wait = self._waits.get(run["id"])
            if wait is not None and self._clock.now() < wait.until:
                continue
            try:
                self._agency.anchor(run["root"], run["leaf_count"])
            except RegistryUnavailableError:
                raise
            except WeidError as error:
                self._put_off(run, words_of(error))
            else:
                self._waits.pop(run["id"], None)
                self._note_done(run)
                done += run["leaf_count"]
        return done

    def _note_done(self, run: Row) -> None:
        with self._database.write():
            self._database.execute(
                "UPDATE anchors SET anchored_at = ?, trouble = '' WHERE id = ?",
                (self._clock.now(), run["id"]),
            )
            self._audit.record(
                server_person(self._agency.organisation),
                "batch_anchored",
                run["id"],
                certificates=run["leaf_count"],
                root=run["root"].hex(),
            )

    # --- what the registry refuses ---------------------------------------------------------------

    def _put_off(self, run: Row, trouble: str) -> None:
        """Write down why a run was refused, and let it rest for longer than the last time."""
        before = self._waits.get(run["id"])
        seconds = FIRST_WAIT if before is None else min(2 * before.seconds, LONGEST_WAIT)
        self._waits[run["id"]] = _Wait(seconds, self._clock.now() + seconds)
        _LOG.warning(
            "anchoring run %s (certificates: %d) is refused, tried again in %d s: %s",
            run["id"],
            run["leaf_count"],
            seconds,
            trouble,
        )
        if trouble == run["trouble"]:
            return
        with self._database.write():
            self._database.execute(
                "UPDATE anchors SET trouble = ? WHERE id = ?", (trouble, run["id"])
            )
            self._audit.record(
                server_person(self._agency.organisation),
                "batch_anchor_refused",
                run["id"],
                certificates=run["leaf_count"],
            )

    def refused(self, person: Person) -> list[RefusedRuns]:
        """Return what the registry refuses of the person's organisation so far, oldest first."""
        rows = self._database.query(
            "SELECT trouble, min(made_at) AS since, sum(leaf_count) AS certificates FROM anchors"
            " WHERE organisation = ? AND anchored_at IS NULL AND trouble <> ''"
            " GROUP BY trouble ORDER BY since, trouble",
            (person.organisation,),
        )
        return [RefusedRuns(**row) for row in rows]

    def require_anchored(self, batch_id: str) -> None:
        """Require that every signed certificate of a batch is anchored.

        Raises:
            RegistryError: one is not; with the registry's words where it refused.
        """
        waiting = self._database.first(
            "SELECT trouble FROM certificates LEFT JOIN anchors ON anchors.id = anchor_id"
            " WHERE batch_id = ? AND certificates.organisation = ?"
            " AND certificates.state = 'signed' AND anchored_at IS NULL"
            " ORDER BY trouble DESC LIMIT 1",
            (batch_id, self._agency.organisation),
        )
        if waiting is not None:
            raise RegistryError(waiting["trouble"] or "The certificates are not anchored yet.")

    def anchor_of(self, certificate_id: str) -> JsonObject | None:
        """Return salt and proof of an anchored certificate or copy, for its holder's wallet."""
        found = self._database.first(
            "SELECT anchor_salt, anchor_proof, root FROM signed_texts"
            " JOIN anchors ON anchors.id = anchor_id"
            " WHERE signed_texts.id = ? AND signed_texts.organisation = ?"
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
