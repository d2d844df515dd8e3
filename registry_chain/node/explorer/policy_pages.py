"""Pages about presentation policies: what verifiers say they ask for, why, and for how long."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from registry_chain.node.explorer.labels import Telling
from registry_chain.node.explorer.page import Instant, Page
from registry_chain.node.explorer.people_pages import instant
from registry_chain.node.explorer.register import Register
from registry_chain.node.explorer.sentences import (
    Term,
    path_of_did,
    path_of_policy,
    path_of_template,
)
from weid.credential.claim_path import ClaimPath
from weid.credential.credential_type import CredentialType
from weid.errors import MalformedError
from weid.registry.records import PolicyRecord
from weid.verification.presentation_policy import PolicyCredential, PresentationPolicy

_TITLES: Final = 200
"""Policies whose documents the list page opens for their titles."""


def policies(register: Register, language: str) -> Page:
    """Return every policy version."""
    facts: dict[str, object] = {
        "policies": [
            {
                "policy_id": record.policy_id,
                "version": record.policy_version,
                "title": _title(_read(record), language) if at < _TITLES else "",
                "publisher": Telling(record.publisher, register).actor,
                "withdrawn_at": instant(record.withdrawn_at),
                "href": path_of_policy(record.policy_id, record.policy_version),
            }
            for at, record in enumerate(register.policies())
        ]
    }
    return Page("policies.html", facts, twin="/policies.json", here="/policies")


def policy(register: Register, policy_id: str, version: int, language: str) -> Page | None:
    """Return one policy version, or None where there is none."""
    record = register.records.policy(policy_id, version)
    if record is None:
        return None
    found = _read(record)
    first = (*register.former(record, "policy", 1), record)[0]
    asked = () if found is None else found.credentials
    facts: dict[str, object] = {
        "policy_id": policy_id,
        "version": version,
        "title": _title(found, language),
        "purpose": "" if found is None else found.purpose.name(language),
        "retention": "" if found is None else found.retention.text,
        "valid_until": None if found is None else instant(found.valid_until),
        "withdrawn_at": instant(record.withdrawn_at),
        "publisher": Telling(record.publisher, register).actor,
        "published": Instant(first.version.time),
        "height": first.version.height,
        "digest": hashlib.sha256(record.document).hexdigest(),
        "credentials": [_asked(one, register) for one in asked],
        "document": None if found is None else found.to_json(),
    }
    twin = f"{path_of_policy(policy_id, version)}.json"
    return Page("policy.html", facts, twin=twin, here="/policies")


def _read(record: PolicyRecord) -> PresentationPolicy | None:
    """Return the policy, or None: the rules ask of a document only that it names itself."""
    try:
        return PresentationPolicy.from_json(record.document)
    except MalformedError:
        return None


def _title(found: PresentationPolicy | None, language: str) -> str:
    return "" if found is None else found.name.name(language)


def _asked(one: PolicyCredential, register: Register) -> dict[str, object]:
    return {
        "types": [_type(vct) for vct in one.types],
        "required": _names(one.required),
        "optional": _names(one.optional),
        "forbidden": _names(one.forbidden),
        "issuers": [Term(register.name_of(did) or did, path_of_did(did)) for did in one.issuers],
    }


def _type(vct: str) -> Term:
    try:
        named = CredentialType.parse(vct)
    except MalformedError:
        return Term(vct)
    return Term(f"{named.cpt_id}:{named.version}", path_of_template(named.cpt_id, named.version))


def _names(paths: Iterable[ClaimPath]) -> list[str]:
    return [str(path) for path in paths]
