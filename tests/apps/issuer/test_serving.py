"""The whole command over a registry that comes and goes: init, users, serving, readiness."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from issuer_app.services.checked_key import CheckedKey
from issuer_app.settings import Settings
from issuer_app.setup import make_folder, open_agency, open_registry, set_up
from issuer_app.store.database import Database
from registry_chain import LocalRegistry
from tests.apps.app_process import call, held_port, serving, stop
from tests.apps.served_node import answering
from weid.clock import SystemClock
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import NotFoundError, RegistryUnavailableError
from weid.issuer import IssuerKeys

CLOCK = SystemClock()
CHECKS = ("store", "registry", "job", "status_lists")


@pytest.fixture
def registry():
    made = LocalRegistry(clock=CLOCK)
    yield made
    made.close()


def settings_of(folder, registry, held):
    return {
        "public_url": "http://127.0.0.1:8480",
        "data_dir": str(folder / "office"),
        "listen": "127.0.0.1:0",
        "node_url": f"http://127.0.0.1:{held.getsockname()[1]}",
        "genesis_hash": registry.genesis_hash.hex(),
    }


def register(values, registry):
    """Set the office up in this process, where the registry takes anybody."""
    settings = Settings(**values)
    database = Database(settings.database_path)
    set_up(settings, database, registry, name="Office")
    database.close()


def ready(url):
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as reply:
            return reply.status, json.loads(reply.read())["checks"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["checks"]


def test_from_init_to_serving(tmp_path, registry):
    path = tmp_path / "settings.json"
    with held_port() as held:
        settings = settings_of(tmp_path, registry, held)
        path.write_text(json.dumps(settings))
        options = ("--settings", path)
        away = call("issuer_app.serve", *options, "init", "--name", "Office")
        assert away.returncode == 1
        assert "Try: " in away.stderr
        assert "Traceback" not in away.stderr
        early = call("issuer_app.serve", *options, "serve")
        assert "not set up yet" in early.stderr
        with answering(registry, held, clock=CLOCK):
            alone = call("issuer_app.serve", *options, "init", "--name", "Office")
            assert alone.returncode == 1
            assert "needs an endorser" in alone.stderr
            assert "--endorser-did" in alone.stderr
            register(settings, registry)
            made = call("issuer_app.serve", *options, "init", "--name", "Office", "--json")
            assert made.returncode == 0, made.stderr
            assert registry.did(json.loads(made.stdout)["did"])
            added = call("issuer_app.serve", *options, "create-user", "maria", "--role", "officer")
            assert added.returncode == 0, added.stderr
            with serving("issuer_app.serve", *options, "serve") as (url, process):
                assert ready(url) == (200, dict.fromkeys(CHECKS, True))
                second = call("issuer_app.serve", *options, "serve")
                assert second.returncode == 2
                assert "another server or set-up works on this folder" in second.stderr
                code, said = stop(process)
    assert code == 0
    assert "Traceback" not in said


@pytest.fixture
def office(tmp_path, registry):
    """An office that is set up, and the port of its node, which is down."""
    with held_port() as held:
        settings = Settings(**settings_of(tmp_path, registry, held))
        make_folder(settings)
        database = Database(settings.database_path)
        set_up(settings, database, registry, name="Office")
        yield settings, database, held
        database.close()


def test_what_is_signed_waits_until_the_registry_has_confirmed_the_key(office, registry, caplog):
    settings, database, held = office
    agency = open_agency(settings, database, open_registry(settings))
    assert "signing waits until it can" in caplog.text
    with pytest.raises(RegistryUnavailableError):
        agency._signer.sign(b"x")
    with answering(registry, held, clock=CLOCK):
        signature = agency._signer.sign(b"x")
    agency._signer.public_key.verify(signature, b"x")
    # The registry may go away again: the key was confirmed.
    assert agency._signer.sign(b"x") == signature


def test_keys_that_the_registry_does_not_have_stop_the_start(office, registry):
    settings, database, held = office
    for path in settings.keys_path.iterdir():
        path.unlink()
    IssuerKeys.generate().save(settings.keys_path, passphrase=settings.passphrase())
    with answering(registry, held, clock=CLOCK), pytest.raises(NotFoundError):
        open_agency(settings, database, open_registry(settings))


def test_a_key_is_checked_until_it_is_confirmed_and_then_never_again():
    answers = [RegistryUnavailableError("away"), NotFoundError("not there"), None]
    asked = []

    def check():
        answer = answers[len(asked)]
        asked.append(answer)
        if answer is not None:
            raise answer

    key = CheckedKey(InMemorySigner(PrivateKey.generate()), check)
    for error in (RegistryUnavailableError, NotFoundError):
        with pytest.raises(error):
            key.sign(b"x")
    key.public_key.verify(key.sign(b"x"), b"x")
    key.sign(b"y")
    assert len(asked) == 3
