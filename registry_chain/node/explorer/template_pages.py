"""Pages about credential templates: what fields they have, who may issue, and the digest."""

from __future__ import annotations

from typing import Final

from registry_chain.node.explorer.labels import Telling, path_of_template
from registry_chain.node.explorer.page import Instant, Page
from registry_chain.node.explorer.people_pages import instant, recognition_facts
from registry_chain.node.explorer.register import Register
from weid import limits
from weid.clock import Clock
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import MalformedError, NotFoundError
from weid.registry.records import TemplateRecord

_TITLES: Final = 200
"""Templates whose documents the list page opens for their titles."""


def templates(register: Register, language: str) -> Page:
    """Return every template version."""
    found = register.templates()
    facts: dict[str, object] = {
        "templates": [
            {
                "cpt_id": record.cpt_id,
                "version": record.template_version,
                "title": title(register, record, language) if at < _TITLES else "",
                "publisher": Telling(record.publisher, register).actor,
                "deactivated_at": instant(record.deactivated_at),
                "href": path_of_template(record.cpt_id, record.template_version),
            }
            for at, record in enumerate(found)
        ]
    }
    return Page("templates.html", facts, twin="/templates.json", here="/templates")


def title(register: Register, record: TemplateRecord, language: str) -> str:
    """Return a template version's display name, empty where its document is not kept here."""
    return title_of(_document(register, record), language)


def newest_version(register: Register, cpt_id: str) -> int | None:
    """Return a template's newest version, or None where there is no such template."""
    version = 0
    while register.records.template(cpt_id, version + 1) is not None:
        version += 1
    return version or None


def newest(register: Register, clock: Clock, cpt_id: str, language: str) -> Page | None:
    """Return a template's newest version, or None where there is no such template."""
    version = newest_version(register, cpt_id)
    return None if version is None else template(register, clock, cpt_id, version, language)


def template(
    register: Register, clock: Clock, cpt_id: str, version: int, language: str
) -> Page | None:
    """Return one template version, or None where there is none."""
    record = register.records.template(cpt_id, version)
    if record is None:
        return None
    document = _document(register, record)
    newest = newest_version(register, cpt_id) or version
    facts: dict[str, object] = {
        "cpt_id": cpt_id,
        "version": version,
        "title": title_of(document, language),
        "deactivated_at": instant(record.deactivated_at),
        "versions": [
            {"version": number, "href": path_of_template(cpt_id, number)}
            for number in range(1, newest + 1)
        ],
        "publisher": Telling(record.publisher, register).actor,
        "published": Instant(record.version.time),
        "height": record.version.height,
        "digest": record.digest.hex(),
        "fields": _fields(document, language),
        "issuers": [
            recognition_facts(recognition, register, clock.now())
            for recognition in register.records.recognized_issuers(cpt_id)
        ],
        "document": document,
    }
    twin = f"{path_of_template(cpt_id, version)}.json"
    return Page("template.html", facts, twin=twin, here="/templates")


def _document(register: Register, record: TemplateRecord) -> JsonObject | None:
    try:
        content = register.records.template_document(record)
        return json_loads_object(content, what="the template", max_bytes=limits.TEMPLATE_BYTES)
    except (NotFoundError, MalformedError):
        return None


def title_of(document: JsonObject | None, language: str) -> str:
    """Return a template's display name in a language, else in the first that it has."""
    if document is None:
        return ""
    name = _display(document.get("display"), language, "name")
    plain = document.get("name")
    return name or (plain if isinstance(plain, str) else "")


def _display(value: JsonValue, language: str, member: str) -> str:
    """Return a text of SD-JWT VC type metadata's `display`: a list with one object a language."""
    if not isinstance(value, list):
        return ""
    texts: dict[str, str] = {}
    for item in value:
        if isinstance(item, dict):
            tag = item.get("locale", item.get("lang"))
            text = item.get(member)
            if isinstance(tag, str) and isinstance(text, str):
                texts.setdefault(tag, text)
    for tag, text in texts.items():
        if tag == language or tag.split("-")[0] == language:
            return text
    return next(iter(texts.values()), "")


def _fields(document: JsonObject | None, language: str) -> list[dict[str, object]]:
    claims = None if document is None else document.get("claims")
    if not isinstance(claims, list):
        return []
    found: list[dict[str, object]] = []
    for claim in claims:
        path = claim.get("path") if isinstance(claim, dict) else None
        if not isinstance(claim, dict) or not isinstance(path, list):
            continue
        text = ".".join("*" if part is None else str(part) for part in path)
        found.append(
            {
                "path": text,
                "label": _display(claim.get("display"), language, "label") or text,
                "withholdable": claim.get("sd") in {"always", "allowed"},
            }
        )
    return found
