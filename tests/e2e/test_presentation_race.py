"""Many answers to one request race to a running verifier: exactly one is accepted."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest
from werkzeug.wrappers import Request, Response

from registry_chain import LocalRegistry
from tests.apps.app_process import serving, stop
from tests.apps.verifier.online import FORM, QUERY, TOKEN, Wallet, files
from tests.support.clauses import clause
from tests.support.cli_world import NodeServer, Server
from tests.support.world import World, draft, seeded
from weid.clock import FixedClock
from weid.issuer import Issuer
from weid.issuing.status_lists import StatusListSettings
from weid.issuing.status_store import MemoryStatusStore
from weid.transport import GuardedTransport
from weid.verification.status_sources import MEDIA_TYPE

pytestmark = pytest.mark.e2e
RACING = 300
AT_ONCE = 60
LONG = 120
SETTINGS = """
public_url = "{url}"
secret_key = "{secret}"
port = {port}
head_folder = "{folder}"
unsafe_loopback_http = true
[[networks]]
name = "test"
genesis_hash = "{node.genesis}"
nodes = ["{node.url}"]
[wallets]
response_mode = "direct_post"
{wallets}
"""


@pytest.fixture
def clock():
    return FixedClock(int(time.time()))


@pytest.fixture
def registry(clock):
    return LocalRegistry(network="test", clock=clock)


@pytest.fixture
def lists(registry):
    """Where the issuer's status lists are had."""

    def make(url):
        @Request.application
        def app(request):
            return Response(registry.status_token(url + request.path), content_type=MEDIA_TYPE)

        return app

    with closing(Server(make)) as server:
        yield server.url


@pytest.fixture
def world(registry, lists, clock):
    store = MemoryStatusStore()
    settings = StatusListSettings(base_uri=lists, host=registry)
    issuer = Issuer.register(
        "Test University",
        registry=registry,
        status_store=store,
        status_settings=settings,
        clock=clock,
    )
    template = issuer.publish(draft())
    registry.governor.recognize(issuer.did, template)
    return World(registry, clock, issuer, template, seeded(7), issuer.keys, store)


@pytest.fixture
def verifier(world, tmp_path):
    """The address of a verifier that runs as a process of its own, beside a node."""
    from demo.town import free_port

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    path = tmp_path / "verifier.toml"
    path.touch(0o600)
    with closing(NodeServer(world.registry)) as node:
        wallets = "".join(f'{name} = "{value}"\n' for name, value in files(tmp_path).items())
        path.write_text(
            SETTINGS.format(
                url=url, secret="s" * 40, port=port, folder=tmp_path / "heads",
                node=node, wallets=wallets,
            )
        )  # fmt: skip
        with serving("verifier_app.serve", path) as (_, process):
            yield url
            code, said = stop(process)
    assert code == 0
    assert "Traceback" not in said


def api(url, path, body=None):
    asked = urllib.request.Request(
        f"{url}/api/v1/presentations{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(asked, timeout=LONG) as reply:
        return json.loads(reply.read())


def post(place, form):
    asked = urllib.request.Request(place, urlencode(form).encode(), {"Content-Type": FORM})
    try:
        with urllib.request.urlopen(asked, timeout=LONG) as reply:
            return reply.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@clause("P12", "PP-58")
def test_of_hundreds_of_answers_that_race_to_a_running_verifier_one_is_accepted(world, verifier):
    begun = api(verifier, "", {"dcql": QUERY})
    wallet = Wallet(world, transport=GuardedTransport(allow_loopback_http=True))
    # Answers of one holder, each signed anew.
    prepared = [wallet.form(begun["request"]) for _ in range(5)]
    together = threading.Barrier(AT_ONCE)

    def race(number):
        if number < AT_ONCE:
            together.wait(LONG)
        return post(*prepared[number % len(prepared)])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(race, range(RACING)))
    assert sorted(statuses) == [200] + [409] * (RACING - 1)
    told = api(verifier, f"/{begun['id']}")
    assert told["state"] == "answered"
    assert told["answered_again"] is True
    assert told["report"]["verdict"] == "accepted"
