"""Templates of the organisation: published once per version, listed, shown, handed out empty."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from issuer_app.errors import InputRefusedError, MissingError, Problem
from issuer_app.rows.files import write_csv, write_empty_xlsx
from issuer_app.services.agency import Agency
from issuer_app.services.audit import AuditLog
from issuer_app.services.configurations import describe_configurations
from issuer_app.services.people import Person, server_person
from issuer_app.services.template_view import TemplateView
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock
from weid.credential.template import CredentialTemplate
from weid.errors import MalformedError
from weid.openid4vci.metadata import CredentialConfiguration

_KEPT: Final = 200


class Templates:
    """The templates under which this organisation issues."""

    def __init__(
        self, database: Database, audit: AuditLog, agency: Agency, *, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._clock = clock
        self._views: dict[str, TemplateView] = {}
        self._lock = threading.Lock()

    # --- publishing ------------------------------------------------------------------------------

    def publish(self, person: Person, content: bytes) -> str:
        """Publish a template file in the registry under its next version; return its id here.

        Raises:
            InputRefusedError: the file is not a template; says why.
            RegistryError: the registry refuses or does not answer.
        """
        try:
            draft = CredentialTemplate.from_source(content)
        except MalformedError as error:
            raise InputRefusedError(
                Problem("template_unusable", "file", {"why": error.message})
            ) from error
        return self.keep(person, self._agency.publish_template(draft))

    def keep(self, person: Person, template: CredentialTemplate) -> str:
        """Remember a published template; the same one again is the same."""
        with self._database.write():
            found = self._database.value(
                "SELECT id FROM templates WHERE organisation = ? AND cpt_id = ?"
                " AND template_version = ?",
                (person.organisation, template.cpt_id, template.version),
            )
            if found:
                return str(found)
            template_id = new_id()
            self._database.insert(
                "templates",
                {
                    "id": template_id,
                    "organisation": person.organisation,
                    "cpt_id": template.cpt_id,
                    "template_version": template.version,
                    "document": template.document,
                    "digest": template.digest.hex(),
                    "added_at": self._clock.now(),
                },
            )
            self._audit.record(
                person,
                "template_published",
                template_id,
                template=template.cpt_id,
                version=template.version,
            )
        return template_id

    # --- reading ---------------------------------------------------------------------------------

    def view(self, person: Person, template_id: str) -> TemplateView:
        """Return a template of the person's organisation.

        Raises:
            MissingError: there is none.
        """
        row = self._database.first(
            "SELECT id, organisation FROM templates WHERE id = ?", (template_id,)
        )
        if row is None or row["organisation"] != person.organisation:
            raise MissingError("no such template")
        return self._view(template_id)

    def find(self, person: Person, name: str) -> str:
        """Return the id of a template by its `cpt_id` (the newest), `cpt_id:version`, or id here.

        Raises:
            MissingError: there is none.
        """
        cpt_id, _, version = name.partition(":")
        for row in self._rows(person.organisation):
            if row["id"] == name or (
                row["cpt_id"] == cpt_id and version in {"", str(row["version"])}
            ):
                return str(row["id"])
        raise MissingError(
            "no such template", hint="`weid issuer templates` lists those there are."
        )

    def own_view(self, template_id: str) -> TemplateView:
        """Return a template of the organisation that this server issues for."""
        return self.view(server_person(self._agency.organisation), template_id)

    def _view(self, template_id: str) -> TemplateView:
        found = self._views.get(template_id)
        if found is None:
            document = self._database.value(
                "SELECT document FROM templates WHERE id = ?", (template_id,)
            )
            found = TemplateView(template_id, CredentialTemplate.from_json(document))
            with self._lock:
                if len(self._views) >= _KEPT:
                    self._views.clear()
                self._views[template_id] = found
        return found

    def _rows(self, organisation: str) -> list[Row]:
        return self._database.query(
            "SELECT templates.id, cpt_id, template_version AS version, added_at, digest,"
            " (SELECT count(*) FROM certificates WHERE template_id = templates.id) AS certificates"
            " FROM templates WHERE organisation = ? ORDER BY cpt_id, template_version DESC",
            (organisation,),
        )

    def list_all(self, person: Person, languages: Sequence[str]) -> list[Row]:
        """Return every version of every template with its name."""
        return [
            {**row, "name": self._view(row["id"]).template.name(languages[0])}
            for row in self._rows(person.organisation)
        ]

    def list_newest(self, person: Person, languages: Sequence[str]) -> list[Row]:
        """Return the newest version of every template, to issue under."""
        newest: dict[str, Row] = {}
        for row in self.list_all(person, languages):
            newest.setdefault(row["cpt_id"], row)
        return list(newest.values())

    def names(self, person: Person, languages: Sequence[str]) -> dict[str, str]:
        """Return the names of templates by id."""
        return {row["id"]: row["name"] for row in self.list_all(person, languages)}

    def shown(self, person: Person, template_id: str, languages: Sequence[str]) -> dict[str, Any]:
        """Return what pages show of a template."""
        view = self.view(person, template_id)
        template, language = view.template, languages[0]
        versions = [
            row for row in self._rows(person.organisation) if row["cpt_id"] == template.cpt_id
        ]
        return {
            "id": template_id,
            "name": template.name(language),
            "description": template.description(language),
            "cpt_id": template.cpt_id,
            "version": template.version,
            "vct": template.vct,
            "digest": template.digest.hex(),
            "languages": template.languages,
            "fields": view.fields(language),
            "labels": view.labels(language),
            "versions": versions,
        }

    def empty_file(
        self, person: Person, template_id: str, kind: str, languages: Sequence[str]
    ) -> tuple[str, bytes]:
        """Return name and content of an empty file with the template's columns."""
        view = self.view(person, template_id)
        name = f"{view.template.cpt_id}-{view.template.version}.{kind}"
        if kind == "csv":
            return name, write_csv(view.headers(), [])
        return name, write_empty_xlsx(view.headers(), view.notes(languages[0]))

    def configurations(self) -> Mapping[str, CredentialConfiguration]:
        """Return what wallets are told of every template version."""
        views = [self._view(row["id"]) for row in self._rows(self._agency.organisation)]
        agency = self._agency
        found: dict[str, CredentialConfiguration] = {}
        for view in views:
            found |= describe_configurations(
                view.template, agency.algorithm, chain=agency.has_chain()
            )
        return found
