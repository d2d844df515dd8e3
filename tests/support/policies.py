"""Presentation policies for tests: what a library asks of a diploma of the small world."""

from __future__ import annotations

from typing import Any

from tests.support.world import World
from weid.encoding import json_dumps
from weid.registry.policy_operations import PublishPolicy
from weid.verification.presentation_policy import PresentationPolicy

DIPLOMA = "urn:weid:test:cpt:diploma:1"


def source(**changes: Any) -> dict[str, Any]:
    """Return a policy's draft as JSON; `credential` changes what is asked of the diploma."""
    asked = {
        "id": "diploma",
        "types": [DIPLOMA],
        "required": [["name"]],
        "optional": [["degree"], ["languages"]],
        "forbidden": [["born"]],
        **changes.pop("credential", {}),
    }
    whole = {
        "policy_id": "library-card",
        "name": [{"locale": "en", "text": "Library card"}, {"locale": "pt", "text": "Cartão"}],
        "purpose": [{"locale": "en", "text": "To give you a library card."}],
        "retention": "P1Y6M",
        "credentials": [asked],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def draft(**changes: Any) -> PresentationPolicy:
    """Return a policy's draft; see `source`."""
    return PresentationPolicy.from_source(json_dumps(source(**changes)))


def publish(world: World, **changes: Any) -> PresentationPolicy:
    """Publish a policy in the world's registry, by its issuer; return it."""
    made = draft(**changes)
    versions = [one.policy_version for one in world.registry.policies()]
    published = made.for_network("test", max(versions, default=0) + 1)
    world.issuer.author.submit(
        PublishPolicy(published.policy_id, published.version or 0, published.document)
    )
    return published
