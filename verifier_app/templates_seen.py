"""The published templates that name the fields on the pages, read from the trusted networks."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from verifier_app.languages import told
from weid.credential.template import CredentialTemplate
from weid.errors import NotFoundError, RegistryError
from weid.registry.registry import RegistryReader


class TemplatesSeen:
    """Templates by network, id and version; a version is immutable, so it is read once."""

    def __init__(self, readers: Mapping[str, RegistryReader]) -> None:
        self._readers = readers
        self._seen: dict[tuple[str, str, int], CredentialTemplate] = {}
        self._lock = threading.Lock()

    def published(self, network: str, cpt_id: str, version: int) -> CredentialTemplate:
        """Return a published template.

        Raises:
            NotFoundError: the network is not trusted here, or has no such template.
            RegistryError: the registry cannot be asked now.
        """
        key = (network, cpt_id, version)
        with self._lock:
            if key in self._seen:
                return self._seen[key]
        reader = self._readers.get(network)
        record = reader.template(cpt_id, version) if reader is not None else None
        if reader is None or record is None:
            raise NotFoundError(
                told("The registry does not have the certificate that this request asks for."),
                hint=told("Tell the technician: the settings of this counter name it wrongly."),
            )
        template = CredentialTemplate.from_json(reader.template_document(record))
        with self._lock:
            self._seen[key] = template
        return template

    def known(self, network: str, cpt_id: str, version: int) -> CredentialTemplate | None:
        """Return a template, or None where it cannot be read: for labels only."""
        try:
            return self.published(network, cpt_id, version)
        except RegistryError:
            return None

    def newest(self) -> list[tuple[str, CredentialTemplate]]:
        """Return the newest version of each template with its network, where they can be read."""
        found = []
        for network, reader in self._readers.items():
            try:
                records = reader.templates()
            except RegistryError:
                continue
            versions: dict[str, int] = {}
            for record in records:
                if record.deactivated_at is None:
                    known = versions.get(record.cpt_id, 0)
                    versions[record.cpt_id] = max(known, record.template_version)
            for cpt_id, version in versions.items():
                template = self.known(network, cpt_id, version)
                if template is not None:
                    found.append((network, template))
        return found

    def of_type(self, vct: str) -> CredentialTemplate | None:
        """Return the template of a credential type `urn:weid:<network>:cpt:<id>:<version>`."""
        parts = vct.split(":")
        if len(parts) != 6 or parts[:2] != ["urn", "weid"] or parts[3] != "cpt":
            return None
        return self.known(parts[2], parts[4], int(parts[5])) if parts[5].isdecimal() else None
