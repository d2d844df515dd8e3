"""A counter over a small real world."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from tests.support.world import AUDIENCE, World
from verifier_app.app import create_app
from verifier_app.counter import Counter
from verifier_app.settings import Settings
from verifier_app.templates_seen import TemplatesSeen
from verifier_app.trust_view import SeenNetwork, TrustView
from verifier_app.vc_api import VcApi

CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


def settings(world: World, folder: Path, **changes: object) -> Settings:
    """Return the settings of a counter that trusts the world's registry."""
    wish = {
        "id": "degree",
        "title": {"en": "Name and degree", "zh-Hant": "姓名及學位"},
        "purpose": {"en": "To confirm a degree.", "zh-Hant": "核實學位。"},
        "network": "test",
        "cpt_id": "diploma",
        "version": 1,
        "fields": ["name", "degree"],
    }
    values = {
        "public_url": AUDIENCE,
        "secret_key": "test-secret-" * 4,
        "counter_name": "Counter 1",
        "networks": [
            {
                "name": "test",
                "genesis_hash": world.registry.genesis_hash.hex(),
                "nodes": ["https://node.example"],
            }
        ],
        "wishes": [wish],
        "head_folder": folder,
        "allow_shown": True,
        "allow_unbound": True,
    }
    return Settings.model_validate({**values, **changes})


def build(world: World, folder: Path, *, api: VcApi | None = None, **changes: object) -> Flask:
    """Return the app of a counter in the world; `api` answers the W3C's test suites."""
    chosen = settings(world, folder, **changes)
    readers = {"test": world.registry}
    templates = TemplatesSeen(readers)
    counter = Counter(
        verifier=world.verifier(
            accept_shown_codes=chosen.allow_shown, accept_unbound_credentials=chosen.allow_unbound
        ),
        wishes={wish.id: wish for wish in chosen.wishes},
        templates=templates,
        clock=world.clock,
        random=secrets.token_bytes,
        request_seconds=chosen.request_seconds,
    )
    seen = [SeenNetwork(chosen.networks[0], world.registry, 7 * 86_400)]
    view = TrustView(seen, templates=templates, clock=world.clock)
    return create_app(chosen, counter=counter, trust_view=view, vc_api=api)


class Browser:
    """One browser: keeps cookies, fills in the anti-forgery token."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **options: object):
        return self.client.get(path, base_url=AUDIENCE, **options)

    def token(self, path: str = "/") -> str:
        found = CSRF.search(self.get(path).text)
        assert found is not None
        return found.group(1)

    def post(self, path: str, **form: object):
        form.setdefault("csrf", self.token())
        return self.client.post(path, base_url=AUDIENCE, data=form)

    def ask(self) -> str:
        """Open a request and return the path of its page."""
        reply = self.post("/requests/", wish="degree")
        assert reply.status_code == 303, reply.text
        return str(reply.headers["Location"])
