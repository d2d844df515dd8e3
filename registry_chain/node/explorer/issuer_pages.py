"""The page about issuers: who was recognized for which template, and how that stands now."""

from __future__ import annotations

from typing import Final

from registry_chain.node.explorer.page import Page
from registry_chain.node.explorer.people_pages import recognition_facts
from registry_chain.node.explorer.register import Register
from registry_chain.node.explorer.template_pages import title
from weid.clock import Clock

_TEMPLATES: Final = 300
"""Templates that the page looks through for recognitions."""
SHOWN: Final = 500
"""Recognitions that the page shows; a template's own page has all of its own."""


def issuers(register: Register, clock: Clock, language: str) -> Page:
    """Return every recognition by template, up to `SHOWN`; `more` says that some were left out."""
    newest = {record.cpt_id: record for record in register.templates()}
    now, shown, groups = clock.now(), 0, []
    more = len(newest) > _TEMPLATES
    for cpt_id, record in list(newest.items())[:_TEMPLATES]:
        found = register.recognitions(cpt_id, SHOWN - shown + 1)
        if shown + len(found) > SHOWN:
            more, found = True, found[: SHOWN - shown]
        shown += len(found)
        if found:
            listed = [recognition_facts(recognition, register, now) for recognition in found]
            groups.append(
                {
                    "cpt_id": cpt_id,
                    "title": title(register, record, language),
                    "href": f"/templates/{cpt_id}",
                    "issuers": listed,
                }
            )
        if shown >= SHOWN and more:
            break
    facts: dict[str, object] = {"templates": groups, "shown": shown, "more": more}
    return Page("issuers.html", facts, twin="/issuers.json", here="/issuers")
