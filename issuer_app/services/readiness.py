"""Whether the server can do its work now: store, registry, job, published status lists."""

from __future__ import annotations

import sqlite3

from issuer_app.services.agency import Agency
from issuer_app.services.job import Job
from issuer_app.services.status_lists import StatusLists
from issuer_app.store.database import Database
from weid.errors import WeidError


class Readiness:
    """Answers the readiness question; says nothing that helps a stranger."""

    def __init__(
        self, database: Database, agency: Agency, job: Job, status_lists: StatusLists
    ) -> None:
        self._database = database
        self._agency = agency
        self._job = job
        self._lists = status_lists

    def checks(self) -> dict[str, bool]:
        """Return each check by name."""
        return {
            "store": self._store(),
            "registry": self._registry(),
            "job": self._job.running,
            "status_lists": self._status_lists(),
        }

    def _store(self) -> bool:
        try:
            return self._database.value("SELECT count(*) FROM organisations") is not None
        except sqlite3.Error:
            return False

    def _status_lists(self) -> bool:
        try:
            return self._lists.published()
        except sqlite3.Error:
            return False

    def _registry(self) -> bool:
        try:
            self._agency.require_registry()
        except WeidError:
            return False
        return True
