"""Search: one field for everything that has a page. Bounded in what it reads (W22)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from registry_chain.node.explorer.identifiers import identifier_of
from registry_chain.node.explorer.labels import (
    Term,
    path_of_did,
    path_of_proposal,
    path_of_template,
)
from registry_chain.node.explorer.page import Page
from registry_chain.node.explorer.register import Register

QUERY_CHARS: Final = 200
_MOST: Final = 50
_HEIGHT: Final = re.compile(r"[0-9]{1,15}\Z")


def search(register: Register, query: str) -> Page:
    """Return what a query names: a height, a hash, a DID, a template id, or a name."""
    text = query.strip()[:QUERY_CHARS]
    found = _found(register, text) if text else []
    facts: dict[str, object] = {"query": text, "found": found[:_MOST]}
    return Page("search.html", facts, twin=f"/search.json?q={quote(text, safe='')}", query=text)


def _found(register: Register, text: str) -> list[dict[str, object]]:
    if _HEIGHT.match(text) and register.chain.height() >= int(text) >= 1:
        return [_hit(f"{int(text)}", f"/blocks/{int(text)}", "Block")]
    identifier = identifier_of(text)
    named = [] if identifier is None else _by_hash(register, identifier)
    if named:
        return named
    if text.startswith("did:"):
        record = register.records.did(text)
        name = register.name_of(text)
        return [] if record is None else [_hit(name or text, path_of_did(text), "Identifier")]
    return _by_words(register, text.casefold())


def _by_hash(register: Register, digest: bytes) -> list[dict[str, object]]:
    name = digest.hex()
    if register.chain.transaction(digest) is not None:
        return [_hit(name, f"/transactions/{name}", "Transaction")]
    if register.records.proposal(digest) is not None:
        return [_hit(name, path_of_proposal(digest), "Proposal")]
    return [
        _hit(
            f"{template.cpt_id} {template.template_version}",
            path_of_template(template.cpt_id, template.template_version),
            "Template",
        )
        for template in register.templates()
        if template.digest == digest
    ]


def _by_words(register: Register, text: str) -> list[dict[str, object]]:
    named = [
        _hit(organisation.name, path_of_did(organisation.did), "Organisation")
        for organisation in register.organisations()
        if text in organisation.name.casefold()
    ]
    ids = dict.fromkeys(template.cpt_id for template in register.templates())
    published = [
        _hit(cpt_id, f"/templates/{cpt_id}", "Template") for cpt_id in ids if text in cpt_id
    ]
    return named + published


def _hit(text: str, href: str, kind: str) -> dict[str, object]:
    return {"term": Term(text, href), "kind": kind}
